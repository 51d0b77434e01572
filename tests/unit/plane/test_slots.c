/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>

#include "plane/ebpf/slots.h"

static struct sp_limit_terms by_session(__u64 id)
{
	return (struct sp_limit_terms){ .rate = 1, .key = SP_LIMIT_BY_SESSION, .id = id };
}

static void a_limit_keeps_its_slot_over_revisions(void **state)
{
	struct sp_limit_terms first[] = { { 0 }, by_session(11), by_session(12) };
	struct sp_limit_terms next[] = { { 0 }, by_session(13), by_session(12) };
	struct sp_ebpf_slots none = { { 0 } }, slots, after;

	(void)state;
	assert_int_equal(sp_ebpf_slots_assign(&none, first, 3, &slots), 0);
	assert_int_equal(first[1].slot, 0);
	assert_int_equal(first[2].slot, 1);
	assert_int_equal(sp_ebpf_slots_assign(&slots, next, 3, &after), 0);
	assert_int_equal(next[2].slot, 1);
	assert_int_equal(next[1].slot, 2); /* not that of 11, whose programs still run */
	assert_int_equal(after.id[0], 0);
	assert_int_equal(after.id[2], 13);
}

static void a_slot_is_taken_over_when_all_are_in_use(void **state)
{
	struct sp_limit_terms next[] = { by_session(100) };
	struct sp_ebpf_slots held, slots;

	(void)state;
	for (unsigned i = 0; i < SP_LIMIT_SESSION_SLOTS; i++)
		held.id[i] = i + 1;
	assert_int_equal(sp_ebpf_slots_assign(&held, next, 1, &slots), 0);
	assert_int_equal(next[0].slot, 0);
	assert_int_equal(slots.id[0], 100);
}

static void only_limits_by_session_have_slots(void **state)
{
	struct sp_limit_terms terms[] = { { .rate = 1, .key = SP_LIMIT_BY_SOURCE, .id = 5 },
					  { .rate = 1, .key = SP_LIMIT_BY_RULE, .id = 6 } };
	struct sp_ebpf_slots none = { { 0 } }, slots;

	(void)state;
	assert_int_equal(sp_ebpf_slots_assign(&none, terms, 2, &slots), 0);
	assert_memory_equal(&slots, &none, sizeof(slots));
}

static void a_ninth_is_refused(void **state)
{
	struct sp_limit_terms terms[SP_LIMIT_SESSION_SLOTS + 1];
	struct sp_ebpf_slots none = { { 0 } }, slots;

	(void)state;
	for (unsigned i = 0; i <= SP_LIMIT_SESSION_SLOTS; i++)
		terms[i] = by_session(i + 1);
	assert_int_equal(sp_ebpf_slots_assign(&none, terms, SP_LIMIT_SESSION_SLOTS, &slots), 0);
	assert_int_equal(sp_ebpf_slots_assign(&none, terms, SP_LIMIT_SESSION_SLOTS + 1, &slots),
			 -E2BIG);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_limit_keeps_its_slot_over_revisions),
		cmocka_unit_test(a_slot_is_taken_over_when_all_are_in_use),
		cmocka_unit_test(only_limits_by_session_have_slots),
		cmocka_unit_test(a_ninth_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
