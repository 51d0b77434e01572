/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/array.h"
#include "base/bytes.h"
#include "net/segment.h"
#include "support/offload.h"

#define SEED 0x5e63e27ull

#define FIN 0x01
#define SYN 0x02
#define RST 0x04
#define PSH 0x08
#define ACK 0x10
#define ECE 0x40
#define CWR 0x80

static const struct naive_spec tcp4 = {
	.proto = IPPROTO_TCP,
	.source = 1,
	.destination = 2,
	.source_port = 40000,
	.destination_port = 443,
	.ttl = 64,
	.fragment = 0x4000,
	.id = 0xfffe,
	.seq = 0xfffffc00,
	.ack = 7,
	.flags = ACK | PSH | FIN | CWR,
	.window = 500,
	.payload_len = 3000,
};
static const struct naive_spec udp4 = {
	.proto = IPPROTO_UDP,
	.source = 1,
	.destination = 2,
	.source_port = 40000,
	.destination_port = 443,
	.ttl = 64,
	.id = 9,
	.payload_len = 3000,
};

static uint8_t frame[NAIVE_PACKET_MAX + 200];

static struct naive_spec as_v6(struct naive_spec spec)
{
	spec.is_v6 = true;
	spec.fragment = 0;
	return spec;
}

/* A frame of @spec with its checksum left to be completed, and the header that says so. */
static size_t build(const struct naive_spec *spec, uint16_t gso_size,
		    struct virtio_net_hdr *ret_header)
{
	size_t len = naive_build(spec, frame);
	struct virtio_net_hdr header = {
		.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
		.gso_size = gso_size,
		.csum_start = (uint16_t)naive_transport(frame),
		.csum_offset = spec->proto == IPPROTO_TCP ? 16 : 6,
	};

	naive_fix(frame, len, true);
	header.hdr_len = (uint16_t)(len - spec->payload_len);
	if (gso_size && spec->proto == IPPROTO_TCP)
		header.gso_type = spec->is_v6 ? VIRTIO_NET_HDR_GSO_TCPV6 : VIRTIO_NET_HDR_GSO_TCPV4;
	else if (gso_size)
		header.gso_type = VIRTIO_NET_HDR_GSO_UDP_L4;
	*ret_header = header;
	return len;
}

/* All packets of the frame, each written into storage of its very length. */
static size_t split(const struct virtio_net_hdr *header, size_t len,
		    struct naive_packets *ret_packets)
{
	struct sp_segmenter segmenter;
	uint8_t *copy = malloc(len ? len : 1);
	size_t next;

	assert_non_null(copy);
	memcpy(copy, frame, len);
	assert_int_equal(sp_segmenter_init(&segmenter, header, copy, len), 0);
	assert_true(sp_segmenter_next_len(&segmenter) > 0);
	while ((next = sp_segmenter_next_len(&segmenter)) > 0) {
		uint8_t *packet = malloc(next);

		assert_non_null(packet);
		sp_segmenter_write(&segmenter, packet);
		naive_packets_add(ret_packets, packet, next);
		free(packet);
	}
	assert_memory_equal(copy, frame, len);
	free(copy);
	return ret_packets->count;
}

static void assert_as_naive(const struct virtio_net_hdr *header, size_t len)
{
	struct naive_packets ours = { 0 }, naive = { 0 };

	split(header, len, &ours);
	naive_split(header, frame, len, &naive);
	assert_int_equal(ours.count, naive.count);
	for (size_t i = 0; i < ours.count; i++) {
		assert_int_equal(ours.items[i].len, naive.items[i].len);
		assert_memory_equal(ours.items[i].bytes, naive.items[i].bytes, ours.items[i].len);
	}
	naive_packets_done(&ours);
	naive_packets_done(&naive);
}

static int refusal(const struct virtio_net_hdr *header, size_t len)
{
	struct sp_segmenter segmenter, before;
	uint8_t *copy = malloc(len ? len : 1); /* ends where the frame ends */
	int r;

	assert_non_null(copy);
	memcpy(copy, frame, len);
	memset(&segmenter, 0xa5, sizeof(segmenter));
	before = segmenter;
	r = sp_segmenter_init(&segmenter, header, copy, len);
	if (r < 0)
		assert_memory_equal(&segmenter, &before, sizeof(before));
	free(copy);
	return r;
}

/* ---- By hand ---- */

static void tcp_counts_and_flags(void **state)
{
	struct naive_packets packets = { 0 };
	struct virtio_net_hdr header;
	size_t len = build(&tcp4, 1380, &header);

	(void)state;
	assert_int_equal(split(&header, len, &packets), 3);
	for (size_t i = 0; i < 3; i++) {
		const uint8_t *packet = packets.items[i].bytes;
		size_t payload = i < 2 ? 1380 : 240;

		assert_int_equal(packets.items[i].len, 40 + payload);
		assert_int_equal(sp_get_be16(packet + 2), 40 + payload);
		assert_int_equal(sp_get_be16(packet + 4), (uint16_t)(0xfffe + i));
		assert_int_equal(sp_get_be32(packet + 24), (uint32_t)(0xfffffc00 + 1380 * i));
		assert_int_equal(packet[33], i == 0 ? ACK | CWR : i == 1 ? ACK : ACK | PSH | FIN);
		assert_int_equal(packet[40], (uint8_t)(1380 * i));
		assert_true(naive_is_right(packet, packets.items[i].len));
	}
	naive_packets_done(&packets);
}

static void udp_lengths(void **state)
{
	struct naive_packets packets = { 0 };
	struct virtio_net_hdr header;
	struct naive_spec spec = as_v6(udp4);
	size_t len = build(&spec, 1000, &header);

	(void)state;
	assert_int_equal(split(&header, len, &packets), 3);
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(packets.items[i].len, 1048);
		assert_int_equal(sp_get_be16(packets.items[i].bytes + 4), 1008);
		assert_int_equal(sp_get_be16(packets.items[i].bytes + 44), 1008);
		assert_true(naive_is_right(packets.items[i].bytes, 1048));
	}
	naive_packets_done(&packets);
}

static void a_frame_of_one_segment(void **state)
{
	struct virtio_net_hdr header;
	size_t len;

	(void)state;
	len = build(&tcp4, 3000, &header);
	assert_as_naive(&header, len);
	len = build(&tcp4, 65535, &header);
	assert_as_naive(&header, len);
	len = build(&udp4, 65535, &header);
	assert_as_naive(&header, len);
}

/* A receiver that checked the sum already gives no partial one. */
static void a_frame_whose_checksum_was_checked(void **state)
{
	struct naive_spec specs[] = { tcp4, udp4, as_v6(tcp4), as_v6(udp4) };
	struct virtio_net_hdr header;

	(void)state;
	for (size_t i = 0; i < SP_ARRAY_LEN(specs); i++) {
		size_t len = build(&specs[i], 1000, &header);

		naive_fix(frame, len, false);
		header.flags = VIRTIO_NET_HDR_F_DATA_VALID;
		header.csum_start = header.csum_offset = 0;
		assert_as_naive(&header, len);
		header.flags = 0;
		assert_int_equal(refusal(&header, len), -EBADMSG);
	}
}

/* The pseudo header is of the address where the route ends, which only the partial sum knows. */
static void a_routing_header_keeps_its_last_address(void **state)
{
	struct naive_packets packets = { 0 };
	struct naive_spec spec = as_v6(tcp4);
	struct virtio_net_hdr header;
	uint8_t last[16] = { 0xfd, [15] = 99 }, via[16];
	size_t len;

	(void)state;
	spec.ip_options_len = 24;
	len = build(&spec, 1000, &header);
	memcpy(via, frame + 24, 16);
	memcpy(frame + 24, last, 16);
	frame[6] = IPPROTO_DSTOPTS; /* one header of 24 bytes until the sum is made */
	frame[40] = IPPROTO_TCP;
	frame[41] = 2;
	naive_fix(frame, len, true);
	frame[6] = IPPROTO_ROUTING;
	memcpy(frame + 24, via, 16);

	assert_int_equal(split(&header, len, &packets), 3);
	for (size_t i = 0; i < 3; i++) {
		memcpy(packets.items[i].bytes + 24, last, 16);
		assert_true(naive_is_right(packets.items[i].bytes, packets.items[i].len));
	}
	naive_packets_done(&packets);
}

static void one_packet_goes_as_it_is(void **state)
{
	struct naive_packets packets = { 0 };
	struct virtio_net_hdr header = { 0 };
	struct naive_spec spec = tcp4;
	size_t len;

	(void)state;
	spec.fragment = 0x2000; /* whatever it is */
	len = naive_build(&spec, frame);
	frame[36] ^= 1; /* and wherever its checksum came from */
	assert_as_naive(&header, len);
	header.flags = VIRTIO_NET_HDR_F_DATA_VALID;
	assert_as_naive(&header, len);

	/* What a link padded is left behind. */
	assert_int_equal(split(&header, len + 6, &packets), 1);
	assert_int_equal(packets.items[0].len, len);
	assert_memory_equal(packets.items[0].bytes, frame, len);
	naive_packets_done(&packets);
}

static void one_packet_gets_its_checksum(void **state)
{
	struct naive_packets packets = { 0 };
	struct virtio_net_hdr header;
	struct naive_spec spec = udp4;
	size_t len = build(&tcp4, 0, &header);

	(void)state;
	assert_as_naive(&header, len);
	len = build(&udp4, 0, &header);
	assert_as_naive(&header, len);

	/* A datagram whose sum comes out as 0 says 0xffff: 0 would mean that it has none. */
	spec.payload_len = 2;
	build(&spec, 0, &header);
	naive_fix(frame, 30, false);
	sp_put_be16(frame + 28, (uint16_t)(sp_get_be16(frame + 28) + sp_get_be16(frame + 26)));
	if (sp_get_be16(frame + 28) < sp_get_be16(frame + 26))
		sp_put_be16(frame + 28, (uint16_t)(sp_get_be16(frame + 28) + 1));
	naive_fix(frame, 30, true);
	assert_int_equal(split(&header, 30, &packets), 1);
	assert_int_equal(sp_get_be16(packets.items[0].bytes + 26), 0xffff);
	assert_true(naive_is_right(packets.items[0].bytes, 30));
	naive_packets_done(&packets);
}

/* Nor do datagrams of a frame. */
static void split_datagrams_always_have_a_checksum(void **state)
{
	uint64_t seed = SEED;
	int seen = 0;

	(void)state;
	for (int i = 0; i < 4000 && seen < 2; i++) {
		struct naive_packets packets = { 0 };
		struct virtio_net_hdr header;
		struct naive_spec spec = udp4;
		size_t len;

		spec.payload_len = 4000;
		spec.payload_start = (uint8_t)i;
		spec.source_port = (uint16_t)naive_random(&seed);
		len = build(&spec, 2, &header);
		for (size_t at = 28; at < len; at++)
			frame[at] = (uint8_t)naive_random(&seed);
		naive_fix(frame, len, true);
		split(&header, len, &packets);
		for (size_t p = 0; p < packets.count; p++) {
			assert_int_not_equal(sp_get_be16(packets.items[p].bytes + 26), 0);
			seen += sp_get_be16(packets.items[p].bytes + 26) == 0xffff;
		}
		naive_packets_done(&packets);
	}
	assert_true(seen > 0);
}

/* ---- What is refused ---- */

static void headers_that_lie(void **state)
{
	static const struct {
		const char *what;
		struct virtio_net_hdr header;
	} rows[] = {
		{ "no segment size", { 1, 1, 40, 0, 20, 16 } },
		{ "TSO6 of IPv4", { 1, 4, 40, 1000, 20, 16 } },
		{ "USO of TCP", { 1, 5, 40, 1000, 20, 6 } },
		{ "UFO", { 1, 3, 40, 1000, 20, 16 } },
		{ "an unknown type", { 1, 2, 40, 1000, 20, 16 } },
		{ "a later type", { 1, 6, 40, 1000, 20, 16 } },
		{ "only the ECN bit", { 1, 0x80, 40, 1000, 20, 16 } },
		{ "USO with the ECN bit", { 1, 0x85, 40, 1000, 20, 6 } },
		{ "an unknown flag", { 1 | 8, 1, 40, 1000, 20, 16 } },
		{ "coalesced segments' count", { 4, 1, 40, 1000, 20, 16 } },
		{ "no checksum to complete", { 0, 1, 40, 1000, 20, 16 } },
		{ "checksum starts early", { 1, 1, 40, 1000, 16, 16 } },
		{ "checksum starts late", { 1, 1, 40, 1000, 24, 16 } },
		{ "checksum starts outside", { 1, 1, 40, 1000, 65535, 16 } },
		{ "checksum elsewhere", { 1, 1, 40, 1000, 20, 6 } },
		{ "checksum outside", { 1, 1, 40, 1000, 20, 65535 } },
		{ "one packet, start in the IP header", { 1, 0, 0, 0, 18, 16 } },
		{ "one packet, start outside", { 1, 0, 0, 0, 3040, 0 } },
		{ "one packet, far outside", { 1, 0, 0, 0, 65535, 65535 } },
		{ "one packet, offset outside", { 1, 0, 0, 0, 20, 3020 } },
		{ "one packet, offset on the edge", { 1, 0, 0, 0, 21, 3018 } },
		{ "one packet, odd offset", { 1, 0, 0, 0, 20, 15 } },
	};
	struct naive_spec spec = as_v6(tcp4);
	struct virtio_net_hdr header;
	size_t len = build(&tcp4, 1000, &header);

	(void)state;
	assert_int_equal(refusal(&header, len), 0);
	header.hdr_len = 0xffff; /* a hint */
	assert_int_equal(refusal(&header, len), 0);
	header.gso_type |= VIRTIO_NET_HDR_GSO_ECN;
	assert_int_equal(refusal(&header, len), 0);
	header = (struct virtio_net_hdr){ 1, 0, 0, 0, 20, 3018 };
	assert_int_equal(refusal(&header, len), 0);
	for (size_t i = 0; i < SP_ARRAY_LEN(rows); i++)
		if (refusal(&rows[i].header, len) != -EBADMSG)
			fail_msg("taken: %s", rows[i].what);

	len = build(&spec, 1000, &header);
	assert_int_equal(refusal(&header, len), 0);
	header.gso_type = VIRTIO_NET_HDR_GSO_TCPV4;
	assert_int_equal(refusal(&header, len), -EBADMSG);
}

/* One byte of a good frame changed. */
static void frames_that_lie(void **state)
{
	static const struct {
		const char *what;
		bool is_udp, is_v6;
		size_t at;
		uint8_t value;
	} rows[] = {
		{ "version 5", false, false, 0, 0x55 },
		{ "version 0", false, false, 0, 0x05 },
		{ "IPv6 in IPv4's place", false, false, 0, 0x65 },
		{ "header of 16 bytes", false, false, 0, 0x44 },
		{ "header of 60 bytes", false, false, 0, 0x4f },
		{ "length one more", false, false, 3, 0xe1 },
		{ "length one less", false, false, 3, 0xdf },
		{ "length 0", false, false, 2, 0 },
		{ "a first fragment", false, false, 6, 0x20 },
		{ "a later fragment", false, false, 7, 1 },
		{ "another protocol", false, false, 9, IPPROTO_UDP },
		{ "data offset 16", false, false, 32, 0x40 },
		{ "data offset 0", false, false, 32, 0 },
		{ "a SYN", false, false, 33, ACK | SYN },
		{ "a RST", false, false, 33, ACK | RST },
		{ "a UDP length one more", true, false, 25, 0xc1 },
		{ "a UDP length one less", true, false, 25, 0xbf },
		{ "a UDP length 0", true, false, 24, 0 },
		{ "IPv4 in IPv6's place", false, true, 0, 0x45 },
		{ "IPv6 length one more", false, true, 5, 0xcd },
		{ "a fragment header", false, true, 6, IPPROTO_FRAGMENT },
		{ "an authentication header", false, true, 6, IPPROTO_AH },
		{ "no next header", false, true, 6, IPPROTO_NONE },
		{ "an extension header to nowhere", false, true, 6, IPPROTO_DSTOPTS },
	};
	struct virtio_net_hdr header;

	(void)state;
	for (size_t i = 0; i < SP_ARRAY_LEN(rows); i++) {
		struct naive_spec spec = rows[i].is_udp ? udp4 : tcp4;
		size_t len;

		if (rows[i].is_v6)
			spec = as_v6(spec);
		len = build(&spec, 1000, &header);
		assert_int_equal(refusal(&header, len), 0);
		assert_int_not_equal(frame[rows[i].at], rows[i].value);
		frame[rows[i].at] = rows[i].value;
		if (refusal(&header, len) != -EBADMSG)
			fail_msg("taken: %s", rows[i].what);
	}
}

/* What proves or orders one packet cannot be repeated in many. */
static void extension_headers_that_cannot_be_repeated(void **state)
{
	static const uint8_t taken[] = { IPPROTO_HOPOPTS, IPPROTO_DSTOPTS, IPPROTO_ROUTING };
	struct naive_spec spec = as_v6(tcp4);
	struct virtio_net_hdr header;
	size_t len;

	(void)state;
	spec.ip_options_len = 8;
	len = build(&spec, 1000, &header);
	for (int proto = 0; proto < 256; proto++) {
		frame[6] = (uint8_t)proto;
		assert_int_equal(refusal(&header, len),
				 memchr(taken, proto, sizeof(taken)) ? 0 : -EBADMSG);
	}
}

static void frames_without_payload(void **state)
{
	struct naive_spec specs[] = { tcp4, udp4, as_v6(tcp4), as_v6(udp4) };
	struct virtio_net_hdr header;

	(void)state;
	for (size_t i = 0; i < SP_ARRAY_LEN(specs); i++) {
		size_t len;

		specs[i].payload_len = 0;
		len = build(&specs[i], 1000, &header);
		assert_int_equal(refusal(&header, len), -EBADMSG);
		specs[i].payload_len = 1;
		len = build(&specs[i], 1, &header);
		assert_int_equal(refusal(&header, len), 0);
	}
}

/* @is_told: the IP header says so. */
static void cut_frame(const struct naive_spec *spec, size_t cut, bool is_told)
{
	struct virtio_net_hdr header, plain = { 0 };
	size_t len = build(spec, 11, &header), transport = naive_transport(frame);
	bool has_payload = cut > len - spec->payload_len;

	assert_true(cut < len);
	if (is_told)
		sp_put_be16(frame + (spec->is_v6 ? 4 : 2),
			    (uint16_t)(spec->is_v6 ? cut - 40 : cut));
	if (is_told && spec->proto == IPPROTO_UDP)
		sp_put_be16(frame + transport + 4, (uint16_t)(cut - transport));
	assert_int_equal(refusal(&header, cut), is_told && has_payload ? 0 : -EBADMSG);
	assert_int_equal(refusal(&plain, cut), is_told ? 0 : -EBADMSG);
}

static void frames_cut_anywhere(void **state)
{
	struct naive_spec specs[] = { tcp4, udp4, as_v6(tcp4), as_v6(udp4) };

	(void)state;
	for (size_t i = 0; i < SP_ARRAY_LEN(specs); i++) {
		struct virtio_net_hdr header;
		size_t len;

		specs[i].payload_len = 40;
		specs[i].ip_options_len = 8;
		memset(specs[i].ip_options, 1, 8);
		len = build(&specs[i], 11, &header);
		assert_int_equal(refusal(&header, len), 0);
		assert_int_equal(refusal(&header, len + 1), -EBADMSG);
		for (size_t cut = 0; cut < len; cut++) {
			cut_frame(&specs[i], cut, false);
			if (cut >= (specs[i].is_v6 ? 40 : 28))
				cut_frame(&specs[i], cut, true);
		}
	}
}

/* The header's end lies outside, or its own length does. */
static void headers_that_end_outside(void **state)
{
	struct naive_spec spec = as_v6(tcp4), v4 = tcp4;
	struct virtio_net_hdr header;
	size_t len;

	(void)state;
	spec.payload_len = 100;
	spec.ip_options_len = 8;
	for (unsigned units = 14; units < 256; units++) { /* fewer end in the payload */
		len = build(&spec, 10, &header);
		frame[41] = (uint8_t)units;
		header.csum_start = (uint16_t)(48 + 8 * units);
		assert_int_equal(refusal(&header, len), -EBADMSG);
		header.flags = VIRTIO_NET_HDR_F_DATA_VALID;
		assert_int_equal(refusal(&header, len), -EBADMSG);
	}
	v4.ip_options_len = 40;
	len = build(&v4, 1000, &header);
	for (size_t cut = 20; cut < 60; cut++) {
		struct virtio_net_hdr plain = { 0 };

		sp_put_be16(frame + 2, (uint16_t)cut);
		assert_int_equal(refusal(&header, cut), -EBADMSG);
		assert_int_equal(refusal(&plain, cut), -EBADMSG);
	}
}

static void a_frame_past_64_kib(void **state)
{
	struct naive_spec spec = as_v6(tcp4);
	struct virtio_net_hdr header;
	size_t len;

	(void)state;
	spec.payload_len = 65535 - 60;
	len = build(&spec, 1400, &header);
	assert_int_equal(len, 65535);
	assert_as_naive(&header, len);
	spec.payload_len++;
	len = build(&spec, 1400, &header);
	assert_int_equal(refusal(&header, len), -EBADMSG);
	header = (struct virtio_net_hdr){ 0 };
	assert_int_equal(refusal(&header, len), -EBADMSG);
}

/* ---- At random ---- */

static void random_spec(uint64_t *seed, struct naive_spec *ret_spec)
{
	struct naive_spec spec = naive_draw(seed, 2) ? tcp4 : udp4;

	spec.is_v6 = naive_draw(seed, 2);
	spec.tos = (uint8_t)naive_random(seed);
	spec.ttl = (uint8_t)naive_random(seed);
	spec.id = (uint16_t)naive_random(seed);
	spec.fragment = naive_draw(seed, 2) ? 0x4000 : 0;
	spec.flow_label = naive_draw(seed, 1 << 20);
	spec.seq = (uint32_t)naive_random(seed);
	spec.ack = (uint32_t)naive_random(seed);
	spec.flags = (uint16_t)(naive_draw(seed, 1 << 12) & ~(SYN | RST));
	spec.window = (uint16_t)naive_random(seed);
	spec.urgent = (uint16_t)naive_random(seed);
	spec.ip_options_len = naive_draw(seed, 3) ? 0 : 4 * naive_draw(seed, 11);
	if (spec.is_v6)
		spec.ip_options_len &= ~7ull;
	spec.tcp_options_len = 4 * naive_draw(seed, 11);
	for (size_t i = 0; i < 40; i++) {
		spec.ip_options[i] = (uint8_t)naive_random(seed);
		spec.tcp_options[i] = (uint8_t)naive_random(seed);
	}
	spec.payload_start = (uint8_t)naive_random(seed);
	spec.payload_len = 1 + naive_draw(seed, naive_draw(seed, 4) ? 4000 : 65535 - 140);
	*ret_spec = spec;
}

static void any_frame_is_split_as_the_slow_way_does(void **state)
{
	uint64_t seed = SEED;

	(void)state;
	print_message("seed %llx\n", (unsigned long long)seed);
	for (int i = 0; i < 3000; i++) {
		struct virtio_net_hdr header;
		struct naive_spec spec;
		uint16_t size;
		size_t len;

		random_spec(&seed, &spec);
		size = (uint16_t)(1 + naive_draw(&seed, naive_draw(&seed, 2) ? 1500 : 9000));
		if (spec.payload_len / size > 300)
			size = 1000;
		len = build(&spec, naive_draw(&seed, 8) ? size : 0, &header);
		if (header.gso_size && spec.proto == IPPROTO_TCP && (spec.flags & CWR))
			header.gso_type |= VIRTIO_NET_HDR_GSO_ECN;
		header.hdr_len = (uint16_t)naive_random(&seed);
		assert_as_naive(&header, len);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tcp_counts_and_flags),
		cmocka_unit_test(udp_lengths),
		cmocka_unit_test(a_frame_of_one_segment),
		cmocka_unit_test(a_frame_whose_checksum_was_checked),
		cmocka_unit_test(a_routing_header_keeps_its_last_address),
		cmocka_unit_test(one_packet_goes_as_it_is),
		cmocka_unit_test(one_packet_gets_its_checksum),
		cmocka_unit_test(split_datagrams_always_have_a_checksum),
		cmocka_unit_test(headers_that_lie),
		cmocka_unit_test(frames_that_lie),
		cmocka_unit_test(extension_headers_that_cannot_be_repeated),
		cmocka_unit_test(frames_without_payload),
		cmocka_unit_test(frames_cut_anywhere),
		cmocka_unit_test(headers_that_end_outside),
		cmocka_unit_test(a_frame_past_64_kib),
		cmocka_unit_test(any_frame_is_split_as_the_slow_way_does),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
