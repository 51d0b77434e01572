/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* edge-out and inside-out: tcx on an outer or inner interface, what leaves. Records the flows of the
 * gateway itself, after NAT, so that their replies are known; stops nothing. */
#define SP_THIS_HOOK sp_recorder_hook

#include "lib/record.h"
#include "lib/tc.h"

SEC("tc")
int sp_edge_out(struct __sk_buff *skb)
{
	struct sp_work *work;

	if (sp_has_own_mark(skb))
		return TC_ACT_OK;
	work = sp_work_begin(skb->ifindex);
	if (!work)
		return TC_ACT_OK;
	sp_record_leaving(skb, work, 1, sp_tags_taken(skb));
	sp_account(work);
	return TC_ACT_OK;
}

char sp_license[] SEC("license") = "Dual BSD/GPL";
