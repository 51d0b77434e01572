/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The steps of an apply, in their order. */
#include "daemon/apply/apply_steps.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "daemon/apply/reload.h"
#include "judge/describe.h"
#include "judge/fit.h"

static int apply_fail(struct sp_apply *apply, int r, const char *code, int exit_code,
		      const char *format, ...) __attribute__((format(printf, 5, 6)));

static int apply_fail(struct sp_apply *apply, int r, const char *code, int exit_code,
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

/* May this policy be applied, if it is the first one or touches the administrator's own
 * connection? */
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

/* Ask the new policy about a new connection like the one that the command came by. */
static int judge_connection(struct sp_apply *apply, struct sp_judgement *ret_judgement)
{
	const struct sp_connection *connection = &apply->request.connection;
	const struct sp_gateway *gateway = &apply->applies->host->gateway;
	const struct sp_tuple tuple = {
		.source = connection->source,
		.destination = connection->destination,
		.source_port = connection->source_port,
		.destination_port = connection->destination_port,
		.proto = 6,
	};
	__sp_cleanup(sp_judge_freep) struct sp_judge *judge = NULL;
	const struct sp_live *live = sp_live_of_address(apply->applies->people, &tuple.source);
	struct sp_plane_error error = { 0 };
	int r = sp_judge_new(apply->policy, gateway, &(struct sp_judge_planes){ 0 }, &judge,
			     &error);

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
	struct sp_applies *applies = apply->applies;
	const struct sp_connection *connection = &apply->request.connection;
	struct sp_judgement judgement;
	const char *rule;
	int r;

	if (!applies->revisions->running && !sp_plane_running_revision(applies->plane) &&
	    !protects_self(apply->policy))
		return apply_fail(
			apply, -EPERM, "needs-force", 1,
			"this would be the first policy, and it has no `protect` entry to `self`: "
			"nothing would keep a way in for you; add one, or say --force");
	if (!apply->request.has_connection ||
	    !is_self(&applies->host->gateway, &connection->destination) ||
	    is_self(&applies->host->gateway, &connection->source))
		return 0; /* the command came by a way that is not governed */
	r = judge_connection(apply, &judgement);
	if (r < 0)
		return apply_fail(apply, r, "failed", 1, "judging your connection: %s",
				  sp_judge_fault(r));
	if (judgement.answer.verdict == SP_ALLOW)
		return 0;
	rule = sp_policy_rule_name(apply->policy, judgement.answer.rule);
	return apply_fail(
		apply, -EPERM, "needs-force", 1,
		"it would cut the connection you came by (port %u; %s, rule %s); add a `protect` "
		"entry for it, or say --force",
		connection->destination_port, sp_reason_name(judgement.answer.reason),
		rule ? rule : "none");
}

/* Checked before anything is attached. An apply that an administrator asked for is refused; a
 * revision made again goes on with the other interfaces. */
static int refuse_unfit(struct sp_apply *apply)
{
	const struct sp_host_interface *unfit = sp_host_find_unfit(apply->applies->host);

	if (!unfit || !apply->is_request)
		return 0;
	return apply_fail(apply, -EOPNOTSUPP, "interface-unfit", 1, "%s cannot be %s: %s",
			  unfit->name, sp_zone_name(unfit->zone), unfit->unfit);
}

/* Warn the administrator of what shuts people out although the policy is valid. */
static int check_fit(struct sp_apply *apply)
{
	const struct sp_applies *applies = apply->applies;
	const struct sp_fit fit = { apply->policy, *applies->machine, &applies->host->gateway,
				    applies->paths->idp_dir };
	const int r = sp_judge_fit(&fit, &apply->diagnostics);

	return r < 0 ? apply_fail(apply, r, "failed", 1, "reading the policy: %s", sp_err_text(r))
		     : 0;
}

/* There is nothing to read if only the machine changed: the running policy was checked when it was
 * applied. */
static int check_begin(struct sp_apply *apply)
{
	return apply->files.count || apply->reload;
}

static void check_work(struct sp_apply *apply)
{
	int r;

	if (apply->reload) {
		apply->worked = sp_reload_read(apply->reload, apply->applies);
		return;
	}
	r = sp_policy_load_files(apply->files.list, apply->files.count, &apply->policy,
				 &apply->diagnostics);
	if (r == 0)
		r = sp_plane_check(apply->applies->plane->ops, apply->policy, &apply->diagnostics);
	if (r == 0)
		r = sp_policy_number_rules(apply->policy, NULL, NULL);
	if (r == 0 && apply->is_request)
		r = sp_reach_lint(apply->policy, *apply->applies->machine, &apply->diagnostics);
	apply->worked = r;
}

/* Without a revision that runs there is none to make anew. */
static int take_machine(struct sp_apply *apply)
{
	apply->is_over = !apply->applies->revisions->running;
	return sp_reload_take(apply->applies, apply->reload, apply->worked);
}

static int check_end(struct sp_apply *apply)
{
	const struct sp_revision *running = apply->applies->revisions->running;
	int r = apply->worked;

	if (apply->reload)
		return take_machine(apply);
	if (r == -EINVAL) {
		apply->details = json_pack("{s:o}", "diagnostics",
					   sp_describe_diagnostics(&apply->diagnostics));
		return apply_fail(apply, r, "policy-invalid", 3, "%s has %zu error%s",
				  apply->files.list[0].path, apply->diagnostics.error_count,
				  apply->diagnostics.error_count == 1 ? "" : "s");
	}
	if (r < 0)
		return apply_fail(apply, r, "failed", 1, "reading the policy: %s", sp_err_text(r));
	r = refuse_unfit(apply);
	if (r == 0 && apply->is_request)
		r = check_fit(apply);
	if (r < 0)
		return r;
	apply->is_unchanged =
		running && !memcmp(running->policy->generation, apply->policy->generation, 32);
	if (!apply->is_request)
		return 0;
	r = sp_policy_compare(running ? running->policy : NULL, apply->policy, &apply->change);
	if (r < 0)
		return apply_fail(apply, r, "failed", 1, "comparing it with what runs: %s",
				  sp_err_text(r));
	return apply->request.is_forced ? 0 : guard_administrator(apply);
}

/* Are there no tests, or did the policy pass them when it was applied? */
static int test_begin(struct sp_apply *apply)
{
	return apply->is_request && apply->policy->test_count;
}

static void test_work(struct sp_apply *apply)
{
	const struct sp_judge_planes planes = { &apply->applies->plane->ops, 1, false };

	apply->worked = sp_judge_run_tests(apply->policy, &apply->policy->fixtures.gateway, &planes,
					   &apply->tests, &apply->test_count, &apply->tests_plane,
					   &apply->error);
}

static int test_end(struct sp_apply *apply)
{
	const int r = apply->worked;
	size_t failed = 0, disagreeing = 0;

	if (r < 0)
		return apply_fail(apply, r, "failed", 1, "running the policy's tests: %s",
				  apply->error.text[0] ? apply->error.text : sp_judge_fault(r));
	for (size_t i = 0; i < apply->test_count; i++) {
		failed += !apply->tests[i].passed;
		disagreeing += apply->tests[i].judgement.disagree;
	}
	if (!failed)
		return 0;
	apply->details =
		json_pack("{s:o}", "tests",
			  sp_describe_tests(apply->policy, apply->tests, apply->test_count));
	if (disagreeing)
		return apply_fail(
			apply, -EPROTO, "disagreement", 1,
			"%zu tests: the reference and the kernel's programs answer differently; "
			"this is a defect of Sallyport, please report it",
			disagreeing);
	return apply_fail(apply, -EINVAL, "tests-failed", 4, "%zu of %zu tests failed", failed,
			  apply->test_count);
}

/* The next of the policy's rules get the numbers that their names have for good, in a transaction
 * of their own. */
static int find_numbers(struct sp_apply *apply)
{
	const struct sp_policy *policy = apply->policy;
	const uint64_t until_ns = sp_clock_boottime_ns() + SP_LOOP_SLICE_NS;
	struct sp_store *store = apply->applies->store;
	int r = sp_store_begin(store);

	while (r == 0 && apply->numbered < policy->rule_count &&
	       sp_clock_boottime_ns() < until_ns) {
		r = sp_store_rule_number(store, policy->rules[apply->numbered].name,
					 &apply->numbers[apply->numbered]);
		apply->numbered += r == 0;
	}
	if (r == 0)
		r = sp_store_commit(store);
	if (r < 0)
		sp_store_cancel(store);
	if (r == -ENOSPC)
		return apply_fail(
			apply, r, "table-full", 1,
			"all %u rule numbers are used: a number belongs to its name for good",
			SP_RULE_MAX - 1);
	if (r < 0)
		return apply_fail(apply, r, "failed", 1, "numbering the rules: %s",
				  sp_store_error(store));
	return apply->numbered < policy->rule_count ? SP_APPLY_GOES_ON : 0;
}

/* The rules are asked for in their order. */
static int take_number(void *arg, const char *name, uint32_t *ret_number)
{
	struct sp_apply *apply = arg;

	(void)name;
	*ret_number = apply->numbers[apply->numbered++];
	return 0;
}

/* Of a policy that was read; the one that runs has its numbers. */
static int number_rules(struct sp_apply *apply)
{
	int r;

	if (!apply->numbers &&
	    !(apply->numbers = calloc(apply->policy->rule_count + 1, sizeof(*apply->numbers))))
		return apply_fail(apply, -ENOMEM, "failed", 1, "out of memory");
	r = find_numbers(apply);
	if (r != 0)
		return r;
	apply->numbered = 0;
	r = sp_policy_number_rules(apply->policy, take_number, apply);
	return r < 0 ? apply_fail(apply, r, "failed", 1, "numbering the rules: %s", sp_err_text(r))
		     : 0;
}

static int number_begin(struct sp_apply *apply)
{
	struct sp_applies *applies = apply->applies;
	int r = apply->policy ? number_rules(apply) : 0;

	if (r != 0)
		return r;
	r = apply->policy ? sp_revision_new(SP_TAKE_PTR(apply->policy), &applies->host->gateway,
					    &apply->next)
			  : sp_revision_again(applies->revisions->running, &applies->host->gateway,
					      &apply->next);
	return r < 0 ? apply_fail(apply, r, "failed", 1, "out of memory") : 1;
}

static void number_work(struct sp_apply *apply)
{
	apply->worked =
		sp_tables_compile(apply->next->policy, &apply->next->gateway, &apply->next->tables);
}

static int number_end(struct sp_apply *apply)
{
	const int r = apply->worked;

	if (r == -E2BIG)
		return apply_fail(apply, r, "table-full", 1,
				  "the policy needs more table rows than there can be");
	if (r < 0)
		return apply_fail(apply, r, "failed", 1, "compiling: %s", sp_err_text(r));
	if (apply->next->is_policy_borrowed)
		sp_revision_expect(apply->next, apply->applies->revisions->running);
	return 0;
}

/* Above every number there was: of the database, and of what runs where that was put back from a
 * copy. */
static int number_revision(struct sp_applies *applies, uint64_t *ret_number)
{
	const uint64_t running = sp_plane_running_revision(applies->plane);
	uint64_t last;
	int r = sp_store_get_mark(applies->store, "revision", &last);

	if (r < 0)
		return r;
	*ret_number = sp_plane_next_revision(applies->plane, (last > running ? last : running) + 1);
	return sp_store_set_mark(applies->store, "revision", *ret_number);
}

/* Store the text and the intent before the kernel runs the revision: a restart then knows which
 * policy each revision is of. */
static int store_begin(struct sp_apply *apply)
{
	struct sp_applies *applies = apply->applies;
	struct sp_revision *next = apply->next;
	const struct sp_policy *policy = next->policy;
	struct sp_store_revision row = {
		.time_ns = apply->applied_ns,
		.who = apply->who,
		.rules = (uint32_t)policy->rule_count,
	};
	int r = sp_store_begin(applies->store);

	memcpy(row.generation, policy->generation, sizeof(row.generation));
	if (r == 0)
		r = number_revision(applies, &next->number);
	row.number = next->number;
	if (r == 0)
		r = sp_store_put_revision(applies->store, &row, policy->files,
					  apply->is_request ? policy->file_count : 0);
	if (r == 0)
		r = sp_store_commit(applies->store);
	if (r < 0) {
		apply_fail(apply, r, "failed", 1, "keeping the generation: %s",
			   sp_store_error(applies->store));
		sp_store_cancel(applies->store);
		return r;
	}
	next->applied_ns = row.time_ns;
	next->who = strdup(apply->who);
	return next->who ? 0 : apply_fail(apply, -ENOMEM, "failed", 1, "out of memory");
}

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
		return apply_fail(apply, r, r == -E2BIG ? "table-full" : "failed", 1,
				  "giving the sessions their class: %s", sp_judge_fault(r));
	return r > 0 ? SP_APPLY_GOES_ON : 0;
}

static int fail_tables(struct sp_apply *apply, int r)
{
	return apply_fail(apply, r, "failed", 1, "loading the tables: %s",
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
		return apply_fail(
			apply, r, "table-full", 1,
			"more people signed in meanwhile than it had room for; apply it again");
	return r < 0 ? fail_tables(apply, r) : 0;
}

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
		return apply_fail(apply, apply->worked, "failed", 1, "loading the programs: %s",
				  apply->error.text);
	sp_plane_staged_complete(apply->applies->revisions->staged->loaded);
	return 0;
}

static int switch_begin(struct sp_apply *apply)
{
	struct sp_applies *applies = apply->applies;
	struct sp_plane_error error = { 0 };
	int r = sp_network_lock(applies->network, true, &error);

	if (r < 0)
		return apply_fail(apply, r, "failed", 1, "second lock: %s", error.text);
	r = sp_plane_commit(applies->plane, applies->revisions->staged->loaded,
			    applies->host->hooked, applies->host->hooked_count, &error);
	if (r < 0) {
		struct sp_plane_error ignored;

		apply_fail(apply, r, "failed", 1, "switching the hooks: %s", error.text);
		if (!*applies->is_lock_open)
			sp_network_lock(applies->network, false, &ignored);
		return r;
	}
	sp_revisions_switched(applies->revisions);
	return 0;
}

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
			return apply_fail(apply, r, "failed", 1,
					  "the policy runs, but the second lock stays closed: %s",
					  error.text);
		}
	}
	r = sp_tunnel_raise(applies->network);
	if (r < 0)
		return apply_fail(apply, r, "failed", 1,
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

/* The kernel judges by it already; whom it leaves without a role, or a shorter time, is told so
 * now. */
static int follow_begin(struct sp_apply *apply)
{
	return sp_sessions_follow_policy(apply->applies->people, &apply->follow, apply->lost)
		       ? SP_APPLY_GOES_ON
		       : 0;
}

/* Indexed by the step that is done: the step that follows. */
static const struct step {
	int (*begin)(struct sp_apply *apply);
	void (*work)(struct sp_apply *apply); /* NULL: none, all is done in begin */
	int (*end)(struct sp_apply *apply);
} steps[] = {
	{ check_begin, check_work, check_end },
	{ test_begin, test_work, test_end },
	{ number_begin, number_work, number_end },
	{ .begin = store_begin },
	{ .begin = class_begin },
	{ fill_begin, fill_work, fill_end },
	{ stage_begin, stage_work, stage_end },
	{ .begin = switch_begin },
	{ .begin = confirm_begin },
	{ .begin = follow_begin },
};

int sp_apply_step_begin(struct sp_apply *apply)
{
	return steps[apply->done].begin(apply);
}

void sp_apply_step_work(struct sp_apply *apply)
{
	steps[apply->done].work(apply);
}

int sp_apply_step_end(struct sp_apply *apply)
{
	return steps[apply->done].end(apply);
}
