/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "policy/addresses/homes.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "net/addr.h"

#define SEVERAL UINT32_MAX /* interfaces */

/* ---- order ---- */

static uint32_t root_len(bool is_v4)
{
	return is_v4 ? 96 : 0;
}

static bool is_default(const struct sp_prefix *prefix)
{
	return prefix->prefix_len == root_len(sp_prefix_is_v4(prefix));
}

static int compare_prefix(const struct sp_prefix *a, const struct sp_prefix *b)
{
	bool a_is_v4 = sp_prefix_is_v4(a), b_is_v4 = sp_prefix_is_v4(b);

	return a_is_v4 != b_is_v4 ? a_is_v4 - b_is_v4 : sp_prefix_compare(a, b);
}

/* Order of ways of one family: by prefix, then table, then metric. */
static int compare_way(const void *left, const void *right)
{
	const struct sp_homes_way *a = left, *b = right;
	int order = sp_prefix_compare(&a->to, &b->to);

	if (order)
		return order;
	if (a->table != b->table)
		return a->table < b->table ? -1 : 1;
	return (a->metric > b->metric) - (a->metric < b->metric);
}

/* ---- the ways of one prefix ---- */

struct group {
	uint8_t zone;
	uint32_t ifindex; /* of the ways to `zone`; SEVERAL */
	bool is_on_link;  /* all ways to `zone` are on a link */
	/* zones, as bits, of the ways that are used: in each table those of the lowest metric */
	uint32_t best;
	uint32_t all; /* zones of any way */
};

/* Choose the zone of a prefix that has ways to several. Inner zones come first: if the address may
 * be a neighbour's, it is not believed from outside. Of default routes the edge's counts, because
 * the Internet must be somewhere. */
static uint8_t choose_zone(uint32_t zones, bool is_default)
{
	if (is_default && zones & 1u << SP_ZONE_EDGE)
		return SP_ZONE_EDGE;
	if (zones & 1u << SP_ZONE_INSIDE)
		return SP_ZONE_INSIDE;
	return zones & 1u << SP_ZONE_TUNNEL ? SP_ZONE_TUNNEL : SP_ZONE_EDGE;
}

static void sum_up(const struct sp_homes_way *ways, size_t count, struct group *group)
{
	uint32_t metric = 0;

	*group = (struct group){ .is_on_link = true };
	for (size_t i = 0; i < count; i++) {
		if (i == 0 || ways[i].table != ways[i - 1].table)
			metric = ways[i].metric;
		group->all |= 1u << ways[i].zone;
		if (ways[i].metric == metric)
			group->best |= 1u << ways[i].zone;
	}
	group->zone = choose_zone(group->best, is_default(&ways[0].to));
	for (size_t i = 0; i < count; i++) {
		if (ways[i].zone != group->zone)
			continue;
		if (group->ifindex && group->ifindex != ways[i].ifindex)
			group->ifindex = SEVERAL;
		else
			group->ifindex = ways[i].ifindex;
		group->is_on_link &= ways[i].is_on_link;
	}
}

/* ---- from ways to entries ---- */

/* A prefix that contains the place of the walk. */
struct frame {
	struct sp_prefix prefix;
	uint8_t zone;
	/* the interface to which every route around it leads; SEVERAL; 0: only a default route is
	 * around it */
	uint32_t cover;
	uint32_t ifindex;
};

struct walk {
	struct sp_homes *homes;
	struct frame stack[130];
	size_t level;
};

static uint32_t join(uint32_t a, uint32_t b)
{
	return !a || a == b ? b : SEVERAL;
}

static uint32_t single(uint32_t ifindex)
{
	return ifindex == SEVERAL ? 0 : ifindex;
}

/* Choose the interface that alone may send for the prefix; 0: several may. Hosts on a link are on
 * that link. What lies behind a router inside is behind that interface, unless a wider route names
 * another one. The Internet may come by every edge interface. */
static void choose_interface(const struct walk *walk, const struct group *group,
			     struct frame *frame)
{
	const struct frame *parent = walk->level ? &walk->stack[walk->level - 1] : NULL;
	bool has_parent = parent && parent->zone == group->zone;

	frame->cover = 0;
	frame->ifindex = 0;
	if (is_default(&frame->prefix))
		return;
	frame->cover = group->ifindex;
	if (!group->is_on_link && has_parent)
		frame->cover = join(parent->cover, group->ifindex);
	if (walk->homes->zone_size[group->zone] < 2)
		return;
	if (group->is_on_link || group->zone != SP_ZONE_EDGE)
		frame->ifindex = single(frame->cover);
	else if (has_parent && parent->ifindex == group->ifindex)
		frame->ifindex = group->ifindex;
}

static void note_clash(struct sp_homes *homes, const struct sp_prefix *prefix,
		       const struct group *group)
{
	if (is_default(prefix) || group->zone == SP_ZONE_EDGE ||
	    !(group->best & 1u << SP_ZONE_EDGE))
		return;
	if (homes->clash_count < SP_HOMES_NAMED)
		homes->clashes[homes->clash_count] = *prefix;
	homes->clash_count++;
}

static int enter(struct walk *walk, const struct sp_homes_way *ways, size_t count)
{
	struct sp_homes *homes = walk->homes;
	struct frame frame = { .prefix = ways[0].to };
	struct sp_homes_entry *entry;
	struct group group;

	sum_up(ways, count, &group);
	while (walk->level &&
	       !sp_prefix_covers(&walk->stack[walk->level - 1].prefix, &frame.prefix))
		walk->level--;
	frame.zone = group.zone;
	choose_interface(walk, &group, &frame);
	note_clash(homes, &frame.prefix, &group);
	walk->stack[walk->level++] = frame;
	entry = SP_ARRAY_PUSH(homes->entries, homes->count);
	if (!entry)
		return -ENOMEM;
	entry->route = (struct sp_route){ frame.prefix, frame.zone, frame.ifindex };
	entry->is_mixed = (group.all & (group.all - 1)) != 0;
	return 0;
}

/* Add a default route of the edge where there is none: addresses without a route are strangers',
 * and strangers come from the edge. */
static int enter_root(struct walk *walk, bool is_v4)
{
	struct sp_homes_way way = { .to = { .prefix_len = root_len(is_v4) }, .zone = SP_ZONE_EDGE };

	if (is_v4)
		way.to.addr[10] = way.to.addr[11] = 0xff;
	return walk->homes->zone_size[SP_ZONE_EDGE] ? enter(walk, &way, 1) : 0;
}

static int walk_family(struct walk *walk, const struct sp_homes_way *ways, size_t count, bool is_v4)
{
	int r = 0;

	walk->level = 0;
	if (!count || !is_default(&ways[0].to))
		r = enter_root(walk, is_v4);
	for (size_t i = 0, next; r == 0 && i < count; i = next) {
		for (next = i + 1; next < count; next++)
			if (sp_prefix_compare(&ways[i].to, &ways[next].to) != 0)
				break;
		r = enter(walk, &ways[i], next - i);
	}
	return r;
}

/* ---- making it small ---- */

static bool same_home(const struct sp_homes_entry *a, const struct sp_homes_entry *b)
{
	return a->route.zone == b->route.zone && a->route.ifindex == b->route.ifindex;
}

static bool is_around(const struct sp_homes_entry *outer, const struct sp_homes_entry *inner)
{
	return sp_prefix_covers(&outer->route.prefix, &inner->route.prefix);
}

/* Leave out entries that say the same as their parent, and note the parent of the others. */
static void prune(struct sp_homes *homes)
{
	size_t kept = 0;

	for (size_t i = 0; i < homes->count; i++) {
		struct sp_homes_entry entry = homes->entries[i];
		uint32_t parent = kept ? (uint32_t)kept - 1 : 0;

		while (kept && !is_around(&homes->entries[parent], &entry) &&
		       homes->entries[parent].parent != parent)
			parent = homes->entries[parent].parent;
		if (kept && is_around(&homes->entries[parent], &entry)) {
			if (!entry.is_mixed && same_home(&homes->entries[parent], &entry)) {
				homes->entries[parent].is_joined |= entry.is_joined;
				continue;
			}
		} else {
			parent = (uint32_t)kept;
		}
		entry.parent = parent;
		homes->entries[kept++] = entry;
	}
	homes->count = kept;
}

/* The prefix of which two entries are the halves. Returns false: they are no halves of one, or
 * differ. */
static bool fill(const struct sp_homes_entry *low, const struct sp_homes_entry *high,
		 struct sp_prefix *ret_whole)
{
	struct sp_prefix whole = low->route.prefix, other = high->route.prefix;

	if (whole.prefix_len != other.prefix_len || is_default(&whole) || low->is_mixed ||
	    high->is_mixed || !same_home(low, high))
		return false;
	whole.prefix_len--;
	other.prefix_len--;
	sp_prefix_mask(&whole);
	sp_prefix_mask(&other);
	*ret_whole = whole;
	return sp_prefix_compare(&whole, &other) == 0;
}

/* Join the last two entries to their whole, as long as they are halves that agree. */
static size_t join_last(struct sp_homes_entry *entries, size_t count)
{
	struct sp_prefix whole;

	while (count >= 2 && fill(&entries[count - 2], &entries[count - 1], &whole)) {
		struct sp_homes_entry *around = count >= 3 ? &entries[count - 3] : NULL;

		if (around && !sp_prefix_compare(&around->route.prefix, &whole)) {
			if (around->is_mixed)
				break;
			around->route = entries[count - 2].route;
			count--;
		} else {
			around = &entries[count - 2];
		}
		around->route.prefix = whole;
		around->is_joined = true;
		count--;
	}
	return count;
}

static void join_halves(struct sp_homes *homes)
{
	size_t kept = 0;

	for (size_t i = 0; i < homes->count; i++) {
		homes->entries[kept++] = homes->entries[i];
		kept = join_last(homes->entries, kept);
	}
	homes->count = kept;
}

/* Sort IPv6 before IPv4, and each family by prefix. Returns how many are IPv6. */
static size_t sort_ways(struct sp_homes_way *ways, size_t count)
{
	size_t v6_count = 0;

	for (size_t i = 0; i < count; i++) {
		struct sp_homes_way way = ways[i];

		if (sp_prefix_is_v4(&way.to))
			continue;
		ways[i] = ways[v6_count];
		ways[v6_count++] = way;
	}
	if (v6_count)
		qsort(ways, v6_count, sizeof(*ways), compare_way);
	if (count > v6_count)
		qsort(ways + v6_count, count - v6_count, sizeof(*ways), compare_way);
	return v6_count;
}

int sp_homes_build(struct sp_homes_way *ways, size_t count, const uint32_t zone_size[SP_ZONE_COUNT],
		   struct sp_homes *ret_homes)
{
	struct sp_homes homes = { 0 };
	struct walk walk = { .homes = &homes };
	size_t v6_count;
	int r;

	memcpy(homes.zone_size, zone_size, sizeof(homes.zone_size));
	v6_count = sort_ways(ways, count);
	r = walk_family(&walk, ways, v6_count, false);
	if (r == 0)
		r = walk_family(&walk, ways + v6_count, count - v6_count, true);
	if (r < 0) {
		sp_homes_done(&homes);
		return r;
	}
	prune(&homes);
	join_halves(&homes);
	prune(&homes);
	*ret_homes = homes;
	return 0;
}

void sp_homes_done(struct sp_homes *homes)
{
	free(homes->entries);
	*homes = (struct sp_homes){ 0 };
}

bool sp_homes_equal(const struct sp_homes *a, const struct sp_homes *b)
{
	if (a->count != b->count)
		return false;
	for (size_t i = 0; i < a->count; i++)
		if (sp_prefix_compare(&a->entries[i].route.prefix, &b->entries[i].route.prefix) ||
		    !same_home(&a->entries[i], &b->entries[i]))
			return false;
	return true;
}

/* ---- questions ---- */

const struct sp_homes_entry *sp_homes_find(const struct sp_homes *homes,
					   const struct sp_prefix *prefix)
{
	size_t low = 0, high = homes->count; /* entries before low are <= prefix, from high on > */
	const struct sp_homes_entry *entry;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (compare_prefix(&homes->entries[middle].route.prefix, prefix) <= 0)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == 0)
		return NULL;
	for (entry = &homes->entries[low - 1]; !sp_prefix_covers(&entry->route.prefix, prefix);
	     entry = &homes->entries[entry->parent])
		if (&homes->entries[entry->parent] == entry)
			return NULL;
	return entry;
}

static bool is_exact(const struct sp_homes_entry *entry, const struct sp_prefix *to)
{
	return sp_prefix_compare(&entry->route.prefix, to) == 0;
}

/* Is the interface of @entry the one that these ways would give? */
static bool same_interface(const struct sp_homes *homes, const struct sp_homes_entry *entry,
			   const struct group *group)
{
	const uint32_t ifindex = entry->route.ifindex;

	if (homes->zone_size[group->zone] < 2)
		return true;
	if (group->zone == SP_ZONE_EDGE && !group->is_on_link)
		return ifindex == 0 || ifindex == group->ifindex;
	return ifindex == single(group->ifindex);
}

enum sp_homes_effect sp_homes_weigh_added(const struct sp_homes *homes,
					  const struct sp_homes_way *ways, size_t count)
{
	const struct sp_homes_entry *entry = sp_homes_find(homes, &ways[0].to);
	struct group group;

	sum_up(ways, count, &group);
	if (!entry || (group.all & (group.all - 1)) || entry->route.zone != group.zone)
		return SP_HOMES_CHANGED;
	if (is_exact(entry, &ways[0].to) && entry->is_mixed)
		return SP_HOMES_CHANGED;
	if (is_default(&ways[0].to))
		return SP_HOMES_SAME;
	return same_interface(homes, entry, &group) ? SP_HOMES_SAME : SP_HOMES_CHANGED;
}

enum sp_homes_effect sp_homes_weigh_gone(const struct sp_homes *homes, const struct sp_prefix *to)
{
	const struct sp_homes_entry *entry = sp_homes_find(homes, to);

	if (!entry)
		return SP_HOMES_SAME;
	if (is_exact(entry, to) && entry->is_mixed)
		return SP_HOMES_CHANGED;
	if (!is_exact(entry, to) && !entry->is_joined)
		return SP_HOMES_SAME;
	if (is_default(to) && entry->route.zone == SP_ZONE_EDGE)
		return SP_HOMES_SAME; /* without a default route it still is the edge's */
	return entry->route.zone == SP_ZONE_EDGE ? SP_HOMES_CHANGED : SP_HOMES_LOOSENED;
}
