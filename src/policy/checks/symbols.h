/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The names a policy defines, one table a kind: declared first, looked up afterwards. */
#ifndef SALLYPORT_POLICY_SYMBOLS_H
#define SALLYPORT_POLICY_SYMBOLS_H

#include "yaml/schema.h"

/* How far a name is made out that may stand for other names of its kind. */
enum sp_symbol_state { SP_SYMBOL_NEW, SP_SYMBOL_OPEN, SP_SYMBOL_DONE };

struct sp_symbol {
	const char *name;           /* borrowed from the document */
	const struct sp_node *node; /* where it is defined */
	uint32_t index;             /* in the policy's array */
	bool is_used;
	enum sp_symbol_state state;
};

struct sp_symbols {
	struct sp_symbol *items;
	size_t count;
};

/* Declare a name; it cannot be found before _sort. Returns 0; -ENOMEM, which @check remembers. */
int sp_symbols_add(struct sp_check *check, struct sp_symbols *symbols, const struct sp_node *node,
		   uint32_t index);
/* Sort by name, the first definition of a name first. */
void sp_symbols_sort(struct sp_symbols *symbols);
/* The first definition of this very name, or NULL. After _sort. */
struct sp_symbol *sp_symbols_find(const struct sp_symbols *symbols, const char *name);
/* Free the table; empty afterwards. The names are the document's. */
void sp_symbols_done(struct sp_symbols *symbols);

struct sp_hint {
	char text[96];
};
/* `; did you mean "x"?` for an unknown name, or "": sp_hint(…).text is an argument of a message and
 * lives until the end of the statement. The tables are searched as far as the budget of @check
 * goes. */
struct sp_hint sp_hint(struct sp_check *check, const char *word,
		       const struct sp_symbols *const *tables, size_t table_count);

#endif
