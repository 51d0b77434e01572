/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The steps by which a staged revision comes into force, and what follows it. */
#include "daemon/apply/apply_steps.h"

#include <inttypes.h>

#include "base/err.h"

/* A watchdog that is there has seen the file within milliseconds. */
#define WATCHED_WITHIN_NS (5 * SP_SECOND_NS)

static int keep_former(struct sp_apply *apply)
{
	struct sp_plane_error error = { 0 };
	int r = sp_plane_keep_former(apply->applies->plane, &error);

	return r < 0 ? sp_apply_fail(apply, r, "failed", 1,
				     "keeping what runs, so that it can return: %s", error.text)
		     : 0;
}

static int begin_confirming(struct sp_apply *apply)
{
	int r = sp_confirming_begin(apply->applies, &apply->request.confirm, apply->who);

	apply->watched_by_ns = sp_clock_boottime_ns() + WATCHED_WITHIN_NS;
	return r < 0 ? sp_apply_fail(apply, r, "failed", 1, "writing %s: %s",
				     apply->applies->paths->pending_file, sp_err_text(r))
		     : SP_APPLY_WAITS;
}

/* Nothing is switched that has nobody who lets the former revision return. */
static int watch_begin(struct sp_apply *apply)
{
	if (!apply->request.confirm.wait_s)
		return 0;
	if (!apply->watched_by_ns)
		return begin_confirming(apply);
	if (sp_confirming_is_watched(apply->applies))
		return keep_former(apply);
	if (sp_clock_boottime_ns() < apply->watched_by_ns)
		return SP_APPLY_WAITS;
	return sp_apply_fail(
		apply, -ESRCH, "no-watchdog", 1,
		"sallyport-watchdog does not answer, which lets the former policy return: "
		"start it (systemctl start sallyport-watchdog)");
}

const struct sp_apply_step sp_apply_watch_step = { .begin = watch_begin };

/* What the new revision translates stands before it judges the first packet. */
static int put_translations(struct sp_apply *apply)
{
	struct sp_applies *applies = apply->applies;
	struct sp_plane_error error = { 0 };
	int r = sp_network_translate(applies->network, applies->revisions->staged, &error);

	return r < 0 ? sp_apply_fail(apply, r, "failed", 1, "translations: %s", error.text) : 0;
}

static int switch_begin(struct sp_apply *apply)
{
	struct sp_applies *applies = apply->applies;
	struct sp_plane_error error = { 0 };
	int r = sp_network_lock(applies->network, true, &error);

	if (r < 0)
		return sp_apply_fail(apply, r, "failed", 1, "second lock: %s", error.text);
	r = put_translations(apply);
	if (r < 0)
		return r;
	r = sp_plane_commit(applies->plane, applies->revisions->staged->loaded,
			    applies->host->hooked, applies->host->hooked_count, &error);
	if (r < 0) {
		struct sp_plane_error ignored;

		sp_apply_fail(apply, r, "failed", 1, "switching the hooks: %s", error.text);
		if (!*applies->is_lock_open)
			sp_network_lock(applies->network, false, &ignored);
		return r;
	}
	sp_revisions_switched(applies->revisions, apply->request.confirm.wait_s != 0);
	if (apply->files.count)
		sp_origins_switch(applies->origins, &apply->origins,
				  apply->request.confirm.wait_s != 0);
	return 0;
}

const struct sp_apply_step sp_apply_switch_step = { .begin = switch_begin };

/* conntrack goes on translating as before whatever began before. From here on no packet makes a
 * connection that the former revision translates. */
static int settle_begin(struct sp_apply *apply)
{
	(void)apply;
	return 1;
}

static void settle_work(struct sp_apply *apply)
{
	const struct sp_applies *applies = apply->applies;
	const struct sp_revision *running = applies->revisions->running;
	size_t ended;

	apply->worked = sp_plane_nat_settle(applies->plane, running->policy, &running->gateway,
					    &ended, &apply->error);
	if (ended)
		sp_log_note("%zu connections ended: they were translated as the former policy said",
			    ended);
}

static int settle_end(struct sp_apply *apply)
{
	if (apply->worked < 0)
		apply->failed = sp_apply_fail(apply, apply->worked, "failed", 1,
					      "the policy runs, but connections go on that are "
					      "translated as before: %s",
					      apply->error.text);
	return 0;
}

const struct sp_apply_step sp_apply_settle_step = { settle_begin, settle_work, settle_end };

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
	const uint64_t number = applies->revisions->running->number;
	int r = apply->request.confirm.wait_s ? sp_store_switch_revision(applies->store, number)
					      : sp_store_confirm_revision(applies->store, number);

	record_apply(apply);
	if (r < 0)
		sp_log_error("revision %" PRIu64 " runs, but the database did not take that: %s",
			     number, sp_store_error(applies->store));
	r = open_ways(apply);
	apply->failed = r < 0 ? r : apply->failed;
	if (apply->failed < 0)
		return 0;
	sp_warnings_clear(applies->warnings, "stage-failed");
	sp_warnings_clear(applies->warnings, "policy-unreadable");
	sp_warnings_clear(applies->warnings, "return-failed");
	if (apply->is_request)
		sp_warnings_clear(applies->warnings, "reverted");
	return 0;
}

const struct sp_apply_step sp_apply_confirm_step = { .begin = confirm_begin };

/* The kernel judges by it already; whom it leaves without a role, or a shorter time, is told so
 * now. */
static int follow_begin(struct sp_apply *apply)
{
	if (apply->request.confirm.wait_s)
		return 0; /* once it is confirmed: what a session loses does not return */
	return sp_sessions_follow_policy(apply->applies->people, &apply->follow, apply->lost)
		       ? SP_APPLY_GOES_ON
		       : 0;
}

const struct sp_apply_step sp_apply_follow_step = { .begin = follow_begin };
