/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/host/address.h"
#include "net/addr.h"

static struct sp_prefix prefix(const char *text)
{
	struct sp_prefix parsed;

	assert_int_equal(sp_prefix_parse(text, &parsed), 0);
	return parsed;
}

static struct sp_addr addr(const char *text)
{
	struct sp_addr parsed;

	assert_int_equal(sp_addr_parse(text, &parsed), 0);
	return parsed;
}

static void assert_addr(const struct sp_addr *is, const char *wanted)
{
	char text[SP_ADDR_TEXT_MAX];

	assert_string_equal(sp_addr_format(is, text), wanted);
}

static void the_gateway_has_the_first_host(void **state)
{
	static const char *const cases[][2] = {
		{ "100.64.0.0/16", "100.64.0.1" }, { "fd00:64::/64", "fd00:64::1" },
		{ "10.0.0.8/30", "10.0.0.9" },     { "10.0.0.8/31", "10.0.0.8" },
		{ "10.0.0.8/32", "10.0.0.8" },     { "fd00::/126", "fd00::1" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct sp_prefix pool = prefix(cases[i][0]);
		struct sp_addr own = sp_address_of_gateway(&pool);

		assert_addr(&own, cases[i][1]);
	}
}

static void the_lowest_free_address_is_picked(void **state)
{
	struct sp_prefix pools[] = { prefix("fd00:64::/64"), prefix("100.64.0.0/24") };
	struct sp_addr taken[] = { addr("100.64.0.3"), addr("fd00:64::2"), addr("100.64.0.2"),
				   addr("100.64.0.5") };
	struct sp_addr got;

	(void)state;
	assert_int_equal(sp_address_pick(pools, 2, false, NULL, 0, &got), 0);
	assert_addr(&got, "100.64.0.2");
	assert_int_equal(sp_address_pick(pools, 2, false, taken, 4, &got), 0);
	assert_addr(&got, "100.64.0.4");
	assert_int_equal(sp_address_pick(pools, 2, true, taken, 4, &got), 0);
	assert_addr(&got, "fd00:64::3");
}

static void a_full_pool_is_no_space_and_broadcast_is_never_given(void **state)
{
	struct sp_prefix pool =
		prefix("10.0.0.8/30"); /* .9 gateway, .10 the only one left, .11 broadcast */
	struct sp_addr taken = addr("10.0.0.10"), got;

	(void)state;
	assert_int_equal(sp_address_pick(&pool, 1, false, NULL, 0, &got), 0);
	assert_addr(&got, "10.0.0.10");
	assert_int_equal(sp_address_pick(&pool, 1, false, &taken, 1, &got), -ENOSPC);
	assert_int_equal(sp_address_pick(&pool, 1, true, NULL, 0, &got), -ENOENT);
}

static void the_second_pool_serves_when_the_first_is_full(void **state)
{
	struct sp_prefix pools[] = { prefix("10.0.0.8/31"), prefix("10.0.1.0/24") };
	struct sp_addr taken = addr("10.0.0.9"), got;

	(void)state;
	assert_int_equal(sp_address_pick(pools, 2, false, NULL, 0, &got), 0);
	assert_addr(&got, "10.0.0.9");
	assert_int_equal(sp_address_pick(pools, 2, false, &taken, 1, &got), 0);
	assert_addr(&got, "10.0.1.2");
}

static void every_address_of_a_pool_is_given_once(void **state)
{
	struct sp_prefix pool = prefix("100.64.0.0/22");
	struct sp_addr taken[1024];
	size_t count = 0;
	int r;

	(void)state;
	while ((r = sp_address_pick(&pool, 1, false, taken, count, &taken[count])) == 0)
		count++;
	assert_int_equal(r, -ENOSPC);
	assert_int_equal(count, 1024 - 3); /* network, gateway, broadcast */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_gateway_has_the_first_host),
		cmocka_unit_test(the_lowest_free_address_is_picked),
		cmocka_unit_test(a_full_pool_is_no_space_and_broadcast_is_never_given),
		cmocka_unit_test(the_second_pool_serves_when_the_first_is_full),
		cmocka_unit_test(every_address_of_a_pool_is_given_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
