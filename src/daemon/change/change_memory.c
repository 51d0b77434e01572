/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The steps of a change after the database and the kernel: on record, to the tunnel's peers, and in
 * memory. */
#include <string.h>

#include "config/machine.h"
#include "daemon/change/change_steps.h"
#include "daemon/change/farewell.h"
#include "io/log/log.h"
#include "io/loop/clock.h"

/* ---- on record ---- */

static int record_event(struct sp_people *people, const struct sp_change *change,
			const struct sp_live *live, enum sp_audit_event event)
{
	people->outside.record(people->outside.arg, event, live, change->why, change->by,
			       change->from);
	return 0;
}

int sp_change_record_open(struct sp_people *people, struct sp_change *change, struct sp_live *live)
{
	return record_event(people, change, live, SP_AUDIT_SESSION_OPEN);
}

int sp_change_record_extend(struct sp_people *people, struct sp_change *change,
			    struct sp_live *live)
{
	return change->is_recorded ? record_event(people, change, live, SP_AUDIT_SESSION_EXTEND)
				   : 0;
}

int sp_change_record_close(struct sp_people *people, struct sp_change *change, struct sp_live *live)
{
	return live->state == SP_LIVE_OPEN
		       ? record_event(people, change, live, SP_AUDIT_SESSION_CLOSE)
		       : 0;
}

/* ---- to the peers, and in memory ---- */

int sp_change_tell_peers(struct sp_people *people, struct sp_change *change, struct sp_live *live)
{
	(void)change;
	sp_people_changed(people, live->row.public_key);
	return 0;
}

int sp_change_tell_peers_of_device(struct sp_people *people, struct sp_change *change,
				   struct sp_live *live)
{
	(void)live;
	sp_people_changed(people, change->device->public_key);
	return 0;
}

int sp_change_note_proof(struct sp_people *people, struct sp_change *change, struct sp_live *live)
{
	struct sp_device *device = change->device;

	(void)people;
	(void)live;
	if (!device || !change->proof || device->proven_ns)
		return 0;
	device->proven_ns = sp_clock_realtime_ns();
	sp_log_note("%s's device %s is proven by %s", device->user, device->name, change->proof);
	return 0;
}

int sp_change_free_device(struct sp_people *people, struct sp_change *change, struct sp_live *live)
{
	(void)live;
	if (change->is_kept)
		return 0;
	sp_change_drop_device(people, change->device);
	sp_device_free(change->device);
	return 0;
}

int sp_change_park_in_memory(struct sp_people *people, struct sp_change *change,
			     struct sp_live *live)
{
	(void)change;
	live->state = SP_LIVE_PARKED;
	live->until_ns = live->row.closed_ns + (*people->machine)->parked_s * SP_NS_PER_S;
	return 0;
}

int sp_change_end_in_memory(struct sp_people *people, struct sp_change *change,
			    struct sp_live *live)
{
	const int64_t now_ns = sp_clock_realtime_ns();

	live->state = SP_LIVE_ENDED;
	live->until_ns = now_ns + SP_LINGER_NS;
	if (sp_live_of_device(people, live->row.public_key)) {
		/* the kernel knew of the end a moment before */
		people->outside.denied(people->outside.arg, sp_clock_boottime_ns() - SP_SECOND_NS);
	} else {
		live->peer_until_ns = now_ns + SP_FAREWELL_NS;
		people->outside.over(people->outside.arg, live);
	}
	if (change->ended)
		change->ended(change->ended_arg, live);
	return 0;
}

int sp_change_free_slot(struct sp_people *people, struct sp_change *change, struct sp_live *live)
{
	(void)change;
	people->slots[live->row.slot] = NULL;
	sp_live_free(live);
	return 0;
}
