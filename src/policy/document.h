/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A YAML text as a tree of nodes with places: mappings, lists and scalars, nothing typed yet.
 * What strict YAML does without (anchors, aliases, tags, merge keys, duplicate keys, directives,
 * further documents) is reported here. Depth and size are bounded. */
#ifndef SALLYPORT_POLICY_DOCUMENT_H
#define SALLYPORT_POLICY_DOCUMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sp_check;

#define SP_DOCUMENT_DEPTH_MAX 64
#define SP_DOCUMENT_NODES_MAX 300000u
#define SP_DOCUMENT_SCALAR_MAX 4096u /* bytes */

enum sp_node_kind {
	SP_NODE_SCALAR,
	SP_NODE_LIST,
	SP_NODE_MAP,
	SP_NODE_BROKEN, /* reported already: whoever meets it stays silent */
};

/* Siblings are linked by `next`; in a mapping each key is followed by its value. */
struct sp_node {
	union {
		const char *text;      /* scalar: NUL-terminated, no NUL within */
		struct sp_node *first; /* list, mapping: NULL when empty */
	};
	struct sp_node *next;
	uint32_t line, column; /* from 1; bytes */
	uint32_t count;        /* items of a list, pairs of a mapping */
	uint8_t kind;
	bool is_plain; /* a scalar without quotes */
};

#define sp_map_for_each(key, value, map)                                                           \
	for (const struct sp_node *key = (map)->first, *value = key ? key->next : NULL; key;       \
	     key = value->next, value = key ? key->next : NULL)

struct sp_document {
	struct sp_node *root; /* NULL: nothing but blanks and comments */
	struct sp_block *blocks;
	size_t node_count;
};

/* Read a text that passed sp_source_check.
 * Returns 0; -EINVAL it was reported and there is no tree worth checking; -ENOMEM. Things can
 * have been reported with 0 too. The caller runs _done in every case. */
int sp_document_read(struct sp_check *check, const char *text, size_t len,
		     struct sp_document *document);
void sp_document_done(struct sp_document *document);

#endif
