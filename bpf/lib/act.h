/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The last step of each program: what it does with the packet after judging and counting it. */
#ifndef SALLYPORT_BPF_ACT_H
#define SALLYPORT_BPF_ACT_H

#include "lib/account.h"
#include "lib/token.h"

#ifdef SP_XDP

/* edge-in cannot mark: an allowed packet carries a token, or is dropped if there is no room for
 * one. */
SP_INLINE int sp_act_with_token(SP_CTX *ctx, const struct sp_work *work)
{
	if (work->verdict != SP_ALLOW)
		return XDP_DROP;
	return sp_token_write(ctx, sp_mark_of(work)) ? XDP_PASS : XDP_DROP;
}

#else

#include "lib/refuse.h"

/* Packets that arrive: mark an allowed one, drop a denied one in silence. */
SP_INLINE int sp_act_with_mark(SP_CTX *skb, const struct sp_work *work)
{
	if (work->verdict != SP_ALLOW)
		return TC_ACT_SHOT;
	sp_set_mark(skb, sp_mark_of(work));
	return SP_TC_PASS;
}

/* Packets that arrive from people and inner networks: mark an allowed one; drop a denied one, with
 * a refusal where one is due. */
SP_INLINE int sp_act_with_answer(SP_CTX *skb, struct sp_work *work)
{
	if (work->verdict != SP_ALLOW)
		return sp_refuse_or_drop(skb, work);
	sp_set_mark(skb, sp_mark_of(work));
	return SP_TC_PASS;
}

/* A packet that leaves keeps its mark. */
SP_INLINE int sp_act_leaving(const struct sp_work *work)
{
	return work->verdict == SP_ALLOW ? SP_TC_PASS : TC_ACT_SHOT;
}

#endif
#endif
