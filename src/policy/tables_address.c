/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Rows of the two longest-prefix tables. Everything that makes one address differ from another is a
 * mark on a prefix; sorted, the prefixes form a tree, and one walk over it keeps count of what holds
 * at the place it stands on. A row whose value is its parent's says nothing and is left out. */
#include "policy/tables_index.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "net/addr.h"

enum mark_kind {
	MARK_ROOT,
	MARK_IN,     /* value: the network */
	MARK_EXCEPT, /* value: the network */
	MARK_POOL,
	MARK_SELF,
	MARK_ROUTE, /* value: the zone */
	MARK_BOGON,
	MARK_BOGON_EXCEPT,
	MARK_TRUST,
	MARK_KIND_COUNT
};

struct mark {
	struct sp_prefix prefix;
	uint32_t order;
	uint32_t value;
	uint8_t kind;
	bool is_v4;
};

/* Which rules name a network: rules[first[n]] to rules[first[n + 1]]. */
struct uses {
	uint32_t *first;
	uint32_t *rules;
};

/* One prefix the walk is inside of. */
struct frame {
	const struct mark *mark; /* its marks: this one and those behind it */
	size_t mark_count;
	uint8_t route_zone; /* of the longest route so far, or SP_HOME_UNKNOWN */
	struct sp_src src;
	struct sp_dst dst;
};

struct walk {
	struct sp_tables *tables;
	bool is_src;
	struct mark *marks;
	size_t mark_count;
	struct uses uses;
	uint32_t *in, *except;           /* by network: marks of its we are inside of */
	uint32_t *hits;                  /* by rule: networks of its that hold */
	uint64_t *set;                   /* rules with hits */
	uint64_t *scratch;
	uint32_t depth[MARK_KIND_COUNT]; /* other marks we are inside of */
	struct frame stack[130];         /* lengths 0..128 at most */
	size_t level;
};

bool sp_tables_is_v4(const struct sp_prefix *prefix)
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };

	return prefix->prefix_len >= 96 && memcmp(prefix->addr, mapped, sizeof(mapped)) == 0;
}

/* ---- marks ---- */

static int add_mark(struct walk *walk, const struct sp_prefix *prefix, enum mark_kind kind,
		    uint32_t value)
{
	struct mark *mark = SP_ARRAY_PUSH(walk->marks, walk->mark_count);

	if (!mark)
		return -ENOMEM;
	*mark = (struct mark){
		.prefix = *prefix,
		.order = (uint32_t)(walk->mark_count - 1),
		.value = value,
		.kind = kind,
		.is_v4 = sp_tables_is_v4(prefix),
	};
	return 0;
}

static int add_marks(struct walk *walk, const struct sp_prefix *prefixes, size_t count,
		     enum mark_kind kind, uint32_t value)
{
	int r = 0;

	for (size_t i = 0; i < count && r == 0; i++)
		r = add_mark(walk, &prefixes[i], kind, value);
	return r;
}

static int mark_networks(struct walk *walk)
{
	const struct sp_policy *policy = walk->tables->index->policy;

	for (uint32_t n = 0; n < policy->network_count; n++) {
		const struct sp_network *network = &policy->networks[n];
		int r;

		if (walk->uses.first[n] == walk->uses.first[n + 1])
			continue;
		r = add_marks(walk, network->in, network->in_count, MARK_IN, n);
		if (r == 0)
			r = add_marks(walk, network->except, network->except_count, MARK_EXCEPT, n);
		if (r < 0)
			return r;
	}
	return 0;
}

static int mark_gateway(struct walk *walk)
{
	const struct sp_gateway *gateway = walk->tables->index->gateway;
	int r = add_marks(walk, gateway->pool, gateway->pool_count, MARK_POOL, 0);

	for (size_t i = 0; i < gateway->self_count && r == 0; i++) {
		struct sp_prefix host = { .prefix_len = 128 };

		memcpy(host.addr, gateway->self[i].b, sizeof(host.addr));
		r = add_mark(walk, &host, MARK_SELF, 0);
	}
	return r;
}

/* What only sources have: where they live, and whether the edge drops them. */
static int mark_origins(struct walk *walk)
{
	const struct sp_policy *policy = walk->tables->index->policy;
	const struct sp_gateway *gateway = walk->tables->index->gateway;
	const struct sp_network *bogons;
	int r = 0;

	for (size_t i = 0; i < gateway->route_count && r == 0; i++)
		r = add_mark(walk, &gateway->routes[i].prefix, MARK_ROUTE, gateway->routes[i].zone);
	if (r < 0 || !policy->drop_bogons)
		return r;
	bogons = &policy->networks[policy->bogons];
	r = add_marks(walk, bogons->in, bogons->in_count, MARK_BOGON, 0);
	if (r == 0)
		r = add_marks(walk, bogons->except, bogons->except_count, MARK_BOGON_EXCEPT, 0);
	if (r == 0)
		r = add_marks(walk, gateway->edge_trust, gateway->edge_trust_count, MARK_TRUST, 0);
	return r;
}

static int mark_roots(struct walk *walk)
{
	static const struct sp_prefix root_v6 = { 0 };
	static const struct sp_prefix root_v4 = { 96, { [10] = 0xff, [11] = 0xff } };
	int r = add_mark(walk, &root_v6, MARK_ROOT, 0);

	return r < 0 ? r : add_mark(walk, &root_v4, MARK_ROOT, 0);
}

/* IPv6 first, then IPv4: ::/0 holds every mapped address, but no IPv6 network holds an IPv4 one. */
static int compare_marks(const void *left, const void *right)
{
	const struct mark *a = left, *b = right;
	int order;

	if (a->is_v4 != b->is_v4)
		return a->is_v4 ? 1 : -1;
	order = sp_prefix_compare(&a->prefix, &b->prefix);
	if (order)
		return order;
	return a->order < b->order ? -1 : 1;
}

static int collect_marks(struct walk *walk)
{
	int r = mark_roots(walk);

	if (r == 0)
		r = mark_networks(walk);
	if (r == 0)
		r = mark_gateway(walk);
	if (r == 0 && walk->is_src)
		r = mark_origins(walk);
	if (r == 0)
		qsort(walk->marks, walk->mark_count, sizeof(*walk->marks), compare_marks);
	return r;
}

/* ---- which rules name which network ---- */

/* The @n-th network of the rule's `from` or `to`, UINT32_MAX: that item is no network. */
static uint32_t item_network(const struct sp_rule *rule, bool is_src, size_t n)
{
	if (is_src)
		return rule->from[n].kind == SP_FROM_NETWORK ? rule->from[n].index : UINT32_MAX;
	return rule->to[n].kind == SP_TO_NETWORK ? rule->to[n].index : UINT32_MAX;
}

static int collect_uses(struct walk *walk)
{
	const struct sp_policy *policy = walk->tables->index->policy;
	struct uses *uses = &walk->uses;
	size_t total = 0;

	uses->first = calloc(policy->network_count + 2, sizeof(*uses->first));
	if (!uses->first)
		return -ENOMEM;
	for (int pass = 0; pass < 2; pass++) {
		for (uint32_t i = 0; i < policy->rule_count; i++) {
			const struct sp_rule *rule = &policy->rules[i];
			size_t count = walk->is_src ? rule->from_count : rule->to_count;

			for (size_t n = 0; n < count; n++) {
				uint32_t network = item_network(rule, walk->is_src, n);

				if (network == UINT32_MAX)
					continue;
				if (pass == 0)
					uses->first[network + 2]++, total++;
				else
					uses->rules[uses->first[network + 1]++] = i;
			}
		}
		if (pass == 1)
			break;
		/* first[n + 1] is where network n starts; the second pass moves it to its end. */
		for (size_t n = 2; n < policy->network_count + 2; n++)
			uses->first[n] += uses->first[n - 1];
		uses->rules = calloc(total + 1, sizeof(*uses->rules));
		if (!uses->rules)
			return -ENOMEM;
	}
	return 0;
}

/* ---- the walk ---- */

static void turn_network(struct walk *walk, uint32_t network, bool on)
{
	const struct uses *uses = &walk->uses;

	for (uint32_t i = uses->first[network]; i < uses->first[network + 1]; i++) {
		uint32_t rule = uses->rules[i];

		if (on ? walk->hits[rule]++ == 0 : --walk->hits[rule] == 0)
			sp_bits_flip(walk->set, rule);
	}
}

static void apply_mark(struct walk *walk, const struct mark *mark, bool enter)
{
	uint32_t *count = &walk->depth[mark->kind];
	uint32_t network = mark->value;
	bool before, after;

	if (mark->kind != MARK_IN && mark->kind != MARK_EXCEPT) {
		*count += enter ? 1 : UINT32_MAX;
		return;
	}
	before = walk->in[network] && !walk->except[network];
	count = mark->kind == MARK_IN ? &walk->in[network] : &walk->except[network];
	*count += enter ? 1 : UINT32_MAX;
	after = walk->in[network] && !walk->except[network];
	if (before != after)
		turn_network(walk, network, after);
}

static uint8_t home_here(const struct walk *walk, const struct frame *frame)
{
	if (walk->depth[MARK_SELF])
		return SP_HOME_SELF;
	if (walk->depth[MARK_POOL])
		return SP_ZONE_TUNNEL;
	return frame->route_zone;
}

/* Protect entries hold only on the interface that routes to the source, or where nobody knows one;
 * what nobody knows cannot come out of the tunnel. */
static bool protect_holds(uint8_t home, unsigned zone)
{
	return home == zone || (home == SP_HOME_UNKNOWN && zone != SP_ZONE_TUNNEL);
}

/* The class of the source the walk stands on, arriving on @zone. On the tunnel sessions speak for
 * sources: only protect entries look at the address there. */
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
	for (unsigned zone = 0; zone < SP_ZONE_COUNT && r == 0; zone++)
		r = class_here(walk, src->home, zone, &src->class_id[zone]);
	if (walk->depth[MARK_BOGON] && !walk->depth[MARK_BOGON_EXCEPT] && !walk->depth[MARK_TRUST])
		src->drop_reason = SP_REASON_BOGON;
	if (src->home != SP_HOME_SELF && protect_here(walk)) {
		src->flags |= SP_SRC_PROTECT;
		if (src->home == SP_ZONE_TUNNEL)
			walk->tables->flags |= SP_TABLES_PROTECT_TUNNEL;
	}
	return r;
}

/* A tunnel address has its session's network set; the row only says that it is one. */
static int set_dst(struct walk *walk, struct frame *frame)
{
	struct sp_tables_index *index = walk->tables->index;
	const struct sp_rule_masks *masks = &index->masks;
	bool is_self = walk->depth[MARK_SELF] > 0;

	frame->dst = (struct sp_dst){ .flags = is_self ? SP_DST_SELF : 0 };
	if (!is_self && walk->depth[MARK_POOL]) {
		frame->dst.flags = SP_DST_POOL;
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

/* Step onto the prefix of these marks: the walk already stands on its parent, if it has one. */
static int enter(struct walk *walk, const struct mark *marks, size_t count)
{
	struct frame *parent = walk->level ? &walk->stack[walk->level - 1] : NULL;
	struct frame *frame = &walk->stack[walk->level++];
	bool has_route = false;
	int r;

	*frame = (struct frame){
		.mark = marks,
		.mark_count = count,
		.route_zone = parent ? parent->route_zone : SP_HOME_UNKNOWN,
	};
	for (size_t i = 0; i < count; i++) {
		apply_mark(walk, &marks[i], true);
		if (marks[i].kind == MARK_ROUTE && !has_route) { /* of equals the first */
			frame->route_zone = (uint8_t)marks[i].value;
			has_route = true;
		}
	}
	r = walk->is_src ? set_src(walk, frame) : set_dst(walk, frame);
	if (r < 0)
		return r;
	return walk->is_src ? push_src(walk->tables, frame, parent) :
			      push_dst(walk->tables, frame, parent);
}

static bool same_prefix(const struct mark *a, const struct mark *b)
{
	return a->is_v4 == b->is_v4 && sp_prefix_compare(&a->prefix, &b->prefix) == 0;
}

static bool inside(const struct mark *outer, const struct mark *inner)
{
	return outer->is_v4 == inner->is_v4 && sp_prefix_covers(&outer->prefix, &inner->prefix);
}

static int walk_tree(struct walk *walk)
{
	size_t next;
	int r;

	for (size_t i = 0; i < walk->mark_count; i = next) {
		struct mark *mark = &walk->marks[i];

		for (next = i + 1; next < walk->mark_count; next++)
			if (!same_prefix(mark, &walk->marks[next]))
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
	free(walk->marks);
	free(walk->uses.first);
	free(walk->uses.rules);
	free(walk->in);
	free(walk->except);
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
	walk.hits = calloc(policy->rule_count + 1, sizeof(*walk.hits));
	walk.set = sp_bits_new(tables->index->words);
	walk.scratch = sp_bits_new(tables->index->words);
	if (!walk.in || !walk.except || !walk.hits || !walk.set || !walk.scratch)
		return -ENOMEM;
	r = collect_uses(&walk);
	if (r == 0)
		r = collect_marks(&walk);
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
