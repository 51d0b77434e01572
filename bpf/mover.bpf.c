/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The mover: puts one flow of an older build's table into this build's table. It counts the flow
 * for its session, its source and its part, as opening the flow would. User space runs it
 * (BPF_PROG_TEST_RUN) for each flow it reads. */
#include "lib/flow_end.h"

/* Returns 0: the table has the flow; else the reason there is no room for it. */
SEC("syscall")
int sp_mover_take(struct sp_moved_flow *moved)
{
	struct sp_flow_key key = moved->key;
	struct sp_flow flow = moved->flow;
	__u32 *share;
	int reason;

	if ((flow.flags & SP_FLOW_GONE) || bpf_map_lookup_elem(&sp_flow, &key))
		return 0;
	flow.flags &= ~SP_FLOW_RENEWING;
	flow.key_sum = sp_flow_sum(&key);
	reason = sp_flow_charge(&key, &flow, NULL);
	if (reason)
		return reason;
	share = sp_flow_share_of(&flow);
	if (share)
		__sync_fetch_and_add(share, 1);
	if (bpf_map_update_elem(&sp_flow, &key, &flow, BPF_NOEXIST) == 0)
		return 0;
	sp_flow_discharge(&key, &flow); /* a program has just opened the same flow */
	return 0;
}

char sp_license[] SEC("license") = "Dual BSD/GPL";
