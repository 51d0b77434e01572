/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The token by which edge-in, which is XDP and cannot mark, tells edge-tc behind it that a packet
 * was judged and allowed: 24 bytes of metadata before the packet, of which the last 8 say so. The
 * bytes are the same for all packets of a flow, because GRO merges only packets with equal
 * metadata. Behind a generic XDP program the kernel (6.18) shows a tcx program a window that begins
 * too late, by the length of the Ethernet header. */
#ifndef SALLYPORT_BPF_TOKEN_H
#define SALLYPORT_BPF_TOKEN_H

#include "lib/mark.h"

#define SP_TOKEN_ROOM 24
#define SP_TOKEN_PLACE 16
#define SP_TOKEN_PLACE_LATE (SP_TOKEN_PLACE - (int)sizeof(struct sp_ether))

#ifdef SP_XDP

/* Make room for the token, in place of any metadata of others. Returns 0: this driver has no
 * room. */
SP_INLINE int sp_token_reserve(SP_CTX *ctx)
{
	int held = (int)((long)ctx->data - (long)ctx->data_meta);

	return !bpf_xdp_adjust_meta(ctx, held - SP_TOKEN_ROOM);
}

/* Write the token. Returns 0: there is no room. */
SP_INLINE int sp_token_write(SP_CTX *ctx, __u32 mark)
{
	__u64 *meta = (void *)(long)ctx->data_meta;

	if ((void *)(meta + 3) > (void *)(long)ctx->data)
		return 0;
	meta[0] = 0;
	meta[1] = 0;
	meta[2] = sp_token[mark == sp_judged_mark ? 0 : mark == SP_MARK_REPLY ? 1 : 2];
	return 1;
}

#else

/* Read the token's last 8 bytes. In the window that begins too late they are not aligned. */
SP_INLINE __u64 sp_token_read(const __u8 *at)
{
	const __u16 *part = (const void *)at;

	return part[0] | (__u64)part[1] << 16 | (__u64)part[2] << 32 | (__u64)part[3] << 48;
}

SP_INLINE __u32 sp_token_mark(__u64 token)
{
	return token == sp_token[0]   ? sp_judged_mark
	       : token == sp_token[1] ? SP_MARK_REPLY
	       : token == sp_token[2] ? SP_MARK_JUDGED
				      : 0;
}

/* Take the token away: it would stay in front of the packet, even in the network namespace to which
 * the packet is sent. Returns the mark that the token stands for; 0: there is no token. */
SP_INLINE __u32 sp_token_take(SP_CTX *skb)
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
