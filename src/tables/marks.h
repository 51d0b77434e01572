/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What makes one address differ from another, as marks on prefixes in tree order. */
#ifndef SALLYPORT_TABLES_MARKS_H
#define SALLYPORT_TABLES_MARKS_H

#include "tables/index.h"

enum sp_mark_kind {
	SP_AT_ROOT,
	SP_AT_IN,     /* value: the network */
	SP_AT_EXCEPT, /* value: the network */
	SP_AT_POOL,
	SP_AT_SELF,
	SP_AT_RESOLVER,
	SP_AT_ROUTE, /* value: index of the route */
	SP_AT_BOGON,
	SP_AT_BOGON_EXCEPT,
	SP_AT_TRUST,
	SP_AT_KIND_COUNT
};

struct sp_mark {
	struct sp_prefix prefix;
	uint32_t order;
	uint32_t value;
	uint8_t kind;
	bool is_v4;
};

/* Which rules name a network: rules[first[n]] to rules[first[n + 1]]. */
struct sp_network_uses {
	uint32_t *first;
	uint32_t *rules;
};

struct sp_prefix_marks {
	struct sp_mark
		*items; /* both families' default routes among them; IPv6 first, each by prefix */
	size_t count;
	struct sp_network_uses uses;
};

/* Of sources (rules' `from`, routes, bogons) or of destinations (rules' `to`). 0 or -ENOMEM. */
int sp_prefix_marks_collect(const struct sp_tables_index *index, bool is_src,
			    struct sp_prefix_marks *ret_marks);
/* Free what it holds. Not to be used afterwards. */
void sp_prefix_marks_done(struct sp_prefix_marks *marks);

#endif
