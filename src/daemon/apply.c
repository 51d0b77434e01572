/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How a revision comes into force, step by step, a step a round of the loop, so that others are served
 * in between: a revocation waits for one step at most (loading the programs is the longest). Until the switch nothing of it is seen by a packet; a failure at any step leaves
 * the running revision, and a kill at any step is found and finished or undone at the next start. */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "daemon/daemon.h"
#include "daemon/diagnose.h"
#include "judge/judge.h"

/* X(identifier, "name"): what has just been done; with `apply-` before them the values of --kill-at, as
 * are the plane's own steps (SP_EBPF_STEPS). */
#define APPLY_STEPS(X)                                                                             \
	X(CHECKED, "checked")                                                                      \
	X(TESTED, "tested")                                                                        \
	X(NUMBERED, "numbered")                                                                    \
	X(STORED, "stored")                                                                        \
	X(STAGED, "staged")                                                                        \
	X(SWITCHED, "switched")                                                                    \
	X(CONFIRMED, "confirmed")

enum apply_step {
	APPLY_START,
#define X(id, name) APPLY_##id,
	APPLY_STEPS(X)
#undef X
	APPLY_DONE
};

static const char *const step_names[] = {
	"start",
#define X(id, name) name,
	APPLY_STEPS(X)
#undef X
};

struct sp_apply {
	struct sp_daemon *daemon;
	struct sp_timer timer;
	enum apply_step done;
	bool is_request;           /* an administrator asked; else only the machine changed */
	struct sp_client *client;  /* NULL: nobody waits (any more) */
	char who[64];
	const char *why;
	struct sp_apply_request request; /* path and text are our own copies */
	struct sp_diagnostics diagnostics;
	struct sp_policy *policy;  /* until the revision has it */
	struct sp_revision *next;
	struct sp_ebpf_staged *staged;
	size_t test_count;
	const char *tests_plane;
	bool is_unchanged;
	int64_t applied_ns;        /* UTC: when the generation was applied, however often it is staged */
	uint64_t started_ns;
	/* how it failed */
	const char *code;
	int exit_code;
	json_t *details;
	char message[640];
};

static void apply_free(struct sp_apply *apply)
{
	if (!apply)
		return;
	sp_loop_drop(apply->daemon->loop, &apply->timer);
	if (apply->staged)
		sp_ebpf_staged_free(apply->staged);
	sp_revision_free(apply->next);
	sp_policy_free(apply->policy);
	sp_diagnostics_done(&apply->diagnostics);
	json_decref(apply->details);
	free((char *)apply->request.path);
	free((char *)apply->request.text);
	free(apply);
}

SP_DEFINE_CLEANUP(struct sp_apply *, apply_free);

static int fail(struct sp_apply *apply, int r, const char *code, int exit_code,
		const char *format, ...) __attribute__((format(printf, 5, 6)));

static int fail(struct sp_apply *apply, int r, const char *code, int exit_code,
		const char *format, ...)
{
	va_list args;

	apply->code = code;
	apply->exit_code = exit_code;
	va_start(args, format);
	vsnprintf(apply->message, sizeof(apply->message), format, args);
	va_end(args);
	return r;
}

void sp_apply_passed(struct sp_daemon *daemon, const char *step)
{
	const char *kill_at = daemon->options.kill_at;

	if (kill_at && daemon->apply && daemon->apply->is_request && !strcmp(kill_at, step)) {
		sp_log_note("--kill-at %s", step);
		kill(getpid(), SIGKILL);
	}
}

/* ---- the steps ---- */

/* May the first policy, or one that touches how the administrator came in, be applied? */
static bool protects_self(const struct sp_policy *policy)
{
	for (size_t i = 0; i < policy->rule_count; i++) {
		const struct sp_rule *rule = &policy->rules[i];

		for (size_t j = 0; j < rule->to_count; j++)
			if (rule->kind == SP_RULE_PROTECT && rule->to[j].kind == SP_TO_SELF)
				return true;
	}
	return false;
}

static bool is_self(const struct sp_gateway *gateway, const struct sp_addr *addr)
{
	for (size_t i = 0; i < gateway->self_count; i++)
		if (!memcmp(&gateway->self[i], addr, sizeof(*addr)))
			return true;
	return false;
}

/* What the new policy says to a new connection like the one the command came by. */
static int judge_connection(struct sp_apply *apply, struct sp_judgement *ret_judgement)
{
	const struct sp_connection *connection = &apply->request.connection;
	const struct sp_gateway *gateway = &apply->daemon->host.gateway;
	const struct sp_tuple tuple = {
		.source = connection->source, .destination = connection->destination,
		.source_port = connection->source_port,
		.destination_port = connection->destination_port,
		.proto = 6,
	};
	__sp_cleanup(sp_judge_freep) struct sp_judge *judge = NULL;
	const struct sp_live *live = sp_live_of_address(&apply->daemon->people, &tuple.source);
	struct sp_ebpf_error error = { 0 };
	int r = sp_judge_new(apply->policy, gateway, SP_JUDGE_REFERENCE, &judge, &error);

	if (r == 0 && live && live->state == SP_LIVE_OPEN) {
		__sp_free uint32_t *roles = NULL;
		struct sp_identity identity;
		uint32_t number;

		r = sp_live_identity(live, apply->policy, &identity, &roles);
		if (r == 0)
			r = sp_judge_open_session(judge, &identity, &number);
	}
	if (r < 0)
		return r;
	return sp_judge_tuple(judge, sp_judge_first_hook(gateway, &tuple.source), &tuple,
			      sp_clock_boottime_ns(), ret_judgement);
}

static int guard_administrator(struct sp_apply *apply)
{
	struct sp_daemon *daemon = apply->daemon;
	const struct sp_connection *connection = &apply->request.connection;
	struct sp_judgement judgement;
	const char *rule;
	int r;

	if (!daemon->running && !sp_ebpf_running_revision(daemon->plane) &&
	    !protects_self(apply->policy))
		return fail(apply, -EPERM, "needs-force", 1,
			    "this would be the first policy, and it has no `protect` entry to `self`: "
			    "nothing would keep a way in for you; add one, or say --force");
	if (!apply->request.has_connection ||
	    !is_self(&daemon->host.gateway, &connection->destination) ||
	    is_self(&daemon->host.gateway, &connection->source))
		return 0; /* it came by no governed way */
	r = judge_connection(apply, &judgement);
	if (r < 0)
		return fail(apply, r, "failed", 1, "judging your connection: %s", sp_err_text(r));
	if (judgement.answer.verdict == SP_ALLOW)
		return 0;
	rule = sp_policy_rule_name(apply->policy, judgement.answer.rule);
	return fail(apply, -EPERM, "needs-force", 1,
		    "it would cut the connection you came by (port %u; %s, rule %s); add a `protect` "
		    "entry for it, or say --force", connection->destination_port,
		    sp_reason_name(judgement.answer.reason), rule ? rule : "none");
}

static int step_check(struct sp_apply *apply)
{
	const struct sp_apply_request *request = &apply->request;
	struct sp_daemon *daemon = apply->daemon;
	int r = sp_policy_load(request->path, request->text, request->text_len, &apply->policy,
			       &apply->diagnostics);

	if (r == -EINVAL) {
		apply->details = json_pack("{s:o}", "diagnostics",
					   sp_diagnose_policy(&apply->diagnostics));
		return fail(apply, r, "policy-invalid", 3, "%s has %zu error%s", request->path,
			    apply->diagnostics.error_count,
			    apply->diagnostics.error_count == 1 ? "" : "s");
	}
	if (r == 0)
		r = sp_policy_number_rules(apply->policy, NULL, NULL);
	if (r < 0)
		return fail(apply, r, "failed", 1, "reading the policy: %s", sp_err_text(r));
	apply->is_unchanged = daemon->running &&
			      !memcmp(daemon->running->policy->generation,
				      apply->policy->generation, 32);
	if (!apply->is_request || request->is_forced)
		return 0;
	return guard_administrator(apply);
}

static int step_test(struct sp_apply *apply)
{
	__sp_free struct sp_test_result *results = NULL;
	struct sp_ebpf_error error = { 0 };
	size_t failed = 0, disagreeing = 0;
	int r;

	if (!apply->is_request || !apply->policy->test_count)
		return 0; /* none, or it passed them when it was applied */
	r = sp_judge_run_tests(apply->policy, &apply->policy->fixtures.gateway, SP_JUDGE_BEST,
			       &results, &apply->test_count, &apply->tests_plane, &error);
	if (r < 0)
		return fail(apply, r, "failed", 1, "running the policy's tests: %s",
			    error.text[0] ? error.text : sp_err_text(r));
	for (size_t i = 0; i < apply->test_count; i++) {
		failed += !results[i].passed;
		disagreeing += results[i].judgement.disagree;
	}
	if (!failed)
		return 0;
	apply->details = json_pack("{s:o}", "tests",
				   sp_diagnose_tests(apply->policy, results, apply->test_count));
	if (disagreeing)
		return fail(apply, -EPROTO, "disagreement", 1,
			    "%zu tests: the reference and the kernel's programs answer differently; "
			    "this is a defect of Sallyport, please report it", disagreeing);
	return fail(apply, -EINVAL, "tests-failed", 4, "%zu of %zu tests failed", failed,
		    apply->test_count);
}

static int step_number(struct sp_apply *apply)
{
	struct sp_daemon *daemon = apply->daemon;
	int r = sp_store_begin(daemon->store);

	if (r == 0)
		r = sp_policy_number_rules(apply->policy, sp_store_rule_number, daemon->store);
	if (r == 0)
		r = sp_store_commit(daemon->store);
	if (r < 0)
		sp_store_cancel(daemon->store);
	if (r == -ENOSPC)
		return fail(apply, r, "table-full", 1,
			    "all %u rule numbers are used: a number belongs to its name for good",
			    SP_RULE_MAX - 1);
	if (r < 0)
		return fail(apply, r, "failed", 1, "numbering the rules: %s",
			    sp_store_error(daemon->store));
	r = sp_revision_new(SP_TAKE_PTR(apply->policy), &daemon->host.gateway, &apply->next);
	if (r == 0)
		r = sp_tables_compile(apply->next->policy, &apply->next->gateway,
				      &apply->next->tables);
	if (r == -E2BIG)
		return fail(apply, r, "table-full", 1,
			    "the policy needs more table rows than there can be");
	if (r < 0)
		return fail(apply, r, "failed", 1, "compiling: %s", sp_err_text(r));
	return 0;
}

/* The text and the intent, before the kernel runs it: whatever revision a restart finds there, it
 * knows which policy that is. */
static int step_store(struct sp_apply *apply)
{
	struct sp_daemon *daemon = apply->daemon;
	struct sp_revision *next = apply->next;
	const uint64_t running = sp_ebpf_running_revision(daemon->plane);
	const struct sp_file *text = &next->policy->files[0];
	const struct sp_store_file file = { .path = text->path, .text = text->text,
					    .len = text->text_len };
	struct sp_store_revision row = {
		.time_ns = apply->applied_ns,
		.who = apply->who,
		.rules = (uint32_t)next->policy->rule_count,
	};
	int r = sp_store_begin(daemon->store);

	memcpy(row.generation, next->policy->generation, sizeof(row.generation));
	if (r == 0)
		r = sp_store_next_revision(daemon->store, running, running, &next->number);
	row.number = next->number;
	if (r == 0)
		r = sp_store_put_revision(daemon->store, &row, apply->is_request ? &file : NULL);
	if (r == 0)
		r = sp_store_commit(daemon->store);
	if (r < 0) {
		fail(apply, r, "failed", 1, "keeping the generation: %s",
		     sp_store_error(daemon->store));
		sp_store_cancel(daemon->store);
		return r;
	}
	next->applied_ns = row.time_ns;
	next->who = strdup(apply->who);
	return next->who ? 0 : fail(apply, -ENOMEM, "failed", 1, "out of memory");
}

static int stage_session(struct sp_apply *apply, const struct sp_live *live)
{
	__sp_free uint32_t *roles = NULL;
	struct sp_identity identity;
	uint32_t class_id[2], netset[2];
	int r = sp_live_identity(live, apply->next->policy, &identity, &roles);

	if (r == 0)
		r = sp_tables_add_identity(apply->next->tables, &identity, class_id, netset);
	if (r == 0)
		r = sp_ebpf_session_stage(apply->daemon->plane, live->row.slot,
					  apply->next->number, class_id, netset);
	return r;
}

/* Every session's class goes into its spare slot first: the programs find it there the moment they run.
 * Rows a session needs are in the tables before these are loaded. */
static int step_stage(struct sp_apply *apply)
{
	struct sp_daemon *daemon = apply->daemon;
	struct sp_ebpf_error error = { 0 };
	struct sp_live *live = NULL;
	int r = 0;

	while (r == 0 && (live = sp_live_next(&daemon->people, live)))
		if (live->state == SP_LIVE_OPEN)
			r = stage_session(apply, live);
	if (r < 0)
		return fail(apply, r, r == -E2BIG ? "table-full" : "failed", 1,
			    "giving the sessions their class: %s", sp_err_text(r));
	r = sp_ebpf_stage(daemon->plane, apply->next->tables, apply->next->number,
			  daemon->host.dhcp, daemon->host.dhcp_count, &apply->staged, &error);
	if (r < 0)
		return fail(apply, r, "failed", 1, "loading the programs: %s", error.text);
	return 0;
}

static int step_switch(struct sp_apply *apply)
{
	struct sp_daemon *daemon = apply->daemon;
	struct sp_ebpf_error error = { 0 };
	int r = sp_network_lock(daemon, true, &error);

	if (r < 0)
		return fail(apply, r, "failed", 1, "second lock: %s", error.text);
	r = sp_ebpf_switch(daemon->plane, apply->staged, daemon->host.hooked,
			   daemon->host.hooked_count, &error);
	if (r < 0) {
		struct sp_ebpf_error ignored;

		fail(apply, r, "failed", 1, "switching the hooks: %s", error.text);
		if (!daemon->is_lock_open)
			sp_network_lock(daemon, false, &ignored);
		return r;
	}
	apply->staged = NULL; /* the plane's now */
	sp_revision_free(daemon->running);
	daemon->running = SP_TAKE_PTR(apply->next);
	return 0;
}

/* It runs. What follows may fail in part, and is then said, but nothing goes back. */
static int step_confirm(struct sp_apply *apply)
{
	struct sp_daemon *daemon = apply->daemon;
	struct sp_ebpf_error error = { 0 };
	int r = sp_store_confirm_revision(daemon->store, daemon->running->number);

	if (r < 0)
		sp_log_error("revision %" PRIu64 " runs, but the database did not take that: %s",
			     daemon->running->number, sp_store_error(daemon->store));
	if (!daemon->is_lock_open) {
		daemon->is_lock_open = true;
		r = sp_network_lock(daemon, true, &error);
		if (r < 0) {
			daemon->is_lock_open = false;
			return fail(apply, r, "failed", 1,
				    "the policy runs, but the second lock stays closed: %s",
				    error.text);
		}
	}
	r = sp_tunnel_raise(daemon);
	if (r < 0)
		return fail(apply, r, "failed", 1,
			    "the policy runs, but %s could not be set up: %s",
			    daemon->machine->tunnel, sp_err_text(r));
	sp_warnings_clear(&daemon->warnings, "stage-failed");
	sp_warnings_clear(&daemon->warnings, "policy-unreadable");
	return 0;
}

static int (*const steps[])(struct sp_apply *apply) = {
	step_check, step_test, step_number, step_store, step_stage, step_switch, step_confirm,
};

/* ---- the end ---- */

static void record_apply(struct sp_apply *apply)
{
	struct sp_audit_record record = SP_AUDIT_RECORD_INIT;

	record.event = SP_AUDIT_APPLY;
	record.reason = apply->why;
	record.by = apply->is_request ? apply->who : NULL;
	sp_recorder_append(apply->daemon, &record);
}

static void reply_success(struct sp_apply *apply, json_t *lost)
{
	const struct sp_revision *running = apply->daemon->running;
	size_t sessions = 0;

	for (struct sp_live *live = sp_live_next(&apply->daemon->people, NULL); live;
	     live = sp_live_next(&apply->daemon->people, live))
		sessions += live->state == SP_LIVE_OPEN;
	sp_client_reply(apply->client, json_pack(
		"{s:s, s:I, s:I, s:o, s:I, s:s, s:b, s:{s:I, s:O}, s:I}",
		"generation", running->generation, "revision", (json_int_t)running->number,
		"rules", (json_int_t)running->policy->rule_count,
		"diagnostics", sp_diagnose_policy(&apply->diagnostics),
		"tests", (json_int_t)apply->test_count,
		"tests_plane", apply->tests_plane ? apply->tests_plane : "reference",
		"unchanged", apply->is_unchanged,
		"changes", "sessions", (json_int_t)sessions, "lost_roles", lost,
		"milliseconds",
		(json_int_t)((sp_clock_boottime_ns() - apply->started_ns) / SP_MS_NS)));
}

static void finish(struct sp_apply *apply, int r)
{
	struct sp_daemon *daemon = apply->daemon;
	const bool is_running = apply->done >= APPLY_SWITCHED;
	struct sp_client *client = apply->client;
	json_t *lost = json_array();

	daemon->apply = NULL;
	if (is_running) {
		sp_log_note("revision %" PRIu64 " of generation %s runs (%s)",
			    daemon->running->number, daemon->running->generation, apply->why);
		record_apply(apply);
		sp_people_follow_policy(daemon, lost);
	}
	if (r < 0 && apply->is_request)
		sp_log_note("apply of %s: %s", apply->request.path, apply->message);
	else if (r < 0)
		sp_warnings_raise(&daemon->warnings, "stage-failed",
				  "a new revision (%s) failed, the former one goes on: %s",
				  apply->why, apply->message);
	if (client && r < 0)
		sp_client_fail(client, apply->code, apply->exit_code, SP_TAKE_PTR(apply->details),
			       "%s", apply->message);
	else if (client)
		reply_success(apply, lost);
	json_decref(lost);
	if (daemon->restage_why && !daemon->is_stopping) {
		const char *why = daemon->restage_why;

		daemon->restage_why = NULL;
		sp_apply_restage_soon(daemon, why);
	}
}

/* One step. 1: there are more; 0: through; -errno. */
static int advance(struct sp_apply *apply)
{
	char step[32];
	int r = steps[apply->done](apply);

	if (r < 0)
		return r;
	apply->done++;
	snprintf(step, sizeof(step), "apply-%s", step_names[apply->done]);
	sp_apply_passed(apply->daemon, step);
	return apply->done < APPLY_DONE - 1;
}

static void advance_in_round(void *arg)
{
	__sp_cleanup(apply_freep) struct sp_apply *apply = arg;
	int r = advance(apply);

	if (r <= 0) {
		finish(apply, r);
		return;
	}
	sp_loop_in(apply->daemon->loop, &apply->timer, 0);
	apply = NULL;
}

/* ---- starting ---- */

static int apply_new(struct sp_daemon *daemon, const char *path, const char *text, size_t len,
		     const char *why, struct sp_apply **ret_apply)
{
	__sp_cleanup(apply_freep) struct sp_apply *apply = calloc(1, sizeof(*apply));
	char *own_text;

	if (!apply)
		return -ENOMEM;
	apply->daemon = daemon;
	apply->why = why;
	apply->timer = (struct sp_timer){ .fire = advance_in_round, .arg = apply };
	apply->started_ns = sp_clock_boottime_ns();
	apply->applied_ns = daemon->running ? daemon->running->applied_ns : sp_clock_realtime_ns();
	apply->request.path = strdup(path);
	apply->request.text = own_text = malloc(len + 1);
	if (!apply->request.path || !own_text)
		return -ENOMEM;
	memcpy(own_text, text, len);
	own_text[len] = '\0';
	apply->request.text_len = len;
	snprintf(apply->who, sizeof(apply->who), "%s",
		 daemon->running && daemon->running->who ? daemon->running->who : "sallyportd");
	*ret_apply = SP_TAKE_PTR(apply);
	return 0;
}

int sp_apply_start(struct sp_daemon *daemon, struct sp_client *client,
		   const struct sp_apply_request *request)
{
	struct sp_apply *apply;
	int r;

	if (daemon->apply)
		return -EBUSY;
	r = apply_new(daemon, request->path, request->text, request->text_len, "apply", &apply);
	if (r < 0)
		return r;
	apply->is_request = true;
	apply->client = client;
	apply->applied_ns = sp_clock_realtime_ns();
	apply->request.is_forced = request->is_forced;
	apply->request.has_connection = request->has_connection;
	apply->request.connection = request->connection;
	snprintf(apply->who, sizeof(apply->who), "%s", sp_client_who(client));
	daemon->apply = apply;
	sp_loop_in(daemon->loop, &apply->timer, 0);
	return 0;
}

static int new_restage(struct sp_daemon *daemon, const char *why, struct sp_apply **ret_apply)
{
	const struct sp_file *file = &daemon->running->policy->files[0];

	return apply_new(daemon, file->path, file->text, file->text_len, why, ret_apply);
}

void sp_apply_restage_soon(struct sp_daemon *daemon, const char *why)
{
	if (daemon->apply) {
		daemon->restage_why = why;
		return;
	}
	if (!daemon->running || new_restage(daemon, why, &daemon->apply) < 0)
		return; /* nothing runs that could be made anew */
	sp_loop_in(daemon->loop, &daemon->apply->timer, 0);
}

static int run_through(struct sp_daemon *daemon, struct sp_apply *made)
{
	__sp_cleanup(apply_freep) struct sp_apply *apply = made;
	int r;

	daemon->apply = apply;
	do
		r = advance(apply);
	while (r > 0);
	finish(apply, r);
	return r;
}

int sp_apply_restage_now(struct sp_daemon *daemon, const char *why)
{
	struct sp_apply *apply;
	int r;

	if (daemon->apply || !daemon->running)
		return -EBUSY;
	r = new_restage(daemon, why, &apply);
	return r < 0 ? r : run_through(daemon, apply);
}

int sp_apply_resume(struct sp_daemon *daemon)
{
	const uint64_t running = sp_ebpf_running_revision(daemon->plane);
	__sp_cleanup(sp_store_revision_done) struct sp_store_revision row = { 0 };
	__sp_cleanup(sp_store_file_done) struct sp_store_file file = { 0 };
	struct sp_apply *apply;
	int r = running ? sp_store_get_revision(daemon->store, running, &row) : -ENOENT;

	if (r == -ENOENT)
		r = sp_store_last_confirmed(daemon->store, &row);
	if (r == 0)
		r = sp_store_get_file(daemon->store, row.generation, &file);
	if (r == -ENOENT && !running)
		return r;
	if (r == 0)
		r = apply_new(daemon, file.path, file.text, file.len, "start", &apply);
	if (r == 0) {
		snprintf(apply->who, sizeof(apply->who), "%s", row.who);
		apply->applied_ns = row.time_ns;
		r = run_through(daemon, apply);
	}
	if (r < 0 && running)
		sp_warnings_raise(&daemon->warnings, "policy-unreadable",
				  "the kernel goes on with revision %" PRIu64 ", but its policy cannot be "
				  "read (%s): nobody can sign in until one is applied", running,
				  sp_err_text(r));
	return r;
}

void sp_apply_forget_client(struct sp_daemon *daemon, const struct sp_client *client)
{
	if (daemon->apply && daemon->apply->client == client)
		daemon->apply->client = NULL;
}

int sp_apply_add_identity(struct sp_daemon *daemon, const struct sp_live *live,
			  uint64_t *ret_revision, uint32_t ret_class[2], uint32_t ret_netset[2])
{
	struct sp_apply *apply = daemon->apply;
	__sp_free uint32_t *roles = NULL;
	struct sp_identity identity;
	int r;

	if (!apply || !apply->staged)
		return 0;
	r = sp_live_identity(live, apply->next->policy, &identity, &roles);
	if (r == 0)
		r = sp_tables_add_identity(apply->next->tables, &identity, ret_class, ret_netset);
	if (r == 0)
		r = sp_ebpf_staged_extend(apply->staged, apply->next->tables);
	if (r < 0)
		return r;
	*ret_revision = apply->next->number;
	return 1;
}

void sp_apply_drop(struct sp_daemon *daemon)
{
	apply_free(SP_TAKE_PTR(daemon->apply));
}
