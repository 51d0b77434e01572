/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "audit/query.h"
#include "base/array.h"
#include "net/addr.h"

#define NOW_NS 1795230600000000000 /* 2026-11-21T03:10:00Z */

static struct sp_audit_record denial(void)
{
	struct sp_audit_record record = SP_AUDIT_RECORD_INIT;

	record.event = SP_AUDIT_DENY;
	record.seq = 41;
	record.time_ns = NOW_NS - 60 * 1000000000ll;
	record.user = "ana";
	record.session = "s-1";
	record.verdict = "deny";
	record.hook = SP_HOOK_VPN_IN;
	record.rule = "payroll-closed";
	record.reason = "policy";
	record.has_src = record.has_dst = true;
	assert_int_equal(sp_addr_parse("100.64.0.7", &record.src), 0);
	assert_int_equal(sp_addr_parse("2001:db8::4", &record.dst), 0);
	return record;
}

static void each_condition_takes_and_leaves(void **state)
{
	static const struct {
		const char *key, *takes, *leaves;
	} rows[] = {
		{ "user", "ana", "an" },
		{ "session", "s-1", "s-2" },
		{ "verdict", "deny", "allow" },
		{ "rule", "payroll-closed", "none" },
		{ "reason", "policy", "default" },
		{ "hook", "vpn-in", "edge-in" },
		{ "event", "deny", "allow" },
		{ "event", "allow,deny", "allow,gap" },
		{ "src", "100.64.0.7", "100.64.0.8" },
		{ "src", "100.64.0.0/16", "100.65.0.0/16" },
		{ "dst", "2001:db8::/32", "::/96" },
		{ "dst", "::/0", "0.0.0.0/0" },
		{ "since", "2m", "59s" },
		{ "since", "2026-11-21T03:09:00Z", "2026-11-21T03:09:00.000000001Z" },
		{ "until", "59s", "60s" },
		{ "after_packets_seq", "40", "41" },
		{ "after_packets_seq", "0", "9223372036854775807" },
		{ "until", "2026-11-21T03:09:01Z", "2026-11-21T03:09:00Z" },
	};
	struct sp_audit_record record = denial();

	(void)state;
	for (size_t i = 0; i < SP_ARRAY_LEN(rows); i++) {
		struct sp_audit_query takes = { 0 }, leaves = { 0 };

		assert_int_equal(sp_audit_query_set(&takes, rows[i].key, rows[i].takes, NOW_NS), 0);
		assert_int_equal(sp_audit_query_set(&leaves, rows[i].key, rows[i].leaves, NOW_NS),
				 0);
		assert_true(sp_audit_query_matches(&takes, &record));
		assert_false(sp_audit_query_matches(&leaves, &record));
	}
}

/* Each log has numbers of its own; with a place in one, the other is not asked. */
static void a_query_resumes_each_log_by_its_number(void **state)
{
	struct sp_audit_query people = { 0 }, both = { 0 };
	struct sp_audit_record packet = denial(), change = denial();

	(void)state;
	change.event = SP_AUDIT_SESSION_OPEN;
	assert_int_equal(sp_audit_query_set(&people, "after_seq", "40", NOW_NS), 0);
	assert_true(sp_audit_query_matches(&people, &change));
	assert_false(sp_audit_query_matches(&people, &packet));
	assert_int_equal(sp_audit_query_set(&both, "after_seq", "41", NOW_NS), 0);
	assert_int_equal(sp_audit_query_set(&both, "after_packets_seq", "40", NOW_NS), 0);
	assert_false(sp_audit_query_matches(&both, &change));
	assert_true(sp_audit_query_matches(&both, &packet));
	change.seq = 0; /* to a follower, as it is written */
	assert_true(sp_audit_query_matches(&both, &change));
	assert_int_equal(sp_audit_query_set(&both, "after_seq", "-1", NOW_NS), -EINVAL);
	assert_int_equal(sp_audit_query_set(&both, "after_seq", "9223372036854775808", NOW_NS),
			 -EINVAL);
	assert_int_equal(sp_audit_query_set(&both, "after_seq", "1x", NOW_NS), -EINVAL);
}

static void no_condition_matches_everything(void **state)
{
	struct sp_audit_query query = { 0 };
	struct sp_audit_record record = denial(), start = SP_AUDIT_RECORD_INIT;

	(void)state;
	start.event = SP_AUDIT_START;
	assert_true(sp_audit_query_matches(&query, &record));
	assert_true(sp_audit_query_matches(&query, &start));
}

static void all_conditions_must_hold(void **state)
{
	struct sp_audit_query query = { 0 };
	struct sp_audit_record record = denial();

	(void)state;
	assert_int_equal(sp_audit_query_set(&query, "user", "ana", NOW_NS), 0);
	assert_int_equal(sp_audit_query_set(&query, "event", "deny", NOW_NS), 0);
	assert_true(sp_audit_query_matches(&query, &record));
	record.user = "bob";
	assert_false(sp_audit_query_matches(&query, &record));
}

static void absent_values_match_no_condition_but_none(void **state)
{
	static const char *const keys[][2] = {
		{ "user", "ana" },      { "session", "s-1" },   { "verdict", "deny" },
		{ "reason", "policy" }, { "src", "0.0.0.0/0" }, { "dst", "::/0" },
	};
	struct sp_audit_record start = SP_AUDIT_RECORD_INIT;
	struct sp_audit_query none = { 0 };

	(void)state;
	start.event = SP_AUDIT_START;
	for (size_t i = 0; i < SP_ARRAY_LEN(keys); i++) {
		struct sp_audit_query query = { 0 };

		assert_int_equal(sp_audit_query_set(&query, keys[i][0], keys[i][1], NOW_NS), 0);
		assert_false(sp_audit_query_matches(&query, &start));
	}
	assert_int_equal(sp_audit_query_set(&none, "rule", "none", NOW_NS), 0);
	assert_true(sp_audit_query_matches(&none, &start));
}

static void bad_values_are_refused_with_their_shape(void **state)
{
	static const char *const rows[][2] = {
		{ "hook", "vpn" },        { "verdict", "drop" },   { "event", "denied" },
		{ "event", "deny," },     { "src", "10.0.0.1/8" }, { "dst", "git.example" },
		{ "since", "yesterday" }, { "until", "-1h" },      { "user", "" },
	};
	struct sp_audit_query query = { 0 }, untouched = { 0 };
	char long_name[400];

	(void)state;
	for (size_t i = 0; i < SP_ARRAY_LEN(rows); i++) {
		assert_int_equal(sp_audit_query_set(&query, rows[i][0], rows[i][1], NOW_NS),
				 -EINVAL);
		assert_non_null(sp_audit_query_shape(rows[i][0]));
	}
	memset(long_name, 'x', sizeof(long_name) - 1);
	long_name[sizeof(long_name) - 1] = '\0';
	assert_int_equal(sp_audit_query_set(&query, "user", long_name, NOW_NS), -ENAMETOOLONG);
	assert_int_equal(sp_audit_query_set(&query, "colour", "red", NOW_NS), -ENOENT);
	assert_null(sp_audit_query_shape("colour"));
	assert_memory_equal(&query, &untouched, sizeof(query));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_condition_takes_and_leaves),
		cmocka_unit_test(a_query_resumes_each_log_by_its_number),
		cmocka_unit_test(no_condition_matches_everything),
		cmocka_unit_test(all_conditions_must_hold),
		cmocka_unit_test(absent_values_match_no_condition_but_none),
		cmocka_unit_test(bad_values_are_refused_with_their_shape),
	};

	return cmocka_run_group_tests_name("audit/query", tests, NULL, NULL);
}
