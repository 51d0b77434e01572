/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Any frame with any virtio_net_hdr at the segmenter, any packets at the merger: nothing is read or written
 * outside, and what goes in comes out. The first byte says which:
 *
 *	even	a virtio_net_hdr, and the frame behind it. (The byte & 2: its lengths are made right first.)
 *	odd	the device's offloads, then packets: two bytes of command and length, and the bytes. A command
 *		may repeat the last packet as its successor instead, make checksums right, or flush.
 */
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "net/checksum.h"
#include "net/merge.h"
#include "net/mss.h"
#include "net/segment.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define FRAME_MAX 65535
#define PACKETS_MAX 256

#define REPEAT 0x80  /* no bytes: the packet before, as the next one of its flow */
#define REPAIR 0x40  /* lengths and checksums */
#define FLUSH 0x20   /* before this packet */
#define NO_PUSH 0x10 /* of a repeated packet */

static void check(bool holds)
{
	if (!holds)
		abort();
}

/* A copy that ends where the bytes end. */
static uint8_t *copy_of(const uint8_t *bytes, size_t len)
{
	uint8_t *copy = malloc(len ? len : 1);

	check(copy);
	memcpy(copy, bytes, len);
	return copy;
}

/* The transport header of a plain packet, 0 if it has none we could repair. */
static size_t transport_of(const uint8_t *packet, size_t len)
{
	if (len >= 40 && packet[0] == 0x45 &&
	    (packet[9] == IPPROTO_TCP || packet[9] == IPPROTO_UDP))
		return 20;
	if (len >= 60 && packet[0] >> 4 == 6 &&
	    (packet[6] == IPPROTO_TCP || packet[6] == IPPROTO_UDP))
		return 40;
	return 0;
}

static void repair(uint8_t *packet, size_t len, bool partial)
{
	size_t at = transport_of(packet, len), addresses = at == 20 ? 12 : 8;
	uint8_t proto, *field;
	uint32_t sum;

	if (!at)
		return;
	proto = packet[at == 20 ? 9 : 6];
	field = packet + at + (proto == IPPROTO_TCP ? 16 : 6);
	if (at == 20) {
		sp_put_be16(packet + 2, (uint16_t)len);
		sp_put_be16(packet + 10, 0);
		sp_put_be16(packet + 10, sp_checksum_ipv4(packet));
	} else {
		sp_put_be16(packet + 4, (uint16_t)(len - 40));
	}
	if (proto == IPPROTO_UDP)
		sp_put_be16(packet + at + 4, (uint16_t)(len - at));
	sp_put_be16(field, 0);
	sum = sp_checksum_pseudo(packet + addresses, at - addresses, proto, len - at);
	if (partial)
		sp_put_be16(field, (uint16_t)~sp_checksum_finish(sum));
	else
		sp_put_be16(field, sp_checksum_finish(sp_checksum_add(sum, packet + at, len - at)));
}

/* ---- Splitting ---- */

/* Packets of a frame: lengths as their headers say, payloads one behind the other. */
static void split(const struct virtio_net_hdr *header, const uint8_t *bytes, size_t len)
{
	uint8_t *frame = copy_of(bytes, len), *packet;
	struct sp_segmenter segmenter;
	size_t next, payload = 0;

	if (sp_segmenter_init(&segmenter, header, frame, len) < 0) {
		free(frame);
		return;
	}
	check(sp_segmenter_next_len(&segmenter) > 0);
	while ((next = sp_segmenter_next_len(&segmenter)) > 0) {
		size_t header_len = segmenter.header_len;

		check(next <= len);
		packet = malloc(next);
		check(packet);
		sp_segmenter_write(&segmenter, packet);
		check(next == (packet[0] >> 4 == 6 ? sp_get_be16(packet + 4) + 40u
						   : sp_get_be16(packet + 2)));
		if (header->gso_type) {
			check(next > header_len && next - header_len <= header->gso_size);
			check(memcmp(packet + header_len, frame + header_len + payload,
				     next - header_len) == 0);
			payload += next - header_len;
		}
		sp_mss_clamp(packet, next, 1420);
		free(packet);
	}
	check(!header->gso_type || payload + segmenter.header_len == len);
	check(memcmp(frame, bytes, len) == 0);
	free(frame);
}

static void fuzz_split(const uint8_t *data, size_t size, bool is_repaired)
{
	static uint8_t frame[FRAME_MAX];
	struct virtio_net_hdr header;

	if (size < sizeof(header))
		return;
	memcpy(&header, data, sizeof(header));
	size -= sizeof(header);
	if (size > FRAME_MAX)
		size = FRAME_MAX;
	memcpy(frame, data + sizeof(header), size);
	if (is_repaired && transport_of(frame, size)) {
		header.flags &= 3;
		header.csum_start = (uint16_t)transport_of(frame, size);
		header.csum_offset = frame[header.csum_start == 20 ? 9 : 6] == IPPROTO_TCP ? 16 : 6;
		repair(frame, size, true);
	}
	split(&header, frame, size);
}

/* ---- Merging ---- */

static struct {
	uint8_t *storage[PACKETS_MAX], *original[PACKETS_MAX];
	size_t lens[PACKETS_MAX];
	bool is_out[PACKETS_MAX];
	size_t count, out_count;
	unsigned offloads;
} lab;

/* The packet whose bytes start at @at. */
static size_t index_of(const uint8_t *at)
{
	for (size_t i = 0; i < lab.count; i++)
		if (at == lab.storage[i])
			return i;
	abort();
}

/* Take the packet out; those of its flow that went in before it must be out. */
static void take_out(size_t index)
{
	size_t at = transport_of(lab.original[index], lab.lens[index]);
	const uint8_t *own = lab.original[index];

	check(!lab.is_out[index]);
	lab.is_out[index] = true;
	lab.out_count++;
	if (!at ||
	    lab.lens[index] != (at == 20 ? sp_get_be16(own + 2) : sp_get_be16(own + 4) + 40u))
		return;
	for (size_t i = 0; i < index; i++) {
		const uint8_t *other = lab.original[i];

		if (lab.lens[i] >= at + 4 && other[0] == own[0] &&
		    (at == 20 ? other[9] == own[9] : other[6] == own[6]) &&
		    memcmp(other + (at == 20 ? 12 : 8), own + (at == 20 ? 12 : 8),
			   (at == 20 ? 8 : 32) + 4) == 0)
			check(lab.is_out[i]);
	}
}

/* Split again it is the packets: all but an id nobody reads, and 0 for 0xffff. */
static void check_segment(const uint8_t *packet, size_t len, size_t index)
{
	size_t at = transport_of(packet, len);
	const uint8_t *original = lab.original[index];

	check(len == lab.lens[index]);
	for (size_t i = 0; i < len; i++) {
		bool is_id = at == 20 && (i == 4 || i == 5 || i == 10 || i == 11) &&
			     (original[6] & 0x40);
		bool is_sum = (at == 20 && (i == 10 || i == 11)) || i == at + 16 || i == at + 17;

		check(packet[i] == original[i] || is_id ||
		      (is_sum && packet[i] == 0 && original[i] == 0xff));
	}
}

static void check_merged(const struct virtio_net_hdr *header, const struct iovec *iov, size_t count)
{
	static uint8_t frame[FRAME_MAX], packet[FRAME_MAX];
	struct sp_segmenter segmenter;
	size_t len = 0, index = index_of(iov[1].iov_base);

	for (size_t i = 1; i < count; i++) {
		check(len + iov[i].iov_len <= FRAME_MAX);
		memcpy(frame + len, iov[i].iov_base, iov[i].iov_len);
		len += iov[i].iov_len;
	}
	check(sp_segmenter_init(&segmenter, header, frame, len) == 0);
	for (size_t i = 1; i < count; i++) {
		size_t next = sp_segmenter_next_len(&segmenter);

		if (i > 1)
			index = index_of((const uint8_t *)iov[i].iov_base - segmenter.header_len);
		check(next > 0);
		sp_segmenter_write(&segmenter, packet);
		check_segment(packet, next, index);
		take_out(index);
	}
	check(sp_segmenter_next_len(&segmenter) == 0);
}

static void sink(void *arg, const struct iovec *iov, size_t count)
{
	static const struct virtio_net_hdr plain;
	struct virtio_net_hdr header;

	(void)arg;
	check(count >= 2 && count <= SP_MERGE_PACKETS + 1 && iov[0].iov_len == sizeof(header));
	memcpy(&header, iov[0].iov_base, sizeof(header));
	if (count > 2) {
		check(lab.offloads & SP_MERGE_CSUM);
		check_merged(&header, iov, count);
		return;
	}
	check(memcmp(&header, &plain, sizeof(plain)) == 0);
	check(iov[1].iov_len == lab.lens[index_of(iov[1].iov_base)]);
	check(memcmp(iov[1].iov_base, lab.original[index_of(iov[1].iov_base)], iov[1].iov_len) ==
	      0);
	take_out(index_of(iov[1].iov_base));
}

static void add(struct sp_merger *merger, uint8_t *packet, size_t len)
{
	uint8_t *clamped = copy_of(packet, len);

	sp_mss_clamp(clamped, len, 576);
	free(clamped);
	lab.original[lab.count] = copy_of(packet, len);
	lab.storage[lab.count] = packet;
	lab.lens[lab.count] = len;
	lab.is_out[lab.count++] = false;
	sp_merger_add(merger, packet, len);
}

/* The packet before, as the next one of its flow, if it is a whole one. */
static uint8_t *successor(uint8_t command, size_t *ret_len)
{
	size_t len = lab.lens[lab.count - 1], at;
	uint8_t *packet = copy_of(lab.original[lab.count - 1], len);

	at = transport_of(packet, len);
	if (at == 20)
		sp_put_be16(packet + 4, (uint16_t)(sp_get_be16(packet + 4) + 1));
	if (at && packet[at == 20 ? 9 : 6] == IPPROTO_TCP) {
		size_t header_len = at + (packet[at + 12] >> 4) * 4u;

		sp_put_be32(packet + at + 4,
			    sp_get_be32(packet + at + 4) + (uint32_t)(len - header_len));
		if (command & NO_PUSH)
			packet[at + 13] = 0x10; /* ACK alone */
	}
	if (at)
		repair(packet, len, false);
	*ret_len = len;
	return packet;
}

static void fuzz_merge(const uint8_t *data, size_t size)
{
	static struct sp_merger merger;
	struct sp_reader reader = sp_reader(data, size);

	lab.count = lab.out_count = 0;
	lab.offloads = sp_take_u8(&reader);
	sp_merger_init(&merger, lab.offloads, sink, NULL);
	while (reader.left > 0 && lab.count < PACKETS_MAX) {
		uint8_t command = sp_take_u8(&reader), *packet;
		size_t len = (command & 7u) << 8;
		const uint8_t *bytes;

		if (command & FLUSH) {
			sp_merger_flush(&merger);
			check(lab.out_count == lab.count);
		}
		if ((command & REPEAT) && lab.count > 0) {
			packet = successor(command, &len);
		} else {
			len |= sp_take_u8(&reader);
			bytes = sp_take(&reader, len < reader.left ? len : reader.left);
			if (!bytes)
				break;
			len = (size_t)(reader.next - bytes);
			packet = copy_of(bytes, len);
			if (command & REPAIR)
				repair(packet, len, false);
		}
		add(&merger, packet, len);
	}
	sp_merger_flush(&merger);
	check(lab.out_count == lab.count);
	for (size_t i = 0; i < lab.count; i++) {
		free(lab.storage[i]);
		free(lab.original[i]);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0)
		return 0;
	if (data[0] & 1)
		fuzz_merge(data + 1, size - 1);
	else
		fuzz_split(data + 1, size - 1, data[0] & 2);
	return 0;
}
