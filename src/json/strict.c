/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "json/strict.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>

/* Brackets nest no deeper than we allow. Texts are told apart as the parser does; where @text is no
 * JSON at all it does not matter what is counted, the parser stops there. */
static bool is_shallow(const char *text, size_t len)
{
	size_t depth = 0;
	bool in_text = false;

	for (size_t i = 0; i < len; i++) {
		if (in_text) {
			if (text[i] == '\\')
				i++;
			else if (text[i] == '"')
				in_text = false;
		} else if (text[i] == '"') {
			in_text = true;
		} else if (text[i] == '{' || text[i] == '[') {
			if (++depth > SP_STRICT_JSON_DEPTH)
				return false;
		} else if ((text[i] == '}' || text[i] == ']') && depth > 0) {
			depth--;
		}
	}
	return true;
}

int sp_strict_json_load(const char *text, size_t len, json_t **ret_object, char why[80])
{
	__sp_json json_t *root = NULL;
	json_error_t error;

	if (!is_shallow(text, len)) {
		snprintf(why, 80, "nested deeper than %u", SP_STRICT_JSON_DEPTH);
		return -EBADMSG;
	}
	root = json_loadb(text, len, JSON_REJECT_DUPLICATES, &error);
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
