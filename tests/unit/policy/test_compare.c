/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a policy changes of the one before it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "base/str.h"
#include "policy/compare.h"
#include "policy/load.h"

static struct sp_policy *load(const char *names, const char *rules)
{
	struct sp_diagnostics diagnostics = { 0 };
	struct sp_policy *policy = NULL;
	__sp_free char *text = NULL;

	assert_int_equal(sp_str_format(&text, "sallyport: 1\n%s%s", names, rules), 0);
	assert_int_equal(sp_policy_load("policy.yaml", text, strlen(text), &policy, &diagnostics),
			 0);
	sp_diagnostics_done(&diagnostics);
	return policy;
}

#define ROLES                                                                                      \
	"roles: { engineer: { match: [ {idp: corp, group: eng} ] }, bot: { match: [ {idp: corp, "  \
	"group: bots} ] } }\n"
#define NAMES                                                                                      \
	ROLES "networks: { git: [10.30.2.9, 2001:db8::9], dmz: 10.40.0.0/16 }\nservices: { web: "  \
	      "[tcp/80, tcp/443] }\n"
#define A "  - { name: a, allow: {from: engineer, to: git, services: web} }\n"
#define B "  - { name: b, deny: {from: any, to: dmz}, reason: \"closed\" }\n"
#define RULES "rules:\n" A B

static void each_difference_is_one_of_a_rule(void **state)
{
	static const struct {
		const char *names, *rules;
		struct sp_policy_change change;
	} cases[] = {
		{ NAMES, RULES, { .unchanged = 2 } },
		{ NAMES, "rules:\n" B A, { .unchanged = 2 } },
		{ NAMES, "rules:\n" A, { .removed = 1, .unchanged = 1 } },
		{ NAMES,
		  RULES "  - { name: aa, allow: {from: bot, to: dmz} }\n",
		  { .added = 1, .unchanged = 2 } },
		{ NAMES,
		  "rules:\n" B "  - { name: c, allow: {from: engineer, to: git, services: web} }\n",
		  { .added = 1, .removed = 1, .unchanged = 1 } },
		{ NAMES "edge: { expose: [ {name: tunnel, to: self, service: udp/51820} ] }\n",
		  RULES,
		  { .added = 1, .unchanged = 2 } },
		/* the rule itself */
		{ NAMES,
		  "rules:\n" B "  - { name: a, deny: {from: engineer, to: git, services: web} }\n",
		  { .changed = 1, .unchanged = 1 } },
		{ NAMES,
		  "rules:\n" B "  - { name: a, allow: {from: bot, to: git, services: web} }\n",
		  { .changed = 1, .unchanged = 1 } },
		{ NAMES,
		  "rules:\n" B
		  "  - { name: a, allow: {from: [engineer, bot], to: git, services: web} }\n",
		  { .changed = 1, .unchanged = 1 } },
		{ NAMES,
		  "rules:\n" B "  - { name: a, allow: {from: engineer, to: dmz, services: web} }\n",
		  { .changed = 1, .unchanged = 1 } },
		{ NAMES,
		  "rules:\n" B
		  "  - { name: a, allow: {from: engineer, to: git, services: tcp/80} }\n",
		  { .changed = 1, .unchanged = 1 } },
		{ NAMES,
		  "rules:\n" B
		  "  - { name: a, allow: {from: engineer, to: git, services: web}, log: all }\n",
		  { .changed = 1, .unchanged = 1 } },
		{ NAMES,
		  "rules:\n" A
		  "  - { name: b, deny: {from: any, to: dmz}, reason: \"open soon\" }\n",
		  { .changed = 1, .unchanged = 1 } },
		/* what it names */
		{ ROLES "networks: { git: [10.30.2.9, 2001:db8::10], dmz: 10.40.0.0/16 "
			"}\nservices: { web: [tcp/80, tcp/443] }\n",
		  RULES,
		  { .changed = 1, .unchanged = 1 } },
		{ ROLES "networks: { git: [10.30.2.9, 2001:db8::9], dmz: 10.40.0.0/15 }\nservices: "
			"{ web: [tcp/80, tcp/443] }\n",
		  RULES,
		  { .changed = 1, .unchanged = 1 } },
		{ ROLES "networks: { git: [10.30.2.9, 2001:db8::9], dmz: 10.40.0.0/16 }\nservices: "
			"{ web: [tcp/80, tcp/8443] }\n",
		  RULES,
		  { .changed = 1, .unchanged = 1 } },
		{ "roles: { engineer: { match: [ {idp: corp, group: ops} ] }, bot: { match: [ "
		  "{idp: corp, group: bots} ] } }\n"
		  "networks: { git: [10.30.2.9, 2001:db8::9], dmz: 10.40.0.0/16 }\nservices: { "
		  "web: [tcp/80, tcp/443] }\n",
		  RULES,
		  { .changed = 1, .unchanged = 1 } },
	};
	struct sp_policy *before = load(NAMES, RULES);

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct sp_policy *after = load(cases[i].names, cases[i].rules);
		struct sp_policy_change change;

		assert_int_equal(sp_policy_compare(before, after, &change), 0);
		if (memcmp(&change, &cases[i].change, sizeof(change)) != 0)
			fail_msg("case %zu: %zu added, %zu removed, %zu changed, %zu unchanged", i,
				 change.added, change.removed, change.changed, change.unchanged);
		sp_policy_free(after);
	}
	sp_policy_free(before);
}

static void a_first_policy_only_adds(void **state)
{
	struct sp_policy *after = load(NAMES, RULES);
	struct sp_policy_change change;

	(void)state;
	assert_int_equal(sp_policy_compare(NULL, after, &change), 0);
	assert_int_equal(change.added, 2);
	assert_int_equal(change.removed + change.changed + change.unchanged, 0);
	sp_policy_free(after);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_difference_is_one_of_a_rule),
		cmocka_unit_test(a_first_policy_only_adds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
