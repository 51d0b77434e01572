/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "audit/query.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "audit/time.h"
#include "base/array.h"
#include "net/addr.h"

static const struct {
	const char *key, *shape;
} conditions[] = {
#define X(key, shape) { key, shape },
	SP_AUDIT_QUERY_KEYS(X)
#undef X
};

const char *sp_audit_query_shape(const char *key)
{
	for (size_t i = 0; i < SP_ARRAY_LEN(conditions); i++)
		if (strcmp(conditions[i].key, key) == 0)
			return conditions[i].shape;
	return NULL;
}

static int set_text(char *to, size_t size, const char *value)
{
	size_t len = strlen(value);

	if (len == 0)
		return -EINVAL;
	if (len >= size)
		return -ENAMETOOLONG;
	memcpy(to, value, len + 1);
	return 0;
}

static int set_verdict(struct sp_audit_query *query, const char *value)
{
	if (strcmp(value, "allow") != 0 && strcmp(value, "deny") != 0)
		return -EINVAL;
	return set_text(query->verdict, sizeof(query->verdict), value);
}

static int set_reason(struct sp_audit_query *query, const char *value)
{
	return set_text(query->reason, sizeof(query->reason), value);
}

/* "deny,allow" */
static int set_events(struct sp_audit_query *query, const char *value)
{
	uint32_t events = 0;

	for (;;) {
		size_t len = strcspn(value, ",");
		char name[24];
		enum sp_audit_event event;

		if (len == 0 || len >= sizeof(name))
			return -EINVAL;
		memcpy(name, value, len);
		name[len] = '\0';
		event = sp_audit_event_parse(name);
		if (event == SP_AUDIT_NONE)
			return -EINVAL;
		events |= 1u << event;
		if (value[len] == '\0')
			break;
		value += len + 1;
	}
	query->events |= events;
	return 0;
}

static int set_prefix(bool *has, struct sp_prefix *to, const char *value)
{
	struct sp_prefix prefix;

	if (sp_prefix_parse(value, &prefix) < 0)
		return -EINVAL;
	*to = prefix;
	*has = true;
	return 0;
}

static int set_time(bool *has, int64_t *to, const char *value, int64_t now_ns)
{
	int64_t time_ns, ago_ns;

	if (sp_duration_parse(value, &ago_ns) == 0)
		time_ns = now_ns - ago_ns;
	else if (sp_time_parse(value, &time_ns) < 0)
		return -EINVAL;
	*to = time_ns;
	*has = true;
	return 0;
}

/* Set the number after which records are wanted: decimal, up to INT64_MAX, as a record's seq. */
static int set_after(struct sp_audit_query *query, int log, const char *value)
{
	char *end;
	long long seq;

	if (*value < '0' || *value > '9')
		return -EINVAL;
	errno = 0;
	seq = strtoll(value, &end, 10);
	if (*end || errno)
		return -EINVAL;
	query->has_after[log] = true;
	query->after_seq[log] = (uint64_t)seq;
	return 0;
}

int sp_audit_query_set(struct sp_audit_query *query, const char *key, const char *value,
		       int64_t now_ns)
{
	if (strcmp(key, "user") == 0)
		return set_text(query->user, sizeof(query->user), value);
	if (strcmp(key, "idp") == 0)
		return set_text(query->idp, sizeof(query->idp), value);
	if (strcmp(key, "session") == 0)
		return set_text(query->session, sizeof(query->session), value);
	if (strcmp(key, "verdict") == 0)
		return set_verdict(query, value);
	if (strcmp(key, "rule") == 0)
		return set_text(query->rule, sizeof(query->rule), value);
	if (strcmp(key, "reason") == 0)
		return set_reason(query, value);
	if (strcmp(key, "hook") == 0)
		return (query->hook = sp_audit_hook_parse(value)) == SP_HOOK_NONE ? -EINVAL : 0;
	if (strcmp(key, "event") == 0)
		return set_events(query, value);
	if (strcmp(key, "src") == 0)
		return set_prefix(&query->has_src, &query->src, value);
	if (strcmp(key, "dst") == 0)
		return set_prefix(&query->has_dst, &query->dst, value);
	if (strcmp(key, "since") == 0)
		return set_time(&query->has_since, &query->since_ns, value, now_ns);
	if (strcmp(key, "until") == 0)
		return set_time(&query->has_until, &query->until_ns, value, now_ns);
	if (strcmp(key, "after_seq") == 0)
		return set_after(query, 0, value);
	if (strcmp(key, "after_packets_seq") == 0)
		return set_after(query, 1, value);
	return -ENOENT;
}

/* Does the text match? An empty @wanted matches every text. */
static bool text_matches(const char *wanted, const char *text)
{
	return *wanted == '\0' || (text && strcmp(wanted, text) == 0);
}

static bool rule_matches(const char *wanted, const char *rule)
{
	if (strcmp(wanted, "none") == 0)
		return rule == NULL;
	return text_matches(wanted, rule);
}

/* Is the record later than the wanted number? A record without a number is just being written, so
 * it is. */
static bool is_after(const struct sp_audit_query *query, const struct sp_audit_record *record)
{
	const int log = sp_audit_event_is_traffic(record->event);

	if (!query->has_after[0] && !query->has_after[1])
		return true;
	return query->has_after[log] && (!record->seq || record->seq > query->after_seq[log]);
}

/* A destination that is translated is found by both addresses. */
static bool dst_matches(const struct sp_prefix *wanted, const struct sp_audit_record *record)
{
	return (record->has_dst && sp_prefix_contains(wanted, &record->dst)) ||
	       (record->has_real_dst && sp_prefix_contains(wanted, &record->real_dst));
}

bool sp_audit_query_matches(const struct sp_audit_query *query,
			    const struct sp_audit_record *record)
{
	if (query->events && !(query->events & (1u << record->event)))
		return false;
	if (!is_after(query, record))
		return false;
	if (query->has_since && record->time_ns < query->since_ns)
		return false;
	if (query->has_until && record->time_ns >= query->until_ns)
		return false;
	if (query->hook != SP_HOOK_NONE && record->hook != query->hook)
		return false;
	if (query->has_src && !(record->has_src && sp_prefix_contains(&query->src, &record->src)))
		return false;
	if (query->has_dst && !dst_matches(&query->dst, record))
		return false;
	return text_matches(query->user, record->user) && text_matches(query->idp, record->idp) &&
	       text_matches(query->session, record->session) &&
	       text_matches(query->verdict, record->verdict) &&
	       rule_matches(query->rule, record->rule) &&
	       text_matches(query->reason, record->reason);
}
