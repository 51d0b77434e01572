/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The `tests:` of a policy. Every combination of a test's destinations and services is one packet
 * of a new flow; a test passes when each gets the expected verdict (and rule). One that says `only`
 * is compared with the tables (only.h); of what differs, one packet is judged. */
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "judge/ask.h"
#include "judge/plan/only.h"
#include "net/addr.h"

#define FIRST_PORT 20000

struct bench {
	const struct sp_policy *policy;
	const struct sp_gateway *gateway;
	const struct sp_facts *facts;
	struct sp_judge *judge; /* of the moment that is asked about */
	const char *plane;      /* whose answers count */
	uint64_t now_ns;
	struct sp_identity *stand_ins; /* one for each role, by its index */
	/* each packet has a source port (or ICMP identifier) of its own, so that no case meets
	 * another's flow */
	uint16_t next_port;
	const struct sp_only *only; /* of that moment; NULL: no test needs it */
};

static int open_roles(struct bench *bench)
{
	for (size_t i = 0; i < bench->policy->test_count; i++) {
		const struct sp_test *test = &bench->policy->tests[i];
		bool is_open = false;
		int r;

		if (test->from != SP_TEST_ROLE)
			continue;
		for (size_t j = 0; j < i; j++)
			is_open |= bench->policy->tests[j].from == SP_TEST_ROLE &&
				   bench->policy->tests[j].role == test->role;
		if (is_open)
			continue;
		r = sp_judge_open_stand_in(bench->judge, test->role, &bench->stand_ins[test->role]);
		if (r < 0)
			return r;
	}
	return 0;
}

/* The source of a test for a destination's family. -ENOENT: it has no address of that family. */
static int find_source(const struct bench *bench, const struct sp_test *test, bool is_v6,
		       struct sp_addr *ret_source)
{
	const struct sp_fixture_session *session;
	const struct sp_identity *stand_in;
	const struct sp_addr *self;

	switch (test->from) {
	case SP_TEST_ROLE:
		stand_in = &bench->stand_ins[test->role];
		if (!stand_in->has_address[is_v6])
			return -ENOENT;
		*ret_source = stand_in->addresses[is_v6];
		return 0;
	case SP_TEST_USER:
		session = &bench->policy->fixtures.sessions[test->session];
		if (!session->has_address[is_v6])
			return -ENOENT;
		*ret_source = session->addresses[is_v6];
		return 0;
	case SP_TEST_ADDRESS:
		if (sp_addr_is_v4(&test->address) == is_v6)
			return -ENOENT;
		*ret_source = test->address;
		return 0;
	case SP_TEST_SELF:
		self = sp_ask_self(bench->gateway, is_v6);
		if (!self)
			return -ENOENT;
		*ret_source = *self;
		return 0;
	default:
		*ret_source = sp_judge_stranger(bench->policy, bench->gateway, is_v6);
		return 0;
	}
}

static enum sp_hook find_hook(const struct bench *bench, const struct sp_test *test,
			      const struct sp_tuple *tuple)
{
	enum sp_hook hook;

	if (test->from == SP_TEST_SELF)
		return sp_judge_way_out(sp_judge_first_hook(bench->gateway, &tuple->destination));

	if (test->interface &&
	    sp_judge_hook_of_interface(bench->gateway, test->interface, &hook) == 0)
		return hook;
	return sp_ask_first_hook(bench->gateway,
				 test->from == SP_TEST_ADDRESS     ? SP_ASK_ADDRESS
				 : test->from == SP_TEST_ANONYMOUS ? SP_ASK_ANONYMOUS
								   : SP_ASK_PERSON,
				 &tuple->source);
}

static bool is_expected(const struct bench *bench, const struct sp_test *test,
			const struct sp_judgement *judgement)
{
	const char *rule = sp_policy_rule_name(bench->policy, judgement->answer.rule);

	if (judgement->disagree || judgement->answer.verdict != test->expect)
		return false;
	return !test->rule || (rule && !strcmp(rule, test->rule));
}

static int run_test(struct bench *bench, const struct sp_test *test, struct sp_test_result *result)
{
	size_t case_count = 0;
	int r;

	*result = (struct sp_test_result){ .test = test, .passed = true };
	for (size_t i = 0; i < test->to_count; i++) {
		const bool is_v6 = !sp_addr_is_v4(&test->to[i]);

		for (size_t j = 0; j < test->service_count; j++) {
			struct sp_tuple tuple = { .destination = test->to[i] };

			if (find_source(bench, test, is_v6, &tuple.source) < 0 ||
			    !sp_ask_service(&test->services[j], is_v6, bench->next_port++, &tuple))
				continue;
			case_count++;
			result->tuple = tuple;
			r = sp_judge_tuple(bench->judge, find_hook(bench, test, &tuple), &tuple,
					   test->from == SP_TEST_SELF, bench->now_ns,
					   &result->judgement);
			if (r < 0)
				return r;
			if (!is_expected(bench, test, &result->judgement)) {
				result->passed = false;
				return 0;
			}
		}
	}
	if (!case_count) /* no packet was judged, so the test shows nothing */
		result->passed = false;
	return 0;
}

/* ---- only ---- */

/* Whom `only` may be about, in one list: sessions of the fixtures by their index, behind them the
 * stand-ins of roles by theirs. */
struct people {
	struct sp_identity *items;
	uint32_t **roles; /* of each */
	const char **names;
	size_t count;
};

static void people_done(struct people *people)
{
	for (size_t i = 0; people->roles && i < people->count; i++)
		free(people->roles[i]);
	free(people->roles);
	free(people->items);
	free(people->names);
}

static int fill_session(const struct sp_policy *policy, size_t n, int64_t now_s,
			struct people *people)
{
	const struct sp_fixture_session *session = &policy->fixtures.sessions[n];
	const struct sp_person known = sp_fixture_person(session);
	struct sp_identity *person = &people->items[n];
	int r;

	*person = (struct sp_identity){ .user = session->user, .idp = session->idp };
	memcpy(person->addresses, session->addresses, sizeof(person->addresses));
	memcpy(person->has_address, session->has_address, sizeof(person->has_address));
	people->names[n] = session->user;
	r = sp_policy_match_roles(policy, &known, now_s, &people->roles[n], &person->role_count);
	person->roles = people->roles[n];
	return r;
}

/* One nobody asks about has no address, and is nobody's destination. */
static int fill_stand_in(const struct bench *bench, uint32_t role, int64_t now_s,
			 struct people *people)
{
	const size_t n = bench->policy->fixtures.session_count + role;
	struct sp_identity *person = &people->items[n];

	people->roles[n] = malloc(sizeof(*people->roles[n]));
	if (!people->roles[n])
		return -ENOMEM;
	*people->roles[n] = role;
	*person = bench->stand_ins[role];
	person->roles = people->roles[n];
	person->role_count = !sp_role_is_expired(&bench->policy->roles[role], now_s);
	people->names[n] = bench->policy->roles[role].name;
	return 0;
}

static int fill_people(const struct bench *bench, int64_t now_s, struct people *people)
{
	const struct sp_policy *policy = bench->policy;
	const size_t count = policy->fixtures.session_count + policy->role_count;
	int r = 0;

	people->items = calloc(count + 1, sizeof(*people->items));
	people->roles = calloc(count + 1, sizeof(*people->roles));
	people->names = calloc(count + 1, sizeof(*people->names));
	if (!people->items || !people->roles || !people->names)
		return -ENOMEM;
	people->count = count;
	for (size_t i = 0; i < policy->fixtures.session_count && r == 0; i++)
		r = fill_session(policy, i, now_s, people);
	for (uint32_t i = 0; i < policy->role_count && r == 0; i++)
		r = fill_stand_in(bench, i, now_s, people);
	return r;
}

static bool has_only(const struct sp_policy *policy)
{
	for (size_t i = 0; i < policy->test_count; i++)
		if (policy->tests[i].is_only)
			return true;
	return false;
}

static int open_only(const struct bench *bench, const struct sp_facts *facts, struct people *people,
		     struct sp_only **ret_only)
{
	struct sp_only_people all;
	int r;

	if (!has_only(bench->policy))
		return 0;
	r = fill_people(bench, facts->now_s, people);
	if (r < 0)
		return r;
	all = (struct sp_only_people){ people->items, people->names, people->count };
	return sp_only_new(bench->policy, bench->gateway, facts, &all, ret_only);
}

static struct sp_only_from only_from(const struct bench *bench, const struct sp_test *test,
				     const struct sp_addr *source)
{
	const struct sp_tuple tuple = { .source = *source };
	struct sp_only_from from = { .person = SIZE_MAX,
				     .address = *source,
				     .hook = find_hook(bench, test, &tuple) };

	if (test->from == SP_TEST_USER)
		from.person = test->session;
	else if (test->from == SP_TEST_ROLE)
		from.person = bench->policy->fixtures.session_count + test->role;
	return from;
}

/* The packet of a difference, judged: the tables have to be right about it. */
static int judge_difference(struct bench *bench, const struct sp_only_found *found,
			    const struct sp_only_from *from, struct sp_test_result *result)
{
	const enum sp_verdict_action said = found->is_extra ? SP_ALLOW : SP_DENY;
	int r;

	result->passed = false;
	result->tuple = found->tuple;
	result->tuple.source = from->address;
	result->tuple.source_port = bench->next_port++;
	if (result->tuple.proto == IPPROTO_ICMP || result->tuple.proto == IPPROTO_ICMPV6)
		result->tuple.destination_port = result->tuple.source_port;
	memcpy(result->differs, found->words, sizeof(result->differs));
	r = sp_judge_tuple(bench->judge, from->hook, &result->tuple, false, bench->now_ns,
			   &result->judgement);
	if (r == 0 && result->judgement.answer.verdict != said)
		result->judgement.disagree = true;
	return r;
}

static int run_only(struct bench *bench, const struct sp_test *test, struct sp_test_result *result)
{
	size_t families = 0;
	int r = 0;

	*result = (struct sp_test_result){ .test = test, .passed = true };
	for (size_t family = 0; family < 2 && r == 0 && result->passed; family++) {
		struct sp_only_found found;
		struct sp_only_from from;
		struct sp_addr source;

		if (find_source(bench, test, family == 1, &source) < 0)
			continue;
		families++;
		from = only_from(bench, test, &source);
		r = sp_only_compare(bench->only, test, &from, family == 1, &found);
		if (r == 0 && !found.is_same)
			r = judge_difference(bench, &found, &from, result);
	}
	if (!families)
		result->passed = false;
	return r;
}

/* ---- in words ---- */

/* "tcp/80", "icmp/8", "proto/47" */
static void name_service(const struct sp_tuple *tuple, char *buf, size_t size)
{
	switch (tuple->proto) {
	case IPPROTO_TCP:
	case IPPROTO_UDP:
	case IPPROTO_SCTP:
		snprintf(buf, size, "%s/%u",
			 tuple->proto == IPPROTO_TCP   ? "tcp"
			 : tuple->proto == IPPROTO_UDP ? "udp"
						       : "sctp",
			 tuple->destination_port);
		break;
	case IPPROTO_ICMP:
	case IPPROTO_ICMPV6:
		snprintf(buf, size, "%s/%u", tuple->proto == IPPROTO_ICMP ? "icmp" : "icmp6",
			 tuple->icmp_type);
		break;
	default:
		snprintf(buf, size, "proto/%u", tuple->proto);
	}
}

static void name_source(const struct sp_policy *policy, const struct sp_test *test, char *buf,
			size_t size)
{
	char address[SP_ADDR_TEXT_MAX];

	switch (test->from) {
	case SP_TEST_ROLE:
		snprintf(buf, size, "role %s", policy->roles[test->role].name);
		break;
	case SP_TEST_USER:
		snprintf(buf, size, "user %.255s", policy->fixtures.sessions[test->session].user);
		break;
	case SP_TEST_ADDRESS:
		snprintf(buf, size, "%s", sp_addr_format(&test->address, address));
		break;
	case SP_TEST_SELF:
		snprintf(buf, size, "self");
		break;
	default:
		snprintf(buf, size, "anonymous");
	}
}

const char *sp_judge_test_words(const struct sp_policy *policy, const struct sp_test_result *result,
				char buf[SP_TEST_WORDS_MAX])
{
	const struct sp_test *test = result->test;
	char who[300], service[24] = "", address[SP_ADDR_TEXT_MAX];

	name_source(policy, test, who, sizeof(who));
	if (test->is_only) {
		snprintf(buf, SP_TEST_WORDS_MAX, "%s%s%s%s%.255s, only", who,
			 test->interface ? " on " : "", test->interface ? test->interface : "",
			 test->to_text ? " to " : "", test->to_text ? test->to_text : "");
		return buf;
	}
	if (result->judgement.plane)
		name_service(&result->tuple, service, sizeof(service));
	snprintf(buf, SP_TEST_WORDS_MAX, "%s%s%s to %.255s%s%s", who, test->interface ? " on " : "",
		 test->interface ? test->interface : "",
		 test->to_text ? test->to_text
			       : sp_addr_format(&result->tuple.destination, address),
		 *service ? " " : "", service);
	return buf;
}

/* The time a test is asked at: its own, else that of the fixtures, else the clock's. */
static int64_t moment_of(const struct bench *bench, const struct sp_test *test)
{
	if (test && test->at_s != INT64_MIN)
		return test->at_s;
	return sp_policy_moment(bench->policy, bench->facts->now_s);
}

/* All tests of one moment, in judges of their own. */
static int run_moment(struct bench *bench, const struct sp_judge_planes *planes, int64_t at_s,
		      struct sp_test_result *results, struct sp_plane_error *error)
{
	__sp_cleanup(sp_judge_freep) struct sp_judge *judge = NULL;
	__sp_cleanup(sp_only_freep) struct sp_only *only = NULL;
	__sp_cleanup(people_done) struct people people = { 0 };
	const struct sp_policy *policy = bench->policy;
	struct sp_facts facts = *bench->facts;
	int r;

	facts.now_s = at_s;
	facts.now_boot_ns = bench->now_ns;
	r = sp_judge_new(policy, bench->gateway, &facts, planes, &judge, error);
	if (r < 0)
		return r;
	bench->judge = judge;
	bench->plane = sp_judge_plane(judge);
	r = sp_judge_open_fixtures(judge);
	if (r >= 0)
		r = open_roles(bench);
	if (r >= 0)
		r = open_only(bench, &facts, &people, &only);
	bench->only = only;
	for (size_t i = 0; r >= 0 && i < policy->test_count; i++)
		if (moment_of(bench, &policy->tests[i]) == at_s)
			r = policy->tests[i].is_only
				    ? run_only(bench, &policy->tests[i], &results[i])
				    : run_test(bench, &policy->tests[i], &results[i]);
	return r;
}

static bool is_first_of_moment(const struct bench *bench, size_t n)
{
	const struct sp_test *tests = bench->policy->tests;

	for (size_t i = 0; i < n; i++)
		if (moment_of(bench, &tests[i]) == moment_of(bench, &tests[n]))
			return false;
	return true;
}

int sp_judge_run_tests(const struct sp_policy *policy, const struct sp_gateway *gateway,
		       const struct sp_facts *facts, const struct sp_judge_planes *planes,
		       struct sp_test_result **ret_results, size_t *ret_count,
		       const char **ret_plane, struct sp_plane_error *error)
{
	__sp_free struct sp_test_result *results = calloc(policy->test_count + 1, sizeof(*results));
	__sp_free struct sp_identity *stand_ins =
		calloc(policy->role_count + 1, sizeof(*stand_ins));
	struct bench bench = {
		.policy = policy,
		.gateway = gateway,
		.facts = facts,
		.now_ns = 1000000000,
		.next_port = FIRST_PORT,
		.stand_ins = stand_ins,
	};
	int r = 0;

	if (!results || !stand_ins)
		return -ENOMEM;
	if (!policy->test_count) /* a policy the judges cannot take is refused without tests too */
		r = run_moment(&bench, planes, moment_of(&bench, NULL), results, error);
	for (size_t i = 0; r >= 0 && i < policy->test_count; i++)
		if (is_first_of_moment(&bench, i))
			r = run_moment(&bench, planes, moment_of(&bench, &policy->tests[i]),
				       results, error);
	if (r < 0)
		return r;
	*ret_results = SP_TAKE_PTR(results);
	*ret_count = policy->test_count;
	*ret_plane = bench.plane;
	return 0;
}
