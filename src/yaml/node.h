/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One node of a YAML text's tree, and its place in the text. */
#ifndef SALLYPORT_YAML_NODE_H
#define SALLYPORT_YAML_NODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

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
	uint16_t file;         /* which of the files that are read together */
	uint8_t kind;
	bool is_plain; /* a scalar without quotes */
};

#define sp_map_for_each(key, value, map)                                                           \
	for (const struct sp_node *key = (map)->first, *value = key ? key->next : NULL; key;       \
	     key = value->next, value = key ? key->next : NULL)

/* By text, then by place: for qsort of pointers to scalars. */
static inline int sp_node_compare(const void *a, const void *b)
{
	const struct sp_node *left = *(const struct sp_node *const *)a;
	const struct sp_node *right = *(const struct sp_node *const *)b;
	int order = strcmp(left->text, right->text);

	if (order)
		return order;
	if (left->file != right->file)
		return left->file < right->file ? -1 : 1;
	if (left->line != right->line)
		return left->line < right->line ? -1 : 1;
	return left->column < right->column ? -1 : left->column > right->column;
}

#endif
