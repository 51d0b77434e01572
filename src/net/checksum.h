/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The Internet checksum (RFC 1071), for packets we build, split or merge. The sum of bytes picks
 * the widest instructions this processor has, once, at start. */
#ifndef SALLYPORT_NET_CHECKSUM_H
#define SALLYPORT_NET_CHECKSUM_H

#include <stddef.h>
#include <stdint.h>
#include <sallyport/abi/tables.h>

/* A sum is of 16-bit words in host order and starts at 0. It is folded where it must be: what is
 * added in between by sp_checksum_add_word may be some 60000 words. */

/* Add @len bytes to a running sum; an odd @len only as the last piece. */
uint32_t sp_checksum_add(uint32_t sum, const void *bytes, size_t len);
/* The same, and copy the bytes: one pass. @dst and @src do not overlap. */
uint32_t sp_checksum_copy(uint32_t sum, void *dst, const void *src, size_t len);
/* Add one 16-bit word, given in host order. */
static inline uint32_t sp_checksum_add_word(uint32_t sum, uint16_t word)
{
	return sum + word;
}
/* The checksum of a sum, in host order: write it big-endian. */
uint16_t sp_checksum_finish(uint32_t sum);
/* The checksum of an IPv4 header without options: 0 if the one that is in it is right. */
uint16_t sp_checksum_ipv4(const uint8_t header[20]);

/* The sum of a pseudo header (RFC 768, RFC 8200 8.1) over addresses as they stand in a packet, 4
 * bytes each or 16. @len is that of header and payload behind it. */
uint32_t sp_checksum_pseudo(const uint8_t *addresses, size_t addresses_len, uint8_t proto,
			    size_t len);

/* Checksum of a whole transport segment of @len bytes with its pseudo header.
 * The checksum field in @segment must be zero. UDP's 0 is the caller's to turn into 0xffff. */
uint16_t sp_checksum_segment(const struct sp_addr *source, const struct sp_addr *destination,
			     uint8_t proto, const void *segment, size_t len);

#endif
