/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "wg/inner.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include "base/bytes.h"
#include "net/addr.h"
#include "wg/noise/messages.h"

#define V4_HEADER_LEN 20
#define V6_HEADER_LEN 40
#define V6_FRAGMENT_LEN 8
#define UDP_HEADER_LEN 8

static int parse_v4(const uint8_t *bytes, size_t len, struct sp_wg_inner *ret_inner)
{
	size_t total = len >= V4_HEADER_LEN ? sp_get_be16(bytes + 2) : 0;

	if (total < V4_HEADER_LEN || total > len)
		return -EBADMSG;
	ret_inner->len = total;
	ret_inner->ecn = bytes[1] & SP_ECN_MASK;
	ret_inner->source = sp_addr_from_v4(bytes + 12);
	ret_inner->destination = sp_addr_from_v4(bytes + 16);
	return 0;
}

static int parse_v6(const uint8_t *bytes, size_t len, struct sp_wg_inner *ret_inner)
{
	if (len < V6_HEADER_LEN || (size_t)sp_get_be16(bytes + 4) + V6_HEADER_LEN > len)
		return -EBADMSG;
	ret_inner->len = (size_t)sp_get_be16(bytes + 4) + V6_HEADER_LEN;
	ret_inner->ecn = bytes[1] >> 4 & SP_ECN_MASK;
	memcpy(ret_inner->source.b, bytes + 8, 16);
	memcpy(ret_inner->destination.b, bytes + 24, 16);
	/* we write IPv4 addresses as ::ffff:a.b.c.d; on the wire such an address belongs to nobody,
	 * and it must not reach the IPv4 trie */
	if (sp_addr_is_v4(&ret_inner->source) || sp_addr_is_v4(&ret_inner->destination))
		return -EBADMSG;
	return 0;
}

int sp_wg_inner_parse(const uint8_t *bytes, size_t len, struct sp_wg_inner *ret_inner)
{
	struct sp_wg_inner inner;
	int r = -EBADMSG;

	if (len >= 1 && bytes[0] >> 4 == 4)
		r = parse_v4(bytes, len, &inner);
	else if (len >= 1 && bytes[0] >> 4 == 6)
		r = parse_v6(bytes, len, &inner);
	if (r == 0)
		*ret_inner = inner;
	return r;
}

/* Where the UDP header is; 0: there is none. */
static size_t find_udp(const uint8_t *bytes)
{
	if (bytes[0] >> 4 == 4) {
		const bool is_first = !(sp_get_be16(bytes + 6) & 0x1fff);

		return bytes[9] == IPPROTO_UDP && is_first ? (bytes[0] & 15u) * 4u : 0;
	}
	if (bytes[6] == IPPROTO_UDP)
		return V6_HEADER_LEN;
	return bytes[6] == IPPROTO_FRAGMENT ? V6_HEADER_LEN + V6_FRAGMENT_LEN : 0;
}

bool sp_wg_inner_is_message_to(const uint8_t *bytes, size_t len, uint32_t receiver_index)
{
	const size_t udp = find_udp(bytes);
	const uint8_t *message = bytes + udp + UDP_HEADER_LEN;

	return udp && udp + UDP_HEADER_LEN + sizeof(struct sp_wg_data_header) <= len &&
	       sp_get_le32(message) == SP_WG_DATA && sp_get_le32(message + 4) == receiver_index;
}

uint8_t sp_wg_ecn_encapsulate(uint8_t inner_ecn)
{
	return inner_ecn & SP_ECN_MASK;
}

static void set_ecn(uint8_t *bytes, uint8_t ecn)
{
	if (bytes[0] >> 4 == 6) {
		bytes[1] = (uint8_t)((bytes[1] & 0xcf) | ecn << 4);
		return;
	}
	/* RFC 1624: HC' = ~(~HC + ~m + m'), m the header's first word */
	uint32_t sum = (uint16_t)~sp_get_be16(bytes + 10) + (uint32_t)(uint16_t)~sp_get_be16(bytes);

	bytes[1] = (uint8_t)((bytes[1] & 0xfc) | ecn);
	sum += sp_get_be16(bytes);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	sp_put_be16(bytes + 10, (uint16_t)~sum);
}

bool sp_wg_ecn_decapsulate(uint8_t *bytes, uint8_t outer_ecn)
{
	uint8_t inner_ecn = (bytes[0] >> 4 == 6 ? bytes[1] >> 4 : bytes[1]) & SP_ECN_MASK;

	if (outer_ecn == SP_ECN_CE && inner_ecn == SP_ECN_NOT_ECT)
		return false;
	if (outer_ecn == SP_ECN_CE && inner_ecn != SP_ECN_CE)
		set_ecn(bytes, SP_ECN_CE);
	else if (outer_ecn == SP_ECN_ECT_1 && inner_ecn == SP_ECN_ECT_0)
		set_ecn(bytes, SP_ECN_ECT_1);
	return true;
}
