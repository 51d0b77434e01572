/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "audit/record.h"

#include <endian.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "audit/time.h"
#include "base/array.h"
#include "base/cleanup.h"
#include "base/str.h"
#include "base/text.h"
#include "json/own.h"
#include "net/addr.h"
#include "net/reason.h"

static const char *const event_names[] = {
#define X(id, name, text) [SP_AUDIT_##id] = name,
	SP_AUDIT_EVENTS(X)
#undef X
};

static const char *const hook_names[] = {
#define X(id, name, text) [SP_HOOK_##id] = name,
	SP_HOOKS(X)
#undef X
};

static const char *const verdict_names[] = {
#define X(id, name, text) [SP_##id] = name,
	SP_VERDICTS(X)
#undef X
};

static const struct {
	int proto;
	const char *name;
} proto_names[] = {
	{ IPPROTO_TCP, "tcp" },   { IPPROTO_UDP, "udp" },      { IPPROTO_SCTP, "sctp" },
	{ IPPROTO_ICMP, "icmp" }, { IPPROTO_ICMPV6, "icmp6" },
};

static const char *name_of(const char *const *names, size_t count, unsigned int number)
{
	return number < count ? names[number] : NULL;
}

const char *sp_audit_event_name(enum sp_audit_event event)
{
	return name_of(event_names, SP_ARRAY_LEN(event_names), event);
}

enum sp_audit_event sp_audit_event_parse(const char *name)
{
	for (unsigned int i = 1; i < SP_AUDIT_EVENT_COUNT; i++)
		if (strcmp(event_names[i], name) == 0)
			return (enum sp_audit_event)i;
	return SP_AUDIT_NONE;
}

enum sp_hook sp_audit_hook_parse(const char *name)
{
	for (size_t i = 0; i < SP_ARRAY_LEN(hook_names); i++)
		if (hook_names[i] && strcmp(hook_names[i], name) == 0)
			return (enum sp_hook)i;
	return SP_HOOK_NONE;
}

enum sp_audit_event sp_audit_event_of_denial(enum sp_reason reason)
{
	return reason == SP_REASON_LIMIT ? SP_AUDIT_LIMIT : SP_AUDIT_DENY;
}

bool sp_audit_event_is_traffic(enum sp_audit_event event)
{
	switch (event) {
	case SP_AUDIT_DENY:
	case SP_AUDIT_ALLOW:
	case SP_AUDIT_FLOW_END:
	case SP_AUDIT_LIMIT:
	case SP_AUDIT_ROAM:
		return true;
	default:
		return false;
	}
}

const char *sp_audit_proto_name(int proto, char buf[8])
{
	for (size_t i = 0; i < SP_ARRAY_LEN(proto_names); i++)
		if (proto_names[i].proto == proto)
			return proto_names[i].name;
	snprintf(buf, 8, "%d", proto & 0xff);
	return buf;
}

int sp_audit_proto_parse(const char *name)
{
	int number = 0;

	for (size_t i = 0; i < SP_ARRAY_LEN(proto_names); i++)
		if (strcmp(proto_names[i].name, name) == 0)
			return proto_names[i].proto;
	if (*name == '\0' || strlen(name) > 3)
		return -EINVAL;
	for (; *name; name++) {
		if (*name < '0' || *name > '9')
			return -EINVAL;
		number = number * 10 + (*name - '0');
	}
	return number <= 255 ? number : -EINVAL;
}

static enum sp_audit_event event_of(const struct sp_event *event)
{
	if (event->kind == SP_EVENT_DENY)
		return sp_audit_event_of_denial(event->reason);
	return event->kind < SP_EVENT_COUNT ? (enum sp_audit_event)event->kind : SP_AUDIT_NONE;
}

void sp_audit_record_from_event(const struct sp_event *event, int64_t time_ns,
				struct sp_audit_record *ret_record)
{
	struct sp_audit_record record = SP_AUDIT_RECORD_INIT;
	bool is_icmp = event->proto == IPPROTO_ICMP || event->proto == IPPROTO_ICMPV6;
	bool has_ports = is_icmp || event->proto == IPPROTO_TCP || event->proto == IPPROTO_UDP ||
			 event->proto == IPPROTO_SCTP;

	record.time_ns = time_ns;
	record.revision = event->revision;
	record.event = event_of(event);
	record.hook = event->hook < SP_HOOK_COUNT ? (enum sp_hook)event->hook : SP_HOOK_NONE;
	record.verdict = name_of(verdict_names, SP_ARRAY_LEN(verdict_names), event->verdict);
	if (event->would == SP_WOULD_DENY || event->would == SP_WOULD_ALLOW)
		record.audit_would =
			verdict_names[event->would == SP_WOULD_DENY ? SP_DENY : SP_ALLOW];
	if (event->reason && event->reason < SP_REASON_SLOTS)
		record.reason = sp_reason_name(event->reason);
	record.has_counts = true;
	record.packets = event->packets;
	record.bytes = event->bytes;
	if (event->is_ip) {
		record.has_src = record.has_dst = true;
		record.src = event->saddr;
		record.dst = event->daddr;
		record.proto = event->proto;
		if (has_ports) {
			record.sport = be16toh(event->sport_be);
			record.dport = be16toh(event->dport_be);
		}
		if (is_icmp) {
			record.icmp_type = event->icmp_type;
			record.icmp_code = event->icmp_code;
		}
		if (event->proto == IPPROTO_TCP && event->kind != SP_EVENT_FLOW_END)
			record.tcp_flags = event->tcp_flags;
	}
	*ret_record = record;
}

/* ---- struct -> line ---- */

/* The line that is being written. The first failure is kept. */
struct writer {
	json_t *object;
	int error;
};

/* Add @value under @key, and take it. NULL: it could not be made, which is a failure. */
static void put(struct writer *writer, const char *key, json_t *value)
{
	if (json_object_set_new_nocheck(writer->object, key, value) < 0)
		writer->error = -ENOMEM;
}

/* A JSON string of any bytes. In text that is not UTF-8, bytes above ASCII are replaced. */
static json_t *text_value(const char *text)
{
	__sp_free char *ascii = NULL;
	json_t *value = json_string(text);

	if (value)
		return value;
	ascii = strdup(text);
	if (!ascii)
		return NULL;
	for (char *c = ascii; *c; c++)
		if ((unsigned char)*c > 0x7f)
			*c = '?';
	return json_string(ascii);
}

static void put_text(struct writer *writer, const char *key, const char *text)
{
	put(writer, key, text ? text_value(text) : json_null());
}

static void put_number(struct writer *writer, const char *key, bool is_there, uint64_t number)
{
	json_int_t value = number > INT64_MAX ? INT64_MAX : (json_int_t)number;

	put(writer, key, is_there ? json_integer(value) : json_null());
}

static void put_small(struct writer *writer, const char *key, int number)
{
	put_number(writer, key, number >= 0, (uint64_t)(unsigned int)number);
}

static void put_addr(struct writer *writer, const char *key, bool is_there,
		     const struct sp_addr *addr)
{
	char text[SP_ADDR_TEXT_MAX];

	put_text(writer, key, is_there ? sp_addr_format(addr, text) : NULL);
}

static void put_roles(struct writer *writer, const struct sp_audit_record *record)
{
	json_t *roles = record->has_roles ? json_array() : json_null();

	for (size_t i = 0; roles && record->has_roles && i < record->role_count; i++)
		if (json_array_append_new(roles, text_value(record->roles[i])) < 0)
			writer->error = -ENOMEM;
	put(writer, "roles", roles);
}

static void put_head(struct writer *writer, const struct sp_chain_head *head)
{
	struct writer inner = { .object = json_object() };

	put_number(&inner, "seq", true, head->seq);
	put_text(&inner, "hash", head->hash);
	put(writer, "head", inner.object);
	if (inner.error)
		writer->error = inner.error;
}

static void put_extras(struct writer *writer, const struct sp_audit_record *record)
{
	if (record->icmp_type >= 0)
		put_small(writer, "icmp_type", record->icmp_type);
	if (record->icmp_code >= 0)
		put_small(writer, "icmp_code", record->icmp_code);
	if (record->tcp_flags >= 0)
		put_small(writer, "tcp_flags", record->tcp_flags);
	if (record->audit_rule) {
		struct writer audit = { .object = json_object() };

		put_text(&audit, "rule", record->audit_rule);
		put_text(&audit, "would", record->audit_would);
		put(writer, "audit", audit.object);
		if (audit.error)
			writer->error = audit.error;
	}
	if (record->aggregated)
		put(writer, "aggregated", json_true());
	if (record->flows)
		put_number(writer, "flows", true, record->flows);
	if (record->limit)
		put_text(writer, "limit", record->limit);
	if (record->ticket)
		put_text(writer, "ticket", record->ticket);
	if (record->idp)
		put_text(writer, "idp", record->idp);
	if (record->has_real_dst)
		put_addr(writer, "real_dst", true, &record->real_dst);
	if (record->real_dport >= 0)
		put_small(writer, "real_dport", record->real_dport);
	if (record->has_from)
		put_addr(writer, "from", true, &record->from);
	if (record->repair)
		put(writer, "put_back", json_boolean(record->repair == SP_AUDIT_PUT_BACK));
	if (record->head)
		put_head(writer, record->head);
	if (record->by)
		put_text(writer, "by", record->by);
	if (record->message)
		put_text(writer, "message", record->message);
}

static void put_contract(struct writer *writer, const struct sp_audit_record *record)
{
	char time[SP_TIME_TEXT_MAX], proto[8];

	put_number(writer, "v", true, 1);
	put_number(writer, "seq", true, record->seq);
	put_text(writer, "time", sp_time_format(record->time_ns, time));
	put_text(writer, "boot", record->boot);
	put_text(writer, "gateway", record->gateway);
	put_text(writer, "generation", record->generation);
	put_number(writer, "revision", record->revision != 0, record->revision);
	put_text(writer, "event", sp_audit_event_name(record->event));
	put_text(writer, "user", record->user);
	put_text(writer, "session", record->session);
	put_roles(writer, record);
	put_text(writer, "peer", record->peer);
	put_addr(writer, "src", record->has_src, &record->src);
	put_small(writer, "sport", record->sport);
	put_addr(writer, "dst", record->has_dst, &record->dst);
	put_small(writer, "dport", record->dport);
	put_text(writer, "proto",
		 record->proto >= 0 ? sp_audit_proto_name(record->proto, proto) : NULL);
	put_text(writer, "iface", record->iface);
	put_text(writer, "hook", name_of(hook_names, SP_ARRAY_LEN(hook_names), record->hook));
	put_text(writer, "verdict", record->verdict);
	put_text(writer, "rule", record->rule);
	put_text(writer, "reason", record->reason);
	put_number(writer, "packets", record->has_counts, record->packets);
	put_number(writer, "bytes", record->has_counts, record->bytes);
}

int sp_audit_record_format(const struct sp_audit_record *record, const char prev[SP_CHAIN_HEX + 1],
			   char **ret_line, size_t *ret_len)
{
	__sp_buf struct sp_buf shown = SP_BUF_INIT;
	__sp_json json_t *object = json_object();
	struct writer writer = { .object = object };
	__sp_free char *line = NULL;
	size_t len;
	int r;

	if (!sp_audit_event_name(record->event))
		return -EINVAL;
	if (!object)
		return -ENOMEM;
	put_contract(&writer, record);
	put_extras(&writer, record);
	put_text(&writer, "prev", prev);
	if (!writer.error)
		line = json_dumps(object, JSON_COMPACT);
	if (!line || sp_text_put_json(&shown, line, strlen(line)) < 0)
		return -ENOMEM;
	len = shown.len;
	r = sp_buf_take(&shown, ret_line);
	if (r == 0)
		*ret_len = len;
	return r;
}
