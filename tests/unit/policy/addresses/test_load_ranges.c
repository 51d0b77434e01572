/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Sets of addresses as ranges, against the plain question asked of every address of a few. */
#include "../loading.h"
#include "policy/addresses/ranges.h"

static struct sp_prefix prefix_of(const char *text)
{
	struct sp_prefix prefix;

	assert_int_equal(sp_prefix_parse(text, &prefix), 0);
	return prefix;
}

static uint32_t draw(uint32_t *seed, uint32_t below)
{
	*seed = *seed * 1664525 + 1013904223;
	return (uint32_t)((uint64_t)*seed * below >> 32);
}

/* Random prefixes of the last byte of 255.255.255.0/24: the end of the IPv4 space is in it. */
static size_t random_prefixes(uint32_t *seed, struct sp_prefix *prefixes)
{
	size_t count = draw(seed, 6);

	for (size_t i = 0; i < count; i++) {
		prefixes[i] = prefix_of("255.255.255.0/24");
		prefixes[i].prefix_len += draw(seed, 9);
		prefixes[i].addr[15] = (uint8_t)draw(seed, 256);
		sp_prefix_mask(&prefixes[i]);
	}
	return count;
}

static bool holds(const struct sp_prefix *prefixes, size_t count, const struct sp_addr *addr)
{
	for (size_t i = 0; i < count; i++) {
		if (sp_prefix_contains(&prefixes[i], addr))
			return true;
	}
	return false;
}

static bool in_ranges(const struct sp_ranges *ranges, const struct sp_addr *addr)
{
	for (size_t i = 0; i < ranges->count; i++) {
		if (sp_addr_compare(&ranges->items[i].first, addr) <= 0 &&
		    sp_addr_compare(addr, &ranges->items[i].last) <= 0)
			return true;
	}
	return false;
}

static void ranges_hold_in_less_except(void **state)
{
	uint32_t seed = 7;

	(void)state;
	for (int round = 0; round < 5000; round++) {
		struct sp_prefix in[2][6], except[2][6];
		size_t in_count[2], except_count[2];
		struct sp_ranges ranges[2] = { 0 };
		bool contains = true;

		for (int s = 0; s < 2; s++) {
			in_count[s] = random_prefixes(&seed, in[s]);
			except_count[s] = random_prefixes(&seed, except[s]);
			assert_int_equal(sp_ranges_make(in[s], in_count[s], except[s],
							except_count[s], &ranges[s]),
					 0);
		}
		for (unsigned byte = 0; byte < 256; byte++) {
			struct sp_addr addr = addr_of("255.255.255.0");
			bool inside[2];

			addr.b[15] = (uint8_t)byte;
			for (int s = 0; s < 2; s++) {
				inside[s] = holds(in[s], in_count[s], &addr) &&
					    !holds(except[s], except_count[s], &addr);
				assert_int_equal(in_ranges(&ranges[s], &addr), inside[s]);
			}
			contains &= inside[0] || !inside[1];
		}
		assert_int_equal(sp_ranges_contain(&ranges[0], &ranges[1]), contains);
		sp_ranges_done(&ranges[0]);
		sp_ranges_done(&ranges[1]);
	}
}

static void families_do_not_mix(void **state)
{
	struct sp_prefix v4 = prefix_of("0.0.0.0/0"), v6 = prefix_of("::/0");
	struct sp_ranges ranges = { 0 };
	struct sp_addr addr;

	(void)state;
	assert_int_equal(sp_ranges_make(&v4, 1, &v6, 1, &ranges), 0);
	assert_int_equal(ranges.count, 1);
	sp_ranges_done(&ranges);
	assert_int_equal(sp_ranges_make(&v6, 1, &v4, 1, &ranges), 0);
	assert_int_equal(ranges.count, 2);
	assert_true(sp_ranges_first_within(&ranges, &v6, &addr));
	assert_addr(&addr, "::");
	assert_false(sp_ranges_first_within(&ranges, &v4, &addr));
	sp_ranges_done(&ranges);
}

static void first_address_skips_what_is_excepted(void **state)
{
	struct sp_prefix in = prefix_of("10.0.0.0/30"), lower = prefix_of("10.0.0.0/31");
	struct sp_ranges ranges = { 0 };
	struct sp_addr addr;

	(void)state;
	assert_int_equal(sp_ranges_make(&in, 1, &lower, 1, &ranges), 0);
	assert_true(sp_ranges_first_within(&ranges, &in, &addr));
	assert_addr(&addr, "10.0.0.2");
	assert_false(sp_ranges_first_within(&ranges, &lower, &addr));
	sp_ranges_done(&ranges);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ranges_hold_in_less_except),
		cmocka_unit_test(families_do_not_mix),
		cmocka_unit_test(first_address_skips_what_is_excepted),
	};

	return cmocka_run_group_tests_name("policy-load-ranges", tests, NULL, NULL);
}
