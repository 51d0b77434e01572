/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* inside-in: tcx on an inner interface, for packets that arrive. Works as vpn-in does, but the
 * network of the source decides the sender's class, not a session. */
#define SP_THIS_HOOK SP_HOOK_INSIDE_IN

#include "lib/act.h"

SEC("tc")
int sp_inside_in(SP_CTX *skb)
{
	struct sp_work *work = sp_work_begin(skb->ifindex);

	if (!work)
		return TC_ACT_SHOT;
	sp_judge_arriving(skb, work);
	sp_account(work);
	return sp_act_with_answer(skb, work);
}

char sp_license[] SEC("license") = "Dual BSD/GPL";
