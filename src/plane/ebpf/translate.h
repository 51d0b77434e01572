/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Decision tables -> the arrays the kernel's maps are filled from. Pure: no I/O.
 * Keys and values are the abi's own, so this is about order, room and the stride of the
 * verdicts. */
#ifndef SALLYPORT_PLANE_EBPF_TRANSLATE_H
#define SALLYPORT_PLANE_EBPF_TRANSLATE_H

#include <stddef.h>
#include <stdint.h>

#include "tables/tables.h"

/* Room of one revision's maps. */
struct sp_ebpf_room {
	uint32_t svcset_stride; /* verdict[profile * svcset_stride + svcset] */
	uint32_t profiles;
	uint32_t pairs;
	uint32_t limits; /* with number 0: at least 1 */
};

/* The room that @tables need or expect, and as much again plus some spare for the rows of later
 * sign-ins. Never beyond the bounds of tables/tables.h. */
struct sp_ebpf_room sp_ebpf_room_exact(const struct sp_tables *tables);

/* The same room rounded up to one of a few sizes, so that loaded programs can be used again with
 * other tables of that size. */
struct sp_ebpf_room sp_ebpf_room_rounded(const struct sp_tables *tables);

/* Keys and values apart, as map batches want them. */
struct sp_ebpf_arrays {
	struct sp_prefix *src_keys;
	struct sp_src *src_values;
	size_t src_count;
	struct sp_prefix *dst_keys;
	struct sp_dst *dst_values;
	size_t dst_count;
	struct sp_fwd_key *fwd_keys;
	struct sp_fwd *fwd_values;
	size_t fwd_count;
	const struct sp_svc_elem *svc; /* borrowed: SP_SVC_SLOTS / SP_SVC_PER_ELEM elements */
	struct sp_pair_key *pair_keys; /* rows from pair_first */
	uint32_t *pair_profiles;
	size_t pair_count;
	struct sp_verdict *verdict; /* profiles from profile_first, svcset_stride each */
	uint32_t profile_first, profile_count;
	struct sp_limit_terms *limit; /* as many as there is room; what is not there is zero */
	size_t limit_count;
};

/* Translate; the tables must outlive the arrays. Rows before @pair_first and profiles before
 * @profile_first are left out (they were pushed before); src, dst, fwd and limits are left out
 * with them.
 * Verdicts of service sets that do not exist deny by default.
 * Returns 0; -ENOSPC the tables have outgrown @room; -EINVAL the tables contradict themselves;
 * -ENOMEM. */
int sp_ebpf_translate(const struct sp_tables *tables, const struct sp_ebpf_room *room,
		      size_t pair_first, uint32_t profile_first, struct sp_ebpf_arrays *ret_arrays);
/* Free what @arrays holds; empty afterwards. ->svc is borrowed and stays. */
void sp_ebpf_arrays_done(struct sp_ebpf_arrays *arrays);

#endif
