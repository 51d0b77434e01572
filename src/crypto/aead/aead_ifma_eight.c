/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Eight messages at once, block by block: sixteen ChaCha20 lanes make two blocks of each, and what
 * they cover is authenticated while it is still in registers. Of the first sixteen, eight are the
 * messages' Poly1305 keys and never leave the registers' form either. */
#include <errno.h>
#include <string.h>

#include "crypto/aead/aead_backends.h"
#include "crypto/aead/aead_ifma.h"
#include "crypto/aead/aead_ifma_chacha.h"
#include "crypto/aead/aead_ifma_poly.h"

#define EIGHT SP_AEAD_IFMA_EIGHT

struct eight {
	struct chacha chacha;
	struct poly poly;
	const uint8_t *ad[EIGHT];
	const uint8_t *src[EIGHT];
	uint8_t *dst[EIGHT];
	size_t reach[EIGHT]; /* all ones for a lane with a message, else 0 */
	uint32_t ad_len[EIGHT];
	uint32_t len[EIGHT];
	size_t shortest, longest, longest_ad;
	struct sp_aead_op idle;
	uint8_t idle_text[CHACHA_BLOCK];
};

_Static_assert(sizeof(struct eight) <= SP_AEAD_IFMA_ROOM, "the caller's room");

/* Make the first state of every lane, as a row, and transpose. Lanes 0 to 7 make the even blocks,
 * lanes 8 to 15 the odd ones. */
static void start_chacha(struct chacha *chacha, const struct sp_aead_op *const op[EIGHT])
{
	const __m512i next = _mm512_maskz_set1_epi32(1 << 12, 1);
	__m512i rows[CHACHA_LANES];
	words x[CHACHA_LANES];

#pragma GCC unroll 8
	for (int i = 0; i < EIGHT; i++) {
		__m128i nonce = _mm_setr_epi32(0, (int)op[i]->constant, (int)op[i]->counter,
					       (int)(op[i]->counter >> 32));
		__m256i key = _mm256_loadu_si256((const void *)op[i]->key);
		__m512i row = _mm512_inserti32x4(_mm512_setzero_si512(), nonce, 3);

		/* The key goes to words 4 to 11, across the middle of the register. */
		rows[i] = _mm512_mask_permutexvar_epi64(row, 0x3c,
							_mm512_setr_epi64(0, 0, 0, 1, 2, 3, 0, 0),
							_mm512_castsi256_si512(key));
		rows[EIGHT + i] = _mm512_add_epi32(rows[i], next);
	}
	chacha_transpose((const words *)rows, (__m512i *)x);
	chacha_start(chacha, x);
}

/* Lanes without a message compute one like the first message, in 64 bytes of their own, so that
 * they do not slow the others down. */
static void fill_idle(struct eight *eight, const struct sp_aead_op *first)
{
	eight->idle = (struct sp_aead_op){ .key = first->key,
					   .src = eight->idle_text,
					   .dst = eight->idle_text,
					   .len = first->len };
}

static void start(struct eight *eight, struct sp_aead_op *const *ops, size_t count)
{
	const struct sp_aead_op *op[EIGHT];

	if (count < EIGHT)
		fill_idle(eight, ops[0]);
	eight->shortest = ops[0]->len;
	eight->longest = ops[0]->len;
	eight->longest_ad = 0;
	for (size_t i = 0; i < EIGHT; i++) {
		op[i] = i < count ? ops[i] : &eight->idle;
		eight->reach[i] = i < count ? SIZE_MAX : 0;
		eight->ad[i] = op[i]->ad;
		eight->ad_len[i] = op[i]->ad_len;
		eight->src[i] = op[i]->src;
		eight->dst[i] = op[i]->dst;
		eight->len[i] = op[i]->len;
		if (op[i]->len < eight->shortest)
			eight->shortest = op[i]->len;
		if (op[i]->len > eight->longest)
			eight->longest = op[i]->len;
		if (op[i]->ad_len > eight->longest_ad)
			eight->longest_ad = op[i]->ad_len;
	}
	start_chacha(&eight->chacha, op);
}

/* How many bytes of a message of @len there are at @offset, at most 64. */
static inline size_t left_at(size_t len, size_t offset)
{
	size_t left = len > offset ? len - offset : 0;

	return left < CHACHA_BLOCK ? left : CHACHA_BLOCK;
}

static inline __mmask64 first_bytes(size_t count)
{
	return count >= CHACHA_BLOCK ? ~0ull : (1ull << count) - 1;
}

static void absorb_ad(struct eight *eight)
{
	for (size_t offset = 0; offset < eight->longest_ad; offset += CHACHA_BLOCK) {
		uint64_t blocks[EIGHT];
		__m512i rows[EIGHT];

		for (size_t i = 0; i < EIGHT; i++) {
			size_t left = left_at(eight->ad_len[i], offset);
			const uint8_t *from = left ? eight->ad[i] + offset : eight->idle_text;

			rows[i] = _mm512_maskz_loadu_epi8(first_bytes(left), from);
			blocks[i] = (left + POLY_BLOCK - 1) / POLY_BLOCK;
		}
		poly_absorb_some(&eight->poly, rows, _mm512_loadu_si512(blocks));
	}
}

/* Encrypt or decrypt 64 bytes of every message at @offset, all of which are there. @stream: the key
 * stream. Its place takes the cipher text, which is then authenticated. */
IFMA_INLINE void cross(struct eight *eight, __m512i stream[EIGHT], size_t offset, bool sealing)
{
#pragma GCC unroll 8
	for (int i = 0; i < EIGHT; i++) {
		size_t at = offset & eight->reach[i];
		__m512i in = _mm512_loadu_si512(eight->src[i] + at);
		__m512i out = _mm512_xor_si512(in, stream[i]);

		_mm512_storeu_si512(eight->dst[i] + at, out);
		stream[i] = sealing ? out : in;
	}
	poly_absorb(&eight->poly, stream);
}

/* The same if some messages have fewer bytes there, or none. */
static __attribute__((noinline)) void cross_ends(struct eight *eight, __m512i stream[EIGHT],
						 size_t offset, bool sealing)
{
	uint64_t blocks[EIGHT];

	for (size_t i = 0; i < EIGHT; i++) {
		size_t left = left_at(eight->len[i], offset);
		size_t at = left ? offset & eight->reach[i] : 0;
		__mmask64 mask = first_bytes(left);
		__m512i in = _mm512_maskz_loadu_epi8(mask, eight->src[i] + at);
		__m512i out = _mm512_maskz_mov_epi8(mask, _mm512_xor_si512(in, stream[i]));

		_mm512_mask_storeu_epi8(eight->dst[i] + at, mask, out);
		stream[i] = sealing ? out : in;
		blocks[i] = (left + POLY_BLOCK - 1) / POLY_BLOCK;
	}
	if (eight->shortest == eight->longest)
		poly_absorb_few(&eight->poly, stream, (int)blocks[0]);
	else
		poly_absorb_some(&eight->poly, stream, _mm512_loadu_si512(blocks));
}

IFMA_INLINE void cross_either(struct eight *eight, __m512i stream[EIGHT], size_t offset,
			      bool sealing)
{
	__m512i ends[EIGHT];

	if (offset + CHACHA_BLOCK <= eight->shortest) {
		cross(eight, stream, offset, sealing);
	} else if (offset < eight->longest) {
#pragma GCC unroll 8
		for (int i = 0; i < EIGHT; i++)
			ends[i] = stream[i];
		cross_ends(eight, ends, offset, sealing);
	}
}

static void finish(struct eight *eight, uint8_t tags[EIGHT][SP_AEAD_TAG_LEN])
{
	uint64_t low[EIGHT], high[EIGHT];
	__m512i tag_low, tag_high;

	poly_finish(&eight->poly,
		    _mm512_cvtepu32_epi64(_mm256_loadu_si256((const void *)eight->ad_len)),
		    _mm512_cvtepu32_epi64(_mm256_loadu_si256((const void *)eight->len)), &tag_low,
		    &tag_high);
	_mm512_storeu_si512(low, tag_low);
	_mm512_storeu_si512(high, tag_high);
	for (size_t i = 0; i < EIGHT; i++) {
		sp_put_le64(tags[i], low[i]);
		sp_put_le64(tags[i] + 8, high[i]);
	}
}

IFMA_INLINE void run(struct eight *eight, struct sp_aead_op *const *ops, size_t count, bool sealing,
		     uint8_t tags[EIGHT][SP_AEAD_TAG_LEN])
{
	__m512i rows[CHACHA_LANES];
	words x[CHACHA_LANES];
	size_t offset = 0;

	start(eight, ops, count);
	chacha_blocks(&eight->chacha, x);
	poly_start(&eight->poly, x);
	absorb_ad(eight);
	chacha_transpose(x, rows);
	for (;;) {
		cross_either(eight, &rows[EIGHT], offset, sealing);
		offset += CHACHA_BLOCK;
		if (offset >= eight->longest)
			break;
		chacha_advance(&eight->chacha, 2);
		chacha_blocks(&eight->chacha, x);
		chacha_transpose(x, rows);
		cross_either(eight, &rows[0], offset, sealing);
		offset += CHACHA_BLOCK;
	}
	finish(eight, tags);
}

size_t sp_aead_ifma_eight_seal(void *room, struct sp_aead_op *const *ops, size_t count)
{
	uint8_t tags[EIGHT][SP_AEAD_TAG_LEN];

	run(room, ops, count, true, tags);
	for (size_t i = 0; i < count; i++) {
		memcpy(ops[i]->dst + ops[i]->len, tags[i], SP_AEAD_TAG_LEN);
		ops[i]->result = 0;
	}
	return SP_AEAD_IFMA_ROOM;
}

size_t sp_aead_ifma_eight_open(void *room, struct sp_aead_op *const *ops, size_t count)
{
	uint8_t tags[EIGHT][SP_AEAD_TAG_LEN];

	run(room, ops, count, false, tags);
	for (size_t i = 0; i < count; i++) {
		ops[i]->result = 0;
		if (sp_aead_ifma_tags_differ(tags[i], ops[i]->src + ops[i]->len)) {
			sp_wipe(ops[i]->dst, ops[i]->len);
			ops[i]->result = -EBADMSG;
		}
	}
	return SP_AEAD_IFMA_ROOM;
}
