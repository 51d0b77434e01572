/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tests with `only`: those that hold, and what is said of those that do not. */
#include "../policy/loading.h"

#include "base/cleanup.h"
#include "base/str.h"
#include "judge/judge.h"

#define HEAD                                                                                       \
	"sallyport: 1\n"                                                                           \
	"roles:\n"                                                                                 \
	"  engineer: { match: {idp: corp, group: eng} }\n"                                         \
	"  dba: { match: {idp: corp, group: dba} }\n"                                              \
	"networks:\n"                                                                              \
	"  git: [10.30.2.9, \"2001:db8:30:2::9\"]\n"                                               \
	"  db: { in: 10.30.8.0/24, except: 10.30.8.13 }\n"                                         \
	"  admins: 10.20.1.0/28\n"                                                                 \
	"protect: [ {name: admin-ssh, from: admins, to: self, service: tcp/22} ]\n"                \
	"rules:\n"                                                                                 \
	"  - { name: git, allow: {from: engineer, to: git, services: [tcp/22, tcp/443]} }\n"       \
	"  - { name: db, allow: {from: dba, to: db, services: tcp/5432} }\n"                       \
	"  - { name: closed, deny: {from: any, to: 10.30.8.200} }\n"                               \
	"  - { name: help, allow: {from: dba, to: {role: engineer}, services: tcp/3389} }\n"       \
	"  - { name: office, allow: {from: 10.20.0.0/16, to: git, services: icmp/echo} }\n"        \
	"fixtures:\n"                                                                              \
	"  self: [192.0.2.1]\n"                                                                    \
	"  sessions:\n"                                                                            \
	"    - { user: ana, idp: corp, groups: [eng], address: [100.64.0.7, \"fd00:64::7\"] }\n"

struct asked {
	const char *test;
	const char *differs; /* NULL: it passes */
};

static void ask(const struct asked *asked)
{
	static const struct sp_judge_planes none;
	__sp_cleanup(sp_policy_freep) struct sp_policy *policy = NULL;
	__sp_free struct sp_test_result *results = NULL;
	__sp_free char *text = NULL;
	struct sp_plane_error error;
	const char *plane;
	size_t count;

	assert_int_equal(sp_str_format(&text, "%stests:\n  - %s\n", HEAD, asked->test), 0);
	policy = load_good(text);
	assert_int_equal(sp_policy_number_rules(policy, NULL, NULL), 0);
	assert_int_equal(sp_judge_run_tests(policy, &policy->fixtures.gateway,
					    &(struct sp_facts){ .now_s = 1000000000 }, &none,
					    &results, &count, &plane, &error),
			 0);
	assert_int_equal(count, 1);
	assert_string_equal(results[0].differs, asked->differs ? asked->differs : "");
	assert_int_equal(results[0].passed, !asked->differs);
	assert_false(results[0].judgement.disagree); /* the packet shown was judged so */
}

#define GIT "{to: git, services: [tcp/22, tcp/443]}"

static void exactly_what_is_allowed_passes(void **state)
{
	static const struct asked cases[] = {
		{ "{ from: {user: ana}, only: [ " GIT " ] }", NULL },
		{ "{ from: {role: engineer}, only: [ " GIT " ] }", NULL },
		{ "{ from: {role: dba}, to: db, only: tcp/5432 }",
		  "tcp/5432 to 10.30.8.200 is not allowed" },
		{ "{ from: {role: engineer}, to: db, only: none }", NULL },
		{ "{ from: anonymous, only: none }", NULL },
		{ "{ from: 10.20.1.3, only: [ {to: git, services: icmp/echo}, {to: self, services: "
		  "tcp/22} ] }",
		  NULL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		ask(&cases[i]);
}

static void one_too_many_or_too_few_is_named(void **state)
{
	static const struct asked cases[] = {
		{ "{ from: {user: ana}, only: [ {to: git, services: tcp/22} ] }",
		  "tcp/443 to git is allowed too" },
		{ "{ from: {user: ana}, only: [ {to: git, services: [tcp/22, tcp/443, udp/53]} ] }",
		  "udp/53 to git is not allowed" },
		{ "{ from: {user: ana}, only: none }", "tcp/22, tcp/443 to git is allowed too" },
		{ "{ from: 10.20.200.3, only: none }", "icmp/8 to git is allowed too" },
		{ "{ from: 10.20.1.3, to: self, only: none }", "tcp/22 to self is allowed too" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		ask(&cases[i]);
}

static void people_who_may_be_reached_are_part_of_it(void **state)
{
	static const struct asked cases[] = {
		{ "{ from: {role: dba}, only: [ {to: db, services: tcp/5432}, {to: {role: "
		  "engineer}, "
		  "services: tcp/3389} ] }",
		  "tcp/5432 to 10.30.8.200 is not allowed" },
		{ "{ from: {role: dba}, to: {role: engineer}, only: tcp/3389 }", NULL },
		{ "{ from: {role: dba}, to: {role: engineer}, only: none }",
		  "tcp/3389 to ana is allowed too" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		ask(&cases[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(exactly_what_is_allowed_passes),
		cmocka_unit_test(one_too_many_or_too_few_is_named),
		cmocka_unit_test(people_who_may_be_reached_are_part_of_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
