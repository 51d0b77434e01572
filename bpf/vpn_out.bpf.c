/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* vpn-out: tcx on the tunnel, towards people: replies, and what rules allow towards roles. */
#define SP_THIS_HOOK SP_HOOK_VPN_OUT

#include "lib/record.h"

/* The zone of a source on its way out is where it lives. 1: the table lacks the row. */
SP_INLINE int sp_judge_home(struct sp_work *work)
{
	sp_case_of_packet(work);
	if (!sp_table_src(work)) {
		sp_deny(work, SP_REASON_TABLE_FULL);
		return 1;
	}
	work->packet_zone = work->src.home < SP_ZONE_COUNT ? work->src.home : SP_ZONE_EDGE;
	work->case_zone = work->packet_zone;
	return 0;
}

/* [0], fragments, [3], [4], [6]-[8]. */
SP_INLINE void sp_judge_leaving(struct __sk_buff *skb, struct sp_work *work)
{
	if (sp_judge_bytes(skb, work) || sp_judge_home(work) || sp_judge_fragment(work))
		return;
	if (!sp_flows(work)) {
		/* an answer is no beginning: without its flow no rule speaks for it */
		if (sp_mark(skb) == SP_MARK_REPLY)
			sp_deny(work, SP_REASON_NO_FLOW);
		else
			sp_judge_rules(work);
	}
	if (work->packet.fragment && work->verdict == SP_ALLOW)
		sp_frag_begin(work);
}

SEC("tc")
int sp_vpn_out(struct __sk_buff *skb)
{
	struct sp_work *work;

	if (sp_has_own_mark(skb))
		return SP_TC_PASS;
	work = sp_work_begin(skb->ifindex);
	if (!work)
		return TC_ACT_SHOT;
	if (sp_is_own(skb))
		sp_record_leaving(skb, work);
	else
		sp_judge_leaving(skb, work);
	sp_account(work);
	return work->verdict == SP_ALLOW ? SP_TC_PASS : TC_ACT_SHOT;
}

char sp_license[] SEC("license") = "Dual BSD/GPL";
