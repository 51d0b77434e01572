/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What explains an answer: hooks, roles, the answer without the rule, rules that nearly match. */
#include "../policy/loading.h"

#include "base/array.h"
#include "base/cleanup.h"
#include "judge/ask.h"
#include "judge/trail.h"
#include "net/addr.h"

static const char text[] =
	"sallyport: 1\n"
	"people: { oncall: [ {user: ana, idp: corp} ] }\n"
	"roles:\n"
	"  engineer: { match: [ {idp: corp, group: eng}, {people: oncall} ] }\n"
	"  dba: { match: {people: oncall} }\n"
	"networks: { git: [10.30.2.9, \"2001:db8:30::9\"], db: 10.30.8.0/24 }\n"
	"schedules: { office: { days: mon-fri, from: \"08:00\", to: \"18:00\" } }\n"
	"edge:\n"
	"  expose: [ {name: tunnel, to: self, service: udp/51820} ]\n"
	"rules:\n"
	"  - { name: git, allow: {from: engineer, to: git, services: tcp/22} }\n"
	"  - { name: all-git, allow: {from: signed-in, to: git, services: [tcp/22, tcp/443]} }\n"
	"  - { name: closed, deny: {from: engineer, to: 10.30.8.13} }\n"
	"  - { name: db, allow: {from: dba, to: db, services: tcp/5432} }\n"
	"  - { name: hours, allow: {from: dba, to: git, services: tcp/80}, when: office }\n"
	"  - { name: out, allow: {from: self, to: db, services: tcp/5432} }\n"
	"settings: { self: rules }\n"
	"fixtures:\n"
	"  now: 2026-11-22T12:00:00Z\n" /* a Sunday */
	"  self: [192.0.2.1]\n"
	"  sessions:\n"
	"    - { user: ana, idp: corp, groups: [eng], address: 100.64.0.7 }\n"
	"    - { user: bob, idp: corp, groups: [eng], address: 100.64.0.8 }\n";

struct traced {
	struct sp_policy *policy;
	struct sp_trail trail;
	struct sp_judgement judgement;
};

static void traced_done(struct traced *traced)
{
	sp_trail_done(&traced->trail);
	sp_policy_free(traced->policy);
}
#define __traced __sp_cleanup(traced_done)

/* Fixtures have none. */
static void add_route(struct sp_gateway *gateway, const char *prefix, enum sp_zone zone)
{
	struct sp_route *route = SP_ARRAY_PUSH(gateway->routes, gateway->route_count);

	assert_non_null(route);
	assert_int_equal(sp_prefix_parse(prefix, &route->prefix), 0);
	route->zone = zone;
}

/* Asked as explain asks. */
static void trace(struct traced *traced, const char *from, const char *to, const char *service)
{
	static const struct sp_judge_planes none;
	__sp_cleanup(sp_judge_freep) struct sp_judge *judge = NULL;
	struct sp_plane_error error;
	struct sp_ask_fault fault;
	struct sp_asked asked;
	const struct sp_fixture_session *session;
	struct sp_person person;

	traced->policy = load_good(text);
	assert_int_equal(sp_policy_number_rules(traced->policy, NULL, NULL), 0);
	add_route(&traced->policy->fixtures.gateway, "10.30.0.0/16", SP_ZONE_INSIDE);
	const struct sp_facts facts = { .now_s = sp_policy_moment(traced->policy, 0),
					.now_boot_ns = 1000000000 };
	const struct sp_asking asking = { .policy = traced->policy,
					  .gateway = &traced->policy->fixtures.gateway,
					  .judge = NULL };
	const struct sp_ask ask = { .from = from, .to = to, .service = service };
	struct sp_asking with = asking;

	assert_int_equal(
		sp_judge_new(traced->policy, asking.gateway, &facts, &none, &judge, &error), 0);
	assert_int_equal(sp_judge_open_fixtures(judge), 0);
	with.judge = judge;
	assert_int_equal(sp_ask_packet(&with, &ask, &asked, &fault), 0);
	assert_int_equal(sp_ask_hook(&with, &ask, &asked, &fault), 0);
	session = asked.hook == SP_HOOK_VPN_IN && !asked.role
			  ? &traced->policy->fixtures.sessions[asked.tuple.source.b[15] == 8]
			  : NULL;
	person = session ? sp_fixture_person(session) : (struct sp_person){ 0 };
	const struct sp_trail_asked packet = { .hook = asked.hook,
					       .tuple = &asked.tuple,
					       .is_own = asked.is_own,
					       .now_ns = 1000000000,
					       .now_s = facts.now_s,
					       .person = session ? &person : NULL,
					       .role = asked.role };

	assert_int_equal(sp_judge_tuple(judge, asked.hook, &asked.tuple, asked.is_own, 1000000000,
					&traced->judgement),
			 0);
	assert_int_equal(sp_trail_make(judge, traced->policy, asking.gateway, &packet,
				       &traced->judgement.answer, &traced->trail),
			 0);
}

static void expect_otherwise(const char *from, const char *to, const char *service,
			     enum sp_verdict_action verdict, const char *rule)
{
	__traced struct traced traced = { 0 };

	trace(&traced, from, to, service);
	assert_true(traced.trail.has_rule);
	assert_int_equal(traced.trail.otherwise.verdict, verdict);
	assert_string_equal(sp_policy_rule_name(traced.policy, traced.trail.otherwise.rule), rule);
}

static void without_the_rule_another_decides(void **state)
{
	(void)state;
	expect_otherwise("100.64.0.7", "git", "tcp/22", SP_ALLOW, "all-git");
	expect_otherwise("100.64.0.7", "git", "tcp/443", SP_DENY, "default");
	expect_otherwise("100.64.0.7", "10.30.8.13", "tcp/5432", SP_ALLOW, "db");
	expect_otherwise("100.64.0.8", "10.30.8.13", "tcp/5432", SP_DENY, "default");
	expect_otherwise("role:engineer", "2001:db8:30::9", "tcp/22", SP_ALLOW, "all-git");
	expect_otherwise("self", "10.30.8.7", "tcp/5432", SP_DENY, "default");
	expect_otherwise("anonymous", "192.0.2.1", "udp/51820", SP_DENY, "default");
}

static void expect_near(const char *from, const char *to, const char *service, const char *rule,
			enum sp_rule_part part)
{
	__traced struct traced traced = { 0 };

	trace(&traced, from, to, service);
	assert_int_equal(traced.judgement.answer.reason, SP_REASON_DEFAULT);
	assert_false(traced.trail.has_rule);
	if (!rule) {
		assert_int_equal(traced.trail.near_count, 0);
		return;
	}
	assert_true(traced.trail.near_count > 0);
	assert_string_equal(traced.trail.near[0].rule->name, rule);
	assert_int_equal(traced.trail.near[0].part, part);
}

static void a_denial_by_default_has_what_nearly_allows_it(void **state)
{
	(void)state;
	expect_near("100.64.0.7", "git", "tcp/23", "git", SP_PART_SERVICES);
	expect_near("100.64.0.8", "db", "tcp/5432", "db", SP_PART_FROM);
	expect_near("100.64.0.7", "10.30.9.1", "tcp/22", "git", SP_PART_TO);
	expect_near("100.64.0.7", "git", "tcp/80", "git", SP_PART_SERVICES);
	expect_near("10.30.5.5", "192.0.2.1", "udp/51820", "tunnel", SP_PART_FROM);
	expect_near("self", "git", "tcp/5432", "out", SP_PART_TO);
	expect_near("10.30.5.5", "10.30.9.1", "tcp/9", NULL, SP_PART_TO);
}

static void a_rule_that_is_not_in_force_is_near(void **state)
{
	__traced struct traced traced = { 0 };

	(void)state;
	trace(&traced, "100.64.0.7", "git", "tcp/80");
	assert_int_equal(traced.trail.near_count, 3);
	assert_string_equal(traced.trail.near[2].rule->name, "hours");
	assert_int_equal(traced.trail.near[2].part, SP_PART_TIME);
}

static void roles_have_the_match_that_gave_them(void **state)
{
	__traced struct traced ana = { 0 }, role = { 0 };

	(void)state;
	trace(&ana, "100.64.0.7", "git", "tcp/22");
	assert_int_equal(ana.trail.role_count, 2);
	assert_string_equal(ana.trail.roles[0].role->name, "engineer");
	assert_int_equal(ana.trail.roles[0].match->kind, SP_MATCH_GROUP);
	assert_string_equal(ana.trail.roles[1].role->name, "dba");
	assert_int_equal(ana.trail.roles[1].match->kind, SP_MATCH_PEOPLE);
	trace(&role, "role:dba", "git", "tcp/22");
	assert_int_equal(role.trail.role_count, 1);
	assert_null(role.trail.roles[0].match);
}

static void expect_hooks(const char *from, const char *to, const char *service,
			 const enum sp_hook *hooks, size_t count)
{
	__traced struct traced traced = { 0 };

	trace(&traced, from, to, service);
	assert_int_equal(traced.trail.hook_count, count);
	assert_memory_equal(traced.trail.hooks, hooks, count * sizeof(*hooks));
}

#define EXPECT_HOOKS(from, to, service, ...)                                                       \
	expect_hooks(from, to, service, (const enum sp_hook[]){ __VA_ARGS__ },                     \
		     SP_ARRAY_LEN(((const enum sp_hook[]){ __VA_ARGS__ })))

static void hooks_are_those_on_its_way(void **state)
{
	(void)state;
	EXPECT_HOOKS("100.64.0.7", "git", "tcp/22", SP_HOOK_VPN_IN, SP_HOOK_LOCK,
		     SP_HOOK_INSIDE_OUT);
	EXPECT_HOOKS("100.64.0.7", "git", "tcp/23", SP_HOOK_VPN_IN);
	EXPECT_HOOKS("anonymous", "192.0.2.1", "udp/51820", SP_HOOK_EDGE_IN, SP_HOOK_LOCK);
	EXPECT_HOOKS("self", "10.30.8.7", "tcp/5432", SP_HOOK_INSIDE_OUT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_the_rule_another_decides),
		cmocka_unit_test(a_denial_by_default_has_what_nearly_allows_it),
		cmocka_unit_test(a_rule_that_is_not_in_force_is_near),
		cmocka_unit_test(roles_have_the_match_that_gave_them),
		cmocka_unit_test(hooks_are_those_on_its_way),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
