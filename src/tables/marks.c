/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tables/marks.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "net/addr.h"

struct collect {
	const struct sp_tables_index *index;
	bool is_src;
	struct sp_prefix_marks *marks;
};

/* ---- marks ---- */

static int add_mark(struct collect *collect, const struct sp_prefix *prefix, enum sp_mark_kind kind,
		    uint32_t value)
{
	struct sp_mark *mark = SP_ARRAY_PUSH(collect->marks->items, collect->marks->count);

	if (!mark)
		return -ENOMEM;
	*mark = (struct sp_mark){
		.prefix = *prefix,
		.order = (uint32_t)(collect->marks->count - 1),
		.value = value,
		.kind = kind,
		.is_v4 = sp_prefix_is_v4(prefix),
	};
	return 0;
}

static int add_marks(struct collect *collect, const struct sp_prefix *prefixes, size_t count,
		     enum sp_mark_kind kind, uint32_t value)
{
	int r = 0;

	for (size_t i = 0; i < count && r == 0; i++)
		r = add_mark(collect, &prefixes[i], kind, value);
	return r;
}

/* Does it matter which addresses it holds? */
static bool is_asked(const struct collect *collect, uint32_t network)
{
	const struct sp_policy *policy = collect->index->policy;
	const struct sp_network_uses *uses = &collect->marks->uses;

	for (size_t i = 0; collect->is_src && i < policy->drop_count; i++)
		if (policy->drops[i] == network)
			return true;
	for (size_t i = 0; collect->is_src && i < policy->trust_count; i++)
		if (policy->trusts[i] == network)
			return true;
	return uses->first[network] != uses->first[network + 1];
}

static int mark_networks(struct collect *collect)
{
	const struct sp_policy *policy = collect->index->policy;

	for (uint32_t n = 0; n < policy->network_count; n++) {
		const struct sp_network *network = &policy->networks[n];
		int r;

		if (!is_asked(collect, n))
			continue;
		r = add_marks(collect, network->in, network->in_count, SP_AT_IN, n);
		if (r == 0)
			r = add_marks(collect, network->except, network->except_count, SP_AT_EXCEPT,
				      n);
		if (r < 0)
			return r;
	}
	return 0;
}

static int add_hosts(struct collect *collect, const struct sp_addr *addrs, size_t count,
		     enum sp_mark_kind kind)
{
	int r = 0;

	for (size_t i = 0; i < count && r == 0; i++) {
		struct sp_prefix host = { .prefix_len = 128 };

		memcpy(host.addr, addrs[i].b, sizeof(host.addr));
		r = add_mark(collect, &host, kind, 0);
	}
	return r;
}

static int mark_gateway(struct collect *collect)
{
	const struct sp_gateway *gateway = collect->index->gateway;
	int r = add_marks(collect, gateway->pool, gateway->pool_count, SP_AT_POOL, 0);

	if (r == 0)
		r = add_hosts(collect, gateway->self, gateway->self_count, SP_AT_SELF);
	if (r == 0 && !collect->is_src)
		r = add_hosts(collect, gateway->resolvers, gateway->resolver_count, SP_AT_RESOLVER);
	return r;
}

/* Mark what only matters for sources: their home, and whether the edge drops them. */
static int mark_origins(struct collect *collect)
{
	const struct sp_policy *policy = collect->index->policy;
	const struct sp_gateway *gateway = collect->index->gateway;
	const struct sp_network *bogons;
	int r = 0;

	for (size_t i = 0; i < gateway->route_count && r == 0; i++)
		r = add_mark(collect, &gateway->routes[i].prefix, SP_AT_ROUTE, (uint32_t)i);
	if (r < 0 || !policy->drop_bogons)
		return r;
	bogons = &policy->networks[policy->bogons];
	r = add_marks(collect, bogons->in, bogons->in_count, SP_AT_BOGON, 0);
	if (r == 0)
		r = add_marks(collect, bogons->except, bogons->except_count, SP_AT_BOGON_EXCEPT, 0);
	if (r == 0)
		r = add_marks(collect, gateway->edge_trust, gateway->edge_trust_count, SP_AT_TRUST,
			      0);
	return r;
}

static int mark_roots(struct collect *collect)
{
	static const struct sp_prefix root_v6 = { 0 };
	static const struct sp_prefix root_v4 = { 96, { [10] = 0xff, [11] = 0xff } };
	int r = add_mark(collect, &root_v6, SP_AT_ROOT, 0);

	return r < 0 ? r : add_mark(collect, &root_v4, SP_AT_ROOT, 0);
}

/* IPv6 before IPv4: ::/0 contains every mapped address, but no IPv6 network contains an IPv4
 * address. */
static int compare_marks(const void *left, const void *right)
{
	const struct sp_mark *a = left, *b = right;
	int order;

	if (a->is_v4 != b->is_v4)
		return a->is_v4 ? 1 : -1;
	order = sp_prefix_compare(&a->prefix, &b->prefix);
	if (order)
		return order;
	return a->order < b->order ? -1 : 1;
}

static int collect_marks(struct collect *collect)
{
	int r = mark_roots(collect);

	if (r == 0)
		r = mark_networks(collect);
	if (r == 0)
		r = mark_gateway(collect);
	if (r == 0 && collect->is_src)
		r = mark_origins(collect);
	if (r == 0)
		qsort(collect->marks->items, collect->marks->count, sizeof(*collect->marks->items),
		      compare_marks);
	return r;
}

/* ---- which rules name which network ---- */

/* The @n-th network of the rule's `from` or `to`. UINT32_MAX: that item is no network. */
static uint32_t item_network(const struct sp_rule *rule, bool is_src, size_t n)
{
	if (is_src)
		return rule->from[n].kind == SP_FROM_NETWORK ? rule->from[n].index : UINT32_MAX;
	return rule->to[n].kind == SP_TO_NETWORK ? rule->to[n].index : UINT32_MAX;
}

static int collect_uses(struct collect *collect)
{
	const struct sp_policy *policy = collect->index->policy;
	struct sp_network_uses *uses = &collect->marks->uses;
	size_t total = 0;

	uses->first = calloc(policy->network_count + 2, sizeof(*uses->first));
	if (!uses->first)
		return -ENOMEM;
	for (int pass = 0; pass < 2; pass++) {
		for (uint32_t i = 0; i < policy->rule_count; i++) {
			const struct sp_rule *rule = &policy->rules[i];
			size_t count = collect->is_src ? rule->from_count : rule->to_count;

			for (size_t n = 0; n < count; n++) {
				uint32_t network = item_network(rule, collect->is_src, n);

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

int sp_prefix_marks_collect(const struct sp_tables_index *index, bool is_src,
			    struct sp_prefix_marks *ret_marks)
{
	struct sp_prefix_marks marks = { 0 };
	struct collect collect = { index, is_src, &marks };
	int r = collect_uses(&collect);

	if (r == 0)
		r = collect_marks(&collect);
	if (r < 0) {
		sp_prefix_marks_done(&marks);
		return r;
	}
	*ret_marks = marks;
	return 0;
}

void sp_prefix_marks_done(struct sp_prefix_marks *marks)
{
	free(marks->items);
	free(marks->uses.first);
	free(marks->uses.rules);
}
