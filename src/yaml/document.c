/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "yaml/document.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "yaml/yaml_error.h"

/* Nodes and texts live in blocks that are freed together. */
#define BLOCK_SIZE (64u << 10)

struct sp_block {
	struct sp_block *next;
	size_t used, size;
	_Alignas(struct sp_node) char bytes[];
};

static void *take_bytes(struct sp_document *document, size_t len, size_t alignment)
{
	struct sp_block *block = document->blocks;
	size_t start = block ? (block->used + alignment - 1) & ~(alignment - 1) : 0;

	if (!block || start > block->size || block->size - start < len) {
		size_t size = len > BLOCK_SIZE ? len : BLOCK_SIZE;

		block = malloc(sizeof(*block) + size);
		if (!block)
			return NULL;
		*block = (struct sp_block){ .next = document->blocks, .size = size };
		document->blocks = block;
		start = 0;
	}
	block->used = start + len;
	return block->bytes + start;
}

void sp_document_done(struct sp_document *document)
{
	while (document->blocks) {
		struct sp_block *block = document->blocks;

		document->blocks = block->next;
		free(block);
	}
	*document = (struct sp_document){ 0 };
}

/* libyaml counts columns in characters, and we count bytes. Marks almost always come in the order
 * of the text. So a cursor makes the conversion cheap: it starts again only if a mark lies before
 * it. */
struct cursor {
	const char *text, *end;
	const char *at;
	size_t line, characters;
	const char *line_start;
};

static void cursor_start(struct cursor *cursor)
{
	cursor->at = cursor->line_start = cursor->text;
	cursor->line = cursor->characters = 0;
}

static void locate(struct cursor *cursor, const yaml_mark_t *mark, struct sp_node *node)
{
	if (mark->line < cursor->line ||
	    (mark->line == cursor->line && mark->column < cursor->characters))
		cursor_start(cursor);
	while (cursor->line < mark->line) {
		const char *feed = memchr(cursor->at, '\n', cursor->end - cursor->at);

		if (!feed)
			break;
		cursor->at = cursor->line_start = feed + 1;
		cursor->line++;
		cursor->characters = 0;
	}
	while (cursor->characters < mark->column && cursor->at < cursor->end &&
	       *cursor->at != '\n') {
		do
			cursor->at++;
		while (cursor->at < cursor->end && (*cursor->at & 0xc0) == 0x80);
		cursor->characters++;
	}
	node->line = (uint32_t)cursor->line + 1;
	node->column = (uint32_t)(cursor->at - cursor->line_start) + 1;
}

struct open_node {
	struct sp_node *node;
	struct sp_node **tail; /* where the next child is linked */
	bool wants_value;      /* mapping: the last child was a key */
};

struct reader {
	struct sp_check *check;
	struct sp_document *document;
	struct cursor cursor;
	struct open_node open[SP_DOCUMENT_DEPTH_MAX];
	size_t depth;
	bool is_done;
};

static void place_of(const struct reader *reader, const yaml_mark_t *mark, struct sp_node *ret_at)
{
	struct cursor cursor = reader->cursor;

	cursor_start(&cursor);
	ret_at->file = reader->check->file;
	locate(&cursor, mark, ret_at);
}

static int new_node(struct reader *reader, enum sp_node_kind kind, const yaml_mark_t *mark,
		    struct sp_node **ret_node)
{
	struct open_node *parent = reader->depth ? &reader->open[reader->depth - 1] : NULL;
	struct sp_node *node =
		take_bytes(reader->document, sizeof(*node), _Alignof(struct sp_node));

	if (!node)
		return -ENOMEM;
	*node = (struct sp_node){ .kind = (uint8_t)kind, .file = reader->check->file };
	locate(&reader->cursor, mark, node);
	if (++reader->check->value_count > SP_DOCUMENT_NODES_MAX) {
		sp_report(reader->check, node,
			  "the file has more than %u values; this is the first too many",
			  SP_DOCUMENT_NODES_MAX);
		return -EINVAL;
	}
	if (!parent) {
		reader->document->root = node;
	} else {
		if (parent->node->kind == SP_NODE_MAP && !parent->wants_value &&
		    kind != SP_NODE_SCALAR) {
			sp_report(reader->check, node,
				  "a key is a plain word, not a list, a mapping or an alias");
			return -EINVAL;
		}
		*parent->tail = node;
		parent->tail = &node->next;
		parent->wants_value = parent->node->kind == SP_NODE_MAP && !parent->wants_value;
		parent->node->count++;
	}
	*ret_node = node;
	return 0;
}

/* Report anchors and tags, and read the value as if they were not there. */
static void refuse_properties(struct reader *reader, const struct sp_node *node,
			      const yaml_char_t *anchor, const yaml_char_t *tag)
{
	if (anchor)
		sp_report(reader->check, node,
			  "anchors (&%.40s) are not part of the language: write the "
			  "value out where it is needed",
			  (const char *)anchor);
	if (tag) {
		const char *text = (const char *)tag;
		size_t known = strlen("tag:yaml.org,2002:");
		bool is_short =
			strncmp(text, "tag:yaml.org,2002:", known) == 0; /* !! in the file */

		sp_report(reader->check, node,
			  "tags (%s%.40s) are not part of the language: leave it out",
			  is_short ? "!!" : "", is_short ? text + known : text);
	}
}

static int read_scalar(struct reader *reader, const yaml_event_t *event)
{
	const char *value = (const char *)event->data.scalar.value;
	size_t len = event->data.scalar.length;
	struct sp_node *node = NULL;
	char *text;
	int r = new_node(reader, SP_NODE_SCALAR, &event->start_mark, &node);

	if (r < 0)
		return r;
	node->is_plain = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
	refuse_properties(reader, node, event->data.scalar.anchor, event->data.scalar.tag);
	if (memchr(value, '\0', len)) {
		sp_report(reader->check, node, "a NUL character within a value");
		len = 0;
	} else if (len > SP_DOCUMENT_SCALAR_MAX) {
		sp_report(reader->check, node, "a value of %zu bytes; at most %u are read", len,
			  SP_DOCUMENT_SCALAR_MAX);
		len = 0;
	}
	text = take_bytes(reader->document, len + 1, 1);
	if (!text)
		return -ENOMEM;
	memcpy(text, value, len);
	text[len] = '\0';
	node->text = text;
	if (len < event->data.scalar.length)
		node->kind = SP_NODE_BROKEN;
	return 0;
}

static int read_alias(struct reader *reader, const yaml_event_t *event)
{
	struct sp_node *node = NULL;
	int r = new_node(reader, SP_NODE_BROKEN, &event->start_mark, &node);

	if (r < 0)
		return r;
	sp_report(reader->check, node,
		  "aliases (*%.40s) are not part of the language: write the value out",
		  (const char *)event->data.alias.anchor);
	return 0;
}

static int open_container(struct reader *reader, enum sp_node_kind kind, const yaml_mark_t *mark,
			  const yaml_char_t *anchor, const yaml_char_t *tag)
{
	struct sp_node *node = NULL;
	int r = new_node(reader, kind, mark, &node);

	if (r < 0)
		return r;
	if (reader->depth == SP_DOCUMENT_DEPTH_MAX) {
		sp_report(reader->check, node, "nested more than %d deep", SP_DOCUMENT_DEPTH_MAX);
		return -EINVAL;
	}
	refuse_properties(reader, node, anchor, tag);
	reader->open[reader->depth++] = (struct open_node){ .node = node, .tail = &node->first };
	return 0;
}

/* Report and mark keys that occur twice. Sorting keeps a mapping of 100 000 keys fast. */
static int mark_duplicates(struct reader *reader, const struct sp_node *map)
{
	__sp_free struct sp_node **keys = reallocarray(NULL, map->count + 1, sizeof(*keys));
	size_t count = 0;

	if (!keys)
		return -ENOMEM;
	for (struct sp_node *key = map->first; key; key = key->next->next)
		keys[count++] = key;
	qsort(keys, count, sizeof(*keys), sp_node_compare);
	for (size_t i = 1, first = 0; i < count; i++) {
		if (strcmp(keys[i]->text, keys[first]->text) != 0) {
			first = i;
			continue;
		}
		sp_report(reader->check, keys[i], "duplicate key %s; it is first given on line %u",
			  sp_show(keys[i]->text).quoted, keys[first]->line);
		keys[i]->kind = SP_NODE_BROKEN;
	}
	return 0;
}

/* Drop the pairs whose key was reported, so that nobody reports them again. */
static void drop_broken_pairs(struct sp_node *map)
{
	struct sp_node **link = &map->first;

	while (*link) {
		struct sp_node *value = (*link)->next;

		if ((*link)->kind == SP_NODE_BROKEN) {
			*link = value->next;
			map->count--;
		} else {
			link = &value->next;
		}
	}
}

static int close_container(struct reader *reader)
{
	struct sp_node *node = reader->open[--reader->depth].node;

	if (node->kind != SP_NODE_MAP)
		return 0;
	node->count /= 2;
	for (struct sp_node *key = node->first; key; key = key->next->next) {
		if (key->kind == SP_NODE_BROKEN)
			continue;
		if (key->is_plain && strcmp(key->text, "<<") == 0)
			sp_report(reader->check, key,
				  "merge keys (<<) are not part of the language: "
				  "write the keys out");
		else if (*key->text == '\0')
			sp_report(reader->check, key, "the key in front of the colon is empty");
		else
			continue;
		key->kind = SP_NODE_BROKEN;
	}
	drop_broken_pairs(node);
	if (node->count > 1) {
		int r = mark_duplicates(reader, node);

		if (r < 0)
			return r;
		drop_broken_pairs(node);
	}
	return 0;
}

/* After the one document only blanks and comments may follow. @end counts characters. */
static int refuse_rest(struct reader *reader, const yaml_mark_t *end)
{
	const char *c = reader->cursor.text, *stop = reader->cursor.end, *line_start = c;
	struct sp_node at = { .file = reader->check->file, .line = 1 };
	bool in_comment = false;

	for (size_t characters = 0; c < stop; c++) {
		bool starts_character = (*c & 0xc0) != 0x80;

		if (starts_character && characters++ >= end->index && !in_comment &&
		    !strchr(" \t\r\n#", *c)) {
			at.column = (uint32_t)(c - line_start) + 1;
			sp_report(reader->check, &at,
				  "a second document starts here; a file holds one");
			return -EINVAL;
		}
		if (*c == '\n') {
			at.line++;
			line_start = c + 1;
			in_comment = false;
		} else if (*c == '#' && characters > end->index) {
			in_comment = true;
		}
	}
	reader->is_done = true;
	return 0;
}

static int take_event(struct reader *reader, const yaml_event_t *event)
{
	switch (event->type) {
	case YAML_SCALAR_EVENT:
		return read_scalar(reader, event);
	case YAML_ALIAS_EVENT:
		return read_alias(reader, event);
	case YAML_SEQUENCE_START_EVENT:
		return open_container(reader, SP_NODE_LIST, &event->start_mark,
				      event->data.sequence_start.anchor,
				      event->data.sequence_start.tag);
	case YAML_MAPPING_START_EVENT:
		return open_container(reader, SP_NODE_MAP, &event->start_mark,
				      event->data.mapping_start.anchor,
				      event->data.mapping_start.tag);
	case YAML_SEQUENCE_END_EVENT:
	case YAML_MAPPING_END_EVENT:
		return close_container(reader);
	case YAML_DOCUMENT_END_EVENT:
		return refuse_rest(reader, &event->end_mark);
	case YAML_STREAM_END_EVENT:
		reader->is_done = true;
		return 0;
	default:
		return 0;
	}
}

static int report_syntax(const struct reader *reader, const yaml_parser_t *parser)
{
	struct sp_node at = { 0 }, opened = { 0 };

	if (parser->error == YAML_MEMORY_ERROR)
		return -ENOMEM;
	place_of(reader, &parser->problem_mark, &at);
	place_of(reader, &parser->context_mark, &opened);
	sp_yaml_error_report(reader->check, parser->context, &opened, parser->problem, &at);
	return -EINVAL;
}

/* Refuse %YAML and %TAG lines, because libyaml takes quadratic time to read many of them. */
static int refuse_directives(struct sp_check *check, const char *text, const char *end)
{
	struct sp_node at = { .file = check->file, .line = 1, .column = 1 };

	while (text < end) {
		const char *feed = memchr(text, '\n', end - text);
		const char *c = text;

		if (*text == '%') {
			sp_report(check, &at,
				  "directives (%%YAML, %%TAG) are not part of the language: "
				  "leave the line out");
			return -EINVAL;
		}
		while (c < end && (*c == ' ' || *c == '\t' || *c == '\r'))
			c++;
		if (!feed || (*c != '\n' && *c != '#'))
			return 0;
		text = feed + 1;
		at.line++;
	}
	return 0;
}

int sp_document_read(struct sp_check *check, const char *text, size_t len,
		     struct sp_document *document)
{
	struct reader reader = { .check = check, .document = document };
	yaml_parser_t parser;
	int r;

	/* a byte order mark, which some editors write */
	if (len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) {
		text += 3;
		len -= 3;
	}
	r = refuse_directives(check, text, text + len);
	if (r < 0)
		return r;
	reader.cursor.text = text;
	reader.cursor.end = text + len;
	cursor_start(&reader.cursor);
	if (!yaml_parser_initialize(&parser))
		return -ENOMEM;
	yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&parser, (const unsigned char *)text, len);
	while (!reader.is_done && r == 0) {
		yaml_event_t event;

		if (!yaml_parser_parse(&parser, &event)) {
			r = report_syntax(&reader, &parser);
			break;
		}
		r = take_event(&reader, &event);
		yaml_event_delete(&event);
	}
	yaml_parser_delete(&parser);
	return r;
}
