/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What an engine knows of one peer, and the keys of a session with it. Read freely; written by the
 * engine's own functions (engine.h) alone.
 *
 * Keypair slots, as in the kernel: `current` seals; `next` is a responder's new one, waiting for
 * the first message under it; `previous` still opens what was on its way when current changed. */
#ifndef SALLYPORT_WG_PEER_H
#define SALLYPORT_WG_PEER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sallyport/abi/tables.h>

#include "wg/noise/cookie.h"
#include "wg/noise/noise.h"
#include "wg/tables/allowed_ips.h"
#include "wg/tables/index_table.h"
#include "wg/tables/replay.h"

#define SP_WG_NEVER UINT64_MAX

/* Why a datagram or packet went no further: name, word for people. */
#define SP_WG_DROPS(X)                                                                             \
	X(NONE, "none")               /* it did go further */                                      \
	X(JUNK, "junk")               /* no message of the protocol */                             \
	X(MAC1, "mac1")               /* a handshake meant for another key */                      \
	X(COOKIE, "cookie")           /* under load: a cookie was asked for */                     \
	X(RATE, "rate")               /* under load: too many from that source */                  \
	X(INDEX, "index")             /* no session or handshake of that index */                  \
	X(HANDSHAKE, "handshake")     /* a handshake message that does not open */                 \
	X(UNKNOWN, "unknown-peer")    /* a handshake of a key that is no peer */                   \
	X(STALE, "stale-handshake")   /* an initiation seen before, or older than one */           \
	X(FLOOD, "handshake-flood")   /* initiations of one peer within 20 ms */                   \
	X(EXPIRED, "expired")         /* the session's key is too old or used up */                \
	X(AUTH, "auth")               /* a data message with a wrong tag */                        \
	X(REPLAY, "replay")           /* a data message seen before, or far behind */              \
	X(INNER, "inner")             /* what was inside is no IP packet */                        \
	X(ECN, "ecn")                 /* congestion marked on a packet that cannot say so */       \
	X(ALLOWED_IPS, "allowed-ips") /* an inner source that is not the peer's */                 \
	X(UNROUTED, "unrouted")       /* to send: no peer has the destination */                   \
	X(LOOP, "loop") /* to send: our own message, routed into the tunnel it came out of */      \
	X(NO_ENDPOINT, "no-endpoint") /* to send: the peer was never heard of */                   \
	X(STAGED_FULL, "staged-full") /* to send: too much waits for a handshake */                \
	X(UNANSWERED, "unanswered")   /* to send: the handshake it waited for never came */        \
	X(OUTBOX_FULL, "outbox-full") /* of ours: the caller takes no datagrams */                 \
	X(NO_RANDOM, "no-random")     /* of ours: no random bytes, no handshake */                 \
	X(INTERNAL, "internal")       /* no memory, or the cipher failed */

enum sp_wg_drop {
#define SP_WG_DROP_ENUM(name, word) SP_WG_DROP_##name,
	SP_WG_DROPS(SP_WG_DROP_ENUM)
#undef SP_WG_DROP_ENUM
		SP_WG_DROP_COUNT
};

/* The drop's word in SP_WG_DROPS, a constant text. */
const char *sp_wg_drop_word(enum sp_wg_drop drop);

struct sp_wg_endpoint {
	struct sp_addr addr;  /* IPv4 as ::ffff:a.b.c.d */
	struct sp_addr local; /* our address it talks to; all zero: not known, the kernel chooses */
	uint32_t scope_id;    /* of a link-local IPv6 address */
	uint32_t local_ifindex;
	uint16_t port; /* host order; 0: no endpoint */
};

enum sp_wg_timer {
	SP_WG_TIMER_RETRANSMIT_HANDSHAKE,
	SP_WG_TIMER_SEND_KEEPALIVE,
	SP_WG_TIMER_NEW_HANDSHAKE,
	SP_WG_TIMER_ZERO_KEYS,
	SP_WG_TIMER_PERSISTENT_KEEPALIVE,
	SP_WG_TIMER_COUNT
};

struct sp_wg_keypair {
	uint8_t sending_key[SP_WG_KEY_LEN], receiving_key[SP_WG_KEY_LEN];
	uint64_t sending_counter; /* of the next message */
	uint64_t born_ns;
	struct sp_wg_engine_peer *peer; /* NULL: no longer in a slot of a peer */
	struct sp_wg_index_entry entry;
	uint32_t remote_index;
	uint32_t users; /* its slot, and every message between begin and end */
	bool is_initiator;
	bool sending_is_valid, receiving_is_valid;
	struct sp_wg_replay replay;
};

struct sp_wg_staged {
	struct sp_wg_staged *next;
	size_t len;
	uint8_t packet[];
};

struct sp_wg_engine_peer {
	struct sp_wg_engine *engine;
	struct sp_wg_engine_peer *previous_peer, *next_peer, *hash_next;
	struct sp_wg_remote remote;
	bool is_remote_ready; /* its static_static is that of our present key */
	struct sp_wg_endpoint endpoint;
	struct sp_wg_allowed_list allowed_ips;

	struct sp_wg_handshake handshake;
	struct sp_wg_index_entry handshake_entry;
	struct sp_wg_cookie_jar jar;
	uint8_t greatest_timestamp[SP_WG_STAMP_LEN];        /* received */
	uint8_t last_timestamp[SP_WG_STAMP_LEN];            /* sent */
	uint64_t initiation_consumed_ns, handshake_sent_ns; /* 0: never */
	uint64_t last_handshake_real_ns;                    /* 0: never */
	struct sp_wg_keypair *current, *previous, *next;

	uint64_t timers_ns[SP_WG_TIMER_COUNT]; /* SP_WG_NEVER: not set */
	uint64_t wake_ns;                      /* not after any of them */
	size_t heap_place;
	unsigned int handshake_attempts;
	uint16_t persistent_keepalive_s; /* 0: off */
	bool sent_lastminute_handshake, needs_another_keepalive;

	struct sp_wg_staged *staged_first, **staged_link;
	size_t staged_count;
	uint64_t rx_bytes, tx_bytes; /* UDP payload, handshakes included */
	uint64_t roams;              /* how often it moved from one endpoint to another */
	uint64_t drops[SP_WG_DROP_COUNT];
};

#endif
