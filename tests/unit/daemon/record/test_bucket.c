/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "daemon/record/bucket.h"

#define PERIOD 1000u
#define BURST 5u

static unsigned take_many(struct sp_bucket *bucket, uint64_t now_ns, unsigned tries)
{
	unsigned taken = 0;

	for (unsigned i = 0; i < tries; i++)
		taken += sp_bucket_take(bucket, now_ns, PERIOD, BURST);
	return taken;
}

static void so_many_at_once_and_then_one_a_period(void **state)
{
	struct sp_bucket bucket = { 0 };

	(void)state;
	assert_int_equal(take_many(&bucket, 1, 100), BURST);
	assert_int_equal(take_many(&bucket, PERIOD, 100), 0);
	assert_int_equal(take_many(&bucket, PERIOD + 1, 100), 1);
	assert_int_equal(take_many(&bucket, 4 * PERIOD + 1, 100), 3);
	for (unsigned i = 0; i < 1000; i++) /* however often it is asked */
		assert_int_equal(take_many(&bucket, (5 + i) * PERIOD + 1, 10), 1);
}

static void silence_brings_back_the_burst_and_no_more(void **state)
{
	struct sp_bucket bucket = { 0 };

	(void)state;
	take_many(&bucket, 1, 100);
	assert_int_equal(take_many(&bucket, 1000 * PERIOD, 100), BURST);
	assert_int_equal(take_many(&bucket, 10, 100), 0); /* a clock that went back brings none */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(so_many_at_once_and_then_one_a_period),
		cmocka_unit_test(silence_brings_back_the_burst_and_no_more),
	};

	return cmocka_run_group_tests_name("daemon/bucket", tests, NULL, NULL);
}
