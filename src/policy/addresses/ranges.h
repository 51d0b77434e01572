/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Sets of addresses as sorted, disjoint ranges: what is left of `in` less `except`, and whether one
 * set lies within another. The families do not mix: ::/0 holds no IPv4 address. */
#ifndef SALLYPORT_POLICY_RANGES_H
#define SALLYPORT_POLICY_RANGES_H

#include <stdbool.h>
#include <stddef.h>
#include <sallyport/abi/tables.h>

struct sp_range {
	struct sp_addr first, last; /* inclusive */
};

struct sp_ranges {
	struct sp_range *items; /* ascending; neither overlapping nor adjacent */
	size_t count;
};

/* Both give the neighbour of an address, as 16 bytes. At either end of the space it wraps; callers
 * ask first. */
struct sp_addr sp_addr_next(struct sp_addr addr);
struct sp_addr sp_addr_previous(struct sp_addr addr);
/* Every address of the 16 bytes that @prefix covers. */
struct sp_range sp_range_of(const struct sp_prefix *prefix);

/* Add what lies in some of @in and in none of @except to an empty set. Returns 0; -ENOMEM. */
int sp_ranges_make(const struct sp_prefix *in, size_t in_count, const struct sp_prefix *except,
		   size_t except_count, struct sp_ranges *ranges);
/* What of @in is not in @holes, as a set of its own. Returns 0; -ENOMEM. */
int sp_ranges_subtract(const struct sp_ranges *in, const struct sp_ranges *holes,
		       struct sp_ranges *ret_ranges);
/* What is in either, as a set of its own. Returns 0; -ENOMEM. */
int sp_ranges_unite(const struct sp_ranges *a, const struct sp_ranges *b,
		    struct sp_ranges *ret_ranges);
/* Free the items; empty afterwards. */
void sp_ranges_done(struct sp_ranges *ranges);

/* The set as the fewest prefixes, appended to @items. What touches the IPv4 addresses' own place in
 * IPv6 from both sides is joined across it, so that ::/0 is one. Returns 0; -ENOMEM. */
int sp_ranges_list(const struct sp_ranges *ranges, struct sp_prefix **items, size_t *count);

/* Does every address of @inner lie in @outer? */
bool sp_ranges_contain(const struct sp_ranges *outer, const struct sp_ranges *inner);
/* Do the sets have an address in common? */
bool sp_ranges_meet(const struct sp_ranges *a, const struct sp_ranges *b);
/* The first address of the set that lies in @prefix. Returns false when there is none. */
bool sp_ranges_first_within(const struct sp_ranges *ranges, const struct sp_prefix *prefix,
			    struct sp_addr *ret_addr);

#endif
