/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "net/addr.h"
#include "wg/noise/messages.h"
#include "wg/tables/ratelimit.h"

static struct sp_addr addr_of(const char *text)
{
	struct sp_addr addr;

	assert_int_equal(sp_addr_parse(text, &addr), 0);
	return addr;
}

/* How many of @asked at one instant pass. */
static int burst(struct sp_wg_ratelimit *limit, const char *text, uint64_t now_ns, int asked)
{
	struct sp_addr addr = addr_of(text);
	int passed = 0;

	for (int i = 0; i < asked; i++)
		passed += sp_wg_ratelimit_allow(limit, &addr, now_ns);
	return passed;
}

static void five_at_once_then_twenty_a_second(void **state)
{
	struct sp_wg_ratelimit *limit = test_calloc(1, sizeof(*limit));
	struct sp_addr addr = addr_of("192.0.2.7");
	uint64_t now_ns = 1000 * SP_NS_PER_S;
	int passed = 0;

	(void)state;
	assert_int_equal(burst(limit, "192.0.2.7", now_ns, 100), 5);
	assert_int_equal(burst(limit, "192.0.2.7", now_ns + 49 * SP_NS_PER_MS, 9), 0);
	assert_int_equal(burst(limit, "192.0.2.7", now_ns + 50 * SP_NS_PER_MS, 9), 1);
	now_ns += 10 * SP_NS_PER_S;
	for (int ms = 0; ms < 10000; ms++)
		passed += sp_wg_ratelimit_allow(limit, &addr, now_ns + (uint64_t)ms * SP_NS_PER_MS);
	assert_in_range(passed, 200, 205);
	test_free(limit);
}

static void ipv6_is_counted_by_64_and_ipv4_by_address(void **state)
{
	struct sp_wg_ratelimit *limit = test_calloc(1, sizeof(*limit));
	uint64_t now_ns = 5 * SP_NS_PER_S;

	(void)state;
	assert_int_equal(burst(limit, "2001:db8:0:1::1", now_ns, 9), 5);
	assert_int_equal(burst(limit, "2001:db8:0:1:ffff::2", now_ns, 9), 0);
	assert_int_equal(burst(limit, "2001:db8:0:2::1", now_ns, 9), 5);
	assert_int_equal(burst(limit, "10.0.0.1", now_ns, 9), 5);
	assert_int_equal(burst(limit, "10.0.0.2", now_ns, 9), 5);
	test_free(limit);
}

/* A flood of strangers fills every slot; a second later whoever comes next has a slot of their own
 * again. */
static void a_full_table_forgets_after_a_second(void **state)
{
	struct sp_wg_ratelimit *limit = test_calloc(1, sizeof(*limit));
	uint64_t now_ns = 5 * SP_NS_PER_S;
	int refused = 0;

	(void)state;
	for (uint32_t i = 0; i < 200000; i++) {
		struct sp_addr addr = sp_addr_from_v4(
			(uint8_t[4]){ 1, (uint8_t)(i >> 16), (uint8_t)(i >> 8), (uint8_t)i });

		refused += !sp_wg_ratelimit_allow(limit, &addr, now_ns);
	}
	assert_true(refused > 100000);
	now_ns += SP_NS_PER_S;
	assert_int_equal(burst(limit, "192.0.2.7", now_ns, 9), 5);
	assert_int_equal(burst(limit, "192.0.2.7", now_ns + 100 * SP_NS_PER_MS, 9), 2);
	test_free(limit);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(five_at_once_then_twenty_a_second),
		cmocka_unit_test(ipv6_is_counted_by_64_and_ipv4_by_address),
		cmocka_unit_test(a_full_table_forgets_after_a_second),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
