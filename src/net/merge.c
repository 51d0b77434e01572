/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "net/merge.h"

#include <netinet/in.h>
#include <string.h>

#include "base/bytes.h"
#include "net/checksum.h"

#define FRAME_MAX 65535u

#define IPV4_HEADER 20u
#define IPV4_PLAIN 0x45u /* no options */
#define IPV4_DF 0x4000u
#define IPV6_HEADER 40u

#define TCP_HEADER 20u
#define TCP_CHECKSUM 16u
#define TCP_FIN 0x01u
#define TCP_PSH 0x08u
#define TCP_ACK 0x10u
#define TCP_ECE 0x40u
#define TCP_CWR 0x80u
#define TCP_LAST (TCP_FIN | TCP_PSH) /* flags that only the last packet of a frame carries */

#define UDP_HEADER 8u
#define UDP_CHECKSUM 6u

#define ADDRESSES_AT(is_v6) ((is_v6) ? 8u : 12u)
#define ADDRESSES_LEN(is_v6) ((is_v6) ? 32u : 8u)

/* How a packet relates to the runs that wait. */
enum relation {
	STRANGER,  /* it is of no flow that a run can have */
	NEIGHBOUR, /* its flow is not known: it may be any flow between its addresses */
	MEMBER,    /* it is of a known flow, and cannot be merged */
	MERGEABLE, /* it is of a known flow, and may be merged */
};

/* The fields of a packet that were read. */
struct view {
	uint8_t *bytes;
	size_t len;
	uint64_t key;
	size_t transport_offset, header_len;
	uint8_t proto;
	bool is_v6;
};

/* ---- Reading a packet ---- */

/* A key of the flow. Words are multiplied by odd numbers and added, so that no two words of one
 * packet cancel each other out. Runs compare the addresses as well: a collision that an attacker
 * finds only costs a comparison. */
static uint64_t make_key(const uint8_t *addresses, size_t len, const uint8_t *ports, uint8_t proto)
{
	uint64_t key = ((uint64_t)sp_get_le32(ports) << 8 | proto) * 0x9e3779b97f4a7c15ull;

	for (size_t i = 0; i < len; i += 8)
		key = (key ^ key >> 29 ^ sp_get_le64(addresses + i)) * 0xbf58476d1ce4e5b9ull;
	return key;
}

static bool is_offloaded(const struct sp_merger *merger, const struct view *view)
{
	unsigned wanted = 0;

	if (view->proto == IPPROTO_TCP)
		wanted = view->is_v6 ? SP_MERGE_TSO6 : SP_MERGE_TSO4;
	else if (view->proto == IPPROTO_UDP)
		wanted = view->is_v6 ? SP_MERGE_USO6 : SP_MERGE_USO4;
	return (merger->offloads & SP_MERGE_CSUM) && (merger->offloads & wanted);
}

/* Is it an IP packet of this length? Other packets are strangers. */
static bool read_family(struct view *view)
{
	const uint8_t *ip = view->bytes;

	view->is_v6 = view->len >= IPV6_HEADER && ip[0] >> 4 == 6;
	if (view->is_v6) {
		view->proto = ip[6];
		view->transport_offset = IPV6_HEADER;
		return sp_get_be16(ip + 4) + IPV6_HEADER == view->len;
	}
	if (view->len < IPV4_HEADER || ip[0] >> 4 != 4 || sp_get_be16(ip + 2) != view->len)
		return false;
	view->proto = ip[9];
	view->transport_offset = IPV4_HEADER;
	return true;
}

/* Does the packet hide its ports, or whether it has any? Fragments, IPv4 options, IPv6 extension
 * headers and an early end of the packet do. */
static bool hides_flow(const struct view *view)
{
	const uint8_t *ip = view->bytes;
	bool is_known = view->proto == IPPROTO_TCP || view->proto == IPPROTO_UDP;

	if (!view->is_v6 && (ip[0] != IPV4_PLAIN || (sp_get_be16(ip + 6) & ~IPV4_DF)))
		return true;
	if (view->is_v6 && !is_known && view->proto != IPPROTO_ICMPV6)
		return true;
	return is_known && view->len < view->transport_offset + UDP_HEADER;
}

/* Is this a TCP or UDP header that a merged frame can have, with a payload behind it? */
static bool read_transport(struct view *view)
{
	const uint8_t *transport = view->bytes + view->transport_offset;
	size_t room = view->len - view->transport_offset, header_len = UDP_HEADER;

	if (view->proto == IPPROTO_TCP) {
		if (room < TCP_HEADER)
			return false;
		header_len = (transport[12] >> 4) * 4u;
		if (header_len < TCP_HEADER ||
		    (transport[13] & ~(TCP_LAST | TCP_ECE | TCP_CWR)) != TCP_ACK)
			return false;
	} else if (sp_get_be16(transport + 4) != room ||
		   sp_get_be16(transport + UDP_CHECKSUM) == 0) {
		return false;
	}
	view->header_len = view->transport_offset + header_len;
	return header_len < room;
}

/* Are the checksums right? The addresses stand directly before the TCP or UDP header. So one pass
 * covers both, and with protocol and length the pseudo header is complete. */
static bool are_checksums_right(const struct view *view)
{
	size_t addresses = ADDRESSES_AT(view->is_v6);
	uint32_t sum;

	if (!view->is_v6 && sp_checksum_ipv4(view->bytes) != 0)
		return false;
	sum = sp_checksum_add(0, view->bytes + addresses, view->len - addresses);
	sum = sp_checksum_add_word(sum, view->proto);
	sum = sp_checksum_add_word(sum, (uint16_t)(view->len - view->transport_offset));
	return sp_checksum_finish(sum) == 0;
}

static enum relation read_packet(const struct sp_merger *merger, struct view *view)
{
	const uint8_t *transport;

	if (!read_family(view))
		return STRANGER;
	if (hides_flow(view))
		return NEIGHBOUR;
	if (!is_offloaded(merger, view))
		return STRANGER;
	transport = view->bytes + view->transport_offset;
	view->key = make_key(view->bytes + ADDRESSES_AT(view->is_v6), ADDRESSES_LEN(view->is_v6),
			     transport, view->proto);
	return read_transport(view) && are_checksums_right(view) ? MERGEABLE : MEMBER;
}

/* ---- Runs ---- */

static bool is_between_addresses(const struct sp_merge_run *run, const struct view *view)
{
	size_t at = ADDRESSES_AT(view->is_v6);

	return run->is_v6 == view->is_v6 &&
	       memcmp(run->packet + at, view->bytes + at, ADDRESSES_LEN(view->is_v6)) == 0;
}

static bool is_of_flow(const struct sp_merge_run *run, const struct view *view)
{
	return run->key == view->key && run->proto == view->proto &&
	       is_between_addresses(run, view) &&
	       memcmp(run->packet + run->transport_offset, view->bytes + view->transport_offset,
		      4) == 0;
}

/* The place of the flow's run in merger->order; merger->count: there is none. */
static unsigned find_run(const struct sp_merger *merger, const struct view *view)
{
	unsigned place = 0;

	while (place < merger->count && !is_of_flow(&merger->runs[merger->order[place]], view))
		place++;
	return place;
}

/* Does the IP header continue that of the run? Packets of one frame have equal IP headers except
 * for length, checksum and IPv4's id. The id counts up, or, in packets that may not be fragmented,
 * stays the same; the second packet shows which. */
static bool is_ip_next(const struct sp_merge_run *run, const struct view *view,
		       uint16_t *ret_id_step)
{
	const uint8_t *first = run->packet, *ip = view->bytes;
	uint16_t distance, step = run->id_step;

	if (view->is_v6)
		return memcmp(first, ip, 4) == 0 && first[7] == ip[7];
	if (first[1] != ip[1] || memcmp(first + 6, ip + 6, 2) != 0 || first[8] != ip[8])
		return false;
	distance = (uint16_t)(sp_get_be16(ip + 4) - sp_get_be16(first + 4));
	if (run->count == 1 && distance == 0 && (sp_get_be16(ip + 6) & IPV4_DF))
		step = 0;
	*ret_id_step = step;
	return distance == (uint16_t)(run->count * step);
}

/* The same for TCP: everything, its header's length first, is equal except for sequence number,
 * checksum and the flags that only the last packet may have. Only the first packet may have CWR. */
static bool is_tcp_next(const struct sp_merge_run *run, const struct view *view)
{
	const uint8_t *first = run->packet + run->transport_offset;
	const uint8_t *tcp = view->bytes + view->transport_offset;
	uint8_t differing = first[13] ^ tcp[13];

	return sp_get_be32(tcp + 4) == run->next_seq && memcmp(first + 8, tcp + 8, 5) == 0 &&
	       !(tcp[13] & TCP_CWR) && !(differing & ~(TCP_LAST | TCP_CWR)) &&
	       memcmp(first + 14, tcp + 14, 2) == 0 &&
	       memcmp(first + 18, tcp + 18, run->header_len - run->transport_offset - 18) == 0;
}

static bool is_next(const struct sp_merge_run *run, const struct view *view, uint16_t *ret_id_step)
{
	size_t payload_len = view->len - view->header_len;

	return payload_len <= run->segment_size && run->total_len + payload_len <= FRAME_MAX &&
	       is_ip_next(run, view, ret_id_step) &&
	       (run->proto == IPPROTO_UDP || is_tcp_next(run, view));
}

static bool is_complete(const struct sp_merge_run *run, size_t last_payload_len)
{
	return last_payload_len < run->segment_size || run->last_flags ||
	       run->count == SP_MERGE_PACKETS;
}

static void write_ip_header(const struct sp_merge_run *run)
{
	uint8_t *ip = run->packet;

	if (run->is_v6) {
		sp_put_be16(ip + 4, (uint16_t)(run->total_len - IPV6_HEADER));
		return;
	}
	sp_put_be16(ip + 2, (uint16_t)run->total_len);
	sp_put_be16(ip + 10, 0);
	sp_put_be16(ip + 10, sp_checksum_ipv4(ip));
}

/* Turn the first packet's header into that of the frame. Its checksum becomes the sum of the pseudo
 * header. */
static void write_headers(struct sp_merge_run *run)
{
	uint8_t *ip = run->packet, *transport = ip + run->transport_offset;
	uint16_t transport_len = (uint16_t)(run->total_len - run->transport_offset);
	bool is_tcp = run->proto == IPPROTO_TCP;
	uint16_t checksum_at = is_tcp ? TCP_CHECKSUM : UDP_CHECKSUM;
	uint8_t gso_type = VIRTIO_NET_HDR_GSO_UDP_L4;
	uint32_t pseudo;

	write_ip_header(run);
	if (is_tcp) {
		gso_type = run->is_v6 ? VIRTIO_NET_HDR_GSO_TCPV6 : VIRTIO_NET_HDR_GSO_TCPV4;
		if (transport[13] & TCP_CWR)
			gso_type |= VIRTIO_NET_HDR_GSO_ECN;
		transport[13] |= run->last_flags;
	} else {
		sp_put_be16(transport + 4, transport_len);
	}
	pseudo = sp_checksum_pseudo(ip + ADDRESSES_AT(run->is_v6), ADDRESSES_LEN(run->is_v6),
				    run->proto, transport_len);
	sp_put_be16(transport + checksum_at, (uint16_t)~sp_checksum_finish(pseudo));
	run->header = (struct virtio_net_hdr){
		.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
		.gso_type = gso_type,
		.hdr_len = run->header_len,
		.gso_size = (uint16_t)run->segment_size,
		.csum_start = run->transport_offset,
		.csum_offset = checksum_at,
	};
}

/* Hand the run at @place to the sink, and free its place. */
static void close_run(struct sp_merger *merger, unsigned place)
{
	uint8_t index = merger->order[place];
	struct sp_merge_run *run = &merger->runs[index];

	if (run->count > 1)
		write_headers(run);
	else
		run->header = (struct virtio_net_hdr){ 0 };
	merger->sink(merger->arg, run->iov, run->count + 1);
	merger->count--;
	memmove(&merger->order[place], &merger->order[place + 1], merger->count - place);
	merger->order[merger->count] = index;
}

static void send_alone(struct sp_merger *merger, uint8_t *packet, size_t len)
{
	struct virtio_net_hdr header = { 0 };
	struct iovec iov[2] = {
		{ .iov_base = &header, .iov_len = sizeof(header) },
		{ .iov_base = packet, .iov_len = len },
	};

	merger->sink(merger->arg, iov, 2);
}

static void open_run(struct sp_merger *merger, const struct view *view)
{
	const uint8_t *transport = view->bytes + view->transport_offset;
	size_t payload_len = view->len - view->header_len;
	struct sp_merge_run *run;

	if (view->proto == IPPROTO_TCP && (transport[13] & TCP_LAST)) {
		send_alone(merger, view->bytes, view->len);
		return;
	}
	if (merger->count == SP_MERGE_FLOWS)
		close_run(merger, 0);
	run = &merger->runs[merger->order[merger->count++]];
	run->key = view->key;
	run->packet = view->bytes;
	run->count = 1;
	run->total_len = (uint32_t)view->len;
	run->segment_size = (uint32_t)payload_len;
	run->next_seq = sp_get_be32(transport + 4) + (uint32_t)payload_len;
	run->header_len = (uint16_t)view->header_len;
	run->transport_offset = (uint16_t)view->transport_offset;
	run->id_step = 1;
	run->proto = view->proto;
	run->last_flags = 0;
	run->is_v6 = view->is_v6;
	run->iov[0] = (struct iovec){ .iov_base = &run->header, .iov_len = sizeof(run->header) };
	run->iov[1] = (struct iovec){ .iov_base = view->bytes, .iov_len = view->len };
}

/* Add the packet to the run at @place, if it is the next one of it. Returns whether it is. */
static bool append(struct sp_merger *merger, unsigned place, const struct view *view)
{
	struct sp_merge_run *run = &merger->runs[merger->order[place]];
	size_t payload_len = view->len - view->header_len;
	uint16_t id_step = run->id_step;

	if (!is_next(run, view, &id_step))
		return false;
	run->id_step = id_step;
	run->total_len += (uint32_t)payload_len;
	run->next_seq += (uint32_t)payload_len;
	run->iov[++run->count] = (struct iovec){
		.iov_base = view->bytes + view->header_len,
		.iov_len = payload_len,
	};
	if (view->proto == IPPROTO_TCP)
		run->last_flags = view->bytes[view->transport_offset + 13] & TCP_LAST;
	if (is_complete(run, payload_len))
		close_run(merger, place);
	return true;
}

static void close_neighbours(struct sp_merger *merger, const struct view *view)
{
	unsigned place = 0;

	while (place < merger->count) {
		if (is_between_addresses(&merger->runs[merger->order[place]], view))
			close_run(merger, place);
		else
			place++;
	}
}

/* ---- The merger ---- */

void sp_merger_init(struct sp_merger *merger, unsigned offloads, sp_merge_sink sink, void *arg)
{
	merger->sink = sink;
	merger->arg = arg;
	merger->offloads = offloads;
	merger->count = 0;
	for (uint8_t i = 0; i < SP_MERGE_FLOWS; i++)
		merger->order[i] = i;
}

void sp_merger_add(struct sp_merger *merger, uint8_t *packet, size_t len)
{
	struct view view = { .bytes = packet, .len = len };
	enum relation relation = read_packet(merger, &view);
	unsigned place;

	if (relation == NEIGHBOUR)
		close_neighbours(merger, &view);
	if (relation == MEMBER || relation == MERGEABLE) {
		place = find_run(merger, &view);
		if (place < merger->count) {
			if (relation == MERGEABLE && append(merger, place, &view))
				return;
			close_run(merger, place);
		}
	}
	if (relation == MERGEABLE)
		open_run(merger, &view);
	else
		send_alone(merger, packet, len);
}

void sp_merger_flush(struct sp_merger *merger)
{
	while (merger->count > 0)
		close_run(merger, 0);
}
