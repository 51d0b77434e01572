/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* edge-in: XDP on an outer interface, what arrives. */
#define SP_XDP
#define SP_THIS_HOOK SP_HOOK_EDGE_IN

#include "lib/judge.h"

SEC("xdp.frags")
int sp_edge_in(struct xdp_md *ctx)
{
	struct sp_work *work = sp_work_begin(ctx->ingress_ifindex);

	if (!work)
		return XDP_DROP;
	sp_judge_arriving(ctx, work, 0);
	sp_account(work);
	return work->verdict == SP_ALLOW ? XDP_PASS : XDP_DROP;
}

char sp_license[] SEC("license") = "Dual BSD/GPL";
