/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Sealed texts: only the same key and purpose open them, and only unchanged. */
#include "portal/base/seal.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <string.h>

#include "base/cleanup.h"

static void random_bytes(void *arg, void *bytes, size_t len)
{
	(void)arg;
	memset(bytes, 3, len);
}

static const struct sp_sealer sealer = { .key = { 1 }, .random = random_bytes },
			      other_sealer = { .key = { 2 }, .random = random_bytes };

static char *seal(const char *purpose)
{
	json_t *value = json_pack("{s:s}", "a", "b");
	char *sealed = NULL;

	assert_int_equal(sp_seal(&sealer, purpose, value, &sealed), 0);
	json_decref(value);
	return sealed;
}

static void what_was_sealed_comes_back(void **state)
{
	__sp_free char *sealed = seal("one");
	json_t *value = NULL;

	(void)state;
	assert_int_equal(
		strspn(sealed, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"),
		strlen(sealed));
	assert_int_equal(sp_unseal(&sealer, "one", sealed, &value), 0);
	assert_string_equal(json_string_value(json_object_get(value, "a")), "b");
	json_decref(value);
}

static void another_key_or_purpose_opens_nothing(void **state)
{
	__sp_free char *sealed = seal("one");
	json_t *value = NULL;

	(void)state;
	assert_int_equal(sp_unseal(&other_sealer, "one", sealed, &value), -EBADMSG);
	assert_int_equal(sp_unseal(&sealer, "two", sealed, &value), -EBADMSG);
	assert_null(value);
}

static void every_changed_character_is_noticed(void **state)
{
	__sp_free char *sealed = seal("one");
	json_t *value = NULL;

	(void)state;
	for (size_t i = 0; i < strlen(sealed); i++) {
		const char was = sealed[i];

		/* a change of one bit that base64 keeps apart: 4 steps on in its alphabet, or padding or worse */
		sealed[i] = was == 'A' ? 'Q' : 'A';
		assert_int_equal(sp_unseal(&sealer, "one", sealed, &value), -EBADMSG);
		sealed[i] = was;
	}
	for (size_t len = 0; len < strlen(sealed); len++) {
		__sp_free char *cut = strndup(sealed, len);

		assert_int_equal(sp_unseal(&sealer, "one", cut, &value), -EBADMSG);
	}
}

static void what_would_be_too_long_is_refused_on_both_ways(void **state)
{
	__sp_free char *text = calloc(1, SP_SEALED_MAX + 2), *sealed = NULL;
	json_t *value;

	(void)state;
	memset(text, 'A', SP_SEALED_MAX + 1);
	value = json_pack("{s:s}", "a", text);
	assert_int_equal(sp_seal(&sealer, "one", value, &sealed), -E2BIG);
	json_decref(value);
	assert_int_equal(sp_unseal(&sealer, "one", text, &value), -EBADMSG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_sealed_comes_back),
		cmocka_unit_test(another_key_or_purpose_opens_nothing),
		cmocka_unit_test(every_changed_character_is_noticed),
		cmocka_unit_test(what_would_be_too_long_is_refused_on_both_ways),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
