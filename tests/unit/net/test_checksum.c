/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* All of its variants are tried here, not only the one chosen for this processor. */
#include "net/checksum.c"

#include "support/offload.h"

#define SEED 0x5a11c0de1ull
#define LEN_MAX 2200

static uint8_t *random_bytes(uint64_t *seed, size_t len)
{
	uint8_t *bytes = malloc(len);

	assert_non_null(bytes);
	for (size_t i = 0; i < len; i++)
		bytes[i] = (uint8_t)naive_draw(seed, 256);
	return bytes;
}

/* One variant against the slow sum: every length, at every distance from an aligned address, in
 * storage that ends where the bytes end. */
static void check_variant(uint64_t (*sum)(const uint8_t *, size_t),
			  uint64_t (*sum_and_copy)(uint8_t *, const uint8_t *, size_t))
{
	uint64_t seed = SEED;

	for (size_t len = 0; len < LEN_MAX; len++) {
		size_t shift = len % 67;
		uint8_t *bytes = random_bytes(&seed, len + shift), *src = bytes + shift;
		uint8_t *dst = malloc(len + 1);
		uint16_t expected;

		assert_non_null(dst);
		dst[len] = 0xa5;
		if (len % 7 == 0)
			memset(src, 0xff, len);
		expected = naive_sum(0, src, len);
		assert_int_equal((uint16_t)~sp_checksum_finish(add_native(0, sum(src, len))),
				 expected);
		assert_int_equal(
			(uint16_t)~sp_checksum_finish(add_native(0, sum_and_copy(dst, src, len))),
			expected);
		assert_memory_equal(dst, src, len);
		assert_int_equal(dst[len], 0xa5);
		free(dst);
		free(bytes);
	}
}

static void the_sum_of_any_processor(void **state)
{
	(void)state;
	check_variant(sum_any, sum_any_copy);
}

static void the_sum_of_this_processor(void **state)
{
	(void)state;
	check_variant(sum_long, sum_long_copy);
#if defined(__x86_64__)
	if (__builtin_cpu_supports("avx2"))
		check_variant(sum_avx2, sum_avx2_copy);
	if (__builtin_cpu_supports("avx512f"))
		check_variant(sum_avx512, sum_avx512_copy);
#endif
}

static void a_sum_goes_on_from_any_other(void **state)
{
	uint64_t seed = SEED;

	(void)state;
	for (int i = 0; i < 3000; i++) {
		size_t first = 2 * naive_draw(&seed, 300), second = naive_draw(&seed, 600);
		uint8_t *bytes = random_bytes(&seed, first + second),
			*copy = malloc(first + second);
		uint16_t expected = (uint16_t)~naive_sum(0, bytes, first + second);
		uint32_t sum = sp_checksum_add(0, bytes, first);

		assert_non_null(copy);
		assert_int_equal(sp_checksum_finish(sp_checksum_add(sum, bytes + first, second)),
				 expected);
		sum = sp_checksum_copy(0, copy, bytes, first);
		assert_int_equal(sp_checksum_finish(sp_checksum_copy(sum, copy + first,
								     bytes + first, second)),
				 expected);
		assert_memory_equal(copy, bytes, first + second);
		free(copy);
		free(bytes);
	}
}

static void sums_at_the_edges(void **state)
{
	uint8_t *ones = malloc(1 << 20);
	uint8_t zeros[64] = { 0 };

	(void)state;
	assert_non_null(ones);
	memset(ones, 0xff, 1 << 20);
	assert_int_equal(sp_checksum_finish(sp_checksum_add(0, zeros, 0)), 0xffff);
	assert_int_equal(sp_checksum_finish(sp_checksum_add(0, zeros, 64)), 0xffff);
	assert_int_equal(sp_checksum_finish(sp_checksum_add(0, ones, 2)), 0);
	assert_int_equal(sp_checksum_finish(sp_checksum_add(0, ones, 1 << 20)), 0);
	assert_int_equal(sp_checksum_finish(sp_checksum_add(0x1ffff, ones, 1 << 20)),
			 (uint16_t)~naive_sum(0x1ffff, ones, 1 << 20));
	assert_int_equal(sp_checksum_finish(sp_checksum_add_word(0xffff, 0xffff)), 0);
	free(ones);
}

static void words_are_added_without_being_folded(void **state)
{
	uint64_t seed = SEED;

	(void)state;
	for (int i = 0; i < 50; i++) {
		uint32_t sum = 0, count = naive_draw(&seed, 60000);
		uint8_t *bytes = random_bytes(&seed, 2 * count + 2);

		for (uint32_t at = 0; at < count; at++) {
			uint16_t word = i % 5 ? sp_get_be16(bytes + 2 * at) : 0xffff;

			sp_put_be16(bytes + 2 * at, word);
			sum = sp_checksum_add_word(sum, word);
		}
		assert_int_equal(sp_checksum_finish(sum),
				 (uint16_t)~naive_sum(0, bytes, 2 * count));
		sum = sp_checksum_add(sum, bytes + 2 * count, 2);
		assert_int_equal(sp_checksum_finish(sum),
				 (uint16_t)~naive_sum(0, bytes, 2 * count + 2));
		free(bytes);
	}
}

static void an_ipv4_header(void **state)
{
	uint64_t seed = SEED;

	(void)state;
	for (int i = 0; i < 1000; i++) {
		uint8_t *header = random_bytes(&seed, 20);

		sp_put_be16(header + 10, 0);
		sp_put_be16(header + 10, (uint16_t)~naive_sum(0, header, 20));
		assert_int_equal(sp_checksum_ipv4(header), 0);
		header[naive_draw(&seed, 20)] ^= (uint8_t)(1 << naive_draw(&seed, 8));
		assert_int_equal(sp_checksum_ipv4(header), (uint16_t)~naive_sum(0, header, 20));
		assert_int_not_equal(sp_checksum_ipv4(header), 0);
		free(header);
	}
}

static void the_pseudo_header(void **state)
{
	static const uint8_t addresses[32] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, [31] = 77 };
	uint64_t seed = SEED;

	(void)state;
	for (int i = 0; i < 200; i++) {
		uint32_t len = naive_draw(&seed, 70000);
		uint8_t pseudo[40] = { 0 };

		memcpy(pseudo, addresses, 32);
		for (int byte = 0; byte < 4; byte++)
			pseudo[32 + byte] = (uint8_t)(len >> (24 - 8 * byte));
		pseudo[39] = 17;
		assert_int_equal(sp_checksum_finish(sp_checksum_pseudo(addresses, 32, 17, len)),
				 (uint16_t)~naive_sum(0, pseudo, 40));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_sum_of_any_processor),
		cmocka_unit_test(the_sum_of_this_processor),
		cmocka_unit_test(a_sum_goes_on_from_any_other),
		cmocka_unit_test(sums_at_the_edges),
		cmocka_unit_test(words_are_added_without_being_folded),
		cmocka_unit_test(an_ipv4_header),
		cmocka_unit_test(the_pseudo_header),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
