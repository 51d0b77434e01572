/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A device in memory: finding it among all, and freeing it. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/people/people.h"
#include "io/wireguard/wg_key.h"

void sp_device_free(struct sp_device *device)
{
	if (!device)
		return;
	sp_device_done(device);
	free(device);
}

struct sp_device *sp_device_find(const struct sp_people *people, const uint8_t key[32])
{
	for (size_t i = 0; i < people->device_count; i++)
		if (!memcmp(people->devices[i]->public_key, key, 32))
			return people->devices[i];
	return NULL;
}

int sp_device_lookup(const struct sp_people *people, const char *text,
		     struct sp_device **ret_device)
{
	struct sp_device *found = NULL;
	const char *slash = strchr(text, '/');
	struct sp_wg_key key;

	if (sp_wg_public_from_base64(text, &key) == 0) {
		found = sp_device_find(people, key.bytes);
		if (found)
			*ret_device = found;
		return found ? 0 : -ENOENT;
	}
	for (size_t i = 0; i < people->device_count; i++) {
		struct sp_device *device = people->devices[i];
		const size_t user_len = strlen(device->user);
		const bool is_full = slash && (size_t)(slash - text) == user_len &&
				     !memcmp(text, device->user, user_len) &&
				     !strcmp(slash + 1, device->name);

		if (!is_full && strcmp(text, device->name) != 0)
			continue;
		if (found)
			return -EEXIST;
		found = device;
	}
	if (!found)
		return -ENOENT;
	*ret_device = found;
	return 0;
}
