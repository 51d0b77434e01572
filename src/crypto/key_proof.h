/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Showing that one has the private half of an X25519 key without using it for anything else: a MAC
 * under a key only the two sides can compute, over the other side's challenge and what it is for.
 *
 *	shared  = X25519(own private, other public)
 *	mac-key = HMAC-BLAKE2s("Sallyport device key proof v1", shared || device key || gateway key)
 *	proof   = HMAC-BLAKE2s(mac-key, BLAKE2s(len32 challenge || len32 audience || len32 purpose))
 *
 * The label keeps it apart from Noise, which makes other keys of the same product. The audience is
 * the verifier's own address as the prover knows it, so that one gateway cannot have another's
 * challenge answered; the purpose is what is signed in to.
 */
#ifndef SALLYPORT_CRYPTO_KEY_PROOF_H
#define SALLYPORT_CRYPTO_KEY_PROOF_H

#include <stdbool.h>
#include <stdint.h>

#include "crypto/x25519/x25519.h"

#define SP_KEY_PROOF_LEN 32

struct sp_key_proof {
	const uint8_t *device_key;  /* public, SP_X25519_LEN */
	const uint8_t *gateway_key; /* public, SP_X25519_LEN */
	const char *challenge, *audience, *purpose;
};

/* @private_key: of one of the two sides. Returns 0; -EKEYREJECTED the other side's key is none
 * (low order), nothing is written. */
int sp_key_proof_make(uint8_t ret_proof[SP_KEY_PROOF_LEN], const uint8_t private_key[SP_X25519_LEN],
		      bool is_device, const struct sp_key_proof *of);

/* Is it a key that some private key has? Not one of low order, and written as multiplication writes
 * it (below 2^255 - 19), so that one key has one form: X25519 ignores the top bit, which every
 * reader of keys clears, and reduces the rest. */
bool sp_x25519_is_public(const uint8_t key[SP_X25519_LEN]);

#endif
