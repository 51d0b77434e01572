/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "daemon/machine/watch.h"

#include <stdio.h>
#include <sys/epoll.h>

#include "base/err.h"
#include "daemon/health/drift.h"
#include "daemon/health/health.h"
#include "daemon/health/targets.h"
#include "daemon/health/trouble.h"
#include "daemon/host/host.h"
#include "io/log/log.h"
#include "io/loop/clock.h"
#include "plane/plane.h"

/* ---- hooks ---- */

static const char *code_of(const struct sp_plane_fault *fault)
{
	switch (fault->kind) {
	case SP_PLANE_HOOK_REPLACED:
		return "hook-replaced";
	case SP_PLANE_HOOK_BEHIND:
		return "hook-behind";
	default:
		return "hook-missing";
	}
}

static void see_fault(struct sp_watch *watch, const struct sp_plane_fault *fault)
{
	char what[96], why[64];
	const char *hook = sp_hook_name(fault->hook);
	struct sp_drift_sight sight = {
		.code = code_of(fault),
		.iface = fault->interface,
		.hook = fault->hook,
		.what = what,
		.repair = fault->repair,
	};

	if (fault->kind == SP_PLANE_HOOK_MISSING)
		snprintf(what, sizeof(what), "%s was not attached to %s", hook, fault->interface);
	else if (fault->kind == SP_PLANE_HOOK_REPLACED)
		snprintf(what, sizeof(what), "%s of %s ran another program than ours", hook,
			 fault->interface);
	else
		snprintf(what, sizeof(what), "another program was asked before %s of %s", hook,
			 fault->interface);
	snprintf(why, sizeof(why), "somebody's XDP program %u is there", fault->prog_id);
	sight.why = fault->repair == -EBUSY && fault->prog_id ? why : fault->error.text;
	sp_drift_see(watch->drifts, &sight);
}

static void look_at_pins(struct sp_watch *watch)
{
	struct sp_plane_error error = { 0 };
	int r = sp_plane_mend_pins(watch->plane, &error);

	/* -ESTALE: the former revision has returned, and the plane follows within a second */
	if (r && r != -ESTALE)
		sp_drift_see(watch->drifts,
			     &(struct sp_drift_sight){
				     .code = "pins-missing",
				     .what = "what the next sallyportd needs was not pinned",
				     .repair = r < 0 ? r : 0,
				     .why = error.text });
}

static void look_at_hooks(struct sp_watch *watch)
{
	__sp_free struct sp_plane_fault *faults = NULL;
	size_t count = 0;
	int r;

	if (!sp_plane_running_revision(watch->plane))
		return; /* without a running revision nothing is attached */
	look_at_pins(watch);
	r = sp_plane_repair(watch->plane, watch->host->hooked, watch->host->hooked_count, &faults,
			    &count);
	if (r < 0 && r != -ESTALE)
		sp_drift_see(watch->drifts, &(struct sp_drift_sight){
						    .code = "hook-missing",
						    .what = "the pins of the hooks cannot be read",
						    .repair = r });
	for (size_t i = 0; i < count; i++)
		see_fault(watch, &faults[i]);
}

/* ---- a look ---- */

void sp_watch_look(struct sp_watch *watch)
{
	if (watch->is_looking || *watch->is_stopping || !watch->plane)
		return; /* after a detach, what was removed stays removed */
	watch->is_looking = true;
	sp_drift_begin(watch->drifts);
	sp_watch_lock(watch);
	sp_targets_look(watch->targets);
	sp_watch_nat(watch);
	look_at_hooks(watch);
	sp_watch_interfaces(watch);
	sp_watch_tunnel(watch);
	sp_drift_end(watch->drifts);
	sp_health_look(watch->health);
	sp_trouble_look(watch->troubles);
	watch->is_looking = false;
}

void sp_watch_start(struct sp_watch *watch)
{
	sp_drift_begin(watch->drifts);
	sp_watch_lock_start(watch);
	sp_drift_end(watch->drifts);
}

static void look_each_second(void *arg)
{
	struct sp_watch *watch = arg;

	sp_watch_look(watch);
	sp_loop_in(watch->loop, &watch->timer, SP_SECOND_NS);
}

void sp_watch_soon(struct sp_watch *watch)
{
	const uint64_t now_ns = sp_clock_boottime_ns();

	if (now_ns - watch->looked_ns < SP_SECOND_NS)
		return; /* the next look by the clock comes soon enough */
	watch->looked_ns = now_ns;
	sp_loop_in(watch->loop, &watch->timer, 0);
}

static void ruleset_changed(void *arg, uint32_t events)
{
	struct sp_watch *watch = arg;
	int r = sp_nft_monitor_drain(watch->monitor, &watch->change);

	(void)events;
	if (r < 0) {
		sp_log_error("watching the ruleset: %s; it is looked at once a second",
			     sp_err_text(r));
		sp_loop_forget(watch->loop, &watch->source);
	}
	if (watch->change.is_table_touched)
		sp_watch_soon(watch);
}

int sp_watch_open(struct sp_watch *watch)
{
	watch->timer = (struct sp_timer){ .fire = look_each_second, .arg = watch };
	sp_loop_in(watch->loop, &watch->timer, 0);
	if (!watch->monitor)
		return 0;
	watch->source = (struct sp_source){
		.fd = sp_nft_monitor_get_fd(watch->monitor),
		.ready = ruleset_changed,
		.arg = watch,
	};
	return sp_loop_watch(watch->loop, &watch->source, EPOLLIN);
}

void sp_watch_close(struct sp_watch *watch)
{
	sp_nft_monitor_close(SP_TAKE_PTR(watch->monitor));
	free(SP_TAKE_PTR(watch->lock));
	free(SP_TAKE_PTR(watch->nat));
}
