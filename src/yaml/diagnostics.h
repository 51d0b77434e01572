/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Diagnostics of a file that is checked: bounded, each message one printable line with its
 * place. */
#ifndef SALLYPORT_YAML_DIAGNOSTICS_H
#define SALLYPORT_YAML_DIAGNOSTICS_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "yaml/node.h"

struct sp_place {
	uint32_t file;   /* which of the files that are read together */
	uint32_t line;   /* from 1 */
	uint32_t column; /* from 1, in bytes */
};

static inline struct sp_place sp_place_of(const struct sp_node *node)
{
	return (struct sp_place){ node->file, node->line, node->column };
}

/* A node that is nothing but a place, to report at. */
static inline struct sp_node sp_node_at(const struct sp_place *place)
{
	return (struct sp_node){ .file = (uint16_t)place->file,
				 .line = place->line,
				 .column = place->column };
}

enum sp_severity { SP_ERROR, SP_WARNING };

struct sp_diagnostic {
	enum sp_severity severity;
	struct sp_place place;
	char *path;    /* of the file, as given */
	char *message; /* one line, no trailing dot; a suggestion is part of it */
};

struct sp_diagnostics {
	struct sp_diagnostic *items; /* by place */
	size_t count;
	size_t error_count;
	size_t dropped_count; /* beyond the bound of 100 */
};

/* Free every diagnostic; empty afterwards. */
void sp_diagnostics_done(struct sp_diagnostics *diagnostics);
/* `path:line:column: [warning: ]message`, malloc'ed. */
char *sp_diagnostic_format(const struct sp_diagnostic *diagnostic);

#define SP_DIAGNOSTICS_MAX 100

/* One run over one file, or over several that are read together: where its diagnostics go. */
struct sp_check {
	const char *const *paths; /* as messages call the files, by their number */
	uint16_t file;            /* the one that is being read */
	struct sp_diagnostics *diagnostics;
	size_t value_count;    /* read so far, of all files */
	size_t suggest_budget; /* comparisons of names left: misspellings cost bounded time */
	bool no_memory;        /* sticky: the load ends with -ENOMEM */
};

#define SP_SUGGEST_BUDGET 200000u

/* Both add a diagnostic, an error or a warning, at @at (NULL: the start of the file that is being
 * read). */
void sp_report(struct sp_check *check, const struct sp_node *at, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
void sp_warn(struct sp_check *check, const struct sp_node *at, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* Keep one diagnostic. Of more than SP_DIAGNOSTICS_MAX the errors are kept before the warnings and
 * the earlier places before the later; the same message at the same place is kept once.
 * Returns 0; -ENOMEM. */
int sp_diagnostics_add(struct sp_diagnostics *diagnostics, enum sp_severity severity,
		       const char *path, struct sp_place place, const char *format, va_list args)
	__attribute__((format(printf, 5, 0)));

/* Into the order of the text. */
void sp_diagnostics_sort(struct sp_diagnostics *diagnostics);

struct sp_line_text {
	char text[160];
};
/* Where else something stands, in a message about @at: `line 3`, or `line 3 of FILE` in another
 * file. Use it as an argument, as sp_show. */
struct sp_line_text sp_show_line(const struct sp_check *check, const struct sp_node *at,
				 struct sp_place place);

struct sp_shown {
	char quoted[112];
};
/* Text of a file as a message shows it: in quotes, shortened, control characters escaped. Use it
 * as an argument: sp_show(text).quoted lives until the end of the statement. */
struct sp_shown sp_show(const char *text);

#endif
