/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "daemon/change/change.h"

#include <string.h>

#include "base/array.h"
#include "daemon/change/change_steps.h"
#include "io/loop/clock.h"
#include "plane/plane.h"

typedef int (*change_step)(struct sp_people *people, struct sp_change *change,
			   struct sp_live *live);

/* ---- who is meant ---- */

static struct sp_live *next_meant(const struct sp_people *people, const struct sp_change *change,
				  struct sp_live *live)
{
	if (!change->is_meant)
		return live ? NULL : change->live;
	while ((live = sp_live_next(people, live)))
		if (live->state != SP_LIVE_ENDED && change->is_meant(change->arg, live))
			return live;
	return NULL;
}

static bool is_former(const void *arg, const struct sp_live *live)
{
	const struct sp_live *newer = arg;

	return live != newer && !memcmp(live->row.public_key, newer->row.public_key, 32);
}

/* Each address was switched to the new session in one store. A program that runs may still use what
 * it read of the former session, so that one ends once such programs have finished. */
static int end_former(struct sp_people *people, struct sp_change *change, struct sp_live *live)
{
	struct sp_change former = { .kind = SP_CHANGE_END,
				    .is_meant = is_former,
				    .arg = live,
				    .why = change->former_why,
				    .by = change->by };

	if (next_meant(people, &former, NULL))
		sp_plane_settle(people->plane);
	(void)sp_people_change(people, &former);
	return 0;
}

static bool is_of_device(const void *device, const struct sp_live *live)
{
	return !memcmp(live->row.public_key, ((const struct sp_device *)device)->public_key, 32);
}

static int end_all(struct sp_people *people, struct sp_change *change, struct sp_live *live)
{
	struct sp_change all = { .kind = SP_CHANGE_END,
				 .is_meant = is_of_device,
				 .arg = change->device,
				 .why = change->why,
				 .by = change->by };
	int r = sp_people_change(people, &all);

	(void)live;
	change->cut_ns = all.cut_ns;
	change->count = all.count;
	return r;
}

/* ---- the order ---- */

enum change_way {
	GIVES,        /* to one session or device; the first step that fails is the last */
	TAKES,        /* from every session meant */
	TAKES_DEVICE, /* from a device, whoever has it */
};

struct change_order {
	enum change_way way;
	struct {
		enum sp_change_place place;
		change_step make;
		/* The name for --kill-at. NULL: a crash after this step leaves the same state as
		 * one after the step before. */
		const char *name;
	} steps[7];
};

#define REVISIONS SP_CHANGE_IN_REVISIONS
#define DATABASE SP_CHANGE_IN_DATABASE
#define KERNEL SP_CHANGE_IN_KERNEL
#define RECORD SP_CHANGE_ON_RECORD
#define MEMORY SP_CHANGE_IN_MEMORY
#define PEERS SP_CHANGE_AT_PEERS

static const struct change_order orders[SP_CHANGE_COUNT] = {
	[SP_CHANGE_OPEN] = { GIVES,
			     { { REVISIONS, sp_change_add_rows, NULL },
			       { DATABASE, sp_change_keep_new, "session-kept" },
			       { MEMORY, sp_change_note_proof, NULL },
			       { KERNEL, sp_change_put_session, "session-put" },
			       { MEMORY, end_former, NULL },
			       { RECORD, sp_change_record_open, NULL },
			       { PEERS, sp_change_tell_peers, NULL } } },
	[SP_CHANGE_EXTEND] = { GIVES,
			       { { DATABASE, sp_change_keep_row, NULL },
				 { KERNEL, sp_change_project_limits, NULL },
				 { RECORD, sp_change_record_extend, NULL },
				 { PEERS, sp_change_tell_peers, NULL } } },
	[SP_CHANGE_GROUPS] = { GIVES,
			       { { DATABASE, sp_change_keep_groups, NULL },
				 { KERNEL, sp_change_stage_groups, NULL } } },
	[SP_CHANGE_KEEP] = { GIVES, { { DATABASE, sp_change_keep_row, NULL } } },
	[SP_CHANGE_RESTORE] = { GIVES,
				{ { KERNEL, sp_change_put_back, NULL },
				  { KERNEL, sp_change_put_identities, NULL } } },
	[SP_CHANGE_ENROL] = { GIVES, { { DATABASE, sp_change_keep_device, "device-kept" } } },
	[SP_CHANGE_PROVE] = { GIVES,
			      { { DATABASE, sp_change_keep_proof, "device-proven" },
				{ MEMORY, sp_change_note_proof, NULL } } },
	[SP_CHANGE_SHORTEN] = { TAKES,
				{ { KERNEL, sp_change_project_limits, NULL },
				  { DATABASE, sp_change_keep_row, NULL },
				  { RECORD, sp_change_record_extend, NULL },
				  { PEERS, sp_change_tell_peers, NULL } } },
	[SP_CHANGE_PARK] = { TAKES,
			     { { KERNEL, sp_change_expire_session, NULL },
			       { DATABASE, sp_change_keep_end, NULL },
			       { RECORD, sp_change_record_close, NULL },
			       { MEMORY, sp_change_park_in_memory, NULL },
			       { PEERS, sp_change_tell_peers, NULL } } },
	[SP_CHANGE_END] = { TAKES,
			    { { KERNEL, sp_change_cut_session, "session-cut" },
			      { DATABASE, sp_change_keep_end, "session-closed" },
			      { RECORD, sp_change_record_close, NULL },
			      { MEMORY, sp_change_end_in_memory, NULL },
			      { PEERS, sp_change_tell_peers, NULL } } },
	[SP_CHANGE_FORGET] = { TAKES,
			       { { KERNEL, sp_change_let_go, NULL },
				 { PEERS, sp_change_tell_peers, NULL },
				 { MEMORY, sp_change_free_slot, NULL } } },
	[SP_CHANGE_PROJECT] = { TAKES, { { KERNEL, sp_change_project_limits, NULL } } },
	[SP_CHANGE_REMOVE] = { TAKES_DEVICE,
			       { { KERNEL, end_all, NULL },
				 { DATABASE, sp_change_forget_device, "device-removed" },
				 { PEERS, sp_change_tell_peers_of_device, NULL },
				 { MEMORY, sp_change_free_device, NULL } } },
};

static int make_step(struct sp_people *people, struct sp_change *change, struct sp_live *live,
		     size_t i)
{
	const struct change_order *order = &orders[change->kind];
	int r = order->steps[i].make(people, change, live);

	change->place = order->steps[i].place;
	if (order->steps[i].name)
		people->outside.passed(people->outside.arg, order->steps[i].name);
	return r;
}

static int give_access(struct sp_people *people, struct sp_change *change)
{
	const struct change_order *order = &orders[change->kind];
	int r = 0;

	change->count = 1;
	for (size_t i = 0; i < SP_ARRAY_LEN(order->steps) && order->steps[i].make && r == 0; i++)
		r = make_step(people, change, change->live, i);
	/* the kernel did not take the whole session, so it has to have none of it */
	if (r < 0 && change->live && change->is_kept)
		(void)sp_session_end(people, change->live, "failed", change->by);
	return r;
}

/* Tell the kernel of every session first, before anything else is done about one of them. */
static int take_access(struct sp_people *people, struct sp_change *change)
{
	const struct change_order *order = &orders[change->kind];
	struct sp_live *live = NULL, *next;
	int first = 0, r;

	change->count = 0;
	for (; (live = next_meant(people, change, live)); change->count++) {
		r = make_step(people, change, live, 0);
		first = first ? first : r;
	}
	change->cut_ns = sp_clock_boottime_ns();
	for (live = next_meant(people, change, NULL); live; live = next) {
		next = next_meant(people, change, live); /* the last step may free it */
		for (size_t i = 1; i < SP_ARRAY_LEN(order->steps) && order->steps[i].make; i++) {
			r = make_step(people, change, live, i);
			first = first ? first : r;
		}
	}
	return first;
}

static int take_device(struct sp_people *people, struct sp_change *change)
{
	const struct change_order *order = &orders[change->kind];
	int first = 0, r;

	for (size_t i = 0; i < SP_ARRAY_LEN(order->steps) && order->steps[i].make; i++) {
		r = make_step(people, change, NULL, i);
		first = first ? first : r;
	}
	return first;
}

int sp_people_change(struct sp_people *people, struct sp_change *change)
{
	static int (*const ways[])(struct sp_people *people, struct sp_change *change) = {
		[GIVES] = give_access, [TAKES] = take_access, [TAKES_DEVICE] = take_device
	};

	return ways[orders[change->kind].way](people, change);
}

int sp_session_end(struct sp_people *people, struct sp_live *live, const char *why, const char *by)
{
	struct sp_change change = { .kind = SP_CHANGE_END, .live = live, .why = why, .by = by };

	return sp_people_change(people, &change);
}
