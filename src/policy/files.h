/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The files a policy is made of, as a list that whoever read them owns. */
#ifndef SALLYPORT_POLICY_FILES_H
#define SALLYPORT_POLICY_FILES_H

#include "policy/model.h"

#define SP_POLICY_FILES_MAX 256u
#define SP_POLICY_BYTES_MAX (16u << 20) /* of all files of a policy */

/* In the order its generation is made of; the first is the one that was named. */
struct sp_files {
	struct sp_file *list;
	size_t count;
};

/* Append a copy. @text may be NULL where @len is 0. Returns 0; -ENOMEM. */
int sp_files_add(struct sp_files *files, const char *path, const char *text, size_t len);
/* Append a file that could not be read. Returns 0; -ENOMEM. */
int sp_files_add_fault(struct sp_files *files, const char *path, const char *fault);
/* Free the list and what it holds; empty afterwards. */
void sp_files_done(struct sp_files *files);

#endif
