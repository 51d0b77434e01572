/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Warnings about a policy that is valid and still cannot be what its author meant. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "net/addr.h"
#include "policy/checks/loader.h"
#include "policy/checks/overlap.h"
#include "policy/times/schedule.h"

/* The lint compares pairs of rules. This bounds the comparisons of their items. */
#define WORK_MAX 8000000u

#define FAMILY_V4 1u
#define FAMILY_V6 2u
#define FAMILY_BOTH 3u

struct lint {
	struct sp_loader *loader;
	const struct sp_policy *policy;
	struct sp_overlap overlap;
	uint8_t *families; /* by network */
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

static void lint_allows_within_denies(struct lint *lint)
{
	const struct sp_policy *policy = lint->policy;

	for (size_t d = 0; d < policy->rule_count; d++) {
		const struct sp_rule *deny = &policy->rules[d];

		if (deny->kind != SP_RULE_DENY || deny->is_audit)
			continue;
		for (size_t a = 0; a < policy->rule_count; a++) {
			const struct sp_rule *allow = &policy->rules[a];

			if ((allow->kind == SP_RULE_ALLOW || allow->kind == SP_RULE_EXPOSE) &&
			    sp_rule_covers(&lint->overlap, deny, allow))
				warn_at(lint, &allow->place,
					"rule \"%s\" can never allow anything: deny \"%s\" covers "
					"all of it, and a deny wins wherever it stands",
					allow->name, deny->name);
			if (lint->overlap.work > WORK_MAX)
				return;
		}
	}
}

static unsigned families_of(struct lint *lint, uint32_t network)
{
	const struct sp_ranges *ranges = sp_overlap_ranges(&lint->overlap, network);
	unsigned families = 0;

	if (!sp_network_is_fixed(&lint->policy->networks[network]))
		return FAMILY_BOTH; /* it depends on the moment */
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
	if (from && to && !rule->is_audit)
		warn_at(lint, &rule->place,
			"rule \"%s\" is from any to any: it %s everybody everywhere", rule->name,
			rule->kind == SP_RULE_DENY ? "stops" : "lets");
}

static void lint_twins(struct lint *lint)
{
	const struct sp_policy *policy = lint->policy;

	for (size_t later = 1; later < policy->rule_count; later++) {
		const struct sp_rule *rule = &policy->rules[later];

		for (size_t earlier = 0; earlier < later && lint->overlap.work <= WORK_MAX;
		     earlier++) {
			const struct sp_rule *twin = &policy->rules[earlier];

			if (twin->kind != rule->kind || twin->is_audit != rule->is_audit ||
			    twin->limit != rule->limit ||
			    !sp_rule_covers(&lint->overlap, twin, rule) ||
			    !sp_rule_covers(&lint->overlap, rule, twin))
				continue;
			warn_at(lint, &rule->place, "rule \"%s\" says the same as rule \"%s\"",
				rule->name, twin->name);
			break;
		}
	}
}

static void lint_limits(struct lint *lint)
{
	const struct sp_policy *policy = lint->policy;

	for (size_t i = 0; i < policy->rule_count; i++) {
		const struct sp_rule *limited = &policy->rules[i];

		for (size_t k = 0; limited->limit && k < policy->rule_count; k++) {
			const struct sp_rule *rule = &policy->rules[k];

			if (lint->overlap.work > WORK_MAX)
				return;
			if (!sp_rule_lets(rule) || rule->limit ||
			    !sp_rule_covers(&lint->overlap, rule, limited))
				continue;
			warn_at(lint, &limited->place,
				"the limit of rule \"%s\" stops nothing: rule \"%s\" allows all "
				"of it without one",
				limited->name, rule->name);
			break;
		}
	}
}

/* Does a rule that decides cover all of @rule, and answer as it would? */
static const struct sp_rule *find_forestaller(struct lint *lint, const struct sp_rule *rule)
{
	const struct sp_policy *policy = lint->policy;

	for (size_t i = 0; i < policy->rule_count && lint->overlap.work <= WORK_MAX; i++) {
		const struct sp_rule *other = &policy->rules[i];

		if (other->kind == rule->kind && !other->is_audit && !sp_rule_is_timed(other) &&
		    sp_rule_covers(&lint->overlap, other, rule))
			return other;
	}
	return NULL;
}

/* Does a rule that decides allow any of what @rule is about? What the gateway itself sends is open. */
static bool is_met_by_an_allow(struct lint *lint, const struct sp_rule *rule)
{
	const struct sp_policy *policy = lint->policy;

	for (size_t i = 0; i < rule->from_count; i++)
		if (rule->from[i].kind == SP_FROM_SELF && !policy->settings.self_needs_rules)
			return true;
	for (size_t i = 0; i < policy->rule_count; i++) {
		const struct sp_rule *other = &policy->rules[i];

		if ((sp_rule_lets(other) || other->kind == SP_RULE_EXPOSE) &&
		    sp_rules_meet(&lint->overlap, other, rule))
			return true;
	}
	return false;
}

/* A rule in audit that would change no answer says nothing about what it would do. */
static void lint_audit(struct lint *lint, const struct sp_rule *rule)
{
	const struct sp_rule *other = find_forestaller(lint, rule);

	if (other)
		warn_at(lint, &rule->place,
			"rule \"%s\" would change nothing: rule \"%s\" says the same of all of it",
			rule->name, other->name);
	else if (rule->kind == SP_RULE_DENY && !is_met_by_an_allow(lint, rule))
		warn_at(lint, &rule->place,
			"rule \"%s\" would deny nothing new: no rule allows any of it%s",
			rule->name, "");
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
	sp_overlap_done(&lint->overlap);
	free(lint->families);
}

void sp_lint(struct sp_loader *loader)
{
	const struct sp_policy *policy = loader->policy;
	__sp_cleanup(lint_done) struct lint lint = {
		.loader = loader,
		.policy = policy,
		.families = calloc(policy->network_count + 1, sizeof(*lint.families)),
	};

	if (sp_overlap_init(&lint.overlap, policy) < 0 || !lint.families) {
		loader->check.no_memory = true;
		return;
	}
	lint_unused(&lint, &loader->people, "list of people");
	lint_unused(&lint, &loader->roles, "role");
	lint_unused(&lint, &loader->networks, "network");
	lint_unused(&lint, &loader->services, "service");
	lint_unused(&lint, &loader->limits, "limit");
	lint_unused(&lint, &loader->schedules, "schedule");
	for (size_t i = 0; i < policy->rule_count; i++) {
		lint_families(&lint, &policy->rules[i]);
		lint_any_to_any(&lint, &policy->rules[i]);
		lint_self(&lint, &policy->rules[i]);
		lint_own_devices(&lint, &policy->rules[i]);
	}
	lint_allows_within_denies(&lint);
	lint_twins(&lint);
	lint_limits(&lint);
	sp_lint_hosts(loader);
	for (size_t i = 0; i < policy->rule_count && lint.overlap.work <= WORK_MAX; i++)
		if (policy->rules[i].is_audit)
			lint_audit(&lint, &policy->rules[i]);
	loader->check.no_memory |= lint.overlap.no_memory;
}
