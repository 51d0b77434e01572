/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Classes and network sets of people: the rules whose `from` a session matches, and the rules whose
 * `to` matches a packet to the session. A new combination adds rows behind the others. */
#include "tables/index.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "net/addr.h"

/* One family of a session, as the rules see it. */
struct view {
	const struct sp_identity *identity;
	const struct sp_policy *policy;
	bool *has_network; /* by network: it holds the session's address */
};

static bool has_role(const struct sp_identity *identity, uint32_t role)
{
	for (size_t i = 0; i < identity->role_count; i++)
		if (identity->roles[i] == role)
			return true;
	return false;
}

/* Does a rule name this person? A person is a name at a provider: the same name at another provider
 * is another person. */
static bool is_user(const struct sp_identity *identity, const struct sp_from *from)
{
	return identity->user && identity->idp && from->idp &&
	       strcmp(identity->user, from->user) == 0 && strcmp(identity->idp, from->idp) == 0;
}

static bool is_of_list(const struct view *view, uint32_t people)
{
	return sp_people_has(&view->policy->people[people], view->identity->user,
			     view->identity->idp);
}

static bool from_matches(const struct view *view, const struct sp_from *from)
{
	switch (from->kind) {
	case SP_FROM_ANY:
		return true;
	case SP_FROM_ROLE:
		return has_role(view->identity, from->index);
	case SP_FROM_USER:
		return is_user(view->identity, from);
	case SP_FROM_NETWORK:
		return view->has_network[from->index];
	case SP_FROM_SIGNED_IN:
		return sp_identity_is_person(view->identity);
	case SP_FROM_SELF:
		return false; /* the gateway has no session */
	case SP_FROM_PEOPLE:
		return is_of_list(view, from->index);
	}
	return false;
}

static bool to_matches(const struct view *view, const struct sp_to *to)
{
	switch (to->kind) {
	case SP_TO_ANY:
		return true;
	case SP_TO_SELF:
		return false; /* an address of the gateway is no session's */
	case SP_TO_OWN_DEVICES:
		return false; /* but in the set for those of the same person: add_own */
	case SP_TO_ROLE:
		return has_role(view->identity, to->index);
	case SP_TO_NETWORK:
		return view->has_network[to->index];
	case SP_TO_SIGNED_IN:
		return sp_identity_is_person(view->identity);
	case SP_TO_PEOPLE:
		return is_of_list(view, to->index);
	case SP_TO_NAT:
		return false; /* no session is behind a netmap or a forward */
	}
	return false;
}

/* Collect the rules whose `from` matches. Expose entries are about the edge and protect entries
 * about addresses: neither depends on a person. */
static void collect_from(const struct view *view, uint64_t *set)
{
	for (size_t i = 0; i < view->policy->rule_count; i++) {
		const struct sp_rule *rule = &view->policy->rules[i];

		if (rule->kind != SP_RULE_ALLOW && rule->kind != SP_RULE_DENY)
			continue;
		for (size_t n = 0; n < rule->from_count; n++)
			if (from_matches(view, &rule->from[n]))
				sp_bits_set(set, i);
	}
}

static void collect_to(const struct view *view, uint64_t *set)
{
	for (size_t i = 0; i < view->policy->rule_count; i++) {
		const struct sp_rule *rule = &view->policy->rules[i];

		for (size_t n = 0; n < rule->to_count; n++)
			if (to_matches(view, &rule->to[n]))
				sp_bits_set(set, i);
	}
}

/* What matches besides when the sender is the receiver's person. */
static void add_own(const struct sp_tables_index *index, const struct view *view, uint64_t *to)
{
	if (!sp_identity_is_person(view->identity))
		return;
	for (size_t i = 0; i < index->words; i++)
		to[i] |= index->masks.to_own[i];
}

/* Numbers of one session, [0] IPv4, [1] IPv6. */
struct numbers {
	uint32_t class_id[2], netset[2], own_netset[2];
};

static int intern_family(struct sp_tables_index *index, struct view *view, unsigned family,
			 struct numbers *numbers)
{
	const struct sp_addr *addr = &view->identity->addresses[family];
	__sp_free uint64_t *from = sp_bits_new(index->words);
	__sp_free uint64_t *to = sp_bits_new(index->words);
	int r;

	if (!from || !to)
		return -ENOMEM;
	for (size_t n = 0; n < view->policy->network_count; n++)
		view->has_network[n] = sp_network_has(&view->policy->networks[n], addr);
	collect_from(view, from);
	collect_to(view, to);
	r = sp_rule_sets_intern(&index->classes, from, &numbers->class_id[family]);
	if (r == 0)
		r = sp_rule_sets_intern(&index->netsets, to, &numbers->netset[family]);
	add_own(index, view, to);
	return r < 0 ? r : sp_rule_sets_intern(&index->netsets, to, &numbers->own_netset[family]);
}

/* Add the pairs of every class from @class_id on and every network set from @netset on with all
 * others, each pair once. */
static int add_pairs(struct sp_tables *tables, uint32_t class_id, uint32_t netset)
{
	uint32_t classes = sp_rule_sets_count(&tables->index->classes);
	uint32_t netsets = sp_rule_sets_count(&tables->index->netsets);
	int r = 0;

	for (uint32_t c = class_id; c < classes; c++)
		for (uint32_t n = 0; n < netsets && r == 0; n++)
			r = sp_tables_add_pair(tables, c, n);
	for (uint32_t n = netset; n < netsets; n++)
		for (uint32_t c = 0; c < class_id && r == 0; c++)
			r = sp_tables_add_pair(tables, c, n);
	return r;
}

static int add_rows(struct sp_tables *tables, const struct sp_identity *identity,
		    struct numbers *numbers)
{
	struct sp_tables_index *index = tables->index;
	struct view view = { .identity = identity, .policy = index->policy };
	__sp_free bool *has_network = calloc(view.policy->network_count + 1, sizeof(bool));
	int r = 0;

	if (!has_network)
		return -ENOMEM;
	view.has_network = has_network;
	for (unsigned family = 0; family < 2 && r == 0; family++)
		if (identity->has_address[family])
			r = intern_family(index, &view, family, numbers);
	return r < 0 ? r : add_pairs(tables, tables->class_count, tables->netset_count);
}

/* Undo what was added beyond the counts of @tables and beyond @pairs and @profiles. */
static void take_back(struct sp_tables *tables, size_t pairs, uint32_t profiles)
{
	struct sp_tables_index *index = tables->index;

	sp_rule_sets_truncate(&index->classes, tables->class_count);
	sp_rule_sets_truncate(&index->netsets, tables->netset_count);
	sp_rule_sets_truncate(&index->profiles, profiles);
	sp_chains_truncate(&index->pairs, (uint32_t)pairs);
	tables->profile_count = profiles;
	tables->pair_count = pairs;
}

int sp_tables_add_identity(struct sp_tables *tables, const struct sp_identity *identity,
			   uint32_t ret_class[2], uint32_t ret_netset[2],
			   uint32_t ret_own_netset[2])
{
	struct sp_tables_index *index = tables->index;
	size_t pairs = tables->pair_count;
	uint32_t profiles = tables->profile_count;
	struct numbers numbers = { 0 };
	int r;

	if (!index)
		return -EINVAL;
	r = add_rows(tables, identity, &numbers);
	if (r < 0) {
		take_back(tables, pairs, profiles);
		return r;
	}
	tables->class_count = sp_rule_sets_count(&index->classes);
	tables->netset_count = sp_rule_sets_count(&index->netsets);
	memcpy(ret_class, numbers.class_id, sizeof(numbers.class_id));
	memcpy(ret_netset, numbers.netset, sizeof(numbers.netset));
	if (ret_own_netset)
		memcpy(ret_own_netset, numbers.own_netset, sizeof(numbers.own_netset));
	return 0;
}
