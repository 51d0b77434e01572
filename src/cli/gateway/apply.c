/* SPDX-License-Identifier: GPL-3.0-or-later */
/* sallyport apply and history. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/str.h"
#include "cli/cli.h"
#include "cli/files/gather.h"
#include "cli/files/source.h"
#include "cli/gateway/applied.h"
#include "cli/gateway/client.h"
#include "cli/gateway/confirm.h"
#include "cli/screen/render.h"

#define INDENT 12            /* indentation of a continued line */
#define EXIT_INTERRUPTED 130 /* as shells count it: 128 and SIGINT */

static void print_failed_tests(json_t *tests)
{
	size_t i;
	json_t *item;

	json_array_foreach(tests, i, item) {
		if (json_is_true(json_object_get(item, "passed")))
			continue;
		sp_cli_say("%s:%lld:%lld: test failed: %s: %s by rule %s (%s), expected %s%s%s%s%s "
			   "(asked: %s to %s)\n",
			   sp_json_text(item, "file"), sp_json_integer(item, "line"),
			   sp_json_integer(item, "column"), sp_json_text(item, "words"),
			   strcmp(sp_json_text(item, "verdict"), "allow") ? "denied" : "allowed",
			   *sp_json_text(item, "rule") ? sp_json_text(item, "rule") : "none",
			   sp_json_text(item, "reason"), sp_json_text(item, "expect"),
			   *sp_json_text(item, "expect_rule") ? " by rule " : "",
			   sp_json_text(item, "expect_rule"),
			   *sp_json_text(item, "differs") ? ": " : "",
			   sp_json_text(item, "differs"), sp_json_text(item, "source"),
			   sp_json_text(item, "destination"));
	}
}

static int finish_refused(const struct sp_cli *cli, int exit_code, json_t *reply)
{
	json_t *error = json_object_get(reply, "error");

	if (cli->json && reply) {
		sp_cli_print_json(json_incref(reply));
	} else if (reply) {
		sp_render_diagnostics(json_object_get(error, "diagnostics"));
		print_failed_tests(json_object_get(error, "tests"));
	}
	if (exit_code == SP_EXIT_INVALID || exit_code == SP_EXIT_TESTS)
		sp_cli_say("sallyport: not applied; the running policy is as it was\n");
	return exit_code;
}

/* Print what the policy changes, and for whom. */
static void print_changes(json_t *changes)
{
	json_t *rules = json_object_get(changes, "rules"),
	       *lost = json_object_get(changes, "lost_roles"), *item;
	size_t i;

	sp_cli_print("  rules     %lld added, %lld removed, %lld changed, %lld unchanged, with "
		     "what is exposed and protected\n",
		     sp_json_integer(rules, "added"), sp_json_integer(rules, "removed"),
		     sp_json_integer(rules, "changed"), sp_json_integer(rules, "unchanged"));
	sp_cli_print("  sessions  %lld judged anew, %zu ended\n",
		     sp_json_integer(changes, "sessions"), json_array_size(lost));
	json_array_foreach(lost, i, item)
		sp_cli_print("            session %lld of %s has ended\n",
			     sp_json_integer(item, "session"), sp_json_text(item, "user"));
}

static int print_object(json_t *reply, int exit_code)
{
	int r;

	json_object_del(reply, "id");
	r = sp_cli_print_json(json_incref(reply));
	return exit_code == SP_EXIT_OK ? r : exit_code;
}

static void print_applied(const struct sp_cli *cli, json_t *reply)
{
	sp_render_diagnostics(json_object_get(reply, "diagnostics"));
	sp_cli_wrap(INDENT);
	sp_cli_print("%sapplied%s  generation %s  revision %lld  in %lld ms\n",
		     sp_cli_paint(cli, SP_GREEN), sp_cli_paint(cli, SP_PLAIN),
		     sp_json_text(reply, "generation"), sp_json_integer(reply, "revision"),
		     sp_json_integer(reply, "milliseconds"));
	print_changes(json_object_get(reply, "changes"));
	if (sp_json_integer(reply, "tests"))
		sp_cli_print("  tests     %lld passed\n", sp_json_integer(reply, "tests"));
	else
		sp_cli_print("  tests     none\n");
}

int sp_cli_applied(const struct sp_cli *cli, json_t *reply)
{
	int r = SP_EXIT_OK;

	if (!cli->json)
		print_applied(cli, reply);
	if (sp_json_integer(reply, "confirm_within_s"))
		r = sp_cli_confirm_wait(cli, reply);
	return cli->json ? print_object(reply, r) : r;
}

static volatile sig_atomic_t interrupts;

static void note_interrupt(int number)
{
	(void)number;
	interrupts++;
}

/* The first Ctrl-C is told where things stand, the second leaves. */
static bool apply_goes_on(void)
{
	if (interrupts != 1)
		return false;
	sp_cli_say("sallyport: the gateway has the policy already, and this does not stop it: "
		   "waiting for what becomes of it (once more leaves)\n");
	return true;
}

/* Say what became of the apply, as far as the gateway tells: sallyportd goes on after we stop
 * waiting. */
static int finish_interrupted(const struct sp_cli *cli, json_t *before)
{
	__sp_json json_t *now = sp_client_try(cli, "status");
	const long long was = sp_json_integer(before, "revision"),
			is = sp_json_integer(now, "revision");
	const bool is_known = before && now;

	if (is_known && is != was)
		sp_cli_fail(0,
			    "interrupted, but the gateway has the policy: revision %lld is in "
			    "force (generation %s); sallyport history shows what ran before",
			    is, sp_json_text(now, "generation"));
	else if (is_known)
		sp_cli_fail(
			0,
			"interrupted: revision %lld is still in force, but the gateway may have "
			"the new policy and go on with it; sallyport status shows which runs",
			is);
	else
		sp_cli_fail(0, "interrupted: the gateway may have the policy and go on with it; "
			       "sallyport status shows which runs");
	return EXIT_INTERRUPTED;
}

/* Send the policy, and wait for the reply. @taken, the request's fields, is freed. */
static int send_policy(const struct sp_cli *cli, json_t *taken, const struct sp_files *files,
		       json_t **ret_reply)
{
	const struct sigaction action = { .sa_handler = note_interrupt };
	__sp_json json_t *fields = taken, *before = sp_client_try(cli, "status");
	__sp_buf struct sp_buf text = SP_BUF_INIT;
	int r = sp_cli_join_files(files, fields, &text);

	*ret_reply = NULL;
	if (r < 0)
		return sp_cli_fail(SP_EXIT_FAILED, "sending the policy: %s", sp_err_text(r));
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	sp_client_on_interrupt(apply_goes_on);
	r = sp_client_call_with_text(cli, "apply", SP_TAKE_PTR(fields), sp_buf_get(&text), text.len,
				     ret_reply);
	sp_client_on_interrupt(NULL);
	if (interrupts && !*ret_reply)
		r = finish_interrupted(cli, before);
	return r;
}

int sp_cli_apply(struct sp_cli *cli, int argc, char **argv)
{
	__sp_cleanup(sp_files_done) struct sp_files files = { 0 };
	struct sp_confirm_words confirm = { 0 };
	const char *path[1];
	bool force = false;
	const struct sp_option options[] = {
		{ "force", &force, NULL, NULL, "even if it may lock you out" },
		SP_CONFIRM_OPTIONS(confirm),
		{ 0 },
	};
	__sp_json json_t *reply = NULL, *fields = NULL;
	json_t *connection;
	size_t path_count;
	int r;

	r = sp_cli_options(cli, "apply", argc, argv, options, path, 1, &path_count);
	if (r != 0)
		return sp_cli_options_exit(r);
	if (path_count != 1)
		return sp_cli_fail(SP_EXIT_USAGE, "apply needs a policy file");
	r = sp_cli_gather(path[0], &files);
	if (r != SP_EXIT_OK)
		return r;
	fields = json_pack("{s:b}", "force", force);
	connection = sp_cli_ssh_connection();
	if (connection)
		json_object_set_new(fields, "connection", connection);
	r = sp_cli_confirm_fields(&confirm, fields);
	if (r != SP_EXIT_OK)
		return r;
	r = send_policy(cli, SP_TAKE_PTR(fields), &files, &reply);
	return r == SP_EXIT_OK ? sp_cli_applied(cli, reply) : finish_refused(cli, r, reply);
}

int sp_cli_history(struct sp_cli *cli, int argc, char **argv)
{
	static const struct sp_column columns[] = {
		{ "generation", "generation" },
		{ "revision", "revision" },
		{ "applied", "applied" },
		{ "who", "who" },
		{ "rules", "rules" },
		{ "state", "state" },
		{ "running", "running" },
		{ "path", "path" },
		{ 0 },
	};
	const struct sp_option options[] = { { 0 } };
	size_t count;
	int r;

	r = sp_cli_options(cli, "history", argc, argv, options, NULL, 0, &count);
	if (r != 0)
		return sp_cli_options_exit(r);
	return sp_render_call(cli, "history", json_object(), "generations", columns);
}
