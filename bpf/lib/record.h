/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Recording what leaves, so that what comes back is known: edge-out, inside-out, and on vpn-out what the
 * gateway itself sends. Everything passes. */
#ifndef SALLYPORT_BPF_RECORD_H
#define SALLYPORT_BPF_RECORD_H

#include "lib/judge.h"

/* A flow nobody knew: the gateway's own, unless it was judged at its own door. */
SP_INLINE void sp_record_own(struct sp_work *work)
{
	__u32 home;

	sp_allow(work, SP_REASON_POLICY, SP_RULE_NONE);
	if (!sp_packet_can_open(work) || !sp_table_src(work))
		return;
	home = work->src.home;
	if (SP_THIS_HOOK == SP_HOOK_VPN_OUT)
		work->case_zone = home < SP_ZONE_COUNT ? home : SP_ZONE_EDGE;
	else if (home == SP_ZONE_TUNNEL || home == SP_ZONE_INSIDE)
		return;
	if (!sp_ends_resolve(work))
		return;
	work->deadline_ns = sp_ends_deadline(work, 0);
	if (sp_flow_open(work, SP_FLOW_OWN))
		sp_allow(work, SP_REASON_FLOW_FULL, SP_RULE_NONE);
}

/* The packet is in work->packet; [0] found nothing wrong with it. */
SP_SUBPROGRAM int sp_record(struct sp_work *work)
{
	struct sp_flow *element = NULL;

	sp_case_of_packet(work);
	if (work->packet.fragment == SP_FRAGMENT_LATER) {
		sp_allow(work, SP_REASON_POLICY, SP_RULE_NONE);
		return 0;
	}
	if (sp_path_makes_flow(&work->path))
		element = sp_flow_find(work, &work->packet.path, 0);
	if (element) {
		sp_flow_answer(work);
		sp_flow_mark(work, element);
	} else {
		sp_record_own(work);
	}
	return 0;
}

/* Parse and record; what cannot be parsed passes under the name of what is wrong with it. */
SP_INLINE void sp_record_leaving(SP_CTX *ctx, struct sp_work *work, int is_ethernet, __u32 tags)
{
	work->packet_zone = SP_ZONE_EDGE;
	if (sp_judge_bytes(ctx, work, is_ethernet, tags))
		work->verdict = SP_ALLOW;
	else
		sp_record(work);
}

#endif
