/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Poly1305 (RFC 8439, 2.5) of eight messages side by side: arithmetic modulo 2^130 - 5 in limbs of
 * 44, 44 and 42 bits with the 52-bit multiply-add of AVX-512-IFMA, lane l for message l. Four
 * blocks are taken at a time, as
 *	h = (h + m0) r^4 + m1 r^3 + m2 r^2 + m3 r
 * so that carries are passed on once in four blocks and only the first product waits for the last
 * result. No power is shared between lanes, so keys may differ.
 *
 * Between steps limbs are below 2^45, far from the 52 bits that a factor may have, and a sum of
 * products stays below 2^57. Only for files compiled for AVX-512.
 */
#ifndef SALLYPORT_CRYPTO_AEAD_IFMA_POLY_H
#define SALLYPORT_CRYPTO_AEAD_IFMA_POLY_H

#include "crypto/aead/aead_ifma_chacha.h"

#define POLY_LANES 8
#define POLY_BLOCK 16
#define LIMB_44 _mm512_set1_epi64(0xfffffffffff)
#define LIMB_42 _mm512_set1_epi64(0x3ffffffffff)
#define BIT_128 _mm512_set1_epi64(1ll << 40) /* in limb 2: what follows a block's 16 bytes */

struct element {
	__m512i limb0, limb1, limb2;
};

/* A factor and what of it wraps around: 2^132 is 20. */
struct factor {
	__m512i limb0, limb1, limb2, limb1_by_20, limb2_by_20;
};

/* Sums of products, not carried: limb i is low_i + 2^52 high_i. */
struct product {
	__m512i low0, low1, low2, high0, high1, high2;
};

struct poly {
	struct element h;
	struct factor power[5];    /* r to the 0 (which is 1) up to the 4 */
	struct element bits;       /* bit 128 of four blocks, each times its power */
	__m512i pad_low, pad_high; /* "s" of the RFC: added at the end */
};

/* @b's lanes where @mask says so, @a's elsewhere. */
IFMA_INLINE __m512i select_lanes(__m512i a, __mmask8 mask, __m512i b)
{
	return _mm512_mask_mov_epi64(a, mask, b);
}

IFMA_INLINE struct element element_of(__m512i low, __m512i high)
{
	return (struct element){
		_mm512_and_si512(low, LIMB_44),
		_mm512_ternarylogic_epi64(_mm512_srli_epi64(low, 44), _mm512_slli_epi64(high, 20),
					  LIMB_44, 0xa8), /* (a | b) & c */
		_mm512_srli_epi64(high, 24),
	};
}

IFMA_INLINE struct element element_add(struct element a, struct element b)
{
	return (struct element){
		_mm512_add_epi64(a.limb0, b.limb0),
		_mm512_add_epi64(a.limb1, b.limb1),
		_mm512_add_epi64(a.limb2, b.limb2),
	};
}

IFMA_INLINE __m512i times_5(__m512i x)
{
	return _mm512_add_epi64(x, _mm512_slli_epi64(x, 2));
}

IFMA_INLINE struct factor factor_of(struct element a)
{
	return (struct factor){
		.limb0 = a.limb0,
		.limb1 = a.limb1,
		.limb2 = a.limb2,
		.limb1_by_20 = _mm512_slli_epi64(times_5(a.limb1), 2),
		.limb2_by_20 = _mm512_slli_epi64(times_5(a.limb2), 2),
	};
}

IFMA_INLINE void add_product(struct product *sum, struct element a, const struct factor *b)
{
	sum->low0 = _mm512_madd52lo_epu64(sum->low0, a.limb0, b->limb0);
	sum->low1 = _mm512_madd52lo_epu64(sum->low1, a.limb0, b->limb1);
	sum->low2 = _mm512_madd52lo_epu64(sum->low2, a.limb0, b->limb2);
	sum->high0 = _mm512_madd52hi_epu64(sum->high0, a.limb0, b->limb0);
	sum->high1 = _mm512_madd52hi_epu64(sum->high1, a.limb0, b->limb1);
	sum->high2 = _mm512_madd52hi_epu64(sum->high2, a.limb0, b->limb2);
	sum->low0 = _mm512_madd52lo_epu64(sum->low0, a.limb2, b->limb1_by_20);
	sum->low1 = _mm512_madd52lo_epu64(sum->low1, a.limb2, b->limb2_by_20);
	sum->low2 = _mm512_madd52lo_epu64(sum->low2, a.limb2, b->limb0);
	sum->high0 = _mm512_madd52hi_epu64(sum->high0, a.limb2, b->limb1_by_20);
	sum->high1 = _mm512_madd52hi_epu64(sum->high1, a.limb2, b->limb2_by_20);
	sum->high2 = _mm512_madd52hi_epu64(sum->high2, a.limb2, b->limb0);
	sum->low0 = _mm512_madd52lo_epu64(sum->low0, a.limb1, b->limb2_by_20);
	sum->low1 = _mm512_madd52lo_epu64(sum->low1, a.limb1, b->limb0);
	sum->low2 = _mm512_madd52lo_epu64(sum->low2, a.limb1, b->limb1);
	sum->high0 = _mm512_madd52hi_epu64(sum->high0, a.limb1, b->limb2_by_20);
	sum->high1 = _mm512_madd52hi_epu64(sum->high1, a.limb1, b->limb0);
	sum->high2 = _mm512_madd52hi_epu64(sum->high2, a.limb1, b->limb1);
}

IFMA_INLINE struct product product_from(struct element start)
{
	__m512i zero = _mm512_setzero_si512();

	return (struct product){ start.limb0, start.limb1, start.limb2, zero, zero, zero };
}

IFMA_INLINE struct product product_from_zero(void)
{
	__m512i zero = _mm512_setzero_si512();

	return (struct product){ zero, zero, zero, zero, zero, zero };
}

/* Limbs below 2^44, 2^44 + 2^11 and 2^42 again. What is carried out of limb 2 stands for 2^130,
 * which is 5. */
IFMA_INLINE struct element carried(const struct product *sum)
{
	__m512i limb0 = _mm512_and_si512(sum->low0, LIMB_44), limb1, limb2, carry;

	carry = _mm512_add_epi64(_mm512_srli_epi64(sum->low0, 44),
				 _mm512_slli_epi64(sum->high0, 8));
	limb1 = _mm512_add_epi64(sum->low1, carry);
	carry = _mm512_add_epi64(_mm512_srli_epi64(limb1, 44), _mm512_slli_epi64(sum->high1, 8));
	limb1 = _mm512_and_si512(limb1, LIMB_44);
	limb2 = _mm512_add_epi64(sum->low2, carry);
	carry = _mm512_add_epi64(_mm512_srli_epi64(limb2, 42), _mm512_slli_epi64(sum->high2, 10));
	limb2 = _mm512_and_si512(limb2, LIMB_42);
	limb0 = _mm512_add_epi64(limb0, times_5(carry));
	limb1 = _mm512_add_epi64(limb1, _mm512_srli_epi64(limb0, 44));
	return (struct element){ _mm512_and_si512(limb0, LIMB_44), limb1, limb2 };
}

IFMA_INLINE struct element multiply(struct element a, const struct factor *b)
{
	struct product sum = product_from_zero();

	add_product(&sum, a, b);
	return carried(&sum);
}

IFMA_INLINE __m512i qwords_of(words low_words, words high_words)
{
	__m512i low = _mm512_cvtepu32_epi64(_mm512_castsi512_si256((__m512i)low_words));
	__m512i high = _mm512_cvtepu32_epi64(_mm512_castsi512_si256((__m512i)high_words));

	return _mm512_or_si512(low, _mm512_slli_epi64(high, 32));
}

/* @block: the first eight words of each message's block 0, in lanes 0 to 7: r and s. */
IFMA_INLINE void poly_start(struct poly *poly, const words block[8])
{
	__m512i zero = _mm512_setzero_si512();
	__m512i low = _mm512_and_si512(qwords_of(block[0], block[1]),
				       _mm512_set1_epi64(0x0ffffffc0fffffff));
	__m512i high = _mm512_and_si512(qwords_of(block[2], block[3]),
					_mm512_set1_epi64(0x0ffffffc0ffffffc));
	struct element r = element_of(low, high), r_2, r_3, r_4, sum;

	poly->h = (struct element){ zero, zero, zero };
	poly->pad_low = qwords_of(block[4], block[5]);
	poly->pad_high = qwords_of(block[6], block[7]);
	poly->power[0] = factor_of((struct element){ _mm512_set1_epi64(1), zero, zero });
	poly->power[1] = factor_of(r);
	r_2 = multiply(r, &poly->power[1]);
	poly->power[2] = factor_of(r_2);
	r_3 = multiply(r, &poly->power[2]); /* these two side by side */
	r_4 = multiply(r_2, &poly->power[2]);
	poly->power[3] = factor_of(r_3);
	poly->power[4] = factor_of(r_4);
	sum = element_add(element_add(r, r_2), element_add(r_3, r_4));
	poly->bits = multiply(sum, &(struct factor){ .limb0 = zero,
						     .limb1 = zero,
						     .limb2 = BIT_128,
						     .limb1_by_20 = zero,
						     .limb2_by_20 = _mm512_set1_epi64(5ll << 42) });
}

/* Row l, the 64 bytes of lane l, becomes lane l of the eight vectors: x[2i] and x[2i + 1] the low
 * and high halves of every lane's block i. */
IFMA_INLINE void poly_transpose(const __m512i rows[8], __m512i x[8])
{
	__m512i low[4], high[4];

#pragma GCC unroll 4
	for (int i = 0; i < 4; i++) {
		low[i] = _mm512_unpacklo_epi64(rows[2 * i], rows[2 * i + 1]);
		high[i] = _mm512_unpackhi_epi64(rows[2 * i], rows[2 * i + 1]);
	}
	transpose_pieces(&low[0], &low[1], &low[2], &low[3]);
	transpose_pieces(&high[0], &high[1], &high[2], &high[3]);
#pragma GCC unroll 4
	for (int i = 0; i < 4; i++) {
		x[2 * i] = low[i];
		x[2 * i + 1] = high[i];
	}
}

/* The next 64 bytes of all eight messages. */
IFMA_INLINE void poly_absorb(struct poly *poly, const __m512i rows[8])
{
	struct product sum = product_from(poly->bits);
	__m512i x[8];

	poly_transpose(rows, x);
	add_product(&sum, element_of(x[2], x[3]), &poly->power[3]);
	add_product(&sum, element_of(x[4], x[5]), &poly->power[2]);
	add_product(&sum, element_of(x[6], x[7]), &poly->power[1]);
	add_product(&sum, element_add(poly->h, element_of(x[0], x[1])), &poly->power[4]);
	poly->h = carried(&sum);
}

IFMA_INLINE void factor_select(struct factor *a, __mmask8 mask, const struct factor *b)
{
	a->limb0 = select_lanes(a->limb0, mask, b->limb0);
	a->limb1 = select_lanes(a->limb1, mask, b->limb1);
	a->limb2 = select_lanes(a->limb2, mask, b->limb2);
	a->limb1_by_20 = select_lanes(a->limb1_by_20, mask, b->limb1_by_20);
	a->limb2_by_20 = select_lanes(a->limb2_by_20, mask, b->limb2_by_20);
}

/* The next @blocks, 1 to 4, of all messages; the rows hold zeros behind them. */
IFMA_INLINE void poly_absorb_few(struct poly *poly, const __m512i rows[8], int blocks)
{
	struct product sum = product_from_zero();
	__m512i x[8];

	poly_transpose(rows, x);
	for (int i = 0; i < blocks; i++) {
		struct element block = element_of(x[2 * i], x[2 * i + 1]);

		block.limb2 = _mm512_or_si512(block.limb2, BIT_128);
		if (i == 0)
			block = element_add(block, poly->h);
		add_product(&sum, block, &poly->power[blocks - i]);
	}
	poly->h = carried(&sum);
}

/* The next 0 to 4 blocks of each message, as @blocks says of its lane; else the same. A lane's k
 * blocks take the powers k to 1; what has none is multiplied by 1. */
IFMA_INLINE void poly_absorb_some(struct poly *poly, const __m512i rows[8], __m512i blocks)
{
	struct product sum = product_from_zero();
	__m512i x[8];

	poly_transpose(rows, x);
#pragma GCC unroll 4
	for (int i = 0; i < 4; i++) {
		__mmask8 present = _mm512_cmpgt_epi64_mask(blocks, _mm512_set1_epi64(i));
		struct element block = element_of(x[2 * i], x[2 * i + 1]);
		struct factor factor = poly->power[0];

		for (int k = 1; k <= 4 - i; k++)
			factor_select(&factor,
				      _mm512_cmpeq_epi64_mask(blocks, _mm512_set1_epi64(i + k)),
				      &poly->power[k]);
		block.limb2 = _mm512_mask_or_epi64(block.limb2, present, block.limb2, BIT_128);
		if (i == 0)
			block = element_add(block, poly->h);
		add_product(&sum, block, &factor);
	}
	poly->h = carried(&sum);
}

/* The last block, RFC 8439 2.8's lengths, and the tags' halves. */
IFMA_INLINE void poly_finish(struct poly *poly, __m512i ad_len, __m512i len, __m512i *ret_low,
			     __m512i *ret_high)
{
	struct element block = element_of(ad_len, len), h, reduced;
	__m512i carry, low, high;
	__mmask8 above, overflow;

	block.limb2 = _mm512_or_si512(block.limb2, BIT_128);
	h = multiply(element_add(poly->h, block), &poly->power[1]);
	/* All carries, twice round: then h is below 2^130. */
	for (int i = 0; i < 2; i++) {
		h.limb2 = _mm512_add_epi64(h.limb2, _mm512_srli_epi64(h.limb1, 44));
		h.limb1 = _mm512_and_si512(h.limb1, LIMB_44);
		h.limb0 = _mm512_add_epi64(h.limb0, times_5(_mm512_srli_epi64(h.limb2, 42)));
		h.limb2 = _mm512_and_si512(h.limb2, LIMB_42);
		h.limb1 = _mm512_add_epi64(h.limb1, _mm512_srli_epi64(h.limb0, 44));
		h.limb0 = _mm512_and_si512(h.limb0, LIMB_44);
	}
	/* h - p = h + 5 - 2^130, where that is not negative. */
	carry = _mm512_add_epi64(h.limb0, _mm512_set1_epi64(5));
	reduced.limb0 = _mm512_and_si512(carry, LIMB_44);
	carry = _mm512_add_epi64(h.limb1, _mm512_srli_epi64(carry, 44));
	reduced.limb1 = _mm512_and_si512(carry, LIMB_44);
	carry = _mm512_add_epi64(h.limb2, _mm512_srli_epi64(carry, 44));
	reduced.limb2 = _mm512_and_si512(carry, LIMB_42);
	above = _mm512_cmpgt_epu64_mask(carry, LIMB_42);
	h.limb0 = select_lanes(h.limb0, above, reduced.limb0);
	h.limb1 = select_lanes(h.limb1, above, reduced.limb1);
	h.limb2 = select_lanes(h.limb2, above, reduced.limb2);
	low = _mm512_or_si512(h.limb0, _mm512_slli_epi64(h.limb1, 44));
	high = _mm512_or_si512(_mm512_srli_epi64(h.limb1, 20), _mm512_slli_epi64(h.limb2, 24));
	*ret_low = _mm512_add_epi64(low, poly->pad_low);
	overflow = _mm512_cmplt_epu64_mask(*ret_low, low);
	high = _mm512_add_epi64(high, poly->pad_high);
	*ret_high = _mm512_mask_sub_epi64(high, overflow, high, _mm512_set1_epi64(-1));
}

#endif
