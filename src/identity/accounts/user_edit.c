/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "identity/accounts/user_edit.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "identity/accounts/user_scan.h"

#define NEW_INDENT 2u

/* A copy of the text in which one span is replaced. */
struct splice {
	struct sp_span span;
	struct sp_buf with;
};

static void splice_done(struct splice *splice)
{
	sp_buf_done(&splice->with);
}

/* ---- writing values ---- */

static void put_indent(struct sp_buf *out, size_t columns)
{
	while (columns-- > 0)
		sp_buf_put_char(out, ' ');
}

/* Write a text as YAML: plain if it is a simple word, else in double quotes. */
static void put_scalar(struct sp_buf *out, const char *text)
{
	static const char word[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.";

	if (*text && *text != '-' && *text != '.' && strspn(text, word) == strlen(text)) {
		sp_buf_put(out, text);
		return;
	}
	sp_buf_put_char(out, '"');
	for (; *text; text++) {
		if (*text == '"' || *text == '\\')
			sp_buf_put_char(out, '\\');
		sp_buf_put_char(out, *text);
	}
	sp_buf_put_char(out, '"');
}

static void put_groups(struct sp_buf *out, const struct sp_user_change *change)
{
	sp_buf_put_char(out, '[');
	for (size_t i = 0; i < change->group_count; i++) {
		sp_buf_put(out, i ? ", " : "");
		put_scalar(out, change->groups[i]);
	}
	sp_buf_put_char(out, ']');
}

/* Write { password: "…", groups: […] }, leaving out what the user does not have. */
static void put_user(struct sp_buf *out, const char *password, const struct sp_user_change *change)
{
	const bool has_groups = change->groups && change->group_count > 0;

	if (!password && !has_groups) {
		sp_buf_put(out, "{}");
		return;
	}
	sp_buf_put(out, "{ ");
	if (password)
		sp_buf_printf(out, "password: \"%s\"", password);
	if (has_groups) {
		sp_buf_put(out, password ? ", groups: " : "groups: ");
		put_groups(out, change);
	}
	sp_buf_put(out, " }");
}

static void put_entry(struct sp_buf *out, const struct sp_user_change *change)
{
	put_scalar(out, change->name);
	sp_buf_put(out, ": ");
	put_user(out, change->password, change);
}

/* ---- places ---- */

static size_t line_start(const char *text, size_t at)
{
	while (at > 0 && text[at - 1] != '\n')
		at--;
	return at;
}

/* The position behind the line break that ends the line of @at. If @at begins a line (a block text
 * ends so), @at itself; if no line break follows, the end of the text. */
static size_t line_end(const char *text, size_t len, size_t at)
{
	const char *newline;

	if (at > 0 && text[at - 1] == '\n')
		return at;
	newline = memchr(text + at, '\n', len - at);
	return newline ? (size_t)(newline + 1 - text) : len;
}

/* ---- the edits: each says what to replace by what ---- */

static void add_user(const char *text, size_t len, const struct sp_user_scan *scan,
		     const struct sp_user_change *change, struct splice *splice)
{
	const struct sp_user_entry *last = scan->count ? &scan->entries[scan->count - 1] : NULL;

	if (!last) { /* users: {} */
		splice->span = (struct sp_span){ scan->key.end, scan->value.end };
		sp_buf_put(&splice->with, scan->is_root_flow ? ": { " : ":\n");
		put_indent(&splice->with, scan->is_root_flow ? 0 : NEW_INDENT);
		put_entry(&splice->with, change);
		sp_buf_put(&splice->with, scan->is_root_flow ? " }" : "");
	} else if (scan->is_flow) {
		splice->span = (struct sp_span){ last->value.end, last->value.end };
		sp_buf_put(&splice->with, ", ");
		put_entry(&splice->with, change);
	} else {
		const size_t at = line_end(text, len, last->value.end);

		splice->span = (struct sp_span){ at, at };
		sp_buf_put(&splice->with, at > 0 && text[at - 1] == '\n' ? "" : "\n");
		put_indent(&splice->with, last->column);
		put_entry(&splice->with, change);
		sp_buf_put_char(&splice->with, '\n');
	}
}

static void remove_user(const char *text, size_t len, const struct sp_user_scan *scan, size_t i,
			struct splice *splice)
{
	const struct sp_user_entry *entry = &scan->entries[i];

	if (scan->count == 1) {
		splice->span = (struct sp_span){ scan->key.end, scan->value.end };
		sp_buf_put(&splice->with, ": {}");
	} else if (!scan->is_flow) {
		splice->span = (struct sp_span){ line_start(text, entry->key.start),
						 line_end(text, len, entry->value.end) };
	} else if (i + 1 < scan->count) {
		splice->span = (struct sp_span){ entry->key.start, scan->entries[i + 1].key.start };
	} else {
		splice->span = (struct sp_span){ entry[-1].value.end, entry->value.end };
	}
}

/* Add a key that the user does not have yet. */
static void insert_key(const struct sp_user_entry *entry, const char *key, struct splice *splice)
{
	struct sp_buf *with = &splice->with;
	char *value = NULL;

	if (sp_buf_take(with, &value) < 0)
		return;          /* the buffer remembers the error */
	if (!entry->first_key) { /* {} */
		splice->span = entry->value;
		sp_buf_printf(with, "{ %s: %s }", key, value);
	} else {
		splice->span = (struct sp_span){ entry->first_key, entry->first_key };
		sp_buf_printf(with, "%s: %s%s", key, value, entry->is_flow ? ", " : "\n");
		put_indent(with, entry->is_flow ? 0 : entry->first_column);
	}
	free(value);
}

static void set_password(const struct sp_user_entry *entry, const struct sp_user_change *change,
			 struct splice *splice)
{
	sp_buf_printf(&splice->with, "\"%s\"", change->password);
	if (entry->password.end)
		splice->span = entry->password;
	else
		insert_key(entry, "password", splice);
}

static void set_groups(const struct sp_idp *idp, const struct sp_user_entry *entry,
		       const struct sp_user_change *change, struct splice *splice)
{
	if (change->group_count == 0) { /* an empty list is an error: the key goes */
		splice->span = (struct sp_span){ entry->key.end, entry->value.end };
		sp_buf_put(&splice->with, ": ");
		put_user(&splice->with, sp_idp_user(idp, change->name)->password, change);
	} else if (entry->groups.end) {
		splice->span = (struct sp_span){ entry->groups_key.end, entry->groups.end };
		sp_buf_put(&splice->with, ": ");
		put_groups(&splice->with, change);
	} else {
		put_groups(&splice->with, change);
		insert_key(entry, "groups", splice);
	}
}

/* ---- is it what was asked for, and nothing else? ---- */

static bool is_same_text(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

static bool has_groups(const struct sp_local_user *user, const char *const *groups, size_t count)
{
	if (user->group_count != count)
		return false;
	for (size_t i = 0; i < count; i++)
		if (strcmp(user->groups[i], groups[i]) != 0)
			return false;
	return true;
}

static bool is_same_user(const struct sp_local_user *a, const struct sp_local_user *b)
{
	return strcmp(a->name, b->name) == 0 && is_same_text(a->password, b->password) &&
	       has_groups(a, (const char *const *)b->groups, b->group_count);
}

static bool is_as_asked(const struct sp_local_user *before, const struct sp_local_user *after,
			const struct sp_user_change *change)
{
	static const struct sp_local_user nobody = { 0 };
	const struct sp_local_user *old = before ? before : &nobody;

	if (change->edit == SP_USER_REMOVE)
		return !after;
	return after &&
	       is_same_text(after->password, change->password ? change->password : old->password) &&
	       (change->groups
			? has_groups(after, change->groups, change->group_count)
			: has_groups(after, (const char *const *)old->groups, old->group_count));
}

static bool is_right(const struct sp_idp *before, const struct sp_idp *after,
		     const struct sp_user_change *change)
{
	const struct sp_local_user *changed = before ? sp_idp_user(before, change->name) : NULL;
	size_t others = 0;

	if (after->type != SP_IDP_LOCAL ||
	    !is_as_asked(changed, sp_idp_user(after, change->name), change))
		return false;
	for (size_t i = 0; i < after->user_count; i++) {
		const struct sp_local_user *user = &after->users[i], *old;

		if (strcmp(user->name, change->name) == 0)
			continue;
		old = before ? sp_idp_user(before, user->name) : NULL;
		if (!old || !is_same_user(old, user))
			return false;
		others++;
	}
	return others == (before ? before->user_count - (changed != NULL) : 0);
}

/* ---- all of it ---- */

static int find_splice(const char *text, size_t len, const struct sp_idp *idp,
		       const struct sp_user_change *change, struct splice *splice)
{
	__sp_cleanup(sp_user_scan_done) struct sp_user_scan scan = { 0 };
	size_t i = 0;
	int r = sp_user_scan(text, len, &scan);

	if (r < 0)
		return r;
	while (i < scan.count && strcmp(scan.entries[i].name, change->name) != 0)
		i++;
	if (change->edit == SP_USER_ADD) {
		if (i < scan.count)
			return -EEXIST;
		add_user(text, len, &scan, change, splice);
		return 0;
	}
	if (i == scan.count)
		return -ENOENT;
	if (change->edit == SP_USER_REMOVE)
		remove_user(text, len, &scan, i, splice);
	else if (change->password)
		set_password(&scan.entries[i], change, splice);
	else
		set_groups(idp, &scan.entries[i], change, splice);
	return 0;
}

/* The changed text, not looked at yet. */
static int change_text(const char *text, size_t len, const struct sp_idp *idp,
		       const struct sp_user_change *change, struct sp_buf *out)
{
	__sp_cleanup(splice_done) struct splice splice = { .with = SP_BUF_INIT };
	int r;

	if (len == 0) {
		if (change->edit != SP_USER_ADD)
			return -ENOENT;
		sp_buf_put(out, "type: local\nusers:\n");
		put_indent(out, NEW_INDENT);
		put_entry(out, change);
		return sp_buf_put_char(out, '\n');
	}
	r = find_splice(text, len, idp, change, &splice);
	if (r < 0)
		return r;
	if (splice.with.error)
		return splice.with.error;
	if (splice.span.start > splice.span.end || splice.span.end > len)
		return -ENOTSUP;
	sp_buf_put_bytes(out, text, splice.span.start);
	sp_buf_put(out, sp_buf_get(&splice.with));
	return sp_buf_put_bytes(out, text + splice.span.end, len - splice.span.end);
}

int sp_user_edit(const char *path, const char *text, size_t len,
		 const struct sp_user_change *change, char **ret_text, size_t *ret_len,
		 struct sp_diagnostics *diagnostics)
{
	__sp_cleanup(sp_diagnostics_done) struct sp_diagnostics unused = { 0 };
	__sp_cleanup(sp_idp_freep) struct sp_idp *before = NULL, *after = NULL;
	__sp_buf struct sp_buf out = SP_BUF_INIT;
	size_t out_len;
	int r = 0;

	if (len > 0)
		r = sp_idp_load(path, text, len, &before, &unused);
	if (r == 0 && before && before->type != SP_IDP_LOCAL)
		r = -EINVAL;
	if (r < 0)
		return r == -EINVAL ? -ENOTSUP : r;
	r = change_text(text, len, before, change, &out);
	if (r < 0)
		return r;
	out_len = out.len;
	r = sp_idp_load(path, sp_buf_get(&out), out_len, &after, diagnostics);
	if (r < 0)
		return r;
	if (!is_right(before, after, change))
		return -ENOTSUP;
	r = sp_buf_take(&out, ret_text);
	if (r == 0)
		*ret_len = out_len;
	return r;
}
