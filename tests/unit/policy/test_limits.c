/* SPDX-License-Identifier: GPL-3.0-or-later */
/* `limits`: what a text becomes, what is wrong with a text, and what the tables say of it. */
#include "loading.h"

#include "base/cleanup.h"
#include "tables/tables.h"

SP_DEFINE_CLEANUP(struct sp_tables *, sp_tables_free);
#define __policy __sp_cleanup(sp_policy_freep)
#define __tables __sp_cleanup(sp_tables_freep)

#define ROLES                                                                                      \
	"sallyport: 1\n"                                                                           \
	"roles:\n"                                                                                 \
	"  eng: { match: {idp: corp, group: eng} }\n"                                              \
	"  ops: { match: {idp: corp, group: ops} }\n"                                              \
	"  vendor: { match: {idp: partner, group: v} }\n"                                          \
	"  bot: { match: {peer-key: \"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\"} }\n"         \
	"networks: { db: 10.30.8.0/24, web: 10.30.9.0/24, lan: 10.20.0.0/16 }\n"                   \
	"limits: { slow: { packets: 5/s }, fast: { packets: 50/s }, rough: { bytes: 1MB/s } }\n"

static void terms_are_read(void **state)
{
	__policy struct sp_policy *policy =
		load_good("sallyport: 1\n"
			  "limits:\n"
			  "  a: { packets: 20000/s, burst: 40000, key: rule }\n"
			  "  b: { bytes: 50MB/m, key: source/24 }\n"
			  "  c: { connections: 90/h }\n"
			  "  d: { bytes: 1KB/h, burst: 2000, key: source }\n");
	const struct sp_limit *limit = policy->limits;

	(void)state;
	assert_int_equal(policy->limit_count, 4);
	assert_string_equal(limit[0].name, "a");
	assert_int_equal(limit[0].unit, SP_LIMIT_PACKETS);
	assert_int_equal(limit[0].rate, 20000);
	assert_int_equal(limit[0].period_s, 1);
	assert_int_equal(limit[0].burst, 40000);
	assert_int_equal(limit[0].key, SP_LIMIT_BY_RULE);
	assert_int_equal(limit[1].rate, 50000000);
	assert_int_equal(limit[1].period_s, 60);
	assert_int_equal(limit[1].burst, 833334); /* what a second is worth */
	assert_int_equal(limit[1].key, SP_LIMIT_BY_SOURCE);
	assert_int_equal(limit[1].source_bits, 24);
	assert_int_equal(limit[2].unit, SP_LIMIT_CONNECTIONS);
	assert_int_equal(limit[2].burst, 1);
	assert_int_equal(limit[2].key, SP_LIMIT_BY_SESSION);
	assert_int_equal(limit[3].burst, 2000);
	assert_int_equal(limit[3].source_bits, 0);
}

static void bad_terms_are_told(void **state)
{
	static const struct {
		const char *terms, *says;
	} cases[] = {
		{ "{ packets: 0/s }", "lets nothing pass: for that write a deny" },
		{ "{ packets: 5 }", "is not a rate, as 200/s" },
		{ "{ packets: 5/d }", "is not a rate, as 200/s" },
		{ "{ packets: 5/s/s }", "is not a rate, as 200/s" },
		{ "{ packets: -5/s }", "is not a rate, as 200/s" },
		{ "{ packets: 1000000001/s }", "is not a rate, as 200/s" },
		{ "{ bytes: 5/s }", "is not a rate, as 500KB/s" },
		{ "{ bytes: 101GB/s }", "is not a rate, as 500KB/s" },
		{ "{ packets: 5MB/s }", "is not a rate, as 200/s" },
		{ "{ packets: 5/s, bytes: 5KB/s }", "\"packets\" or \"bytes\", not both" },
		{ "{ burst: 5 }", "a limit needs \"packets\", \"bytes\" or \"connections\"" },
		{ "{ packets: 5/s, burst: 0 }", "\"burst\"" },
		{ "{ bytes: 5KB/s, burst: 1KB }", "less than one packet" },
		{ "{ packets: 1/h, burst: 25 }", "more than a day of this rate" },
		{ "{ packets: 5/s, key: user }", "\"key\"" },
		{ "{ packets: 5/s, key: source/7 }", "8 to 32 leading bits" },
		{ "{ packets: 5/s, key: source/33 }", "8 to 32 leading bits" },
		{ "{ packets: 5/s, key: source/024 }", "8 to 32 leading bits" },
		{ "{ packets: 5/s, key: session/24 }", "8 to 32 leading bits" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char text[256];

		snprintf(text, sizeof(text), "sallyport: 1\nlimits:\n  a: %s\n", cases[i].terms);
		if (!strstr(diagnose(text, strlen(text)), cases[i].says))
			fail_msg("%s: %s", cases[i].terms, diagnose(text, strlen(text)));
	}
}

static void assert_says(const char *rules, const char *says)
{
	char text[4096], *all;

	snprintf(text, sizeof(text), "%s%s", ROLES, rules);
	all = diagnose(text, strlen(text));
	if (says ? !strstr(all, says) : strstr(all, "has limit") || strstr(all, "unknown"))
		fail_msg("%s\n%s", rules, all);
}

static void rules_name_limits(void **state)
{
	(void)state;
	assert_says("rules: [ { name: a, allow: {from: eng, to: db}, limit: slwo } ]\n",
		    "unknown limit \"slwo\"; did you mean \"slow\"?");
	assert_says("rules: [ { name: a, deny: {from: eng, to: db}, limit: slow } ]\n",
		    "a deny lets nothing pass");
	assert_says("rules: [ { name: a, allow: {from: eng, to: db}, limit: slow } ]\n",
		    "limit \"fast\" is not used");
	assert_says("rules: [ { name: a, allow: {from: [self, eng], to: db}, limit: slow } ]\n",
		    "rule \"a\" has a limit, and what the gateway itself sends has none");
	assert_says("rules:\n"
		    "  - { name: a, allow: {from: eng, to: db}, limit: slow }\n"
		    "  - { name: b, allow: {from: any, to: db} }\n",
		    "the limit of rule \"a\" stops nothing: rule \"b\" allows all of it");
}

#define TWO(from_a, to_a, from_b, to_b)                                                            \
	"rules:\n"                                                                                 \
	"  - { name: a, allow: {from: " from_a ", to: " to_a "}, limit: slow }\n"                  \
	"  - { name: b, allow: {from: " from_b ", to: " to_b "}, limit: fast }\n"

static void two_limits_on_the_same_traffic_are_an_error(void **state)
{
	static const char both[] =
		":11:5: rule \"b\" has limit \"fast\", and rule \"a\" (line 10) has limit \"slow\"";

	(void)state;
	assert_says(TWO("eng", "db", "ops", "db"), both);
	assert_says(TWO("eng", "db", "eng", "any"), both);
	assert_says(TWO("eng", "db", "any", "10.30.8.9"), both);
	assert_says(TWO("eng", "db", "signed-in", "db"), both);
	assert_says(TWO("eng", "db", "{user: ana, idp: corp}", "db"), both);
	assert_says(TWO("lan", "db", "10.20.1.0/24", "db"), both);
	assert_says(TWO("eng", "db", "100.64.0.9", "db"), both); /* in the pool */
	assert_says(TWO("any", "{role: eng}", "any", "{role: ops}"), both);
}

static void limits_on_different_traffic_are_none(void **state)
{
	(void)state;
	assert_says(TWO("eng", "db", "eng", "web"), NULL);
	assert_says(TWO("eng", "db", "vendor", "db"), NULL); /* of two providers: two people */
	assert_says(TWO("eng", "db", "bot", "db"), NULL);
	assert_says(TWO("bot", "db", "signed-in", "db"), NULL);
	assert_says(TWO("eng", "db", "lan", "db"), NULL);
	assert_says(TWO("eng", "db", "{user: ana, idp: partner}", "db"), NULL);
	assert_says(TWO("any", "self", "any", "{role: eng}"), NULL);
	assert_says("rules:\n"
		    "  - { name: a, allow: {from: eng, to: db, services: tcp/1-9}, limit: slow }\n"
		    "  - { name: b, allow: {from: eng, to: db, services: [tcp/10, udp/5]}, "
		    "limit: fast }\n",
		    NULL);
	assert_says("edge: { expose: [ {name: a, to: self, service: tcp/443, limit: slow} ] }\n"
		    "rules: [ { name: b, allow: {from: eng, to: self}, limit: fast } ]\n",
		    NULL);
	/* a third one without a limit frees what they have in common */
	assert_says(TWO("eng", "db", "ops", "db") "  - { name: c, allow: {from: eng, to: db} }\n",
		    NULL);
}

static const struct sp_verdict *decide(const struct sp_tables *tables, const char *source,
				       uint16_t port)
{
	const struct sp_addr from = addr_of(source), to = addr_of("10.30.8.1");
	const struct sp_src *src = sp_tables_find_src(tables, &from);
	const struct sp_dst *dst = sp_tables_find_dst(tables, &to);

	return sp_tables_decide(tables, src->class_id[SP_ZONE_INSIDE], dst->netset,
				SP_SVC_TCP + port);
}

static void verdicts_name_their_limit(void **state)
{
	__policy struct sp_policy *policy = load_good(
		ROLES
		"rules:\n"
		"  - { name: a, allow: {from: lan, to: db, services: tcp/1-99}, limit: fast }\n"
		"  - { name: b, allow: {from: 10.20.1.0/24, to: db, services: tcp/22} }\n"
		"  - { name: c, deny: {from: lan, to: db, services: tcp/25} }\n");
	__tables struct sp_tables *tables = NULL;

	(void)state;
	assert_int_equal(sp_policy_number_rules(policy, NULL, NULL), 0);
	assert_int_equal(sp_tables_compile(policy, &policy->fixtures.gateway,
					   &(struct sp_facts){ 0 }, &tables),
			 0);
	assert_int_equal(tables->limit_count, 4);
	assert_int_equal(decide(tables, "10.20.9.9", 22)->limit, 2);
	assert_int_equal(decide(tables, "10.20.9.9", 25)->limit, 0);
	assert_int_equal(decide(tables, "10.20.1.1", 22)->limit, 0); /* b has none, and wins */
	assert_int_equal(decide(tables, "10.20.1.1", 22)->rule, policy->rules[0].number);
	assert_int_equal(decide(tables, "10.20.1.1", 23)->limit, 2);
}

static void a_file_of_tables_keeps_limits(void **state)
{
	__policy struct sp_policy *policy = load_good(
		ROLES "rules: [ { name: a, allow: {from: lan, to: db}, limit: rough } ]\n");
	__tables struct sp_tables *tables = NULL, *again = NULL;
	__sp_free uint8_t *bytes = NULL, *same = NULL;
	size_t len, same_len;

	(void)state;
	assert_int_equal(sp_policy_number_rules(policy, NULL, NULL), 0);
	assert_int_equal(sp_tables_compile(policy, &policy->fixtures.gateway,
					   &(struct sp_facts){ 0 }, &tables),
			 0);
	assert_int_equal(sp_sptab_write(tables, &bytes, &len), 0);
	assert_int_equal(sp_sptab_read(bytes, len, &again), 0);
	assert_int_equal(again->limit_count, 4);
	assert_memory_equal(again->limit, tables->limit, 4 * sizeof(*again->limit));
	assert_int_equal(sp_sptab_write(again, &same, &same_len), 0);
	assert_int_equal(same_len, len);
	assert_memory_equal(same, bytes, len);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(terms_are_read),
		cmocka_unit_test(bad_terms_are_told),
		cmocka_unit_test(rules_name_limits),
		cmocka_unit_test(two_limits_on_the_same_traffic_are_an_error),
		cmocka_unit_test(limits_on_different_traffic_are_none),
		cmocka_unit_test(verdicts_name_their_limit),
		cmocka_unit_test(a_file_of_tables_keeps_limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
