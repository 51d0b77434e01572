/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "portal/web/params.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

struct span {
	const char *bytes;
	size_t len;
};

/* The value of a hexadecimal digit; -1: it is not one. */
static int digit_of(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Decode @text into @bytes, which has room for its length. Returns the length; -EINVAL with
 * *@ret_why. */
static ssize_t decode_span(struct span text, char *bytes, const char **ret_why)
{
	size_t len = 0;

	for (size_t i = 0; i < text.len; i++) {
		char c = text.bytes[i];

		if (c == '%') {
			const int high = i + 2 < text.len ? digit_of(text.bytes[i + 1]) : -1;
			const int low = i + 2 < text.len ? digit_of(text.bytes[i + 2]) : -1;

			if (high < 0 || low < 0) {
				*ret_why = "has a % without two hexadecimal digits behind it";
				return -EINVAL;
			}
			c = (char)(high << 4 | low);
			i += 2;
		} else if (c == '+') {
			c = ' ';
		} else if (c < 0x21 || c > 0x7e) {
			*ret_why = "has a character in it that is not escaped";
			return -EINVAL;
		}
		if (!c) {
			*ret_why = "has a NUL in it";
			return -EINVAL;
		}
		bytes[len++] = c;
	}
	return (ssize_t)len;
}

static int add_param(json_t *params, const char *name, size_t name_len, const char *value,
		     size_t value_len, const char **ret_why)
{
	char key[SP_PARAM_NAME_MAX + 1] = { 0 };
	json_t *text;

	*ret_why = "has a name of no byte, or of more than 64";
	if (name_len == 0 || name_len > SP_PARAM_NAME_MAX)
		return -EINVAL;
	memcpy(key, name, name_len);
	*ret_why = "says one thing twice";
	if (json_object_get(params, key))
		return -EINVAL;
	*ret_why = "says more than 32 things";
	if (json_object_size(params) >= SP_PARAMS_MAX)
		return -EINVAL;
	*ret_why = "is not UTF-8";
	text = json_stringn(value, value_len);
	return json_object_set_new(params, key, text) < 0 ? -EINVAL : 0;
}

/* Read one `name=value`. @room is twice as long as the pair. */
static int read_pair(json_t *params, struct span pair, char *room, const char **ret_why)
{
	const char *equals = memchr(pair.bytes, '=', pair.len);
	const size_t name_len = equals ? (size_t)(equals - pair.bytes) : pair.len;
	const struct span name = { pair.bytes, name_len };
	const struct span value = { equals ? equals + 1 : "",
				    equals ? pair.len - name_len - 1 : 0 };
	const ssize_t name_bytes = decode_span(name, room, ret_why);
	const ssize_t value_bytes =
		name_bytes < 0 ? name_bytes : decode_span(value, room + name_len, ret_why);

	if (value_bytes < 0)
		return (int)value_bytes;
	return add_param(params, room, (size_t)name_bytes, room + name_len, (size_t)value_bytes,
			 ret_why);
}

static int read_pairs(json_t *params, const char *text, size_t len, char *room,
		      const char **ret_why)
{
	const char *at = text, *const end = text + len;
	int r = 0;

	while (r == 0 && at < end) {
		const char *stop = memchr(at, '&', (size_t)(end - at));
		const struct span pair = { at, (size_t)((stop ? stop : end) - at) };

		if (pair.len)
			r = read_pair(params, pair, room, ret_why);
		at += pair.len + 1;
	}
	return r;
}

int sp_params_read(const char *text, size_t len, json_t **ret_params, const char **ret_why)
{
	__sp_json json_t *params = json_object();
	char *room = malloc(len + 1);
	int r = -ENOMEM;

	if (params && room)
		r = len ? read_pairs(params, text, len, room, ret_why) : 0;
	if (room)
		sp_wipe(room, len + 1); /* the text may hold passwords and codes */
	free(room);
	if (r == 0)
		*ret_params = SP_TAKE_PTR(params);
	return r;
}
