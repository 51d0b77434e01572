/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* edge-tc: tcx on an outer interface, for packets that arrive, behind edge-in. It marks the packets
 * that edge-in allowed. It judges, as edge-in does, the packets that edge-in did not see: edge-in
 * is detached or replaced, or this interface takes no XDP program. The second lock drops packets
 * without a mark. */
#define SP_THIS_HOOK SP_HOOK_EDGE_IN

#include "lib/act.h"

#define SP_PACKET_LOOPBACK 5 /* our own multicast, looped back to listeners on this machine */

/* Counts the packets judged here, besides counting them as edge-in's. */
SP_INLINE void sp_count_here(const struct sp_work *work)
{
	__u32 index = SP_COUNTER_INDEX(SP_HOOK_EDGE_TC, work->verdict, work->reason);

	sp_count(bpf_map_lookup_elem(&sp_counter, &index), work->packet.length);
}

SEC("tc")
int sp_edge_tc(SP_CTX *skb)
{
	__u32 mark = skb->pkt_type == SP_PACKET_LOOPBACK ? SP_MARK_JUDGED : sp_token_take(skb);
	struct sp_work *work;

	if (mark) {
		sp_set_mark(skb, mark);
		return SP_TC_PASS;
	}
	work = sp_work_begin(skb->ifindex);
	if (!work)
		return TC_ACT_SHOT;
	sp_judge_arriving(skb, work);
	sp_account(work);
	sp_count_here(work);
	return sp_act_with_mark(skb, work);
}

char sp_license[] SEC("license") = "Dual BSD/GPL";
