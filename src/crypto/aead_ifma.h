/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The parts of the AVX-512-IFMA implementation, between its files. What is compiled for AVX-512 is
 * called only after aead_ifma.c has asked the processor. */
#ifndef SALLYPORT_CRYPTO_AEAD_IFMA_H
#define SALLYPORT_CRYPTO_AEAD_IFMA_H

#include <stddef.h>

#include "crypto/aead.h"

#define SP_AEAD_IFMA_EIGHT 8

/* Seal or open @count messages, 1 to 8, at once: it takes the time of eight of the longest. Fills
 * their results. */
void sp_aead_ifma_eight_seal(struct sp_aead_op *const *ops, size_t count);
void sp_aead_ifma_eight_open(struct sp_aead_op *const *ops, size_t count);

#endif
