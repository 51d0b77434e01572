/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* edge-in: XDP on an outer Ethernet interface, for packets that arrive. An allowed packet carries a
 * token, which edge-tc turns into the mark. */
#define SP_XDP
#define SP_THIS_HOOK SP_HOOK_EDGE_IN

#include "lib/act.h"
#include "lib/judge.h"

SEC("xdp.frags")
int sp_edge_in(SP_CTX *ctx)
{
	struct sp_work *work;

	if (!sp_token_reserve(ctx))
		return XDP_PASS; /* edge-tc finds no token and judges */
	work = sp_work_begin(ctx->ingress_ifindex);
	if (!work)
		return XDP_DROP;
	sp_judge_arriving(ctx, work);
	sp_account(work);
	return sp_act_with_token(ctx, work);
}

char sp_license[] SEC("license") = "Dual BSD/GPL";
