/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A packet that the programs run on in user space, and may change: the part of bpf/lib/state.h that
 * changes packets. Its bytes end where their memory ends, so that a sanitizer sees what reads
 * beyond. Aborts without memory. Not for threads. */
#ifndef SALLYPORT_TEST_USER_PACKET_H
#define SALLYPORT_TEST_USER_PACKET_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/bytes.h"

#include "policy/answer.h"

#define USER_META_ROOM 32

struct user_packet {
	struct sp_bytes ctx; /* what the programs get */
	uint8_t *memory;     /* USER_META_ROOM bytes for metadata, then the packet */
	bool has_meta_room;  /* the driver leaves room before the packet */
	uint32_t sent_by;    /* the interface that the packet was redirected to; 0: it was not */
};

/* A copy of @frame, without metadata. */
void user_packet_init(struct user_packet *packet, const struct sp_frame *frame);
void user_packet_done(struct user_packet *packet);

#endif
