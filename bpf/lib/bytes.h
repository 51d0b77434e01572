/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The context that a program gets, and where a packet's bytes come from: the one thing in which the
 * XDP program, the tcx programs and the programs compiled for user space differ. A program that is
 * XDP defines SP_XDP before any include. */
#ifndef SALLYPORT_BPF_BYTES_H
#define SALLYPORT_BPF_BYTES_H

#include <linux/types.h>

#ifdef __bpf__

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_endian.h>

#define SP_INLINE static __always_inline
/* A BPF subprogram: the verifier checks it at each call, and it has its own stack. */
#define SP_SUBPROGRAM static __noinline __attribute__((unused))

/* A function that the verifier checks once, by itself, without what its callers know: for code with
 * many paths or many callers. It takes numbers and pointers to whole structs; the verifier assumes
 * that each pointer may be NULL. */
#define SP_GLOBAL __noinline

#ifdef SP_XDP
#define SP_CTX struct xdp_md

SP_INLINE __u32 sp_bytes_len(SP_CTX *ctx)
{
	return (__u32)bpf_xdp_get_buff_len(ctx);
}

/* Copy @len bytes at @offset. Returns 0; -errno if some of the bytes are not there. */
SP_INLINE int sp_bytes_load(SP_CTX *ctx, __u32 offset, void *to, __u32 len)
{
	return (int)bpf_xdp_load_bytes(ctx, offset, to, len);
}

#else
#define SP_CTX struct __sk_buff

SP_INLINE __u32 sp_bytes_len(SP_CTX *ctx)
{
	return ctx->len;
}

SP_INLINE int sp_bytes_load(SP_CTX *ctx, __u32 offset, void *to, __u32 len)
{
	return (int)bpf_skb_load_bytes(ctx, offset, to, len);
}

#endif
#else /* user space */

#include <errno.h>
#include <string.h>
#include <bpf/bpf_endian.h>

#define SP_INLINE static inline __attribute__((unused))
#define SP_SUBPROGRAM static __attribute__((unused))
#define SP_GLOBAL static __attribute__((unused))

/* A packet, and the members of struct xdp_md and struct __sk_buff that the programs use. Who only
 * parses sets the first three. */
struct sp_bytes {
	const __u8 *bytes;
	__u32 len;
	__u32 is_ethernet; /* 0: bare IP */
	__u32 ifindex, ingress_ifindex;
	__u32 mark, pkt_type, gso_segs;
	unsigned long data_meta, data; /* where the metadata and the packet begin */
};
#define SP_CTX struct sp_bytes

SP_INLINE __u32 sp_bytes_len(const SP_CTX *ctx)
{
	return ctx->len;
}

SP_INLINE int sp_bytes_load(const SP_CTX *ctx, __u32 offset, void *to, __u32 len)
{
	if (offset > ctx->len || len > ctx->len - offset)
		return -EFAULT;
	memcpy(to, ctx->bytes + offset, len);
	return 0;
}

#endif
#endif
