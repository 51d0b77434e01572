/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Bans: in the plane and in the database, by the clocks that this file has. The plane is memory, the database a real
 * one; one list may end and the next begin on the same two. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../../support/fake_people.h"
#include "daemon/facts/bans.h"
#include "net/addr.h"

#define HOUR_NS (3600 * SP_NS_PER_S)

static struct {
	uint64_t boot_ns;
	int64_t offset_ns; /* UTC minus boot time */
} clocks;

static struct {
	enum sp_audit_event event;
	char message[256];
	bool has_by;
} last;

uint64_t __wrap_sp_clock_boottime_ns(void);
int64_t __wrap_sp_clock_realtime_ns(void);
int64_t __wrap_sp_clock_offset_ns(void);
void __wrap_sp_recorder_append(struct sp_recorder *recorder, struct sp_audit_record *record);

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

void __wrap_sp_recorder_append(struct sp_recorder *recorder, struct sp_audit_record *record)
{
	(void)recorder;
	last.event = record->event;
	last.has_by = record->by != NULL;
	snprintf(last.message, sizeof(last.message), "%s", record->message);
}

static struct sp_bans bans;

static void begin(struct fake_people *fixture, bool is_new_store)
{
	bans = (struct sp_bans){ .store = fixture->daemon->store, .plane = &fixture->fake->base };
	assert_int_equal(sp_loop_new(&bans.loop), 0);
	assert_int_equal(sp_bans_load(&bans, is_new_store), 0);
}

static void end(void)
{
	struct sp_loop *loop = bans.loop;

	sp_bans_done(&bans);
	sp_loop_free(loop);
}

static int setup(void **state)
{
	clocks.boot_ns = (uint64_t)(7 * HOUR_NS);
	clocks.offset_ns = 1700000000 * SP_NS_PER_S;
	memset(&last, 0, sizeof(last));
	fake_people_setup(state);
	begin(*state, false);
	return 0;
}

static int teardown(void **state)
{
	end();
	return fake_people_teardown(state);
}

static struct sp_prefix prefix_of(const char *text)
{
	struct sp_prefix prefix;

	assert_int_equal(sp_prefix_parse(text, &prefix), 0);
	return prefix;
}

/* For so many hours; 0: for good. */
static int ban(const char *text, int64_t hours, const char *reason)
{
	const int64_t now_ns = __wrap_sp_clock_realtime_ns();
	const struct sp_ban_row row = { .prefix = prefix_of(text),
					.added_ns = now_ns,
					.until_ns = hours ? now_ns + hours * HOUR_NS : 0,
					.reason = (char *)reason,
					.who = (char *)"root (uid 0)" };

	return sp_bans_put(&bans, &row);
}

static int unban(const char *text)
{
	const struct sp_prefix prefix = prefix_of(text);

	return sp_bans_remove(&bans, &prefix, "root (uid 0)");
}

#define NOT_THERE UINT64_MAX

/* In hours of boot time; 0: for good. */
static void expect_end(struct fake_people *fixture, const char *text, uint64_t hours)
{
	const struct sp_prefix prefix = prefix_of(text);
	const struct sp_plane_ban *there = fake_plane_find_ban(fixture->fake, &prefix);

	if (hours == NOT_THERE) {
		assert_null(there);
		return;
	}
	assert_non_null(there);
	assert_int_equal(there->until_ns, hours * (uint64_t)HOUR_NS);
}

/* Let so much time pass, and everything happen that is due. */
static void pass(int64_t hours)
{
	clocks.boot_ns += (uint64_t)(hours * HOUR_NS);
	for (int i = 0; i < 4; i++)
		assert_int_equal(sp_loop_round(bans.loop, 0), 0);
}

static void a_ban_is_in_the_plane_until_its_end(void **state)
{
	assert_int_equal(ban("203.0.113.7", 2, "ssh"), 0);
	expect_end(*state, "203.0.113.7", 9);
	assert_int_equal(last.event, SP_AUDIT_BAN);
	assert_string_equal(last.message, "203.0.113.7/32: ssh");
	assert_true(last.has_by);
	pass(1);
	expect_end(*state, "203.0.113.7", 9);
	pass(1);
	expect_end(*state, "203.0.113.7", NOT_THERE);
	assert_int_equal(bans.count, 0);
	assert_int_equal(last.event, SP_AUDIT_UNBAN);
	assert_false(last.has_by);
}

static void a_second_ban_moves_the_end(void **state)
{
	assert_int_equal(ban("2001:db8::/32", 2, NULL), 0);
	assert_int_equal(ban("2001:db8::/32", 1, "less"), 0);
	expect_end(*state, "2001:db8::/32", 8);
	assert_int_equal(ban("2001:db8::/32", 0, NULL), 0);
	expect_end(*state, "2001:db8::/32", 0);
	assert_int_equal(bans.count, 1);
	assert_null(bans.rows[0]->reason);
	pass(100);
	expect_end(*state, "2001:db8::/32", 0);
}

static void a_ban_ends_by_hand(void **state)
{
	assert_int_equal(ban("203.0.113.0/24", 0, NULL), 0);
	assert_int_equal(unban("203.0.113.7"), -ENOENT);
	assert_int_equal(unban("203.0.113.0/24"), 0);
	expect_end(*state, "203.0.113.0/24", NOT_THERE);
	assert_true(last.has_by);
	assert_int_equal(unban("203.0.113.0/24"), -ENOENT);
}

/* The plane asks the longest prefix alone. */
static void what_lies_in_a_wider_ban_ends_no_sooner(void **state)
{
	assert_int_equal(ban("203.0.113.7", 1, NULL), 0);
	assert_int_equal(ban("203.0.113.0/24", 3, NULL), 0);
	expect_end(*state, "203.0.113.7", 10);
	assert_int_equal(ban("203.0.113.9", 5, NULL), 0);
	expect_end(*state, "203.0.113.9", 12);
	assert_int_equal(ban("203.0.0.0/16", 0, NULL), 0);
	expect_end(*state, "203.0.113.0/24", 0);
	expect_end(*state, "203.0.113.7", 0);
	assert_int_equal(unban("203.0.0.0/16"), 0);
	expect_end(*state, "203.0.113.0/24", 10);
	expect_end(*state, "203.0.113.7", 10);
	expect_end(*state, "203.0.113.9", 12);
	pass(1);
	expect_end(*state, "203.0.113.7", NOT_THERE);
	expect_end(*state, "203.0.113.0/24", 10);
	assert_int_equal(ban("203.0.113.0/24", 1, NULL), 0);
	expect_end(*state, "203.0.113.0/24", 9);
}

static void too_wide_a_prefix_is_refused(void **state)
{
	static const char *const texts[] = { "0.0.0.0/0", "128.0.0.0/7", "::/0",    "::/16",
					     "::/80",     "2000::/3",    "fc00::/7" };

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		assert_int_equal(ban(texts[i], 1, NULL), -ERANGE);
	assert_int_equal(ban("10.0.0.0/8", 1, NULL), 0);
	assert_int_equal(ban("2001::/16", 1, NULL), 0);
	expect_end(*state, "10.0.0.0/8", 8);
}

static void bans_outlive_a_restart(void **state)
{
	struct fake_people *fixture = *state;
	const struct sp_prefix stray = prefix_of("192.0.2.1");

	assert_int_equal(ban("203.0.113.7", 2, "ssh"), 0);
	assert_int_equal(ban("203.0.113.8", 1, NULL), 0);
	end();
	fixture->fake->ban_count = 0; /* the machine started again */
	assert_int_equal(sp_plane_ban_put(&fixture->fake->base, &stray, 0), 0);
	clocks.boot_ns = (uint64_t)HOUR_NS;
	clocks.offset_ns += 8 * HOUR_NS - HOUR_NS; /* an hour later */
	begin(fixture, false);
	assert_int_equal(bans.count, 1);
	assert_string_equal(bans.rows[0]->reason, "ssh");
	assert_string_equal(bans.rows[0]->who, "root (uid 0)");
	expect_end(fixture, "203.0.113.7", 2);
	expect_end(fixture, "203.0.113.8", NOT_THERE);
	expect_end(fixture, "192.0.2.1", NOT_THERE);
}

/* It was damaged: what it knew is gone, and the plane goes on banning. */
static void a_new_database_takes_over_what_the_plane_bans(void **state)
{
	struct fake_people *fixture = *state;
	const struct sp_prefix for_good = prefix_of("2001:db8:bad::/48"),
			       ending = prefix_of("192.0.2.1"), over = prefix_of("192.0.2.2");

	end();
	assert_int_equal(sp_plane_ban_put(&fixture->fake->base, &for_good, 0), 0);
	assert_int_equal(sp_plane_ban_put(&fixture->fake->base, &ending, 9 * HOUR_NS), 0);
	assert_int_equal(sp_plane_ban_put(&fixture->fake->base, &over, 6 * HOUR_NS), 0);
	begin(fixture, true);
	expect_end(fixture, "2001:db8:bad::/48", 0);
	expect_end(fixture, "192.0.2.1", 9);
	expect_end(fixture, "192.0.2.2", NOT_THERE);
	end();
	begin(fixture, false);
	assert_int_equal(bans.count, 2);
	pass(2);
	expect_end(fixture, "192.0.2.1", NOT_THERE);
	expect_end(fixture, "2001:db8:bad::/48", 0);
}

static void the_clock_is_set(void **state)
{
	assert_int_equal(ban("203.0.113.7", 2, NULL), 0);
	assert_int_equal(ban("203.0.113.0/24", 0, NULL), 0);
	assert_int_equal(ban("2001:db8::1", 4, NULL), 0);
	clocks.offset_ns += HOUR_NS; /* forward: an hour is gone */
	sp_bans_reproject(&bans);
	pass(0);
	expect_end(*state, "203.0.113.7", 0);
	expect_end(*state, "2001:db8::1", 10);
	clocks.offset_ns += 5 * HOUR_NS;
	sp_bans_reproject(&bans);
	pass(0);
	expect_end(*state, "2001:db8::1", NOT_THERE);
	expect_end(*state, "203.0.113.0/24", 0);
}

static void a_plane_that_fails_changes_nothing(void **state)
{
	struct fake_people *fixture = *state;

	fixture->fake->failing = "ban";
	assert_int_equal(ban("203.0.113.7", 2, NULL), -EIO);
	assert_int_equal(bans.count, 0);
	fixture->fake->failing = NULL;
	assert_int_equal(ban("203.0.113.7", 2, NULL), 0);
	assert_int_equal(bans.count, 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_ban_is_in_the_plane_until_its_end),
		TEST(a_second_ban_moves_the_end),
		TEST(a_ban_ends_by_hand),
		TEST(what_lies_in_a_wider_ban_ends_no_sooner),
		TEST(too_wide_a_prefix_is_refused),
		TEST(bans_outlive_a_restart),
		TEST(a_new_database_takes_over_what_the_plane_bans),
		TEST(the_clock_is_set),
		TEST(a_plane_that_fails_changes_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
