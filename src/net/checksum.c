/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "net/checksum.h"

#include "base/bytes.h"
#include "net/addr.h"

uint32_t sp_checksum_add(uint32_t sum, const void *bytes, size_t len)
{
	const uint8_t *byte = bytes;

	for (; len >= 2; len -= 2, byte += 2) {
		sum += sp_get_be16(byte);
		sum = (sum & 0xffff) + (sum >> 16);
	}
	if (len)
		sum += (uint32_t)*byte << 8;
	return (sum & 0xffff) + (sum >> 16);
}

uint16_t sp_checksum_finish(uint32_t sum)
{
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

uint16_t sp_checksum_segment(const struct sp_addr *source, const struct sp_addr *destination,
			     uint8_t proto, const void *segment, size_t len)
{
	/* IPv4's pseudo header sums to the same as this one over its four bytes. */
	size_t skip = sp_addr_is_v4(source) ? 12 : 0;
	uint8_t tail[8] = { 0 };
	uint32_t sum = 0;

	sp_put_be32(tail, (uint32_t)len);
	tail[7] = proto;
	sum = sp_checksum_add(sum, source->b + skip, 16 - skip);
	sum = sp_checksum_add(sum, destination->b + skip, 16 - skip);
	sum = sp_checksum_add(sum, tail, sizeof(tail));
	return sp_checksum_finish(sp_checksum_add(sum, segment, len));
}
