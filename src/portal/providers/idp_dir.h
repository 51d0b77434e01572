/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The folder idp.d: read at start and whenever something in it changes. */
#ifndef SALLYPORT_PORTAL_IDP_DIR_H
#define SALLYPORT_PORTAL_IDP_DIR_H

#include "io/loop/loop.h"
#include "portal/portal.h"

struct sp_idp_dir;

/* Read the folder @path into @portal and watch it. A folder that does not exist yet is looked for
 * every few seconds. @path is borrowed until the end. Returns 0; -errno. */
int sp_idp_dir_new(struct sp_loop *loop, struct sp_portal *portal, const char *path,
		   struct sp_idp_dir **ret_dir);
/* Stop watching. NULL is allowed. */
void sp_idp_dir_free(struct sp_idp_dir *dir);
/* Read it once more, secrets that are elsewhere included. */
void sp_idp_dir_reload(struct sp_idp_dir *dir);

#endif
