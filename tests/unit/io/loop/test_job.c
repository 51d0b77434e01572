/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The loop goes on while the work of a job waits: what ends the wait comes from the loop, so a job that held it
 * up would never end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h>

#include "io/loop/job.h"

struct place {
	struct sp_loop *loop;
	struct sp_job job;
	struct sp_timer timer;
	int gate[2]; /* the work waits for a byte */
	char seen;
	unsigned int starts, done;
};

static void wait_at_gate(void *arg)
{
	struct place *place = arg;

	if (read(place->gate[0], &place->seen, 1) != 1)
		place->seen = '?';
}

static void open_gate(void *arg)
{
	struct place *place = arg;

	assert_int_equal(write(place->gate[1], "x", 1), 1);
}

static void count_done(void *arg)
{
	struct place *place = arg;

	assert_int_equal(place->seen, 'x');
	place->seen = '\0';
	place->done++;
	if (place->done < place->starts) {
		assert_int_equal(sp_job_start(&place->job, place->loop), 0);
		sp_loop_in(place->loop, &place->timer, SP_MS_NS);
	}
}

static void place_open(struct place *place)
{
	*place = (struct place){ .starts = 1 };
	place->job = (struct sp_job){ .work = wait_at_gate, .done = count_done, .arg = place };
	place->timer = (struct sp_timer){ .fire = open_gate, .arg = place };
	assert_int_equal(pipe(place->gate), 0);
	assert_int_equal(sp_loop_new(&place->loop), 0);
	assert_int_equal(sp_job_start(&place->job, place->loop), 0);
}

static void place_close(struct place *place)
{
	sp_loop_drop(place->loop, &place->timer);
	sp_loop_free(place->loop);
	close(place->gate[0]);
	close(place->gate[1]);
}

static void loop_goes_on_while_a_job_works(void **state)
{
	struct place place;

	(void)state;
	place_open(&place);
	place.starts = 3; /* done starts it again */
	sp_loop_in(place.loop, &place.timer, SP_MS_NS);
	while (place.done < place.starts)
		assert_int_equal(sp_loop_round(place.loop, SP_SECOND_NS), 0);
	assert_false(place.job.is_under_way);
	place_close(&place);
}

static void ended_job_was_waited_for_and_says_nothing(void **state)
{
	struct place place;

	(void)state;
	place_open(&place);
	open_gate(&place);
	sp_job_end(&place.job);
	assert_int_equal(place.seen, 'x');
	assert_int_equal(sp_loop_round(place.loop, 0), 0);
	assert_int_equal(place.done, 0);
	sp_job_end(&place.job); /* nothing is under way */
	place_close(&place);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(loop_goes_on_while_a_job_works),
		cmocka_unit_test(ended_job_was_waited_for_and_says_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
