/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How long an engine waits that was started again and again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "vpnd/starts.h"

#define MS 1000000ull
#define SECOND 1000000000ull
#define BEGUN (1000 * SECOND)

/* Started, and ended @lived_ns after it went on, again and again. */
static uint64_t start_often(struct sp_vpnd_starts *starts, uint64_t lived_ns, unsigned int times)
{
	uint64_t now_ns = starts->started_ns ? starts->started_ns + lived_ns : BEGUN, wait_ns = 0;

	for (unsigned int i = 0; i < times; i++) {
		wait_ns = sp_vpnd_starts_note(starts, now_ns);
		now_ns += wait_ns + lived_ns;
	}
	return wait_ns;
}

static void the_first_starts_wait_for_nothing(void **state)
{
	struct sp_vpnd_starts starts = { 0 };

	(void)state;
	for (unsigned int i = 0; i < 4; i++)
		assert_int_equal(start_often(&starts, 10 * MS, 1), 0);
}

static void then_each_waits_twice_as_long_up_to_a_bound(void **state)
{
	struct sp_vpnd_starts starts = { 0 };
	uint64_t expected_ns = 200 * MS;

	(void)state;
	start_often(&starts, 10 * MS, 4);
	for (unsigned int i = 0; i < 40; i++) {
		assert_int_equal(start_often(&starts, 10 * MS, 1), expected_ns);
		expected_ns = expected_ns * 2 < 30 * SECOND ? expected_ns * 2 : 30 * SECOND;
	}
}

/* Whoever can end it by a packet ends it at once, each time, or now and then. */
static void one_that_carried_packets_waits_a_second_at_most(void **state)
{
	static const uint64_t lives_ns[] = { MS, SECOND, 59 * SECOND };

	(void)state;
	for (size_t life = 0; life < sizeof(lives_ns) / sizeof(*lives_ns); life++) {
		struct sp_vpnd_starts starts = { 0 };
		uint64_t wait_ns = 0;

		for (unsigned int i = 0; i < 1000; i++) {
			wait_ns = start_often(&starts, lives_ns[life], 1);
			assert_in_range(wait_ns, 0, i < 4 ? 0 : SECOND);
			sp_vpnd_starts_carry(&starts);
		}
		assert_int_equal(wait_ns, SECOND);
		/* nor do those ends count for one that fails for another reason */
		for (unsigned int i = 0; i < 4; i++)
			assert_int_equal(start_often(&starts, 10 * MS, 1), SECOND);
		start_often(&starts, 10 * MS, 20);
		assert_int_equal(start_often(&starts, 10 * MS, 1), 30 * SECOND);
		sp_vpnd_starts_carry(&starts);
		assert_int_equal(start_often(&starts, 10 * MS, 1), SECOND);
	}
}

static void one_that_lived_a_while_or_was_asked_to_end_is_the_first_again(void **state)
{
	struct sp_vpnd_starts starts = { 0 };

	(void)state;
	assert_true(start_often(&starts, 10 * MS, 20) > 0);
	assert_int_equal(start_often(&starts, 60 * SECOND, 1), 0);
	assert_int_equal(start_often(&starts, 60 * SECOND, 50), 0);
	assert_true(start_often(&starts, 59 * SECOND, 20) > 0);
	sp_vpnd_starts_forget(&starts);
	assert_int_equal(start_often(&starts, 10 * MS, 4), 0);
}

static void one_that_was_killed_while_it_waited_is_counted(void **state)
{
	struct sp_vpnd_starts starts = { 0 };
	uint64_t wait_ns;

	(void)state;
	wait_ns = start_often(&starts, 10 * MS, 10);
	assert_true(wait_ns > SECOND);
	/* before it had gone on */
	assert_int_equal(sp_vpnd_starts_note(&starts, starts.started_ns - SECOND), 2 * wait_ns);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_first_starts_wait_for_nothing),
		cmocka_unit_test(then_each_waits_twice_as_long_up_to_a_bound),
		cmocka_unit_test(one_that_carried_packets_waits_a_second_at_most),
		cmocka_unit_test(one_that_lived_a_while_or_was_asked_to_end_is_the_first_again),
		cmocka_unit_test(one_that_was_killed_while_it_waited_is_counted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
