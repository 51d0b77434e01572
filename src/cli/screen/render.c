/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cli/screen/render.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "base/text.h"

#define COLUMNS_MAX 16
#define LAST_COLUMN_LEAST 24 /* fewer are no room to break a text in */

long long sp_json_integer(json_t *object, const char *key)
{
	return json_integer_value(json_object_get(object, key));
}

static void put_value(struct sp_buf *cell, json_t *value)
{
	size_t i;
	json_t *item;

	switch (value ? json_typeof(value) : JSON_NULL) {
	case JSON_STRING:
		sp_text_put(cell, json_string_value(value), json_string_length(value));
		break;
	case JSON_INTEGER:
		sp_buf_printf(cell, "%lld", (long long)json_integer_value(value));
		break;
	case JSON_TRUE:
		sp_buf_put(cell, "yes");
		break;
	case JSON_ARRAY:
		json_array_foreach(value, i, item) {
			if (i)
				sp_buf_put(cell, ", ");
			put_value(cell, item);
		}
		break;
	default:
		sp_buf_put(cell, "-");
	}
}

static json_t *find_value(json_t *row, const char *key)
{
	const char *dot = strchr(key, '.');
	char first[32];

	if (!dot)
		return json_object_get(row, key);
	snprintf(first, sizeof(first), "%.*s", (int)(dot - key), key);
	return json_object_get(json_object_get(row, first), dot + 1);
}

/* Rows and columns as texts. */
struct table {
	const struct sp_column *columns;
	size_t column_count, row_count;
	struct sp_buf *cells; /* row by row */
	int width[COLUMNS_MAX];
};

static void table_done(struct table *table)
{
	for (size_t i = 0; i < table->row_count * table->column_count; i++)
		sp_buf_done(&table->cells[i]);
	free(table->cells);
}

/* Returns false: no memory. */
static bool fill_table(struct table *table, json_t *rows, const struct sp_column *columns)
{
	json_t *row;
	size_t i;

	table->columns = columns;
	for (; columns[table->column_count].title && table->column_count < COLUMNS_MAX;
	     table->column_count++)
		table->width[table->column_count] =
			sp_cli_width(columns[table->column_count].title);
	table->cells =
		calloc(json_array_size(rows) * table->column_count + 1, sizeof(*table->cells));
	if (!table->cells)
		return false;
	table->row_count = json_array_size(rows);
	json_array_foreach(rows, i, row)
		for (size_t c = 0; c < table->column_count; c++) {
			struct sp_buf *cell = &table->cells[i * table->column_count + c];

			put_value(cell, find_value(row, columns[c].key));
			if (sp_cli_width(sp_buf_get(cell)) > table->width[c])
				table->width[c] = sp_cli_width(sp_buf_get(cell));
		}
	return true;
}

/* The width of all columns but the last, with the spaces between them. */
static long long width_before_last(const struct table *table)
{
	long long width = 0;

	for (size_t c = 0; c + 1 < table->column_count; c++)
		width += table->width[c] + 2;
	return width;
}

/* Break the last column at blanks where it does not fit. */
static void print_in_columns(const struct sp_cli *cli, const struct table *table)
{
	const int before = sp_cli_wrap((int)width_before_last(table));

	for (size_t c = 0; c < table->column_count; c++)
		sp_cli_print("%s%-*s%s%s", sp_cli_paint(cli, SP_DIM),
			     c + 1 < table->column_count ? table->width[c] : 0,
			     table->columns[c].title, sp_cli_paint(cli, SP_PLAIN),
			     c + 1 < table->column_count ? "  " : "");
	sp_cli_print("\n");
	for (size_t i = 0; i < table->row_count; i++) {
		for (size_t c = 0; c < table->column_count; c++)
			sp_cli_print("%-*s%s", c + 1 < table->column_count ? table->width[c] : 0,
				     sp_buf_get(&table->cells[i * table->column_count + c]),
				     c + 1 < table->column_count ? "  " : "");
		sp_cli_print("\n");
	}
	sp_cli_wrap(before);
}

/* On a narrow screen: one line a field, a blank line between rows. */
static void print_in_lines(const struct sp_cli *cli, const struct table *table)
{
	const int before = sp_cli_wrap(0);
	int title = 0;

	for (size_t c = 0; c < table->column_count; c++)
		if (sp_cli_width(table->columns[c].title) > title)
			title = sp_cli_width(table->columns[c].title);
	sp_cli_wrap(title + 2);
	for (size_t i = 0; i < table->row_count; i++) {
		if (i)
			sp_cli_print("\n");
		for (size_t c = 0; c < table->column_count; c++)
			sp_cli_print("%s%-*s%s  %s\n", sp_cli_paint(cli, SP_DIM), title,
				     table->columns[c].title, sp_cli_paint(cli, SP_PLAIN),
				     sp_buf_get(&table->cells[i * table->column_count + c]));
	}
	sp_cli_wrap(before);
}

void sp_render_table(const struct sp_cli *cli, json_t *rows, const struct sp_column *columns)
{
	__sp_cleanup(table_done) struct table table = { 0 };
	const int columns_of_screen = sp_cli_columns(stdout);
	long long width;

	if (!fill_table(&table, rows, columns)) {
		sp_cli_fail(0, "out of memory");
		return;
	}
	width = width_before_last(&table);
	if (width + table.width[table.column_count - 1] <= columns_of_screen ||
	    (width <= columns_of_screen / 2 && columns_of_screen - width >= LAST_COLUMN_LEAST))
		print_in_columns(cli, &table);
	else
		print_in_lines(cli, &table);
}

void sp_render_diagnostics(json_t *diagnostics)
{
	size_t i;
	json_t *item;

	json_array_foreach(diagnostics, i, item)
		sp_cli_say("%s:%lld:%lld: %s%s\n", sp_json_text(item, "file"),
			   sp_json_integer(item, "line"), sp_json_integer(item, "column"),
			   strcmp(sp_json_text(item, "severity"), "warning") ? "" : "warning: ",
			   sp_json_text(item, "message"));
}
