/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Ask the rules about a case: work->path, which comes from work->case_zone at work->case_hook ([2]
 * and [4]-[8] of docs/judgement.md). Used for first packets and for judging a flow again. */
#ifndef SALLYPORT_BPF_DECIDE_H
#define SALLYPORT_BPF_DECIDE_H

#include "lib/session.h"

/* What no rule in audit would have said is nothing. The bits of a verdict that its reader needs stay
 * with the verdict. */
SP_INLINE void sp_take_audit(struct sp_work *work, __u32 would, __u32 audit_rule)
{
	work->would = would & SP_WOULD_MASK;
	work->audit_rule = audit_rule;
}

/* Take @verdict as the answer. Both ends of the case are resolved by now. */
SP_INLINE void sp_take_verdict(struct sp_work *work, const struct sp_verdict *verdict)
{
	work->log = verdict->log;
	sp_answer(work, verdict->action, verdict->reason, verdict->rule);
	work->limit = verdict->limit;
	sp_take_audit(work, verdict->would, verdict->audit_rule);
	if (verdict->action == SP_ALLOW && sp_is_past(verdict->not_after_ns, work->now_ns))
		sp_answer(work, SP_DENY, SP_REASON_DEADLINE, verdict->rule);
	work->deadline_ns = sp_ends_deadline(work, verdict->not_after_ns);
}

/* The class that the source address gives, without a session. */
SP_INLINE __u32 sp_src_class(const struct sp_work *work)
{
	switch (work->case_zone) {
	case SP_ZONE_INSIDE:
		return work->src.class_id[SP_ZONE_INSIDE];
	case SP_ZONE_TUNNEL:
		return work->src.class_id[SP_ZONE_TUNNEL];
	}
	return work->src.class_id[SP_ZONE_EDGE];
}

/* [2]: does a protect entry allow this? Returns 1: the entry's verdict is the answer, and both ends
 * are resolved; 0: no. */
SP_SUBPROGRAM int sp_decide_protect(struct sp_work *work)
{
	struct sp_verdict *verdict;

	if (!(work->src.flags & SP_SRC_PROTECT) || !sp_table_dst(work) ||
	    !(work->dst.flags & SP_DST_SELF))
		return 0;
	verdict = sp_table_verdict(work, sp_src_class(work), work->dst.netset);
	if (!verdict || verdict->reason != SP_REASON_PROTECT)
		return 0;
	sp_ends_resolve(work);
	sp_take_verdict(work, verdict);
	return 1;
}

/* Does the path lead to one of the two places that people need to sign in again: the portal, or a
 * resolver that tells its address? */
SP_INLINE int sp_path_is_for_parked(const struct sp_work *work)
{
	const struct sp_path *path = &work->path;
	__u32 port = bpf_ntohs(path->destination_port_be);

	if (path->proto != SP_PROTO_TCP && path->proto != SP_PROTO_UDP)
		return 0;
	if ((work->dst.flags & SP_DST_RESOLVER) && port == SP_PORT_DNS)
		return 1;
	return (work->dst.flags & SP_DST_SELF) && path->proto == SP_PROTO_TCP && sp_portal_port &&
	       port == sp_portal_port;
}

/* [4] for a sender whose session is parked. No rule is asked. Returns 1: answered. Both ends are
 * resolved by now. */
SP_INLINE int sp_decide_parked(struct sp_work *work)
{
	if (work->case_hook != SP_HOOK_VPN_IN || work->end[0].state != SP_END_PARKED ||
	    !sp_path_is_for_parked(work))
		return 0;
	if (sp_end_denies(work, &work->end[1]))
		return 1;
	sp_allow(work, SP_REASON_EXPIRED, SP_RULE_NONE);
	work->log = SP_LOG_NEW;
	work->deadline_ns = sp_ends_deadline(work, 0);
	return 1;
}

/* Are both ends live sessions of one person? Machines are of no person. */
SP_INLINE int sp_ends_are_one_person(const struct sp_work *work)
{
	return work->end[0].state == SP_END_LIVE && work->end[1].state == SP_END_LIVE &&
	       work->end[0].person && work->end[0].person == work->end[1].person;
}

/* [4]-[8]. Leaves the answer in @work, and both ends resolved. */
SP_SUBPROGRAM int sp_decide(struct sp_work *work)
{
	int has_sender = sp_case_has_sender(work);
	struct sp_verdict *verdict;
	__u32 class_id, netset;

	if (!sp_ends_resolve(work)) {
		sp_deny(work, SP_REASON_TABLE_FULL);
		return 0;
	}
	sp_table_forward(work);
	if (sp_decide_parked(work) || (has_sender && sp_end_denies(work, &work->end[0])) ||
	    sp_end_denies(work, &work->end[1]))
		return 0;
	if (work->case_hook == SP_HOOK_EDGE_IN && work->src.drop_reason) {
		sp_deny(work, work->src.drop_reason);
		return 0;
	}
	/* On the tunnel the class is the session's, which knows nothing of protect entries: ask
	 * them first. */
	if (has_sender && sp_decide_protect(work))
		return 0;
	class_id = has_sender ? work->end[0].class_id : sp_src_class(work);
	netset = work->dst.netset;
	if (work->end[1].state == SP_END_LIVE)
		netset = has_sender && sp_ends_are_one_person(work) ? work->end[1].own_netset
								    : work->end[1].netset;
	verdict = sp_table_verdict(work, class_id, netset);
	if (verdict)
		sp_take_verdict(work, verdict);
	else
		sp_deny(work, SP_REASON_TABLE_FULL);
	return 0;
}

/* The network set of the destination for what the gateway itself sends. Set 0, of no rule, on the
 * tunnel where nobody's session lives. */
SP_INLINE __u32 sp_self_netset(const struct sp_work *work)
{
	switch (work->end[1].state) {
	case SP_END_OUTSIDE:
		return work->dst.netset;
	case SP_END_LIVE:
		return work->end[1].netset;
	}
	return 0;
}

/* What no rule from self decides is open: a rule in audit from self may have said otherwise. */
SP_INLINE void sp_take_self_audit(struct sp_work *work, const struct sp_verdict *verdict)
{
	sp_take_audit(work, verdict->would, verdict->audit_rule);
	if (verdict->would == (SP_WOULD_DENY | SP_WOULD_LOGGED))
		work->log = SP_LOG_NEW;
}

/* [6]-[8] for what the gateway itself sends: rules from self alone speak of it, and what none of
 * them means is allowed unless it needs one. Both ends are resolved. */
SP_SUBPROGRAM int sp_decide_self(struct sp_work *work)
{
	struct sp_verdict *verdict;

	sp_allow(work, SP_REASON_POLICY, SP_RULE_NONE);
	work->log = SP_LOG_NONE;
	work->deadline_ns = sp_ends_deadline(work, 0);
	if (!sp_self_class && !sp_self_needs_rules)
		return 0;
	verdict = sp_table_verdict(work, sp_self_class, sp_self_netset(work));
	if (!verdict)
		sp_deny(work, SP_REASON_TABLE_FULL);
	else if (verdict->reason != SP_REASON_DEFAULT || sp_self_needs_rules)
		sp_take_verdict(work, verdict);
	else
		sp_take_self_audit(work, verdict);
	return 0;
}

#endif
