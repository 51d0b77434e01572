/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The list of bans in the kernel. Programs ask it only while its flag is set: so the flag is
 * set before an entry is made and cleared after the last one is gone, and a crash in between leaves
 * it set, which costs a look and lets nobody in. */
#include <string.h>

#include "base/array.h"
#include "plane/ebpf/plane.h"

/* Bans are the daemon's alone, which has one thread for them. */
static void set_used(struct sp_ebpf *plane, bool is_used)
{
	__atomic_store_n(&plane->ban_use->is_used, is_used, __ATOMIC_SEQ_CST);
}

int sp_ebpf_ban_put(struct sp_ebpf *plane, const struct sp_prefix *prefix, uint64_t until_ns)
{
	const struct sp_ban ban = { .until_ns = until_ns };

	set_used(plane, true);
	return bpf_map_update_elem(plane->ban_fd, prefix, &ban, BPF_ANY) < 0 ? sp_errno() : 0;
}

int sp_ebpf_ban_remove(struct sp_ebpf *plane, const struct sp_prefix *prefix)
{
	struct sp_prefix first;

	if (bpf_map_delete_elem(plane->ban_fd, prefix) < 0 && errno != ENOENT)
		return sp_errno();
	if (bpf_map_get_next_key(plane->ban_fd, NULL, &first) < 0 && errno == ENOENT)
		set_used(plane, false);
	return 0;
}

int sp_ebpf_ban_list(struct sp_ebpf *plane, struct sp_plane_ban **ret_bans, size_t *ret_count)
{
	__sp_free struct sp_plane_ban *bans = NULL;
	struct sp_prefix last, next;
	size_t count = 0;

	while (bpf_map_get_next_key(plane->ban_fd, count ? &last : NULL, &next) == 0) {
		struct sp_plane_ban *room = SP_ARRAY_PUSH(bans, count);
		struct sp_ban ban;

		if (!room)
			return -ENOMEM;
		if (bpf_map_lookup_elem(plane->ban_fd, &next, &ban) < 0)
			return sp_errno();
		*room = (struct sp_plane_ban){ next, ban.until_ns };
		last = next;
		if (count > SP_BANS_MAX)
			return -EOVERFLOW; /* it changes under our hands */
	}
	if (errno != ENOENT)
		return sp_errno();
	*ret_bans = SP_TAKE_PTR(bans);
	*ret_count = count;
	return 0;
}
