/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The four messages on the wire and the protocol's constants. All numbers are little-endian; the
 * structs hold bytes only, so they have no padding and any alignment.
 * Source: WireGuard paper, sections 5.4 and 6; the kernel's messages.h for the constants it leaves
 * open. */
#ifndef SALLYPORT_WG_MESSAGES_H
#define SALLYPORT_WG_MESSAGES_H

#include <stdint.h>

#include "base/units.h"

#define SP_WG_KEY_LEN 32 /* also src/io/wireguard/wg_key.h's */
#define SP_WG_HASH_LEN 32
#define SP_WG_TAG_LEN 16
#define SP_WG_MAC_LEN 16
#define SP_WG_STAMP_LEN 12
#define SP_WG_COOKIE_LEN 16
#define SP_WG_COOKIE_NONCE_LEN 24

enum sp_wg_message_type {
	SP_WG_INITIATION = 1,
	SP_WG_RESPONSE = 2,
	SP_WG_COOKIE_REPLY = 3,
	SP_WG_DATA = 4,
};

struct sp_wg_macs {
	uint8_t mac1[SP_WG_MAC_LEN], mac2[SP_WG_MAC_LEN];
};

struct sp_wg_initiation {
	uint8_t type_le[4]; /* the three bytes after the type are reserved and zero */
	uint8_t sender_index_le[4];
	uint8_t unencrypted_ephemeral[SP_WG_KEY_LEN];
	uint8_t encrypted_static[SP_WG_KEY_LEN + SP_WG_TAG_LEN];
	uint8_t encrypted_timestamp[SP_WG_STAMP_LEN + SP_WG_TAG_LEN];
	struct sp_wg_macs macs;
};

struct sp_wg_response {
	uint8_t type_le[4];
	uint8_t sender_index_le[4];
	uint8_t receiver_index_le[4];
	uint8_t unencrypted_ephemeral[SP_WG_KEY_LEN];
	uint8_t encrypted_nothing[SP_WG_TAG_LEN];
	struct sp_wg_macs macs;
};

struct sp_wg_cookie_reply {
	uint8_t type_le[4];
	uint8_t receiver_index_le[4];
	uint8_t nonce[SP_WG_COOKIE_NONCE_LEN];
	uint8_t encrypted_cookie[SP_WG_COOKIE_LEN + SP_WG_TAG_LEN];
};

struct sp_wg_data_header {
	uint8_t type_le[4];
	uint8_t receiver_index_le[4];
	uint8_t counter_le[8];
};

_Static_assert(sizeof(struct sp_wg_initiation) == 148, "on the wire");
_Static_assert(sizeof(struct sp_wg_response) == 92, "on the wire");
_Static_assert(sizeof(struct sp_wg_cookie_reply) == 64, "on the wire");
_Static_assert(sizeof(struct sp_wg_data_header) == 16, "on the wire");

#define SP_WG_DATA_OVERHEAD 32 /* header and tag */
#define SP_WG_PADDING                                                                              \
	16 /* inner packets are padded with zeros to a multiple of this, never past the MTU */

#define SP_WG_REKEY_AFTER_MESSAGES (1ull << 60)
#define SP_WG_REJECT_AFTER_MESSAGES (UINT64_MAX - (1ull << 13)) /* 2^64 - 2^13 - 1 */
#define SP_WG_REKEY_AFTER_NS (120 * SP_NS_PER_S)
#define SP_WG_REJECT_AFTER_NS (180 * SP_NS_PER_S)
#define SP_WG_REKEY_TIMEOUT_NS (5 * SP_NS_PER_S)
#define SP_WG_REKEY_JITTER_MAX_NS (SP_NS_PER_S / 3)
#define SP_WG_REKEY_ATTEMPT_NS (90 * SP_NS_PER_S)
#define SP_WG_REKEY_ATTEMPTS_MAX (SP_WG_REKEY_ATTEMPT_NS / SP_WG_REKEY_TIMEOUT_NS)
#define SP_WG_KEEPALIVE_TIMEOUT_NS (10 * SP_NS_PER_S)
#define SP_WG_ZERO_KEYS_NS (3 * SP_WG_REJECT_AFTER_NS)
#define SP_WG_COOKIE_SECRET_MAX_AGE_NS (120 * SP_NS_PER_S)
#define SP_WG_COOKIE_SECRET_LATENCY_NS (5 * SP_NS_PER_S)
#define SP_WG_INITIATIONS_PER_SECOND 50 /* accepted from one peer */
#define SP_WG_STAGED_MAX 128            /* inner packets kept for a peer until it has a key */

#endif
