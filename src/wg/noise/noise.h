/* SPDX-License-Identifier: GPL-3.0-or-later */
/* WireGuard's handshake, Noise_IKpsk2_25519_ChaChaPoly_BLAKE2s:
 *
 *	<- s
 *	-> e, es, s, ss, {timestamp}		sp_wg_initiation
 *	<- e, ee, se, psk, {}			sp_wg_response
 *
 * Pure functions over the two messages: no state outside `struct sp_wg_handshake`, the random bytes
 * and the timestamp come from the caller. The macs of a message are cookie.h's. A message that is
 * refused leaves the handshake as it was.
 * Source: WireGuard paper, 5.4.2 to 5.4.5. */
#ifndef SALLYPORT_WG_NOISE_H
#define SALLYPORT_WG_NOISE_H

#include <stdbool.h>
#include <stdint.h>

#include "wg/noise/symmetric.h"

enum sp_wg_handshake_state {
	SP_WG_HANDSHAKE_NONE,
	SP_WG_CREATED_INITIATION,
	SP_WG_CONSUMED_INITIATION,
	SP_WG_CREATED_RESPONSE,
	SP_WG_CONSUMED_RESPONSE,
};

/* Our own key pair. */
struct sp_wg_identity {
	uint8_t private_key[SP_WG_KEY_LEN];
	uint8_t public_key[SP_WG_KEY_LEN];
};

/* What does not change between handshakes with one peer. */
struct sp_wg_remote {
	uint8_t public_key[SP_WG_KEY_LEN];
	uint8_t preshared_key[SP_WG_KEY_LEN];
	uint8_t static_static[SP_WG_KEY_LEN]; /* DH of both static keys */
	bool has_static_static; /* false: the peer's key has a low order; nothing is exchanged */
};

struct sp_wg_handshake {
	enum sp_wg_handshake_state state;
	uint32_t local_index, remote_index;
	uint8_t ephemeral_private[SP_WG_KEY_LEN];
	uint8_t remote_ephemeral[SP_WG_KEY_LEN];
	struct sp_wg_symmetric symmetric;
};

/* The two transport keys of a finished handshake. */
struct sp_wg_transport_keys {
	uint8_t sending[SP_WG_KEY_LEN], receiving[SP_WG_KEY_LEN];
	uint32_t local_index, remote_index;
	bool is_initiator;
};

/* An initiation that was opened: who sent it, not yet whether it is fresh. */
struct sp_wg_opened_initiation {
	uint8_t remote_static[SP_WG_KEY_LEN];
	struct sp_wg_handshake handshake; /* es is mixed in, ss and the timestamp are not */
};

/* Clamp a copy of @private_key (RFC 7748, 5) and compute its public key. */
void sp_wg_identity_init(struct sp_wg_identity *identity, const uint8_t private_key[SP_WG_KEY_LEN]);
/* Fill in @remote's static_static. */
void sp_wg_remote_precompute(struct sp_wg_remote *remote, const struct sp_wg_identity *identity);

/* @ephemeral: 32 random bytes; @index: our receiver index for the answer, unused so far.
 * Writes everything of @ret_message but the macs.
 * Returns 0; -EKEYREJECTED the peer's static key has a low order. */
int sp_wg_initiation_create(struct sp_wg_handshake *handshake,
			    const struct sp_wg_identity *identity,
			    const struct sp_wg_remote *remote,
			    const uint8_t ephemeral[SP_WG_KEY_LEN], uint32_t index,
			    const uint8_t timestamp[SP_WG_STAMP_LEN],
			    struct sp_wg_initiation *ret_message);

/* First half of consuming one, before the peer is known. Wipe @ret_opened in any case.
 * Returns 0; -EBADMSG not for our key or damaged; -EKEYREJECTED low-order ephemeral. */
int sp_wg_initiation_open(const struct sp_wg_identity *identity,
			  const struct sp_wg_initiation *message,
			  struct sp_wg_opened_initiation *ret_opened);
/* Second half, with the peer whose key it named. The caller judges the timestamp and, if it is
 * fresh, copies
 * @opened's handshake over the peer's. Returns 0; -EBADMSG; -EKEYREJECTED. */
int sp_wg_initiation_finish(struct sp_wg_opened_initiation *opened,
			    const struct sp_wg_remote *remote,
			    const struct sp_wg_initiation *message,
			    uint8_t ret_timestamp[SP_WG_STAMP_LEN]);
void sp_wg_opened_initiation_wipe(struct sp_wg_opened_initiation *opened); /* fits __sp_cleanup */

/* Answer the initiation @handshake consumed. Returns 0; -EPROTO no initiation was consumed;
 * -EKEYREJECTED. */
int sp_wg_response_create(struct sp_wg_handshake *handshake, const struct sp_wg_remote *remote,
			  const uint8_t ephemeral[SP_WG_KEY_LEN], uint32_t index,
			  struct sp_wg_response *ret_message);

/* Returns 0; -EPROTO no initiation of ours is open; -EBADMSG; -EKEYREJECTED. */
int sp_wg_response_consume(struct sp_wg_handshake *handshake, const struct sp_wg_identity *identity,
			   const struct sp_wg_remote *remote, const struct sp_wg_response *message);

/* The keys of a handshake whose response was created or consumed; the handshake is wiped.
 * Returns 0; -EPROTO it is not that far. */
int sp_wg_handshake_finish(struct sp_wg_handshake *handshake,
			   struct sp_wg_transport_keys *ret_keys);

/* Forget every secret; the state is then the one before any message. */
void sp_wg_handshake_wipe(struct sp_wg_handshake *handshake);

#endif
