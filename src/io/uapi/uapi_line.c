/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "io/uapi/uapi_line.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/array.h"
#include "net/addr.h"

bool sp_uapi_next_line(struct sp_uapi_lines *lines, struct sp_uapi_line *ret_line)
{
	const char *end = lines->left ? memchr(lines->next, '\n', lines->left) : NULL;
	struct sp_uapi_line line = { .text = lines->next };
	const char *equals;

	if (!end)
		return false;
	line.len = (size_t)(end - lines->next);
	equals = line.len ? memchr(line.text, '=', line.len) : NULL;
	line.key_len = equals ? (size_t)(equals - line.text) : line.len;
	line.value = equals ? equals + 1 : end;
	line.value_len = (size_t)(end - line.value);
	lines->left -= line.len + 1;
	lines->next = end + 1;
	lines->number++;
	*ret_line = line;
	return true;
}

size_t sp_uapi_count_peers(const char *text, size_t len)
{
	struct sp_uapi_lines lines = { .next = text, .left = len };
	struct sp_uapi_line line;
	size_t count = 0;

	while (sp_uapi_next_line(&lines, &line))
		count += sp_uapi_key_is(&line, "public_key") && line.value_len == SP_WG_KEY_HEX - 1;
	return count;
}

bool sp_uapi_key_is(const struct sp_uapi_line *line, const char *key)
{
	return line->key_len < line->len && line->key_len == strlen(key) &&
	       memcmp(line->text, key, line->key_len) == 0;
}

bool sp_uapi_value_is(const struct sp_uapi_line *line, const char *value)
{
	return line->value_len == strlen(value) && memcmp(line->value, value, line->value_len) == 0;
}

int sp_uapi_read_number(const struct sp_uapi_line *line, uint64_t max, uint64_t *ret_number)
{
	uint64_t number = 0;

	if (line->value_len == 0 || (line->value_len > 1 && line->value[0] == '0'))
		return -EBADMSG;
	for (size_t i = 0; i < line->value_len; i++) {
		char c = line->value[i];

		if (c < '0' || c > '9' || __builtin_mul_overflow(number, 10, &number) ||
		    __builtin_add_overflow(number, (uint64_t)(c - '0'), &number) || number > max)
			return -EBADMSG;
	}
	*ret_number = number;
	return 0;
}

int sp_uapi_read_port(const struct sp_uapi_line *line, uint16_t *ret_port)
{
	uint64_t port;

	if (sp_uapi_read_number(line, UINT16_MAX, &port) < 0)
		return -EBADMSG;
	*ret_port = (uint16_t)port;
	return 0;
}

/* The value as a C string. Returns false if it does not fit or has a NUL inside. */
static bool copy_value(const char *value, size_t len, char *buf, size_t size)
{
	if (len >= size || memchr(value, '\0', len))
		return false;
	memcpy(buf, value, len);
	buf[len] = '\0';
	return true;
}

int sp_uapi_read_key(const struct sp_uapi_line *line, struct sp_wg_key *ret_key)
{
	char hex[SP_WG_KEY_HEX];
	int r = -EBADMSG;

	if (copy_value(line->value, line->value_len, hex, sizeof(hex)) &&
	    sp_wg_key_from_hex(hex, ret_key) == 0)
		r = 0;
	sp_wipe(hex, sizeof(hex));
	return r;
}

/* "192.0.2.1:51820", "[2001:db8::1]:51820", "[fe80::1%wan0]:51820" */
int sp_uapi_read_endpoint(const struct sp_uapi_line *line, struct sp_wg_peer *peer)
{
	char text[96], *host = text, *scope, *colon;
	struct sp_uapi_line port_line = { 0 };
	struct sp_addr addr;
	uint16_t port;

	if (!copy_value(line->value, line->value_len, text, sizeof(text)))
		return -EBADMSG;
	colon = strrchr(text, ':');
	if (!colon || colon == text)
		return -EBADMSG;
	*colon = '\0';
	port_line.value = colon + 1;
	port_line.value_len = strlen(colon + 1);
	if (sp_uapi_read_port(&port_line, &port) < 0 || port == 0)
		return -EBADMSG;
	scope = NULL;
	if (*host == '[') {
		host++;
		if (colon[-1] != ']' || !strchr(host, ':'))
			return -EBADMSG;
		colon[-1] = '\0';
		scope = strchr(host, '%');
		if (scope)
			*scope++ = '\0';
	} else if (strchr(host, ':')) {
		return -EBADMSG;
	}
	if (strncasecmp(host, "::ffff:", 7) == 0 && strchr(host, '.'))
		host += 7; /* an engine with one socket for both families writes IPv4 so */
	if (sp_addr_parse(host, &addr) < 0)
		return -EBADMSG;
	if (scope && (!*scope || strlen(scope) >= sizeof(peer->endpoint_scope)))
		return -EBADMSG;
	memset(peer->endpoint_scope, 0, sizeof(peer->endpoint_scope));
	if (scope)
		memcpy(peer->endpoint_scope, scope, strlen(scope));
	peer->endpoint = addr;
	peer->endpoint_port = port;
	peer->has_endpoint = true;
	return 0;
}

int sp_uapi_read_prefix(const struct sp_uapi_line *line, struct sp_prefix *ret_prefix)
{
	char text[SP_PREFIX_TEXT_MAX];
	struct sp_prefix prefix;
	int r;

	if (!copy_value(line->value, line->value_len, text, sizeof(text)) || !strchr(text, '/'))
		return -EBADMSG;
	r = sp_prefix_parse(text, &prefix);
	if (r < 0 && r != -EBADMSG)
		return -EBADMSG;
	*ret_prefix = prefix;
	return r < 0 ? -ERANGE : 0;
}

int sp_uapi_read_allowed_ip(const struct sp_uapi_line *line, struct sp_wg_peer *peer)
{
	struct sp_prefix prefix, *added;

	if (sp_uapi_read_prefix(line, &prefix) < 0)
		return -EBADMSG;
	added = SP_ARRAY_PUSH(peer->allowed_ips, peer->allowed_ip_count);
	if (!added)
		return -ENOMEM;
	*added = prefix;
	return 0;
}
