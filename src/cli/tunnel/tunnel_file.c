/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cli/tunnel/tunnel_file.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/array.h"
#include "base/str.h"
#include "io/files/secret_buf.h"

struct line {
	const char *start; /* without leading blanks */
	size_t len;        /* up to the newline, without trailing blanks */
	const char *next;  /* NULL: that was the last line */
	size_t key_len;    /* 0: no `Key =` */
	const char *value;
	size_t value_len;
};

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static struct line read_line(const char *text)
{
	const char *newline = strchr(text, '\n'), *equals;
	struct line line = { .start = text, .next = newline ? newline + 1 : NULL };
	const char *end = newline ? newline : text + strlen(text);

	while (line.start < end && is_blank(*line.start))
		line.start++;
	while (end > line.start && is_blank(end[-1]))
		end--;
	line.len = end - line.start;
	equals = memchr(line.start, '=', line.len);
	if (!equals || line.start[0] == '#')
		return line;
	line.key_len = equals - line.start;
	while (line.key_len && is_blank(line.start[line.key_len - 1]))
		line.key_len--;
	for (line.value = equals + 1; line.value < end && is_blank(*line.value);)
		line.value++;
	line.value_len = end - line.value;
	return line;
}

static bool is_key(const struct line *line, const char *key)
{
	return line->key_len == strlen(key) && !strncasecmp(line->start, key, line->key_len);
}

static bool is_one_of(const struct line *line, const char *const *keys)
{
	for (; *keys; keys++)
		if (is_key(line, *keys))
			return true;
	return false;
}

static bool is_header(const struct line *line, const char *name)
{
	return line->len == strlen(name) && !strncasecmp(line->start, name, line->len);
}

/* Characters of keys, addresses, names, ports and lists of them. A word must not look like an
 * option to a program. */
static bool is_plain(const char *value, size_t len)
{
	bool is_word_start = true;

	for (size_t i = 0; i < len; i++) {
		if (!isalnum((unsigned char)value[i]) && !strchr("+/=.,:[]_%- ", value[i]))
			return false;
		if (is_word_start && value[i] == '-')
			return false;
		is_word_start = value[i] == ' ' || value[i] == ',';
	}
	return true;
}

static const char *find_fault(const struct line *line, bool *is_interface, bool *is_peer)
{
	static const char *const of_interface[] = { "PrivateKey", "Address", "DNS", "MTU", NULL };
	static const char *const of_peer[] = { "PublicKey", "PresharedKey",        "AllowedIPs",
					       "Endpoint",  "PersistentKeepalive", NULL };
	size_t value_len = line->value_len;

	for (size_t i = 0; i < line->len; i++)
		if (iscntrl((unsigned char)line->start[i]))
			return "a control character";
	if (!line->len || line->start[0] == '#')
		return NULL;
	if (is_header(line, "[Interface]") || is_header(line, "[Peer]")) {
		*is_interface = is_header(line, "[Interface]");
		*is_peer = !*is_interface;
		return NULL;
	}
	if (!(*is_interface && is_one_of(line, of_interface)) &&
	    !(*is_peer && is_one_of(line, of_peer)))
		return "nothing that is handed on to wg-quick";
	if (is_key(line, "PrivateKey") && value_len && line->value[0] == '#')
		return NULL; /* left to fill in */
	return is_plain(line->value, value_len) ? NULL : "not plain enough a value";
}

int sp_tunnel_file_check(const char *text, struct sp_tunnel_fault *ret_fault)
{
	bool is_interface = false, is_peer = false;
	size_t number = 0;

	for (const char *at = text; at;) {
		const struct line line = read_line(at);
		const char *fault = find_fault(&line, &is_interface, &is_peer);

		number++;
		if (fault) {
			/* the key alone: a value may be a secret */
			ret_fault->line = number;
			snprintf(ret_fault->text, sizeof(ret_fault->text), "%.*s%s%s",
				 line.key_len && strcmp(fault, "a control character")
					 ? (int)(line.key_len < 40 ? line.key_len : 40)
					 : 0,
				 line.start, line.key_len ? ": " : "", fault);
			return -EINVAL;
		}
		at = line.next;
	}
	return 0;
}

static int put_line(struct sp_secret_buf *out, const char *text, size_t len)
{
	const int r = sp_secret_buf_put(out, text, len);

	return r < 0 ? r : sp_secret_buf_put(out, "\n", 1);
}

static int take_text(struct sp_secret_buf *out, char **ret_text)
{
	const int r = sp_secret_buf_put(out, "", 1);

	if (r < 0)
		return r;
	*ret_text = SP_TAKE_PTR(out->data);
	return 0;
}

int sp_tunnel_file_fill(const char *text, const char *first_line, const char *private_key,
			char **ret_text)
{
	__sp_cleanup(sp_secret_buf_done) struct sp_secret_buf out = { 0 };
	int r = first_line ? put_line(&out, first_line, strlen(first_line)) : 0;

	for (const char *at = text; at && *at && r >= 0;) {
		const struct line line = read_line(at);

		if (private_key && is_key(&line, "PrivateKey")) {
			r = sp_secret_buf_put(&out, "PrivateKey = ", strlen("PrivateKey = "));
			if (r >= 0)
				r = put_line(&out, private_key, strlen(private_key));
		} else {
			r = put_line(&out, line.start, line.len);
		}
		at = line.next;
	}
	return r < 0 ? r : take_text(&out, ret_text);
}

char *sp_tunnel_file_get(const char *text, const char *key)
{
	for (const char *at = text; at;) {
		const struct line line = read_line(at);

		if (is_key(&line, key))
			return strndup(line.value, line.value_len);
		at = line.next;
	}
	return NULL;
}

int sp_tunnel_file_without(const char *text, enum sp_tunnel_lines lines, char **ret_text)
{
	static const char *const keys[][7] = {
		[SP_TUNNEL_DNS] = { "DNS" },
		[SP_TUNNEL_QUICK] = { "Address", "DNS", "MTU", "Table" },
		[SP_TUNNEL_CRYPTO] = { "PrivateKey", "PublicKey", "PresharedKey", "Endpoint",
				       "PersistentKeepalive" },
		[SP_TUNNEL_LIVE] = { "PrivateKey", "PublicKey", "PresharedKey", "Endpoint",
				     "PersistentKeepalive", "AllowedIPs" },
	};
	__sp_cleanup(sp_secret_buf_done) struct sp_secret_buf out = { 0 };
	int r = 0;

	for (const char *at = text; at && *at && r >= 0;) {
		const struct line line = read_line(at);

		if (line.start[0] != '#' && !is_one_of(&line, keys[lines]))
			r = put_line(&out, line.start, line.len);
		at = line.next;
	}
	return r < 0 ? r : take_text(&out, ret_text);
}

/* The items of a line without the IPv6 ones; "" if none is left. */
static int put_v4_items(struct sp_secret_buf *out, const struct line *line)
{
	const char *end = line->value + line->value_len, *at = line->value;
	bool is_first = true;
	int r = 0;

	while (at < end && r >= 0) {
		const char *comma = memchr(at, ',', end - at), *stop = comma ? comma : end;

		while (at < stop && is_blank(*at))
			at++;
		if (!memchr(at, ':', stop - at)) {
			r = is_first ? sp_secret_buf_put(out, line->start, line->key_len) : 0;
			if (r >= 0)
				r = sp_secret_buf_put(out, is_first ? " = " : ", ",
						      is_first ? 3 : 2);
			if (r >= 0)
				r = sp_secret_buf_put(out, at, stop - at);
			is_first = false;
		}
		at = comma ? comma + 1 : end;
	}
	return r < 0 || is_first ? r : sp_secret_buf_put(out, "\n", 1);
}

int sp_tunnel_file_without_v6(const char *text, char **ret_text)
{
	static const char *const lists[] = { "Address", "AllowedIPs", "DNS", NULL };
	__sp_cleanup(sp_secret_buf_done) struct sp_secret_buf out = { 0 };
	int r = 0;

	for (const char *at = text; at && *at && r >= 0;) {
		const struct line line = read_line(at);

		r = is_one_of(&line, lists) ? put_v4_items(&out, &line)
					    : put_line(&out, line.start, line.len);
		at = line.next;
	}
	return r < 0 ? r : take_text(&out, ret_text);
}

#define NO_ROUTES "Table = off"

int sp_tunnel_file_without_routes(const char *text, char **ret_text)
{
	__sp_cleanup(sp_secret_buf_done) struct sp_secret_buf out = { 0 };
	int r = 0;

	for (const char *at = text; at && *at && r >= 0;) {
		const struct line line = read_line(at);

		r = put_line(&out, line.start, line.len);
		if (r >= 0 && is_header(&line, "[Interface]"))
			r = put_line(&out, NO_ROUTES, strlen(NO_ROUTES));
		at = line.next;
	}
	return r < 0 ? r : take_text(&out, ret_text);
}

bool sp_tunnel_file_has_routes_of_its_own(const char *text)
{
	__sp_free char *table = sp_tunnel_file_get(text, "Table");

	return table && !strcmp(table, "off");
}
