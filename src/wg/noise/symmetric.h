/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Noise's symmetric state with BLAKE2s and ChaCha20-Poly1305: a chaining key, a transcript hash,
 * and the key of the next encryption. Every key encrypts once, with nonce 0, as in WireGuard's
 * pattern.
 * Source: Noise revision 34, section 5.2; WireGuard paper 5.4.2, whose temporary keys are `key`
 * here. */
#ifndef SALLYPORT_WG_SYMMETRIC_H
#define SALLYPORT_WG_SYMMETRIC_H

#include <stddef.h>
#include <stdint.h>

#include "wg/noise/messages.h"

struct sp_wg_symmetric {
	uint8_t chaining_key[SP_WG_HASH_LEN];
	uint8_t hash[SP_WG_HASH_LEN];
	uint8_t key
		[SP_WG_KEY_LEN]; /* of the next encrypt or decrypt: set by a mix just before it */
};

/* Start with a protocol name longer than 32 bytes and a prologue of any length. */
void sp_wg_symmetric_init(struct sp_wg_symmetric *state, const char *protocol, const void *prologue,
			  size_t prologue_len);
/* MixHash: the transcript goes on with @len bytes. */
void sp_wg_mix_hash(struct sp_wg_symmetric *state, const void *bytes, size_t len);
/* MixKey: a new chaining key and a new key from @input (a DH result). */
void sp_wg_mix_key(struct sp_wg_symmetric *state, const uint8_t *input, size_t len);
/* The same, without a key for encryption: what a plain ephemeral does in psk patterns. */
void sp_wg_mix_chaining_key(struct sp_wg_symmetric *state, const uint8_t *input, size_t len);
/* MixKeyAndHash of the pre-shared key: a new chaining key, part of the hash, a new key. */
void sp_wg_mix_psk(struct sp_wg_symmetric *state, const uint8_t psk[SP_WG_KEY_LEN]);
/* Mix the Diffie-Hellman product into the keys. Returns 0; -EKEYREJECTED a low-order point. */
int sp_wg_mix_dh(struct sp_wg_symmetric *state, const uint8_t private_key[SP_WG_KEY_LEN],
		 const uint8_t public_key[SP_WG_KEY_LEN]);
/* @ret_sealed: @len + 16 bytes, then part of the hash. */
void sp_wg_encrypt_and_hash(struct sp_wg_symmetric *state, const uint8_t *text, size_t len,
			    uint8_t *ret_sealed);
/* @sealed: @len + 16 bytes. Returns 0; -EBADMSG wrong tag, nothing changed. */
int sp_wg_decrypt_and_hash(struct sp_wg_symmetric *state, const uint8_t *sealed, size_t len,
			   uint8_t *ret_text);
/* Split: the initiator's and the responder's sending key. */
void sp_wg_split(const struct sp_wg_symmetric *state, uint8_t ret_first[SP_WG_KEY_LEN],
		 uint8_t ret_second[SP_WG_KEY_LEN]);

#endif
