/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Every hook that is pinned, and what a switch has done to it so far. */
#ifndef SALLYPORT_PLANE_EBPF_ENTRIES_H
#define SALLYPORT_PLANE_EBPF_ENTRIES_H

#include "plane/ebpf/hook.h"

enum sp_ebpf_done { SP_EBPF_NOTHING, SP_EBPF_ATTACHED, SP_EBPF_SWITCHED };

struct sp_ebpf_entry {
	struct sp_ebpf_hook hook; /* its fd is -1 once it is removed */
	enum sp_ebpf_done done;
	bool is_wanted;
};

struct sp_ebpf_entries {
	struct sp_ebpf_entry *items;
	size_t count;
};

#define __sp_entries __sp_cleanup(sp_ebpf_entries_done)

/* Look at every hook pinned in the pin_dir of @plane, which is no scratch plane. @ret_entries is
 * the caller's: sp_ebpf_entries_done. Untouched on error.
 * Returns 0; -ENOMEM; -EUCLEAN a pin is neither a link nor a program; -errno: the folder or a pin
 * cannot be read. */
int sp_ebpf_entries_read(const struct sp_ebpf *plane, struct sp_ebpf_entries *ret_entries,
			 struct sp_plane_error *error);
/* Append an entry whose hook is not open (fd -1). The array may move: pointers to former entries
 * are no longer valid. Returns the entry, which stays in @entries; NULL: no memory. */
struct sp_ebpf_entry *sp_ebpf_entries_add(struct sp_ebpf_entries *entries);
/* Close every hook and free the array; empty afterwards. Nothing is detached or unpinned. */
void sp_ebpf_entries_done(struct sp_ebpf_entries *entries);

#endif
