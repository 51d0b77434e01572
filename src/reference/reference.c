/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The order of judgement (docs/judgement.md), from top to bottom. Each step either answers or
 * leaves the packet to the next. */
#include "reference/reference.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "net/addr.h"
#include "reference/state.h"

#define SESSION_SEEN_NS 1000000000ull
#define TCP_SYN 0x02
#define TCP_ACK 0x10

/* A packet that is being judged. */
struct question {
	struct sp_reference *reference;
	const struct sp_frame *frame;
	struct sp_packet pkt;
	enum sp_hook hook;
	enum sp_zone zone;
	bool is_ingress;
	uint64_t now_ns;
	struct sp_answer answer;
	struct sp_ref_taker taker; /* who was asked for this packet */
	bool is_protected;         /* [2] answered */
	int error;                 /* -errno; there is no answer then */
};

/* Set the answer. Every step returns true if it has set one. */
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

static bool is_link_local(const struct sp_addr *addr)
{
	return addr->b[0] == 0xfe && (addr->b[1] & 0xc0) == 0x80;
}

static bool is_unspecified(const struct sp_addr *addr)
{
	static const struct sp_addr unspecified;

	return sp_addr_compare(addr, &unspecified) == 0;
}

static bool is_solicited_node(const struct sp_addr *addr)
{
	static const uint8_t prefix[13] = { 0xff, 2, [11] = 1, [12] = 0xff };

	return memcmp(addr->b, prefix, sizeof(prefix)) == 0;
}

static bool is_link_multicast(const struct sp_addr *addr)
{
	return addr->b[0] == 0xff && addr->b[1] == 2;
}

/* Can a host whose address has this home be on this interface? Not if the home is another zone or
 * the gateway itself. */
static bool is_plausible_home(const struct question *q, int home)
{
	if (home == SP_HOME_SELF)
		return false;
	return (home != SP_ZONE_TUNNEL && home != SP_ZONE_INSIDE) || home == (int)q->zone;
}

static bool is_plausible_source(const struct question *q)
{
	const struct sp_addr *source = &q->pkt.tuple.source;

	return is_link_local(source) || is_plausible_home(q, sp_ref_home(q->reference, source));
}

static bool is_for_us_or_the_link(const struct question *q)
{
	const struct sp_addr *destination = &q->pkt.tuple.destination;

	return is_link_local(destination) || is_link_multicast(destination) ||
	       sp_ref_is_self(q->reference, destination);
}

static bool is_neighbour_discovery(const struct question *q)
{
	const struct sp_tuple *tuple = &q->pkt.tuple;

	if (tuple->icmp_code != 0 || q->pkt.hop_limit != 255 || !is_for_us_or_the_link(q))
		return false;
	switch (tuple->icmp_type) {
	case 133: /* router solicitation */
		return is_unspecified(&tuple->source) || is_plausible_source(q);
	case 134: /* router advertisement */
		return is_link_local(&tuple->source);
	case 135: /* neighbour solicitation */
		if (is_unspecified(&tuple->source))
			return is_solicited_node(&tuple->destination);
		return is_plausible_source(q);
	case 136: /* neighbour advertisement */
		return !is_unspecified(&tuple->source) && is_plausible_source(q);
	}
	return false;
}

static bool is_multicast_listening(const struct question *q)
{
	const struct sp_tuple *tuple = &q->pkt.tuple;

	if (tuple->icmp_type != 143 && (tuple->icmp_type < 130 || tuple->icmp_type > 132))
		return false;
	return q->pkt.hop_limit == 1 &&
	       (is_link_local(&tuple->source) || is_unspecified(&tuple->source)) &&
	       (is_link_local(&tuple->destination) || is_link_multicast(&tuple->destination));
}

static bool is_dhcp4_answer(const struct question *q)
{
	static const uint8_t broadcast[4] = { 255, 255, 255, 255 };
	const struct sp_tuple *tuple = &q->pkt.tuple;
	int home = sp_ref_home(q->reference, &tuple->destination);

	if (tuple->source_port != 67 || tuple->destination_port != 68 || !is_plausible_source(q))
		return false;
	if (memcmp(tuple->destination.b + 12, broadcast, sizeof(broadcast)) == 0)
		return true;
	return home == SP_HOME_SELF || is_plausible_home(q, home);
}

static bool is_dhcp6_answer(const struct question *q)
{
	const struct sp_tuple *tuple = &q->pkt.tuple;

	return tuple->source_port == 547 && tuple->destination_port == 546 &&
	       is_link_local(&tuple->source) &&
	       (is_link_local(&tuple->destination) ||
		sp_ref_is_self(q->reference, &tuple->destination));
}

static bool is_needed_by_interface(const struct question *q)
{
	if (q->pkt.is_v6 && q->pkt.is_icmp)
		return is_neighbour_discovery(q) || is_multicast_listening(q);
	if (q->pkt.tuple.proto != IPPROTO_UDP || !q->frame->is_dhcp_client)
		return false;
	return q->pkt.is_v6 ? is_dhcp6_answer(q) : is_dhcp4_answer(q);
}

static bool judge_always_passed(struct question *q)
{
	if (q->pkt.is_fragment || (q->hook != SP_HOOK_EDGE_IN && q->hook != SP_HOOK_INSIDE_IN))
		return false;
	return is_needed_by_interface(q) && answer(q, SP_ALLOW, SP_REASON_PROTECT, SP_RULE_NONE);
}

/* ---- [1] ---- */

/* Does another interface of the zone have the source's network? */
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

/* ---- [9] ---- */

/* The answer is an allow. Does the packet's taker have enough for it? Else it becomes a deny. */
static bool takes(struct question *q, bool opens)
{
	bool is_denied = false;

	q->error = sp_ref_limit_take(q->reference, &q->taker, q->pkt.length, opens, q->now_ns,
				     &is_denied);
	if (is_denied)
		answer(q, SP_DENY, SP_REASON_LIMIT, q->answer.rule);
	return !is_denied && q->error == 0;
}

static enum sp_zone hook_zone(enum sp_hook hook)
{
	switch (hook) {
	case SP_HOOK_VPN_IN:
	case SP_HOOK_VPN_OUT:
		return SP_ZONE_TUNNEL;
	case SP_HOOK_INSIDE_IN:
	case SP_HOOK_INSIDE_OUT:
		return SP_ZONE_INSIDE;
	default:
		return SP_ZONE_EDGE;
	}
}

/* A packet that @flow allows, or an error about it: the zone of the hook that opened it asks. */
static bool takes_of_flow(struct question *q, const struct sp_ref_flow *flow)
{
	if (hook_zone(flow->hook) != hook_zone(q->hook))
		return true;
	q->taker = (struct sp_ref_taker){
		.limit = flow->limit,
		.rule = flow->rule,
		.epoch = flow->ends[0].was_live ? flow->ends[0].epoch : 0,
		.source = flow->tuple.source,
		.is_edge = flow->zone == SP_ZONE_EDGE,
	};
	return takes(q, false);
}

/* A packet that rules have just allowed. On vpn-out what opens no flow was asked where it came
 * in. */
static bool takes_anew(struct question *q)
{
	struct sp_ref_session *session = NULL;
	const bool opens = sp_ref_can_open(&q->pkt);

	if (!opens && !q->is_ingress)
		return true;
	if (sp_ref_is_pool_end(q->reference, &q->pkt.tuple.source))
		sp_ref_find_session(q->reference, &q->pkt.tuple.source, q->now_ns, &session);
	q->taker = (struct sp_ref_taker){
		.limit = q->answer.limit,
		.rule = q->answer.rule,
		.epoch = session ? session->epoch : 0,
		.source = q->pkt.tuple.source,
		.is_edge = q->zone == SP_ZONE_EDGE,
	};
	return takes(q, opens);
}

static bool judge_fragment(struct question *q)
{
	if (!q->pkt.is_fragment || !sp_ref_judge_fragment(q->reference, q->hook, &q->pkt, q->now_ns,
							  &q->answer, &q->taker))
		return false;
	if (q->answer.verdict == SP_ALLOW)
		takes(q, false);
	return true;
}

/* ---- flows: opening one ---- */

/* Open a flow for the packet. Returns the reason why there is no room, or SP_REASON_NONE. */
static enum sp_reason open_flow(struct question *q, enum sp_ref_kind kind)
{
	enum sp_reason refused = SP_REASON_NONE;

	if (!sp_ref_can_open(&q->pkt))
		return SP_REASON_NONE;
	q->error = sp_ref_open_flow(q->reference, q->hook, q->zone, &q->pkt, &q->answer, kind,
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
	if (flow && !sp_ref_is_unruled(flow) && !is_reply) {
		sp_ref_renew_flow(q->reference, flow, &q->answer, q->now_ns);
		sp_ref_touch_flow(flow, &q->pkt, false, q->now_ns);
		return;
	}
	open_flow(q, SP_REF_JUDGED); /* if there is no room, the packet passes without a flow */
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

/* [2b] */
static bool judge_ban(struct question *q)
{
	const struct sp_reference *reference = q->reference;
	const struct sp_ref_ban *longest = NULL;

	for (size_t i = 0; i < reference->ban_count && q->hook == SP_HOOK_EDGE_IN; i++) {
		const struct sp_ref_ban *ban = &reference->bans[i];

		if (sp_prefix_contains(&ban->prefix, &q->pkt.tuple.source) &&
		    (!longest || ban->prefix.prefix_len > longest->prefix.prefix_len))
			longest = ban;
	}
	if (!longest || sp_ref_is_past(q->now_ns, longest->until_ns))
		return false;
	return deny(q, SP_REASON_BLOCKLIST);
}

/* ---- [4]-[8], of a packet or of the tuple a stale flow began with ---- */

struct tuple_question {
	struct sp_reference *reference;
	enum sp_hook hook;
	enum sp_zone zone;
	const struct sp_tuple *tuple;
	uint64_t now_ns;
};

/* The sender's half of [4]. Returns SP_REASON_NONE, with the session if the sender must have
 * one. */
static enum sp_reason find_sender(const struct tuple_question *t,
				  struct sp_ref_session **ret_sender)
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

/* Is this a packet of a parked session to a place where its person can sign in again? */
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
	if (reason == SP_REASON_NONE && t->hook == SP_HOOK_EDGE_IN &&
	    sp_ref_is_listed(t->reference, &t->tuple->source))
		reason = SP_REASON_BLOCKLIST;
	if (reason != SP_REASON_NONE)
		return (struct sp_answer){ SP_DENY, reason, SP_RULE_NONE };
	return sp_ref_match_rules(t->reference,
				  &(struct sp_ref_case){ t->zone, t->tuple, sender, receiver },
				  t->now_ns);
}

static bool is_ingress(enum sp_hook hook)
{
	return hook == SP_HOOK_EDGE_IN || hook == SP_HOOK_VPN_IN || hook == SP_HOOK_INSIDE_IN;
}

/* The answer that a flow's first packet would get now. */
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

/* Ask the rules from self about a packet that the gateway itself sends. */
static struct sp_answer judge_self(const struct question *q, const struct sp_tuple *tuple)
{
	struct sp_ref_session *receiver = NULL;
	bool is_known = !sp_ref_is_pool_end(q->reference, &tuple->destination) ||
			sp_ref_find_session(q->reference, &tuple->destination, q->now_ns,
					    &receiver) == SP_REASON_NONE;

	return sp_ref_match_self(q->reference, tuple, receiver, is_known);
}

/* Judge a flow that no rule allowed: its ends on the tunnel must have live sessions, and rules from
 * self must not deny the gateway's own. */
static struct sp_answer judge_unruled_again(struct question *q, const struct sp_ref_flow *flow)
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
	if (flow->is_own)
		return judge_self(q, &flow->tuple);
	return (struct sp_answer){ SP_ALLOW, SP_REASON_POLICY, SP_RULE_NONE };
}

/* ---- [3] ---- */

/* Judge the flow again if its answer is not the present one. Returns false: it is denied, which is
 * the packet's answer too. */
static bool refresh(struct question *q, struct sp_ref_flow *flow)
{
	struct sp_answer today;

	if (!sp_ref_flow_is_fresh(q->reference, flow, q->now_ns)) {
		today = sp_ref_is_unruled(flow) ? judge_unruled_again(q, flow)
						: judge_again(q, flow);
		sp_ref_renew_flow(q->reference, flow, &today, q->now_ns);
	}
	if (!flow->is_denied)
		return true;
	flow->last_seen_ns = q->now_ns;
	q->answer = (struct sp_answer){ SP_DENY, flow->reason, flow->rule, 0, flow->audit };
	return false;
}

/* Answer a packet by its flow. */
static void ask_flow(struct question *q, struct sp_ref_flow *flow, bool is_reply)
{
	if (!refresh(q, flow))
		return;
	answer(q, SP_ALLOW, is_reply ? SP_REASON_REPLY : flow->reason, flow->rule);
	q->answer.audit = flow->audit;
	if (takes_of_flow(q, flow))
		sp_ref_touch_flow(flow, &q->pkt, is_reply, q->now_ns);
}

/* Does the ICMP error come from a place on the way of the packet that it quotes? */
static bool is_from_the_way(const struct question *q)
{
	const struct sp_addr *to = &q->pkt.quote.destination;
	int from = sp_ref_home(q->reference, &q->pkt.tuple.source), home;

	if (!q->is_ingress)
		return true;
	if (q->hook == SP_HOOK_VPN_IN)
		return sp_addr_compare(&q->pkt.tuple.source, to) == 0;
	if (from != (int)q->zone && from != SP_HOME_UNKNOWN)
		return false;
	home = sp_ref_home(q->reference, to);
	return home == (int)q->zone || (home == SP_HOME_UNKNOWN && q->zone == SP_ZONE_EDGE);
}

static bool judge_icmp_error(struct question *q)
{
	struct tuple_question t = { q->reference, q->hook, q->zone, &q->pkt.tuple, q->now_ns };
	struct sp_ref_session *sender;
	struct sp_ref_flow *flow = NULL;
	enum sp_reason reason;

	if (q->pkt.has_quote && is_from_the_way(q))
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
	answer(q, SP_ALLOW, SP_REASON_RELATED, flow->rule);
	q->answer.audit = flow->audit;
	takes_of_flow(q, flow);
	q->taker.limit = 0; /* later fragments of an error are not asked */
	return true;
}

/* Is the sender on the tunnel without an address of the pools? It belongs to nobody, and to no
 * flow. */
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
	/* no rule allowed the original direction of this flow, so rules must judge it */
	if (flow && sp_ref_is_unruled(flow) && !is_reply)
		flow = NULL;
	if (flow && flow->is_forwarded && q->hook == SP_HOOK_VPN_OUT)
		flow = NULL;
	if (!flow) {
		bool is_other_icmp = q->pkt.is_icmp && !sp_ref_is_icmp_reply(&q->pkt.tuple);

		if ((sp_ref_can_open(&q->pkt) || is_other_icmp) &&
		    !(q->hook == SP_HOOK_VPN_OUT && q->frame->mark == SP_MARK_REPLY))
			return false;
		return deny(q, SP_REASON_NO_FLOW);
	}
	ask_flow(q, flow, is_reply);
	return true;
}

static bool judge_rules(struct question *q)
{
	struct tuple_question t = { q->reference, q->hook, q->zone, &q->pkt.tuple, q->now_ns };
	enum sp_reason refused;

	q->answer = judge_tuple(&t);
	if (q->answer.verdict != SP_ALLOW || !takes_anew(q))
		return true;
	refused = open_flow(q, SP_REF_JUDGED);
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
	if (!session->last_seen_ns || (q->now_ns > session->last_seen_ns &&
				       q->now_ns - session->last_seen_ns >= SESSION_SEEN_NS))
		session->last_seen_ns = q->now_ns;
}

static void follow_up(struct question *q)
{
	if (q->error < 0 || q->answer.verdict != SP_ALLOW || q->pkt.kind != SP_PACKET_IP)
		return;
	if (q->pkt.is_fragment && q->pkt.is_first_fragment)
		q->error = sp_ref_remember_fragment(q->reference, q->hook, &q->pkt, &q->answer,
						    &q->taker, q->now_ns);
	mark_sender_seen(q);
}

static void judge(struct question *q)
{
	if (judge_parsing(q) || judge_always_passed(q) || judge_spoofed(q) || judge_fragment(q) ||
	    judge_protect(q) || judge_ban(q) || judge_flow(q) || judge_rules(q))
		follow_up(q);
}

/* ---- edge-out, inside-out, and what the gateway itself sends on vpn-out ---- */

static bool is_answer(const struct question *q)
{
	return !q->frame->is_own && q->frame->mark == SP_MARK_REPLY;
}

/* The kind of flow that the packet opens. Returns false: none. */
static bool kind_of(const struct question *q, enum sp_ref_kind *ret_kind)
{
	uint8_t proto = q->pkt.tuple.proto;
	bool is_syn = (q->pkt.tcp_flags & (TCP_SYN | TCP_ACK)) == TCP_SYN;

	if (q->frame->is_own) {
		*ret_kind = SP_REF_OWN;
		return proto != IPPROTO_TCP || is_syn;
	}
	*ret_kind = proto == IPPROTO_ESP || proto == IPPROTO_AH ? SP_REF_OWN : SP_REF_FORWARDED;
	return SP_MARK_IS_JUDGED(q->frame->mark);
}

static void record_new(struct question *q)
{
	enum sp_ref_kind kind;

	answer(q, SP_ALLOW, SP_REASON_POLICY, SP_RULE_NONE);
	if (!kind_of(q, &kind) || !sp_ref_can_open(&q->pkt))
		return;
	if (kind == SP_REF_OWN)
		q->answer = judge_self(q, &q->pkt.tuple);
	if (q->answer.verdict == SP_ALLOW && open_flow(q, kind) != SP_REASON_NONE)
		answer(q, SP_ALLOW, SP_REASON_FLOW_FULL, SP_RULE_NONE);
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
	if (q->frame->is_own && is_later) {
		answer(q, SP_ALLOW, SP_REASON_POLICY, SP_RULE_NONE);
		return;
	}
	if (!q->frame->is_own && judge_fragment(q))
		return;
	if (q->pkt.is_icmp_error && is_answer(q)) {
		judge_icmp_error(q);
		return;
	}
	if (!q->pkt.is_icmp_error)
		flow = sp_ref_find_flow(q->reference, &q->pkt.tuple, &q->pkt, q->now_ns, &is_reply);
	if (flow && flow->is_forwarded && (q->frame->is_own || is_reply))
		flow = NULL;
	if (flow)
		ask_flow(q, flow, is_reply);
	else if (is_answer(q))
		deny(q, SP_REASON_NO_FLOW);
	else
		record_new(q);
}

static void judge_leaving(struct question *q)
{
	record_leaving(q);
	if (!q->frame->is_own)
		follow_up(q);
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

	if (hook <= SP_HOOK_NONE || hook >= SP_HOOK_JUDGE_COUNT)
		return -EINVAL;
	sp_packet_parse(frame->bytes, frame->len, frame->is_ethernet, &q.pkt);
	q.zone = zone_of(reference, hook, &q.pkt);
	if (hook == SP_HOOK_EDGE_OUT || hook == SP_HOOK_INSIDE_OUT ||
	    (hook == SP_HOOK_VPN_OUT && frame->is_own))
		judge_leaving(&q);
	else
		judge(&q);
	if (q.error < 0)
		return q.error;
	*ret_answer = q.answer;
	return 0;
}

int sp_reference_new(const struct sp_policy *policy, const struct sp_gateway *gateway,
		     const struct sp_facts *facts, struct sp_reference **ret_reference)
{
	struct sp_reference *reference = calloc(1, sizeof(*reference));

	if (!reference)
		return -ENOMEM;
	reference->policy = policy;
	reference->gateway = gateway;
	reference->facts = *facts;
	reference->session_flows_max = SP_SESSION_FLOWS_MAX;
	reference->sessions.key_len = sizeof(uint32_t);
	reference->idents.key_len = sizeof(struct sp_addr);
	reference->flows.key_len = sizeof(struct sp_ref_flow_key);
	reference->sources.key_len = sizeof(struct sp_ref_source_key);
	sp_ref_limits_init(reference);
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
	sp_ref_limits_done(reference);
	sp_ref_sessions_done(reference);
	free(reference->bans);
	free(reference);
}

int sp_reference_ban(struct sp_reference *reference, const struct sp_prefix *prefix,
		     uint64_t until_ns)
{
	struct sp_ref_ban *ban = NULL;

	for (size_t i = 0; i < reference->ban_count && !ban; i++)
		if (sp_prefix_compare(&reference->bans[i].prefix, prefix) == 0)
			ban = &reference->bans[i];
	if (!ban)
		ban = SP_ARRAY_PUSH(reference->bans, reference->ban_count);
	if (!ban)
		return -ENOMEM;
	*ban = (struct sp_ref_ban){ *prefix, until_ns };
	return 0;
}

void sp_reference_set_policy(struct sp_reference *reference, const struct sp_policy *policy,
			     const struct sp_gateway *gateway, const struct sp_facts *facts,
			     uint64_t revision)
{
	sp_ref_sessions_remap_roles(reference, policy);
	sp_ref_limits_switch(reference, policy);
	reference->policy = policy;
	reference->gateway = gateway;
	reference->facts = *facts;
	reference->revision = revision;
}

int sp_reference_try(struct sp_reference *reference, const struct sp_policy *policy,
		     enum sp_hook hook, const struct sp_frame *frame, uint64_t now_ns,
		     struct sp_answer *ret_answer)
{
	const struct sp_policy *set = reference->policy;
	const uint64_t revision = reference->revision;
	int r;

	reference->policy = policy;
	reference->revision = --reference->next_try;
	r = sp_reference_judge(reference, hook, frame, now_ns, ret_answer);
	reference->policy = set;
	reference->revision = revision;
	return r;
}

void sp_reference_set_flow_bounds(struct sp_reference *reference, uint32_t flows_max,
				  uint32_t session_flows_max)
{
	reference->flows_max = flows_max;
	reference->session_flows_max = session_flows_max;
}
