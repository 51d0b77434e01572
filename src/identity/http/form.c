/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "identity/http/form.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* What every reader takes as it is, `~` included: client secrets of Entra ID hold it, and some
 * servers compare a secret without decoding it. */
static bool is_plain(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '-' || c == '.' || c == '_' || c == '*' || c == '~';
}

/* Write @value at @at, or only count if @at is NULL. Returns the number of characters. */
static size_t escape(const char *value, char *at)
{
	static const char digits[] = "0123456789ABCDEF";
	size_t len = 0;

	for (; *value; value++) {
		const unsigned char c = (unsigned char)*value;
		const bool is_long = !is_plain(*value) && c != ' ';

		if (at && is_long) {
			at[len] = '%';
			at[len + 1] = digits[c >> 4];
			at[len + 2] = digits[c & 15];
		} else if (at) {
			at[len] = c == ' ' ? '+' : *value;
		}
		len += is_long ? 3 : 1;
	}
	return len;
}

static size_t put_char(char c, char *at)
{
	if (at)
		*at = c;
	return 1;
}

static size_t write_fields(const struct sp_form_field *fields, size_t count, char *at)
{
	size_t len = 0;

	for (size_t i = 0; i < count; i++) {
		if (!fields[i].value)
			continue;
		if (len > 0)
			len += put_char('&', at ? at + len : NULL);
		len += escape(fields[i].name, at ? at + len : NULL);
		len += put_char('=', at ? at + len : NULL);
		len += escape(fields[i].value, at ? at + len : NULL);
	}
	return len;
}

char *sp_form_encode(const struct sp_form_field *fields, size_t count)
{
	char *text = malloc(write_fields(fields, count, NULL) + 1);

	if (text)
		text[write_fields(fields, count, text)] = '\0';
	return text;
}

char *sp_form_escape(const char *value)
{
	char *text = malloc(escape(value, NULL) + 1);

	if (text)
		text[escape(value, text)] = '\0';
	return text;
}
