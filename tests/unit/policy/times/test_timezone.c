/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Clocks of time zones: files made here, and those of the system against libc's reading of them. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "policy/times/timezone.h"
#include "../../../support/tzif.h"

SP_DEFINE_CLEANUP(struct sp_timezone *, sp_timezone_free);
#define __zone __sp_cleanup(sp_timezone_freep)

/* ---- what is laid down ---- */

static void changes_hold_from_their_instant_on(void **state)
{
	const struct tzif made = { '2', 0, 2, { 1000, 5000 }, { 60, 3600, -7200 }, "\n\n" };
	__zone struct sp_timezone *zone = tzif_read(&made);

	(void)state;
	assert_string_equal(sp_timezone_name(zone), "Test/Zone");
	assert_int_equal(sp_timezone_offset(zone, -1000000), 60);
	assert_int_equal(sp_timezone_offset(zone, 999), 60);
	assert_int_equal(sp_timezone_offset(zone, 1000), 3600);
	assert_int_equal(sp_timezone_offset(zone, 4999), 3600);
	assert_int_equal(sp_timezone_offset(zone, 5000), -7200);
	assert_int_equal(sp_timezone_offset(zone, utc(9000, 1, 1, 0, 0)), -7200);
	assert_int_equal(sp_timezone_next(zone, 0), 1000);
	assert_int_equal(sp_timezone_next(zone, 1000), 5000);
	assert_true(sp_timezone_next(zone, 5000) == INT64_MAX);
	assert_int_equal(sp_timezone_offset(zone, INT64_MIN), 60);
	assert_int_equal(sp_timezone_offset(zone, INT64_MAX), -7200);
}

static void utc_never_changes(void **state)
{
	__zone struct sp_timezone *zone = NULL;

	(void)state;
	assert_int_equal(sp_timezone_utc(&zone), 0);
	assert_string_equal(sp_timezone_name(zone), "UTC");
	assert_int_equal(sp_timezone_offset(zone, 1795435200), 0);
	assert_true(sp_timezone_next(zone, 1795435200) == INT64_MAX);
	assert_int_equal(sp_timezone_instant(zone, 1795435200), 1795435200);
}

/* ---- rules of footers ---- */

static void a_footer_rules_the_years_after(void **state)
{
	__zone struct sp_timezone *berlin = tzif_ruled("\nCET-1CEST,M3.5.0,M10.5.0/3\n");
	const int64_t summer = utc(2027, 3, 28, 1, 0), winter = utc(2027, 10, 31, 1, 0);

	(void)state;
	assert_int_equal(sp_timezone_offset(berlin, summer - 1), 3600);
	assert_int_equal(sp_timezone_offset(berlin, summer), 7200);
	assert_int_equal(sp_timezone_offset(berlin, winter - 1), 7200);
	assert_int_equal(sp_timezone_offset(berlin, winter), 3600);
	assert_int_equal(sp_timezone_next(berlin, utc(2027, 1, 1, 0, 0)), summer);
	assert_int_equal(sp_timezone_next(berlin, summer), winter);
	assert_int_equal(sp_timezone_next(berlin, winter), utc(2028, 3, 26, 1, 0));
	assert_int_equal(sp_timezone_next(berlin, utc(2399, 12, 31, 23, 59)),
			 utc(2400, 3, 26, 1, 0));
}

/* Footers as the data of zones has them, each with an instant of 2026 and 2028 and its offset. */
static void footers_of_all_kinds_are_read(void **state)
{
	static const struct {
		const char *footer;
		int64_t at_s;
		int32_t offset_s;
	} rows[] = {
		{ "\nUTC0\n", 1795435200, 0 },
		{ "\n<+0545>-5:45\n", 1795435200, 20700 },
		{ "\n<-12>12\n", 1795435200, -43200 },
		/* Lord Howe: half an hour of summer, south of the equator */
		{ "\n<+1030>-10:30<+11>-11,M10.1.0,M4.1.0\n", 1767225600, 39600 },
		{ "\n<+1030>-10:30<+11>-11,M10.1.0,M4.1.0\n", 1782864000, 37800 },
		/* Dublin: winter is the exception */
		{ "\nIST-1GMT0,M10.5.0,M3.5.0/1\n", 1782864000, 3600 },
		{ "\nIST-1GMT0,M10.5.0,M3.5.0/1\n", 1767225600, 0 },
		/* Nuuk: changes on the eve, before midnight of Sunday */
		{ "\n<-02>2<-01>,M3.5.0/-1,M10.5.0/0\n", 1774745999, -7200 },
		{ "\n<-02>2<-01>,M3.5.0/-1,M10.5.0/0\n", 1774746000, -3600 },
		/* summer all year */
		{ "\nXXX3EDT4,0/0,J365/23\n", 1767225600, -14400 },
		{ "\nEST5EDT,0/0,J365/25\n", 1767225600, -14400 },
		{ "\nEST5EDT,0/0,J365/25\n", 1782864000, -14400 },
	};

	(void)state;
	for (size_t i = 0; i < SP_ARRAY_LEN(rows); i++) {
		__zone struct sp_timezone *zone = tzif_ruled(rows[i].footer);

		print_message("%s", rows[i].footer + 1);
		assert_int_equal(sp_timezone_offset(zone, rows[i].at_s), rows[i].offset_s);
	}
}

static void days_are_counted_with_and_without_29_february(void **state)
{
	__zone struct sp_timezone *leapless = tzif_ruled("\nAAA0BBB,J60/0,J300/0\n");
	__zone struct sp_timezone *counted = tzif_ruled("\nAAA0BBB,59/0,299/0\n");

	(void)state;
	/* 1 March in either year; the 60th day, which is 29 February of 2028 */
	assert_int_equal(sp_timezone_next(leapless, utc(2027, 1, 1, 0, 0)), utc(2027, 3, 1, 0, 0));
	assert_int_equal(sp_timezone_next(leapless, utc(2028, 1, 1, 0, 0)), utc(2028, 3, 1, 0, 0));
	assert_int_equal(sp_timezone_next(counted, utc(2027, 1, 1, 0, 0)), utc(2027, 3, 1, 0, 0));
	assert_int_equal(sp_timezone_next(counted, utc(2028, 1, 1, 0, 0)), utc(2028, 2, 29, 0, 0));
}

/* ---- from local time ---- */

static void a_local_time_becomes_its_first_instant(void **state)
{
	__zone struct sp_timezone *berlin = tzif_ruled("\nCET-1CEST,M3.5.0,M10.5.0/3\n");

	(void)state;
	assert_int_equal(sp_timezone_instant(berlin, utc(2027, 7, 1, 8, 0)), utc(2027, 7, 1, 6, 0));
	assert_int_equal(sp_timezone_instant(berlin, utc(2027, 12, 1, 8, 0)),
			 utc(2027, 12, 1, 7, 0));
	/* comes twice: at 0:30 and at 1:30 UTC */
	assert_int_equal(sp_timezone_instant(berlin, utc(2027, 10, 31, 2, 30)),
			 utc(2027, 10, 31, 0, 30));
	/* never comes: the clock jumps from two to three */
	assert_int_equal(sp_timezone_instant(berlin, utc(2027, 3, 28, 2, 30)),
			 utc(2027, 3, 28, 1, 0));
}

/* Where summer begins at midnight, a day begins at one. */
static void a_day_without_midnight_begins_when_the_clock_jumps(void **state)
{
	__zone struct sp_timezone *havana = tzif_ruled("\nCST5CDT,M3.2.0/0,M11.1.0/1\n");

	(void)state;
	assert_int_equal(sp_timezone_instant(havana, utc(2027, 3, 14, 0, 0)),
			 utc(2027, 3, 14, 5, 0));
	/* and in autumn its first hour comes twice */
	assert_int_equal(sp_timezone_instant(havana, utc(2027, 11, 7, 0, 0)),
			 utc(2027, 11, 7, 4, 0));
}

/* ---- files that are none ---- */

static int read_made(const struct tzif *made)
{
	struct sp_timezone *zone = NULL;
	struct tzif_file file;
	int r;

	tzif_make(made, &file);
	r = sp_timezone_read("x", file.bytes, file.len, &zone);
	sp_timezone_free(zone);
	return r;
}

static void files_that_contradict_themselves_are_refused(void **state)
{
	static const struct tzif rows[] = {
		{ .version = '\0', .footer = "\nUTC0\n" },
		{ .version = '2', .leaps = 1, .footer = "\nUTC0\n" },
		{ '2', 0, 2, { 5000, 1000 }, { 0 }, "\nUTC0\n" },
		{ '2', 0, 2, { 5000, 5000 }, { 0 }, "\nUTC0\n" },
		{ '2', 0, 1, { 5000 }, { 0, 93600 }, "\nUTC0\n" },
		{ '2', 0, 1, { 5000 }, { -90000, 0 }, "\nUTC0\n" },
	};

	(void)state;
	for (size_t i = 0; i < SP_ARRAY_LEN(rows); i++)
		assert_int_equal(read_made(&rows[i]), -EBADMSG);
}

static void footers_that_are_none_are_refused(void **state)
{
	static const char *const footers[] = {
		"",
		"\n",
		"UTC0\n",
		"\nUTC0",
		"\nUT0\n",
		"\nUTC\n",
		"\nUTC25\n",
		"\nUTC0:60\n",
		"\nUTC0 \n",
		"\n<UTC0\n",
		"\n:Europe/Berlin\n",
		"\nCET-1CEST\n",
		"\nCET-1CEST,M3.5.0\n",
		"\nCET-1CEST,M13.5.0,M10.5.0\n",
		"\nCET-1CEST,M0.5.0,M10.5.0\n",
		"\nCET-1CEST,M3.6.0,M10.5.0\n",
		"\nCET-1CEST,M3.5.7,M10.5.0\n",
		"\nCET-1CEST,J0,J365\n",
		"\nCET-1CEST,J1,J366\n",
		"\nCET-1CEST,0,366\n",
		"\nCET-1CEST,0/168,365\n",
		"\nCET-1CEST,0,365,\n",
	};

	(void)state;
	for (size_t i = 0; i < SP_ARRAY_LEN(footers); i++) {
		print_message("%s", footers[i]);
		assert_int_equal(read_made(&(struct tzif){ .version = '2', .footer = footers[i] }),
				 -EBADMSG);
	}
}

static void a_file_cut_short_anywhere_is_refused(void **state)
{
	const struct tzif made = { '2', 0, 2, { 1000, 5000 }, { 0 }, "\nUTC0\n" };
	struct sp_timezone *zone = NULL;
	struct tzif_file file;

	(void)state;
	tzif_make(&made, &file);
	for (size_t len = 0; len < file.len; len++) {
		__sp_free uint8_t *bytes = malloc(len + 1);

		assert_non_null(bytes);
		memcpy(bytes, file.bytes, len);
		assert_int_equal(sp_timezone_read("x", bytes, len, &zone), -EBADMSG);
	}
	assert_null(zone);
}

/* ---- the system's ---- */

static struct sp_timezone *system_zone(const char *name)
{
	static uint8_t bytes[1 << 16];
	struct sp_timezone *zone = NULL;
	char path[128];
	FILE *file;
	size_t len;

	snprintf(path, sizeof(path), "/usr/share/zoneinfo/%s", name);
	file = fopen(path, "rb");
	if (!file)
		return NULL;
	len = fread(bytes, 1, sizeof(bytes), file);
	fclose(file);
	assert_int_equal(sp_timezone_read(name, bytes, len, &zone), 0);
	return zone;
}

/* Every 50 hours and some from 1920 to 2200, and each change on the way. */
static void compare_with_libc(const struct sp_timezone *zone)
{
	const int64_t end = utc(2200, 1, 1, 0, 0);

	for (int64_t at = utc(1920, 1, 1, 0, 0); at < end; at += 180007) {
		const int64_t next = sp_timezone_next(zone, at);
		const time_t probes[] = { at, next < end ? next - 1 : at, next < end ? next : at };

		for (size_t i = 0; i < SP_ARRAY_LEN(probes); i++) {
			struct tm tm;

			assert_non_null(localtime_r(&probes[i], &tm));
			assert_int_equal(sp_timezone_offset(zone, probes[i]), tm.tm_gmtoff);
		}
	}
}

static void clocks_of_the_system_read_as_libc_says(void **state)
{
	static const char *const names[] = {
		"UTC",
		"Europe/Berlin",
		"Europe/Dublin",
		"America/New_York",
		"America/Sao_Paulo",
		"America/Havana",
		"America/Nuuk",
		"Africa/Casablanca",
		"Asia/Kathmandu",
		"Asia/Tehran",
		"Australia/Lord_Howe",
		"Pacific/Apia",
	};

	(void)state;
	for (size_t i = 0; i < SP_ARRAY_LEN(names); i++) {
		__zone struct sp_timezone *zone = system_zone(names[i]);

		if (!zone)
			skip(); /* no tzdata here */
		print_message("%s\n", names[i]);
		assert_int_equal(setenv("TZ", names[i], 1), 0);
		tzset();
		compare_with_libc(zone);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(changes_hold_from_their_instant_on),
		cmocka_unit_test(utc_never_changes),
		cmocka_unit_test(a_footer_rules_the_years_after),
		cmocka_unit_test(footers_of_all_kinds_are_read),
		cmocka_unit_test(days_are_counted_with_and_without_29_february),
		cmocka_unit_test(a_local_time_becomes_its_first_instant),
		cmocka_unit_test(a_day_without_midnight_begins_when_the_clock_jumps),
		cmocka_unit_test(files_that_contradict_themselves_are_refused),
		cmocka_unit_test(footers_that_are_none_are_refused),
		cmocka_unit_test(a_file_cut_short_anywhere_is_refused),
		cmocka_unit_test(clocks_of_the_system_read_as_libc_says),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
