/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the second lock drops, on record: a `deny` record with hook `lock` for each packet it
 * samples, and once a second the exact counts of all of them, those with a record too. */
#ifndef SALLYPORT_DAEMON_DROPS_H
#define SALLYPORT_DAEMON_DROPS_H

#include <stdbool.h>

#include <jansson.h>

#include "io/loop/loop.h"
#include "io/netlink/nflog.h"

struct sp_marks;
struct sp_plane;
struct sp_recorder;
struct sp_revisions;
struct sp_warnings;

struct sp_drops {
	/* what it stands on, lent by the daemon */
	struct sp_loop *loop;
	struct sp_plane *plane;
	const struct sp_revisions *revisions;
	struct sp_recorder *recorder;
	struct sp_marks *marks;
	struct sp_warnings *warnings;

	struct sp_nflog *log; /* NULL: not heard; tried again each second */
	struct sp_source source;
	bool is_unsampled; /* the kernel's nftables cannot log */
};

/* Hear samples from now on. What stands in the way is a warning. */
void sp_drops_open(struct sp_drops *drops);
/* Stop taking samples. Safe when none were taken. */
void sp_drops_close(struct sp_drops *drops);

/* Record what was dropped since the last call. Call this once a second. */
void sp_drops_record(struct sp_drops *drops);
/* The lock's counters begin at zero again. */
void sp_drops_begin(struct sp_drops *drops);

/* For `status`: the drops since the table was made, by name; null: there is no table. */
json_t *sp_drops_describe(const struct sp_drops *drops);

#endif
