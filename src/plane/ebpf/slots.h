/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which of a session's buckets each limit by session has: a limit that goes on keeps its own over
 * revisions, a new one takes one that nobody has. Pure. */
#ifndef SALLYPORT_PLANE_EBPF_SLOTS_H
#define SALLYPORT_PLANE_EBPF_SLOTS_H

#include <stddef.h>
#include <sallyport/abi/tables.h>

/* The limit whose units each slot holds, by sp_limit_terms.id; 0: nobody's. */
struct sp_ebpf_slots {
	__u64 id[SP_LIMIT_SESSION_SLOTS];
};

/* Give each limit by session among @terms its slot. @held: those of the revision that runs.
 * @ret_slots: those of the one to come; where an id differs from that in @held, every session's
 * bucket has to be filled once the new programs run alone.
 * Returns 0; -E2BIG there are more than slots, and @terms is half done. */
int sp_ebpf_slots_assign(const struct sp_ebpf_slots *held, struct sp_limit_terms *terms,
			 size_t count, struct sp_ebpf_slots *ret_slots);

#endif
