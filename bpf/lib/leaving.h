/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Judge packets that leave for people. The order is that of packets that arrive, from [0] on, with
 * two differences: the home of the source is the packet's zone, and an answer must have its
 * flow. */
#ifndef SALLYPORT_BPF_LEAVING_H
#define SALLYPORT_BPF_LEAVING_H

#include "lib/record.h"

/* Take the home of the source as the packet's zone. Returns 1: the table lacks the row, and the
 * packet is denied. */
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

/* Apply [0], fragments, [3], [4] and [6]-[8] to a packet that leaves. */
SP_INLINE void sp_judge_leaving(SP_CTX *ctx, struct sp_work *work)
{
	if (sp_judge_bytes(ctx, work) || sp_judge_home(work) || sp_judge_fragment(work))
		return;
	if (!sp_flows(work)) {
		/* an answer opens nothing: without its flow it is denied, and no rule is asked */
		if (sp_mark(ctx) == SP_MARK_REPLY)
			sp_deny(work, SP_REASON_NO_FLOW);
		else
			sp_judge_rules(work);
	}
	if (work->packet.fragment && work->verdict == SP_ALLOW)
		sp_frag_begin(work);
}

/* Record what the gateway itself sends to people. Judge everything else. */
SP_INLINE void sp_leave_tunnel(SP_CTX *ctx, struct sp_work *work)
{
	if (sp_is_own(ctx))
		sp_record_leaving(ctx, work);
	else
		sp_judge_leaving(ctx, work);
}

#endif
