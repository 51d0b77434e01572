/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "daemon/record/hits.h"

#include <errno.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "daemon/revisions/revision.h"
#include "io/log/log.h"
#include "io/loop/clock.h"
#include "io/loop/loop.h"
#include "plane/plane.h"

#define LOOK_TICKS 60u
/* A policy that is tried for an hour and goes again does not end what is known of the former one. */
#define ABSENT_NS (3600 * SP_SECOND_NS)

static int take_row(void *arg, const struct sp_hit_row *row)
{
	struct sp_hits *hits = arg;

	hits->rows[row->rule] = *row;
	hits->present_ns[row->rule] = sp_clock_boottime_ns();
	return 0;
}

int sp_hits_load(struct sp_hits *hits)
{
	hits->rows = calloc(SP_RULE_MAX, sizeof(*hits->rows));
	hits->present_ns = calloc(SP_RULE_MAX, sizeof(*hits->present_ns));
	if (!hits->rows || !hits->present_ns)
		return -ENOMEM;
	return sp_store_each_hit(hits->store, take_row, hits);
}

void sp_hits_done(struct sp_hits *hits)
{
	free(hits->rows);
	free(hits->present_ns);
	hits->rows = NULL;
	hits->present_ns = NULL;
}

/* Counters begin anew with the kernel: one that is less than it was has moved too. Returns whether the
 * row is another one than before. */
static bool row_update(struct sp_hit_row *row, uint32_t rule, uint64_t packets, int64_t now_ns)
{
	if (row->since_ns && row->packets == packets)
		return false;
	if (!row->since_ns)
		*row = (struct sp_hit_row){ .rule = rule, .since_ns = now_ns };
	if (packets)
		row->hit_ns = now_ns;
	row->packets = packets;
	return true;
}

static int look_at_present(struct sp_hits *hits, const struct sp_policy *policy,
			   const struct sp_counter *counters, int64_t now_ns)
{
	const uint64_t present_ns = sp_clock_boottime_ns();
	int r = 0;

	for (size_t i = 0; i < policy->rule_count && r >= 0; i++) {
		const uint32_t rule = policy->rules[i].number;

		hits->present_ns[rule] = present_ns;
		if (row_update(&hits->rows[rule], rule, counters[rule].packets, now_ns) ||
		    hits->is_behind)
			r = sp_store_put_hit(hits->store, &hits->rows[rule]);
	}
	return r;
}

static int forget_absent(struct sp_hits *hits)
{
	const uint64_t now_ns = sp_clock_boottime_ns();
	int r = 0;

	for (uint32_t rule = 0; rule < SP_RULE_MAX && r >= 0; rule++) {
		if (!hits->rows[rule].since_ns || now_ns - hits->present_ns[rule] <= ABSENT_NS)
			continue;
		hits->rows[rule] = (struct sp_hit_row){ 0 };
		r = sp_store_remove_hit(hits->store, rule);
	}
	return r;
}

static int look(struct sp_hits *hits, const struct sp_policy *policy,
		const struct sp_counter *counters)
{
	int r = sp_store_begin(hits->store);

	if (r == 0)
		r = look_at_present(hits, policy, counters, sp_clock_realtime_ns());
	if (r >= 0)
		r = forget_absent(hits);
	if (r >= 0)
		r = sp_store_commit(hits->store);
	hits->is_behind = r < 0;
	if (r < 0)
		sp_store_cancel(hits->store);
	return r;
}

int sp_hits_look(struct sp_hits *hits)
{
	__sp_free struct sp_counter *counters = calloc(SP_RULE_MAX, sizeof(*counters));
	const struct sp_revision *running = hits->revisions->running;
	int r;

	hits->ticks = 0;
	if (!hits->rows || !counters)
		return -ENOMEM;
	if (!running)
		return 0;
	r = sp_plane_rule_counters(hits->plane, counters, SP_RULE_MAX);
	return r < 0 ? r : look(hits, running->policy, counters);
}

void sp_hits_tick(struct sp_hits *hits)
{
	const bool was_behind = hits->is_behind;
	int r = ++hits->ticks < LOOK_TICKS ? 0 : sp_hits_look(hits);

	if (r < 0 && !was_behind)
		sp_log_error("noting which rules decided: %s; it is tried each minute",
			     sp_err_text(r));
}
