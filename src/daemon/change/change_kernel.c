/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The steps of a change that the kernel takes, by way of the plane. */
#include "daemon/change/change_steps.h"
#include "io/loop/clock.h"
#include "io/loop/loop.h"
#include "plane/plane.h"

int sp_change_add_rows(struct sp_people *people, struct sp_change *change, struct sp_live *live)
{
	return sp_revisions_add_session(people->revisions, live, &change->standings);
}

int sp_change_put_identities(struct sp_people *people, struct sp_change *change,
			     struct sp_live *live)
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
		.person = live->person,
		.idle_ns = (uint64_t)live->row.idle_s * SP_SECOND_NS,
		.last_seen_ns = last_seen_ns,
		.is_parked = live->state == SP_LIVE_PARKED,
		.expires_ns =
			sp_clock_utc_to_boottime_ns(live->row.expires_ns, sp_clock_offset_ns()),
	};
}

int sp_change_put_session(struct sp_people *people, struct sp_change *change, struct sp_live *live)
{
	struct sp_plane_session session = kernel_session(live, change->last_seen_ns);
	int r;

	sp_standings_put(&change->standings, &session);
	live->last_seen_ns = session.last_seen_ns;
	r = sp_plane_session_put(people->plane, live->row.slot, &session);
	return r < 0 ? r : sp_change_put_identities(people, change, live);
}

int sp_change_put_back(struct sp_people *people, struct sp_change *change, struct sp_live *live)
{
	const struct sp_plane_session session = kernel_session(live, sp_clock_boottime_ns());

	if (live->state == SP_LIVE_ENDED)
		return sp_plane_session_end(people->plane, live->row.slot);
	return change->is_fresh_plane
		       ? sp_plane_session_put(people->plane, live->row.slot, &session)
		       : 0;
}

int sp_change_project_limits(struct sp_people *people, struct sp_change *change,
			     struct sp_live *live)
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

int sp_change_stage_groups(struct sp_people *people, struct sp_change *change, struct sp_live *live)
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

int sp_change_cut_session(struct sp_people *people, struct sp_change *change, struct sp_live *live)
{
	(void)change;
	/* the moment is taken first: a packet allowed after it would be a fault */
	if (live->state == SP_LIVE_OPEN)
		live->row.closed_ns = sp_clock_realtime_ns();
	return sp_plane_session_end(people->plane, live->row.slot);
}

int sp_change_expire_session(struct sp_people *people, struct sp_change *change,
			     struct sp_live *live)
{
	live->row.closed_ns = change->since_ns;
	return sp_plane_session_park(people->plane, live->row.slot);
}

int sp_change_let_go(struct sp_people *people, struct sp_change *change, struct sp_live *live)
{
	(void)change;
	for (int family = 0; family < 2; family++) {
		const struct sp_addr *addr = &live->row.addresses[family];

		if (live->row.has_address[family] && sp_live_of_address(people, addr) == live)
			sp_plane_ident_remove(people->plane, addr);
	}
	return sp_plane_session_end(people->plane, live->row.slot);
}
