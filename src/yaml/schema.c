/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "yaml/schema.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sallyport/abi/names.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "yaml/suggest.h"

static const char *kind_name(const struct sp_node *node)
{
	static const char *const names[] = { "a single value", "a list", "a mapping", "broken" };

	return names[node->kind];
}

static bool is_empty(const struct sp_node *node)
{
	return node->kind == SP_NODE_SCALAR && *node->text == '\0';
}

/* Returns the bit of the key that was probably meant, 0: none. */
static uint64_t report_unknown_key(struct sp_check *check, const struct sp_node *key,
				   const char *what, const struct sp_key *keys, size_t key_count)
{
	struct sp_nearest nearest;

	sp_nearest_init(&nearest, key->text);
	for (size_t i = 0; i < key_count; i++)
		sp_nearest_offer(&nearest, keys[i].name);
	if (!nearest.best) {
		sp_report(check, key, "unknown key %s in %s", sp_show(key->text).quoted, what);
		return 0;
	}
	sp_report(check, key, "unknown key %s in %s; did you mean \"%s\"?",
		  sp_show(key->text).quoted, what, nearest.best);
	for (size_t i = 0; i < key_count; i++) {
		if (keys[i].name == nearest.best)
			return UINT64_C(1) << i;
	}
	return 0;
}

int sp_read_map(struct sp_check *check, const struct sp_node *node, const char *what,
		const struct sp_key *keys, size_t key_count, const struct sp_node **ret_values)
{
	uint64_t seen = 0;
	int result = 0;

	memset(ret_values, 0, key_count * sizeof(*ret_values));
	if (node->kind == SP_NODE_BROKEN)
		return -EINVAL;
	if (node->kind != SP_NODE_MAP) {
		sp_report(check, node, "%s is a mapping, { %s: … }, not %s", what, keys[0].name,
			  is_empty(node) ? "nothing" : kind_name(node));
		return -EINVAL;
	}
	sp_map_for_each(key, value, node) {
		size_t i = 0;

		while (i < key_count && strcmp(keys[i].name, key->text) != 0)
			i++;
		if (i == key_count) {
			seen |= report_unknown_key(check, key, what, keys, key_count);
			result = 1;
			continue;
		}
		seen |= UINT64_C(1) << i;
		if (keys[i].need == SP_KEY_LATER)
			sp_report(check, key, "\"%s\" is not supported yet", key->text);
		else if (is_empty(value) && value->is_plain)
			sp_report(check, key, "\"%s\" has no value", key->text);
		else
			ret_values[i] = value;
	}
	for (size_t i = 0; i < key_count; i++) {
		if (keys[i].need == SP_KEY_REQUIRED && !(seen >> i & 1))
			sp_report(check, node, "%s needs \"%s\"", what, keys[i].name);
	}
	return result;
}

void sp_read_version(struct sp_check *check, const struct sp_node *root,
		     const struct sp_node *version)
{
	const char *text;

	if (!sp_has_key(root, "sallyport")) {
		sp_report(check, root,
			  "\"sallyport: 1\" is missing: the version of the language comes first");
		return;
	}
	text = version ? sp_read_text(check, version, "\"sallyport\"") : NULL;
	if (text && strcmp(text, "1") != 0)
		sp_report(check, version,
			  "\"sallyport\" is the version of the language, of which there is one: "
			  "write sallyport: 1, not %s",
			  sp_show(text).quoted);
}

const char *sp_read_text(struct sp_check *check, const struct sp_node *node, const char *what)
{
	if (node->kind == SP_NODE_BROKEN)
		return NULL;
	if (node->kind != SP_NODE_SCALAR) {
		sp_report(check, node, "%s is a single value, not %s", what, kind_name(node));
		return NULL;
	}
	if (is_empty(node)) {
		sp_report(check, node, "%s is empty", what);
		return NULL;
	}
	return node->text;
}

int sp_read_word(struct sp_check *check, const struct sp_node *node, const char *what,
		 const char *const *words)
{
	const char *text = sp_read_text(check, node, what);
	char list[128] = "";

	if (!text)
		return -EINVAL;
	for (int i = 0; words[i]; i++) {
		if (strcmp(words[i], text) == 0)
			return i;
	}
	for (int i = 0; words[i]; i++) {
		strncat(list,
			i == 0         ? ""
			: words[i + 1] ? ", "
				       : " or ",
			sizeof(list) - strlen(list) - 1);
		strncat(list, words[i], sizeof(list) - strlen(list) - 1);
	}
	sp_report(check, node, "%s is %s, not %s", what, list, sp_show(text).quoted);
	return -EINVAL;
}

int sp_read_number(struct sp_check *check, const struct sp_node *node, const char *what,
		   uint64_t least, uint64_t most, uint64_t *ret_number)
{
	const char *text = sp_read_text(check, node, what);
	uint64_t number = 0;

	if (!text)
		return -EINVAL;
	if (strspn(text, "0123456789") != strlen(text) || (text[0] == '0' && text[1])) {
		sp_report(check, node, "%s is a decimal number from %llu to %llu, not %s", what,
			  (unsigned long long)least, (unsigned long long)most,
			  sp_show(text).quoted);
		return -EINVAL;
	}
	errno = 0;
	number = strtoull(text, NULL, 10);
	if (errno || number < least || number > most) {
		sp_report(check, node, "%s is from %llu to %llu, not %s", what,
			  (unsigned long long)least, (unsigned long long)most,
			  sp_show(text).quoted);
		return -EINVAL;
	}
	*ret_number = number;
	return 0;
}

char *sp_copy_text(struct sp_check *check, const char *text)
{
	char *copy = strdup(text);

	if (!copy)
		check->no_memory = true;
	return copy;
}

bool sp_has_key(const struct sp_node *map, const char *name)
{
	sp_map_for_each(key, value, map) {
		if (strcmp(key->text, name) == 0)
			return true;
	}
	return false;
}

static void warn_of_doubles(struct sp_check *check, const struct sp_node *list)
{
	__sp_free const struct sp_node **items = reallocarray(NULL, list->count, sizeof(*items));
	size_t count = 0;

	if (!items) {
		check->no_memory = true;
		return;
	}
	for (const struct sp_node *item = list->first; item; item = item->next) {
		if (item->kind == SP_NODE_SCALAR)
			items[count++] = item;
	}
	if (count > 1)
		qsort(items, count, sizeof(*items), sp_node_compare);
	for (size_t i = 1; i < count; i++) {
		if (strcmp(items[i]->text, items[i - 1]->text) == 0)
			sp_warn(check, items[i], "%s stands in this list twice",
				sp_show(items[i]->text).quoted);
	}
}

int sp_read_items(struct sp_check *check, const struct sp_node *node, const char *what)
{
	if (node->kind == SP_NODE_BROKEN)
		return -EINVAL;
	if (node->kind == SP_NODE_LIST && node->count == 0) {
		sp_report(check, node,
			  "%s is an empty list, which is neither \"any\" nor \"nothing\": "
			  "name at least one item or leave the key out",
			  what);
		return -EINVAL;
	}
	if (node->kind == SP_NODE_LIST && node->count > 1)
		warn_of_doubles(check, node);
	return 0;
}

int sp_read_list(struct sp_check *check, const struct sp_node *node, const char *what)
{
	if (node->kind == SP_NODE_BROKEN)
		return -EINVAL;
	if (node->kind != SP_NODE_LIST) {
		sp_report(check, node, "%s is a list of mappings, - { … }, not %s", what,
			  kind_name(node));
		return -EINVAL;
	}
	return sp_read_items(check, node, what);
}

static bool is_reserved(const char *name)
{
	static const char *const reserved[] = { "any",        "anonymous", "self",
						"internet",   "bogons",    "vpn",
						"none",       "signed-in", "own-devices",
#define X(id, text, meaning) text,
						SP_REASONS(X)
#undef X
	};

	for (size_t i = 0; i < SP_ARRAY_LEN(reserved); i++) {
		if (strcmp(reserved[i], name) == 0)
			return true;
	}
	return false;
}

int sp_check_name(struct sp_check *check, const struct sp_node *node, const char *what)
{
	const char *name;
	char owned[64];
	size_t len;

	snprintf(owned, sizeof(owned), "the %s's name", what);
	name = sp_read_text(check, node, owned);
	if (!name)
		return -EINVAL;
	len = strlen(name);
	for (const char *c = name; *c; c++) {
		if (!isalnum((unsigned char)*c) && *c != '-' && *c != '_' && *c != '.') {
			sp_report(check, node,
				  "%s %s: a name has letters, digits, \"-\", \"_\" and \".\" only",
				  what, sp_show(name).quoted);
			return -EINVAL;
		}
	}
	if (len > SP_NAME_MAX) {
		sp_report(check, node, "%s %s has %zu characters; at most %d are allowed", what,
			  sp_show(name).quoted, len, SP_NAME_MAX);
		return -EINVAL;
	}
	if (is_reserved(name)) {
		sp_report(check, node, "%s \"%s\": this name is built in; choose another", what,
			  name);
		return -EINVAL;
	}
	if (strspn(name, "0123456789.") == len && strchr(name, '.')) {
		sp_report(check, node, "%s \"%s\" reads like an address; a name needs a letter",
			  what, name);
		return -EINVAL;
	}
	return 0;
}
