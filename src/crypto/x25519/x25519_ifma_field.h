/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Numbers modulo 2^255 - 19, four at a time, one in each 64-bit lane of AVX-512-IFMA. For the two
 * files that make X25519 of them.
 *
 * A field element is five limbs of 51 bits, least first: the sum of limb[i] << 51 i. The
 * instruction multiplies 52-bit numbers and adds the low or the high 52 bits of the product, so an
 * operand's limbs must stay below 2^52. Every function here gives limbs of at most
 *
 *	LIMB = 2^51 - 1 + 19 * 2^9
 *
 * and takes such: a sum or difference is below 2^53, a product's column below 2^60, and one round
 * of carries, all limbs at once, brings either back (see carry).
 *
 * Nothing here branches on or looks up by a value, and no instruction used takes time by its
 * operands.
 */
#ifndef SALLYPORT_CRYPTO_X25519_IFMA_FIELD_H
#define SALLYPORT_CRYPTO_X25519_IFMA_FIELD_H

#include <immintrin.h>
#include <stddef.h>

#include "base/bytes.h"
#include "crypto/x25519/x25519.h"

#define LIMBS 5
#define LIMB_BITS 51
#define LIMB_MASK ((1ull << LIMB_BITS) - 1)
#define A24 121665 /* (486662 - 2) / 4 */

struct fe {
	__m256i limb[LIMBS];
};

#define INLINE static inline __attribute__((always_inline))

INLINE __m256i all(uint64_t value)
{
	return _mm256_set1_epi64x((long long)value);
}

INLINE __m256i add64(__m256i a, __m256i b)
{
	return _mm256_add_epi64(a, b);
}

INLINE __m256i times_19(__m256i a)
{
	return add64(add64(_mm256_slli_epi64(a, 4), _mm256_slli_epi64(a, 1)), a);
}

/* Columns below 2^60 to limbs of at most LIMB: what is above a limb's 51 bits, less than 2^9, goes
 * to the next one, and from the last, times 19, to the first. */
INLINE struct fe carry(struct fe a)
{
	const __m256i mask = all(LIMB_MASK);
	__m256i over[LIMBS];

#pragma GCC unroll 5
	for (int i = 0; i < LIMBS; i++) {
		over[i] = _mm256_srli_epi64(a.limb[i], LIMB_BITS);
		a.limb[i] = _mm256_and_si256(a.limb[i], mask);
	}
	a.limb[0] = add64(a.limb[0], times_19(over[LIMBS - 1]));
#pragma GCC unroll 5
	for (int i = 1; i < LIMBS; i++)
		a.limb[i] = add64(a.limb[i], over[i - 1]);
	return a;
}

/* The limbs of 2 p: above LIMB, so that they less a limb are not below 0. */
INLINE __m256i twice_p(int limb)
{
	return all(2 * LIMB_MASK - (limb ? 0 : 36));
}

/* Ten columns of a product to a field element. Column k is low[k] + 2 high[k - 1]: the high halves
 * count 2^52, which is twice a limb's 2^51. At most five products of each stand in one, below 2^52
 * and 2^51 each: less than 2^55.4; with 19 times the column five above, less than 2^59.8. */
INLINE struct fe fold(const __m256i low[2 * LIMBS - 1], const __m256i high[2 * LIMBS - 1])
{
	__m256i column[2 * LIMBS];
	struct fe folded;

	column[0] = low[0];
#pragma GCC unroll 8
	for (int k = 1; k < 2 * LIMBS - 1; k++)
		column[k] = add64(low[k], add64(high[k - 1], high[k - 1]));
	column[2 * LIMBS - 1] = add64(high[2 * LIMBS - 2], high[2 * LIMBS - 2]);
#pragma GCC unroll 5
	for (int k = 0; k < LIMBS; k++)
		folded.limb[k] = add64(column[k], times_19(column[k + LIMBS]));
	return carry(folded);
}

/* a b + plus; NULL: nothing to add. */
INLINE struct fe mul_add(const struct fe *a, const struct fe *b, const struct fe *plus)
{
	__m256i low[2 * LIMBS - 1], high[2 * LIMBS - 1];

#pragma GCC unroll 9
	for (int k = 0; k < 2 * LIMBS - 1; k++) {
		low[k] = plus && k < LIMBS ? plus->limb[k] : _mm256_setzero_si256();
		high[k] = _mm256_setzero_si256();
	}
#pragma GCC unroll 5
	for (int i = 0; i < LIMBS; i++) {
#pragma GCC unroll 5
		for (int j = 0; j < LIMBS; j++) {
			low[i + j] = _mm256_madd52lo_epu64(low[i + j], a->limb[i], b->limb[j]);
			high[i + j] = _mm256_madd52hi_epu64(high[i + j], a->limb[i], b->limb[j]);
		}
	}
	return fold(low, high);
}

INLINE struct fe mul(const struct fe *a, const struct fe *b)
{
	return mul_add(a, b, NULL);
}

/* The products of two different limbs stand in it twice: computed once and doubled. */
INLINE struct fe square(const struct fe *a)
{
	__m256i low[2 * LIMBS - 1], high[2 * LIMBS - 1];

#pragma GCC unroll 9
	for (int k = 0; k < 2 * LIMBS - 1; k++)
		low[k] = high[k] = _mm256_setzero_si256();
#pragma GCC unroll 5
	for (int i = 0; i < LIMBS; i++) {
#pragma GCC unroll 5
		for (int j = i + 1; j < LIMBS; j++) {
			low[i + j] = _mm256_madd52lo_epu64(low[i + j], a->limb[i], a->limb[j]);
			high[i + j] = _mm256_madd52hi_epu64(high[i + j], a->limb[i], a->limb[j]);
		}
	}
#pragma GCC unroll 9
	for (int k = 0; k < 2 * LIMBS - 1; k++) {
		low[k] = add64(low[k], low[k]);
		high[k] = add64(high[k], high[k]);
	}
#pragma GCC unroll 5
	for (int i = 0; i < LIMBS; i++) {
		low[2 * i] = _mm256_madd52lo_epu64(low[2 * i], a->limb[i], a->limb[i]);
		high[2 * i] = _mm256_madd52hi_epu64(high[2 * i], a->limb[i], a->limb[i]);
	}
	return fold(low, high);
}

static inline struct fe square_times(struct fe a, int times)
{
	while (times--)
		a = square(&a);
	return a;
}

/* a^(p - 2): the inverse, and 0 of 0. The usual chain of 254 squarings and 11 products. */
static inline struct fe invert(const struct fe *a)
{
	struct fe z2 = square(a), z9, z11, z5_0, z10_0, z20_0, z50_0, z100_0, t;

	t = square_times(z2, 2);
	z9 = mul(&t, a);
	z11 = mul(&z9, &z2);
	t = square(&z11);
	z5_0 = mul(&t, &z9); /* a^(2^5 - 2^0), and so on */
	t = square_times(z5_0, 5);
	z10_0 = mul(&t, &z5_0);
	t = square_times(z10_0, 10);
	z20_0 = mul(&t, &z10_0);
	t = square_times(z20_0, 20);
	t = mul(&t, &z20_0);
	t = square_times(t, 10);
	z50_0 = mul(&t, &z10_0);
	t = square_times(z50_0, 50);
	z100_0 = mul(&t, &z50_0);
	t = square_times(z100_0, 100);
	t = mul(&t, &z100_0);
	t = square_times(t, 50);
	t = mul(&t, &z50_0);
	t = square_times(t, 5);
	return mul(&t, &z11);
}

/* Bit 255 of a coordinate is not looked at; one of p to 2^255 - 1 stands for itself less p. */
INLINE void limbs_of(uint64_t ret_limbs[LIMBS], const uint8_t coordinate[SP_X25519_LEN])
{
	ret_limbs[0] = sp_get_le64(coordinate) & LIMB_MASK;
	ret_limbs[1] = sp_get_le64(coordinate + 6) >> 3 & LIMB_MASK;
	ret_limbs[2] = sp_get_le64(coordinate + 12) >> 6 & LIMB_MASK;
	ret_limbs[3] = sp_get_le64(coordinate + 19) >> 1 & LIMB_MASK;
	ret_limbs[4] = sp_get_le64(coordinate + 24) >> 12 & LIMB_MASK;
}

/* Clamped: RFC 7748, 5, decodeScalar25519. */
INLINE void words_of(uint64_t ret_words[4], const uint8_t scalar[SP_X25519_LEN])
{
	for (int i = 0; i < 4; i++)
		ret_words[i] = sp_get_le64(scalar + 8 * i);
	ret_words[0] &= ~7ull;
	ret_words[3] = (ret_words[3] & ~(1ull << 63)) | 1ull << 62;
}

/* Limbs of at most LIMB to the 32 bytes of the number itself, below p. Changes @limb. */
static inline void bytes_of(uint8_t ret_bytes[SP_X25519_LEN], uint64_t limb[LIMBS])
{
	uint64_t over;

	/* Twice around: below 2^255. */
	for (int round = 0; round < 2; round++) {
		over = 0;
		for (int i = 0; i < LIMBS; i++) {
			limb[i] += over;
			over = limb[i] >> LIMB_BITS;
			limb[i] &= LIMB_MASK;
		}
		limb[0] += 19 * over;
	}
	/* It is p or more if adding 19 carries out of bit 255; then that sum without the bit is
	 * it. */
	over = 19;
	for (int i = 0; i < LIMBS; i++)
		over = (limb[i] + over) >> LIMB_BITS;
	limb[0] += 19 * over;
	for (int i = 0; i < LIMBS - 1; i++) {
		limb[i + 1] += limb[i] >> LIMB_BITS;
		limb[i] &= LIMB_MASK;
	}
	limb[4] &= LIMB_MASK;
	sp_put_le64(ret_bytes, limb[0] | limb[1] << 51);
	sp_put_le64(ret_bytes + 8, limb[1] >> 13 | limb[2] << 38);
	sp_put_le64(ret_bytes + 16, limb[2] >> 26 | limb[3] << 25);
	sp_put_le64(ret_bytes + 24, limb[3] >> 39 | limb[4] << 12);
}

#endif
