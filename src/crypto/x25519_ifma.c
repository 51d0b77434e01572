/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Four Montgomery ladders side by side, one in each 64-bit lane.
 *
 * A field element is five limbs of 51 bits, least first: the sum of limb[i] << 51 i, modulo 2^255 - 19.
 * The instruction multiplies 52-bit numbers and adds the low or the high 52 bits of the product, so an
 * operand's limbs must stay below 2^52. Every function here gives limbs of at most
 *
 *	LIMB = 2^51 - 1 + 19 * 2^9
 *
 * and takes such: a sum or difference is below 2^53, a product's column below 2^60, and one round of
 * carries, all limbs at once, brings either back (see carry).
 *
 * Nothing here branches on or looks up by a secret: the ladder's swaps are blends under a mask, and no
 * instruction used takes time by its operands.
 * Source: RFC 7748, section 5; Bernstein, Curve25519: new Diffie-Hellman speed records (2006).
 */
#include "crypto/x25519_ifma.h"

#include <immintrin.h>
#include <string.h>

#include "base/bytes.h"
#include "base/cleanup.h"

#define LANES SP_X25519_IFMA_LANES
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

/* Columns below 2^60 to limbs of at most LIMB: what is above a limb's 51 bits, less than 2^9, goes to
 * the next one, and from the last, times 19, to the first. */
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

INLINE struct fe add(const struct fe *a, const struct fe *b)
{
	struct fe sum;

#pragma GCC unroll 5
	for (int i = 0; i < LIMBS; i++)
		sum.limb[i] = add64(a->limb[i], b->limb[i]);
	return carry(sum);
}

/* a - b + 2 p, of which no limb is below 0: 2 p's are 2^52 - 38 and 2^52 - 2, above LIMB. */
INLINE struct fe sub(const struct fe *a, const struct fe *b)
{
	struct fe difference;

#pragma GCC unroll 5
	for (int i = 0; i < LIMBS; i++) {
		const __m256i twice_p = all(2 * LIMB_MASK - (i ? 0 : 36));

		difference.limb[i] = _mm256_sub_epi64(add64(a->limb[i], twice_p), b->limb[i]);
	}
	return carry(difference);
}

/* Ten columns of a product to a field element. Column k is low[k] + 2 high[k - 1]: the high halves
 * count 2^52, which is twice a limb's 2^51. At most five products of each stand in one, below 2^52 and
 * 2^51 each: less than 2^55.4; with 19 times the column five above, less than 2^59.8. */
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

INLINE struct fe mul(const struct fe *a, const struct fe *b)
{
	__m256i low[2 * LIMBS - 1], high[2 * LIMBS - 1];

#pragma GCC unroll 9
	for (int k = 0; k < 2 * LIMBS - 1; k++)
		low[k] = high[k] = _mm256_setzero_si256();
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

/* a + A24 b */
INLINE struct fe add_a24(const struct fe *a, const struct fe *b)
{
	const __m256i factor = all(A24);
	struct fe sum;
	__m256i high[LIMBS];

#pragma GCC unroll 5
	for (int i = 0; i < LIMBS; i++) {
		sum.limb[i] = _mm256_madd52lo_epu64(a->limb[i], b->limb[i], factor);
		high[i] = _mm256_madd52hi_epu64(_mm256_setzero_si256(), b->limb[i], factor);
		high[i] = add64(high[i], high[i]);
	}
	sum.limb[0] = add64(sum.limb[0], times_19(high[LIMBS - 1]));
#pragma GCC unroll 5
	for (int i = 1; i < LIMBS; i++)
		sum.limb[i] = add64(sum.limb[i], high[i - 1]);
	return carry(sum);
}

/* Swap both in the lanes of @which. */
INLINE void swap(__mmask8 which, struct fe *a, struct fe *b)
{
#pragma GCC unroll 5
	for (int i = 0; i < LIMBS; i++) {
		const __m256i old = a->limb[i];

		a->limb[i] = _mm256_mask_mov_epi64(a->limb[i], which, b->limb[i]);
		b->limb[i] = _mm256_mask_mov_epi64(b->limb[i], which, old);
	}
}

static struct fe square_times(struct fe a, int times)
{
	while (times--)
		a = square(&a);
	return a;
}

/* a^(p - 2): the inverse, and 0 of 0. The usual chain of 254 squarings and 11 products. */
static struct fe invert(const struct fe *a)
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
static struct fe load(const uint8_t *const coordinates[LANES])
{
	uint64_t limbs[LIMBS][LANES];
	struct fe loaded;

	for (int lane = 0; lane < LANES; lane++) {
		const uint8_t *bytes = coordinates[lane];

		limbs[0][lane] = sp_get_le64(bytes) & LIMB_MASK;
		limbs[1][lane] = sp_get_le64(bytes + 6) >> 3 & LIMB_MASK;
		limbs[2][lane] = sp_get_le64(bytes + 12) >> 6 & LIMB_MASK;
		limbs[3][lane] = sp_get_le64(bytes + 19) >> 1 & LIMB_MASK;
		limbs[4][lane] = sp_get_le64(bytes + 24) >> 12 & LIMB_MASK;
	}
	for (int i = 0; i < LIMBS; i++)
		loaded.limb[i] = _mm256_loadu_si256((const __m256i *)limbs[i]);
	return loaded;
}

/* Limbs of at most LIMB to the 32 bytes of the number itself, below p. */
static void store_lane(uint8_t *ret_bytes, uint64_t limb[LIMBS])
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
	/* It is p or more if adding 19 carries out of bit 255; then that sum without the bit is it. */
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

static void store(uint8_t ret_bytes[LANES][SP_X25519_LEN], const struct fe *a)
{
	uint64_t limbs[LIMBS][LANES], one[LIMBS];

	for (int i = 0; i < LIMBS; i++)
		_mm256_storeu_si256((__m256i *)limbs[i], a->limb[i]);
	for (int lane = 0; lane < LANES; lane++) {
		for (int i = 0; i < LIMBS; i++)
			one[i] = limbs[i][lane];
		store_lane(ret_bytes[lane], one);
	}
	sp_wipe(limbs, sizeof(limbs));
	sp_wipe(one, sizeof(one));
}

struct ladder {
	__m256i words[4]; /* of the scalars, clamped, least first */
	struct fe x1, x2, z2, x3, z3;
};

static void load_scalars(__m256i words[4], const uint8_t *const scalars[LANES])
{
	uint64_t parts[4][LANES];

	for (int lane = 0; lane < LANES; lane++) {
		for (int i = 0; i < 4; i++)
			parts[i][lane] = sp_get_le64(scalars[lane] + 8 * i);
		parts[0][lane] &= ~7ull;
		parts[3][lane] = (parts[3][lane] & ~(1ull << 63)) | 1ull << 62;
	}
	for (int i = 0; i < 4; i++)
		words[i] = _mm256_loadu_si256((const __m256i *)parts[i]);
	sp_wipe(parts, sizeof(parts));
}

/* RFC 7748's step, its names. */
INLINE void step(struct ladder *at)
{
	const struct fe a = add(&at->x2, &at->z2), b = sub(&at->x2, &at->z2);
	const struct fe c = add(&at->x3, &at->z3), d = sub(&at->x3, &at->z3);
	const struct fe da = mul(&d, &a), cb = mul(&c, &b);
	const struct fe aa = square(&a), bb = square(&b);
	const struct fe e = sub(&aa, &bb);
	const struct fe sum = add(&da, &cb), difference = sub(&da, &cb);
	const struct fe squared = square(&difference), rest = add_a24(&aa, &e);

	at->x3 = square(&sum);
	at->z3 = mul(&squared, &at->x1);
	at->x2 = mul(&aa, &bb);
	at->z2 = mul(&e, &rest);
}

void sp_x25519_ifma(uint8_t ret_products[LANES][SP_X25519_LEN], const uint8_t *const scalars[LANES],
		    const uint8_t *const points[LANES])
{
	const __m256i one = all(1);
	struct ladder at = { .x1 = load(points) };
	__m256i swapped = _mm256_setzero_si256();
	struct fe inverse;

	load_scalars(at.words, scalars);
	at.x3 = at.x1;
	at.x2.limb[0] = at.z3.limb[0] = one;
	for (int t = 254; t >= 0; t--) {
		const __m256i bit = _mm256_and_si256(
			_mm256_srl_epi64(at.words[t / 64], _mm_cvtsi32_si128(t % 64)), one);
		const __mmask8 which = _mm256_test_epi64_mask(_mm256_xor_si256(swapped, bit), one);

		swap(which, &at.x2, &at.x3);
		swap(which, &at.z2, &at.z3);
		swapped = bit;
		step(&at);
	}
	/* Clamping makes bit 0 a zero: nothing is left swapped. */
	inverse = invert(&at.z2);
	at.x2 = mul(&at.x2, &inverse);
	store(ret_products, &at.x2);
	sp_wipe(&at, sizeof(at));
	sp_wipe(&inverse, sizeof(inverse));
}
