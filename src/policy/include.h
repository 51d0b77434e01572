/* SPDX-License-Identifier: GPL-3.0-or-later */
/* `include`: which files belong to a policy. A file is known by how it lies to the folder of the
 * first one, so that the same files are the same policy wherever they lie. No I/O: whoever reads
 * files asks for patterns to look for, and the loader finds them again among the files it is
 * given. */
#ifndef SALLYPORT_POLICY_INCLUDE_H
#define SALLYPORT_POLICY_INCLUDE_H

#include "policy/files.h"

/* How file @n is called in the generation and by patterns: below the first file's folder without
 * that folder, else its whole path; of the first file its last part. Points into the path. */
const char *sp_include_name(const struct sp_file *files, size_t n);

/* What file @n includes, as patterns for glob(3) with the first file's folder before them;
 * malloc'ed, each and the list. A file that cannot be understood includes nothing: the loader will
 * say why. Returns 0; -ENOMEM. */
int sp_include_patterns(const struct sp_file *files, size_t n, char ***ret_patterns,
			size_t *ret_count);

#endif
