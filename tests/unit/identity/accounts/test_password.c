/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "base/array.h"
#include "identity/accounts/password.h"

#define SALT "7g5pQJ+PFchmspX8Yaxwjg"
#define HASH "DDa7ci0w2UHv9kFUlwfd+2FUkS19XTdDZyICUF+APa4"

static void a_hash_of_ours_fits_its_password_and_no_other(void **state)
{
	char hash[SP_PASSWORD_HASH_MAX], again[SP_PASSWORD_HASH_MAX];

	(void)state;
	assert_int_equal(sp_password_hash("correct horse", 13, hash), 0);
	assert_int_equal(sp_password_hash("correct horse", 13, again), 0);
	assert_memory_equal(hash, "$argon2id$v=19$m=19456,t=2,p=1$", 31);
	assert_string_not_equal(hash, again); /* a salt each */
	assert_null(sp_password_hash_fault(hash));
	assert_true(sp_password_is_right(hash, "correct horse", 13));
	assert_false(sp_password_is_right(hash, "correct horse", 12));
	assert_false(sp_password_is_right(hash, "Correct horse", 13));
	assert_false(sp_password_is_right(hash, "", 0));
}

static void a_password_may_hold_any_bytes(void **state)
{
	static const char bytes[] = "\0\xff\0 \n\0";
	char hash[SP_PASSWORD_HASH_MAX];

	(void)state;
	assert_int_equal(sp_password_hash(bytes, sizeof(bytes), hash), 0);
	assert_true(sp_password_is_right(hash, bytes, sizeof(bytes)));
	assert_false(sp_password_is_right(hash, bytes, sizeof(bytes) - 1));
}

static void nobodys_password_is_never_right(void **state)
{
	char text[SP_PASSWORD_MAX + 1] = { 0 };

	(void)state;
	assert_false(sp_password_is_right(NULL, "correct horse", 13));
	assert_false(sp_password_is_right(NULL, "", 0));
	assert_false(sp_password_is_right(NULL, text, sizeof(text)));
}

/* Made by another implementation: printf open-sesame | argon2 somesalt -id -k 4096 -t 3 -p 2 -e */
static void a_hash_made_elsewhere_is_taken(void **state)
{
	static const char hash[] = "$argon2id$v=19$m=4096,t=3,p=2$c29tZXNhbHQ$"
				   "BUGq2DcKhbh3SEp6mBawuFIiDHLmRbIV9wjZ+1OPGQQ";

	(void)state;
	assert_null(sp_password_hash_fault(hash));
	assert_true(sp_password_is_right(hash, "open-sesame", 11));
	assert_false(sp_password_is_right(hash, "open-sesam", 10));
}

static void what_is_wrong_with_a_hash_is_said(void **state)
{
	static const char no_hash[] = "is no Argon2id hash",
			  damaged[] = "is a damaged Argon2id hash";
	static const char costs[] =
		"is an Argon2id hash that costs too much (at most m=262144, t=10, p=16)";
	static const struct {
		const char *hash, *fault;
	} cases[] = {
		{ "$argon2id$v=19$m=19456,t=2,p=1$" SALT "$" HASH, NULL },
		{ "$argon2id$v=19$m=262144,t=10,p=16$" SALT "$" HASH, NULL },
		{ "$argon2id$v=19$m=262145,t=2,p=1$" SALT "$" HASH, costs },
		{ "$argon2id$v=19$m=19456,t=11,p=1$" SALT "$" HASH, costs },
		{ "$argon2id$v=19$m=19456,t=2,p=17$" SALT "$" HASH, costs },
		{ "$argon2id$v=19$m=99999999999999999999,t=2,p=1$" SALT "$" HASH, damaged },
		{ "$argon2id$v=19$m=4294967296,t=2,p=1$" SALT "$" HASH, costs },
		{ "", no_hash },
		{ "open sesame", no_hash },
		{ "$argon2i$v=19$m=19456,t=2,p=1$" SALT "$" HASH, no_hash },
		{ "$argon2id$v=16$m=19456,t=2,p=1$" SALT "$" HASH, no_hash },
		{ "$2y$10$7EqJtq98hPqEX7fNZaFWoO", no_hash },
		{ "$argon2id$v=19$", damaged },
		{ "$argon2id$v=19$m=019456,t=2,p=1$" SALT "$" HASH, damaged },
		{ "$argon2id$v=19$m=19456,t=0,p=1$" SALT "$" HASH, damaged },
		{ "$argon2id$v=19$m=19456,p=1,t=2$" SALT "$" HASH, damaged },
		{ "$argon2id$v=19$m=8,t=2,p=2$" SALT "$" HASH, damaged },
		{ "$argon2id$v=19$m=19456,t=2,p=1$" SALT, damaged },
		{ "$argon2id$v=19$m=19456,t=2,p=1$" SALT "$", damaged },
		{ "$argon2id$v=19$m=19456,t=2,p=1$$" HASH, damaged },
		{ "$argon2id$v=19$m=19456,t=2,p=1$" SALT "==$" HASH, damaged },
		{ "$argon2id$v=19$m=19456,t=2,p=1$" SALT "$" HASH " ", damaged },
		{ "$argon2id$v=19$m=19456,t=2,p=1$" SALT "$" HASH HASH,
		  "is too long for an Argon2id hash" },
	};

	(void)state;
	for (size_t i = 0; i < SP_ARRAY_LEN(cases); i++) {
		const char *fault = sp_password_hash_fault(cases[i].hash);

		if (!fault != !cases[i].fault || (fault && strcmp(fault, cases[i].fault)))
			fail_msg("%s: %s", cases[i].hash, fault ? fault : "taken");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_hash_of_ours_fits_its_password_and_no_other),
		cmocka_unit_test(a_password_may_hold_any_bytes),
		cmocka_unit_test(nobodys_password_is_never_right),
		cmocka_unit_test(a_hash_made_elsewhere_is_taken),
		cmocka_unit_test(what_is_wrong_with_a_hash_is_said),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
