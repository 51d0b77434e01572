/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Each warning: a policy that earns it, and its neighbour that does not. */
#include "loading.h"

#define HEAD                                                                                       \
	"sallyport: 1\n"                                                                           \
	"roles: { eng: {match: {idp: corp, group: eng}}, dba: {match: {idp: corp, group: dba}} "   \
	"}\n"                                                                                      \
	"networks: { big: [10.0.0.0/8, 11.0.0.0/8], small: {in: 10.1.0.0/16, except: 10.1.1.1}, "  \
	"six: \"2001:db8::/32\" }\n"                                                               \
	"services: { web: [tcp/80, tcp/443] }\n"                                                   \
	"protect: [ {name: all, from: [big, small, six], to: self, service: web} ]\n"              \
	"tests: [ {from: {role: eng}, to: big, service: tcp/1, expect: deny}, {from: {role: "      \
	"dba}, to: big, service: tcp/1, expect: deny} ]\n"

static void check(const char *rules, const char *expected)
{
	char text[4096];
	const char *said;

	snprintf(text, sizeof(text), "%srules: [ %s ]\n", HEAD, rules);
	said = diagnose(text, strlen(text));
	if (expected ? !strstr(said, expected) || !strstr(said, ": warning: ") : *said != '\0')
		fail_msg("%s\nexpected: %s\ngot: %s", rules, expected ? expected : "nothing", said);
}

static void allow_within_a_deny(void **state)
{
	static const struct {
		const char *allow, *deny;
		bool is_within;
	} cases[] = {
		{ "from: eng, to: small", "from: any, to: big", true },
		{ "from: eng, to: small", "from: any, to: any", true },
		{ "from: eng, to: big", "from: any, to: small", false },
		{ "from: eng, to: small", "from: dba, to: big", false },
		{ "from: eng, to: small", "from: [dba, eng], to: big", true },
		{ "from: [eng, dba], to: small", "from: eng, to: big", false },
		{ "from: eng, to: [small, 11.1.1.1]", "from: eng, to: big", true },
		{ "from: eng, to: [small, 12.1.1.1]", "from: eng, to: big", false },
		{ "from: eng, to: 10.1.0.0/16", "from: eng, to: small",
		  false }, /* the exception is left */
		{ "from: eng, to: 10.1.0.0/24", "from: eng, to: small", true },
		{ "from: eng, to: self", "from: eng, to: any", true },
		{ "from: eng, to: self", "from: eng, to: [big, internet]", false },
		{ "from: eng, to: {role: dba}", "from: eng, to: {role: dba}", true },
		{ "from: eng, to: {role: dba}", "from: eng, to: {role: eng}", false },
		{ "from: {user: ana}, to: big", "from: {user: ana}, to: big", true },
		{ "from: {user: ana}, to: big", "from: {user: eve}, to: big", false },
		{ "from: small, to: 10.1.1.1", "from: big, to: big", true },
		{ "from: any, to: 10.1.1.1", "from: big, to: big", false },
		{ "from: eng, to: big, services: web", "from: eng, to: big", true },
		{ "from: eng, to: big", "from: eng, to: big, services: web", false },
		{ "from: eng, to: big, services: tcp/443", "from: eng, to: big, services: web",
		  true },
		{ "from: eng, to: big, services: udp/443", "from: eng, to: big, services: web",
		  false },
		{ "from: eng, to: big, services: tcp/80-90",
		  "from: eng, to: big, services: tcp/1-100", true },
		{ "from: eng, to: big, services: tcp/80-101",
		  "from: eng, to: big, services: tcp/1-100", false },
		{ "from: eng, to: big, services: icmp/echo", "from: eng, to: big, services: icmp",
		  true },
		{ "from: eng, to: big, services: icmp", "from: eng, to: big, services: icmp6",
		  false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char rules[512];

		snprintf(rules, sizeof(rules), "{name: a, allow: {%s}}, {name: d, deny: {%s}}",
			 cases[i].allow, cases[i].deny);
		if (cases[i].is_within) {
			check(rules,
			      "rule \"a\" can never allow anything: deny \"d\" covers all of it");
		} else {
			char text[4096];

			snprintf(text, sizeof(text), "%srules: [ %s ]\n", HEAD, rules);
			if (strstr(diagnose(text, strlen(text)), "can never allow"))
				fail_msg("%s: not within, yet said so", rules);
		}
	}
}

static void families_that_never_meet(void **state)
{
	(void)state;
	check("{name: a, allow: {from: six, to: small}}", "no address family in common");
	check("{name: a, deny: {from: [six, small], to: small}}", NULL);
	check("{name: a, allow: {from: eng, to: six, services: icmp}}",
	      "of the other address family");
	check("{name: a, allow: {from: eng, to: small, services: [icmp6/echo]}}",
	      "of the other address family");
	check("{name: a, allow: {from: eng, to: small, services: [icmp6/echo, icmp/echo]}}", NULL);
	check("{name: a, allow: {from: eng, to: small, services: [icmp6/echo, proto/47]}}", NULL);
}

static void rules_that_say_the_same(void **state)
{
	(void)state;
	check("{name: a, allow: {from: [eng, dba], to: big, services: web}}, "
	      "{name: b, allow: {from: [dba, eng], to: [11.0.0.0/8, big], services: [tcp/443, "
	      "tcp/80]}}",
	      "policy.yaml:7:72: warning: rule \"b\" says the same as rule \"a\"");
	check("{name: a, allow: {from: eng, to: big}}, {name: b, allow: {from: eng, to: big, "
	      "services: web}}",
	      NULL);
	check("{name: a, deny: {from: eng, to: big}}, {name: b, deny: {from: dba, to: big}}", NULL);
}

static void any_to_any(void **state)
{
	(void)state;
	check("{name: a, allow: {from: any, to: any}}", "rule \"a\" is from any to any");
	check("{name: a, deny: {from: [eng, any], to: [any, big], services: web}}",
	      "rule \"a\" is from any to any");
	check("{name: a, allow: {from: any, to: big}}", NULL);
}

static void unused_names(void **state)
{
	static const char text[] = "sallyport: 1\nroles: { r: {match: {idp: c, group: g}} }\n"
				   "networks: { n: 10.0.0.1 }\nservices: { s: tcp/1 }\n";

	(void)state;
	check("{name: a, allow: {from: eng, to: big}}", NULL);
	assert_string_equal(diagnose(text, strlen(text)),
			    "policy.yaml:2:10: warning: role \"r\" is not used\n"
			    "policy.yaml:3:13: warning: network \"n\" is not used\n"
			    "policy.yaml:4:13: warning: service \"s\" is not used\n");
}

static void groups_that_look_like_everybody(void **state)
{
	static const struct {
		const char *group;
		bool is_said;
	} cases[] = { { "\"*\"", true },
		      { "eng-*", true },
		      { "any", true },
		      { "Any", true },
		      { "anyone", false } };

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char text[256];

		snprintf(text, sizeof(text),
			 "sallyport: 1\nroles: { r: {match: {idp: c, group: %s}} }\n",
			 cases[i].group);
		assert_int_equal(!!strstr(diagnose(text, strlen(text)), "of that very name"),
				 cases[i].is_said);
	}
}

static void errors_come_alone(void **state)
{
	static const char text[] = "sallyport: 1\nnetworks: { n: 10.0.0.1, m: 10.0.0.300 }\n";

	(void)state;
	assert_null(strstr(diagnose(text, strlen(text)), "warning"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(allow_within_a_deny),
		cmocka_unit_test(families_that_never_meet),
		cmocka_unit_test(rules_that_say_the_same),
		cmocka_unit_test(any_to_any),
		cmocka_unit_test(unused_names),
		cmocka_unit_test(groups_that_look_like_everybody),
		cmocka_unit_test(errors_come_alone),
	};

	return cmocka_run_group_tests_name("policy-lint", tests, NULL, NULL);
}
