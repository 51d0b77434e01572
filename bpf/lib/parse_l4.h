/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Layer 4: ports, TCP flags, ICMP (RFC 9293, 768, 9260, 792, 4443). */
#ifndef SALLYPORT_BPF_PARSE_L4_H
#define SALLYPORT_BPF_PARSE_L4_H

#include "lib/headers.h"
#include "lib/icmp.h"
#include "lib/packet.h"
#include "lib/parse_quote.h"

/* The reason for a header that does not fit. In a first fragment, the fragment is too small. */
SP_INLINE int sp_l4_short(const struct sp_parsed *parsed)
{
	return parsed->fragment ? SP_REASON_FRAGMENT : SP_REASON_MALFORMED;
}

SP_INLINE int sp_tcp_flags_are_sane(__u32 flags)
{
	flags &= SP_TCP_FIN | SP_TCP_SYN | SP_TCP_RST | SP_TCP_PSH | SP_TCP_ACK | SP_TCP_URG;
	if (!flags)
		return 0;
	if ((flags & SP_TCP_SYN) && (flags & (SP_TCP_FIN | SP_TCP_RST)))
		return 0;
	return (flags & SP_TCP_ACK) || !(flags & (SP_TCP_FIN | SP_TCP_PSH | SP_TCP_URG));
}

SP_INLINE int sp_parse_tcp(SP_CTX *ctx, __u32 room, struct sp_parsed *parsed)
{
	struct sp_tcp header;
	__u32 len;

	if (room < sizeof(header) || sp_bytes_load(ctx, parsed->l4_offset, &header, sizeof(header)))
		return sp_l4_short(parsed);
	parsed->path.source_port_be = header.source_be;
	parsed->path.destination_port_be = header.destination_be;
	parsed->tcp_flags = header.flags;
	len = (header.data_offset >> 4) * 4;
	if (len < sizeof(header))
		return SP_REASON_MALFORMED;
	if (len > room)
		return sp_l4_short(parsed);
	return sp_tcp_flags_are_sane(header.flags) ? 0 : SP_REASON_MALFORMED;
}

SP_INLINE int sp_parse_udp(SP_CTX *ctx, __u32 room, struct sp_parsed *parsed)
{
	struct sp_udp header;
	__u32 len;

	if (room < sizeof(header) || sp_bytes_load(ctx, parsed->l4_offset, &header, sizeof(header)))
		return sp_l4_short(parsed);
	parsed->path.source_port_be = header.source_be;
	parsed->path.destination_port_be = header.destination_be;
	len = bpf_ntohs(header.length_be);
	if (len < sizeof(header) || (len > room && !parsed->fragment))
		return SP_REASON_MALFORMED;
	return 0;
}

SP_INLINE int sp_parse_sctp(SP_CTX *ctx, __u32 room, struct sp_parsed *parsed)
{
	__be16 ports_be[2];

	if (room < 12 || sp_bytes_load(ctx, parsed->l4_offset, ports_be, sizeof(ports_be)))
		return sp_l4_short(parsed);
	parsed->path.source_port_be = ports_be[0];
	parsed->path.destination_port_be = ports_be[1];
	return 0;
}

SP_INLINE int sp_parse_icmp(SP_CTX *ctx, __u32 room, struct sp_parsed *parsed)
{
	struct sp_path *path = &parsed->path;
	struct sp_icmp header;
	int reason;

	if (room < sizeof(header) || sp_bytes_load(ctx, parsed->l4_offset, &header, sizeof(header)))
		return sp_l4_short(parsed);
	path->icmp_type = header.type;
	parsed->icmp_code = header.code;
	path->icmp = path->is_v6 ? sp_icmp6_kind(header.type) : sp_icmp4_kind(header.type);
	if (path->icmp == SP_ICMP_QUERY || path->icmp == SP_ICMP_REPLY) {
		path->source_port_be = header.id_be;
		path->destination_port_be = header.id_be;
	}
	if (path->icmp != SP_ICMP_ERROR || (path->is_v6 && header.type == SP_ICMP6_REDIRECT))
		return 0;
	reason = sp_parse_quote(ctx, parsed);
	if (!path->is_v6 && header.type == SP_ICMP4_REDIRECT)
		parsed->has_quote = 0; /* redirects belong to no flow */
	return reason;
}

/* Parse layer 4. Not called for later fragments, which have none. */
SP_SUBPROGRAM int sp_parse_l4(SP_CTX *ctx, struct sp_parsed *parsed)
{
	__u32 room = parsed->end_offset - parsed->l4_offset;

	switch (parsed->path.proto) {
	case SP_PROTO_TCP:
		return sp_parse_tcp(ctx, room, parsed);
	case SP_PROTO_UDP:
		return sp_parse_udp(ctx, room, parsed);
	case SP_PROTO_SCTP:
		return sp_parse_sctp(ctx, room, parsed);
	}
	if (sp_is_icmp(parsed->path.proto, parsed->path.is_v6))
		return sp_parse_icmp(ctx, room, parsed);
	return 0;
}

#endif
