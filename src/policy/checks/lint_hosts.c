/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Warnings about what names in the DNS decide although they should not: whoever answers for a name
 * chooses its addresses, and without an answer it has none. */
#include <stdlib.h>

#include "base/cleanup.h"
#include "policy/checks/loader.h"

enum made { UNKNOWN, OF_NO_NAME, OF_NAMES };

static bool is_of_names(const struct sp_policy *policy, uint8_t *made, uint32_t index)
{
	const struct sp_network *network = &policy->networks[index];
	bool result = network->kind == SP_NETWORK_DNS;

	if (made[index] != UNKNOWN)
		return made[index] == OF_NAMES;
	for (size_t i = 0; i < network->part_count && !result; i++)
		result = is_of_names(policy, made, network->parts[i]);
	made[index] = result ? OF_NAMES : OF_NO_NAME;
	return result;
}

/* The first such network of the rule; NULL: there is none. */
static const struct sp_network *find_named(const struct sp_policy *policy, uint8_t *made,
					   const struct sp_rule *rule)
{
	for (size_t i = 0; i < rule->from_count; i++)
		if (rule->from[i].kind == SP_FROM_NETWORK &&
		    is_of_names(policy, made, rule->from[i].index))
			return &policy->networks[rule->from[i].index];
	for (size_t i = 0; i < rule->to_count; i++)
		if (rule->to[i].kind == SP_TO_NETWORK &&
		    is_of_names(policy, made, rule->to[i].index))
			return &policy->networks[rule->to[i].index];
	return NULL;
}

static void lint_rule(struct sp_loader *loader, uint8_t *made, const struct sp_rule *rule)
{
	const struct sp_network *network = find_named(loader->policy, made, rule);
	const struct sp_node at = sp_node_at(&rule->place);

	if (!network)
		return;
	if (rule->kind == SP_RULE_DENY)
		sp_warn(&loader->check, &at,
			"deny \"%s\" is about \"%s\", whose addresses names have in the DNS: while "
			"a "
			"name has no answer it denies nothing there",
			rule->name, network->name);
	else if (rule->kind == SP_RULE_PROTECT)
		sp_warn(&loader->check, &at,
			"protect \"%s\" is about \"%s\", whose addresses names have in the DNS: "
			"whoever "
			"answers for them decides whom it lets in, and without an answer it is "
			"nobody",
			rule->name, network->name);
}

static void lint_edge(struct sp_loader *loader, uint8_t *made)
{
	const struct sp_policy *policy = loader->policy;

	for (size_t i = 0; i < policy->drop_count; i++) {
		const struct sp_network *network = &policy->networks[policy->drops[i]];
		const struct sp_node at = sp_node_at(&network->place);

		if (is_of_names(policy, made, policy->drops[i]))
			sp_warn(&loader->check, &at,
				"the edge drops \"%s\", whose addresses names have in the DNS: "
				"while a "
				"name has no answer it drops nothing of it",
				network->name);
	}
	for (size_t i = 0; i < policy->trust_count; i++) {
		const struct sp_network *network = &policy->networks[policy->trusts[i]];
		const struct sp_node at = sp_node_at(&network->place);

		if (is_of_names(policy, made, policy->trusts[i]))
			sp_warn(&loader->check, &at,
				"the edge trusts \"%s\", whose addresses names have in the DNS: "
				"whoever "
				"answers for them decides what it does not drop",
				network->name);
	}
}

void sp_lint_hosts(struct sp_loader *loader)
{
	const struct sp_policy *policy = loader->policy;
	__sp_free uint8_t *made = calloc(policy->network_count + 1, sizeof(*made));

	if (!made) {
		loader->check.no_memory = true;
		return;
	}
	for (size_t i = 0; i < policy->rule_count && loader->hosts.count; i++)
		lint_rule(loader, made, &policy->rules[i]);
	if (loader->hosts.count)
		lint_edge(loader, made);
}
