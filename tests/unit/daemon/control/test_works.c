/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Works are done one after the other beside the loop; nobody is answered who has gone, and each is freed once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <pthread.h>

#include "daemon/control/works.h"

/* What became of the works, a letter each: r ran, a was answered, f was freed; and the work's own letter. */
static char said[128];
static pthread_t loop_thread;
static struct sp_works works;

struct piece {
	struct sp_work work;
	char letter;
	struct piece *follower; /* put when this one is freed */
	bool ran_in_loop;
};

static void say(char what, const struct piece *piece)
{
	const size_t len = strlen(said);

	assert_true(len + 3 < sizeof(said));
	said[len] = what;
	said[len + 1] = piece->letter;
}

static void piece_run(void *arg)
{
	struct piece *piece = arg;

	piece->ran_in_loop = pthread_equal(pthread_self(), loop_thread);
	say('r', piece);
}

static void piece_answer(void *arg)
{
	assert_true(pthread_equal(pthread_self(), loop_thread));
	say('a', arg);
}

static void piece_free(void *arg)
{
	const struct piece *piece = arg;

	say('f', piece);
	if (piece->follower)
		sp_works_put(&works, &piece->follower->work);
}

static struct piece piece_of(char letter, struct sp_client *client)
{
	return (struct piece){ .letter = letter,
			       .work = { .client = client,
					 .run = piece_run,
					 .answer = piece_answer,
					 .free = piece_free } };
}

static void put(struct piece *piece)
{
	piece->work.arg = piece;
	sp_works_put(&works, &piece->work);
}

static int setup(void **state)
{
	(void)state;
	memset(said, 0, sizeof(said));
	works = (struct sp_works){ 0 };
	loop_thread = pthread_self();
	return sp_loop_new(&works.loop);
}

static int teardown(void **state)
{
	(void)state;
	sp_loop_free(works.loop);
	return 0;
}

static void turn_until_done(void)
{
	while (works.first)
		assert_int_equal(sp_loop_round(works.loop, SP_SECOND_NS), 0);
}

static struct sp_client *const ana = (struct sp_client *)&said[0],
			       *const bob = (struct sp_client *)&said[1];

static void works_are_done_in_order_in_a_thread_and_answered_in_the_loop(void **state)
{
	struct piece first = piece_of('1', ana), second = piece_of('2', bob);

	(void)state;
	put(&first);
	put(&second);
	turn_until_done();
	assert_string_equal(said, "r1a1f1r2a2f2");
	assert_false(first.ran_in_loop);
	assert_false(second.ran_in_loop);
}

static void nobody_who_has_gone_is_answered(void **state)
{
	struct piece first = piece_of('1', ana), second = piece_of('2', bob),
		     third = piece_of('3', ana);

	(void)state;
	put(&first);
	put(&second);
	put(&third);
	sp_works_forget(&works, ana);
	turn_until_done();
	assert_string_equal(said, "r1f1r2a2f2f3");
}

static void a_work_that_is_freed_may_put_another(void **state)
{
	struct piece first = piece_of('1', ana), cleaning = piece_of('2', NULL);

	(void)state;
	cleaning.work.answer = NULL;
	cleaning.work.arg = &cleaning;
	first.follower = &cleaning;
	put(&first);
	sp_works_forget(&works, ana);
	turn_until_done();
	assert_string_equal(said, "r1f1r2f2");
}

static void at_the_end_what_nobody_waits_for_is_done_and_the_rest_is_freed(void **state)
{
	struct piece first = piece_of('1', ana), second = piece_of('2', bob),
		     cleaning = piece_of('3', NULL);

	(void)state;
	cleaning.work.answer = NULL;
	cleaning.work.arg = &cleaning;
	second.follower = &cleaning;
	put(&first);
	put(&second);
	sp_works_end(&works);
	assert_string_equal(said, "r1f1f2r3f3");
	assert_true(cleaning.ran_in_loop);
	assert_null(works.first);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			works_are_done_in_order_in_a_thread_and_answered_in_the_loop, setup,
			teardown),
		cmocka_unit_test_setup_teardown(nobody_who_has_gone_is_answered, setup, teardown),
		cmocka_unit_test_setup_teardown(a_work_that_is_freed_may_put_another, setup,
						teardown),
		cmocka_unit_test_setup_teardown(
			at_the_end_what_nobody_waits_for_is_done_and_the_rest_is_freed, setup,
			teardown),
	};

	return cmocka_run_group_tests_name("works", tests, NULL, NULL);
}
