/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The steps of a change that the database takes. */
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "daemon/change/change_steps.h"
#include "io/log/log.h"
#include "io/loop/clock.h"

static int hold_device(struct sp_people *people, struct sp_device *device)
{
	struct sp_device **held = SP_ARRAY_PUSH(people->devices, people->device_count);

	if (!held)
		return -ENOMEM;
	*held = device;
	return 0;
}

/* The last one takes its place. The array stays one that pushing made: its room follows from the
 * count. */
void sp_change_drop_device(struct sp_people *people, const struct sp_device *device)
{
	for (size_t i = 0; i < people->device_count; i++) {
		if (people->devices[i] != device)
			continue;
		people->devices[i] = people->devices[--people->device_count];
		return;
	}
}

int sp_change_keep_proof(struct sp_people *people, struct sp_change *change, struct sp_live *live)
{
	struct sp_device *device = change->device;

	(void)live;
	if (!change->proof || device->proven_ns)
		return 0;
	return sp_store_prove_device(people->store, device->public_key, sp_clock_realtime_ns());
}

/* What a new session's device needs of the transaction that keeps the session: both or neither. */
static int keep_device_of(struct sp_people *people, struct sp_change *change, bool is_new)
{
	if (!change->device)
		return 0;
	return is_new ? sp_store_add_device(people->store, change->device)
		      : sp_change_keep_proof(people, change, NULL);
}

static int write_new(struct sp_people *people, struct sp_change *change, struct sp_live *live,
		     bool is_new_device)
{
	int r = sp_store_begin(people->store);

	if (r == 0)
		r = keep_device_of(people, change, is_new_device);
	if (r == 0)
		r = sp_store_next_epoch(people->store, &live->row.epoch);
	if (r == 0)
		r = sp_store_add_session(people->store, &live->row);
	if (r == 0)
		r = sp_store_commit(people->store);
	if (r < 0)
		sp_store_cancel(people->store);
	return r;
}

int sp_change_keep_new(struct sp_people *people, struct sp_change *change, struct sp_live *live)
{
	struct sp_device *device = change->device;
	const bool is_new_device = device && !sp_device_find(people, device->public_key);
	int r = is_new_device ? hold_device(people, device) : 0;

	if (r < 0)
		return r;
	r = write_new(people, change, live, is_new_device);
	if (r < 0) {
		if (is_new_device)
			sp_change_drop_device(people, device);
		return r;
	}
	sp_live_number_person(people, live);
	people->slots[live->row.slot] = live;
	if (live->row.slot >= people->slot_end)
		people->slot_end = live->row.slot + 1;
	change->is_kept = true;
	return 0;
}

int sp_change_keep_device(struct sp_people *people, struct sp_change *change, struct sp_live *live)
{
	int r = hold_device(people, change->device);

	(void)live;
	if (r < 0)
		return r;
	r = sp_store_add_device(people->store, change->device);
	if (r < 0)
		sp_change_drop_device(people, change->device);
	change->is_kept = r == 0;
	return r;
}

int sp_change_forget_device(struct sp_people *people, struct sp_change *change,
			    struct sp_live *live)
{
	int r = sp_store_begin(people->store);

	(void)live;
	if (r == 0)
		r = sp_store_remove_device(people->store, change->device,
					   sp_clock_realtime_ns() + SP_LINGER_NS);
	if (r == 0)
		r = sp_store_commit(people->store);
	if (r < 0)
		sp_store_cancel(people->store);
	change->is_kept = r < 0;
	return r;
}

int sp_change_keep_row(struct sp_people *people, struct sp_change *change, struct sp_live *live)
{
	(void)live;
	return sp_store_change_session(people->store, change->row);
}

int sp_change_keep_groups(struct sp_people *people, struct sp_change *change, struct sp_live *live)
{
	(void)live;
	return sp_store_change_session(people->store, &change->next->row);
}

int sp_change_keep_end(struct sp_people *people, struct sp_change *change, struct sp_live *live)
{
	free(live->row.why);
	live->row.why = strdup(change->why);
	if (sp_store_close_session(people->store, live->row.id, live->row.closed_ns, change->why) <
	    0)
		sp_log_error("session %llu has ended but the database did not take it: %s",
			     (unsigned long long)live->row.id, sp_store_error(people->store));
	return 0;
}
