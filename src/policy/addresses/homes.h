/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Where addresses are at home, from the routes of every table (docs/judgement.md, "routes by
 * zone").
 *
 * What is kept is small: prefixes that say what their parent says are left out, halves that say the
 * same are joined. So a full Internet table towards the edge is one entry, and most changes of
 * routes can be seen to change nothing without reading the tables again. No I/O. */
#ifndef SALLYPORT_POLICY_HOMES_H
#define SALLYPORT_POLICY_HOMES_H

#include "policy/model.h"

/* One hop of one route, through an interface of a zone. */
struct sp_homes_way {
	struct sp_prefix to;
	uint32_t table;
	uint32_t metric;
	uint32_t ifindex;
	uint8_t zone;    /* enum sp_zone */
	bool is_on_link; /* no next hop: the prefix is on the interface itself */
};

struct sp_homes_entry {
	struct sp_route route;
	uint32_t parent; /* index of the longest entry around it; itself: there is none */
	bool is_joined;  /* made of halves: none of its routes alone says so */
	bool is_mixed;   /* its routes lead to several zones: any change of one may matter */
};

#define SP_HOMES_NAMED 3

struct sp_homes {
	struct sp_homes_entry *entries; /* IPv6 first, then by prefix */
	size_t count;
	uint32_t zone_size[SP_ZONE_COUNT]; /* interfaces of each zone */
	/* Prefixes that tables or hops lead to the edge and to another zone: judged as the
	 * latter's. */
	struct sp_prefix clashes[SP_HOMES_NAMED];
	size_t clash_count;
};

/* @ways is sorted in place and not kept. Returns 0; -ENOMEM. */
int sp_homes_build(struct sp_homes_way *ways, size_t count, const uint32_t zone_size[SP_ZONE_COUNT],
		   struct sp_homes *ret_homes);
/* Free the entries; empty afterwards. */
void sp_homes_done(struct sp_homes *homes);
/* Do both say the same zone and interface of every prefix? */
bool sp_homes_equal(const struct sp_homes *a, const struct sp_homes *b);

/* The entry an address in @prefix gets if none is longer, or NULL. */
const struct sp_homes_entry *sp_homes_find(const struct sp_homes *homes,
					   const struct sp_prefix *prefix);

enum sp_homes_effect {
	SP_HOMES_SAME,    /* the homes stay what they are */
	SP_HOMES_CHANGED, /* they may differ: read the tables again */
	/* an inner prefix was withdrawn: until then they are too strict, if anything */
	SP_HOMES_LOOSENED,
};

/* What one more route to ways[0].to means (every hop of it; a replaced one is gone). @count > 0. */
enum sp_homes_effect sp_homes_weigh_added(const struct sp_homes *homes,
					  const struct sp_homes_way *ways, size_t count);
/* What the loss of a route means. */
enum sp_homes_effect sp_homes_weigh_gone(const struct sp_homes *homes, const struct sp_prefix *to);

#endif
