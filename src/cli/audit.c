/* SPDX-License-Identifier: GPL-3.0-or-later */
/* sallyport audit: query and follow through the daemon; verify reads the files itself. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "audit/chain.h"
#include "base/array.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "cli/cli.h"
#include "cli/client.h"
#include "cli/render.h"
#include "io/audit_log.h"
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

static void print_record(const struct sp_cli *cli, json_t *record)
{
	const char *event = sp_json_text(record, "event");
	const bool is_deny = !strcmp(event, "deny"), is_allow = !strcmp(event, "allow");

	if (cli->json) {
		sp_cli_print_json(json_incref(record));
		return;
	}
	sp_cli_print("%s  %s%-14s%s ", sp_json_text(record, "time"),
		     sp_cli_paint(cli, is_deny  ? SP_RED :
				       is_allow ? SP_GREEN :
						  SP_BOLD),
		     event, sp_cli_paint(cli, SP_PLAIN));
	if (*sp_json_text(record, "user"))
		sp_cli_print(" %s", sp_json_text(record, "user"));
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
	if (*sp_json_text(record, "hook"))
		sp_cli_print("  %s", sp_json_text(record, "hook"));
	if (*sp_json_text(record, "rule"))
		sp_cli_print("  rule %s", sp_json_text(record, "rule"));
	if (*sp_json_text(record, "reason"))
		sp_cli_print("  %s", sp_json_text(record, "reason"));
	if (json_is_true(json_object_get(record, "aggregated")) || !strcmp(event, "gap"))
		sp_cli_print("  %lld %s", sp_json_integer(record, "packets"),
			     !strcmp(event, "roam") ? "moves" : !strcmp(event, "drift") ? "times" : "packets");
	if (*sp_json_text(record, "message"))
		sp_cli_print("  %s", sp_json_text(record, "message"));
	sp_cli_print("\n");
}

static int take_first(void *arg, json_t *reply)
{
	json_t *record;
	size_t i;

	json_array_foreach(json_object_get(reply, "records"), i, record)
		print_record(arg, record);
	return sp_cli_flush();
}

static int take_event(void *arg, json_t *record)
{
	if (record)
		print_record(arg, record);
	return sp_cli_flush();
}

int sp_cli_audit(struct sp_cli *cli, int argc, char **argv)
{
	enum { FILTERS = 10 };
	const char *value[FILTERS] = { 0 }, *limit = NULL;
	bool follow = false;
	const struct sp_option options[] = {
		{ "follow", &follow, NULL, NULL, "go on with records as they come (also -f)" },
		{ "limit", NULL, &limit, "N", "the newest N (default 100)" },
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
		{ 0 },
	};
	json_t *fields;
	size_t count;
	int r;

	r = sp_cli_options(cli, "audit", argc, argv, options, NULL, 0, &count);
	if (r != 0)
		return sp_cli_options_exit(r);
	fields = json_pack("{s:b}", "follow", follow);
	for (size_t i = 0; i < FILTERS; i++)
		if (value[i])
			json_object_set_new(fields, options[i + 2].name, json_string(value[i]));
	if (value[2]) {
		char *end;
		const long long session = strtoll(value[2], &end, 10);

		json_object_set_new(fields, "session", json_integer(*end ? -1 : session));
	}
	if (limit) {
		char *end;
		const long long number = strtoll(limit, &end, 10);

		if (*end || number < 1) {
			json_decref(fields);
			return sp_cli_fail(SP_EXIT_USAGE, "--limit %s: a number from 1", limit);
		}
		json_object_set_new(fields, "limit", json_integer(number));
	}
	if (follow)
		return sp_client_watch(cli, "audit.query", fields, take_first, take_event, cli);
	json_t *reply;

	r = sp_client_call(cli, "audit.query", fields, &reply);
	if (r != SP_EXIT_OK)
		return r;
	r = take_first(cli, reply);
	json_decref(reply);
	return r;
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
		return sp_cli_fail(SP_EXIT_FAILED, "%s", sp_err_text(r));
	if (!log->has_notes)
		sp_chain_verifier_expect(verifier, noted->heads, noted->count);
	r = feed_log(log->path, verifier, log->has_notes ? noted : NULL, &reader);
	if (r != SP_EXIT_OK)
		return r;
	r = sp_chain_verifier_finish(verifier, NULL);
	if (r < 0)
		return sp_cli_fail(SP_EXIT_FAILED, "%s", sp_err_text(r));
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
	size_t count;
	int r;

	r = sp_cli_options(cli, "audit verify", argc, argv, options, word, 1, &count);
	if (r != 0)
		return sp_cli_options_exit(r);
	r = sp_paths_init(&paths, cli->root);
	if (r < 0)
		return sp_cli_fail(SP_EXIT_FAILED, "%s", sp_err_text(r));
	struct verified logs[] = { { .path = count ? word[0] : paths.audit_log, .has_notes = true },
				   { .path = paths.packets_log } };
	const size_t log_count = count ? 1 : SP_ARRAY_LEN(logs);

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
