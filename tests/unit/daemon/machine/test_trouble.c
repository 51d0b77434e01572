/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Warnings on record: what lasts, once; not what a start brings with it, and not drift a second time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/daemon.h"

static struct sp_daemon *new_daemon(void)
{
	struct sp_daemon *daemon = calloc(1, sizeof(*daemon));

	assert_non_null(daemon);
	daemon->paths.audit_log = daemon->paths.packets_log =
		(char *)"none"; /* records have nowhere to go */
	sp_daemon_lend(daemon);
	return daemon;
}

/* As if the look before had been so long ago. */
static void age(struct sp_daemon *daemon, uint64_t seconds)
{
	for (size_t i = 0; i < daemon->troubles.count; i++)
		daemon->troubles.items[i].since_ns -= seconds * SP_SECOND_NS;
}

static void what_lasts_is_recorded_once_and_its_end_too(void **state)
{
	struct sp_daemon *daemon = new_daemon();

	(void)state;
	sp_warnings_raise(&daemon->warnings, "portal-missing", "no portal");
	sp_trouble_look(&daemon->troubles);
	assert_false(daemon->troubles.items[0].is_recorded);
	age(daemon, 6);
	sp_trouble_look(&daemon->troubles);
	assert_true(daemon->troubles.items[0].is_recorded);
	sp_warnings_clear(&daemon->warnings, "portal-missing");
	sp_trouble_look(&daemon->troubles);
	assert_false(daemon->troubles.items[0].is_recorded);
	free(daemon);
}

static void what_is_gone_at_once_is_not_recorded(void **state)
{
	struct sp_daemon *daemon = new_daemon();

	(void)state;
	for (int i = 0; i < 3; i++) {
		sp_warnings_raise(&daemon->warnings, "portal-missing", "no portal");
		sp_trouble_look(&daemon->troubles);
		sp_warnings_clear(&daemon->warnings, "portal-missing");
		sp_trouble_look(&daemon->troubles);
		age(daemon, 6);
	}
	assert_int_equal(daemon->troubles.items[0].recorded_ns, 0);
	free(daemon);
}

static void drift_is_not_recorded_twice(void **state)
{
	struct sp_daemon *daemon = new_daemon();

	(void)state;
	sp_warnings_raise(&daemon->warnings, "lock-changed", "it was changed");
	sp_trouble_look(&daemon->troubles);
	assert_int_equal(daemon->troubles.count, 0);
	free(daemon);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_lasts_is_recorded_once_and_its_end_too),
		cmocka_unit_test(what_is_gone_at_once_is_not_recorded),
		cmocka_unit_test(drift_is_not_recorded_twice),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
