/* SPDX-License-Identifier: GPL-3.0-or-later */
/* When each rule of the policy that runs decided last. The kernel counts, and keeps no times: its
 * counters are looked at each minute, and one that moved is a hit of that moment. What a rule decided
 * while the daemon was away is a hit of the first look afterwards; what it decided between the last
 * look and a crash of the machine is lost, since the counters are. */
#ifndef SALLYPORT_DAEMON_HITS_H
#define SALLYPORT_DAEMON_HITS_H

#include <stdbool.h>
#include <stdint.h>

#include "daemon/store/store_hits.h"

struct sp_plane;
struct sp_revisions;

struct sp_hits {
	struct sp_store *store; /* these three are lent */
	struct sp_plane *plane;
	const struct sp_revisions *revisions;
	struct sp_hit_row *rows; /* by number, SP_RULE_MAX of them; since_ns 0: it is not watched */
	uint64_t *present_ns;    /* CLOCK_BOOTTIME of the last look at a policy with the rule */
	uint32_t ticks;
	bool is_behind; /* the database has not all of it */
};

/* Read what the database knows. Returns 0; -ENOMEM; -errno of the database. */
int sp_hits_load(struct sp_hits *hits);
/* Free what it holds. */
void sp_hits_done(struct sp_hits *hits);
/* Once a second: looks when a minute is over. */
void sp_hits_tick(struct sp_hits *hits);
/* Look now. Returns 0; -errno of the plane or the database, and what is known in memory is right. */
int sp_hits_look(struct sp_hits *hits);

#endif
