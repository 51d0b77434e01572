/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Sixteen ChaCha20 blocks (RFC 8439, 2.3) side by side in AVX-512 registers: vector i holds word i
 * of every block, lane l everything of block l. A round then needs no shuffle, and the blocks may
 * be of different keys; sixteen lanes keep both vector ports busy whatever the messages' lengths.
 *
 * Only for files compiled for AVX-512. No loop here is over an index the compiler cannot see: clang
 * leaves an array that it meets in a rolled loop in memory.
 */
#ifndef SALLYPORT_CRYPTO_AEAD_IFMA_CHACHA_H
#define SALLYPORT_CRYPTO_AEAD_IFMA_CHACHA_H

#include <immintrin.h>
#include <stdint.h>

#define IFMA_INLINE static inline __attribute__((always_inline))
#define CHACHA_LANES 16
#define CHACHA_BLOCK 64

/* With a type that is words through and through, gcc 12 keeps the rounds free of moves. */
typedef uint32_t words __attribute__((vector_size(64)));

/* What does not change from one group of sixteen blocks to the next: of the sixteen words only the
 * counter (word 12) does. So three of the first round's four columns are computed once. */
struct chacha {
	words initial[16];
	words begun[16]; /* after the first round's columns 1, 2 and 3; column 0 is @initial's */
};

IFMA_INLINE words rotate(words x, int bits)
{
	return x << bits | x >> (32 - bits);
}

IFMA_INLINE void quarter_round(words *a, words *b, words *c, words *d)
{
	*a += *b;
	*d = rotate(*d ^ *a, 16);
	*c += *d;
	*b = rotate(*b ^ *c, 12);
	*a += *b;
	*d = rotate(*d ^ *a, 8);
	*c += *d;
	*b = rotate(*b ^ *c, 7);
}

IFMA_INLINE void last_three_columns(words x[16])
{
	quarter_round(&x[1], &x[5], &x[9], &x[13]);
	quarter_round(&x[2], &x[6], &x[10], &x[14]);
	quarter_round(&x[3], &x[7], &x[11], &x[15]);
}

IFMA_INLINE void columns(words x[16])
{
	quarter_round(&x[0], &x[4], &x[8], &x[12]);
	last_three_columns(x);
}

IFMA_INLINE void diagonals(words x[16])
{
	quarter_round(&x[0], &x[5], &x[10], &x[15]);
	quarter_round(&x[1], &x[6], &x[11], &x[12]);
	quarter_round(&x[2], &x[7], &x[8], &x[13]);
	quarter_round(&x[3], &x[4], &x[9], &x[14]);
}

IFMA_INLINE words words_of(uint32_t word)
{
	return (words)_mm512_set1_epi32((int)word);
}

/* @x: words 4 to 15 (key, counter, nonce) of every lane; the first four are set here. */
IFMA_INLINE void chacha_start(struct chacha *chacha, words x[16])
{
	x[0] = words_of(0x61707865); /* "expand 32-byte k" */
	x[1] = words_of(0x3320646e);
	x[2] = words_of(0x79622d32);
	x[3] = words_of(0x6b206574);
#pragma GCC unroll 16
	for (int i = 0; i < 16; i++)
		chacha->initial[i] = x[i];
	last_three_columns(x);
#pragma GCC unroll 16
	for (int i = 0; i < 16; i++)
		chacha->begun[i] = x[i];
}

/* The key stream of the lanes' present counters, as vectors of words. */
IFMA_INLINE void chacha_blocks(const struct chacha *chacha, words x[16])
{
#pragma GCC unroll 16
	for (int i = 0; i < 16; i++)
		x[i] = chacha->begun[i];
	x[12] = chacha->initial[12];
	quarter_round(&x[0], &x[4], &x[8], &x[12]);
	diagonals(x);
#pragma GCC unroll 1
	for (int i = 0; i < 9; i++) {
		columns(x);
		diagonals(x);
	}
#pragma GCC unroll 16
	for (int i = 0; i < 16; i++)
		x[i] += chacha->initial[i];
}

IFMA_INLINE void chacha_advance(struct chacha *chacha, uint32_t blocks)
{
	chacha->initial[12] += words_of(blocks);
}

/* Four vectors of four 16-byte pieces, transposed. */
IFMA_INLINE void transpose_pieces(__m512i *a, __m512i *b, __m512i *c, __m512i *d)
{
	__m512i ab_low = _mm512_shuffle_i32x4(*a, *b, 0x44);
	__m512i ab_high = _mm512_shuffle_i32x4(*a, *b, 0xee);
	__m512i cd_low = _mm512_shuffle_i32x4(*c, *d, 0x44);
	__m512i cd_high = _mm512_shuffle_i32x4(*c, *d, 0xee);

	*a = _mm512_shuffle_i32x4(ab_low, cd_low, 0x88);
	*b = _mm512_shuffle_i32x4(ab_low, cd_low, 0xdd);
	*c = _mm512_shuffle_i32x4(ab_high, cd_high, 0x88);
	*d = _mm512_shuffle_i32x4(ab_high, cd_high, 0xdd);
}

/* Words w to w+3 of all lanes become, in vector k, those of the lanes k, 4+k, 8+k and 12+k. */
IFMA_INLINE void transpose_words(__m512i x[4])
{
	__m512i low01 = _mm512_unpacklo_epi32(x[0], x[1]);
	__m512i high01 = _mm512_unpackhi_epi32(x[0], x[1]);
	__m512i low23 = _mm512_unpacklo_epi32(x[2], x[3]);
	__m512i high23 = _mm512_unpackhi_epi32(x[2], x[3]);

	x[0] = _mm512_unpacklo_epi64(low01, low23);
	x[1] = _mm512_unpackhi_epi64(low01, low23);
	x[2] = _mm512_unpacklo_epi64(high01, high23);
	x[3] = _mm512_unpackhi_epi64(high01, high23);
}

/* From vectors of words to blocks: x[l] becomes the 64 bytes of lane l. And back: it is its own
 * inverse. */
IFMA_INLINE void chacha_transpose(const words x[16], __m512i rows[16])
{
#pragma GCC unroll 4
	for (int i = 0; i < 16; i += 4) {
		rows[i] = (__m512i)x[i];
		rows[i + 1] = (__m512i)x[i + 1];
		rows[i + 2] = (__m512i)x[i + 2];
		rows[i + 3] = (__m512i)x[i + 3];
		transpose_words(&rows[i]);
	}
#pragma GCC unroll 4
	for (int i = 0; i < 4; i++)
		transpose_pieces(&rows[i], &rows[4 + i], &rows[8 + i], &rows[12 + i]);
}

#endif
