/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How a revision comes into force, one step a round of the loop, so that other requests are served
 * in between. The long work of a step, such as the kernel's verifying of programs, is done in a
 * thread beside the loop, so that no revocation waits for it. Until the switch no packet sees the
 * new revision. A failure at any step leaves the running revision. After a kill at any step, the
 * next start finishes or undoes it. */
#include "daemon/apply/apply_steps.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "daemon/apply/reload.h"
#include "judge/describe.h"

static const char *const step_names[] = { "start",
#define X(id, name) name,
					  APPLY_STEPS(X)
#undef X
};

static void apply_free(struct sp_apply *apply)
{
	if (!apply)
		return;
	atomic_store(&apply->is_given_up, true);
	sp_job_end(&apply->job);
	sp_loop_drop(apply->applies->loop, &apply->timer);
	sp_revisions_drop_staged(apply->applies->revisions);
	sp_revision_free(apply->next);
	sp_policy_free(apply->policy);
	sp_origin_set_done(&apply->origins);
	sp_gateway_done(&apply->gateway);
	sp_diagnostics_done(&apply->diagnostics);
	json_decrefp(&apply->details);
	json_decrefp(&apply->lost);
	sp_reload_free(apply->reload);
	free(apply->tests);
	free(apply->numbers);
	sp_files_done(&apply->files);
	free(apply);
}

SP_DEFINE_CLEANUP(struct sp_apply *, apply_free);

void sp_apply_passed(struct sp_applies *applies, const char *step)
{
	if (applies->under_way && applies->under_way->is_request)
		applies->passed(applies->arg, step);
}

/* ---- the end ---- */

static void reply_success(struct sp_apply *apply)
{
	const struct sp_revision *running = apply->applies->revisions->running;
	const struct sp_policy_change *change = &apply->change;
	size_t sessions = 0;

	for (struct sp_live *live = sp_live_next(apply->applies->people, NULL); live;
	     live = sp_live_next(apply->applies->people, live))
		sessions += live->state == SP_LIVE_OPEN;
	sp_client_reply(
		apply->client,
		json_pack(
			"{s:s, s:I, s:I, s:o, s:I, s:s, s:b, s:{s:{s:I, s:I, s:I, s:I}, s:I, s:O}, "
			"s:I, s:I}",
			"generation", running->generation, "revision", (json_int_t)running->number,
			"rules", (json_int_t)running->policy->rule_count, "diagnostics",
			sp_describe_diagnostics(&apply->diagnostics), "tests",
			(json_int_t)apply->test_count, "tests_plane",
			apply->tests_plane ? apply->tests_plane : "reference", "unchanged",
			apply->is_unchanged, "changes", "rules", "added", (json_int_t)change->added,
			"removed", (json_int_t)change->removed, "changed",
			(json_int_t)change->changed, "unchanged", (json_int_t)change->unchanged,
			"sessions", (json_int_t)sessions, "lost_roles", apply->lost, "milliseconds",
			(json_int_t)((sp_clock_boottime_ns() - apply->started_ns) / SP_MS_NS),
			"confirm_within_s", (json_int_t)apply->request.confirm.wait_s));
}

/* The new revision runs, and the sessions follow it. */
static void revision_came_into_force(struct sp_apply *apply)
{
	struct sp_applies *applies = apply->applies;

	if (sp_follow_wants_room(&apply->follow))
		applies->restage_why = "machines that signed in needed room";
	sp_farewell_denied(applies->farewell, apply->started_ns);
}

static void warn_unreadable(struct sp_applies *applies, int r)
{
	const uint64_t running = sp_plane_running_revision(applies->plane);

	if (r < 0 && running)
		sp_warnings_raise(applies->warnings, "policy-unreadable",
				  "the kernel goes on with revision %" PRIu64
				  ", but its policy cannot be "
				  "read (%s): nobody can sign in until one is applied",
				  running, sp_err_text(r));
}

static void say_failure(struct sp_apply *apply, int r)
{
	struct sp_applies *applies = apply->applies;

	if (apply->is_request)
		sp_log_note("apply of %s: %s", apply->files.list[0].path, apply->message);
	else
		sp_warnings_raise(applies->warnings, "stage-failed",
				  "a new revision (%s) failed, %s: %s", apply->why,
				  sp_plane_running_revision(applies->plane)
					  ? "the former one goes on"
					  : "none runs: nothing is forwarded",
				  apply->message);
	if (apply->is_resumed)
		warn_unreadable(applies, r);
}

static void client_answer(struct sp_apply *apply, int r)
{
	if (r < 0)
		sp_client_fail(apply->client, apply->code, apply->exit_code,
			       SP_TAKE_PTR(apply->details), "%s", apply->message);
	else
		reply_success(apply);
}

static void apply_finish(struct sp_apply *apply, int r)
{
	struct sp_applies *applies = apply->applies;

	applies->under_way = NULL;
	if (!apply->is_request) {
		const uint64_t now_ns = sp_clock_boottime_ns();

		sp_pace_spend(&applies->restage_pace, now_ns, now_ns - apply->started_ns);
	}
	if (apply->done >= APPLY_SWITCHED)
		revision_came_into_force(apply);
	else if (apply->request.confirm.wait_s)
		sp_confirming_abandon(applies);
	if (apply->reload) {
		sp_reload_end(applies, apply->reload, apply->client, r, apply->message);
	} else {
		if (r < 0)
			say_failure(apply, r);
		if (apply->client)
			client_answer(apply, r);
	}
	sp_again_soon(applies);
}

/* Note that a step is done. Returns 1: there are more; 0: it was the last. */
static int step_passed(struct sp_apply *apply)
{
	char step[32];

	apply->done++;
	snprintf(step, sizeof(step), "apply-%s", step_names[apply->done]);
	sp_apply_passed(apply->applies, step);
	return !apply->is_over && apply->done < APPLY_DONE - 1;
}

/* After a step, go on with the next one in the next round of the loop, or end. */
static void apply_go_on(struct sp_apply *apply, int r)
{
	if (r == 0)
		r = step_passed(apply);
	if (r > 0) {
		sp_loop_in(apply->applies->loop, &apply->timer,
			   r == SP_APPLY_WAITS ? SP_APPLY_WAIT_NS : 0);
		return;
	}
	apply_finish(apply, r < 0 ? r : apply->failed);
	apply_free(apply);
}

static void step_work_in_thread(void *arg)
{
	sp_apply_step_work(arg);
}

static void step_worked_in_thread(void *arg)
{
	apply_go_on(arg, sp_apply_step_end(arg));
}

/* The loop goes on while the step's long work is in the thread. If no thread can be made, the loop
 * waits for the work. */
static void apply_advance(void *arg)
{
	struct sp_apply *apply = arg;
	int r = sp_apply_step_begin(apply);

	if (r == 1 && sp_job_start(&apply->job, apply->applies->loop) == 0)
		return;
	if (r == 1) {
		sp_apply_step_work(apply);
		r = sp_apply_step_end(apply);
	}
	apply_go_on(apply, r);
}

/* ---- starting ---- */

static struct sp_apply *apply_new(struct sp_applies *applies, const char *why)
{
	struct sp_apply *apply = calloc(1, sizeof(*apply));
	const struct sp_revision *running = applies->revisions->running;

	if (!apply)
		return NULL;
	apply->lost = json_array();
	apply->applies = applies;
	apply->why = why;
	apply->timer = (struct sp_timer){ .fire = apply_advance, .arg = apply };
	apply->job = (struct sp_job){ .work = step_work_in_thread,
				      .done = step_worked_in_thread,
				      .arg = apply };
	apply->started_ns = sp_clock_boottime_ns();
	apply->applied_ns = running ? running->applied_ns : sp_clock_realtime_ns();
	snprintf(apply->who, sizeof(apply->who), "%s",
		 running && running->who ? running->who : "sallyportd");
	return apply;
}

static void apply_begin(struct sp_apply *apply)
{
	sp_loop_in(apply->applies->loop, &apply->timer, 0);
	apply->applies->under_way = apply;
}

int sp_apply_start(struct sp_applies *applies, struct sp_client *client,
		   const struct sp_apply_request *request)
{
	__sp_cleanup(apply_freep) struct sp_apply *apply = NULL;

	if (applies->under_way || sp_confirming_blocks(applies))
		return -EBUSY;
	apply = apply_new(applies, "apply");
	if (!apply)
		return -ENOMEM;
	apply->files = *request->files;
	*request->files = (struct sp_files){ 0 };
	apply->is_request = true;
	apply->client = client;
	apply->applied_ns = sp_clock_realtime_ns();
	apply->request = *request;
	apply->request.files = NULL;
	snprintf(apply->who, sizeof(apply->who), "%s", sp_client_who(client));
	apply_begin(SP_TAKE_PTR(apply));
	return 0;
}

int sp_apply_start_reload(struct sp_applies *applies, struct sp_client *client, const char *by)
{
	__sp_cleanup(apply_freep) struct sp_apply *apply = NULL;

	if (applies->under_way || sp_confirming_blocks(applies))
		return -EBUSY;
	apply = apply_new(applies, "sallyport.yaml was read again");
	if (!apply || sp_reload_new(by, &apply->reload) < 0)
		return -ENOMEM;
	apply->client = client;
	apply_begin(SP_TAKE_PTR(apply));
	return 0;
}

void sp_apply_restage_soon(struct sp_applies *applies, const char *why)
{
	const bool is_later = applies->under_way || sp_confirming_blocks(applies);
	struct sp_apply *apply;

	applies->restage_why = is_later ? why : NULL;
	if (is_later || !applies->revisions->running)
		return; /* later; or nothing runs that could be made anew */
	apply = apply_new(applies, why);
	if (apply)
		apply_begin(apply);
}

/* Whatever is not staged yet is judged by the older homes. */
static void restage_when_due(void *arg)
{
	struct sp_applies *applies = arg;
	const uint64_t now_ns = sp_clock_boottime_ns();

	if (applies->under_way || sp_confirming_blocks(applies))
		sp_loop_in(applies->loop, &applies->restage_timer, SP_PACE_FIRST_NS);
	else if (now_ns < applies->restage_pace.due_ns)
		sp_loop_at(applies->loop, &applies->restage_timer, applies->restage_pace.due_ns);
	else
		sp_apply_restage_soon(applies, applies->paced_why);
}

void sp_apply_restage_paced(struct sp_applies *applies, const char *why)
{
	applies->paced_why = why;
	applies->restage_timer.fire = restage_when_due;
	applies->restage_timer.arg = applies;
	restage_when_due(applies);
}

/* All steps in one go. */
static int apply_run_through(struct sp_apply *made)
{
	__sp_cleanup(apply_freep) struct sp_apply *apply = made;
	int r;

	apply->applies->under_way = apply;
	do {
		r = sp_apply_step_begin(apply);
		if (r == 1) {
			sp_apply_step_work(apply);
			r = sp_apply_step_end(apply);
		}
		if (r == 0)
			r = step_passed(apply);
	} while (r > 0);
	r = r < 0 ? r : apply->failed;
	apply_finish(apply, r);
	return r;
}

/* The revision the kernel runs, or the last confirmed one. */
static int apply_new_resumed(struct sp_applies *applies, struct sp_apply **ret_apply)
{
	const uint64_t running = sp_plane_running_revision(applies->plane);
	__sp_cleanup(sp_store_revision_done) struct sp_store_revision row = { 0 };
	__sp_cleanup(apply_freep) struct sp_apply *apply = NULL;
	int r = running ? sp_store_get_revision(applies->store, running, &row) : -ENOENT;

	if (r == -ENOENT)
		r = sp_store_last_confirmed(applies->store, &row);
	if (r == 0 && !(apply = apply_new(applies, "start")))
		r = -ENOMEM;
	if (r == 0)
		r = sp_store_get_files(applies->store, row.generation, &apply->files);
	if (r < 0)
		return r;
	apply->is_resumed = true;
	apply->applied_ns = row.time_ns;
	snprintf(apply->who, sizeof(apply->who), "%s", row.who);
	*ret_apply = SP_TAKE_PTR(apply);
	return 0;
}

int sp_apply_resume(struct sp_applies *applies)
{
	struct sp_apply *apply;
	int r = apply_new_resumed(applies, &apply);

	if (r == 0)
		return apply_run_through(apply);
	warn_unreadable(applies, r);
	return r;
}

void sp_apply_resume_soon(struct sp_applies *applies)
{
	struct sp_apply *apply;
	int r = apply_new_resumed(applies, &apply);

	if (r == 0)
		apply_begin(apply);
	else
		warn_unreadable(applies, r);
}

void sp_apply_retry(struct sp_applies *applies)
{
	if (applies->under_way || sp_confirming_blocks(applies) ||
	    !sp_warnings_has(applies->warnings, "stage-failed"))
		return;
	if (applies->revisions->running) {
		sp_apply_restage_soon(applies, "trying again");
		return;
	}
	sp_apply_resume_soon(applies);
}

void sp_apply_forget_client(struct sp_applies *applies, const struct sp_client *client)
{
	if (applies->under_way && applies->under_way->client == client)
		applies->under_way->client = NULL;
}

void sp_apply_drop(struct sp_applies *applies)
{
	apply_free(SP_TAKE_PTR(applies->under_way));
}
