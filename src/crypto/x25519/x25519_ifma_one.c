/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One Montgomery ladder whose products are computed four at a time: in three rounds of them a step,
 *
 *	d a, c b, a a, b b	with a, b = x2 + z2, x2 - z2 and c, d = x3 + z3, x3 - z3
 *	(da + cb)^2, (da - cb)^2, aa bb, A24 e + aa	with e = aa - bb
 *	x1 (da - cb)^2, e (A24 e + aa)
 *
 * in the names of RFC 7748, section 5. The swap is which lane the next step takes for which, an
 * operand of a permutation. Source: Hisil, Egrice, Yassi, Fast 4 way vectorized ladder for the
 * complete set of Montgomery curves (2020), for the idea; the arrangement of the lanes is ours. */
#include "crypto/x25519/x25519_ifma.h"

#include "base/cleanup.h"
#include "crypto/x25519/x25519_ifma_field.h"

/* Masks of lanes. */
#define LANE_1 0x2
#define LANE_2 0x4
#define LANE_3 0x8
#define LANES_ODD 0xa
#define LANES_ALL 0xf

/* For each of lanes 0 to 3, the lane from which its value comes. */
#define ORDER(a, b, c, d) ((a) | (b) << 2 | (c) << 4 | (d) << 6)

INLINE struct fe take(const struct fe *a, __m256i from)
{
	struct fe taken;

#pragma GCC unroll 5
	for (int i = 0; i < LIMBS; i++)
		taken.limb[i] = _mm256_permutexvar_epi64(from, a->limb[i]);
	return taken;
}

/* @order must be a constant, because the instruction takes an immediate operand. */
#define take_order(a, order)                                                                       \
	({                                                                                         \
		const struct fe *sp_from = (a);                                                    \
		(struct fe){ { _mm256_permutex_epi64(sp_from->limb[0], order),                     \
			       _mm256_permutex_epi64(sp_from->limb[1], order),                     \
			       _mm256_permutex_epi64(sp_from->limb[2], order),                     \
			       _mm256_permutex_epi64(sp_from->limb[3], order),                     \
			       _mm256_permutex_epi64(sp_from->limb[4], order) } };                 \
	})

/* The lanes of @b where a bit of @which is set, else those of @a. */
INLINE struct fe blend(const struct fe *a, __mmask8 which, const struct fe *b)
{
	struct fe blended;

#pragma GCC unroll 5
	for (int i = 0; i < LIMBS; i++)
		blended.limb[i] = _mm256_mask_mov_epi64(a->limb[i], which, b->limb[i]);
	return blended;
}

/* In the lanes of @which, a + b in the even ones and a - b in the odd ones; elsewhere a. */
INLINE struct fe add_or_sub(const struct fe *a, const struct fe *b, __mmask8 which)
{
	struct fe made;

#pragma GCC unroll 5
	for (int i = 0; i < LIMBS; i++) {
		const __m256i signed_b =
			_mm256_mask_sub_epi64(b->limb[i], LANES_ODD, twice_p(i), b->limb[i]);

		made.limb[i] = _mm256_mask_add_epi64(a->limb[i], which, a->limb[i], signed_b);
	}
	return carry(made);
}

struct ladder {
	uint64_t words[4]; /* of the clamped scalar, least significant first */
	struct fe factors; /* 1, x1, 1, - */
	struct fe a24;     /* in lane 3 */
	struct fe at;      /* x2, z2, x3, z3; each step exchanges the pairs */
};

/* One step. @xs and @zs: the lanes from which x2 x2 x3 x3 and z2 z2 z3 z3 are taken. */
INLINE void step(struct ladder *ladder, __m256i xs, __m256i zs)
{
	struct fe p = take(&ladder->at, xs), q = take(&ladder->at, zs);
	const struct fe abcd = add_or_sub(&p, &q, LANES_ALL);
	struct fe left = take_order(&abcd, ORDER(3, 2, 0, 1));
	struct fe right = take_order(&abcd, ORDER(0, 1, 0, 1));
	const struct fe products = mul(&left, &right); /* da, cb, aa, bb */
	struct fe sums, plus, next;

	p = take_order(&products, ORDER(0, 0, 2, 2));
	q = take_order(&products, ORDER(1, 1, 3, 3));
	sums = add_or_sub(&p, &q, LANES_ALL & ~LANE_2); /* da + cb, da - cb, aa, e */
	right = blend(&sums, LANE_2, &q);
	right = blend(&right, LANE_3, &ladder->a24);
#pragma GCC unroll 5
	for (int i = 0; i < LIMBS; i++)
		plus.limb[i] = _mm256_maskz_mov_epi64(LANE_3, p.limb[i]);
	next = mul_add(&sums, &right, &plus);

	left = blend(&next, LANE_3, &sums);
	right = blend(&ladder->factors, LANE_3, &next);
	ladder->at = mul(&left, &right); /* x3, z3, x2, z2 */
}

static void start(struct ladder *ladder, const uint8_t scalar[SP_X25519_LEN],
		  const uint8_t point[SP_X25519_LEN])
{
	uint64_t x1[LIMBS];

	words_of(ladder->words, scalar);
	limbs_of(x1, point);
	for (int i = 0; i < LIMBS; i++) {
		const long long one = i == 0, x = (long long)x1[i];

		ladder->factors.limb[i] = _mm256_set_epi64x(0, one, x, one);
		ladder->a24.limb[i] = _mm256_set_epi64x(one * A24, 0, 0, 0);
		ladder->at.limb[i] = _mm256_set_epi64x(one, x, 0, one);
	}
}

void sp_x25519_ifma_one(uint8_t ret_product[SP_X25519_LEN], const uint8_t scalar[SP_X25519_LEN],
			const uint8_t point[SP_X25519_LEN])
{
	const __m256i xs = _mm256_set_epi64x(2, 2, 0, 0), zs = _mm256_set_epi64x(3, 3, 1, 1);
	uint64_t limbs[LIMBS], swapped = 0;
	struct ladder ladder;
	struct fe x, z;

	start(&ladder, scalar, point);
	for (int t = 254; t >= 0; t--) {
		const uint64_t bit = ladder.words[t / 64] >> (t % 64) & 1;
		/* lanes 0 and 1 in place of 2 and 3 */
		const __m256i flip = all((swapped ^ bit) * 2);

		step(&ladder, _mm256_xor_si256(xs, flip), _mm256_xor_si256(zs, flip));
		swapped = bit ^ 1;
	}
	/* Bit 0 of a clamped scalar is zero, so the pairs are exchanged at the end. */
	x = take_order(&ladder.at, ORDER(2, 2, 2, 2));
	z = take_order(&ladder.at, ORDER(3, 3, 3, 3));
	z = invert(&z);
	x = mul(&x, &z);
	for (int i = 0; i < LIMBS; i++)
		limbs[i] = (uint64_t)_mm256_extract_epi64(x.limb[i], 0);
	bytes_of(ret_product, limbs);
	sp_wipe(limbs, sizeof(limbs));
	sp_wipe(&ladder, sizeof(ladder));
	sp_wipe(&x, sizeof(x));
	sp_wipe(&z, sizeof(z));
}
