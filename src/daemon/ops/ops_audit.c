/* SPDX-License-Identifier: GPL-3.0-or-later */
/* audit.query: both logs are read together, in order of time, in slices of the loop, so that a long
 * log delays nobody. */
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/text.h"
#include "daemon/control/listing.h"
#include "daemon/ops/ops.h"
#include "daemon/people/refusal.h"
#include "io/log/audit_log.h"
#include "json/own.h"
#include "policy/answer.h"
#include "yaml/suggest.h"

#define LIMIT_MAX 10000

/* One of the logs, and its next record. */
struct source {
	struct sp_audit_reader *reader;
	struct sp_audit_entry entry;
	bool has_entry;
};

struct reading {
	struct sp_ops *ops;
	struct sp_client *client; /* NULL: gone */
	struct sp_timer timer;
	struct source sources[SP_RECORDER_FILES];
	struct sp_audit_query query;
	bool is_following;
	/* with a number to go on behind: the oldest `limit` records, so that the next request goes
	 * on behind them */
	bool is_resuming;
	bool has_more; /* more records match than were taken */
	/* of the last record found in each log, or the number asked for */
	uint64_t last_seq[SP_RECORDER_FILES];
	/* without one: the newest `limit` records. A ring of @limit + 1 texts */
	char **found;
	size_t first, count, limit;
	struct sp_listing listing; /* of them, once all is read */
	json_t *rest;              /* of the reply */
};

static void reading_free(void *arg)
{
	struct reading *reading = arg;

	if (!reading)
		return;
	sp_loop_drop(reading->ops->loop, &reading->timer);
	if (reading->client)
		sp_client_set_data(reading->client, NULL);
	for (int i = 0; i < SP_RECORDER_FILES; i++) {
		sp_audit_reader_close(reading->sources[i].reader);
		sp_audit_entry_done(&reading->sources[i].entry);
	}
	for (size_t i = 0; reading->found && i <= reading->limit; i++)
		free(reading->found[i]);
	free(reading->found);
	json_decrefp(&reading->rest);
	free(reading);
}

static void reading_freep(struct reading **reading)
{
	reading_free(*reading);
}

void sp_op_audit_gone(struct sp_ops *ops, struct sp_client *client)
{
	(void)ops;
	reading_free(sp_client_get_data(client));
}

/* The oldest text; the caller frees it. */
static char *take_oldest(struct reading *reading)
{
	char *text = SP_TAKE_PTR(reading->found[reading->first]);

	reading->first = (reading->first + 1) % (reading->limit + 1);
	reading->count--;
	return text;
}

static int take_entry(struct reading *reading, const struct sp_audit_entry *entry)
{
	char *text;

	if (!sp_audit_query_matches(&reading->query, &entry->record))
		return 0;
	if (reading->count >= reading->limit && (reading->is_resuming || !reading->limit)) {
		reading->has_more = true;
		return 0;
	}
	text = json_dumps(entry->json, JSON_COMPACT);
	if (!text)
		return -ENOMEM;
	reading->last_seq[sp_audit_event_is_traffic(entry->record.event)] = entry->record.seq;
	reading->found[(reading->first + reading->count++) % (reading->limit + 1)] = text;
	if (reading->count <= reading->limit)
		return 0;
	reading->has_more = true;
	free(take_oldest(reading));
	return 0;
}

/* The number to go on behind in one log: that of the last record taken if more match, else that of
 * the log's last record. null: the log was not asked. */
static json_t *describe_place(const struct reading *reading, enum sp_recorder_log log)
{
	const struct sp_recorder_file *file = &reading->ops->recorder->files[log];
	struct sp_chain_head head = { .seq = reading->last_seq[log] };

	if (reading->is_resuming && !reading->query.has_after[log])
		return json_null();
	if (file->log && !(reading->is_resuming && reading->has_more))
		sp_audit_log_get_head(file->log, &head);
	return json_integer((json_int_t)head.seq);
}

static int put_record(void *arg, struct sp_buf *out)
{
	struct reading *reading = arg;
	__sp_free char *text = NULL;

	if (!reading->count)
		return 0;
	text = take_oldest(reading);
	sp_text_put_json(out, text, strlen(text));
	return 1;
}

static json_t *take_rest(void *arg)
{
	return SP_TAKE_PTR(((struct reading *)arg)->rest);
}

static void reading_fail(void *arg, int r)
{
	const struct reading *reading = arg;

	sp_client_fail(reading->listing.client, "failed", 1, NULL, "reading the audit log: %s",
		       sp_err_text(r));
}

/* All is read. Returns 0, and the listing owns @reading; -ENOMEM: the client was told. */
static int reading_finish(struct reading *reading)
{
	const bool is_whole = !reading->is_resuming || !reading->has_more;
	struct sp_client *client = reading->client;

	sp_client_set_data(client, NULL);
	reading->client = NULL;
	/* begin following before the reply, or a record written in between would be missed. Events
	 * come after the reply, since the client keeps them until then */
	if (reading->is_following && is_whole &&
	    sp_recorder_follow(reading->ops->recorder, client, &reading->query) < 0) {
		sp_client_fail(client, "failed", 1, NULL, "out of memory");
		return -ENOMEM;
	}
	/* as it is now: records that come meanwhile are behind it */
	reading->rest = json_pack("{s:b, s:o, s:o}", "more", reading->has_more, "after_seq",
				  describe_place(reading, SP_RECORDER_PEOPLE), "after_packets_seq",
				  describe_place(reading, SP_RECORDER_PACKETS));
	reading->listing = (struct sp_listing){ .client = client,
						.name = "records",
						.next = put_record,
						.rest = take_rest,
						.fail = reading_fail,
						.free = reading_free,
						.arg = reading };
	sp_listing_start(&reading->listing);
	return 0;
}

/* Read the next record of @source, if there is one. Returns 0 or -errno. */
static int look_ahead(struct source *source)
{
	struct sp_audit_line line;
	int r = 1;

	while (!source->has_entry && source->reader && r == 1) {
		r = sp_audit_reader_next(source->reader, &line);
		if (r == 1)
			source->has_entry =
				sp_audit_entry_parse(line.text, line.len, &source->entry) == 0;
	}
	return r < 0 ? r : 0;
}

/* Take the earliest of the next records. Returns 1; 0: there is none; -errno. */
static int take_next(struct reading *reading)
{
	struct source *first = NULL;
	int r;

	for (int i = 0; i < SP_RECORDER_FILES; i++) {
		struct source *source = &reading->sources[i];

		r = look_ahead(source);
		if (r < 0)
			return r;
		if (source->has_entry &&
		    (!first || source->entry.record.time_ns < first->entry.record.time_ns))
			first = source;
	}
	if (!first)
		return 0;
	r = take_entry(reading, &first->entry);
	sp_audit_entry_done(&first->entry);
	first->entry = (struct sp_audit_entry){ 0 };
	first->has_entry = false;
	return r < 0 ? r : 1;
}

static void read_some(void *arg)
{
	__sp_cleanup(reading_freep) struct reading *reading = arg;
	const uint64_t until_ns = sp_clock_boottime_ns() + SP_LOOP_SLICE_NS;
	int r = 1;

	while (r == 1 && !(reading->is_resuming && reading->has_more) &&
	       sp_clock_boottime_ns() < until_ns)
		r = take_next(reading);
	if (r == 1 && !(reading->is_resuming && reading->has_more)) {
		sp_loop_in(reading->ops->loop, &reading->timer, 0);
		reading = NULL;
		return;
	}
	if (r < 0) {
		struct sp_client *client = reading->client;

		sp_client_set_data(client, NULL);
		reading->client = NULL;
		sp_client_fail(client, "failed", 1, NULL, "reading the audit log: %s",
			       sp_err_text(r));
		return;
	}
	if (reading_finish(reading) == 0)
		reading = NULL;
}

/* The nearest word of a closed list to @text. NULL: none is near, or @key has no closed list. */
static const char *nearest_word(const char *key, const char *typed)
{
	struct sp_nearest near;

	sp_nearest_init(&near, typed);
	if (!strcmp(key, "event"))
		for (unsigned int i = 1; i < SP_AUDIT_EVENT_COUNT; i++)
			sp_nearest_offer(&near, sp_audit_event_name((enum sp_audit_event)i));
	if (!strcmp(key, "hook"))
		for (unsigned int i = 1; i < SP_HOOK_COUNT; i++)
			sp_nearest_offer(&near, sp_hook_name(i));
	if (!strcmp(key, "verdict"))
		for (unsigned int i = 0; i <= SP_ALLOW; i++)
			sp_nearest_offer(&near, sp_verdict_name(i));
	return near.best;
}

static void fail_filter(struct sp_client *client, const char *key, const char *text)
{
	const char *shape = sp_audit_query_shape(key),
		   *near = text ? nearest_word(key, text) : NULL;

	sp_client_fail(client, "bad-request", 2, NULL, "%.40s is %s%s%s%s", key,
		       shape ? shape : "no field", near ? "; did you mean \"" : "",
		       near ? near : "", near ? "\"?" : "");
}

/* Is it a reason that a record may have? Those of packets are a closed list; beside them there are
 * the words of refused sign-ins, and free texts. A word of no list that is nearly one of a packet's
 * is a slip, and would find nothing. Returns false: the client was told. */
static bool check_reason(struct sp_client *client, const struct sp_audit_query *query)
{
	bool asks_packets_only = query->events;
	struct sp_nearest near;

	sp_nearest_init(&near, query->reason);
	for (unsigned int i = 1; i < SP_REASON_COUNT; i++)
		sp_nearest_offer(&near, sp_reason_name(i));
	for (unsigned int event = 1; event < SP_AUDIT_EVENT_COUNT; event++)
		if (query->events & (1u << event))
			asks_packets_only &= event < SP_EVENT_COUNT;
	if (!*query->reason || (near.best && !strcmp(near.best, query->reason)) ||
	    sp_refuse_find_word(query->reason) || !strncmp(query->reason, "reason-", 7) ||
	    (!near.best && !asks_packets_only))
		return true;
	sp_client_fail(client, "bad-request", 2, NULL, "\"%.40s\" is no reason of a packet%s%s%s",
		       query->reason, near.best ? "; did you mean \"" : "",
		       near.best ? near.best : "", near.best ? "\"?" : "");
	return false;
}

/* The filters of a request; false: the client was told. */
static bool read_query(struct sp_client *client, const struct sp_request *request,
		       struct sp_audit_query *query)
{
	const int64_t now_ns = sp_clock_realtime_ns();
	const char *key;
	json_t *value;

	json_object_foreach((json_t *)request->json, key, value) {
		char number[24];
		const char *text = json_string_value(value);
		int r;

		if (!strcmp(key, "v") || !strcmp(key, "id") || !strcmp(key, "op") ||
		    !strcmp(key, "follow") || !strcmp(key, "limit"))
			continue;
		if (json_is_integer(value)) {
			snprintf(number, sizeof(number), "%lld",
				 (long long)json_integer_value(value));
			text = number;
		}
		r = text ? sp_audit_query_set(query, key, text, now_ns) : -EINVAL;
		if (r == 0)
			continue;
		if (r == -ENOENT)
			sp_client_fail(client, "bad-request", 2, NULL,
				       "audit.query takes no field %.40s", key);
		else
			fail_filter(client, key, text);
		return false;
	}
	return true;
}

/* The log of packets is long: leave it out if nothing in it can match. */
static bool asks_for_traffic(const struct sp_audit_query *query)
{
	for (unsigned int event = 1; query->events && event < SP_AUDIT_EVENT_COUNT; event++)
		if ((query->events & (1u << event)) && sp_audit_event_is_traffic(event))
			return true;
	return !query->events;
}

static int open_sources(struct reading *reading)
{
	const struct sp_paths *paths = reading->ops->paths;
	int r = sp_audit_reader_open(paths->audit_log,
				     &reading->sources[SP_RECORDER_PEOPLE].reader);

	if (r == 0 && asks_for_traffic(&reading->query))
		r = sp_audit_reader_open(paths->packets_log,
					 &reading->sources[SP_RECORDER_PACKETS].reader);
	return r;
}

void sp_op_audit_query(struct sp_ops *ops, struct sp_client *client,
		       const struct sp_request *request)
{
	__sp_cleanup(reading_freep) struct reading *reading = calloc(1, sizeof(*reading));
	json_int_t limit = 100;
	int follow = 0, r;

	if (!reading) {
		sp_client_fail(client, "failed", 1, NULL, "out of memory");
		return;
	}
	reading->ops = ops;
	reading->timer = (struct sp_timer){ .fire = read_some, .arg = reading };
	if (!sp_op_unpack(client, request, "{s?b, s?I}", "follow", &follow, "limit", &limit) ||
	    !read_query(client, request, &reading->query) || !check_reason(client, &reading->query))
		return;
	if (limit < 0 || limit > LIMIT_MAX) {
		sp_client_fail(client, "bad-request", 2, NULL, "limit is 0 to %d", LIMIT_MAX);
		return;
	}
	reading->limit = (size_t)limit;
	reading->is_following = follow;
	reading->is_resuming = reading->query.has_after[0] || reading->query.has_after[1];
	memcpy(reading->last_seq, reading->query.after_seq, sizeof(reading->last_seq));
	reading->found = calloc(reading->limit + 1, sizeof(*reading->found));
	r = reading->found ? open_sources(reading) : -ENOMEM;
	if (r < 0) {
		sp_client_fail(client, "failed", 1, NULL, "opening the audit log: %s",
			       sp_err_text(r));
		return;
	}
	reading->client = client;
	sp_client_set_data(client, reading);
	sp_loop_in(ops->loop, &reading->timer, 0);
	reading = NULL;
}
