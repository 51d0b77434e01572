/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which target of a forward a source is sent to. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "net/addr.h"
#include "policy/addresses/shares.h"

static struct sp_addr addr_of(const char *text)
{
	struct sp_addr addr;

	assert_int_equal(sp_addr_parse(text, &addr), 0);
	return addr;
}

/* A forward to @count targets, 10.30.2.1 and on. */
static struct sp_forward forward_to(size_t count)
{
	struct sp_forward forward = { .target_count = count,
				      .target_port = 80,
				      .is_checked = true };
	char text[SP_ADDR_TEXT_MAX];

	for (size_t i = 0; i < count; i++) {
		snprintf(text, sizeof(text), "10.30.2.%zu", i + 1);
		forward.targets[i] = addr_of(text);
	}
	return forward;
}

static void count_slots(const uint8_t owners[SP_SHARES_SLOTS], uint32_t counts[256])
{
	memset(counts, 0, 256 * sizeof(*counts));
	for (size_t i = 0; i < SP_SHARES_SLOTS; i++)
		counts[owners[i]]++;
}

static void each_target_has_its_share(void **state)
{
	(void)state;
	for (size_t count = 1; count <= SP_FORWARD_TARGETS_MAX; count++) {
		const struct sp_forward forward = forward_to(count);
		const uint32_t even = SP_SHARES_SLOTS / (uint32_t)count;
		uint8_t owners[SP_SHARES_SLOTS];
		uint32_t counts[256];

		sp_shares_make(&forward, 0, owners);
		count_slots(owners, counts);
		assert_int_equal(counts[SP_SHARES_NOBODY], 0);
		for (size_t n = 0; n < count; n++)
			if (counts[n] < even - even * 2 / 5 || counts[n] > even + even * 2 / 5)
				fail_msg("of %zu targets, %zu has %u slots", count, n, counts[n]);
	}
}

static void who_leaves_moves_its_own_slots_and_gets_them_back(void **state)
{
	const struct sp_forward forward = forward_to(5);
	uint8_t before[SP_SHARES_SLOTS], without[SP_SHARES_SLOTS], after[SP_SHARES_SLOTS];
	uint32_t counts[256];

	(void)state;
	sp_shares_make(&forward, 0, before);
	for (uint32_t gone = 0; gone < 5; gone++) {
		sp_shares_make(&forward, 1u << gone, without);
		count_slots(without, counts);
		for (size_t i = 0; i < SP_SHARES_SLOTS; i++)
			if (without[i] != before[i] && before[i] != gone)
				fail_msg("without %u, slot %zu of %u moved", gone, i, before[i]);
		assert_int_equal(counts[gone], 0);
		for (uint32_t n = 0; n < 5; n++)
			assert_true(n == gone || counts[n] > 200);
		sp_shares_make(&forward, 0, after);
		assert_memory_equal(after, before, sizeof(after));
	}
}

static void a_target_that_is_added_takes_slots_for_itself_alone(void **state)
{
	const struct sp_forward four = forward_to(4), five = forward_to(5);
	uint8_t before[SP_SHARES_SLOTS], after[SP_SHARES_SLOTS];

	(void)state;
	sp_shares_make(&four, 0, before);
	sp_shares_make(&five, 0, after);
	for (size_t i = 0; i < SP_SHARES_SLOTS; i++)
		assert_true(after[i] == before[i] || after[i] == 4);
}

static void where_none_answers_no_slot_is_anybodys(void **state)
{
	const struct sp_forward forward = forward_to(3);
	const struct sp_addr source = addr_of("198.51.100.7");
	uint8_t owners[SP_SHARES_SLOTS];
	uint32_t counts[256];

	(void)state;
	sp_shares_make(&forward, 7, owners);
	count_slots(owners, counts);
	assert_int_equal(counts[SP_SHARES_NOBODY], SP_SHARES_SLOTS);
	assert_int_equal(sp_shares_target(&forward, 7, &source), SP_SHARES_NOBODY);
}

/* Computed by hand after include/linux/jhash.h; tests/netns/targets.sh asks the kernel itself. */
static void a_source_has_the_slot_that_the_kernel_gives_it(void **state)
{
	static const struct {
		const char *source;
		uint32_t slot;
	} cases[] = { { "10.1.2.3", 906 }, { "203.0.113.9", 385 }, { "2001:db8::7", 77 } };

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct sp_addr source = addr_of(cases[i].source);

		assert_int_equal(sp_shares_slot(&source), cases[i].slot);
	}
}

static void only_a_forward_that_is_checked_has_silent_targets(void **state)
{
	const struct sp_silent items[] = { { addr_of("10.30.2.2"), 80 },
					   { addr_of("10.30.2.1"), 81 },
					   { addr_of("10.9.9.9"), 80 } };
	const struct sp_silents silents = { items, 3 }, none = { 0 };
	struct sp_forward forward = forward_to(3);

	(void)state;
	assert_int_equal(sp_shares_silent(&forward, &silents), 2);
	assert_int_equal(sp_shares_silent(&forward, &none), 0);
	forward.is_checked = false;
	assert_int_equal(sp_shares_silent(&forward, &silents), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_target_has_its_share),
		cmocka_unit_test(who_leaves_moves_its_own_slots_and_gets_them_back),
		cmocka_unit_test(a_target_that_is_added_takes_slots_for_itself_alone),
		cmocka_unit_test(where_none_answers_no_slot_is_anybodys),
		cmocka_unit_test(a_source_has_the_slot_that_the_kernel_gives_it),
		cmocka_unit_test(only_a_forward_that_is_checked_has_silent_targets),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
