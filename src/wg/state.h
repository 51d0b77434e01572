/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The inside of an engine, for the files of this folder. */
#ifndef SALLYPORT_WG_STATE_H
#define SALLYPORT_WG_STATE_H

#include "wg/engine.h"
#include "wg/tables/ratelimit.h"

#define SP_WG_OUTBOX_MAX 4096

struct sp_wg_engine {
	struct sp_wg_config config;
	uint64_t now_ns, real_ns; /* of the call under way */

	struct sp_wg_identity identity;
	bool has_identity;
	bool is_paused; /* the interface is down: nothing is begun */
	struct sp_wg_cookie_checker checker;
	struct sp_wg_ratelimit ratelimit;
	uint64_t load_tokens_ns, load_seen_ns, under_load_until_ns;

	struct sp_wg_index_table indices;
	struct sp_wg_allowed_ips allowed_ips;
	struct sp_wg_engine_peer *first_peer, *last_peer;
	struct sp_wg_engine_peer **peer_buckets; /* by public key */
	size_t peer_bucket_count, peer_bucket_room;
	size_t peer_bucket_mask; /* a power of two less one, not below the last bucket */
	size_t peer_count;
	struct sp_wg_peer_cursor *cursors;
	uint8_t peer_hash_key[16];

	struct sp_wg_engine_peer **heap; /* by wake_ns; as many as there are peers */
	size_t heap_count, heap_room;

	struct sp_wg_datagram *outbox_first, **outbox_link;
	size_t outbox_count, staged_bytes;
	uint64_t drops[SP_WG_DROP_COUNT];
};

/* Take over the caller's time; it never goes back. */
void sp_wg_engine_advance(struct sp_wg_engine *engine, const struct sp_wg_time *now);
/* Count one drop, of @peer or (NULL) of the engine. Returns @drop. */
enum sp_wg_drop sp_wg_count_drop(struct sp_wg_engine *engine, struct sp_wg_engine_peer *peer,
				 enum sp_wg_drop drop);

/* keypair.c */
struct sp_wg_keypair *sp_wg_keypair_ref(struct sp_wg_keypair *keypair);
/* Let go of one use; the last one wipes and frees it. NULL is allowed. */
void sp_wg_keypair_unref(struct sp_wg_keypair *keypair);
/* Turn the finished handshake into a keypair and put it into its slot. Returns 0; -EPROTO;
 * -ENOMEM. */
int sp_wg_session_begin(struct sp_wg_engine_peer *peer);
/* The first message under `next`: it becomes current. True if that happened. */
bool sp_wg_session_confirm(struct sp_wg_engine_peer *peer, struct sp_wg_keypair *received_with);
/* Empty the peer's three slots of keypairs. */
void sp_wg_sessions_clear(struct sp_wg_engine_peer *peer);
/* Give up the handshake under way and its index. */
void sp_wg_handshake_clear(struct sp_wg_engine_peer *peer);
/* True if @keypair, which may be NULL, can seal another message now. */
bool sp_wg_keypair_can_send(struct sp_wg_keypair *keypair, uint64_t now_ns);

/* peer.c */
/* What a handshake needs to know of the peer; some 70 us the first time under a key of ours. */
const struct sp_wg_remote *sp_wg_peer_remote(struct sp_wg_engine_peer *peer);

/* handshake.c */
void sp_wg_send_initiation(struct sp_wg_engine_peer *peer, bool is_retry);
/* Deal with an initiation, a response or a cookie reply; fills the item's drop. What it answers
 * with is queued. */
void sp_wg_handshake_receive(struct sp_wg_engine *engine, struct sp_wg_incoming *item);
/* True if the message changed the endpoint's address or port. */
bool sp_wg_learn_endpoint(struct sp_wg_engine_peer *peer, const struct sp_wg_endpoint *from);

/* send.c */
/* Queue a datagram for a peer, or a handshake message for a stranger. Returns 0; -ENOBUFS the
 * outbox is full, or there is no memory; the datagram is then counted as dropped. */
int sp_wg_emit(struct sp_wg_engine_peer *peer, const void *bytes, size_t len, bool is_handshake);
/* The same for a handshake message to an address that is no peer's. Returns 0; -ENOBUFS,
 * counted. */
int sp_wg_emit_to(struct sp_wg_engine *engine, const struct sp_wg_endpoint *to, const void *bytes,
		  size_t len);
/* Seal and queue everything staged, or begin the handshake it waits for. */
void sp_wg_send_staged(struct sp_wg_engine_peer *peer);
/* Drop everything staged, each packet counted as @drop. */
void sp_wg_purge_staged(struct sp_wg_engine_peer *peer, enum sp_wg_drop drop);
/* An empty message, unless staged packets do as well. */
void sp_wg_send_keepalive(struct sp_wg_engine_peer *peer);

/* timers.c: the events of the kernel's timers.c, under its names */

/* Give a new peer its place in the heap, with no timer set. Returns 0; -ENOMEM. */
int sp_wg_timers_add_peer(struct sp_wg_engine_peer *peer);
/* Take a peer that goes out of the heap. */
void sp_wg_timers_remove_peer(struct sp_wg_engine_peer *peer);
/* A data message was sent: expect an answer, else begin a handshake. */
void sp_wg_timers_data_sent(struct sp_wg_engine_peer *peer);
/* A data message came: answer with a keepalive if nothing else is sent. */
void sp_wg_timers_data_received(struct sp_wg_engine_peer *peer);
/* Any message of the session was sent: it does as the keepalive that was due. */
void sp_wg_timers_any_authenticated_packet_sent(struct sp_wg_engine_peer *peer);
/* Any authentic message came: the peer is there, no new handshake is due. */
void sp_wg_timers_any_authenticated_packet_received(struct sp_wg_engine_peer *peer);
/* An initiation was sent: retry unless it is answered. */
void sp_wg_timers_handshake_initiated(struct sp_wg_engine_peer *peer);
/* A handshake is confirmed: no more retries; notes the time. */
void sp_wg_timers_handshake_complete(struct sp_wg_engine_peer *peer);
/* New keys are there: all keys go in SP_WG_ZERO_KEYS_NS, unless newer ones come. */
void sp_wg_timers_session_derived(struct sp_wg_engine_peer *peer);
/* A message passed, either way: the persistent keepalive counts from here. */
void sp_wg_timers_any_authenticated_packet_traversal(struct sp_wg_engine_peer *peer);

#endif
