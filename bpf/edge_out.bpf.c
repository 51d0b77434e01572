/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* edge-out and inside-out: tcx on an outer or inner interface, for packets that leave, after NAT.
 * Records flows of the gateway itself, and the translated paths of packets that were judged where
 * they came in, so that their replies are recognized. Drops packets of a denied flow, and replies
 * whose flow is not known. */
#define SP_THIS_HOOK sp_recorder_hook

#include "lib/act.h"
#include "lib/record.h"

SEC("tc")
int sp_edge_out(SP_CTX *skb)
{
	struct sp_work *work;

	if (sp_has_own_mark(skb))
		return SP_TC_PASS;
	work = sp_work_begin(skb->ifindex);
	if (!work)
		return TC_ACT_SHOT;
	sp_record_leaving(skb, work);
	sp_account(work);
	return sp_act_leaving(work);
}

char sp_license[] SEC("license") = "Dual BSD/GPL";
