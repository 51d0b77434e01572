/* SPDX-License-Identifier: GPL-3.0-or-later */
/* sallyport status: on a gateway, what runs and what each hook judges; on a person's machine, the
 * session and the tunnel (status_here.c). */
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/gateway/client.h"
#include "cli/person/status_here.h"
#include "cli/portal/profile.h"
#include "cli/screen/render.h"
#include "cli/screen/when.h"
#include "io/files/paths.h"

#define INDENT "              "

/* "3 allowed-ips, 1 replay" */
static void print_drops(json_t *engine)
{
	json_t *drop;
	size_t i;

	json_array_foreach(json_object_get(engine, "drops"), i, drop)
		sp_cli_print("%s%lld %s",
			     i ? ", " : INDENT "dropped: ", sp_json_integer(drop, "packets"),
			     sp_json_text(drop, "reason"));
	if (i)
		sp_cli_print("\n");
}

/* Print what our own engine tells about itself. */
static void print_own_engine(json_t *engine)
{
	const char *before = "; off: ", *name;
	json_t *is_on;

	sp_cli_print(INDENT "%s, aead %s, %lld queue%s, memory %s", sp_json_text(engine, "name"),
		     sp_json_text(engine, "aead"), sp_json_integer(engine, "queues"),
		     sp_json_integer(engine, "queues") == 1 ? "" : "s",
		     json_is_true(json_object_get(engine, "memory_locked")) ? "locked"
									    : "pageable");
	json_object_foreach(json_object_get(engine, "offloads"), name, is_on) {
		if (json_is_true(is_on))
			continue;
		sp_cli_print("%s%s", before, name);
		before = ", ";
	}
	sp_cli_print("\n");
	if (sp_json_integer(engine, "bad_frames") || sp_json_integer(engine, "refused_frames"))
		sp_cli_print(INDENT "frames: %lld from the interface made no sense, %lld to it "
				    "were not taken\n",
			     sp_json_integer(engine, "bad_frames"),
			     sp_json_integer(engine, "refused_frames"));
	print_drops(engine);
}

static void print_engine(json_t *engine)
{
	const bool is_reachable = json_is_true(json_object_get(engine, "reachable"));
	const long long peers = sp_json_integer(engine, "peer_count");

	sp_cli_print("  engine      %s, %s%s", sp_json_text(engine, "kind"),
		     is_reachable ? "answers" : "does not answer: ", sp_json_text(engine, "error"));
	if (is_reachable && !json_is_true(json_object_get(engine, "in_step")))
		sp_cli_print(", has not taken every change yet");
	sp_cli_print("; %lld peer%s, %lld of them with a handshake within the last 3 minutes\n",
		     peers, peers == 1 ? "" : "s", sp_json_integer(engine, "handshakes"));
	if (is_reachable && *sp_json_text(engine, "name"))
		print_own_engine(engine);
}

/* Print the portal's address, and the providers where nobody can sign in. */
static void print_portal(json_t *portal)
{
	json_t *provider;
	size_t i;

	if (!json_is_object(portal))
		return;
	sp_cli_print("  portal      %s, since %s\n", sp_json_text(portal, "url"),
		     sp_json_text(portal, "since"));
	if (*sp_json_text(portal, "fingerprint"))
		sp_cli_print(INDENT "fingerprint %s\n", sp_json_text(portal, "fingerprint"));
	json_array_foreach(json_object_get(portal, "providers"), i, provider) {
		const char *error = sp_json_text(provider, "error");

		sp_cli_print(INDENT "provider %s (%s) %s%s%s\n", sp_json_text(provider, "name"),
			     sp_json_text(provider, "type"), sp_json_text(provider, "state"),
			     *error ? ": " : "", error);
	}
}

/* "second lock  dropped 3 unjudged, 0 unlisted" */
static void print_lock(json_t *lock)
{
	json_t *dropped = json_object_get(lock, "dropped"), *counter;
	const char *name, *before = "dropped ";

	sp_cli_print("  second lock ");
	json_object_foreach(dropped, name, counter) {
		sp_cli_print("%s%lld %s", before, sp_json_integer(counter, "packets"), name);
		before = ", ";
	}
	sp_cli_print("%s%s\n", json_is_object(dropped) ? "" : "its table is not there",
		     json_is_true(json_object_get(lock, "sampled"))
			     ? ""
			     : "; without samples on record");
}

/* Print what is wrong, and what to do about it. */
static void print_warnings(const struct sp_cli *cli, json_t *warnings)
{
	json_t *item;
	size_t i;

	json_array_foreach(warnings, i, item) {
		sp_cli_print("  %swarning%s     %s: %s\n", sp_cli_paint(cli, SP_YELLOW),
			     sp_cli_paint(cli, SP_PLAIN), sp_json_text(item, "code"),
			     sp_json_text(item, "message"));
		if (*sp_json_text(item, "remedy"))
			sp_cli_print(INDENT "remedy: %s\n", sp_json_text(item, "remedy"));
	}
}

/* Answer "does it work?" in one line. */
static void print_answer(const struct sp_cli *cli, json_t *reply)
{
	const char *state = sp_json_text(reply, "state");
	const bool is_open = json_is_true(json_object_get(json_object_get(reply, "lock"), "open"));
	const size_t troubles = json_array_size(json_object_get(reply, "warnings"));

	sp_cli_print("%s  %s%s%s: ", sp_json_text(reply, "gateway"),
		     sp_cli_paint(cli, strcmp(state, "enforcing") ? SP_YELLOW : SP_GREEN), state,
		     sp_cli_paint(cli, SP_PLAIN));
	if (!*sp_json_text(reply, "generation"))
		sp_cli_print("%s", is_open ? "it forwards by a policy that cannot be read here"
					   : "it forwards nothing, there is no policy yet; next: "
					     "sallyport apply FILE");
	else
		sp_cli_print("%s", is_open ? "it forwards what the policy allows"
					   : "it forwards nothing");
	if (troubles)
		sp_cli_print("; %zu thing%s need%s somebody:\n", troubles, troubles == 1 ? "" : "s",
			     troubles == 1 ? "s" : "");
	else
		sp_cli_print("%s\n", strcmp(state, "enforcing") ? "" : ", and nothing is amiss");
	print_warnings(cli, json_object_get(reply, "warnings"));
}

/* Print which policy waits to be confirmed, whose it is, and until when. */
static void print_pending(const struct sp_cli *cli, json_t *pending)
{
	json_t *probe;
	size_t i;

	if (!json_is_object(pending))
		return;
	sp_cli_print("  %sconfirm%s     generation %s, applied by %s, is %s: ",
		     sp_cli_paint(cli, SP_YELLOW), sp_cli_paint(cli, SP_PLAIN),
		     sp_json_text(pending, "generation"), sp_json_text(pending, "who"),
		     sp_json_text(pending, "state"));
	if (!strcmp(sp_json_text(pending, "state"), "pending"))
		sp_cli_print("generation %s returns in %lld s unless it is confirmed (sallyport "
			     "confirm)\n",
			     sp_json_text(pending, "former_generation"),
			     sp_json_integer(pending, "seconds_left"));
	else
		sp_cli_print("this ends within seconds\n");
	json_array_foreach(json_object_get(pending, "probes"), i, probe)
		sp_cli_print(INDENT "probe %s: reached %lld times, not reached %lld times%s%s\n",
			     sp_json_text(probe, "probe"), sp_json_integer(probe, "reached"),
			     sp_json_integer(probe, "failed"),
			     *sp_json_text(probe, "failure") ? ": " : "",
			     sp_json_text(probe, "failure"));
}

static void print_policy(json_t *reply)
{
	const int64_t change_s = sp_when_parse(sp_json_text(reply, "rules_change"));
	char when[SP_WHEN_MAX];

	if (!*sp_json_text(reply, "generation"))
		return;
	sp_cli_print("  policy      generation %s, revision %lld, %lld rules\n",
		     sp_json_text(reply, "generation"), sp_json_integer(reply, "revision"),
		     sp_json_integer(reply, "rules"));
	if (change_s != INT64_MAX)
		sp_cli_print(INDENT "rules begin or end by their hours at %s\n",
			     sp_when_format(change_s, (int64_t)time(NULL), when));
}

static void print_head(const struct sp_cli *cli, json_t *reply)
{
	json_t *sessions = json_object_get(reply, "sessions");
	json_t *flows = json_object_get(reply, "flows");
	json_t *events = json_object_get(reply, "events");

	print_answer(cli, reply);
	print_policy(reply);
	print_pending(cli, json_object_get(reply, "pending"));
	if (json_is_false(json_object_get(reply, "watchdog")))
		sp_cli_print(
			"  watchdog    does not run: apply --confirm is refused (systemctl start "
			"sallyport-watchdog)\n");
	sp_cli_print(
		"  sessions    %lld live, %lld parked (their time is up, they can sign in again)\n",
		sp_json_integer(sessions, "live"), sp_json_integer(sessions, "parked"));
	sp_cli_print("  flows       %lld of %lld\n", sp_json_integer(flows, "tracked"),
		     sp_json_integer(flows, "max"));
	print_engine(json_object_get(reply, "engine"));
	print_portal(json_object_get(reply, "portal"));
	print_lock(json_object_get(reply, "lock"));
	sp_cli_print("  events      %lld for the audit log, %lld lost, %lld left out by the "
		     "sampling at the edge\n",
		     sp_json_integer(events, "attempted") - sp_json_integer(events, "lost"),
		     sp_json_integer(events, "lost"), sp_json_integer(events, "sampled"));
}

/* Print what was changed from outside within the last hour. */
static void print_drift(json_t *drift)
{
	json_t *item;
	size_t i;

	json_array_foreach(drift, i, item) {
		if (i == 0)
			sp_cli_print("\n");
		sp_cli_print("drift    %s  %s%s%s: %s", sp_json_text(item, "time"),
			     sp_json_text(item, "code"),
			     *sp_json_text(item, "interface") ? " " : "",
			     sp_json_text(item, "interface"), sp_json_text(item, "message"));
		if (sp_json_integer(item, "times") > 1)
			sp_cli_print(" (%lld times)", sp_json_integer(item, "times"));
		sp_cli_print("\n");
	}
}

static void print_target(json_t *target)
{
	char when[SP_WHEN_MAX];
	const char *address = sp_json_text(target, "address");
	const char *since = sp_json_text(target, "since");
	const bool is_v6 = strchr(address, ':') != NULL;

	sp_cli_print("  %s%s%s:%lld  %s", is_v6 ? "[" : "", address, is_v6 ? "]" : "",
		     sp_json_integer(target, "port"), sp_json_text(target, "state"));
	if (*since)
		sp_cli_print(" since %s", sp_when_format(sp_when_parse(since), time(NULL), when));
	if (*sp_json_text(target, "fault"))
		sp_cli_print(" (%s)", sp_json_text(target, "fault"));
	sp_cli_print(", %lld of 1024 slots\n", sp_json_integer(target, "slots"));
}

/* Does status have more to say of it than the policy does? */
static bool is_to_be_seen(json_t *targets)
{
	return json_array_size(targets) > 1 ||
	       strcmp(sp_json_text(json_array_get(targets, 0), "state"), "unchecked") != 0;
}

/* Print the forwards that have several targets, or that check theirs. */
static void print_forwards(json_t *forwards)
{
	json_t *forward, *target;
	size_t i, n;

	json_array_foreach(forwards, i, forward) {
		json_t *targets = json_object_get(forward, "targets");

		if (!is_to_be_seen(targets))
			continue;
		sp_cli_print("\nforward %s:\n", sp_json_text(forward, "name"));
		json_array_foreach(targets, n, target)
			print_target(target);
	}
}

/* Print the interfaces without programs, and what holds for them. */
static void print_unjudged(json_t *unmanaged, json_t *unlisted)
{
	json_t *item;
	size_t i;

	if (json_array_size(unmanaged)) {
		sp_cli_print("\nunmanaged:");
		json_array_foreach(unmanaged, i, item)
			sp_cli_print(" %s%s", sp_json_text(item, "name"),
				     json_is_true(json_object_get(item, "present"))
					     ? ""
					     : " (not there)");
		sp_cli_print("\n  not judged where it comes in; people are reached as vpn-out "
			     "judges, others freely\n");
	}
	if (json_array_size(unlisted)) {
		sp_cli_print("\nunlisted:");
		json_array_foreach(unlisted, i, item)
			sp_cli_print(" %s", json_string_value(item));
		sp_cli_print("\n  closed towards listed interfaces; what they send to the gateway "
			     "itself is not judged\n");
	}
}

/* Counters belong to a hook, whatever interfaces it is on: a row does too. */
static json_t *rows_of_hooks(json_t *hooks)
{
	json_t *rows = json_array(), *item, *row;
	size_t i, j;

	json_array_foreach(hooks, i, item) {
		json_t *own = NULL;

		json_array_foreach(rows, j, row)
			if (!strcmp(sp_json_text(row, "hook"), sp_json_text(item, "hook")) &&
			    !strcmp(sp_json_text(row, "mode"), sp_json_text(item, "mode")) &&
			    sp_json_integer(row, "revision") == sp_json_integer(item, "revision"))
				own = row;
		if (!own) {
			own = json_copy(item);
			json_object_set_new(own, "interface", json_array());
			json_array_append_new(rows, own);
		}
		json_array_append(json_object_get(own, "interface"),
				  json_object_get(item, "interface"));
	}
	return rows;
}

/* A gateway has a control socket, or --root names it. Without either, if somebody has signed in
 * from here, it is a person's machine. */
static bool is_gateway(const struct sp_cli *cli)
{
	__sp_paths struct sp_paths paths = { 0 };

	return cli->root || sp_paths_init(&paths, NULL) < 0 || !access(paths.control_socket, F_OK);
}

static int print_gateway(struct sp_cli *cli, bool with_rules)
{
	static const struct sp_column hook_columns[] = {
		{ "hook", "hook" },
		{ "interfaces", "interface" },
		{ "mode", "mode" },
		{ "revision", "revision" },
		{ "allowed", "allow.packets" },
		{ "denied", "deny.packets" },
		{ "judges", "judges" },
		{ 0 },
	};
	static const struct sp_column rule_columns[] = {
		{ "rule", "rule" },
		{ "packets", "packets" },
		{ "bytes", "bytes" },
		{ "line", "line" },
		{ 0 },
	};
	__sp_json json_t *reply = NULL, *rows = NULL;
	int r, exit_code;

	r = sp_client_call(cli, "status", json_pack("{s:b}", "rules", with_rules), &reply);
	if (r != SP_EXIT_OK)
		return r;
	exit_code =
		!strcmp(sp_json_text(reply, "state"), "degraded") ? SP_EXIT_DEGRADED : SP_EXIT_OK;
	if (cli->json) {
		json_object_del(reply, "id");
		json_object_del(reply, "ok");
		sp_cli_print_json(json_incref(reply));
		return exit_code;
	}
	sp_cli_wrap(sizeof(INDENT) - 1);
	print_head(cli, reply);
	sp_cli_print("\n");
	rows = rows_of_hooks(json_object_get(reply, "hooks"));
	sp_render_table(cli, rows, hook_columns);
	if (with_rules) {
		sp_cli_print("\n");
		sp_render_table(cli, json_object_get(reply, "rule_counters"), rule_columns);
	}
	print_forwards(json_object_get(reply, "forwards"));
	print_unjudged(json_object_get(reply, "unmanaged"), json_object_get(reply, "ungoverned"));
	print_drift(json_object_get(reply, "drift"));
	return exit_code;
}

int sp_cli_status(struct sp_cli *cli, int argc, char **argv)
{
	struct sp_status_here here = { .cli = cli, .iface = "sallyport" };
	const char *word[1];
	bool with_rules = false, is_named;
	const struct sp_option options[] = {
		{ "rules", &with_rules, NULL, NULL, "gateway: what each rule decided, too" },
		{ "watch", &here.watch, NULL, NULL,
		  "signed in: stay, warn before the session ends, extend it" },
		{ "iface", NULL, &here.iface, "NAME",
		  "signed in: the tunnel (default: sallyport)" },
		{ "state", NULL, &here.state_dir, "DIR",
		  "signed in: where it is kept (default: ~/.config/sallyport)" },
		{ 0 },
	};
	size_t count;
	int r;

	r = sp_cli_options(cli, "status", argc, argv, options, word, 1, &count);
	if (r != 0)
		return sp_cli_options_exit(r);
	here.url = count ? word[0] : NULL;
	is_named = here.url || here.state_dir;
	if (here.watch && !is_named && is_gateway(cli) && !sp_profile_exists())
		return sp_cli_fail(SP_EXIT_USAGE,
				   "--watch is for a session of this machine, and nobody has "
				   "signed in here; for the gateway: watch sallyport status");
	if (here.watch || is_named || (!is_gateway(cli) && sp_profile_exists()))
		return sp_status_here(&here);
	return print_gateway(cli, with_rules);
}
