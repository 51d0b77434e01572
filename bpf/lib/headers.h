/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The headers on the wire, byte for byte, as far as the programs read or write them. One text for
 * programs and user space, because the kernel's own <linux/ipv6.h> and <netinet/in.h> cannot be
 * included together. Sources: RFC 791, 8200, 9293, 768, 792, 4443, 4302; IEEE 802.3. */
#ifndef SALLYPORT_BPF_HEADERS_H
#define SALLYPORT_BPF_HEADERS_H

#include <linux/types.h>
#include <sallyport/abi/tables.h>

#define SP_ETHER_IP4 0x0800
#define SP_ETHER_ARP 0x0806
#define SP_ETHER_VLAN 0x8100
#define SP_ETHER_QINQ 0x88a8
#define SP_ETHER_IP6 0x86dd

#define SP_PROTO_HOP_BY_HOP 0 /* as a next header */
#define SP_PROTO_ICMP 1
#define SP_PROTO_TCP 6
#define SP_PROTO_UDP 17
#define SP_PROTO_ROUTING 43
#define SP_PROTO_FRAGMENT 44
#define SP_PROTO_AUTH 51
#define SP_PROTO_ICMP6 58
#define SP_PROTO_DEST_OPTIONS 60
#define SP_PROTO_SCTP 132

#define SP_TCP_FIN 0x01
#define SP_TCP_SYN 0x02
#define SP_TCP_RST 0x04
#define SP_TCP_PSH 0x08
#define SP_TCP_ACK 0x10
#define SP_TCP_URG 0x20

struct sp_ether {
	__u8 destination[6];
	__u8 source[6];
	__be16 type_be;
};

struct sp_ip4 {
	__u8 version_ihl;
	__u8 service;
	__be16 length_be;
	__be16 id_be;
	__be16 fragment_be; /* reserved, don't, more; offset in units of 8 bytes */
	__u8 ttl;
	__u8 proto;
	__be16 checksum;
	__be32 source_be;
	__be32 destination_be;
};

struct sp_ip6 {
	__be32 version_class_flow_be;
	__be16 payload_length_be;
	__u8 next_header;
	__u8 hop_limit;
	struct sp_addr source;
	struct sp_addr destination;
};

/* The first 8 bytes of any extension header. */
struct sp_ip6_extension {
	__u8 next_header;
	__u8 length;
	__u8 routing_type;
	__u8 segments_left;
	__u8 rest[4];
};

struct sp_ip6_fragment {
	__u8 next_header;
	__u8 zero;
	__be16 offset_be; /* offset in units of 8 bytes << 3, more = 1 */
	__be32 id_be;
};

struct sp_tcp {
	__be16 source_be;
	__be16 destination_be;
	__be32 sequence_be;
	__be32 acknowledgment_be;
	__u8 data_offset; /* in words << 4 */
	__u8 flags;
	__be16 window_be;
	__be16 checksum;
	__be16 urgent_be;
};

struct sp_udp {
	__be16 source_be;
	__be16 destination_be;
	__be16 length_be;
	__be16 checksum;
};

struct sp_icmp {
	__u8 type;
	__u8 code;
	__be16 checksum;
	__be16 id_be;
	__be16 sequence_be;
};

SP_ABI_ASSERT(sizeof(struct sp_ether) == 14, "wire");
SP_ABI_ASSERT(sizeof(struct sp_ip4) == 20, "wire");
SP_ABI_ASSERT(sizeof(struct sp_ip6) == 40, "wire");
SP_ABI_ASSERT(sizeof(struct sp_tcp) == 20, "wire");

#endif
