/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Make the rows of the two longest-prefix tables. Everything in which one address differs from
 * another is a mark on a prefix. The sorted prefixes form a tree. A walk over the tree counts the
 * marks that hold at its place. A row that equals its parent's row is left out. */
#include "tables/marks.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "net/addr.h"

/* A prefix that contains the place of the walk. */
struct frame {
	const struct sp_mark *mark; /* its marks: the first of mark_count */
	size_t mark_count;
	const struct sp_route *route; /* the longest route around the place, or NULL */
	struct sp_src src;
	struct sp_dst dst;
};

struct walk {
	struct sp_tables *tables;
	bool is_src;
	struct sp_prefix_marks marks;
	uint32_t *in, *except; /* by network: how many of its marks are around the place */
	uint32_t *hits;        /* by rule: how many of its networks hold here */
	uint64_t *set;         /* rules with hits */
	uint64_t *scratch;
	/* by network: is it one that the edge drops, or trusts? never of destinations */
	bool *drops, *trusts;
	uint32_t dropping, trusting;      /* how many of those hold here */
	uint32_t depth[SP_AT_KIND_COUNT]; /* how many marks of other kinds are around the place */
	struct frame stack[130];          /* lengths 0..128 at most */
	size_t level;
};

/* ---- the walk ---- */

static void turn_network(struct walk *walk, uint32_t network, bool on)
{
	const struct sp_network_uses *uses = &walk->marks.uses;

	if (walk->drops[network])
		walk->dropping += on ? 1 : UINT32_MAX;
	if (walk->trusts[network])
		walk->trusting += on ? 1 : UINT32_MAX;
	for (uint32_t i = uses->first[network]; i < uses->first[network + 1]; i++) {
		uint32_t rule = uses->rules[i];

		if (on ? walk->hits[rule]++ == 0 : --walk->hits[rule] == 0)
			sp_bits_flip(walk->set, rule);
	}
}

static void apply_mark(struct walk *walk, const struct sp_mark *mark, bool enter)
{
	uint32_t *count = &walk->depth[mark->kind];
	uint32_t network = mark->value;
	bool before, after;

	if (mark->kind != SP_AT_IN && mark->kind != SP_AT_EXCEPT) {
		*count += enter ? 1 : UINT32_MAX;
		return;
	}
	before = walk->in[network] && !walk->except[network];
	count = mark->kind == SP_AT_IN ? &walk->in[network] : &walk->except[network];
	*count += enter ? 1 : UINT32_MAX;
	after = walk->in[network] && !walk->except[network];
	if (before != after)
		turn_network(walk, network, after);
}

static uint8_t home_here(const struct walk *walk, const struct frame *frame)
{
	if (walk->depth[SP_AT_SELF])
		return SP_HOME_SELF;
	if (walk->depth[SP_AT_POOL])
		return SP_ZONE_TUNNEL;
	return frame->route ? (uint8_t)frame->route->zone : SP_HOME_UNKNOWN;
}

/* Does a protect entry hold for a source with this home that arrives on @zone? Only where the
 * source is at home. A source without a known home may arrive anywhere but on the tunnel. */
static bool protect_holds(uint8_t home, unsigned zone)
{
	return home == zone || (home == SP_HOME_UNKNOWN && zone != SP_ZONE_TUNNEL);
}

/* The class of the source at the walk's place, arriving on @zone. On the tunnel the session decides
 * instead of the address, except for protect entries. */
static int class_here(struct walk *walk, uint8_t home, unsigned zone, uint32_t *ret_class)
{
	struct sp_tables_index *index = walk->tables->index;
	const struct sp_rule_masks *masks = &index->masks;

	for (size_t i = 0; i < index->words; i++) {
		uint64_t hit = walk->set[i] | masks->from_any[i];
		uint64_t set = 0;

		if (zone != SP_ZONE_TUNNEL)
			set |= hit & masks->decide[i];
		if (zone == SP_ZONE_EDGE)
			set |= masks->expose[i];
		if (protect_holds(home, zone))
			set |= hit & masks->protect[i];
		walk->scratch[i] = set;
	}
	return sp_rule_sets_intern(&index->classes, walk->scratch, ret_class);
}

static bool protect_here(const struct walk *walk)
{
	const struct sp_tables_index *index = walk->tables->index;

	for (size_t i = 0; i < index->words; i++)
		if ((walk->set[i] | index->masks.from_any[i]) & index->masks.protect[i])
			return true;
	return false;
}

static int set_src(struct walk *walk, struct frame *frame)
{
	struct sp_src *src = &frame->src;
	int r = 0;

	*src = (struct sp_src){ .home = home_here(walk, frame) };
	if (frame->route && !walk->depth[SP_AT_SELF] && !walk->depth[SP_AT_POOL])
		src->ifindex = frame->route->ifindex;
	for (unsigned zone = 0; zone < SP_ZONE_COUNT && r == 0; zone++)
		r = class_here(walk, src->home, zone, &src->class_id[zone]);
	if (walk->depth[SP_AT_BOGON] && !walk->depth[SP_AT_BOGON_EXCEPT] &&
	    !walk->depth[SP_AT_TRUST] && !walk->trusting)
		src->drop_reason = SP_REASON_BOGON;
	else if (walk->dropping && !walk->trusting)
		src->drop_reason = SP_REASON_BLOCKLIST;
	if (src->home != SP_HOME_SELF && protect_here(walk)) {
		src->flags |= SP_SRC_PROTECT;
		if (src->home == SP_ZONE_TUNNEL)
			walk->tables->flags |= SP_TABLES_PROTECT_TUNNEL;
	}
	return r;
}

/* Make the row of a destination. For a tunnel address the row only says that it is one: its session
 * has the network set. */
static int set_dst(struct walk *walk, struct frame *frame)
{
	struct sp_tables_index *index = walk->tables->index;
	const struct sp_rule_masks *masks = &index->masks;
	bool is_self = walk->depth[SP_AT_SELF] > 0;

	frame->dst = (struct sp_dst){ .flags = is_self ? SP_DST_SELF : 0 };
	if (walk->depth[SP_AT_RESOLVER])
		frame->dst.flags |= SP_DST_RESOLVER;
	if (!is_self && walk->depth[SP_AT_POOL]) {
		frame->dst.flags |= SP_DST_POOL;
		return 0;
	}
	for (size_t i = 0; i < index->words; i++) {
		walk->scratch[i] = walk->set[i] | masks->to_any[i];
		if (is_self)
			walk->scratch[i] |= masks->to_self[i];
	}
	return sp_rule_sets_intern(&index->netsets, walk->scratch, &frame->dst.netset);
}

static int push_src(struct sp_tables *tables, const struct frame *frame, const struct frame *parent)
{
	struct sp_src_row *row;

	if (parent && memcmp(&frame->src, &parent->src, sizeof(frame->src)) == 0)
		return 0;
	row = SP_ARRAY_PUSH(tables->src, tables->src_count);
	if (!row)
		return -ENOMEM;
	*row = (struct sp_src_row){ frame->mark->prefix, frame->src };
	return 0;
}

static int push_dst(struct sp_tables *tables, const struct frame *frame, const struct frame *parent)
{
	struct sp_dst_row *row;

	if (parent && memcmp(&frame->dst, &parent->dst, sizeof(frame->dst)) == 0)
		return 0;
	row = SP_ARRAY_PUSH(tables->dst, tables->dst_count);
	if (!row)
		return -ENOMEM;
	*row = (struct sp_dst_row){ frame->mark->prefix, frame->dst };
	return 0;
}

static void leave(struct walk *walk)
{
	const struct frame *frame = &walk->stack[--walk->level];

	for (size_t i = 0; i < frame->mark_count; i++)
		apply_mark(walk, &frame->mark[i], false);
}

/* Step to the prefix of these marks. The walk already stands on the parent of the prefix, if it has
 * one. */
static int enter(struct walk *walk, const struct sp_mark *marks, size_t count)
{
	struct frame *parent = walk->level ? &walk->stack[walk->level - 1] : NULL;
	struct frame *frame = &walk->stack[walk->level++];
	const struct sp_route *routes = walk->tables->index->gateway->routes;
	bool has_route = false;
	int r;

	*frame = (struct frame){
		.mark = marks,
		.mark_count = count,
		.route = parent ? parent->route : NULL,
	};
	for (size_t i = 0; i < count; i++) {
		apply_mark(walk, &marks[i], true);
		/* of routes to the same prefix the first counts */
		if (marks[i].kind == SP_AT_ROUTE && !has_route) {
			frame->route = &routes[marks[i].value];
			has_route = true;
		}
	}
	r = walk->is_src ? set_src(walk, frame) : set_dst(walk, frame);
	if (r < 0)
		return r;
	return walk->is_src ? push_src(walk->tables, frame, parent)
			    : push_dst(walk->tables, frame, parent);
}

static bool same_prefix(const struct sp_mark *a, const struct sp_mark *b)
{
	return a->is_v4 == b->is_v4 && sp_prefix_compare(&a->prefix, &b->prefix) == 0;
}

static bool inside(const struct sp_mark *outer, const struct sp_mark *inner)
{
	return outer->is_v4 == inner->is_v4 && sp_prefix_covers(&outer->prefix, &inner->prefix);
}

static int walk_tree(struct walk *walk)
{
	size_t next;
	int r;

	for (size_t i = 0; i < walk->marks.count; i = next) {
		struct sp_mark *mark = &walk->marks.items[i];

		for (next = i + 1; next < walk->marks.count; next++)
			if (!same_prefix(mark, &walk->marks.items[next]))
				break;
		while (walk->level && !inside(walk->stack[walk->level - 1].mark, mark))
			leave(walk);
		r = enter(walk, mark, next - i);
		if (r < 0)
			return r;
	}
	return 0;
}

static void walk_done(struct walk *walk)
{
	sp_prefix_marks_done(&walk->marks);
	free(walk->in);
	free(walk->except);
	free(walk->drops);
	free(walk->trusts);
	free(walk->hits);
	free(walk->set);
	free(walk->scratch);
}

static int compile_side(struct sp_tables *tables, bool is_src)
{
	const struct sp_policy *policy = tables->index->policy;
	__sp_cleanup(walk_done) struct walk walk = { .tables = tables, .is_src = is_src };
	int r;

	walk.in = calloc(policy->network_count + 1, sizeof(*walk.in));
	walk.except = calloc(policy->network_count + 1, sizeof(*walk.except));
	walk.drops = calloc(policy->network_count + 1, sizeof(*walk.drops));
	walk.trusts = calloc(policy->network_count + 1, sizeof(*walk.trusts));
	walk.hits = calloc(policy->rule_count + 1, sizeof(*walk.hits));
	walk.set = sp_bits_new(tables->index->words);
	walk.scratch = sp_bits_new(tables->index->words);
	if (!walk.in || !walk.except || !walk.drops || !walk.trusts || !walk.hits || !walk.set ||
	    !walk.scratch)
		return -ENOMEM;
	for (size_t i = 0; is_src && i < policy->drop_count; i++)
		walk.drops[policy->drops[i]] = true;
	for (size_t i = 0; is_src && i < policy->trust_count; i++)
		walk.trusts[policy->trusts[i]] = true;
	r = sp_prefix_marks_collect(tables->index, is_src, &walk.marks);
	return r < 0 ? r : walk_tree(&walk);
}

static int compare_src(const void *left, const void *right)
{
	const struct sp_src_row *a = left, *b = right;

	return sp_prefix_compare(&a->prefix, &b->prefix);
}

static int compare_dst(const void *left, const void *right)
{
	const struct sp_dst_row *a = left, *b = right;

	return sp_prefix_compare(&a->prefix, &b->prefix);
}

int sp_tables_compile_src(struct sp_tables *tables)
{
	int r = compile_side(tables, true);

	if (r == 0)
		qsort(tables->src, tables->src_count, sizeof(*tables->src), compare_src);
	return r;
}

int sp_tables_compile_dst(struct sp_tables *tables)
{
	int r = compile_side(tables, false);

	if (r == 0)
		qsort(tables->dst, tables->dst_count, sizeof(*tables->dst), compare_dst);
	return r;
}
