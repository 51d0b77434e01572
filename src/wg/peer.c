/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Peers: their table by public key, their list, and their configuration. */
#include "wg/peer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "base/bytes.h"
#include "wg/state.h"

static struct sp_wg_engine_peer **bucket_of(const struct sp_wg_engine *engine,
					    const uint8_t public_key[SP_WG_KEY_LEN])
{
	uint8_t hash[crypto_shorthash_BYTES];
	uint64_t place;

	crypto_shorthash(hash, public_key, SP_WG_KEY_LEN, engine->peer_hash_key);
	place = sp_get_le64(hash) & engine->peer_bucket_mask;
	if (place >= engine->peer_bucket_count) /* not split yet */
		place &= engine->peer_bucket_mask >> 1;
	return &engine->peer_buckets[place];
}

struct sp_wg_engine_peer *sp_wg_engine_peer_find(const struct sp_wg_engine *engine,
						 const uint8_t public_key[SP_WG_KEY_LEN])
{
	struct sp_wg_engine_peer *peer;

	if (!engine->peer_bucket_count)
		return NULL;
	for (peer = *bucket_of(engine, public_key); peer; peer = peer->hash_next)
		if (memcmp(peer->remote.public_key, public_key, SP_WG_KEY_LEN) == 0)
			break;
	return peer;
}

struct sp_wg_engine_peer *sp_wg_engine_peer_next(const struct sp_wg_engine *engine,
						 const struct sp_wg_engine_peer *previous)
{
	return previous ? previous->next_peer : engine->first_peer;
}

size_t sp_wg_engine_peer_count(const struct sp_wg_engine *engine)
{
	return engine->peer_count;
}

static void link_into_bucket(struct sp_wg_engine *engine, struct sp_wg_engine_peer *peer)
{
	struct sp_wg_engine_peer **bucket = bucket_of(engine, peer->remote.public_key);

	peer->hash_next = *bucket;
	*bucket = peer;
}

/* Add a bucket, into which one of the others is split. This is linear hashing, so that no single
 * peer pays for growing the whole table. If there is no memory, the chains of the present table
 * grow instead. */
static int make_room(struct sp_wg_engine *engine)
{
	const size_t added = engine->peer_bucket_count;
	struct sp_wg_engine_peer *peer, *next;

	if (engine->peer_count < added)
		return 0;
	if (added == engine->peer_bucket_room) {
		size_t room = added ? added * 2 : 16;
		struct sp_wg_engine_peer **buckets =
			reallocarray(engine->peer_buckets, room, sizeof(*buckets));

		if (!buckets)
			return added ? 0 : -ENOMEM;
		engine->peer_buckets = buckets;
		engine->peer_bucket_room = room;
	}
	if (added > engine->peer_bucket_mask)
		engine->peer_bucket_mask = engine->peer_bucket_mask * 2 + 1;
	engine->peer_bucket_count++;
	engine->peer_buckets[added] = NULL;
	if (added == 0)
		return 0;
	peer = engine->peer_buckets[added & engine->peer_bucket_mask >> 1];
	engine->peer_buckets[added & engine->peer_bucket_mask >> 1] = NULL;
	for (; peer; peer = next) {
		next = peer->hash_next;
		link_into_bucket(engine, peer);
	}
	return 0;
}

int sp_wg_engine_peer_add(struct sp_wg_engine *engine, const uint8_t public_key[SP_WG_KEY_LEN],
			  struct sp_wg_engine_peer **ret_peer)
{
	__sp_free struct sp_wg_engine_peer *peer = NULL;
	int r;

	if (sp_wg_engine_peer_find(engine, public_key) ||
	    (engine->has_identity &&
	     memcmp(engine->identity.public_key, public_key, SP_WG_KEY_LEN) == 0))
		return -EEXIST;
	peer = calloc(1, sizeof(*peer));
	if (!peer)
		return -ENOMEM;
	r = make_room(engine);
	if (r < 0)
		return r;
	peer->engine = engine;
	r = sp_wg_timers_add_peer(peer);
	if (r < 0)
		return r;
	memcpy(peer->remote.public_key, public_key, SP_WG_KEY_LEN);
	sp_wg_cookie_jar_init(&peer->jar, public_key);
	peer->handshake_entry.peer = peer;
	peer->staged_link = &peer->staged_first;
	peer->previous_peer = engine->last_peer;
	if (engine->last_peer)
		engine->last_peer->next_peer = peer;
	else
		engine->first_peer = peer;
	engine->last_peer = peer;
	link_into_bucket(engine, peer);
	engine->peer_count++;
	*ret_peer = SP_TAKE_PTR(peer);
	return 0;
}

void sp_wg_engine_peer_remove(struct sp_wg_engine_peer *peer)
{
	struct sp_wg_engine *engine = peer->engine;
	struct sp_wg_engine_peer **link = bucket_of(engine, peer->remote.public_key);

	for (struct sp_wg_peer_cursor *cursor = engine->cursors; cursor;
	     cursor = cursor->next_cursor)
		if (cursor->next == peer)
			cursor->next = peer->next_peer;
	sp_wg_allowed_ips_remove_all(&engine->allowed_ips, &peer->allowed_ips);
	sp_wg_handshake_clear(peer);
	sp_wg_sessions_clear(peer);
	sp_wg_purge_staged(peer, SP_WG_DROP_UNANSWERED);
	sp_wg_timers_remove_peer(peer);
	while (*link != peer)
		link = &(*link)->hash_next;
	*link = peer->hash_next;
	*(peer->previous_peer ? &peer->previous_peer->next_peer : &engine->first_peer) =
		peer->next_peer;
	*(peer->next_peer ? &peer->next_peer->previous_peer : &engine->last_peer) =
		peer->previous_peer;
	engine->peer_count--;
	sp_wipe(peer, sizeof(*peer));
	free(peer);
}

const struct sp_wg_remote *sp_wg_peer_remote(struct sp_wg_engine_peer *peer)
{
	if (!peer->is_remote_ready)
		sp_wg_remote_precompute(&peer->remote, &peer->engine->identity);
	peer->is_remote_ready = true;
	return &peer->remote;
}

void sp_wg_peer_cursor_open(struct sp_wg_engine *engine, struct sp_wg_peer_cursor *cursor)
{
	cursor->next = engine->first_peer;
	cursor->next_cursor = engine->cursors;
	engine->cursors = cursor;
}

struct sp_wg_engine_peer *sp_wg_peer_cursor_next(struct sp_wg_peer_cursor *cursor)
{
	struct sp_wg_engine_peer *peer = cursor->next;

	if (peer)
		cursor->next = peer->next_peer;
	return peer;
}

void sp_wg_peer_cursor_close(struct sp_wg_engine *engine, struct sp_wg_peer_cursor *cursor)
{
	struct sp_wg_peer_cursor **link = &engine->cursors;

	while (*link && *link != cursor)
		link = &(*link)->next_cursor;
	if (*link)
		*link = cursor->next_cursor;
}

void sp_wg_engine_peer_set_preshared_key(struct sp_wg_engine_peer *peer,
					 const uint8_t key[SP_WG_KEY_LEN])
{
	memcpy(peer->remote.preshared_key, key, SP_WG_KEY_LEN);
}

void sp_wg_engine_peer_set_endpoint(struct sp_wg_engine_peer *peer,
				    const struct sp_wg_endpoint *endpoint)
{
	peer->endpoint = *endpoint;
}

void sp_wg_engine_peer_forget_local(struct sp_wg_engine_peer *peer)
{
	peer->endpoint.local = (struct sp_addr){ 0 };
	peer->endpoint.local_ifindex = 0;
}

void sp_wg_engine_peer_set_keepalive(struct sp_wg_engine_peer *peer, uint16_t seconds,
				     const struct sp_wg_time *now)
{
	bool is_new = seconds && !peer->persistent_keepalive_s;

	sp_wg_engine_advance(peer->engine, now);
	peer->persistent_keepalive_s = seconds;
	if (is_new && !peer->engine->is_paused)
		sp_wg_send_keepalive(peer);
}

int sp_wg_engine_peer_allow(struct sp_wg_engine_peer *peer, const struct sp_prefix *prefix)
{
	return sp_wg_allowed_ips_insert(&peer->engine->allowed_ips, prefix, peer,
					&peer->allowed_ips);
}

int sp_wg_engine_peer_disallow(struct sp_wg_engine_peer *peer, const struct sp_prefix *prefix)
{
	return sp_wg_allowed_ips_remove(&peer->engine->allowed_ips, prefix, &peer->allowed_ips);
}

bool sp_wg_engine_peer_disallow_some(struct sp_wg_engine_peer *peer, size_t max)
{
	return sp_wg_allowed_ips_remove_some(&peer->engine->allowed_ips, &peer->allowed_ips, max);
}

void sp_wg_engine_peer_allowed_open(struct sp_wg_engine_peer *peer,
				    struct sp_wg_allowed_cursor *cursor)
{
	sp_wg_allowed_cursor_open(&peer->engine->allowed_ips, &peer->allowed_ips, cursor);
}

void sp_wg_engine_allowed_close(struct sp_wg_engine *engine, struct sp_wg_allowed_cursor *cursor)
{
	sp_wg_allowed_cursor_close(&engine->allowed_ips, cursor);
}
