/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "identity/accounts/user_scan.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "base/array.h"

struct scanner {
	const char *text;
	size_t len;
	yaml_parser_t parser;
	yaml_event_t event; /* the current one */
	/* The same position, counted in characters by libyaml and in bytes by us */
	size_t chars, bytes;
	int error;
};

/* Go to the next event. After an error, or behind the last event, every further one is
 * YAML_NO_EVENT. */
static void step(struct scanner *scanner)
{
	yaml_event_delete(&scanner->event);
	if (scanner->error == 0 && !yaml_parser_parse(&scanner->parser, &scanner->event)) {
		scanner->error = scanner->parser.error == YAML_MEMORY_ERROR ? -ENOMEM : -ENOTSUP;
		memset(&scanner->event, 0, sizeof(scanner->event));
	}
}

static size_t byte_of(struct scanner *scanner, const yaml_mark_t *mark)
{
	if (mark->index < scanner->chars)
		scanner->chars = scanner->bytes = 0;
	while (scanner->chars < mark->index && scanner->bytes < scanner->len) {
		scanner->bytes++;
		while (scanner->bytes < scanner->len &&
		       (scanner->text[scanner->bytes] & 0xc0) == 0x80)
			scanner->bytes++;
		scanner->chars++;
	}
	return scanner->bytes;
}

static struct sp_span span_of(struct scanner *scanner)
{
	const size_t start = byte_of(scanner, &scanner->event.start_mark);

	return (struct sp_span){ start, byte_of(scanner, &scanner->event.end_mark) };
}

static bool is_type(const struct scanner *scanner, yaml_event_type_t type)
{
	return scanner->error == 0 && scanner->event.type == type;
}

static bool is_flow(const struct scanner *scanner)
{
	return scanner->event.data.mapping_start.style == YAML_FLOW_MAPPING_STYLE;
}

/* Step over one value. It ends where the last scalar or closing bracket in it ends: a block itself
 * only ends where the next item begins. */
static struct sp_span skip(struct scanner *scanner)
{
	struct sp_span span = span_of(scanner);
	size_t depth = 0;

	do {
		const yaml_event_type_t type = scanner->event.type;
		const struct sp_span here = span_of(scanner);
		const bool is_start =
			type == YAML_MAPPING_START_EVENT || type == YAML_SEQUENCE_START_EVENT;
		const bool is_end =
			type == YAML_MAPPING_END_EVENT || type == YAML_SEQUENCE_END_EVENT;

		if (scanner->error || type == YAML_NO_EVENT || type == YAML_STREAM_END_EVENT) {
			scanner->error = scanner->error ? scanner->error : -ENOTSUP;
			return span;
		}
		depth = depth + is_start - is_end;
		if (here.end > here.start && (!is_end || scanner->text[here.start] == '}' ||
					      scanner->text[here.start] == ']'))
			span.end = here.end;
		step(scanner);
	} while (depth > 0);
	return span;
}

static bool is_word(const struct scanner *scanner, const char *word)
{
	const size_t len = strlen(word);

	return is_type(scanner, YAML_SCALAR_EVENT) && scanner->event.data.scalar.length == len &&
	       memcmp(scanner->event.data.scalar.value, word, len) == 0;
}

/* { password: …, groups: … } */
static void scan_user(struct scanner *scanner, struct sp_user_entry *entry)
{
	entry->value = span_of(scanner);
	if (!is_type(scanner, YAML_MAPPING_START_EVENT)) {
		scanner->error = -ENOTSUP;
		return;
	}
	entry->is_flow = is_flow(scanner);
	step(scanner);
	while (is_type(scanner, YAML_SCALAR_EVENT)) {
		const struct sp_span key = span_of(scanner);
		const bool is_password = is_word(scanner, "password"),
			   is_groups = is_word(scanner, "groups");
		const size_t column = scanner->event.start_mark.column;
		struct sp_span value;

		step(scanner);
		value = skip(scanner);
		if (!entry->first_key) {
			entry->first_key = key.start;
			entry->first_column = column;
		}
		if (is_password)
			entry->password = value;
		if (is_groups) {
			entry->groups_key = key;
			entry->groups = value;
		}
		entry->value.end = value.end;
	}
	if (entry->is_flow)
		entry->value.end = span_of(scanner).end;
	step(scanner); /* the end of the mapping */
}

static void scan_users(struct scanner *scanner, struct sp_user_scan *scan)
{
	scan->value = span_of(scanner);
	if (!is_type(scanner, YAML_MAPPING_START_EVENT)) {
		scanner->error = -ENOTSUP;
		return;
	}
	scan->is_flow = is_flow(scanner);
	step(scanner);
	while (is_type(scanner, YAML_SCALAR_EVENT)) {
		struct sp_user_entry *entry = SP_ARRAY_PUSH(scan->entries, scan->count);

		if (entry)
			entry->name = strdup((const char *)scanner->event.data.scalar.value);
		if (!entry || !entry->name) {
			scanner->error = -ENOMEM;
			return;
		}
		entry->key = span_of(scanner);
		entry->column = scanner->event.start_mark.column;
		step(scanner);
		scan_user(scanner, entry);
		scan->value.end = entry->value.end;
	}
	if (scan->is_flow)
		scan->value.end = span_of(scanner).end;
	step(scanner);
}

static void scan_root(struct scanner *scanner, struct sp_user_scan *scan)
{
	for (int i = 0; i < 3; i++) /* no event, stream start, document start */
		step(scanner);
	if (!is_type(scanner, YAML_MAPPING_START_EVENT)) {
		scanner->error = scanner->error ? scanner->error : -ENOTSUP;
		return;
	}
	scan->is_root_flow = is_flow(scanner);
	step(scanner);
	while (is_type(scanner, YAML_SCALAR_EVENT)) {
		const struct sp_span key = span_of(scanner);
		const bool is_users = is_word(scanner, "users");

		step(scanner);
		if (is_users) {
			scan->key = key;
			scan_users(scanner, scan);
		} else {
			skip(scanner);
		}
	}
	if (scanner->error == 0 && scan->key.end == 0)
		scanner->error = -ENOTSUP;
}

int sp_user_scan(const char *text, size_t len, struct sp_user_scan *scan)
{
	struct scanner scanner = { .text = text, .len = len };

	*scan = (struct sp_user_scan){ 0 };
	if (!yaml_parser_initialize(&scanner.parser))
		return -ENOMEM;
	yaml_parser_set_input_string(&scanner.parser, (const unsigned char *)text, len);
	yaml_parser_set_encoding(&scanner.parser, YAML_UTF8_ENCODING);
	scan_root(&scanner, scan);
	yaml_event_delete(&scanner.event);
	yaml_parser_delete(&scanner.parser);
	return scanner.error;
}

void sp_user_scan_done(struct sp_user_scan *scan)
{
	for (size_t i = 0; i < scan->count; i++)
		free(scan->entries[i].name);
	free(scan->entries);
	*scan = (struct sp_user_scan){ 0 };
}
