/* SPDX-License-Identifier: GPL-3.0-or-later */
/* User space's own packet reader and writer (docs/judgement.md, "Parsing"). Written apart from
 * bpf/lib/parse.h on purpose: the two check each other. */
#ifndef SALLYPORT_NET_PACKET_H
#define SALLYPORT_NET_PACKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sallyport/abi/names.h>
#include <sallyport/abi/tables.h>

struct sp_tuple {
	struct sp_addr source, destination;
	/* host order; ICMP queries and replies: identifier */
	uint16_t source_port, destination_port;
	uint8_t proto;
	uint8_t icmp_type, icmp_code;
};

enum sp_packet_kind {
	SP_PACKET_DENIED, /* parsing alone denies it: see reason */
	SP_PACKET_ARP,
	SP_PACKET_IP,
};

struct sp_packet {
	enum sp_packet_kind kind;
	enum sp_reason reason;
	bool is_v6;
	bool has_ports; /* TCP, UDP, SCTP: tuple ports are real */
	bool is_icmp;   /* ICMP of its family */
	bool is_fragment, is_first_fragment, is_last_fragment;
	uint32_t fragment_id;
	uint32_t fragment_from, fragment_to; /* bytes of the datagram's payload */
	uint8_t hop_limit;
	uint8_t tcp_flags;
	bool is_icmp_error; /* redirects too: errors that belong to no flow */
	bool has_quote;     /* the quote names a tuple */
	bool quote_is_v6;
	struct sp_tuple quote;
	struct sp_tuple tuple;
	size_t length; /* IP total length */
};

/* Never fails: what cannot be parsed is SP_PACKET_DENIED with its reason. */
void sp_packet_parse(const uint8_t *bytes, size_t len, bool is_ethernet,
		     struct sp_packet *ret_packet);

/* Build a packet that a host would send to open this tuple: TCP SYN, UDP with 4 bytes, an SCTP
 * header, ICMP of the tuple's type (an error quotes a UDP packet of its receiver), else a bare IP
 * packet of the protocol. Checksums are right, SCTP's excepted. @buf at least 128 bytes. Returns
 * the length. */
size_t sp_packet_build(const struct sp_tuple *tuple, bool with_ethernet, uint8_t *buf);

#endif
