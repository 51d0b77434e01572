/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "policy/compare.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "net/addr.h"
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

static bool same_source(const struct sp_network *a, const struct sp_network *b)
{
	if (a->host_count != b->host_count)
		return false;
	for (size_t i = 0; i < a->host_count; i++)
		if (!same_text(a->hosts[i], b->hosts[i]))
			return false;
	return a->kind == b->kind && same_text(a->file, b->file) && a->max_age_s == b->max_age_s &&
	       a->on_stale == b->on_stale && a->ttl_min_s == b->ttl_min_s;
}

static bool same_network(const struct sp_policy *before, const struct sp_network *a,
			 const struct sp_policy *after, const struct sp_network *b);

/* They go round nowhere, and part_total bounds them. */
static bool same_parts(const struct sp_policy *before, const uint32_t *a, size_t a_count,
		       const struct sp_policy *after, const uint32_t *b, size_t b_count)
{
	if (a_count != b_count)
		return false;
	for (size_t i = 0; i < a_count; i++)
		if (!same_network(before, &before->networks[a[i]], after, &after->networks[b[i]]))
			return false;
	return true;
}

static bool same_network(const struct sp_policy *before, const struct sp_network *a,
			 const struct sp_policy *after, const struct sp_network *b)
{
	return same_text(a->name, b->name) && same_source(a, b) &&
	       same_parts(before, a->parts, a->part_count, after, b->parts, b->part_count) &&
	       same_parts(before, a->except_parts, a->except_part_count, after, b->except_parts,
			  b->except_part_count) &&
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

	if (strcmp(a->name, b->name) != 0 || a->expires_s != b->expires_s ||
	    a->match_count != b->match_count)
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
		if (a->kind == SP_FROM_NETWORK &&
		    !same_network(pair->before, &pair->before->networks[a->index], pair->after,
				  &pair->after->networks[b->index]))
			return false;
		if (a->kind == SP_FROM_USER &&
		    (!same_text(a->user, b->user) || !same_text(a->idp, b->idp)))
			return false;
	}
	return true;
}

static bool same_netmap(const struct sp_netmap *a, const struct sp_netmap *b)
{
	return same_prefixes(&a->outside, 1, &b->outside, 1) &&
	       same_prefixes(&a->inside, 1, &b->inside, 1);
}

static bool same_targets(const struct sp_forward *a, const struct sp_forward *b)
{
	return a->target_count == b->target_count &&
	       !memcmp(a->targets, b->targets, a->target_count * sizeof(*a->targets));
}

/* Does it lead from and to the same addresses and ports? */
static bool same_forward(const struct sp_forward *a, const struct sp_forward *b)
{
	return same_text(a->interface, b->interface) && a->proto == b->proto &&
	       a->port == b->port && a->target_port == b->target_port &&
	       sp_addr_compare(&a->to, &b->to) == 0 && same_targets(a, b);
}

/* Does the entry, one that rules are about, lead to the same addresses? */
static bool same_way(const struct sp_nat *a, const struct sp_nat *b)
{
	if (a->kind != b->kind || !same_text(a->name, b->name))
		return false;
	return a->kind == SP_NAT_FORWARD ? same_forward(&a->forward, &b->forward)
					 : same_netmap(&a->netmap, &b->netmap);
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
		if (a->kind == SP_TO_NETWORK &&
		    !same_network(pair->before, &pair->before->networks[a->index], pair->after,
				  &pair->after->networks[b->index]))
			return false;
		if (a->kind == SP_TO_NAT &&
		    !same_way(&pair->before->nats[a->index], &pair->after->nats[b->index]))
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

	return a->kind == b->kind && a->is_audit == b->is_audit && a->log == b->log &&
	       a->from_count == b->from_count && a->to_count == b->to_count &&
	       a->service_count == b->service_count && same_text(a->reason, b->reason) &&
	       same_text(a->ticket, b->ticket) && same_time(a, b) && same_services(a, b) &&
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

/* One rule or two of one name; each NULL where there is none. */
static int tell(const struct pair *pair, sp_rule_change_fn each, void *arg)
{
	if (!pair->was)
		return each(arg, SP_RULE_ADDED, NULL, pair->is);
	if (!pair->is)
		return each(arg, SP_RULE_REMOVED, pair->was, NULL);
	return same_rule(pair) ? 0 : each(arg, SP_RULE_CHANGED, pair->was, pair->is);
}

int sp_policy_each_change(const struct sp_policy *old_policy, const struct sp_policy *new_policy,
			  sp_rule_change_fn each, void *arg)
{
	const struct sp_policy *before = old_policy ? sp_policy_text(old_policy) : NULL;
	const struct sp_policy *after = sp_policy_text(new_policy);
	static const struct sp_policy none;
	__sp_free const struct sp_rule **was = by_name(before ? before : &none);
	__sp_free const struct sp_rule **is = by_name(after);
	size_t old = 0, new = 0;
	int r = 0;

	if (!was || !is)
		return -ENOMEM;
	while (r == 0 && (was[old] || is[new])) {
		const int order = !was[old]  ? 1
				  : !is[new] ? -1
					     : strcmp(was[old]->name, is[new]->name);
		const struct pair pair = { .before = before,
					   .after = after,
					   .was = order <= 0 ? was[old++] : NULL,
					   .is = order >= 0 ? is[new ++] : NULL };

		r = tell(&pair, each, arg);
	}
	return r;
}

/* ---- translations ---- */

static bool same_networks(const struct sp_policy *before, const uint32_t *was, size_t was_count,
			  const struct sp_policy *after, const uint32_t *is, size_t is_count)
{
	if (was_count != is_count)
		return false;
	for (size_t i = 0; i < is_count; i++)
		if (!same_network(before, &before->networks[was[i]], after,
				  &after->networks[is[i]]))
			return false;
	return true;
}

static bool same_masquerade(const struct sp_policy *before, const struct sp_masquerade *a,
			    const struct sp_policy *after, const struct sp_masquerade *b)
{
	return same_text(a->out, b->out) && a->first_port == b->first_port &&
	       a->last_port == b->last_port &&
	       same_networks(before, a->from, a->from_count, after, b->from, b->from_count) &&
	       same_networks(before, a->to, a->to_count, after, b->to, b->to_count);
}

static bool same_nat(const struct sp_policy *before, const struct sp_nat *a,
		     const struct sp_policy *after, const struct sp_nat *b)
{
	if (a->kind != b->kind)
		return false;
	switch (a->kind) {
	case SP_NAT_MASQUERADE:
		return same_masquerade(before, &a->masquerade, after, &b->masquerade);
	case SP_NAT_NETMAP:
		return same_netmap(&a->netmap, &b->netmap);
	case SP_NAT_FORWARD:
		return same_forward(&a->forward, &b->forward) &&
		       a->forward.is_checked == b->forward.is_checked;
	}
	return false;
}

static const struct sp_nat *find_nat(const struct sp_policy *policy, const char *name)
{
	for (size_t i = 0; i < policy->nat_count; i++)
		if (!strcmp(policy->nats[i].name, name))
			return &policy->nats[i];
	return NULL;
}

/* The first entry that fits is taken: how many of those that both policies have stand before it? */
static size_t rank_of(const struct sp_nat *nat, const struct sp_policy *policy,
		      const struct sp_policy *other)
{
	size_t rank = 0;

	for (const struct sp_nat *one = policy->nats; one < nat; one++)
		rank += find_nat(other, one->name) != NULL;
	return rank;
}

int sp_policy_each_nat_change(const struct sp_policy *old_policy,
			      const struct sp_policy *new_policy, sp_nat_change_fn each, void *arg)
{
	const struct sp_policy *before = sp_policy_text(old_policy);
	const struct sp_policy *after = sp_policy_text(new_policy);
	int r = 0;

	for (size_t i = 0; i < after->nat_count && r == 0; i++) {
		const struct sp_nat *is = &after->nats[i];
		const struct sp_nat *was = find_nat(before, is->name);

		if (!was)
			r = each(arg, SP_RULE_ADDED, NULL, is);
		else if (!same_nat(before, was, after, is) ||
			 rank_of(was, before, after) != rank_of(is, after, before))
			r = each(arg, SP_RULE_CHANGED, was, is);
	}
	for (size_t i = 0; i < before->nat_count && r == 0; i++)
		if (!find_nat(after, before->nats[i].name))
			r = each(arg, SP_RULE_REMOVED, &before->nats[i], NULL);
	return r;
}

/* ---- roles, settings, the edge ---- */

static const struct sp_role *find_role(const struct sp_policy *policy, const char *name)
{
	for (size_t i = 0; i < policy->role_count; i++)
		if (!strcmp(policy->roles[i].name, name))
			return &policy->roles[i];
	return NULL;
}

static bool same_sessions(const struct sp_role *a, const struct sp_role *b)
{
	return a->max_s == b->max_s && a->idle_s == b->idle_s && a->warn_s == b->warn_s &&
	       a->max_devices == b->max_devices;
}

static int each_role(const struct sp_policy *before, const struct sp_policy *after,
		     sp_part_change_fn each, void *arg)
{
	const struct pair pair = { .before = before, .after = after };
	int r = 0;

	for (uint32_t i = 0; i < after->role_count && r == 0; i++) {
		const struct sp_role *is = &after->roles[i], *was = find_role(before, is->name);

		if (!was)
			r = each(arg, SP_RULE_ADDED, "role", is->name, &is->place);
		else if (!same_role(&pair, (uint32_t)(was - before->roles), i) ||
			 !same_sessions(was, is))
			r = each(arg, SP_RULE_CHANGED, "role", is->name, &is->place);
	}
	for (uint32_t i = 0; i < before->role_count && r == 0; i++)
		if (!find_role(after, before->roles[i].name))
			r = each(arg, SP_RULE_REMOVED, "role", before->roles[i].name,
				 &before->roles[i].place);
	return r;
}

int sp_policy_each_part_change(const struct sp_policy *old_policy,
			       const struct sp_policy *new_policy, sp_part_change_fn each,
			       void *arg)
{
	const struct sp_policy *before = sp_policy_text(old_policy);
	const struct sp_policy *after = sp_policy_text(new_policy);
	const struct sp_settings *was = &before->settings, *is = &after->settings;
	const struct {
		const char *kind, *name;
		bool is_same;
	} parts[] = {
		{ "setting", "self", was->self_needs_rules == is->self_needs_rules },
		{ "setting", "log-deny", was->is_default_silent == is->is_default_silent },
		{ "setting", "reject", was->reject == is->reject },
		{ "edge", "drop",
		  before->drop_bogons == after->drop_bogons &&
			  same_networks(before, before->drops, before->drop_count, after,
					after->drops, after->drop_count) },
		{ "edge", "trust",
		  same_networks(before, before->trusts, before->trust_count, after, after->trusts,
				after->trust_count) },
	};
	int r = each_role(before, after, each, arg);

	for (size_t i = 0; i < SP_ARRAY_LEN(parts) && r == 0; i++)
		if (!parts[i].is_same)
			r = each(arg, SP_RULE_CHANGED, parts[i].kind, parts[i].name, NULL);
	return r;
}

static int count_change(void *arg, enum sp_rule_change kind, const struct sp_rule *was,
			const struct sp_rule *is)
{
	struct sp_policy_change *change = arg;

	(void)was;
	(void)is;
	change->added += kind == SP_RULE_ADDED;
	change->removed += kind == SP_RULE_REMOVED;
	change->changed += kind == SP_RULE_CHANGED;
	return 0;
}

int sp_policy_compare(const struct sp_policy *before, const struct sp_policy *after,
		      struct sp_policy_change *ret_change)
{
	struct sp_policy_change change = { 0 };
	int r = sp_policy_each_change(before, after, count_change, &change);

	if (r < 0)
		return r;
	change.unchanged = after->rule_count - change.added - change.changed;
	*ret_change = change;
	return 0;
}
