/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "daemon/apply/edges.h"

#include "daemon/apply/apply.h"
#include "daemon/apply/applies.h"

void sp_edges_tick(struct sp_applies *applies)
{
	const struct sp_revision *running = applies->revisions->running;

	int64_t now_s;

	if (!running)
		return;
	now_s = sp_clock_realtime_s();
	if (now_s < running->tables->next_edge_s && now_s < running->tables->again_s)
		return;
	/* one that failed is tried again at its own pace (sp_apply_retry) */
	if (applies->under_way || sp_warnings_has(applies->warnings, "stage-failed"))
		return;
	sp_apply_restage_soon(applies,
			      "the hours of a rule began or ended, or a machine's role expired");
}

void sp_edges_clock_stepped(struct sp_applies *applies)
{
	const struct sp_revision *running = applies->revisions->running;

	if (running && (sp_policy_is_timed(running->policy) ||
			sp_policy_next_machine_expiry(running->policy, 0) != INT64_MAX))
		sp_apply_restage_soon(applies, "the clock was set");
}
