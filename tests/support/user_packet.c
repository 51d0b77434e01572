/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "support/user_packet.h"

#include <linux/pkt_cls.h>
#include <stdlib.h>
#include <string.h>

#include "lib/headers.h"
#include "lib/state.h"

/* bpf_redirect() does not say whose packet is meant. */
static struct user_packet *current;

static struct user_packet *packet_of(struct sp_bytes *ctx)
{
	return (struct user_packet *)ctx; /* its first member */
}

/* Memory for @len bytes, with what the packet has now up to there. */
static void set_len(struct user_packet *packet, uint32_t len)
{
	uint8_t *memory = calloc(1, USER_META_ROOM + (size_t)len);
	uint32_t kept = packet->ctx.len < len ? packet->ctx.len : len;
	unsigned long held = packet->ctx.data - packet->ctx.data_meta;

	if (!memory)
		abort();
	if (packet->memory)
		memcpy(memory, packet->memory, USER_META_ROOM + (size_t)kept);
	free(packet->memory);
	packet->memory = memory;
	packet->ctx.bytes = memory + USER_META_ROOM;
	packet->ctx.len = len;
	packet->ctx.data = (unsigned long)packet->ctx.bytes;
	packet->ctx.data_meta = packet->ctx.data - held;
}

void user_packet_init(struct user_packet *packet, const struct sp_frame *frame)
{
	*packet = (struct user_packet){
		.has_meta_room = true,
		.ctx = { .is_ethernet = frame->is_ethernet, .ifindex = frame->ifindex },
	};
	packet->ctx.ingress_ifindex = frame->ifindex;
	packet->ctx.mark = frame->mark;
	set_len(packet, (uint32_t)frame->len);
	if (frame->len > 0)
		memcpy(packet->memory + USER_META_ROOM, frame->bytes, frame->len);
	current = packet;
}

void user_packet_done(struct user_packet *packet)
{
	free(packet->memory);
	current = NULL;
}

/* ---- as the kernel's helpers ---- */

long sp_state_packet_store(struct sp_bytes *ctx, __u32 offset, const void *from, __u32 len)
{
	if (offset > ctx->len || len > ctx->len - offset)
		return -EFAULT;
	memcpy(packet_of(ctx)->memory + USER_META_ROOM + offset, from, len);
	return 0;
}

long sp_state_packet_resize(struct sp_bytes *ctx, __u32 len)
{
	set_len(packet_of(ctx), len);
	return 0;
}

static bool has_tag(const struct sp_bytes *ctx)
{
	uint16_t type_be;

	memcpy(&type_be, ctx->bytes + offsetof(struct sp_ether, type_be), sizeof(type_be));
	return type_be == bpf_htons(SP_ETHER_VLAN) || type_be == bpf_htons(SP_ETHER_QINQ);
}

/* The kernel makes room in packets of IP alone, and a tag in the packet is another protocol. */
long sp_state_packet_insert(struct sp_bytes *ctx, __u32 len)
{
	uint32_t at = ctx->is_ethernet ? sizeof(struct sp_ether) : 0, before = ctx->len;
	uint8_t *bytes;

	if (before < at || (ctx->is_ethernet && has_tag(ctx)))
		return -ENOTSUP;
	set_len(packet_of(ctx), before + len);
	bytes = packet_of(ctx)->memory + USER_META_ROOM;
	memmove(bytes + at + len, bytes + at, before - at);
	memset(bytes + at, 0, len);
	return 0;
}

long sp_state_packet_move_meta(struct sp_bytes *ctx, int delta)
{
	unsigned long moved = ctx->data_meta + (unsigned long)(long)delta;

	if (!packet_of(ctx)->has_meta_room || moved > ctx->data ||
	    ctx->data - moved > USER_META_ROOM)
		return -EACCES;
	ctx->data_meta = moved;
	return 0;
}

long sp_state_redirect(__u32 ifindex)
{
	current->sent_by = ifindex;
	return TC_ACT_REDIRECT;
}

__s64 sp_state_sum(const void *bytes, __u32 len, __u32 seed)
{
	uint64_t sum = seed;
	uint16_t word;

	if (len % 4)
		return -EINVAL;
	for (uint32_t i = 0; i < len; i += sizeof(word)) {
		memcpy(&word, (const uint8_t *)bytes + i, sizeof(word));
		sum += word;
	}
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (__s64)sum;
}
