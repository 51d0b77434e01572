/* SPDX-License-Identifier: GPL-3.0-or-later */
/* An apply that fails at any step leaves what ran. The database is a real one in a folder, the plane is memory
 * (tests/support/fake_plane.h), and the linker puts this file in the place of the tunnel interface, of the recorder
 * and of the farewells (tests/unit/daemon/meson.build). */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "../../../support/fake_plane.h"
#include "../../../support/folder.h"
#include "config/machine.h"
#include "daemon/apply/apply_steps.h"
#include "daemon/daemon.h"
#include "policy/load.h"

#define POLICY                                                                                     \
	"sallyport: 1\nrules:\n  - { name: web, allow: { from: 10.20.0.0/16, to: 10.30.0.1, "      \
	"services: [tcp/443] } }\n"

struct fixture {
	char dir[TEST_FOLDER_SIZE];
	struct sp_machine machine;
	struct fake_plane *fake;
	struct sp_daemon *daemon;
};

static unsigned int applies_on_record;

int __wrap_sp_tunnel_raise(struct sp_network_watch *network);
void __wrap_sp_recorder_append(struct sp_recorder *recorder, struct sp_audit_record *record);
void __wrap_sp_farewell_denied(struct sp_farewell *farewell, uint64_t since_ns);

int __wrap_sp_tunnel_raise(struct sp_network_watch *network)
{
	(void)network;
	return 0;
}

void __wrap_sp_recorder_append(struct sp_recorder *recorder, struct sp_audit_record *record)
{
	(void)recorder;
	applies_on_record += record->event == SP_AUDIT_APPLY;
}

void __wrap_sp_farewell_denied(struct sp_farewell *farewell, uint64_t since_ns)
{
	(void)farewell;
	(void)since_ns;
}

/* A boot finds this policy as the last confirmed one. */
static void confirm_policy(struct sp_store *store)
{
	const struct sp_file file = { .path = "policy.yaml",
				      .text = POLICY,
				      .text_len = strlen(POLICY) };
	struct sp_store_revision row = { .time_ns = 1, .who = "uid 0", .rules = 1 };
	struct sp_diagnostics diagnostics = { 0 };
	struct sp_policy *policy = NULL;

	assert_int_equal(sp_policy_load_files(&file, 1, NULL, &policy, &diagnostics), 0);
	memcpy(row.generation, policy->generation, sizeof(row.generation));
	assert_int_equal(sp_store_set_mark(store, "revision", row.number = 1), 0);
	assert_int_equal(sp_store_put_revision(store, &row, &file, 1), 0);
	assert_int_equal(sp_store_confirm_revision(store, row.number), 0);
	sp_policy_free(policy);
	sp_diagnostics_done(&diagnostics);
}

static int setup(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));
	struct sp_daemon *daemon = calloc(1, sizeof(*daemon));
	char path[96], error[256];
	char *moved = NULL;
	bool is_new;

	assert_non_null(test_folder_make(fixture->dir));
	snprintf(path, sizeof(path), "%s/test.db", fixture->dir);
	assert_int_equal(sp_store_open(path, &daemon->store, &moved, &is_new, error), 0);
	assert_int_equal(sp_loop_new(&daemon->loop), 0);
	fixture->machine.tunnel = "vpn0";
	fixture->fake = fake_plane_new();
	fixture->daemon = daemon;
	daemon->machine = &fixture->machine;
	daemon->plane = &fixture->fake->base;
	sp_daemon_lend(daemon);
	sp_daemon_lend_plane(daemon);
	confirm_policy(daemon->store);
	applies_on_record = 0;
	*state = fixture;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *fixture = *state;
	struct sp_daemon *daemon = fixture->daemon;
	char command[128];

	sp_revisions_done(&daemon->revisions);
	sp_watch_close(&daemon->watch);
	sp_store_close(daemon->store);
	sp_loop_free(daemon->loop);
	free(daemon);
	fake_plane_free(fixture->fake);
	snprintf(command, sizeof(command), "rm -rf %s", fixture->dir);
	assert_int_equal(system(command), 0);
	free(fixture);
	return 0;
}

/* What runs is @number, in the plane and in memory, and nothing is staged. */
static void assert_runs(const struct fixture *fixture, uint64_t number)
{
	const struct sp_revisions *revisions = &fixture->daemon->revisions;

	assert_int_equal(sp_plane_running_revision(&fixture->fake->base), number);
	assert_int_equal(revisions->running ? revisions->running->number : 0, number);
	assert_null(revisions->staged);
	assert_null(fixture->daemon->applies.under_way);
	assert_int_equal(fixture->fake->staged_count, number != 0);
}

/* The words of the log; the guard is put again until nobody else is seen to change the ruleset meanwhile, and
 * counts once. */
static void assert_says(const struct fixture *fixture, const char *expected)
{
	char said[sizeof(fixture->fake->log)] = "", *rest = fixture->fake->log, *word, *last = NULL;

	while ((word = strtok_r(rest, " ", &rest))) {
		if (last && !strcmp(word, last))
			continue;
		last = word;
		strcat(said, *said ? " " : "");
		strcat(said, word);
	}
	assert_string_equal(said, expected);
}

static void a_boot_stages_guards_commits_and_opens_in_this_order(void **state)
{
	struct fixture *fixture = *state;

	assert_int_equal(sp_apply_resume(&fixture->daemon->applies), 0);
	assert_runs(fixture, 2);
	assert_says(fixture,
		    "stage:2 fill extend:2 program complete guard-closed commit:2 guard-open");
	assert_int_equal(applies_on_record, 1);
}

static void a_first_revision_that_fails_leaves_the_guard_as_it_was_before_any(void **state)
{
	static const struct {
		const char *failing;
		enum sp_plane_guard_state guard;
	} cases[] = {
		{ "stage", SP_PLANE_GUARD_CLOSED }, /* never put: nothing was asked of it */
		{ "fill", SP_PLANE_GUARD_CLOSED },         { "program", SP_PLANE_GUARD_CLOSED },
		{ "guard-closed", SP_PLANE_GUARD_CLOSED }, { "commit", SP_PLANE_GUARD_TUNNEL },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct fixture *fixture = *state;

		fixture->fake->failing = cases[i].failing;
		assert_int_equal(sp_apply_resume(&fixture->daemon->applies), -EIO);
		assert_runs(fixture, 0);
		assert_false(fixture->daemon->is_lock_open);
		assert_int_equal(fixture->fake->guard, cases[i].guard);
		assert_true(sp_warnings_has(&fixture->daemon->warnings, "stage-failed"));
		assert_int_equal(applies_on_record, 0);
	}
}

/* Make a revision in rounds of the loop, as a daemon that serves does. */
static void restage(struct sp_daemon *daemon)
{
	sp_apply_restage_soon(&daemon->applies, "a test");
	while (daemon->applies.under_way)
		assert_int_equal(sp_loop_round(daemon->loop, SP_SECOND_NS), 0);
}

static void a_later_revision_that_fails_at_any_step_leaves_the_former(void **state)
{
	static const char *const failing[] = { "stage", "fill", "program", "guard-open", "commit" };
	struct fixture *fixture = *state;

	assert_int_equal(sp_apply_resume(&fixture->daemon->applies), 0);
	for (size_t i = 0; i < sizeof(failing) / sizeof(failing[0]); i++) {
		fixture->fake->failing = failing[i];
		sp_warnings_clear(&fixture->daemon->warnings, "stage-failed");
		restage(fixture->daemon);
		assert_runs(fixture, 2);
		assert_true(fixture->daemon->is_lock_open);
		assert_int_equal(fixture->fake->guard, SP_PLANE_GUARD_OPEN);
		assert_true(sp_warnings_has(&fixture->daemon->warnings, "stage-failed"));
	}
	fixture->fake->failing = NULL;
	restage(fixture->daemon);
	/* a number that was given to a revision that failed is not given again */
	assert_true(sp_plane_running_revision(&fixture->fake->base) >
		    2 + sizeof(failing) / sizeof(failing[0]));
	assert_runs(fixture, sp_plane_running_revision(&fixture->fake->base));
	assert_false(sp_warnings_has(&fixture->daemon->warnings, "stage-failed"));
	assert_int_equal(applies_on_record, 2);
}

static void a_database_put_back_from_a_copy_goes_on_above_what_runs(void **state)
{
	struct fixture *fixture = *state;

	assert_int_equal(sp_apply_resume(&fixture->daemon->applies), 0);
	restage(fixture->daemon);
	assert_runs(fixture, 3);
	assert_int_equal(sp_store_set_mark(fixture->daemon->store, "revision", 1), 0);
	restage(fixture->daemon);
	assert_runs(fixture, 4);
}

static void a_guard_that_stays_closed_is_said_and_the_revision_runs(void **state)
{
	struct fixture *fixture = *state;

	fixture->fake->failing = "guard-open";
	assert_int_equal(sp_apply_resume(&fixture->daemon->applies), -EIO);
	assert_int_equal(sp_plane_running_revision(&fixture->fake->base), 2);
	assert_false(fixture->daemon->is_lock_open);
	assert_true(sp_warnings_has(&fixture->daemon->warnings, "stage-failed"));
}

/* ---- while a program loads ---- */

#define SLOT 5u

struct slow_load {
	struct fixture *fixture;
	struct sp_timer timer;
	int gate[2];
	uint64_t ran; /* the revision that ran when the session was ended */
};

/* The load goes on only when this has been done, in the loop, while it is under way. */
static void revoke_during_load(void *arg)
{
	struct slow_load *slow = arg;
	struct sp_daemon *daemon = slow->fixture->daemon;

	assert_non_null(daemon->applies.under_way);
	if (daemon->applies.under_way->done != APPLY_FILLED ||
	    !daemon->applies.under_way->job.is_under_way) {
		sp_loop_in(daemon->loop, &slow->timer, SP_MS_NS);
		return;
	}
	assert_int_equal(sp_plane_session_end(daemon->plane, SLOT), 0);
	slow->ran = sp_plane_running_revision(daemon->plane);
	assert_int_equal(write(slow->gate[1], "x", 1), 1);
}

static void a_session_is_ended_while_a_program_loads(void **state)
{
	struct fixture *fixture = *state;
	struct sp_daemon *daemon = fixture->daemon;
	struct slow_load slow = { .fixture = fixture };

	assert_int_equal(sp_apply_resume(&daemon->applies), 0);
	assert_int_equal(pipe(slow.gate), 0);
	fixture->fake->program_gate = slow.gate[0];
	fixture->fake->sessions[SLOT].epoch = 77;
	slow.timer = (struct sp_timer){ .fire = revoke_during_load, .arg = &slow };
	sp_apply_restage_soon(&daemon->applies, "a test");
	sp_loop_in(daemon->loop, &slow.timer, 0);
	while (daemon->applies.under_way)
		assert_int_equal(sp_loop_round(daemon->loop, SP_SECOND_NS), 0);
	assert_int_equal(slow.ran, 2);
	assert_int_equal(fixture->fake->sessions[SLOT].epoch, 0);
	assert_runs(fixture, sp_plane_running_revision(daemon->plane));
	assert_int_not_equal(sp_plane_running_revision(daemon->plane), 2);
	sp_loop_drop(daemon->loop, &slow.timer);
	close(slow.gate[0]);
	close(slow.gate[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		TEST(a_boot_stages_guards_commits_and_opens_in_this_order),
		TEST(a_first_revision_that_fails_leaves_the_guard_as_it_was_before_any),
		TEST(a_later_revision_that_fails_at_any_step_leaves_the_former),
		TEST(a_database_put_back_from_a_copy_goes_on_above_what_runs),
		TEST(a_guard_that_stays_closed_is_said_and_the_revision_runs),
		TEST(a_session_is_ended_while_a_program_loads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
