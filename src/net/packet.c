/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "net/packet.h"

#include <netinet/in.h>
#include <string.h>

#include "base/bytes.h"
#include "net/addr.h"

#define ETHERNET_HEADER 14u
#define VLAN_TAG 4u
#define VLAN_TAGS_MAX 2

#define TYPE_IPV4 0x0800u
#define TYPE_ARP 0x0806u
#define TYPE_VLAN 0x8100u
#define TYPE_IPV6 0x86ddu
#define TYPE_QINQ 0x88a8u

#define IPV4_HEADER 20u
#define IPV4_MORE 0x2000u
#define IPV4_OFFSET 0x1fffu
#define OPTION_END 0
#define OPTION_NOP 1
#define OPTION_LSRR 131
#define OPTION_SSRR 137

#define IPV6_HEADER 40u
#define EXTENSIONS_MAX 8
#define DATAGRAM_MAX 65535u

#define TCP_HEADER 20u
#define UDP_HEADER 8u
#define SCTP_HEADER 12u
#define ICMP_HEADER 8u
#define QUOTED_BYTES 8u

#define TCP_FIN 0x01
#define TCP_SYN 0x02
#define TCP_RST 0x04
#define TCP_PSH 0x08
#define TCP_ACK 0x10
#define TCP_URG 0x20
#define TCP_KNOWN 0x3f

#define ICMP6_REDIRECT 137

/* Deny the packet. Every step returns false once the packet is denied. */
static bool deny(struct sp_packet *pkt, enum sp_reason reason)
{
	pkt->kind = SP_PACKET_DENIED;
	pkt->reason = reason;
	return false;
}

static bool malformed(struct sp_packet *pkt)
{
	return deny(pkt, SP_REASON_MALFORMED);
}

/* ---- IPv6 extension headers, of packets and of quotes ---- */

enum walk_end {
	WALK_DONE,
	WALK_CUT,    /* a header does not fit the bytes */
	WALK_BROKEN, /* a header in a wrong place, or with a wrong value */
};

struct walk {
	const uint8_t *bytes; /* behind the fixed header */
	size_t len;
	bool is_quote; /* its bytes may end anywhere, so spans of fragments mean nothing */

	uint8_t proto; /* the next header; at the end of the walk the protocol */
	size_t offset; /* where it starts */
	unsigned count;
	bool has_fragment_header;
	bool is_fragment, is_last;
	uint32_t fragment_id, fragment_from, fragment_to;
};

static bool is_extension(uint8_t proto)
{
	return proto == IPPROTO_HOPOPTS || proto == IPPROTO_ROUTING || proto == IPPROTO_FRAGMENT ||
	       proto == IPPROTO_AH || proto == IPPROTO_DSTOPTS;
}

/* Is this a span that no fragment can have: empty, past the largest datagram, or, if not the last,
 * no multiple of 8 bytes? */
static bool is_bad_span(size_t from, size_t payload, bool is_last)
{
	return payload == 0 || from + payload > DATAGRAM_MAX || (!is_last && payload % 8 != 0);
}

static enum walk_end walk_fragment(struct walk *walk, const uint8_t *header)
{
	uint16_t field = sp_get_be16(header + 2);
	size_t payload = walk->len - walk->offset - 8;

	if (walk->has_fragment_header)
		return WALK_BROKEN;
	walk->has_fragment_header = true;
	walk->fragment_from = field & 0xfff8u;
	walk->is_last = !(field & 1);
	walk->is_fragment = walk->fragment_from > 0 || !walk->is_last;
	if (!walk->is_fragment)
		return WALK_DONE;
	if (!walk->is_quote && is_bad_span(walk->fragment_from, payload, walk->is_last))
		return WALK_BROKEN;
	walk->fragment_to = walk->fragment_from + (uint32_t)payload;
	walk->fragment_id = sp_get_be32(header + 4);
	return WALK_DONE;
}

/* Step over the extension header at walk->offset. */
static enum walk_end walk_one(struct walk *walk)
{
	const uint8_t *header = walk->bytes + walk->offset;
	size_t left = walk->len - walk->offset, header_len;

	if (walk->proto == IPPROTO_HOPOPTS && walk->offset > 0)
		return WALK_BROKEN;
	if (++walk->count > EXTENSIONS_MAX)
		return WALK_BROKEN;
	if (left < 8)
		return WALK_CUT;
	if (walk->proto == IPPROTO_FRAGMENT)
		header_len = 8;
	else if (walk->proto == IPPROTO_AH)
		header_len = (header[1] + 2u) * 4;
	else
		header_len = (header[1] + 1u) * 8;
	if (left < header_len)
		return WALK_CUT;
	if (walk->proto == IPPROTO_ROUTING && (header[2] == 0 || header[3] > 0))
		return WALK_BROKEN;
	if (walk->proto == IPPROTO_FRAGMENT && walk_fragment(walk, header) != WALK_DONE)
		return WALK_BROKEN;
	walk->proto = header[0];
	walk->offset += header_len;
	return WALK_DONE;
}

/* Walk along the extension headers. Stops at the protocol, or behind the fragment header of a later
 * fragment. */
static enum walk_end walk_extensions(struct walk *walk)
{
	while (is_extension(walk->proto) && !(walk->is_fragment && walk->fragment_from > 0)) {
		enum walk_end end = walk_one(walk);

		if (end != WALK_DONE)
			return end;
	}
	return WALK_DONE;
}

/* ---- layer 4 ---- */

static bool is_icmp_of_family(uint8_t proto, bool is_v6)
{
	return proto == (is_v6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP);
}

static bool has_ports(uint8_t proto)
{
	return proto == IPPROTO_TCP || proto == IPPROTO_UDP || proto == IPPROTO_SCTP;
}

static bool is_icmp_query_or_reply(uint8_t type, bool is_v6)
{
	if (is_v6)
		return type == 128 || type == 129;
	return type == 0 || type == 8 || (type >= 13 && type <= 18);
}

static bool is_icmp_redirect(uint8_t type, bool is_v6)
{
	return type == (is_v6 ? ICMP6_REDIRECT : 5);
}

static bool is_icmp_quoting(uint8_t type, bool is_v6)
{
	if (is_v6)
		return type >= 1 && type <= 4;
	return type == 3 || type == 4 || type == 5 || type == 11 || type == 12;
}

/* Read type, code and identifier of an ICMP message of which eight bytes are there. */
static void read_icmp(struct sp_tuple *tuple, const uint8_t *bytes, bool is_v6)
{
	tuple->icmp_type = bytes[0];
	tuple->icmp_code = bytes[1];
	if (is_icmp_query_or_reply(tuple->icmp_type, is_v6))
		tuple->source_port = tuple->destination_port = sp_get_be16(bytes + 4);
}

static void read_ports(struct sp_tuple *tuple, const uint8_t *bytes)
{
	tuple->source_port = sp_get_be16(bytes);
	tuple->destination_port = sp_get_be16(bytes + 2);
}

/* Read the quoted packet's layer 4, as far as it is there. */
static void read_quoted_layer4(struct sp_packet *pkt, const uint8_t *bytes, size_t len)
{
	struct sp_tuple *quote = &pkt->quote;
	bool is_icmp = is_icmp_of_family(quote->proto, pkt->is_v6);

	if (!is_icmp && !has_ports(quote->proto)) {
		pkt->has_quote = true;
		return;
	}
	if (len < QUOTED_BYTES)
		return;
	if (!is_icmp) {
		read_ports(quote, bytes);
		pkt->has_quote = true;
		return;
	}
	read_icmp(quote, bytes, pkt->is_v6);
	pkt->has_quote = !is_icmp_quoting(quote->icmp_type, pkt->is_v6) &&
			 !is_icmp_redirect(quote->icmp_type, pkt->is_v6);
}

static bool read_quote_v4(struct sp_packet *pkt, const uint8_t *bytes, size_t len)
{
	size_t header_len;

	if (len < IPV4_HEADER || bytes[0] >> 4 != 4)
		return malformed(pkt);
	header_len = (bytes[0] & 15u) * 4;
	if (header_len < IPV4_HEADER || len < header_len)
		return malformed(pkt);
	pkt->quote.proto = bytes[9];
	pkt->quote.source = sp_addr_from_v4(bytes + 12);
	pkt->quote.destination = sp_addr_from_v4(bytes + 16);
	if (sp_addr_compare(&pkt->quote.source, &pkt->tuple.destination) != 0)
		return malformed(pkt);
	if ((sp_get_be16(bytes + 6) & IPV4_OFFSET) == 0)
		read_quoted_layer4(pkt, bytes + header_len, len - header_len);
	return true;
}

static bool read_quote_v6(struct sp_packet *pkt, const uint8_t *bytes, size_t len)
{
	struct walk walk = { .is_quote = true };
	enum walk_end end;

	if (len < IPV6_HEADER || bytes[0] >> 4 != 6)
		return malformed(pkt);
	memcpy(pkt->quote.source.b, bytes + 8, 16);
	memcpy(pkt->quote.destination.b, bytes + 24, 16);
	if (sp_addr_compare(&pkt->quote.source, &pkt->tuple.destination) != 0)
		return malformed(pkt);

	walk.bytes = bytes + IPV6_HEADER;
	walk.len = len - IPV6_HEADER;
	walk.proto = bytes[6];
	end = walk_extensions(&walk);
	if (end == WALK_BROKEN)
		return malformed(pkt);
	pkt->quote.proto = walk.proto;
	if (end == WALK_DONE && walk.fragment_from == 0)
		read_quoted_layer4(pkt, walk.bytes + walk.offset, walk.len - walk.offset);
	return true;
}

static bool parse_icmp(struct sp_packet *pkt, const uint8_t *bytes, size_t len)
{
	pkt->is_icmp = true;
	read_icmp(&pkt->tuple, bytes, pkt->is_v6);
	if (!is_icmp_quoting(pkt->tuple.icmp_type, pkt->is_v6)) {
		pkt->is_icmp_error = is_icmp_redirect(pkt->tuple.icmp_type, pkt->is_v6);
		return true;
	}
	pkt->is_icmp_error = true;
	pkt->quote_is_v6 = pkt->is_v6;
	bytes += ICMP_HEADER;
	len -= ICMP_HEADER;
	if (!(pkt->is_v6 ? read_quote_v6(pkt, bytes, len) : read_quote_v4(pkt, bytes, len)))
		return false;
	if (is_icmp_redirect(pkt->tuple.icmp_type, pkt->is_v6))
		pkt->has_quote = false;
	return true;
}

static bool parse_tcp(struct sp_packet *pkt, const uint8_t *bytes, size_t len,
		      enum sp_reason too_short)
{
	size_t header_len = (bytes[12] >> 4) * 4u;
	uint8_t flags = bytes[13] & TCP_KNOWN;

	if (header_len < TCP_HEADER)
		return malformed(pkt);
	if (header_len > len)
		return deny(pkt, too_short);
	if (flags == 0)
		return malformed(pkt);
	if ((flags & TCP_SYN) && (flags & (TCP_FIN | TCP_RST)))
		return malformed(pkt);
	if ((flags & (TCP_FIN | TCP_PSH | TCP_URG)) && !(flags & TCP_ACK))
		return malformed(pkt);
	pkt->tcp_flags = flags;
	return true;
}

static bool parse_udp(struct sp_packet *pkt, const uint8_t *bytes, size_t len)
{
	uint16_t udp_len = sp_get_be16(bytes + 4);

	if (udp_len < UDP_HEADER || (udp_len > len && !pkt->is_fragment))
		return malformed(pkt);
	return true;
}

static size_t layer4_header_len(uint8_t proto, bool is_v6)
{
	switch (proto) {
	case IPPROTO_TCP:
		return TCP_HEADER;
	case IPPROTO_UDP:
		return UDP_HEADER;
	case IPPROTO_SCTP:
		return SCTP_HEADER;
	default:
		return is_icmp_of_family(proto, is_v6) ? ICMP_HEADER : 0;
	}
}

/* Parse layer 4 of a whole packet or of a first fragment. */
static bool parse_layer4(struct sp_packet *pkt, const uint8_t *bytes, size_t len)
{
	enum sp_reason too_short = pkt->is_fragment ? SP_REASON_FRAGMENT : SP_REASON_MALFORMED;
	uint8_t proto = pkt->tuple.proto;

	if (len < layer4_header_len(proto, pkt->is_v6))
		return deny(pkt, too_short);
	if (is_icmp_of_family(proto, pkt->is_v6))
		return parse_icmp(pkt, bytes, len);
	if (!has_ports(proto))
		return true;
	pkt->has_ports = true;
	read_ports(&pkt->tuple, bytes);
	if (proto == IPPROTO_TCP)
		return parse_tcp(pkt, bytes, len, too_short);
	return proto != IPPROTO_UDP || parse_udp(pkt, bytes, len);
}

/* ---- IP ---- */

static bool check_options(struct sp_packet *pkt, const uint8_t *option, size_t left)
{
	while (left > 0 && option[0] != OPTION_END) {
		size_t option_len = 1;

		if (option[0] != OPTION_NOP) {
			if (left < 2 || option[1] < 2 || option[1] > left)
				return malformed(pkt);
			option_len = option[1];
		}
		if (option[0] == OPTION_LSRR || option[0] == OPTION_SSRR)
			return malformed(pkt);
		option += option_len;
		left -= option_len;
	}
	return true;
}

static bool parse_v4(struct sp_packet *pkt, const uint8_t *bytes, size_t len)
{
	size_t header_len, payload;
	uint16_t field;

	if (len < IPV4_HEADER)
		return deny(pkt, SP_REASON_TRUNCATED);
	header_len = (bytes[0] & 15u) * 4;
	pkt->length = sp_get_be16(bytes + 2);
	if (bytes[0] >> 4 != 4 || header_len < IPV4_HEADER || pkt->length < header_len)
		return malformed(pkt);
	if (len < pkt->length)
		return deny(pkt, SP_REASON_TRUNCATED);

	pkt->hop_limit = bytes[8];
	pkt->tuple.proto = bytes[9];
	pkt->tuple.source = sp_addr_from_v4(bytes + 12);
	pkt->tuple.destination = sp_addr_from_v4(bytes + 16);
	if (!check_options(pkt, bytes + IPV4_HEADER, header_len - IPV4_HEADER))
		return false;

	payload = pkt->length - header_len;
	field = sp_get_be16(bytes + 6);
	if (field & (IPV4_MORE | IPV4_OFFSET)) {
		pkt->is_fragment = true;
		pkt->is_last_fragment = !(field & IPV4_MORE);
		pkt->is_first_fragment = !(field & IPV4_OFFSET);
		pkt->fragment_id = sp_get_be16(bytes + 4);
		pkt->fragment_from = (field & IPV4_OFFSET) * 8u;
		pkt->fragment_to = pkt->fragment_from + (uint32_t)payload;
		if (is_bad_span(pkt->fragment_from, payload, pkt->is_last_fragment))
			return malformed(pkt);
		if (!pkt->is_first_fragment)
			return true;
	}
	return parse_layer4(pkt, bytes + header_len, payload);
}

/* Is this an address of ::/96 or ::ffff:0:0/96, which contain IPv4 addresses? */
static bool is_v4_in_v6(const uint8_t bytes[16])
{
	static const uint8_t zeros[12];
	struct sp_addr addr;

	memcpy(addr.b, bytes, 16);
	return memcmp(bytes, zeros, 12) == 0 || sp_addr_is_v4(&addr);
}

static bool is_unspecified(const uint8_t bytes[16])
{
	static const uint8_t zeros[16];

	return memcmp(bytes, zeros, 16) == 0;
}

static bool parse_v6(struct sp_packet *pkt, const uint8_t *bytes, size_t len)
{
	struct walk walk = { .bytes = bytes + IPV6_HEADER };
	enum walk_end end;

	if (len < IPV6_HEADER)
		return deny(pkt, SP_REASON_TRUNCATED);
	if (bytes[0] >> 4 != 6)
		return malformed(pkt);
	walk.len = sp_get_be16(bytes + 4);
	walk.proto = bytes[6];
	pkt->length = IPV6_HEADER + walk.len;
	if (len < pkt->length)
		return deny(pkt, SP_REASON_TRUNCATED);

	pkt->hop_limit = bytes[7];
	memcpy(pkt->tuple.source.b, bytes + 8, 16);
	memcpy(pkt->tuple.destination.b, bytes + 24, 16);
	if (is_v4_in_v6(bytes + 24) || (is_v4_in_v6(bytes + 8) && !is_unspecified(bytes + 8)))
		return malformed(pkt);

	end = walk_extensions(&walk);
	if (end == WALK_BROKEN)
		return malformed(pkt);
	if (end == WALK_CUT)
		return deny(pkt, walk.is_fragment ? SP_REASON_FRAGMENT : SP_REASON_MALFORMED);
	pkt->tuple.proto = walk.proto;
	if (walk.is_fragment) {
		pkt->is_fragment = true;
		pkt->is_first_fragment = walk.fragment_from == 0;
		pkt->is_last_fragment = walk.is_last;
		pkt->fragment_id = walk.fragment_id;
		pkt->fragment_from = walk.fragment_from;
		pkt->fragment_to = walk.fragment_to;
		if (!pkt->is_first_fragment)
			return true;
	}
	return parse_layer4(pkt, walk.bytes + walk.offset, walk.len - walk.offset);
}

static bool parse_ip(struct sp_packet *pkt, bool is_v6, const uint8_t *bytes, size_t len)
{
	pkt->is_v6 = is_v6;
	return is_v6 ? parse_v6(pkt, bytes, len) : parse_v4(pkt, bytes, len);
}

static bool parse_ethernet(struct sp_packet *pkt, const uint8_t *bytes, size_t len)
{
	size_t header_len = ETHERNET_HEADER;
	uint16_t type;

	if (len < header_len)
		return deny(pkt, SP_REASON_TRUNCATED);
	type = sp_get_be16(bytes + 12);
	for (int tag = 0; tag < VLAN_TAGS_MAX && (type == TYPE_VLAN || type == TYPE_QINQ); tag++) {
		header_len += VLAN_TAG;
		if (len < header_len)
			return deny(pkt, SP_REASON_TRUNCATED);
		type = sp_get_be16(bytes + header_len - 2);
	}

	if (type == TYPE_ARP) {
		pkt->kind = SP_PACKET_ARP;
		pkt->reason = SP_REASON_ETHERTYPE;
		return true;
	}
	if (type != TYPE_IPV4 && type != TYPE_IPV6)
		return deny(pkt, SP_REASON_ETHERTYPE);
	return parse_ip(pkt, type == TYPE_IPV6, bytes + header_len, len - header_len);
}

void sp_packet_parse(const uint8_t *bytes, size_t len, bool is_ethernet,
		     struct sp_packet *ret_packet)
{
	struct sp_packet pkt = { .kind = SP_PACKET_IP };

	if (is_ethernet)
		parse_ethernet(&pkt, bytes, len);
	else if (len == 0)
		deny(&pkt, SP_REASON_TRUNCATED);
	else if (bytes[0] >> 4 != 4 && bytes[0] >> 4 != 6)
		malformed(&pkt);
	else
		parse_ip(&pkt, bytes[0] >> 4 == 6, bytes, len);
	*ret_packet = pkt;
}
