/* SPDX-License-Identifier: GPL-3.0-or-later */
/* X25519 (RFC 7748, section 5), by libsodium. Scalars are clamped inside. */
#ifndef SALLYPORT_CRYPTO_X25519_H
#define SALLYPORT_CRYPTO_X25519_H

#include <stdint.h>

#define SP_X25519_LEN 32

/* The shared secret of one side's private and the other's public key.
 * Returns 0; -EKEYREJECTED the result is all zeros (the public key has a low order), nothing is
 * written. */
int sp_x25519(uint8_t ret_secret[SP_X25519_LEN], const uint8_t private_key[SP_X25519_LEN],
	      const uint8_t public_key[SP_X25519_LEN]);

/* The public key of a private one. */
void sp_x25519_public(uint8_t ret_public[SP_X25519_LEN], const uint8_t private_key[SP_X25519_LEN]);

#endif
