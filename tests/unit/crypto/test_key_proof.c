/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "crypto/key_proof.h"

static const uint8_t device_private[32] = { 1, 2, 3, 4 }, gateway_private[32] = { 9, 8, 7 },
		     other_private[32] = { 5, 5, 5 };

static struct sp_key_proof proof_of(uint8_t device[32], uint8_t gateway[32])
{
	sp_x25519_public(device, device_private);
	sp_x25519_public(gateway, gateway_private);
	return (struct sp_key_proof){ device, gateway, "challenge", "https://gate.example.org",
				      "corp" };
}

static void both_sides_make_the_same_proof(void **state)
{
	uint8_t device[32], gateway[32], theirs[32], ours[32];
	const struct sp_key_proof of = proof_of(device, gateway);

	(void)state;
	assert_int_equal(sp_key_proof_make(theirs, device_private, true, &of), 0);
	assert_int_equal(sp_key_proof_make(ours, gateway_private, false, &of), 0);
	assert_memory_equal(theirs, ours, 32);
}

static void a_proof_is_for_one_key_challenge_audience_and_purpose(void **state)
{
	uint8_t device[32], gateway[32], right[32], wrong[32];
	struct sp_key_proof of = proof_of(device, gateway), changed[4];

	(void)state;
	sp_key_proof_make(right, gateway_private, false, &of);
	sp_key_proof_make(wrong, other_private, true, &of);
	assert_memory_not_equal(right, wrong, 32);
	for (int i = 0; i < 4; i++)
		changed[i] = of;
	changed[0].challenge = "challengE";
	changed[1].audience = "https://gate.example.net";
	changed[2].purpose = "partner";
	changed[3].challenge = "challengeh"; /* a letter over to the next text */
	changed[3].audience = "ttps://gate.example.org";
	for (int i = 0; i < 4; i++) {
		assert_int_equal(sp_key_proof_make(wrong, device_private, true, &changed[i]), 0);
		assert_memory_not_equal(right, wrong, 32);
	}
}

static void keys_nobody_has_are_none(void **state)
{
	uint8_t key[32] = { 0 }, gateway[32], device[32], proof[32] = { 0 };
	struct sp_key_proof of = proof_of(device, gateway);

	(void)state;
	assert_true(sp_x25519_is_public(device));
	device[31] |= 0x80; /* the same point, another form */
	assert_false(sp_x25519_is_public(device));
	assert_false(sp_x25519_is_public(key)); /* 0, then 1: of low order */
	of.device_key = key;
	assert_int_equal(sp_key_proof_make(proof, gateway_private, false, &of), -EKEYREJECTED);
	key[0] = 1;
	assert_false(sp_x25519_is_public(key));
	key[0] = 9;
	assert_true(sp_x25519_is_public(key));
	memset(key, 0xff, 32); /* 2^255 - 19 + 9: the base point, not reduced */
	key[31] = 0x7f;
	key[0] = 0xf6;
	assert_false(sp_x25519_is_public(key));
	key[0] = 0xed;
	assert_false(sp_x25519_is_public(key));
	key[0] = 0xeb; /* 2^255 - 21, below the prime */
	assert_true(sp_x25519_is_public(key));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_sides_make_the_same_proof),
		cmocka_unit_test(a_proof_is_for_one_key_challenge_audience_and_purpose),
		cmocka_unit_test(keys_nobody_has_are_none),
	};

	return cmocka_run_group_tests_name("key-proof", tests, NULL, NULL);
}
