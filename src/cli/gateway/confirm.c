/* SPDX-License-Identifier: GPL-3.0-or-later */
/* sallyport confirm and rollback, and waiting for an apply to be confirmed. */
#include "cli/gateway/confirm.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "audit/time.h"
#include "cli/gateway/applied.h"
#include "cli/gateway/client.h"
#include "cli/screen/render.h"

#define SECOND_NS 1000000000ll
#define EXIT_INTERRUPTED 130 /* as shells count it: 128 and SIGINT */

/* How long past its time the gateway may not answer: sallyportd may be starting again. */
#define GRACE_S 60

json_t *sp_cli_ssh_connection(void)
{
	const char *text = getenv("SSH_CONNECTION");
	char client[64], server[64];
	unsigned client_port, server_port;

	/* "client port server port" */
	if (!text ||
	    sscanf(text, "%63s %u %63s %u", client, &client_port, server, &server_port) != 4)
		return NULL;
	return json_pack("{s:s, s:i, s:s, s:i}", "source", client, "source_port", (int)client_port,
			 "destination", server, "destination_port", (int)server_port);
}

int sp_cli_confirm_fields(const struct sp_confirm_words *words, json_t *fields)
{
	json_t *probes;
	int64_t within_ns;

	if (!words->within && (words->probes.count || words->is_confirmed_by_probes))
		return sp_cli_fail(SP_EXIT_USAGE, "--probe and --probe-confirms go with --confirm");
	if (!words->within)
		return SP_EXIT_OK;
	if (sp_duration_parse(words->within, &within_ns) < 0)
		return sp_cli_fail(SP_EXIT_USAGE, "--confirm: %s is no time such as 60s or 5m",
				   words->within);
	probes = json_array();
	for (size_t i = 0; i < words->probes.count; i++)
		json_array_append_new(probes, sp_json_of_text(words->probes.items[i]));
	json_object_set_new(fields, "confirm",
			    json_pack("{s:I, s:o, s:b}", "seconds",
				      (json_int_t)(within_ns / SECOND_NS), "probes", probes,
				      "probes_confirm", words->is_confirmed_by_probes));
	return SP_EXIT_OK;
}

/* ---- waiting ---- */

static volatile sig_atomic_t is_interrupted;

static void interrupt(int number)
{
	(void)number;
	is_interrupted = 1;
}

static int64_t now_s(void)
{
	struct timespec now;

	clock_gettime(CLOCK_BOOTTIME, &now);
	return now.tv_sec;
}

/* Does the revision still wait? A gateway that does not answer is asked again. */
static bool waits(const struct sp_cli *cli, long long revision, bool *ret_answers)
{
	__sp_json json_t *reply = sp_client_try(cli, "pending");
	json_t *pending = json_object_get(reply, "pending");

	*ret_answers = pending != NULL;
	return !pending ||
	       (!json_is_null(pending) && sp_json_integer(pending, "revision") == revision);
}

static int finish_interrupted(void)
{
	sp_cli_fail(0, "interrupted: it goes on waiting to be confirmed without this command "
		       "(sallyport confirm), and else the former policy returns");
	return EXIT_INTERRUPTED;
}

/* Until it waits no more. Returns SP_EXIT_OK; the exit code of no answer or of Ctrl-C. */
static int wait_for_end(const struct sp_cli *cli, long long revision, int64_t until_s)
{
	bool answers = true;

	while (waits(cli, revision, &answers)) {
		if (is_interrupted)
			return finish_interrupted();
		if (!answers && now_s() > until_s)
			return sp_cli_fail(SP_EXIT_UNREACHABLE,
					   "sallyportd does not answer; sallyport-watchdog lets "
					   "the former policy return without it");
		sleep(1);
	}
	return SP_EXIT_OK;
}

static int tell_outcome(const struct sp_cli *cli, json_t *reply, const char *outcome)
{
	const bool is_confirmed = strcmp(outcome, "confirmed") == 0;

	json_object_set_new(reply, "outcome", json_string(outcome));
	if (!cli->json && is_confirmed)
		sp_cli_print("%sconfirmed%s  generation %s\n", sp_cli_paint(cli, SP_GREEN),
			     sp_cli_paint(cli, SP_PLAIN), sp_json_text(reply, "generation"));
	if (is_confirmed)
		return SP_EXIT_OK;
	sp_cli_say("sallyport: generation %s was not confirmed: the former policy runs again\n",
		   sp_json_text(reply, "generation"));
	return SP_EXIT_ROLLED_BACK;
}

int sp_cli_confirm_wait(const struct sp_cli *cli, json_t *reply)
{
	const struct sigaction action = { .sa_handler = interrupt };
	const long long revision = sp_json_integer(reply, "revision"),
			within_s = sp_json_integer(reply, "confirm_within_s");
	__sp_json json_t *ended = NULL;
	int r;

	sp_cli_say("sallyport: confirm it within %lld s (sallyport confirm), from a new connection "
		   "if it may have cut this one; else the former policy returns\n",
		   within_s);
	sp_cli_flush();
	is_interrupted = 0;
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	r = wait_for_end(cli, revision, now_s() + within_s + GRACE_S);
	if (r == SP_EXIT_OK)
		r = sp_client_call(cli, "pending",
				   json_pack("{s:I}", "revision", (json_int_t)revision), &ended);
	return r == SP_EXIT_OK ? tell_outcome(cli, reply, sp_json_text(ended, "outcome")) : r;
}

/* ---- the verbs ---- */

int sp_cli_confirm(struct sp_cli *cli, int argc, char **argv)
{
	const struct sp_option options[] = { { 0 } };
	__sp_json json_t *reply = NULL;
	size_t count;
	int r;

	r = sp_cli_options(cli, "confirm", argc, argv, options, NULL, 0, &count);
	if (r != 0)
		return sp_cli_options_exit(r);
	r = sp_client_call(cli, "confirm", json_object(), &reply);
	if (r != SP_EXIT_OK)
		return r;
	if (cli->json) {
		json_object_del(reply, "id");
		return sp_cli_print_json(json_incref(reply));
	}
	sp_cli_print("confirmed  generation %s  revision %lld\n", sp_json_text(reply, "generation"),
		     sp_json_integer(reply, "revision"));
	if (json_is_true(json_object_get(reply, "stored")))
		return SP_EXIT_OK;
	return sp_cli_fail(SP_EXIT_DEGRADED,
			   "it stays in force, but the database did not take that yet, and a boot "
			   "would load the former policy (sallyport status)");
}

/* What waited to be confirmed returns now, within a second or two. */
static int finish_returning(const struct sp_cli *cli, json_t *reply)
{
	if (cli->json) {
		json_object_del(reply, "id");
		return sp_cli_print_json(json_incref(reply));
	}
	sp_cli_print("generation %s returns\n", sp_json_text(reply, "generation"));
	return SP_EXIT_OK;
}

int sp_cli_rollback(struct sp_cli *cli, int argc, char **argv)
{
	struct sp_confirm_words confirm = { 0 };
	const char *generation[1] = { NULL };
	bool force = false;
	const struct sp_option options[] = {
		{ "force", &force, NULL, NULL, "even if it may lock you out" },
		SP_CONFIRM_OPTIONS(confirm),
		{ 0 },
	};
	__sp_json json_t *reply = NULL, *fields = NULL, *connection = NULL;
	size_t count;
	int r;

	r = sp_cli_options(cli, "rollback", argc, argv, options, generation, 1, &count);
	if (r != 0)
		return sp_cli_options_exit(r);
	fields = json_pack("{s:b}", "force", force);
	connection = sp_cli_ssh_connection();
	if (connection)
		json_object_set(fields, "connection", connection);
	if (count)
		json_object_set_new(fields, "generation", sp_json_of_text(generation[0]));
	r = sp_cli_confirm_fields(&confirm, fields);
	if (r != SP_EXIT_OK)
		return r;
	r = sp_client_call(cli, "rollback", SP_TAKE_PTR(fields), &reply);
	if (r != SP_EXIT_OK)
		return r;
	return json_is_true(json_object_get(reply, "returning")) ? finish_returning(cli, reply)
								 : sp_cli_applied(cli, reply);
}
