/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Packets that leave: on edge-out and inside-out, and on vpn-out those that the gateway itself
 * sends. If the packet has a flow, that flow decides, as it did where the packet came in. If it has
 * none, it opens one in two cases: the gateway sent it, or it was judged where it came in and NAT
 * has changed its path since. */
#ifndef SALLYPORT_BPF_RECORD_H
#define SALLYPORT_BPF_RECORD_H

#include "lib/tc.h"

#define SP_PROTO_ESP 50

/* Who sent a packet that leaves. */
struct sp_leaving {
	int is_own; /* sent by the gateway itself */
	__u32 mark; /* otherwise: the mark of the hook by which it came in */
};

SP_INLINE int sp_is_syn(const struct sp_work *work)
{
	return (work->packet.tcp_flags & (SP_TCP_SYN | SP_TCP_ACK)) == SP_TCP_SYN;
}

/* The kind of flow that this packet opens: SP_FLOW_OWN, SP_FLOW_FORWARDED, or 0 for none. Of the
 * gateway's own TCP only a SYN opens a flow: other segments belong to a connection that somebody
 * else opened, and must not revive it once it is denied. ESP and AH count as the gateway's own,
 * whoever sent the packet inside. */
SP_INLINE __u32 sp_record_kind(const struct sp_work *work, struct sp_leaving from)
{
	__u32 proto = work->path.proto;

	if (!sp_packet_can_open(work))
		return 0;
	if (from.is_own)
		return proto != SP_PROTO_TCP || sp_is_syn(work) ? SP_FLOW_OWN : 0;
	if (!SP_MARK_IS_JUDGED(from.mark))
		return 0;
	return proto == SP_PROTO_ESP || proto == SP_PROTO_AUTH ? SP_FLOW_OWN : SP_FLOW_FORWARDED;
}

/* A table is missing, so rules from self cannot be asked: deny what they would have to allow. */
SP_INLINE void sp_self_unknown(struct sp_work *work, __u32 kind)
{
	if (kind == SP_FLOW_OWN && (sp_self_class || sp_self_needs_rules))
		sp_deny(work, SP_REASON_TABLE_FULL);
}

/* Open a flow for a packet that has none; only such a packet is asked of the rules from self. If
 * there is no room, the packet passes, but its replies are denied. */
SP_INLINE void sp_record_new(struct sp_work *work, struct sp_leaving from)
{
	__u32 kind = sp_record_kind(work, from);
	__u32 home;

	sp_allow(work, SP_REASON_POLICY, SP_RULE_NONE);
	if (!kind)
		return;
	if (!sp_table_src(work)) {
		sp_self_unknown(work, kind);
		return;
	}
	home = work->src.home;
	if (SP_THIS_HOOK == SP_HOOK_VPN_OUT)
		work->case_zone = home < SP_ZONE_COUNT ? home : SP_ZONE_EDGE;
	if (!sp_ends_resolve(work)) {
		sp_self_unknown(work, kind);
		return;
	}
	work->deadline_ns = sp_ends_deadline(work, 0);
	if (kind == SP_FLOW_OWN)
		sp_decide_self(work);
	if (work->verdict == SP_ALLOW && sp_flow_open(work, kind))
		sp_allow(work, SP_REASON_FLOW_FULL, SP_RULE_NONE);
}

/* Must the flow not be used for this packet? A forwarded flow is neither for packets that the
 * gateway itself sends nor for replies that leave: such a reply belongs to the flow that had this
 * path before NAT. */
SP_INLINE int sp_flow_is_not_for_leaving(const struct sp_work *work, struct sp_leaving from)
{
	return (work->flow.flags & SP_FLOW_FORWARDED) && (from.is_own || work->is_reply);
}

/* Handle a packet without a flow. An answer must have one, and is denied. */
SP_INLINE void sp_record_unknown(struct sp_work *work, struct sp_leaving from)
{
	work->is_reply = 0;
	if (!from.is_own && from.mark == SP_MARK_REPLY)
		sp_deny(work, SP_REASON_NO_FLOW);
	else
		sp_record_new(work, from);
}

/* Record a packet that [0] accepted and that is no later fragment. */
SP_INLINE void sp_record_flow(struct sp_work *work, struct sp_leaving from)
{
	struct sp_flow *element = NULL;

	if (work->path.icmp == SP_ICMP_ERROR && !from.is_own && from.mark == SP_MARK_REPLY) {
		sp_flows_of_error(work);
		return;
	}
	if (sp_path_makes_flow(&work->path))
		element = sp_flow_find(work, &work->packet.path, 0);
	if (element && !sp_flow_is_not_for_leaving(work, from))
		sp_flow_decide(work, element);
	else
		sp_record_unknown(work, from);
}

/* Record a packet that was parsed. Later fragments of the gateway's own packets pass: the receiver
 * can do nothing with them if it has no first fragment. */
SP_INLINE void sp_record(struct sp_work *work, struct sp_leaving from)
{
	sp_case_of_packet(work);
	if (from.is_own && work->packet.fragment == SP_FRAGMENT_LATER) {
		sp_allow(work, SP_REASON_POLICY, SP_RULE_NONE);
		return;
	}
	if (!from.is_own && sp_judge_fragment(work))
		return;
	sp_record_flow(work, from);
	if (!from.is_own && work->packet.fragment && work->verdict == SP_ALLOW)
		sp_frag_begin(work);
}

/* Parse and record. A packet that cannot be parsed passes, and is counted under its reason. */
SP_INLINE void sp_record_leaving(SP_CTX *ctx, struct sp_work *work)
{
	const struct sp_leaving from = { .is_own = sp_is_own(ctx), .mark = sp_mark(ctx) };

	work->packet_zone = SP_ZONE_EDGE;
	if (sp_judge_bytes(ctx, work))
		work->verdict = SP_ALLOW;
	else
		sp_record(work, from);
}

#endif
