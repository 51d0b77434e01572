/* SPDX-License-Identifier: GPL-3.0-or-later */
/* TCP and UDP packets from a list of fields, and frames of a TUN device taken apart the slow way:
 * a second opinion on src/net/{segment,merge,mss,checksum}.c, which shares no code with them. */
#ifndef SALLYPORT_TESTS_SUPPORT_OFFLOAD_H
#define SALLYPORT_TESTS_SUPPORT_OFFLOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "net/virtio.h"

#define NAIVE_PACKET_MAX 65535

/* xorshift64*: any seed but 0. */
uint64_t naive_random(uint64_t *state);
uint32_t naive_draw(uint64_t *state, uint32_t below);

/* The folded sum of bytes taken two by two, not complemented. */
uint16_t naive_sum(uint32_t sum, const uint8_t *bytes, size_t len);

struct naive_spec {
	bool is_v6;
	uint8_t proto;               /* TCP, UDP; else the payload alone */
	uint8_t source, destination; /* last bytes of the addresses */
	uint16_t source_port, destination_port;
	uint8_t tos, ttl;
	uint16_t id, fragment; /* IPv4: id; flags and offset */
	uint32_t flow_label;   /* IPv6 */
	uint8_t ip_options
		[40]; /* IPv4 options; IPv6 extension headers, the first of hop-by-hop type */
	size_t ip_options_len; /* a multiple of 4; of 8 */
	uint32_t seq, ack;
	uint16_t flags, window, urgent; /* flags: 9 bits and the reserved ones */
	uint8_t tcp_options[40];
	size_t tcp_options_len; /* a multiple of 4 */
	size_t payload_len;
	uint8_t payload_start; /* its bytes count up from here */
};

/* Write the packet, every checksum right. @buf has room for it. Returns its length. */
size_t naive_build(const struct naive_spec *spec, uint8_t *buf);
/* Where the transport header starts by the IP header, whatever lies before it. */
size_t naive_transport(const uint8_t *packet);
/* Make the checksums of a TCP or UDP packet right again; @partial: the sum of the pseudo header
 * only. */
void naive_fix(uint8_t *packet, size_t len, bool partial);
/* Whether they are. */
bool naive_is_right(const uint8_t *packet, size_t len);

struct naive_packets {
	size_t count, capacity;
	struct {
		uint8_t *bytes;
		size_t len;
	} *items;
};

void naive_packets_add(struct naive_packets *packets, const uint8_t *bytes, size_t len);
void naive_packets_done(struct naive_packets *packets);

/* The packets a correct frame stands for, each built anew. */
void naive_split(const struct virtio_net_hdr *header, const uint8_t *frame, size_t len,
		 struct naive_packets *ret_packets);

#endif
