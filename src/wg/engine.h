/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The WireGuard engine: datagrams, inner packets, time and random bytes in; datagrams, inner
 * packets and the next deadline out. No socket, no clock, no thread, no lock of its own.
 *
 * Data goes in batches and in two steps, so that a caller with several threads holds its lock only
 * around the cheap ones:
 *
 *	n = sp_wg_send_begin(engine, items, count, now, ops);	peers, keys and counters (locked)
 *	sp_aead_seal(aead, ops, n);				each thread with its own sp_aead
 *	sp_wg_send_end(engine, items, count);			(locked)
 *	… send items[i].message to items[i].to where items[i].drop is NONE
 *
 * and likewise receive_begin, sp_aead_open, receive_end. Handshakes, cookies, keepalives and
 * packets that had to wait come out of sp_wg_take_datagram: ask it until NULL after every call that
 * takes `now`, and sp_wg_next_deadline for when to call sp_wg_tick.
 *
 * Invariants: a counter is used once; plain text is handed out only if it was authentic, not seen
 * before, under a key that is young enough, and from an inner address of that peer. Any number of
 * in-flight items may outlive their peer. Everything wiped when it goes.
 * Source: WireGuard paper, sections 5 and 6; the kernel's drivers/net/wireguard where the paper is
 * silent. */
#ifndef SALLYPORT_WG_ENGINE_H
#define SALLYPORT_WG_ENGINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "crypto/aead/aead.h"
#include "wg/peer.h"

struct sp_wg_engine;

struct sp_wg_time {
	uint64_t now_ns;  /* CLOCK_BOOTTIME, never 0; never goes back: the greatest counts */
	uint64_t real_ns; /* CLOCK_REALTIME since 1970: for timestamps and "latest handshake" */
};

struct sp_wg_config {
	/* Fill @len bytes from the system's generator. Returns 0; -errno, and whatever needed them
	 * is not sent. */
	int (*random)(void *arg, uint8_t *ret_bytes, size_t len);
	void *random_arg;
	uint32_t mtu;                   /* of the inner interface; 0: 1420 */
	uint32_t handshakes_per_second; /* above this we are under load; 0: 2000 */
	size_t staged_bytes_max;        /* waiting for handshakes, all peers together; 0: 16 MiB */
};

/* Returns 0; -ENOMEM; -EIO no random bytes, or the cryptographic library does not start. */
int sp_wg_engine_new(const struct sp_wg_config *config, struct sp_wg_engine **ret_engine);
/* Wipes keys and packets. NULL is allowed. Cursors and in-flight items end before it. */
void sp_wg_engine_free(struct sp_wg_engine *engine);
SP_DEFINE_CLEANUP(struct sp_wg_engine *, sp_wg_engine_free);

/* NULL: no key, nothing is answered. Ends the sessions of every peer when the key changes; a peer
 * with the new public key is removed. */
void sp_wg_engine_set_identity(struct sp_wg_engine *engine, const struct sp_wg_identity *identity);
/* NULL without a key. */
const struct sp_wg_identity *sp_wg_engine_get_identity(const struct sp_wg_engine *engine);
/* @mtu: bytes of an inner packet, 0: 1420. Atomic: sp_wg_message_len may run in another thread. */
void sp_wg_engine_set_mtu(struct sp_wg_engine *engine, uint32_t mtu);
/* At the time of the last call that took `now`. */
bool sp_wg_engine_is_under_load(const struct sp_wg_engine *engine);
/* Drops that belong to no peer. */
uint64_t sp_wg_engine_get_drops(const struct sp_wg_engine *engine, enum sp_wg_drop drop);

/* Costs no Diffie-Hellman: that of the static keys is done with the first handshake.
 * Returns 0; -EEXIST it is a peer already, or our own key; -ENOMEM. */
int sp_wg_engine_peer_add(struct sp_wg_engine *engine, const uint8_t public_key[SP_WG_KEY_LEN],
			  struct sp_wg_engine_peer **ret_peer);
/* The peer of this key, or NULL. */
struct sp_wg_engine_peer *sp_wg_engine_peer_find(const struct sp_wg_engine *engine,
						 const uint8_t public_key[SP_WG_KEY_LEN]);
/* The peer after @previous, NULL: the first. */
struct sp_wg_engine_peer *sp_wg_engine_peer_next(const struct sp_wg_engine *engine,
						 const struct sp_wg_engine_peer *previous);
/* How many peers there are. */
size_t sp_wg_engine_peer_count(const struct sp_wg_engine *engine);
/* Free the peer with its sessions, allowed addresses and staged packets. Open cursors go on
 * behind it. */
void sp_wg_engine_peer_remove(struct sp_wg_engine_peer *peer);

/* A walk over the peers that may pause while peers are added and removed: a peer that stays is met
 * once, a peer that is added meanwhile perhaps. Linked into the engine until closed. */
struct sp_wg_peer_cursor {
	struct sp_wg_engine_peer *next;
	struct sp_wg_peer_cursor *next_cursor;
};

/* Start before the first peer. */
void sp_wg_peer_cursor_open(struct sp_wg_engine *engine, struct sp_wg_peer_cursor *cursor);
/* The next peer; NULL: there are no more. */
struct sp_wg_engine_peer *sp_wg_peer_cursor_next(struct sp_wg_peer_cursor *cursor);
/* Unlink @cursor; a cursor that is not linked is left alone. */
void sp_wg_peer_cursor_close(struct sp_wg_engine *engine, struct sp_wg_peer_cursor *cursor);
/* The same over one peer's allowed addresses; removing the peer ends the walk. */
void sp_wg_engine_peer_allowed_open(struct sp_wg_engine_peer *peer,
				    struct sp_wg_allowed_cursor *cursor);
/* Unlink what sp_wg_engine_peer_allowed_open linked; the peer may be gone. */
void sp_wg_engine_allowed_close(struct sp_wg_engine *engine, struct sp_wg_allowed_cursor *cursor);

/* None of these touches a running session; all zero is no pre-shared key. */
void sp_wg_engine_peer_set_preshared_key(struct sp_wg_engine_peer *peer,
					 const uint8_t key[SP_WG_KEY_LEN]);
void sp_wg_engine_peer_set_endpoint(struct sp_wg_engine_peer *peer,
				    const struct sp_wg_endpoint *endpoint);
/* Let the kernel choose our address anew, as after a change of routes. */
void sp_wg_engine_peer_forget_local(struct sp_wg_engine_peer *peer);
/* Turning it on sends one at once, as the kernel does, or when a paused engine resumes. */
void sp_wg_engine_peer_set_keepalive(struct sp_wg_engine_peer *peer, uint16_t seconds,
				     const struct sp_wg_time *now);
/* As sp_wg_allowed_ips_insert and _remove. */
int sp_wg_engine_peer_allow(struct sp_wg_engine_peer *peer, const struct sp_prefix *prefix);
int sp_wg_engine_peer_disallow(struct sp_wg_engine_peer *peer, const struct sp_prefix *prefix);
/* Remove at most @max of them. Returns true if more are left. */
bool sp_wg_engine_peer_disallow_some(struct sp_wg_engine_peer *peer, size_t max);
/* Begin a handshake whatever the state of the present session, unless one began within
 * REKEY_TIMEOUT. */
void sp_wg_engine_peer_handshake(struct sp_wg_engine_peer *peer, const struct sp_wg_time *now);

struct sp_wg_outgoing {
	const uint8_t *packet; /* an inner IPv4 or IPv6 packet; borrowed until end */
	size_t len;
	/* Room for sp_wg_message_len(engine, @len) bytes. @packet lies apart from it or, to be
	 * sealed in place, at message + SP_WG_DATA_HEADER_LEN. */
	uint8_t *message;
	/* filled by begin: */
	size_t message_len; /* 0 if there is nothing to send now */
	struct sp_wg_endpoint to;
	enum sp_wg_drop drop;
	bool is_staged;    /* kept until a handshake is done; comes out of sp_wg_take_datagram */
	uint8_t outer_ecn; /* for the outer header's two bits: RFC 6040, 4.1 normal mode */
	struct sp_wg_keypair *keypair; /* the engine's own, until end */
	struct sp_aead_op *op;
};

/* Bytes of the message that an inner packet of @len bytes becomes. Needs no lock: it changes only
 * with the MTU. */
size_t sp_wg_message_len(const struct sp_wg_engine *engine, size_t len);

/* @ops has room for @count. Returns how many of them there are to seal. */
size_t sp_wg_send_begin(struct sp_wg_engine *engine, struct sp_wg_outgoing *items, size_t count,
			const struct sp_wg_time *now, struct sp_aead_op *ops);
/* An item whose operation failed becomes a drop. */
void sp_wg_send_end(struct sp_wg_engine *engine, struct sp_wg_outgoing *items, size_t count);

struct sp_wg_incoming {
	uint8_t *message; /* a UDP payload; opened in place */
	size_t len;
	struct sp_wg_endpoint from; /* its source, and where it came in */
	uint8_t outer_ecn;          /* the two bits of the outer header */
	/* filled by begin and end: */
	enum sp_wg_drop drop;
	uint8_t *packet;   /* the inner packet, a view into @message; NULL: none to deliver */
	size_t packet_len; /* without padding */
	struct sp_wg_engine_peer *peer; /* who sent it, if proven; valid until the next call */
	bool has_roamed;                /* its peer's endpoint changed to @from */
	struct sp_wg_keypair *keypair;  /* the engine's own, until end */
	struct sp_aead_op *op;
	uint64_t counter;
};

/* Handshake and cookie messages are dealt with at once. Returns how many operations there are to
 * open. */
size_t sp_wg_receive_begin(struct sp_wg_engine *engine, struct sp_wg_incoming *items, size_t count,
			   const struct sp_wg_time *now, struct sp_aead_op *ops);
/* Take what sp_aead_open made of the operations: fill drop, packet, peer and has_roamed of each
 * item that was to be opened. The plain text of a dropped item is wiped. */
void sp_wg_receive_end(struct sp_wg_engine *engine, struct sp_wg_incoming *items, size_t count,
		       const struct sp_wg_time *now);

/* Pause when the interface goes down: every session, handshake and timer ends, and staged packets
 * are dropped. Resume when it goes up: persistent keepalives begin again, and packets that were
 * staged meanwhile are sent, since an interface carries packets a moment before its engine hears
 * that it is up. As the kernel's wg_stop and wg_open. */
void sp_wg_engine_pause(struct sp_wg_engine *engine);
/* The other half of sp_wg_engine_pause: datagrams may wait in sp_wg_take_datagram afterwards. */
void sp_wg_engine_resume(struct sp_wg_engine *engine, const struct sp_wg_time *now);

#define SP_WG_TICK_PEERS 64
/* Fire the timers that are due, of SP_WG_TICK_PEERS peers at most, so that a caller's lock is held
 * for a moment only: sp_wg_next_deadline says whether to call it again at once. */
void sp_wg_tick(struct sp_wg_engine *engine, const struct sp_wg_time *now);
/* When to call it next; SP_WG_NEVER: nothing is waiting. May be early. */
uint64_t sp_wg_next_deadline(const struct sp_wg_engine *engine);

struct sp_wg_datagram {
	struct sp_wg_datagram *next; /* the engine's */
	struct sp_wg_endpoint to;
	uint8_t outer_ecn;
	bool is_handshake; /* the kernel marks these AF41 (0x88), data is not marked */
	size_t len;
	uint8_t bytes[];
};

/* The next datagram to send, in order; the caller frees it. NULL: none. */
struct sp_wg_datagram *sp_wg_take_datagram(struct sp_wg_engine *engine);

#endif
