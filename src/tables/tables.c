/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tables/tables.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "net/addr.h"
#include "policy/times/schedule.h"
#include "tables/index.h"

static void index_free(struct sp_tables_index *index)
{
	if (!index)
		return;
	free(index->mask_bits);
	free(index->rule_limit);
	free(index->common);
	sp_rule_sets_done(&index->classes);
	sp_rule_sets_done(&index->netsets);
	sp_rule_sets_done(&index->svcsets);
	sp_rule_sets_done(&index->profiles);
	sp_chains_done(&index->pairs);
	sp_moment_done(&index->moment);
	free(index);
}

void sp_tables_free(struct sp_tables *tables)
{
	if (!tables)
		return;
	free(tables->src);
	free(tables->dst);
	free(tables->fwd);
	free(tables->pair);
	free(tables->limit);
	free(tables->verdict);
	index_free(tables->index);
	free(tables);
}

SP_DEFINE_CLEANUP(struct sp_tables *, sp_tables_free);

/* ---- compile ---- */

static bool from_any(const struct sp_rule *rule)
{
	for (size_t i = 0; i < rule->from_count; i++)
		if (rule->from[i].kind == SP_FROM_ANY)
			return true;
	return false;
}

static bool to_kind(const struct sp_rule *rule, enum sp_to_kind kind)
{
	for (size_t i = 0; i < rule->to_count; i++)
		if (rule->to[i].kind == kind)
			return true;
	return false;
}

static void mask_rule(struct sp_rule_masks *masks, const struct sp_rule *rule, size_t n)
{
	switch (rule->kind) {
	case SP_RULE_ALLOW:
		sp_bits_set(masks->decide, n);
		sp_bits_set(rule->is_audit ? masks->audit : masks->allow, n);
		break;
	case SP_RULE_DENY:
		sp_bits_set(masks->decide, n);
		sp_bits_set(rule->is_audit ? masks->audit : masks->deny, n);
		if (rule->is_audit)
			sp_bits_set(masks->audit_deny, n);
		break;
	case SP_RULE_EXPOSE:
		sp_bits_set(masks->expose, n);
		sp_bits_set(masks->allow, n);
		break;
	case SP_RULE_PROTECT:
		sp_bits_set(masks->protect, n);
		break;
	}
	if (sp_rule_is_timed(rule))
		sp_bits_set(masks->timed, n);
	if (rule->log >= SP_LOG_NEW)
		sp_bits_set(masks->log_new, n);
	if (rule->log == SP_LOG_ALL)
		sp_bits_set(masks->log_all, n);
	if (rule->limit)
		sp_bits_set(masks->limited, n);
	if (from_any(rule))
		sp_bits_set(masks->from_any, n);
	if (to_kind(rule, SP_TO_ANY))
		sp_bits_set(masks->to_any, n);
	if (to_kind(rule, SP_TO_SELF))
		sp_bits_set(masks->to_self, n);
	if (to_kind(rule, SP_TO_OWN_DEVICES))
		sp_bits_set(masks->to_own, n);
}

static int make_masks(struct sp_tables_index *index)
{
	uint64_t **mask[SP_RULE_MASK_COUNT] = {
		&index->masks.decide,  &index->masks.deny,     &index->masks.allow,
		&index->masks.expose,  &index->masks.protect,  &index->masks.log_new,
		&index->masks.log_all, &index->masks.from_any, &index->masks.to_any,
		&index->masks.to_self, &index->masks.to_own,   &index->masks.limited,
		&index->masks.timed,   &index->masks.audit,    &index->masks.audit_deny,
	};

	index->mask_bits = sp_bits_new(SP_RULE_MASK_COUNT * index->words);
	index->common = sp_bits_new(index->words);
	if (!index->mask_bits || !index->common)
		return -ENOMEM;
	for (size_t i = 0; i < SP_RULE_MASK_COUNT; i++)
		*mask[i] = index->mask_bits + i * index->words;
	for (size_t n = 0; n < index->policy->rule_count; n++)
		mask_rule(&index->masks, &index->policy->rules[n], n);
	return 0;
}

/* Class 0, network set 0 and profile 0 are the empty sets. Service sets need no empty one. */
static int make_index(struct sp_tables *tables, const struct sp_policy *policy,
		      const struct sp_gateway *gateway, const struct sp_facts *facts)
{
	struct sp_tables_index *index = calloc(1, sizeof(*index));
	uint32_t empty;
	int r;

	tables->index = index;
	if (!index)
		return -ENOMEM;
	index->policy = policy;
	index->gateway = gateway;
	index->facts = *facts;
	index->words = sp_bits_words(policy->rule_count);
	sp_rule_sets_init(&index->classes, index->words, SP_TABLES_CLASS_MAX);
	sp_rule_sets_init(&index->netsets, index->words, SP_TABLES_NETSET_MAX);
	sp_rule_sets_init(&index->svcsets, index->words, SP_TABLES_SVCSET_MAX);
	sp_rule_sets_init(&index->profiles, index->words, SP_TABLES_VERDICT_MAX);
	r = sp_moment_init(&index->moment, policy, facts->now_s);
	if (r == 0)
		r = make_masks(index);
	if (r < 0)
		return r;
	r = sp_rule_sets_intern(&index->classes, index->common, &empty);
	return r < 0 ? r : sp_rule_sets_intern(&index->netsets, index->common, &empty);
}

static bool from_self(const struct sp_rule *rule)
{
	for (size_t i = 0; i < rule->from_count; i++)
		if (rule->from[i].kind == SP_FROM_SELF)
			return true;
	return false;
}

/* The rules that speak of what the gateway itself sends are a class like another. */
static int compile_self(struct sp_tables *tables)
{
	struct sp_tables_index *index = tables->index;
	__sp_free uint64_t *set = sp_bits_new(index->words);

	if (!set)
		return -ENOMEM;
	for (size_t n = 0; n < index->policy->rule_count; n++)
		if (from_self(&index->policy->rules[n]))
			sp_bits_set(set, n);
	if (index->policy->settings.self_needs_rules)
		tables->flags |= SP_TABLES_SELF_RULES;
	if (index->policy->settings.reject == SP_REJECT_ICMP)
		tables->flags |= SP_TABLES_REJECT_ICMP;
	if (index->policy->settings.reject == SP_REJECT_DROP)
		tables->flags |= SP_TABLES_REJECT_DROP;
	return sp_rule_sets_intern(&index->classes, set, &tables->self_class);
}

static bool is_numbered(const struct sp_policy *policy)
{
	for (size_t i = 0; i < policy->rule_count; i++)
		if (policy->rules[i].number == SP_RULE_DEFAULT ||
		    policy->rules[i].number >= SP_RULE_MAX)
			return false;
	return true;
}

int sp_tables_compile(const struct sp_policy *policy, const struct sp_gateway *gateway,
		      const struct sp_facts *facts, struct sp_tables **ret_tables)
{
	__sp_cleanup(sp_tables_freep) struct sp_tables *tables = NULL;
	int r;

	if (!is_numbered(policy))
		return -EINVAL;
	if (policy->rule_count >= SP_RULE_MAX)
		return -E2BIG;
	tables = calloc(1, sizeof(*tables));
	if (!tables)
		return -ENOMEM;
	memcpy(tables->generation, policy->generation, sizeof(tables->generation));
	tables->portal_port = gateway->portal_port;
	tables->next_edge_s = sp_policy_next_machine_expiry(policy, facts->now_s);
	tables->again_s = policy->schedule_count ? facts->now_s + SP_MOMENT_AGAIN_S : INT64_MAX;
	r = make_index(tables, policy, gateway, facts);
	if (r == 0)
		r = compile_self(tables);
	if (r == 0)
		r = sp_tables_compile_src(tables);
	if (r == 0)
		r = sp_tables_compile_dst(tables);
	if (r == 0)
		r = sp_tables_compile_translated(tables);
	if (r == 0)
		r = sp_tables_compile_forwards(tables);
	if (r == 0)
		r = sp_tables_compile_svc(tables);
	if (r == 0)
		r = sp_tables_compile_limits(tables);
	if (r == 0)
		r = sp_tables_compile_pairs(tables);
	if (r < 0)
		return r;
	tables->class_count = sp_rule_sets_count(&tables->index->classes);
	tables->netset_count = sp_rule_sets_count(&tables->index->netsets);
	*ret_tables = SP_TAKE_PTR(tables);
	return 0;
}

/* ---- look up ---- */

/* Rows sorted by address, then length; each starts with its prefix. */
struct rows {
	const uint8_t *first;
	size_t count, size;
};

static const struct sp_prefix *row_prefix(const struct rows *rows, size_t n)
{
	return (const struct sp_prefix *)(rows->first + n * rows->size);
}

static uint32_t common_bits(const struct sp_prefix *prefix, const struct sp_addr *addr)
{
	for (uint32_t i = 0; i < 16; i++) {
		unsigned differ = prefix->addr[i] ^ addr->b[i];

		if (differ)
			return i * 8 + (uint32_t)__builtin_clz(differ) - 24;
	}
	return 128;
}

/* The longest row that contains @addr. It is the last row that sorts at or before @addr. If that
 * row does not contain @addr, the rows between the two share no more bits with @addr than that row
 * does, so the search goes on with that many bits. */
static const void *longest(const struct rows *rows, const struct sp_addr *addr)
{
	struct sp_prefix want = { .prefix_len = 128 };
	size_t count = rows->count;

	memcpy(want.addr, addr->b, sizeof(want.addr));
	while (count > 0) {
		const struct sp_prefix *last;
		size_t low = 0;
		uint32_t shared;

		while (low < count) {
			size_t middle = low + (count - low) / 2;

			if (sp_prefix_compare(row_prefix(rows, middle), &want) <= 0)
				low = middle + 1;
			else
				count = middle;
		}
		if (count == 0)
			break;
		last = row_prefix(rows, count - 1);
		shared = common_bits(last, addr);
		if (shared >= last->prefix_len)
			return last;
		want.prefix_len = shared;
		memcpy(want.addr, addr->b, sizeof(want.addr));
		sp_prefix_mask(&want);
	}
	return NULL;
}

const struct sp_src *sp_tables_find_src(const struct sp_tables *tables, const struct sp_addr *addr)
{
	const struct rows rows = { (const uint8_t *)tables->src, tables->src_count,
				   sizeof(*tables->src) };
	const struct sp_src_row *row = longest(&rows, addr);

	return row ? &row->value : NULL;
}

const struct sp_dst *sp_tables_find_dst(const struct sp_tables *tables, const struct sp_addr *addr)
{
	const struct rows rows = { (const uint8_t *)tables->dst, tables->dst_count,
				   sizeof(*tables->dst) };
	const struct sp_dst_row *row = longest(&rows, addr);

	return row ? &row->value : NULL;
}

static int compare_key(const void *left, const void *right)
{
	const struct sp_pair_key *a = left;
	const struct sp_pair_key *b = &((const struct sp_pair_row *)right)->key;

	if (a->class_id != b->class_id)
		return a->class_id < b->class_id ? -1 : 1;
	return (a->netset > b->netset) - (a->netset < b->netset);
}

/* Find the profile of a pair. Tables that were read from .sptab have sorted pairs; tables that are
 * being compiled have chains. */
static uint32_t find_profile(const struct sp_tables *tables, uint32_t class_id, uint32_t netset)
{
	const struct sp_pair_key key = { class_id, netset };
	const struct sp_pair_row *row;

	if (tables->index) {
		uint32_t n = sp_tables_find_pair(tables, class_id, netset);

		return n == SP_CHAIN_END ? 0 : tables->pair[n].profile;
	}
	if (tables->pair_count == 0)
		return 0;
	row = bsearch(&key, tables->pair, tables->pair_count, sizeof(*row), compare_key);
	return row ? row->profile : 0;
}

const struct sp_verdict *sp_tables_find_verdicts(const struct sp_tables *tables, uint32_t class_id,
						 uint32_t netset)
{
	const size_t profile = find_profile(tables, class_id, netset);

	return &tables->verdict[profile * tables->svcset_count];
}

const struct sp_verdict *sp_tables_decide(const struct sp_tables *tables, uint32_t class_id,
					  uint32_t netset, uint32_t slot)
{
	return &sp_tables_find_verdicts(tables, class_id, netset)[tables->svc[slot]];
}
