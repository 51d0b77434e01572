/* SPDX-License-Identifier: GPL-3.0-or-later */
/* docs/judgement.md, top to bottom. Each step either answers or hands on to the next. */
#include "policy/reference.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "net/addr.h"
#include "policy/reference_state.h"

#define SESSION_SEEN_NS 1000000000ull

/* One packet on its way through the steps. */
struct question {
	struct sp_reference *reference;
	const struct sp_frame *frame;
	struct sp_packet pkt;
	enum sp_hook hook;
	enum sp_zone zone;
	bool is_ingress;
	uint64_t now_ns;
	struct sp_answer answer;
	bool is_protected; /* [2] answered */
	int error;         /* -errno; there is no answer then */
};

/* Every step returns true once there is an answer. */
static bool answer(struct question *q, enum sp_verdict_action verdict, enum sp_reason reason,
		   uint32_t rule)
{
	q->answer = (struct sp_answer){ verdict, reason, rule };
	return true;
}

static bool deny(struct question *q, enum sp_reason reason)
{
	return answer(q, SP_DENY, reason, SP_RULE_NONE);
}

/* ---- [0] and what always passes ---- */

static bool judge_parsing(struct question *q)
{
	switch (q->pkt.kind) {
	case SP_PACKET_DENIED:
		return deny(q, q->pkt.reason);
	case SP_PACKET_ARP:
		return answer(q, SP_ALLOW, SP_REASON_ETHERTYPE, SP_RULE_NONE);
	case SP_PACKET_IP:
		break;
	}
	return false;
}

static bool is_link_local_or_unspecified(const struct sp_addr *addr)
{
	static const struct sp_addr unspecified;

	return (addr->b[0] == 0xfe && (addr->b[1] & 0xc0) == 0x80) ||
	       sp_addr_compare(addr, &unspecified) == 0;
}

static bool is_neighbour_discovery(const struct sp_packet *pkt)
{
	uint8_t type = pkt->tuple.icmp_type;

	return pkt->is_v6 && pkt->is_icmp && type >= 133 && type <= 136 &&
	       pkt->tuple.icmp_code == 0 && pkt->hop_limit == 255;
}

static bool is_multicast_listening(const struct sp_packet *pkt)
{
	uint8_t type = pkt->tuple.icmp_type;

	return pkt->is_v6 && pkt->is_icmp && ((type >= 130 && type <= 132) || type == 143) &&
	       pkt->hop_limit == 1 && is_link_local_or_unspecified(&pkt->tuple.source);
}

static bool is_dhcp_answer(const struct sp_packet *pkt)
{
	const struct sp_tuple *tuple = &pkt->tuple;

	if (tuple->proto != IPPROTO_UDP)
		return false;
	return tuple->source_port == (pkt->is_v6 ? 547 : 67) &&
	       tuple->destination_port == (pkt->is_v6 ? 546 : 68);
}

static bool judge_always_passed(struct question *q)
{
	if (q->pkt.is_fragment || (q->hook != SP_HOOK_EDGE_IN && q->hook != SP_HOOK_INSIDE_IN))
		return false;
	if (is_neighbour_discovery(&q->pkt) || is_multicast_listening(&q->pkt) ||
	    (q->frame->is_dhcp_client && is_dhcp_answer(&q->pkt)))
		return answer(q, SP_ALLOW, SP_REASON_PROTECT, SP_RULE_NONE);
	return false;
}

/* ---- [1] ---- */

/* Whether another interface of its zone has the source's network. */
static bool is_misplaced(const struct question *q)
{
	uint32_t ifindex = sp_ref_home_interface(q->reference, &q->pkt.tuple.source);

	return ifindex != 0 && q->frame->ifindex != 0 && ifindex != q->frame->ifindex;
}

static bool judge_spoofed(struct question *q)
{
	int home;

	if (!q->is_ingress)
		return false;
	home = sp_ref_home(q->reference, &q->pkt.tuple.source);
	if (home == SP_HOME_SELF ||
	    ((home == SP_ZONE_TUNNEL || home == SP_ZONE_INSIDE) && home != (int)q->zone))
		return deny(q, SP_REASON_SPOOFED);
	if (home == (int)q->zone && is_misplaced(q))
		return deny(q, SP_REASON_SPOOFED);
	return false;
}

static bool judge_fragment(struct question *q)
{
	return q->pkt.is_fragment &&
	       sp_ref_judge_fragment(q->reference, q->hook, &q->pkt, q->now_ns, &q->answer);
}

/* ---- flows: opening one ---- */

/* Returns the reason it was refused with, or SP_REASON_NONE. */
static enum sp_reason open_flow(struct question *q, bool is_own)
{
	enum sp_reason refused = SP_REASON_NONE;

	if (!sp_ref_can_open(&q->pkt))
		return SP_REASON_NONE;
	q->error = sp_ref_open_flow(q->reference, q->hook, q->zone, &q->pkt, &q->answer, is_own,
				    q->now_ns, &refused);
	return refused;
}

/* ---- [2] ---- */

static void record_protected(struct question *q)
{
	struct sp_ref_flow *flow;
	bool is_reply;

	if (q->pkt.is_icmp_error)
		return;
	flow = sp_ref_find_flow(q->reference, &q->pkt.tuple, &q->pkt, q->now_ns, &is_reply);
	if (flow && !flow->is_own && !is_reply) {
		sp_ref_renew_flow(q->reference, flow, &q->answer, q->now_ns);
		sp_ref_touch_flow(flow, &q->pkt, false, q->now_ns);
		return;
	}
	open_flow(q, false); /* passes without one if there is no room */
}

static bool judge_protect(struct question *q)
{
	const struct sp_rule *rule;

	if (!q->is_ingress)
		return false;
	rule = sp_ref_match_protect(q->reference, q->zone, &q->pkt.tuple);
	if (!rule)
		return false;
	answer(q, SP_ALLOW, SP_REASON_PROTECT, rule->number);
	q->is_protected = true;
	record_protected(q);
	return true;
}

/* ---- [4]-[8], of a packet or of the tuple a stale flow began with ---- */

struct tuple_question {
	struct sp_reference *reference;
	enum sp_hook hook;
	enum sp_zone zone;
	const struct sp_tuple *tuple;
	uint64_t now_ns;
};

/* The sender's half of [4]. Returns SP_REASON_NONE, with a session if it has to have one. */
static enum sp_reason find_sender(const struct tuple_question *t, struct sp_ref_session **ret_sender)
{
	if (t->hook != SP_HOOK_VPN_IN &&
	    !(t->hook == SP_HOOK_VPN_OUT && sp_ref_is_pool_end(t->reference, &t->tuple->source)))
		return SP_REASON_NONE;
	return sp_ref_find_session(t->reference, &t->tuple->source, t->now_ns, ret_sender);
}

static enum sp_reason find_receiver(const struct tuple_question *t,
				    struct sp_ref_session **ret_receiver)
{
	if (!sp_ref_is_pool_end(t->reference, &t->tuple->destination))
		return SP_REASON_NONE;
	return sp_ref_find_session(t->reference, &t->tuple->destination, t->now_ns, ret_receiver);
}

/* Someone parked on their way to where they can sign in again. */
static bool is_parked_request(const struct tuple_question *t)
{
	return t->hook == SP_HOOK_VPN_IN &&
	       sp_ref_is_parked(t->reference, &t->tuple->source, t->now_ns) &&
	       sp_ref_is_parked_target(t->reference, t->tuple);
}

static struct sp_answer judge_tuple(const struct tuple_question *t)
{
	struct sp_ref_session *sender = NULL, *receiver = NULL;
	bool is_parked = is_parked_request(t);
	enum sp_reason reason = SP_REASON_NONE;

	if (!is_parked)
		reason = find_sender(t, &sender);
	if (reason == SP_REASON_NONE)
		reason = find_receiver(t, &receiver);
	if (reason == SP_REASON_NONE && is_parked)
		return (struct sp_answer){ SP_ALLOW, SP_REASON_EXPIRED, SP_RULE_NONE };
	if (reason == SP_REASON_NONE && t->hook == SP_HOOK_EDGE_IN &&
	    sp_ref_is_bogon(t->reference, &t->tuple->source))
		reason = SP_REASON_BOGON;
	if (reason != SP_REASON_NONE)
		return (struct sp_answer){ SP_DENY, reason, SP_RULE_NONE };
	return sp_ref_match_rules(t->reference, t->zone, t->tuple, sender, receiver);
}

static bool is_ingress(enum sp_hook hook)
{
	return hook == SP_HOOK_EDGE_IN || hook == SP_HOOK_VPN_IN || hook == SP_HOOK_INSIDE_IN;
}

/* What a flow's first packet would get today. */
static struct sp_answer judge_again(struct question *q, const struct sp_ref_flow *flow)
{
	struct tuple_question t = { q->reference, flow->hook, flow->zone, &flow->tuple, q->now_ns };
	const struct sp_rule *rule;

	if (is_ingress(flow->hook)) {
		rule = sp_ref_match_protect(q->reference, flow->zone, &flow->tuple);
		if (rule)
			return (struct sp_answer){ SP_ALLOW, SP_REASON_PROTECT, rule->number };
	}
	return judge_tuple(&t);
}

/* An own flow is judged by no rule: its tunnel ends have live sessions. */
static struct sp_answer judge_own_again(struct question *q, const struct sp_ref_flow *flow)
{
	const struct sp_addr *addr[2] = { &flow->tuple.source, &flow->tuple.destination };

	for (int i = 0; i < 2; i++) {
		struct sp_ref_session *session;
		enum sp_reason reason;

		if (!sp_ref_is_pool_end(q->reference, addr[i]))
			continue;
		reason = sp_ref_find_session(q->reference, addr[i], q->now_ns, &session);
		if (reason != SP_REASON_NONE)
			return (struct sp_answer){ SP_DENY, reason, SP_RULE_NONE };
	}
	return (struct sp_answer){ SP_ALLOW, flow->reason, flow->rule };
}

/* ---- [3] ---- */

/* Make sure the flow's answer is today's. False: it is denied now, the flow is gone, and that is the
 * packet's answer too. */
static bool refresh(struct question *q, struct sp_ref_flow *flow)
{
	struct sp_answer today;

	if (sp_ref_flow_is_fresh(q->reference, flow, q->now_ns))
		return true;
	today = flow->is_own ? judge_own_again(q, flow) : judge_again(q, flow);
	if (today.verdict == SP_ALLOW) {
		sp_ref_renew_flow(q->reference, flow, &today, q->now_ns);
		return true;
	}
	sp_ref_delete_flow(q->reference, flow);
	q->answer = today;
	return false;
}

static bool judge_icmp_error(struct question *q)
{
	struct tuple_question t = { q->reference, q->hook, q->zone, &q->pkt.tuple, q->now_ns };
	struct sp_ref_session *sender;
	struct sp_ref_flow *flow = NULL;
	enum sp_reason reason;

	if (q->pkt.has_quote)
		flow = sp_ref_find_flow(q->reference, &q->pkt.quote, NULL, q->now_ns, NULL);
	if (!flow)
		return deny(q, SP_REASON_NO_FLOW);
	if (q->hook == SP_HOOK_VPN_IN) {
		reason = find_sender(&t, &sender);
		if (reason != SP_REASON_NONE)
			return deny(q, reason);
	}
	if (!refresh(q, flow))
		return true;
	return answer(q, SP_ALLOW, SP_REASON_RELATED, flow->rule);
}

/* An address of no pool on the tunnel: nobody's, and no part of anybody's flow. */
static bool is_stranger(const struct question *q)
{
	return q->hook == SP_HOOK_VPN_IN &&
	       sp_ref_home(q->reference, &q->pkt.tuple.source) != SP_ZONE_TUNNEL;
}

static bool judge_flow(struct question *q)
{
	struct sp_ref_flow *flow = NULL;
	bool is_reply = false;

	if (q->pkt.is_icmp_error)
		return judge_icmp_error(q);
	if (!is_stranger(q))
		flow = sp_ref_find_flow(q->reference, &q->pkt.tuple, &q->pkt, q->now_ns, &is_reply);
	if (!flow) {
		bool is_other_icmp = q->pkt.is_icmp && !sp_ref_is_icmp_reply(&q->pkt.tuple);

		if (sp_ref_can_open(&q->pkt) || is_other_icmp)
			return false;
		return deny(q, SP_REASON_NO_FLOW);
	}
	if (!refresh(q, flow))
		return true;
	sp_ref_touch_flow(flow, &q->pkt, is_reply, q->now_ns);
	return answer(q, SP_ALLOW, is_reply ? SP_REASON_REPLY : flow->reason, flow->rule);
}

static bool judge_rules(struct question *q)
{
	struct tuple_question t = { q->reference, q->hook, q->zone, &q->pkt.tuple, q->now_ns };
	enum sp_reason refused;

	q->answer = judge_tuple(&t);
	if (q->answer.verdict != SP_ALLOW)
		return true;
	refused = open_flow(q, false);
	if (refused != SP_REASON_NONE && q->answer.reason != SP_REASON_PROTECT)
		return deny(q, refused);
	return true;
}

/* ---- what follows an answer ---- */

static void mark_sender_seen(struct question *q)
{
	struct sp_ref_session *session;

	if (q->hook != SP_HOOK_VPN_IN || q->is_protected ||
	    sp_ref_find_session(q->reference, &q->pkt.tuple.source, q->now_ns, &session) !=
		    SP_REASON_NONE)
		return;
	if (!session->last_seen_ns ||
	    (q->now_ns > session->last_seen_ns &&
	     q->now_ns - session->last_seen_ns >= SESSION_SEEN_NS))
		session->last_seen_ns = q->now_ns;
}

static void follow_up(struct question *q)
{
	if (q->error < 0 || q->answer.verdict != SP_ALLOW || q->pkt.kind != SP_PACKET_IP)
		return;
	if (q->pkt.is_fragment && q->pkt.is_first_fragment)
		q->error = sp_ref_remember_fragment(q->reference, q->hook, &q->pkt, &q->answer,
						    q->now_ns);
	mark_sender_seen(q);
}

static void judge(struct question *q)
{
	if (judge_parsing(q) || judge_always_passed(q) || judge_spoofed(q) || judge_fragment(q) ||
	    judge_protect(q) || judge_flow(q) || judge_rules(q))
		follow_up(q);
}

/* ---- edge-out, inside-out, and what the gateway itself sends on vpn-out ---- */

static bool may_own(const struct question *q)
{
	int home;

	if (q->hook == SP_HOOK_VPN_OUT)
		return true;
	home = sp_ref_home(q->reference, &q->pkt.tuple.source);
	return home != SP_ZONE_TUNNEL && home != SP_ZONE_INSIDE;
}

static void record_leaving(struct question *q)
{
	const bool is_later = q->pkt.is_fragment && !q->pkt.is_first_fragment;
	struct sp_ref_flow *flow = NULL;
	bool is_reply;

	if (q->pkt.kind != SP_PACKET_IP) {
		answer(q, SP_ALLOW, q->pkt.reason, SP_RULE_NONE);
		return;
	}
	if (!is_later && !q->pkt.is_icmp_error)
		flow = sp_ref_find_flow(q->reference, &q->pkt.tuple, &q->pkt, q->now_ns, &is_reply);
	if (flow) {
		sp_ref_touch_flow(flow, &q->pkt, is_reply, q->now_ns);
		answer(q, SP_ALLOW, is_reply ? SP_REASON_REPLY : flow->reason, flow->rule);
		return;
	}
	answer(q, SP_ALLOW, SP_REASON_POLICY, SP_RULE_NONE);
	if (may_own(q) && open_flow(q, true) != SP_REASON_NONE)
		answer(q, SP_ALLOW, SP_REASON_FLOW_FULL, SP_RULE_NONE);
}

/* ---- the evaluator ---- */

static enum sp_zone zone_of(const struct sp_reference *reference, enum sp_hook hook,
			    const struct sp_packet *pkt)
{
	int home;

	switch (hook) {
	case SP_HOOK_VPN_IN:
		return SP_ZONE_TUNNEL;
	case SP_HOOK_INSIDE_IN:
		return SP_ZONE_INSIDE;
	case SP_HOOK_VPN_OUT:
		home = sp_ref_home(reference, &pkt->tuple.source);
		return home < SP_ZONE_COUNT ? (enum sp_zone)home : SP_ZONE_EDGE;
	default:
		return SP_ZONE_EDGE;
	}
}

int sp_reference_judge(struct sp_reference *reference, enum sp_hook hook,
		       const struct sp_frame *frame, uint64_t now_ns, struct sp_answer *ret_answer)
{
	struct question q = {
		.reference = reference,
		.frame = frame,
		.hook = hook,
		.is_ingress = is_ingress(hook),
		.now_ns = now_ns,
	};

	if (hook <= SP_HOOK_NONE || hook >= SP_HOOK_COUNT)
		return -EINVAL;
	sp_packet_parse(frame->bytes, frame->len, frame->is_ethernet, &q.pkt);
	q.zone = zone_of(reference, hook, &q.pkt);
	if (hook == SP_HOOK_EDGE_OUT || hook == SP_HOOK_INSIDE_OUT ||
	    (hook == SP_HOOK_VPN_OUT && frame->is_own))
		record_leaving(&q);
	else
		judge(&q);
	if (q.error < 0)
		return q.error;
	*ret_answer = q.answer;
	return 0;
}

int sp_reference_new(const struct sp_policy *policy, const struct sp_gateway *gateway,
		     struct sp_reference **ret_reference)
{
	struct sp_reference *reference = calloc(1, sizeof(*reference));

	if (!reference)
		return -ENOMEM;
	reference->policy = policy;
	reference->gateway = gateway;
	reference->session_flows_max = SP_SESSION_FLOWS_MAX;
	reference->sessions.key_len = sizeof(uint32_t);
	reference->idents.key_len = sizeof(struct sp_addr);
	reference->flows.key_len = sizeof(struct sp_ref_flow_key);
	reference->frags.key_len = sizeof(struct sp_ref_frag_key);
	*ret_reference = reference;
	return 0;
}

void sp_reference_free(struct sp_reference *reference)
{
	if (!reference)
		return;
	sp_ref_flows_done(reference);
	sp_ref_frags_done(reference);
	sp_ref_sessions_done(reference);
	free(reference);
}

void sp_reference_set_policy(struct sp_reference *reference, const struct sp_policy *policy,
			     const struct sp_gateway *gateway, uint64_t revision)
{
	sp_ref_sessions_remap_roles(reference, policy);
	reference->policy = policy;
	reference->gateway = gateway;
	reference->revision = revision;
}

void sp_reference_set_flow_bounds(struct sp_reference *reference, uint32_t flows_max,
				  uint32_t session_flows_max)
{
	reference->flows_max = flows_max;
	reference->session_flows_max = session_flows_max;
}
