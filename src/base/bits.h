/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Sets of small numbers as bits in 64-bit words. */
#ifndef SALLYPORT_BASE_BITS_H
#define SALLYPORT_BASE_BITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

static inline size_t sp_bits_words(size_t bits)
{
	return bits / 64 + 1; /* never 0 */
}

/* An empty set, malloc'ed; NULL without memory. */
static inline uint64_t *sp_bits_new(size_t words)
{
	return calloc(words, sizeof(uint64_t));
}

static inline void sp_bits_set(uint64_t *bits, size_t n)
{
	bits[n / 64] |= UINT64_C(1) << (n % 64);
}

static inline void sp_bits_flip(uint64_t *bits, size_t n)
{
	bits[n / 64] ^= UINT64_C(1) << (n % 64);
}

static inline bool sp_bits_test(const uint64_t *bits, size_t n)
{
	return bits[n / 64] >> (n % 64) & 1;
}

/* The first set bit at or behind @from, or @words * 64. */
static inline size_t sp_bits_next(const uint64_t *bits, size_t words, size_t from)
{
	size_t word = from / 64;
	uint64_t left;

	if (word >= words)
		return words * 64;
	left = bits[word] & (~UINT64_C(0) << (from % 64));
	while (!left) {
		if (++word == words)
			return words * 64;
		left = bits[word];
	}
	return word * 64 + (size_t)__builtin_ctzll(left);
}

#endif
