/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "confirm/target.h"

static void what_is_written_is_read_again(void **state)
{
	static const char *const texts[] = {
		"tcp:10.30.0.1:443",
		"tcp:192.0.2.1:1",
		"tcp:[2001:db8::1]:65535",
		"tcp:[::1]:22",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		char why[80], text[SP_TARGET_TEXT_MAX];
		struct sp_target target;

		assert_int_equal(sp_target_parse(texts[i], &target, why), 0);
		assert_string_equal(sp_target_format(&target, text), texts[i]);
	}
}

/* Each with the beginning of what is said about it. */
static void what_is_none_is_refused_with_the_reason(void **state)
{
	static const struct {
		const char *text, *why;
	} cases[] = {
		{ "", "it begins with tcp:" },
		{ "10.30.0.1:443", "it begins with tcp:" },
		{ "udp:10.30.0.1:53", "it begins with tcp:" },
		{ "tcp:", "it is tcp:ADDRESS:PORT" },
		{ "tcp:10.30.0.1", "it is tcp:ADDRESS:PORT" },
		{ "tcp:[2001:db8::1", "it is tcp:ADDRESS:PORT" },
		{ "tcp:[2001:db8::1]443", "it is tcp:ADDRESS:PORT" },
		{ "tcp:db.example:443", "its address is no" },
		{ "tcp:10.30.0.256:443", "its address is no" },
		{ "tcp::443", "its address is no" },
		{ "tcp:2001:db8::1:443", "its address is no" },
		{ "tcp:[10.30.0.1]:443", "brackets stand around" },
		{ "tcp:10.30.0.1:", "its port is" },
		{ "tcp:10.30.0.1:0", "its port is" },
		{ "tcp:10.30.0.1:065", "its port is" },
		{ "tcp:10.30.0.1:65536", "its port is" },
		{ "tcp:10.30.0.1:+44", "its port is" },
		{ "tcp:10.30.0.1:22 ", "its port is" },
		{ "tcp:[::1]:99999999999999999999", "its port is" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char why[80] = "";
		struct sp_target target;

		assert_int_equal(sp_target_parse(cases[i].text, &target, why), -EINVAL);
		why[strlen(cases[i].why)] = '\0';
		assert_string_equal(why, cases[i].why);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_written_is_read_again),
		cmocka_unit_test(what_is_none_is_refused_with_the_reason),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
