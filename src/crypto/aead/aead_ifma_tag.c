/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Poly1305 of one message, for aead_ifma_one.c: short ones with the scalar unit, a block at a time;
 * longer ones in eight lanes, lane j taking every eighth block. The number of blocks is made a
 * multiple of eight with zeros before the first, which add nothing. */
#include "base/bytes.h"
#include "crypto/aead/aead_ifma.h"
#include "crypto/aead/aead_ifma_poly.h"

#define SHORT_MAX 192 /* below this length, computing eight powers costs more than it saves */
#define GROUP (POLY_LANES * POLY_BLOCK)

#define CLAMP_LOW 0x0ffffffc0fffffff
#define CLAMP_HIGH 0x0ffffffc0ffffffc

typedef unsigned __int128 wide;

/* A number of slightly more than 130 bits. */
struct number {
	uint64_t low, middle, high;
};

static inline void number_add(struct number *h, uint64_t low, uint64_t middle, uint64_t high)
{
	wide sum = (wide)h->low + low;

	h->low = (uint64_t)sum;
	sum = (sum >> 64) + h->middle + middle;
	h->middle = (uint64_t)sum;
	h->high += high + (uint64_t)(sum >> 64);
}

/* Reduce: the part above 2^130 is added five times, which is 4 + 1. */
static inline void number_fold(struct number *h)
{
	uint64_t above = (h->high >> 2) + (h->high & ~3ull);

	h->high &= 3;
	number_add(h, above, 0, 0);
}

/* Multiply by r. Because r is clamped, 5/4 of its upper half is a whole number. */
static inline void number_multiply(struct number *h, uint64_t r_low, uint64_t r_high)
{
	uint64_t r_high_5_4 = r_high + (r_high >> 2);
	wide low = (wide)h->low * r_low + (wide)h->middle * r_high_5_4;
	wide middle = (wide)h->low * r_high + (wide)h->middle * r_low + h->high * r_high_5_4;

	middle += low >> 64;
	h->high = h->high * r_low + (uint64_t)(middle >> 64);
	h->middle = (uint64_t)middle;
	h->low = (uint64_t)low;
	number_fold(h);
}

/* The remainder modulo 2^130 - 5, without a branch, plus the key's second half. */
static void number_finish(struct number *h, const uint8_t *key, uint8_t tag[SP_AEAD_TAG_LEN])
{
	struct number less;
	uint64_t keep;

	number_fold(h);
	less = *h;
	number_add(&less, 5, 0, 0);
	keep = (less.high >> 2) - 1; /* all ones if h was already below 2^130 - 5 */
	h->low = (h->low & keep) | (less.low & ~keep);
	h->middle = (h->middle & keep) | (less.middle & ~keep);
	number_add(h, sp_get_le64(key + 16), sp_get_le64(key + 24), 0);
	sp_put_le64(tag, h->low);
	sp_put_le64(tag + 8, h->middle);
}

static void short_tag(const uint8_t *key, const uint8_t *bytes, size_t len,
		      uint8_t tag[SP_AEAD_TAG_LEN])
{
	uint64_t r_low = sp_get_le64(key) & CLAMP_LOW, r_high = sp_get_le64(key + 8) & CLAMP_HIGH;
	struct number h = { 0 };
	size_t offset = 0;

	for (; offset + POLY_BLOCK <= len; offset += POLY_BLOCK) {
		number_add(&h, sp_get_le64(bytes + offset), sp_get_le64(bytes + offset + 8), 1);
		number_multiply(&h, r_low, r_high);
	}
	if (offset < len) {
		__mmask16 mask = (__mmask16)((1u << (len - offset)) - 1);
		__m128i last = _mm_maskz_loadu_epi8(mask, bytes + offset);

		number_add(&h, (uint64_t)_mm_cvtsi128_si64(last),
			   (uint64_t)_mm_extract_epi64(last, 1), 1);
		number_multiply(&h, r_low, r_high);
	}
	number_add(&h, 0, len, 1);
	number_multiply(&h, r_low, r_high);
	number_finish(&h, key, tag);
}

IFMA_INLINE struct element element_select(struct element a, __mmask8 mask, struct element b)
{
	return (struct element){ select_lanes(a.limb0, mask, b.limb0),
				 select_lanes(a.limb1, mask, b.limb1),
				 select_lanes(a.limb2, mask, b.limb2) };
}

IFMA_INLINE struct element element_broadcast(struct element a)
{
	return (struct element){ _mm512_broadcastq_epi64(_mm512_castsi512_si128(a.limb0)),
				 _mm512_broadcastq_epi64(_mm512_castsi512_si128(a.limb1)),
				 _mm512_broadcastq_epi64(_mm512_castsi512_si128(a.limb2)) };
}

/* The lanes have the order that unpacking gives: blocks 0 4 1 5 2 6 3 7. */
IFMA_INLINE struct element group_of(__m512i first_half, __m512i second_half, __m512i bits)
{
	struct element group = element_of(_mm512_unpacklo_epi64(first_half, second_half),
					  _mm512_unpackhi_epi64(first_half, second_half));

	group.limb2 = _mm512_or_si512(group.limb2, bits);
	return group;
}

struct powers {
	struct factor to_8, to_16; /* in every lane */
	struct factor last;        /* powers 8 4 7 3 6 2 5 1 by lane, for the last eight blocks */
};

static void powers_of(const uint8_t *key, struct powers *ret_powers)
{
	__m512i low = _mm512_set1_epi64((long long)(sp_get_le64(key) & CLAMP_LOW));
	__m512i high = _mm512_set1_epi64((long long)(sp_get_le64(key + 8) & CLAMP_HIGH));
	struct element r = element_of(low, high), r_2, r_4_3, four_to_one, eight_to_five;
	struct factor factor = factor_of(r);

	r_2 = multiply(r, &factor);
	factor = factor_of(r_2);
	/* lanes 2 and 3: r to the power 3 */
	r_4_3 = multiply(element_select(r_2, 0x0c, r), &factor);
	four_to_one = element_select(element_select(r_4_3, 0x30, r_2), 0xc0, r);
	factor = factor_of(element_broadcast(r_4_3));
	eight_to_five = multiply(four_to_one, &factor);
	ret_powers->last = factor_of(element_select(eight_to_five, 0xaa, four_to_one));
	ret_powers->to_8 = factor_of(element_broadcast(eight_to_five));
	ret_powers->to_16 =
		factor_of(multiply(element_broadcast(eight_to_five), &ret_powers->to_8));
}

/* Make the first group. Its first @lead bytes are before the message: they are not read, and are no
 * blocks. */
static struct element first_group(const uint8_t *bytes, size_t lead)
{
	static const uint8_t block_in_lane[POLY_LANES] = { 0, 4, 1, 5, 2, 6, 3, 7 };
	const uint8_t *from = (const uint8_t *)((uintptr_t)bytes - lead);
	__m512i blocks = _mm512_cvtepu8_epi64(_mm_loadl_epi64((const void *)block_in_lane));
	__mmask8 present =
		_mm512_cmpge_epi64_mask(blocks, _mm512_set1_epi64((long long)(lead / POLY_BLOCK)));
	__mmask16 qwords = (__mmask16)(0xffffu << lead / 8);

	return group_of(_mm512_maskz_loadu_epi64((__mmask8)qwords, from),
			_mm512_maskz_loadu_epi64((__mmask8)(qwords >> 8), from + 64),
			_mm512_maskz_mov_epi64(present, BIT_128));
}

/* Make the last group: @left bytes, 97 to 112, and the block of the lengths. */
static struct element last_group(const uint8_t *bytes, size_t left, size_t len)
{
	__mmask64 mask = (1ull << (left - 64)) - 1;
	__m512i second_half = _mm512_maskz_loadu_epi8(mask, bytes + 64);

	second_half = _mm512_inserti32x4(second_half, _mm_set_epi64x((long long)len, 0), 3);
	return group_of(_mm512_loadu_si512(bytes), second_half, BIT_128);
}

static struct element middle_group(const uint8_t *bytes)
{
	return group_of(_mm512_loadu_si512(bytes), _mm512_loadu_si512(bytes + 64), BIT_128);
}

/* Multiply h by a power and add the next group. */
IFMA_INLINE struct element step(struct element h, const struct factor *power, struct element group)
{
	struct product sum = product_from(group);

	add_product(&sum, h, power);
	return carried(&sum);
}

static void long_tag(const uint8_t *key, const uint8_t *bytes, size_t len,
		     uint8_t tag[SP_AEAD_TAG_LEN])
{
	size_t blocks = (len + POLY_BLOCK - 1) / POLY_BLOCK + 1;
	size_t lead = -blocks % POLY_LANES * POLY_BLOCK, offset = GROUP - lead;
	struct element h = first_group(bytes, lead);
	struct powers powers;
	struct number sum = { 0 };
	wide limb;

	powers_of(key, &powers);
	for (; len - offset > 2 * GROUP; offset += 2 * GROUP) {
		struct product product = product_from(middle_group(bytes + offset + GROUP));

		add_product(&product, middle_group(bytes + offset), &powers.to_8);
		add_product(&product, h, &powers.to_16);
		h = carried(&product);
	}
	for (; len - offset > GROUP; offset += GROUP)
		h = step(h, &powers.to_8, middle_group(bytes + offset));
	h = step(h, &powers.to_8, last_group(bytes + offset, len - offset, len));
	h = multiply(h, &powers.last);
	sum.low = (uint64_t)_mm512_reduce_add_epi64(h.limb0);
	limb = (wide)(uint64_t)_mm512_reduce_add_epi64(h.limb1) << 44;
	number_add(&sum, (uint64_t)limb, (uint64_t)(limb >> 64), 0);
	limb = (wide)(uint64_t)_mm512_reduce_add_epi64(h.limb2) << 24;
	number_add(&sum, 0, (uint64_t)limb, (uint64_t)(limb >> 64));
	number_finish(&sum, key, tag);
}

void sp_aead_ifma_tag(const uint8_t key[32], const uint8_t *bytes, size_t len,
		      uint8_t tag[SP_AEAD_TAG_LEN])
{
	(len > SHORT_MAX ? long_tag : short_tag)(key, bytes, len, tag);
}
