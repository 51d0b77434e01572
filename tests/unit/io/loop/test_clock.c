/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "io/loop/clock.h"
#include "io/process/notify.h"

static void deadline_in_utc_becomes_the_same_instant_in_boot_time(void **state)
{
	int64_t offset_ns = sp_clock_offset_ns();
	int64_t utc_s = sp_clock_realtime_s() + 3600;
	uint64_t deadline_ns = sp_clock_utc_to_boottime_ns(utc_s * SP_NS_PER_S, offset_ns);
	int64_t away_ns = (int64_t)(deadline_ns - sp_clock_boottime_ns());

	(void)state;
	assert_true(away_ns > 3599 * SP_NS_PER_S - SP_NS_PER_S / 10);
	assert_true(away_ns <= 3600 * SP_NS_PER_S);
	assert_true(sp_clock_boottime_to_utc_ns(deadline_ns, offset_ns) == utc_s * SP_NS_PER_S);
}

static void never_stays_never_and_the_past_is_passed(void **state)
{
	const int64_t offset_ns = 1000 * SP_NS_PER_S; /* booted at 1000 s of UTC */

	(void)state;
	assert_int_equal(sp_clock_utc_to_boottime_ns(0, offset_ns), 0);
	assert_int_equal(sp_clock_utc_to_boottime_ns(SP_NS_PER_S, offset_ns), 1);
	assert_int_equal(sp_clock_utc_to_boottime_ns(1000 * SP_NS_PER_S, offset_ns), 1);
	assert_int_equal(sp_clock_utc_to_boottime_ns(-5 * SP_NS_PER_S, offset_ns), 1);
	assert_int_equal(sp_clock_utc_to_boottime_ns(INT64_MIN, offset_ns), 1);
	assert_int_equal(sp_clock_utc_to_boottime_ns(1001 * SP_NS_PER_S, offset_ns), SP_NS_PER_S);
	assert_true(sp_clock_utc_to_boottime_ns(INT64_MAX, -1) == INT64_MAX);
	assert_int_equal(sp_clock_utc_to_boottime_ns(INT64_MIN, 1), 1);
}

static void boot_time_and_offset_make_up_the_realtime(void **state)
{
	int64_t apart_ns =
		sp_clock_boottime_to_utc_ns(sp_clock_boottime_ns(), sp_clock_offset_ns()) -
		sp_clock_realtime_ns();

	(void)state;
	assert_true(apart_ns > -SP_NS_PER_S / 10 && apart_ns < SP_NS_PER_S / 10);
}

static void boot_id_stays_the_same(void **state)
{
	char first[SP_BOOT_ID_MAX], second[SP_BOOT_ID_MAX];

	(void)state;
	assert_int_equal(sp_clock_boot_id(first), 0);
	assert_int_equal(sp_clock_boot_id(second), 0);
	assert_int_equal(strlen(first), 36);
	assert_string_equal(first, second);
}

/* Setting the clock is not for a test; that nothing fires without it, and that it can be armed again, is. */
static void clock_watch_is_silent_while_nobody_sets_the_clock(void **state)
{
	struct pollfd ready = { .fd = -1, .events = POLLIN };

	(void)state;
	assert_int_equal(sp_clock_watch(&ready.fd), 0);
	assert_int_equal(poll(&ready, 1, 20), 0);
	assert_int_equal(sp_clock_step_ack(ready.fd), 0);
	assert_int_equal(poll(&ready, 1, 20), 0);
	close(ready.fd);
}

static void without_systemd_telling_it_does_nothing(void **state)
{
	(void)state;
	unsetenv("NOTIFY_SOCKET");
	unsetenv("WATCHDOG_USEC");
	assert_int_equal(sp_notify_ready("here"), 0);
	assert_int_equal(sp_notify_stopping(), 0);
	assert_int_equal(sp_notify_watchdog_interval_ns(), 0);
	setenv("WATCHDOG_USEC", "30000000", 1);
	assert_int_equal(sp_notify_watchdog_interval_ns(), 15 * SP_NS_PER_S);
	unsetenv("WATCHDOG_USEC");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(deadline_in_utc_becomes_the_same_instant_in_boot_time),
		cmocka_unit_test(never_stays_never_and_the_past_is_passed),
		cmocka_unit_test(boot_time_and_offset_make_up_the_realtime),
		cmocka_unit_test(boot_id_stays_the_same),
		cmocka_unit_test(clock_watch_is_silent_while_nobody_sets_the_clock),
		cmocka_unit_test(without_systemd_telling_it_does_nothing),
	};

	return cmocka_run_group_tests_name("io/clock", tests, NULL, NULL);
}
