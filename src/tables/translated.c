/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What netmaps translate: each row inside a netmap's `inside` is there once more under its `outside`,
 * with the rules of the address it stands for. Destinations have besides the rules that name the
 * netmap. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "net/addr.h"
#include "tables/index.h"

/* ---- destinations ---- */

struct translation {
	struct sp_tables *tables;
	uint32_t nat;            /* index of the netmap */
	uint64_t *scratch;       /* a set of rules */
	struct sp_dst_row *rows; /* of all destinations */
	size_t count;
};

static bool is_within(const struct sp_prefix *outer, const struct sp_prefix *inner)
{
	return sp_prefix_is_v4(outer) == sp_prefix_is_v4(inner) && sp_prefix_covers(outer, inner);
}

static bool is_translated(const struct sp_policy *policy, const struct sp_prefix *prefix)
{
	for (size_t i = 0; i < policy->nat_count; i++)
		if (policy->nats[i].kind == SP_NAT_NETMAP &&
		    is_within(&policy->nats[i].netmap.outside, prefix))
			return true;
	return false;
}

/* The prefix under `outside` that stands for @prefix. */
static struct sp_prefix outside_of(const struct sp_netmap *netmap, const struct sp_prefix *prefix)
{
	struct sp_prefix result = { .prefix_len = prefix->prefix_len };
	struct sp_addr addr;

	memcpy(addr.b, prefix->addr, sizeof(addr.b));
	addr = sp_prefix_join(&netmap->outside, &addr);
	memcpy(result.addr, addr.b, sizeof(result.addr));
	return result;
}

/* Add the rules whose `to` names the netmap. */
static void add_rules(const struct translation *translation)
{
	const struct sp_policy *policy = translation->tables->index->policy;

	for (size_t i = 0; i < policy->rule_count; i++)
		for (size_t n = 0; n < policy->rules[i].to_count; n++)
			if (policy->rules[i].to[n].kind == SP_TO_NAT &&
			    policy->rules[i].to[n].index == translation->nat)
				sp_bits_set(translation->scratch, i);
}

/* Nothing of the gateway or the pool is behind a netmap, so the row has no flags. */
static int push_row(struct translation *translation, const struct sp_prefix *prefix,
		    const struct sp_dst *inside)
{
	struct sp_tables_index *index = translation->tables->index;
	struct sp_dst_row *row = SP_ARRAY_PUSH(translation->rows, translation->count);

	if (!row)
		return -ENOMEM;
	row->prefix = *prefix;
	memcpy(translation->scratch, sp_rule_sets_get(&index->netsets, inside->netset),
	       index->words * sizeof(*translation->scratch));
	add_rules(translation);
	return sp_rule_sets_intern(&index->netsets, translation->scratch, &row->value.netset);
}

/* The value of the longest row that holds the whole prefix. */
static const struct sp_dst *find_around(const struct sp_tables *tables,
					const struct sp_prefix *prefix)
{
	const struct sp_dst_row *longest = NULL;

	for (size_t i = 0; i < tables->dst_count; i++) {
		const struct sp_dst_row *row = &tables->dst[i];

		if (is_within(&row->prefix, prefix) &&
		    (!longest || row->prefix.prefix_len > longest->prefix.prefix_len))
			longest = row;
	}
	return &longest->value; /* a default route is always there */
}

static int translate(struct translation *translation, const struct sp_netmap *netmap)
{
	const struct sp_tables *tables = translation->tables;
	int r = push_row(translation, &netmap->outside, find_around(tables, &netmap->inside));

	for (size_t i = 0; i < tables->dst_count && r == 0; i++) {
		const struct sp_dst_row *row = &tables->dst[i];
		struct sp_prefix prefix;

		if (row->prefix.prefix_len <= netmap->inside.prefix_len ||
		    !is_within(&netmap->inside, &row->prefix))
			continue;
		prefix = outside_of(netmap, &row->prefix);
		r = push_row(translation, &prefix, &row->value);
	}
	return r;
}

/* What rules say about an address of `outside` itself is not asked: nobody goes there. */
static int keep_others(struct translation *translation)
{
	const struct sp_tables *tables = translation->tables;

	for (size_t i = 0; i < tables->dst_count; i++) {
		struct sp_dst_row *row;

		if (is_translated(tables->index->policy, &tables->dst[i].prefix))
			continue;
		row = SP_ARRAY_PUSH(translation->rows, translation->count);
		if (!row)
			return -ENOMEM;
		*row = tables->dst[i];
	}
	return 0;
}

static int compare_rows(const void *left, const void *right)
{
	const struct sp_dst_row *a = left, *b = right;

	return sp_prefix_compare(&a->prefix, &b->prefix);
}

static int translate_all(struct translation *translation)
{
	const struct sp_policy *policy = translation->tables->index->policy;
	int r = translation->scratch ? keep_others(translation) : -ENOMEM;

	for (size_t i = 0; i < policy->nat_count && r == 0; i++) {
		translation->nat = (uint32_t)i;
		if (policy->nats[i].kind == SP_NAT_NETMAP)
			r = translate(translation, &policy->nats[i].netmap);
	}
	return r;
}

static bool has_netmap(const struct sp_policy *policy)
{
	for (size_t i = 0; i < policy->nat_count; i++)
		if (policy->nats[i].kind == SP_NAT_NETMAP)
			return true;
	return false;
}

/* ---- sources ---- */

struct sources {
	const struct sp_tables *tables;
	struct sp_src_row *rows;
	size_t count;
};

static int push_source(struct sources *sources, const struct sp_prefix *prefix,
		       const struct sp_src *value)
{
	struct sp_src_row *row = SP_ARRAY_PUSH(sources->rows, sources->count);

	if (!row)
		return -ENOMEM;
	*row = (struct sp_src_row){ *prefix, *value };
	return 0;
}

static const struct sp_src *find_source_around(const struct sp_tables *tables,
					       const struct sp_prefix *prefix)
{
	const struct sp_src_row *longest = NULL;

	for (size_t i = 0; i < tables->src_count; i++) {
		const struct sp_src_row *row = &tables->src[i];

		if (is_within(&row->prefix, prefix) &&
		    (!longest || row->prefix.prefix_len > longest->prefix.prefix_len))
			longest = row;
	}
	return &longest->value; /* a default route is always there */
}

static int add_sources(struct sources *sources, const struct sp_netmap *netmap)
{
	const struct sp_tables *tables = sources->tables;
	int r = push_source(sources, &netmap->outside, find_source_around(tables, &netmap->inside));

	for (size_t i = 0; i < tables->src_count && r == 0; i++) {
		const struct sp_src_row *row = &tables->src[i];
		struct sp_prefix prefix;

		if (row->prefix.prefix_len <= netmap->inside.prefix_len ||
		    !is_within(&netmap->inside, &row->prefix))
			continue;
		prefix = outside_of(netmap, &row->prefix);
		r = push_source(sources, &prefix, &row->value);
	}
	return r;
}

static int fill_sources(struct sources *sources)
{
	const struct sp_tables *tables = sources->tables;
	const struct sp_policy *policy = tables->index->policy;
	int r = 0;

	for (size_t i = 0; i < tables->src_count && r == 0; i++)
		if (!is_translated(policy, &tables->src[i].prefix))
			r = push_source(sources, &tables->src[i].prefix, &tables->src[i].value);
	for (size_t i = 0; i < policy->nat_count && r == 0; i++)
		if (policy->nats[i].kind == SP_NAT_NETMAP)
			r = add_sources(sources, &policy->nats[i].netmap);
	return r;
}

static int compare_sources(const void *left, const void *right)
{
	const struct sp_src_row *a = left, *b = right;

	return sp_prefix_compare(&a->prefix, &b->prefix);
}

/* A host behind a netmap is the same one by either address. */
static int translate_sources(struct sp_tables *tables)
{
	struct sources sources = { .tables = tables };
	int r = fill_sources(&sources);

	if (r < 0) {
		free(sources.rows);
		return r;
	}
	qsort(sources.rows, sources.count, sizeof(*sources.rows), compare_sources);
	free(tables->src);
	tables->src = sources.rows;
	tables->src_count = sources.count;
	return 0;
}

/* ---- both ---- */

int sp_tables_compile_translated(struct sp_tables *tables)
{
	struct translation translation = { .tables = tables };
	int r;

	if (!has_netmap(tables->index->policy))
		return 0;
	translation.scratch = sp_bits_new(tables->index->words);
	r = translate_all(&translation);
	free(translation.scratch);
	if (r < 0) {
		free(translation.rows);
		return r;
	}
	qsort(translation.rows, translation.count, sizeof(*translation.rows), compare_rows);
	free(tables->dst);
	tables->dst = translation.rows;
	tables->dst_count = translation.count;
	return translate_sources(tables);
}
