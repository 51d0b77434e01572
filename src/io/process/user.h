/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Users of this machine by name or number. Source: getpwnam(3). */
#ifndef SALLYPORT_IO_USER_H
#define SALLYPORT_IO_USER_H

#include <sys/types.h>

struct sp_user {
	uid_t uid;
	gid_t gid;
};

/* Find a user by @text, a name or a number. A number that no user has stands for a group of the
 * same number too. Returns 0; -ENOENT. */
int sp_user_find(const char *text, struct sp_user *ret_user);

#endif
