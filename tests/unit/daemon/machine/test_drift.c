/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What drifted: counted once while it stays, warned of until it is right, never without a bound. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "daemon/daemon.h"

static struct sp_daemon *new_daemon(void)
{
	struct sp_daemon *daemon = calloc(1, sizeof(*daemon));

	assert_non_null(daemon);
	daemon->paths.audit_log = (char *)"none"; /* records have nowhere to go */
	sp_daemon_lend(daemon);
	return daemon;
}

static void look(struct sp_daemon *daemon, const char *what, int repair)
{
	sp_drift_begin(&daemon->drifts);
	if (what)
		sp_drift_see(&daemon->drifts, &(struct sp_drift_sight){ .code = "tunnel-changed",
									.what = what,
									.repair = repair });
	sp_drift_end(&daemon->drifts);
}

static void what_is_put_back_is_listed_and_no_warning(void **state)
{
	struct sp_daemon *daemon = new_daemon();

	(void)state;
	look(daemon, "it was set down", 0);
	assert_int_equal(daemon->drifts.count, 1);
	assert_true(daemon->drifts.items[0].is_put_back);
	assert_string_equal(daemon->drifts.items[0].message, "it was set down: put back");
	assert_false(sp_warnings_has(&daemon->warnings, "tunnel-changed"));
	free(daemon);
}

static void what_stays_is_one_drift_and_a_warning_until_it_is_right(void **state)
{
	struct sp_daemon *daemon = new_daemon();

	(void)state;
	for (int i = 0; i < 5; i++)
		look(daemon, "it was set down", -EPERM);
	assert_int_equal(daemon->drifts.items[0].times, 1);
	assert_true(sp_warnings_has(&daemon->warnings, "tunnel-changed"));
	assert_non_null(sp_warnings_remedy("tunnel-changed"));
	look(daemon, NULL, 0);
	assert_true(daemon->drifts.items[0].is_put_back);
	assert_false(sp_warnings_has(&daemon->warnings, "tunnel-changed"));
	free(daemon);
}

static void who_undoes_it_again_and_again_is_warned_of(void **state)
{
	struct sp_daemon *daemon = new_daemon();

	(void)state;
	for (int i = 0; i < 4; i++)
		look(daemon, "it was set down", 0);
	assert_false(sp_warnings_has(&daemon->warnings, "drift-again"));
	for (int i = 0; i < 4; i++)
		look(daemon, "it was set down", 0);
	assert_true(sp_warnings_has(&daemon->warnings, "drift-again"));
	assert_int_equal(daemon->drifts.items[0].times, 8);
	free(daemon);
}

static void pass(struct sp_daemon *daemon, uint64_t seconds)
{
	for (int i = 0; i < SP_DRIFT_OFTEN; i++)
		if (daemon->drifts.items[0].repaired_ns[i])
			daemon->drifts.items[0].repaired_ns[i] -= seconds * SP_SECOND_NS;
}

/* Any minute counts, not only one that begins with the first repair. */
static void again_and_again_is_within_any_minute(void **state)
{
	struct sp_daemon *daemon = new_daemon();

	(void)state;
	look(daemon, "it was set down", 0);
	pass(daemon, 57);
	for (int i = 0; i < 5; i++) {
		look(daemon, "it was set down", 0);
		pass(daemon, 1);
	}
	assert_true(sp_warnings_has(&daemon->warnings, "drift-again"));
	pass(daemon, 50);
	look(daemon, NULL, 0);
	assert_true(sp_warnings_has(&daemon->warnings, "drift-again"));
	pass(daemon, 10);
	look(daemon, NULL, 0);
	assert_false(sp_warnings_has(&daemon->warnings, "drift-again"));
	look(daemon, "it was set down", 0);
	assert_false(sp_warnings_has(&daemon->warnings, "drift-again"));
	free(daemon);
}

static void the_list_has_a_bound_and_keeps_what_is_open(void **state)
{
	struct sp_daemon *daemon = new_daemon();
	char what[32];

	(void)state;
	sp_drift_begin(&daemon->drifts);
	sp_drift_see(&daemon->drifts, &(struct sp_drift_sight){ .code = "lock-changed",
								.what = "the table",
								.repair = -EIO });
	for (int i = 0; i < 2 * SP_DRIFT_ITEMS_MAX; i++) {
		snprintf(what, sizeof(what), "thing %d", i);
		sp_drift_see(&daemon->drifts,
			     &(struct sp_drift_sight){ .code = "tunnel-changed", .what = what });
	}
	sp_drift_end(&daemon->drifts);
	assert_int_equal(daemon->drifts.count, SP_DRIFT_ITEMS_MAX);
	assert_true(sp_warnings_has(&daemon->warnings, "lock-changed"));
	free(daemon);
}

static void a_process_name_is_shown_escaped(void **state)
{
	struct sp_daemon *daemon = new_daemon();

	(void)state;
	sp_drift_begin(&daemon->drifts);
	sp_drift_see(&daemon->drifts, &(struct sp_drift_sight){ .code = "lock-changed",
								.what = "the table",
								.by = "process 7 (\x1b[2J)" });
	assert_string_equal(daemon->drifts.items[0].by, "process 7 (\\x1b[2J)");
	free(daemon);
}

static void every_code_of_drift_has_a_remedy(void **state)
{
	(void)state;
#define X(code, text) assert_non_null(sp_warnings_remedy(code));
	SP_DRIFTS(X)
#undef X
	assert_null(sp_warnings_remedy("no-such-code"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_put_back_is_listed_and_no_warning),
		cmocka_unit_test(what_stays_is_one_drift_and_a_warning_until_it_is_right),
		cmocka_unit_test(who_undoes_it_again_and_again_is_warned_of),
		cmocka_unit_test(again_and_again_is_within_any_minute),
		cmocka_unit_test(the_list_has_a_bound_and_keeps_what_is_open),
		cmocka_unit_test(a_process_name_is_shown_escaped),
		cmocka_unit_test(every_code_of_drift_has_a_remedy),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
