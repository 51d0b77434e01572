/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a policy's text becomes. What is said about texts that are wrong: tests/golden/policy. */
#include "loading.h"
#include "policy/include.h"

#define HEAD                                                                                       \
	"sallyport: 1\n"                                                                           \
	"roles:\n"                                                                                 \
	"  eng: { match: [ {idp: corp, group: eng}, {idp: partner, group: \"Ext Eng\"} ] }\n"      \
	"  bot: { match: {peer-key: \"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\"} }\n"         \
	"networks:\n"                                                                              \
	"  db: { in: [10.30.8.0/24, \"2001:db8::/32\"], except: 10.30.8.0/31 }\n"                  \
	"  lan: 10.20.0.0/16\n"                                                                    \
	"services:\n"                                                                              \
	"  web: [tcp/80, udp/443]\n"

static void roles_keep_their_matches(void **state)
{
	struct sp_policy *policy = load_good(HEAD);

	(void)state;
	assert_int_equal(policy->role_count, 2);
	assert_string_equal(policy->roles[0].name, "eng");
	assert_int_equal(policy->roles[0].place.line, 3);
	assert_int_equal(policy->roles[0].place.column, 3);
	assert_int_equal(policy->roles[0].match_count, 2);
	assert_string_equal(policy->roles[0].matches[1].idp, "partner");
	assert_string_equal(policy->roles[0].matches[1].group, "Ext Eng");
	assert_int_equal(policy->roles[1].matches[0].kind, SP_MATCH_PEER_KEY);
	for (int i = 0; i < 32; i++)
		assert_int_equal(policy->roles[1].matches[0].peer_key[i], i);
	sp_policy_free(policy);
}

static void networks_keep_in_and_except(void **state)
{
	struct sp_policy *policy = load_good(HEAD);

	(void)state;
	assert_int_equal(policy->network_count, 4); /* two of its own, two built in */
	assert_string_equal(policy->networks[0].name, "db");
	assert_int_equal(policy->networks[0].in_count, 2);
	assert_prefix(&policy->networks[0].in[1], "2001:db8::/32");
	assert_prefix(&policy->networks[0].except[0], "10.30.8.0/31");
	assert_false(policy->networks[0].is_builtin);
	assert_true(policy->networks[policy->bogons].is_builtin);
	assert_true(policy->networks[policy->internet].is_builtin);
	sp_policy_free(policy);
}

static void rule_ends_are_resolved(void **state)
{
	struct sp_policy *policy =
		load_good(HEAD "rules:\n"
			       "  - { name: a, allow: {from: [any, bot, {user: ana, idp: partner}, "
			       "lan, 10.0.0.1], "
			       "to: [any, self, internet, db, {role: eng}, \"fd00::/8\"]} }\n");
	const struct sp_rule *rule = &policy->rules[0];

	(void)state;
	assert_int_equal(policy->rule_count, 1);
	assert_int_equal(rule->kind, SP_RULE_ALLOW);
	assert_int_equal(rule->service_count, 0);
	assert_int_equal(rule->from_count, 5);
	assert_int_equal(rule->from[0].kind, SP_FROM_ANY);
	assert_int_equal(rule->from[1].kind, SP_FROM_ROLE);
	assert_int_equal(rule->from[1].index, 1);
	assert_int_equal(rule->from[2].kind, SP_FROM_USER);
	assert_string_equal(rule->from[2].user, "ana");
	assert_string_equal(rule->from[2].idp, "partner");
	assert_int_equal(rule->from[3].kind, SP_FROM_NETWORK);
	assert_int_equal(rule->from[3].index, 1);
	assert_int_equal(rule->from[4].kind, SP_FROM_NETWORK);
	assert_null(policy->networks[rule->from[4].index].name);
	assert_prefix(&policy->networks[rule->from[4].index].in[0], "10.0.0.1/32");
	assert_int_equal(rule->to_count, 6);
	assert_int_equal(rule->to[0].kind, SP_TO_ANY);
	assert_int_equal(rule->to[1].kind, SP_TO_SELF);
	assert_int_equal(rule->to[2].kind, SP_TO_NETWORK);
	assert_int_equal(rule->to[2].index, policy->internet);
	assert_int_equal(rule->to[3].index, 0);
	assert_int_equal(rule->to[4].kind, SP_TO_ROLE);
	assert_int_equal(rule->to[4].index, 0);
	assert_prefix(&policy->networks[rule->to[5].index].in[0], "fd00::/8");
	sp_policy_free(policy);
}

static void rules_stand_in_the_order_of_the_file(void **state)
{
	struct sp_policy *policy =
		load_good("sallyport: 1\n"
			  "rules:\n"
			  "  - { name: r1, deny: {from: any, to: 10.0.0.1} }\n"
			  "  - { name: r2, allow: {from: any, to: 10.0.0.2}, log: all }\n"
			  "protect: [ {name: p, from: 10.0.0.0/8, to: self, service: tcp/22} ]\n"
			  "edge: { expose: [ {name: e, to: self, service: [tcp/443, tcp/80], "
			  "log: none} ], drop: bogons }\n");
	static const struct {
		const char *name;
		enum sp_rule_kind kind;
		enum sp_log log;
		uint32_t line;
	} expected[] = {
		{ "r1", SP_RULE_DENY, SP_LOG_ALL, 3 },
		{ "r2", SP_RULE_ALLOW, SP_LOG_ALL, 4 },
		{ "p", SP_RULE_PROTECT, SP_LOG_NEW, 5 },
		{ "e", SP_RULE_EXPOSE, SP_LOG_NONE, 6 },
	};

	(void)state;
	assert_int_equal(policy->rule_count, 4);
	for (size_t i = 0; i < 4; i++) {
		assert_string_equal(policy->rules[i].name, expected[i].name);
		assert_int_equal(policy->rules[i].kind, expected[i].kind);
		assert_int_equal(policy->rules[i].log, expected[i].log);
		assert_int_equal(policy->rules[i].place.line, expected[i].line);
	}
	assert_int_equal(policy->rules[3].from[0].kind, SP_FROM_ANY);
	assert_int_equal(policy->rules[3].to[0].kind, SP_TO_SELF);
	assert_int_equal(policy->rules[3].service_count, 2);
	assert_true(policy->drop_bogons);
	sp_policy_free(policy);
}

static void assert_service(const struct sp_service *service, const struct sp_service *expected)
{
	assert_int_equal(service->kind, expected->kind);
	assert_int_equal(service->proto, expected->proto);
	assert_int_equal(service->from, expected->from);
	assert_int_equal(service->to, expected->to);
}

static void services_are_written_out(void **state)
{
	static const struct {
		const char *text;
		size_t count;
		struct sp_service first, last;
	} cases[] = {
		{ "tcp/22", 1, { SP_SERVICE_PORTS, 6, 22, 22 }, { SP_SERVICE_PORTS, 6, 22, 22 } },
		{ "sctp/1-65535",
		  1,
		  { SP_SERVICE_PORTS, 132, 1, 65535 },
		  { SP_SERVICE_PORTS, 132, 1, 65535 } },
		{ "web", 2, { SP_SERVICE_PORTS, 6, 80, 80 }, { SP_SERVICE_PORTS, 17, 443, 443 } },
		{ "[web, icmp]",
		  3,
		  { SP_SERVICE_PORTS, 6, 80, 80 },
		  { SP_SERVICE_ICMP, 1, 0, 255 } },
		{ "icmp6", 1, { SP_SERVICE_ICMP6, 58, 0, 255 }, { SP_SERVICE_ICMP6, 58, 0, 255 } },
		{ "icmp/echo", 1, { SP_SERVICE_ICMP, 1, 8, 8 }, { SP_SERVICE_ICMP, 1, 8, 8 } },
		{ "icmp6/echo",
		  1,
		  { SP_SERVICE_ICMP6, 58, 128, 128 },
		  { SP_SERVICE_ICMP6, 58, 128, 128 } },
		{ "icmp/0", 1, { SP_SERVICE_ICMP, 1, 0, 0 }, { SP_SERVICE_ICMP, 1, 0, 0 } },
		{ "icmp6/255",
		  1,
		  { SP_SERVICE_ICMP6, 58, 255, 255 },
		  { SP_SERVICE_ICMP6, 58, 255, 255 } },
		{ "icmp/time-exceeded",
		  1,
		  { SP_SERVICE_ICMP, 1, 11, 11 },
		  { SP_SERVICE_ICMP, 1, 11, 11 } },
		{ "icmp6/time-exceeded",
		  1,
		  { SP_SERVICE_ICMP6, 58, 3, 3 },
		  { SP_SERVICE_ICMP6, 58, 3, 3 } },
		{ "icmp6/unreachable",
		  1,
		  { SP_SERVICE_ICMP6, 58, 1, 1 },
		  { SP_SERVICE_ICMP6, 58, 1, 1 } },
		{ "proto/47", 1, { SP_SERVICE_PROTO, 47, 0, 0 }, { SP_SERVICE_PROTO, 47, 0, 0 } },
		{ "proto/6",
		  1,
		  { SP_SERVICE_PORTS, 6, 0, 65535 },
		  { SP_SERVICE_PORTS, 6, 0, 65535 } },
		{ "proto/1", 2, { SP_SERVICE_PROTO, 1, 0, 0 }, { SP_SERVICE_ICMP, 1, 0, 255 } },
		{ "proto/58", 2, { SP_SERVICE_PROTO, 58, 0, 0 }, { SP_SERVICE_ICMP6, 58, 0, 255 } },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char text[1024];
		struct sp_policy *policy;
		const struct sp_rule *rule;

		snprintf(text, sizeof(text),
			 HEAD "rules: [ {name: r, allow: {from: eng, to: db, services: %s}} ]\n",
			 cases[i].text);
		policy = load_good(text);
		rule = &policy->rules[0];
		assert_int_equal(rule->service_count, cases[i].count);
		assert_service(&rule->services[0], &cases[i].first);
		assert_service(&rule->services[rule->service_count - 1], &cases[i].last);
		sp_policy_free(policy);
	}
}

static void builtin_networks_follow_the_registries(void **state)
{
	static const struct {
		const char *addr;
		bool is_bogon, is_internet;
	} cases[] = {
		{ "0.0.0.0", true, false },
		{ "0.255.255.255", true, false },
		{ "1.0.0.0", false, true },
		{ "9.255.255.255", false, true },
		{ "10.0.0.0", true, false },
		{ "11.0.0.0", false, true },
		{ "100.63.255.255", false, true },
		{ "100.64.0.0", true, false },
		{ "100.127.255.255", true, false },
		{ "100.128.0.0", false, true },
		{ "127.0.0.1", true, false },
		{ "169.254.1.1", true, false },
		{ "172.15.255.255", false, true },
		{ "172.16.0.0", true, false },
		{ "172.31.255.255", true, false },
		{ "172.32.0.0", false, true },
		{ "192.0.0.8", true, false },
		{ "192.0.0.9", false, false },
		{ "192.0.0.10", false, false },
		{ "192.0.0.11", true, false },
		{ "192.0.2.1", true, false },
		{ "192.31.196.1", false, true },
		{ "192.52.193.1", false, true },
		{ "192.88.99.1", true, false },
		{ "192.168.0.1", true, false },
		{ "192.175.48.1", false, true },
		{ "198.17.255.255", false, true },
		{ "198.18.0.0", true, false },
		{ "198.19.255.255", true, false },
		{ "198.51.100.7", true, false },
		{ "203.0.113.7", true, false },
		{ "223.255.255.255", false, true },
		{ "224.0.0.1", true, false },
		{ "240.0.0.1", true, false },
		{ "255.255.255.255", true, false },
		{ "::", true, false },
		{ "::1", true, false },
		{ "64:ff9b::808:808", false, false },
		{ "64:ff9b:1::1", true, false },
		{ "100::1", true, false },
		{ "100:0:0:1::1", true, false },
		{ "2000::1", false, true },
		{ "2001::1", true, false },
		{ "2001:1::1", false, false },
		{ "2001:1::4", true, false },
		{ "2001:3::1", false, false },
		{ "2001:20::1", false, false },
		{ "2001:1ff::1", true, false },
		{ "2001:200::1", false, true },
		{ "2001:db8::1", true, false },
		{ "2001:db9::1", false, true },
		{ "2002::1", true, false },
		{ "2003::1", false, true },
		{ "2620:4f:8000::1", false, true },
		{ "3ffe::1", false, true },
		{ "3fff::1", true, false },
		{ "3fff:1000::1", false, true },
		{ "4000::1", false, false },
		{ "5f00::1", true, false },
		{ "fc00::1", true, false },
		{ "fdff::1", true, false },
		{ "fe80::1", true, false },
		{ "fec0::1", true, false },
		{ "ff02::1", true, false },
	};
	struct sp_policy *policy = load_good("sallyport: 1\n");

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(network_holds(&policy->networks[policy->bogons], cases[i].addr),
				 cases[i].is_bogon);
		assert_int_equal(network_holds(&policy->networks[policy->internet], cases[i].addr),
				 cases[i].is_internet);
	}
	sp_policy_free(policy);
}

static void fixtures_have_defaults(void **state)
{
	struct sp_policy *policy = load_good("sallyport: 1\n");
	const struct sp_gateway *gateway = &policy->fixtures.gateway;

	(void)state;
	assert_true(policy->fixtures.now_s == INT64_MIN);
	assert_int_equal(gateway->pool_count, 2);
	assert_prefix(&gateway->pool[0], "100.64.0.0/16");
	assert_prefix(&gateway->pool[1], "fd00:64::/64");
	assert_int_equal(gateway->self_count, 0);
	assert_int_equal(gateway->interface_count, 3);
	assert_string_equal(gateway->interfaces[0].name, "wan0");
	assert_int_equal(gateway->interfaces[0].zone, SP_ZONE_EDGE);
	assert_string_equal(gateway->interfaces[1].name, "lan0");
	assert_int_equal(gateway->interfaces[1].zone, SP_ZONE_INSIDE);
	assert_string_equal(gateway->interfaces[2].name, "vpn0");
	assert_int_equal(gateway->interfaces[2].zone, SP_ZONE_TUNNEL);
	sp_policy_free(policy);
}

static void times_are_utc_unless_they_say_otherwise(void **state)
{
	static const struct {
		const char *text;
		int64_t unix_s;
	} cases[] = {
		{ "1970-01-01T00:00", 0 },
		{ "2026-11-23T10:00", 1795428000 },
		{ "2026-11-23T10:00:05Z", 1795428005 },
		{ "2026-11-23T11:00+01:00", 1795428000 },
		{ "2026-11-23T04:30-05:30", 1795428000 },
		{ "2024-02-29T23:59:59Z", 1709251199 },
		{ "2000-03-01T00:00", 951868800 },
		{ "2100-03-01T00:00", 4107542400 },
	};
	static const char *const bad[] = {
		"2026-11-23",
		"2026-11-23 10:00",
		"2026-11-31T10:00",
		"2023-02-29T10:00",
		"2100-02-29T10:00",
		"2026-13-01T10:00",
		"2026-00-01T10:00",
		"2026-01-00T10:00",
		"2026-01-01T24:00",
		"2026-01-01T10:60",
		"2026-01-01T10:00:60",
		"2026-01-01T10:00+15:00",
		"2026-01-01T10:00+1:00",
		"2026-01-01T10:00Zx",
		"1969-12-31T23:59",
		"26-01-01T10:00",
		"2026-01-01T10:00:",
		"2026-1-1T10:00",
		"now",
	};
	char text[256];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct sp_policy *policy;

		snprintf(text, sizeof(text), "sallyport: 1\nfixtures: { now: \"%s\" }\n",
			 cases[i].text);
		policy = load_good(text);
		assert_int_equal(policy->fixtures.now_s, cases[i].unix_s);
		sp_policy_free(policy);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		snprintf(text, sizeof(text), "sallyport: 1\nfixtures: { now: \"%s\" }\n", bad[i]);
		assert_non_null(strstr(diagnose(text, strlen(text)), "policy.yaml:2:18: \"now\""));
	}
}

static void sessions_and_tests_are_resolved(void **state)
{
	struct sp_policy *policy = load_good(
		HEAD
		"rules: [ {name: r, allow: {from: eng, to: [db, lan], services: web}} ]\n"
		"fixtures:\n"
		"  self: [192.0.2.1, \"2001:db8::1\"]\n"
		"  sessions:\n"
		"    - {user: zoe, idp: corp, groups: [], address: \"fd00:64::9\"}\n"
		"    - {user: ana, idp: corp, groups: [eng, x], address: [100.64.0.7, "
		"\"fd00:64::7\"]}\n"
		"tests:\n"
		"  - {from: {user: ana}, to: db, service: web, expect: allow, rule: r}\n"
		"  - {from: {role: bot}, to: [self, 10.1.0.0/16], service: tcp/1, expect: deny, "
		"rule: default}\n"
		"  - {from: 203.0.113.9, on: lan0, to: internet, service: [tcp/1], expect: deny}\n"
		"  - {from: anonymous, to: 10.1.2.3, service: icmp, expect: deny}\n");
	const struct sp_test *tests = policy->tests;

	(void)state;
	assert_int_equal(policy->fixtures.session_count, 2);
	assert_false(policy->fixtures.sessions[0].has_address[0]);
	assert_true(policy->fixtures.sessions[0].has_address[1]);
	assert_int_equal(policy->fixtures.sessions[0].group_count, 0);
	assert_string_equal(policy->fixtures.sessions[1].groups[1], "x");
	assert_addr(&policy->fixtures.sessions[1].addresses[0], "100.64.0.7");

	assert_int_equal(policy->test_count, 4);
	assert_int_equal(tests[0].from, SP_TEST_USER);
	assert_int_equal(tests[0].session, 1);
	assert_int_equal(tests[0].expect, SP_ALLOW);
	assert_string_equal(tests[0].rule, "r");
	assert_int_equal(tests[0].service_count, 2);
	assert_int_equal(tests[0].to_count, 2);
	assert_addr(&tests[0].to[0], "10.30.8.2"); /* .0 and .1 are excepted */
	assert_addr(&tests[0].to[1], "2001:db8::");
	assert_null(tests[0].interface);

	assert_int_equal(tests[1].from, SP_TEST_ROLE);
	assert_int_equal(tests[1].role, 1);
	assert_int_equal(tests[1].to_count, 3);
	assert_addr(&tests[1].to[1], "2001:db8::1");
	assert_addr(&tests[1].to[2], "10.1.0.0");
	assert_string_equal(tests[1].rule, "default");

	assert_int_equal(tests[2].from, SP_TEST_ADDRESS);
	assert_addr(&tests[2].address, "203.0.113.9");
	assert_string_equal(tests[2].interface, "lan0");
	assert_addr(&tests[2].to[0], "1.0.0.0");
	assert_addr(&tests[2].to[1], "2000::");
	assert_null(tests[2].rule);

	assert_int_equal(tests[3].from, SP_TEST_ANONYMOUS);
	sp_policy_free(policy);
}

static void generation_names_content_and_file_but_not_the_folder(void **state)
{
	static const char one[] = "sallyport: 1\n", other[] = "sallyport: 1 \n";
	static const struct {
		const char *path, *text;
		bool same;
	} cases[] = {
		{ "policy.yaml", one, true },    { "/etc/sallyport/policy.yaml", one, true },
		{ "./policy.yaml", one, true },  { "other.yaml", one, false },
		{ "policy.yaml", other, false },
	};
	struct sp_policy *first = load_good(one);

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct sp_diagnostics diagnostics = { 0 };
		struct sp_policy *policy = NULL;

		assert_int_equal(sp_policy_load(cases[i].path, cases[i].text, strlen(cases[i].text),
						&policy, &diagnostics),
				 0);
		assert_int_equal(memcmp(policy->generation, first->generation, 32) == 0,
				 cases[i].same);
		assert_string_equal(policy->files[0].path, cases[i].path);
		assert_string_equal(policy->files[0].text, cases[i].text);
		assert_int_equal(policy->files[0].text_len, strlen(cases[i].text));
		sp_policy_free(policy);
		sp_diagnostics_done(&diagnostics);
	}
	sp_policy_free(first);
}

static void generation_is_made_of_every_file(void **state)
{
	static char first[] = "sallyport: 1\ninclude: \"n*.yaml\"\n", a[] = "sallyport: 1 # a\n",
		    b[] = "sallyport: 1 # b\n";
	const struct {
		const char *path, *other, *text;
	} cases[] = {
		{ "p.yaml", "nets.yaml", a },
		{ "/etc/p.yaml", "/etc/nets.yaml", a }, /* the same, elsewhere */
		{ "p.yaml", "nets.yaml", b },
		{ "p.yaml", "n.yaml", a },
	};
	struct sp_policy *policies[4] = { NULL };

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		const struct sp_file files[] = {
			{ .path = (char *)cases[i].path, .text = first, .text_len = strlen(first) },
			{ .path = (char *)cases[i].other,
			  .text = (char *)cases[i].text,
			  .text_len = strlen(cases[i].text) },
		};
		struct sp_diagnostics diagnostics = { 0 };

		assert_int_equal(sp_policy_load_files(files, 2, NULL, &policies[i], &diagnostics),
				 0);
		assert_int_equal(policies[i]->file_count, 2);
		sp_diagnostics_done(&diagnostics);
	}
	assert_string_equal(policies[0]->files[1].text, a);
	assert_memory_equal(policies[0]->generation, policies[1]->generation, 32);
	assert_memory_not_equal(policies[0]->generation, policies[2]->generation, 32);
	assert_memory_not_equal(policies[0]->generation, policies[3]->generation, 32);
	for (size_t i = 0; i < 4; i++)
		sp_policy_free(policies[i]);
}

static void assert_fault(const struct sp_file *files, size_t count, size_t faults,
			 const char *message)
{
	struct sp_diagnostics diagnostics = { 0 };
	struct sp_policy *policy = NULL;
	char *line;

	assert_int_equal(sp_policy_load_files(files, count, NULL, &policy, &diagnostics), -EINVAL);
	assert_int_equal(diagnostics.count, faults);
	line = sp_diagnostic_format(&diagnostics.items[0]);
	assert_non_null(line);
	assert_string_equal(line, message);
	free(line);
	sp_diagnostics_done(&diagnostics);
}

/* Whoever reads files says why one could not be read; the place is where it is included. */
static void included_file_that_cannot_be_read_is_an_error_where_it_is_named(void **state)
{
	static char first[] = "sallyport: 1\ninclude: [ d/*, d/a.yaml ]\n";
	const struct sp_file files[] = {
		{ .path = "etc/p.yaml", .text = first, .text_len = strlen(first) },
		{ .path = "etc/d/a.yaml", .fault = "Permission denied" },
	};

	(void)state;
	assert_fault(files, 2, 1,
		     "etc/p.yaml:2:12: cannot read \"etc/d/a.yaml\": Permission denied");
	assert_fault(files, 1, 2,
		     "etc/p.yaml:2:12: \"d/*\": no such file, seen from the folder that this file "
		     "lies in");
}

static void assert_patterns(const char *path, const char *name, const char *text,
			    const char *expected)
{
	const struct sp_file files[] = {
		{ .path = (char *)path, .text = "", .text_len = 0 },
		{ .path = (char *)name, .text = (char *)text, .text_len = strlen(text) },
	};
	char **patterns, all[512] = "";
	size_t count;

	assert_int_equal(sp_include_patterns(files, 1, &patterns, &count), 0);
	for (size_t i = 0; i < count; i++) {
		strcat(all, i ? " " : "");
		strcat(all, patterns[i]);
		free(patterns[i]);
	}
	free(patterns);
	assert_string_equal(all, expected);
}

static void patterns_are_looked_for_from_the_folder_of_their_file(void **state)
{
	(void)state;
	assert_patterns("p.yaml", "a.yaml", "include: d/*.yaml\n", "d/*.yaml");
	assert_patterns("/etc/p.yaml", "/etc/d/a.yaml",
			"include: [b.yaml, ../c.yaml, ../../e.yaml]\n",
			"/etc/d/b.yaml /etc/c.yaml /etc/../e.yaml");
	assert_patterns("/etc/p.yaml", "/etc/d/a.yaml", "include: [/etc/x.yaml, /usr//./y.yaml]\n",
			"/etc/x.yaml /usr/y.yaml");
	/* a folder is no pattern */
	assert_patterns("a*/p.yaml", "a*/d[1]/a.yaml", "include: x?.yaml\n", "a\\*/d\\[1]/x?.yaml");
	/* what cannot be read includes nothing: the loader says so */
	assert_patterns("p.yaml", "a.yaml", "include: [\n", "");
	assert_patterns("p.yaml", "a.yaml", "include: { a: b }\n", "");
	assert_patterns("p.yaml", "a.yaml", "sallyport: 1\n", "");
}

static void refused_policy_leaves_the_result_alone(void **state)
{
	struct sp_diagnostics diagnostics = { 0 };
	struct sp_policy *policy = (struct sp_policy *)&diagnostics;

	(void)state;
	assert_int_equal(sp_policy_load("p", "sallyport: 3\n", 13, &policy, &diagnostics), -EINVAL);
	assert_ptr_equal(policy, &diagnostics);
	assert_int_equal(diagnostics.error_count, 1);
	sp_diagnostics_done(&diagnostics);
}

static void text_need_not_end_with_nul(void **state)
{
	static const char text[] = "sallyport: 1\nrules: [x";
	char *heap;

	(void)state;
	for (size_t len = 0; len < sizeof(text);
	     len++) { /* each its own block: reading past it is seen */
		heap = malloc(len ? len : 1);
		memcpy(heap, text, len);
		diagnose(heap, len);
		free(heap);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(roles_keep_their_matches),
		cmocka_unit_test(networks_keep_in_and_except),
		cmocka_unit_test(rule_ends_are_resolved),
		cmocka_unit_test(rules_stand_in_the_order_of_the_file),
		cmocka_unit_test(services_are_written_out),
		cmocka_unit_test(builtin_networks_follow_the_registries),
		cmocka_unit_test(fixtures_have_defaults),
		cmocka_unit_test(times_are_utc_unless_they_say_otherwise),
		cmocka_unit_test(sessions_and_tests_are_resolved),
		cmocka_unit_test(generation_names_content_and_file_but_not_the_folder),
		cmocka_unit_test(generation_is_made_of_every_file),
		cmocka_unit_test(included_file_that_cannot_be_read_is_an_error_where_it_is_named),
		cmocka_unit_test(patterns_are_looked_for_from_the_folder_of_their_file),
		cmocka_unit_test(refused_policy_leaves_the_result_alone),
		cmocka_unit_test(text_need_not_end_with_nul),
	};

	return cmocka_run_group_tests_name("policy-load-policy", tests, NULL, NULL);
}
