/* SPDX-License-Identifier: GPL-3.0-or-later */
/* BLAKE2s: the authors' keyed known answers (BLAKE2/testvectors/blake2s-kat.txt, CC0) and, for the
 * shorter digests, HMAC and two-part input, values of Python's hashlib. The KDF's are those of
 * wireguard-go's device/kdf_test.go (MIT, Copyright (C) 2017-2021 WireGuard LLC). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <sodium.h>

#include "base/array.h"
#include "crypto/blake2s.h"
#include "crypto/tai64n.h"

static void assert_hex(const uint8_t *bytes, size_t len, const char *expected)
{
	char text[2 * SP_BLAKE2S_LEN + 1];

	assert_string_equal(sodium_bin2hex(text, sizeof(text), bytes, len), expected);
}

static void blake2s_gives_the_known_answers(void **state)
{
	/* input: bytes 00, 01, … of that length; key likewise */
	static const struct {
		size_t len, digest_len, key_len;
		const char *digest;
	} rows[] = {
		{ 0, 32, 0, "69217a3079908094e11121d042354a7c1f55b6482ca1a51e1b250dfd1ed0eef9" },
		{ 0, 32, 32, "48a8997da407876b3d79c0d92325ad3b89cbb754d86ab71aee047ad345fd2c49" },
		{ 1, 32, 32, "40d15fee7c328830166ac3f918650f807e7e01e177258cdc0a39b11f598066f1" },
		{ 64, 32, 32, "8975b0577fd35566d750b362b0897a26c399136df07bababbde6203ff2954ed4" },
		{ 255, 32, 32, "3fb735061abc519dfe979e54c1ee5bfad0a9d858b3315bad34bde999efd724dd" },
		{ 0, 16, 32, "9536f9b267655743dee97b8a670f9f53" },
		{ 116, 16, 32, "072e94ffbfc684bd8ab2a1b9dade2fd5" },
		{ 132, 16, 16, "b03d1196bdcfaad40f911db86b79ac7e" },
		{ 65, 16, 16, "9018c671bb7e94a6d540a91765bbecad" },
	};
	uint8_t bytes[256], digest[SP_BLAKE2S_LEN];

	(void)state;
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)i;
	for (size_t i = 0; i < SP_ARRAY_LEN(rows); i++) {
		struct sp_blake2s hash;

		sp_blake2s_keyed(digest, rows[i].digest_len, bytes, rows[i].key_len, bytes,
				 rows[i].len);
		assert_hex(digest, rows[i].digest_len, rows[i].digest);
		sp_blake2s_init(&hash, rows[i].digest_len, bytes, rows[i].key_len);
		for (size_t done = 0, step; done < rows[i].len; done += step) {
			step = done % 5 + 1 < rows[i].len - done ? done % 5 + 1
								 : rows[i].len - done;
			sp_blake2s_update(&hash, bytes + done, step);
		}
		sp_blake2s_final(&hash, digest);
		assert_hex(digest, rows[i].digest_len, rows[i].digest);
	}
	sp_blake2s_of(digest, "a", 1, "bc", 2); /* RFC 7693, appendix B */
	assert_hex(digest, 32, "508c5e8c327c14e2e1a72ba34eeb452f37458b209ed63a294d999b4c86675982");
}

static void hmac_takes_keys_longer_than_a_block(void **state)
{
	uint8_t key[100], mac[SP_BLAKE2S_LEN];

	(void)state;
	memset(key, 'k', sizeof(key));
	sp_hmac_blake2s(mac, key, sizeof(key), "te", 2, "xt", 2);
	assert_hex(mac, sizeof(mac),
		   "0c2dcaf263f172dd648c60ee89ebe6cb5af07cda55c17007096683e36e5d7e93");
}

static void kdf_gives_the_known_answers(void **state)
{
	static const struct {
		const char *key, *input, *first, *second, *third;
	} rows[] = {
		{ "test-key", "test-input",
		  "6f0e5ad38daba1bea8a0d213688736f19763239305e0f58aba697f9ffc41c633",
		  "df1194df20802a4fe594cde27e92991c8cae66c366e8106aaa937a55fa371e8a",
		  "fac6e2745a325f5dc5d11a5b165aad08b0ada28e7b4e666b7c077934a4d76c24" },
		{ "wireguard", "wireguard",
		  "491d43bbfdaa8750aaf535e334ecbfe5129967cd64635101c566d4caefda96e8",
		  "1e71a379baefd8a79aa4662212fcafe19a23e2b609a3db7d6bcba8f560e3d25f",
		  "31e1ae48bddfbe5de38f295e5452b1909a1b4e38e183926af3780b0c1e1f0160" },
		{ "", "", "8387b46bf43eccfcf349552a095d8315c4055beb90208fb1be23b894bc2ed5d0",
		  "58a0e5f6faefccf4807bff1f05fa8a9217945762040bcec2f4b4a62bdfe0e86e",
		  "0ce6ea98ec548f8e281e93e32db65621c45eb18dc6f0a7ad94178610a2f7338e" },
	};

	(void)state;
	for (size_t i = 0; i < SP_ARRAY_LEN(rows); i++) {
		const uint8_t *key = (const uint8_t *)rows[i].key;
		uint8_t first[32], second[32], third[32];

		sp_kdf(first, second, third, key, strlen(rows[i].key), rows[i].input,
		       strlen(rows[i].input));
		assert_hex(first, 32, rows[i].first);
		assert_hex(second, 32, rows[i].second);
		assert_hex(third, 32, rows[i].third);
		memset(second, 0, sizeof(second));
		sp_kdf(first, second, NULL, key, strlen(rows[i].key), rows[i].input,
		       strlen(rows[i].input));
		assert_hex(second, 32, rows[i].second);
		sp_kdf(first, NULL, NULL, key, strlen(rows[i].key), rows[i].input,
		       strlen(rows[i].input));
		assert_hex(first, 32, rows[i].first);
	}
}

static void tai64n_counts_from_1970_and_is_whitened(void **state)
{
	uint8_t early[SP_TAI64N_LEN], late[SP_TAI64N_LEN];

	(void)state;
	sp_tai64n(early, 0);
	assert_hex(early, sizeof(early), "400000000000000a00000000");
	sp_tai64n(early, 1500000000ull * 1000000000 + 999999999);
	assert_hex(early, sizeof(early), "4000000059682f0a3b000000");
	sp_tai64n(late, 1500000000ull * 1000000000 + 1000000000);
	assert_true(memcmp(early, late, sizeof(early)) < 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(blake2s_gives_the_known_answers),
		cmocka_unit_test(hmac_takes_keys_longer_than_a_block),
		cmocka_unit_test(kdf_gives_the_known_answers),
		cmocka_unit_test(tai64n_counts_from_1970_and_is_whitened),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
