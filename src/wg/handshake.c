/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Handshake and cookie messages, sent and received. noise.c and cookie.c compute them; here they
 * meet peers, indices, load and time. Source: the kernel's send.c and receive.c. */
#include <errno.h>
#include <string.h>

#include "base/bytes.h"
#include "crypto/tai64n.h"
#include "wg/state.h"

#define INITIATION_GAP_NS (SP_NS_PER_S / SP_WG_INITIATIONS_PER_SECOND)
#define UNDER_LOAD_NS SP_NS_PER_S

static int draw(struct sp_wg_engine *engine, uint8_t *ret_bytes, size_t len)
{
	int r = engine->config.random(engine->config.random_arg, ret_bytes, len);

	if (r < 0)
		sp_wg_count_drop(engine, NULL, SP_WG_DROP_NO_RANDOM);
	return r;
}

/* Choose a receiver index that nobody has, and list it as the index of this peer's handshake. */
static int take_index(struct sp_wg_engine_peer *peer, uint32_t *ret_index)
{
	struct sp_wg_engine *engine = peer->engine;
	uint8_t bytes[4];
	int r;

	sp_wg_index_remove(&engine->indices, &peer->handshake_entry);
	for (int tries = 0; tries < 64; tries++) {
		r = draw(engine, bytes, sizeof(bytes));
		if (r < 0)
			return r;
		r = sp_wg_index_insert(&engine->indices, &peer->handshake_entry,
				       sp_get_le32(bytes));
		if (r == 0)
			*ret_index = sp_get_le32(bytes);
		if (r != -EEXIST)
			return r;
	}
	return -EIO; /* 64 collisions: the random bytes are not random */
}

/* Make a timestamp later than the last one, even if the wall clock was set back meanwhile. */
static void next_timestamp(struct sp_wg_engine_peer *peer, uint8_t ret_stamp[SP_WG_STAMP_LEN])
{
	sp_tai64n(ret_stamp, peer->engine->real_ns);
	if (memcmp(ret_stamp, peer->last_timestamp, SP_WG_STAMP_LEN) <= 0) {
		memcpy(ret_stamp, peer->last_timestamp, SP_WG_STAMP_LEN);
		if (sp_get_be32(ret_stamp + 8) < 999999999) {
			sp_put_be32(ret_stamp + 8, sp_get_be32(ret_stamp + 8) + 1);
		} else {
			sp_put_be64(ret_stamp, sp_get_be64(ret_stamp) + 1);
			sp_put_be32(ret_stamp + 8, 0);
		}
	}
	memcpy(peer->last_timestamp, ret_stamp, SP_WG_STAMP_LEN);
}

static int make_initiation(struct sp_wg_engine_peer *peer, struct sp_wg_initiation *ret_message)
{
	struct sp_wg_engine *engine = peer->engine;
	uint8_t ephemeral[SP_WG_KEY_LEN], stamp[SP_WG_STAMP_LEN];
	uint32_t index;
	int r = draw(engine, ephemeral, sizeof(ephemeral));

	if (r == 0)
		r = take_index(peer, &index);
	if (r == 0) {
		next_timestamp(peer, stamp);
		r = sp_wg_initiation_create(&peer->handshake, &engine->identity,
					    sp_wg_peer_remote(peer), ephemeral, index, stamp,
					    ret_message);
	}
	sp_wipe(ephemeral, sizeof(ephemeral));
	if (r < 0)
		sp_wg_handshake_clear(peer);
	return r;
}

void sp_wg_send_initiation(struct sp_wg_engine_peer *peer, bool is_retry)
{
	struct sp_wg_engine *engine = peer->engine;
	struct sp_wg_initiation message;

	if (!is_retry)
		peer->handshake_attempts = 0;
	if (peer->handshake_sent_ns &&
	    engine->now_ns - peer->handshake_sent_ns < SP_WG_REKEY_TIMEOUT_NS)
		return;
	if (!engine->has_identity || engine->is_paused || !peer->endpoint.port)
		return;
	peer->handshake_sent_ns = engine->now_ns;
	if (make_initiation(peer, &message) == 0) {
		sp_wg_macs_add(&peer->jar, (uint8_t *)&message, sizeof(message), engine->now_ns);
		sp_wg_timers_any_authenticated_packet_traversal(peer);
		sp_wg_timers_any_authenticated_packet_sent(peer);
		sp_wg_emit(peer, &message, sizeof(message), true);
	}
	sp_wg_timers_handshake_initiated(peer);
}

void sp_wg_engine_peer_handshake(struct sp_wg_engine_peer *peer, const struct sp_wg_time *now)
{
	sp_wg_engine_advance(peer->engine, now);
	sp_wg_send_initiation(peer, false);
}

bool sp_wg_learn_endpoint(struct sp_wg_engine_peer *peer, const struct sp_wg_endpoint *from)
{
	bool had_endpoint = peer->endpoint.port;
	bool has_roamed = peer->endpoint.port != from->port ||
			  peer->endpoint.scope_id != from->scope_id ||
			  memcmp(peer->endpoint.addr.b, from->addr.b, sizeof(from->addr.b)) != 0;

	if (has_roamed || peer->endpoint.local_ifindex != from->local_ifindex ||
	    memcmp(peer->endpoint.local.b, from->local.b, sizeof(from->local.b)) != 0)
		peer->endpoint = *from;
	peer->roams += has_roamed && had_endpoint;
	return has_roamed;
}

static enum sp_wg_drop send_response(struct sp_wg_engine_peer *peer)
{
	struct sp_wg_engine *engine = peer->engine;
	uint8_t ephemeral[SP_WG_KEY_LEN];
	struct sp_wg_response message;
	uint32_t index;
	int r;

	peer->handshake_sent_ns = engine->now_ns;
	r = draw(engine, ephemeral, sizeof(ephemeral));
	if (r == 0)
		r = take_index(peer, &index);
	if (r == 0)
		r = sp_wg_response_create(&peer->handshake, &peer->remote, ephemeral, index,
					  &message);
	sp_wipe(ephemeral, sizeof(ephemeral));
	if (r == 0)
		r = sp_wg_session_begin(peer);
	if (r < 0) {
		sp_wg_handshake_clear(peer);
		return r == -EKEYREJECTED ? SP_WG_DROP_HANDSHAKE : SP_WG_DROP_INTERNAL;
	}
	sp_wg_macs_add(&peer->jar, (uint8_t *)&message, sizeof(message), engine->now_ns);
	sp_wg_timers_session_derived(peer);
	sp_wg_timers_any_authenticated_packet_traversal(peer);
	sp_wg_timers_any_authenticated_packet_sent(peer);
	sp_wg_emit(peer, &message, sizeof(message), true);
	return SP_WG_DROP_NONE;
}

/* Open an initiation and take it as the peer's handshake if it is fresh. */
static enum sp_wg_drop consume_initiation(struct sp_wg_engine *engine,
					  const struct sp_wg_initiation *message,
					  struct sp_wg_engine_peer **ret_peer)
{
	__sp_cleanup(sp_wg_opened_initiation_wipe) struct sp_wg_opened_initiation opened;
	uint8_t stamp[SP_WG_STAMP_LEN];
	struct sp_wg_engine_peer *peer;

	if (sp_wg_initiation_open(&engine->identity, message, &opened) < 0)
		return SP_WG_DROP_HANDSHAKE;
	peer = sp_wg_engine_peer_find(engine, opened.remote_static);
	if (!peer)
		return SP_WG_DROP_UNKNOWN;
	if (sp_wg_initiation_finish(&opened, sp_wg_peer_remote(peer), message, stamp) < 0)
		return sp_wg_count_drop(engine, peer, SP_WG_DROP_HANDSHAKE);
	if (memcmp(stamp, peer->greatest_timestamp, sizeof(stamp)) <= 0)
		return sp_wg_count_drop(engine, peer, SP_WG_DROP_STALE);
	if (peer->initiation_consumed_ns &&
	    engine->now_ns - peer->initiation_consumed_ns < INITIATION_GAP_NS)
		return sp_wg_count_drop(engine, peer, SP_WG_DROP_FLOOD);
	memcpy(peer->greatest_timestamp, stamp, sizeof(stamp));
	peer->initiation_consumed_ns = engine->now_ns;
	sp_wg_index_remove(&engine->indices, &peer->handshake_entry);
	peer->handshake = opened.handshake;
	*ret_peer = peer;
	return SP_WG_DROP_NONE;
}

static void authenticated_handshake(struct sp_wg_engine_peer *peer, struct sp_wg_incoming *item)
{
	item->peer = peer;
	peer->rx_bytes += item->len;
	sp_wg_timers_any_authenticated_packet_received(peer);
	sp_wg_timers_any_authenticated_packet_traversal(peer);
}

static void receive_initiation(struct sp_wg_engine *engine, struct sp_wg_incoming *item)
{
	struct sp_wg_engine_peer *peer = NULL;

	item->drop =
		consume_initiation(engine, (const struct sp_wg_initiation *)item->message, &peer);
	if (!peer) {
		if (item->drop == SP_WG_DROP_HANDSHAKE || item->drop == SP_WG_DROP_UNKNOWN)
			engine->drops[item->drop]++;
		return;
	}
	item->has_roamed = sp_wg_learn_endpoint(peer, &item->from);
	authenticated_handshake(peer, item);
	item->drop = send_response(peer);
	if (item->drop != SP_WG_DROP_NONE)
		sp_wg_count_drop(engine, peer, item->drop);
}

static void receive_response(struct sp_wg_engine *engine, struct sp_wg_incoming *item)
{
	const struct sp_wg_response *message = (const struct sp_wg_response *)item->message;
	struct sp_wg_index_entry *entry =
		sp_wg_index_find(&engine->indices, sp_get_le32(message->receiver_index_le));
	struct sp_wg_engine_peer *peer;
	int r;

	if (!entry || entry->keypair) {
		item->drop = sp_wg_count_drop(engine, NULL, SP_WG_DROP_INDEX);
		return;
	}
	peer = entry->peer;
	r = sp_wg_response_consume(&peer->handshake, &engine->identity, &peer->remote, message);
	if (r < 0) {
		item->drop = sp_wg_count_drop(engine, peer, SP_WG_DROP_HANDSHAKE);
		return;
	}
	item->has_roamed = sp_wg_learn_endpoint(peer, &item->from);
	authenticated_handshake(peer, item);
	if (sp_wg_session_begin(peer) < 0) {
		item->drop = sp_wg_count_drop(engine, peer, SP_WG_DROP_INTERNAL);
		return;
	}
	sp_wg_timers_session_derived(peer);
	sp_wg_timers_handshake_complete(peer);
	/* the responder may use the session only after it got a message under it */
	sp_wg_send_keepalive(peer);
}

static void receive_cookie_reply(struct sp_wg_engine *engine, struct sp_wg_incoming *item)
{
	const struct sp_wg_cookie_reply *message = (const struct sp_wg_cookie_reply *)item->message;
	struct sp_wg_index_entry *entry =
		sp_wg_index_find(&engine->indices, sp_get_le32(message->receiver_index_le));

	if (!entry)
		item->drop = sp_wg_count_drop(engine, NULL, SP_WG_DROP_INDEX);
	else if (sp_wg_cookie_reply_consume(&entry->peer->jar, message, engine->now_ns) < 0)
		item->drop = sp_wg_count_drop(engine, entry->peer, SP_WG_DROP_HANDSHAKE);
	else
		entry->peer->rx_bytes += item->len;
}

/* Take a token for a handshake message with a right mac1. Without a token the engine is under load,
 * and stays so for a second. Returns whether it is. */
static bool note_load(struct sp_wg_engine *engine)
{
	const uint64_t cost_ns = SP_NS_PER_S / engine->config.handshakes_per_second;
	const uint64_t full_ns = SP_NS_PER_S / 8 > cost_ns ? SP_NS_PER_S / 8 : cost_ns;
	uint64_t passed_ns = engine->now_ns - engine->load_seen_ns;

	engine->load_tokens_ns = passed_ns >= full_ns - engine->load_tokens_ns
					 ? full_ns
					 : engine->load_tokens_ns + passed_ns;
	engine->load_seen_ns = engine->now_ns;
	if (engine->load_tokens_ns >= cost_ns)
		engine->load_tokens_ns -= cost_ns;
	else
		engine->under_load_until_ns = engine->now_ns + UNDER_LOAD_NS;
	return sp_wg_engine_is_under_load(engine);
}

static void reply_with_cookie(struct sp_wg_engine *engine, const struct sp_wg_incoming *item)
{
	uint8_t nonce[SP_WG_COOKIE_NONCE_LEN], secret[SP_WG_KEY_LEN];
	struct sp_wg_cookie_reply reply;

	if (sp_wg_cookie_secret_is_stale(&engine->checker, engine->now_ns)) {
		if (draw(engine, secret, sizeof(secret)) < 0)
			return;
		sp_wg_cookie_secret_set(&engine->checker, secret, engine->now_ns);
		sp_wipe(secret, sizeof(secret));
	}
	if (draw(engine, nonce, sizeof(nonce)) < 0 ||
	    sp_wg_cookie_reply_create(&engine->checker, item->message, item->len, &item->from.addr,
				      item->from.port, nonce, engine->now_ns, &reply) < 0)
		return;
	sp_wg_emit_to(engine, &item->from, &reply, sizeof(reply));
}

/* May this initiation or response be worked on? If not, the reason is counted. */
static bool passes_macs(struct sp_wg_engine *engine, struct sp_wg_incoming *item)
{
	if (!sp_wg_mac1_check(&engine->checker, item->message, item->len)) {
		item->drop = sp_wg_count_drop(engine, NULL, SP_WG_DROP_MAC1);
		return false;
	}
	if (!note_load(engine))
		return true;
	if (!sp_wg_mac2_check(&engine->checker, item->message, item->len, &item->from.addr,
			      item->from.port, engine->now_ns)) {
		item->drop = sp_wg_count_drop(engine, NULL, SP_WG_DROP_COOKIE);
		reply_with_cookie(engine, item);
		return false;
	}
	if (!sp_wg_ratelimit_allow(&engine->ratelimit, &item->from.addr, engine->now_ns)) {
		item->drop = sp_wg_count_drop(engine, NULL, SP_WG_DROP_RATE);
		return false;
	}
	return true;
}

void sp_wg_handshake_receive(struct sp_wg_engine *engine, struct sp_wg_incoming *item)
{
	uint32_t type = sp_get_le32(item->message);

	if (!engine->has_identity)
		item->drop = sp_wg_count_drop(engine, NULL, SP_WG_DROP_MAC1);
	else if (type == SP_WG_COOKIE_REPLY)
		receive_cookie_reply(engine, item);
	else if (!passes_macs(engine, item))
		return;
	else if (type == SP_WG_INITIATION)
		receive_initiation(engine, item);
	else
		receive_response(engine, item);
}
