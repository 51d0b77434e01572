/* SPDX-License-Identifier: GPL-3.0-or-later */
/* An apply that waits to be confirmed. Requests come by a real control socket; the database and the files of /run are
 * real ones in a folder, the plane is memory (tests/support/fake_plane.h), the test stands in for sallyport-watchdog,
 * and the linker puts this file in the place of the machine's network, of the recorder and of the farewells. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "../../support/fake_plane.h"
#include "../../support/folder.h"
#include "config/machine.h"
#include "confirm/watched.h"
#include "daemon/apply/apply_steps.h"
#include "daemon/apply/reload.h"
#include "daemon/daemon.h"
#include "io/files/files.h"

#define POLICY                                                                                     \
	"sallyport: 1\nrules:\n  - { name: %s, allow: { from: 10.20.0.0/16, to: 10.30.0.1, "       \
	"services: [tcp/443] } }\n"
#define MACHINE                                                                                    \
	"sallyport: 1\n"                                                                           \
	"interfaces: { edge: [wan0], inside: [lan0], tunnel: vpn0 }\n"                             \
	"vpn: { listen: 51820, pool: [100.64.0.0/16] }\n"

struct fixture {
	char dir[TEST_FOLDER_SIZE];
	struct fake_plane *fake;
	struct sp_daemon *daemon;
};

/* ---- in the place of what a machine has ---- */

static unsigned int confirms, reverts; /* on record */

void __wrap_sp_homes_follow(struct sp_homes_watch *watch, uint32_t changed);
int __wrap_sp_network_read(struct sp_network_watch *network, bool *ret_changed);
int __wrap_sp_tunnel_raise(struct sp_network_watch *network);
void __wrap_sp_recorder_append(struct sp_recorder *recorder, struct sp_audit_record *record);
void __wrap_sp_farewell_denied(struct sp_farewell *farewell, uint64_t since_ns);

void __wrap_sp_homes_follow(struct sp_homes_watch *watch, uint32_t changed)
{
	(void)watch;
	(void)changed;
}

int __wrap_sp_network_read(struct sp_network_watch *network, bool *ret_changed)
{
	(void)network;
	*ret_changed = false;
	return 0;
}

int __wrap_sp_tunnel_raise(struct sp_network_watch *network)
{
	(void)network;
	return 0;
}

void __wrap_sp_recorder_append(struct sp_recorder *recorder, struct sp_audit_record *record)
{
	(void)recorder;
	confirms += record->event == SP_AUDIT_CONFIRM;
	reverts += record->event == SP_AUDIT_REVERT;
}

void __wrap_sp_farewell_denied(struct sp_farewell *farewell, uint64_t since_ns)
{
	(void)farewell;
	(void)since_ns;
}

/* ---- a daemon and its clients ---- */

static void serve(struct fixture *fixture)
{
	struct sp_daemon *daemon = fixture->daemon;
	const struct sp_control_handler handler = { sp_ops_request, sp_ops_gone, &daemon->ops };
	const struct sp_control_access access = { .gid = getegid(), .portal_uid = SP_UID_NONE };
	char path[96], error[256];
	char *moved = NULL;
	bool is_new;

	snprintf(path, sizeof(path), "%s/test.db", fixture->dir);
	assert_int_equal(sp_store_open(path, &daemon->store, &moved, &is_new, error), 0);
	assert_int_equal(sp_loop_new(&daemon->loop), 0);
	assert_int_equal(sp_control_open(daemon->loop, daemon->paths.control_socket, &access,
					 &handler, &daemon->control),
			 0);
	assert_int_equal(
		sp_reload_read_first(&daemon->paths, daemon->options.planes, &daemon->machine), 0);
	sp_daemon_lend(daemon);
	sp_daemon_lend_plane(daemon);
}

static void run(struct fixture *fixture)
{
	assert_int_equal(sp_loop_round(fixture->daemon->loop, 10 * SP_MS_NS), 0);
}

static int dial(const struct fixture *fixture)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(address.sun_path, sizeof(address.sun_path), "%s",
		 fixture->daemon->paths.control_socket);
	assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	return fd;
}

/* A client that asks this. */
static int ask(struct fixture *fixture, const char *request)
{
	const int fd = dial(fixture);

	assert_int_equal(send(fd, request, strlen(request), MSG_NOSIGNAL),
			 (ssize_t)strlen(request));
	for (int i = 0; i < 4; i++)
		run(fixture);
	return fd;
}

static bool is_answered(int fd)
{
	char byte;

	return recv(fd, &byte, 1, MSG_DONTWAIT | MSG_PEEK) == 1;
}

/* Its answer, after however many rounds. */
static json_t *hear(struct fixture *fixture, int fd)
{
	static char text[300000];
	ssize_t got;
	json_t *json;

	while (!is_answered(fd))
		run(fixture);
	got = recv(fd, text, sizeof(text) - 1, 0);
	assert_true(got > 0);
	close(fd);
	text[got] = '\0';
	json = json_loads(text, 0, NULL);
	assert_non_null(json);
	return json;
}

static void assert_ok(json_t *reply)
{
	char *text = json_dumps(reply, 0);

	if (!json_is_true(json_object_get(reply, "ok")))
		fail_msg("%s", text);
	free(text);
	json_decref(reply);
}

static void assert_fails(json_t *reply, const char *code)
{
	assert_string_equal(
		json_string_value(json_object_get(json_object_get(reply, "error"), "code")), code);
	json_decref(reply);
}

/* An apply of the policy whose one rule is @rule, with the fields of @more, whose reference is taken. */
static int ask_apply(struct fixture *fixture, const char *rule, json_t *more)
{
	static char request[4096];
	char policy[512];
	json_t *json;
	char *text;

	snprintf(policy, sizeof(policy), POLICY, rule);
	json = json_pack("{s:i, s:i, s:s, s:s, s:s}", "v", 1, "id", 1, "op", "apply", "path",
			 "policy.yaml", "text", policy);
	json_object_update(json, more);
	json_decref(more);
	text = json_dumps(json, JSON_COMPACT);
	snprintf(request, sizeof(request), "%s\n", text);
	free(text);
	json_decref(json);
	return ask(fixture, request);
}

static int ask_confirmed(struct fixture *fixture, const char *rule)
{
	return ask_apply(fixture, rule, json_pack("{s:{s:i}}", "confirm", "seconds", 60));
}

static int ask_op(struct fixture *fixture, const char *op)
{
	char request[128];

	snprintf(request, sizeof(request), "{\"v\":1,\"id\":1,\"op\":\"%s\"}\n", op);
	return ask(fixture, request);
}

static int setup(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));
	struct sp_daemon *daemon = calloc(1, sizeof(*daemon));

	assert_non_null(test_folder_make(fixture->dir));
	assert_int_equal(sp_paths_init(&daemon->paths, fixture->dir), 0);
	assert_int_equal(sp_dir_make(daemon->paths.run_dir, 0755), 0);
	assert_int_equal(sp_dir_make(daemon->paths.etc_dir, 0755), 0);
	assert_int_equal(sp_file_replace(daemon->paths.machine_file, MACHINE, strlen(MACHINE), 0644,
					 SP_UID_KEEP, SP_GID_KEEP),
			 0);
	fixture->fake = fake_plane_new();
	fixture->daemon = daemon;
	daemon->plane = &fixture->fake->base;
	confirms = reverts = 0;
	serve(fixture);
	assert_ok(hear(fixture, ask_apply(fixture, "first", json_pack("{s:b}", "force", 1))));
	*state = fixture;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *fixture = *state;
	struct sp_daemon *daemon = fixture->daemon;
	char command[128];

	sp_control_close(daemon->control);
	sp_apply_drop(&daemon->applies);
	sp_again_done(&daemon->applies);
	sp_farewell_close(&daemon->farewell);
	sp_people_done(&daemon->people);
	sp_revisions_done(&daemon->revisions);
	sp_watch_close(&daemon->watch);
	sp_store_close(daemon->store);
	sp_loop_free(daemon->loop);
	sp_machine_free(daemon->machine);
	sp_paths_done(&daemon->paths);
	free(daemon);
	fake_plane_free(fixture->fake);
	snprintf(command, sizeof(command), "rm -rf %s", fixture->dir);
	assert_int_equal(system(command), 0);
	free(fixture);
	return 0;
}

/* ---- in the place of the watchdog ---- */

static enum sp_pending_state state_of(const struct fixture *fixture)
{
	enum sp_pending_state state;
	struct sp_pending pending;
	char why[80];

	assert_int_equal(sp_pending_read(&fixture->daemon->paths, &state, &pending, why), 0);
	return state;
}

/* Wait for the file, and say that it is watched. */
static void watch(struct fixture *fixture)
{
	struct sp_window window = { 0 };
	enum sp_pending_state state;
	char why[80];

	while (state_of(fixture) == SP_PENDING_NONE)
		run(fixture);
	assert_int_equal(sp_pending_read(&fixture->daemon->paths, &state, &window.pending, why), 0);
	assert_int_equal(sp_watched_write(&fixture->daemon->paths, &window), 0);
}

/* The time is up. */
static void let_return(struct fixture *fixture, enum sp_pending_state from)
{
	const struct sp_paths *paths = &fixture->daemon->paths;

	if (from == SP_PENDING_OPEN)
		assert_int_equal(sp_pending_move(paths, from, SP_PENDING_REVERTING), 0);
	assert_int_equal(fake_plane_return(fixture->fake), 0);
	assert_int_equal(sp_pending_move(paths, SP_PENDING_REVERTING, SP_PENDING_REVERTED), 0);
	sp_confirming_look(&fixture->daemon->applies);
}

static void finish_applies(struct fixture *fixture)
{
	while (fixture->daemon->applies.under_way)
		run(fixture);
}

/* ---- tests ---- */

static uint64_t running(const struct fixture *fixture)
{
	return sp_plane_running_revision(&fixture->fake->base);
}

static const char *rule_of(const struct fixture *fixture)
{
	return fixture->daemon->revisions.running->policy->rules[0].name;
}

static bool is_confirmed(const struct fixture *fixture, uint64_t revision)
{
	struct sp_store_revision row = { 0 };
	bool is_it;

	assert_int_equal(sp_store_get_revision(fixture->daemon->store, revision, &row), 0);
	is_it = row.is_confirmed;
	sp_store_revision_done(&row);
	return is_it;
}

/* The policy whose rule is called second runs, and waits. Returns its revision. */
static uint64_t begin_waiting(struct fixture *fixture)
{
	const int fd = ask_confirmed(fixture, "second");

	watch(fixture);
	assert_ok(hear(fixture, fd));
	assert_string_equal(rule_of(fixture), "second");
	assert_non_null(fixture->fake->kept);
	assert_false(is_confirmed(fixture, running(fixture)));
	return running(fixture);
}

static void what_is_confirmed_stays(void **state)
{
	struct fixture *fixture = *state;
	const uint64_t waiting = begin_waiting(fixture);

	assert_ok(hear(fixture, ask_op(fixture, "confirm")));
	finish_applies(fixture);
	assert_null(fixture->fake->kept);
	assert_string_equal(rule_of(fixture), "second");
	assert_true(is_confirmed(fixture, waiting));
	assert_int_equal(state_of(fixture), SP_PENDING_NONE);
	assert_int_equal(confirms, 1);
	assert_fails(hear(fixture, ask_op(fixture, "confirm")), "not-pending");
}

static void do_sql(const struct fixture *fixture, const char *sql)
{
	char path[96];
	sqlite3 *db;

	snprintf(path, sizeof(path), "%s/test.db", fixture->dir);
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
}

static void what_the_database_does_not_take_is_tried_again(void **state)
{
	struct fixture *fixture = *state;
	const uint64_t waiting = begin_waiting(fixture);
	json_t *reply;

	do_sql(fixture, "CREATE TRIGGER full BEFORE UPDATE ON revision "
			"BEGIN SELECT RAISE(ABORT, 'no room'); END");
	reply = hear(fixture, ask_op(fixture, "confirm"));
	assert_true(json_is_false(json_object_get(reply, "stored")));
	assert_ok(reply);
	assert_true(sp_warnings_has(&fixture->daemon->warnings, "confirm-not-stored"));
	assert_int_equal(state_of(fixture),
			 SP_PENDING_CONFIRMED); /* the watchdog returns nothing */
	assert_false(is_confirmed(fixture, waiting));
	do_sql(fixture, "DROP TRIGGER full");
	sp_confirming_look(&fixture->daemon->applies);
	assert_true(is_confirmed(fixture, waiting));
	assert_false(sp_warnings_has(&fixture->daemon->warnings, "confirm-not-stored"));
	assert_int_equal(state_of(fixture), SP_PENDING_NONE);
	finish_applies(fixture);
	assert_string_equal(rule_of(fixture), "second");
}

static void what_is_not_confirmed_gives_way_to_what_ran(void **state)
{
	struct fixture *fixture = *state;
	const uint64_t before = running(fixture), waiting = begin_waiting(fixture);

	let_return(fixture, SP_PENDING_OPEN);
	assert_int_equal(fixture->daemon->revisions.running->number, before);
	finish_applies(fixture);
	assert_null(fixture->fake->kept);
	assert_string_equal(rule_of(fixture), "first");
	assert_false(is_confirmed(fixture, waiting));
	assert_int_equal(state_of(fixture), SP_PENDING_NONE);
	assert_int_equal(reverts, 1);
	assert_true(sp_warnings_has(&fixture->daemon->warnings, "reverted"));
}

static void meanwhile_nothing_else_is_staged(void **state)
{
	struct fixture *fixture = *state;
	const uint64_t waiting = begin_waiting(fixture);

	assert_fails(hear(fixture, ask_confirmed(fixture, "third")), "busy-confirming");
	assert_fails(hear(fixture, ask_apply(fixture, "third", json_object())), "busy-confirming");
	assert_fails(hear(fixture, ask_op(fixture, "reload")), "busy-confirming");
	sp_apply_restage_soon(&fixture->daemon->applies, "a test");
	assert_null(fixture->daemon->applies.under_way);
	assert_int_equal(running(fixture), waiting);
	assert_ok(hear(fixture, ask_op(fixture, "confirm")));
	finish_applies(fixture);
	assert_true(running(fixture) > waiting);
}

/* Forced, it is applied once what waited has returned: that is never confirmed on the way. */
static void a_forced_apply_comes_after_the_return(void **state)
{
	struct fixture *fixture = *state;
	const uint64_t waiting = begin_waiting(fixture);
	const int fd = ask_apply(fixture, "third", json_pack("{s:b}", "force", 1));

	assert_false(is_answered(fd));
	assert_int_equal(state_of(fixture), SP_PENDING_REVERTING);
	let_return(fixture, SP_PENDING_REVERTING);
	assert_ok(hear(fixture, fd));
	assert_string_equal(rule_of(fixture), "third");
	assert_false(is_confirmed(fixture, waiting));
	assert_true(is_confirmed(fixture, running(fixture)));
}

static void a_rollback_lets_it_return_at_once(void **state)
{
	struct fixture *fixture = *state;

	begin_waiting(fixture);
	assert_ok(hear(fixture, ask_op(fixture, "rollback")));
	assert_fails(hear(fixture, ask_op(fixture, "confirm")), "too-late");
	let_return(fixture, SP_PENDING_REVERTING);
	finish_applies(fixture);
	assert_string_equal(rule_of(fixture), "first");
}

static void a_rollback_applies_the_one_before(void **state)
{
	struct fixture *fixture = *state;

	assert_ok(hear(fixture, ask_apply(fixture, "second", json_object())));
	assert_ok(hear(fixture, ask_op(fixture, "rollback")));
	assert_string_equal(rule_of(fixture), "first");
	assert_true(is_confirmed(fixture, running(fixture)));
}

static void without_a_watchdog_nothing_is_switched(void **state)
{
	struct fixture *fixture = *state;
	const uint64_t before = running(fixture);

	assert_fails(hear(fixture, ask_confirmed(fixture, "second")), "no-watchdog");
	assert_int_equal(running(fixture), before);
	assert_int_equal(state_of(fixture), SP_PENDING_NONE);
	assert_false(fixture->fake->keeps_next);
	assert_ok(hear(fixture, ask_apply(fixture, "second", json_object())));
}

static void a_switch_that_fails_leaves_nothing_waiting(void **state)
{
	struct fixture *fixture = *state;
	const uint64_t before = running(fixture);
	int fd;

	fixture->fake->failing = "commit";
	fd = ask_confirmed(fixture, "second");
	watch(fixture);
	assert_fails(hear(fixture, fd), "failed");
	fixture->fake->failing = NULL;
	assert_int_equal(running(fixture), before);
	assert_int_equal(state_of(fixture), SP_PENDING_NONE);
	assert_false(fixture->fake->keeps_next);
}

/* A watchdog that died over it does not keep the former policy away for ever. */
static void a_watchdog_that_does_nothing_is_helped_out(void **state)
{
	struct fixture *fixture = *state;

	begin_waiting(fixture);
	assert_ok(hear(fixture, ask_op(fixture, "rollback")));
	assert_int_equal(fake_plane_return(fixture->fake), 0); /* as return_former would */
	for (int i = 0; i < 20 && state_of(fixture) != SP_PENDING_NONE; i++)
		sp_confirming_look(&fixture->daemon->applies);
	finish_applies(fixture);
	assert_string_equal(rule_of(fixture), "first");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		TEST(what_is_confirmed_stays),
		TEST(what_the_database_does_not_take_is_tried_again),
		TEST(what_is_not_confirmed_gives_way_to_what_ran),
		TEST(meanwhile_nothing_else_is_staged),
		TEST(a_forced_apply_comes_after_the_return),
		TEST(a_rollback_lets_it_return_at_once),
		TEST(a_rollback_applies_the_one_before),
		TEST(without_a_watchdog_nothing_is_switched),
		TEST(a_switch_that_fails_leaves_nothing_waiting),
		TEST(a_watchdog_that_does_nothing_is_helped_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
