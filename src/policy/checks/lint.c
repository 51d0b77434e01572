/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Warnings about a policy that is valid and still cannot be what its author meant. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "net/addr.h"
#include "policy/addresses/ranges.h"
#include "policy/checks/loader.h"

/* The lint compares pairs of rules. This bounds the comparisons of their items. */
#define WORK_MAX 8000000u

#define FAMILY_V4 1u
#define FAMILY_V6 2u
#define FAMILY_BOTH 3u

struct lint {
	struct sp_loader *loader;
	const struct sp_policy *policy;
	struct sp_ranges *ranges; /* by network, made when first asked for */
	uint8_t *families;        /* by network */
	size_t work;
};

static void warn_at(struct lint *lint, const struct sp_place *place, const char *format,
		    const char *name, const char *other)
{
	const struct sp_node at = sp_node_at(place);

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	sp_warn(&lint->loader->check, &at, format, name, other);
#pragma GCC diagnostic pop
}

static const struct sp_ranges *ranges_of(struct lint *lint, uint32_t index)
{
	const struct sp_network *network = &lint->policy->networks[index];
	struct sp_ranges *ranges = &lint->ranges[index];

	if (!ranges->items && sp_ranges_make(network->in, network->in_count, network->except,
					     network->except_count, ranges) < 0)
		lint->loader->check.no_memory = true;
	return ranges;
}

static bool network_covers(struct lint *lint, uint32_t outer, uint32_t inner)
{
	const struct sp_ranges *a = ranges_of(lint, outer), *b = ranges_of(lint, inner);

	lint->work += b->count;
	return outer == inner || (b->count > 0 && sp_ranges_contain(a, b));
}

/* Are both the same user? A user whose provider is not known is nobody, and equals no other. */
static bool is_same_user(const struct sp_from *a, const struct sp_from *b)
{
	return a->idp && b->idp && !strcmp(a->user, b->user) && !strcmp(a->idp, b->idp);
}

/* Can only people have this role, and no machine? */
static bool is_role_of_people_alone(const struct sp_role *role)
{
	for (size_t i = 0; i < role->match_count; i++)
		if (role->matches[i].kind == SP_MATCH_PEER_KEY)
			return false;
	return true;
}

/* Is everybody of @inner on @outer? Those who are nobody count for nothing. */
static bool people_cover(struct lint *lint, uint32_t outer, uint32_t inner)
{
	const struct sp_people_list *list = &lint->policy->people[inner];

	lint->work += list->count;
	for (size_t i = 0; i < list->count; i++)
		if (list->items[i].idp && !sp_people_has(&lint->policy->people[outer],
							 list->items[i].user, list->items[i].idp))
			return false;
	return true;
}

static bool from_covers(struct lint *lint, const struct sp_from *outer, const struct sp_from *inner)
{
	lint->work++;
	if (outer->kind == SP_FROM_ANY)
		return inner->kind != SP_FROM_SELF; /* which nothing else means */
	if (outer->kind == SP_FROM_SIGNED_IN &&
	    (inner->kind == SP_FROM_USER || inner->kind == SP_FROM_PEOPLE))
		return true;
	if (outer->kind == SP_FROM_SIGNED_IN && inner->kind == SP_FROM_ROLE)
		return is_role_of_people_alone(&lint->policy->roles[inner->index]);
	if (outer->kind == SP_FROM_PEOPLE && inner->kind == SP_FROM_USER)
		return sp_people_has(&lint->policy->people[outer->index], inner->user, inner->idp);
	if (outer->kind != inner->kind)
		return false;
	switch (outer->kind) {
	case SP_FROM_PEOPLE:
		return people_cover(lint, outer->index, inner->index);
	case SP_FROM_SELF:
		return true;
	case SP_FROM_USER:
		return is_same_user(outer, inner);
	case SP_FROM_NETWORK:
		return network_covers(lint, outer->index, inner->index);
	default:
		return outer->index == inner->index;
	}
}

static bool to_covers(struct lint *lint, const struct sp_to *outer, const struct sp_to *inner)
{
	lint->work++;
	if (outer->kind == SP_TO_ANY)
		return true;
	if (outer->kind == SP_TO_SIGNED_IN &&
	    (inner->kind == SP_TO_PEOPLE || inner->kind == SP_TO_OWN_DEVICES))
		return true;
	if (outer->kind == SP_TO_SIGNED_IN && inner->kind == SP_TO_ROLE)
		return is_role_of_people_alone(&lint->policy->roles[inner->index]);
	if (outer->kind != inner->kind)
		return false;
	if (outer->kind == SP_TO_NETWORK)
		return network_covers(lint, outer->index, inner->index);
	if (outer->kind == SP_TO_PEOPLE)
		return people_cover(lint, outer->index, inner->index);
	return outer->kind == SP_TO_SELF || outer->kind == SP_TO_SIGNED_IN ||
	       outer->kind == SP_TO_OWN_DEVICES || outer->index == inner->index;
}

static bool service_covers(const struct sp_service *outer, const struct sp_service *inner)
{
	return outer->kind == inner->kind && outer->proto == inner->proto &&
	       outer->from <= inner->from && inner->to <= outer->to;
}

static bool services_cover(struct lint *lint, const struct sp_rule *outer,
			   const struct sp_rule *inner)
{
	if (outer->service_count == 0)
		return true;
	if (inner->service_count == 0)
		return false;
	for (size_t i = 0; i < inner->service_count; i++) {
		size_t k = 0;

		while (k < outer->service_count &&
		       !service_covers(&outer->services[k], &inner->services[i]))
			k++;
		lint->work += k;
		if (k == outer->service_count)
			return false;
	}
	return true;
}

/* Does every packet that @inner matches match @outer too? Items are compared one by one, so the
 * answer may be false although several items of @outer together cover one of @inner. */
static bool rule_covers(struct lint *lint, const struct sp_rule *outer, const struct sp_rule *inner)
{
	for (size_t i = 0; i < inner->from_count; i++) {
		size_t k = 0;

		while (k < outer->from_count &&
		       !from_covers(lint, &outer->from[k], &inner->from[i]))
			k++;
		if (k == outer->from_count)
			return false;
	}
	for (size_t i = 0; i < inner->to_count; i++) {
		size_t k = 0;

		while (k < outer->to_count && !to_covers(lint, &outer->to[k], &inner->to[i]))
			k++;
		if (k == outer->to_count)
			return false;
	}
	return services_cover(lint, outer, inner);
}

static void lint_allows_within_denies(struct lint *lint)
{
	const struct sp_policy *policy = lint->policy;

	for (size_t d = 0; d < policy->rule_count; d++) {
		const struct sp_rule *deny = &policy->rules[d];

		if (deny->kind != SP_RULE_DENY)
			continue;
		for (size_t a = 0; a < policy->rule_count; a++) {
			const struct sp_rule *allow = &policy->rules[a];

			if ((allow->kind == SP_RULE_ALLOW || allow->kind == SP_RULE_EXPOSE) &&
			    rule_covers(lint, deny, allow))
				warn_at(lint, &allow->place,
					"rule \"%s\" can never allow anything: deny \"%s\" covers "
					"all of it, and a deny wins wherever it stands",
					allow->name, deny->name);
			if (lint->work > WORK_MAX)
				return;
		}
	}
}

static unsigned families_of(struct lint *lint, uint32_t network)
{
	const struct sp_ranges *ranges = ranges_of(lint, network);
	unsigned families = 0;

	if (lint->families[network])
		return lint->families[network];
	for (size_t i = 0; i < ranges->count && families != FAMILY_BOTH; i++)
		families |= sp_addr_is_v4(&ranges->items[i].first) ? FAMILY_V4 : FAMILY_V6;
	lint->families[network] = (uint8_t)families;
	return families;
}

static unsigned families_of_services(const struct sp_rule *rule)
{
	unsigned families = rule->service_count ? 0 : FAMILY_BOTH;

	for (size_t i = 0; i < rule->service_count; i++) {
		if (rule->services[i].kind == SP_SERVICE_ICMP)
			families |= FAMILY_V4;
		else if (rule->services[i].kind == SP_SERVICE_ICMP6)
			families |= FAMILY_V6;
		else
			return FAMILY_BOTH;
	}
	return families;
}

/* Warn of a rule with only IPv4 on one side and only IPv6 on the other. */
static void lint_families(struct lint *lint, const struct sp_rule *rule)
{
	unsigned from = 0, to = 0, services = families_of_services(rule);

	for (size_t i = 0; i < rule->from_count; i++)
		from |= rule->from[i].kind == SP_FROM_NETWORK
				? families_of(lint, rule->from[i].index)
				: FAMILY_BOTH;
	for (size_t i = 0; i < rule->to_count; i++)
		to |= rule->to[i].kind == SP_TO_NETWORK ? families_of(lint, rule->to[i].index)
							: FAMILY_BOTH;
	if (!(from & to))
		warn_at(lint, &rule->place,
			"rule \"%s\" can never match: \"from\" and \"to\" have no address "
			"family in common%s",
			rule->name, "");
	else if (!(from & to & services))
		warn_at(lint, &rule->place,
			"rule \"%s\" can never match: its services are of the other address "
			"family (icmp is IPv4, icmp6 is IPv6)%s",
			rule->name, "");
}

/* Where the gateway may send what no rule forbids, an allow for it allows nothing new; beside other
 * items of `from` it is said for good measure. */
static void lint_self(struct lint *lint, const struct sp_rule *rule)
{
	if (lint->policy->settings.self_needs_rules || rule->kind != SP_RULE_ALLOW ||
	    rule->from_count != 1 || rule->from[0].kind != SP_FROM_SELF)
		return;
	warn_at(lint, &rule->place,
		"rule \"%s\" allows nothing new: what the gateway itself sends is open unless "
		"settings has self: rules%s",
		rule->name, "");
}

static bool is_machines_alone(struct lint *lint, const struct sp_from *from)
{
	return from->kind == SP_FROM_ROLE &&
	       !sp_role_is_of_people(&lint->policy->roles[from->index]);
}

/* A machine is nobody's: it has no other devices. */
static void lint_own_devices(struct lint *lint, const struct sp_rule *rule)
{
	for (size_t i = 0; i < rule->to_count; i++)
		if (rule->to[i].kind != SP_TO_OWN_DEVICES)
			return;
	for (size_t i = 0; i < rule->from_count; i++)
		if (!is_machines_alone(lint, &rule->from[i]))
			return;
	warn_at(lint, &rule->place,
		"rule \"%s\" can never match: it is from machines, and \"own-devices\" are a "
		"person's%s",
		rule->name, "");
}

static void lint_any_to_any(struct lint *lint, const struct sp_rule *rule)
{
	bool from = false, to = false;

	for (size_t i = 0; i < rule->from_count; i++)
		from |= rule->from[i].kind == SP_FROM_ANY;
	for (size_t i = 0; i < rule->to_count; i++)
		to |= rule->to[i].kind == SP_TO_ANY;
	if (from && to)
		warn_at(lint, &rule->place,
			"rule \"%s\" is from any to any: it %s everybody everywhere", rule->name,
			rule->kind == SP_RULE_DENY ? "stops" : "lets");
}

static void lint_twins(struct lint *lint)
{
	const struct sp_policy *policy = lint->policy;

	for (size_t later = 1; later < policy->rule_count; later++) {
		const struct sp_rule *rule = &policy->rules[later];

		for (size_t earlier = 0; earlier < later && lint->work <= WORK_MAX; earlier++) {
			const struct sp_rule *twin = &policy->rules[earlier];

			if (twin->kind != rule->kind || !rule_covers(lint, twin, rule) ||
			    !rule_covers(lint, rule, twin))
				continue;
			warn_at(lint, &rule->place, "rule \"%s\" says the same as rule \"%s\"",
				rule->name, twin->name);
			break;
		}
	}
}

static void lint_unused(struct lint *lint, const struct sp_symbols *symbols, const char *what)
{
	for (size_t i = 0; i < symbols->count; i++) {
		if (!symbols->items[i].is_used)
			sp_warn(&lint->loader->check, symbols->items[i].node,
				"%s \"%s\" is not used", what, symbols->items[i].name);
	}
}

static void lint_done(struct lint *lint)
{
	for (size_t i = 0; lint->ranges && i < lint->policy->network_count; i++)
		sp_ranges_done(&lint->ranges[i]);
	free(lint->ranges);
	free(lint->families);
}

void sp_lint(struct sp_loader *loader)
{
	const struct sp_policy *policy = loader->policy;
	__sp_cleanup(lint_done) struct lint lint = {
		.loader = loader,
		.policy = policy,
		.ranges = calloc(policy->network_count + 1, sizeof(*lint.ranges)),
		.families = calloc(policy->network_count + 1, sizeof(*lint.families)),
	};

	if (!lint.ranges || !lint.families) {
		loader->check.no_memory = true;
		return;
	}
	lint_unused(&lint, &loader->people, "list of people");
	lint_unused(&lint, &loader->roles, "role");
	lint_unused(&lint, &loader->networks, "network");
	lint_unused(&lint, &loader->services, "service");
	for (size_t i = 0; i < policy->rule_count; i++) {
		lint_families(&lint, &policy->rules[i]);
		lint_any_to_any(&lint, &policy->rules[i]);
		lint_self(&lint, &policy->rules[i]);
		lint_own_devices(&lint, &policy->rules[i]);
	}
	lint_allows_within_denies(&lint);
	lint_twins(&lint);
}
