/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What leaves towards people is judged: the same order as for what arrives, from [0] on, but the
 * source says which zone speaks, and an answer has to have its flow. */
#ifndef SALLYPORT_BPF_LEAVING_H
#define SALLYPORT_BPF_LEAVING_H

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
SP_INLINE void sp_judge_leaving(SP_CTX *ctx, struct sp_work *work)
{
	if (sp_judge_bytes(ctx, work) || sp_judge_home(work) || sp_judge_fragment(work))
		return;
	if (!sp_flows(work)) {
		/* an answer is no beginning: without its flow no rule speaks for it */
		if (sp_mark(ctx) == SP_MARK_REPLY)
			sp_deny(work, SP_REASON_NO_FLOW);
		else
			sp_judge_rules(work);
	}
	if (work->packet.fragment && work->verdict == SP_ALLOW)
		sp_frag_begin(work);
}

/* What the gateway itself sends to people is recorded, the rest judged. */
SP_INLINE void sp_leave_tunnel(SP_CTX *ctx, struct sp_work *work)
{
	if (sp_is_own(ctx))
		sp_record_leaving(ctx, work);
	else
		sp_judge_leaving(ctx, work);
}

#endif
