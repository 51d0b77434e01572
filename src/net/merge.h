/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Packets of a batch into as few frames as a TUN device takes: neighbours of one TCP or UDP flow
 * become one frame with a virtio_net_hdr, which the kernel treats as a packet its own GRO made. No
 * memory of its own, no copying: frames are lists of pieces of the packets.
 * Invariants: split again, the frames are the packets byte for byte, but for the id of IPv4
 * packets with DF, which may count up where it stood still (RFC 6864: nobody reads it), and
 * checksums of 0xffff, which may become the 0 they are equal to; packets of one flow stay in
 * order; only packets whose checksums are right are merged.
 * Sources: Linux net/ipv4/{tcp,udp}_offload.c (tcp_gro_receive, udp_gro_receive), net/core/gro.c;
 * virtio 1.2, 5.1.6. */
#ifndef SALLYPORT_NET_MERGE_H
#define SALLYPORT_NET_MERGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>
#include "net/virtio.h"

#define SP_MERGE_FLOWS 16   /* open at once; one more flushes the one opened first */
#define SP_MERGE_PACKETS 64 /* in one frame */

/* What the device takes (TUN_F_*). Nothing is merged without CSUM. */
enum sp_merge_offload {
	SP_MERGE_CSUM = 1 << 0,
	SP_MERGE_TSO4 = 1 << 1,
	SP_MERGE_TSO6 = 1 << 2,
	SP_MERGE_USO4 = 1 << 3,
	SP_MERGE_USO6 = 1 << 4,
};

/* One frame: iov[0] is the struct virtio_net_hdr (10 bytes, host byte order), iov[1] the first
 * packet whole, the rest payloads. 2 <= @count <= SP_MERGE_PACKETS + 1. Borrowed until the sink
 * returns. */
typedef void (*sp_merge_sink)(void *arg, const struct iovec *iov, size_t count);

/* A run of packets that may still grow. Fields are the merger's own. */
struct sp_merge_run {
	uint64_t key;              /* of addresses, ports and protocol; no proof of equality */
	uint8_t *packet;           /* the first, whole */
	uint32_t count;            /* of packets */
	uint32_t total_len;        /* of the frame */
	uint32_t segment_size;     /* payload of every packet; a shorter one is the last */
	uint32_t next_seq;         /* TCP */
	uint16_t header_len;       /* IP, and TCP with options or UDP */
	uint16_t transport_offset; /* of TCP or UDP */
	uint16_t id_step;          /* IPv4: 1, or 0 for a flow that does not count */
	uint8_t proto;
	uint8_t last_flags; /* TCP: what only the last packet carries */
	bool is_v6;
	struct virtio_net_hdr header;
	struct iovec iov[1 + SP_MERGE_PACKETS];
};

struct sp_merger {
	sp_merge_sink sink;
	void *arg;
	unsigned offloads;             /* of enum sp_merge_offload */
	unsigned count;                /* of open runs */
	uint8_t order[SP_MERGE_FLOWS]; /* indexes of runs: the open ones by age, then the others */
	struct sp_merge_run runs[SP_MERGE_FLOWS];
};

/* @offloads: bits of enum sp_merge_offload. @sink is called with @arg, from _add and _flush
 * only. Nothing is allocated, so there is no _done. */
void sp_merger_init(struct sp_merger *merger, unsigned offloads, sp_merge_sink sink, void *arg);
/* Take one IP packet of @len bytes. It stays where it is until the next flush; its header may be
 * changed. A packet that cannot be merged goes to the sink at once, behind what its flow had
 * waiting, unchanged and with a zero virtio_net_hdr; so does a frame that cannot grow any more. */
void sp_merger_add(struct sp_merger *merger, uint8_t *packet, size_t len);
/* Hand all that waits to the sink: at the end of every batch. */
void sp_merger_flush(struct sp_merger *merger);

#endif
