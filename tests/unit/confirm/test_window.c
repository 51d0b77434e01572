/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "confirm/window.h"

#define SECOND (1000ull * 1000 * 1000)
#define BEGUN (100 * SECOND)
#define DEADLINE (160 * SECOND)

/* An apply at second 100 that waits a minute, with two targets that confirm it; looked at since
 * @found_ns. */
static struct sp_window window_of(uint64_t found_ns)
{
	const struct sp_pending pending = {
		.revision = 8,
		.former = 7,
		.begun_ns = BEGUN,
		.deadline_ns = DEADLINE,
		.boot_id = "this boot",
		.target_count = 2,
		.is_confirmed_by_targets = true,
	};
	struct sp_window window;

	sp_window_begin(&window, &pending, found_ns);
	return window;
}

static enum sp_window_end at(const struct sp_window *window, uint64_t now_ns)
{
	return sp_window_judge(window, now_ns, "this boot");
}

/* Every second until the end of the time. */
static void reach_each(struct sp_window *window, size_t index)
{
	for (uint64_t now_ns = BEGUN + SECOND; now_ns < DEADLINE; now_ns += SECOND)
		sp_window_take(window, index, 0, now_ns);
}

static void it_waits_until_its_time_is_up(void **state)
{
	struct sp_window window = window_of(BEGUN);

	(void)state;
	assert_int_equal(at(&window, BEGUN), SP_WINDOW_WAITS);
	assert_int_equal(at(&window, DEADLINE - 1), SP_WINDOW_WAITS);
	assert_int_equal(at(&window, DEADLINE), SP_WINDOW_REVERTS);
	assert_int_equal(at(&window, DEADLINE + 3600 * SECOND), SP_WINDOW_REVERTS);
}

static void targets_reached_throughout_confirm_it(void **state)
{
	struct sp_window window = window_of(BEGUN + SECOND);

	(void)state;
	reach_each(&window, 0);
	assert_int_equal(at(&window, DEADLINE), SP_WINDOW_REVERTS); /* the other was not tried */
	reach_each(&window, 1);
	assert_int_equal(at(&window, DEADLINE - 1), SP_WINDOW_WAITS);
	assert_int_equal(at(&window, DEADLINE), SP_WINDOW_CONFIRMS);
}

static void one_failure_is_not_made_good(void **state)
{
	struct sp_window window = window_of(BEGUN);

	(void)state;
	reach_each(&window, 0);
	sp_window_take(&window, 1, -ETIMEDOUT, BEGUN + SECOND);
	reach_each(&window, 1);
	assert_int_equal(window.targets[1].failure, -ETIMEDOUT);
	assert_int_equal(at(&window, DEADLINE), SP_WINDOW_REVERTS);
}

static void who_came_late_cannot_say_throughout(void **state)
{
	struct sp_window window = window_of(BEGUN + SP_WINDOW_SOON_NS + 1);

	(void)state;
	reach_each(&window, 0);
	reach_each(&window, 1);
	assert_int_equal(at(&window, DEADLINE), SP_WINDOW_REVERTS);
}

static void targets_that_are_only_watched_confirm_nothing(void **state)
{
	struct sp_window window = window_of(BEGUN);

	(void)state;
	window.pending.is_confirmed_by_targets = false;
	reach_each(&window, 0);
	reach_each(&window, 1);
	assert_int_equal(at(&window, DEADLINE), SP_WINDOW_REVERTS);
}

static void a_machine_that_slept_cannot_say_throughout(void **state)
{
	struct sp_window woken = window_of(BEGUN), asleep = woken;

	(void)state;
	reach_each(&woken, 0);
	sp_window_take(&woken, 1, 0, BEGUN + SECOND);
	sp_window_take(&woken, 1, 0, DEADLINE - SECOND);
	assert_int_equal(woken.targets[1].failure, -ETIMEDOUT);
	assert_int_equal(at(&woken, DEADLINE), SP_WINDOW_REVERTS);
	reach_each(&asleep, 0);
	reach_each(&asleep, 1);
	assert_int_equal(at(&asleep, DEADLINE + 3600 * SECOND), SP_WINDOW_REVERTS);
}

static void without_targets_nothing_holds(void **state)
{
	struct sp_window window = window_of(BEGUN);

	(void)state;
	window.pending.target_count = 0;
	assert_int_equal(at(&window, DEADLINE), SP_WINDOW_REVERTS);
}

static void of_another_boot_it_is_over_at_once(void **state)
{
	struct sp_window window = window_of(BEGUN);

	(void)state;
	assert_int_equal(sp_window_judge(&window, BEGUN, "another boot"), SP_WINDOW_REVERTS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_waits_until_its_time_is_up),
		cmocka_unit_test(targets_reached_throughout_confirm_it),
		cmocka_unit_test(one_failure_is_not_made_good),
		cmocka_unit_test(who_came_late_cannot_say_throughout),
		cmocka_unit_test(targets_that_are_only_watched_confirm_nothing),
		cmocka_unit_test(a_machine_that_slept_cannot_say_throughout),
		cmocka_unit_test(without_targets_nothing_holds),
		cmocka_unit_test(of_another_boot_it_is_over_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
