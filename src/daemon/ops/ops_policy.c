/* SPDX-License-Identifier: GPL-3.0-or-later */
/* check, apply, history; ops_confirm.c has confirm and rollback. */
#include <errno.h>
#include <string.h>

#include "base/err.h"
#include "daemon/apply/again.h"
#include "daemon/apply/apply.h"
#include "daemon/ops/ops.h"
#include "daemon/ops/sent.h"
#include "io/loop/clock.h"
#include "json/text.h"
#include "judge/describe.h"
#include "net/addr.h"
#include "policy/addresses/filled.h"

/* A policy that is checked and tested as an apply would, in a thread. */
struct check {
	struct sp_work work;
	struct sp_sent_policy sent;
	struct sp_test_result *tests;
	size_t test_count;
	const char *tests_plane;
	int tested; /* what running its tests returned */
	struct sp_plane_error error;
};

static void check_free(void *arg)
{
	struct check *check = arg;

	if (!check)
		return;
	free(check->tests);
	sp_sent_policy_done(&check->sent);
	free(check);
}

static void check_freep(struct check **check)
{
	check_free(*check);
}

static void check_run(void *arg)
{
	struct check *check = arg;
	const struct sp_judge_planes planes = { &check->sent.plane->ops, 1, false };
	const struct sp_facts facts = sp_clock_facts();
	__sp_cleanup(sp_policy_freep) struct sp_policy *policy = NULL;
	int r;

	if (sp_sent_policy_read(&check->sent) < 0)
		return;
	r = sp_policy_number_rules(check->sent.policy, NULL, NULL);
	if (r == 0)
		r = sp_policy_fill_fixtures(check->sent.policy, &policy);
	if (r == 0)
		r = sp_judge_run_tests(policy, &policy->fixtures.gateway, &facts, &planes,
				       &check->tests, &check->test_count, &check->tests_plane,
				       &check->error);
	check->tested = r;
}

static void reply_tests(const struct check *check)
{
	const struct sp_policy *policy = check->sent.policy;
	json_t *diagnostics = sp_describe_diagnostics(&check->sent.diagnostics);
	json_t *tests = sp_describe_tests(policy, check->tests, check->test_count);
	char generation[13];
	size_t failed = 0;

	for (size_t i = 0; i < check->test_count; i++)
		failed += !check->tests[i].passed;
	if (failed)
		sp_client_fail(check->work.client, "tests-failed", 4,
			       json_pack("{s:o, s:o}", "tests", tests, "diagnostics", diagnostics),
			       "%zu of %zu tests failed", failed, check->test_count);
	else
		sp_client_reply(check->work.client,
				json_pack("{s:s, s:I, s:o, s:o, s:s}", "generation",
					  sp_generation_format(policy->generation, generation),
					  "rules", (json_int_t)policy->rule_count, "diagnostics",
					  diagnostics, "tests", tests, "tests_plane",
					  check->tests_plane));
}

static void check_answer(void *arg)
{
	const struct check *check = arg;

	if (check->sent.read < 0)
		sp_sent_policy_fail(&check->sent, check->work.client);
	else if (check->tested < 0)
		sp_client_fail(
			check->work.client, "failed", 1, NULL, "running the policy's tests: %s",
			check->error.text[0] ? check->error.text : sp_judge_fault(check->tested));
	else
		reply_tests(check);
}

void sp_op_check(struct sp_ops *ops, struct sp_client *client, const struct sp_request *request)
{
	__sp_cleanup(check_freep) struct check *check = calloc(1, sizeof(*check));

	if (!check) {
		sp_client_fail(client, "failed", 1, NULL, "out of memory");
		return;
	}
	if (!sp_sent_policy_take(ops, client, request, &check->sent))
		return;
	check->tests_plane = SP_JUDGE_REFERENCE;
	check->work = (struct sp_work){ .client = client,
					.run = check_run,
					.answer = check_answer,
					.free = check_free,
					.arg = check };
	sp_works_put(ops->works, &check->work);
	check = NULL;
}

bool sp_op_read_connection(struct sp_client *client, json_t *json, struct sp_apply_request *apply)
{
	const char *source, *destination;
	int source_port, destination_port;
	struct sp_connection *connection = &apply->connection;

	if (!json || json_is_null(json))
		return true;
	if (json_unpack(json, "{s:s, s:i, s:s, s:i !}", "source", &source, "source_port",
			&source_port, "destination", &destination, "destination_port",
			&destination_port) < 0 ||
	    sp_addr_parse(source, &connection->source) < 0 ||
	    sp_addr_parse(destination, &connection->destination) < 0 || source_port < 1 ||
	    source_port > 65535 || destination_port < 1 || destination_port > 65535) {
		sp_client_fail(client, "bad-request", 2, NULL,
			       "connection has source, source_port, destination, destination_port");
		return false;
	}
	connection->source_port = (uint16_t)source_port;
	connection->destination_port = (uint16_t)destination_port;
	apply->has_connection = true;
	return true;
}

void sp_op_apply(struct sp_ops *ops, struct sp_client *client, const struct sp_request *request)
{
	__sp_cleanup(sp_files_done) struct sp_files files = { 0 };
	struct sp_apply_request apply = { .files = &files };
	json_t *connection = NULL, *confirm = NULL, *list = NULL;
	const char *path = NULL;
	int force = 0, r;

	if (!sp_op_unpack(client, request, "{s?s, s?o, s?b, s?o, s?o}", "path", &path, "files",
			  &list, "force", &force, "connection", &connection, "confirm", &confirm) ||
	    !sp_sent_files_read(client, request, path, list, &files) ||
	    !sp_op_read_connection(client, connection, &apply) ||
	    !sp_op_read_confirm(client, confirm, &apply.confirm))
		return;
	apply.is_forced = force;
	if (!sp_op_may_stage(ops, client, request, force && !apply.confirm.wait_s))
		return;
	r = sp_apply_start(ops->applies, client, &apply); /* it answers when the apply ends */
	if (r == -EBUSY)
		sp_again_wait(ops->applies, client, request);
	else if (r < 0)
		sp_client_fail(client, "failed", 1, NULL,
			       "the apply cannot begin: %s; the running policy is unchanged",
			       sp_err_text(r));
}

struct history {
	struct sp_ops *ops;
	json_t *list;
	bool has_running;
};

/* Ran and was never confirmed: it waits for that, or the one before it has returned. */
static const char *state_of(const struct sp_ops *ops, const struct sp_store_revision *revision)
{
	const struct sp_confirming *confirming = &ops->applies->confirming;

	if (revision->is_confirmed)
		return "confirmed";
	return confirming->state == SP_PENDING_OPEN &&
			       confirming->pending.revision == revision->number
		       ? "pending"
		       : "reverted";
}

static int list_apply(void *arg, const struct sp_store_revision *revision)
{
	struct history *history = arg;
	const struct sp_revision *running = history->ops->revisions->running;
	const bool is_running = running && !history->has_running &&
				!memcmp(running->policy->generation, revision->generation, 32);
	char generation[13];

	history->has_running |= is_running;
	json_array_append_new(
		history->list,
		json_pack("{s:s, s:o, s:s, s:o, s:I, s:I, s:b, s:s, s:b}", "generation",
			  sp_generation_format(revision->generation, generation), "applied",
			  sp_json_time(revision->time_ns), "who", revision->who, "path",
			  sp_json_of_text(revision->path), "revision", (json_int_t)revision->number,
			  "rules", (json_int_t)revision->rules, "confirmed", revision->is_confirmed,
			  "state", state_of(history->ops, revision), "running", is_running));
	return 0;
}

void sp_op_history(struct sp_ops *ops, struct sp_client *client, const struct sp_request *request)
{
	struct history history = { .ops = ops };
	__sp_json json_t *list = NULL;
	json_int_t limit = 20;
	int r;

	if (!sp_op_unpack(client, request, "{s?I}", "limit", &limit))
		return;
	if (limit < 1 || limit > 1000) {
		sp_client_fail(client, "bad-request", 2, NULL, "limit is 1 to 1000");
		return;
	}
	history.list = list = json_array();
	r = sp_store_each_apply(ops->store, (uint32_t)limit, list_apply, &history);
	if (r < 0)
		sp_client_fail(client, "failed", 1, NULL, "reading the history: %s",
			       sp_store_error(ops->store));
	else
		sp_client_reply(client, json_pack("{s:O}", "generations", list));
}
