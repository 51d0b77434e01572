/* SPDX-License-Identifier: GPL-3.0-or-later */
/* sallyport check: validate, lint, run the policy's tests. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "cli/cli.h"
#include "cli/files/source.h"
#include "io/loop/clock.h"
#include "judge/describe.h"
#include "net/addr.h"
#include "plane/planes.h"

static int finish_invalid(const struct sp_cli *cli, const struct sp_policy_source *source)
{
	if (!cli->json) {
		sp_source_print_diagnostics(cli, &source->diagnostics);
		return SP_EXIT_INVALID;
	}
	sp_cli_print_json(json_pack("{s:i, s:b, s:o, s:i}", "v", 1, "ok", 0, "diagnostics",
				    sp_describe_diagnostics(&source->diagnostics), "dropped",
				    (int)source->diagnostics.dropped_count));
	return SP_EXIT_INVALID;
}

/* `10.30.9.4:22/tcp`, `10.30.9.4/icmp`: what explain takes as --to. */
static void format_target(const struct sp_tuple *tuple, char *buf, size_t size)
{
	const bool is_v6 = !sp_addr_is_v4(&tuple->destination);
	char addr[SP_ADDR_TEXT_MAX];
	const char *name = tuple->proto == 6 ? "tcp" : tuple->proto == 17 ? "udp" : "sctp";

	sp_addr_format(&tuple->destination, addr);
	if (tuple->proto == 6 || tuple->proto == 17 || tuple->proto == 132)
		snprintf(buf, size, "%s%s%s:%u/%s", is_v6 ? "[" : "", addr, is_v6 ? "]" : "",
			 tuple->destination_port, name);
	else if (tuple->proto == (is_v6 ? 58 : 1))
		snprintf(buf, size, "%s/icmp", addr);
	else
		snprintf(buf, size, "%s/proto/%u", addr, tuple->proto);
}

static void print_failed_test(const struct sp_policy_source *source,
			      const struct sp_test_result *result)
{
	const struct sp_test *test = result->test;
	const char *got_rule = sp_policy_rule_name(source->policy, result->judgement.answer.rule);
	char target[96], from[SP_ADDR_TEXT_MAX], words[SP_TEST_WORDS_MAX];

	sp_cli_say("%s:%u:%u: test failed: %s", source->policy->files[test->place.file].path,
		   test->place.line, test->place.column,
		   sp_judge_test_words(source->policy, result, words));
	if (!result->judgement.plane) {
		sp_cli_say(": no packet fits it: its destinations, services and sources share no "
			   "address family\n");
		return;
	}
	sp_cli_say(": %s", result->judgement.answer.verdict == SP_ALLOW ? "allowed" : "denied");
	if (got_rule)
		sp_cli_say(" by rule %s", got_rule);
	else
		sp_cli_say(" (%s)", sp_reason_name(result->judgement.answer.reason));
	if (test->is_only)
		sp_cli_say(", and %s", result->differs);
	else
		sp_cli_say(", expected %s", sp_verdict_name(test->expect));
	if (test->rule)
		sp_cli_say(" by rule %s", test->rule);
	if (result->judgement.disagree)
		sp_cli_say("; the reference says %s (reason %s): this is a defect of Sallyport",
			   sp_verdict_name(result->judgement.reference.verdict),
			   sp_reason_name(result->judgement.reference.reason));
	format_target(&result->tuple, target, sizeof(target));
	sp_cli_say(" (asked: %s to %s)\n", sp_addr_format(&result->tuple.source, from), target);
}

/* "2 rules, 2 exposed, 1 protected, 1 not enabled, " */
static void print_counts(const struct sp_policy *policy)
{
	size_t exposed = 0, protected = 0, rules;

	for (size_t i = 0; i < policy->rule_count; i++) {
		exposed += policy->rules[i].kind == SP_RULE_EXPOSE;
		protected += policy->rules[i].kind == SP_RULE_PROTECT;
	}
	rules = policy->rule_count - exposed - protected;
	sp_cli_print("%zu rule%s, ", rules, rules == 1 ? "" : "s");
	if (exposed)
		sp_cli_print("%zu exposed, ", exposed);
	if (protected)
		sp_cli_print("%zu protected, ", protected);
	if (policy->disabled_count)
		sp_cli_print("%zu not enabled, ", policy->disabled_count);
}

static int print_results(const struct sp_cli *cli, const struct sp_policy_source *source,
			 const struct sp_test_result *results, size_t count, const char *plane)
{
	const struct sp_plane_ops *ops = sp_plane_find(sp_planes, plane);
	size_t failed = 0;
	char generation[65];

	for (size_t i = 0; i < count; i++)
		failed += !results[i].passed;
	sp_generation_short(source->policy->generation, generation);
	if (cli->json) {
		sp_cli_print_json(
			json_pack("{s:i, s:b, s:s, s:s, s:i, s:i, s:o, s:o}", "v", 1, "ok",
				  failed == 0, "generation", generation, "plane", plane, "rules",
				  (int)source->policy->rule_count, "failed", (int)failed, "tests",
				  sp_describe_tests(source->policy, results, count), "diagnostics",
				  sp_describe_diagnostics(&source->diagnostics)));
		return failed ? SP_EXIT_TESTS : SP_EXIT_OK;
	}
	sp_source_print_diagnostics(cli, &source->diagnostics);
	for (size_t i = 0; i < count; i++)
		if (!results[i].passed)
			print_failed_test(source, &results[i]);
	sp_cli_wrap(4);
	sp_cli_print("%s%s%s  ", sp_cli_paint(cli, failed ? SP_RED : SP_GREEN),
		     failed ? "not ok" : "ok", sp_cli_paint(cli, SP_PLAIN));
	print_counts(source->policy);
	if (count)
		sp_cli_print("%zu of %zu tests passed (by %s)  generation %s\n", count - failed,
			     count, ops ? ops->judges : "the reference", generation);
	else
		sp_cli_print("no tests  generation %s\n", generation);
	return failed ? SP_EXIT_TESTS : SP_EXIT_OK;
}

static int run_checked(const struct sp_cli *cli, const struct sp_policy_source *source,
		       const struct sp_judge_planes *planes)
{
	__sp_free struct sp_test_result *results = NULL;
	const struct sp_facts facts = sp_clock_facts();
	struct sp_plane_error error = { 0 };
	const char *plane = "reference";
	size_t count = 0;
	int r;

	r = sp_judge_run_tests(source->policy, source->gateway, &facts, planes, &results, &count,
			       &plane, &error);
	if (r < 0)
		return sp_cli_fail(SP_EXIT_FAILED, "running the tests: %s",
				   *error.text ? error.text : sp_judge_fault(r));
	if (count && planes->count && !sp_judge_is_plane(plane))
		sp_cli_say("sallyport: the tests were judged by the reference alone: %s\n",
			   planes->items[0]->judge_needs ? planes->items[0]->judge_needs
							 : "the plane judges none");
	return print_results(cli, source, results, count, plane);
}

/* Has the plane what the policy needs: the one that --plane names, else that of the machine file,
 * else one of this build's? */
static int check_plane(struct sp_policy_source *source, const char *plane)
{
	const char *name = plane;

	if (plane && !strcmp(plane, SP_JUDGE_REFERENCE) && !source->machine)
		return 0;
	if (!plane || !strcmp(plane, SP_JUDGE_REFERENCE))
		name = source->machine ? source->machine->plane : SP_PLANE_AUTO;
	return sp_plane_check_policy(sp_planes, name, source->policy, &source->diagnostics);
}

int sp_cli_check(struct sp_cli *cli, int argc, char **argv)
{
	__sp_cleanup(sp_policy_source_done) struct sp_policy_source source = SP_POLICY_SOURCE_INIT;
	const char *machine = NULL, *plane = NULL, *path[1];
	const struct sp_option options[] = {
		{ "gateway", NULL, &machine, "FILE",
		  "with the machine of this sallyport.yaml: does the policy fit it?" },
		{ "plane", NULL, &plane, "PLANE", sp_cli_plane_help(), sp_cli_plane_values() },
		{ 0 },
	};
	struct sp_judge_planes planes;
	size_t path_count;
	int r;

	r = sp_cli_options(cli, "check", argc, argv, options, path, 1, &path_count);
	if (r != 0)
		return sp_cli_options_exit(r);
	if (path_count != 1)
		return sp_cli_fail(SP_EXIT_USAGE, "check needs a policy file");
	sp_cli_choose_planes(plane, &planes);
	r = sp_policy_source_load(path[0], machine, &source);
	if (r == SP_EXIT_INVALID)
		return finish_invalid(cli, &source);
	if (r != SP_EXIT_OK)
		return r;
	r = check_plane(&source, plane);
	if (r < 0)
		return r == -EINVAL ? finish_invalid(cli, &source)
				    : sp_cli_fail(SP_EXIT_FAILED, "checking %s: %s", path[0],
						  sp_err_text(r));
	return run_checked(cli, &source, &planes);
}
