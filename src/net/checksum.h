/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The Internet checksum (RFC 1071), for packets we build. */
#ifndef SALLYPORT_NET_CHECKSUM_H
#define SALLYPORT_NET_CHECKSUM_H

#include <stddef.h>
#include <stdint.h>
#include <sallyport/abi/tables.h>

/* Add @len bytes to a running sum that started at 0; an odd @len only as the last piece. */
uint32_t sp_checksum_add(uint32_t sum, const void *bytes, size_t len);
/* The checksum of a sum, in host order: write it big-endian. */
uint16_t sp_checksum_finish(uint32_t sum);

/* Checksum of a whole transport segment of @len bytes with its pseudo header (RFC 768, 8200 8.1).
 * The checksum field in @segment must be zero. UDP's 0 is the caller's to turn into 0xffff. */
uint16_t sp_checksum_segment(const struct sp_addr *source, const struct sp_addr *destination,
			     uint8_t proto, const void *segment, size_t len);

#endif
