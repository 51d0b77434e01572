/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Carries out the lines of a set=1 request. Every step looks the peer up anew, because between two
 * steps another thread may change the engine: a deadline may have removed the peer. */
#include <errno.h>
#include <net/if.h>
#include <string.h>

#include "base/array.h"
#include "net/addr.h"
#include "vpnd/api/api_request.h"

#define REMOVALS_A_STEP 256 /* how many allowed addresses are removed under one lock */

void sp_api_set_begin(struct sp_api_set *set, const struct sp_api_device *device)
{
	memset(set, 0, sizeof(*set));
	set->device = device;
}

static void lock(const struct sp_api_set *set)
{
	set->device->lock(set->device->arg);
}

static void unlock(const struct sp_api_set *set)
{
	set->device->unlock(set->device->arg);
}

static bool is_true(const struct sp_uapi_line *line)
{
	return sp_uapi_value_is(line, "true");
}

/* ---- the device's lines ---- */

static int set_private_key(struct sp_api_set *set, const struct sp_uapi_line *line)
{
	struct sp_wg_identity identity;
	struct sp_wg_key key;
	bool has_key;

	if (sp_uapi_read_key(line, &key) < 0)
		return -EINVAL;
	has_key = !sp_wg_key_is_zero(&key);
	if (has_key)
		sp_wg_identity_init(&identity, key.bytes);
	lock(set);
	sp_wg_engine_set_identity(set->device->engine, has_key ? &identity : NULL);
	unlock(set);
	sp_wipe(&identity, sizeof(identity));
	sp_wg_key_wipe(&key);
	return 0;
}

static int set_listen_port(struct sp_api_set *set, const struct sp_uapi_line *line)
{
	uint16_t port;

	if (sp_uapi_read_port(line, &port) < 0)
		return -EINVAL;
	return set->device->set_listen_port(set->device->arg, port);
}

static int set_fwmark(struct sp_api_set *set, const struct sp_uapi_line *line)
{
	uint64_t fwmark;

	if (sp_uapi_read_number(line, UINT32_MAX, &fwmark) < 0)
		return -EINVAL;
	return set->device->set_fwmark(set->device->arg, (uint32_t)fwmark);
}

bool sp_api_remove_peer(const struct sp_api_device *device, const uint8_t public_key[SP_WG_KEY_LEN])
{
	struct sp_wg_engine_peer *peer;
	bool has_more = true, was_there = false;

	while (has_more) {
		device->lock(device->arg);
		peer = sp_wg_engine_peer_find(device->engine, public_key);
		has_more = peer && sp_wg_engine_peer_disallow_some(peer, REMOVALS_A_STEP);
		was_there = was_there || peer;
		if (peer && !has_more)
			sp_wg_engine_peer_remove(peer);
		device->unlock(device->arg);
	}
	if (device->removed)
		device->removed(device->arg, public_key);
	return was_there;
}

/* Remove the peers there were at the start: a peer added meanwhile by another client stays. */
static int replace_peers(struct sp_api_set *set, const struct sp_uapi_line *line)
{
	struct sp_wg_peer_cursor cursor;
	struct sp_wg_engine_peer *peer;
	uint8_t public_key[SP_WG_KEY_LEN];

	if (!is_true(line))
		return -EINVAL;
	lock(set);
	sp_wg_peer_cursor_open(set->device->engine, &cursor);
	while ((peer = sp_wg_peer_cursor_next(&cursor))) {
		memcpy(public_key, peer->remote.public_key, sizeof(public_key));
		unlock(set);
		sp_api_remove_peer(set->device, public_key);
		lock(set);
	}
	sp_wg_peer_cursor_close(set->device->engine, &cursor);
	unlock(set);
	return 0;
}

/* ---- a peer's lines ---- */

/* Take the lock and find the peer; make it if it is wanted. *@ret_peer NULL: these lines belong to
 * no peer. Returns 0; -ENOMEM. The lock is held either way. */
static int lock_peer(struct sp_api_set *set, struct sp_wg_engine_peer **ret_peer)
{
	struct sp_wg_engine *engine = set->device->engine;
	struct sp_wg_engine_peer *peer;
	int r;

	lock(set);
	*ret_peer = NULL;
	if (set->state == SP_API_PEER_IGNORED)
		return 0;
	peer = sp_wg_engine_peer_find(engine, set->public_key.bytes);
	if (!peer && set->state == SP_API_PEER_WANTED) {
		r = sp_wg_engine_peer_add(engine, set->public_key.bytes, &peer);
		if (r == -ENOMEM)
			return r;
		set->was_made = r == 0; /* not added: it is our own key */
	}
	set->state = peer ? SP_API_PEER_PRESENT : SP_API_PEER_IGNORED;
	*ret_peer = peer;
	return 0;
}

static bool is_listed(const struct sp_api_set *set, const struct sp_prefix *prefix)
{
	for (size_t i = 0; i < set->prefix_count; i++)
		if (set->prefixes[i].prefix_len == prefix->prefix_len &&
		    memcmp(set->prefixes[i].addr, prefix->addr, sizeof(prefix->addr)) == 0)
			return true;
	return false;
}

/* Remove the allowed addresses that the request does not list again. */
static void disallow_others(const struct sp_api_set *set, struct sp_wg_engine_peer *peer)
{
	struct sp_wg_allowed_cursor cursor;
	struct sp_prefix prefix;

	sp_wg_engine_peer_allowed_open(peer, &cursor);
	while (sp_wg_allowed_cursor_next(&cursor, &prefix))
		if (!is_listed(set, &prefix))
			sp_wg_engine_peer_disallow(peer, &prefix);
	sp_wg_engine_allowed_close(set->device->engine, &cursor);
}

/* A long list is not compared: all of it is removed, a few at a time. */
static int disallow_many(struct sp_api_set *set)
{
	struct sp_wg_engine_peer *peer;
	bool has_more = true;
	int r = 0;

	while (r == 0 && has_more) {
		r = lock_peer(set, &peer);
		has_more = r == 0 && peer && peer->allowed_ips.count > REMOVALS_A_STEP &&
			   sp_wg_engine_peer_disallow_some(peer, REMOVALS_A_STEP);
		unlock(set);
	}
	return r;
}

/* Set the allowed addresses gathered so far. */
static int flush_prefixes(struct sp_api_set *set)
{
	struct sp_wg_engine_peer *peer = NULL;
	int r = set->is_replacing ? disallow_many(set) : 0;

	if (r < 0 || (!set->is_replacing && !set->prefix_count))
		return r;
	r = lock_peer(set, &peer);
	if (peer && set->is_replacing)
		disallow_others(set, peer);
	for (size_t i = 0; peer && r == 0 && i < set->prefix_count; i++)
		r = sp_wg_engine_peer_allow(peer, &set->prefixes[i]);
	unlock(set);
	set->is_replacing = false;
	set->prefix_count = 0;
	return r;
}

static int flush_keepalive(struct sp_api_set *set)
{
	const struct sp_api_device *device = set->device;
	struct sp_wg_engine_peer *peer;
	struct sp_wg_time now;
	int r;

	if (!set->has_keepalive)
		return 0;
	set->has_keepalive = false;
	device->now(device->arg, &now);
	r = lock_peer(set, &peer);
	if (peer)
		sp_wg_engine_peer_set_keepalive(peer, set->keepalive_s, &now);
	unlock(set);
	if (r == 0 && set->keepalive_s)
		device->changed(device->arg);
	return r;
}

/* The lines of a peer are over. */
static int finish_peer(struct sp_api_set *set)
{
	struct sp_wg_engine_peer *peer;
	int r = flush_prefixes(set);

	if (r == 0)
		r = flush_keepalive(set);
	if (r == 0 && set->state == SP_API_PEER_WANTED) { /* the peer had nothing but its key */
		r = lock_peer(set, &peer);
		unlock(set);
	}
	return r;
}

static int begin_peer(struct sp_api_set *set, const struct sp_uapi_line *line)
{
	int r = finish_peer(set);

	if (r < 0)
		return r;
	if (sp_uapi_read_key(line, &set->public_key) < 0) {
		set->state = SP_API_PEER_IGNORED;
		return -EINVAL;
	}
	set->state = SP_API_PEER_WANTED;
	set->was_made = false;
	return 0;
}

/* The peer is gone: forget the addresses gathered for it. */
static void ignore_peer(struct sp_api_set *set)
{
	set->state = SP_API_PEER_IGNORED;
	set->is_replacing = set->has_keepalive = false;
	set->prefix_count = 0;
}

static int set_remove(struct sp_api_set *set, const struct sp_uapi_line *line)
{
	if (!is_true(line))
		return -EINVAL;
	if (set->state != SP_API_PEER_IGNORED)
		sp_api_remove_peer(set->device, set->public_key.bytes);
	ignore_peer(set);
	return 0;
}

static int set_update_only(struct sp_api_set *set, const struct sp_uapi_line *line)
{
	bool is_known;

	if (!is_true(line))
		return -EINVAL;
	lock(set);
	is_known = sp_wg_engine_peer_find(set->device->engine, set->public_key.bytes);
	unlock(set);
	if (is_known && set->was_made)
		sp_api_remove_peer(set->device, set->public_key.bytes);
	if (!is_known || set->was_made)
		ignore_peer(set);
	return 0;
}

static int set_preshared_key(struct sp_api_set *set, const struct sp_uapi_line *line)
{
	struct sp_wg_engine_peer *peer;
	struct sp_wg_key key;
	int r;

	if (sp_uapi_read_key(line, &key) < 0)
		return -EINVAL;
	r = lock_peer(set, &peer);
	if (peer)
		sp_wg_engine_peer_set_preshared_key(peer, key.bytes);
	unlock(set);
	sp_wg_key_wipe(&key);
	return r;
}

/* Only link-local addresses have a zone: the address of another client is reported without one. */
static int read_scope(const struct sp_wg_peer *peer, uint32_t *ret_scope_id)
{
	const char *scope = peer->endpoint_scope;
	struct sp_uapi_line number = { .value = scope, .value_len = strlen(scope) };
	uint64_t index;

	*ret_scope_id = 0;
	if (!*scope || peer->endpoint.b[0] != 0xfe || (peer->endpoint.b[1] & 0xc0) != 0x80)
		return 0;
	if (sp_uapi_read_number(&number, UINT32_MAX, &index) < 0)
		index = if_nametoindex(scope);
	if (!index)
		return -ENODEV;
	*ret_scope_id = (uint32_t)index;
	return 0;
}

static int set_endpoint(struct sp_api_set *set, const struct sp_uapi_line *line)
{
	struct sp_wg_endpoint endpoint = { 0 };
	struct sp_wg_engine_peer *peer;
	struct sp_wg_peer told = { 0 };
	int r;

	if (sp_uapi_read_endpoint(line, &told) < 0)
		return -EINVAL;
	r = read_scope(&told, &endpoint.scope_id);
	if (r < 0)
		return r;
	endpoint.addr = told.endpoint;
	endpoint.port = told.endpoint_port;
	r = lock_peer(set, &peer);
	if (peer)
		sp_wg_engine_peer_set_endpoint(peer, &endpoint);
	unlock(set);
	return r;
}

static int set_keepalive(struct sp_api_set *set, const struct sp_uapi_line *line)
{
	uint16_t seconds;

	if (sp_uapi_read_port(line, &seconds) < 0)
		return -EINVAL;
	set->has_keepalive = set->state != SP_API_PEER_IGNORED;
	set->keepalive_s = seconds;
	return 0;
}

static int set_replace_allowed_ips(struct sp_api_set *set, const struct sp_uapi_line *line)
{
	if (!is_true(line))
		return -EINVAL;
	set->prefix_count = 0; /* the addresses before it would be removed again */
	set->is_replacing = set->state != SP_API_PEER_IGNORED;
	return 0;
}

static int disallow(struct sp_api_set *set, const struct sp_prefix *prefix)
{
	struct sp_wg_engine_peer *peer;
	int r = flush_prefixes(set);

	if (r < 0)
		return r;
	r = lock_peer(set, &peer);
	if (peer)
		/* the peer may not have had this address */
		sp_wg_engine_peer_disallow(peer, prefix);
	unlock(set);
	return r;
}

/* "10.0.0.0/8"; "-10.0.0.0/8" removes it. Host bits are cleared, as everywhere in WireGuard. */
static int set_allowed_ip(struct sp_api_set *set, const struct sp_uapi_line *line)
{
	struct sp_uapi_line positive = *line;
	const bool is_removal = line->value_len && line->value[0] == '-';
	struct sp_prefix prefix;
	int r;

	positive.value += is_removal;
	positive.value_len -= is_removal;
	r = sp_uapi_read_prefix(&positive, &prefix);
	if (r < 0 && r != -ERANGE) /* host bits are set */
		return -EINVAL;
	if (set->state == SP_API_PEER_IGNORED)
		return 0;
	if (is_removal)
		return disallow(set, &prefix);
	if (set->prefix_count == SP_API_PREFIXES_MAX) {
		r = flush_prefixes(set);
		if (r < 0)
			return r;
	}
	set->prefixes[set->prefix_count++] = prefix;
	return 0;
}

static int set_protocol_version(struct sp_api_set *set, const struct sp_uapi_line *line)
{
	(void)set;
	return sp_uapi_value_is(line, "1") ? 0 : -EINVAL;
}

/* ---- */

static int carry_out(struct sp_api_set *set, const struct sp_uapi_line *line)
{
	static const struct {
		const char *key;
		bool is_peers; /* else the device's */
		int (*set)(struct sp_api_set *set, const struct sp_uapi_line *line);
	} keys[] = {
		{ "allowed_ip", true, set_allowed_ip },
		{ "endpoint", true, set_endpoint },
		{ "preshared_key", true, set_preshared_key },
		{ "persistent_keepalive_interval", true, set_keepalive },
		{ "replace_allowed_ips", true, set_replace_allowed_ips },
		{ "remove", true, set_remove },
		{ "update_only", true, set_update_only },
		{ "protocol_version", true, set_protocol_version },
		{ "private_key", false, set_private_key },
		{ "listen_port", false, set_listen_port },
		{ "fwmark", false, set_fwmark },
		{ "replace_peers", false, replace_peers },
	};

	if (line->key_len == line->len)
		return -EPROTO;
	if (sp_uapi_key_is(line, "public_key"))
		return begin_peer(set, line);
	for (size_t i = 0; i < SP_ARRAY_LEN(keys); i++)
		if (keys[i].is_peers == (set->state != SP_API_PEER_NONE) &&
		    sp_uapi_key_is(line, keys[i].key))
			return keys[i].set(set, line);
	return -EINVAL;
}

int sp_api_set_line(struct sp_api_set *set, const struct sp_uapi_line *line)
{
	int r = carry_out(set, line);

	if (r < 0) /* the lines before the faulty one stay in force */
		(void)sp_api_set_end(set);
	return r;
}

int sp_api_set_end(struct sp_api_set *set)
{
	int r = finish_peer(set);

	set->state = SP_API_PEER_IGNORED;
	set->device->changed(set->device->arg);
	return r;
}
