/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How often work is done that others can cause. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/array.h"
#include "daemon/base/pace.h"
#include "io/loop/loop.h"

#define MINUTE_NS (60 * SP_SECOND_NS)

static void pauses_double_up_to_a_hundred_times_the_cost(void **state)
{
	static const uint64_t pauses_ms[] = { 200, 400, 800, 1600, 3200, 5000, 5000 };
	uint64_t now_ns = MINUTE_NS;
	struct sp_pace pace = { 0 };

	(void)state;
	for (size_t i = 0; i < SP_ARRAY_LEN(pauses_ms); i++) {
		sp_pace_spend(&pace, now_ns, 50 * SP_MS_NS);
		assert_int_equal(pace.due_ns - now_ns, pauses_ms[i] * SP_MS_NS);
		now_ns = pace.due_ns;
	}
}

static void no_pause_is_longer_than_a_minute(void **state)
{
	uint64_t now_ns = MINUTE_NS;
	struct sp_pace pace = { 0 };

	(void)state;
	for (int i = 0; i < 20; i++) {
		sp_pace_spend(&pace, now_ns, 30 * SP_SECOND_NS);
		now_ns = pace.due_ns;
	}
	assert_int_equal(pace.pause_ns, MINUTE_NS);
}

static void after_a_quiet_time_it_is_soon_again(void **state)
{
	uint64_t now_ns = MINUTE_NS;
	struct sp_pace pace = { 0 };

	(void)state;
	for (int i = 0; i < 6; i++) {
		sp_pace_spend(&pace, now_ns, SP_SECOND_NS);
		now_ns = pace.due_ns;
	}
	sp_pace_spend(&pace, now_ns + MINUTE_NS, SP_SECOND_NS);
	assert_int_equal(pace.pause_ns, SP_PACE_FIRST_NS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pauses_double_up_to_a_hundred_times_the_cost),
		cmocka_unit_test(no_pause_is_longer_than_a_minute),
		cmocka_unit_test(after_a_quiet_time_it_is_soon_again),
	};

	return cmocka_run_group_tests_name("daemon/pace", tests, NULL, NULL);
}
