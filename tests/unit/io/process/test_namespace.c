/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One process a network namespace: a name is held until its holder lets go. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "io/process/namespace.h"

static void a_name_is_refused_to_others_until_it_is_let_go(void **state)
{
	struct sp_namespace_holder holder = { 0 };
	char name[40];
	int first, second = -1;

	(void)state;
	snprintf(name, sizeof(name), "sallyport-test-%d", (int)getpid());
	assert_int_equal(sp_namespace_claim(name, &first, &holder), 0);
	/* more than can wait at once, and each is told who holds it */
	for (int i = 0; i < 40; i++) {
		assert_int_equal(sp_namespace_claim(name, &second, &holder), -EADDRINUSE);
		assert_int_equal(holder.pid, getpid());
		assert_int_equal(holder.uid, geteuid());
		sp_namespace_dismiss(first);
	}
	close(first);
	assert_int_equal(sp_namespace_claim(name, &second, &holder), 0);
	close(second);
}

static void a_holder_that_answers_nobody_still_holds(void **state)
{
	struct sp_namespace_holder holder = { 0 };
	char name[40];
	int first, second = -1;

	(void)state;
	snprintf(name, sizeof(name), "sallyport-deaf-%d", (int)getpid());
	assert_int_equal(sp_namespace_claim(name, &first, &holder), 0);
	for (int i = 0; i < 40; i++)
		assert_int_equal(sp_namespace_claim(name, &second, &holder), -EADDRINUSE);
	close(first);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_name_is_refused_to_others_until_it_is_let_go),
		cmocka_unit_test(a_holder_that_answers_nobody_still_holds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
