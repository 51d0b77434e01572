/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "plane/ebpf/translate.h"

/* Tables of two service sets, three profiles, four pairs; every value tells where it stands. */
struct made {
	struct sp_tables tables;
	struct sp_src_row src[3];
	struct sp_dst_row dst[2];
	struct sp_pair_row pair[4];
	struct sp_verdict verdict[6];
};

static struct made *make(void)
{
	struct made *made = calloc(1, sizeof(*made));

	assert_non_null(made);
	for (size_t i = 0; i < 3; i++) {
		made->src[i].prefix.prefix_len = 96 + i;
		made->src[i].value.class_id[1] = 10 + i;
	}
	for (size_t i = 0; i < 2; i++) {
		made->dst[i].prefix.prefix_len = 32 * i;
		made->dst[i].value.netset = 20 + i;
	}
	for (size_t i = 0; i < 4; i++) {
		made->pair[i].key = (struct sp_pair_key){ 30 + i, 40 + i };
		made->pair[i].profile = i % 3;
	}
	for (size_t i = 0; i < 6; i++)
		made->verdict[i] = (struct sp_verdict){ .action = SP_ALLOW, .rule = 100 + i };
	made->tables.svc[80] = 1;
	made->tables.svcset_count = 2;
	made->tables.profile_count = 3;
	made->tables.src = made->src;
	made->tables.src_count = 3;
	made->tables.dst = made->dst;
	made->tables.dst_count = 2;
	made->tables.pair = made->pair;
	made->tables.pair_count = 4;
	made->tables.verdict = made->verdict;
	return made;
}

static const struct sp_ebpf_room snug = { .svcset_stride = 2, .profiles = 3, .pairs = 4 };

static void rows_keep_their_order_and_values(void **state)
{
	__sp_free struct made *made = make();
	struct sp_ebpf_arrays arrays;

	(void)state;
	assert_int_equal(sp_ebpf_translate(&made->tables, &snug, 0, 0, &arrays), 0);
	assert_int_equal(arrays.src_count, 3);
	assert_int_equal(arrays.dst_count, 2);
	assert_int_equal(arrays.pair_count, 4);
	assert_int_equal(arrays.profile_count, 3);
	for (size_t i = 0; i < 3; i++) {
		assert_memory_equal(&arrays.src_keys[i], &made->src[i].prefix,
				    sizeof(struct sp_prefix));
		assert_memory_equal(&arrays.src_values[i], &made->src[i].value,
				    sizeof(struct sp_src));
	}
	for (size_t i = 0; i < 2; i++) {
		assert_memory_equal(&arrays.dst_keys[i], &made->dst[i].prefix,
				    sizeof(struct sp_prefix));
		assert_memory_equal(&arrays.dst_values[i], &made->dst[i].value,
				    sizeof(struct sp_dst));
	}
	for (size_t i = 0; i < 4; i++) {
		assert_memory_equal(&arrays.pair_keys[i], &made->pair[i].key,
				    sizeof(struct sp_pair_key));
		assert_int_equal(arrays.pair_profiles[i], made->pair[i].profile);
	}
	assert_memory_equal(arrays.verdict, made->verdict, sizeof(made->verdict));
	assert_int_equal(arrays.svc[80 / SP_SVC_PER_ELEM].svcset[80 % SP_SVC_PER_ELEM], 1);
	sp_ebpf_arrays_done(&arrays);
}

static void wider_stride_is_filled_with_denials(void **state)
{
	const struct sp_ebpf_room wide = { .svcset_stride = 4, .profiles = 8, .pairs = 8 };
	__sp_free struct made *made = make();
	struct sp_ebpf_arrays arrays;

	(void)state;
	assert_int_equal(sp_ebpf_translate(&made->tables, &wide, 0, 0, &arrays), 0);
	for (uint32_t profile = 0; profile < 3; profile++) {
		for (uint32_t set = 0; set < 4; set++) {
			const struct sp_verdict *verdict = &arrays.verdict[profile * 4 + set];

			assert_int_equal(verdict->action, set < 2 ? SP_ALLOW : SP_DENY);
			assert_int_equal(verdict->rule,
					 set < 2 ? 100 + profile * 2 + set : SP_RULE_DEFAULT);
			assert_int_equal(verdict->reason, set < 2 ? 0 : SP_REASON_DEFAULT);
		}
	}
	sp_ebpf_arrays_done(&arrays);
}

static void later_rows_come_alone(void **state)
{
	__sp_free struct made *made = make();
	struct sp_ebpf_arrays arrays;

	(void)state;
	assert_int_equal(sp_ebpf_translate(&made->tables, &snug, 3, 2, &arrays), 0);
	assert_int_equal(arrays.src_count, 0);
	assert_int_equal(arrays.dst_count, 0);
	assert_int_equal(arrays.pair_count, 1);
	assert_int_equal(arrays.pair_keys[0].class_id, 33);
	assert_int_equal(arrays.profile_first, 2);
	assert_int_equal(arrays.profile_count, 1);
	assert_int_equal(arrays.verdict[0].rule, 104);
	assert_int_equal(arrays.verdict[1].rule, 105);
	sp_ebpf_arrays_done(&arrays);
	assert_int_equal(sp_ebpf_translate(&made->tables, &snug, 4, 3, &arrays), 0);
	assert_int_equal(arrays.pair_count, 0);
	assert_int_equal(arrays.profile_count, 0);
	sp_ebpf_arrays_done(&arrays);
}

static void tables_beyond_their_room_are_refused(void **state)
{
	static const struct sp_ebpf_room tight[] = { { 1, 3, 4 }, { 2, 2, 4 }, { 2, 3, 3 } };
	__sp_free struct made *made = make();
	struct sp_ebpf_arrays arrays;

	(void)state;
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(sp_ebpf_translate(&made->tables, &tight[i], 0, 0, &arrays),
				 -ENOSPC);
}

static void tables_that_contradict_themselves_are_refused(void **state)
{
	__sp_free struct made *made = make();
	struct sp_ebpf_arrays arrays;

	(void)state;
	made->tables.svc[SP_SVC_SLOTS - 1] = 2;
	assert_int_equal(sp_ebpf_translate(&made->tables, &snug, 0, 0, &arrays), -EINVAL);
	made->tables.svc[SP_SVC_SLOTS - 1] = 1;
	made->pair[3].profile = 3;
	assert_int_equal(sp_ebpf_translate(&made->tables, &snug, 0, 0, &arrays), -EINVAL);
	made->pair[3].profile = 2;
	made->tables.src_count = 0;
	assert_int_equal(sp_ebpf_translate(&made->tables, &snug, 0, 0, &arrays), -EINVAL);
	made->tables.src_count = 3;
	assert_int_equal(sp_ebpf_translate(&made->tables, &snug, 5, 0, &arrays), -EINVAL);
	assert_int_equal(sp_ebpf_translate(&made->tables, &snug, 0, 4, &arrays), -EINVAL);
	assert_int_equal(sp_ebpf_translate(&made->tables, &snug, 0, 0, &arrays), 0);
	sp_ebpf_arrays_done(&arrays);
}

static void room_is_twice_and_some_within_the_bounds(void **state)
{
	__sp_free struct made *made = make();
	struct sp_ebpf_room room = sp_ebpf_room_exact(&made->tables);

	(void)state;
	assert_int_equal(room.svcset_stride, 2);
	assert_true(room.profiles >= 6 && room.pairs >= 8);
	made->tables.expected_profiles =
		1000; /* as many as the tables before these had in the end */
	made->tables.expected_pairs = 5000;
	room = sp_ebpf_room_exact(&made->tables);
	assert_true(room.profiles >= 2000 && room.pairs >= 10000);
	made->tables.svcset_count = SP_TABLES_SVCSET_MAX;
	made->tables.profile_count = SP_TABLES_VERDICT_MAX / SP_TABLES_SVCSET_MAX;
	made->tables.pair_count = SP_TABLES_PAIR_MAX;
	room = sp_ebpf_room_exact(&made->tables);
	assert_int_equal(room.profiles, made->tables.profile_count);
	assert_int_equal(room.pairs, SP_TABLES_PAIR_MAX);
}

static void rounded_room_is_the_same_for_like_tables(void **state)
{
	__sp_free struct made *made = make();
	struct sp_ebpf_room first = sp_ebpf_room_rounded(&made->tables), second;

	(void)state;
	made->tables.svcset_count = 9;
	made->tables.profile_count = 200;
	made->tables.pair_count = 3000;
	second = sp_ebpf_room_rounded(&made->tables);
	assert_memory_equal(&first, &second, sizeof(first));
	made->tables.svcset_count = 1000;
	second = sp_ebpf_room_rounded(&made->tables);
	assert_true(second.svcset_stride >= 1000);
	assert_int_equal(second.svcset_stride & (second.svcset_stride - 1), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rows_keep_their_order_and_values),
		cmocka_unit_test(wider_stride_is_filled_with_denials),
		cmocka_unit_test(later_rows_come_alone),
		cmocka_unit_test(tables_beyond_their_room_are_refused),
		cmocka_unit_test(tables_that_contradict_themselves_are_refused),
		cmocka_unit_test(room_is_twice_and_some_within_the_bounds),
		cmocka_unit_test(rounded_room_is_the_same_for_like_tables),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
