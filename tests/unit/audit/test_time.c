/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "audit/time.h"
#include "base/array.h"

static void known_instants_have_their_texts(void **state)
{
	static const struct {
		int64_t time_ns;
		const char *text;
	} rows[] = {
		{ 0, "1970-01-01T00:00:00.000000000Z" },
		{ -1, "1969-12-31T23:59:59.999999999Z" },
		{ 951782400000000000, "2000-02-29T00:00:00.000000000Z" },
		{ 1795230600123456789, "2026-11-21T03:10:00.123456789Z" },
		{ 4107542400000000001, "2100-03-01T00:00:00.000000001Z" },
		{ INT64_MAX, "2262-04-11T23:47:16.854775807Z" },
		{ INT64_MIN, "1677-09-21T00:12:43.145224192Z" },
	};
	char text[SP_TIME_TEXT_MAX];

	(void)state;
	for (size_t i = 0; i < SP_ARRAY_LEN(rows); i++) {
		int64_t back = 0;

		assert_string_equal(sp_time_format(rows[i].time_ns, text), rows[i].text);
		if (rows[i].time_ns != INT64_MIN) { /* its whole second is out of range */
			assert_int_equal(sp_time_parse(text, &back), 0);
			assert_true(back == rows[i].time_ns);
		}
	}
}

static void dates_agree_with_the_c_library(void **state)
{
	char text[SP_TIME_TEXT_MAX], expected[64];
	uint64_t random = 88172645463325252ull;

	(void)state;
	for (int i = 0; i < 20000; i++) {
		int64_t back;
		time_t time_s;
		struct tm tm;

		random ^= random << 13;
		random ^= random >> 7;
		random ^= random << 17;
		time_s = (time_t)(random % 16000000000ull) - 6000000000ll; /* 1779..2286 */
		gmtime_r(&time_s, &tm);
		strftime(expected, sizeof(expected), "%Y-%m-%dT%H:%M:%SZ", &tm);
		assert_string_equal(sp_time_format_s(time_s, text), expected);
		if (time_s < INT64_MAX / SP_NS_PER_S) {
			assert_int_equal(sp_time_parse(text, &back), 0);
			assert_true(back == time_s * SP_NS_PER_S);
		}
	}
}

static void forms_of_rfc_3339_are_read(void **state)
{
	static const struct {
		const char *text;
		int64_t time_ns;
	} rows[] = {
		{ "2026-11-21T03:10:00Z", 1795230600000000000 },
		{ "2026-11-21t03:10:00z", 1795230600000000000 },
		{ "2026-11-21 03:10:00.5Z", 1795230600500000000 },
		{ "2026-11-21T05:10:00+02:00", 1795230600000000000 },
		{ "2026-11-20T21:40:00.000000001-05:30", 1795230600000000001 },
		{ "2016-12-31T23:59:60Z", 1483228800000000000 },
	};

	(void)state;
	for (size_t i = 0; i < SP_ARRAY_LEN(rows); i++) {
		int64_t time_ns = 0;

		assert_int_equal(sp_time_parse(rows[i].text, &time_ns), 0);
		assert_true(time_ns == rows[i].time_ns);
	}
}

static void what_is_no_time_is_refused(void **state)
{
	static const char *const rows[] = {
		"",
		"now",
		"2026-11-21",
		"2026-11-21T03:10Z",
		"2026-11-21T03:10:00",
		"2026-11-21T03:10:00Zx",
		"2026-02-29T00:00:00Z",
		"2100-02-29T00:00:00Z",
		"2026-00-10T00:00:00Z",
		"2026-13-10T00:00:00Z",
		"2026-11-31T00:00:00Z",
		"2026-11-21T24:00:00Z",
		"2026-11-21T03:10:61Z",
		"2026-11-21T03:10:00.Z",
		"2026-11-21T03:10:00.1234567890Z",
		"2026-11-21T03:10:00+2:00",
		"+2026-11-21T03:10:00Z",
	};
	int64_t time_ns = 42;

	(void)state;
	for (size_t i = 0; i < SP_ARRAY_LEN(rows); i++)
		assert_int_equal(sp_time_parse(rows[i], &time_ns), -EINVAL);
	assert_int_equal(sp_time_parse("2263-01-01T00:00:00Z", &time_ns), -ERANGE);
	assert_int_equal(sp_time_parse("0001-01-01T00:00:00Z", &time_ns), -ERANGE);
	assert_int_equal(time_ns, 42);
}

static void durations_are_a_number_and_a_unit(void **state)
{
	int64_t ns = 7;

	(void)state;
	assert_int_equal(sp_duration_parse("90s", &ns), 0);
	assert_true(ns == 90 * SP_NS_PER_S);
	assert_int_equal(sp_duration_parse("10m", &ns), 0);
	assert_true(ns == 600 * SP_NS_PER_S);
	assert_int_equal(sp_duration_parse("2h", &ns), 0);
	assert_true(ns == 7200 * SP_NS_PER_S);
	assert_int_equal(sp_duration_parse("7d", &ns), 0);
	assert_true(ns == 7 * 86400 * SP_NS_PER_S);
	assert_int_equal(sp_duration_parse("", &ns), -EINVAL);
	assert_int_equal(sp_duration_parse("10", &ns), -EINVAL);
	assert_int_equal(sp_duration_parse("m", &ns), -EINVAL);
	assert_int_equal(sp_duration_parse("-1h", &ns), -EINVAL);
	assert_int_equal(sp_duration_parse("1h30m", &ns), -EINVAL);
	assert_int_equal(sp_duration_parse("99999999999999999999s", &ns), -ERANGE);
	assert_int_equal(sp_duration_parse("9999999999s", &ns), -ERANGE);
	assert_true(ns == 7 * 86400 * SP_NS_PER_S);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(known_instants_have_their_texts),
		cmocka_unit_test(dates_agree_with_the_c_library),
		cmocka_unit_test(forms_of_rfc_3339_are_read),
		cmocka_unit_test(what_is_no_time_is_refused),
		cmocka_unit_test(durations_are_a_number_and_a_unit),
	};

	return cmocka_run_group_tests_name("audit/time", tests, NULL, NULL);
}
