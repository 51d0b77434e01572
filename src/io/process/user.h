/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Users of this machine by name or number. Source: getpwnam(3). */
#ifndef SALLYPORT_IO_USER_H
#define SALLYPORT_IO_USER_H

#include <sys/types.h>

struct sp_user {
	uid_t uid;
	gid_t gid;
};

/* @text: a name, or a number; a number that no user has is its own group. Returns 0; -ENOENT. */
int sp_user_find(const char *text, struct sp_user *ret_user);

#endif
