/* SPDX-License-Identifier: GPL-3.0-or-later */
/* audit.query: the log is read some lines a round, so that a long one holds nobody up. */
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "daemon/ops.h"

#define LINES_A_ROUND 500
#define LIMIT_MAX 10000

struct reading {
	struct sp_daemon *daemon;
	struct sp_client *client; /* NULL: gone */
	struct sp_timer timer;
	struct sp_audit_reader *reader;
	struct sp_audit_query query;
	bool is_following;
	json_t *found; /* the newest `limit` that match */
	size_t limit;
};

static void reading_free(struct reading *reading)
{
	if (!reading)
		return;
	sp_loop_drop(reading->daemon->loop, &reading->timer);
	if (reading->client)
		sp_client_set_data(reading->client, NULL);
	sp_audit_reader_close(reading->reader);
	json_decref(reading->found);
	free(reading);
}

SP_DEFINE_CLEANUP(struct reading *, reading_free);

void sp_op_audit_gone(struct sp_daemon *daemon, struct sp_client *client)
{
	(void)daemon;
	reading_free(sp_client_get_data(client));
}

static void take_line(struct reading *reading, const struct sp_audit_line *line)
{
	__sp_audit_entry struct sp_audit_entry entry = { 0 };

	if (sp_audit_entry_parse(line->text, line->len, &entry) < 0 ||
	    !sp_audit_query_matches(&reading->query, &entry.record))
		return;
	if (!reading->limit)
		return;
	json_array_append(reading->found, entry.json);
	/* forget the older half at once */
	if (json_array_size(reading->found) >= 2 * reading->limit)
		for (size_t i = 0; i < reading->limit; i++)
			json_array_remove(reading->found, 0);
}

static void finish(struct reading *reading)
{
	struct sp_client *client = reading->client;
	json_t *found = SP_TAKE_PTR(reading->found);

	while (json_array_size(found) > reading->limit)
		json_array_remove(found, 0);
	sp_client_set_data(client, NULL);
	reading->client = NULL;
	/* the follower first, or a record written in between would be missed; its events come
	 * after the reply because nothing is recorded before this function returns */
	if (reading->is_following &&
	    sp_recorder_follow(reading->daemon, client, &reading->query) < 0) {
		json_decref(found);
		sp_client_fail(client, "failed", 1, NULL, "out of memory");
		return;
	}
	sp_client_reply(client, json_pack("{s:o}", "records", found));
}

static void read_some(void *arg)
{
	__sp_cleanup(reading_freep) struct reading *reading = arg;
	struct sp_audit_line line;
	int r = 1;

	for (int i = 0; i < LINES_A_ROUND && r == 1; i++) {
		r = sp_audit_reader_next(reading->reader, &line);
		if (r == 1)
			take_line(reading, &line);
	}
	if (r == 1) {
		sp_loop_in(reading->daemon->loop, &reading->timer, 0);
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
	finish(reading);
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
			sp_client_fail(client, "bad-request", 2, NULL, "%.40s is %s", key,
				       sp_audit_query_shape(key) ? sp_audit_query_shape(key) :
								   "no field");
		return false;
	}
	return true;
}

void sp_op_audit_query(struct sp_daemon *daemon, struct sp_client *client,
		       const struct sp_request *request)
{
	__sp_cleanup(reading_freep) struct reading *reading = calloc(1, sizeof(*reading));
	json_int_t limit = 100;
	int follow = 0, r;

	if (!reading) {
		sp_client_fail(client, "failed", 1, NULL, "out of memory");
		return;
	}
	reading->daemon = daemon;
	reading->timer = (struct sp_timer){ .fire = read_some, .arg = reading };
	if (!sp_op_unpack(client, request, "{s?b, s?I}", "follow", &follow, "limit", &limit) ||
	    !read_query(client, request, &reading->query))
		return;
	if (limit < 0 || limit > LIMIT_MAX) {
		sp_client_fail(client, "bad-request", 2, NULL, "limit is 0 to %d", LIMIT_MAX);
		return;
	}
	reading->limit = (size_t)limit;
	reading->is_following = follow;
	reading->found = json_array();
	r = sp_audit_reader_open(daemon->paths.audit_log, &reading->reader);
	if (r < 0) {
		sp_client_fail(client, "failed", 1, NULL, "opening the audit log: %s",
			       sp_err_text(r));
		return;
	}
	reading->client = client;
	sp_client_set_data(client, reading);
	sp_loop_in(daemon->loop, &reading->timer, 0);
	reading = NULL;
}
