/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The file of a local provider, ROOT/etc/sallyport/idp.d/NAME.yaml: read, changed under a lock, and
 * replaced only by what was found valid. Errors are said here. */
#ifndef SALLYPORT_CLI_IDP_FILE_H
#define SALLYPORT_CLI_IDP_FILE_H

#include "cli/cli.h"
#include "identity/accounts/user_edit.h"
#include "io/files/paths.h"

struct sp_idp_file {
	struct sp_paths paths;
	const char *name; /* the provider's */
	char *path;
	char *text; /* NULL: there is no file */
	size_t text_len;
	struct sp_idp *idp; /* NULL: there is no file */
	int lock_fd;
};

#define SP_IDP_FILE_INIT { .lock_fd = -1 }

/* Find and read it. @name is borrowed. Returns SP_EXIT_OK, also when there is no file; else the
 * exit code, said. The caller runs _done in every case. */
int sp_idp_file_open(const struct sp_cli *cli, const char *name, struct sp_idp_file *file);
/* Free what @file holds and release its lock; do not use it afterwards. One that is only
 * SP_IDP_FILE_INIT is allowed. */
void sp_idp_file_done(struct sp_idp_file *file);

/* sp_idp_file_open for a change: no other sallyport changes files of idp.d until sp_idp_file_done.
 * Waits up to 5 s for another that does. Returns as sp_idp_file_open. */
int sp_idp_file_lock(const struct sp_cli *cli, const char *name, struct sp_idp_file *file);
/* Change one user and put the new file in the old one's place. Returns the exit code. */
int sp_idp_file_change(const struct sp_cli *cli, struct sp_idp_file *file,
		       const struct sp_user_change *change);

/* Say that there is no such user in the file, and which was meant if one is near. Returns
 * SP_EXIT_FAILED. */
int sp_idp_file_fail_no_user(const struct sp_idp_file *file, const char *user);

#endif
