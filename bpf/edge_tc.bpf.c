/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* edge-tc: tcx on an outer interface, what arrives, behind edge-in. It marks what edge-in allowed,
 * and judges itself, as edge-in, what edge-in did not see: its program is detached or replaced, or
 * this interface cannot have one. The second lock drops what carries no mark. */
#define SP_THIS_HOOK SP_HOOK_EDGE_IN

#include "lib/act.h"

#define SP_PACKET_LOOPBACK 5 /* our own multicast, back for listeners on this machine */

/* Besides what it counts as edge-in: how much is judged here. */
SP_INLINE void sp_count_here(const struct sp_work *work)
{
	__u32 index = SP_COUNTER_INDEX(SP_HOOK_EDGE_TC, work->verdict, work->reason);

	sp_count(bpf_map_lookup_elem(&sp_counter, &index), work->packet.length);
}

SEC("tc")
int sp_edge_tc(struct __sk_buff *skb)
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
