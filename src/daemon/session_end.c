/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Moving a session's end, and ending it. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "daemon/daemon.h"

/* Into the database, the kernel and memory, in this order: see sessions.c. */
static int move_end(struct sp_daemon *daemon, struct sp_live *live,
		    const struct sp_session_row *row)
{
	int r = sp_store_change_session(daemon->store, row);

	if (r < 0)
		return r;
	live->row = *row;
	return sp_session_project(daemon, live);
}

int sp_session_project(struct sp_daemon *daemon, const struct sp_live *live)
{
	int r = sp_ebpf_session_set_idle(daemon->plane, live->row.slot,
					 (uint64_t)live->row.idle_s * SP_SECOND_NS);

	return r < 0 ? r :
		       sp_ebpf_session_extend(daemon->plane, live->row.slot,
					      sp_clock_utc_to_boottime_ns(live->row.expires_ns,
									  sp_clock_offset_ns()));
}

int sp_session_extend(struct sp_daemon *daemon, struct sp_live *live, int64_t max_s,
		      const char *by, const struct sp_addr *from)
{
	struct sp_session_row row = live->row; /* borrows its texts */
	char *former = live->row.ending;
	struct sp_session_span span = { .warn_s = SP_SESSION_DEFAULT_WARN_S };
	__sp_free uint32_t *roles = NULL;
	struct sp_identity identity;
	int r;

	if (daemon->revisions.running) {
		r = sp_live_identity(live, daemon->revisions.running->policy, &identity, &roles);
		if (r < 0)
			return r;
		span = sp_policy_session_span(daemon->revisions.running->policy, roles, identity.role_count);
	} else if (max_s == SP_BY_ROLES) {
		return -ENOENT;
	}
	row.has_own_max = max_s != SP_BY_ROLES;
	if (!row.has_own_max)
		max_s = span.max_s;
	row.since_ns = sp_clock_realtime_ns();
	row.expires_ns = row.since_ns + max_s * SP_NS_PER_S;
	row.warn_s = sp_session_warn_s(span.warn_s, max_s);
	row.ending = NULL;
	row.full_ns = 0;
	r = move_end(daemon, live, &row);
	if (!live->row.ending)
		free(former);
	if (r < 0)
		return r;
	sp_recorder_session(daemon, SP_AUDIT_SESSION_EXTEND, live, NULL, by, from);
	sp_engine_touch(daemon, live->row.public_key);
	return 0;
}

/* What the portal may end a session early for. */
static const char *const endings[] = {
	"unconfirmed",   /* the provider answers, and what it says does not confirm the groups */
	"refresh-lost",  /* it takes the refresh token no more, and an answer with a new one may have been lost */
	"other-subject", /* it answered for somebody else */
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
	return why && (!strcmp(why, "expired") || !strcmp(why, "idle") || sp_session_is_ending(why));
}

int sp_session_end_early(struct sp_daemon *daemon, struct sp_live *live, int64_t within_s, const char *why)
{
	const int64_t end_ns = sp_clock_realtime_ns() + within_s * SP_NS_PER_S;
	struct sp_session_row row = live->row; /* borrows its texts */
	char *former = live->row.ending;
	int r;

	if (row.expires_ns && row.expires_ns <= end_ns)
		return 0;
	if (!row.ending)
		row.full_ns = row.expires_ns;
	row.expires_ns = end_ns;
	row.ending = strdup(why);
	r = row.ending ? move_end(daemon, live, &row) : -ENOMEM;
	free(live->row.ending == row.ending ? former : row.ending);
	return r;
}

int sp_session_end_in_time(struct sp_daemon *daemon, struct sp_live *live)
{
	struct sp_session_row row = live->row;
	char *former = live->row.ending;
	int r;

	if (!former)
		return 0;
	row.expires_ns = row.full_ns;
	row.full_ns = 0;
	row.ending = NULL;
	r = move_end(daemon, live, &row);
	if (!live->row.ending)
		free(former);
	return r;
}

/* The kernel notes who passes from a second after the last time on. A clock that was set since makes the two differ:
 * such a session ends in its time. */
void sp_session_await(struct sp_live *live)
{
	const struct sp_session_row *row = &live->row;
	const uint64_t opened_ns = sp_clock_utc_to_boottime_ns(row->opened_ns, sp_clock_offset_ns());

	if (row->idp && !row->has_own_max && !row->has_own_idle && live->last_seen_ns < opened_ns + SP_SECOND_NS &&
	    opened_ns < live->last_seen_ns + SP_SECOND_NS)
		live->awaited_ns = live->last_seen_ns;
}

void sp_session_meet(struct sp_daemon *daemon, struct sp_live *live)
{
	if (!live->awaited_ns)
		return;
	sp_ebpf_session_set_seen(daemon->plane, live->row.slot, live->awaited_ns + SP_SECOND_NS);
	live->awaited_ns = 0;
}

int sp_session_cut(struct sp_daemon *daemon, struct sp_live *live)
{
	if (live->state ==
	    SP_LIVE_OPEN) /* taken before the store: what is allowed after it is a fault */
		live->row.closed_ns = sp_clock_realtime_ns();
	return sp_ebpf_session_end(daemon->plane, live->row.slot);
}

/* Its connections are over, or go on with the session that took its place. */
static void tell_its_end(struct sp_daemon *daemon, struct sp_live *live)
{
	if (sp_live_of_device(&daemon->people, live->row.public_key)) {
		/* the kernel knew of it a moment before */
		sp_farewell_denied(daemon, sp_clock_boottime_ns() - SP_SECOND_NS);
		return;
	}
	live->peer_until_ns = sp_clock_realtime_ns() + SP_FAREWELL_NS;
	sp_farewell_session(daemon, live);
}

void sp_session_settle(struct sp_daemon *daemon, struct sp_live *live, enum sp_live_state state,
		       const char *why, const char *by)
{
	const bool was_open = live->state == SP_LIVE_OPEN;
	int r;

	live->state = state;
	live->until_ns = state == SP_LIVE_PARKED ?
				 live->row.closed_ns + daemon->machine->parked_s * SP_NS_PER_S :
				 sp_clock_realtime_ns() + SP_LINGER_NS;
	free(live->row.why);
	live->row.why = strdup(why);
	r = sp_store_close_session(daemon->store, live->row.id, live->row.closed_ns, why);
	if (was_open)
		sp_recorder_session(daemon, SP_AUDIT_SESSION_CLOSE, live, why, by, NULL);
	if (r < 0)
		sp_log_error("session %llu has ended but the database did not take it: %s",
			     (unsigned long long)live->row.id, sp_store_error(daemon->store));
	if (state == SP_LIVE_ENDED)
		tell_its_end(daemon, live);
	sp_engine_touch(daemon, live->row.public_key);
}
