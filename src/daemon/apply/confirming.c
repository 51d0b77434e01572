/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "daemon/apply/confirming.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "confirm/watched.h"
#include "daemon/apply/applies.h"
#include "daemon/apply/apply.h"
#include "io/files/files.h"

static uint64_t seconds_left(const struct sp_pending *pending)
{
	const uint64_t now_ns = sp_clock_boottime_ns();

	return pending->deadline_ns > now_ns ? (pending->deadline_ns - now_ns) / SP_SECOND_NS : 0;
}

bool sp_confirming_blocks(const struct sp_applies *applies)
{
	return applies->confirming.state != SP_PENDING_NONE;
}

void sp_confirming_refuse(const struct sp_applies *applies, struct sp_client *client)
{
	const struct sp_pending *pending = &applies->confirming.pending;

	if (applies->confirming.state == SP_PENDING_OPEN)
		sp_client_fail(client, "busy-confirming", 1, NULL,
			       "generation %s, applied by %s, waits to be confirmed for another "
			       "%" PRIu64 " s: confirm it, let it return (sallyport rollback), or "
			       "wait",
			       pending->generation, pending->who, seconds_left(pending));
	else
		sp_client_fail(client, "busy-confirming", 1, NULL,
			       "generation %s, applied by %s, is about to end (%s): try again",
			       pending->generation, pending->who,
			       sp_pending_state_name(applies->confirming.state));
}

/* ---- beginning ---- */

int sp_confirming_check(const struct sp_applies *applies, struct sp_plane_error *error)
{
	error->text[0] = '\0';
	if (!sp_plane_can_return(applies->plane->ops)) {
		snprintf(error->text, sizeof(error->text),
			 "the plane %s cannot let a revision return: apply without --confirm",
			 applies->plane->ops->name);
		return -EOPNOTSUPP;
	}
	if (!applies->revisions->running) {
		snprintf(error->text, sizeof(error->text),
			 "no policy runs that could return: apply without --confirm");
		return -ENOENT;
	}
	return 0;
}

int sp_confirming_begin(struct sp_applies *applies, const struct sp_confirm_request *request,
			const char *who)
{
	const struct sp_revision *running = applies->revisions->running;
	const struct sp_revision *staged = applies->revisions->staged;
	struct sp_pending pending = {
		.revision = staged->number,
		.former = running->number,
		.begun_ns = sp_clock_boottime_ns(),
		.target_count = request->target_count,
		.is_confirmed_by_targets = request->is_confirmed_by_targets,
	};
	int r = sp_clock_boot_id(pending.boot_id);

	pending.deadline_ns = pending.begun_ns + request->wait_s * SP_SECOND_NS;
	memcpy(pending.generation, staged->generation, sizeof(pending.generation));
	memcpy(pending.former_generation, running->generation, sizeof(pending.former_generation));
	memcpy(pending.targets, request->targets, sizeof(pending.targets));
	snprintf(pending.who, sizeof(pending.who), "%s", who);
	if (r == 0)
		r = sp_pending_begin(applies->paths, &pending);
	if (r < 0)
		return r;
	applies->confirming =
		(struct sp_confirming){ .state = SP_PENDING_OPEN, .pending = pending };
	return 0;
}

bool sp_confirming_is_watched(const struct sp_applies *applies)
{
	struct sp_watched watched;

	return sp_watched_read(applies->paths, &watched) == 0 &&
	       watched.revision == applies->confirming.pending.revision;
}

void sp_confirming_abandon(struct sp_applies *applies)
{
	struct sp_plane_error ignored;

	if (applies->confirming.state != SP_PENDING_OPEN)
		return;
	(void)sp_plane_drop_former(applies->plane, &ignored);
	/* From under the watchdog; unless that was first, and then its end is waited for. */
	if (sp_pending_move(applies->paths, SP_PENDING_OPEN, SP_PENDING_REVERTED) < 0)
		return;
	(void)sp_pending_end(applies->paths, SP_PENDING_REVERTED);
	applies->confirming = (struct sp_confirming){ 0 };
}

/* ---- the ends ---- */

static void record(struct sp_applies *applies, enum sp_audit_event event, const char *reason)
{
	struct sp_audit_record record = SP_AUDIT_RECORD_INIT;

	record.event = event;
	record.reason = reason;
	record.by = applies->confirming.pending.who;
	sp_recorder_append(applies->recorder, &record);
}

/* Nothing waits any more: what was wanted meanwhile is begun, and sessions follow what runs. */
static void end(struct sp_applies *applies, enum sp_pending_state state, const char *why)
{
	int r = sp_pending_end(applies->paths, state);

	if (r < 0)
		sp_log_error("%s of %s cannot be removed: %s", sp_pending_state_name(state),
			     applies->paths->run_dir, sp_err_text(r));
	applies->confirming = (struct sp_confirming){ 0 };
	sp_warnings_clear(applies->warnings, "watchdog-missing");
	if (applies->revisions->running)
		sp_apply_restage_soon(applies, why);
	else
		sp_apply_resume_soon(applies);
	sp_again_soon(applies);
}

/* The database first: a boot loads what it says. Without it the way back is given up all the same,
 * since who confirmed has been told; a boot then loads the former policy, and `status` warns. */
static void settle_confirmed(struct sp_applies *applies)
{
	const struct sp_pending *pending = &applies->confirming.pending;
	struct sp_plane_error error = { 0 };
	int r;

	applies->passed(applies->arg, "confirm-moved");
	r = sp_store_confirm_revision(applies->store, pending->revision);

	if (r < 0)
		sp_warnings_raise(applies->warnings, "confirm-not-stored",
				  "generation %s is confirmed, but the database did not take that "
				  "(%s): it is tried again",
				  pending->generation, sp_store_error(applies->store));
	if (r < 0)
		return; /* the next look tries again */
	sp_warnings_clear(applies->warnings, "confirm-not-stored");
	applies->passed(applies->arg, "confirm-stored");
	r = sp_plane_drop_former(applies->plane, &error);
	if (r < 0)
		sp_log_error("the former revision is still kept: %s", error.text);
	sp_revisions_drop_former(applies->revisions);
	sp_origins_drop_former(applies->origins);
	applies->passed(applies->arg, "confirm-dropped");
	sp_log_note("generation %s is confirmed", pending->generation);
	record(applies, SP_AUDIT_CONFIRM, NULL);
	end(applies, SP_PENDING_CONFIRMED, "the policy was confirmed");
}

/* The plane may have been switched after the watchdog let it return: once more does no harm. */
static int follow_plane(struct sp_applies *applies, struct sp_plane_error *error)
{
	const struct sp_plane_options options = { .paths = applies->paths };
	const struct sp_plane_ops *ops = applies->plane->ops;
	int r = ops->return_former ? ops->return_former(&options, error) : 0;

	if (r < 0)
		return r;
	r = sp_plane_follow_former(applies->plane, error);
	return r == -ENOENT ? 0 : r; /* nothing was switched, or the plane followed as it opened */
}

/* In the journal, in `status` and in the audit log. */
static void say_reverted(struct sp_applies *applies)
{
	const struct sp_pending *pending = &applies->confirming.pending;
	char reason[80];

	snprintf(reason, sizeof(reason), "generation %s was not confirmed", pending->generation);
	sp_warnings_raise(applies->warnings, "reverted",
			  "generation %s, applied by %s, was not confirmed: generation %s runs "
			  "again",
			  pending->generation, pending->who, pending->former_generation);
	record(applies, SP_AUDIT_REVERT, reason);
}

static void settle_reverted(struct sp_applies *applies)
{
	const struct sp_pending pending = applies->confirming.pending;
	struct sp_plane_error error = { 0 };
	int r = follow_plane(applies, &error);

	if (r < 0) {
		sp_warnings_raise(applies->warnings, "return-failed",
				  "generation %s was not confirmed, and not every hook runs the "
				  "former one: %.200s (it is tried again)",
				  pending.generation, error.text);
		if (sp_plane_running_revision(applies->plane) != pending.former)
			return; /* the next look tries again */
	}
	if (applies->revisions->former)
		sp_origins_return(applies->origins);
	sp_revisions_returned(applies->revisions);
	applies->passed(applies->arg, "revert-followed");
	say_reverted(applies);
	end(applies, SP_PENDING_REVERTED, "the former policy returned");
}

static void settle(struct sp_applies *applies)
{
	if (applies->confirming.state == SP_PENDING_CONFIRMED)
		settle_confirmed(applies);
	else if (applies->confirming.state == SP_PENDING_REVERTED)
		settle_reverted(applies);
}

static int move(struct sp_applies *applies, enum sp_pending_state to)
{
	int r = applies->confirming.state == SP_PENDING_OPEN
			? sp_pending_move(applies->paths, SP_PENDING_OPEN, to)
			: -ENOENT;

	if (r == 0)
		applies->confirming.state = to;
	return r;
}

int sp_confirming_confirm(struct sp_applies *applies, const char *by)
{
	int r = move(applies, SP_PENDING_CONFIRMED);

	if (r < 0)
		return r;
	snprintf(applies->confirming.pending.who, sizeof(applies->confirming.pending.who), "%s",
		 by);
	settle(applies);
	return 0;
}

int sp_confirming_revert(struct sp_applies *applies, const char *by)
{
	int r = move(applies, SP_PENDING_REVERTING);

	if (r == 0)
		sp_log_note("generation %s is to return: %s asked",
			    applies->confirming.pending.former_generation, by);
	return r;
}

/* ---- looking ---- */

/* The watchdog lets the former revision return. One that does not, for so long, is dead or stopped:
 * then we do, by the same steps. */
#define LOOKS_PATIENT 10u

static void help_out(struct sp_applies *applies)
{
	struct sp_confirming *confirming = &applies->confirming;
	const bool is_due = confirming->state == SP_PENDING_REVERTING ||
			    (confirming->state == SP_PENDING_OPEN &&
			     (confirming->is_of_earlier_boot ||
			      sp_clock_boottime_ns() > confirming->pending.deadline_ns));

	confirming->looks = is_due ? confirming->looks + 1 : 0;
	if (confirming->looks <= LOOKS_PATIENT)
		return;
	sp_log_note("sallyport-watchdog does not let the former revision return: we do");
	if (confirming->state == SP_PENDING_OPEN && move(applies, SP_PENDING_REVERTING) < 0)
		return;
	if (sp_pending_move(applies->paths, SP_PENDING_REVERTING, SP_PENDING_REVERTED) == 0)
		confirming->state = SP_PENDING_REVERTED;
}

/* Without it sallyportd alone lets the former revision return. */
static void look_for_watchdog(struct sp_applies *applies)
{
	if (sp_lock_is_held(applies->paths->watchdog_lock))
		sp_warnings_clear(applies->warnings, "watchdog-missing");
	else
		sp_warnings_raise(applies->warnings, "watchdog-missing",
				  "sallyport-watchdog does not run while generation %s waits to be "
				  "confirmed",
				  applies->confirming.pending.generation);
}

/* An apply under way has its own hand on it until it has switched. */
void sp_confirming_look(struct sp_applies *applies)
{
	struct sp_confirming found = { 0 };
	char why[80];
	int r;

	if (applies->under_way || !sp_confirming_blocks(applies))
		return;
	r = sp_pending_read(applies->paths, &found.state, &found.pending, why);
	if (r < 0 && r != -EBADMSG)
		return;
	if (found.state == SP_PENDING_NONE)
		found.state = SP_PENDING_REVERTED; /* somebody removed it: what runs is looked at */
	applies->confirming.state = found.state;
	look_for_watchdog(applies);
	help_out(applies);
	settle(applies);
}

/* ---- after a start ---- */

/* @row ran and was not confirmed, and what was confirmed last runs instead. */
static void take_unconfirmed(struct sp_applies *applies, const struct sp_store_revision *row)
{
	__sp_cleanup(sp_store_revision_done) struct sp_store_revision confirmed = { 0 };
	struct sp_pending *pending = &applies->confirming.pending;

	*pending = (struct sp_pending){ .revision = row->number };
	sp_generation_format(row->generation, pending->generation);
	snprintf(pending->who, sizeof(pending->who), "%s", row->who);
	if (sp_store_last_confirmed(applies->store, &confirmed) < 0)
		return;
	pending->former = confirmed.number;
	sp_generation_format(confirmed.generation, pending->former_generation);
}

/* A boot leaves neither file nor program: the database alone tells. If programs are left and the file
 * is not, nobody can confirm any more, and the former revision returns. */
static void look_for_unconfirmed(struct sp_applies *applies)
{
	__sp_cleanup(sp_store_revision_done) struct sp_store_revision row = { 0 };
	const bool is_kept = sp_plane_former(applies->plane) != NULL;

	if (sp_store_last_switched(applies->store, &row) < 0 || row.is_confirmed)
		return;
	if (is_kept || !sp_plane_running_revision(applies->plane))
		take_unconfirmed(applies, &row);
	if (is_kept)
		applies->confirming.state = SP_PENDING_REVERTED;
	else if (!sp_plane_running_revision(applies->plane))
		say_reverted(applies);
}

void sp_confirming_resume(struct sp_applies *applies)
{
	struct sp_confirming *confirming = &applies->confirming;
	char why[80], boot_id[SP_BOOT_ID_MAX];
	int r = sp_pending_read(applies->paths, &confirming->state, &confirming->pending, why);

	if (r < 0)
		sp_log_error("the apply that waits to be confirmed: %s",
			     why[0] ? why : sp_err_text(r));
	confirming->is_of_earlier_boot =
		sp_clock_boot_id(boot_id) == 0 && strcmp(boot_id, confirming->pending.boot_id) != 0;
	if (confirming->state == SP_PENDING_OPEN &&
	    sp_plane_running_revision(applies->plane) != confirming->pending.revision)
		sp_confirming_abandon(applies); /* it was never switched to */
	else if (confirming->state != SP_PENDING_NONE)
		(void)sp_store_switch_revision(applies->store, confirming->pending.revision);
	if (confirming->state == SP_PENDING_NONE)
		look_for_unconfirmed(applies);
	else
		sp_log_note("generation %s, applied by %s, waits to be confirmed (%s)",
			    confirming->pending.generation, confirming->pending.who,
			    sp_pending_state_name(confirming->state));
}
