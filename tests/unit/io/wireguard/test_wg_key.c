/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/array.h"
#include "io/wireguard/wg_key.h"

/* A key of bytes one can read, and its public key as `wg pubkey` and OpenSSL compute it. */
#define PRIVATE_HEX "612066697865642070726976617465206b65792c203332206279746573206f6b"
#define PRIVATE_BASE64 "YSBmaXhlZCBwcml2YXRlIGtleSwgMzIgYnl0ZXMgb2s="
#define PUBLIC_HEX "af5e9ed522c088c94b86f386b9b4cffd621e937e6d77e188c89fedbb798be76b"
#define PUBLIC_BASE64 "r16e1SLAiMlLhvOGubTP/WIek35td+GIyJ/tu3mL52s="

static void public_key_is_what_wg_pubkey_says(void **state)
{
	struct sp_wg_key private_key, public_key;
	char base64[SP_WG_KEY_BASE64], hex[SP_WG_KEY_HEX];

	(void)state;
	assert_int_equal(sp_wg_key_from_base64(PRIVATE_BASE64, &private_key), 0);
	assert_int_equal(sp_wg_public_of(&private_key, &public_key), 0);
	assert_string_equal(sp_wg_key_to_base64(&public_key, base64), PUBLIC_BASE64);
	assert_string_equal(sp_wg_key_to_hex(&public_key, hex), PUBLIC_HEX);
	assert_string_equal(sp_wg_key_to_hex(&private_key, hex), PRIVATE_HEX);
}

static void made_pairs_belong_together_and_differ(void **state)
{
	struct sp_wg_key private_keys[2], public_keys[2], again;

	(void)state;
	for (int i = 0; i < 2; i++) {
		assert_int_equal(sp_wg_keypair_make(&private_keys[i], &public_keys[i]), 0);
		assert_int_equal(sp_wg_public_of(&private_keys[i], &again), 0);
		assert_true(sp_wg_key_equal(&again, &public_keys[i]));
		assert_int_equal(private_keys[i].bytes[0] & 7, 0);
		assert_int_equal(private_keys[i].bytes[31] & 0xc0, 0x40);
	}
	assert_false(sp_wg_key_equal(&private_keys[0], &private_keys[1]));
	assert_int_equal(sp_wg_preshared_make(&private_keys[0]), 0);
	assert_int_equal(sp_wg_preshared_make(&private_keys[1]), 0);
	assert_false(sp_wg_key_equal(&private_keys[0], &private_keys[1]));
	assert_false(sp_wg_key_is_zero(&private_keys[0]));
	sp_wg_key_wipe(&private_keys[0]);
	assert_true(sp_wg_key_is_zero(&private_keys[0]));
}

static void every_byte_survives_both_texts(void **state)
{
	(void)state;
	for (int value = 0; value < 256; value++) {
		struct sp_wg_key key, back;
		char base64[SP_WG_KEY_BASE64], hex[SP_WG_KEY_HEX];

		for (int i = 0; i < SP_WG_KEY_LEN; i++)
			key.bytes[i] = (uint8_t)(value + i * 7);
		assert_int_equal(sp_wg_key_from_base64(sp_wg_key_to_base64(&key, base64), &back),
				 0);
		assert_true(sp_wg_key_equal(&key, &back));
		assert_int_equal(sp_wg_key_from_hex(sp_wg_key_to_hex(&key, hex), &back), 0);
		assert_true(sp_wg_key_equal(&key, &back));
	}
}

static void other_texts_are_no_keys(void **state)
{
	static const char *const base64[] = {
		"",
		"u3pR",
		"YSBmaXhlZCBwcml2YXRlIGtleSwgMzIgYnl0ZXMgb2t=",  /* bits behind the end */
		"YSBmaXhlZCBwcml2YXRlIGtleSwgMzIgYnl0ZXMgb2s",   /* no padding */
		"YSBmaXhlZCBwcml2YXRlIGtleSwgMzIgYnl0ZXMgb2s==", /* too much of it */
		"YSBmaXhlZCBwcml2YXRlIGtleSwgMzIgYnl0ZXMgb2s=\n",
		"YSBmaXhlZCBwcml2YXRlIGtleSwgMzIgYnl0ZXMgb2s \n",
		"YSBmaXhlZCBwcml2YXRl-GtleSwgMzIgYnl0ZXMgb2s=", /* of the URL alphabet */
		"YSBmaXhlZCBwcml2YXRlIGtleSwgMzIgYnl0ZXMgb2sh", /* 33 bytes */
	};
	static const char *const hex[] = {
		"",
		"61",
		PRIVATE_HEX "00",
		"g12066697865642070726976617465206b65792c203332206279746573206f6b",
		"612066697865642070726976617465206b65792c203332206279746573206f6",
		" 12066697865642070726976617465206b65792c203332206279746573206f6b",
	};
	struct sp_wg_key key = { { 42 } }, before = key;

	(void)state;
	for (size_t i = 0; i < SP_ARRAY_LEN(base64); i++)
		assert_int_equal(sp_wg_key_from_base64(base64[i], &key), -EINVAL);
	for (size_t i = 0; i < SP_ARRAY_LEN(hex); i++)
		assert_int_equal(sp_wg_key_from_hex(hex[i], &key), -EINVAL);
	assert_true(sp_wg_key_equal(&key, &before));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(public_key_is_what_wg_pubkey_says),
		cmocka_unit_test(made_pairs_belong_together_and_differ),
		cmocka_unit_test(every_byte_survives_both_texts),
		cmocka_unit_test(other_texts_are_no_keys),
	};

	return cmocka_run_group_tests_name("io/wg_key", tests, NULL, NULL);
}
