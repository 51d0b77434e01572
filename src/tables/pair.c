/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Pairs, profiles and verdicts. A pair of a class and a network set has the rules that are in both.
 * That set of rules is a profile, which has one verdict for each service set. */
#include "tables/index.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "policy/times/schedule.h"

/* ---- verdicts ---- */

/* Rules of one kind that match: the first in the file, and whether some of them log, or have no
 * limit. */
struct found {
	size_t first; /* SIZE_MAX: none */
	uint64_t log_new, log_all, unlimited;
};

static void find(struct found *found, const struct sp_rule_masks *masks, size_t word,
		 uint64_t rules)
{
	if (!rules)
		return;
	if (found->first == SIZE_MAX)
		found->first = word * 64 + (size_t)__builtin_ctzll(rules);
	found->log_new |= rules & masks->log_new[word];
	found->log_all |= rules & masks->log_all[word];
	found->unlimited |= rules & ~masks->limited[word];
}

static struct sp_verdict verdict_of(const struct sp_tables_index *index, const struct found *found,
				    enum sp_verdict_action action)
{
	static const uint8_t reason[] = {
		[SP_RULE_ALLOW] = SP_REASON_POLICY,
		[SP_RULE_DENY] = SP_REASON_POLICY,
		[SP_RULE_EXPOSE] = SP_REASON_EXPOSE,
		[SP_RULE_PROTECT] = SP_REASON_PROTECT,
	};
	const struct sp_rule *rule = &index->policy->rules[found->first];

	return (struct sp_verdict){
		.action = (uint8_t)action,
		.reason = reason[rule->kind],
		.log = found->log_all   ? SP_LOG_ALL
		       : found->log_new ? SP_LOG_NEW
					: SP_LOG_NONE,
		.rule = rule->number,
		.audit_rule = SP_RULE_NONE,
		.limit = found->unlimited ? 0 : index->rule_limit[found->first],
	};
}

static struct sp_verdict default_of(const struct sp_tables_index *index)
{
	return (struct sp_verdict){
		.action = SP_DENY,
		.reason = SP_REASON_DEFAULT,
		.log = index->policy->settings.is_default_silent ? SP_LOG_NONE : SP_LOG_ALL,
		.rule = SP_RULE_DEFAULT,
		.audit_rule = SP_RULE_NONE,
	};
}

/* One cell of the verdicts: the rules that are in both sets. */
struct cell {
	const struct sp_tables_index *index;
	const uint64_t *profile, *svcset;
	const uint32_t *word; /* the places where the profile is not empty */
	size_t word_count;
};

/* Those of @rules, a word of a set, that are in force at an instant. */
static uint64_t in_force(const struct sp_tables_index *index, size_t word, uint64_t rules,
			 int64_t at_s)
{
	const struct sp_rule *first = index->policy->rules + word * 64;

	for (uint64_t timed = rules & index->masks.timed[word]; timed; timed &= timed - 1) {
		const int n = __builtin_ctzll(timed);

		if (!sp_rule_is_in_force(&first[n], at_s))
			rules &= ~(UINT64_C(1) << n);
	}
	return rules;
}

/* Note in @verdict, which the other rules made, what those in audit would have said: a deny of theirs
 * wins over every rule, an allow over the default alone. What would have been another answer has a
 * record, unless the rules in audit want none. */
static void note_audit(const struct sp_tables_index *index, const struct found *deny,
		       const struct found *allow, struct sp_verdict *verdict)
{
	const bool is_denied = verdict->action == SP_DENY && verdict->reason != SP_REASON_DEFAULT;
	const struct found *found = deny->first != SIZE_MAX ? deny : allow;

	if (found->first == SIZE_MAX || (found == allow && is_denied))
		return;
	verdict->would = found == deny ? SP_WOULD_DENY : SP_WOULD_ALLOW;
	verdict->audit_rule = index->policy->rules[found->first].number;
	if (!found->log_new)
		return;
	verdict->would |= SP_WOULD_LOGGED;
	if ((found == deny) == (verdict->action == SP_DENY))
		return;
	if (verdict->action == SP_DENY)
		verdict->log = SP_LOG_ALL;
	else if (verdict->log == SP_LOG_NONE)
		verdict->log = SP_LOG_NEW;
}

/* What the cell's rules say at an instant: protect, else deny, else allow or expose, else the
 * default. */
static struct sp_verdict decide(const struct cell *cell, int64_t at_s)
{
	const struct sp_tables_index *index = cell->index;
	const struct sp_rule_masks *masks = &index->masks;
	struct found protect = { SIZE_MAX, 0, 0, 0 }, deny = protect, allow = protect;
	struct found audit_deny = protect, audit_allow = protect;
	struct sp_verdict verdict;

	for (size_t i = 0; i < cell->word_count; i++) {
		uint32_t w = cell->word[i];
		uint64_t rules = in_force(index, w, cell->profile[w] & cell->svcset[w], at_s);

		if (!rules)
			continue;
		find(&protect, masks, w, rules & masks->protect[w]);
		find(&deny, masks, w, rules & masks->deny[w]);
		find(&allow, masks, w, rules & masks->allow[w]);
		find(&audit_deny, masks, w, rules & masks->audit_deny[w]);
		find(&audit_allow, masks, w, rules & masks->audit[w] & ~masks->audit_deny[w]);
	}
	if (protect.first != SIZE_MAX)
		return verdict_of(index, &protect, SP_ALLOW);
	verdict = deny.first != SIZE_MAX    ? verdict_of(index, &deny, SP_DENY)
		  : allow.first != SIZE_MAX ? verdict_of(index, &allow, SP_ALLOW)
					    : default_of(index);
	note_audit(index, &audit_deny, &audit_allow, &verdict);
	return verdict;
}

/* The first instant after @after_s at which one of the cell's rules comes into force or goes out of
 * it. */
static int64_t next_edge(const struct cell *cell, int64_t after_s)
{
	const struct sp_tables_index *index = cell->index;
	int64_t next_s = INT64_MAX;

	for (size_t i = 0; i < cell->word_count; i++) {
		uint32_t w = cell->word[i];
		uint64_t timed = cell->profile[w] & cell->svcset[w] & index->masks.timed[w];

		for (; timed; timed &= timed - 1) {
			const size_t n = w * 64 + (size_t)__builtin_ctzll(timed);
			const int64_t edge_s =
				sp_moment_next(&index->moment, &index->policy->rules[n], after_s);

			if (edge_s < next_s)
				next_s = edge_s;
		}
	}
	return next_s;
}

/* The end of what is known of the cell: of the hours of its rules that decide. INT64_MAX: it has
 * none. */
static int64_t known_until(const struct cell *cell)
{
	const struct sp_tables_index *index = cell->index;

	for (size_t i = 0; i < cell->word_count; i++) {
		uint32_t w = cell->word[i];
		uint64_t timed = cell->profile[w] & cell->svcset[w] & index->masks.timed[w] &
				 ~index->masks.audit[w];

		for (; timed; timed &= timed - 1)
			if (index->policy->rules[w * 64 + (size_t)__builtin_ctzll(timed)].when)
				return index->facts.now_s + SP_MOMENT_AHEAD_S;
	}
	return INT64_MAX;
}

static bool is_same(const struct sp_verdict *a, const struct sp_verdict *b)
{
	return a->action == b->action && a->reason == b->reason && a->log == b->log &&
	       a->rule == b->rule && a->limit == b->limit && a->would == b->would &&
	       a->audit_rule == b->audit_rule;
}

/* A moment after that of the facts, as boot time. One too far for that is never. */
static uint64_t to_boot_ns(const struct sp_facts *facts, int64_t at_s)
{
	uint64_t ns, boot_ns;

	if (__builtin_mul_overflow((uint64_t)(at_s - facts->now_s), UINT64_C(1000000000), &ns) ||
	    __builtin_add_overflow(facts->now_boot_ns, ns, &boot_ns))
		return 0;
	return boot_ns;
}

/* The verdict at the moment of the facts. An allow that would become a deny, or of which nobody
 * knows, is not to be taken from then on; a deny stays one until there are tables of a later
 * moment. */
static struct sp_verdict decide_from_now(struct sp_tables *tables, const struct cell *cell)
{
	const struct sp_facts *facts = &cell->index->facts;
	struct sp_verdict verdict = decide(cell, facts->now_s);
	const int64_t until_s = known_until(cell);
	int64_t at_s = next_edge(cell, facts->now_s);

	for (; at_s < until_s; at_s = next_edge(cell, at_s)) {
		const struct sp_verdict later = decide(cell, at_s);

		if (is_same(&later, &verdict))
			continue;
		if (at_s < tables->next_edge_s)
			tables->next_edge_s = at_s;
		if (verdict.action == SP_DENY || later.action == SP_DENY)
			break;
	}
	if (at_s > until_s)
		at_s = until_s;
	if (verdict.action == SP_ALLOW && verdict.reason != SP_REASON_PROTECT && at_s != INT64_MAX)
		verdict.not_after_ns = to_boot_ns(facts, at_s);
	return verdict;
}

static int make_verdict_room(struct sp_tables *tables, size_t profiles)
{
	size_t room = tables->index->verdict_room;
	struct sp_verdict *verdict;

	if (profiles <= room)
		return 0;
	while (room < profiles)
		room = room ? room * 2 : 4;
	verdict = reallocarray(tables->verdict, room, tables->svcset_count * sizeof(*verdict));
	if (!verdict)
		return -ENOMEM;
	tables->verdict = verdict;
	tables->index->verdict_room = room;
	return 0;
}

/* Find or add a profile. A new profile gets its verdicts. After a failure nothing was added. */
static int add_profile(struct sp_tables *tables, const uint64_t *rules, uint32_t *ret_profile)
{
	struct sp_tables_index *index = tables->index;
	__sp_free uint32_t *word = NULL;
	struct sp_verdict *verdict;
	size_t word_count = 0;
	uint32_t profile;
	int r;

	r = sp_rule_sets_intern(&index->profiles, rules, &profile);
	if (r < 0)
		return r;
	if (profile < tables->profile_count) {
		*ret_profile = profile;
		return 0;
	}
	r = (uint64_t)(profile + 1) * tables->svcset_count > SP_TABLES_VERDICT_MAX
		    ? -E2BIG
		    : make_verdict_room(tables, profile + 1);
	word = calloc(index->words, sizeof(*word));
	if (r == 0 && !word)
		r = -ENOMEM;
	if (r < 0) {
		sp_rule_sets_truncate(&index->profiles, profile);
		return r;
	}
	for (uint32_t w = 0; w < index->words; w++)
		if (rules[w])
			word[word_count++] = w;
	verdict = tables->verdict + (size_t)profile * tables->svcset_count;
	for (uint32_t s = 0; s < tables->svcset_count; s++) {
		const struct cell cell = { index, rules, sp_rule_sets_get(&index->svcsets, s), word,
					   word_count };

		verdict[s] = decide_from_now(tables, &cell);
	}
	tables->profile_count = profile + 1;
	*ret_profile = profile;
	return 0;
}

/* ---- pairs ---- */

static uint64_t hash_pair(uint32_t class_id, uint32_t netset)
{
	uint64_t hash = ((uint64_t)class_id << 32 | netset) * UINT64_C(0xff51afd7ed558ccd);

	return hash ^ hash >> 32;
}

uint32_t sp_tables_find_pair(const struct sp_tables *tables, uint32_t class_id, uint32_t netset)
{
	const struct sp_chains *pairs = &tables->index->pairs;
	uint32_t n = sp_chains_first(pairs, hash_pair(class_id, netset));

	for (; n != SP_CHAIN_END; n = sp_chains_next(pairs, n))
		if (tables->pair[n].key.class_id == class_id &&
		    tables->pair[n].key.netset == netset)
			break;
	return n;
}

static int push_pair(struct sp_tables *tables, uint32_t class_id, uint32_t netset, uint32_t profile)
{
	struct sp_pair_row *row;
	int r;

	if (tables->pair_count >= SP_TABLES_PAIR_MAX)
		return -E2BIG;
	r = sp_chains_add(&tables->index->pairs, hash_pair(class_id, netset));
	if (r < 0)
		return r;
	row = SP_ARRAY_PUSH(tables->pair, tables->pair_count);
	if (!row) {
		sp_chains_truncate(&tables->index->pairs, (uint32_t)tables->pair_count);
		return -ENOMEM;
	}
	*row = (struct sp_pair_row){ { class_id, netset }, profile };
	return 0;
}

int sp_tables_add_pair(struct sp_tables *tables, uint32_t class_id, uint32_t netset)
{
	struct sp_tables_index *index = tables->index;
	const uint64_t *from = sp_rule_sets_get(&index->classes, class_id);
	const uint64_t *to = sp_rule_sets_get(&index->netsets, netset);
	uint64_t any = 0;
	uint32_t profile;
	int r;

	for (size_t i = 0; i < index->words; i++)
		any |= index->common[i] = from[i] & to[i];
	if (!any)
		return 0;
	r = add_profile(tables, index->common, &profile);
	return r < 0 ? r : push_pair(tables, class_id, netset, profile);
}

/* ---- all pairs of a compilation ---- */

/* For each rule, the network sets that it is in: `words` words of bits a rule. */
struct reach {
	size_t words;
	uint64_t *bits;
	/* the network sets of all allows and denies from any, since most classes have all of
	 * those */
	uint64_t *any;
	uint64_t *from_any; /* those rules */
};

static void reach_done(struct reach *reach)
{
	free(reach->bits);
	free(reach->any);
	free(reach->from_any);
}

static void reach_or(const struct reach *reach, uint64_t *into, size_t rule)
{
	const uint64_t *from = reach->bits + rule * reach->words;

	for (size_t i = 0; i < reach->words; i++)
		into[i] |= from[i];
}

static int reach_init(struct reach *reach, const struct sp_tables_index *index)
{
	size_t rules = index->words * 64;
	uint32_t netsets = sp_rule_sets_count(&index->netsets);

	reach->words = sp_bits_words(netsets);
	reach->bits = calloc(rules, reach->words * sizeof(*reach->bits));
	reach->any = sp_bits_new(reach->words);
	reach->from_any = sp_bits_new(index->words);
	if (!reach->bits || !reach->any || !reach->from_any)
		return -ENOMEM;
	for (size_t i = 0; i < index->words; i++)
		reach->from_any[i] = index->masks.from_any[i] & index->masks.decide[i];
	for (uint32_t n = 0; n < netsets; n++) {
		const uint64_t *set = sp_rule_sets_get(&index->netsets, n);

		for (size_t rule = sp_bits_next(set, index->words, 0); rule < rules;
		     rule = sp_bits_next(set, index->words, rule + 1))
			sp_bits_set(reach->bits + rule * reach->words, n);
	}
	for (size_t rule = sp_bits_next(reach->from_any, index->words, 0); rule < rules;
	     rule = sp_bits_next(reach->from_any, index->words, rule + 1))
		reach_or(reach, reach->any, rule);
	return 0;
}

/* Write the network sets with which this class has a rule in common into @netsets, as bits. */
static void reach_of_class(const struct reach *reach, const struct sp_tables_index *index,
			   const uint64_t *class_set, uint64_t *rest, uint64_t *netsets)
{
	const uint64_t *from_any = reach->from_any;
	bool has_any = true;

	for (size_t i = 0; i < index->words && has_any; i++)
		has_any = (class_set[i] & from_any[i]) == from_any[i];
	for (size_t i = 0; i < index->words; i++)
		rest[i] = has_any ? class_set[i] & ~from_any[i] : class_set[i];
	if (has_any)
		memcpy(netsets, reach->any, reach->words * sizeof(*netsets));
	else
		memset(netsets, 0, reach->words * sizeof(*netsets));
	for (size_t rule = sp_bits_next(rest, index->words, 0); rule < index->words * 64;
	     rule = sp_bits_next(rest, index->words, rule + 1))
		reach_or(reach, netsets, rule);
}

int sp_tables_compile_pairs(struct sp_tables *tables)
{
	struct sp_tables_index *index = tables->index;
	__sp_cleanup(reach_done) struct reach reach = { 0 };
	__sp_free uint64_t *rest = sp_bits_new(index->words);
	__sp_free uint64_t *netsets = NULL;
	uint32_t profile;
	int r;

	if (!rest)
		return -ENOMEM;
	r = add_profile(tables, rest, &profile); /* profile 0: no rule */
	if (r < 0)
		return r;
	r = reach_init(&reach, index);
	if (r < 0)
		return r;
	netsets = sp_bits_new(reach.words);
	if (!netsets)
		return -ENOMEM;
	for (uint32_t c = 0; c < sp_rule_sets_count(&index->classes); c++) {
		reach_of_class(&reach, index, sp_rule_sets_get(&index->classes, c), rest, netsets);
		for (size_t n = sp_bits_next(netsets, reach.words, 0); n < reach.words * 64;
		     n = sp_bits_next(netsets, reach.words, n + 1)) {
			r = sp_tables_add_pair(tables, c, (uint32_t)n);
			if (r < 0)
				return r;
		}
	}
	return 0;
}
