/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The header before IP, and which protocol follows. XDP runs on Ethernet alone and reads its
 * header. The tunnel is bare IP. A tcx program on any other interface searches for the network
 * header: PPP, TUN, WireGuard and GRE have no Ethernet header, and behind a generic XDP program the
 * kernel may hide an Ethernet header that is there. */
#ifndef SALLYPORT_BPF_PARSE_LINK_H
#define SALLYPORT_BPF_PARSE_LINK_H

#include "lib/headers.h"
#include "lib/packet.h"

SP_INLINE int sp_is_tag(__u32 type)
{
	return type == SP_ETHER_VLAN || type == SP_ETHER_QINQ;
}

#if !defined(__bpf__) || defined(SP_XDP)

/* Ethernet with up to two VLAN tags. */
SP_INLINE int sp_parse_ethernet(SP_CTX *ctx, __u32 present, struct sp_parsed *parsed,
				__u32 *ret_type)
{
	__u32 offset = sizeof(struct sp_ether), type;
	__be16 type_be;

	if (present < offset || sp_bytes_load(ctx, offset - 2, &type_be, sizeof(type_be)))
		return SP_REASON_TRUNCATED;
	type = bpf_ntohs(type_be);
	for (int i = 0; i < 2 && sp_is_tag(type); i++) {
		if (present < offset + 4 ||
		    sp_bytes_load(ctx, offset + 2, &type_be, sizeof(type_be)))
			return SP_REASON_TRUNCATED;
		type = bpf_ntohs(type_be);
		offset += 4;
	}
	parsed->network_offset = offset;
	*ret_type = type;
	return 0;
}

#endif
#if !defined(__bpf__)

SP_INLINE int sp_parse_link(SP_CTX *ctx, __u32 present, struct sp_parsed *parsed, __u32 *ret_type)
{
	if (ctx->is_ethernet)
		return sp_parse_ethernet(ctx, present, parsed, ret_type);
	if (!present)
		return SP_REASON_TRUNCATED;
	*ret_type = ctx->bytes[0] >> 4 == 4 ? SP_ETHER_IP4 : SP_ETHER_IP6;
	return ctx->bytes[0] >> 4 == 4 || ctx->bytes[0] >> 4 == 6 ? 0 : SP_REASON_MALFORMED;
}

#elif defined(SP_XDP)

SP_INLINE int sp_parse_link(SP_CTX *ctx, __u32 present, struct sp_parsed *parsed, __u32 *ret_type)
{
	return sp_parse_ethernet(ctx, present, parsed, ret_type);
}

#else

#include "maps.h"

#define SP_LINK_MAX 64 /* no link header we know is longer: GRE over IPv6 with a key has 48 bytes */

/* Is the network header at most @offset bytes behind the first byte that the program reads? The
 * kernel tells neither place, but loads bytes by an offset from either. So load the byte that is
 * the last one of @linear if the network header is at @offset: the kernel can load it exactly if
 * the header is there or before. */
SP_INLINE int sp_link_is_within(struct __sk_buff *skb, __u32 linear, __u32 offset)
{
	__u8 byte;

	return offset < linear &&
	       !bpf_skb_load_bytes_relative(skb, linear - 1 - offset, &byte, 1, BPF_HDR_START_NET);
}

SP_INLINE int sp_link_is(struct __sk_buff *skb, __u32 linear, __u32 len)
{
	return sp_link_is_within(skb, linear, len) &&
	       (!len || !sp_link_is_within(skb, linear, len - 1));
}

SP_INLINE __u32 sp_link_linear(const struct __sk_buff *skb)
{
	return (__u32)((long)skb->data_end - (long)skb->data);
}

/* Search any length up to SP_LINK_MAX by halving the range seven times. Returns SP_LINK_MAX + 1 if
 * the network header is not found. */
SP_GLOBAL int sp_link_search(struct __sk_buff *skb, __u32 linear)
{
	__u32 low = 0, high = linear <= SP_LINK_MAX ? linear - 1 : SP_LINK_MAX;

	if (!linear || !sp_link_is_within(skb, linear, high))
		return SP_LINK_MAX + 1;
	for (int i = 0; i < 7; i++) {
		__u32 middle = (low + high) / 2;

		if (low >= high)
			break;
		if (sp_link_is_within(skb, linear, middle))
			high = middle;
		else
			low = middle + 1;
	}
	return high;
}

/* How many bytes stand before the network header. An Ethernet header is tried first. More than
 * SP_LINK_MAX: the network header is not found. */
SP_INLINE __u32 sp_link_ask(struct __sk_buff *skb)
{
	__u32 linear = sp_link_linear(skb);

	if (linear <= SP_LINK_MAX && linear < skb->len &&
	    !bpf_skb_pull_data(skb, skb->len < 2 * SP_LINK_MAX ? skb->len : 2 * SP_LINK_MAX))
		linear = sp_link_linear(skb);
	if (sp_link_is(skb, linear, sizeof(struct sp_ether)))
		return sizeof(struct sp_ether);
	/* no link header, or one that a generic XDP program before this one hides */
	if (sp_link_is(skb, linear, 0))
		return 0;
	return sp_link_search(skb, linear);
}

/* The length of the link header. On the tunnel there is none: sallyportd puts its programs only on
 * a link of bare IP (src/daemon/host/host.c). */
SP_INLINE __u32 sp_link_len(struct __sk_buff *skb)
{
	if (SP_THIS_HOOK == SP_HOOK_VPN_IN || SP_THIS_HOOK == SP_HOOK_VPN_OUT)
		return sp_tunnel_link_len;
	return sp_link_ask(skb);
}

SP_INLINE int sp_link_is_leaving(void)
{
	return SP_THIS_HOOK == SP_HOOK_EDGE_OUT || SP_THIS_HOOK == SP_HOOK_VPN_OUT ||
	       SP_THIS_HOOK == SP_HOOK_INSIDE_OUT;
}

/* Where the network header is, and its ethertype. A function of its own, so that the verifier
 * checks it once. Returns ethertype << 8 | offset; 0: they cannot be found. */
SP_GLOBAL int sp_link_find(struct __sk_buff *skb)
{
	__u32 type = bpf_ntohs(skb->protocol), tags = skb->vlan_present ? 1 : 0, offset;
	__be16 type_be;

	if (type != SP_ETHER_IP4 && type != SP_ETHER_IP6 && !sp_is_tag(type))
		return (int)(type << 8);
	offset = sp_link_len(skb);
	if (offset > SP_LINK_MAX)
		return 0;
	/* A packet that a VLAN device sends has its tag before the network header. A packet that
	 * arrives has the tag behind it. */
	if (sp_link_is_leaving() && sp_is_tag(type)) {
		if (offset < 2 || sp_bytes_load(skb, offset - 2, &type_be, sizeof(type_be)))
			return 0;
		type = bpf_ntohs(type_be);
	}
	for (; sp_is_tag(type) && tags < 2; tags++) {
		if (sp_bytes_load(skb, offset + 2, &type_be, sizeof(type_be)))
			return 0;
		type = bpf_ntohs(type_be);
		offset += 4;
	}
	return (int)(type << 8 | offset);
}

SP_INLINE int sp_parse_link(SP_CTX *ctx, __u32 present, struct sp_parsed *parsed, __u32 *ret_type)
{
	__u32 found = sp_link_find(ctx);

	(void)present;
	parsed->network_offset = found & 0xff;
	*ret_type = found >> 8;
	return found ? 0 : SP_REASON_TRUNCATED;
}

#endif
#endif
