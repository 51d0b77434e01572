/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Any bytes as packets in a row, on any hook: the parser, the reference evaluator and the whole programs, compiled
 * for user space, neither crash nor say what they cannot mean, and what they say depends on the packets alone; the
 * two judges say the same, and the programs do with the packet what they say (refusals are read back). From the edge nothing gets in that neither an entry of the policy nor a flow
 * speaks for.
 * Input: records of a control byte, a byte of mark (2 bits) and step in time, and a length (16 bits, big endian),
 * then the bytes. */
#include <netinet/in.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "net/addr.h"
#include "net/packet.h"
#include "policy/load.h"
#include "reference/reference.h"
#include "support/user_judge.h"
#include "tables/tables.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CONTROL_HOOK 0x07
#define CONTROL_ETHERNET 0x08
#define CONTROL_OWN 0x10
#define CONTROL_DHCP 0x20
#define CONTROL_APPLY 0x40 /* a new revision before the packet */
#define CONTROL_END 0x80   /* ana's session ends or comes back before the packet */
#define STEP_MASK 0x3f
#define IDLE_NS 10000000000 /* whoever is silent for longer is parked */
#define FLOWS_MAX 64u
#define SESSION_FLOWS_MAX 16u

static const struct sp_facts no_facts;

static const char policy_text[] =
	"sallyport: 1\n"
	"roles:\n"
	"  eng: { match: [ {idp: corp, group: eng} ] }\n"
	"  dba: { match: [ {idp: corp, group: dba} ] }\n"
	"networks:\n"
	"  servers: [10.30.0.0/16, \"2001:db8:30::/48\"]\n"
	"edge:\n"
	"  drop: [bogons]\n"
	"  expose: [ {name: portal, to: self, service: tcp/443} ]\n"
	"protect: [ {name: ssh, from: 10.20.0.0/16, to: self, services: [tcp/22]} ]\n"
	"rules:\n"
	"  - { name: eng-servers, allow: {from: eng, to: servers} }\n"
	"  - { name: closed, deny: {from: any, to: 10.30.9.4} }\n"
	"  - { name: peers, allow: {from: eng, to: {role: dba}, services: [tcp/22]} }\n"
	"  - { name: office, allow: {from: 10.20.0.0/16, to: any} }\n"
	"fixtures:\n"
	"  pool: [100.64.0.0/16, \"fd00:64::/64\"]\n"
	"  self: [192.0.2.1, \"2001:db8:ffff::1\"]\n"
	"  sessions:\n"
	"    - {user: ana, idp: corp, groups: [eng], address: [100.64.0.7, \"fd00:64::7\"]}\n"
	"    - {user: dora, idp: corp, groups: [dba], address: 100.64.0.9}\n";

static void check(bool holds)
{
	if (!holds)
		abort();
}

/* What parked people reach: fixtures have no words for it. */
static void add_parked(struct sp_gateway *gateway)
{
	gateway->portal_port = 443;
	gateway->resolvers = calloc(1, sizeof(*gateway->resolvers));
	check(gateway->resolvers && sp_addr_parse("10.30.0.53", gateway->resolvers) == 0);
	gateway->resolver_count = 1;
}

static const struct sp_policy *the_policy(void)
{
	static struct sp_policy *policy;
	struct sp_diagnostics diagnostics = { 0 };

	if (!policy) {
		check(sp_policy_load("p", policy_text, strlen(policy_text), &policy,
				     &diagnostics) == 0);
		check(sp_policy_number_rules(policy, NULL, NULL) == 0);
		sp_diagnostics_done(&diagnostics);
		add_parked(&policy->fixtures.gateway);
	}
	return policy;
}

/* A person of the fixtures as both judges know them: made once. */
struct person {
	struct sp_identity identity;
	uint32_t class_id[2], netset[2], own_netset[2]; /* by family */
};

static struct person person[2];

static const struct sp_identity *identity_of(uint32_t number)
{
	const struct sp_fixture_session *session = &the_policy()->fixtures.sessions[number];
	const struct sp_person who = sp_fixture_person(session);
	struct sp_identity *identity = &person[number].identity;
	uint32_t *roles;

	if (identity->user)
		return identity;
	check(sp_policy_match_roles(the_policy(), &who, 0, &roles, &identity->role_count) == 0);
	identity->user = session->user;
	identity->idp = session->idp;
	identity->roles = roles;
	memcpy(identity->addresses, session->addresses, sizeof(identity->addresses));
	memcpy(identity->has_address, session->has_address, sizeof(identity->has_address));
	return identity;
}

static struct user_revision *the_tables(void)
{
	static struct user_revision *revision;
	struct sp_tables *tables;

	if (revision)
		return revision;
	check(sp_tables_compile(the_policy(), &the_policy()->fixtures.gateway, &no_facts,
				&tables) == 0);
	for (uint32_t i = 0; i < the_policy()->fixtures.session_count; i++)
		check(sp_tables_add_identity(tables, identity_of(i), person[i].class_id,
					     person[i].netset, person[i].own_netset) == 0);
	check(user_revision_new(tables, 1, &revision) == 0);
	sp_tables_free(tables);
	return revision;
}

static void open_session(struct sp_reference *reference, uint32_t number, uint64_t epoch)
{
	check(sp_reference_open_session(reference, number, epoch, identity_of(number), 0,
					IDLE_NS) == 0);
}

static void open_user_session(struct user_judge *judge, uint32_t number, uint64_t epoch)
{
	const struct sp_identity *identity = identity_of(number);
	struct sp_session *session = user_judge_session(judge, number);

	*session = (struct sp_session){
		.epoch = epoch,
		.idle_ns = IDLE_NS,
		.flows = SP_SESSION_FLOWS_MAX - SESSION_FLOWS_MAX,
		.parked_flows = SP_PARKED_FLOWS_MAX - SESSION_FLOWS_MAX / 4,
	};
	for (int slot = 0; slot < 2; slot++) {
		memcpy(session->class_id[slot], person[number].class_id,
		       sizeof(session->class_id[slot]));
		memcpy(session->netset[slot], person[number].netset, sizeof(session->netset[slot]));
		memcpy(session->own_netset[slot], person[number].own_netset,
		       sizeof(session->own_netset[slot]));
	}
	for (int family = 0; family < 2; family++)
		if (identity->has_address[family])
			user_judge_put_ident(judge, &identity->addresses[family], number, epoch);
}

static struct user_judge *new_user_judge(void)
{
	struct user_judge *judge;

	(void)the_tables();
	judge = user_judge_new(FLOWS_MAX);
	for (uint32_t i = 0; i < the_policy()->fixtures.session_count; i++)
		open_user_session(judge, i, i + 1);
	return judge;
}

static struct sp_reference *new_reference(void)
{
	const struct sp_policy *policy = the_policy();
	struct sp_reference *reference;

	check(sp_reference_new(policy, &policy->fixtures.gateway, &no_facts, &reference) == 0);
	for (uint32_t i = 0; i < policy->fixtures.session_count; i++)
		open_session(reference, i, i + 1);
	sp_reference_set_flow_bounds(reference, FLOWS_MAX, SESSION_FLOWS_MAX);
	return reference;
}

static void check_packet(const struct sp_packet *pkt, size_t len)
{
	switch (pkt->kind) {
	case SP_PACKET_DENIED:
		check(pkt->reason == SP_REASON_MALFORMED || pkt->reason == SP_REASON_TRUNCATED ||
		      pkt->reason == SP_REASON_ETHERTYPE || pkt->reason == SP_REASON_FRAGMENT);
		return;
	case SP_PACKET_ARP:
		return;
	case SP_PACKET_IP:
		break;
	}
	check(pkt->length <= len);
	check(pkt->is_v6 != sp_addr_is_v4(&pkt->tuple.source));
	check(pkt->is_v6 != sp_addr_is_v4(&pkt->tuple.destination));
	check(!pkt->is_fragment || pkt->fragment_from < pkt->fragment_to);
	check(!pkt->has_quote || (pkt->is_icmp_error && pkt->is_icmp));
	check(!pkt->has_quote || sp_addr_compare(&pkt->quote.source, &pkt->tuple.destination) == 0);
}

static void check_answer(const struct sp_packet *pkt, bool is_leaving,
			 const struct sp_answer *answer)
{
	check(answer->verdict < SP_VERDICT_COUNT);
	check(answer->reason > SP_REASON_NONE && answer->reason < SP_REASON_COUNT);
	check(answer->rule == SP_RULE_NONE || answer->rule <= the_policy()->rule_count);
	check((answer->rule == SP_RULE_DEFAULT) == (answer->reason == SP_REASON_DEFAULT));
	check(answer->reason != SP_REASON_DEFAULT || answer->verdict == SP_DENY);
	check(answer->reason != SP_REASON_EXPIRED || answer->rule == SP_RULE_NONE);
	check(answer->reason != SP_REASON_REVOKED ||
	      (answer->rule == SP_RULE_NONE && answer->verdict == SP_DENY));
	if (pkt->kind == SP_PACKET_DENIED)
		check(answer->verdict == (is_leaving ? SP_ALLOW : SP_DENY) &&
		      answer->reason == pkt->reason);
}

/* Two evaluators and the programs' judge, which are told the same. */
struct twins {
	struct sp_reference *reference[2];
	struct user_judge *user;
	uint64_t now_ns, revision, epoch;
	bool has_ended;   /* session 0 */
	bool has_exposed; /* a packet was let in by an expose entry: a flow may keep that reason */
	bool has_passed;  /* a packet of IP was allowed: there may be a flow */
};

/* ---- what gets in from the edge ---- */

static bool is_in(const struct sp_addr *addr, const char *text)
{
	struct sp_prefix prefix;

	check(sp_prefix_parse(text, &prefix) == 0);
	return sp_prefix_contains(&prefix, addr);
}

static bool is_self(const struct sp_addr *addr)
{
	return is_in(addr, "192.0.2.1/32") || is_in(addr, "2001:db8:ffff::1/128");
}

/* Where the always-passed table may lead: no further than here. */
static bool is_here(const struct sp_packet *pkt, const struct sp_frame *frame)
{
	const struct sp_addr *to = &pkt->tuple.destination;

	if (pkt->is_v6)
		return is_self(to) || is_in(to, "fe80::/10") || is_in(to, "ff02::/16");
	return frame->is_dhcp_client && pkt->tuple.destination_port == 68 &&
	       !is_in(to, "100.64.0.0/16");
}

/* A service of the gateway; behind the first fragment there are no ports. */
static bool is_to_port(const struct sp_packet *pkt, uint16_t port)
{
	if (!is_self(&pkt->tuple.destination) || pkt->tuple.proto != IPPROTO_TCP)
		return false;
	return pkt->tuple.destination_port == port || (pkt->is_fragment && !pkt->is_first_fragment);
}

/* Whether a packet allowed at edge-in for this reason has something that speaks for it. */
static bool is_let_in(const struct twins *twins, const struct sp_packet *pkt,
		      const struct sp_frame *frame, const struct sp_answer *answer)
{
	switch (answer->reason) {
	case SP_REASON_ETHERTYPE:
		return pkt->kind == SP_PACKET_ARP;
	case SP_REASON_PROTECT:
		if (answer->rule == SP_RULE_NONE)
			return is_here(pkt, frame);
		return is_in(&pkt->tuple.source, "10.20.0.0/16") && is_to_port(pkt, 22);
	case SP_REASON_EXPOSE:
		return is_to_port(pkt, 443);
	case SP_REASON_POLICY:
		return is_in(&pkt->tuple.source, "10.20.0.0/16");
	case SP_REASON_REPLY:
	case SP_REASON_RELATED:
		return twins->has_passed;
	default:
		return false;
	}
}

/* ---- the packets ---- */

static void change_state(struct twins *twins, uint8_t control, uint8_t step)
{
	step &= STEP_MASK;
	twins->now_ns += (uint64_t)step * step * 1000000000;
	twins->epoch++;
	if (control & CONTROL_APPLY)
		twins->revision++;
	if (control & CONTROL_END)
		twins->has_ended = !twins->has_ended;
	if ((control & CONTROL_END) && twins->has_ended)
		user_judge_session(twins->user, 0)->epoch = 0;
	else if (control & CONTROL_END)
		open_user_session(twins->user, 0, twins->epoch);
	for (int i = 0; i < 2; i++) {
		if (control & CONTROL_APPLY)
			sp_reference_set_policy(twins->reference[i], the_policy(),
						&the_policy()->fixtures.gateway, &no_facts,
						twins->revision);
		if ((control & CONTROL_END) && twins->has_ended)
			sp_reference_end_session(twins->reference[i], 0);
		else if (control & CONTROL_END)
			open_session(twins->reference[i], 0, twins->epoch);
	}
}

static void judge(struct twins *twins, uint8_t control, uint8_t mark, const uint8_t *bytes,
		  size_t len)
{
	static const uint32_t marks[4] = { 0, SP_MARK_JUDGED, SP_MARK_REPLY, SP_MARK_JUDGED_ODD };
	enum sp_hook hook = SP_HOOK_EDGE_IN + (control & CONTROL_HOOK) % (SP_HOOK_JUDGE_COUNT - 1);
	struct sp_frame frame = {
		.bytes = bytes,
		.len = len,
		.is_ethernet = control & CONTROL_ETHERNET,
		.is_own = control & CONTROL_OWN,
		.is_dhcp_client = control & CONTROL_DHCP,
		.mark = marks[mark & 3],
	};
	bool is_leaving = hook == SP_HOOK_EDGE_OUT || hook == SP_HOOK_INSIDE_OUT ||
			  (hook == SP_HOOK_VPN_OUT && frame.is_own);
	struct sp_answer answer[2], user;
	const char *wrong;
	struct sp_packet pkt;

	sp_packet_parse(bytes, len, frame.is_ethernet, &pkt);
	check_packet(&pkt, len);
	for (int i = 0; i < 2; i++)
		check(sp_reference_judge(twins->reference[i], hook, &frame, twins->now_ns,
					 &answer[i]) == 0);
	check(sp_answer_equal(&answer[0], &answer[1]));
	user_revision_set_number(the_tables(), twins->revision + 1);
	user = user_judge_ask(twins->user, the_tables(), hook, &frame, twins->now_ns, &wrong);
	check(!wrong);
	/* what no stranger may do is asked of the programs first: they are who opens the door */
	check(user.verdict != SP_ALLOW || hook != SP_HOOK_EDGE_IN ||
	      is_let_in(twins, &pkt, &frame, &user));
	check(sp_answer_equal(&answer[0], &user));
	check_answer(&pkt, is_leaving, &answer[0]);
	if (answer[0].verdict != SP_ALLOW)
		return;
	if (pkt.kind == SP_PACKET_IP &&
	    !(answer[0].reason == SP_REASON_PROTECT && answer[0].rule == SP_RULE_NONE))
		twins->has_passed = true;
	if (answer[0].reason == SP_REASON_EXPOSE) {
		/* the tunnel and the inside open nothing by it; they may meet a flow that was */
		check(twins->has_exposed || (hook != SP_HOOK_VPN_IN && hook != SP_HOOK_INSIDE_IN));
		twins->has_exposed = true;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct twins twins = { .reference = { new_reference(), new_reference() },
			       .user = new_user_judge(),
			       .now_ns = 1,
			       .epoch = 1000 };
	struct sp_reader reader = sp_reader(data, size);

	while (reader.left >= 4) {
		uint8_t control = sp_take_u8(&reader), step = sp_take_u8(&reader);
		size_t len = sp_take_be16(&reader);
		uint8_t *exact;

		len = len < reader.left ? len : reader.left;
		exact = malloc(len ? len : 1); /* so that a read behind it is seen */
		check(exact);
		memcpy(exact, sp_take(&reader, len), len);
		change_state(&twins, control, step);
		judge(&twins, control, step >> 6, exact, len);
		free(exact);
	}
	sp_reference_free(twins.reference[0]);
	sp_reference_free(twins.reference[1]);
	user_judge_free(twins.user);
	return 0;
}
