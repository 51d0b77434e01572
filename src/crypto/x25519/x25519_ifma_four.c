/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Four Montgomery ladders side by side, one in each lane. The swaps are blends under a mask.
 * Source: RFC 7748, section 5; Bernstein, Curve25519: new Diffie-Hellman speed records (2006). */
#include "crypto/x25519/x25519_ifma.h"

#include "base/cleanup.h"
#include "crypto/x25519/x25519_ifma_field.h"

#define LANES SP_X25519_IFMA_LANES

INLINE struct fe add(const struct fe *a, const struct fe *b)
{
	struct fe sum;

#pragma GCC unroll 5
	for (int i = 0; i < LIMBS; i++)
		sum.limb[i] = add64(a->limb[i], b->limb[i]);
	return carry(sum);
}

INLINE struct fe sub(const struct fe *a, const struct fe *b)
{
	struct fe difference;

#pragma GCC unroll 5
	for (int i = 0; i < LIMBS; i++)
		difference.limb[i] = _mm256_sub_epi64(add64(a->limb[i], twice_p(i)), b->limb[i]);
	return carry(difference);
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

static struct fe load(const uint8_t *const coordinates[LANES])
{
	uint64_t limbs[LANES][LIMBS];
	struct fe loaded;

	for (int lane = 0; lane < LANES; lane++)
		limbs_of(limbs[lane], coordinates[lane]);
	for (int i = 0; i < LIMBS; i++)
		loaded.limb[i] = _mm256_set_epi64x((long long)limbs[3][i], (long long)limbs[2][i],
						   (long long)limbs[1][i], (long long)limbs[0][i]);
	return loaded;
}

static void store(uint8_t ret_bytes[LANES][SP_X25519_LEN], const struct fe *a)
{
	uint64_t limbs[LIMBS][LANES], one[LIMBS];

	for (int i = 0; i < LIMBS; i++)
		_mm256_storeu_si256((__m256i *)limbs[i], a->limb[i]);
	for (int lane = 0; lane < LANES; lane++) {
		for (int i = 0; i < LIMBS; i++)
			one[i] = limbs[i][lane];
		bytes_of(ret_bytes[lane], one);
	}
	sp_wipe(limbs, sizeof(limbs));
	sp_wipe(one, sizeof(one));
}

struct ladder {
	__m256i words[4]; /* of the clamped scalars, least significant first */
	struct fe x1, x2, z2, x3, z3;
};

static void load_scalars(__m256i words[4], const uint8_t *const scalars[LANES])
{
	uint64_t parts[LANES][4];

	for (int lane = 0; lane < LANES; lane++)
		words_of(parts[lane], scalars[lane]);
	for (int i = 0; i < 4; i++)
		words[i] = _mm256_set_epi64x((long long)parts[3][i], (long long)parts[2][i],
					     (long long)parts[1][i], (long long)parts[0][i]);
	sp_wipe(parts, sizeof(parts));
}

/* One step of the ladder, with the names of RFC 7748. */
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

void sp_x25519_ifma_four(uint8_t ret_products[LANES][SP_X25519_LEN],
			 const uint8_t *const scalars[LANES], const uint8_t *const points[LANES])
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
	/* Bit 0 of a clamped scalar is zero, so nothing is left swapped. */
	inverse = invert(&at.z2);
	at.x2 = mul(&at.x2, &inverse);
	store(ret_products, &at.x2);
	sp_wipe(&at, sizeof(at));
	sp_wipe(&inverse, sizeof(inverse));
}
