/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config/reach.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/bits.h"
#include "base/cleanup.h"
#include "net/addr.h"
#include "policy/addresses/ranges.h"
#include "yaml/load.h"
#include "yaml/schema.h"

/* ---- which rules ---- */

void sp_reach_rules_done(struct sp_reach_rules *rules)
{
	free(rules->bits);
	*rules = (struct sp_reach_rules){ 0 };
}

bool sp_reach_rules_equal(const struct sp_reach_rules *a, const struct sp_reach_rules *b)
{
	return a->words == b->words && !memcmp(a->bits, b->bits, a->words * sizeof(*a->bits));
}

static bool has_role(const struct sp_identity *identity, uint32_t role)
{
	for (size_t i = 0; i < identity->role_count; i++)
		if (identity->roles[i] == role)
			return true;
	return false;
}

static bool is_from(const struct sp_policy *policy, const struct sp_from *from,
		    const struct sp_identity *identity)
{
	switch (from->kind) {
	case SP_FROM_ANY:
		return true;
	case SP_FROM_ROLE:
		return has_role(identity, from->index);
	case SP_FROM_USER:
		return identity->user && identity->idp && from->idp &&
		       !strcmp(identity->user, from->user) && !strcmp(identity->idp, from->idp);
	case SP_FROM_NETWORK:
		for (size_t family = 0; family < 2; family++)
			if (identity->has_address[family] &&
			    sp_network_has(&policy->networks[from->index],
					   &identity->addresses[family]))
				return true;
		return false;
	case SP_FROM_SIGNED_IN:
		return sp_identity_is_person(identity);
	case SP_FROM_SELF:
		return false;
	case SP_FROM_PEOPLE:
		return sp_people_has(&policy->people[from->index], identity->user, identity->idp);
	}
	return false;
}

int sp_reach_rules_of(const struct sp_policy *policy, const struct sp_identity *identity,
		      struct sp_reach_rules *ret_rules)
{
	const size_t words = sp_bits_words(policy->rule_count);
	uint64_t *bits = sp_bits_new(words);

	if (!bits)
		return -ENOMEM;
	for (size_t i = 0; i < policy->rule_count; i++) {
		const struct sp_rule *rule = &policy->rules[i];

		for (size_t n = 0; sp_rule_lets(rule) && n < rule->from_count; n++)
			if (is_from(policy, &rule->from[n], identity)) {
				sp_bits_set(bits, i);
				break;
			}
	}
	*ret_rules = (struct sp_reach_rules){ bits, words };
	return 0;
}

/* ---- which networks ---- */

struct list {
	struct sp_prefix *items;
	size_t count;
};

static void list_done(struct list *list)
{
	free(list->items);
}

static int push(struct list *list, const struct sp_prefix *prefix)
{
	struct sp_prefix *item = SP_ARRAY_PUSH(list->items, list->count);

	if (!item)
		return -ENOMEM;
	*item = *prefix;
	return 0;
}

static int push_address(struct list *list, const struct sp_addr *addr)
{
	struct sp_prefix host = { .prefix_len = 128 };

	memcpy(host.addr, addr->b, sizeof(host.addr));
	return push(list, &host);
}

static bool is_named(char *const *names, size_t count, const char *name)
{
	for (size_t i = 0; name && i < count; i++)
		if (!strcmp(names[i], name))
			return true;
	return false;
}

/* Does vpn.routes let a network into tunnels? "internet" and "any" only count if they are
 * listed. */
static bool is_routed(const struct sp_machine *machine, const struct sp_network *network)
{
	const bool is_said = machine && machine->route_name_count;

	return is_said ? is_named(machine->routes, machine->route_name_count, network->name)
		       : !network->is_builtin;
}

/* Mark the networks that are a destination of those rules. [network_count] stands for "any": the
 * internet, and every network that is a destination of somebody. The entry behind it is "self". */
static void mark_destinations(const struct sp_policy *policy, const uint64_t *bits, bool *marks)
{
	for (size_t i = 0; i < policy->rule_count; i++) {
		const struct sp_rule *rule = &policy->rules[i];

		if (!sp_rule_lets(rule) || (bits && !sp_bits_test(bits, i)))
			continue;
		for (size_t n = 0; n < rule->to_count; n++) {
			if (rule->to[n].kind == SP_TO_NETWORK)
				marks[rule->to[n].index] = true;
			else if (rule->to[n].kind == SP_TO_ANY)
				marks[policy->network_count] = true;
			else if (rule->to[n].kind == SP_TO_SELF)
				marks[policy->network_count + 1] = true;
		}
	}
}

static bool *find_destinations(const struct sp_policy *policy, const struct sp_machine *machine,
			       const struct sp_reach_rules *rules)
{
	bool *marks = calloc(policy->network_count + 2, sizeof(*marks));

	if (!marks)
		return NULL;
	mark_destinations(policy, rules->bits, marks);
	if (!marks[policy->network_count])
		return marks;
	mark_destinations(policy, NULL, marks);
	marks[policy->internet] = true;
	for (size_t i = 0; machine && i < policy->network_count; i++)
		marks[i] |= is_named(machine->routes, machine->route_name_count,
				     policy->networks[i].name);
	return marks;
}

static int push_network(struct list *list, const struct sp_network *network)
{
	__sp_cleanup(sp_ranges_done) struct sp_ranges ranges = { 0 };
	int r = sp_ranges_make(network->in, network->in_count, network->except,
			       network->except_count, &ranges);

	return r < 0 ? r : sp_ranges_list(&ranges, &list->items, &list->count);
}

/* Add the gateway's own addresses, except for those that stay on a link or on the machine itself:
 * they are of no use to others. */
static int push_self(struct list *list, const struct sp_addr *self, size_t count)
{
	int r = 0;

	for (size_t i = 0; i < count && r == 0; i++) {
		const uint8_t *b = self[i].b;
		const bool is_v4 = sp_addr_is_v4(&self[i]);
		const bool is_link_local = is_v4 ? b[12] == 169 && b[13] == 254
						 : b[0] == 0xfe && (b[1] & 0xc0) == 0x80;
		const bool is_loopback = is_v4 ? b[12] == 127 : b[0] == 0 && b[1] == 0;

		if (!is_link_local && !is_loopback)
			r = push_address(list, &self[i]);
	}
	return r;
}

/* Add everything of both families: a tunnel that carries the internet also carries what has no
 * other way. */
static int push_all(struct list *list)
{
	static const struct sp_prefix v4 = { .prefix_len = 96,
					     .addr = { [10] = 0xff, [11] = 0xff } },
				      v6 = { .prefix_len = 0 };
	const int r = push(list, &v4);

	return r < 0 ? r : push(list, &v6);
}

/* May somebody go to this entry, of those the rules are about? */
static bool leads_to_nat(const struct sp_policy *policy, const uint64_t *bits, uint32_t nat)
{
	for (size_t i = 0; i < policy->rule_count; i++) {
		const struct sp_rule *rule = &policy->rules[i];

		if (!sp_rule_lets(rule) || (bits && !sp_bits_test(bits, i)))
			continue;
		for (size_t n = 0; n < rule->to_count; n++)
			if (rule->to[n].kind == SP_TO_NAT && rule->to[n].index == nat)
				return true;
	}
	return false;
}

static bool overlaps(const struct list *list, const struct sp_prefix *prefix)
{
	for (size_t i = 0; i < list->count; i++)
		if (sp_prefix_is_v4(&list->items[i]) == sp_prefix_is_v4(prefix) &&
		    (sp_prefix_covers(&list->items[i], prefix) ||
		     sp_prefix_covers(prefix, &list->items[i])))
			return true;
	return false;
}

/* What stands for addresses they may go to. */
static int push_netmaps(const struct sp_policy *policy, const struct sp_reach_rules *rules,
			struct list *list)
{
	int r = 0;

	for (uint32_t i = 0; i < policy->nat_count && r == 0; i++) {
		const struct sp_nat *nat = &policy->nats[i];

		if (nat->kind == SP_NAT_NETMAP &&
		    (leads_to_nat(policy, rules->bits, i) || overlaps(list, &nat->netmap.inside)))
			r = push(list, &nat->netmap.outside);
	}
	return r;
}

static int list_wanted(const struct sp_reach_scope *scope, const struct sp_reach_rules *rules,
		       struct list *list)
{
	const struct sp_policy *policy = scope->policy;
	const struct sp_machine *machine = scope->machine;
	__sp_free bool *marks = policy ? find_destinations(policy, machine, rules) : NULL;
	const bool is_any_routed =
		machine && is_named(machine->routes, machine->route_name_count, "any");
	int r = policy && !marks ? -ENOMEM : 0;

	if (!marks)
		return r;
	if (marks[policy->internet] &&
	    (is_any_routed || is_routed(machine, &policy->networks[policy->internet])))
		r = push_all(list);
	for (size_t i = 0; i < policy->network_count && r == 0; i++)
		if (marks[i] && !policy->networks[i].is_builtin &&
		    (is_any_routed || is_routed(machine, &policy->networks[i])))
			r = push_network(list, &policy->networks[i]);
	if (r == 0)
		r = push_netmaps(policy, rules, list);
	if (marks[policy->network_count + 1] && r == 0)
		r = push_self(list, scope->self, scope->self_count);
	return r;
}

static int list_holes(const struct sp_reach_scope *scope, struct list *holes)
{
	const struct sp_machine *machine = scope->machine;
	const struct sp_policy *policy = scope->policy;
	int r = 0;

	for (size_t i = 0; machine && i < machine->route_except_count && r == 0; i++)
		r = push(holes, &machine->route_except[i]);
	for (size_t i = 0; machine && policy && i < policy->network_count && r == 0; i++)
		if (is_named(machine->route_holes, machine->route_hole_count,
			     policy->networks[i].name))
			r = push_network(holes, &policy->networks[i]);
	return r;
}

/* ---- the prefixes ---- */

/* Pick the prefixes of one family. */
static int pick_family(const struct list *list, bool is_v6, struct list *ret_list)
{
	int r = 0;

	for (size_t i = 0; i < list->count && r == 0; i++)
		if (sp_prefix_is_v4(&list->items[i]) != is_v6)
			r = push(ret_list, &list->items[i]);
	return r;
}

/* Take @holes out of @wanted, and write the rest to @wanted as the fewest prefixes. */
static int reduce(struct list *wanted, const struct list *holes)
{
	__sp_cleanup(sp_ranges_done) struct sp_ranges ranges = { 0 };
	int r = sp_ranges_make(wanted->items, wanted->count, holes->items, holes->count, &ranges);

	if (r < 0)
		return r;
	list_done(wanted);
	*wanted = (struct list){ 0 };
	return sp_ranges_list(&ranges, &wanted->items, &wanted->count);
}

/* Is a family carried as a whole? If it is, and the endpoint is a name, nothing is left out of it:
 * clients find their own way around the tunnel (wg-quick by a mark), and they know the endpoint's
 * address, which we do not. */
static bool is_whole(const struct list *list, bool is_v6)
{
	return list->count == 1 && list->items[0].prefix_len == (is_v6 ? 0 : 96);
}

static int make_family(const struct sp_reach_scope *scope, bool is_v6, const struct list *wanted,
		       const struct list *holes, struct sp_reach *reach)
{
	__sp_cleanup(list_done) struct list list = { 0 }, own = { 0 }, outer = { 0 };
	const struct list none = { 0 };
	int r = pick_family(wanted, is_v6, &list);

	if (r == 0)
		r = reduce(&list, holes);
	for (size_t i = 0; scope->machine && i < scope->machine->gateway.pool_count && r == 0; i++)
		r = push(&own, &scope->machine->gateway.pool[i]);
	for (size_t i = 0; scope->machine && i < scope->machine->dns_count && r == 0; i++)
		r = push_address(&own, &scope->machine->dns[i]);
	if (r == 0)
		r = pick_family(&own, is_v6, &list);
	if (r == 0)
		r = reduce(&list, &none);
	for (size_t i = 0; i < scope->outer_count && r == 0; i++)
		r = push_address(&outer, &scope->outer[i]);
	if (r == 0 && (scope->is_outer_known[is_v6] || !is_whole(&list, is_v6)))
		r = reduce(&list, &outer);
	for (size_t i = 0; i < list.count && r == 0; i++) {
		struct sp_prefix *item = SP_ARRAY_PUSH(reach->items, reach->count);

		if (item)
			*item = list.items[i];
		else
			r = -ENOMEM;
	}
	return r;
}

void sp_reach_done(struct sp_reach *reach)
{
	free(reach->items);
	*reach = (struct sp_reach){ 0 };
}

int sp_reach_make(const struct sp_reach_scope *scope, const struct sp_reach_rules *rules,
		  struct sp_reach *ret_reach)
{
	__sp_cleanup(list_done) struct list wanted = { 0 }, holes = { 0 };
	__sp_cleanup(sp_reach_done) struct sp_reach reach = { 0 };
	int r = list_wanted(scope, rules, &wanted);

	if (r == 0)
		r = list_holes(scope, &holes);
	for (size_t family = 0; family < 2 && r == 0; family++)
		if (scope->has_family[family])
			r = make_family(scope, family == 1, &wanted, &holes, &reach);
	if (r < 0)
		return r;
	if (reach.count > SP_ROUTES_MAX) {
		*ret_reach = (struct sp_reach){ .count = reach.count };
		return -E2BIG;
	}
	*ret_reach = reach;
	reach = (struct sp_reach){ 0 };
	return 0;
}

/* ---- warnings ---- */

#define ROLES_COUNTED_MAX 8u /* each may take a tenth of a second */

static void warn_at(struct sp_check *check, const struct sp_place *place, const char *name,
		    size_t count)
{
	const struct sp_node at = sp_node_at(place);

	sp_warn(check, &at,
		"role \"%s\" reaches %zu separate prefixes, and a device's tunnel carries at most "
		"%u: its people cannot sign in; gather them under shorter prefixes, or say with "
		"vpn.routes in sallyport.yaml which networks go into tunnels",
		name, count, SP_ROUTES_MAX);
}

/* Estimate how many prefixes there will be. Quick, and never too few except for what `except` cuts
 * up. */
static size_t estimate(const struct sp_policy *policy, const bool *marks)
{
	size_t count = 0;

	for (size_t i = 0; i < policy->network_count; i++)
		if (marks[i])
			count += policy->networks[i].in_count +
				 128 * policy->networks[i].except_count;
	return count;
}

static int lint_role(struct sp_check *check, const struct sp_reach_scope *scope, uint32_t role,
		     unsigned *counted)
{
	__sp_cleanup(sp_reach_rules_done) struct sp_reach_rules rules = { 0 };
	__sp_cleanup(sp_reach_done) struct sp_reach reach = { 0 };
	const char *person = sp_role_is_of_people(&scope->policy->roles[role]) ? "" : NULL;
	const struct sp_identity identity = {
		.user = person, .idp = person, .roles = &role, .role_count = 1
	};
	__sp_free bool *marks = NULL;
	int r = sp_reach_rules_of(scope->policy, &identity, &rules);

	if (r < 0)
		return r;
	marks = find_destinations(scope->policy, scope->machine, &rules);
	if (!marks)
		return -ENOMEM;
	if (estimate(scope->policy, marks) <= SP_ROUTES_MAX)
		return 0;
	++*counted;
	r = sp_reach_make(scope, &rules, &reach);
	if (r == -E2BIG)
		warn_at(check, &scope->policy->roles[role].place, scope->policy->roles[role].name,
			reach.count);
	return r == -E2BIG ? 0 : r;
}

static bool leads_out(const struct sp_policy *policy, const struct sp_rule *rule)
{
	bool is_of_people = false, is_out = false;

	for (size_t i = 0; i < rule->from_count; i++)
		is_of_people |= rule->from[i].kind == SP_FROM_ROLE ||
				rule->from[i].kind == SP_FROM_USER ||
				rule->from[i].kind == SP_FROM_SIGNED_IN ||
				rule->from[i].kind == SP_FROM_PEOPLE;
	for (size_t i = 0; i < rule->to_count; i++)
		is_out |= rule->to[i].kind == SP_TO_ANY || (rule->to[i].kind == SP_TO_NETWORK &&
							    rule->to[i].index == policy->internet);
	return sp_rule_lets(rule) && is_of_people && is_out;
}

static void lint_internet(struct sp_check *check, const struct sp_policy *policy,
			  const struct sp_machine *machine)
{
	if (is_named(machine->routes, machine->route_name_count, "internet") ||
	    is_named(machine->routes, machine->route_name_count, "any"))
		return;
	for (size_t i = 0; i < policy->rule_count; i++) {
		const struct sp_rule *rule = &policy->rules[i];
		const struct sp_node at = sp_node_at(&rule->place);

		if (leads_out(policy, rule))
			sp_warn(check, &at,
				"rule \"%s\" lets people to the internet, but their tunnels do not "
				"carry it: their devices go on using their own way out; "
				"\"internet\" in vpn.routes of sallyport.yaml sends it into the "
				"tunnel",
				rule->name);
	}
}

static bool has_network(const struct sp_policy *policy, const char *name)
{
	for (size_t i = 0; i < policy->network_count; i++)
		if (policy->networks[i].name && !strcmp(policy->networks[i].name, name))
			return true;
	return !strcmp(name, "any");
}

/* Warn of names of vpn.routes that the policy does not have: a misspelt name would leave people
 * without their network. */
static void lint_names(struct sp_check *check, const struct sp_policy *policy, char *const *names,
		       size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (!has_network(policy, names[i]))
			sp_warn(check, NULL,
				"\"routes\" of \"vpn\" in sallyport.yaml names \"%s\", and this "
				"policy has no network of that name",
				names[i]);
}

int sp_reach_lint(const struct sp_policy *policy, const struct sp_machine *machine,
		  struct sp_diagnostics *diagnostics)
{
	const struct sp_reach_scope scope = { .policy = policy,
					      .machine = machine,
					      .has_family = { true, true } };
	struct sp_check check = sp_check_of(policy->paths, diagnostics);
	unsigned counted = 0;
	int r = 0;

	for (uint32_t i = 0; i < policy->role_count && counted < ROLES_COUNTED_MAX && r == 0; i++)
		r = lint_role(&check, &scope, i, &counted);
	if (machine) {
		lint_internet(&check, policy, machine);
		lint_names(&check, policy, machine->routes, machine->route_name_count);
		lint_names(&check, policy, machine->route_holes, machine->route_hole_count);
	}
	sp_diagnostics_sort(diagnostics);
	return r < 0 || check.no_memory ? -ENOMEM : 0;
}
