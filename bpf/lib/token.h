/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What edge-in, which is XDP and cannot mark, tells edge-tc behind it: 24 bytes of metadata before
 * the packet, of which the last 8 say that it was judged and allowed. They are the same for all
 * packets of a flow: GRO merges only packets of equal metadata. Behind a generic XDP program the
 * kernel (6.18) shows a tcx program a window that begins the length of the Ethernet header too
 * late. */
#ifndef SALLYPORT_BPF_TOKEN_H
#define SALLYPORT_BPF_TOKEN_H

#include "lib/mark.h"

#define SP_TOKEN_ROOM 24
#define SP_TOKEN_PLACE 16
#define SP_TOKEN_PLACE_LATE (SP_TOKEN_PLACE - (int)sizeof(struct sp_ether))

#ifdef SP_XDP

/* Make room, whatever others put there. 0: this driver has none. */
SP_INLINE int sp_token_reserve(struct xdp_md *ctx)
{
	int held = (int)((long)ctx->data - (long)ctx->data_meta);

	return !bpf_xdp_adjust_meta(ctx, held - SP_TOKEN_ROOM);
}

/* 0: there is no room. */
SP_INLINE int sp_token_write(struct xdp_md *ctx, __u32 mark)
{
	__u64 *meta = (void *)(long)ctx->data_meta;

	if ((void *)(meta + 3) > (void *)(long)ctx->data)
		return 0;
	meta[0] = 0;
	meta[1] = 0;
	meta[2] = sp_token[mark == SP_MARK_REPLY];
	return 1;
}

#else

/* The late place is at an odd pair of bytes: read as such. */
SP_INLINE __u64 sp_token_read(const __u8 *at)
{
	const __u16 *part = (const void *)at;

	return part[0] | (__u64)part[1] << 16 | (__u64)part[2] << 32 | (__u64)part[3] << 48;
}

SP_INLINE __u32 sp_token_mark(__u64 token)
{
	return token == sp_token[0] ? SP_MARK_JUDGED : token == sp_token[1] ? SP_MARK_REPLY : 0;
}

/* Take the token away: it would stay in front of the packet, also in the network namespace that the
 * packet is sent to. Returns the mark it stands for, 0 if there is none. */
SP_INLINE __u32 sp_token_take(struct __sk_buff *skb)
{
	__u8 *meta = (void *)(long)skb->data_meta;
	__u32 mark;

	if (meta + SP_TOKEN_ROOM > (__u8 *)(long)skb->data)
		return 0;
	mark = sp_token_mark(sp_token_read(meta + SP_TOKEN_PLACE));
	if (mark) {
		__builtin_memset(meta + SP_TOKEN_PLACE, 0, sizeof(__u64));
		return mark;
	}
	mark = sp_token_mark(sp_token_read(meta + SP_TOKEN_PLACE_LATE));
	if (mark)
		__builtin_memset(meta + SP_TOKEN_PLACE_LATE, 0, sizeof(__u64));
	return mark;
}

#endif
#endif
