/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "wg/engine.h"

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

enum sp_wg_drop sp_wg_count_drop(struct sp_wg_engine *engine, struct sp_wg_engine_peer *peer,
				 enum sp_wg_drop drop)
{
	if (peer)
		peer->drops[drop]++;
	else
		engine->drops[drop]++;
	return drop;
}

void sp_wg_engine_advance(struct sp_wg_engine *engine, const struct sp_wg_time *now)
{
	if (now->now_ns > engine->now_ns)
		engine->now_ns = now->now_ns;
	engine->real_ns = now->real_ns;
}

int sp_wg_engine_new(const struct sp_wg_config *config, struct sp_wg_engine **ret_engine)
{
	__sp_cleanup(sp_wg_engine_freep) struct sp_wg_engine *engine = NULL;

	if (sodium_init() < 0)
		return -EIO;
	engine = calloc(1, sizeof(*engine));
	if (!engine)
		return -ENOMEM;
	engine->config = *config;
	engine->outbox_link = &engine->outbox_first;
	if (!engine->config.mtu)
		engine->config.mtu = DEFAULT_MTU;
	if (!engine->config.handshakes_per_second)
		engine->config.handshakes_per_second = DEFAULT_HANDSHAKES_PER_SECOND;
	if (!engine->config.staged_bytes_max)
		engine->config.staged_bytes_max = DEFAULT_STAGED_BYTES;
	if (config->random(config->random_arg, engine->peer_hash_key,
			   sizeof(engine->peer_hash_key)) < 0 ||
	    config->random(config->random_arg, engine->ratelimit.key,
			   sizeof(engine->ratelimit.key)) < 0)
		return -EIO;
	*ret_engine = SP_TAKE_PTR(engine);
	return 0;
}

void sp_wg_engine_free(struct sp_wg_engine *engine)
{
	struct sp_wg_datagram *datagram;

	if (!engine)
		return;
	while (engine->first_peer)
		sp_wg_engine_peer_remove(engine->first_peer);
	while ((datagram = sp_wg_take_datagram(engine)))
		free(datagram);
	sp_wg_index_table_done(&engine->indices);
	free(engine->peer_buckets);
	free(engine->heap);
	sp_wipe(engine, sizeof(*engine));
	free(engine);
}

const struct sp_wg_identity *sp_wg_engine_get_identity(const struct sp_wg_engine *engine)
{
	return engine->has_identity ? &engine->identity : NULL;
}

void sp_wg_engine_set_mtu(struct sp_wg_engine *engine, uint32_t mtu)
{
	__atomic_store_n(&engine->config.mtu, mtu ? mtu : DEFAULT_MTU, __ATOMIC_RELAXED);
}

bool sp_wg_engine_is_under_load(const struct sp_wg_engine *engine)
{
	return engine->now_ns < engine->under_load_until_ns;
}

uint64_t sp_wg_engine_get_drops(const struct sp_wg_engine *engine, enum sp_wg_drop drop)
{
	return engine->drops[drop];
}

/* End the sessions of a peer: they were made with another private key of ours. The peer stays. */
static void restart_peer(struct sp_wg_engine_peer *peer)
{
	sp_wg_handshake_clear(peer);
	sp_wg_sessions_clear(peer);
	peer->handshake_sent_ns = 0;
	peer->is_remote_ready = false;
}

void sp_wg_engine_set_identity(struct sp_wg_engine *engine, const struct sp_wg_identity *identity)
{
	static const struct sp_wg_identity none = { 0 };
	struct sp_wg_engine_peer *self;

	if (engine->has_identity == !!identity &&
	    sodium_memcmp(identity ? identity : &none, &engine->identity, sizeof(none)) == 0)
		return;
	engine->identity = identity ? *identity : none;
	engine->has_identity = !!identity;
	sp_wg_cookie_checker_init(&engine->checker, engine->identity.public_key);
	self = identity ? sp_wg_engine_peer_find(engine, engine->identity.public_key) : NULL;
	if (self)
		sp_wg_engine_peer_remove(self);
	for (struct sp_wg_engine_peer *peer = engine->first_peer; peer; peer = peer->next_peer)
		restart_peer(peer);
}
