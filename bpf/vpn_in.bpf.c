/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* vpn-in: tcx on the tunnel, for decrypted packets of people. An allowed packet carries a mark; the
 * second lock drops packets without one. */
#define SP_THIS_HOOK SP_HOOK_VPN_IN

#include "lib/act.h"

SEC("tc")
int sp_vpn_in(SP_CTX *skb)
{
	struct sp_work *work = sp_work_begin(skb->ifindex);

	if (!work)
		return TC_ACT_SHOT;
	sp_judge_arriving(skb, work);
	sp_account(work);
	return sp_act_with_answer(skb, work);
}

char sp_license[] SEC("license") = "Dual BSD/GPL";
