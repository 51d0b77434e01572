/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/access/session_end.h"
#include "fake_people.h"

/* ---- whom people tell ---- */

static void note_record(void *arg, enum sp_audit_event event, const struct sp_live *live,
			const char *why, const char *by, const struct sp_addr *from)
{
	struct fake_people *fixture = arg;

	(void)live;
	(void)by;
	(void)from;
	if (event == SP_AUDIT_SESSION_CLOSE)
		fixture->record = why;
}

static void note_over(void *arg, const struct sp_live *live)
{
	(void)arg;
	(void)live;
}

static void note_denied(void *arg, uint64_t since_ns)
{
	(void)arg;
	(void)since_ns;
}

static void note_changed(void *arg)
{
	(void)arg;
}

static void note_passed(void *arg, const char *step)
{
	(void)arg;
	(void)step;
}

/* As the engine's news do with each peer that it has. */
static bool take_handshakes(void *arg)
{
	struct fake_people *fixture = arg;
	struct sp_live *live = NULL;

	while (!fixture->is_engine_away && (live = sp_live_next(&fixture->daemon->people, live)))
		sp_session_meet(&fixture->daemon->people, live, fixture->handshake_ns);
	return !fixture->is_engine_away;
}

static int64_t find_handshake(void *arg, const uint8_t key[32])
{
	(void)key;
	return ((const struct fake_people *)arg)->handshake_ns;
}

/* ---- one daemon after another, on one plane ---- */

void fake_people_begin(struct fake_people *fixture)
{
	struct sp_daemon *daemon = fixture->daemon = calloc(1, sizeof(*daemon));
	struct sp_people *people = &daemon->people;
	char error[256];
	char *moved = NULL;
	bool is_new;

	assert_int_equal(sp_store_open(fixture->path, &daemon->store, &moved, &is_new, error), 0);
	assert_null(moved);
	daemon->machine = &fixture->machine;
	daemon->plane = &fixture->fake->base;
	people->store = daemon->store;
	people->plane = daemon->plane;
	people->revisions = &daemon->revisions;
	people->machine = &daemon->machine;
	people->host = &daemon->host;
	people->warnings = &daemon->warnings;
	people->outside = (struct sp_people_outside){
		.arg = fixture,
		.record = note_record,
		.over = note_over,
		.denied = note_denied,
		.changed = note_changed,
		.passed = note_passed,
		.take_handshakes = take_handshakes,
		.find_handshake = find_handshake,
	};
}

void fake_people_end(struct fake_people *fixture)
{
	sp_people_done(&fixture->daemon->people);
	sp_store_close(fixture->daemon->store);
	free(fixture->daemon);
	fixture->daemon = NULL;
}

int fake_people_setup(void **state)
{
	struct fake_people *fixture = calloc(1, sizeof(*fixture));

	assert_non_null(test_folder_make(fixture->dir));
	snprintf(fixture->path, sizeof(fixture->path), "%s/test.db", fixture->dir);
	fixture->machine.parked_s = 3600;
	fixture->fake = fake_plane_new();
	assert_non_null(fixture->fake);
	fake_people_begin(fixture);
	*state = fixture;
	return 0;
}

int fake_people_teardown(void **state)
{
	struct fake_people *fixture = *state;
	char command[128];

	fake_people_end(fixture);
	fake_plane_free(fixture->fake);
	snprintf(command, sizeof(command), "rm -rf %s", fixture->dir);
	assert_int_equal(system(command), 0);
	free(fixture);
	return 0;
}
