/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The arithmetic of limits: the programs' (bpf/lib/bucket.h, on compiled terms) and the reference's
 * give the same numbers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>

#include "lib/bucket.h"

#include "base/array.h"
#include "base/cleanup.h"
#include "reference/limit.h"
#include "tables/tables.h"

#define SECOND (UINT64_C(1000000000) * SP_BUCKET_PER_NS)

SP_DEFINE_CLEANUP(struct sp_tables *, sp_tables_free);

static struct sp_limit_terms compiled(const struct sp_limit *limit)
{
	struct sp_limit copy = *limit;
	struct sp_policy policy = { .limits = &copy, .limit_count = 1 };
	const struct sp_gateway gateway = { 0 };
	const struct sp_facts facts = { 0 };
	__sp_cleanup(sp_tables_freep) struct sp_tables *tables = NULL;

	assert_int_equal(sp_tables_compile(&policy, &gateway, &facts, &tables), 0);
	assert_int_equal(tables->limit_count, 2);
	return tables->limit[1];
}

static struct sp_limit limit_of(enum sp_limit_unit unit, uint64_t rate, uint32_t period_s,
				uint64_t burst)
{
	return (struct sp_limit){ .name = (char *)"l",
				  .unit = unit,
				  .rate = rate,
				  .period_s = period_s,
				  .burst = burst };
}

static void cost_and_burst_are_the_references(void **state)
{
	static const uint64_t units[] = { 1, 40, 1499, 1514, 65535, 65575, (1u << 26) - 1 };
	const struct sp_limit limits[] = {
		limit_of(SP_LIMIT_PACKETS, 1, 1, 1),
		limit_of(SP_LIMIT_PACKETS, 1, 3600, 24),
		limit_of(SP_LIMIT_PACKETS, 7, 60, 10080),
		limit_of(SP_LIMIT_PACKETS, 999999937, 1, 1000000000),
		limit_of(SP_LIMIT_BYTES, 1000, 3600, 1514),
		limit_of(SP_LIMIT_BYTES, 7777000, 60, 1000000),
		limit_of(SP_LIMIT_BYTES, UINT64_C(99999999000), 1, UINT64_C(1000000000000)),
		limit_of(SP_LIMIT_BYTES, UINT64_C(100000000000), 3600, 1514),
		limit_of(SP_LIMIT_CONNECTIONS, 200, 1, 400),
	};

	(void)state;
	for (size_t i = 0; i < SP_ARRAY_LEN(limits); i++) {
		const struct sp_limit_terms terms = compiled(&limits[i]);
		const size_t count = limits[i].unit == SP_LIMIT_BYTES ? SP_ARRAY_LEN(units) : 1;

		assert_true(terms.burst == sp_ref_limit_burst(&limits[i]));
		for (size_t k = 0; k < count; k++)
			assert_true(sp_bucket_cost(&terms, units[k]) ==
				    sp_ref_limit_cost(&limits[i], units[k]));
	}
}

static void a_rate_of_ten_lets_ten_a_second_pass(void **state)
{
	const struct sp_limit limit = limit_of(SP_LIMIT_PACKETS, 10, 1, 3);
	const struct sp_limit_terms terms = compiled(&limit);
	const __u64 cost = sp_bucket_cost(&terms, 1);
	unsigned passed = 0;
	__u64 full = 0;

	(void)state;
	assert_true(cost == SECOND / 10);
	/* a thousand a second, for ten seconds: the burst and then the rate */
	for (unsigned ms = 0; ms < 10000; ms++)
		passed += sp_bucket_take(&full, cost, terms.burst, SECOND + ms * (SECOND / 1000));
	assert_int_equal(passed, 3 + 99);
}

static void a_denied_packet_takes_nothing(void **state)
{
	__u64 full = 0;

	(void)state;
	assert_true(sp_bucket_take(&full, 100, 200, 1000));
	assert_true(sp_bucket_take(&full, 100, 200, 1000));
	assert_false(sp_bucket_take(&full, 100, 200, 1000));
	assert_true(full == 1200);
	assert_false(sp_bucket_take(&full, 100, 200, 1099));
	assert_true(sp_bucket_take(&full, 100, 200, 1100)); /* the first instant it has enough */
	assert_true(full == 1300);
}

/* What the kernel merged may be more than a burst: it passes when the bucket is full, and is paid
 * for in whole. */
static void a_packet_beyond_the_burst_waits_for_a_full_bucket(void **state)
{
	__u64 full = 0;

	(void)state;
	assert_true(sp_bucket_take(&full, 1000, 200, 50));
	assert_true(full == 1050);
	assert_false(sp_bucket_take(&full, 1, 200, 851 - 2));
	assert_true(sp_bucket_take(&full, 1, 200, 851));
	assert_false(sp_bucket_take(&full, 1000, 200, 1050));
	assert_true(sp_bucket_take(&full, 1000, 200, 1051));
}

static void terms_tell_limits_apart(void **state)
{
	const struct sp_limit limit = limit_of(SP_LIMIT_PACKETS, 10, 1, 3);
	struct sp_limit other = limit;

	(void)state;
	assert_true(compiled(&limit).id == compiled(&other).id);
	other.burst = 4;
	assert_true(compiled(&limit).id != compiled(&other).id);
	other = limit;
	other.name = (char *)"m";
	assert_true(compiled(&limit).id != compiled(&other).id);
	other = limit;
	other.source_bits = 24;
	assert_true(compiled(&limit).id != compiled(&other).id);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(cost_and_burst_are_the_references),
		cmocka_unit_test(a_rate_of_ten_lets_ten_a_second_pass),
		cmocka_unit_test(a_denied_packet_takes_nothing),
		cmocka_unit_test(a_packet_beyond_the_burst_waits_for_a_full_bucket),
		cmocka_unit_test(terms_tell_limits_apart),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
