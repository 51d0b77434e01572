/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/array.h"
#include "wg/tables/replay.h"

#define W SP_WG_REPLAY_WINDOW
#define LIMIT (UINT64_MAX - (1ull << 13))

/* The edges, in the order of the kernel's selftest/counter.c: what is taken depends on what came
 * before. */
static void edges_of_the_window(void **state)
{
	static const struct {
		uint64_t counter;
		bool accepted;
	} rows[] = {
		{ 0, true },
		{ 1, true },
		{ 1, false },
		{ 9, true },
		{ 8, true },
		{ 7, true },
		{ 7, false },
		{ W, true },
		{ W - 1, true },
		{ W - 1, false },
		{ W - 2, true },
		{ 2, true },
		{ 2, false },
		{ W + 16, true },
		{ 3, false },
		{ 17, true },
		{ W + 16, false },
		{ W * 4, true },
		{ W * 4 - (W - 1), true },
		{ 10, false },
		{ W * 4 - W, false },
		{ W * 4 - W - 1, false },
		{ W * 4 - (W - 2), true },
		{ W * 4 + 1 - W, false },
		{ 0, false },
		{ LIMIT, false },
		{ LIMIT - 1, true },
		{ LIMIT, false },
		{ LIMIT - 1, false },
		{ LIMIT - 2, true },
		{ LIMIT - 2, false },
		{ LIMIT + 1, false },
		{ LIMIT - 3, true },
		{ 0, false },
		{ UINT64_MAX, false },
	};
	struct sp_wg_replay replay = { 0 };

	(void)state;
	for (size_t i = 0; i < SP_ARRAY_LEN(rows); i++)
		if (sp_wg_replay_accept(&replay, rows[i].counter, LIMIT) != rows[i].accepted)
			fail_msg("row %zu: %llu", i, (unsigned long long)rows[i].counter);
}

static void a_full_window_backwards(void **state)
{
	struct sp_wg_replay replay = { 0 };

	(void)state;
	for (uint64_t counter = W + 1; counter >= 2; counter--)
		assert_true(sp_wg_replay_accept(&replay, counter, LIMIT));
	assert_false(sp_wg_replay_accept(&replay, 1, LIMIT));
	assert_false(sp_wg_replay_accept(&replay, 0, LIMIT));
	for (uint64_t counter = 0; counter <= W + 1; counter++)
		assert_false(sp_wg_replay_accept(&replay, counter, LIMIT));
}

/* Random walks against one byte a counter. */
static void equals_a_naive_window(void **state)
{
	enum { SPAN = 400000 };
	uint8_t *seen = test_calloc(SPAN, 1);

	(void)state;
	for (unsigned int seed = 1; seed <= 4; seed++) {
		struct sp_wg_replay replay = { 0 };
		uint64_t greatest = 0;
		bool any = false;

		srandom(seed);
		memset(seen, 0, SPAN);
		for (int i = 0; i < 100000; i++) {
			uint64_t base = greatest + 30 > W + 100 && random() % 3
						? greatest + 30 - W - 100
						: greatest;
			uint64_t counter =
				base + (uint64_t)random() % (random() % 50 ? 200 : W + 300);
			bool wanted;

			if (counter >= SPAN)
				break;
			wanted = !seen[counter] && (!any || counter + W > greatest);
			assert_int_equal(sp_wg_replay_accept(&replay, counter, LIMIT), wanted);
			if (!wanted)
				continue;
			seen[counter] = 1;
			greatest = !any || counter > greatest ? counter : greatest;
			any = true;
		}
		assert_true(greatest > 4 * W);
	}
	test_free(seen);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(edges_of_the_window),
		cmocka_unit_test(a_full_window_backwards),
		cmocka_unit_test(equals_a_naive_window),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
