/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The service table. For each protocol and port, ICMP type or bare protocol number it has the set
 * of rules whose services match. One sweep visits the slots at which a service starts or ends. */
#include "tables/index.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/cleanup.h"

struct edge {
	uint32_t slot;
	uint32_t rule;
	bool starts; /* otherwise the slot before was its last */
};

struct sweep {
	struct edge *edges;
	size_t edge_count;
	uint32_t *hits; /* by rule: how many of its services match here */
	uint64_t *set;
};

static int add_range(struct sweep *sweep, uint32_t rule, uint32_t from, uint32_t to)
{
	struct edge *edge = SP_ARRAY_PUSH(sweep->edges, sweep->edge_count);

	if (!edge)
		return -ENOMEM;
	*edge = (struct edge){ .slot = from, .rule = rule, .starts = true };
	edge = SP_ARRAY_PUSH(sweep->edges, sweep->edge_count);
	if (!edge)
		return -ENOMEM;
	*edge = (struct edge){ .slot = to + 1, .rule = rule };
	return 0;
}

/* The slots of a protocol that has ports or types: the first in *@ret_base, and how many. 0: the
 * protocol has neither. */
static uint32_t protocol_slots(uint8_t proto, uint32_t *ret_base)
{
	switch (proto) {
	case 6:
		return *ret_base = SP_SVC_TCP, 65536;
	case 17:
		return *ret_base = SP_SVC_UDP, 65536;
	case 132:
		return *ret_base = SP_SVC_SCTP, 65536;
	case 1:
		return *ret_base = SP_SVC_ICMP, 256;
	case 58:
		return *ret_base = SP_SVC_ICMP6, 256;
	default:
		return 0;
	}
}

static int add_service(struct sweep *sweep, uint32_t rule, const struct sp_service *service)
{
	uint32_t base = 0, count;
	int r;

	switch (service->kind) {
	case SP_SERVICE_PORTS:
		if (!protocol_slots(service->proto, &base))
			return -EINVAL;
		break;
	case SP_SERVICE_ICMP:
		base = SP_SVC_ICMP;
		break;
	case SP_SERVICE_ICMP6:
		base = SP_SVC_ICMP6;
		break;
	case SP_SERVICE_PROTO:
		/* all its ports or types, and the bare number: of ICMP inside IPv6 no type is
		 * read */
		count = protocol_slots(service->proto, &base);
		r = count ? add_range(sweep, rule, base, base + count - 1) : 0;
		if (r < 0)
			return r;
		return add_range(sweep, rule, SP_SVC_PROTO + service->proto,
				 SP_SVC_PROTO + service->proto);
	}
	return add_range(sweep, rule, base + service->from, base + service->to);
}

static int collect_edges(struct sweep *sweep, const struct sp_policy *policy)
{
	for (uint32_t i = 0; i < policy->rule_count; i++) {
		const struct sp_rule *rule = &policy->rules[i];

		if (rule->service_count == 0)
			sp_bits_set(sweep->set, i);
		for (size_t n = 0; n < rule->service_count; n++) {
			int r = add_service(sweep, i, &rule->services[n]);

			if (r < 0)
				return r;
		}
	}
	return 0;
}

static int compare_edges(const void *left, const void *right)
{
	const struct edge *a = left, *b = right;

	return (a->slot > b->slot) - (a->slot < b->slot);
}

/* Pass an edge of a service. Services of one rule may overlap: the rule matches while at least one
 * is open. The order of edges within a slot does not matter: hits may pass below zero and come
 * back, since unsigned numbers wrap both ways. */
static void cross(struct sweep *sweep, const struct edge *edge)
{
	uint32_t *hits = &sweep->hits[edge->rule];
	bool before = *hits != 0;

	*hits += edge->starts ? 1 : UINT32_MAX;
	if (before != (*hits != 0))
		sp_bits_flip(sweep->set, edge->rule);
}

static int fill_slots(struct sp_tables *tables, struct sweep *sweep)
{
	size_t next = 0;
	uint32_t svcset = 0;

	for (uint32_t slot = 0; slot < SP_SVC_SLOTS; slot++) {
		size_t first = next;

		for (; next < sweep->edge_count && sweep->edges[next].slot == slot; next++)
			cross(sweep, &sweep->edges[next]);
		if (next > first || slot == 0) {
			int r = sp_rule_sets_intern(&tables->index->svcsets, sweep->set, &svcset);

			if (r < 0)
				return r;
		}
		tables->svc[slot] = (uint16_t)svcset;
	}
	tables->svcset_count = sp_rule_sets_count(&tables->index->svcsets);
	return 0;
}

static void sweep_done(struct sweep *sweep)
{
	free(sweep->edges);
	free(sweep->hits);
	free(sweep->set);
}

int sp_tables_compile_svc(struct sp_tables *tables)
{
	const struct sp_policy *policy = tables->index->policy;
	__sp_cleanup(sweep_done) struct sweep sweep = { 0 };
	int r;

	sweep.hits = calloc(policy->rule_count + 1, sizeof(*sweep.hits));
	sweep.set = sp_bits_new(tables->index->words);
	if (!sweep.hits || !sweep.set)
		return -ENOMEM;
	r = collect_edges(&sweep, policy);
	if (r < 0)
		return r;
	if (sweep.edge_count > 0)
		qsort(sweep.edges, sweep.edge_count, sizeof(*sweep.edges), compare_edges);
	return fill_slots(tables, &sweep);
}
