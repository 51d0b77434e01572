/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Sessions whose client never comes (vpn.unused), by the clocks that this file has: the linker puts it in the place of
 * those of src/io/clock.c (tests/unit/daemon/meson.build). The plane is memory, the database a real one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../../support/fake_people.h"
#include "daemon/access/deadlines.h"
#include "daemon/access/people_load.h"
#include "daemon/access/session_end.h"
#include "net/addr.h"

#define MINUTE_NS (60 * SP_NS_PER_S)
#define SLOT 3
#define KEY 9

static struct {
	uint64_t boot_ns;
	int64_t offset_ns; /* UTC minus boot time */
} clocks;

uint64_t __wrap_sp_clock_boottime_ns(void);
int64_t __wrap_sp_clock_realtime_ns(void);
int64_t __wrap_sp_clock_offset_ns(void);

uint64_t __wrap_sp_clock_boottime_ns(void)
{
	return clocks.boot_ns;
}

int64_t __wrap_sp_clock_realtime_ns(void)
{
	return (int64_t)clocks.boot_ns + clocks.offset_ns;
}

int64_t __wrap_sp_clock_offset_ns(void)
{
	return clocks.offset_ns;
}

static int setup(void **state)
{
	struct fake_people *fixture;

	clocks.boot_ns = 7 * 3600 * SP_NS_PER_S;
	clocks.offset_ns = 1700000000 * SP_NS_PER_S;
	fake_people_setup(state);
	fixture = *state;
	fixture->machine.unused_s = 30 * 60;
	assert_int_equal(sp_people_load(&fixture->daemon->people, true), 0);
	return 0;
}

/* ana signs in; her machine has an address of each family in @families. */
static struct sp_live *sign_in(struct fake_people *fixture, const char *families)
{
	const int64_t now_ns = __wrap_sp_clock_realtime_ns();
	static uint64_t epoch = 100;
	struct sp_people *people = &fixture->daemon->people;
	struct sp_session_row row = {
		.slot = SLOT,
		.epoch = ++epoch,
		.idp = strdup("corp"),
		.subject = strdup("s"),
		.user = strdup("ana"),
		.groups = strdup("[]"),
		.roles = strdup("[]"),
		.device = strdup("laptop"),
		.opened_ns = now_ns,
		.since_ns = now_ns,
		.expires_ns = now_ns + 3600 * 24 * SP_NS_PER_S,
		.boot_ns = clocks.boot_ns,
	};
	struct sp_live *live;

	memset(row.public_key, KEY, sizeof(row.public_key));
	row.has_address[0] = strchr(families, '4');
	row.has_address[1] = strchr(families, '6');
	assert_int_equal(sp_addr_parse("100.64.0.7", &row.addresses[0]), 0);
	assert_int_equal(sp_addr_parse("fd00:64::7", &row.addresses[1]), 0);
	assert_int_equal(sp_store_add_session(people->store, &row), 0);
	live = sp_live_new(&row);
	assert_non_null(live);
	fixture->fake->sessions[SLOT] =
		(struct sp_plane_session){ .epoch = epoch, .last_seen_ns = live->row.boot_ns };
	live->last_seen_ns = live->row.boot_ns;
	people->slots[SLOT] = live;
	people->slot_end = SLOT + 1;
	sp_session_await(live);
	assert_int_not_equal(live->awaited_ns, 0);
	return live;
}

static void wait_ns(struct fake_people *fixture, int64_t span_ns)
{
	clocks.boot_ns += (uint64_t)span_ns;
	sp_people_tick(&fixture->daemon->people);
}

static void set_clock(int64_t by_ns)
{
	clocks.offset_ns += by_ns;
}

static void restart(struct fake_people *fixture)
{
	fake_people_end(fixture);
	fake_people_begin(fixture);
	assert_int_equal(sp_people_load(&fixture->daemon->people, false), 0);
}

static bool is_live(const struct fake_people *fixture)
{
	const struct sp_live *live = fixture->daemon->people.slots[SLOT];

	assert_non_null(live);
	if (live->state == SP_LIVE_ENDED)
		assert_string_equal(fixture->record, "unused");
	return live->state == SP_LIVE_OPEN;
}

/* ---- nobody came ---- */

static void a_session_ends_once_nobody_came_for_so_long_whatever_its_family(void **state)
{
	static const char *const families[] = { "4", "6", "46" };
	struct fake_people *fixture = *state;

	for (size_t i = 0; i < 3; i++) {
		sign_in(fixture, families[i]);
		wait_ns(fixture, 29 * MINUTE_NS);
		assert_true(is_live(fixture));
		wait_ns(fixture, 2 * MINUTE_NS);
		assert_false(is_live(fixture));
		sp_live_free(fixture->daemon->people.slots[SLOT]);
		fixture->daemon->people.slots[SLOT] = NULL;
	}
}

static void whoever_passes_or_shakes_hands_has_come(void **state)
{
	static const char *const families[] = { "4", "6" };
	struct fake_people *fixture = *state;

	for (size_t i = 0; i < 4; i++) {
		sign_in(fixture, families[i % 2]);
		clocks.boot_ns += MINUTE_NS;
		if (i / 2)
			fixture->fake->sessions[SLOT].last_seen_ns = clocks.boot_ns;
		else
			fixture->handshake_ns = __wrap_sp_clock_realtime_ns();
		wait_ns(fixture, 60 * MINUTE_NS);
		assert_true(is_live(fixture));
		fixture->handshake_ns = 0;
		sp_live_free(fixture->daemon->people.slots[SLOT]);
		fixture->daemon->people.slots[SLOT] = NULL;
	}
}

/* The session before had it, and its tunnel went down since. */
static void a_handshake_from_before_the_sign_in_is_nobody_s_coming(void **state)
{
	struct fake_people *fixture = *state;

	fixture->handshake_ns = __wrap_sp_clock_realtime_ns() - 60 * MINUTE_NS;
	sign_in(fixture, "46");
	wait_ns(fixture, 31 * MINUTE_NS);
	assert_false(is_live(fixture));
}

/* Its client owes no handshake until then, and sends nothing that passes when nobody uses it. */
static void a_tunnel_that_stood_at_the_sign_in_has_until_its_keys_end(void **state)
{
	struct fake_people *fixture = *state;

	fixture->machine.unused_s = 10;
	fixture->handshake_ns = __wrap_sp_clock_realtime_ns() - 100 * SP_NS_PER_S;
	sign_in(fixture, "46");
	wait_ns(fixture, 75 * SP_NS_PER_S);
	assert_true(is_live(fixture));
	wait_ns(fixture, 6 * SP_NS_PER_S);
	assert_false(is_live(fixture));
}

static void a_tunnel_that_stood_and_shakes_hands_again_is_used(void **state)
{
	struct fake_people *fixture = *state;

	fixture->machine.unused_s = 10;
	fixture->handshake_ns = __wrap_sp_clock_realtime_ns() - 100 * SP_NS_PER_S;
	sign_in(fixture, "46");
	clocks.boot_ns += 20 * SP_NS_PER_S;
	fixture->handshake_ns = __wrap_sp_clock_realtime_ns();
	wait_ns(fixture, 10 * MINUTE_NS);
	assert_true(is_live(fixture));
}

static void without_an_engine_nobody_can_come(void **state)
{
	struct fake_people *fixture = *state;

	sign_in(fixture, "46");
	fixture->is_engine_away = true;
	wait_ns(fixture, 60 * MINUTE_NS);
	assert_true(is_live(fixture));
	fixture->is_engine_away = false;
	wait_ns(fixture, SP_NS_PER_S);
	assert_false(is_live(fixture));
}

static void a_length_that_an_administrator_gives_later_is_kept(void **state)
{
	struct fake_people *fixture = *state;

	sign_in(fixture, "46")->row.has_own_max = true;
	wait_ns(fixture, 60 * MINUTE_NS);
	assert_true(is_live(fixture));
}

/* ---- clocks that are set ---- */

static const int64_t steps_ns[] = { -120 * MINUTE_NS, -MINUTE_NS, MINUTE_NS, 120 * MINUTE_NS };

static void a_clock_that_is_set_neither_shortens_the_patience_nor_lengthens_it(void **state)
{
	struct fake_people *fixture = *state;

	for (size_t i = 0; i < 8; i++) {
		sign_in(fixture, "46");
		set_clock(steps_ns[i % 4]);
		if (i / 4)
			restart(fixture);
		wait_ns(fixture, 29 * MINUTE_NS);
		assert_true(is_live(fixture));
		wait_ns(fixture, 2 * MINUTE_NS);
		assert_false(is_live(fixture));
		sp_live_free(fixture->daemon->people.slots[SLOT]);
		fixture->daemon->people.slots[SLOT] = NULL;
	}
}

static void who_comes_after_a_clock_was_set_has_come(void **state)
{
	struct fake_people *fixture = *state;

	for (size_t i = 0; i < 8; i++) {
		sign_in(fixture, "46");
		set_clock(steps_ns[i % 4]);
		if (i / 4)
			restart(fixture);
		clocks.boot_ns += MINUTE_NS;
		fixture->handshake_ns = __wrap_sp_clock_realtime_ns();
		sp_session_meet(&fixture->daemon->people, fixture->daemon->people.slots[SLOT],
				fixture->handshake_ns);
		restart(fixture); /* and the plane remembers it */
		fixture->handshake_ns = 0;
		wait_ns(fixture, 60 * MINUTE_NS);
		assert_true(is_live(fixture));
		sp_live_free(fixture->daemon->people.slots[SLOT]);
		fixture->daemon->people.slots[SLOT] = NULL;
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, fake_people_teardown)
		TEST(a_session_ends_once_nobody_came_for_so_long_whatever_its_family),
		TEST(whoever_passes_or_shakes_hands_has_come),
		TEST(a_handshake_from_before_the_sign_in_is_nobody_s_coming),
		TEST(a_tunnel_that_stood_at_the_sign_in_has_until_its_keys_end),
		TEST(a_tunnel_that_stood_and_shakes_hands_again_is_used),
		TEST(without_an_engine_nobody_can_come),
		TEST(a_length_that_an_administrator_gives_later_is_kept),
		TEST(a_clock_that_is_set_neither_shortens_the_patience_nor_lengthens_it),
		TEST(who_comes_after_a_clock_was_set_has_come),
	};

	return cmocka_run_group_tests_name("deadlines", tests, NULL, NULL);
}
