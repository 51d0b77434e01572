/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the parser (parse.h) finds in a packet: the path its flow is known by, and where its parts
 * lie. */
#ifndef SALLYPORT_BPF_PACKET_H
#define SALLYPORT_BPF_PACKET_H

#include <sallyport/abi/names.h>
#include <sallyport/abi/tables.h>

#include "lib/bytes.h"

enum sp_fragment_place {
	SP_FRAGMENT_NONE,
	SP_FRAGMENT_FIRST,
	SP_FRAGMENT_LATER,
};

/* The two ends of a packet. A flow is found by its path, and rules are asked about it. */
struct sp_path {
	struct sp_addr source, destination;
	/* ICMP queries and replies: identifier; else 0 */
	__be16 source_port_be, destination_port_be;
	__u8 proto;
	__u8 icmp; /* enum sp_icmp_kind */
	__u8 icmp_type;
	__u8 is_v6;
};

struct sp_parsed {
	struct sp_path path;
	struct sp_path quote; /* valid with has_quote */
	__u32 network_offset; /* of the IP header */
	__u32 l4_offset;      /* of layer 4: behind the IP header and its extensions */
	__u32 end_offset;     /* where the IP packet ends; padding follows */
	__u32 length;         /* of the IP packet */
	__u32 fragment_id;
	__u32 fragment_from, fragment_to; /* the span in the datagram's payload */
	__u8 fragment;                    /* enum sp_fragment_place */
	__u8 is_arp;
	__u8 is_ip; /* the addresses are set, even if the packet is malformed */
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

#endif
