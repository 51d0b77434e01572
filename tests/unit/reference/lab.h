/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A gateway, a policy and people for tests of the reference evaluator, and one line to ask it:
 *
 *	expect(&lab, VPN_IN, "100.64.0.7:1000 > 10.30.1.1:22 tcp", "allow policy eng-servers");
 *
 *	wan0 edge: 192.0.2.1, 2001:db8:ffff::1		lan0 inside: 10.30.0.1; 10.30/16, 10.20/16 and
 *	vpn0 tunnel: 100.64.0.1; pool 100.64/16,	2001:db8:30::/48 live there; everything else is
 *	fd00:64::/64					routed to the edge, but 203.0.113/24 nowhere
 *	ana   7  engineer    100.64.0.7, fd00:64::7
 *	bob   8  contractor  100.64.0.8
 *	dora  9  dba         100.64.0.9, fd00:64::9 */
#ifndef SALLYPORT_TEST_LAB_H
#define SALLYPORT_TEST_LAB_H

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "reference/reference.h"
#include "support/frames.h"

#include "../policy/hand.h"

#define EDGE_IN SP_HOOK_EDGE_IN
#define EDGE_OUT SP_HOOK_EDGE_OUT
#define VPN_IN SP_HOOK_VPN_IN
#define VPN_OUT SP_HOOK_VPN_OUT
#define INSIDE_IN SP_HOOK_INSIDE_IN
#define INSIDE_OUT SP_HOOK_INSIDE_OUT

#define SECOND 1000000000ull

enum { ENGINEER, DBA, CONTRACTOR };
enum { ANA = 7, BOB = 8, DORA = 9 };

struct lab {
	struct hand hand;
	struct sp_reference *reference;
	const struct sp_policy *policy; /* the current one */
	uint64_t now_ns;
	uint64_t next_epoch;
	bool is_own; /* of the packets asked about */
	bool is_dhcp_client;
	uint32_t ifindex;
};

static inline void lab_gateway(struct hand *hand)
{
	hand_pool(hand, "100.64.0.0/16 fd00:64::/64");
	hand_self(hand, "192.0.2.1");
	hand_self(hand, "2001:db8:ffff::1");
	hand_self(hand, "10.30.0.1");
	hand_self(hand, "100.64.0.1");
	hand_route(hand, "10.30.0.0/16", SP_ZONE_INSIDE);
	hand_route(hand, "10.20.0.0/16", SP_ZONE_INSIDE);
	hand_route(hand, "10.20.99.0/24", SP_ZONE_EDGE);
	hand_route(hand, "2001:db8:30::/48", SP_ZONE_INSIDE);
	/* all of IPv4 but 203.0.113.0/24, which nobody routes */
	hand_route(hand, "0.0.0.0/1", SP_ZONE_EDGE);
	hand_route(hand, "128.0.0.0/2", SP_ZONE_EDGE);
	hand_route(hand, "192.0.0.0/5", SP_ZONE_EDGE);
	hand_route(hand, "2000::/3", SP_ZONE_EDGE);
	hand_prefixes("192.0.2.0/24 10.20.99.0/24", &hand->gateway.edge_trust,
		      &hand->gateway.edge_trust_count);
}

static inline void lab_networks(struct hand *hand)
{
	hand_network(hand, "servers", "10.30.0.0/16 2001:db8:30::/48", "");
	hand_network(hand, "payroll", "10.30.9.4/32", "");
	hand_network(hand, "office", "10.20.0.0/16 2001:db8:30:20::/64", "");
	hand_network(hand, "admins", "10.20.1.0/28 203.0.113.7/32 100.64.0.9/32", "");
	hand_network(hand, "db", "10.30.8.0/24", "10.30.8.13/32");
	hand_network(hand, "pool", "100.64.0.0/16 fd00:64::/64", "");
	hand_network(hand, "people", "100.64.0.7/32", "");
	hand->policy.bogons = hand_network(
		hand, "bogons", "0.0.0.0/8 10.0.0.0/8 192.168.0.0/16 192.0.2.0/24 ::/128 fc00::/7",
		"");
	hand->policy.drop_bogons = true;
}

static inline void lab_roles(struct hand *hand)
{
	hand_role(hand, "engineer", "corp", "eng");
	hand_role(hand, "dba", "corp", "dba");
	hand_role(hand, "contractor", "partner", "vendors");
}

static inline void lab_rules(struct hand *hand)
{
	hand_rule(hand, SP_RULE_EXPOSE, "tunnel", "any", "self", "udp/51820");
	hand_rule(hand, SP_RULE_EXPOSE, "portal", "any", "self", "tcp/443");
	hand_rule(hand, SP_RULE_PROTECT, "admin-ssh", "admins", "self", "tcp/22 icmp/8 icmp/3");
	hand_rule(hand, SP_RULE_ALLOW, "eng-servers", "role:0", "servers",
		  "tcp/22 tcp/80-90 udp/53 sctp/9 icmp/8 icmp6/128 proto/47");
	hand_rule(hand, SP_RULE_DENY, "payroll-closed", "any", "payroll", "");
	hand_rule(hand, SP_RULE_ALLOW, "office-out", "office", "any", "");
	hand_rule(hand, SP_RULE_ALLOW, "dba-db", "role:1", "db", "tcp/5432");
	hand_rule(hand, SP_RULE_ALLOW, "eng-to-dba", "role:0", "role:1", "tcp/22 udp/53");
	hand_rule(hand, SP_RULE_ALLOW, "bob-web", "user:bob", "servers", "tcp/80");
}

/* @role: -1 for none. */
static inline void lab_open(struct lab *lab, uint32_t number, const char *user, int role,
			    const char *v4, const char *v6, uint64_t expires_ns, uint64_t idle_ns)
{
	uint32_t index = (uint32_t)role;
	struct sp_identity identity = { .user = user,
					.idp = user ? "corp" : NULL,
					.roles = &index,
					.role_count = role < 0 ? 0 : 1 };

	if (v4) {
		identity.addresses[0] = hand_addr(v4);
		identity.has_address[0] = true;
	}
	if (v6) {
		identity.addresses[1] = hand_addr(v6);
		identity.has_address[1] = true;
	}
	assert_int_equal(sp_reference_open_session(lab->reference, number, ++lab->next_epoch,
						   &identity, expires_ns, idle_ns),
			 0);
}

static inline void lab_init_empty(struct lab *lab)
{
	*lab = (struct lab){ .now_ns = 1000 * SECOND, .policy = &lab->hand.policy };
	lab_gateway(&lab->hand);
	lab_networks(&lab->hand);
	lab_roles(&lab->hand);
	assert_int_equal(sp_reference_new(&lab->hand.policy, &lab->hand.gateway, &lab->hand.facts,
					  &lab->reference),
			 0);
}

static inline void lab_init(struct lab *lab)
{
	lab_init_empty(lab);
	lab_rules(&lab->hand);
	lab_open(lab, ANA, "ana", ENGINEER, "100.64.0.7", "fd00:64::7", 0, 0);
	lab_open(lab, BOB, "bob", CONTRACTOR, "100.64.0.8", NULL, 0, 0);
	lab_open(lab, DORA, "dora", DBA, "100.64.0.9", "fd00:64::9", 0, 0);
}

static inline void lab_done(struct lab *lab)
{
	sp_reference_free(lab->reference);
	hand_done(&lab->hand);
}

static inline const char *lab_rule_name(const struct lab *lab, uint32_t number)
{
	if (number == SP_RULE_NONE)
		return "-";
	if (number == SP_RULE_DEFAULT)
		return "default";
	for (size_t i = 0; i < lab->policy->rule_count; i++)
		if (lab->policy->rules[i].number == number)
			return lab->policy->rules[i].name;
	return "?";
}

/* "verdict reason rule"; the rule is "-" for none. On egress hooks @text may begin with where the packet is
 * from: "own ", or the mark of the hook it came by: "judged ", "answer ". */
static inline void lab_ask(struct lab *lab, enum sp_hook hook, const char *text, char *buf,
			   size_t size)
{
	struct test_frame frame;
	struct sp_answer answer;
	struct sp_frame view;

	static const struct {
		const char *word;
		bool is_own;
		uint32_t mark;
	} origins[] = { { "own ", true, 0 },
			{ "judged ", false, SP_MARK_JUDGED },
			{ "answer ", false, SP_MARK_REPLY } };
	bool is_own = lab->is_own;
	uint32_t mark = 0;

	for (size_t i = 0; i < SP_ARRAY_LEN(origins); i++) {
		if (strncmp(text, origins[i].word, strlen(origins[i].word)) != 0)
			continue;
		text += strlen(origins[i].word);
		is_own = origins[i].is_own;
		mark = origins[i].mark;
		break;
	}
	test_frame_make(&frame, text);
	view = test_frame_view(&frame);
	view.is_own = is_own;
	view.mark = mark;
	view.is_dhcp_client = lab->is_dhcp_client;
	view.ifindex = lab->ifindex;
	assert_int_equal(sp_reference_judge(lab->reference, hook, &view, lab->now_ns, &answer), 0);
	snprintf(buf, size, "%s %s %s", sp_verdict_name(answer.verdict),
		 sp_reason_name(answer.reason), lab_rule_name(lab, answer.rule));
}

static inline void lab_expect(struct lab *lab, enum sp_hook hook, const char *text,
			      const char *expected, const char *file, int line)
{
	char got[96];

	lab_ask(lab, hook, text, got, sizeof(got));
	if (strcmp(got, expected) != 0) {
		print_error("%s at %s: %s: \"%s\", not \"%s\"\n", text, sp_hook_name(hook),
			    "wrong answer", got, expected);
		_fail(file, line);
	}
}

#define expect(lab, hook, text, expected) lab_expect(lab, hook, text, expected, __FILE__, __LINE__)

struct lab_row {
	enum sp_hook hook;
	const char *text, *expected;
};

/* Each row in a lab of its own. */
static inline void lab_check_rows(const struct lab_row *rows, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct lab lab;

		lab_init(&lab);
		expect(&lab, rows[i].hook, rows[i].text, rows[i].expected);
		lab_done(&lab);
	}
}

/* A new revision: the same rules but for those in @without (blank-separated), plus what @change adds. */
static inline void lab_apply(struct lab *lab, struct hand *next, uint64_t revision,
			     const char *without, void (*change)(struct hand *hand))
{
	*next = (struct hand){ 0 };
	lab_gateway(next);
	lab_networks(next);
	lab_roles(next);
	lab_rules(next);
	HAND_EACH_WORD(word, without)
	for (size_t i = 0; i < next->policy.rule_count; i++)
		if (strcmp(next->policy.rules[i].name, word) == 0)
			next->policy.rules[i].to_count = 0; /* goes nowhere */
	if (change)
		change(next);
	lab->policy = &next->policy;
	sp_reference_set_policy(lab->reference, &next->policy, &next->gateway, &next->facts,
				revision);
}

#endif
