/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Each peer has the five timers of the kernel. One heap holds the peers, ordered by wake_ns, which
 * may be earlier than the peer's next timer but never later. So putting a timer off costs nothing,
 * and a wake that is too early only puts the peer back. Source: WireGuard paper, section 6; the
 * kernel's timers.c, which has the same events. */
#include <errno.h>
#include <stdlib.h>

#include "base/bytes.h"
#include "wg/state.h"

static void heap_put(struct sp_wg_engine *engine, size_t place, struct sp_wg_engine_peer *peer)
{
	engine->heap[place] = peer;
	peer->heap_place = place;
}

static void sift_up(struct sp_wg_engine *engine, struct sp_wg_engine_peer *peer)
{
	size_t place = peer->heap_place;

	while (place > 0 && engine->heap[(place - 1) / 2]->wake_ns > peer->wake_ns) {
		heap_put(engine, place, engine->heap[(place - 1) / 2]);
		place = (place - 1) / 2;
	}
	heap_put(engine, place, peer);
}

static void sift_down(struct sp_wg_engine *engine, struct sp_wg_engine_peer *peer)
{
	size_t place = peer->heap_place;

	for (;;) {
		size_t child = 2 * place + 1;

		if (child >= engine->heap_count)
			break;
		if (child + 1 < engine->heap_count &&
		    engine->heap[child + 1]->wake_ns < engine->heap[child]->wake_ns)
			child++;
		if (engine->heap[child]->wake_ns >= peer->wake_ns)
			break;
		heap_put(engine, place, engine->heap[child]);
		place = child;
	}
	heap_put(engine, place, peer);
}

int sp_wg_timers_add_peer(struct sp_wg_engine_peer *peer)
{
	struct sp_wg_engine *engine = peer->engine;

	if (engine->heap_count == engine->heap_room) {
		size_t room = engine->heap_room ? engine->heap_room * 2 : 16;
		struct sp_wg_engine_peer **heap = reallocarray(engine->heap, room, sizeof(*heap));

		if (!heap)
			return -ENOMEM;
		engine->heap = heap;
		engine->heap_room = room;
	}
	for (int i = 0; i < SP_WG_TIMER_COUNT; i++)
		peer->timers_ns[i] = SP_WG_NEVER;
	peer->wake_ns = SP_WG_NEVER;
	peer->heap_place = engine->heap_count++;
	heap_put(engine, peer->heap_place, peer);
	return 0;
}

void sp_wg_timers_remove_peer(struct sp_wg_engine_peer *peer)
{
	struct sp_wg_engine *engine = peer->engine;
	struct sp_wg_engine_peer *last = engine->heap[--engine->heap_count];

	if (last == peer)
		return;
	last->heap_place = peer->heap_place;
	sift_up(engine, last);
	sift_down(engine, last);
}

static void set_timer(struct sp_wg_engine_peer *peer, enum sp_wg_timer timer, uint64_t after_ns)
{
	peer->timers_ns[timer] = peer->engine->now_ns + after_ns;
	if (peer->timers_ns[timer] < peer->wake_ns) {
		peer->wake_ns = peer->timers_ns[timer];
		sift_up(peer->engine, peer);
	}
}

static void stop_timer(struct sp_wg_engine_peer *peer, enum sp_wg_timer timer)
{
	peer->timers_ns[timer] = SP_WG_NEVER;
}

static bool is_set(const struct sp_wg_engine_peer *peer, enum sp_wg_timer timer)
{
	return peer->timers_ns[timer] != SP_WG_NEVER;
}

/* A random delay of up to a third of a second, so that two ends do not retry at the same moments
 * again and again. */
static uint64_t jitter(struct sp_wg_engine *engine)
{
	uint8_t bytes[4];

	if (engine->config.random(engine->config.random_arg, bytes, sizeof(bytes)) < 0)
		return 0;
	return sp_get_le32(bytes) % SP_WG_REKEY_JITTER_MAX_NS;
}

void sp_wg_timers_data_sent(struct sp_wg_engine_peer *peer)
{
	if (!is_set(peer, SP_WG_TIMER_NEW_HANDSHAKE))
		set_timer(peer, SP_WG_TIMER_NEW_HANDSHAKE,
			  SP_WG_KEEPALIVE_TIMEOUT_NS + SP_WG_REKEY_TIMEOUT_NS +
				  jitter(peer->engine));
}

void sp_wg_timers_data_received(struct sp_wg_engine_peer *peer)
{
	if (!is_set(peer, SP_WG_TIMER_SEND_KEEPALIVE))
		set_timer(peer, SP_WG_TIMER_SEND_KEEPALIVE, SP_WG_KEEPALIVE_TIMEOUT_NS);
	else
		peer->needs_another_keepalive = true;
}

void sp_wg_timers_any_authenticated_packet_sent(struct sp_wg_engine_peer *peer)
{
	stop_timer(peer, SP_WG_TIMER_SEND_KEEPALIVE);
}

void sp_wg_timers_any_authenticated_packet_received(struct sp_wg_engine_peer *peer)
{
	stop_timer(peer, SP_WG_TIMER_NEW_HANDSHAKE);
}

void sp_wg_timers_handshake_initiated(struct sp_wg_engine_peer *peer)
{
	set_timer(peer, SP_WG_TIMER_RETRANSMIT_HANDSHAKE,
		  SP_WG_REKEY_TIMEOUT_NS + jitter(peer->engine));
}

void sp_wg_timers_handshake_complete(struct sp_wg_engine_peer *peer)
{
	stop_timer(peer, SP_WG_TIMER_RETRANSMIT_HANDSHAKE);
	peer->handshake_attempts = 0;
	peer->sent_lastminute_handshake = false;
	peer->last_handshake_real_ns = peer->engine->real_ns;
}

void sp_wg_timers_session_derived(struct sp_wg_engine_peer *peer)
{
	set_timer(peer, SP_WG_TIMER_ZERO_KEYS, SP_WG_ZERO_KEYS_NS);
}

void sp_wg_timers_any_authenticated_packet_traversal(struct sp_wg_engine_peer *peer)
{
	if (peer->persistent_keepalive_s)
		set_timer(peer, SP_WG_TIMER_PERSISTENT_KEEPALIVE,
			  peer->persistent_keepalive_s * SP_NS_PER_S);
}

static void retransmit_handshake(struct sp_wg_engine_peer *peer)
{
	if (peer->handshake_attempts > SP_WG_REKEY_ATTEMPTS_MAX) {
		stop_timer(peer, SP_WG_TIMER_SEND_KEEPALIVE);
		sp_wg_purge_staged(peer, SP_WG_DROP_UNANSWERED);
		if (!is_set(peer, SP_WG_TIMER_ZERO_KEYS))
			set_timer(peer, SP_WG_TIMER_ZERO_KEYS, SP_WG_ZERO_KEYS_NS);
		return;
	}
	peer->handshake_attempts++;
	sp_wg_engine_peer_forget_local(peer); /* our own address may be gone, so choose it again */
	sp_wg_send_initiation(peer, true);
}

static void send_keepalive(struct sp_wg_engine_peer *peer)
{
	sp_wg_send_keepalive(peer);
	if (peer->needs_another_keepalive) {
		peer->needs_another_keepalive = false;
		set_timer(peer, SP_WG_TIMER_SEND_KEEPALIVE, SP_WG_KEEPALIVE_TIMEOUT_NS);
	}
}

static void new_handshake(struct sp_wg_engine_peer *peer)
{
	sp_wg_engine_peer_forget_local(peer);
	sp_wg_send_initiation(peer, false);
}

static void zero_keys(struct sp_wg_engine_peer *peer)
{
	sp_wg_handshake_clear(peer);
	sp_wg_sessions_clear(peer);
}

static void persistent_keepalive(struct sp_wg_engine_peer *peer)
{
	if (peer->persistent_keepalive_s)
		sp_wg_send_keepalive(peer);
}

void sp_wg_engine_pause(struct sp_wg_engine *engine)
{
	engine->is_paused = true;
	for (struct sp_wg_engine_peer *peer = engine->first_peer; peer; peer = peer->next_peer) {
		sp_wg_purge_staged(peer, SP_WG_DROP_UNANSWERED);
		for (int i = 0; i < SP_WG_TIMER_COUNT; i++)
			stop_timer(peer, i);
		zero_keys(peer);
		peer->handshake_sent_ns = 0;
	}
}

void sp_wg_engine_resume(struct sp_wg_engine *engine, const struct sp_wg_time *now)
{
	sp_wg_engine_advance(engine, now);
	engine->is_paused = false;
	for (struct sp_wg_engine_peer *peer = engine->first_peer; peer; peer = peer->next_peer) {
		sp_wg_send_staged(peer);
		persistent_keepalive(peer);
	}
}

static void fire_due(struct sp_wg_engine_peer *peer)
{
	static void (*const expired[SP_WG_TIMER_COUNT])(struct sp_wg_engine_peer *) = {
		[SP_WG_TIMER_RETRANSMIT_HANDSHAKE] = retransmit_handshake,
		[SP_WG_TIMER_SEND_KEEPALIVE] = send_keepalive,
		[SP_WG_TIMER_NEW_HANDSHAKE] = new_handshake,
		[SP_WG_TIMER_ZERO_KEYS] = zero_keys,
		[SP_WG_TIMER_PERSISTENT_KEEPALIVE] = persistent_keepalive,
	};

	for (int i = 0; i < SP_WG_TIMER_COUNT; i++) {
		if (peer->timers_ns[i] <= peer->engine->now_ns) {
			peer->timers_ns[i] = SP_WG_NEVER;
			expired[i](peer);
		}
	}
}

/* Put the peer back into the heap, at the time of its next timer. */
static void put_back(struct sp_wg_engine_peer *peer)
{
	peer->wake_ns = SP_WG_NEVER;
	for (int i = 0; i < SP_WG_TIMER_COUNT; i++)
		if (peer->timers_ns[i] < peer->wake_ns)
			peer->wake_ns = peer->timers_ns[i];
	sift_down(peer->engine, peer);
}

void sp_wg_tick(struct sp_wg_engine *engine, const struct sp_wg_time *now)
{
	sp_wg_engine_advance(engine, now);
	for (size_t i = 0; i < SP_WG_TICK_PEERS && engine->heap_count; i++) {
		struct sp_wg_engine_peer *peer = engine->heap[0];

		if (peer->wake_ns > engine->now_ns)
			break;
		fire_due(peer);
		put_back(peer);
	}
}

uint64_t sp_wg_next_deadline(const struct sp_wg_engine *engine)
{
	return engine->heap_count ? engine->heap[0]->wake_ns : SP_WG_NEVER;
}
