/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Bytes -> what is judged (docs/judgement.md, "Parsing"): parse_link.h, parse_ip4.h or parse_ip6.h, then
 * parse_l4.h and parse_quote.h. One path for both families; compiles in user space too.
 *
 * Every function here returns 0 to go on, or the enum sp_reason the packet is denied for. Tests are
 * made in the page's order. Nothing is trusted that was not compared with the bytes present. */
#ifndef SALLYPORT_BPF_PARSE_H
#define SALLYPORT_BPF_PARSE_H

#include <sallyport/abi/names.h>
#include <sallyport/abi/tables.h>

#include "lib/bytes.h"
#include "lib/headers.h"

enum sp_fragment_place {
	SP_FRAGMENT_NONE,
	SP_FRAGMENT_FIRST,
	SP_FRAGMENT_LATER,
};

enum sp_icmp_kind {
	SP_ICMP_NONE, /* not ICMP of its family */
	SP_ICMP_QUERY,
	SP_ICMP_REPLY,
	SP_ICMP_ERROR,
	SP_ICMP_OTHER,
};

/* From where to where: what a flow is found by and a rule is asked about. */
struct sp_path {
	struct sp_addr source, destination;
	__be16 source_port_be, destination_port_be; /* ICMP queries and replies: identifier; else 0 */
	__u8 proto;
	__u8 icmp; /* enum sp_icmp_kind */
	__u8 icmp_type;
	__u8 is_v6;
};

struct sp_parsed {
	struct sp_path path;
	struct sp_path quote; /* valid with has_quote */
	__u32 network_offset; /* of the IP header */
	__u32 l4_offset;      /* of what is behind it and its extensions */
	__u32 end_offset;     /* where the IP packet ends; padding follows */
	__u32 length;         /* of the IP packet */
	__u32 fragment_id;
	__u32 fragment_from, fragment_to; /* the span in the datagram's payload */
	__u8 fragment;                    /* enum sp_fragment_place */
	__u8 is_arp;
	__u8 is_ip; /* addresses are set, whatever else is wrong */
	__u8 has_quote;
	__u8 hop_limit;
	__u8 icmp_code;
	__u8 tcp_flags;
	__u8 zero;
};

SP_INLINE void sp_addr_from_ip4(struct sp_addr *addr, __be32 ip_be)
{
	addr->q[0] = 0;
	addr->w_be[2] = bpf_htonl(0xffff);
	addr->w_be[3] = ip_be;
}

SP_INLINE int sp_addr_equal(const struct sp_addr *a, const struct sp_addr *b)
{
	return a->q[0] == b->q[0] && a->q[1] == b->q[1];
}

/* A fragment whose payload of @len bytes starts at byte @from of the datagram. */
SP_INLINE int sp_check_span(__u32 from, __u32 has_more, __u32 len)
{
	return !len || from + len > 65535 || (has_more && len % 8) ? SP_REASON_MALFORMED : 0;
}

#include "lib/parse_ip4.h"
#include "lib/parse_ip6.h"
#include "lib/parse_quote.h"
#include "lib/parse_l4.h"

#include "lib/parse_link.h"

/* Parse the packet of @ctx. Returns 0; else the reason it is denied for. ARP is SP_REASON_ETHERTYPE with
 * is_arp set. */
SP_INLINE int sp_parse(SP_CTX *ctx, struct sp_parsed *parsed)
{
	__u32 present = sp_bytes_len(ctx), type = 0;
	int reason;

	__builtin_memset(parsed, 0, sizeof(*parsed));
	parsed->length = present;
	reason = sp_parse_link(ctx, present, parsed, &type);
	if (reason)
		return reason;
	parsed->is_arp = type == SP_ETHER_ARP;
	if (type == SP_ETHER_IP4)
		reason = sp_parse_ip4(ctx, present, parsed);
	else if (type == SP_ETHER_IP6)
		reason = sp_parse_ip6(ctx, present, parsed);
	else
		reason = SP_REASON_ETHERTYPE;
	if (reason || parsed->fragment == SP_FRAGMENT_LATER)
		return reason;
	return sp_parse_l4(ctx, parsed);
}

#endif
