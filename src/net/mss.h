/* SPDX-License-Identifier: GPL-3.0-or-later */
/* TCP's maximum segment size, lowered on its way into a tunnel, so that both ends send what fits
 * without relying on ICMP to come back. Sources: RFC 9293 3.7.1, RFC 1624. */
#ifndef SALLYPORT_NET_MSS_H
#define SALLYPORT_NET_MSS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* @packet  one IP packet of @len bytes, its checksum complete (not one left to a device).
 * @mtu     the largest IP packet that fits the tunnel.
 * Of a TCP SYN (with ACK or without) lowers the MSS option to @mtu - 40 (IPv4) or @mtu - 60 (IPv6)
 * and updates the checksum. Never raises it, adds none, and leaves alone fragments, IPv6 extension
 * headers, malformed options and everything that is no SYN.
 * Returns whether the packet was changed. */
bool sp_mss_clamp(uint8_t *packet, size_t len, uint32_t mtu);

#endif
