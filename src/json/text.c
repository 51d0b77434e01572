/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "json/text.h"

#include <string.h>

json_t *sp_json_of_text(const char *text)
{
	__sp_free char *copy = NULL;
	json_t *json;

	if (!text)
		return json_null();
	json = json_string(text);
	if (json)
		return json;
	copy = strdup(text);
	for (char *c = copy; c && *c; c++)
		if ((unsigned char)*c >= 0x80)
			*c = '?';
	json = copy ? json_string(copy) : NULL;
	return json ? json : json_null();
}

const char *sp_json_text(json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? text : "";
}
