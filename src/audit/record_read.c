/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Reading a line of the log into a record. */
#include "audit/record.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "audit/time.h"
#include "net/addr.h"

/* A reader of the keys of one object. The first value of a wrong type is a failure, which is
 * kept. */
struct reader {
	json_t *object;
	bool failed;
};

/* The value of @key, NULL when absent or null. */
static json_t *value_of(struct reader *reader, const char *key)
{
	json_t *value = json_object_get(reader->object, key);

	return json_is_null(value) ? NULL : value;
}

static const char *text_of(struct reader *reader, const char *key)
{
	json_t *value = value_of(reader, key);

	if (value && !json_is_string(value))
		reader->failed = true;
	return json_string_value(value); /* NULL for anything else */
}

/* Read a number. Returns whether the key is there. */
static bool number_of(struct reader *reader, const char *key, uint64_t max, uint64_t *ret_number)
{
	json_t *value = value_of(reader, key);

	if (!value)
		return false;
	if (!json_is_integer(value) || json_integer_value(value) < 0 ||
	    (uint64_t)json_integer_value(value) > max) {
		reader->failed = true;
		return false;
	}
	*ret_number = (uint64_t)json_integer_value(value);
	return true;
}

static int small_of(struct reader *reader, const char *key, int max)
{
	uint64_t number;

	return number_of(reader, key, (uint64_t)max, &number) ? (int)number : -1;
}

static bool addr_of(struct reader *reader, const char *key, struct sp_addr *ret_addr)
{
	const char *text = text_of(reader, key);

	if (!text)
		return false;
	if (sp_addr_parse(text, ret_addr) < 0) {
		reader->failed = true;
		return false;
	}
	return true;
}

/* The hook of a record. A hook that this build does not know is a later build's: the line has its
 * name. */
static enum sp_hook hook_of(struct reader *reader)
{
	const char *text = text_of(reader, "hook");

	return text ? sp_audit_hook_parse(text) : SP_HOOK_NONE;
}

static int read_roles(struct reader *reader, struct sp_audit_entry *entry)
{
	json_t *roles = value_of(reader, "roles"), *role;
	size_t i;

	if (!roles)
		return 0;
	if (!json_is_array(roles)) {
		reader->failed = true;
		return 0;
	}
	entry->roles = calloc(json_array_size(roles) + 1, sizeof(*entry->roles));
	if (!entry->roles)
		return -ENOMEM;
	json_array_foreach(roles, i, role) {
		if (!json_is_string(role))
			reader->failed = true;
		entry->roles[i] = json_string_value(role);
	}
	entry->record.roles = entry->roles;
	entry->record.role_count = json_array_size(roles);
	entry->record.has_roles = true;
	return 0;
}

static bool is_hash(const char *text)
{
	return text && strlen(text) == SP_CHAIN_HEX &&
	       strspn(text, "0123456789abcdef") == SP_CHAIN_HEX;
}

/* Read seq, time, event and prev, without which the line is no record. */
static void read_frame(struct reader *reader, struct sp_audit_entry *entry)
{
	const char *time = text_of(reader, "time");
	const char *event = text_of(reader, "event");
	const char *prev = text_of(reader, "prev");

	if (!number_of(reader, "seq", INT64_MAX, &entry->record.seq) || entry->record.seq == 0)
		reader->failed = true;
	if (!time || sp_time_parse(time, &entry->record.time_ns) < 0)
		reader->failed = true;
	if (!event || !*event)
		reader->failed = true;
	else /* an event that this build does not know is a later build's: the line has its name */
		entry->record.event = sp_audit_event_parse(event);
	if (!is_hash(prev))
		reader->failed = true;
	else
		memcpy(entry->prev, prev, SP_CHAIN_HEX + 1);
}

static void read_head(struct reader *reader, struct sp_audit_entry *entry)
{
	struct reader inner = { .object = value_of(reader, "head") };
	const char *hash;

	if (!inner.object)
		return;
	hash = text_of(&inner, "hash");
	if (!number_of(&inner, "seq", INT64_MAX, &entry->head.seq) || !is_hash(hash) ||
	    inner.failed) {
		reader->failed = true;
		return;
	}
	memcpy(entry->head.hash, hash, SP_CHAIN_HEX + 1);
	entry->has_head = true;
}

static void read_packet(struct reader *reader, struct sp_audit_record *record)
{
	const char *proto = text_of(reader, "proto");

	record->has_src = addr_of(reader, "src", &record->src);
	record->sport = small_of(reader, "sport", 65535);
	record->has_dst = addr_of(reader, "dst", &record->dst);
	record->dport = small_of(reader, "dport", 65535);
	if (proto) {
		record->proto = sp_audit_proto_parse(proto);
		if (record->proto < 0)
			reader->failed = true;
	}
	record->iface = text_of(reader, "iface");
	record->hook = hook_of(reader);
	record->icmp_type = small_of(reader, "icmp_type", 255);
	record->icmp_code = small_of(reader, "icmp_code", 255);
	record->tcp_flags = small_of(reader, "tcp_flags", 255);
	record->has_counts = number_of(reader, "packets", INT64_MAX, &record->packets);
	number_of(reader, "bytes", INT64_MAX, &record->bytes);
}

static void read_rest(struct reader *reader, struct sp_audit_record *record)
{
	json_t *audit = value_of(reader, "audit");

	record->boot = text_of(reader, "boot");
	record->gateway = text_of(reader, "gateway");
	record->generation = text_of(reader, "generation");
	number_of(reader, "revision", INT64_MAX, &record->revision);
	record->user = text_of(reader, "user");
	record->session = text_of(reader, "session");
	record->peer = text_of(reader, "peer");
	record->verdict = text_of(reader, "verdict");
	record->rule = text_of(reader, "rule");
	record->reason = text_of(reader, "reason");
	record->aggregated = json_is_true(value_of(reader, "aggregated"));
	record->limit = text_of(reader, "limit");
	record->ticket = text_of(reader, "ticket");
	record->idp = text_of(reader, "idp");
	record->has_real_dst = addr_of(reader, "real_dst", &record->real_dst);
	record->real_dport = small_of(reader, "real_dport", 65535);
	record->has_from = addr_of(reader, "from", &record->from);
	if (value_of(reader, "put_back"))
		record->repair = json_is_true(value_of(reader, "put_back")) ? SP_AUDIT_PUT_BACK
									    : SP_AUDIT_NOT_PUT_BACK;
	record->by = text_of(reader, "by");
	record->message = text_of(reader, "message");
	if (audit) {
		struct reader inner = { .object = audit, .failed = !json_is_object(audit) };

		record->audit_rule = text_of(&inner, "rule");
		record->audit_would = text_of(&inner, "would");
		reader->failed |= inner.failed;
	}
}

int sp_audit_entry_parse(const char *line, size_t len, struct sp_audit_entry *ret_entry)
{
	__sp_cleanup(sp_audit_entry_done) struct sp_audit_entry entry = {
		.record = SP_AUDIT_RECORD_INIT
	};
	struct reader reader = { 0 };
	uint64_t version = 0;
	int r;

	entry.json = json_loadb(line, len, JSON_REJECT_DUPLICATES, NULL);
	if (!json_is_object(entry.json))
		return -EBADMSG;
	reader.object = entry.json;
	if (!number_of(&reader, "v", INT64_MAX, &version) || version != 1)
		return version > 1 ? -EPROTONOSUPPORT : -EBADMSG;
	read_frame(&reader, &entry);
	read_packet(&reader, &entry.record);
	read_rest(&reader, &entry.record);
	read_head(&reader, &entry);
	r = read_roles(&reader, &entry);
	if (r == 0 && reader.failed)
		r = -EBADMSG;
	if (r < 0)
		return r;
	/* the record points to the array of roles, not into itself, so a copy of it holds */
	*ret_entry = entry;
	entry = (struct sp_audit_entry){ 0 };
	return 0;
}

void sp_audit_entry_done(struct sp_audit_entry *entry)
{
	json_decrefp(&entry->json);
	free(entry->roles);
	*entry = (struct sp_audit_entry){ 0 };
}
