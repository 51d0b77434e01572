/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Coming back after a crash: whoever was signed in is so by the database and by the plane, or by neither. The
 * database is a real one in a folder, the plane is memory (tests/support/fake_plane.h). */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../../support/fake_people.h"
#include "config/machine.h"
#include "daemon/access/people_load.h"
#include "daemon/daemon.h"
#include "net/addr.h"

#define HOUR_NS (3600 * SP_NS_PER_S)

/* The database knows this session. */
static void keep(struct fake_people *fixture, uint32_t slot, uint64_t epoch, uint8_t key,
		 int64_t closed_ns, char *why)
{
	const int64_t now_ns = sp_clock_realtime_ns();
	struct sp_session_row row = {
		.slot = slot,
		.epoch = epoch,
		.idp = "corp",
		.subject = "s",
		.user = "ana",
		.groups = "[]",
		.roles = "[]",
		.device = "laptop",
		.has_address = { true, false },
		.opened_ns = now_ns,
		.since_ns = now_ns,
		.expires_ns = now_ns + HOUR_NS,
	};

	memset(row.public_key, key, sizeof(row.public_key));
	assert_int_equal(sp_addr_parse("100.64.0.7", &row.addresses[0]), 0);
	row.addresses[0].b[15] = key;
	assert_int_equal(sp_store_add_session(fixture->daemon->store, &row), 0);
	if (closed_ns)
		assert_int_equal(
			sp_store_close_session(fixture->daemon->store, row.id, closed_ns, why), 0);
}

/* So does the plane. */
static void let_in(struct fake_people *fixture, uint32_t slot, uint64_t epoch)
{
	fixture->fake->sessions[slot] =
		(struct sp_plane_session){ .epoch = epoch, .last_seen_ns = 5 };
}

/* The database and the plane have the same birth: the daemon that wrote both was killed. */
static void share_birth(struct fake_people *fixture)
{
	assert_int_equal(sp_store_set_mark(fixture->daemon->store, "birth", 77), 0);
	fixture->fake->birth = 77;
}

static void come_back(struct fake_people *fixture)
{
	fake_people_end(fixture);
	fake_people_begin(fixture);
	fake_plane_forget(fixture->fake);
	assert_int_equal(sp_people_load(&fixture->daemon->people, false), 0);
}

static const struct sp_live *live_of(const struct fake_people *fixture, uint32_t slot)
{
	return fixture->daemon->people.slots[slot];
}

static void assert_says(const struct fake_people *fixture, const char *word, bool is_said)
{
	char padded[64], log[sizeof(fixture->fake->log) + 2];

	snprintf(padded, sizeof(padded), " %s ", word);
	snprintf(log, sizeof(log), "%s ", fixture->fake->log);
	if (!!strstr(log, padded) != is_said)
		fail_msg("%s is %sin:%s", word, is_said ? "not " : "", log);
}

/* ---- the cases ---- */

static void a_session_both_know_goes_on(void **state)
{
	struct fake_people *fixture = *state;

	share_birth(fixture);
	keep(fixture, 3, 100, 9, 0, NULL);
	let_in(fixture, 3, 100);
	come_back(fixture);
	assert_int_equal(live_of(fixture, 3)->state, SP_LIVE_OPEN);
	assert_int_equal(fixture->fake->sessions[3].epoch, 100);
	assert_int_equal(live_of(fixture, 3)->last_seen_ns, 5);
	assert_says(fixture, "ident4:3", true); /* again, whether it was written or not */
	assert_says(fixture, "put:3", false);
	assert_int_equal(fixture->daemon->people.birth, 77);
}

static void one_that_ended_in_the_plane_stays_ended_whatever_the_database_says(void **state)
{
	struct fake_people *fixture = *state;

	share_birth(fixture);
	keep(fixture, 3, 100, 9, 0, NULL);
	come_back(fixture);
	assert_int_equal(live_of(fixture, 3)->state, SP_LIVE_ENDED);
	assert_string_equal(live_of(fixture, 3)->row.why, "revoked");
	assert_int_equal(fixture->fake->sessions[3].epoch, 0);
	come_back(fixture); /* the database knows it now */
	assert_int_equal(live_of(fixture, 3)->state, SP_LIVE_ENDED);
}

static void one_whose_number_is_another_session_s_now_is_ended_and_so_is_the_other(void **state)
{
	struct fake_people *fixture = *state;

	share_birth(fixture);
	keep(fixture, 3, 100, 9, 0, NULL);
	let_in(fixture, 3, 101);
	come_back(fixture);
	assert_int_equal(live_of(fixture, 3)->state, SP_LIVE_ENDED);
	assert_int_equal(fixture->fake->sessions[3].epoch, 0);
}

static void open_and_parked_sessions_are_put_into_a_plane_that_begins_anew(void **state)
{
	struct fake_people *fixture = *state;

	assert_int_equal(sp_store_set_mark(fixture->daemon->store, "birth", 77), 0);
	keep(fixture, 3, 100, 9, 0, NULL);
	keep(fixture, 4, 101, 8, sp_clock_realtime_ns(), "expired");
	keep(fixture, 5, 102, 7, sp_clock_realtime_ns(), "revoked");
	come_back(fixture);
	assert_int_equal(fixture->fake->sessions[3].epoch, 100);
	assert_false(fixture->fake->sessions[3].is_parked);
	assert_int_equal(fixture->fake->sessions[3].count, 0); /* in no revision yet */
	assert_int_equal(fixture->fake->sessions[4].epoch, 101);
	assert_true(fixture->fake->sessions[4].is_parked);
	assert_int_equal(fixture->fake->sessions[5].epoch, 0);
	assert_int_not_equal(fixture->fake->birth, 0);
	assert_int_not_equal(fixture->fake->birth, 77);
	assert_int_equal(fixture->daemon->people.birth, fixture->fake->birth);
}

static void a_database_that_does_not_know_the_plane_ends_everybody_in_it(void **state)
{
	struct fake_people *fixture = *state;
	uint64_t epoch = 0;

	fixture->fake->birth = 77;
	let_in(fixture, 3, 1ull << 62);
	let_in(fixture, 65535, 5);
	come_back(fixture);
	assert_int_equal(fixture->fake->sessions[3].epoch, 0);
	assert_int_equal(fixture->fake->sessions[65535].epoch, 0);
	assert_null(live_of(fixture, 3));
	assert_int_not_equal(fixture->fake->birth, 77);
	/* what was given out is not given out again */
	assert_int_equal(sp_store_next_epoch(fixture->daemon->store, &epoch), 0);
	assert_true(epoch > 1ull << 62);
}

static void of_two_sessions_of_a_device_the_newer_goes_on(void **state)
{
	struct fake_people *fixture = *state;

	share_birth(fixture);
	keep(fixture, 3, 100, 9, 0, NULL);
	keep(fixture, 4, 101, 9, 0, NULL);
	let_in(fixture, 3, 100);
	let_in(fixture, 4, 101);
	come_back(fixture);
	assert_int_equal(live_of(fixture, 3)->state, SP_LIVE_ENDED);
	assert_string_equal(live_of(fixture, 3)->row.why, "replaced");
	assert_int_equal(fixture->fake->sessions[3].epoch, 0);
	assert_int_equal(fixture->fake->sessions[4].epoch, 101);
	assert_int_equal(
		fake_plane_find(fixture->fake, &live_of(fixture, 4)->row.addresses[0])->session, 4);
}

static void a_newer_one_that_never_came_into_the_plane_took_nobody_s_place(void **state)
{
	struct fake_people *fixture = *state;

	share_birth(fixture);
	keep(fixture, 3, 100, 9, 0, NULL);
	keep(fixture, 4, 101, 9, 0, NULL);
	let_in(fixture, 3, 100);
	come_back(fixture);
	assert_int_equal(live_of(fixture, 3)->state, SP_LIVE_OPEN);
	assert_int_equal(fixture->fake->sessions[3].epoch, 100);
	assert_int_equal(live_of(fixture, 4)->state, SP_LIVE_ENDED);
}

static void in_a_plane_that_begins_anew_the_newer_one_comes_back_alone(void **state)
{
	struct fake_people *fixture = *state;

	keep(fixture, 3, 100, 9, 0, NULL);
	keep(fixture, 4, 101, 9, 0, NULL);
	come_back(fixture);
	assert_string_equal(live_of(fixture, 3)->row.why, "replaced");
	assert_int_equal(fixture->fake->sessions[3].epoch, 0);
	assert_int_equal(fixture->fake->sessions[4].epoch, 101);
}

static void a_sign_in_that_the_plane_refused_takes_nobody_s_place_at_the_next_start(void **state)
{
	struct fake_people *fixture = *state;

	share_birth(fixture);
	keep(fixture, 3, 100, 9, 0, NULL);
	keep(fixture, 4, 101, 9, sp_clock_realtime_ns(), "failed");
	let_in(fixture, 3, 100);
	come_back(fixture);
	assert_int_equal(live_of(fixture, 3)->state, SP_LIVE_OPEN);
	assert_int_equal(fixture->fake->sessions[3].epoch, 100);
}

static void who_ended_keeps_the_address_for_a_while_and_not_for_good(void **state)
{
	struct fake_people *fixture = *state;

	share_birth(fixture);
	keep(fixture, 3, 100, 9, sp_clock_realtime_ns(), "revoked");
	keep(fixture, 4, 101, 8, sp_clock_realtime_ns() - HOUR_NS, "revoked");
	let_in(fixture, 4, 101);
	come_back(fixture);
	assert_int_equal(live_of(fixture, 3)->state,
			 SP_LIVE_ENDED); /* so that a late packet has a name */
	assert_int_equal(
		fake_plane_find(fixture->fake, &live_of(fixture, 3)->row.addresses[0])->session, 3);
	assert_null(live_of(fixture, 4));
	assert_int_equal(fixture->fake->sessions[4].epoch, 0);
}

static void a_plane_that_takes_no_birth_is_an_error(void **state)
{
	struct fake_people *fixture = *state;

	fixture->fake->failing = "birth";
	fixture->fake->failure = -ENOMEM;
	assert_int_equal(sp_people_load(&fixture->daemon->people, false), -ENOMEM);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, fake_people_setup, fake_people_teardown)
		TEST(a_session_both_know_goes_on),
		TEST(one_that_ended_in_the_plane_stays_ended_whatever_the_database_says),
		TEST(one_whose_number_is_another_session_s_now_is_ended_and_so_is_the_other),
		TEST(open_and_parked_sessions_are_put_into_a_plane_that_begins_anew),
		TEST(a_database_that_does_not_know_the_plane_ends_everybody_in_it),
		TEST(of_two_sessions_of_a_device_the_newer_goes_on),
		TEST(a_newer_one_that_never_came_into_the_plane_took_nobody_s_place),
		TEST(in_a_plane_that_begins_anew_the_newer_one_comes_back_alone),
		TEST(a_sign_in_that_the_plane_refused_takes_nobody_s_place_at_the_next_start),
		TEST(who_ended_keeps_the_address_for_a_while_and_not_for_good),
		TEST(a_plane_that_takes_no_birth_is_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
