/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* IPv6: header and the chain of extension headers (RFC 8200), of a packet and of the packet an
 * ICMPv6 error quotes. */
#ifndef SALLYPORT_BPF_PARSE_IP6_H
#define SALLYPORT_BPF_PARSE_IP6_H

#include "lib/headers.h"
#include "lib/packet.h"

#define SP_IP6_EXTENSIONS_MAX 8u

/* A walk along the extension headers: its position, and what it has met so far. */
struct sp_chain {
	__u32 offset; /* of the header `next` names */
	__u32 end;    /* of the packet, or of the bytes an error quotes */
	__u32 fragment_id;
	__u32 fragment_from, fragment_to; /* the span counts from behind the fragment header */
	__u8 next;
	__u8 is_quote; /* the packet may end anywhere; `is_cut` tells that it did */
	__u8 is_cut;
	__u8 has_fragment_header;
	__u8 fragment; /* enum sp_fragment_place */
	__u8 zero[3];
};

SP_INLINE int sp_chain_is_extension(__u32 next)
{
	return next == SP_PROTO_HOP_BY_HOP || next == SP_PROTO_ROUTING ||
	       next == SP_PROTO_FRAGMENT || next == SP_PROTO_AUTH || next == SP_PROTO_DEST_OPTIONS;
}

/* The bytes end before this header does. */
SP_INLINE int sp_chain_cut(struct sp_chain *chain)
{
	if (chain->is_quote) {
		chain->is_cut = 1;
		return 0;
	}
	return chain->fragment == SP_FRAGMENT_FIRST ? SP_REASON_FRAGMENT : SP_REASON_MALFORMED;
}

SP_INLINE int sp_chain_fragment(struct sp_chain *chain, const struct sp_ip6_extension *header)
{
	const struct sp_ip6_fragment *fragment = (const void *)header;
	__u32 offset = bpf_ntohs(fragment->offset_be);
	__u32 len = chain->end - (chain->offset + sizeof(*fragment));
	__u32 has_more = offset & 1;

	if (chain->has_fragment_header)
		return SP_REASON_MALFORMED;
	chain->has_fragment_header = 1;
	offset &= 0xfff8;
	if (!offset && !has_more)
		return 0; /* atomic: no fragment at all */
	chain->fragment = offset ? SP_FRAGMENT_LATER : SP_FRAGMENT_FIRST;
	chain->fragment_id = bpf_ntohl(fragment->id_be);
	chain->fragment_from = offset;
	chain->fragment_to = offset + len;
	return chain->is_quote ? 0 : sp_check_span(offset, has_more, len);
}

/* Walk along the extension headers up to the protocol, which is chain->next at chain->offset unless
 * is_cut. */
SP_GLOBAL int sp_chain_walk(SP_CTX *ctx, struct sp_chain *chain)
{
	if (!chain)
		return SP_REASON_MALFORMED;
	for (__u32 i = 0; i <= SP_IP6_EXTENSIONS_MAX; i++) {
		__u32 next = chain->next;
		__u32 room = chain->end - chain->offset;
		struct sp_ip6_extension header;
		__u32 len;
		int reason;

		if (!sp_chain_is_extension(next))
			return 0;
		if ((next == SP_PROTO_HOP_BY_HOP && i) || i == SP_IP6_EXTENSIONS_MAX)
			return SP_REASON_MALFORMED;
		if (room < sizeof(header) ||
		    sp_bytes_load(ctx, chain->offset, &header, sizeof(header)))
			return sp_chain_cut(chain);
		len = (header.length + 1) * 8;
		if (next == SP_PROTO_FRAGMENT)
			len = sizeof(header);
		else if (next == SP_PROTO_AUTH)
			len = (header.length + 2) * 4;
		if (len > room)
			return sp_chain_cut(chain);
		if (next == SP_PROTO_ROUTING && (!header.routing_type || header.segments_left))
			return SP_REASON_MALFORMED;
		if (next == SP_PROTO_FRAGMENT) {
			reason = sp_chain_fragment(chain, &header);
			if (reason)
				return reason;
		}
		chain->next = header.next_header;
		chain->offset += len;
		if (chain->fragment == SP_FRAGMENT_LATER)
			return 0;
	}
	return SP_REASON_MALFORMED;
}

/* ::/96 and ::ffff:0:0/96: addresses that could be taken for IPv4 addresses. */
SP_INLINE int sp_addr_embeds_ip4(const struct sp_addr *addr)
{
	return !addr->q[0] && (!addr->w_be[2] || addr->w_be[2] == bpf_htonl(0xffff));
}

SP_SUBPROGRAM int sp_parse_ip6(SP_CTX *ctx, __u32 present, struct sp_parsed *parsed)
{
	__u32 offset = parsed->network_offset;
	struct sp_chain chain = {};
	struct sp_ip6 header;
	int reason;

	if (present < offset + sizeof(header) ||
	    sp_bytes_load(ctx, offset, &header, sizeof(header)))
		return SP_REASON_TRUNCATED;
	if (bpf_ntohl(header.version_class_flow_be) >> 28 != 6)
		return SP_REASON_MALFORMED;
	parsed->path.source = header.source;
	parsed->path.destination = header.destination;
	parsed->path.is_v6 = 1;
	parsed->path.proto = header.next_header;
	parsed->is_ip = 1;
	chain.offset = offset + sizeof(header);
	chain.end = chain.offset + bpf_ntohs(header.payload_length_be);
	chain.next = header.next_header;
	if (present < chain.end)
		return SP_REASON_TRUNCATED;
	if (sp_addr_embeds_ip4(&header.destination) ||
	    (sp_addr_embeds_ip4(&header.source) && (header.source.q[0] || header.source.q[1])))
		return SP_REASON_MALFORMED;
	parsed->length = chain.end - offset;
	parsed->end_offset = chain.end;
	parsed->hop_limit = header.hop_limit;
	reason = sp_chain_walk(ctx, &chain);
	parsed->path.proto = chain.next;
	parsed->l4_offset = chain.offset;
	parsed->fragment = chain.fragment;
	parsed->fragment_id = chain.fragment_id;
	parsed->fragment_from = chain.fragment_from;
	parsed->fragment_to = chain.fragment_to;
	return reason;
}

#endif
