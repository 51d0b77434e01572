/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "net/mss.h"

#include <netinet/in.h>

#include "base/bytes.h"
#include "net/checksum.h"

#define IPV4_HEADER 20u
#define IPV4_FRAGMENT 0x3fffu
#define IPV6_HEADER 40u

#define TCP_HEADER 20u
#define TCP_SYN 0x02
#define OPTION_END 0
#define OPTION_NOP 1
#define OPTION_MSS 2
#define OPTION_MSS_LEN 4

/* The SYN in @packet; NULL: there is none. *@ret_len: the length of its TCP header with options. */
static uint8_t *find_syn(uint8_t *packet, size_t len, bool is_v6, size_t *ret_len)
{
	size_t offset = is_v6 ? IPV6_HEADER : (packet[0] & 0xfu) * 4u;
	size_t ip_len = is_v6 ? IPV6_HEADER + sp_get_be16(packet + 4) : sp_get_be16(packet + 2);
	uint8_t *tcp = packet + offset;
	size_t tcp_len;

	if (packet[is_v6 ? 6 : 9] != IPPROTO_TCP || offset < IPV4_HEADER || ip_len > len ||
	    ip_len < offset + TCP_HEADER)
		return NULL;
	if (!is_v6 && (sp_get_be16(packet + 6) & IPV4_FRAGMENT))
		return NULL;
	tcp_len = (tcp[12] >> 4) * 4u;
	if (!(tcp[13] & TCP_SYN) || tcp_len > ip_len - offset)
		return NULL;
	*ret_len = tcp_len;
	return tcp;
}

/* Replace a word and update the checksum. In the sum, a word at an odd offset has its bytes
 * swapped. */
static void replace_word(uint8_t *tcp, size_t at, uint16_t value)
{
	uint16_t old = sp_get_be16(tcp + at), new = value;
	uint32_t sum = (uint16_t)~sp_get_be16(tcp + 16);

	if (at % 2) {
		old = (uint16_t)(old << 8 | old >> 8);
		new = (uint16_t)(new << 8 | new >> 8);
	}
	sum = sp_checksum_add_word(sum, (uint16_t)~old);
	sum = sp_checksum_add_word(sum, new);
	sp_put_be16(tcp + at, value);
	sp_put_be16(tcp + 16, sp_checksum_finish(sum)); /* HC' = ~(~HC + ~m + m') */
}

bool sp_mss_clamp(uint8_t *packet, size_t len, uint32_t mtu)
{
	bool is_v6 = len >= IPV6_HEADER && packet[0] >> 4 == 6, changed = false;
	uint32_t overhead = (is_v6 ? IPV6_HEADER : IPV4_HEADER) + TCP_HEADER;
	size_t tcp_len, option_len;
	uint8_t *tcp;

	if (len < IPV4_HEADER + TCP_HEADER || (!is_v6 && packet[0] >> 4 != 4) || mtu <= overhead)
		return false;
	tcp = find_syn(packet, len, is_v6, &tcp_len);
	if (!tcp)
		return false;
	for (size_t at = TCP_HEADER; at < tcp_len && tcp[at] != OPTION_END; at += option_len) {
		option_len = 1;
		if (tcp[at] == OPTION_NOP)
			continue;
		if (tcp_len - at < 2 || tcp[at + 1] < 2 || tcp[at + 1] > tcp_len - at)
			break;
		option_len = tcp[at + 1];
		if (tcp[at] != OPTION_MSS || option_len != OPTION_MSS_LEN ||
		    sp_get_be16(tcp + at + 2) <= mtu - overhead)
			continue;
		replace_word(tcp, at + 2, (uint16_t)(mtu - overhead));
		changed = true;
	}
	return changed;
}
