/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cli/render.h"

#include <stdio.h>
#include <string.h>

#include "base/array.h"
#include "base/str.h"
#include "base/text.h"

#define COLUMNS_MAX 16

const char *sp_json_text(json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? text : "";
}

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
				sp_buf_put(cell, ",");
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

/* Width on the screen: UTF-8 continuation bytes take none. */
static size_t text_width(const char *text)
{
	size_t width = 0;

	for (; *text; text++)
		width += (*text & 0xc0) != 0x80;
	return width;
}

void sp_render_table(const struct sp_cli *cli, json_t *rows, const struct sp_column *columns)
{
	size_t width[COLUMNS_MAX] = { 0 }, count = 0, i;
	json_t *row;

	for (; columns[count].title && count < COLUMNS_MAX; count++)
		width[count] = text_width(columns[count].title);
	/* first pass: widths; second pass: text */
	for (int pass = 0; pass < 2; pass++) {
		if (pass) {
			for (size_t c = 0; c < count; c++)
				sp_cli_print("%s%-*s%s%s", sp_cli_paint(cli, SP_DIM),
					     c + 1 < count ? (int)width[c] : 0, columns[c].title,
					     sp_cli_paint(cli, SP_PLAIN), c + 1 < count ? "  " : "");
			sp_cli_print("\n");
		}
		json_array_foreach(rows, i, row) {
			for (size_t c = 0; c < count; c++) {
				__sp_buf struct sp_buf cell = SP_BUF_INIT;
				size_t used;

				put_value(&cell, find_value(row, columns[c].key));
				used = text_width(sp_buf_get(&cell));
				if (!pass && used > width[c])
					width[c] = used;
				if (pass)
					sp_cli_print("%s%*s", sp_buf_get(&cell),
						     c + 1 < count ? (int)(width[c] - used + 2) : 0, "");
			}
			if (pass)
				sp_cli_print("\n");
		}
	}
}
