/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "identity/refusal.h"

static void a_guesser_cannot_tell_a_wrong_name_from_a_wrong_password(void **state)
{
	(void)state;
	assert_int_equal(sp_refusal_status(SP_REFUSAL_UNKNOWN_USER),
			 sp_refusal_status(SP_REFUSAL_WRONG_PASSWORD));
	assert_string_equal(sp_refusal_code(SP_REFUSAL_UNKNOWN_USER),
			    sp_refusal_code(SP_REFUSAL_WRONG_PASSWORD));
	assert_string_equal(sp_refusal_message(SP_REFUSAL_UNKNOWN_USER),
			    sp_refusal_message(SP_REFUSAL_WRONG_PASSWORD));
	assert_string_not_equal(sp_refusal_word(SP_REFUSAL_UNKNOWN_USER),
				sp_refusal_word(SP_REFUSAL_WRONG_PASSWORD));
}

static void every_reason_has_a_word_of_its_own_and_an_error_status(void **state)
{
	(void)state;
	for (int i = SP_REFUSAL_NONE + 1; i < SP_REFUSAL_COUNT; i++) {
		assert_in_range(sp_refusal_status(i), 400, 599);
		assert_true(*sp_refusal_code(i) && *sp_refusal_message(i));
		for (int j = 0; j < i; j++)
			assert_string_not_equal(sp_refusal_word(i), sp_refusal_word(j));
	}
}

static void a_detail_is_one_printable_line_of_bounded_length(void **state)
{
	struct sp_finding finding;
	char text[1000];

	(void)state;
	assert_int_equal(
		sp_find(&finding, SP_REFUSAL_WRONG_ISSUER, "it says %s, not %d", "a\nb\x1b\xc3", 7),
		-EACCES);
	assert_int_equal(finding.reason, SP_REFUSAL_WRONG_ISSUER);
	assert_string_equal(finding.detail, "it says a\\x0ab\\x1b\\xc3, not 7");
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	sp_find(&finding, SP_REFUSAL_MALFORMED, "%s", text);
	assert_int_equal(strlen(finding.detail), sizeof(finding.detail) - 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_guesser_cannot_tell_a_wrong_name_from_a_wrong_password),
		cmocka_unit_test(every_reason_has_a_word_of_its_own_and_an_error_status),
		cmocka_unit_test(a_detail_is_one_printable_line_of_bounded_length),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
