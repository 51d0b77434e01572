/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The parts of the AVX-512-IFMA implementation, between its files. What is compiled for AVX-512 is
 * called only after aead_ifma.c has asked the processor. */
#ifndef SALLYPORT_CRYPTO_AEAD_IFMA_H
#define SALLYPORT_CRYPTO_AEAD_IFMA_H

#include <stdbool.h>
#include <stddef.h>

#include "base/bytes.h"
#include "crypto/aead/aead.h"

#define SP_AEAD_IFMA_EIGHT 8

/* Bytes of the room in which a computation keeps its state, secrets included, aligned to 64 bytes.
 * The caller wipes the room once a batch: each function returns how many bytes of it, from the
 * first, it used. */
#define SP_AEAD_IFMA_ROOM 5120
/* What they may leave on the stack, below the caller's frame. */
#define SP_AEAD_IFMA_STACK_EIGHT 4096
#define SP_AEAD_IFMA_STACK_ONE 1024

/* Seal or open @count messages, 1 to 8, at once: it takes the time of eight of the longest. Fills
 * their results. These take all of the room. */
size_t sp_aead_ifma_eight_seal(void *room, struct sp_aead_op *const *ops, size_t count);
size_t sp_aead_ifma_eight_open(void *room, struct sp_aead_op *const *ops, size_t count);

/* Both take one message without additional data, and fill its result. */
size_t sp_aead_ifma_one_seal(void *room, struct sp_aead_op *op);
size_t sp_aead_ifma_one_open(void *room, struct sp_aead_op *op);

/* Its tag: Poly1305 of @len bytes padded, and of the lengths (RFC 8439, 2.8). */
void sp_aead_ifma_tag(const uint8_t key[32], const uint8_t *bytes, size_t len,
		      uint8_t tag[SP_AEAD_TAG_LEN]);

/* Two comparisons without a branch between them. */
static inline bool sp_aead_ifma_tags_differ(const uint8_t *a, const uint8_t *b)
{
	return ((sp_get_le64(a) ^ sp_get_le64(b)) | (sp_get_le64(a + 8) ^ sp_get_le64(b + 8))) != 0;
}

#endif
