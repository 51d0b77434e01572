/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "policy/checks/symbols.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "yaml/suggest.h"

int sp_symbols_add(struct sp_check *check, struct sp_symbols *symbols, const struct sp_node *node,
		   uint32_t index)
{
	struct sp_symbol *symbol = SP_ARRAY_PUSH(symbols->items, symbols->count);

	if (!symbol) {
		check->no_memory = true;
		return -ENOMEM;
	}
	symbol->name = node->text;
	symbol->node = node;
	symbol->index = index;
	return 0;
}

static int compare(const void *a, const void *b)
{
	const struct sp_symbol *left = a, *right = b;

	return sp_node_compare(&left->node, &right->node);
}

void sp_symbols_sort(struct sp_symbols *symbols)
{
	if (symbols->count > 1)
		qsort(symbols->items, symbols->count, sizeof(*symbols->items), compare);
}

struct sp_symbol *sp_symbols_find(const struct sp_symbols *symbols, const char *name)
{
	size_t low = 0, high = symbols->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (strcmp(symbols->items[middle].name, name) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	if (low < symbols->count && strcmp(symbols->items[low].name, name) == 0)
		return &symbols->items[low];
	return NULL;
}

void sp_symbols_done(struct sp_symbols *symbols)
{
	free(symbols->items);
	*symbols = (struct sp_symbols){ 0 };
}

struct sp_hint sp_hint(struct sp_check *check, const char *word,
		       const struct sp_symbols *const *tables, size_t table_count)
{
	struct sp_hint hint = { "" };
	struct sp_nearest nearest;

	sp_nearest_init(&nearest, word);
	for (size_t t = 0; t < table_count; t++) {
		for (size_t i = 0; i < tables[t]->count && check->suggest_budget > 0; i++) {
			sp_nearest_offer(&nearest, tables[t]->items[i].name);
			check->suggest_budget--;
		}
	}
	if (nearest.best && strlen(nearest.best) <= SP_NAME_MAX)
		snprintf(hint.text, sizeof(hint.text), "; did you mean \"%s\"?", nearest.best);
	return hint;
}
