/* SPDX-License-Identifier: GPL-3.0-or-later */
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
#include "net/merge.h"
#include "net/segment.h"
#include "support/offload.h"

#define FIN 0x01
#define SYN 0x02
#define RST 0x04
#define PSH 0x08
#define ACK 0x10
#define URG 0x20
#define ECE 0x40
#define CWR 0x80
#define DF 0x4000
#define ALL (SP_MERGE_CSUM | SP_MERGE_TSO4 | SP_MERGE_TSO6 | SP_MERGE_USO4 | SP_MERGE_USO6)
#define FRAMES_MAX 4096

static const struct naive_spec tcp4 = {
	.proto = IPPROTO_TCP,
	.source = 1,
	.destination = 2,
	.source_port = 443,
	.destination_port = 40000,
	.ttl = 64,
	.fragment = DF,
	.id = 0xffff,
	.seq = 0xffffff00,
	.ack = 7,
	.flags = ACK,
	.window = 500,
	.tcp_options = { 1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2 },
	.tcp_options_len = 12,
	.payload_len = 1368,
};
static const struct naive_spec udp4 = {
	.proto = IPPROTO_UDP,
	.source = 1,
	.destination = 2,
	.source_port = 443,
	.destination_port = 40000,
	.ttl = 64,
	.id = 9,
	.payload_len = 1200,
};

static struct naive_spec as_v6(struct naive_spec spec)
{
	spec.is_v6 = true;
	spec.fragment = 0;
	return spec;
}

/* ---- A merger, what went in and what came out ---- */

struct frame {
	struct virtio_net_hdr header;
	uint8_t *bytes;
	size_t len, count; /* pieces */
};

static struct {
	struct sp_merger merger;
	struct naive_packets in; /* as they were */
	uint8_t **storage;       /* each in storage of its very length */
	struct frame frames[FRAMES_MAX];
	size_t frame_count, merged_count;
} lab;

static void take_frame(void *arg, const struct iovec *iov, size_t count)
{
	struct frame *frame = &lab.frames[lab.frame_count++];

	assert_ptr_equal(arg, &lab);
	assert_true(lab.frame_count <= FRAMES_MAX);
	assert_true(count >= 2 && count <= SP_MERGE_PACKETS + 1);
	assert_int_equal(iov[0].iov_len, sizeof(frame->header));
	memcpy(&frame->header, iov[0].iov_base, sizeof(frame->header));
	frame->count = count - 1;
	frame->len = 0;
	frame->bytes = malloc(NAIVE_PACKET_MAX);
	assert_non_null(frame->bytes);
	for (size_t i = 1; i < count; i++) {
		assert_true(frame->len + iov[i].iov_len <= NAIVE_PACKET_MAX);
		memcpy(frame->bytes + frame->len, iov[i].iov_base, iov[i].iov_len);
		frame->len += iov[i].iov_len;
	}
	lab.merged_count += count > 2 ? count - 1 : 0;
}

static void start(unsigned offloads)
{
	sp_merger_init(&lab.merger, offloads, take_frame, &lab);
}

static void add_bytes(const uint8_t *bytes, size_t len)
{
	uint8_t *packet = malloc(len ? len : 1);

	assert_non_null(packet);
	memcpy(packet, bytes, len);
	naive_packets_add(&lab.in, bytes, len);
	lab.storage = realloc(lab.storage, lab.in.count * sizeof(*lab.storage));
	assert_non_null(lab.storage);
	lab.storage[lab.in.count - 1] = packet;
	sp_merger_add(&lab.merger, packet, len);
}

static void add(const struct naive_spec *spec)
{
	static uint8_t buf[NAIVE_PACKET_MAX];

	add_bytes(buf, naive_build(spec, buf));
}

static void done(void)
{
	for (size_t i = 0; i < lab.in.count; i++)
		free(lab.storage[i]);
	free(lab.storage);
	naive_packets_done(&lab.in);
	for (size_t i = 0; i < lab.frame_count; i++)
		free(lab.frames[i].bytes);
	memset(&lab, 0, sizeof(lab));
}

/* ---- The property: what comes out, split, is what went in, in order ---- */

struct flow {
	bool is_stranger; /* no IP packet that fills its storage, or of another protocol */
	bool is_hidden;   /* which flow between these addresses, it does not say */
	uint8_t is_v6, proto, addresses[32], ports[4];
};

static struct flow flow_of(const uint8_t *bytes, size_t len)
{
	struct flow flow = { 0 };
	bool has_ports;
	size_t header;

	flow.is_v6 = len >= 40 && bytes[0] >> 4 == 6;
	if (flow.is_v6)
		flow.is_stranger = sp_get_be16(bytes + 4) + 40u != len;
	else
		flow.is_stranger = len < 20 || bytes[0] >> 4 != 4 || sp_get_be16(bytes + 2) != len;
	if (flow.is_stranger)
		return flow;
	header = flow.is_v6 ? 40 : 20;
	flow.proto = flow.is_v6 ? bytes[6] : bytes[9];
	memcpy(flow.addresses, bytes + (flow.is_v6 ? 8 : 12), flow.is_v6 ? 32 : 8);
	has_ports = flow.proto == IPPROTO_TCP || flow.proto == IPPROTO_UDP;
	if (flow.is_v6)
		flow.is_hidden = flow.proto == IPPROTO_HOPOPTS || flow.proto == IPPROTO_FRAGMENT;
	else
		flow.is_hidden = bytes[0] != 0x45 || (sp_get_be16(bytes + 6) & ~DF);
	flow.is_hidden |= has_ports && len < header + 8;
	if (flow.is_hidden)
		flow.proto = 0;
	else if (has_ports)
		memcpy(flow.ports, bytes + header, 4);
	return flow;
}

/* Whether a packet of flow @b must stay where it was among those of flow @a. */
static bool goes_with(const struct flow *a, const struct flow *b)
{
	if (a->is_stranger || b->is_stranger)
		return a->is_stranger && b->is_stranger;
	if (a->is_v6 != b->is_v6 || memcmp(a->addresses, b->addresses, 32) != 0)
		return false;
	return b->is_hidden || (a->proto == b->proto && memcmp(a->ports, b->ports, 4) == 0);
}

/* The id of what nobody may fragment may have been made to count, if it stood still since the
 * packet before. */
static bool is_same(const uint8_t *before, const uint8_t *in, const uint8_t *out, size_t len)
{
	uint8_t copy[NAIVE_PACKET_MAX];

	if (memcmp(in, out, len) == 0)
		return true;
	if (!before || in[0] >> 4 != 4 || !(sp_get_be16(in + 6) & DF) ||
	    memcmp(before + 4, in + 4, 2) != 0)
		return false;
	memcpy(copy, out, len);
	memcpy(copy + 4, in + 4, 2);
	memcpy(copy + 10, in + 10, 2);
	return naive_sum(0, out, 20) == 0xffff && memcmp(in, copy, len) == 0;
}

static void split_frame(const struct frame *frame, struct naive_packets *out)
{
	size_t before = out->count, next;
	struct sp_segmenter segmenter;

	if (frame->count == 1) {
		static const struct virtio_net_hdr plain;

		assert_memory_equal(&frame->header, &plain, sizeof(plain));
		naive_packets_add(out, frame->bytes, frame->len);
		return;
	}
	naive_split(&frame->header, frame->bytes, frame->len, out);
	assert_int_equal(out->count - before, frame->count);

	/* The frame is one our own strict reader takes, and says the same to it. */
	assert_int_equal(sp_segmenter_init(&segmenter, &frame->header, frame->bytes, frame->len),
			 0);
	for (size_t i = before; i < out->count; i++) {
		uint8_t packet[NAIVE_PACKET_MAX];

		next = sp_segmenter_next_len(&segmenter);
		assert_int_equal(next, out->items[i].len);
		sp_segmenter_write(&segmenter, packet);
		assert_memory_equal(packet, out->items[i].bytes, next);
	}
	assert_int_equal(sp_segmenter_next_len(&segmenter), 0);
}

/* The packets that go with @flow, from @from on; @packets->count if there is no other. */
static size_t next_of(const struct naive_packets *packets, const struct flow *flow, size_t from)
{
	for (; from < packets->count; from++) {
		struct flow other = flow_of(packets->items[from].bytes, packets->items[from].len);

		if (goes_with(flow, &other))
			break;
	}
	return from;
}

static void assert_flow_in_order(const struct naive_packets *out, const struct flow *flow)
{
	const uint8_t *before = NULL;
	size_t i = 0, o = 0;

	while ((i = next_of(&lab.in, flow, i)) < lab.in.count) {
		o = next_of(out, flow, o);
		assert_true(o < out->count);
		assert_int_equal(lab.in.items[i].len, out->items[o].len);
		assert_true(is_same(before, lab.in.items[i].bytes, out->items[o].bytes,
				    out->items[o].len));
		before = flow->is_stranger ? NULL : lab.in.items[i].bytes;
		i++;
		o++;
	}
	assert_int_equal(next_of(out, flow, o), out->count);
}

static void assert_nothing_lost_or_reordered(void)
{
	struct naive_packets out = { 0 };

	for (size_t i = 0; i < lab.frame_count; i++)
		split_frame(&lab.frames[i], &out);
	assert_int_equal(out.count, lab.in.count);
	for (size_t i = 0; i < lab.in.count; i++) {
		struct flow flow = flow_of(lab.in.items[i].bytes, lab.in.items[i].len);

		if (next_of(&lab.in, &flow, 0) == i) /* once a flow */
			assert_flow_in_order(&out, &flow);
	}
	naive_packets_done(&out);
}

static void flush(void)
{
	sp_merger_flush(&lab.merger);
	assert_nothing_lost_or_reordered();
}

/* ---- By hand ---- */

/* The one that follows @spec in its flow. */
static struct naive_spec after(struct naive_spec spec)
{
	spec.seq += (uint32_t)spec.payload_len;
	spec.id++;
	spec.payload_start = (uint8_t)(spec.payload_start + spec.payload_len);
	return spec;
}

static void a_run_of_tcp_becomes_one_frame(void **state)
{
	struct naive_spec specs[] = { tcp4, as_v6(tcp4) };

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct naive_spec spec = specs[i];
		const struct virtio_net_hdr *header = &lab.frames[0].header;
		size_t ip = i == 0 ? 20 : 40;

		start(ALL);
		spec.flags |= CWR;
		add(&spec);
		spec.flags &= ~CWR;
		for (int n = 0; n < 3; n++) {
			spec = after(spec);
			add(&spec);
		}
		spec = after(spec);
		spec.payload_len = 10;
		spec.flags |= PSH | FIN;
		assert_int_equal(lab.frame_count, 0);
		add(&spec);
		assert_int_equal(lab.frame_count, 1); /* it cannot grow any more */
		flush();
		assert_int_equal(lab.frame_count, 1);
		assert_int_equal(lab.frames[0].len, ip + 32 + 4 * 1368 + 10);
		assert_int_equal(header->flags, VIRTIO_NET_HDR_F_NEEDS_CSUM);
		assert_int_equal(header->gso_type,
				 VIRTIO_NET_HDR_GSO_ECN | (i == 0 ? VIRTIO_NET_HDR_GSO_TCPV4
								  : VIRTIO_NET_HDR_GSO_TCPV6));
		assert_int_equal(header->gso_size, 1368);
		assert_int_equal(header->hdr_len, ip + 32);
		assert_int_equal(header->csum_start, ip);
		assert_int_equal(header->csum_offset, 16);
		assert_int_equal(lab.frames[0].bytes[ip + 13], ACK | CWR | PSH | FIN);
		done();
	}
}

static void a_run_of_datagrams_becomes_one_frame(void **state)
{
	struct naive_spec specs[] = { udp4, as_v6(udp4) };

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct naive_spec spec = specs[i];
		const struct virtio_net_hdr *header = &lab.frames[0].header;
		size_t ip = i == 0 ? 20 : 40;

		start(ALL);
		for (int n = 0; n < 5; n++, spec = after(spec))
			add(&spec);
		assert_int_equal(lab.frame_count, 0);
		flush();
		assert_int_equal(lab.frame_count, 1);
		assert_int_equal(lab.frames[0].len, ip + 8 + 5 * 1200);
		assert_int_equal(header->flags, VIRTIO_NET_HDR_F_NEEDS_CSUM);
		assert_int_equal(header->gso_type, VIRTIO_NET_HDR_GSO_UDP_L4);
		assert_int_equal(header->gso_size, 1200);
		assert_int_equal(header->hdr_len, ip + 8);
		assert_int_equal(header->csum_start, ip);
		assert_int_equal(header->csum_offset, 6);
		done();
	}
}

/* Two packets that would be one frame, but for one field of the second: its bits changed. */
struct second {
	const char *what;
	size_t at, size;
	uint32_t change;
	bool is_merged;
};

#define FIELD(name) offsetof(struct naive_spec, name), sizeof(((struct naive_spec *)NULL)->name)

static void check_seconds(const struct naive_spec *first, const struct second *rows, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct naive_spec second = after(*first);
		uint32_t value = 0;

		memcpy(&value, (uint8_t *)&second + rows[i].at,
		       rows[i].size < 4 ? rows[i].size : 4);
		value ^= rows[i].change;
		memcpy((uint8_t *)&second + rows[i].at, &value,
		       rows[i].size < 4 ? rows[i].size : 4);
		start(ALL);
		add(first);
		add(&second);
		flush();
		if (lab.frame_count != (rows[i].is_merged ? 1 : 2))
			fail_msg("%s of %s: %zu frames", rows[i].what,
				 first->is_v6 ? "IPv6" : "IPv4", lab.frame_count);
		done();
	}
}

static void what_tcp_neighbours_share(void **state)
{
	static const struct second rows[] = {
		{ "nothing changed", FIELD(tos), 0, true },
		{ "source", FIELD(source), 4, false },
		{ "destination", FIELD(destination), 4, false },
		{ "source port", FIELD(source_port), 4, false },
		{ "destination port", FIELD(destination_port), 4, false },
		{ "DSCP", FIELD(tos), 4, false },
		{ "ECN", FIELD(tos), 3, false },
		{ "TTL", FIELD(ttl), 1, false },
		{ "acknowledgement", FIELD(ack), 1, false },
		{ "window", FIELD(window), 1, false },
		{ "urgent pointer", FIELD(urgent), 1, false },
		{ "reserved bits", FIELD(flags), 0x200, false },
		{ "AE", FIELD(flags), 0x100, false },
		{ "SYN", FIELD(flags), SYN, false },
		{ "RST", FIELD(flags), RST, false },
		{ "URG", FIELD(flags), URG, false },
		{ "ECE", FIELD(flags), ECE, false },
		{ "CWR", FIELD(flags), CWR, false },
		{ "no ACK", FIELD(flags), ACK, false },
		{ "PSH", FIELD(flags), PSH, true },
		{ "FIN", FIELD(flags), FIN, true },
		{ "first option byte", FIELD(tcp_options), 1, false },
		{ "fewer options", FIELD(tcp_options_len), 12, false },
		{ "shorter", FIELD(payload_len), 1368 ^ 1367, true },
		{ "one byte", FIELD(payload_len), 1368 ^ 1, true },
		{ "longer", FIELD(payload_len), 1368 ^ 1369, false },
		{ "no payload", FIELD(payload_len), 1368, false },
		{ "sequence number", FIELD(seq), 1, false },
	};
	struct naive_spec spec = as_v6(tcp4);

	(void)state;
	check_seconds(&tcp4, rows, SP_ARRAY_LEN(rows));
	check_seconds(&spec, rows, SP_ARRAY_LEN(rows));
}

static void what_udp_neighbours_share(void **state)
{
	static const struct second rows[] = {
		{ "nothing changed", FIELD(tos), 0, true },
		{ "source", FIELD(source), 4, false },
		{ "destination", FIELD(destination), 4, false },
		{ "source port", FIELD(source_port), 4, false },
		{ "destination port", FIELD(destination_port), 4, false },
		{ "DSCP", FIELD(tos), 4, false },
		{ "ECN", FIELD(tos), 1, false },
		{ "TTL", FIELD(ttl), 1, false },
		{ "shorter", FIELD(payload_len), 1200 ^ 1199, true },
		{ "longer", FIELD(payload_len), 1200 ^ 1201, false },
		{ "no payload", FIELD(payload_len), 1200, false },
	};
	struct naive_spec spec = as_v6(udp4);

	(void)state;
	check_seconds(&udp4, rows, SP_ARRAY_LEN(rows));
	check_seconds(&spec, rows, SP_ARRAY_LEN(rows));
}

static void what_only_one_family_has(void **state)
{
	static const struct second v4[] = {
		{ "DF", FIELD(fragment), DF, false },
		{ "more fragments", FIELD(fragment), 0x2000, false },
		{ "fragment offset", FIELD(fragment), 1, false },
		{ "reserved bit", FIELD(fragment), 0x8000, false },
		{ "options", FIELD(ip_options_len), 4, false },
	};
	static const struct second v6[] = {
		{ "flow label", FIELD(flow_label), 1, false },
		{ "extension header", FIELD(ip_options_len), 8, false },
	};
	struct naive_spec spec;

	(void)state;
	check_seconds(&tcp4, v4, SP_ARRAY_LEN(v4));
	check_seconds(&udp4, v4, SP_ARRAY_LEN(v4));
	spec = as_v6(tcp4);
	check_seconds(&spec, v6, SP_ARRAY_LEN(v6));
	spec = as_v6(udp4);
	check_seconds(&spec, v6, SP_ARRAY_LEN(v6));
}

static void ipv4_ids_count_or_stand_still(void **state)
{
	static const struct {
		bool may_not_fragment;
		uint16_t steps[3]; /* from the first */
		size_t frames;
	} rows[] = {
		{ true, { 1, 2, 3 }, 1 },       { false, { 1, 2, 3 }, 1 },
		{ true, { 0, 0, 0 }, 1 },       { false, { 0, 0, 0 }, 4 },
		{ true, { 2, 4, 6 }, 4 },       { false, { 2, 3, 4 }, 2 },
		{ true, { 0, 1, 2 }, 2 },       { true, { 1, 1, 1 }, 2 },
		{ false, { 0xffff, 0, 1 }, 2 }, { true, { 1, 2, 0 }, 2 },
	};

	(void)state;
	for (size_t i = 0; i < SP_ARRAY_LEN(rows); i++) {
		struct naive_spec spec = tcp4;

		spec.fragment = rows[i].may_not_fragment ? DF : 0;
		start(ALL);
		add(&spec);
		for (int n = 0; n < 3; n++) {
			spec = after(spec);
			spec.id = (uint16_t)(tcp4.id + rows[i].steps[n]);
			add(&spec);
		}
		flush();
		if (lab.frame_count != rows[i].frames)
			fail_msg("row %zu: %zu frames", i, lab.frame_count);
		done();
	}
}

static void packets_with_bad_checksums_stay_alone(void **state)
{
	struct naive_spec specs[] = { tcp4, udp4, as_v6(tcp4), as_v6(udp4) };

	(void)state;
	for (size_t i = 0; i < SP_ARRAY_LEN(specs); i++) {
		static uint8_t buf[2048];
		struct naive_spec second = after(specs[i]);
		size_t len = naive_build(&second, buf);

		/* A byte of the payload; of addresses or ports it would be another flow's. */
		for (size_t flipped = 0; flipped < 3; flipped++) {
			size_t at = (size_t[]){ len - 1, len - 700, 10 }[flipped];

			if (at == 10 && specs[i].is_v6)
				continue;
			buf[at] ^= 0x10;
			start(ALL);
			add(&specs[i]);
			add_bytes(buf, len);
			second = after(second);
			add(&second);
			flush();
			assert_int_equal(lab.frame_count, 3);
			done();
			buf[at] ^= 0x10;
			second = after(specs[i]);
		}
	}
}

static void datagrams_without_a_checksum_stay_alone(void **state)
{
	static uint8_t buf[2048];
	struct naive_spec spec = udp4;
	size_t len;

	(void)state;
	spec.fragment = DF; /* equal datagrams would be one frame */
	len = naive_build(&spec, buf);
	sp_put_be16(buf + 26, 0);
	start(ALL);
	add_bytes(buf, len);
	add_bytes(buf, len);
	flush();
	assert_int_equal(lab.frame_count, 2);
	done();

	/* Not even if 0 would be right. */
	for (unsigned port = 1; port < 0x10000 && sp_get_be16(buf + 26) != 0xffff; port++) {
		spec.source_port = (uint16_t)port;
		len = naive_build(&spec, buf);
	}
	assert_int_equal(sp_get_be16(buf + 26), 0xffff);
	sp_put_be16(buf + 26, 0);
	start(ALL);
	add_bytes(buf, len);
	add_bytes(buf, len);
	flush();
	assert_int_equal(lab.frame_count, 2);
	done();
}

/* Their checksums are right for what they are, not for what they say. */
static void packets_whose_lengths_lie_stay_alone(void **state)
{
	static uint8_t buf[2048];
	struct naive_spec specs[] = { tcp4, udp4, as_v6(tcp4), as_v6(udp4) };

	(void)state;
	for (size_t i = 0; i < SP_ARRAY_LEN(specs); i++) {
		for (int is_udp = 0; is_udp <= (specs[i].proto == IPPROTO_UDP); is_udp++) {
			struct naive_spec spec = specs[i];
			size_t at = spec.is_v6 ? 4 : 2;

			start(ALL);
			for (int n = 0; n < 2; n++, spec = after(spec)) {
				size_t len = naive_build(&spec, buf);

				if (is_udp)
					at = naive_transport(buf) + 4;
				sp_put_be16(buf + at, (uint16_t)(sp_get_be16(buf + at) - 8));
				naive_fix(buf, len, false);
				add_bytes(buf, len);
			}
			flush();
			assert_int_equal(lab.frame_count, 2);
			done();
		}
	}
}

static void fragments_stay_alone(void **state)
{
	static const uint16_t fields[] = { 0x2000, 0x2001, 1, 0x8000, 0x6000, 0xc000 };

	(void)state;
	for (size_t i = 0; i < SP_ARRAY_LEN(fields); i++) {
		struct naive_spec spec = tcp4;

		spec.fragment = fields[i];
		start(ALL);
		add(&spec);
		spec = after(spec);
		add(&spec);
		flush();
		assert_int_equal(lab.frame_count, 2);
		done();
	}
}

/* 0xffff is the other zero: as right, and not lost, but it may become 0. */
static void a_checksum_of_ffff_is_right(void **state)
{
	static uint8_t buf[2048], again[NAIVE_PACKET_MAX];
	struct naive_spec spec = after(tcp4);
	struct sp_segmenter segmenter;
	size_t len;

	(void)state;
	for (unsigned port = 1; port < 0x10000; port++) {
		spec.source_port = (uint16_t)port;
		len = naive_build(&spec, buf);
		if (sp_get_be16(buf + 36) == 0)
			break;
	}
	assert_int_equal(sp_get_be16(buf + 36), 0);
	sp_put_be16(buf + 36, 0xffff);
	assert_true(naive_is_right(buf, len));
	spec.seq = tcp4.seq;
	spec.id = tcp4.id;
	spec.payload_start = tcp4.payload_start;
	start(ALL);
	add(&spec);
	add_bytes(buf, len);
	sp_merger_flush(&lab.merger);
	assert_int_equal(lab.frame_count, 1);
	assert_int_equal(sp_segmenter_init(&segmenter, &lab.frames[0].header, lab.frames[0].bytes,
					   lab.frames[0].len),
			 0);
	sp_segmenter_write(&segmenter, again);
	sp_segmenter_write(&segmenter, again);
	sp_put_be16(buf + 36, 0);
	assert_memory_equal(again, buf, len);
	done();
}

static void psh_ends_a_frame(void **state)
{
	struct naive_spec spec = tcp4;

	(void)state;
	start(ALL);
	for (int i = 0; i < 9; i++, spec = after(spec)) {
		spec.flags = i % 3 == 2 ? ACK | PSH : ACK;
		add(&spec);
		assert_int_equal(lab.frame_count, (i + 1) / 3);
	}
	flush();
	assert_int_equal(lab.frame_count, 3);
	done();
}

static void an_acknowledgement_keeps_its_place(void **state)
{
	struct naive_spec spec = tcp4, ack = tcp4;

	(void)state;
	start(ALL);
	add(&spec);
	spec = after(spec);
	add(&spec);
	ack = after(spec);
	ack.payload_len = 0;
	assert_int_equal(lab.frame_count, 0);
	add(&ack);
	assert_int_equal(lab.frame_count, 2);
	assert_int_equal(lab.frames[0].count, 2);
	assert_int_equal(lab.frames[1].count, 1);
	flush();
	assert_int_equal(lab.frame_count, 2);
	done();
}

/* A fragment does not say whose it is: everything between its addresses goes first, and nothing
 * else. */
static void a_fragment_keeps_its_place(void **state)
{
	struct naive_spec spec = tcp4, fragment = udp4, other = tcp4;

	(void)state;
	start(ALL);
	other.source = 77;
	add(&spec);
	add(&other);
	spec = after(spec);
	add(&spec);
	fragment.fragment = 100;
	add(&fragment);
	assert_int_equal(lab.frame_count, 2);
	assert_int_equal(lab.frames[0].count, 2);
	flush();
	assert_int_equal(lab.frame_count, 3);
	done();
}

static void nothing_is_merged_that_the_device_does_not_take(void **state)
{
	struct naive_spec specs[] = { tcp4, as_v6(tcp4), udp4, as_v6(udp4) };
	unsigned bits[] = { SP_MERGE_TSO4, SP_MERGE_TSO6, SP_MERGE_USO4, SP_MERGE_USO6 };

	(void)state;
	for (unsigned mask = 0; mask <= ALL; mask++) {
		for (size_t i = 0; i < 4; i++) {
			struct naive_spec second = after(specs[i]);
			bool is_merged = (mask & SP_MERGE_CSUM) && (mask & bits[i]);

			start(mask);
			add(&specs[i]);
			add(&second);
			flush();
			assert_int_equal(lab.frame_count, is_merged ? 1 : 2);
			done();
		}
	}
}

static void a_frame_ends_at_64_packets(void **state)
{
	struct naive_spec spec = udp4;

	(void)state;
	start(ALL);
	spec.payload_len = 100;
	for (int i = 0; i < 130; i++, spec = after(spec))
		add(&spec);
	flush();
	assert_int_equal(lab.frame_count, 3);
	assert_int_equal(lab.frames[0].count, 64);
	assert_int_equal(lab.frames[1].count, 64);
	assert_int_equal(lab.frames[2].count, 2);
	done();
}

static void a_frame_ends_below_64_kib(void **state)
{
	struct naive_spec specs[] = { tcp4, udp4, as_v6(tcp4), as_v6(udp4) };

	(void)state;
	for (size_t i = 0; i < SP_ARRAY_LEN(specs); i++) {
		struct naive_spec spec = specs[i];
		size_t headers = (spec.is_v6 ? 40 : 20) + (spec.proto == IPPROTO_TCP ? 32 : 8);

		/* Exactly 65535: 9 of them and a last one. */
		start(ALL);
		spec.payload_len = 7000;
		for (int n = 0; n < 9; n++, spec = after(spec))
			add(&spec);
		spec.payload_len = 65535 - headers - 9 * 7000;
		add(&spec);
		flush();
		assert_int_equal(lab.frame_count, 1);
		assert_int_equal(lab.frames[0].len, 65535);
		done();

		/* One byte more does not fit. */
		start(ALL);
		spec = specs[i];
		spec.payload_len = 7000;
		for (int n = 0; n < 9; n++, spec = after(spec))
			add(&spec);
		spec.payload_len = 65535 - headers - 9 * 7000 + 1;
		add(&spec);
		flush();
		assert_int_equal(lab.frame_count, 2);
		done();
	}
}

static void the_oldest_flow_makes_room(void **state)
{
	struct naive_spec spec = tcp4;

	(void)state;
	start(ALL);
	for (uint16_t port = 1; port <= SP_MERGE_FLOWS; port++) {
		spec.source_port = port;
		add(&spec);
	}
	spec = after(spec);
	spec.source_port = 1; /* the first grows: it is the oldest all the same */
	add(&spec);
	assert_int_equal(lab.frame_count, 0);
	spec.source_port = 100;
	add(&spec);
	assert_int_equal(lab.frame_count, 1);
	assert_int_equal(lab.frames[0].count, 2);
	assert_int_equal(sp_get_be16(lab.frames[0].bytes + 20), 1);
	flush();
	assert_int_equal(lab.frame_count, SP_MERGE_FLOWS + 1);
	for (size_t i = 0; i < SP_MERGE_FLOWS; i++)
		assert_int_equal(sp_get_be16(lab.frames[i].bytes + 20), i + 1);
	done();
}

static void a_merger_serves_batch_after_batch(void **state)
{
	struct naive_spec spec = tcp4;

	(void)state;
	start(ALL);
	for (int batch = 0; batch < 10; batch++) {
		for (int i = 0; i < 4; i++, spec = after(spec))
			add(&spec);
		flush();
		assert_int_equal(lab.frame_count, batch + 1);
		assert_int_equal(lab.frames[batch].count, 4);
	}
	done();
}

/* Storage ends where the packet ends: a read past it is caught by the sanitizers. */
static void packets_cut_anywhere(void **state)
{
	struct naive_spec specs[] = { tcp4, udp4, as_v6(tcp4), as_v6(udp4) };

	(void)state;
	for (size_t i = 0; i < SP_ARRAY_LEN(specs); i++) {
		uint8_t buf[256];
		size_t len;

		specs[i].payload_len = 30;
		len = naive_build(&specs[i], buf);
		start(ALL);
		for (size_t cut = 0; cut < len; cut++) {
			add_bytes(buf, cut); /* its length lies */
			if (!specs[i].is_v6 && cut >= 20)
				sp_put_be16(buf + 2, (uint16_t)cut);
			if (specs[i].is_v6 && cut >= 40)
				sp_put_be16(buf + 4, (uint16_t)(cut - 40));
			add_bytes(buf, cut);
			len = naive_build(&specs[i], buf);
		}
		flush();
		assert_int_equal(lab.frame_count, 2 * len);
		done();
	}
}

/* ---- At random ---- */

static bool once_in(uint64_t *seed, uint32_t n)
{
	return naive_draw(seed, n) == 0;
}

static void start_flow(uint64_t *seed, uint16_t port, struct naive_spec *ret_spec)
{
	struct naive_spec spec = once_in(seed, 3) ? udp4 : tcp4;

	if (once_in(seed, 2))
		spec = as_v6(spec);
	else
		spec.fragment = once_in(seed, 2) ? DF : 0;
	spec.source = (uint8_t)naive_draw(seed, 3);
	spec.source_port = port;
	spec.seq = (uint32_t)naive_random(seed);
	spec.id = (uint16_t)naive_random(seed);
	spec.tos = (uint8_t)naive_random(seed);
	spec.payload_len = 1 + naive_draw(seed, once_in(seed, 4) ? 60 : 1400);
	spec.urgent = once_in(seed, 4) ? 1 : 0; /* without URG: read by nobody */
	*ret_spec = spec;
}

/* What may befall a packet on its way, mostly nothing. */
static void disturb(uint64_t *seed, struct naive_spec *spec)
{
	switch (naive_draw(seed, 100)) {
	case 0:
		spec->tos ^= 1;
		break;
	case 1:
		spec->ttl--;
		break;
	case 2:
		spec->id += 7;
		break;
	case 3:
		spec->ack++;
		break;
	case 4:
		spec->window++;
		break;
	case 5:
		spec->flags ^= ECE;
		break;
	case 6:
		spec->tcp_options[5]++;
		break;
	case 7:
		spec->fragment ^= spec->is_v6 ? 0 : DF;
		break;
	case 8:
		spec->flow_label ^= 1;
		break;
	case 9:
		spec->seq -= (uint32_t)spec->payload_len;
		break;
	case 10:
		spec->seq += 100;
		break;
	case 11:
		spec->payload_len = 1 + naive_draw(seed, 1400);
		break;
	case 12:
		spec->urgent ^= 1;
		break;
	default:
		break;
	}
}

/* One packet of the flow, sometimes with what holds for it alone. */
static void add_next(uint64_t *seed, struct naive_spec *flow)
{
	static const uint16_t flags[] = { PSH, FIN, CWR, SYN, RST, URG, PSH | CWR, PSH | FIN };
	static uint8_t buf[NAIVE_PACKET_MAX];
	struct naive_spec spec;
	size_t len;

	disturb(seed, flow);
	spec = *flow;
	if (once_in(seed, 12))
		spec.flags |= flags[naive_draw(seed, SP_ARRAY_LEN(flags))];
	if (once_in(seed, 12))
		spec.payload_len = naive_draw(seed, (uint32_t)spec.payload_len + 1);
	if (once_in(seed, 40))
		spec.ip_options_len = 8;
	if (once_in(seed, 60) && !spec.is_v6)
		spec.fragment = (uint16_t)naive_random(seed);
	if (once_in(seed, 60))
		spec.proto = (uint8_t[]){
			IPPROTO_ICMP, IPPROTO_ICMPV6, 47, 132, 6, 17, 44
		}[naive_draw(seed, 7)];
	len = naive_build(&spec, buf);
	if (once_in(seed, 50) && len > 50)
		buf[40 + naive_draw(seed, (uint32_t)len - 40)] ^= 1;
	if (once_in(seed, 80))
		buf[naive_draw(seed, 40)] ^= (uint8_t)(1 << naive_draw(seed, 8));
	if (once_in(seed, 80) && spec.proto == IPPROTO_UDP)
		sp_put_be16(buf + naive_transport(buf) % 100 + 6, 0);
	if (once_in(seed, 80))
		len -= naive_draw(seed, (uint32_t)len);
	add_bytes(buf, len);
	flow->seq += (uint32_t)spec.payload_len + ((spec.flags & (SYN | FIN)) ? 1 : 0);
	flow->payload_start = (uint8_t)naive_random(seed);
	if (!(flow->destination % 2) || !(flow->fragment & DF)) /* others stand still */
		flow->id++;
}

static void any_traffic_comes_out_as_it_went_in(void **state)
{
	uint64_t seed = 0x6e0b1a5;
	size_t packets = 0, merged = 0, frames = 0;

	(void)state;
	print_message("seed %llx\n", (unsigned long long)seed);
	for (int round = 0; round < 400; round++) {
		struct naive_spec flows[24];
		uint32_t flow_count = 1 + naive_draw(&seed, SP_ARRAY_LEN(flows)), current = 0;
		uint32_t packet_count = naive_draw(&seed, 300);

		for (uint32_t i = 0; i < flow_count; i++) {
			start_flow(&seed, (uint16_t)i, &flows[i]);
			flows[i].destination = (uint8_t)(2 + once_in(&seed, 3));
		}
		start(once_in(&seed, 3) ? naive_draw(&seed, ALL + 1) : ALL);
		for (uint32_t i = 0; i < packet_count; i++) {
			if (once_in(&seed, 4))
				current = naive_draw(&seed, flow_count);
			add_next(&seed, &flows[current]);
			if (once_in(&seed, 60))
				sp_merger_flush(&lab.merger);
		}
		flush();
		packets += lab.in.count;
		merged += lab.merged_count;
		frames += lab.frame_count;
		done();
	}
	print_message("%zu packets, %zu of them in frames with others, %zu frames\n", packets,
		      merged, frames);
	assert_true(merged > packets / 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_run_of_tcp_becomes_one_frame),
		cmocka_unit_test(a_run_of_datagrams_becomes_one_frame),
		cmocka_unit_test(what_tcp_neighbours_share),
		cmocka_unit_test(what_udp_neighbours_share),
		cmocka_unit_test(what_only_one_family_has),
		cmocka_unit_test(ipv4_ids_count_or_stand_still),
		cmocka_unit_test(packets_with_bad_checksums_stay_alone),
		cmocka_unit_test(datagrams_without_a_checksum_stay_alone),
		cmocka_unit_test(packets_whose_lengths_lie_stay_alone),
		cmocka_unit_test(fragments_stay_alone),
		cmocka_unit_test(a_checksum_of_ffff_is_right),
		cmocka_unit_test(psh_ends_a_frame),
		cmocka_unit_test(an_acknowledgement_keeps_its_place),
		cmocka_unit_test(a_fragment_keeps_its_place),
		cmocka_unit_test(nothing_is_merged_that_the_device_does_not_take),
		cmocka_unit_test(a_frame_ends_at_64_packets),
		cmocka_unit_test(a_frame_ends_below_64_kib),
		cmocka_unit_test(the_oldest_flow_makes_room),
		cmocka_unit_test(a_merger_serves_batch_after_batch),
		cmocka_unit_test(packets_cut_anywhere),
		cmocka_unit_test(any_traffic_comes_out_as_it_went_in),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
