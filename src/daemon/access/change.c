/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "daemon/access/change.h"

#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/err.h"
#include "daemon/access/farewell.h"
#include "io/log/log.h"
#include "io/loop/clock.h"
#include "io/loop/loop.h"
#include "net/addr.h"
#include "plane/plane.h"

typedef int (*change_step)(struct sp_people *people, struct sp_change *change,
			   struct sp_live *live);

/* ---- into the database ---- */

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
static void drop_device(struct sp_people *people, const struct sp_device *device)
{
	for (size_t i = 0; i < people->device_count; i++) {
		if (people->devices[i] != device)
			continue;
		people->devices[i] = people->devices[--people->device_count];
		return;
	}
}

static int keep_proof(struct sp_people *people, struct sp_change *change, struct sp_live *live)
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
		      : keep_proof(people, change, NULL);
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

static int keep_new(struct sp_people *people, struct sp_change *change, struct sp_live *live)
{
	struct sp_device *device = change->device;
	const bool is_new_device = device && !sp_device_find(people, device->public_key);
	int r = is_new_device ? hold_device(people, device) : 0;

	if (r < 0)
		return r;
	r = write_new(people, change, live, is_new_device);
	if (r < 0) {
		if (is_new_device)
			drop_device(people, device);
		return r;
	}
	people->slots[live->row.slot] = live;
	if (live->row.slot >= people->slot_end)
		people->slot_end = live->row.slot + 1;
	change->is_kept = true;
	return 0;
}

static int keep_device(struct sp_people *people, struct sp_change *change, struct sp_live *live)
{
	int r = hold_device(people, change->device);

	(void)live;
	if (r < 0)
		return r;
	r = sp_store_add_device(people->store, change->device);
	if (r < 0)
		drop_device(people, change->device);
	change->is_kept = r == 0;
	return r;
}

/* Its addresses are nobody else's for as long as what is still on its way could reach them. */
static int forget_device(struct sp_people *people, struct sp_change *change, struct sp_live *live)
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

static int keep_row(struct sp_people *people, struct sp_change *change, struct sp_live *live)
{
	(void)live;
	return sp_store_change_session(people->store, change->row);
}

static int keep_groups(struct sp_people *people, struct sp_change *change, struct sp_live *live)
{
	(void)live;
	return sp_store_change_session(people->store, &change->next->row);
}

static int keep_end(struct sp_people *people, struct sp_change *change, struct sp_live *live)
{
	free(live->row.why);
	live->row.why = strdup(change->why);
	if (sp_store_close_session(people->store, live->row.id, live->row.closed_ns, change->why) <
	    0)
		sp_log_error("session %llu has ended but the database did not take it: %s",
			     (unsigned long long)live->row.id, sp_store_error(people->store));
	return 0;
}

/* ---- into the kernel ---- */

static int add_rows(struct sp_people *people, struct sp_change *change, struct sp_live *live)
{
	return sp_revisions_add_session(people->revisions, live, &change->standings);
}

static int put_identities(struct sp_people *people, struct sp_change *change, struct sp_live *live)
{
	int r = 0;

	(void)change;
	for (int family = 0; family < 2 && r == 0; family++) {
		const struct sp_addr *addr = &live->row.addresses[family];

		/* an address belongs to the newest session that has it */
		if (live->row.has_address[family] && sp_live_of_address(people, addr) == live)
			r = sp_plane_ident_put(people->plane, addr, live->row.slot,
					       live->row.epoch);
	}
	return r;
}

static struct sp_plane_session kernel_session(const struct sp_live *live, uint64_t last_seen_ns)
{
	return (struct sp_plane_session){
		.epoch = live->row.epoch,
		.idle_ns = (uint64_t)live->row.idle_s * SP_SECOND_NS,
		.last_seen_ns = last_seen_ns,
		.is_parked = live->state == SP_LIVE_PARKED,
		.expires_ns =
			sp_clock_utc_to_boottime_ns(live->row.expires_ns, sp_clock_offset_ns()),
	};
}

static int put_session(struct sp_people *people, struct sp_change *change, struct sp_live *live)
{
	struct sp_plane_session session = kernel_session(live, change->last_seen_ns);
	int r;

	sp_standings_put(&change->standings, &session);
	live->last_seen_ns = session.last_seen_ns;
	r = sp_plane_session_put(people->plane, live->row.slot, &session);
	return r < 0 ? r : put_identities(people, change, live);
}

/* Without a class: the next revision brings it, and no running revision has it. */
static int put_back(struct sp_people *people, struct sp_change *change, struct sp_live *live)
{
	const struct sp_plane_session session = kernel_session(live, sp_clock_boottime_ns());

	if (live->state == SP_LIVE_ENDED)
		return sp_plane_session_end(people->plane, live->row.slot);
	return change->is_fresh_plane
		       ? sp_plane_session_put(people->plane, live->row.slot, &session)
		       : 0;
}

static int project_limits(struct sp_people *people, struct sp_change *change, struct sp_live *live)
{
	int r;

	if (change->row && change->row != &live->row)
		live->row = *change->row;
	r = sp_plane_session_set_idle(people->plane, live->row.slot,
				      (uint64_t)live->row.idle_s * SP_SECOND_NS);
	return r < 0 ? r
		     : sp_plane_session_extend(people->plane, live->row.slot,
					       sp_clock_utc_to_boottime_ns(live->row.expires_ns,
									   sp_clock_offset_ns()));
}

/* Put the new groups into the session before it is staged: a revision being staged has read the
 * former ones. */
static int stage_groups(struct sp_people *people, struct sp_change *change, struct sp_live *live)
{
	struct sp_live *next = change->next, former = *live;

	live->row.groups = next->row.groups;
	live->row.refresh = next->row.refresh;
	live->groups = next->groups;
	live->group_count = next->group_count;
	live->matched = next->matched;
	next->row.groups = former.row.groups;
	next->row.refresh = former.row.refresh;
	next->groups = former.groups;
	next->group_count = former.group_count;
	next->matched = former.matched;
	return sp_revisions_stage_session(people->revisions, live);
}

static int cut_session(struct sp_people *people, struct sp_change *change, struct sp_live *live)
{
	(void)change;
	/* the moment is taken first: a packet allowed after it would be a fault */
	if (live->state == SP_LIVE_OPEN)
		live->row.closed_ns = sp_clock_realtime_ns();
	return sp_plane_session_end(people->plane, live->row.slot);
}

/* The kernel has refused the session since that very moment. From here on it refuses for good. */
static int expire_session(struct sp_people *people, struct sp_change *change, struct sp_live *live)
{
	live->row.closed_ns = change->since_ns;
	return sp_plane_session_park(people->plane, live->row.slot);
}

static int let_go(struct sp_people *people, struct sp_change *change, struct sp_live *live)
{
	(void)change;
	for (int family = 0; family < 2; family++) {
		const struct sp_addr *addr = &live->row.addresses[family];

		if (live->row.has_address[family] && sp_live_of_address(people, addr) == live)
			sp_plane_ident_remove(people->plane, addr);
	}
	return sp_plane_session_end(people->plane, live->row.slot);
}

/* ---- on record ---- */

static int record_event(struct sp_people *people, const struct sp_change *change,
			const struct sp_live *live, enum sp_audit_event event)
{
	people->outside.record(people->outside.arg, event, live, change->why, change->by,
			       change->from);
	return 0;
}

static int record_open(struct sp_people *people, struct sp_change *change, struct sp_live *live)
{
	return record_event(people, change, live, SP_AUDIT_SESSION_OPEN);
}

static int record_extend(struct sp_people *people, struct sp_change *change, struct sp_live *live)
{
	return change->is_recorded ? record_event(people, change, live, SP_AUDIT_SESSION_EXTEND)
				   : 0;
}

/* The close of a parked session is on record already. */
static int record_close(struct sp_people *people, struct sp_change *change, struct sp_live *live)
{
	return live->state == SP_LIVE_OPEN
		       ? record_event(people, change, live, SP_AUDIT_SESSION_CLOSE)
		       : 0;
}

/* ---- to the peers, and in memory ---- */

static int tell_peers(struct sp_people *people, struct sp_change *change, struct sp_live *live)
{
	(void)change;
	sp_people_changed(people, live->row.public_key);
	return 0;
}

static int tell_peers_of_device(struct sp_people *people, struct sp_change *change,
				struct sp_live *live)
{
	(void)live;
	sp_people_changed(people, change->device->public_key);
	return 0;
}

static int note_proof(struct sp_people *people, struct sp_change *change, struct sp_live *live)
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

static int free_device(struct sp_people *people, struct sp_change *change, struct sp_live *live)
{
	(void)live;
	if (change->is_kept)
		return 0;
	drop_device(people, change->device);
	sp_device_free(change->device);
	return 0;
}

static int park_in_memory(struct sp_people *people, struct sp_change *change, struct sp_live *live)
{
	(void)change;
	live->state = SP_LIVE_PARKED;
	live->until_ns = live->row.closed_ns + (*people->machine)->parked_s * SP_NS_PER_S;
	return 0;
}

/* The session's connections are over, or go on with the session that replaced it. */
static int end_in_memory(struct sp_people *people, struct sp_change *change, struct sp_live *live)
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

static int free_slot(struct sp_people *people, struct sp_change *change, struct sp_live *live)
{
	(void)change;
	people->slots[live->row.slot] = NULL;
	sp_live_free(live);
	return 0;
}

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
			     { { REVISIONS, add_rows, NULL },
			       { DATABASE, keep_new, "session-kept" },
			       { MEMORY, note_proof, NULL },
			       { KERNEL, put_session, "session-put" },
			       { MEMORY, end_former, NULL },
			       { RECORD, record_open, NULL },
			       { PEERS, tell_peers, NULL } } },
	[SP_CHANGE_EXTEND] = { GIVES,
			       { { DATABASE, keep_row, NULL },
				 { KERNEL, project_limits, NULL },
				 { RECORD, record_extend, NULL },
				 { PEERS, tell_peers, NULL } } },
	[SP_CHANGE_GROUPS] = { GIVES,
			       { { DATABASE, keep_groups, NULL },
				 { KERNEL, stage_groups, NULL } } },
	[SP_CHANGE_KEEP] = { GIVES, { { DATABASE, keep_row, NULL } } },
	[SP_CHANGE_RESTORE] = { GIVES,
				{ { KERNEL, put_back, NULL }, { KERNEL, put_identities, NULL } } },
	[SP_CHANGE_ENROL] = { GIVES, { { DATABASE, keep_device, "device-kept" } } },
	[SP_CHANGE_PROVE] = { GIVES,
			      { { DATABASE, keep_proof, "device-proven" },
				{ MEMORY, note_proof, NULL } } },
	[SP_CHANGE_SHORTEN] = { TAKES,
				{ { KERNEL, project_limits, NULL },
				  { DATABASE, keep_row, NULL },
				  { RECORD, record_extend, NULL },
				  { PEERS, tell_peers, NULL } } },
	[SP_CHANGE_PARK] = { TAKES,
			     { { KERNEL, expire_session, NULL },
			       { DATABASE, keep_end, NULL },
			       { RECORD, record_close, NULL },
			       { MEMORY, park_in_memory, NULL },
			       { PEERS, tell_peers, NULL } } },
	[SP_CHANGE_END] = { TAKES,
			    { { KERNEL, cut_session, "session-cut" },
			      { DATABASE, keep_end, "session-closed" },
			      { RECORD, record_close, NULL },
			      { MEMORY, end_in_memory, NULL },
			      { PEERS, tell_peers, NULL } } },
	[SP_CHANGE_FORGET] = { TAKES,
			       { { KERNEL, let_go, NULL },
				 { PEERS, tell_peers, NULL },
				 { MEMORY, free_slot, NULL } } },
	[SP_CHANGE_PROJECT] = { TAKES, { { KERNEL, project_limits, NULL } } },
	[SP_CHANGE_REMOVE] = { TAKES_DEVICE,
			       { { KERNEL, end_all, NULL },
				 { DATABASE, forget_device, "device-removed" },
				 { PEERS, tell_peers_of_device, NULL },
				 { MEMORY, free_device, NULL } } },
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
