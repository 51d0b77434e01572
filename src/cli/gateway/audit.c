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
#include "base/str.h"
#include "cli/cli.h"
#include "cli/gateway/client.h"
#include "cli/screen/render.h"
#include "io/files/paths.h"
#include "io/log/audit_log.h"
#include "json/text.h"

static void print_endpoint(json_t *record, const char *address_key, const char *port_key)
{
	const char *address = sp_json_text(record, address_key);
	json_t *port = json_object_get(record, port_key);

	if (!*address)
		return;
	if (!json_is_integer(port) || !strncmp(sp_json_text(record, "proto"), "icmp", 4))
		sp_cli_print("%s", address); /* the ports of an ICMP query are its identifier */
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

/* Print who it is about: "ana (corp) 100.64.0.3:41012 -> 10.30.2.9:80 tcp", "on laptop from
 * 192.0.2.11". */
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
		if (*sp_json_text(record, "real_dst")) {
			sp_cli_print(" (");
			print_endpoint(record, "real_dst", "real_dport");
			sp_cli_print(")");
		}
	}
	if (*sp_json_text(record, "proto"))
		sp_cli_print(" %s", sp_json_text(record, "proto"));
}

static void print_why(json_t *record)
{
	const char *event = sp_json_text(record, "event"), *rule = sp_json_text(record, "rule");
	json_t *audit = json_object_get(record, "audit");
	const char *reason = sp_json_text(record, "reason");

	if (*sp_json_text(record, "hook"))
		sp_cli_print("  %s", sp_json_text(record, "hook"));
	if (*rule)
		sp_cli_print("  rule %s", rule);
	if (*reason && strcmp(reason, rule) && strcmp(reason, event))
		sp_cli_print("  %s", reason);
	if (audit)
		sp_cli_print("  (%s would %s)", sp_json_text(audit, "rule"),
			     sp_json_text(audit, "would"));
	if (json_is_true(json_object_get(record, "aggregated")) || !strcmp(event, "gap"))
		sp_cli_print("  %lld %s", sp_json_integer(record, "packets"),
			     !strcmp(event, "roam")    ? "moves"
			     : !strcmp(event, "drift") ? "times"
						       : "packets");
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
	sp_cli_print("  %s%-14s%s ",
		     sp_cli_paint(cli, is_deny    ? SP_RED
				       : is_allow ? SP_GREEN
						  : SP_BOLD),
		     event, sp_cli_paint(cli, SP_PLAIN));
	print_who(record);
	print_why(record);
	sp_cli_print("\n");
}

/* ---- following, through restarts of sallyportd ---- */

#define INDENT 8   /* columns of text beside a record's */
#define PAGE 10000 /* how many records one request gets at most */
#define PAUSE_NS 300000000L
#define GO_ON (-2) /* take_first's answer: there are more records, or a log was begun anew */

/* The numbers to go on behind, by log (sp_audit_event_is_traffic): keys of a request, and of each
 * reply. */
static const char *const place_keys[] = { "after_seq", "after_packets_seq" };

struct following {
	const struct sp_cli *cli;
	/* fields of the request, borrowed; from the first reply on they include the place in the
	 * logs */
	json_t *fields;
};

static bool is_resuming(const json_t *fields)
{
	return json_object_get(fields, place_keys[0]) || json_object_get(fields, place_keys[1]);
}

static void show_event(struct following *following, json_t *record)
{
	const enum sp_audit_event event = sp_audit_event_parse(sp_json_text(record, "event"));

	print_record(following->cli, record);
	if (event == SP_AUDIT_NONE) /* a later version's: it does not say of which log it is */
		return;
	json_object_set(following->fields, place_keys[sp_audit_event_is_traffic(event)],
			json_object_get(record, "seq"));
}

/* Keep the place in one log after a reply. A log that is shorter than what was read of it was begun
 * anew, and all of it is still to be read. Returns whether that is so. */
static bool take_place(struct following *following, const json_t *reply, const char *key)
{
	json_t *place = json_object_get(reply, key),
	       *asked = json_object_get(following->fields, key);
	const bool is_anew = asked && json_is_integer(place) &&
			     json_integer_value(place) < json_integer_value(asked);

	if (is_anew)
		json_object_set_new(following->fields, key, json_integer(0));
	else if (json_is_integer(place)) /* null: the request does not ask this log */
		json_object_set(following->fields, key, place);
	return is_anew;
}

static int take_first(void *arg, json_t *reply)
{
	struct following *following = arg;
	bool is_whole =
		!is_resuming(following->fields) || !json_is_true(json_object_get(reply, "more"));
	json_t *record;
	size_t i;
	int r;

	json_array_foreach(json_object_get(reply, "records"), i, record)
		print_record(following->cli, record);
	for (i = 0; i < SP_ARRAY_LEN(place_keys); i++)
		is_whole &= !take_place(following, reply, place_keys[i]);
	json_object_del(following->fields, "since"); /* later, "10m" would mean another time */
	json_object_set_new(following->fields, "limit", json_integer(PAGE));
	r = sp_cli_flush();
	return r != SP_EXIT_OK || is_whole ? r : GO_ON;
}

static int take_event(void *arg, json_t *record)
{
	if (record)
		show_event(arg, record);
	return sp_cli_flush();
}

/* A sallyportd that starts takes connections before it can answer them. */
static bool daemon_answers(const struct sp_cli *cli)
{
	__sp_json json_t *reply = sp_client_try(cli, "status");

	return reply != NULL;
}

static void wait_for_daemon(const struct sp_cli *cli)
{
	const struct timespec pause = { .tv_nsec = PAUSE_NS };

	sp_cli_say("sallyport: sallyportd has gone; waiting for it\n");
	while (!daemon_answers(cli))
		nanosleep(&pause, NULL);
	sp_cli_say("sallyport: sallyportd is there again\n");
}

static int audit_follow(const struct sp_cli *cli, json_t *fields)
{
	struct following following = { .cli = cli, .fields = fields };
	int r;

	do {
		r = sp_client_follow(cli, "audit.query", json_deep_copy(fields), take_first,
				     take_event, &following);
		if (r == SP_CLIENT_CLOSED)
			wait_for_daemon(cli);
	} while (r == SP_CLIENT_CLOSED || r == GO_ON);
	return r;
}

#define X(id, name, text) name,
static const char *const events[] = { SP_AUDIT_EVENTS(X) NULL };
static const char *const verdicts[] = { SP_VERDICTS(X) NULL };
static const char *const reasons[] = { SP_REASONS(X) NULL };
static const char *const hooks[] = { SP_HOOKS(X) NULL };
#undef X

/* Nothing was found. With a @reason of no packet's, say which those are. */
static void say_reasons(const char *reason)
{
	__sp_buf struct sp_buf words = SP_BUF_INIT;

	for (size_t i = 0; reasons[i]; i++) {
		if (!strcmp(reason, reasons[i]))
			return;
		sp_buf_printf(&words, "%s%s", i ? ", " : "", reasons[i]);
	}
	sp_cli_say("sallyport: no record has the reason \"%s\"; those of packets are %s\n", reason,
		   sp_buf_get(&words));
}

static int print_once(const struct sp_cli *cli, json_t *fields)
{
	__sp_json json_t *reply = NULL;
	json_t *record;
	size_t i;
	int r = sp_client_call(cli, "audit.query", json_incref(fields), &reply);

	if (r != SP_EXIT_OK)
		return r;
	json_array_foreach(json_object_get(reply, "records"), i, record)
		print_record(cli, record);
	if (i == 0 && json_object_get(fields, "reason"))
		say_reasons(sp_json_text(fields, "reason"));
	if (is_resuming(fields) && json_is_true(json_object_get(reply, "more")))
		sp_cli_say("sallyport: there are more; go on behind the last number of each log "
			   "(--after, --after-packets)\n");
	return sp_cli_flush();
}

/* The filters: options, and fields of the request. N and SEQ are numbers, other values texts. */
static const struct filter {
	const char *option, *field, *value_name, *help;
	const char *const *values;
	enum sp_choice choice;
} filters[] = {
	{ "event", "event", "KIND", "deny, allow, session-open, apply, gap, …", events,
	  SP_CHOOSE_SEVERAL },
	{ "user", "user", "NAME", "of this person" },
	{ "session", "session", "N", "of this session" },
	{ "verdict", "verdict", "VERDICT", "allow or deny", verdicts },
	{ "rule", "rule", "NAME", "decided by this rule" },
	{ "reason", "reason", "REASON", "for this reason", reasons, SP_CHOOSE_ANY },
	{ "hook", "hook", "HOOK", "seen at this hook", hooks },
	{ "since", "since", "TIME", "RFC 3339, or how long ago: 10m, 2h" },
	{ "until", "until", "TIME", "RFC 3339, or how long ago" },
	{ "idp", "idp", "NAME", "of people of this provider" },
	{ "src", "src", "PREFIX", "from this address, or one of these" },
	{ "dst", "dst", "PREFIX", "to this address, or one of these" },
	{ "after", "after_seq", "SEQ",
	  "go on behind this number of audit.jsonl: the oldest first" },
	{ "after-packets", "after_packets_seq", "SEQ",
	  "the same of packets.jsonl; without it that log is left out" },
};
#define FILTERS SP_ARRAY_LEN(filters)

/* Returns SP_EXIT_OK; SP_EXIT_USAGE: @text is not a number, which was printed. */
static int set_number(json_t *fields, const char *field, const char *option, const char *text)
{
	char *end;
	long long number;

	errno = 0;
	number = strtoll(text, &end, 10);
	if (*text < '0' || *text > '9' || *end || errno)
		return sp_cli_fail(SP_EXIT_USAGE, "--%s %s: a number", option, text);
	json_object_set_new(fields, field, json_integer(number));
	return SP_EXIT_OK;
}

static int set_filter(json_t *fields, const struct filter *filter, const char *text)
{
	if (!strcmp(filter->value_name, "N") || !strcmp(filter->value_name, "SEQ"))
		return set_number(fields, filter->field, filter->option, text);
	json_object_set_new(fields, filter->field, sp_json_of_text(text));
	return SP_EXIT_OK;
}

/* 0 means as many as one request gets, which is also the default where no record may be left
 * out. */
static int set_limit(json_t *fields, const char *limit, bool is_following)
{
	const bool is_page = is_following && is_resuming(fields);
	int r = limit ? set_number(fields, "limit", "limit", limit) : SP_EXIT_OK;

	if (r == SP_EXIT_OK && (limit || is_page) &&
	    !json_integer_value(json_object_get(fields, "limit")))
		json_object_set_new(fields, "limit", json_integer(PAGE));
	return r;
}

int sp_cli_audit(struct sp_cli *cli, int argc, char **argv)
{
	const char *values[FILTERS] = { 0 }, *limit = NULL;
	bool is_following = false;
	struct sp_option options[2 + FILTERS + 1] = {
		{ "follow", &is_following, NULL, NULL,
		  "go on with records as they come (also -f)" },
		{ "limit", NULL, &limit, "N",
		  "the newest N (default 100; 0: as many as there can be, 10000)" },
	};
	__sp_json json_t *fields = NULL;
	size_t count;
	int r;

	for (size_t i = 0; i < FILTERS; i++)
		options[2 + i] = (struct sp_option){ filters[i].option, NULL,
						     &values[i],        filters[i].value_name,
						     filters[i].help,   filters[i].values,
						     filters[i].choice };
	r = sp_cli_options(cli, "audit", argc, argv, options, NULL, 0, &count);
	if (r != 0)
		return sp_cli_options_exit(r);
	fields = json_pack("{s:b}", "follow", is_following);
	for (size_t i = 0; r == SP_EXIT_OK && i < FILTERS; i++)
		if (values[i])
			r = set_filter(fields, &filters[i], values[i]);
	if (r == SP_EXIT_OK)
		r = set_limit(fields, limit, is_following);
	if (r != SP_EXIT_OK)
		return r;
	sp_cli_wrap(cli->json ? 0 : INDENT);
	return is_following ? audit_follow(cli, fields) : print_once(cli, fields);
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

/* @noted: NULL, or the list of notes to add to. */
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

/* What was found in one log. */
struct verified {
	const char *path;
	bool has_notes;                       /* of where the other log stood */
	uint64_t records, first, last, total; /* total: findings */
};

/* @noted: what audit.jsonl notes of packets.jsonl; the check of audit.jsonl adds to it. */
static int verify_log(const struct sp_cli *cli, struct verified *log, struct noted *noted,
		      json_t *findings)
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
		json_array_append_new(findings,
				      json_pack("{s:s, s:I, s:I, s:s}", "file", found[i].file,
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

/* `records`, `first` and `last` are those of the first log. Takes over @findings. */
static void print_verified_json(const struct verified *logs, size_t count, uint64_t total,
				json_t *findings)
{
	json_t *files = json_array();

	for (size_t i = 0; i < count; i++)
		json_array_append_new(files,
				      json_pack("{s:s, s:I, s:I, s:I, s:I}", "file", logs[i].path,
						"records", (json_int_t)logs[i].records, "first",
						(json_int_t)logs[i].first, "last",
						(json_int_t)logs[i].last, "total",
						(json_int_t)logs[i].total));
	sp_cli_print_json(json_pack("{s:i, s:b, s:I, s:I, s:I, s:o, s:I, s:o}", "v", 1, "ok",
				    !total, "records", (json_int_t)logs[0].records, "first",
				    (json_int_t)logs[0].first, "last", (json_int_t)logs[0].last,
				    "files", files, "total", (json_int_t)total, "findings",
				    findings));
}

int sp_cli_audit_verify(struct sp_cli *cli, int argc, char **argv)
{
	__sp_paths struct sp_paths paths = { 0 };
	const struct sp_option options[] = { { 0 } };
	__sp_json json_t *findings = NULL;
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
		return sp_cli_fail(SP_EXIT_FAILED, "reading %s: %s", logs[0].path,
				   sp_err_text(sp_errno()));
	if (!S_ISREG(st.st_mode))
		return sp_cli_fail(SP_EXIT_FAILED,
				   "reading %s: it is no regular file; name a log's", logs[0].path);
	findings = json_array();
	for (size_t i = 0; i < log_count; i++) {
		r = verify_log(cli, &logs[i], &noted, findings);
		if (r != SP_EXIT_OK)
			break;
		total += logs[i].total;
		if (!cli->json)
			print_verified(&logs[i]);
	}
	free(noted.heads);
	if (r != SP_EXIT_OK)
		return r;
	if (cli->json)
		print_verified_json(logs, log_count, total, SP_TAKE_PTR(findings));
	return total ? SP_EXIT_FAILED : SP_EXIT_OK;
}
