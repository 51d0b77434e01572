/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What a program does with a packet once it is judged and accounted for: the end of each. */
#ifndef SALLYPORT_BPF_ACT_H
#define SALLYPORT_BPF_ACT_H

#include "lib/account.h"
#include "lib/token.h"

#ifdef SP_XDP

/* edge-in cannot mark: what it allows carries a token, or cannot pass. */
SP_INLINE int sp_act_with_token(struct xdp_md *ctx, const struct sp_work *work)
{
	if (work->verdict != SP_ALLOW)
		return XDP_DROP;
	return sp_token_write(ctx, sp_mark_of(work)) ? XDP_PASS : XDP_DROP;
}

#else

#include "lib/refuse.h"

/* What arrives: marked, or dropped in silence. */
SP_INLINE int sp_act_with_mark(struct __sk_buff *skb, const struct sp_work *work)
{
	if (work->verdict != SP_ALLOW)
		return TC_ACT_SHOT;
	sp_set_mark(skb, sp_mark_of(work));
	return SP_TC_PASS;
}

/* What arrives from people and inner networks: marked, or refused where that is due. */
SP_INLINE int sp_act_with_answer(struct __sk_buff *skb, struct sp_work *work)
{
	if (work->verdict != SP_ALLOW)
		return sp_refuse_or_drop(skb, work);
	sp_set_mark(skb, sp_mark_of(work));
	return SP_TC_PASS;
}

/* What leaves keeps the mark it has. */
SP_INLINE int sp_act_leaving(const struct sp_work *work)
{
	return work->verdict == SP_ALLOW ? SP_TC_PASS : TC_ACT_SHOT;
}

#endif
#endif
