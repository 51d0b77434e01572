/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "policy/addresses/ranges.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "net/addr.h"

struct sp_addr sp_addr_next(struct sp_addr addr)
{
	for (int i = 15; i >= 0 && ++addr.b[i] == 0; i--)
		;
	return addr;
}

struct sp_addr sp_addr_previous(struct sp_addr addr)
{
	for (int i = 15; i >= 0 && addr.b[i]-- == 0; i--)
		;
	return addr;
}

struct sp_range sp_range_of(const struct sp_prefix *prefix)
{
	struct sp_range range;

	memcpy(range.first.b, prefix->addr, sizeof(range.first.b));
	range.last = range.first;
	for (unsigned bit = prefix->prefix_len; bit < 128; bit++)
		range.last.b[bit / 8] |= (__u8)(0x80 >> (bit % 8));
	return range;
}

/* The IPv4-mapped addresses, as which we write IPv4. */
static const struct sp_prefix mapped = {
	.prefix_len = 96,
	.addr = { [10] = 0xff, [11] = 0xff },
};

/* Turn a prefix into ranges: one, or two if an IPv6 prefix contains the IPv4 addresses, which are
 * left out. */
static size_t split_range(const struct sp_prefix *prefix, struct sp_range ret_ranges[2])
{
	struct sp_range whole = sp_range_of(prefix), hole = sp_range_of(&mapped);

	ret_ranges[0] = whole;
	if (prefix->prefix_len >= 96 || sp_addr_compare(&whole.first, &hole.first) > 0 ||
	    sp_addr_compare(&whole.last, &hole.last) < 0)
		return 1;
	ret_ranges[0].last = sp_addr_previous(hole.first);
	ret_ranges[1] = (struct sp_range){ sp_addr_next(hole.last), whole.last };
	return 2;
}

static int compare_ranges(const void *a, const void *b)
{
	const struct sp_range *left = a, *right = b;

	return sp_addr_compare(&left->first, &right->first);
}

static bool is_last_addr(const struct sp_addr *addr)
{
	for (int i = 0; i < 16; i++) {
		if (addr->b[i] != 0xff)
			return false;
	}
	return true;
}

/* Sort, and merge what overlaps or touches. Gives how many are left. */
static size_t merge(struct sp_range *items, size_t count)
{
	size_t kept = 0;

	if (count > 1)
		qsort(items, count, sizeof(*items), compare_ranges);
	for (size_t i = 0; i < count; i++) {
		struct sp_range *last = kept ? &items[kept - 1] : NULL;
		bool joins = false;

		if (last && is_last_addr(&last->last)) {
			joins = true;
		} else if (last) {
			struct sp_addr behind = sp_addr_next(last->last);

			joins = sp_addr_compare(&items[i].first, &behind) <= 0;
		}
		if (!joins)
			items[kept++] = items[i];
		else if (sp_addr_compare(&items[i].last, &last->last) > 0)
			last->last = items[i].last;
	}
	return kept;
}

/* Make ranges of @prefixes, sorted, and merged where they overlap or touch. */
static int collect(const struct sp_prefix *prefixes, size_t count, struct sp_ranges *ret_ranges)
{
	struct sp_range *items, parts[2];
	size_t used = 0;

	for (size_t i = 0; i < count; i++)
		used += split_range(&prefixes[i], parts);
	items = reallocarray(NULL, used + 1, sizeof(*items));
	if (!items)
		return -ENOMEM;
	used = 0;
	for (size_t i = 0; i < count; i++)
		used += split_range(&prefixes[i], items + used);
	*ret_ranges = (struct sp_ranges){ items, merge(items, used) };
	return 0;
}

int sp_ranges_unite(const struct sp_ranges *a, const struct sp_ranges *b,
		    struct sp_ranges *ret_ranges)
{
	struct sp_range *items = reallocarray(NULL, a->count + b->count + 1, sizeof(*items));
	size_t count = 0;

	if (!items)
		return -ENOMEM;
	for (size_t i = 0; i < a->count; i++)
		items[count++] = a->items[i];
	for (size_t i = 0; i < b->count; i++)
		items[count++] = b->items[i];
	*ret_ranges = (struct sp_ranges){ items, merge(items, count) };
	return 0;
}

/* There is at most one more range for each hole. */
int sp_ranges_subtract(const struct sp_ranges *in, const struct sp_ranges *holes,
		       struct sp_ranges *ret_ranges)
{
	struct sp_range *items = reallocarray(NULL, in->count + holes->count + 1, sizeof(*items));
	size_t used = 0, h = 0;

	if (!items)
		return -ENOMEM;
	for (size_t i = 0; i < in->count; i++) {
		struct sp_range left = in->items[i];
		bool is_left = true;

		while (h < holes->count && sp_addr_compare(&holes->items[h].last, &left.first) < 0)
			h++;
		for (size_t k = h; k < holes->count && is_left; k++) {
			const struct sp_range *hole = &holes->items[k];

			if (sp_addr_compare(&hole->first, &left.last) > 0)
				break;
			h = k;
			if (sp_addr_compare(&hole->first, &left.first) > 0)
				items[used++] = (struct sp_range){ left.first,
								   sp_addr_previous(hole->first) };
			is_left = sp_addr_compare(&hole->last, &left.last) < 0;
			if (is_left)
				left.first = sp_addr_next(hole->last);
		}
		if (is_left)
			items[used++] = left;
	}
	*ret_ranges = (struct sp_ranges){ items, used };
	return 0;
}

int sp_ranges_make(const struct sp_prefix *in, size_t in_count, const struct sp_prefix *except,
		   size_t except_count, struct sp_ranges *ranges)
{
	__sp_cleanup(sp_ranges_done) struct sp_ranges wanted = { 0 }, holes = { 0 };
	int r = collect(in, in_count, &wanted);

	if (r == 0 && except_count == 0) {
		*ranges = wanted;
		wanted = (struct sp_ranges){ 0 };
		return 0;
	}
	if (r == 0)
		r = collect(except, except_count, &holes);
	if (r == 0)
		r = sp_ranges_subtract(&wanted, &holes, ranges);
	return r;
}

void sp_ranges_done(struct sp_ranges *ranges)
{
	free(ranges->items);
	*ranges = (struct sp_ranges){ 0 };
}

/* ---- as prefixes ---- */

static unsigned trailing_zeros(const struct sp_addr *addr)
{
	unsigned bits = 0;

	for (int i = 15; i >= 0; i--) {
		if (addr->b[i])
			return bits + (unsigned)__builtin_ctz(addr->b[i]);
		bits += 8;
	}
	return bits;
}

/* The longest prefix that starts at @from and ends at or before @last, and where it ends. */
static struct sp_prefix first_prefix(const struct sp_addr *from, const struct sp_addr *last,
				     struct sp_addr *ret_end)
{
	struct sp_prefix prefix = { .prefix_len = 128 - trailing_zeros(from) };

	memcpy(prefix.addr, from->b, sizeof(prefix.addr));
	for (;; prefix.prefix_len++) {
		*ret_end = sp_range_of(&prefix).last;
		if (sp_addr_compare(ret_end, last) <= 0)
			return prefix;
	}
}

static int list_range(struct sp_addr first, const struct sp_addr *last, struct sp_prefix **items,
		      size_t *count)
{
	for (;;) {
		struct sp_prefix *item = SP_ARRAY_PUSH(*items, *count);
		struct sp_addr end;

		if (!item)
			return -ENOMEM;
		*item = first_prefix(&first, last, &end);
		if (sp_addr_compare(&end, last) >= 0)
			return 0;
		first = sp_addr_next(end);
	}
}

int sp_ranges_list(const struct sp_ranges *ranges, struct sp_prefix **items, size_t *count)
{
	const struct sp_range hole = sp_range_of(&mapped);
	int r = 0;

	for (size_t i = 0; i < ranges->count && r == 0; i++) {
		const struct sp_range *from = &ranges->items[i], *to = from;
		const struct sp_addr before = sp_addr_previous(hole.first),
				     behind = sp_addr_next(hole.last);

		if (i + 1 < ranges->count && !sp_addr_compare(&from->last, &before) &&
		    !sp_addr_compare(&from[1].first, &behind))
			to = &ranges->items[++i];
		r = list_range(from->first, &to->last, items, count);
	}
	return r;
}

/* The first range that ends at or behind @addr; @ranges->count: none. */
static size_t find(const struct sp_ranges *ranges, const struct sp_addr *addr)
{
	size_t low = 0, high = ranges->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (sp_addr_compare(&ranges->items[middle].last, addr) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

bool sp_ranges_contain(const struct sp_ranges *outer, const struct sp_ranges *inner)
{
	for (size_t i = 0; i < inner->count; i++) {
		size_t k = find(outer, &inner->items[i].first);

		if (k == outer->count ||
		    sp_addr_compare(&outer->items[k].first, &inner->items[i].first) > 0 ||
		    sp_addr_compare(&outer->items[k].last, &inner->items[i].last) < 0)
			return false;
	}
	return true;
}

bool sp_ranges_meet(const struct sp_ranges *a, const struct sp_ranges *b)
{
	for (size_t i = 0, k = 0; i < a->count && k < b->count;) {
		if (sp_addr_compare(&a->items[i].last, &b->items[k].first) < 0)
			i++;
		else if (sp_addr_compare(&b->items[k].last, &a->items[i].first) < 0)
			k++;
		else
			return true;
	}
	return false;
}

bool sp_ranges_first_within(const struct sp_ranges *ranges, const struct sp_prefix *prefix,
			    struct sp_addr *ret_addr)
{
	struct sp_range wanted[2];
	size_t count = split_range(prefix, wanted);

	for (size_t i = 0; i < count; i++) {
		size_t k = find(ranges, &wanted[i].first);

		if (k == ranges->count ||
		    sp_addr_compare(&ranges->items[k].first, &wanted[i].last) > 0)
			continue;
		*ret_addr = sp_addr_compare(&ranges->items[k].first, &wanted[i].first) > 0
				    ? ranges->items[k].first
				    : wanted[i].first;
		return true;
	}
	return false;
}
