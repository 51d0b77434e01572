/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The steps that bring a revision into the kernel beside the one that runs: the sessions' classes,
 * the tables, the programs. */
#include "daemon/apply/apply_steps.h"

#include "base/err.h"

/* The sessions get their class in it. From here on whoever signs in is in both revisions. */
static int class_begin(struct sp_apply *apply)
{
	struct sp_applies *applies = apply->applies;
	int r;

	if (apply->next)
		sp_revisions_stage(applies->revisions, SP_TAKE_PTR(apply->next));
	r = sp_revisions_stage_people(applies->revisions, applies->people, &apply->slot,
				      sp_clock_boottime_ns() + SP_LOOP_SLICE_NS);
	if (r < 0)
		return sp_apply_fail(apply, r, r == -E2BIG ? "table-full" : "failed", 1,
				     "giving the sessions their class: %s", sp_judge_fault(r));
	return r > 0 ? SP_APPLY_GOES_ON : 0;
}

const struct sp_apply_step sp_apply_class_step = { .begin = class_begin };

static int fail_tables(struct sp_apply *apply, int r)
{
	return sp_apply_fail(apply, r, "failed", 1, "loading the tables: %s",
			     apply->error.text[0] ? apply->error.text : sp_err_text(r));
}

static int fill_begin(struct sp_apply *apply)
{
	int r = sp_revisions_stage_tables(apply->applies->revisions, apply->applies->host,
					  &apply->error);

	return r < 0 ? fail_tables(apply, r) : 1;
}

/* A sign-in appends rows to the tables in memory meanwhile. */
static void fill_work(struct sp_apply *apply)
{
	apply->worked =
		sp_plane_stage_fill(apply->applies->revisions->staged->loaded, &apply->error);
}

static int fill_end(struct sp_apply *apply)
{
	int r = apply->worked;

	if (r == 0)
		r = sp_revisions_filled(apply->applies->revisions);
	if (r == -EAGAIN)
		return sp_apply_fail(
			apply, r, "table-full", 1,
			"more people signed in meanwhile than it had room for; apply it again");
	return r < 0 ? fail_tables(apply, r) : 0;
}

const struct sp_apply_step sp_apply_fill_step = { fill_begin, fill_work, fill_end };

static int stage_begin(struct sp_apply *apply)
{
	(void)apply;
	return 1;
}

/* The kernel verifies each program, in about a tenth of a second. Meanwhile a sign-in adds rows to
 * the tables; nothing else uses the programs' descriptors until all are there. */
static void stage_work(struct sp_apply *apply)
{
	struct sp_plane_staged *loaded = apply->applies->revisions->staged->loaded;
	int r;

	do
		r = sp_plane_stage_program(loaded, &apply->error);
	while (r > 0 && !atomic_load(&apply->is_given_up));
	apply->worked = r;
}

static int stage_end(struct sp_apply *apply)
{
	if (apply->worked < 0)
		return sp_apply_fail(apply, apply->worked, "failed", 1, "loading the programs: %s",
				     apply->error.text);
	sp_plane_staged_complete(apply->applies->revisions->staged->loaded);
	return 0;
}

const struct sp_apply_step sp_apply_stage_step = { stage_begin, stage_work, stage_end };
