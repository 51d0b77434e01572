/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Where forwards lead: each address and port that one of them is about has a row with the rules of
 * its targets, and the forward's own. The address says in its dst row that there are such rows. */
#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "net/addr.h"
#include "policy/addresses/translation.h"
#include "tables/index.h"

static struct sp_prefix prefix_of(const struct sp_addr *addr)
{
	struct sp_prefix prefix = { .prefix_len = 128 };

	memcpy(prefix.addr, addr->b, sizeof(prefix.addr));
	return prefix;
}

static int compare_rows(const void *left, const void *right)
{
	const struct sp_dst_row *a = left, *b = right;

	return sp_prefix_compare(&a->prefix, &b->prefix);
}

/* Give the address a dst row of its own that says so. */
static int mark_address(struct sp_tables *tables, const struct sp_addr *addr)
{
	const struct sp_prefix prefix = prefix_of(addr);
	const struct sp_dst around = *sp_tables_find_dst(tables, addr);
	struct sp_dst_row *row;

	for (size_t i = 0; i < tables->dst_count; i++) {
		if (sp_prefix_compare(&tables->dst[i].prefix, &prefix) != 0)
			continue;
		tables->dst[i].value.flags |= SP_DST_FORWARD;
		return 0;
	}
	row = SP_ARRAY_PUSH(tables->dst, tables->dst_count);
	if (!row)
		return -ENOMEM;
	*row = (struct sp_dst_row){ prefix, { around.netset, around.flags | SP_DST_FORWARD } };
	qsort(tables->dst, tables->dst_count, sizeof(*tables->dst), compare_rows);
	return 0;
}

/* Into @set: the denials about any of the targets, and the allows about all of them. Which target a
 * connection goes to is chosen behind the judge, so an answer has to hold for each. */
static void add_rules_of_targets(const struct sp_tables *tables, const struct sp_forward *forward,
				 uint64_t *set)
{
	struct sp_tables_index *index = tables->index;

	for (size_t i = 0; i < index->policy->rule_count; i++) {
		size_t about = 0;

		for (size_t n = 0; n < forward->target_count; n++) {
			const struct sp_dst *dst = sp_tables_find_dst(tables, &forward->targets[n]);

			about += sp_bits_test(sp_rule_sets_get(&index->netsets, dst->netset), i);
		}
		if (about == forward->target_count ||
		    (about && index->policy->rules[i].kind == SP_RULE_DENY))
			sp_bits_set(set, i);
	}
}

/* The rules about the targets, and those that name the entry. */
static int netset_of(const struct sp_tables *tables, uint32_t nat, uint32_t *ret_netset)
{
	struct sp_tables_index *index = tables->index;
	const struct sp_policy *policy = index->policy;
	__sp_free uint64_t *set = sp_bits_new(index->words);

	if (!set)
		return -ENOMEM;
	add_rules_of_targets(tables, &policy->nats[nat].forward, set);
	for (size_t i = 0; i < policy->rule_count; i++)
		for (size_t n = 0; n < policy->rules[i].to_count; n++)
			if (policy->rules[i].to[n].kind == SP_TO_NAT &&
			    policy->rules[i].to[n].index == nat)
				sp_bits_set(set, i);
	return sp_rule_sets_intern(&index->netsets, set, ret_netset);
}

static bool has_row(const struct sp_tables *tables, const struct sp_fwd_key *key)
{
	for (size_t i = 0; i < tables->fwd_count; i++)
		if (memcmp(&tables->fwd[i].key, key, sizeof(*key)) == 0)
			return true;
	return false;
}

static int add_row(struct sp_tables *tables, const struct sp_forward *forward,
		   const struct sp_addr *addr, uint32_t netset)
{
	const struct sp_fwd_key key = { .to = *addr,
					.port_be = htobe16(forward->port),
					.proto = forward->proto };
	struct sp_fwd_row *row;

	if (has_row(tables, &key))
		return 0; /* the first entry in the file has it */
	if (tables->fwd_count == SP_TABLES_FWD_MAX)
		return -E2BIG;
	row = SP_ARRAY_PUSH(tables->fwd, tables->fwd_count);
	if (!row)
		return -ENOMEM;
	row->key = key;
	row->value = (struct sp_fwd){ .netset = netset, .port_be = htobe16(forward->target_port) };
	return mark_address(tables, addr);
}

static int add_forward(struct sp_tables *tables, uint32_t nat)
{
	const struct sp_forward *forward = &tables->index->policy->nats[nat].forward;
	__sp_free struct sp_addr *addrs = NULL;
	uint32_t netset;
	size_t count;
	int r = sp_forward_list(forward, tables->index->gateway, &addrs, &count);

	if (r == 0)
		r = netset_of(tables, nat, &netset);
	for (size_t i = 0; r == 0 && i < count; i++)
		r = add_row(tables, forward, &addrs[i], netset);
	return r;
}

int sp_tables_compile_forwards(struct sp_tables *tables)
{
	const struct sp_policy *policy = tables->index->policy;
	int r = 0;

	for (size_t i = 0; i < policy->nat_count && r == 0; i++)
		if (policy->nats[i].kind == SP_NAT_FORWARD)
			r = add_forward(tables, (uint32_t)i);
	return r;
}
