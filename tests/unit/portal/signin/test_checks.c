/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Passwords in line: who goes first, who is turned away, and how much memory is in hand. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "portal/signin/checks.h"

static struct sp_checks checks;

static int start(void **state)
{
	(void)state;
	return sp_checks_init(&checks);
}

static int stop(void **state)
{
	(void)state;
	sp_checks_done(&checks);
	return 0;
}

static struct sp_addr address(const char *text)
{
	struct sp_addr addr;

	assert_int_equal(sp_addr_parse(text, &addr), 0);
	return addr;
}

/* Whether one from there got into the line. */
static bool put(const struct sp_addr *from, bool is_known, size_t cost_kib)
{
	struct sp_password_check *check = calloc(1, sizeof(*check));
	int r;

	assert_non_null(check);
	check->from = *from;
	check->is_known = is_known;
	check->cost_kib = cost_kib;
	r = sp_checks_put(&checks, check);
	if (r < 0)
		sp_password_check_free(check);
	return r == 0;
}

static void take(bool is_known)
{
	struct sp_password_check *check = sp_checks_take(&checks);

	assert_non_null(check);
	assert_int_equal(check->is_known, is_known);
	sp_checks_finish(&checks, check);
	sp_password_check_free(check);
}

/* From as many addresses as there are, of a family, until nobody gets in any more. */
static size_t flood(const char *format, unsigned int count)
{
	size_t taken = 0;

	for (unsigned int round = 0; round < SP_CHECKS_LINE_MAX; round++)
		for (unsigned int n = 0; n < count; n++) {
			char text[64];
			struct sp_addr from;

			snprintf(text, sizeof(text), format, n);
			from = address(text);
			taken += put(&from, false, 1);
		}
	return taken;
}

static void a_known_person_gets_in_during_a_flood_and_goes_first(void **state)
{
	static const char *const floods[] = { "192.0.2.%u", "2001:db8:66:%x::1", "2001:db8:%x::1" };

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		const struct sp_addr home = address(i ? "2001:db8:1::9" : "192.0.2.9");

		assert_in_range(flood(floods[i], 150), i == 1 ? 4 : SP_CHECKS_LINE_MAX,
				SP_CHECKS_LINE_MAX);
		assert_true(put(&home, true, 1));
		take(true);
		while (checks.strangers.count)
			take(false);
	}
}

static void one_address_leaves_room_for_others(void **state)
{
	const struct sp_addr other = address("198.51.100.1");

	(void)state;
	assert_in_range(flood("192.0.2.1", 1), 1, SP_CHECKS_LINE_MAX / 4);
	assert_true(put(&other, false, 1));
}

/* All the networks of a /48 count together. */
static void one_site_leaves_room_for_others(void **state)
{
	const struct sp_addr other = address("2001:db8:67::1");

	(void)state;
	assert_in_range(flood("2001:db8:66:%x::1", 60000), 4, SP_CHECKS_LINE_MAX - 8);
	assert_true(put(&other, false, 1));
}

static void people_known_here_leave_turns_to_strangers(void **state)
{
	const struct sp_addr home = address("192.0.2.9"), other = address("192.0.2.66");

	(void)state;
	for (int i = 0; i < 8; i++)
		assert_true(put(&home, true, 1));
	assert_true(put(&other, false, 1));
	for (int i = 0; i < 3; i++)
		take(true);
	take(false);
	for (int i = 0; i < 5; i++)
		take(true);
	assert_null(sp_checks_take(&checks));
}

static void memory_in_hand_is_bounded_but_one_always_goes(void **state)
{
	const struct sp_addr from = address("192.0.2.9");
	struct sp_password_check *first;

	(void)state;
	assert_true(put(&from, false, 2 * SP_CHECKS_MEMORY_KIB));
	assert_true(put(&from, false, 1));
	first = sp_checks_take(&checks);
	assert_non_null(first);
	assert_null(sp_checks_take(&checks));
	sp_checks_finish(&checks, first);
	sp_password_check_free(first);
	take(false);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, start, stop)
		T(a_known_person_gets_in_during_a_flood_and_goes_first),
		T(one_address_leaves_room_for_others),
		T(one_site_leaves_room_for_others),
		T(people_known_here_leave_turns_to_strangers),
		T(memory_in_hand_is_bounded_but_one_always_goes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
