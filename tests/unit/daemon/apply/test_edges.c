/* SPDX-License-Identifier: GPL-3.0-or-later */
/* When the hours of rules want another revision: the clock goes on, jumps over an edge as behind a suspend, and is set.
 * The clock is this file's, and so is what a revision would be asked for by. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/apply/applies.h"
#include "daemon/apply/edges.h"
#include "policy/load.h"
#include "tables/tables.h"

#define EDGE_S INT64_C(1800000000) /* 2027-01-15T08:00:00Z */
#define HOUR_S INT64_C(3600)

static int64_t now_s;
static unsigned int asked;

int64_t __wrap_sp_clock_realtime_s(void);
void __wrap_sp_apply_restage_soon(struct sp_applies *applies, const char *why);

int64_t __wrap_sp_clock_realtime_s(void)
{
	return now_s;
}

void __wrap_sp_apply_restage_soon(struct sp_applies *applies, const char *why)
{
	(void)applies;
	assert_non_null(why);
	asked++;
}

static struct sp_warnings warnings;
static struct sp_tables tables;
static struct sp_revision running;
static struct sp_revisions revisions;
static struct sp_applies applies;

/* A revision of the policy of one rule runs, which has @more in it; its answers are those of now until EDGE_S. */
static void begin(const char *more)
{
	struct sp_diagnostics diagnostics = { 0 };
	char text[256];
	const int len = snprintf(text, sizeof(text),
				 "sallyport: 1\nrules:\n"
				 "  - { name: r, allow: {from: 10.0.0.1, to: 10.0.0.2}%s }\n",
				 more);

	warnings = (struct sp_warnings){ .count = 0 };
	tables.next_edge_s = EDGE_S;
	tables.again_s = EDGE_S + 24 * HOUR_S;
	running = (struct sp_revision){ .tables = &tables };
	assert_int_equal(
		sp_policy_load("policy.yaml", text, (size_t)len, &running.policy, &diagnostics), 0);
	sp_diagnostics_done(&diagnostics);
	revisions = (struct sp_revisions){ .running = &running };
	applies = (struct sp_applies){ .revisions = &revisions, .warnings = &warnings };
	now_s = EDGE_S - HOUR_S;
	asked = 0;
}

static void end(void)
{
	sp_policy_free(running.policy);
}

static unsigned int asked_at(int64_t at_s)
{
	now_s = at_s;
	asked = 0;
	sp_edges_tick(&applies);
	return asked;
}

static void an_edge_asks_when_it_has_come(void **state)
{
	(void)state;
	begin(", expires: 2027-01-15T08:00:00Z");
	assert_int_equal(asked_at(EDGE_S - 1), 0);
	assert_int_equal(asked_at(EDGE_S), 1);
	revisions.running = NULL;
	assert_int_equal(asked_at(EDGE_S), 0);
	end();
}

/* The next tick comes hours later. */
static void a_suspend_over_an_edge_asks_at_once(void **state)
{
	(void)state;
	begin(", expires: 2027-01-15T08:00:00Z");
	assert_int_equal(asked_at(EDGE_S - 1), 0);
	assert_int_equal(asked_at(EDGE_S + 9 * HOUR_S), 1);
	end();
}

static void what_cannot_be_staged_is_not_asked_for_again(void **state)
{
	(void)state;
	begin(", expires: 2027-01-15T08:00:00Z");
	sp_warnings_raise(&warnings, "stage-failed", "%s", "no room");
	assert_int_equal(asked_at(EDGE_S), 0);
	sp_warnings_clear(&warnings, "stage-failed");
	applies.under_way = (struct sp_apply *)&applies;
	assert_int_equal(asked_at(EDGE_S), 0);
	applies.under_way = NULL;
	assert_int_equal(asked_at(EDGE_S), 1);
	end();
}

/* In the kernel a deadline is boot time: it is another one after a step of either kind. */
static void a_clock_that_is_set_asks_where_a_rule_has_hours(void **state)
{
	(void)state;
	begin(", expires: 2027-01-15T08:00:00Z");
	now_s = EDGE_S - 100 * HOUR_S;
	sp_edges_clock_stepped(&applies);
	assert_int_equal(asked, 1);
	now_s = EDGE_S + 100 * HOUR_S;
	sp_edges_clock_stepped(&applies);
	assert_int_equal(asked, 2);
	end();
	begin("");
	sp_edges_clock_stepped(&applies);
	assert_int_equal(asked, 0);
	end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_edge_asks_when_it_has_come),
		cmocka_unit_test(a_suspend_over_an_edge_asks_at_once),
		cmocka_unit_test(what_cannot_be_staged_is_not_asked_for_again),
		cmocka_unit_test(a_clock_that_is_set_asks_where_a_rule_has_hours),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
