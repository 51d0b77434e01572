/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Requests that wait: for their turn while an apply is under way, and for a revision that has room for them. They come
 * by a real control socket; the database is a real one in a folder, the plane is memory (tests/support/fake_plane.h),
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

#include "../../../support/fake_plane.h"
#include "../../../support/folder.h"
#include "config/machine.h"
#include "daemon/apply/apply_steps.h"
#include "daemon/daemon.h"
#include "daemon/apply/reload.h"

#define KEY "\"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\""
#define OTHER_KEY "\"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHgA=\""
#define POLICY                                                                                     \
	"sallyport: 1\n"                                                                           \
	"roles:\n"                                                                                 \
	"  engineer: { match: [ {idp: corp, group: eng} ] }\n"                                     \
	"  auditor: { match: [ {idp: corp, group: audit} ] }\n"                                    \
	"  printer: { match: [ {peer-key: " OTHER_KEY "} ] }\n"                                    \
	"rules:\n"                                                                                 \
	"  - { name: web, allow: { from: engineer, to: 10.30.0.1, services: [tcp/443] } }\n"       \
	"  - { name: logs, allow: { from: [auditor, printer], to: 10.30.0.2, services: [tcp/443] " \
	"} }\n"
#define MACHINE                                                                                    \
	"sallyport: 1\n"                                                                           \
	"interfaces: { edge: [wan0], inside: [lan0], tunnel: vpn0 }\n"                             \
	"vpn: { listen: 51820, pool: [100.64.0.0/16], parked: %uh }\n"
#define OPEN                                                                                       \
	"{\"v\":1,\"id\":1,\"op\":\"session.open\",\"idp\":\"corp\",\"subject\":\"s1\",\"user\":"  \
	"\"ana\","                                                                                 \
	"\"groups\":[\"eng\"],\"device\":{\"public_key\":" KEY ",\"name\":\"laptop\"}}\n"
#define GROUPS "\"session\":1,\"idp\":\"corp\",\"subject\":\"s1\",\"groups\":[\"audit\"]}\n"
#define HOUR_S 3600

struct fixture {
	char dir[TEST_FOLDER_SIZE], machine_file[96];
	struct fake_plane *fake;
	struct sp_daemon *daemon;
	int gate[2];
};

/* ---- in the place of what a machine has ---- */

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
	(void)record;
}

void __wrap_sp_farewell_denied(struct sp_farewell *farewell, uint64_t since_ns)
{
	(void)farewell;
	(void)since_ns;
}

/* ---- a daemon and its clients ---- */

static void write_machine(const struct fixture *fixture, unsigned int parked_h)
{
	FILE *file = fopen(fixture->machine_file, "w");

	assert_non_null(file);
	fprintf(file, MACHINE, parked_h);
	assert_int_equal(fclose(file), 0);
}

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
	snprintf(path, sizeof(path), "%s/control.sock", fixture->dir);
	assert_int_equal(sp_control_open(daemon->loop, path, &access, &handler, &daemon->control),
			 0);
	daemon->paths.machine_file = fixture->machine_file;
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

	snprintf(address.sun_path, sizeof(address.sun_path), "%s/control.sock", fixture->dir);
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

/* What is at @key; -1: nothing, which an error has. */
static json_int_t number_at(json_t *reply, const char *key)
{
	json_t *value = json_object_get(reply, key);
	const json_int_t number = value ? json_integer_value(value) : -1;

	json_decref(reply);
	return number;
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

static int ask_apply(struct fixture *fixture)
{
	static char request[4096];
	json_t *json = json_pack("{s:i, s:i, s:s, s:s, s:s, s:b}", "v", 1, "id", 1, "op", "apply",
				 "path", "policy.yaml", "text", POLICY, "force", 1);
	char *text = json_dumps(json, JSON_COMPACT);

	snprintf(request, sizeof(request), "%s\n", text);
	free(text);
	json_decref(json);
	return ask(fixture, request);
}

static int setup(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));

	assert_non_null(test_folder_make(fixture->dir));
	snprintf(fixture->machine_file, sizeof(fixture->machine_file), "%s/sallyport.yaml",
		 fixture->dir);
	write_machine(fixture, 1);
	fixture->fake = fake_plane_new();
	fixture->daemon = calloc(1, sizeof(*fixture->daemon));
	fixture->daemon->plane = &fixture->fake->base;
	assert_int_equal(pipe(fixture->gate), 0);
	serve(fixture);
	assert_ok(hear(fixture, ask_apply(fixture)));
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
	free(daemon);
	fake_plane_free(fixture->fake);
	close(fixture->gate[0]);
	close(fixture->gate[1]);
	snprintf(command, sizeof(command), "rm -rf %s", fixture->dir);
	assert_int_equal(system(command), 0);
	free(fixture);
	return 0;
}

/* ---- room ---- */

static uint64_t running(const struct fixture *fixture)
{
	return sp_plane_running_revision(&fixture->fake->base);
}

/* No row finds room in the revision that runs. */
static void take_room(struct fixture *fixture)
{
	static char word[32];

	snprintf(word, sizeof(word), "extend:%llu", (unsigned long long)running(fixture));
	fixture->fake->failing = word;
	fixture->fake->failure = -ENOSPC;
}

/* Asked without room, it waits for the next revision, which has it, unless @stays. */
static json_t *ask_without_room(struct fixture *fixture, const char *request, bool stays)
{
	const uint64_t before = running(fixture);
	int fd;

	take_room(fixture);
	fd = ask(fixture, request);
	while (running(fixture) == before) {
		assert_false(is_answered(fd));
		run(fixture);
	}
	if (stays)
		take_room(fixture);
	return hear(fixture, fd);
}

static void open_session(struct fixture *fixture)
{
	assert_ok(hear(fixture, ask(fixture, OPEN)));
}

static void assert_role(struct fixture *fixture, const char *role)
{
	const struct sp_live *live = NULL;
	struct sp_live *open = NULL;

	while ((live = sp_live_next(&fixture->daemon->people, live)))
		if (live->state == SP_LIVE_OPEN)
			open = (struct sp_live *)live;
	assert_non_null(open);
	assert_int_equal(open->role_count, 1);
	assert_string_equal(open->roles[0], role);
}

static void a_sign_in_waits_for_a_revision_that_has_room(void **state)
{
	assert_ok(ask_without_room(*state, OPEN, false));
	assert_role(*state, "engineer");
}

static void a_sign_in_that_finds_no_room_in_that_one_either_is_refused(void **state)
{
	struct fixture *fixture = *state;

	assert_fails(ask_without_room(fixture, OPEN, true), "table-full");
	assert_null(sp_live_next(&fixture->daemon->people, NULL));
}

static void so_does_an_extension_with_other_groups(void **state)
{
	open_session(*state);
	assert_ok(ask_without_room(*state, "{\"v\":1,\"id\":2,\"op\":\"session.extend\"," GROUPS,
				   false));
	assert_role(*state, "auditor");
}

static void so_does_an_update_with_other_groups(void **state)
{
	open_session(*state);
	assert_ok(ask_without_room(*state, "{\"v\":1,\"id\":2,\"op\":\"session.update\"," GROUPS,
				   false));
	assert_role(*state, "auditor");
}

/* What was taken away must not go on because there is no room to say so. */
static void groups_for_which_there_is_no_room_at_all_end_the_session(void **state)
{
	struct fixture *fixture = *state;

	open_session(fixture);
	assert_fails(ask_without_room(fixture,
				      "{\"v\":1,\"id\":2,\"op\":\"session.update\"," GROUPS, true),
		     "table-full");
	assert_int_equal(sp_live_find(&fixture->daemon->people, 1)->state, SP_LIVE_ENDED);
}

static void so_does_a_machine(void **state)
{
	assert_ok(ask_without_room(*state,
				   "{\"v\":1,\"id\":1,\"op\":\"peer.add\",\"public_key\":" OTHER_KEY
				   ",\"name\":\"printer\"}\n",
				   false));
	assert_role(*state, "printer");
}

/* ---- turns ---- */

/* An apply is under way until something is written to the gate. */
static int hold_an_apply(struct fixture *fixture)
{
	int fd;

	fixture->fake->program_gate = fixture->gate[0];
	fd = ask_apply(fixture);
	while (!fixture->daemon->applies.under_way ||
	       fixture->daemon->applies.under_way->done != APPLY_FILLED ||
	       !fixture->daemon->applies.under_way->job.is_under_way)
		run(fixture);
	return fd;
}

static void let_go(struct fixture *fixture)
{
	assert_int_equal(write(fixture->gate[1], "xxxxxxxx", 8), 8);
}

static void applies_take_their_turn_and_others_are_served(void **state)
{
	struct fixture *fixture = *state;
	const int first = hold_an_apply(fixture), second = ask_apply(fixture),
		  third = ask_apply(fixture);
	json_int_t revision;

	assert_ok(hear(fixture, ask(fixture, "{\"v\":1,\"id\":1,\"op\":\"session.list\"}\n")));
	assert_false(is_answered(first) || is_answered(second) || is_answered(third));
	let_go(fixture);
	revision = number_at(hear(fixture, first), "revision");
	assert_true(revision > 0);
	revision = number_at(hear(fixture, second), "revision") - revision;
	assert_true(revision > 0);
	revision = number_at(hear(fixture, third), "revision");
	assert_int_equal(revision, running(fixture));
}

static void who_goes_while_they_wait_has_asked_nothing(void **state)
{
	struct fixture *fixture = *state;
	const int first = hold_an_apply(fixture), second = ask_apply(fixture);
	json_int_t revision;

	assert_int_equal(close(second), 0);
	for (int i = 0; i < 4; i++)
		run(fixture);
	assert_null(fixture->daemon->applies.again.first);
	assert_int_equal(fixture->daemon->applies.again.text_bytes, 0);
	let_go(fixture);
	revision = number_at(hear(fixture, first), "revision");
	assert_int_equal(revision, running(fixture));
	assert_null(fixture->daemon->applies.under_way);
}

static void a_reload_takes_its_turn(void **state)
{
	struct fixture *fixture = *state;
	const int first = hold_an_apply(fixture);
	json_int_t revision;
	int reload;

	write_machine(fixture, 7);
	reload = ask(fixture, "{\"v\":1,\"id\":1,\"op\":\"reload\"}\n");
	assert_false(is_answered(reload));
	assert_int_equal(fixture->daemon->machine->parked_s, HOUR_S);
	let_go(fixture);
	assert_ok(hear(fixture, first));
	revision = number_at(hear(fixture, reload), "revision");
	assert_int_equal(revision, running(fixture));
	assert_int_equal(fixture->daemon->machine->parked_s, 7 * HOUR_S);
}

static void so_does_one_by_a_signal(void **state)
{
	struct fixture *fixture = *state;
	const int first = hold_an_apply(fixture);

	write_machine(fixture, 7);
	sp_reload_by_signal(&fixture->daemon->applies);
	sp_reload_by_signal(&fixture->daemon->applies);
	let_go(fixture);
	assert_ok(hear(fixture, first));
	while (fixture->daemon->machine->parked_s != 7 * HOUR_S ||
	       fixture->daemon->applies.under_way)
		run(fixture);
	assert_false(sp_warnings_has(&fixture->daemon->warnings, "machine-file"));
}

/* Whoever waits for a turn goes before the revision that only the machine wants. */
static void a_machine_that_changes_all_the_time_keeps_nobody_waiting(void **state)
{
	struct fixture *fixture = *state;
	const int first = hold_an_apply(fixture), second = ask_apply(fixture);

	sp_apply_restage_soon(&fixture->daemon->applies, "a test");
	let_go(fixture);
	assert_ok(hear(fixture, first));
	while (!fixture->daemon->applies.under_way)
		run(fixture);
	assert_true(fixture->daemon->applies.under_way->is_request);
	assert_ok(hear(fixture, second));
	while (fixture->daemon->applies.under_way || fixture->daemon->applies.restage_why)
		run(fixture);
	assert_false(sp_warnings_has(&fixture->daemon->warnings, "stage-failed"));
}

/* ---- a reload that fails ---- */

static void a_reload_that_fails_at_any_step_leaves_the_former_file_in_force(void **state)
{
	static const char *const failing[] = { "guard-open", "stage", "fill", "program", "commit" };
	struct fixture *fixture = *state;
	const struct sp_machine *former = fixture->daemon->machine;

	write_machine(fixture, 7);
	for (size_t i = 0; i < sizeof(failing) / sizeof(failing[0]); i++) {
		int reload;

		fixture->fake->failing = failing[i];
		fixture->fake->failure = -EIO;
		reload = ask(fixture, "{\"v\":1,\"id\":1,\"op\":\"reload\"}\n");
		assert_fails(hear(fixture, reload), "failed");
		fixture->fake->failing = NULL;
		assert_ptr_equal(fixture->daemon->machine, former);
		assert_true(sp_warnings_has(&fixture->daemon->warnings, "machine-file"));
		while (fixture->daemon->applies.under_way) /* the former one, made anew */
			run(fixture);
		assert_int_equal(fixture->daemon->revisions.running->number, running(fixture));
	}
	assert_ok(hear(fixture, ask(fixture, "{\"v\":1,\"id\":1,\"op\":\"reload\"}\n")));
	assert_int_equal(fixture->daemon->machine->parked_s, 7 * HOUR_S);
	assert_false(sp_warnings_has(&fixture->daemon->warnings, "machine-file"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		TEST(a_sign_in_waits_for_a_revision_that_has_room),
		TEST(a_sign_in_that_finds_no_room_in_that_one_either_is_refused),
		TEST(so_does_an_extension_with_other_groups),
		TEST(so_does_an_update_with_other_groups),
		TEST(groups_for_which_there_is_no_room_at_all_end_the_session),
		TEST(so_does_a_machine),
		TEST(applies_take_their_turn_and_others_are_served),
		TEST(who_goes_while_they_wait_has_asked_nothing),
		TEST(a_reload_takes_its_turn),
		TEST(so_does_one_by_a_signal),
		TEST(a_machine_that_changes_all_the_time_keeps_nobody_waiting),
		TEST(a_reload_that_fails_at_any_step_leaves_the_former_file_in_force),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
