/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "policy/compare.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "policy/times/timezone.h"

static bool same_text(const char *a, const char *b)
{
	return a && b ? !strcmp(a, b) : a == b;
}

static bool same_prefixes(const struct sp_prefix *a, size_t a_count, const struct sp_prefix *b,
			  size_t b_count)
{
	if (a_count != b_count)
		return false;
	for (size_t i = 0; i < a_count; i++)
		if (a[i].prefix_len != b[i].prefix_len ||
		    memcmp(a[i].addr, b[i].addr, sizeof(a[i].addr)) != 0)
			return false;
	return true;
}

static bool same_network(const struct sp_network *a, const struct sp_network *b)
{
	return same_text(a->name, b->name) &&
	       same_prefixes(a->in, a->in_count, b->in, b->in_count) &&
	       same_prefixes(a->except, a->except_count, b->except, b->except_count);
}

/* Two rules, each with its policy. */
struct pair {
	const struct sp_policy *before, *after;
	const struct sp_rule *was, *is;
};

static bool same_people(const struct pair *pair, uint32_t was, uint32_t is)
{
	const struct sp_people_list *a = &pair->before->people[was];
	const struct sp_people_list *b = &pair->after->people[is];

	if (!same_text(a->name, b->name) || a->count != b->count)
		return false;
	for (size_t i = 0; i < a->count; i++)
		if (!same_text(a->items[i].user, b->items[i].user) ||
		    !same_text(a->items[i].idp, b->items[i].idp))
			return false;
	return true;
}

static bool same_match(const struct pair *pair, const struct sp_role_match *a,
		       const struct sp_role_match *b)
{
	if (a->kind != b->kind)
		return false;
	if (a->kind == SP_MATCH_PEOPLE)
		return same_people(pair, a->people, b->people);
	return same_text(a->idp, b->idp) && same_text(a->group, b->group) &&
	       same_text(a->user, b->user) &&
	       !memcmp(a->peer_key, b->peer_key, sizeof(a->peer_key));
}

static bool same_role(const struct pair *pair, uint32_t was, uint32_t is)
{
	const struct sp_role *a = &pair->before->roles[was], *b = &pair->after->roles[is];

	if (strcmp(a->name, b->name) != 0 || a->match_count != b->match_count)
		return false;
	for (size_t i = 0; i < a->match_count; i++)
		if (!same_match(pair, &a->matches[i], &b->matches[i]))
			return false;
	return true;
}

static bool same_from(const struct pair *pair)
{
	for (size_t i = 0; i < pair->is->from_count; i++) {
		const struct sp_from *a = &pair->was->from[i], *b = &pair->is->from[i];

		if (a->kind != b->kind)
			return false;
		if (a->kind == SP_FROM_ROLE && !same_role(pair, a->index, b->index))
			return false;
		if (a->kind == SP_FROM_PEOPLE && !same_people(pair, a->index, b->index))
			return false;
		if (a->kind == SP_FROM_NETWORK && !same_network(&pair->before->networks[a->index],
								&pair->after->networks[b->index]))
			return false;
		if (a->kind == SP_FROM_USER &&
		    (!same_text(a->user, b->user) || !same_text(a->idp, b->idp)))
			return false;
	}
	return true;
}

static bool same_to(const struct pair *pair)
{
	for (size_t i = 0; i < pair->is->to_count; i++) {
		const struct sp_to *a = &pair->was->to[i], *b = &pair->is->to[i];

		if (a->kind != b->kind)
			return false;
		if (a->kind == SP_TO_ROLE && !same_role(pair, a->index, b->index))
			return false;
		if (a->kind == SP_TO_PEOPLE && !same_people(pair, a->index, b->index))
			return false;
		if (a->kind == SP_TO_NETWORK && !same_network(&pair->before->networks[a->index],
							      &pair->after->networks[b->index]))
			return false;
	}
	return true;
}

static bool same_services(const struct sp_rule *a, const struct sp_rule *b)
{
	for (size_t i = 0; i < a->service_count; i++)
		if (a->services[i].kind != b->services[i].kind ||
		    a->services[i].proto != b->services[i].proto ||
		    a->services[i].from != b->services[i].from ||
		    a->services[i].to != b->services[i].to)
			return false;
	return true;
}

static bool same_limit(const struct pair *pair)
{
	const struct sp_limit *a = sp_policy_limit(pair->before, pair->was);
	const struct sp_limit *b = sp_policy_limit(pair->after, pair->is);

	if (!a || !b)
		return a == b;
	return !strcmp(a->name, b->name) && a->unit == b->unit && a->rate == b->rate &&
	       a->period_s == b->period_s && a->burst == b->burst && a->key == b->key &&
	       a->source_bits == b->source_bits;
}

/* The clocks are the same where they have the same name. */
static bool same_time(const struct sp_rule *a, const struct sp_rule *b)
{
	if (a->expires_s != b->expires_s || !a->when != !b->when)
		return false;
	return !a->when ||
	       (a->when->days == b->when->days && a->when->from_min == b->when->from_min &&
		a->when->to_min == b->when->to_min &&
		same_text(sp_timezone_name(a->when->zone), sp_timezone_name(b->when->zone)));
}

static bool same_rule(const struct pair *pair)
{
	const struct sp_rule *a = pair->was, *b = pair->is;

	return a->kind == b->kind && a->log == b->log && a->from_count == b->from_count &&
	       a->to_count == b->to_count && a->service_count == b->service_count &&
	       same_text(a->reason, b->reason) && same_time(a, b) && same_services(a, b) &&
	       same_from(pair) && same_to(pair) && same_limit(pair);
}

static int compare_names(const void *a, const void *b)
{
	const struct sp_rule *const *left = a, *const *right = b;

	return strcmp((*left)->name, (*right)->name);
}

/* NULL: out of memory. */
static const struct sp_rule **by_name(const struct sp_policy *policy)
{
	const struct sp_rule **rules = calloc(policy->rule_count + 1, sizeof(*rules));

	for (size_t i = 0; rules && i < policy->rule_count; i++)
		rules[i] = &policy->rules[i];
	if (rules)
		qsort(rules, policy->rule_count, sizeof(*rules), compare_names);
	return rules;
}

int sp_policy_compare(const struct sp_policy *before, const struct sp_policy *after,
		      struct sp_policy_change *ret_change)
{
	static const struct sp_policy none;
	struct sp_policy_change change = { 0 };
	__sp_free const struct sp_rule **was = by_name(before ? before : &none);
	__sp_free const struct sp_rule **is = by_name(after);
	struct pair pair = { .before = before, .after = after };
	size_t at = 0;

	if (!was || !is)
		return -ENOMEM;
	for (size_t i = 0; i < after->rule_count; i++) {
		while (was[at] && strcmp(was[at]->name, is[i]->name) < 0)
			at++, change.removed++;
		pair.is = is[i];
		pair.was = was[at] && !strcmp(was[at]->name, is[i]->name) ? was[at++] : NULL;
		change.added += !pair.was;
		change.unchanged += pair.was && same_rule(&pair);
		change.changed += pair.was && !same_rule(&pair);
	}
	for (; was[at]; at++)
		change.removed++;
	*ret_change = change;
	return 0;
}
