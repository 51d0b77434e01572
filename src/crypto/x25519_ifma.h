/* SPDX-License-Identifier: GPL-3.0-or-later */
/* X25519 for AVX-512-IFMA, between x25519.c, which asks the processor, and x25519_ifma.c, which is
 * compiled for it. */
#ifndef SALLYPORT_CRYPTO_X25519_IFMA_H
#define SALLYPORT_CRYPTO_X25519_IFMA_H

#include <stdint.h>

#include "crypto/x25519.h"

#define SP_X25519_IFMA_LANES 4

/* Four products at once, in the time of one, whatever the values: RFC 7748, section 5, without the
 * look for an all-zero result. Wipes what it leaves in memory of its own. */
void sp_x25519_ifma(uint8_t ret_products[SP_X25519_IFMA_LANES][SP_X25519_LEN],
		    const uint8_t *const scalars[SP_X25519_IFMA_LANES],
		    const uint8_t *const points[SP_X25519_IFMA_LANES]);

#endif
