/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Changing one user in the text of a local provider's file, everything else (comments, order,
 * style, the other users) left as it stands. No I/O. The result is read again and compared before
 * it is given out. */
#ifndef SALLYPORT_IDENTITY_USER_EDIT_H
#define SALLYPORT_IDENTITY_USER_EDIT_H

#include "identity/provider.h"

enum sp_user_edit {
	SP_USER_ADD,
	SP_USER_CHANGE,
	SP_USER_REMOVE,
};

struct sp_user_change {
	enum sp_user_edit edit;
	const char *name;
	const char *password;      /* a hash; NULL: as it is */
	const char *const *groups; /* NULL: as they are */
	size_t group_count;        /* 0 with @groups not NULL: in none */
};

/* @path      for diagnostics.
 * @text,@len a file that sp_idp_load takes and that is a local provider, or @len 0: a new one.
 * Returns 0 with malloc'ed *@ret_text of *@ret_len bytes; -EEXIST, -ENOENT there is such a user, or
 * none; -EINVAL the result would not be valid (@diagnostics, of the result, say why); -ENOTSUP the
 * file's form cannot be changed without harm; -ENOMEM. */
int sp_user_edit(const char *path, const char *text, size_t len,
		 const struct sp_user_change *change, char **ret_text, size_t *ret_len,
		 struct sp_diagnostics *diagnostics);

#endif
