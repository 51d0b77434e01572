/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "io/process/user.h"

#include <errno.h>
#include <pwd.h>
#include <stdint.h>
#include <stdlib.h>

int sp_user_find(const char *text, struct sp_user *ret_user)
{
	const struct passwd *entry = getpwnam(text);
	unsigned long number;
	char *end;

	if (!entry) {
		errno = 0;
		number = strtoul(text, &end, 10);
		if (text[0] < '0' || text[0] > '9' || *end != '\0' || errno || number >= UINT32_MAX)
			return -ENOENT;
		entry = getpwuid((uid_t)number);
		if (!entry) {
			*ret_user = (struct sp_user){ (uid_t)number, (gid_t)number };
			return 0;
		}
	}
	*ret_user = (struct sp_user){ entry->pw_uid, entry->pw_gid };
	return 0;
}
