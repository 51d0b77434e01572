/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The verdict as a tcx program gives it. */
#ifndef SALLYPORT_BPF_TC_H
#define SALLYPORT_BPF_TC_H

#include <linux/pkt_cls.h>

#include "lib/judge.h"

/* What lets a packet pass: programs of others behind ours still see it. */
#define SP_TC_PASS TC_ACT_UNSPEC /* as tcx calls it: TCX_NEXT */

/* Was this packet sent by the gateway itself (egress), rather than forwarded? */
SP_INLINE int sp_is_own(SP_CTX *ctx)
{
	if (sp_test) {
		struct sp_test_input *input = bpf_map_lookup_elem(&sp_test_input, &(__u32){ 0 });

		return input && input->is_own;
	}
	return !ctx->ingress_ifindex;
}

/* The mark that the hook by which the packet came in put on it. */
SP_INLINE __u32 sp_mark(SP_CTX *ctx)
{
	__u32 mark = ctx->mark;

	/* keeps this load apart from the one below: the compiler would make both one load from a
	 * modified ctx, which the verifier refuses */
	asm volatile("" : "+r"(mark));
	if (sp_test) {
		struct sp_test_input *input = bpf_map_lookup_elem(&sp_test_input, &(__u32){ 0 });

		mark = input ? input->mark : 0;
	}
	return mark & SP_MARK_MASK;
}

SP_INLINE int sp_has_own_mark(const SP_CTX *skb)
{
	return (skb->mark & SP_MARK_MASK) == SP_MARK_OWN;
}

SP_INLINE void sp_set_mark(SP_CTX *skb, __u32 mark)
{
	volatile __u32 *whole = &skb->mark; /* stored as a word: the verifier refuses parts of it */

	*whole = (skb->mark & ~SP_MARK_MASK) | mark;
}

#endif
