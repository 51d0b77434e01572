/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "daemon/revisions/revision.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "daemon/host/host.h"
#include "daemon/people/people.h"
#include "io/loop/clock.h"

char *sp_generation_format(const uint8_t generation[32], char buf[13])
{
	for (int i = 0; i < 6; i++)
		snprintf(buf + 2 * i, 3, "%02x", generation[i]);
	return buf;
}

void sp_revision_free(struct sp_revision *revision)
{
	if (!revision)
		return;
	if (revision->loaded)
		sp_plane_staged_free(revision->loaded);
	if (revision->tables)
		sp_tables_free(revision->tables);
	sp_policy_free(revision->policy);
	sp_gateway_done(&revision->gateway);
	free(revision->who);
	sp_routes_done(&revision->routes);
	free(revision);
}

int sp_revision_new(struct sp_policy *policy, const struct sp_gateway *gateway,
		    const struct sp_facts *facts, struct sp_revision **ret_revision)
{
	__sp_cleanup(sp_revision_freep) struct sp_revision *revision = calloc(1, sizeof(*revision));
	int r;

	if (!revision) {
		sp_policy_free(policy);
		return -ENOMEM;
	}
	revision->policy = policy;
	revision->facts = *facts;
	r = sp_gateway_copy(gateway, &revision->gateway);
	if (r < 0)
		return r;
	sp_generation_format(policy->generation, revision->generation);
	*ret_revision = SP_TAKE_PTR(revision);
	return 0;
}

void sp_revision_expect(struct sp_revision *revision, const struct sp_revision *former)
{
	revision->tables->expected_pairs = former->tables->pair_count;
	revision->tables->expected_profiles = former->tables->profile_count;
}

/* ---- sessions in revisions ---- */

/* Rows into the tables in memory. */
static int add_rows(struct sp_revision *revision, const struct sp_live *live,
		    struct sp_plane_standing *ret_standing)
{
	struct sp_plane_standing standing = { .revision = revision->number };
	__sp_free uint32_t *roles = NULL;
	struct sp_identity identity;
	int r = sp_live_identity(live, revision->policy, sp_clock_realtime_s(), &identity, &roles);

	if (r == 0)
		r = sp_tables_add_identity(revision->tables, &identity, standing.class_id,
					   standing.netset, standing.own_netset);
	if (r == 0)
		*ret_standing = standing;
	return r;
}

static int extend(const struct sp_revision *revision, struct sp_plane_staged *loaded)
{
	int r = sp_plane_staged_extend(loaded, revision->tables);

	return r == -ENOSPC || r == -ESTALE || r == -E2BIG ? -EAGAIN : r;
}

/* And into what is loaded of them; NULL: nothing is yet. */
static int add_session(struct sp_revision *revision, struct sp_plane_staged *loaded,
		       const struct sp_live *live, struct sp_plane_standing *ret_standing)
{
	int r = add_rows(revision, live, ret_standing);

	if (r == -E2BIG)
		return -EAGAIN;
	return r == 0 && loaded ? extend(revision, loaded) : r;
}

static int add_to_staged(struct sp_revisions *revisions, const struct sp_live *live,
			 struct sp_plane_standing *ret_standing)
{
	struct sp_revision *staged = revisions->staged;

	return add_session(staged, staged->is_filled ? staged->loaded : NULL, live, ret_standing);
}

static int add_to_former(struct sp_revisions *revisions, const struct sp_live *live,
			 struct sp_plane_standing *ret_standing)
{
	return add_session(revisions->former, sp_plane_former(revisions->plane), live,
			   ret_standing);
}

int sp_revisions_add_session(struct sp_revisions *revisions, const struct sp_live *live,
			     struct sp_standings *ret_standings)
{
	struct sp_standings standings = { 0 };
	struct sp_revision *running = revisions->running;
	int r = running ? add_session(running, sp_plane_running(revisions->plane), live,
				      &standings.in[standings.count++])
			: -ENOENT;

	if (r == 0 && revisions->staged)
		r = add_to_staged(revisions, live, &standings.in[standings.count++]);
	else if (r == 0 && revisions->former)
		r = add_to_former(revisions, live, &standings.in[standings.count++]);
	if (r == 0)
		*ret_standings = standings;
	return r;
}

static int stage_standing(struct sp_revisions *revisions, const struct sp_live *live,
			  const struct sp_plane_standing *standing)
{
	return sp_plane_session_stage(revisions->plane, live->row.slot, live->person, standing);
}

int sp_revisions_stage_session(struct sp_revisions *revisions, const struct sp_live *live)
{
	struct sp_plane_standing standing;
	int r;

	if (!revisions->staged && !revisions->former)
		return 0;
	r = revisions->staged ? add_to_staged(revisions, live, &standing)
			      : add_to_former(revisions, live, &standing);
	return r == 0 ? stage_standing(revisions, live, &standing) : r;
}

void sp_standings_put(const struct sp_standings *standings, struct sp_plane_session *session)
{
	memcpy(session->in, standings->in, sizeof(session->in));
	session->count = standings->count;
}

/* ---- staging and switching ---- */

void sp_revisions_stage(struct sp_revisions *revisions, struct sp_revision *revision)
{
	revisions->staged = revision;
}

/* The programs find it there the moment they run. */
static int stage_one(struct sp_revisions *revisions, const struct sp_live *live)
{
	struct sp_plane_standing standing;
	int r = add_rows(revisions->staged, live, &standing);

	return r == 0 ? stage_standing(revisions, live, &standing) : r;
}

int sp_revisions_stage_people(struct sp_revisions *revisions, const struct sp_people *people,
			      uint32_t *slot, uint64_t until_ns)
{
	int r = 0;

	for (; *slot < people->slot_end && r == 0; (*slot)++) {
		const struct sp_live *live = people->slots[*slot];

		if (sp_clock_boottime_ns() >= until_ns)
			return 1;
		if (live && live->state == SP_LIVE_OPEN)
			r = stage_one(revisions, live);
	}
	return r;
}

int sp_revisions_stage_tables(struct sp_revisions *revisions, const struct sp_host *host,
			      struct sp_plane_error *error)
{
	struct sp_revision *staged = revisions->staged;

	return sp_plane_stage_tables(revisions->plane, staged->tables, staged->number, host->hooked,
				     host->hooked_count, &staged->loaded, error);
}

int sp_revisions_filled(struct sp_revisions *revisions)
{
	struct sp_revision *staged = revisions->staged;

	staged->is_filled = true;
	return extend(staged, staged->loaded);
}

void sp_revisions_switched(struct sp_revisions *revisions, bool keeps)
{
	struct sp_revision *former = revisions->running;

	revisions->running = SP_TAKE_PTR(revisions->staged);
	revisions->running->loaded = NULL; /* the plane's now */
	if (keeps)
		revisions->former = former;
	else
		sp_revision_free(former);
}

void sp_revisions_returned(struct sp_revisions *revisions)
{
	if (!revisions->former)
		return;
	sp_revision_free(revisions->running);
	revisions->running = SP_TAKE_PTR(revisions->former);
}

void sp_revisions_drop_former(struct sp_revisions *revisions)
{
	sp_revision_free(SP_TAKE_PTR(revisions->former));
}

void sp_revisions_drop_staged(struct sp_revisions *revisions)
{
	sp_revision_free(SP_TAKE_PTR(revisions->staged));
}

void sp_revisions_done(struct sp_revisions *revisions)
{
	sp_revisions_drop_staged(revisions);
	sp_revisions_drop_former(revisions);
	sp_revision_free(SP_TAKE_PTR(revisions->running));
}
