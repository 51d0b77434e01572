/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "portal/admit/cookie.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define HOST_PREFIX "__Host-"
#define BASE64URL "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

/* If the text between two `;` is this cookie, return its value, *@ret_len bytes. NULL: it is
 * another cookie. */
static const char *value_of(const char *pair, size_t len, const char *name, size_t *ret_len)
{
	const size_t name_len = strlen(name);

	while (len && (*pair == ' ' || *pair == '\t'))
		pair++, len--;
	while (len && (pair[len - 1] == ' ' || pair[len - 1] == '\t'))
		len--;
	if (len <= name_len || memcmp(pair, name, name_len) != 0 || pair[name_len] != '=')
		return NULL;
	*ret_len = len - name_len - 1;
	return pair + name_len + 1;
}

int sp_cookie_read(const char *header, const char *name, char **ret_value)
{
	const char *found = NULL;
	size_t found_len = 0;
	char *copy;

	for (const char *at = header; at && *at;) {
		const size_t len = strcspn(at, ";");
		size_t value_len;
		const char *value = value_of(at, len, name, &value_len);

		if (value && found)
			return -EBADMSG;
		if (value) {
			found = value;
			found_len = value_len;
		}
		at += len + (at[len] == ';');
	}
	if (!found)
		return -ENOENT;
	if (!found_len || found_len > SP_COOKIE_VALUE_MAX || strspn(found, BASE64URL) < found_len)
		return -EBADMSG;
	copy = strndup(found, found_len);
	if (!copy)
		return -ENOMEM;
	*ret_value = copy;
	return 0;
}

int sp_cookie_set(struct sp_response *response, const char *name, const char *value,
		  int64_t max_age_s)
{
	const size_t len = strlen(value);

	if (strncmp(name, HOST_PREFIX, strlen(HOST_PREFIX)) != 0 || len > SP_COOKIE_VALUE_MAX ||
	    strspn(value, BASE64URL) != len || max_age_s < 0)
		return -EINVAL;
	return sp_response_add_header(response, "Set-Cookie",
				      "%s=%s; Path=/; Max-Age=%lld; Secure; HttpOnly; SameSite=Lax",
				      name, value, (long long)max_age_s);
}
