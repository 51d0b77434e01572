/* SPDX-License-Identifier: GPL-3.0-or-later */
/* X25519 (RFC 7748, section 5): our own code where the processor has AVX-512-IFMA and the self-test
 * passes, else libsodium's. Scalars are clamped inside. */
#ifndef SALLYPORT_CRYPTO_X25519_H
#define SALLYPORT_CRYPTO_X25519_H

#include <stddef.h>
#include <stdint.h>

#define SP_X25519_LEN 32

/* The shared secret of one side's private and the other's public key.
 * Returns 0; -EKEYREJECTED the result is all zeros (the public key has a low order), nothing is
 * written. */
int sp_x25519(uint8_t ret_secret[SP_X25519_LEN], const uint8_t private_key[SP_X25519_LEN],
	      const uint8_t public_key[SP_X25519_LEN]);

struct sp_x25519_op {
	const uint8_t *private_key;
	const uint8_t *public_key; /* NULL: the base point, so that the product is the public key */
	uint8_t *ret_product; /* SP_X25519_LEN bytes; none of the inputs of any of the operations */
	int result;           /* 0, or -EKEYREJECTED as above, nothing written */
};

/* Run @n independent operations, four of them in about the time of two where there is IFMA; each
 * says in its result how it went. Returns 0, or the first result that is not. */
int sp_x25519_many(struct sp_x25519_op *ops, size_t n);

/* The public key of a private one. */
void sp_x25519_public(uint8_t ret_public[SP_X25519_LEN], const uint8_t private_key[SP_X25519_LEN]);

#endif
