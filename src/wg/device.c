/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "wg/device.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "base/bytes.h"
#include "wg/state.h"

#define DEFAULT_MTU 1420
#define DEFAULT_HANDSHAKES_PER_SECOND 2000
#define DEFAULT_STAGED_BYTES (16u << 20)

const char *sp_wg_drop_word(enum sp_wg_drop drop)
{
	static const char *const words[SP_WG_DROP_COUNT] = {
#define SP_WG_DROP_TEXT(name, word) [SP_WG_DROP_##name] = word,
		SP_WG_DROPS(SP_WG_DROP_TEXT)
#undef SP_WG_DROP_TEXT
	};

	return words[drop];
}

enum sp_wg_drop sp_wg_count_drop(struct sp_wg_device *device, struct sp_wg_peer *peer,
				 enum sp_wg_drop drop)
{
	if (peer)
		peer->drops[drop]++;
	else
		device->drops[drop]++;
	return drop;
}

void sp_wg_device_advance(struct sp_wg_device *device, const struct sp_wg_time *now)
{
	if (now->now_ns > device->now_ns)
		device->now_ns = now->now_ns;
	device->real_ns = now->real_ns;
}

int sp_wg_device_new(const struct sp_wg_config *config, struct sp_wg_device **ret_device)
{
	__sp_cleanup(sp_wg_device_freep) struct sp_wg_device *device = NULL;

	if (sodium_init() < 0)
		return -EIO;
	device = calloc(1, sizeof(*device));
	if (!device)
		return -ENOMEM;
	device->config = *config;
	device->outbox_link = &device->outbox_first;
	if (!device->config.mtu)
		device->config.mtu = DEFAULT_MTU;
	if (!device->config.handshakes_per_second)
		device->config.handshakes_per_second = DEFAULT_HANDSHAKES_PER_SECOND;
	if (!device->config.staged_bytes_max)
		device->config.staged_bytes_max = DEFAULT_STAGED_BYTES;
	if (config->random(config->random_arg, device->peer_hash_key, sizeof(device->peer_hash_key)) < 0 ||
	    config->random(config->random_arg, device->ratelimit.key, sizeof(device->ratelimit.key)) < 0)
		return -EIO;
	*ret_device = SP_TAKE_PTR(device);
	return 0;
}

void sp_wg_device_free(struct sp_wg_device *device)
{
	struct sp_wg_datagram *datagram;

	if (!device)
		return;
	while (device->first_peer)
		sp_wg_peer_remove(device->first_peer);
	while ((datagram = sp_wg_take_datagram(device)))
		free(datagram);
	sp_wg_index_table_done(&device->indices);
	free(device->peer_buckets);
	free(device->heap);
	sp_wipe(device, sizeof(*device));
	free(device);
}

const struct sp_wg_identity *sp_wg_device_get_identity(const struct sp_wg_device *device)
{
	return device->has_identity ? &device->identity : NULL;
}

void sp_wg_device_set_mtu(struct sp_wg_device *device, uint32_t mtu)
{
	device->config.mtu = mtu ? mtu : DEFAULT_MTU;
}

void sp_wg_device_set_under_load(struct sp_wg_device *device, uint64_t until_ns)
{
	device->under_load_until_ns = until_ns;
}

bool sp_wg_device_is_under_load(const struct sp_wg_device *device)
{
	return device->now_ns < device->under_load_until_ns;
}

uint64_t sp_wg_device_get_drops(const struct sp_wg_device *device, enum sp_wg_drop drop)
{
	return device->drops[drop];
}

/* Sessions made with another key of ours end here; the peers stay. */
static void restart_peer(struct sp_wg_peer *peer)
{
	struct sp_wg_device *device = peer->device;

	sp_wg_handshake_clear(peer);
	sp_wg_sessions_clear(peer);
	peer->handshake_sent_ns = 0;
	if (device->has_identity)
		sp_wg_remote_precompute(&peer->remote, &device->identity);
	else
		peer->remote.has_static_static = false;
}

void sp_wg_device_set_private_key(struct sp_wg_device *device, const uint8_t *private_key)
{
	struct sp_wg_identity identity = { 0 };
	struct sp_wg_peer *self;

	if (private_key)
		sp_wg_identity_init(&identity, private_key);
	if (device->has_identity == !!private_key &&
	    sodium_memcmp(&identity, &device->identity, sizeof(identity)) == 0)
		return;
	device->identity = identity;
	device->has_identity = !!private_key;
	sp_wipe(&identity, sizeof(identity));
	sp_wg_cookie_checker_init(&device->checker, device->identity.public_key);
	self = private_key ? sp_wg_peer_find(device, device->identity.public_key) : NULL;
	if (self)
		sp_wg_peer_remove(self);
	for (struct sp_wg_peer *peer = device->first_peer; peer; peer = peer->next_peer)
		restart_peer(peer);
}
