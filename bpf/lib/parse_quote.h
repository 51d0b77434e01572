/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What kind an ICMP message is, and the packet an ICMP error quotes (RFC 792, RFC 4443). Included by
 * parse.h. */
#ifndef SALLYPORT_BPF_PARSE_QUOTE_H
#define SALLYPORT_BPF_PARSE_QUOTE_H

#define SP_ICMP4_REDIRECT 5
#define SP_ICMP6_ECHO 128
#define SP_ICMP6_ECHO_REPLY 129
#define SP_ICMP6_ROUTER_SOLICITATION 133
#define SP_ICMP6_ROUTER_ADVERTISEMENT 134
#define SP_ICMP6_NEIGHBOUR_SOLICITATION 135
#define SP_ICMP6_NEIGHBOUR_ADVERTISEMENT 136
#define SP_ICMP6_REDIRECT 137

SP_INLINE enum sp_icmp_kind sp_icmp4_kind(__u32 type)
{
	switch (type) {
	case 8: case 13: case 15: case 17:
		return SP_ICMP_QUERY;
	case 0: case 14: case 16: case 18:
		return SP_ICMP_REPLY;
	case 3: case 4: case SP_ICMP4_REDIRECT: case 11: case 12:
		return SP_ICMP_ERROR;
	}
	return SP_ICMP_OTHER;
}

SP_INLINE enum sp_icmp_kind sp_icmp6_kind(__u32 type)
{
	switch (type) {
	case SP_ICMP6_ECHO:
		return SP_ICMP_QUERY;
	case SP_ICMP6_ECHO_REPLY:
		return SP_ICMP_REPLY;
	case 1: case 2: case 3: case 4: case SP_ICMP6_REDIRECT:
		return SP_ICMP_ERROR;
	}
	return SP_ICMP_OTHER;
}

SP_INLINE int sp_is_icmp(__u32 proto, int is_v6)
{
	return proto == (is_v6 ? SP_PROTO_ICMP6 : SP_PROTO_ICMP);
}

/* The type of the query that this reply answers. */
SP_INLINE __u8 sp_icmp_asked(__u32 type, int is_v6)
{
	if (is_v6)
		return SP_ICMP6_ECHO;
	return type == 0 ? 8 : type - 1;
}

/* IP header of a quote at @offset; ret_chain->is_cut: there is nothing of layer 4. */
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

/* The first 8 bytes of layer 4 at @offset. Returns whether the quote names a flow. */
SP_INLINE int sp_quote_l4(SP_CTX *ctx, __u32 offset, __u32 end, struct sp_path *quote)
{
	struct sp_icmp icmp; /* ports stand where type, code and checksum do */
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

/* The quote in an ICMP error whose 8 bytes of header are present. */
SP_SUBPROGRAM int sp_parse_quote(SP_CTX *ctx, struct sp_parsed *parsed)
{
	struct sp_path *quote = &parsed->quote;
	struct sp_chain chain = { .is_quote = 1, .end = parsed->end_offset };
	__u32 offset = parsed->l4_offset + sizeof(struct sp_icmp);
	int reason;

	quote->is_v6 = parsed->path.is_v6;
	reason = quote->is_v6 ? sp_quote_ip6(ctx, offset, chain.end, quote, &chain) :
				sp_quote_ip4(ctx, offset, chain.end, quote, &chain);
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
