/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One message at a time: what is left over of a batch, and the lone packet that cannot wait for
 * others. Its key stream is made sixteen blocks at a time, four, eight or twelve where that is
 * enough. */
#include <errno.h>
#include <string.h>

#include "crypto/aead/aead_backends.h"
#include "crypto/aead/aead_ifma.h"
#include "crypto/aead/aead_ifma_chacha.h"

#define SETS_MAX 3

struct one {
	words rows[4]; /* the initial state's rows, each four times: constants, key, counter */
	__m512i stream[CHACHA_LANES];
	bool started;
	struct chacha chacha; /* used if sixteen blocks were asked for */
};

_Static_assert(sizeof(struct one) <= SP_AEAD_IFMA_ROOM, "the caller's room");

/* How much of struct one was written if the first call made @made blocks. Later calls make no
 * more. */
static size_t used(size_t made)
{
	return made == CHACHA_LANES ? sizeof(struct one)
				    : offsetof(struct one, stream) + made * CHACHA_BLOCK;
}

static void start(struct one *one, const struct sp_aead_op *op)
{
	const __m128i constants = _mm_setr_epi32(0x61707865, 0x3320646e, 0x79622d32, 0x6b206574);
	const __m128i *key = (const __m128i *)op->key;

	one->started = false;
	one->rows[0] = (words)_mm512_broadcast_i32x4(constants);
	one->rows[1] = (words)_mm512_broadcast_i32x4(_mm_loadu_si128(key));
	one->rows[2] = (words)_mm512_broadcast_i32x4(_mm_loadu_si128(key + 1));
	one->rows[3] = (words)_mm512_broadcast_i32x4(
		_mm_setr_epi32(0, (int)op->constant, (int)op->counter, (int)(op->counter >> 32)));
}

/* Rotate the words of each 16-byte piece: the word @to becomes the first. */
#define TURN(x, to) ((words)_mm512_shuffle_epi32((__m512i)(x), to))

IFMA_INLINE void to_diagonals(words *b, words *c, words *d)
{
	*b = TURN(*b, _MM_PERM_ADCB);
	*c = TURN(*c, _MM_PERM_BADC);
	*d = TURN(*d, _MM_PERM_CBAD);
}

IFMA_INLINE void to_columns(words *b, words *c, words *d)
{
	*b = TURN(*b, _MM_PERM_CBAD);
	*c = TURN(*c, _MM_PERM_BADC);
	*d = TURN(*d, _MM_PERM_ADCB);
}

/* Make @sets times four blocks. A vector is a row of four blocks, one in each 16-byte piece. @sets
 * is 1 to 3 and a constant. The sets are computed side by side, because a single one waits for its
 * own results. */
IFMA_INLINE void few_blocks(struct one *one, uint32_t block, const int sets)
{
	const words ahead = { 0, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0 };
	words a[SETS_MAX], b[SETS_MAX], c[SETS_MAX], d[SETS_MAX], counter[SETS_MAX];

#pragma GCC unroll 3
	for (int i = 0; i < sets; i++) {
		__m512i first = _mm512_maskz_set1_epi32(0x1111, (int)(block + 4 * i));

		counter[i] = one->rows[3] + ahead + (words)first;
		a[i] = one->rows[0];
		b[i] = one->rows[1];
		c[i] = one->rows[2];
		d[i] = counter[i];
	}
#pragma GCC unroll 1
	for (int round = 0; round < 10; round++) {
#pragma GCC unroll 3
		for (int i = 0; i < sets; i++) {
			quarter_round(&a[i], &b[i], &c[i], &d[i]);
			to_diagonals(&b[i], &c[i], &d[i]);
		}
#pragma GCC unroll 3
		for (int i = 0; i < sets; i++) {
			quarter_round(&a[i], &b[i], &c[i], &d[i]);
			to_columns(&b[i], &c[i], &d[i]);
		}
	}
#pragma GCC unroll 3
	for (int i = 0; i < sets; i++) {
		__m512i *stream = &one->stream[4 * i];

		stream[0] = (__m512i)(a[i] + one->rows[0]);
		stream[1] = (__m512i)(b[i] + one->rows[1]);
		stream[2] = (__m512i)(c[i] + one->rows[2]);
		stream[3] = (__m512i)(d[i] + counter[i]);
		transpose_pieces(&stream[0], &stream[1], &stream[2], &stream[3]);
	}
}

static __attribute__((noinline)) void four_blocks(struct one *one, uint32_t block)
{
	few_blocks(one, block, 1);
}

static __attribute__((noinline)) void eight_blocks(struct one *one, uint32_t block)
{
	few_blocks(one, block, 2);
}

static __attribute__((noinline)) void twelve_blocks(struct one *one, uint32_t block)
{
	few_blocks(one, block, 3);
}

/* Prepare the words of the first sixteen blocks: the same in all lanes except for the counter. */
static void start_sixteen(struct one *one)
{
	const words lanes = { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15 };
	words x[CHACHA_LANES];

#pragma GCC unroll 3
	for (int i = 1; i < 4; i++) {
		__m512i row = (__m512i)one->rows[i];

		x[4 * i] = TURN(row, _MM_PERM_AAAA);
		x[4 * i + 1] = TURN(row, _MM_PERM_BBBB);
		x[4 * i + 2] = TURN(row, _MM_PERM_CCCC);
		x[4 * i + 3] = TURN(row, _MM_PERM_DDDD);
	}
	x[12] = lanes;
	chacha_start(&one->chacha, x);
	one->started = true;
}

/* Make the first sixteen blocks, or those after the last call's. */
static __attribute__((noinline)) void sixteen_blocks(struct one *one)
{
	words x[CHACHA_LANES];

	if (one->started)
		chacha_advance(&one->chacha, CHACHA_LANES);
	else
		start_sixteen(one);
	chacha_blocks(&one->chacha, x);
	chacha_transpose(x, one->stream);
}

/* Make the next blocks of the key stream: @wanted of them, or as many as are made at once. Returns
 * how many. */
static size_t make_stream(struct one *one, uint32_t block, size_t wanted)
{
	if (wanted <= 4) {
		four_blocks(one, block);
		return 4;
	}
	if (wanted <= 8) {
		eight_blocks(one, block);
		return 8;
	}
	if (wanted <= 12) {
		twelve_blocks(one, block);
		return 12;
	}
	sixteen_blocks(one);
	return CHACHA_LANES;
}

/* Encrypt or decrypt @len bytes, at most as many as the key stream has from its row @first on. */
static void cross(const struct one *one, size_t first, const uint8_t *src, uint8_t *dst, size_t len)
{
	const __m512i *row = &one->stream[first];

	for (; len >= CHACHA_BLOCK; len -= CHACHA_BLOCK) {
		_mm512_storeu_si512(dst, _mm512_xor_si512(_mm512_loadu_si512(src), *row++));
		src += CHACHA_BLOCK;
		dst += CHACHA_BLOCK;
	}
	if (len > 0) {
		__mmask64 mask = (1ull << len) - 1;
		__m512i in = _mm512_maskz_loadu_epi8(mask, src);

		_mm512_mask_storeu_epi8(dst, mask, _mm512_xor_si512(in, *row));
	}
}

/* Encrypt or decrypt the whole message. The first row of the stream, the Poly1305 key, was used
 * before. */
static void cross_all(struct one *one, const struct sp_aead_op *op, size_t made)
{
	size_t left = op->len, first = 1, block = 0;
	const uint8_t *src = op->src;
	uint8_t *dst = op->dst;

	for (;;) {
		size_t room = (made - first) * CHACHA_BLOCK, part = left < room ? left : room;

		cross(one, first, src, dst, part);
		src += part;
		dst += part;
		left -= part;
		if (left == 0)
			break;
		block += made;
		first = 0;
		made = make_stream(one, (uint32_t)block, (left + CHACHA_BLOCK - 1) / CHACHA_BLOCK);
	}
}

static size_t blocks_of(const struct sp_aead_op *op)
{
	return 1 + ((size_t)op->len + CHACHA_BLOCK - 1) / CHACHA_BLOCK;
}

size_t sp_aead_ifma_one_seal(void *room, struct sp_aead_op *op)
{
	struct one *one = room;
	uint8_t key[32];
	size_t made;

	start(one, op);
	made = make_stream(one, 0, blocks_of(op));
	memcpy(key, one->stream, sizeof(key));
	cross_all(one, op, made);
	sp_aead_ifma_tag(key, op->dst, op->len, op->dst + op->len);
	op->result = 0;
	return used(made);
}

size_t sp_aead_ifma_one_open(void *room, struct sp_aead_op *op)
{
	uint8_t tag[SP_AEAD_TAG_LEN];
	struct one *one = room;
	size_t made;

	start(one, op);
	made = make_stream(one, 0, blocks_of(op));
	sp_aead_ifma_tag((const uint8_t *)one->stream, op->src, op->len, tag);
	op->result = 0;
	if (sp_aead_ifma_tags_differ(tag, op->src + op->len)) {
		sp_wipe(op->dst, op->len);
		op->result = -EBADMSG;
	} else {
		cross_all(one, op, made);
	}
	return used(made);
}
