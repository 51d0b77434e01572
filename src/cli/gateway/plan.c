/* SPDX-License-Identifier: GPL-3.0-or-later */
/* sallyport plan: what a policy would change, of the running one or of another file. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "base/str.h"
#include "cli/cli.h"
#include "cli/files/gather.h"
#include "cli/files/source.h"
#include "cli/gateway/client.h"
#include "cli/screen/render.h"
#include "io/loop/clock.h"
#include "judge/describe.h"
#include "judge/plan/plan.h"

#define EXIT_DIFFERS SP_EXIT_FAILED

/* 1 is for a policy that differs: whatever goes wrong otherwise is 2, as of diff(1). */
static int trouble(int exit_code)
{
	return exit_code == SP_EXIT_FAILED ? SP_EXIT_USAGE : exit_code;
}

static void print_rules(json_t *rules)
{
	size_t i;
	json_t *item;

	json_array_foreach(rules, i, item) {
		sp_cli_print("%s %s %s", sp_json_text(item, "kind"), sp_json_text(item, "rule"),
			     sp_json_text(item, "change"));
		if (*sp_json_text(item, "file"))
			sp_cli_print(" (%s:%lld)", sp_json_text(item, "file"),
				     sp_json_integer(item, "line"));
		sp_cli_print("\n");
	}
}

static void print_changes(const struct sp_cli *cli, json_t *changes)
{
	size_t i;
	json_t *item;

	json_array_foreach(changes, i, item) {
		const bool is_gain = !strcmp(sp_json_text(item, "change"), "gain");

		sp_cli_print("%s%s%s %s\n", sp_cli_paint(cli, is_gain ? SP_GREEN : SP_RED),
			     is_gain ? "+" : "-", sp_cli_paint(cli, SP_PLAIN),
			     sp_json_text(item, "words"));
	}
}

/* Print what sp_plan_describe made, here or in the daemon. Returns the exit code. */
static int print_plan(const struct sp_cli *cli, json_t *plan)
{
	const bool is_same = json_is_true(json_object_get(plan, "same"));
	json_t *changes = json_object_get(plan, "changes");
	int r;

	if (cli->json) {
		json_object_del(plan, "id");
		r = sp_cli_print_json(json_incref(plan));
		return r != SP_EXIT_OK ? trouble(r) : is_same ? SP_EXIT_OK : EXIT_DIFFERS;
	}
	sp_cli_wrap(2);
	print_rules(json_object_get(plan, "rules"));
	print_changes(cli, changes);
	if (is_same)
		sp_cli_print("the same: nothing changes\n");
	else if (!json_array_size(changes))
		sp_cli_print("nobody gains or loses anything by it\n");
	return is_same ? SP_EXIT_OK : EXIT_DIFFERS;
}

/* ---- two files ---- */

/* The people of the fixtures stand for who is signed in. NULL: no memory. */
static struct sp_plan_person *fixture_people(const struct sp_fixtures *fixtures)
{
	struct sp_plan_person *people = calloc(fixtures->session_count + 1, sizeof(*people));

	for (size_t i = 0; people && i < fixtures->session_count; i++) {
		const struct sp_fixture_session *session = &fixtures->sessions[i];

		people[i] = (struct sp_plan_person){
			.user = session->user,
			.idp = session->idp,
			.groups = (const char *const *)session->groups,
			.group_count = session->group_count,
		};
		memcpy(people[i].addresses, session->addresses, sizeof(people[i].addresses));
		memcpy(people[i].has_address, session->has_address, sizeof(people[i].has_address));
	}
	return people;
}

static int load_source(const struct sp_cli *cli, const char *path, const char *machine,
		       struct sp_policy_source *source)
{
	int r = sp_policy_source_load(path, machine, source);

	if (r != SP_EXIT_INVALID)
		return r;
	if (cli->json)
		sp_cli_print_json(json_pack("{s:i, s:b, s:o}", "v", 1, "ok", 0, "diagnostics",
					    sp_describe_diagnostics(&source->diagnostics)));
	else
		sp_source_print_diagnostics(cli, &source->diagnostics);
	return r;
}

/* Both on the machine of @path: what another one would decide is no change of the policy. */
static int plan_files(const struct sp_cli *cli, const char *path, const char *against,
		      const char *machine)
{
	__sp_cleanup(sp_policy_source_done) struct sp_policy_source is = SP_POLICY_SOURCE_INIT,
								    was = SP_POLICY_SOURCE_INIT;
	__sp_cleanup(sp_plan_done) struct sp_plan plan = { 0 };
	__sp_free struct sp_plan_person *people = NULL;
	__sp_json json_t *json = NULL;
	char generation[65];
	int r = load_source(cli, path, machine, &is);

	if (r == SP_EXIT_OK)
		r = load_source(cli, against, NULL, &was);
	if (r != SP_EXIT_OK)
		return trouble(r);
	people = fixture_people(&is.policy->fixtures);
	const struct sp_plan_side before = { was.policy, is.gateway };
	const struct sp_plan_side after = { is.policy, is.gateway };
	struct sp_facts facts = sp_clock_facts();

	facts.now_s = sp_policy_moment(is.policy, facts.now_s);
	r = people ? sp_plan_make(&before, &after, &facts, people,
				  is.policy->fixtures.session_count, &plan)
		   : -ENOMEM;
	if (r < 0)
		return sp_cli_fail(SP_EXIT_USAGE, "comparing the policies: %s", sp_judge_fault(r));
	json = sp_plan_describe(&plan);
	json_object_set_new(json, "v", json_integer(1));
	json_object_set_new(json, "ok", json_true());
	json_object_set_new(json, "diagnostics", sp_describe_diagnostics(&is.diagnostics));
	json_object_set_new(json, "generation",
			    json_string(sp_generation_short(is.policy->generation, generation)));
	json_object_set_new(json, "against",
			    json_string(sp_generation_short(was.policy->generation, generation)));
	return print_plan(cli, json);
}

/* ---- the running policy ---- */

static int plan_running(const struct sp_cli *cli, const char *path)
{
	__sp_cleanup(sp_files_done) struct sp_files files = { 0 };
	__sp_buf struct sp_buf text = SP_BUF_INIT;
	__sp_json json_t *reply = NULL, *fields = json_object();
	int r = sp_cli_gather(path, &files);

	if (r != SP_EXIT_OK)
		return trouble(r);
	r = sp_cli_join_files(&files, fields, &text);
	if (r < 0)
		return sp_cli_fail(SP_EXIT_USAGE, "sending the policy: %s", sp_err_text(r));
	r = sp_client_call_with_text(cli, "plan", SP_TAKE_PTR(fields), sp_buf_get(&text), text.len,
				     &reply);
	if (r == SP_EXIT_OK)
		return print_plan(cli, reply);
	if (cli->json && reply)
		sp_cli_print_json(json_incref(reply));
	else
		sp_render_diagnostics(
			json_object_get(json_object_get(reply, "error"), "diagnostics"));
	return trouble(r);
}

int sp_cli_plan(struct sp_cli *cli, int argc, char **argv)
{
	const char *path[1], *against = NULL, *machine = NULL;
	const struct sp_option options[] = {
		{ "against", NULL, &against, "FILE",
		  "compare with this policy, not the running one" },
		{ "gateway", NULL, &machine, "FILE",
		  "with --against: on the machine of this sallyport.yaml" },
		{ 0 },
	};
	size_t path_count;
	int r;

	r = sp_cli_options(cli, "plan", argc, argv, options, path, 1, &path_count);
	if (r != 0)
		return sp_cli_options_exit(r);
	if (path_count != 1)
		return sp_cli_fail(SP_EXIT_USAGE, "plan needs a policy file");
	if (machine && !against)
		return sp_cli_fail(SP_EXIT_USAGE,
				   "--gateway is for --against: the running policy is compared on "
				   "the machine it runs on");
	return against ? plan_files(cli, path[0], against, machine) : plan_running(cli, path[0]);
}
