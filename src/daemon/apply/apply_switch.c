/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The steps by which a staged revision comes into force, and what follows it. */
#include "daemon/apply/apply_steps.h"

#include <inttypes.h>

#include "base/err.h"

static int switch_begin(struct sp_apply *apply)
{
	struct sp_applies *applies = apply->applies;
	struct sp_plane_error error = { 0 };
	int r = sp_network_lock(applies->network, true, &error);

	if (r < 0)
		return sp_apply_fail(apply, r, "failed", 1, "second lock: %s", error.text);
	r = sp_plane_commit(applies->plane, applies->revisions->staged->loaded,
			    applies->host->hooked, applies->host->hooked_count, &error);
	if (r < 0) {
		struct sp_plane_error ignored;

		sp_apply_fail(apply, r, "failed", 1, "switching the hooks: %s", error.text);
		if (!*applies->is_lock_open)
			sp_network_lock(applies->network, false, &ignored);
		return r;
	}
	sp_revisions_switched(applies->revisions);
	return 0;
}

const struct sp_apply_step sp_apply_switch_step = { .begin = switch_begin };

static void record_apply(struct sp_apply *apply)
{
	const struct sp_revision *running = apply->applies->revisions->running;
	struct sp_audit_record record = SP_AUDIT_RECORD_INIT;

	sp_log_note("revision %" PRIu64 " of generation %s runs (%s)", running->number,
		    running->generation, apply->why);
	record.event = SP_AUDIT_APPLY;
	record.reason = apply->why;
	record.by = apply->is_request ? apply->who : NULL;
	sp_recorder_append(apply->applies->recorder, &record);
}

/* Nothing is forwarded before a revision runs, and the tunnel is no way in before. */
static int open_ways(struct sp_apply *apply)
{
	struct sp_applies *applies = apply->applies;
	struct sp_plane_error error = { 0 };
	int r;

	if (!*applies->is_lock_open) {
		*applies->is_lock_open = true;
		r = sp_network_lock(applies->network, true, &error);
		if (r < 0) {
			*applies->is_lock_open = false;
			return sp_apply_fail(
				apply, r, "failed", 1,
				"the policy runs, but the second lock stays closed: %s",
				error.text);
		}
	}
	r = sp_tunnel_raise(applies->network);
	if (r < 0)
		return sp_apply_fail(apply, r, "failed", 1,
				     "the policy runs, but %s could not be set up: %s",
				     (*applies->machine)->tunnel, sp_err_text(r));
	return 0;
}

/* The revision runs. A later step may fail in part, which is reported, but nothing is undone. */
static int confirm_begin(struct sp_apply *apply)
{
	struct sp_applies *applies = apply->applies;
	int r = sp_store_confirm_revision(applies->store, applies->revisions->running->number);

	record_apply(apply);
	if (r < 0)
		sp_log_error("revision %" PRIu64 " runs, but the database did not take that: %s",
			     applies->revisions->running->number, sp_store_error(applies->store));
	apply->failed = open_ways(apply);
	if (apply->failed < 0)
		return 0;
	sp_warnings_clear(applies->warnings, "stage-failed");
	sp_warnings_clear(applies->warnings, "policy-unreadable");
	return 0;
}

const struct sp_apply_step sp_apply_confirm_step = { .begin = confirm_begin };

/* The kernel judges by it already; whom it leaves without a role, or a shorter time, is told so
 * now. */
static int follow_begin(struct sp_apply *apply)
{
	return sp_sessions_follow_policy(apply->applies->people, &apply->follow, apply->lost)
		       ? SP_APPLY_GOES_ON
		       : 0;
}

const struct sp_apply_step sp_apply_follow_step = { .begin = follow_begin };
