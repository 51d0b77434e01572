/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* edge-in: XDP on an outer Ethernet interface, what arrives. What it allows carries a token, which edge-tc
 * turns into the mark. */
#define SP_XDP
#define SP_THIS_HOOK SP_HOOK_EDGE_IN

#include "lib/judge.h"
#include "lib/token.h"

SEC("xdp.frags")
int sp_edge_in(struct xdp_md *ctx)
{
	struct sp_work *work;

	if (!sp_token_reserve(ctx))
		return XDP_PASS; /* edge-tc finds no token and judges */
	work = sp_work_begin(ctx->ingress_ifindex);
	if (!work)
		return XDP_DROP;
	sp_judge_arriving(ctx, work);
	sp_account(work);
	if (work->verdict != SP_ALLOW)
		return XDP_DROP;
	return sp_token_write(ctx, sp_mark_of(work)) ? XDP_PASS : XDP_DROP;
}

char sp_license[] SEC("license") = "Dual BSD/GPL";
