/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "daemon/revisions/revision.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "daemon/host/host.h"
#include "daemon/people/people.h"

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
	if (!revision->is_policy_borrowed)
		sp_policy_free(revision->policy);
	sp_gateway_done(&revision->gateway);
	free(revision->who);
	sp_routes_done(&revision->routes);
	free(revision);
}

int sp_revision_new(struct sp_policy *policy, const struct sp_gateway *gateway,
		    struct sp_revision **ret_revision)
{
	__sp_cleanup(sp_revision_freep) struct sp_revision *revision = calloc(1, sizeof(*revision));
	int r;

	if (!revision) {
		sp_policy_free(policy);
		return -ENOMEM;
	}
	revision->policy = policy;
	r = sp_gateway_copy(gateway, &revision->gateway);
	if (r < 0)
		return r;
	sp_generation_format(policy->generation, revision->generation);
	*ret_revision = SP_TAKE_PTR(revision);
	return 0;
}

int sp_revision_again(const struct sp_revision *running, const struct sp_gateway *gateway,
		      struct sp_revision **ret_revision)
{
	__sp_cleanup(sp_revision_freep) struct sp_revision *revision = calloc(1, sizeof(*revision));

	if (!revision || sp_gateway_copy(gateway, &revision->gateway) < 0)
		return -ENOMEM;
	revision->policy = running->policy;
	revision->is_policy_borrowed = true;
	memcpy(revision->generation, running->generation, sizeof(revision->generation));
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
	int r = sp_live_identity(live, revision->policy, &identity, &roles);

	if (r == 0)
		r = sp_tables_add_identity(revision->tables, &identity, standing.class_id,
					   standing.netset);
	if (r == 0)
		*ret_standing = standing;
	return r;
}

/* Add it also to what is loaded of the revisions. */
static int add_session(struct sp_revision *revision, struct sp_plane_staged *loaded,
		       const struct sp_live *live, struct sp_plane_standing *ret_standing)
{
	int r = add_rows(revision, live, ret_standing);

	if (r == 0)
		r = sp_plane_staged_extend(loaded, revision->tables);
	return r == -ENOSPC || r == -ESTALE || r == -E2BIG ? -EAGAIN : r;
}

int sp_revisions_add_session(struct sp_revisions *revisions, const struct sp_live *live,
			     struct sp_standings *ret_standings)
{
	struct sp_standings standings = { 0 };
	struct sp_revision *running = revisions->running, *staged = revisions->staged;
	int r = running ? add_session(running, sp_plane_running(revisions->plane), live,
				      &standings.in[standings.count++])
			: -ENOENT;

	if (r == 0 && staged)
		r = add_session(staged, staged->loaded, live, &standings.in[standings.count++]);
	if (r == 0)
		*ret_standings = standings;
	return r;
}

static int stage_standing(struct sp_revisions *revisions, const struct sp_live *live,
			  const struct sp_plane_standing *standing)
{
	return sp_plane_session_stage(revisions->plane, live->row.slot, standing);
}

int sp_revisions_stage_session(struct sp_revisions *revisions, const struct sp_live *live)
{
	struct sp_revision *staged = revisions->staged;
	struct sp_plane_standing standing;
	int r = staged ? add_session(staged, staged->loaded, live, &standing) : 0;

	return r == 0 && staged ? stage_standing(revisions, live, &standing) : r;
}

void sp_standings_put(const struct sp_standings *standings, struct sp_plane_session *session)
{
	memcpy(session->in, standings->in, sizeof(session->in));
	session->count = standings->count;
}

/* ---- staging and switching ---- */

/* Write every session's class into its spare slot first: the programs look there from the moment
 * they run. The rows that a session needs are in the tables before the programs are loaded. */
static int stage_people(struct sp_revisions *revisions, struct sp_revision *revision,
			const struct sp_people *people)
{
	int r = 0;

	for (struct sp_live *live = sp_live_next(people, NULL); live && r == 0;
	     live = sp_live_next(people, live)) {
		struct sp_plane_standing standing;

		if (live->state != SP_LIVE_OPEN)
			continue;
		r = add_rows(revision, live, &standing);
		if (r == 0)
			r = stage_standing(revisions, live, &standing);
	}
	return r;
}

int sp_revisions_stage(struct sp_revisions *revisions, struct sp_revision *revision,
		       const struct sp_people *people, const struct sp_host *host,
		       struct sp_plane_error *error)
{
	int r;

	error->text[0] = '\0';
	r = stage_people(revisions, revision, people);
	if (r == 0)
		r = sp_plane_stage_tables(revisions->plane, revision->tables, revision->number,
					  host->hooked, host->hooked_count, &revision->loaded,
					  error);
	if (r == 0)
		revisions->staged = revision;
	return r;
}

void sp_revisions_switched(struct sp_revisions *revisions)
{
	struct sp_revision *former = revisions->running;

	revisions->running = SP_TAKE_PTR(revisions->staged);
	revisions->running->loaded = NULL; /* the plane's now */
	if (former && former->policy == revisions->running->policy) {
		former->is_policy_borrowed = true;
		revisions->running->is_policy_borrowed = false;
	}
	sp_revision_free(former);
}

void sp_revisions_drop_staged(struct sp_revisions *revisions)
{
	sp_revision_free(SP_TAKE_PTR(revisions->staged));
}

void sp_revisions_done(struct sp_revisions *revisions)
{
	sp_revisions_drop_staged(revisions);
	sp_revision_free(SP_TAKE_PTR(revisions->running));
}
