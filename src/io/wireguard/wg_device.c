/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "io/wireguard/wg_device.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"

void sp_wg_peer_done(struct sp_wg_peer *peer)
{
	sp_wg_key_wipe(&peer->preshared_key);
	free(peer->allowed_ips);
	peer->allowed_ips = NULL;
	peer->allowed_ip_count = 0;
}

void sp_wg_device_done(struct sp_wg_device *device)
{
	for (size_t i = 0; i < device->peer_count; i++)
		sp_wg_peer_done(&device->peers[i]);
	free(device->peers);
	sp_wg_key_wipe(&device->private_key);
	*device = (struct sp_wg_device){ 0 };
}

static int compare_peers(const void *a, const void *b)
{
	const struct sp_wg_peer *const *left = a, *const *right = b;

	return memcmp(&(*left)->public_key, &(*right)->public_key, SP_WG_KEY_LEN);
}

int sp_wg_device_check_unique(const struct sp_wg_device *device)
{
	__sp_free const struct sp_wg_peer **sorted = NULL;

	if (device->peer_count < 2)
		return 0;
	sorted = reallocarray(NULL, device->peer_count, sizeof(*sorted));
	if (!sorted)
		return -ENOMEM;
	for (size_t i = 0; i < device->peer_count; i++)
		sorted[i] = &device->peers[i];
	qsort(sorted, device->peer_count, sizeof(*sorted), compare_peers);
	for (size_t i = 1; i < device->peer_count; i++)
		if (compare_peers(&sorted[i - 1], &sorted[i]) == 0)
			return -EBADMSG;
	return 0;
}

int sp_wg_change_peer(struct sp_wg_change *change, const struct sp_wg_peer *peer,
		      enum sp_wg_peer_mode mode)
{
	struct sp_wg_peer_change *added = SP_ARRAY_PUSH(change->peers, change->peer_count);

	if (!added)
		return -ENOMEM;
	*added = (struct sp_wg_peer_change){ .peer = peer, .mode = mode };
	return 0;
}

void sp_wg_change_done(struct sp_wg_change *change)
{
	free(change->peers);
	*change = (struct sp_wg_change){ 0 };
}
