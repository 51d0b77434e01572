/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Replies of the daemon as text: fields and tables. */
#ifndef SALLYPORT_CLI_RENDER_H
#define SALLYPORT_CLI_RENDER_H

#include "cli/cli.h"
#include "json/text.h"

/* A field's number; 0 when it is absent or null. */
long long sp_json_integer(json_t *object, const char *key);

struct sp_column {
	const char *title;
	const char *key; /* "a.b" goes into an object; lists are joined by commas */
};

/* Rows of objects as aligned columns, with a head; a line a field where the screen has not so many
 * columns. */
void sp_render_table(const struct sp_cli *cli, json_t *rows, const struct sp_column *columns);

/* Call, then print: with --json one line per element of @key, else the table. Returns the exit
 * code. */
int sp_render_call(const struct sp_cli *cli, const char *op, json_t *fields, const char *key,
		   const struct sp_column *columns);

/* The diagnostics of a reply (docs/control-socket.md, check) as lines on stderr. NULL: none. */
void sp_render_diagnostics(json_t *diagnostics);

#endif
