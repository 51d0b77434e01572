/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the loader makes of schedules, expiries and times, by clocks made here. */
#include "loading.h"

#include "base/cleanup.h"
#include "policy/checks/lint_times.h"
#include "../../support/tzif.h"

#define __policy __sp_cleanup(sp_policy_freep)

#define HEAD                                                                                       \
	"sallyport: 1\n"                                                                           \
	"roles: { dba: { match: {idp: corp, group: dba} } }\n"                                     \
	"networks: { db: 10.30.8.0/24 }\n"

static int read_zone(const char *name, struct sp_timezone **ret_zone)
{
	if (strcmp(name, "Europe/Berlin") != 0)
		return -ENOENT;
	*ret_zone = tzif_ruled("\nCET-1CEST,M3.5.0,M10.5.0/3\n");
	return 0;
}

static bool find_nearest(const char *name, char ret_name[SP_TIMEZONE_NAME_MAX])
{
	(void)name;
	strcpy(ret_name, "Europe/Berlin");
	return true;
}

static const struct sp_timezone_source zones = { read_zone, find_nearest };

static int load(const char *text, struct sp_policy **ret_policy, struct sp_diagnostics *diagnostics)
{
	const struct sp_file file = { .path = (char *)"policy.yaml",
				      .text = (char *)text,
				      .text_len = strlen(text) };

	return sp_policy_load_files(&file, 1, &zones, ret_policy, diagnostics);
}

static struct sp_policy *load_zoned(const char *text)
{
	struct sp_diagnostics diagnostics = { 0 };
	struct sp_policy *policy = NULL;
	int r = load(text, &policy, &diagnostics);

	for (size_t i = 0; i < diagnostics.count && r < 0; i++)
		print_error("%s\n", diagnostics.items[i].message);
	sp_diagnostics_done(&diagnostics);
	assert_int_equal(r, 0);
	return policy;
}

static void schedules_are_read_with_their_days_hours_and_clock(void **state)
{
	__policy struct sp_policy *policy = load_zoned(
		HEAD
		"settings: { timezone: Europe/Berlin }\n"
		"schedules:\n"
		"  office: { days: mon-fri, from: \"08:00\", to: \"18:30\" }\n"
		"  night: { days: [fri, sat-mon], from: \"22:00\", to: \"24:00\", timezone: UTC }\n"
		"rules:\n"
		"  - { name: a, allow: {from: dba, to: db, services: tcp/1}, when: night }\n"
		"  - { name: b, allow: {from: dba, to: db, services: tcp/2}, when: office }\n"
		"  - { name: c, allow: {from: dba, to: db, services: tcp/3} }\n");
	const struct sp_schedule *office = &policy->schedules[0], *night = &policy->schedules[1];

	(void)state;
	assert_int_equal(policy->schedule_count, 2);
	assert_int_equal(office->days, 0x1f);
	assert_int_equal(office->from_min, 480);
	assert_int_equal(office->to_min, 1110);
	assert_int_equal(sp_timezone_offset(office->zone, utc(2026, 11, 23, 12, 0)), 3600);
	assert_int_equal(night->days, 0x71);
	assert_int_equal(night->to_min, 1440);
	assert_string_equal(sp_timezone_name(night->zone), "UTC");
	assert_ptr_equal(policy->rules[0].when, night);
	assert_ptr_equal(policy->rules[1].when, office);
	assert_null(policy->rules[2].when);
}

static void times_are_of_the_policys_clock_unless_they_say_which(void **state)
{
	__policy struct sp_policy *policy = load_zoned(
		HEAD "settings: { timezone: Europe/Berlin }\n"
		     "rules:\n"
		     "  - { name: a, allow: {from: dba, to: db, services: tcp/1}, expires: "
		     "2027-03-31 }\n"
		     "  - { name: b, allow: {from: dba, to: db, services: tcp/2}, "
		     "expires: \"2026-12-01T18:00\" }\n"
		     "  - { name: c, allow: {from: dba, to: db, services: tcp/3}, "
		     "expires: 2026-12-01T18:00:00Z }\n"
		     "  - { name: d, deny: {from: dba, to: db, services: tcp/4}, "
		     "expires: 2026-12-31, allow-expiring-deny: true }\n"
		     "fixtures: { now: \"2026-11-23T10:00\" }\n"
		     "tests: [ {from: {role: dba}, to: db, service: tcp/1, "
		     "at: \"2026-07-01T08:00\", expect: allow},\n"
		     "         {from: {role: dba}, to: db, service: tcp/1, expect: allow} ]\n");

	(void)state;
	/* the date's end in summer is two hours before UTC's */
	assert_int_equal(policy->rules[0].expires_s, utc(2027, 3, 31, 22, 0));
	assert_int_equal(policy->rules[1].expires_s, utc(2026, 12, 1, 17, 0));
	assert_int_equal(policy->rules[2].expires_s, utc(2026, 12, 1, 18, 0));
	assert_int_equal(policy->rules[3].expires_s, utc(2026, 12, 31, 23, 0));
	assert_int_equal(policy->fixtures.now_s, utc(2026, 11, 23, 9, 0));
	assert_int_equal(policy->tests[0].at_s, utc(2026, 7, 1, 6, 0));
	assert_true(policy->tests[1].at_s == INT64_MIN);
	assert_int_equal(policy->zone_count, 2);
}

static void an_unknown_zone_is_told_with_the_nearest(void **state)
{
	struct sp_diagnostics diagnostics = { 0 };
	struct sp_policy *policy = NULL;

	(void)state;
	assert_int_equal(load("sallyport: 1\nsettings: { timezone: Europe/Berlni }\n", &policy,
			      &diagnostics),
			 -EINVAL);
	assert_string_equal(diagnostics.items[0].message,
			    "unknown time zone \"Europe/Berlni\"; did you mean \"Europe/Berlin\"?");
	assert_int_equal(diagnostics.items[0].place.line, 2);
	sp_diagnostics_done(&diagnostics);
}

static void a_deny_in_its_hours_does_not_cover_an_allow(void **state)
{
	static const char covered[] =
		HEAD "schedules: { h: { days: daily, from: \"08:00\", to: \"18:00\" } }\n"
		     "rules:\n"
		     "  - { name: a, allow: {from: dba, to: db, services: tcp/1}%s }\n"
		     "  - { name: b, deny: {from: any, to: db}, when: h }\n";
	char text[1024];

	(void)state;
	snprintf(text, sizeof(text), covered, "");
	assert_null(strstr(diagnose(text, strlen(text)), "can never allow"));
	snprintf(text, sizeof(text), covered, ", when: h");
	assert_non_null(strstr(diagnose(text, strlen(text)), "can never allow"));
}

static void a_role_expires_by_the_same_clock(void **state)
{
	struct sp_diagnostics diagnostics = { 0 };
	__policy struct sp_policy *policy = load_zoned(
		"sallyport: 1\n"
		"settings: { timezone: Europe/Berlin }\n"
		"roles:\n"
		"  a: { match: {idp: corp, group: a}, expires: 2027-03-31 }\n"
		"  b: { match: {idp: corp, group: b}, expires: 2026-12-01T18:00:00Z }\n"
		"  c: { match: {idp: corp, group: c} }\n"
		"rules: [ {name: a, allow: {from: [a, b, c], to: 10.0.0.1, services: tcp/1}} ]\n");

	(void)state;
	assert_int_equal(policy->roles[0].expires_s, utc(2027, 3, 31, 22, 0));
	assert_int_equal(policy->roles[1].expires_s, utc(2026, 12, 1, 18, 0));
	assert_int_equal(policy->roles[2].expires_s, 0);
	assert_int_equal(sp_policy_lint_times(policy, utc(2026, 11, 24, 18, 0), &diagnostics), 0);
	assert_int_equal(diagnostics.count, 1);
	assert_string_equal(diagnostics.items[0].message, "role \"b\" expires in 7 days");
	assert_int_equal(diagnostics.items[0].place.line, 5);
	sp_diagnostics_done(&diagnostics);
	assert_int_equal(sp_policy_lint_times(policy, utc(2027, 4, 1, 18, 0), &diagnostics), 0);
	assert_int_equal(diagnostics.count, 2);
	assert_string_equal(diagnostics.items[0].message,
			    "role \"a\" has expired: nobody has it any more");
	sp_diagnostics_done(&diagnostics);
}

static bool warns(const char *rule, int64_t now_s, const char *words)
{
	struct sp_diagnostics diagnostics = { 0 };
	struct sp_policy *policy;
	char text[1024];
	bool found = false;

	snprintf(text, sizeof(text),
		 HEAD "schedules: { sundays: { days: sun, from: \"08:00\", to: \"18:00\" } }\n"
		      "rules: [ {name: a, allow: {from: dba, to: db, services: tcp/1}, %s } ]\n",
		 rule);
	policy = load_zoned(text);
	assert_int_equal(sp_policy_lint_times(policy, now_s, &diagnostics), 0);
	assert_true(diagnostics.count <= 2);
	for (size_t i = 0; i < diagnostics.count; i++)
		found |= strstr(diagnostics.items[i].message, words) != NULL;
	if (!*words)
		found = diagnostics.count > 0;
	sp_diagnostics_done(&diagnostics);
	sp_policy_free(policy);
	return found;
}

static void what_has_expired_or_soon_will_is_told(void **state)
{
	const int64_t monday_s = utc(2026, 11, 23, 12, 0); /* the date ends 84 h later */
	const char *expires = "expires: 2026-11-26";

	(void)state;
	assert_true(warns(expires, monday_s, "expires in 3 days"));
	assert_true(warns(expires, monday_s + 2 * 86400, "expires in 1 day"));
	assert_true(warns(expires, monday_s + 3 * 86400, "expires within a day"));
	assert_true(warns(expires, utc(2026, 11, 27, 0, 0), "has expired"));
	assert_false(warns(expires, utc(2026, 11, 19, 0, 0) - 1, ""));
	assert_false(warns("when: sundays", monday_s, ""));
	assert_true(warns("when: sundays, expires: 2026-11-26", monday_s, "never in force"));
	assert_false(warns("when: sundays, expires: 2026-11-29", monday_s, "never in force"));
	assert_false(warns("when: sundays, expires: \"2026-11-22T18:00\"", utc(2026, 11, 22, 12, 0),
			   "never in force"));
	assert_true(
		warns("when: sundays, expires: \"2026-11-29T08:00\"", monday_s, "never in force"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(schedules_are_read_with_their_days_hours_and_clock),
		cmocka_unit_test(times_are_of_the_policys_clock_unless_they_say_which),
		cmocka_unit_test(an_unknown_zone_is_told_with_the_nearest),
		cmocka_unit_test(a_deny_in_its_hours_does_not_cover_an_allow),
		cmocka_unit_test(a_role_expires_by_the_same_clock),
		cmocka_unit_test(what_has_expired_or_soon_will_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
