/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Guessing, told as scenarios on a clock of their own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "base/array.h"
#include "base/units.h"
#include "identity/accounts/password.h"

#define S ((uint64_t)SP_NS_PER_S)

static struct sp_throttle *throttle;
static uint64_t now_ns;

static int start(void **state)
{
	static const uint8_t key[16] = { 1, 2, 3 };

	(void)state;
	now_ns = 1000 * S;
	return sp_throttle_new(key, &throttle);
}

static int stop(void **state)
{
	(void)state;
	sp_throttle_free(throttle);
	return 0;
}

static struct sp_addr address(const char *text)
{
	struct sp_addr addr;

	assert_int_equal(sp_addr_parse(text, &addr), 0);
	return addr;
}

static struct sp_addr numbered(unsigned n)
{
	return sp_addr_from_v4(
		(uint8_t[4]){ 198, (uint8_t)(18 + (n >> 16)), (uint8_t)(n >> 8), (uint8_t)n });
}

static uint64_t ask(const char *user, const struct sp_addr *from)
{
	return sp_throttle_ask(throttle, "local", user, from, now_ns);
}

/* A try, if it is allowed: whether it was. */
static bool try_it(const char *user, const struct sp_addr *from, bool is_right)
{
	if (ask(user, from) != 0)
		return false;
	sp_throttle_tell(throttle, "local", user, from, now_ns, is_right);
	return true;
}

/* Guess as often as allowed for @for_s seconds, asking each second: the tries got. */
static unsigned hammer(const char *user, const struct sp_addr *from, unsigned for_s)
{
	unsigned tries = 0;

	for (unsigned i = 0; i < for_s; i++, now_ns += S)
		while (try_it(user, from, false))
			tries++;
	return tries;
}

static void the_first_wrong_tries_are_free_then_the_delay_doubles_to_a_minute(void **state)
{
	static const uint64_t delays_s[] = { 0, 0, 0, 0, 0, 1, 2, 4, 8, 16, 32, 60, 60, 60, 60 };
	const struct sp_addr from = address("192.0.2.1");

	(void)state;
	for (size_t i = 0; i < SP_ARRAY_LEN(delays_s); i++) {
		if (delays_s[i])
			assert_int_equal(ask("ana", &from), delays_s[i] * S);
		now_ns += delays_s[i] * S;
		if (delays_s[i]) {
			now_ns -= 1;
			assert_int_equal(ask("ana", &from), 1);
			now_ns += 1;
		}
		assert_true(try_it("ana", &from, false));
	}
}

static void what_was_tried_long_ago_is_forgotten(void **state)
{
	const struct sp_addr from = address("192.0.2.1");

	(void)state;
	hammer("ana", &from, 600);
	now_ns += 3600 * S;
	now_ns += 3600 * S;
	for (int i = 0; i < 5; i++)
		assert_true(try_it("ana", &from, false));
	assert_int_equal(ask("ana", &from), S);
}

static void a_right_password_clears_its_pair(void **state)
{
	const struct sp_addr from = address("192.0.2.1");

	(void)state;
	for (int i = 0; i < 4; i++)
		assert_true(try_it("ana", &from, false));
	assert_true(try_it("ana", &from, true));
	for (int i = 0; i < 5; i++)
		assert_true(try_it("ana", &from, false));
	assert_int_equal(ask("ana", &from), S);
}

static void tries_at_the_same_time_do_not_slip_through_together(void **state)
{
	const struct sp_addr from = address("192.0.2.1");
	unsigned allowed = 0;

	(void)state;
	for (int i = 0; i < 100; i++) /* none has been answered yet */
		allowed += ask("ana", &from) == 0;
	assert_int_equal(allowed, 5);
}

static void one_stranger_slows_himself_and_nobody_else(void **state)
{
	const struct sp_addr stranger = address("198.51.100.1"), home = address("192.0.2.1"),
			     hotel = address("203.0.113.5");
	unsigned tries;

	(void)state;
	assert_true(try_it("ana", &home, true));
	tries = hammer("ana", &stranger, 3600);
	assert_in_range(tries, 60, 80); /* about one a minute */
	assert_true(ask("ana", &stranger) > 0);
	assert_int_equal(ask("ana", &home), 0);
	assert_int_equal(ask("ana", &hotel), 0); /* not even where ana has never been */
	assert_int_equal(ask("bob", &home), 0);
}

static void ten_thousand_addresses_at_one_account_are_slowed_together(void **state)
{
	const struct sp_addr home = address("192.0.2.1"), hotel = address("203.0.113.5"),
			     last = numbered(9999);
	unsigned tries = 0;

	(void)state;
	assert_true(try_it("ana", &home, true));
	for (unsigned second = 0; second < 600; second++, now_ns += S) {
		for (unsigned n = 0; n < 10000; n += 7) {
			const struct sp_addr from = numbered((n + second) % 10000);

			tries += try_it("ana", &from, false);
		}
		/* and all the while the person comes in from where they always do */
		if (second % 60 == 0)
			assert_true(try_it("ana", &home, true));
	}
	assert_in_range(tries, 21, 50); /* 20 free, then about two a minute */
	try_it("ana", &last, false);
	assert_in_range(ask("ana", &hotel), 1, 60 * S);
	assert_int_equal(ask("bob", &hotel), 0);
	now_ns += 900 * S; /* it is over */
	assert_int_equal(ask("ana", &hotel), 0);
}

static void one_address_at_many_accounts_is_slowed(void **state)
{
	const struct sp_addr stranger = address("198.51.100.1"), home = address("192.0.2.1");
	unsigned tries = 0;
	char user[32];

	(void)state;
	for (unsigned n = 0; n < 6000; n++, now_ns += S / 10) { /* ten minutes */
		snprintf(user, sizeof(user), "user%u", n);
		tries += try_it(user, &stranger, false);
	}
	assert_in_range(tries, 21, 50);
	assert_int_equal(ask("user1", &home), 0);
}

static void a_shared_address_stays_open_to_those_who_have_signed_in_there(void **state)
{
	const struct sp_addr office = address("192.0.2.1");
	char user[32];

	(void)state;
	assert_true(try_it("ana", &office, true));
	for (unsigned n = 0; n < 100; n++) {
		snprintf(user, sizeof(user), "user%u", n);
		try_it(user, &office, false);
	}
	assert_true(ask("bob", &office) > 0);
	assert_true(try_it("ana", &office, true));
}

static void an_ipv6_subnet_is_one_address(void **state)
{
	const struct {
		const char *other;
		bool is_same;
	} cases[] = {
		{ "2001:db8::2", true },
		{ "2001:db8::ffff:ffff:ffff:ffff", true },
		{ "2001:db8:0:1::1", false },
		{ "192.0.2.1", false },
	};
	const struct sp_addr from = address("2001:db8::1");

	(void)state;
	for (int i = 0; i < 5; i++)
		assert_true(try_it("ana", &from, false));
	for (size_t i = 0; i < SP_ARRAY_LEN(cases); i++) {
		const struct sp_addr other = address(cases[i].other);

		assert_int_equal(ask("ana", &other) > 0, cases[i].is_same);
	}
}

static void providers_and_names_are_told_apart(void **state)
{
	const struct sp_addr from = address("192.0.2.1");

	(void)state;
	for (int i = 0; i < 5; i++)
		assert_true(try_it("ana", &from, false));
	assert_int_equal(ask("an", &from), 0);
	assert_int_equal(ask("", &from), 0);
	assert_int_equal(sp_throttle_ask(throttle, "locala", "na", &from, now_ns), 0);
	assert_true(ask("ana", &from) > 0);
}

/* A million fresh names and addresses recycle their own buckets: the slowed account stays slowed, and who is
 * known stays known. */
static void a_flood_pushes_out_neither_the_guilty_nor_the_known(void **state)
{
	const struct sp_addr stranger = address("198.51.100.1"), home = address("192.0.2.1"),
			     hotel = address("203.0.113.5");
	char user[32];

	(void)state;
	assert_true(try_it("ana", &home, true));
	hammer("ana", &stranger, 120);
	for (unsigned n = 0; n < 40; n++) {
		const struct sp_addr from = numbered(n);

		try_it("ana", &from, false);
	}
	assert_true(ask("ana", &hotel) > 0);
	for (unsigned n = 0; n < 1000000; n++) {
		const struct sp_addr from = numbered(n);

		snprintf(user, sizeof(user), "flood%u", n);
		try_it(user, &from, false);
	}
	assert_true(ask("ana", &stranger) > 0);
	assert_true(ask("ana", &hotel) > 0);
	assert_int_equal(ask("ana", &home), 0);
}

static void a_clock_that_stands_still_or_goes_back_opens_nothing(void **state)
{
	const struct sp_addr from = address("192.0.2.1");

	(void)state;
	for (int i = 0; i < 5; i++)
		assert_true(try_it("ana", &from, false));
	now_ns -= 500 * S;
	assert_true(ask("ana", &from) > 0);
}

static void asking_how_long_counts_nothing(void **state)
{
	const struct sp_addr home = address("192.0.2.9");

	(void)state;
	for (int i = 0; i < 100; i++)
		assert_int_equal(sp_throttle_wait_ns(throttle, "local", "ana", &home, now_ns), 0);
	for (int i = 0; i < 5; i++)
		assert_true(try_it("ana", &home, false));
	assert_true(sp_throttle_wait_ns(throttle, "local", "ana", &home, now_ns) > 0);
}

static void only_who_was_let_in_is_known(void **state)
{
	const struct sp_addr home = address("2001:db8:1:2::9"), same = address("2001:db8:1:2::a"),
			     other = address("2001:db8:1:3::9");

	(void)state;
	try_it("ana", &home, false);
	assert_false(sp_throttle_knows(throttle, "local", "ana", &home));
	assert_false(sp_throttle_knows_place(throttle, &home));
	try_it("ana", &home, true);
	assert_true(sp_throttle_knows(throttle, "local", "ana", &same));
	assert_true(sp_throttle_knows_place(throttle, &same));
	assert_false(sp_throttle_knows(throttle, "local", "bob", &home));
	assert_false(sp_throttle_knows(throttle, "corp", "ana", &home));
	assert_false(sp_throttle_knows_place(throttle, &other));
}

/* Who has many addresses, and a right password, pushes out their own. */
static void somebody_let_in_from_very_many_places_makes_nobody_forgotten(void **state)
{
	struct sp_addr home[50];
	size_t known = 0;

	(void)state;
	for (unsigned n = 0; n < SP_ARRAY_LEN(home); n++) {
		home[n] = numbered(100000 + n);
		sp_throttle_welcome(throttle, "local", "ana", &home[n], now_ns);
	}
	for (unsigned n = 0; n < 60000; n++) {
		const struct sp_addr from = numbered(n);

		now_ns += S / 10;
		sp_throttle_welcome(throttle, "local", "bob", &from, now_ns);
	}
	for (unsigned n = 0; n < SP_ARRAY_LEN(home); n++)
		known += sp_throttle_knows(throttle, "local", "ana", &home[n]) &&
			 sp_throttle_knows_place(throttle, &home[n]);
	assert_int_equal(known, SP_ARRAY_LEN(home));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, start, stop)
		T(the_first_wrong_tries_are_free_then_the_delay_doubles_to_a_minute),
		T(what_was_tried_long_ago_is_forgotten),
		T(a_right_password_clears_its_pair),
		T(tries_at_the_same_time_do_not_slip_through_together),
		T(one_stranger_slows_himself_and_nobody_else),
		T(ten_thousand_addresses_at_one_account_are_slowed_together),
		T(one_address_at_many_accounts_is_slowed),
		T(a_shared_address_stays_open_to_those_who_have_signed_in_there),
		T(an_ipv6_subnet_is_one_address),
		T(providers_and_names_are_told_apart),
		T(a_flood_pushes_out_neither_the_guilty_nor_the_known),
		T(a_clock_that_stands_still_or_goes_back_opens_nothing),
		T(asking_how_long_counts_nothing),
		T(only_who_was_let_in_is_known),
		T(somebody_let_in_from_very_many_places_makes_nobody_forgotten),
#undef T
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
