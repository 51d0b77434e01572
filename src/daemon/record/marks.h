/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How far the audit log has accounted for the kernel's counters, and which interfaces had a listed
 * name: what survives a killed daemon but not the counters themselves. A small file mapped shared:
 * a store to it is kept by the page cache. */
#ifndef SALLYPORT_DAEMON_MARKS_H
#define SALLYPORT_DAEMON_MARKS_H

#include <net/if.h>
#include <stddef.h>
#include <stdint.h>

#include <sallyport/abi/names.h>
#include <sallyport/abi/tables.h>

#include "plane/plane.h"

/* An interface that had a listed name, under whatever name it is now. ifindex 0: none. */
struct sp_listed_seen {
	uint32_t ifindex;
	char name[IFNAMSIZ];
};
#define SP_LISTED_SEEN_MAX 128u

struct sp_marks_file {
	/* Fields are appended: a file of a former version is a beginning of this one, and is
	 * continued. */

	/* of the plane these belong to; another one, or a file of another size: all zero */
	uint64_t birth;
	uint64_t lost;                           /* events accounted for by `gap` records */
	struct sp_counter edge[SP_REASON_SLOTS]; /* denials of edge-in in `aggregated` records */
	/* what else is in such records, but for that of sp_tally */
	struct sp_sample samples[SP_SAMPLE_SLOTS];
	/* of a version that had room for four drops: ->lock has it since it was read */
	struct sp_counter former_lock[4];
	struct sp_listed_seen listed[SP_LISTED_SEEN_MAX];
	/* what the second lock dropped, in such records */
	struct sp_counter lock[SP_PLANE_DROP_SLOTS];
};
#define SP_MARKS_FORMER_SIZE offsetof(struct sp_marks_file, lock)

struct sp_marks {
	struct sp_marks_file *file; /* mapped, or @spare if that failed */
	struct sp_marks_file spare;
};

/* Map @path (made if missing) for the plane born as @birth. Returns 0; -errno, and the marks then
 * live in memory only. */
int sp_marks_open(struct sp_marks *marks, const char *path, uint64_t birth);
/* Unmap the file. What was written stays in it. */
void sp_marks_close(struct sp_marks *marks);

#endif
