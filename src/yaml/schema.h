/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Reading nodes by a schema: mappings by their keys, words, numbers, lists, names. */
#ifndef SALLYPORT_YAML_SCHEMA_H
#define SALLYPORT_YAML_SCHEMA_H

#include "yaml/diagnostics.h"
#include "yaml/node.h"

/* One key of a mapping. */
enum sp_key_need {
	SP_KEY_OPTIONAL,
	SP_KEY_REQUIRED,
	SP_KEY_LATER, /* in the language, not built yet */
};

struct sp_key {
	const char *name;
	enum sp_key_need need;
};

/* Read a mapping by its keys. Reports keys that are unknown (with the nearest key), not supported
 * yet, without a value, or missing. @what        "a rule": for the messages. @ret_values  by index
 * in @keys; NULL where the key is absent or was reported. Returns 0; 1 some key is unknown, so that
 * a key that seems missing may be misspelled (reported); -EINVAL it is no mapping (reported). */
int sp_read_map(struct sp_check *check, const struct sp_node *node, const char *what,
		const struct sp_key *keys, size_t key_count, const struct sp_node **ret_values);

/* `sallyport: 1`, which both kinds of file begin with. @version is its value, or NULL. */
void sp_read_version(struct sp_check *check, const struct sp_node *root,
		     const struct sp_node *version);

/* Returns the text of a scalar; NULL: the node is no scalar, or empty (reported). */
const char *sp_read_text(struct sp_check *check, const struct sp_node *node, const char *what);
/* A scalar that must be one of @words (NULL-terminated): its index, or -EINVAL (reported). */
int sp_read_word(struct sp_check *check, const struct sp_node *node, const char *what,
		 const char *const *words);
/* A decimal number without sign or leading zeros. Returns 0; -EINVAL (reported). */
int sp_read_number(struct sp_check *check, const struct sp_node *node, const char *what,
		   uint64_t least, uint64_t most, uint64_t *ret_number);
/* A heap copy of a text; NULL only without memory, which @check remembers. */
char *sp_copy_text(struct sp_check *check, const char *text);

/* Does the mapping have this key with a value, readable or not? */
bool sp_has_key(const struct sp_node *map, const char *name);

/* Read a list of at least one item. Returns 0; -EINVAL it is none or empty (reported). */
int sp_read_list(struct sp_check *check, const struct sp_node *node, const char *what);
/* Read one item, or a list of at least one item; warns of equal texts in the list. Returns 0;
 * -EINVAL the list is empty (reported). */
int sp_read_items(struct sp_check *check, const struct sp_node *node, const char *what);
#define sp_for_each_item(item, node)                                                               \
	for (const struct sp_node *item = (node)->kind == SP_NODE_LIST ? (node)->first : (node);   \
	     item; item = (node)->kind == SP_NODE_LIST ? item->next : NULL)

/* A name as the language has them: letters, digits, - _ . , at most 63, not a built-in one, not
 * one that reads like an address. Returns 0; -EINVAL (reported). */
int sp_check_name(struct sp_check *check, const struct sp_node *node, const char *what);
#define SP_NAME_MAX 63

#endif
