/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Rules that are not always in force: when they are, and what is in the tables of a moment. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "../policy/hand.h"
#include "policy/answer.h"
#include "policy/times/schedule.h"
#include "tables/moment.h"
#include "tables/tables.h"
#include "../../support/tzif.h"

SP_DEFINE_CLEANUP(struct sp_tables *, sp_tables_free);
SP_DEFINE_CLEANUP(struct sp_timezone *, sp_timezone_free);
#define __hand __sp_cleanup(hand_done)
#define __tables __sp_cleanup(sp_tables_freep)
#define __clock __sp_cleanup(sp_timezone_freep)
#define __moment __sp_cleanup(sp_moment_done)

#define BERLIN "\nCET-1CEST,M3.5.0,M10.5.0/3\n"

enum { MON = 1, TUE = 2, WED = 4, THU = 8, FRI = 16, SAT = 32, SUN = 64 };
#define WORKDAYS (MON | TUE | WED | THU | FRI)

static struct sp_schedule hours(const struct sp_timezone *zone, unsigned days, unsigned from_min,
				unsigned to_min)
{
	return (struct sp_schedule){ .days = (uint8_t)days,
				     .from_min = (uint16_t)from_min,
				     .to_min = (uint16_t)to_min,
				     .zone = zone };
}

/* ---- schedules ---- */

static void a_schedule_is_open_from_its_first_minute_and_before_its_last(void **state)
{
	__clock struct sp_timezone *berlin = tzif_ruled(BERLIN);
	const struct sp_schedule office = hours(berlin, WORKDAYS, 8 * 60, 18 * 60 + 30);

	(void)state;
	/* Monday, 23 November 2026: an hour before UTC */
	assert_false(sp_schedule_is_open(&office, utc(2026, 11, 23, 7, 0) - 1));
	assert_true(sp_schedule_is_open(&office, utc(2026, 11, 23, 7, 0)));
	assert_true(sp_schedule_is_open(&office, utc(2026, 11, 23, 17, 30) - 1));
	assert_false(sp_schedule_is_open(&office, utc(2026, 11, 23, 17, 30)));
	/* Saturday; and a Monday of summer, two hours before UTC */
	assert_false(sp_schedule_is_open(&office, utc(2026, 11, 28, 12, 0)));
	assert_true(sp_schedule_is_open(&office, utc(2027, 7, 5, 6, 0)));
	assert_false(sp_schedule_is_open(&office, utc(2027, 7, 5, 6, 0) - 1));
}

static void hours_over_midnight_belong_to_the_day_they_begin_on(void **state)
{
	__clock struct sp_timezone *zone = tzif_ruled("\nUTC0\n");
	const struct sp_schedule night = hours(zone, FRI, 22 * 60, 6 * 60);
	const struct sp_schedule eve = hours(zone, FRI, 22 * 60, 0);

	(void)state;
	/* Friday is the 27th */
	assert_false(sp_schedule_is_open(&night, utc(2026, 11, 27, 5, 0)));
	assert_true(sp_schedule_is_open(&night, utc(2026, 11, 27, 22, 0)));
	assert_true(sp_schedule_is_open(&night, utc(2026, 11, 28, 5, 59)));
	assert_false(sp_schedule_is_open(&night, utc(2026, 11, 28, 6, 0)));
	assert_false(sp_schedule_is_open(&night, utc(2026, 11, 28, 22, 0)));
	assert_true(sp_schedule_is_open(&eve, utc(2026, 11, 27, 23, 59)));
	assert_false(sp_schedule_is_open(&eve, utc(2026, 11, 28, 0, 0)));
}

static void
the_hour_that_comes_twice_opens_twice_and_the_one_that_never_comes_not_at_all(void **state)
{
	__clock struct sp_timezone *berlin = tzif_ruled(BERLIN);
	const struct sp_schedule small = hours(berlin, SUN, 2 * 60 + 15, 2 * 60 + 45);

	(void)state;
	assert_true(sp_schedule_is_open(&small, utc(2027, 10, 31, 0, 15)));
	assert_false(sp_schedule_is_open(&small, utc(2027, 10, 31, 0, 45)));
	assert_true(sp_schedule_is_open(&small, utc(2027, 10, 31, 1, 15)));
	assert_false(sp_schedule_is_open(&small, utc(2027, 10, 31, 1, 45)));
	for (int64_t at_s = utc(2027, 3, 28, 0, 0); at_s < utc(2027, 3, 29, 0, 0); at_s += 60)
		assert_false(sp_schedule_is_open(&small, at_s));
}

/* ---- edges ---- */

/* Every edge of the schedule for eight days is where a look at each minute finds one. */
static void check_edges(const struct sp_schedule *schedule, int64_t now_s)
{
	struct sp_policy policy = { .schedules = (struct sp_schedule *)schedule,
				    .schedule_count = 1 };
	const struct sp_rule rule = { .when = schedule };
	__moment struct sp_moment moment;
	int64_t edge_s;

	assert_int_equal(sp_moment_init(&moment, &policy, now_s), 0);
	edge_s = sp_moment_next(&moment, &rule, now_s);
	for (int64_t at_s = now_s + 60; at_s <= now_s + SP_MOMENT_AHEAD_S; at_s += 60) {
		if (sp_schedule_is_open(schedule, at_s) == sp_schedule_is_open(schedule, at_s - 60))
			continue;
		assert_int_equal(edge_s, at_s);
		edge_s = sp_moment_next(&moment, &rule, edge_s);
	}
	assert_true(edge_s == INT64_MAX);
}

static void edges_are_where_schedules_open_and_close(void **state)
{
	static const struct {
		unsigned days, from_min, to_min;
	} rows[] = {
		{ WORKDAYS, 8 * 60, 18 * 60 + 30 },  { FRI, 22 * 60, 6 * 60 },
		{ SUN, 2 * 60 + 15, 2 * 60 + 45 },   { SUN, 2 * 60 + 30, 3 * 60 },
		{ SAT | SUN, 23 * 60, 2 * 60 + 30 }, { SP_DAILY, 0, 24 * 60 },
		{ SP_DAILY, 12 * 60, 11 * 60 + 59 }, { MON, 0, 24 * 60 },
	};
	__clock struct sp_timezone *berlin = tzif_ruled(BERLIN);
	__clock struct sp_timezone *havana = tzif_ruled("\nCST5CDT,M3.2.0/0,M11.1.0/1\n");
	const int64_t moments[] = { utc(2026, 11, 23, 7, 0), utc(2027, 3, 27, 12, 0),
				    utc(2027, 10, 30, 12, 0), utc(2027, 3, 13, 12, 0),
				    utc(2027, 11, 6, 12, 0) };

	(void)state;
	for (size_t i = 0; i < SP_ARRAY_LEN(rows); i++) {
		for (size_t m = 0; m < SP_ARRAY_LEN(moments); m++) {
			const struct sp_schedule there =
				hours(berlin, rows[i].days, rows[i].from_min, rows[i].to_min);
			const struct sp_schedule far =
				hours(havana, rows[i].days, rows[i].from_min, rows[i].to_min);

			check_edges(&there, moments[m]);
			check_edges(&far, moments[m]);
		}
	}
}

static void nothing_changes_after_an_expiry(void **state)
{
	__clock struct sp_timezone *zone = tzif_ruled("\nUTC0\n");
	struct sp_schedule office = hours(zone, SP_DAILY, 8 * 60, 18 * 60);
	struct sp_policy policy = { .schedules = &office, .schedule_count = 1 };
	const int64_t now_s = utc(2026, 11, 23, 12, 0), end_s = utc(2026, 11, 24, 9, 0);
	const struct sp_rule rule = { .when = &office, .expires_s = end_s };
	__moment struct sp_moment moment;

	(void)state;
	assert_int_equal(sp_moment_init(&moment, &policy, now_s), 0);
	assert_int_equal(sp_moment_next(&moment, &rule, now_s), utc(2026, 11, 23, 18, 0));
	assert_int_equal(sp_moment_next(&moment, &rule, utc(2026, 11, 24, 8, 0)), end_s);
	assert_true(sp_moment_next(&moment, &rule, end_s) == INT64_MAX);
	assert_true(sp_rule_is_in_force(&rule, end_s - 1));
	assert_false(sp_rule_is_in_force(&rule, end_s));
}

/* ---- tables ---- */

#define NOW 1795435200
#define NOW_BOOT_NS UINT64_C(5000000000)

static struct sp_tables *compile(struct hand *hand)
{
	struct sp_tables *tables = NULL;

	hand->facts = (struct sp_facts){ .now_s = NOW, .now_boot_ns = NOW_BOOT_NS };
	assert_int_equal(sp_tables_compile(&hand->policy, &hand->gateway, &hand->facts, &tables),
			 0);
	return tables;
}

/* What a stranger gets at TCP port 80 of anywhere. */
static struct sp_verdict verdict_of(const struct sp_tables *tables)
{
	const struct sp_addr from = hand_addr("192.0.2.9"), to = hand_addr("198.51.100.9");

	return *sp_tables_decide(tables,
				 sp_tables_find_src(tables, &from)->class_id[SP_ZONE_INSIDE],
				 sp_tables_find_dst(tables, &to)->netset, SP_SVC_TCP + 80);
}

static struct sp_rule *add_rule(struct hand *hand, enum sp_rule_kind kind, int64_t expires_s)
{
	struct sp_rule *rule = hand_rule(hand, kind, "r", "any", "any", "tcp/80");

	rule->expires_s = expires_s;
	return rule;
}

static uint64_t boot_ns_after(int64_t seconds)
{
	return NOW_BOOT_NS + (uint64_t)seconds * 1000000000;
}

static void an_allow_ends_when_its_rule_expires(void **state)
{
	__hand struct hand hand = { 0 };

	(void)state;
	add_rule(&hand, SP_RULE_ALLOW, NOW + 60);

	__tables struct sp_tables *tables = compile(&hand);
	const struct sp_verdict verdict = verdict_of(tables);

	assert_int_equal(verdict.action, SP_ALLOW);
	assert_int_equal(verdict.rule, 1);
	assert_int_equal(verdict.not_after_ns, boot_ns_after(60));
	assert_int_equal(tables->next_edge_s, NOW + 60);
}

static void a_rule_that_expired_is_not_there(void **state)
{
	__hand struct hand hand = { 0 };

	(void)state;
	add_rule(&hand, SP_RULE_ALLOW, NOW);

	__tables struct sp_tables *tables = compile(&hand);
	const struct sp_verdict verdict = verdict_of(tables);

	assert_int_equal(verdict.action, SP_DENY);
	assert_int_equal(verdict.rule, SP_RULE_DEFAULT);
	assert_int_equal(verdict.not_after_ns, 0);
	assert_true(tables->next_edge_s == INT64_MAX);
}

static void an_allow_lasts_as_long_as_some_rule_allows(void **state)
{
	__hand struct hand hand = { 0 };

	(void)state;
	add_rule(&hand, SP_RULE_ALLOW, NOW + 60);
	add_rule(&hand, SP_RULE_ALLOW, NOW + 3600);
	add_rule(&hand, SP_RULE_ALLOW, NOW + 600);

	__tables struct sp_tables *tables = compile(&hand);
	const struct sp_verdict verdict = verdict_of(tables);

	assert_int_equal(verdict.rule, 1);
	assert_int_equal(verdict.not_after_ns, boot_ns_after(3600));
	/* but another rule is named from then on */
	assert_int_equal(tables->next_edge_s, NOW + 60);
}

/* What widens waits for tables of that moment. */
static void a_deny_that_expires_stays_until_new_tables(void **state)
{
	__hand struct hand hand = { 0 };

	(void)state;
	add_rule(&hand, SP_RULE_ALLOW, 0);
	add_rule(&hand, SP_RULE_DENY, NOW + 60);

	__tables struct sp_tables *tables = compile(&hand);
	const struct sp_verdict verdict = verdict_of(tables);

	assert_int_equal(verdict.action, SP_DENY);
	assert_int_equal(verdict.not_after_ns, 0);
	assert_int_equal(tables->next_edge_s, NOW + 60);
}

static void a_deny_with_hours_ends_an_allow_when_they_begin(void **state)
{
	__clock struct sp_timezone *zone = tzif_ruled("\nUTC0\n");
	__hand struct hand hand = { 0 };
	/* it is noon */
	struct sp_schedule afternoon = hours(zone, SP_DAILY, 13 * 60, 14 * 60);

	(void)state;
	hand.policy.schedules = &afternoon;
	hand.policy.schedule_count = 1;
	add_rule(&hand, SP_RULE_ALLOW, 0);
	add_rule(&hand, SP_RULE_DENY, 0)->when = &afternoon;

	__tables struct sp_tables *tables = compile(&hand);
	const struct sp_verdict verdict = verdict_of(tables);

	assert_int_equal(verdict.action, SP_ALLOW);
	assert_int_equal(verdict.not_after_ns, boot_ns_after(3600));
	assert_int_equal(tables->next_edge_s, NOW + 3600);
}

static void rules_without_time_have_no_end(void **state)
{
	__hand struct hand hand = { 0 };

	(void)state;
	add_rule(&hand, SP_RULE_ALLOW, 0);

	__tables struct sp_tables *tables = compile(&hand);

	assert_int_equal(verdict_of(tables).action, SP_ALLOW);
	assert_int_equal(verdict_of(tables).not_after_ns, 0);
	assert_true(tables->next_edge_s == INT64_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_schedule_is_open_from_its_first_minute_and_before_its_last),
		cmocka_unit_test(hours_over_midnight_belong_to_the_day_they_begin_on),
		cmocka_unit_test(
			the_hour_that_comes_twice_opens_twice_and_the_one_that_never_comes_not_at_all),
		cmocka_unit_test(edges_are_where_schedules_open_and_close),
		cmocka_unit_test(nothing_changes_after_an_expiry),
		cmocka_unit_test(an_allow_ends_when_its_rule_expires),
		cmocka_unit_test(a_rule_that_expired_is_not_there),
		cmocka_unit_test(an_allow_lasts_as_long_as_some_rule_allows),
		cmocka_unit_test(a_deny_that_expires_stays_until_new_tables),
		cmocka_unit_test(a_deny_with_hours_ends_an_allow_when_they_begin),
		cmocka_unit_test(rules_without_time_have_no_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
