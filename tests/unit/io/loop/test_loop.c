/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cmocka.h>

#include "io/loop/loop.h"

/* Whoever is called first ends the loop. */
struct round {
	struct sp_loop *loop;
	unsigned int calls;
	bool ends;
};

static void called(struct round *round)
{
	round->calls++;
	if (round->ends)
		sp_loop_end(round->loop);
}

static void source_ready(void *arg, uint32_t events)
{
	(void)events;
	called(arg);
}

static void timer_fired(void *arg)
{
	called(arg);
}

/* Two descriptors that are ready and two timers that are due: one round. */
static unsigned int calls_of_a_round(bool ends)
{
	struct round round = { .ends = ends };
	struct sp_source sources[2];
	struct sp_timer timers[2];

	assert_int_equal(sp_loop_new(&round.loop), 0);
	for (int i = 0; i < 2; i++) {
		sources[i] = (struct sp_source){ .fd = eventfd(1, EFD_CLOEXEC),
						 .ready = source_ready,
						 .arg = &round };
		timers[i] = (struct sp_timer){ .fire = timer_fired, .arg = &round };
		assert_true(sources[i].fd >= 0);
		assert_int_equal(sp_loop_watch(round.loop, &sources[i], EPOLLIN), 0);
		sp_loop_in(round.loop, &timers[i], 0);
	}
	assert_int_equal(sp_loop_round(round.loop, 0), 0);
	for (int i = 0; i < 2; i++) {
		sp_loop_forget(round.loop, &sources[i]);
		sp_loop_drop(round.loop, &timers[i]);
		close(sources[i].fd);
	}
	sp_loop_free(round.loop);
	return round.calls;
}

static void an_ended_loop_calls_nobody_back_in_the_same_round(void **state)
{
	(void)state;
	assert_int_equal(calls_of_a_round(false), 4);
	assert_int_equal(calls_of_a_round(true), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_ended_loop_calls_nobody_back_in_the_same_round),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
