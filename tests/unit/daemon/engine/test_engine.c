/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which peers the tunnel engine is told of: an engine that holds what it is told, and may be away. What it is told in
 * one round is a line. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "../../../support/folder.h"
#include "base/array.h"
#include "config/machine.h"
#include "daemon/base/warnings.h"
#include "daemon/engine/engine.h"
#include "daemon/people/people.h"
#include "io/files/files.h"
#include "io/files/paths.h"
#include "io/loop/clock.h"

/* ---- the engine ---- */

static struct {
	bool is_away, refuses;
	uint64_t birth;
	bool has_private_key;
	struct sp_wg_key private_key;
	uint16_t listen_port;
	struct sp_wg_peer peers[8];
	size_t peer_count;
} held;

static char told[256];

static void say(const char *word, const struct sp_wg_key *key)
{
	const size_t len = strlen(told);

	if (key)
		snprintf(told + len, sizeof(told) - len, "%s%s:%u", len ? " " : "", word,
			 key->bytes[0]);
	else
		snprintf(told + len, sizeof(told) - len, "%s%s", len ? " " : "", word);
}

static int identify(const char *at, struct sp_engine_identity *ret_identity)
{
	(void)at;
	*ret_identity = (struct sp_engine_identity){ { held.birth } };
	return held.is_away ? -ENOENT : 0;
}

static void copy_peer(const struct sp_wg_peer *from, struct sp_wg_peer *to)
{
	*to = *from;
	to->allowed_ips = calloc(from->allowed_ip_count + 1, sizeof(*to->allowed_ips));
	assert_non_null(to->allowed_ips);
	for (size_t i = 0; i < from->allowed_ip_count; i++)
		to->allowed_ips[i] = from->allowed_ips[i];
}

static int get(const char *at, struct sp_wg_device *ret_device)
{
	struct sp_wg_device device = { .has_private_key = held.has_private_key,
				       .private_key = held.private_key,
				       .listen_port = held.listen_port };

	(void)at;
	if (held.is_away)
		return -ENOENT;
	for (size_t i = 0; i < held.peer_count; i++) {
		struct sp_wg_peer *peer = SP_ARRAY_PUSH(device.peers, device.peer_count);

		assert_non_null(peer);
		copy_peer(&held.peers[i], peer);
	}
	*ret_device = device;
	return 0;
}

static void drop_peer(const struct sp_wg_key *key)
{
	for (size_t i = 0; i < held.peer_count; i++) {
		if (!sp_wg_key_equal(&held.peers[i].public_key, key))
			continue;
		sp_wg_peer_done(&held.peers[i]);
		held.peers[i] = held.peers[--held.peer_count];
		return;
	}
}

static int change(const char *at, const struct sp_wg_change *asked)
{
	(void)at;
	if (held.is_away || held.refuses)
		return held.is_away ? -ENOENT : -EIO;
	if (asked->private_key) {
		say("key", NULL);
		held.private_key = *asked->private_key;
		held.has_private_key = true;
	}
	if (asked->has_listen_port) {
		say("port", NULL);
		held.listen_port = asked->listen_port;
	}
	for (size_t i = 0; i < asked->peer_count; i++) {
		const struct sp_wg_peer *peer = asked->peers[i].peer;

		say(asked->peers[i].mode == SP_WG_REMOVE ? "remove" : "put", &peer->public_key);
		drop_peer(&peer->public_key);
		if (asked->peers[i].mode != SP_WG_REMOVE)
			copy_peer(peer, &held.peers[held.peer_count++]);
	}
	return 0;
}

static const struct sp_engine_way fake = { .name = "userspace",
					   .answers = "answers at",
					   .silent = "silent",
					   .remedy = "",
					   .identify = identify,
					   .get = get,
					   .change = change };

/* ---- a gateway with three devices ---- */

struct gate {
	char dir[TEST_FOLDER_SIZE];
	struct sp_loop *loop;
	struct sp_paths paths;
	struct sp_machine machine, *machine_now;
	struct sp_warnings warnings;
	struct sp_people people;
	struct sp_engine engine;
};

static void note_answer(void *arg, const struct sp_engine_identity *whose,
			const struct sp_wg_device *before, const struct sp_wg_device *now)
{
	(void)arg;
	(void)whose;
	(void)before;
	(void)now;
}

static void note_changed(void *arg)
{
	sp_engine_wake(arg);
}

static void add_person(struct gate *gate, uint8_t key, enum sp_live_state state)
{
	struct sp_device *device = calloc(1, sizeof(*device)), **kept;
	struct sp_session_row row = { .id = key,
				      .slot = key,
				      .epoch = key,
				      .user = strdup("ana"),
				      .device = strdup("laptop"),
				      .groups = strdup("[]"),
				      .roles = strdup("[]") };

	memset(device->public_key, key, 32);
	memset(row.public_key, key, 32);
	device->user = strdup("ana");
	device->name = strdup("laptop");
	device->has_address[1] = true;
	device->addresses[1].b[15] = key;
	kept = SP_ARRAY_PUSH(gate->people.devices, gate->people.device_count);
	assert_non_null(kept);
	*kept = device;
	gate->people.slots[key] = sp_live_new(&row);
	gate->people.slots[key]->state = state;
	gate->people.slots[key]->until_ns = sp_clock_realtime_ns() + 1000000000000;
	gate->people.slot_end = gate->people.slot_end > key + 1u ? gate->people.slot_end : key + 1u;
}

static int set_up(void **state)
{
	struct gate *gate = calloc(1, sizeof(*gate));
	char path[128];

	assert_non_null(test_folder_make(gate->dir));
	for (const char *below = "/var\0/var/lib\0/var/lib/sallyport\0"; *below;
	     below += strlen(below) + 1) {
		snprintf(path, sizeof(path), "%s%s", gate->dir, below);
		assert_int_equal(mkdir(path, 0700), 0);
	}
	assert_int_equal(sp_paths_init(&gate->paths, gate->dir), 0);
	assert_int_equal(sp_loop_new(&gate->loop), 0);
	gate->machine_now = &gate->machine;
	gate->machine.tunnel = (char *)"vpn0";
	gate->machine.listen_port = 51820;
	gate->machine.parked_s = 600;
	gate->people.outside =
		(struct sp_people_outside){ .arg = &gate->engine, .changed = note_changed };
	gate->engine.way = &fake;
	gate->engine.loop = gate->loop;
	gate->engine.people = &gate->people;
	gate->engine.machine = &gate->machine_now;
	gate->engine.paths = &gate->paths;
	gate->engine.warnings = &gate->warnings;
	gate->engine.answered = note_answer;
	gate->engine.user = (struct sp_user){ SP_UID_KEEP, SP_GID_KEEP };
	memset(&held, 0, sizeof(held));
	held.birth = 1;
	told[0] = '\0';
	assert_int_equal(sp_engine_open(&gate->engine),
			 0); /* with no device yet, the key is made */
	add_person(gate, 5, SP_LIVE_OPEN);
	add_person(gate, 6, SP_LIVE_PARKED);
	add_person(gate, 7, SP_LIVE_ENDED);
	*state = gate;
	return 0;
}

static int tear_down(void **state)
{
	struct gate *gate = *state;
	char command[128];

	sp_engine_close(&gate->engine);
	sp_people_done(&gate->people);
	sp_loop_free(gate->loop);
	sp_paths_done(&gate->paths);
	while (held.peer_count)
		sp_wg_peer_done(&held.peers[--held.peer_count]);
	snprintf(command, sizeof(command), "rm -rf '%s'", gate->dir);
	free(gate);
	return system(command);
}

/* What the engine is told in the round that follows. */
static void assert_told(struct gate *gate, const char *wanted)
{
	told[0] = '\0';
	gate->engine.timer.fire(gate->engine.timer.arg);
	assert_string_equal(told, wanted);
}

static void touch(struct gate *gate, uint8_t key)
{
	sp_people_changed(&gate->people, gate->people.slots[key]->row.public_key);
}

/* ---- the tests ---- */

static void an_engine_that_comes_is_told_everything_once(void **state)
{
	struct gate *gate = *state;

	held.is_away = true;
	assert_told(gate, "");
	assert_false(sp_engine_is_in_step(&gate->engine));
	touch(gate, 5);
	assert_told(gate, "");
	assert_false(sp_engine_is_in_step(&gate->engine));
	held.is_away = false;
	assert_told(gate, "key port put:5 put:6"); /* who ended has no peer */
	assert_true(sp_engine_is_in_step(&gate->engine));
	assert_told(gate, "");
	held.birth = 2; /* another one, which knows nothing */
	while (held.peer_count)
		drop_peer(&held.peers[0].public_key);
	held.has_private_key = false;
	assert_told(gate, "key put:5 put:6");
}

static void of_what_differs_alone_it_is_told_and_of_removals_first(void **state)
{
	struct gate *gate = *state;
	struct sp_wg_peer foreign = { 0 };

	assert_told(gate, "key port put:5 put:6");
	memset(foreign.public_key.bytes, 99, 32);
	copy_peer(&foreign, &held.peers[held.peer_count++]);
	held.peers[0].preshared_key.bytes[0] ^= 1;
	held.listen_port = 1;
	sp_people_changed(&gate->people, NULL);
	assert_told(gate, "port remove:99 put:5");
}

static void a_session_that_changed_is_told_alone(void **state)
{
	struct gate *gate = *state;

	assert_told(gate, "key port put:5 put:6");
	gate->people.slots[5]->state = SP_LIVE_ENDED;
	gate->people.slots[5]->peer_until_ns = sp_clock_realtime_ns() + 1000000000000;
	touch(gate, 5);
	assert_false(sp_engine_is_in_step(&gate->engine));
	assert_told(gate, "put:5"); /* it stays for seconds, to be told so */
	gate->people.slots[5]->peer_until_ns = 0;
	touch(gate, 5);
	assert_told(gate, "remove:5");
	assert_true(sp_engine_is_in_step(&gate->engine));
	gate->machine.parked_s = 0; /* whoever is parked has no peer then */
	touch(gate, 6);
	assert_told(gate, "remove:6");
}

static void what_an_engine_did_not_take_is_made_up_for_with_everything(void **state)
{
	struct gate *gate = *state;

	assert_told(gate, "key port put:5 put:6");
	gate->people.slots[7]->state = SP_LIVE_OPEN;
	touch(gate, 7);
	held.refuses = true;
	assert_told(gate, "");
	assert_false(sp_engine_is_in_step(&gate->engine));
	held.refuses = false;
	assert_told(gate, "put:7");
	assert_true(sp_engine_is_in_step(&gate->engine));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(an_engine_that_comes_is_told_everything_once),
		TEST(of_what_differs_alone_it_is_told_and_of_removals_first),
		TEST(a_session_that_changed_is_told_alone),
		TEST(what_an_engine_did_not_take_is_made_up_for_with_everything),
	};

	return cmocka_run_group_tests_name("engine", tests, NULL, NULL);
}
