/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <netinet/in.h>
#include <string.h>

#include "base/bytes.h"
#include "net/addr.h"
#include "net/checksum.h"
#include "net/packet.h"

#define HOP_LIMIT 64

static bool is_icmp_error(uint8_t type, bool is_v6)
{
	if (is_v6)
		return type >= 1 && type <= 4;
	return type == 3 || type == 4 || type == 5 || type == 11 || type == 12;
}

/* Build the quote of an ICMP error: a UDP packet from the error's receiver to its sender. */
static size_t build_quote(const struct sp_tuple *tuple, bool is_v6, uint8_t *buf)
{
	struct sp_tuple quoted = { .source = tuple->destination,
				   .destination = tuple->source,
				   .proto = IPPROTO_UDP };
	uint8_t packet[128];
	size_t len;

	sp_packet_build(&quoted, false, packet);
	len = (is_v6 ? 40 : 20) + 8;
	memcpy(buf, packet, len);
	return len;
}

/* Build layer 4 of the packet that opens @tuple, with a checksum of zero. Returns its length, and
 * where the checksum goes; 0: nowhere. */
static size_t build_layer4(const struct sp_tuple *tuple, bool is_v6, uint8_t *buf,
			   size_t *ret_checksum_at)
{
	if (tuple->proto == IPPROTO_TCP || tuple->proto == IPPROTO_UDP ||
	    tuple->proto == IPPROTO_SCTP) {
		sp_put_be16(buf, tuple->source_port);
		sp_put_be16(buf + 2, tuple->destination_port);
	}
	if (tuple->proto == IPPROTO_TCP) {
		buf[12] = 5 << 4;
		buf[13] = 0x02; /* SYN */
		sp_put_be16(buf + 14, 64240);
		*ret_checksum_at = 16;
		return 20;
	}
	if (tuple->proto == IPPROTO_UDP) {
		sp_put_be16(buf + 4, 12);
		*ret_checksum_at = 6;
		return 12;
	}
	if (tuple->proto == IPPROTO_SCTP) /* only the endpoints look at the CRC32c of SCTP */
		return 12;
	if (tuple->proto == (is_v6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP)) {
		buf[0] = tuple->icmp_type;
		buf[1] = tuple->icmp_code;
		sp_put_be16(buf + 4, tuple->source_port);
		*ret_checksum_at = 2;
		if (is_icmp_error(tuple->icmp_type, is_v6))
			return 8 + build_quote(tuple, is_v6, buf + 8);
		return 8;
	}
	return 0;
}

static size_t build_v4(const struct sp_tuple *tuple, uint8_t *buf, size_t payload)
{
	buf[0] = 4 << 4 | 5;
	sp_put_be16(buf + 2, (uint16_t)(20 + payload));
	buf[8] = HOP_LIMIT;
	buf[9] = tuple->proto;
	memcpy(buf + 12, tuple->source.b + 12, 4);
	memcpy(buf + 16, tuple->destination.b + 12, 4);
	sp_put_be16(buf + 10, sp_checksum_finish(sp_checksum_add(0, buf, 20)));
	return 20 + payload;
}

static size_t build_v6(const struct sp_tuple *tuple, uint8_t *buf, size_t payload)
{
	buf[0] = 6 << 4;
	sp_put_be16(buf + 4, (uint16_t)payload);
	buf[6] = tuple->proto;
	buf[7] = HOP_LIMIT;
	memcpy(buf + 8, tuple->source.b, 16);
	memcpy(buf + 24, tuple->destination.b, 16);
	return 40 + payload;
}

static uint16_t layer4_checksum(const struct sp_tuple *tuple, const uint8_t *bytes, size_t len)
{
	uint16_t checksum;

	if (tuple->proto == IPPROTO_ICMP) /* no pseudo header */
		return sp_checksum_finish(sp_checksum_add(0, bytes, len));
	checksum =
		sp_checksum_segment(&tuple->source, &tuple->destination, tuple->proto, bytes, len);
	return checksum == 0 && tuple->proto == IPPROTO_UDP ? 0xffff : checksum;
}

size_t sp_packet_build(const struct sp_tuple *tuple, bool with_ethernet, uint8_t *buf)
{
	bool is_v6 = !sp_addr_is_v4(&tuple->source);
	size_t link = with_ethernet ? 14 : 0, checksum_at = 0, payload;
	uint8_t *ip = buf + link, *layer4 = ip + (is_v6 ? 40 : 20);

	memset(buf, 0, 128);
	if (with_ethernet) {
		buf[0] = buf[6] = 0x02; /* locally administered */
		buf[5] = 1;
		buf[11] = 2;
		sp_put_be16(buf + 12, is_v6 ? 0x86dd : 0x0800);
	}
	payload = build_layer4(tuple, is_v6, layer4, &checksum_at);
	if (checksum_at)
		sp_put_be16(layer4 + checksum_at, layer4_checksum(tuple, layer4, payload));
	return link + (is_v6 ? build_v6(tuple, ip, payload) : build_v4(tuple, ip, payload));
}
