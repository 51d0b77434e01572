/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Events of the plane become records of the audit log. Each event gets the names of its session,
 * rule and interface. Events that the ring had no room for become a `gap` record. The exact counts
 * of what the edge denied become records once a second. */
#ifndef SALLYPORT_DAEMON_EVENTS_H
#define SALLYPORT_DAEMON_EVENTS_H

#include <stdbool.h>
#include <stdint.h>

#include "io/loop/loop.h"
#include "sallyport/abi/tables.h"

struct sp_drops;
struct sp_host;
struct sp_marks;
struct sp_people;
struct sp_plane;
struct sp_recorder;
struct sp_revisions;
struct sp_store;

struct sp_events {
	/* what it stands on, lent by the daemon */
	struct sp_loop *loop;
	struct sp_store *store;
	struct sp_plane *plane;
	struct sp_people *people;
	const struct sp_revisions *revisions;
	const struct sp_host *host;
	struct sp_recorder *recorder;
	struct sp_drops *drops;
	struct sp_marks *marks;

	struct sp_timer take_timer; /* the ring wakes nobody, so this timer looks at it */
	struct sp_timer second_timer;
	uint64_t pause_ns;       /* until the next look */
	uint64_t known_revision; /* the last one an event named, and its generation */
	char known_generation[13];
	uint64_t sampled;                      /* events without a record, as last looked at */
	uint32_t tally[SP_TALLY_REGION_COUNT]; /* where to go on telling of them */
	bool is_behind;                        /* some are still to be told of */
	uint64_t foreign;                      /* of kinds unknown here, until they are on record */
};

/* Begin to take events. The plane, the people and the recorder are there. */
void sp_events_start(struct sp_events *events);
/* Record an event. @of: NULL, or the tally whose events it stands for, which got no record of their
 * own. One of a kind that this build does not know is counted, and on record as lost within a
 * second. Returns 0; -errno: it is not written, try again. */
int sp_events_record(struct sp_events *events, const struct sp_event *event,
		     const struct sp_tally *of);

#endif
