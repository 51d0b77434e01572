/* SPDX-License-Identifier: GPL-3.0-or-later */
/* sallyport audit: query and follow through the daemon; verify reads the files itself. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <sys/stat.h>
#include <unistd.h>

#include "audit/chain.h"
#include "audit/record.h"
#include "audit/time.h"
#include "base/array.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "cli/cli.h"
#include "cli/client.h"
#include "cli/render.h"
#include "io/audit_log.h"
#include "io/clock.h"
#include "io/paths.h"

static void print_endpoint(json_t *record, const char *address_key, const char *port_key)
{
	const char *address = sp_json_text(record, address_key);
	json_t *port = json_object_get(record, port_key);

	if (!*address)
		return;
	if (!json_is_integer(port) || !strncmp(sp_json_text(record, "proto"), "icmp", 4))
		sp_cli_print("%s", address); /* an ICMP query's ports are its identifier */
	else if (strchr(address, ':'))
		sp_cli_print("[%s]:%lld", address, (long long)json_integer_value(port));
	else
		sp_cli_print("%s:%lld", address, (long long)json_integer_value(port));
}

/* Nine decimals are for machines. */
static void print_time(const char *time)
{
	const char *dot = strchr(time, '.');
	const int len = dot && strlen(dot) > 7 ? (int)(dot - time) + 7 : (int)strlen(time);

	sp_cli_print("%.*s%s", len, time, len < (int)strlen(time) ? "Z" : "");
}

/* Who: "ana (corp) 100.64.0.3:41012 -> 10.30.2.9:80 tcp", "on laptop from 192.0.2.11" */
static void print_who(json_t *record)
{
	const bool is_session = !strncmp(sp_json_text(record, "event"), "session-", 8) ||
				!strncmp(sp_json_text(record, "event"), "login-", 6);

	if (*sp_json_text(record, "user"))
		sp_cli_print(" %s", sp_json_text(record, "user"));
	if (is_session && *sp_json_text(record, "idp"))
		sp_cli_print(" (%s)", sp_json_text(record, "idp"));
	if (is_session && *sp_json_text(record, "peer"))
		sp_cli_print(" on %s", sp_json_text(record, "peer"));
	if (*sp_json_text(record, "from"))
		sp_cli_print(" from %s", sp_json_text(record, "from"));
	if (*sp_json_text(record, "src")) {
		sp_cli_print(" ");
		print_endpoint(record, "src", "sport");
	}
	if (*sp_json_text(record, "dst")) {
		sp_cli_print(" -> ");
		print_endpoint(record, "dst", "dport");
	}
	if (*sp_json_text(record, "proto"))
		sp_cli_print(" %s", sp_json_text(record, "proto"));
}

static void print_why(json_t *record)
{
	const char *event = sp_json_text(record, "event"), *rule = sp_json_text(record, "rule");
	const char *reason = sp_json_text(record, "reason");

	if (*sp_json_text(record, "hook"))
		sp_cli_print("  %s", sp_json_text(record, "hook"));
	if (*rule)
		sp_cli_print("  rule %s", rule);
	if (*reason && strcmp(reason, rule) && strcmp(reason, event))
		sp_cli_print("  %s", reason);
	if (json_is_true(json_object_get(record, "aggregated")) || !strcmp(event, "gap"))
		sp_cli_print("  %lld %s", sp_json_integer(record, "packets"),
			     !strcmp(event, "roam") ? "moves" : !strcmp(event, "drift") ? "times" : "packets");
	if (*sp_json_text(record, "message"))
		sp_cli_print("  %s", sp_json_text(record, "message"));
	if (*sp_json_text(record, "by"))
		sp_cli_print("  by %s", sp_json_text(record, "by"));
}

static void print_record(const struct sp_cli *cli, json_t *record)
{
	const char *event = sp_json_text(record, "event");
	const bool is_deny = !strcmp(event, "deny"), is_allow = !strcmp(event, "allow");

	if (cli->json) {
		sp_cli_print_json(json_incref(record));
		return;
	}
	print_time(sp_json_text(record, "time"));
	sp_cli_print("  %s%-14s%s ", sp_cli_paint(cli, is_deny ? SP_RED : is_allow ? SP_GREEN : SP_BOLD), event,
		     sp_cli_paint(cli, SP_PLAIN));
	print_who(record);
	print_why(record);
	sp_cli_print("\n");
}

/* ---- following, through restarts of sallyportd ---- */

#define INDENT 8 /* of what a line has no room for */
#define LOG_COUNT 2 /* packets and people: each has numbers of its own */
#define AGAIN_MAX 10000 /* records, after a gap: as many as one request gets */
#define OVERLAP_S 120 /* records come up to so late */
#define PAUSE_NS 300000000L

struct following {
	const struct sp_cli *cli;
	json_t *fields;
	json_int_t last_seq[LOG_COUNT]; /* of the last record shown */
	int64_t last_ns; /* when it was shown, or when it began */
	bool is_again; /* what was shown already comes once more */
};

static void show_record(struct following *following, json_t *record)
{
	const enum sp_audit_event event = sp_audit_event_parse(sp_json_text(record, "event"));
	json_int_t *last = &following->last_seq[sp_audit_event_is_traffic(event)];
	const json_int_t seq = sp_json_integer(record, "seq");

	if (following->is_again && seq <= *last)
		return;
	*last = seq;
	print_record(following->cli, record);
}

static int take_first(void *arg, json_t *reply)
{
	struct following *following = arg;
	json_t *record;
	size_t i;

	json_array_foreach(json_object_get(reply, "records"), i, record)
		show_record(following, record);
	following->is_again = false;
	following->last_ns = sp_clock_realtime_ns();
	return sp_cli_flush();
}

static int take_event(void *arg, json_t *record)
{
	struct following *following = arg;

	if (record)
		show_record(following, record);
	following->last_ns = sp_clock_realtime_ns();
	return sp_cli_flush();
}

/* From a little before the last record on, as many as there can be. */
static json_t *fields_of_again(const struct following *following)
{
	json_t *fields = json_deep_copy(following->fields);
	char since[SP_TIME_TEXT_MAX];

	sp_time_format(following->last_ns - OVERLAP_S * 1000000000ll, since);
	json_object_set_new(fields, "since", json_string(since));
	json_object_set_new(fields, "limit", json_integer(AGAIN_MAX));
	return fields;
}

/* One that starts takes connections before it has the time to answer. */
static bool answers(const struct sp_cli *cli)
{
	json_t *reply = sp_client_try(cli, "status");

	json_decref(reply);
	return reply;
}

static int follow(struct following *following)
{
	const struct timespec pause = { .tv_nsec = PAUSE_NS };
	int r = sp_client_follow(following->cli, "audit.query", json_deep_copy(following->fields), take_first,
				take_event, following);

	while (r == SP_CLIENT_CLOSED) {
		sp_cli_say("sallyport: sallyportd has gone; waiting for it\n");
		while (!answers(following->cli))
			nanosleep(&pause, NULL);
		sp_cli_say("sallyport: sallyportd is there again\n");
		following->is_again = true;
		r = sp_client_follow(following->cli, "audit.query", fields_of_again(following), take_first, take_event,
				    following);
	}
	return r;
}

static int follow_all(const struct sp_cli *cli, json_t *fields)
{
	struct following following = { .cli = cli, .fields = fields, .last_ns = sp_clock_realtime_ns() };
	const int r = follow(&following);

	json_decref(fields);
	return r;
}

static int print_once(const struct sp_cli *cli, json_t *fields)
{
	json_t *reply, *record;
	const bool is_resuming = json_object_get(fields, "after_seq") || json_object_get(fields, "after_packets_seq");
	size_t i;
	int r = sp_client_call(cli, "audit.query", fields, &reply);

	if (r != SP_EXIT_OK)
		return r;
	json_array_foreach(json_object_get(reply, "records"), i, record)
		print_record(cli, record);
	if (is_resuming && json_is_true(json_object_get(reply, "more")))
		sp_cli_say("sallyport: there are more; go on behind the last number of each log (--after, --after-packets)\n");
	json_decref(reply);
	return sp_cli_flush();
}

int sp_cli_audit(struct sp_cli *cli, int argc, char **argv)
{
	enum { FILTERS = 14 };
	const char *value[FILTERS] = { 0 }, *limit = NULL;
	bool is_following = false;
	const struct sp_option options[] = {
		{ "follow", &is_following, NULL, NULL, "go on with records as they come (also -f)" },
		{ "limit", NULL, &limit, "N", "the newest N (default 100; 0: as many as there can be, 10000)" },
		{ "event", NULL, &value[0], "KIND", "deny, allow, session-open, apply, gap, …" },
		{ "user", NULL, &value[1], "NAME", "of this person" },
		{ "session", NULL, &value[2], "N", "of this session" },
		{ "verdict", NULL, &value[3], "VERDICT", "allow or deny" },
		{ "rule", NULL, &value[4], "NAME", "decided by this rule" },
		{ "reason", NULL, &value[5], "REASON", "for this reason" },
		{ "hook", NULL, &value[6], "HOOK", "seen at this hook" },
		{ "since", NULL, &value[7], "TIME", "RFC 3339, or how long ago: 10m, 2h" },
		{ "until", NULL, &value[8], "TIME", "RFC 3339, or how long ago" },
		{ "idp", NULL, &value[9], "NAME", "of people of this provider" },
		{ "src", NULL, &value[10], "PREFIX", "from this address, or one of these" },
		{ "dst", NULL, &value[11], "PREFIX", "to this address, or one of these" },
		{ "after", NULL, &value[12], "SEQ", "go on behind this number of audit.jsonl: the oldest first" },
		{ "after-packets", NULL, &value[13], "SEQ", "the same of packets.jsonl; without it that log is left out" },
		{ 0 },
	};
	json_t *fields;
	size_t count;
	int r;

	r = sp_cli_options(cli, "audit", argc, argv, options, NULL, 0, &count);
	if (r != 0)
		return sp_cli_options_exit(r);
	fields = json_pack("{s:b}", "follow", is_following);
	for (size_t i = 0; i < FILTERS; i++)
		if (value[i])
			json_object_set_new(fields, i == 12 ? "after_seq" : i == 13 ? "after_packets_seq" :
					    options[i + 2].name, json_string(value[i]));
	if (value[2]) {
		char *end;
		const long long session = strtoll(value[2], &end, 10);

		json_object_set_new(fields, "session", json_integer(*end ? -1 : session));
	}
	if (limit) {
		char *end;
		const long long number = strtoll(limit, &end, 10);

		if (!*limit || *end || number < 0) {
			json_decref(fields);
			return sp_cli_fail(SP_EXIT_USAGE, "--limit %s: a number, 0 for no limit", limit);
		}
		json_object_set_new(fields, "limit", json_integer(number ? number : AGAIN_MAX));
	}
	if (is_following && !limit && (value[12] || value[13])) /* what follows goes on without a hole */
		json_object_set_new(fields, "limit", json_integer(AGAIN_MAX));
	sp_cli_wrap(cli->json ? 0 : INDENT);
	return is_following ? follow_all(cli, fields) : print_once(cli, fields);
}

/* Where audit.jsonl says packets.jsonl stood. */
struct noted {
	struct sp_chain_head *heads;
	size_t count;
};

static int note_head(const struct sp_audit_line *line, struct noted *noted)
{
	struct sp_audit_entry entry;
	struct sp_chain_head *head;
	int r = 0;

	if (!memmem(line->text, line->len, "\"head\":{", 8) ||
	    sp_audit_entry_parse(line->text, line->len, &entry) < 0)
		return 0;
	head = entry.has_head ? SP_ARRAY_PUSH(noted->heads, noted->count) : NULL;
	if (head)
		*head = entry.head;
	else if (entry.has_head)
		r = -ENOMEM;
	sp_audit_entry_done(&entry);
	return r;
}

/* @noted: NULL, or what to add its notes to. */
static int feed_log(const char *path, struct sp_chain_verifier *verifier, struct noted *noted,
		    struct sp_audit_reader **ret_reader)
{
	struct sp_audit_line line;
	int r;

	r = sp_audit_reader_open(path, ret_reader);
	while (r >= 0 && (r = sp_audit_reader_next(*ret_reader, &line)) > 0) {
		r = sp_chain_verifier_feed(verifier, line.file, line.number, line.text, line.len,
					   line.has_newline);
		if (r >= 0 && noted)
			r = note_head(&line, noted);
	}
	if (r >= 0 && (r = sp_audit_reader_rest(*ret_reader, &line)) > 0)
		r = sp_chain_verifier_feed(verifier, line.file, line.number, line.text, line.len,
					   line.has_newline);
	if (r < 0)
		return sp_cli_fail(SP_EXIT_FAILED, "reading %s: %s", path, sp_err_text(r));
	return SP_EXIT_OK;
}

/* One log, as far as it was looked at. */
struct verified {
	const char *path;
	bool has_notes; /* of where the other log stood */
	uint64_t records, first, last, total; /* total: findings */
};

/* @noted: by audit.jsonl, which adds to it. */
static int verify_log(const struct sp_cli *cli, struct verified *log, struct noted *noted, json_t *findings)
{
	__sp_cleanup(sp_chain_verifier_freep) struct sp_chain_verifier *verifier = NULL;
	__sp_cleanup(sp_audit_reader_closep) struct sp_audit_reader *reader = NULL;
	const struct sp_chain_finding *found;
	size_t kept;
	int r = sp_chain_verifier_new(&verifier);

	if (r < 0)
		return sp_cli_fail(SP_EXIT_FAILED, "checking %s: %s", log->path, sp_err_text(r));
	if (!log->has_notes)
		sp_chain_verifier_expect(verifier, noted->heads, noted->count);
	r = feed_log(log->path, verifier, log->has_notes ? noted : NULL, &reader);
	if (r != SP_EXIT_OK)
		return r;
	r = sp_chain_verifier_finish(verifier, NULL);
	if (r < 0)
		return sp_cli_fail(SP_EXIT_FAILED, "checking %s: %s", log->path, sp_err_text(r));
	kept = sp_chain_verifier_get_findings(verifier, &found, &log->total);
	log->records = sp_chain_verifier_get_range(verifier, &log->first, &log->last);
	for (size_t i = 0; i < kept; i++) {
		__sp_free char *text = NULL;

		if (sp_chain_finding_format(&found[i], &text) < 0)
			continue;
		json_array_append_new(findings, json_pack("{s:s, s:I, s:I, s:s}", "file", found[i].file,
							  "line", (json_int_t)found[i].line, "seq",
							  (json_int_t)found[i].seq, "message", text));
		if (!cli->json)
			sp_cli_say("%s\n", text);
	}
	return SP_EXIT_OK;
}

static void print_verified(const struct verified *log)
{
	if (log->total)
		sp_cli_fail(SP_EXIT_FAILED, "%s is not as it was written", log->path);
	else if (log->records)
		sp_cli_print("%s: records %llu to %llu are whole and unchanged\n", log->path,
		       (unsigned long long)log->first, (unsigned long long)log->last);
	else
		sp_cli_print("%s: no records\n", log->path);
}

/* `records`, `first` and `last` are those of the first log. Takes @findings. */
static void print_verified_json(const struct verified *logs, size_t count, uint64_t total,
				json_t *findings)
{
	json_t *files = json_array();

	for (size_t i = 0; i < count; i++)
		json_array_append_new(files, json_pack("{s:s, s:I, s:I, s:I, s:I}", "file", logs[i].path,
						       "records", (json_int_t)logs[i].records, "first",
						       (json_int_t)logs[i].first, "last",
						       (json_int_t)logs[i].last, "total",
						       (json_int_t)logs[i].total));
	sp_cli_print_json(json_pack("{s:i, s:b, s:I, s:I, s:I, s:o, s:I, s:o}", "v", 1, "ok", !total,
				    "records", (json_int_t)logs[0].records, "first",
				    (json_int_t)logs[0].first, "last", (json_int_t)logs[0].last, "files",
				    files, "total", (json_int_t)total, "findings", findings));
}

int sp_cli_audit_verify(struct sp_cli *cli, int argc, char **argv)
{
	__sp_paths struct sp_paths paths = { 0 };
	const struct sp_option options[] = { { 0 } };
	json_t *findings;
	const char *word[1];
	struct noted noted = { 0 };
	uint64_t total = 0;
	struct stat st;
	size_t count;
	int r;

	r = sp_cli_options(cli, "audit verify", argc, argv, options, word, 1, &count);
	if (r != 0)
		return sp_cli_options_exit(r);
	r = sp_paths_init(&paths, cli->root);
	if (r < 0)
		return sp_cli_fail(SP_EXIT_FAILED, "--root: %s", sp_err_text(r));
	struct verified logs[] = { { .path = count ? word[0] : paths.audit_log, .has_notes = true },
				   { .path = paths.packets_log } };
	const size_t log_count = count ? 1 : SP_ARRAY_LEN(logs);

	if (stat(logs[0].path, &st) < 0) /* packets.jsonl comes with the first packet */
		return sp_cli_fail(SP_EXIT_FAILED, "reading %s: %s", logs[0].path, sp_err_text(sp_errno()));
	if (!S_ISREG(st.st_mode))
		return sp_cli_fail(SP_EXIT_FAILED, "reading %s: it is no regular file; name a log's", logs[0].path);
	findings = json_array();
	for (size_t i = 0; i < log_count; i++) {
		r = verify_log(cli, &logs[i], &noted, findings);
		if (r != SP_EXIT_OK) {
			free(noted.heads);
			json_decref(findings);
			return r;
		}
		total += logs[i].total;
		if (!cli->json)
			print_verified(&logs[i]);
	}
	free(noted.heads);
	if (cli->json)
		print_verified_json(logs, log_count, total, findings);
	else
		json_decref(findings);
	return total ? SP_EXIT_FAILED : SP_EXIT_OK;
}
