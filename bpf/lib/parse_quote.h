/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The packet that an ICMP error quotes (RFC 792, RFC 4443). */
#ifndef SALLYPORT_BPF_PARSE_QUOTE_H
#define SALLYPORT_BPF_PARSE_QUOTE_H

#include "lib/icmp.h"
#include "lib/packet.h"
#include "lib/parse_ip6.h"

/* Read the IP header of a quote at @offset. ret_chain->is_cut: the quote ends before layer 4. */
SP_INLINE int sp_quote_ip4(SP_CTX *ctx, __u32 offset, __u32 end, struct sp_path *quote,
			   struct sp_chain *ret_chain)
{
	struct sp_ip4 header;
	__u32 header_len;

	if (end - offset < sizeof(header) || sp_bytes_load(ctx, offset, &header, sizeof(header)))
		return SP_REASON_MALFORMED;
	header_len = (header.version_ihl & 15) * 4;
	if (header.version_ihl >> 4 != 4 || header_len < sizeof(header) ||
	    header_len > end - offset)
		return SP_REASON_MALFORMED;
	sp_addr_from_ip4(&quote->source, header.source_be);
	sp_addr_from_ip4(&quote->destination, header.destination_be);
	ret_chain->next = header.proto;
	ret_chain->offset = offset + header_len;
	if (header.fragment_be & bpf_htons(0x1fff))
		ret_chain->fragment = SP_FRAGMENT_LATER;
	return 0;
}

SP_INLINE int sp_quote_ip6(SP_CTX *ctx, __u32 offset, __u32 end, struct sp_path *quote,
			   struct sp_chain *ret_chain)
{
	struct sp_ip6 header;

	if (end - offset < sizeof(header) || sp_bytes_load(ctx, offset, &header, sizeof(header)))
		return SP_REASON_MALFORMED;
	if (bpf_ntohl(header.version_class_flow_be) >> 28 != 6)
		return SP_REASON_MALFORMED;
	quote->source = header.source;
	quote->destination = header.destination;
	ret_chain->next = header.next_header;
	ret_chain->offset = offset + sizeof(header);
	return 0;
}

/* Read the first 8 bytes of layer 4 at @offset. Returns whether the quote names a flow. */
SP_INLINE int sp_quote_l4(SP_CTX *ctx, __u32 offset, __u32 end, struct sp_path *quote)
{
	struct sp_icmp icmp; /* the ports are at the same place as type, code and checksum */
	int is_icmp = sp_is_icmp(quote->proto, quote->is_v6);

	if (!is_icmp && quote->proto != SP_PROTO_TCP && quote->proto != SP_PROTO_UDP &&
	    quote->proto != SP_PROTO_SCTP)
		return 1;
	if (end - offset < sizeof(icmp) || sp_bytes_load(ctx, offset, &icmp, sizeof(icmp)))
		return 0;
	if (!is_icmp) {
		quote->source_port_be = ((const struct sp_udp *)&icmp)->source_be;
		quote->destination_port_be = ((const struct sp_udp *)&icmp)->destination_be;
		return 1;
	}
	quote->icmp_type = icmp.type;
	quote->icmp = quote->is_v6 ? sp_icmp6_kind(icmp.type) : sp_icmp4_kind(icmp.type);
	quote->source_port_be = icmp.id_be;
	quote->destination_port_be = icmp.id_be;
	return quote->icmp == SP_ICMP_QUERY || quote->icmp == SP_ICMP_REPLY;
}

/* Parse the quote of an ICMP error whose 8 bytes of header are present. */
SP_SUBPROGRAM int sp_parse_quote(SP_CTX *ctx, struct sp_parsed *parsed)
{
	struct sp_path *quote = &parsed->quote;
	struct sp_chain chain = { .is_quote = 1, .end = parsed->end_offset };
	__u32 offset = parsed->l4_offset + sizeof(struct sp_icmp);
	int reason;

	quote->is_v6 = parsed->path.is_v6;
	reason = quote->is_v6 ? sp_quote_ip6(ctx, offset, chain.end, quote, &chain)
			      : sp_quote_ip4(ctx, offset, chain.end, quote, &chain);
	if (reason)
		return reason;
	if (!sp_addr_equal(&quote->source, &parsed->path.destination))
		return SP_REASON_MALFORMED;
	if (quote->is_v6) {
		reason = sp_chain_walk(ctx, &chain);
		if (reason)
			return reason;
	}
	if (chain.is_cut || chain.fragment == SP_FRAGMENT_LATER)
		return 0;
	quote->proto = chain.next;
	parsed->has_quote = sp_quote_l4(ctx, chain.offset, chain.end, quote);
	return 0;
}

#endif
