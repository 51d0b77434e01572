/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "support/offload.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#define FIN 0x01
#define PSH 0x08
#define CWR 0x80

uint64_t naive_random(uint64_t *state)
{
	*state ^= *state >> 12;
	*state ^= *state << 25;
	*state ^= *state >> 27;
	return *state * 0x2545f4914f6cdd1dull;
}

uint32_t naive_draw(uint64_t *state, uint32_t below)
{
	return (uint32_t)((naive_random(state) >> 32) * below >> 32);
}

static uint16_t get16(const uint8_t *bytes)
{
	return (uint16_t)(bytes[0] << 8 | bytes[1]);
}

static void put16(uint8_t *bytes, unsigned value)
{
	bytes[0] = (uint8_t)(value >> 8);
	bytes[1] = (uint8_t)value;
}

static void put32(uint8_t *bytes, uint32_t value)
{
	put16(bytes, value >> 16);
	put16(bytes + 2, value & 0xffff);
}

uint16_t naive_sum(uint32_t sum, const uint8_t *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		sum += i % 2 == 0 ? (uint32_t)bytes[i] << 8 : bytes[i];
		while (sum > 0xffff)
			sum = (sum & 0xffff) + (sum >> 16);
	}
	return (uint16_t)sum;
}

static bool is_v6(const uint8_t *packet)
{
	return packet[0] >> 4 == 6;
}

/* The protocol behind all extension headers, and where it starts. */
static uint8_t find_proto(const uint8_t *packet, size_t *ret_offset)
{
	size_t offset = is_v6(packet) ? 40 : (packet[0] & 15u) * 4u;
	uint8_t proto = is_v6(packet) ? packet[6] : packet[9];

	while (is_v6(packet) && (proto == 0 || proto == 43 || proto == 60)) {
		proto = packet[offset];
		offset += 8u * (packet[offset + 1] + 1u);
	}
	*ret_offset = offset;
	return proto;
}

size_t naive_transport(const uint8_t *packet)
{
	size_t offset;

	find_proto(packet, &offset);
	return offset;
}

static uint16_t pseudo_sum(const uint8_t *packet, uint8_t proto, size_t transport_len)
{
	uint8_t tail[8] = { 0 };
	uint16_t sum = is_v6(packet) ? naive_sum(0, packet + 8, 32) : naive_sum(0, packet + 12, 8);

	put32(tail, (uint32_t)transport_len);
	tail[7] = proto;
	return naive_sum(sum, tail, 8);
}

void naive_fix(uint8_t *packet, size_t len, bool partial)
{
	size_t offset;
	uint8_t proto = find_proto(packet, &offset);
	uint8_t *field = packet + offset + (proto == IPPROTO_TCP ? 16 : 6);
	uint16_t sum;

	if (!is_v6(packet)) {
		put16(packet + 10, 0);
		put16(packet + 10, (uint16_t)~naive_sum(0, packet, (packet[0] & 15u) * 4u));
	}
	if (proto != IPPROTO_TCP && proto != IPPROTO_UDP)
		return;
	put16(field, 0);
	sum = pseudo_sum(packet, proto, len - offset);
	if (partial) {
		put16(field, sum);
		return;
	}
	sum = (uint16_t)~naive_sum(sum, packet + offset, len - offset);
	put16(field, proto == IPPROTO_UDP && sum == 0 ? 0xffff : sum);
}

bool naive_is_right(const uint8_t *packet, size_t len)
{
	size_t offset;
	uint8_t proto = find_proto(packet, &offset);

	if (!is_v6(packet) && naive_sum(0, packet, (packet[0] & 15u) * 4u) != 0xffff)
		return false;
	if (proto == IPPROTO_UDP && get16(packet + offset + 6) == 0)
		return !is_v6(packet);
	return naive_sum(pseudo_sum(packet, proto, len - offset), packet + offset, len - offset) ==
	       0xffff;
}

static size_t build_transport(const struct naive_spec *spec, uint8_t *buf)
{
	size_t header = 0;

	put16(buf, spec->source_port);
	put16(buf + 2, spec->destination_port);
	if (spec->proto == IPPROTO_TCP) {
		header = 20 + spec->tcp_options_len;
		put32(buf + 4, spec->seq);
		put32(buf + 8, spec->ack);
		put16(buf + 12, (unsigned)(header / 4) << 12 | spec->flags);
		put16(buf + 14, spec->window);
		put16(buf + 18, spec->urgent);
		memcpy(buf + 20, spec->tcp_options, spec->tcp_options_len);
	} else if (spec->proto == IPPROTO_UDP) {
		header = 8;
		put16(buf + 4, (unsigned)(8 + spec->payload_len));
	}
	for (size_t i = 0; i < spec->payload_len; i++)
		buf[header + i] = (uint8_t)(spec->payload_start + i);
	return header + spec->payload_len;
}

/* Hop-by-hop, then destination options of 8 bytes each, all padding. */
static void build_extensions(const struct naive_spec *spec, uint8_t *buf)
{
	for (size_t at = 0; at < spec->ip_options_len; at += 8) {
		buf[at] = at + 8 < spec->ip_options_len ? IPPROTO_DSTOPTS : spec->proto;
		buf[at + 1] = 0;
		buf[at + 2] = 1; /* PadN */
		buf[at + 3] = 4;
		memset(buf + at + 4, 0, 4);
	}
}

size_t naive_build(const struct naive_spec *spec, uint8_t *buf)
{
	size_t header = (spec->is_v6 ? 40 : 20) + spec->ip_options_len, len;

	memset(buf, 0, 120);
	len = header + build_transport(spec, buf + header);
	if (spec->is_v6) {
		put32(buf, 6u << 28 | (uint32_t)spec->tos << 20 | spec->flow_label);
		put16(buf + 4, (unsigned)(len - 40));
		buf[6] = spec->ip_options_len ? IPPROTO_HOPOPTS : spec->proto;
		buf[7] = spec->ttl;
		buf[8] = buf[24] = 0xfd;
		buf[23] = spec->source;
		buf[39] = spec->destination;
		build_extensions(spec, buf + 40);
	} else {
		buf[0] = (uint8_t)(0x40 | header / 4);
		buf[1] = spec->tos;
		put16(buf + 2, (unsigned)len);
		put16(buf + 4, spec->id);
		put16(buf + 6, spec->fragment);
		buf[8] = spec->ttl;
		buf[9] = spec->proto;
		buf[12] = buf[16] = 10;
		buf[15] = spec->source;
		buf[19] = spec->destination;
		memcpy(buf + 20, spec->ip_options, spec->ip_options_len);
	}
	naive_fix(buf, len, false);
	return len;
}

void naive_packets_add(struct naive_packets *packets, const uint8_t *bytes, size_t len)
{
	uint8_t *copy = malloc(len ? len : 1);

	if (packets->count == packets->capacity) {
		packets->capacity = packets->capacity ? 2 * packets->capacity : 16;
		packets->items =
			realloc(packets->items, packets->capacity * sizeof(*packets->items));
	}
	if (!copy || !packets->items)
		abort();
	memcpy(copy, bytes, len);
	packets->items[packets->count].bytes = copy;
	packets->items[packets->count++].len = len;
}

void naive_packets_done(struct naive_packets *packets)
{
	for (size_t i = 0; i < packets->count; i++)
		free(packets->items[i].bytes);
	free(packets->items);
	*packets = (struct naive_packets){ 0 };
}

/* A packet the device left the checksum of to us. */
static void complete(const struct virtio_net_hdr *header, uint8_t *packet, size_t len)
{
	size_t start = header->csum_start;
	uint16_t checksum = (uint16_t)~naive_sum(0, packet + start, len - start);

	put16(packet + start + header->csum_offset, checksum ? checksum : 0xffff);
}

/* Packet number @number, whose payload starts at @from of the frame's. */
static void make_segment(uint8_t *packet, size_t header_len, size_t payload_len, size_t number,
			 size_t from, bool is_last)
{
	size_t offset, len = header_len + payload_len;
	uint8_t proto = find_proto(packet, &offset), *transport = packet + offset;

	if (is_v6(packet)) {
		put16(packet + 4, (unsigned)(len - 40));
	} else {
		put16(packet + 2, (unsigned)len);
		put16(packet + 4, (unsigned)(get16(packet + 4) + number) & 0xffff);
	}
	if (proto == IPPROTO_UDP) {
		put16(transport + 4, (unsigned)(len - offset));
	} else {
		uint32_t seq = (uint32_t)get16(transport + 4) << 16 | get16(transport + 6);

		put32(transport + 4, seq + (uint32_t)from);
		if (number > 0)
			transport[13] &= (uint8_t)~CWR;
		if (!is_last)
			transport[13] &= (uint8_t)~(FIN | PSH);
	}
	naive_fix(packet, len, false);
}

void naive_split(const struct virtio_net_hdr *header, const uint8_t *frame, size_t len,
		 struct naive_packets *ret_packets)
{
	static uint8_t packet[NAIVE_PACKET_MAX];
	size_t offset, header_len, from, number = 0, payload_len;

	if (header->gso_type == VIRTIO_NET_HDR_GSO_NONE) {
		memcpy(packet, frame, len);
		if (header->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM)
			complete(header, packet, len);
		naive_packets_add(ret_packets, packet, len);
		return;
	}
	if (find_proto(frame, &offset) == IPPROTO_UDP)
		header_len = offset + 8;
	else
		header_len = offset + (frame[offset + 12] >> 4) * 4u;
	for (from = 0; from < len - header_len; from += payload_len, number++) {
		payload_len = len - header_len - from;
		if (payload_len > header->gso_size)
			payload_len = header->gso_size;
		memcpy(packet, frame, header_len);
		memcpy(packet + header_len, frame + header_len + from, payload_len);
		make_segment(packet, header_len, payload_len, number, from,
			     from + payload_len == len - header_len);
		naive_packets_add(ret_packets, packet, header_len + payload_len);
	}
}
