/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a plan says of two policies: sentences, rules, and who is signed in. */
#include "../policy/loading.h"

#include "base/array.h"
#include "base/cleanup.h"
#include "base/str.h"
#include "judge/plan/plan.h"

#define HEAD                                                                                       \
	"sallyport: 1\n"                                                                           \
	"roles:\n"                                                                                 \
	"  engineers: { match: {idp: corp, group: eng} }\n"                                        \
	"  vendors: { match: {idp: partner, group: vendors} }\n"                                   \
	"networks:\n"                                                                              \
	"  git: [10.30.40.7, \"2001:db8:30::7\"]\n"                                                \
	"  db: { in: 10.30.8.0/24, except: 10.30.8.13 }\n"                                         \
	"  office: 10.20.0.0/16\n"                                                                 \
	"people: { oncall: [ {user: dora, idp: corp} ] }\n"                                        \
	"services: { web: [tcp/80, tcp/443] }\n"                                                   \
	"fixtures:\n"                                                                              \
	"  pool: [100.64.0.0/16, \"fd00:64::/64\"]\n"                                              \
	"  self: [192.0.2.1]\n"

/* Everybody has this, so that no name goes unused. */
#define ALWAYS                                                                                     \
	"  - { name: always, allow: {from: [engineers, vendors, office, oncall], to: [git, db], "  \
	"services: "                                                                               \
	"web} }\n"

struct planned {
	struct sp_policy *policies[2];
	struct sp_plan plan;
};

static void planned_done(struct planned *planned)
{
	sp_plan_done(&planned->plan);
	sp_policy_free(planned->policies[0]);
	sp_policy_free(planned->policies[1]);
}
#define __planned __sp_cleanup(planned_done)

static struct sp_policy *policy_of(const char *rules)
{
	__sp_free char *text = NULL;
	struct sp_policy *policy;

	assert_int_equal(sp_str_format(&text, "%srules:\n%s%s", HEAD, ALWAYS, rules), 0);
	policy = load_good(text);
	assert_int_equal(sp_policy_number_rules(policy, NULL, NULL), 0);
	return policy;
}

static void make(struct planned *planned, const char *before, const char *after,
		 const struct sp_plan_person *people, size_t count)
{
	planned->policies[0] = policy_of(before);
	planned->policies[1] = policy_of(after);
	const struct sp_plan_side was = { planned->policies[0],
					  &planned->policies[1]->fixtures.gateway };
	const struct sp_plan_side is = { planned->policies[1],
					 &planned->policies[1]->fixtures.gateway };

	assert_int_equal(sp_plan_make(&was, &is, &(struct sp_facts){ .now_s = 1000000000 }, people,
				      count, &planned->plan),
			 0);
}

/* All sentences, a line each. */
static char *sentences(const struct sp_plan *plan)
{
	__sp_buf struct sp_buf text = SP_BUF_INIT;
	char *all;

	for (size_t i = 0; i < plan->line_count; i++) {
		__sp_free char *sentence = NULL;

		assert_int_equal(sp_plan_sentence(&plan->lines[i], 20, &sentence), 0);
		sp_buf_printf(&text, "%s\n", sentence);
	}
	assert_int_equal(sp_buf_take(&text, &all), 0);
	return all;
}

static void expect_lines(const char *before, const char *after, const char *expected)
{
	__planned struct planned planned = { 0 };
	__sp_free char *text = NULL;

	make(&planned, before, after, NULL, 0);
	text = sentences(&planned.plan);
	assert_string_equal(text, expected);
}

static void a_rule_more_is_what_it_opens(void **state)
{
	(void)state;
	expect_lines("", "  - { name: r, allow: {from: vendors, to: git, services: tcp/22} }\n",
		     "vendors gain tcp/22 to git\n");
	expect_lines("",
		     "  - { name: r, allow: {from: vendors, to: 10.30.40.7, services: tcp/22} }\n",
		     "vendors gain tcp/22 to 10.30.40.7\n");
	expect_lines("  - { name: r, allow: {from: vendors, to: db, services: tcp/5432} }\n", "",
		     "vendors lose tcp/5432 to db\n");
	expect_lines("", "  - { name: r, allow: {from: [vendors, engineers], to: db} }\n",
		     "engineers, vendors gain everything but web to db\n");
}

static void what_is_allowed_already_is_no_gain(void **state)
{
	(void)state;
	expect_lines("", "  - { name: r, allow: {from: vendors, to: git, services: tcp/80} }\n",
		     "");
	expect_lines("", "  - { name: r, allow: {from: vendors, to: git, services: tcp/79-81} }\n",
		     "vendors gain tcp/79, tcp/81 to git\n");
}

static void a_deny_is_a_loss_of_what_there_was(void **state)
{
	(void)state;
	expect_lines("", "  - { name: r, deny: {from: vendors, to: any} }\n",
		     "vendors lose web to db, git\n");
}

static void people_by_name_are_said_with_their_provider(void **state)
{
	(void)state;
	expect_lines("",
		     "  - { name: r, allow: {from: {user: ana, idp: corp}, to: git, services: "
		     "udp/53} }\n",
		     "ana (corp) gains udp/53 to git\n");
}

static void sources_without_a_session_are_networks(void **state)
{
	(void)state;
	expect_lines("", "  - { name: r, allow: {from: office, to: git, services: udp/53} }\n",
		     "office (edge), office (inside) gain udp/53 to git\n");
}

static void a_person_of_a_role_is_a_destination(void **state)
{
	(void)state;
	expect_lines("",
		     "  - { name: r, allow: {from: engineers, to: {role: vendors}, services: "
		     "tcp/22} }\n",
		     "engineers gain tcp/22 to vendors\n");
}

/* ---- who is signed in ---- */

static void whose_role_says_it_is_only_counted(void **state)
{
	static const char *const groups[] = { "vendors" };
	struct sp_plan_person people[2] = {
		{ .user = "bob", .idp = "partner", .groups = groups, .group_count = 1 },
		{ .user = "carl", .idp = "partner", .groups = groups, .group_count = 1 },
	};
	__planned struct planned planned = { 0 };
	__sp_free char *text = NULL;

	(void)state;
	for (size_t i = 0; i < SP_ARRAY_LEN(people); i++) {
		const uint8_t bytes[4] = { 100, 64, 0, (uint8_t)(7 + i) };

		people[i].addresses[0] = sp_addr_from_v4(bytes);
		people[i].has_address[0] = true;
	}
	make(&planned, "", "  - { name: r, allow: {from: vendors, to: git, services: tcp/22} }\n",
	     people, SP_ARRAY_LEN(people));
	text = sentences(&planned.plan);
	/* both families of git are one line, and bob has IPv4 alone: the role's line says more */
	assert_string_equal(text, "vendors gain tcp/22 to git (2 signed in)\n");
}

static void listed_people_their_devices_and_the_gateway_are_senders_too(void **state)
{
	(void)state;
	expect_lines("", "  - { name: r, allow: {from: oncall, to: db, services: tcp/22} }\n",
		     "dora (corp) gains tcp/22 to db\n");
	expect_lines("",
		     "  - { name: r, allow: {from: vendors, to: own-devices, services: tcp/22} }\n",
		     "vendors gain tcp/22 to own-devices\n");
	expect_lines("", "  - { name: r, deny: {from: self, to: git, services: tcp/25} }\n",
		     "self lose tcp/25 to git\n");
	expect_lines("", "  - { name: r, allow: {from: self, to: git, services: tcp/25} }\n", "");
}

static void nobody_is_their_own_other_device(void **state)
{
	const char *const groups[] = { "vendors" };
	const uint8_t address[] = { 100, 64, 0, 7 };
	const struct sp_plan_person eve = { .user = "eve",
					    .idp = "partner",
					    .groups = groups,
					    .group_count = 1,
					    .addresses = { sp_addr_from_v4(address) },
					    .has_address = { true, false } };
	__planned struct planned planned = { 0 };
	__sp_free char *text = NULL;

	(void)state;
	make(&planned, "",
	     "  - { name: r, allow: {from: vendors, to: {role: vendors}, services: tcp/22} }\n",
	     &eve, 1);
	text = sentences(&planned.plan);
	assert_string_equal(text, "vendors gain tcp/22 to vendors, own-devices (1 signed in)\n");
}

static void what_the_line_of_a_role_says_has_no_line_of_its_own(void **state)
{
	const char *const groups[] = { "vendors" };
	const uint8_t address[] = { 100, 64, 0, 7 };
	struct sp_plan_person bob = { .user = "bob",
				      .idp = "partner",
				      .groups = groups,
				      .group_count = 1,
				      .addresses = { sp_addr_from_v4(address) },
				      .has_address = { true, false } };
	__planned struct planned planned = { 0 }, alone = { 0 };
	__sp_free char *text = NULL, *other = NULL;

	(void)state;
	/* of IPv4 this is all of git, so that bob would be told "git" and the role the address */
	make(&planned, "",
	     "  - { name: r, allow: {from: vendors, to: 10.30.40.7, services: tcp/22} }\n", &bob,
	     1);
	text = sentences(&planned.plan);
	assert_string_equal(text, "vendors gain tcp/22 to 10.30.40.7 (1 signed in)\n");
	/* whoever gets more than their role has a line */
	make(&alone, "",
	     "  - { name: r, allow: {from: vendors, to: 10.30.40.7, services: tcp/22} }\n"
	     "  - { name: s, allow: {from: {user: bob, idp: partner}, to: git, services: tcp/23} "
	     "}\n",
	     &bob, 1);
	other = sentences(&alone.plan);
	assert_string_equal(other, "vendors gain tcp/22 to 10.30.40.7\n"
				   "bob (partner) gains tcp/23 to git\n"
				   "bob (partner) gains tcp/22-23 to git (1 signed in)\n");
}

static void people_who_are_treated_alike_are_one(void **state)
{
	__planned struct planned planned = { 0 };
	__sp_free char *text = NULL;

	(void)state;
	make(&planned,
	     "  - { name: r, allow: {from: [{user: eve, idp: corp}, {user: bob, idp: corp}], to: "
	     "{people: oncall}, services: tcp/22} }\n",
	     "  - { name: r, allow: {from: [{user: eve, idp: corp}, {user: bob, idp: corp}], to: "
	     "[git, {people: oncall}, own-devices], services: tcp/22} }\n",
	     NULL, 0);
	text = sentences(&planned.plan);
	assert_string_equal(text, "bob (corp), eve (corp) gain tcp/22 to git, own-devices\n");
}

/* ---- rules ---- */

static void rules_are_told_by_name_and_place(void **state)
{
	__planned struct planned planned = { 0 };

	(void)state;
	make(&planned,
	     "  - { name: a, allow: {from: vendors, to: git, services: tcp/22} }\n"
	     "  - { name: b, allow: {from: vendors, to: db, services: tcp/22} }\n",
	     "  - { name: b, allow: {from: vendors, to: db, services: tcp/23} }\n"
	     "  - { name: c, allow: {from: vendors, to: git, services: tcp/22} }\n",
	     NULL, 0);
	assert_int_equal(planned.plan.rule_count, 3);
	assert_string_equal(planned.plan.rules[0].name, "a");
	assert_int_equal(planned.plan.rules[0].change, SP_RULE_REMOVED);
	assert_string_equal(planned.plan.rules[1].name, "b");
	assert_int_equal(planned.plan.rules[1].change, SP_RULE_CHANGED);
	assert_string_equal(planned.plan.rules[2].name, "c");
	assert_int_equal(planned.plan.rules[2].change, SP_RULE_ADDED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_rule_more_is_what_it_opens),
		cmocka_unit_test(what_is_allowed_already_is_no_gain),
		cmocka_unit_test(a_deny_is_a_loss_of_what_there_was),
		cmocka_unit_test(people_by_name_are_said_with_their_provider),
		cmocka_unit_test(sources_without_a_session_are_networks),
		cmocka_unit_test(a_person_of_a_role_is_a_destination),
		cmocka_unit_test(whose_role_says_it_is_only_counted),
		cmocka_unit_test(listed_people_their_devices_and_the_gateway_are_senders_too),
		cmocka_unit_test(nobody_is_their_own_other_device),
		cmocka_unit_test(what_the_line_of_a_role_says_has_no_line_of_its_own),
		cmocka_unit_test(people_who_are_treated_alike_are_one),
		cmocka_unit_test(rules_are_told_by_name_and_place),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
