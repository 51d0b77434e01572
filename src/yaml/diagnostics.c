/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "yaml/diagnostics.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "base/str.h"

static int compare_places(const struct sp_place *a, const struct sp_place *b)
{
	if (a->file != b->file)
		return a->file < b->file ? -1 : 1;
	if (a->line != b->line)
		return a->line < b->line ? -1 : 1;
	if (a->column != b->column)
		return a->column < b->column ? -1 : 1;
	return 0;
}

/* Which of two diagnostics is given up first if there are too many. Positive: @a is. */
static int compare_worth(enum sp_severity severity_a, const struct sp_place *a,
			 enum sp_severity severity_b, const struct sp_place *b)
{
	if (severity_a != severity_b)
		return severity_a == SP_WARNING ? 1 : -1;
	return compare_places(a, b);
}

static void item_done(struct sp_diagnostic *item)
{
	free(item->path);
	free(item->message);
	*item = (struct sp_diagnostic){ 0 };
}

/* The diagnostic that a new one replaces when there are SP_DIAGNOSTICS_MAX. NULL: none is worth
 * less. */
static struct sp_diagnostic *find_least(struct sp_diagnostics *diagnostics,
					enum sp_severity severity, const struct sp_place *place)
{
	struct sp_diagnostic *least = &diagnostics->items[0];

	for (size_t i = 1; i < diagnostics->count; i++) {
		struct sp_diagnostic *item = &diagnostics->items[i];

		if (compare_worth(item->severity, &item->place, least->severity, &least->place) > 0)
			least = item;
	}
	return compare_worth(least->severity, &least->place, severity, place) > 0 ? least : NULL;
}

static bool is_known(const struct sp_diagnostics *diagnostics, const struct sp_place *place,
		     const char *message)
{
	for (size_t i = 0; i < diagnostics->count; i++) {
		if (compare_places(&diagnostics->items[i].place, place) == 0 &&
		    strcmp(diagnostics->items[i].message, message) == 0)
			return true;
	}
	return false;
}

/* Blank control characters that a caller of sp_report did not escape: a message is one line, and
 * must not act on a terminal. */
static void blank_controls(char *message)
{
	for (unsigned char *c = (unsigned char *)message; *c; c++)
		if (*c < 0x20 || *c == 0x7f)
			*c = '?';
}

int sp_diagnostics_add(struct sp_diagnostics *diagnostics, enum sp_severity severity,
		       const char *path, struct sp_place place, const char *format, va_list args)
{
	const bool is_full = diagnostics->count == SP_DIAGNOSTICS_MAX;
	__sp_free char *own_path = NULL;
	__sp_free char *message = NULL;
	struct sp_diagnostic *item = NULL;

	if (is_full) {
		item = find_least(diagnostics, severity, &place);
		if (!item) {
			diagnostics->dropped_count++;
			diagnostics->error_count += severity == SP_ERROR;
			return 0;
		}
	}
	own_path = strdup(path);
	if (!own_path || vasprintf(&message, format, args) < 0) {
		message = NULL;
		return -ENOMEM;
	}
	blank_controls(message);
	if (is_known(diagnostics, &place, message))
		return 0;
	if (is_full) {
		diagnostics->dropped_count++;
		item_done(item);
	} else {
		item = SP_ARRAY_PUSH(diagnostics->items, diagnostics->count);
		if (!item)
			return -ENOMEM;
	}
	diagnostics->error_count += severity == SP_ERROR;
	item->severity = severity;
	item->place = place;
	item->path = SP_TAKE_PTR(own_path);
	item->message = SP_TAKE_PTR(message);
	return 0;
}

static void report_at(struct sp_check *check, enum sp_severity severity, const struct sp_node *at,
		      const char *format, va_list args)
{
	const struct sp_node start = { .file = check->file, .line = 1, .column = 1 };
	const struct sp_place place = sp_place_of(at ? at : &start);

	if (sp_diagnostics_add(check->diagnostics, severity, check->paths[place.file], place,
			       format, args) < 0)
		check->no_memory = true;
}

void sp_report(struct sp_check *check, const struct sp_node *at, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	report_at(check, SP_ERROR, at, format, args);
	va_end(args);
}

void sp_warn(struct sp_check *check, const struct sp_node *at, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	report_at(check, SP_WARNING, at, format, args);
	va_end(args);
}

static int compare_items(const void *a, const void *b)
{
	const struct sp_diagnostic *left = a, *right = b;
	int order = compare_places(&left->place, &right->place);

	if (order == 0)
		order = (int)left->severity - (int)right->severity;
	return order ? order : strcmp(left->message, right->message);
}

void sp_diagnostics_sort(struct sp_diagnostics *diagnostics)
{
	const struct sp_diagnostic *error = NULL;
	size_t kept = 0;

	if (diagnostics->count > 1)
		qsort(diagnostics->items, diagnostics->count, sizeof(*diagnostics->items),
		      compare_items);
	/* At one place errors come first, since warnings there only say the same again. */
	for (size_t i = 0; i < diagnostics->count; i++) {
		struct sp_diagnostic *item = &diagnostics->items[i];

		if (item->severity == SP_WARNING && error &&
		    compare_places(&item->place, &error->place) == 0) {
			item_done(item);
			continue;
		}
		diagnostics->items[kept] = *item;
		if (item->severity == SP_ERROR)
			error = &diagnostics->items[kept];
		kept++;
	}
	diagnostics->count = kept;
}

void sp_diagnostics_done(struct sp_diagnostics *diagnostics)
{
	for (size_t i = 0; i < diagnostics->count; i++)
		item_done(&diagnostics->items[i]);
	free(diagnostics->items);
	*diagnostics = (struct sp_diagnostics){ 0 };
}

char *sp_diagnostic_format(const struct sp_diagnostic *diagnostic)
{
	char *text = NULL;

	if (asprintf(&text, "%s:%u:%u: %s%s", diagnostic->path, diagnostic->place.line,
		     diagnostic->place.column,
		     diagnostic->severity == SP_WARNING ? "warning: " : "",
		     diagnostic->message) < 0)
		return NULL;
	return text;
}

struct sp_line_text sp_show_line(const struct sp_check *check, const struct sp_node *at,
				 struct sp_place place)
{
	struct sp_line_text shown;

	if (place.file == at->file)
		snprintf(shown.text, sizeof(shown.text), "line %u", place.line);
	else
		snprintf(shown.text, sizeof(shown.text), "line %u of %.120s", place.line,
			 check->paths[place.file]);
	return shown;
}

struct sp_shown sp_show(const char *text)
{
	struct sp_shown shown;
	const size_t room = sizeof(shown.quoted) - sizeof("\\x00…\"");
	size_t len = 0;

	shown.quoted[len++] = '"';
	for (const unsigned char *c = (const unsigned char *)text; *c; c++) {
		bool starts_character = (*c & 0xc0) != 0x80;

		if (starts_character && len + 4 > room) { /* a character has at most 4 bytes */
			memcpy(shown.quoted + len, "…", strlen("…"));
			len += strlen("…");
			break;
		}
		if (*c < 0x20 || *c == 0x7f)
			len += sprintf(shown.quoted + len, "\\x%02x", *c);
		else
			shown.quoted[len++] = (char)*c;
	}
	shown.quoted[len++] = '"';
	shown.quoted[len] = '\0';
	return shown;
}
