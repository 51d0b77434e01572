/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* vpn-out: tcx on the tunnel, towards people: replies, and what rules allow towards roles. */
#define SP_THIS_HOOK SP_HOOK_VPN_OUT

#include "lib/act.h"
#include "lib/leaving.h"

SEC("tc")
int sp_vpn_out(SP_CTX *skb)
{
	struct sp_work *work;

	if (sp_has_own_mark(skb))
		return SP_TC_PASS;
	work = sp_work_begin(skb->ifindex);
	if (!work)
		return TC_ACT_SHOT;
	sp_leave_tunnel(skb, work);
	sp_account(work);
	return sp_act_leaving(work);
}

char sp_license[] SEC("license") = "Dual BSD/GPL";
