/* SPDX-License-Identifier: GPL-3.0-or-later */
/* After a start: who is signed in, by the database and by the plane. The plane keeps a birth, a
 * number as old as its state. If the database knows that birth, the plane's state is the one this
 * database wrote, and a session that the plane has ended stays ended whatever the database says. If
 * the plane's state is newer (a reboot), the database's open sessions are put into it. If the
 * database is newer (lost or damaged), nobody in the plane can be named, so all sessions of the
 * plane end. */
#include <string.h>

#include "base/array.h"
#include "base/err.h"
#include "config/machine.h"
#include "daemon/change/change.h"
#include "daemon/access/people_load.h"
#include "daemon/access/session_end.h"
#include "io/log/log.h"
#include "io/loop/clock.h"
#include "plane/plane.h"

struct load {
	struct sp_people *people;
	bool is_fresh_plane;
	size_t open, ended;
};

static int load_device(void *arg, struct sp_device *device)
{
	struct sp_people *people = arg;
	struct sp_device *copy = malloc(sizeof(*copy));
	struct sp_device **kept;

	if (!copy)
		return -ENOMEM;
	kept = SP_ARRAY_PUSH(people->devices, people->device_count);
	if (!kept) {
		free(copy);
		return -ENOMEM;
	}
	*copy = *device;
	*device = (struct sp_device){ 0 };
	*kept = copy;
	return 0;
}

static void note_slot(struct sp_people *people, uint32_t slot)
{
	if (slot >= people->slot_end)
		people->slot_end = slot + 1;
	people->next_slot = slot + 1 < sp_people_slot_limit(people) ? slot + 1 : 1;
}

/* What the plane says about the slot of a session. */
static bool is_in_kernel(struct sp_people *people, struct sp_live *live)
{
	struct sp_plane_session session;

	if (sp_plane_session_get(people->plane, live->row.slot, &session) < 0)
		return false;
	live->last_seen_ns = session.last_seen_ns;
	sp_session_await(live);
	if (session.epoch != live->row.epoch)
		return false;
	if (session.person) /* a former build said nothing */
		live->person = session.person;
	return true;
}

/* Find the state that a row describes. Returns false: the time for which an ended session is kept
 * is over, so the row is not taken. */
static bool find_state(const struct sp_people *people, struct sp_live *live)
{
	const struct sp_session_row *row = &live->row;
	int64_t stays_ns = SP_LINGER_NS;

	live->state = SP_LIVE_OPEN;
	if (!row->closed_ns)
		return true;
	live->state = SP_LIVE_ENDED;
	if (sp_session_parks(row->why)) {
		live->state = SP_LIVE_PARKED;
		stays_ns = (*people->machine)->parked_s * SP_NS_PER_S;
	}
	live->until_ns = row->closed_ns + stays_ns;
	return live->until_ns > sp_clock_realtime_ns();
}

/* Has a newer session of the same device taken this one's place, and were we killed before this one
 * was ended? A newer session that never reached the plane, or failed there, took no place. */
static bool is_replaced(const struct load *load, const struct sp_live *live)
{
	struct sp_live *other = NULL;

	while ((other = sp_live_next(load->people, other)))
		if (other->row.epoch > live->row.epoch && other->state != SP_LIVE_ENDED &&
		    !memcmp(other->row.public_key, live->row.public_key, 32) &&
		    (load->is_fresh_plane || is_in_kernel(load->people, other)))
			return true;
	return false;
}

static int end_known(struct load *load, struct sp_live *live, const char *why)
{
	load->ended++;
	(void)sp_session_end(load->people, live, why, NULL);
	return 0;
}

/* Make the kernel and the session agree. Taking away wins. */
static int reconcile(struct load *load, struct sp_live *live)
{
	struct sp_people *people = load->people;
	struct sp_change change = { .kind = SP_CHANGE_RESTORE,
				    .live = live,
				    .is_fresh_plane = load->is_fresh_plane };

	if (live->state != SP_LIVE_ENDED) {
		if (is_replaced(load, live))
			return end_known(load, live, "replaced");
		/* ended in the kernel, and killed before the database was told; or never put */
		if (!load->is_fresh_plane && !is_in_kernel(load->people, live))
			return end_known(load, live, "revoked");
	}
	sp_live_number_person(people, live);
	load->open += live->state == SP_LIVE_OPEN;
	return sp_people_change(people, &change);
}

static int load_session(void *arg, struct sp_session_row *row)
{
	struct load *load = arg;
	struct sp_people *people = load->people;
	struct sp_live *live = sp_live_new(row);

	if (!live)
		return -ENOMEM;
	/* oldest first: of two sessions with one slot the newer one counts */
	if (!live->row.slot || live->row.slot >= sp_people_slot_limit(people) ||
	    !find_state(load->people, live)) {
		sp_live_free(live);
		return 0;
	}
	sp_live_free(people->slots[live->row.slot]);
	people->slots[live->row.slot] = live;
	note_slot(people, live->row.slot);
	return 0;
}

/* End every session of the plane that we do not know. *@ret_epoch: the highest epoch seen. */
static size_t end_strangers(struct sp_people *people, uint64_t *ret_epoch)
{
	const uint32_t limit = sp_people_slot_limit(people);
	size_t ended = 0;

	*ret_epoch = 0;
	for (uint32_t slot = 1; slot < limit; slot++) {
		struct sp_plane_session session;

		if (sp_plane_session_get(people->plane, slot, &session) < 0 || !session.epoch)
			continue;
		if (session.epoch > *ret_epoch)
			*ret_epoch = session.epoch;
		if (sp_live_of(people, slot, session.epoch))
			continue;
		sp_plane_session_end(people->plane, slot);
		ended++;
	}
	return ended;
}

/* Are the plane's maps new to this database? Then give them a birth. */
static int know_birth(struct sp_people *people, bool *ret_is_fresh)
{
	uint64_t birth = 0, known = 0;
	int r = sp_plane_get_birth(people->plane, &birth);

	if (r == 0)
		r = sp_store_get_mark(people->store, "birth", &known);
	if (r < 0)
		return r;
	*ret_is_fresh = !birth;
	if (birth && birth == known) {
		people->birth = known;
		return 0;
	}
	r = sp_store_next_epoch(people->store, &known);
	if (r == 0)
		r = sp_store_set_mark(people->store, "birth", known);
	if (r < 0)
		return r;
	people->birth = known;
	return sp_plane_set_birth(people->plane, known);
}

/* A database restored from a copy must not give out numbers again that were given out since the
 * copy. */
static int pass_epoch(struct sp_people *people, uint64_t epoch)
{
	uint64_t last = 0;
	int r = sp_store_get_mark(people->store, "epoch", &last);

	return r < 0 || last >= epoch ? r : sp_store_set_mark(people->store, "epoch", epoch);
}

int sp_people_load(struct sp_people *people, bool is_fresh_store)
{
	struct load load = { .people = people };
	struct sp_live *live = NULL;
	uint64_t epoch;
	size_t strangers;
	int r;

	people->next_slot = 1;
	people->slot_end = 1;
	r = sp_store_each_device(people->store, load_device, people);
	if (r == 0)
		r = sp_store_each_session(people->store,
					  sp_clock_realtime_ns() - SP_LINGER_NS -
						  (*people->machine)->parked_s * SP_NS_PER_S,
					  load_session, &load);
	if (r < 0)
		return r;
	/* unknown sessions first: known ones may need their slots */
	strangers = end_strangers(people, &epoch);
	r = pass_epoch(people, epoch);
	if (r == 0)
		r = know_birth(people, &load.is_fresh_plane);
	while (r == 0 && (live = sp_live_next(people, live)))
		r = reconcile(&load, live);
	if (r < 0)
		return r;
	if (strangers)
		sp_log_error("ended %zu sessions the kernel knew and the database does not%s",
			     strangers, is_fresh_store ? " (it is new)" : "");
	if (load.ended)
		sp_log_note("%zu sessions had ended in the kernel; the database knows it now",
			    load.ended);
	if (load.open)
		sp_log_note("%zu sessions go on", load.open);
	return 0;
}
