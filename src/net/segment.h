/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A frame as a TUN device hands it over, one virtio_net_hdr and up to 64 KiB, into the packets it
 * stands for: TSO and USO split, checksums left to us completed. No memory of its own, no I/O.
 * Sources: virtio 1.2, 5.1.6; Linux include/linux/virtio_net.h and net/ipv4/{tcp,udp}_offload.c;
 * RFC 9293, RFC 3168 6.1.2. */
#ifndef SALLYPORT_NET_SEGMENT_H
#define SALLYPORT_NET_SEGMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "net/virtio.h"

/* Fields are the segmenter's own. */
struct sp_segmenter {
	const uint8_t *frame;      /* borrowed until the last _write */
	const uint8_t *payload;    /* of the next packet */
	size_t payload_left;       /* 0: done */
	size_t segment_size;       /* payload of every packet but the last */
	uint16_t header_len;       /* in front of every payload */
	uint16_t transport_offset; /* of TCP or UDP */
	uint16_t csum_start;       /* one packet: the sum starts here, the checksum lies there; */
	uint16_t csum_at;          /* 0: nothing is left to sum */
	uint32_t ip_sum;           /* of IPv4's header without length, id and checksum */
	uint32_t transport_sum;    /* of pseudo header and TCP's or UDP's, without what differs */
	uint32_t seq;              /* TCP: of the next packet */
	uint16_t id;               /* IPv4: of the next packet */
	uint8_t flags;             /* TCP: of the next packet, but for what only the last carries */
	uint8_t last_flags;        /* TCP: what only the last carries */
	uint8_t proto;             /* TCP or UDP: to be split; 0: one packet, as it is */
	bool is_v6;
};

/* @header is in host byte order, as a TUN device gives it; @frame is @len bytes of bare IP,
 * borrowed until the last _write and not changed. hdr_len is a hint and not read.
 * Returns 0, and at least one packet waits; -EBADMSG: header and frame contradict each other or
 * themselves, or this is no frame that can be split (a fragment, a SYN, no payload, no segment
 * size). */
int sp_segmenter_init(struct sp_segmenter *segmenter, const struct virtio_net_hdr *header,
		      const uint8_t *frame, size_t len);
/* Length of the next packet, IP header and all; 0: there is none. */
size_t sp_segmenter_next_len(const struct sp_segmenter *segmenter);
/* Write the next packet, sp_segmenter_next_len bytes, whole: lengths, ids, sequence numbers, flags
 * and every checksum. @dst does not overlap the frame. Not to be called when next_len is 0. */
void sp_segmenter_write(struct sp_segmenter *segmenter, uint8_t *dst);

#endif
