/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Where maps, records and the clock come from. In the kernel: its helpers. In user space the same
 * names are macros over the functions below, which a program that compiles the judge in user space
 * provides over its own memory (tests/support/user_state.c); a map's declaration in maps.h says its
 * shape to both. So the programs and the judge in user space are one text. */
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

#endif
#endif
