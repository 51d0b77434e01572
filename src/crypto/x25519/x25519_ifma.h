/* SPDX-License-Identifier: GPL-3.0-or-later */
/* X25519 for AVX-512-IFMA, between x25519.c, which asks the processor, and x25519_ifma_*.c, which
 * are compiled for it. Both take the same time whatever the values, do not look for an all-zero
 * result, and wipe what they leave in memory of their own. Source: RFC 7748, section 5. */
#ifndef SALLYPORT_CRYPTO_X25519_IFMA_H
#define SALLYPORT_CRYPTO_X25519_IFMA_H

#include <stdint.h>

#include "crypto/x25519/x25519.h"

#define SP_X25519_IFMA_LANES 4

/* @scalar is clamped here. @point: 32 bytes; bit 255 is not looked at. */
void sp_x25519_ifma_one(uint8_t ret_product[SP_X25519_LEN], const uint8_t scalar[SP_X25519_LEN],
			const uint8_t point[SP_X25519_LEN]);

/* Four products at once, in about the time of two. */
void sp_x25519_ifma_four(uint8_t ret_products[SP_X25519_IFMA_LANES][SP_X25519_LEN],
			 const uint8_t *const scalars[SP_X25519_IFMA_LANES],
			 const uint8_t *const points[SP_X25519_IFMA_LANES]);

#endif
