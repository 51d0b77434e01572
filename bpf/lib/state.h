/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Where maps, records and the clock come from, and what changes a packet. In the kernel: its
 * helpers. In user space the same names are macros over the functions below, which whoever compiles
 * the programs for user space provides over memory of their own (tests/support/user_state.c,
 * user_packet.c); a map's declaration in maps.h says its shape to both. So the programs of the
 * kernel and those of user space are one text. */
#ifndef SALLYPORT_BPF_STATE_H
#define SALLYPORT_BPF_STATE_H

#include <linux/bpf.h>
#include <linux/types.h>

#ifdef __bpf__

#include <bpf/bpf_helpers.h>

#define SP_SETTING const volatile

#else /* user space */

/* As libbpf has them, for the declarations in maps.h. Every hook is a file of its own that declares
 * every map: the linker makes one of them. */
#define __uint(name, value) int(*name)[value]
#define __type(name, value) __typeof__(value) *name
#define SEC(name) __attribute__((weak, unused))
/* The kernel's loader writes settings once. In user space the caller writes them before each
 * packet. */
#define SP_SETTING __attribute__((weak)) volatile

struct sp_state_shape {
	const char *name;
	__u32 type; /* enum bpf_map_type */
	__u32 key_size;
	__u32 value_size;
	__u32 max_entries; /* as declared; tables and flows get another before the first packet */
};

/* The number of the map of this name, for the calls below; never fails. */
int sp_state_number(const struct sp_state_shape *shape);
/* As the helpers of these names (bpf-helpers(7)). The result of a look-up can be read until the
 * next packet. */
void *sp_state_lookup(int number, const void *key);
long sp_state_update(int number, const void *key, const void *value, __u64 flags);
long sp_state_delete(int number, const void *key);
void *sp_state_reserve(__u64 size);
void sp_state_submit(void *record);
__u64 sp_state_boot_ns(void);
__u32 sp_state_random(void);

struct sp_bytes;

/* As the helpers of these names, for the packet that a program runs on. */
long sp_state_packet_store(struct sp_bytes *packet, __u32 offset, const void *from, __u32 len);
long sp_state_packet_resize(struct sp_bytes *packet, __u32 len);
/* Put @len bytes between the link header and the network header. */
long sp_state_packet_insert(struct sp_bytes *packet, __u32 len);
long sp_state_packet_move_meta(struct sp_bytes *packet, int delta);
long sp_state_redirect(__u32 ifindex);
/* The sum of @len bytes and @seed, for a checksum: carries are to be folded in. */
__s64 sp_state_sum(const void *bytes, __u32 len, __u32 seed);

/* The map's number. Each place of a call asks for it once. */
#define sp_state_of(map)                                                                           \
	({                                                                                         \
		static int number_ = -1;                                                           \
		const struct sp_state_shape shape_ = {                                             \
			&#map[1],                                                                  \
			sizeof(*(map)->type) / sizeof(int),                                        \
			sizeof(*(map)->key),                                                       \
			sizeof(*(map)->value),                                                     \
			sizeof(*(map)->max_entries) / sizeof(int),                                 \
		};                                                                                 \
		number_ < 0 ? (number_ = sp_state_number(&shape_)) : number_;                      \
	})
#define bpf_map_lookup_elem(map, key) sp_state_lookup(sp_state_of(map), (key))
#define bpf_map_update_elem(map, key, value, flags)                                                \
	sp_state_update(sp_state_of(map), (key), (value), (flags))
#define bpf_map_delete_elem(map, key) sp_state_delete(sp_state_of(map), (key))
#define bpf_ringbuf_reserve(map, size, flags) sp_state_reserve(size)
#define bpf_ringbuf_submit(record, flags) sp_state_submit(record)
#define bpf_ktime_get_boot_ns() sp_state_boot_ns()
#define bpf_get_prandom_u32() sp_state_random()
#define bpf_skb_store_bytes(packet, offset, from, len, flags)                                      \
	sp_state_packet_store((packet), (offset), (from), (len))
#define bpf_skb_change_tail(packet, len, flags) sp_state_packet_resize((packet), (len))
#define bpf_skb_adjust_room(packet, len, mode, flags) sp_state_packet_insert((packet), (len))
#define bpf_xdp_adjust_meta(packet, delta) sp_state_packet_move_meta((packet), (delta))
#define bpf_redirect(ifindex, flags) sp_state_redirect(ifindex)
#define bpf_csum_diff(from, from_len, to, to_len, seed) sp_state_sum((to), (to_len), (seed))

#endif
#endif
