/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Moving a session's end. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "daemon/change/change.h"
#include "daemon/access/session_end.h"
#include "daemon/revisions/revision.h"
#include "io/loop/clock.h"
#include "io/loop/loop.h"
#include "plane/plane.h"

/* A limit that comes nearer takes something from the person, so the kernel is told first. */
static int move_end(struct sp_people *people, struct sp_live *live,
		    const struct sp_session_row *row, struct sp_change *change)
{
	const bool is_nearer = row->expires_ns &&
			       (!live->row.expires_ns || row->expires_ns < live->row.expires_ns);

	change->kind = is_nearer ? SP_CHANGE_SHORTEN : SP_CHANGE_EXTEND;
	change->live = live;
	change->row = row;
	return sp_people_change(people, change);
}

int sp_session_extend(struct sp_people *people, struct sp_live *live, int64_t max_s, const char *by,
		      const struct sp_addr *from)
{
	struct sp_session_row row = live->row; /* borrows its texts */
	char *former = live->row.ending;
	struct sp_change change = { .is_recorded = true, .by = by, .from = from };
	struct sp_session_span span = { .warn_s = SP_SESSION_DEFAULT_WARN_S };
	__sp_free uint32_t *roles = NULL;
	struct sp_identity identity;
	int r;

	if (people->revisions->running) {
		r = sp_live_identity(live, people->revisions->running->policy,
				     sp_clock_realtime_s(), &identity, &roles);
		if (r < 0)
			return r;
		span = sp_policy_session_span(people->revisions->running->policy, roles,
					      identity.role_count);
	} else if (max_s == SP_BY_ROLES) {
		return -ENOENT;
	}
	row.has_own_max = max_s != SP_BY_ROLES;
	if (!row.has_own_max)
		max_s = span.max_s;
	row.since_ns = sp_clock_realtime_ns();
	row.expires_ns = sp_session_end_ns(&span, row.since_ns + max_s * SP_NS_PER_S);
	row.warn_s = sp_session_warn_s(span.warn_s, (row.expires_ns - row.since_ns) / SP_NS_PER_S);
	row.ending = NULL;
	row.full_ns = 0;
	r = move_end(people, live, &row, &change);
	if (!live->row.ending)
		free(former);
	return r;
}

/* Why the portal may end a session early. */
static const char *const endings[] = {
	"unconfirmed", /* the provider answers, and the answer does not confirm the groups */
	/* it refuses the refresh token, and an answer with a newer one may have been lost */
	"refresh-lost", "other-subject", /* it answered about another person */
};

bool sp_session_is_ending(const char *why)
{
	for (size_t i = 0; i < sizeof(endings) / sizeof(endings[0]); i++)
		if (!strcmp(why, endings[i]))
			return true;
	return false;
}

bool sp_session_parks(const char *why)
{
	return why &&
	       (!strcmp(why, "expired") || !strcmp(why, "idle") || sp_session_is_ending(why));
}

int sp_session_end_early(struct sp_people *people, struct sp_live *live, int64_t within_s,
			 const char *why)
{
	const int64_t end_ns = sp_clock_realtime_ns() + within_s * SP_NS_PER_S;
	struct sp_session_row row = live->row; /* borrows its texts */
	char *former = live->row.ending;
	struct sp_change change = { 0 };
	int r;

	if (row.expires_ns && row.expires_ns <= end_ns)
		return 0;
	if (!row.ending)
		row.full_ns = row.expires_ns;
	row.expires_ns = end_ns;
	row.ending = strdup(why);
	r = row.ending ? move_end(people, live, &row, &change) : -ENOMEM;
	free(live->row.ending == row.ending ? former : row.ending);
	return r;
}

int sp_session_end_in_time(struct sp_people *people, struct sp_live *live)
{
	struct sp_session_row row = live->row;
	char *former = live->row.ending;
	struct sp_change change = { 0 };
	int r;

	if (!former)
		return 0;
	row.expires_ns = row.full_ns;
	row.full_ns = 0;
	row.ending = NULL;
	r = move_end(people, live, &row, &change);
	if (!live->row.ending)
		free(former);
	return r;
}

/* The kernel moves last_seen by a second at least, so last_seen equals boot_ns as long as nothing
 * of the person has passed. Both are boot time, which a clock that is set does not change. */
void sp_session_await(struct sp_live *live)
{
	const struct sp_session_row *row = &live->row;

	if (row->idp && !row->has_own_max && !row->has_own_idle && row->boot_ns &&
	    live->last_seen_ns == row->boot_ns)
		live->awaited_ns = live->last_seen_ns;
}

/* The engine's times are UTC as the clock was then, and a clock may have been set since: what
 * counts is the opening as the clock is now. */
void sp_session_meet(struct sp_people *people, struct sp_live *live, int64_t handshake_ns)
{
	if (!live->awaited_ns ||
	    handshake_ns <= sp_clock_boottime_to_utc_ns(live->row.boot_ns, sp_clock_offset_ns()))
		return;
	sp_plane_session_set_seen(people->plane, live->row.slot, live->awaited_ns + SP_SECOND_NS);
	live->awaited_ns = 0;
}
