/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a process gives up once it has what it needs. Source: capabilities(7), seccomp(2). */
#ifndef SALLYPORT_IO_RIGHTS_H
#define SALLYPORT_IO_RIGHTS_H

#include <stddef.h>
#include <sys/capability.h>

#include "io/user.h"

/* No core dumps, and no other process of the same user may look in. Before any secret is read, and
 * again after a change of user, which undoes it. */
void sp_rights_forbid_dumps(void);

/* Become @user (NULL: stay who we are) with no capability but @kept, which we have, and no way to any
 * more. Call before there are threads. Returns 0 or -errno. */
int sp_rights_drop(const struct sp_user *user, const cap_value_t *kept, int kept_count);

/* From here on only @calls (SCMP_SYS numbers; those this processor lacks are passed over) and ioctl with
 * one of @ioctls; anything else gets EPERM. For every thread made later. Returns 0 or -errno. */
int sp_rights_restrict(const int *calls, size_t call_count, const unsigned int *ioctls,
		       size_t ioctl_count);

#endif
