/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The answers to get=1 and stats=1. Each step copies what it needs under the lock and writes it out
 * afterwards. */
#include <errno.h>
#include <inttypes.h>
#include <net/if.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "net/addr.h"
#include "vpnd/api/api_request.h"

#define NS_PER_S 1000000000u
#define PREFIXES_A_STEP 64

struct peer_copy {
	struct sp_wg_key public_key, preshared_key;
	struct sp_wg_endpoint endpoint;
	uint64_t last_handshake_real_ns, rx_bytes, tx_bytes, roams;
	uint64_t drops[SP_WG_DROP_COUNT];
	uint16_t keepalive_s;
	struct sp_prefix prefixes[PREFIXES_A_STEP];
	size_t prefix_count;
};

int sp_api_put(struct sp_secret_buf *reply, const char *format, ...)
{
	va_list args;
	int len, r = sp_secret_buf_reserve(reply, 256);

	if (r < 0)
		return r;
	va_start(args, format);
	len = vsnprintf(reply->data + reply->len, 256, format, args);
	va_end(args);
	reply->len += len < 256 ? (size_t)len : 255;
	return 0;
}

static int put_key(struct sp_secret_buf *reply, const char *name, const struct sp_wg_key *key)
{
	const size_t len = strlen(name);
	int r = sp_secret_buf_reserve(reply, len + 1 + SP_WG_KEY_HEX);

	if (r < 0)
		return r;
	memcpy(reply->data + reply->len, name, len);
	reply->data[reply->len + len] = '=';
	sp_wg_key_to_hex(key, reply->data + reply->len + len + 1);
	reply->len += len + SP_WG_KEY_HEX; /* the newline where the NUL is */
	reply->data[reply->len++] = '\n';
	return 0;
}

static int put_endpoint(struct sp_secret_buf *reply, const struct sp_wg_endpoint *endpoint)
{
	char addr[SP_ADDR_TEXT_MAX], name[IF_NAMESIZE];

	sp_addr_format(&endpoint->addr, addr);
	if (sp_addr_is_v4(&endpoint->addr))
		return sp_api_put(reply, "endpoint=%s:%u\n", addr, endpoint->port);
	if (!endpoint->scope_id)
		return sp_api_put(reply, "endpoint=[%s]:%u\n", addr, endpoint->port);
	if (if_indextoname(endpoint->scope_id, name))
		return sp_api_put(reply, "endpoint=[%s%%%s]:%u\n", addr, name, endpoint->port);
	return sp_api_put(reply, "endpoint=[%s%%%u]:%u\n", addr, endpoint->scope_id,
			  endpoint->port);
}

static int put_prefixes(struct sp_secret_buf *reply, const struct peer_copy *copy)
{
	char text[SP_PREFIX_TEXT_MAX];
	int r = 0;

	for (size_t i = 0; i < copy->prefix_count && r == 0; i++)
		r = sp_api_put(reply, "allowed_ip=%s\n",
			       sp_prefix_format(&copy->prefixes[i], text));
	return r;
}

static int put_peer(struct sp_secret_buf *reply, const struct peer_copy *copy)
{
	int r = put_key(reply, "public_key", &copy->public_key);

	if (r == 0)
		r = put_key(reply, "preshared_key", &copy->preshared_key);
	if (r == 0)
		r = sp_api_put(reply, "protocol_version=1\n");
	if (r == 0 && copy->endpoint.port)
		r = put_endpoint(reply, &copy->endpoint);
	if (r == 0)
		r = sp_api_put(reply,
			       "last_handshake_time_sec=%" PRIu64
			       "\nlast_handshake_time_nsec=%" PRIu64 "\ntx_bytes=%" PRIu64
			       "\nrx_bytes=%" PRIu64 "\npersistent_keepalive_interval=%u\n",
			       copy->last_handshake_real_ns / NS_PER_S,
			       copy->last_handshake_real_ns % NS_PER_S, copy->tx_bytes,
			       copy->rx_bytes, copy->keepalive_s);
	return r < 0 ? r : put_prefixes(reply, copy);
}

static int put_drops(struct sp_secret_buf *reply, const uint64_t drops[SP_WG_DROP_COUNT])
{
	int r = 0;

	for (int i = 0; i < SP_WG_DROP_COUNT && r == 0; i++)
		if (drops[i])
			r = sp_api_put(reply, "drop=%s:%" PRIu64 "\n", sp_wg_drop_word(i),
				       drops[i]);
	return r;
}

static bool has_stats(const struct peer_copy *copy)
{
	uint64_t sum = copy->roams;

	for (int i = 0; i < SP_WG_DROP_COUNT; i++)
		sum |= copy->drops[i];
	return sum != 0;
}

static int put_peer_stats(struct sp_secret_buf *reply, const struct peer_copy *copy)
{
	int r = 0;

	if (!has_stats(copy))
		return 0;
	r = put_key(reply, "public_key", &copy->public_key);
	if (r == 0)
		r = put_drops(reply, copy->drops);
	return r < 0 ? r : sp_api_put(reply, "roams=%" PRIu64 "\n", copy->roams);
}

/* ---- under the lock ---- */

static void copy_prefixes(struct sp_api_walk *walk, struct peer_copy *copy)
{
	while (copy->prefix_count < PREFIXES_A_STEP &&
	       sp_wg_allowed_cursor_next(&walk->allowed, &copy->prefixes[copy->prefix_count]))
		copy->prefix_count++;
	if (walk->allowed.next) {
		walk->place = SP_API_WALK_ALLOWED;
		return;
	}
	sp_wg_engine_allowed_close(walk->device->engine, &walk->allowed);
	walk->place = SP_API_WALK_PEERS;
}

/* Returns false: there are no more peers. */
static bool copy_next_peer(struct sp_api_walk *walk, struct peer_copy *copy)
{
	struct sp_wg_engine_peer *peer = sp_wg_peer_cursor_next(&walk->peers);

	if (!peer) {
		sp_wg_peer_cursor_close(walk->device->engine, &walk->peers);
		walk->place = SP_API_WALK_OVER;
		return false;
	}
	memcpy(copy->public_key.bytes, peer->remote.public_key, SP_WG_KEY_LEN);
	memcpy(copy->preshared_key.bytes, peer->remote.preshared_key, SP_WG_KEY_LEN);
	memcpy(copy->drops, peer->drops, sizeof(copy->drops));
	copy->endpoint = peer->endpoint;
	copy->last_handshake_real_ns = peer->last_handshake_real_ns;
	copy->rx_bytes = peer->rx_bytes;
	copy->tx_bytes = peer->tx_bytes;
	copy->roams = peer->roams;
	copy->keepalive_s = peer->persistent_keepalive_s;
	copy->prefix_count = 0;
	if (!walk->is_stats) {
		sp_wg_engine_peer_allowed_open(peer, &walk->allowed);
		copy_prefixes(walk, copy);
	}
	return true;
}

/* ---- the walk ---- */

static int step_device(struct sp_api_walk *walk, struct sp_secret_buf *reply)
{
	const struct sp_api_device *device = walk->device;
	const uint16_t port = device->get_listen_port(device->arg);
	const uint32_t fwmark = device->get_fwmark(device->arg);
	const struct sp_wg_identity *identity;
	struct sp_wg_key key;
	bool has_key;
	int r = 0;

	device->lock(device->arg);
	identity = sp_wg_engine_get_identity(device->engine);
	has_key = identity;
	if (has_key)
		memcpy(key.bytes, identity->private_key, sizeof(key.bytes));
	sp_wg_peer_cursor_open(device->engine, &walk->peers);
	walk->place = SP_API_WALK_PEERS;
	device->unlock(device->arg);
	if (has_key)
		r = put_key(reply, "private_key", &key);
	sp_wg_key_wipe(&key);
	if (r == 0 && port)
		r = sp_api_put(reply, "listen_port=%u\n", port);
	if (r == 0 && fwmark)
		r = sp_api_put(reply, "fwmark=%" PRIu32 "\n", fwmark);
	return r;
}

static int step_device_stats(struct sp_api_walk *walk, struct sp_secret_buf *reply)
{
	const struct sp_api_device *device = walk->device;
	uint64_t drops[SP_WG_DROP_COUNT];
	int r;

	device->lock(device->arg);
	for (int i = 0; i < SP_WG_DROP_COUNT; i++)
		drops[i] = sp_wg_engine_get_drops(device->engine, i);
	sp_wg_peer_cursor_open(device->engine, &walk->peers);
	walk->place = SP_API_WALK_PEERS;
	device->unlock(device->arg);
	r = device->write_stats(device->arg, reply);
	return r < 0 ? r : put_drops(reply, drops);
}

static int step_peers(struct sp_api_walk *walk, struct sp_secret_buf *reply)
{
	const struct sp_api_device *device = walk->device;
	struct peer_copy copy;
	bool has_peer;
	int r = 0;

	device->lock(device->arg);
	has_peer = copy_next_peer(walk, &copy);
	device->unlock(device->arg);
	if (has_peer)
		r = walk->is_stats ? put_peer_stats(reply, &copy) : put_peer(reply, &copy);
	sp_wg_key_wipe(&copy.preshared_key);
	return r;
}

static int step_allowed(struct sp_api_walk *walk, struct sp_secret_buf *reply)
{
	const struct sp_api_device *device = walk->device;
	struct peer_copy copy;

	copy.prefix_count = 0;
	device->lock(device->arg);
	copy_prefixes(walk, &copy);
	device->unlock(device->arg);
	return put_prefixes(reply, &copy);
}

void sp_api_walk_begin(struct sp_api_walk *walk, const struct sp_api_device *device, bool is_stats)
{
	*walk = (struct sp_api_walk){
		.device = device,
		.is_stats = is_stats,
		.place = SP_API_WALK_DEVICE,
	};
}

int sp_api_walk_step(struct sp_api_walk *walk, struct sp_secret_buf *reply)
{
	switch (walk->place) {
	case SP_API_WALK_DEVICE:
		return walk->is_stats ? step_device_stats(walk, reply) : step_device(walk, reply);
	case SP_API_WALK_PEERS:
		return step_peers(walk, reply);
	case SP_API_WALK_ALLOWED:
		return step_allowed(walk, reply);
	default:
		return 0;
	}
}

void sp_api_walk_end(struct sp_api_walk *walk)
{
	const struct sp_api_device *device = walk->device;

	if (walk->place == SP_API_WALK_PEERS || walk->place == SP_API_WALK_ALLOWED) {
		device->lock(device->arg);
		if (walk->place == SP_API_WALK_ALLOWED)
			sp_wg_engine_allowed_close(device->engine, &walk->allowed);
		sp_wg_peer_cursor_close(device->engine, &walk->peers);
		device->unlock(device->arg);
	}
	walk->place = SP_API_WALK_OVER;
}
