/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "json/strict.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define DIGITS_MAX 18u /* an integer of so many digits fits into 63 bits */

/* Texts are told apart as the parser does; where a document is no JSON at all it does not matter what
 * is found, the parser stops there. Gives where the text that begins at @at ends, its last quote. */
static size_t end_of_text(const char *text, size_t len, size_t at)
{
	for (at++; at < len && text[at] != '"'; at++)
		if (text[at] == '\\')
			at++;
	return at;
}

/* Brackets nest no deeper than we allow. */
static bool is_shallow(const char *text, size_t len)
{
	size_t depth = 0;

	for (size_t i = 0; i < len; i++) {
		if (text[i] == '"') {
			i = end_of_text(text, len, i);
		} else if (text[i] == '{' || text[i] == '[') {
			if (++depth > SP_STRICT_JSON_DEPTH)
				return false;
		} else if ((text[i] == '}' || text[i] == ']') && depth > 0) {
			depth--;
		}
	}
	return true;
}

static size_t count_digits(const char *text, size_t len)
{
	size_t count = 0;

	while (count < len && text[count] >= '0' && text[count] <= '9')
		count++;
	return count;
}

/* The parser gives a document up for one integer beyond 63 bits, though it may stand in a member that
 * nobody reads. Such integers become 1e18, which is none, in the caller's copy. */
static void tame_integers(char *text, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		const size_t digits = count_digits(text + i, len - i), end = i + digits;

		if (text[i] == '"')
			i = end_of_text(text, len, i);
		if (digits <= DIGITS_MAX || (end < len && strchr(".eE", text[end])) ||
		    (i > 0 && text[i - 1] == '.')) {
			i += digits ? digits - 1 : 0;
			continue;
		}
		memset(text + i, ' ', digits);
		memcpy(text + i, "1e18", 4);
		i = end - 1;
	}
}

static json_t *parse(const char *text, size_t len, json_error_t *error)
{
	json_t *root = json_loadb(text, len, JSON_REJECT_DUPLICATES, error);
	__sp_free char *copy = NULL;

	if (root || json_error_code(error) != json_error_numeric_overflow)
		return root;
	copy = malloc(len);
	if (!copy)
		return NULL;
	memcpy(copy, text, len);
	tame_integers(copy, len);
	root = json_loadb(copy, len, JSON_REJECT_DUPLICATES, error);
	sp_wipe(copy, len);
	return root;
}

int sp_strict_json_load(const char *text, size_t len, json_t **ret_object, char why[80])
{
	__sp_json json_t *root = NULL;
	json_error_t error;

	if (!is_shallow(text, len)) {
		snprintf(why, 80, "nested deeper than %u", SP_STRICT_JSON_DEPTH);
		return -EBADMSG;
	}
	root = parse(text, len, &error);
	if (!root) {
		snprintf(why, 80, "no JSON: %.60s", error.text);
		return -EBADMSG;
	}
	if (!json_is_object(root)) {
		snprintf(why, 80, "no JSON object");
		return -EBADMSG;
	}
	*ret_object = SP_TAKE_PTR(root);
	return 0;
}

const json_t *sp_strict_json_value(const json_t *object, const char *key)
{
	const json_t *value = json_object_get(object, key);

	return json_is_null(value) ? NULL : value;
}

const char *sp_strict_json_text(const json_t *object, const char *key)
{
	return json_string_value(json_object_get(object, key));
}

const char *sp_strict_json_show(const json_t *value, char *buf, size_t size)
{
	__sp_free char *text =
		value ? json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT) : strdup("missing");
	int len = snprintf(buf, size, "%s", text ? text : "?");

	if (len >= 0 && (size_t)len >= size && size > 4)
		memcpy(buf + size - 4, "...", 4);
	return buf;
}
