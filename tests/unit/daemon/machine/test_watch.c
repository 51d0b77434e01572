/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a detach takes away stays away: a look of the watch that was due in the same round puts nothing back. The plane
 * is memory (tests/support/fake_plane.h); the linker puts this file in the place of the recorder and of the parts of a
 * look that would touch this machine (tests/unit/daemon/meson.build). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../../support/fake_plane.h"
#include "daemon/daemon.h"

struct fixture {
	struct sp_machine machine;
	struct sp_marks_file marks;
	struct fake_plane *fake;
	struct sp_daemon *daemon;
	struct sp_timer detach;
	bool is_stopped; /* by the detach */
};

static unsigned int looks, drifts_on_record;

void __wrap_sp_recorder_append(struct sp_recorder *recorder, struct sp_audit_record *record);
void __wrap_sp_watch_interfaces(struct sp_watch *watch);
void __wrap_sp_watch_tunnel(struct sp_watch *watch);
void __wrap_sp_health_look(struct sp_health *health);
void __wrap_sp_trouble_look(struct sp_troubles *troubles);

void __wrap_sp_recorder_append(struct sp_recorder *recorder, struct sp_audit_record *record)
{
	(void)recorder;
	drifts_on_record += record->event == SP_AUDIT_DRIFT;
}

void __wrap_sp_watch_interfaces(struct sp_watch *watch)
{
	(void)watch;
	looks++;
}

void __wrap_sp_watch_tunnel(struct sp_watch *watch)
{
	(void)watch;
}

void __wrap_sp_health_look(struct sp_health *health)
{
	(void)health;
}

void __wrap_sp_trouble_look(struct sp_troubles *troubles)
{
	(void)troubles;
}

/* The guard goes, of which the kernel tells, and the daemon stops; or, in the control, somebody else took it away. */
static void detach(void *arg)
{
	struct fixture *fixture = arg;

	fixture->fake->is_guarded = false;
	fixture->daemon->watch.change.is_table_touched = true;
	fixture->daemon->is_stopping = fixture->is_stopped;
}

static int setup(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));
	struct sp_plane_error error;

	fixture->fake = fake_plane_new();
	fixture->daemon = calloc(1, sizeof(*fixture->daemon));
	fixture->machine.tunnel = "vpn0";
	fixture->daemon->machine = &fixture->machine;
	fixture->daemon->marks.file = &fixture->marks;
	fixture->daemon->plane = &fixture->fake->base;
	assert_int_equal(sp_loop_new(&fixture->daemon->loop), 0);
	sp_daemon_lend(fixture->daemon);
	sp_daemon_lend_plane(fixture->daemon);
	assert_int_equal(sp_network_lock(&fixture->daemon->network, true, &error), 0);
	assert_true(fixture->fake->is_guarded);
	fixture->detach = (struct sp_timer){ .fire = detach, .arg = fixture };
	looks = drifts_on_record = 0;
	*state = fixture;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *fixture = *state;

	sp_watch_close(&fixture->daemon->watch);
	sp_loop_free(fixture->daemon->loop);
	free(fixture->daemon);
	fake_plane_free(fixture->fake);
	free(fixture);
	return 0;
}

/* Both are due at once; the detach comes first, in whichever order the loop has them. */
static void detach_and_look(struct fixture *fixture)
{
	struct sp_daemon *daemon = fixture->daemon;

	detach(fixture);
	sp_loop_in(daemon->loop, &fixture->detach, 0);
	assert_int_equal(sp_watch_open(&daemon->watch), 0);
	for (int i = 0; i < 2; i++)
		assert_int_equal(sp_loop_round(daemon->loop, SP_SECOND_NS), 0);
	sp_watch_look(&daemon->watch); /* `status` asks for one too */
}

static void after_a_detach_the_watch_puts_nothing_back(void **state)
{
	struct fixture *fixture = *state;

	fixture->is_stopped = true;
	detach_and_look(fixture);
	assert_false(fixture->fake->is_guarded);
	assert_int_equal(looks, 0);
	assert_int_equal(drifts_on_record, 0);
}

static void what_somebody_else_took_away_is_put_back_and_on_record(void **state)
{
	struct fixture *fixture = *state;

	detach_and_look(fixture);
	assert_true(fixture->fake->is_guarded);
	assert_true(looks > 0);
	assert_int_equal(drifts_on_record, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(after_a_detach_the_watch_puts_nothing_back, setup,
						teardown),
		cmocka_unit_test_setup_teardown(
			what_somebody_else_took_away_is_put_back_and_on_record, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
