/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "net/segment.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include "base/bytes.h"
#include "net/checksum.h"

#define IPV4_HEADER 20u
#define IPV4_FRAGMENT 0x3fffu /* more fragments follow, or it is not the first */
#define IPV6_HEADER 40u

#define TCP_HEADER 20u
#define TCP_CHECKSUM 16u
#define TCP_FIN 0x01u
#define TCP_SYN 0x02u
#define TCP_RST 0x04u
#define TCP_PSH 0x08u
#define TCP_CWR 0x80u

#define UDP_HEADER 8u
#define UDP_CHECKSUM 6u

#define FRAME_MAX 65535u
#define FLAGS_KNOWN (VIRTIO_NET_HDR_F_NEEDS_CSUM | VIRTIO_NET_HDR_F_DATA_VALID)

/* What the IP header of a frame says. */
struct ip_view {
	bool is_v6;
	size_t header_len; /* the fixed header and IPv4's options */
	size_t len;        /* the whole packet */
};

static int read_ip(const uint8_t *frame, size_t len, struct ip_view *ret_ip)
{
	struct ip_view ip = { .header_len = IPV6_HEADER };

	if (len < IPV4_HEADER)
		return -EBADMSG;
	ip.is_v6 = frame[0] >> 4 == 6;
	if (ip.is_v6) {
		if (len < IPV6_HEADER)
			return -EBADMSG;
		ip.len = IPV6_HEADER + sp_get_be16(frame + 4);
	} else {
		if (frame[0] >> 4 != 4)
			return -EBADMSG;
		ip.header_len = (frame[0] & 0xfu) * 4u;
		ip.len = sp_get_be16(frame + 2);
	}
	if (ip.header_len < IPV4_HEADER || ip.header_len > ip.len || ip.len > len ||
	    ip.len > FRAME_MAX)
		return -EBADMSG;
	*ret_ip = ip;
	return 0;
}

/* ---- A frame that is one packet ---- */

static int init_one(struct sp_segmenter *segmenter, const struct virtio_net_hdr *header,
		    const struct ip_view *ip, size_t len)
{
	segmenter->payload_left = segmenter->segment_size = ip->len;
	if (!(header->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM))
		return 0; /* bytes that a link added behind the packet are left out */
	if (ip->len != len || header->csum_start < ip->header_len || header->csum_offset % 2 != 0 ||
	    (size_t)header->csum_start + header->csum_offset + 2 > len)
		return -EBADMSG;
	segmenter->csum_start = header->csum_start;
	segmenter->csum_at = header->csum_start + header->csum_offset;
	return 0;
}

/* Write one packet. Its checksum field holds the sum of the pseudo header, which is summed with the
 * rest. */
static void write_one(struct sp_segmenter *segmenter, uint8_t *dst)
{
	size_t start = segmenter->csum_start, len = segmenter->payload_left;
	uint16_t checksum;
	uint32_t sum;

	segmenter->payload_left = 0;
	if (!segmenter->csum_at) {
		memcpy(dst, segmenter->frame, len);
		return;
	}
	memcpy(dst, segmenter->frame, start);
	sum = sp_checksum_copy(0, dst + start, segmenter->frame + start, len - start);
	checksum = sp_checksum_finish(sum);
	/* in UDP 0 means that there is no checksum; 0xffff equals 0 in this sum, also for TCP */
	sp_put_be16(dst + segmenter->csum_at, checksum ? checksum : 0xffff);
}

/* ---- A frame to be split ---- */

static bool is_known_extension(uint8_t proto)
{
	return proto == IPPROTO_HOPOPTS || proto == IPPROTO_ROUTING || proto == IPPROTO_DSTOPTS;
}

/* Find where TCP or UDP starts. Every packet repeats the extension headers. Headers that
 * authenticate a packet or make a fragment of it cannot be repeated. */
static int find_transport(const uint8_t *frame, const struct ip_view *ip, uint8_t proto,
			  size_t *ret_offset)
{
	uint8_t next = ip->is_v6 ? frame[6] : frame[9];
	size_t offset = ip->header_len;

	if (!ip->is_v6 && (sp_get_be16(frame + 6) & IPV4_FRAGMENT))
		return -EBADMSG;
	while (ip->is_v6 && is_known_extension(next)) {
		if (offset + 8 > ip->len)
			return -EBADMSG;
		next = frame[offset];
		offset += (frame[offset + 1] + 1u) * 8u;
	}
	if (next != proto || offset > ip->len)
		return -EBADMSG;
	*ret_offset = offset;
	return 0;
}

/* Read family and protocol from the type of a frame. Other types are refused. */
static int read_type(uint8_t gso_type, bool is_v6, uint8_t *ret_proto)
{
	switch (gso_type) {
	case VIRTIO_NET_HDR_GSO_TCPV4:
	case VIRTIO_NET_HDR_GSO_TCPV4 | VIRTIO_NET_HDR_GSO_ECN:
		*ret_proto = IPPROTO_TCP;
		return is_v6 ? -EBADMSG : 0;
	case VIRTIO_NET_HDR_GSO_TCPV6:
	case VIRTIO_NET_HDR_GSO_TCPV6 | VIRTIO_NET_HDR_GSO_ECN:
		*ret_proto = IPPROTO_TCP;
		return is_v6 ? 0 : -EBADMSG;
	case VIRTIO_NET_HDR_GSO_UDP_L4:
		*ret_proto = IPPROTO_UDP;
		return 0;
	default:
		return -EBADMSG;
	}
}

/* Read the TCP or UDP header. @room: its bytes and those of the payload. */
static int read_transport(struct sp_segmenter *segmenter, const uint8_t *transport, size_t room)
{
	size_t header_len = UDP_HEADER;

	if (room < (segmenter->proto == IPPROTO_TCP ? TCP_HEADER : UDP_HEADER))
		return -EBADMSG;
	if (segmenter->proto == IPPROTO_TCP) {
		uint8_t flags = transport[13];

		header_len = (transport[12] >> 4) * 4u;
		if (header_len < TCP_HEADER || (flags & (TCP_SYN | TCP_RST)))
			return -EBADMSG;
		segmenter->seq = sp_get_be32(transport + 4);
		segmenter->last_flags = flags & (TCP_FIN | TCP_PSH);
		segmenter->flags = flags & ~segmenter->last_flags;
	} else if (sp_get_be16(transport + 4) != room) {
		return -EBADMSG;
	}
	if (header_len >= room)
		return -EBADMSG;
	segmenter->header_len = (uint16_t)(segmenter->transport_offset + header_len);
	return 0;
}

/* Take a word out of a sum by adding its complement. */
static uint32_t without(uint32_t sum, const uint8_t *word)
{
	return sp_checksum_add_word(sum, (uint16_t)~sp_get_be16(word));
}

/* Sum the bytes that all packets share once. */
static void sum_headers(struct sp_segmenter *segmenter, const struct virtio_net_hdr *header,
			const uint8_t *frame, size_t len)
{
	const uint8_t *transport = frame + segmenter->transport_offset;
	size_t transport_len = len - segmenter->transport_offset;
	bool is_tcp = segmenter->proto == IPPROTO_TCP;
	const uint8_t *checksum = transport + (is_tcp ? TCP_CHECKSUM : UDP_CHECKSUM);
	uint32_t sum;

	/* If the checksum is still to be completed, its field holds the sum of the pseudo header
	 * with the whole length. That sum already has the final destination of a routing header. */
	if (header->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM)
		sum = sp_checksum_add_word(sp_get_be16(checksum), (uint16_t)~transport_len);
	else
		sum = sp_checksum_pseudo(frame + (segmenter->is_v6 ? 8 : 12),
					 segmenter->is_v6 ? 32 : 8, segmenter->proto, 0);
	sum = sp_checksum_add(sum, transport, segmenter->header_len - segmenter->transport_offset);
	sum = without(sum, checksum);
	if (is_tcp) {
		sum = without(without(sum, transport + 4), transport + 6);
		sum = sp_checksum_add_word(sum, (uint16_t)~transport[13]);
	} else {
		sum = without(sum, transport + 4);
	}
	segmenter->transport_sum = sum;
	if (segmenter->is_v6)
		return;
	sum = sp_checksum_add(0, frame, segmenter->transport_offset);
	segmenter->ip_sum = without(without(without(sum, frame + 2), frame + 4), frame + 10);
	segmenter->id = sp_get_be16(frame + 4);
}

static int init_split(struct sp_segmenter *segmenter, const struct virtio_net_hdr *header,
		      const struct ip_view *ip, const uint8_t *frame, size_t len)
{
	size_t transport_offset;
	int r;

	if (ip->len != len || header->gso_size == 0 || !(header->flags & FLAGS_KNOWN))
		return -EBADMSG;
	r = read_type(header->gso_type, ip->is_v6, &segmenter->proto);
	if (r == 0)
		r = find_transport(frame, ip, segmenter->proto, &transport_offset);
	if (r < 0)
		return r;
	if ((header->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) &&
	    (header->csum_start != transport_offset ||
	     header->csum_offset !=
		     (segmenter->proto == IPPROTO_TCP ? TCP_CHECKSUM : UDP_CHECKSUM)))
		return -EBADMSG;
	segmenter->is_v6 = ip->is_v6;
	segmenter->transport_offset = (uint16_t)transport_offset;
	r = read_transport(segmenter, frame + transport_offset, len - transport_offset);
	if (r < 0)
		return r;
	segmenter->segment_size = header->gso_size;
	segmenter->payload = frame + segmenter->header_len;
	segmenter->payload_left = len - segmenter->header_len;
	sum_headers(segmenter, header, frame, len);
	return 0;
}

static uint32_t write_tcp(struct sp_segmenter *segmenter, uint8_t *transport, bool is_last)
{
	uint8_t flags = segmenter->flags | (is_last ? segmenter->last_flags : 0);
	uint32_t sum = segmenter->transport_sum;

	sp_put_be32(transport + 4, segmenter->seq);
	transport[13] = flags;
	sum = sp_checksum_add_word(sum, (uint16_t)(segmenter->seq >> 16));
	sum = sp_checksum_add_word(sum, (uint16_t)segmenter->seq);
	segmenter->seq += (uint32_t)segmenter->segment_size;
	/* only the first packet carries CWR, which answers one signal of congestion */
	segmenter->flags &= (uint8_t)~TCP_CWR;
	return sp_checksum_add_word(sum, flags);
}

static void write_ip(struct sp_segmenter *segmenter, uint8_t *ip, size_t len)
{
	uint32_t sum;

	if (segmenter->is_v6) {
		sp_put_be16(ip + 4, (uint16_t)(len - IPV6_HEADER));
		return;
	}
	sp_put_be16(ip + 2, (uint16_t)len);
	sp_put_be16(ip + 4, segmenter->id);
	sum = sp_checksum_add_word(segmenter->ip_sum, (uint16_t)len);
	sum = sp_checksum_add_word(sum, segmenter->id++);
	sp_put_be16(ip + 10, sp_checksum_finish(sum));
}

static void write_split(struct sp_segmenter *segmenter, uint8_t *dst)
{
	size_t header_len = segmenter->header_len, len = sp_segmenter_next_len(segmenter);
	uint16_t transport_len = (uint16_t)(len - segmenter->transport_offset), checksum;
	uint8_t *transport = dst + segmenter->transport_offset;
	size_t payload_len = len - header_len;
	uint32_t sum;

	memcpy(dst, segmenter->frame, header_len);
	write_ip(segmenter, dst, len);
	if (segmenter->proto == IPPROTO_TCP) {
		sum = write_tcp(segmenter, transport, payload_len == segmenter->payload_left);
	} else {
		sp_put_be16(transport + 4, transport_len);
		sum = sp_checksum_add_word(segmenter->transport_sum, transport_len);
	}
	sum = sp_checksum_add_word(sum, transport_len);
	sum = sp_checksum_copy(sum, dst + header_len, segmenter->payload, payload_len);
	checksum = sp_checksum_finish(sum);
	if (segmenter->proto == IPPROTO_TCP)
		sp_put_be16(transport + TCP_CHECKSUM, checksum);
	else
		sp_put_be16(transport + UDP_CHECKSUM, checksum ? checksum : 0xffff);
	segmenter->payload += payload_len;
	segmenter->payload_left -= payload_len;
}

int sp_segmenter_init(struct sp_segmenter *segmenter, const struct virtio_net_hdr *header,
		      const uint8_t *frame, size_t len)
{
	struct sp_segmenter made = { .frame = frame };
	struct ip_view ip;
	int r;

	if (header->flags & ~FLAGS_KNOWN)
		return -EBADMSG;
	r = read_ip(frame, len, &ip);
	if (r < 0)
		return r;
	if (header->gso_type == VIRTIO_NET_HDR_GSO_NONE)
		r = init_one(&made, header, &ip, len);
	else
		r = init_split(&made, header, &ip, frame, len);
	if (r == 0)
		*segmenter = made;
	return r;
}

size_t sp_segmenter_next_len(const struct sp_segmenter *segmenter)
{
	size_t left = segmenter->payload_left;

	if (left == 0)
		return 0;
	return segmenter->header_len +
	       (left < segmenter->segment_size ? left : segmenter->segment_size);
}

void sp_segmenter_write(struct sp_segmenter *segmenter, uint8_t *dst)
{
	if (segmenter->proto)
		write_split(segmenter, dst);
	else
		write_one(segmenter, dst);
}
