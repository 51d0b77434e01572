/* SPDX-License-Identifier: GPL-3.0-or-later */
/* RFC 7748, sections 5.2 and 6.1; the low-order points are those of cr.yp.to/ecdh.html#validate. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <sodium.h>

#include "base/array.h"
#include "crypto/x25519/x25519.h"

static void from_hex(uint8_t key[SP_X25519_LEN], const char *text)
{
	size_t len;

	assert_int_equal(sodium_hex2bin(key, SP_X25519_LEN, text, strlen(text), NULL, &len, NULL),
			 0);
	assert_int_equal(len, SP_X25519_LEN);
}

static void products_of_the_rfc(void **state)
{
	static const struct {
		const char *scalar, *point, *product;
	} rows[] = {
		{ "a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4",
		  "e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c",
		  "c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552" },
		{ "4b66e9d4d1b4673c5ad22691957d6af5c11b6421e0ea01d42ca4169e7918ba0d",
		  "e5210f12786811d3f4b7959d0538ae2c31dbe7106fc03c3efc4cd549c715a493",
		  "95cbde9476e8907d7aade45cb4b873f88b595a68799fa152e6f8f7647aac7957" },
	};
	uint8_t scalar[SP_X25519_LEN], point[SP_X25519_LEN], product[SP_X25519_LEN],
		wanted[SP_X25519_LEN];

	(void)state;
	for (size_t i = 0; i < SP_ARRAY_LEN(rows); i++) {
		from_hex(scalar, rows[i].scalar);
		from_hex(point, rows[i].point);
		from_hex(wanted, rows[i].product);
		assert_int_equal(sp_x25519(product, scalar, point), 0);
		assert_memory_equal(product, wanted, sizeof(wanted));
	}
	from_hex(scalar, "5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb");
	from_hex(wanted, "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f");
	sp_x25519_public(product, scalar);
	assert_memory_equal(product, wanted, sizeof(wanted));
}

static void a_thousand_rounds_of_the_rfc(void **state)
{
	uint8_t scalar[SP_X25519_LEN] = { 9 }, point[SP_X25519_LEN] = { 9 }, product[SP_X25519_LEN];
	uint8_t wanted[SP_X25519_LEN];

	(void)state;
	for (int round = 1; round <= 1000; round++) {
		assert_int_equal(sp_x25519(product, scalar, point), 0);
		memcpy(point, scalar, sizeof(point));
		memcpy(scalar, product, sizeof(scalar));
		if (round == 1) {
			from_hex(
				wanted,
				"422c8e7a6227d7bca1350b3e2bb7279f7897b87bb6854b783c60e80311ae3079");
			assert_memory_equal(product, wanted, sizeof(wanted));
		}
	}
	from_hex(wanted, "684cf59ba83309552800ef566f2f4d3c1c3887c49360e3875f2eb94d99532c51");
	assert_memory_equal(product, wanted, sizeof(wanted));
}

static void low_order_points_are_refused(void **state)
{
	static const char *const points[] = {
		"0000000000000000000000000000000000000000000000000000000000000000",
		"0100000000000000000000000000000000000000000000000000000000000000",
		"e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
		"5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
		"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"cdeb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b880",
		"4c9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f11d7",
		"d9ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
		"daffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
		"dbffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
	};
	uint8_t scalar[SP_X25519_LEN], point[SP_X25519_LEN], untouched[SP_X25519_LEN];
	uint8_t product[SP_X25519_LEN];
	size_t all_zero = 0;

	(void)state;
	memset(scalar, 0x77, sizeof(scalar));
	memset(untouched, 0x5a, sizeof(untouched));
	for (size_t i = 0; i < SP_ARRAY_LEN(points); i++) {
		from_hex(point, points[i]);
		memcpy(product, untouched, sizeof(product));
		if (sp_x25519(product, scalar, point) == -EKEYREJECTED) {
			assert_memory_equal(product, untouched, sizeof(product));
			all_zero++;
		} else { /* bit 255 is masked, so the last entries stand for other points */
			assert_false(sodium_is_zero(product, sizeof(product)));
			assert_true(point[31] & 0x80);
		}
	}
	assert_true(all_zero >= 7);
}

/* A random pair, or one of extremes. */
static void draw_pair(uint32_t kind, uint8_t scalar[SP_X25519_LEN], uint8_t point[SP_X25519_LEN])
{
	randombytes_buf(scalar, SP_X25519_LEN);
	randombytes_buf(point, SP_X25519_LEN);
	switch (kind) {
	case 0: /* 0 to 31: among them points of low order */
		memset(point + 1, 0, SP_X25519_LEN - 1);
		point[0] &= 31;
		break;
	case 1: /* just below 2^255, where numbers are not canonical, with or without bit 255 */
		memset(point + 1, 0xff, SP_X25519_LEN - 2);
		point[31] |= 0x7f;
		break;
	case 2: /* whole bytes of ones and zeros */
		for (size_t k = 0; k < SP_X25519_LEN; k++)
			point[k] = point[k] & 1 ? 0xff : 0;
		break;
	case 3:
		memset(scalar, point[0] & 1 ? 0xff : 0, SP_X25519_LEN);
		break;
	}
}

/* Against libsodium, one at a time: batches of every size, random and extreme keys and points. */
static void many_at_once_are_the_same_as_one_by_one(void **state)
{
	enum { MANY = 9 };
	uint8_t scalars[MANY][SP_X25519_LEN], points[MANY][SP_X25519_LEN];
	uint8_t products[MANY][SP_X25519_LEN], wanted[SP_X25519_LEN];
	struct sp_x25519_op ops[MANY];
	size_t refused = 0;

	(void)state;
	for (int round = 0; round < 300; round++) {
		const size_t n = 1 + (size_t)round % MANY;

		for (size_t i = 0; i < n; i++) {
			const uint32_t kind = randombytes_uniform(8);

			draw_pair(kind, scalars[i], points[i]);
			memset(products[i], 0x5a, SP_X25519_LEN);
			ops[i] = (struct sp_x25519_op){
				.private_key = scalars[i],
				.public_key = kind == 4 ? NULL : points[i],
				.ret_product = products[i],
				.result = 1,
			};
		}
		sp_x25519_many(ops, n);
		for (size_t i = 0; i < n; i++) {
			int r = 0;

			if (ops[i].public_key)
				r = crypto_scalarmult(wanted, scalars[i], points[i]);
			else
				crypto_scalarmult_base(wanted, scalars[i]);
			if (r != 0) {
				memset(wanted, 0x5a, sizeof(wanted)); /* not written */
				refused++;
			}
			assert_int_equal(ops[i].result, r ? -EKEYREJECTED : 0);
			assert_memory_equal(products[i], wanted, sizeof(wanted));
		}
	}
	assert_true(refused > 0);
}

static void one_bad_point_among_many_is_the_only_one_refused(void **state)
{
	uint8_t scalar[SP_X25519_LEN], good[SP_X25519_LEN], zero[SP_X25519_LEN] = { 0 };
	uint8_t products[3][SP_X25519_LEN], wanted[SP_X25519_LEN];
	struct sp_x25519_op ops[] = {
		{ scalar, NULL, products[0], 1 },
		{ scalar, zero, products[1], 1 },
		{ scalar, good, products[2], 1 },
	};

	(void)state;
	memset(scalar, 0x77, sizeof(scalar));
	sp_x25519_public(good, scalar);
	assert_int_equal(sp_x25519(wanted, scalar, good), 0);
	memset(products, 0x5a, sizeof(products));
	assert_int_equal(sp_x25519_many(ops, SP_ARRAY_LEN(ops)), -EKEYREJECTED);
	assert_int_equal(ops[0].result, 0);
	assert_memory_equal(products[0], good, sizeof(good));
	assert_int_equal(ops[1].result, -EKEYREJECTED);
	assert_int_equal(products[1][0], 0x5a);
	assert_int_equal(ops[2].result, 0);
	assert_memory_equal(products[2], wanted, sizeof(wanted));
	assert_int_equal(sp_x25519_many(ops, 0), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(products_of_the_rfc),
		cmocka_unit_test(a_thousand_rounds_of_the_rfc),
		cmocka_unit_test(low_order_points_are_refused),
		cmocka_unit_test(many_at_once_are_the_same_as_one_by_one),
		cmocka_unit_test(one_bad_point_among_many_is_the_only_one_refused),
	};

	return sodium_init() < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
