/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Answer a packet by its flow ([3] of docs/judgement.md). A flow whose answer is of another
 * revision, session or time is judged again first. */
#ifndef SALLYPORT_BPF_FLOW_JUDGE_H
#define SALLYPORT_BPF_FLOW_JUDGE_H

#include "lib/decide.h"
#include "lib/flow.h"
#include "lib/limit.h"

/* Make the case that the flow was opened for: its original path, and the zone and hook of that. */
SP_INLINE void sp_case_of_flow(struct sp_work *work)
{
	const struct sp_flow_key *key = &work->key;
	const struct sp_flow *flow = &work->flow;
	struct sp_path *path = &work->path;
	int from_hi = flow->flags & SP_FLOW_HI_ORIGIN;

	path->source = from_hi ? key->hi : key->lo;
	path->destination = from_hi ? key->lo : key->hi;
	path->source_port_be = from_hi ? key->hi_port_be : key->lo_port_be;
	path->destination_port_be = from_hi ? key->lo_port_be : key->hi_port_be;
	path->proto = key->proto;
	path->icmp = key->side ? SP_ICMP_QUERY : SP_ICMP_NONE;
	path->icmp_type = flow->icmp_type;
	path->is_v6 = work->packet.path.is_v6;
	work->case_hook = flow->hook;
	work->case_zone = flow->zone;
	work->has_dst = 0;
}

SP_INLINE void sp_case_of_packet(struct sp_work *work)
{
	work->path = work->packet.path;
	work->case_hook = SP_THIS_HOOK;
	work->case_zone = work->packet_zone;
	work->has_dst = 0;
}

/* Judge a flow that no rule allowed (the gateway's own, or forwarded): its ends on the tunnel must
 * have live sessions, and rules from self must not deny the gateway's own. */
SP_INLINE void sp_case_judge_unruled(struct sp_work *work)
{
	if (!sp_ends_resolve(work)) {
		sp_deny(work, SP_REASON_TABLE_FULL);
		return;
	}
	if (sp_end_denies(work, &work->end[0]) || sp_end_denies(work, &work->end[1]))
		return;
	if (work->flow.flags & SP_FLOW_OWN) {
		sp_decide_self(work);
		return;
	}
	sp_allow(work, SP_REASON_POLICY, SP_RULE_NONE);
	work->log = SP_LOG_NONE;
	work->deadline_ns = sp_ends_deadline(work, 0);
}

/* Apply [2] and [4]-[8] to the case of work->flow. */
SP_INLINE void sp_case_judge(struct sp_work *work)
{
	if (!sp_table_src(work)) {
		sp_deny(work, SP_REASON_TABLE_FULL);
		return;
	}
	if (work->flow.flags & SP_FLOW_UNRULED)
		sp_case_judge_unruled(work);
	else if (!sp_hook_is_ingress(work->case_hook) || !sp_decide_protect(work))
		sp_decide(work);
}

/* Judge the flow that was found by the present tables, and write the answer into it. Returns 1:
 * allowed; 0: denied. */
SP_SUBPROGRAM int sp_flow_judge_again(struct sp_work *work, struct sp_flow *element)
{
	sp_case_of_flow(work);
	sp_case_judge(work);
	sp_flow_renew(work, element);
	return work->verdict == SP_ALLOW;
}

/* Take the answer of the flow that was found, which is fresh. */
SP_INLINE void sp_flow_answer(struct sp_work *work)
{
	const struct sp_flow *flow = &work->flow;

	if (flow->flags & SP_FLOW_DENIED)
		sp_answer(work, SP_DENY, flow->reason, flow->rule);
	else
		sp_allow(work, work->is_reply ? SP_REASON_REPLY : flow->reason, flow->rule);
	work->limit = flow->limit;
	sp_take_audit(work, flow->would, flow->audit_rule);
	work->log = flow->log;
	work->is_own_flow = !!(flow->flags & SP_FLOW_OWN);
	for (int i = 0; i < 2; i++) {
		work->end[i].session = flow->session[i];
		work->end[i].epoch = flow->epoch[i];
		work->end[i].state = flow->epoch[i] ? SP_END_LIVE : SP_END_OUTSIDE;
	}
	if (flow->reason == SP_REASON_EXPIRED)
		work->end[0].state = SP_END_PARKED;
}

/* Answer the packet by the flow that was found. A denied flow lasts as long as packets of either
 * end keep coming. */
SP_SUBPROGRAM int sp_flow_decide(struct sp_work *work, struct sp_flow *element)
{
	if (!sp_flow_is_fresh(work)) {
		if (!sp_flow_judge_again(work, element)) {
			*(volatile __u64 *)&element->last_seen_ns = work->now_ns;
			return 0;
		}
		element = bpf_map_lookup_elem(&sp_flow, &work->key);
	}
	sp_flow_answer(work);
	/* beyond its limit: as if the packet had not come */
	if (work->verdict == SP_ALLOW && sp_limit_denies_flow(work))
		return 0;
	if (!element)
		return 0;
	if (work->verdict == SP_ALLOW)
		sp_flow_mark(work, element);
	else
		*(volatile __u64 *)&element->last_seen_ns = work->now_ns;
	return 0;
}

/* Can an ICMP error about the quoted packet come from here? Its sender has to be on the way of that
 * packet: on the tunnel the quoted destination itself, since a device is no router; elsewhere, an
 * address in the zone of the quoted destination. */
SP_INLINE int sp_error_is_plausible(const struct sp_work *work)
{
	const struct sp_addr *quoted = &work->packet.quote.destination;
	__u32 zone = sp_hook_zone(SP_THIS_HOOK), home;

	if (!sp_hook_is_ingress(SP_THIS_HOOK))
		return 1;
	if (SP_THIS_HOOK == SP_HOOK_VPN_IN)
		return sp_addr_equal(&work->packet.path.source, quoted);
	if (work->src.home != zone && work->src.home != SP_HOME_UNKNOWN)
		return 0;
	home = sp_table_home(quoted);
	return home == zone || (home == SP_HOME_UNKNOWN && zone == SP_ZONE_EDGE);
}

/* Answer an ICMP error by the flow that it is about. Without a flow it is denied. */
SP_INLINE void sp_related(struct sp_work *work)
{
	struct sp_flow *element = NULL;

	if (work->packet.has_quote && sp_error_is_plausible(work))
		element = sp_flow_find(work, &work->packet.quote, 1);
	if (!element) {
		sp_deny(work, SP_REASON_NO_FLOW);
		return;
	}
	if (SP_THIS_HOOK == SP_HOOK_VPN_IN && sp_end_denies(work, &work->end[0]))
		return;
	if (!sp_flow_is_fresh(work))
		sp_flow_judge_again(work, element);
	if (work->flow.flags & SP_FLOW_DENIED) {
		sp_answer(work, SP_DENY, work->flow.reason, work->flow.rule);
		sp_take_audit(work, work->flow.would, work->flow.audit_rule);
		*(volatile __u64 *)&element->last_seen_ns = work->now_ns;
		return;
	}
	sp_allow(work, SP_REASON_RELATED, work->flow.rule);
	sp_take_audit(work, work->flow.would, work->flow.audit_rule);
	work->log = work->flow.log;
	work->is_own_flow = !!(work->flow.flags & SP_FLOW_OWN);
	work->is_counted = sp_hook_zone(work->flow.hook) == sp_hook_zone(SP_THIS_HOOK);
	work->limit = work->flow.limit;
	sp_limit_denies_flow(work);
	work->limit = 0; /* later fragments of an error are not asked */
}

/* Is the sender on the tunnel without an address of the pools? No session can have such an address,
 * so the packet joins no flow. */
SP_INLINE int sp_is_stranger(const struct sp_work *work)
{
	return SP_THIS_HOOK == SP_HOOK_VPN_IN && work->src.home != SP_ZONE_TUNNEL;
}

SP_SUBPROGRAM int sp_flows_of_error(struct sp_work *work)
{
	sp_related(work);
	/* For the record, the ends are those of the error itself, not those of the flow. */
	sp_case_of_packet(work);
	if (sp_table_src(work))
		sp_ends_resolve(work);
	work->is_reply = 0;
	return 0;
}

/* Must the rules judge this packet, although it has a flow? They must in the original direction of
 * a flow that no rule allowed, and for every forwarded flow on vpn-out: a reply that NAT brought
 * there has to belong to the flow that had this path before NAT. */
SP_INLINE int sp_flow_is_not_for_judging(const struct sp_work *work)
{
	if (SP_THIS_HOOK == SP_HOOK_VPN_OUT && (work->flow.flags & SP_FLOW_FORWARDED))
		return 1;
	return (work->flow.flags & SP_FLOW_UNRULED) && !work->is_reply;
}

/* [3]. Returns 1: answered; 0: the rules decide. */
SP_SUBPROGRAM int sp_flows(struct sp_work *work)
{
	struct sp_flow *element = NULL;

	if (work->path.icmp == SP_ICMP_OTHER)
		return 0;
	if (work->path.icmp == SP_ICMP_ERROR) {
		sp_flows_of_error(work);
		return 1;
	}
	if (!sp_is_stranger(work))
		element = sp_flow_find(work, &work->packet.path, 0);
	if (element && sp_flow_is_not_for_judging(work)) {
		work->is_reply = 0;
		element = NULL;
	}
	if (!element) {
		if (sp_packet_can_open(work))
			return 0;
		sp_deny(work, SP_REASON_NO_FLOW);
		return 1;
	}
	sp_flow_decide(work, element);
	return 1;
}

#endif
