/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A packet has one limit at most. Two rules that allow the same traffic with different ones would
 * leave it to their order which counts, so that is an error, unless a third rule lets all of it
 * pass without a limit: that wins. */
#include "base/cleanup.h"
#include "policy/checks/loader.h"
#include "policy/checks/overlap.h"

/* Pairs of rules are compared; this bounds the comparisons of their items. Beyond, the first rule
 * in the file decides, as docs/judgement.md has it. */
#define WORK_MAX 8000000u

static bool is_allow(const struct sp_rule *rule)
{
	return sp_rule_lets(rule) || rule->kind == SP_RULE_EXPOSE;
}

/* Does some rule without a limit allow all that one of the two does? */
static bool is_freed(struct sp_overlap *overlap, const struct sp_rule *a, const struct sp_rule *b)
{
	const struct sp_policy *policy = overlap->policy;

	for (size_t i = 0; i < policy->rule_count; i++) {
		const struct sp_rule *rule = &policy->rules[i];

		/* an expose entry is for the edge alone, where the two may meet elsewhere too */
		if (sp_rule_lets(rule) && !rule->limit &&
		    (sp_rule_covers(overlap, rule, a) || sp_rule_covers(overlap, rule, b)))
			return true;
	}
	return false;
}

static void report(struct sp_loader *loader, const struct sp_rule *first,
		   const struct sp_rule *later)
{
	const struct sp_policy *policy = loader->policy;
	const struct sp_node at = sp_node_at(&later->place);

	sp_report(&loader->check, &at,
		  "rule \"%s\" has limit \"%s\", and rule \"%s\" (%s) has limit \"%s\" for some of "
		  "the same traffic: give both the same limit, or part what they allow",
		  later->name, sp_policy_limit(policy, later)->name, first->name,
		  sp_show_line(&loader->check, &at, first->place).text,
		  sp_policy_limit(policy, first)->name);
}

/* Report the first rule before @later whose limit it meets. */
static void check_rule(struct sp_loader *loader, struct sp_overlap *overlap, size_t later)
{
	const struct sp_rule *rules = loader->policy->rules;

	for (size_t i = 0; i < later && overlap->work <= WORK_MAX; i++) {
		if (!is_allow(&rules[i]) || !rules[i].limit ||
		    rules[i].limit == rules[later].limit ||
		    !sp_rules_meet(overlap, &rules[i], &rules[later]) ||
		    is_freed(overlap, &rules[i], &rules[later]))
			continue;
		report(loader, &rules[i], &rules[later]);
		return;
	}
}

/* What the gateway itself sends comes by no hook that asks a limit. */
static void check_self(struct sp_loader *loader, const struct sp_rule *rule)
{
	const struct sp_node at = sp_node_at(&rule->place);

	for (size_t i = 0; i < rule->from_count; i++)
		if (rule->from[i].kind == SP_FROM_SELF)
			sp_report(&loader->check, &at,
				  "rule \"%s\" has a limit, and what the gateway itself sends has "
				  "none: give \"self\" a rule of its own, without \"limit\"",
				  rule->name);
}

void sp_check_limit_conflicts(struct sp_loader *loader)
{
	const struct sp_policy *policy = loader->policy;
	__sp_cleanup(sp_overlap_done) struct sp_overlap overlap = { 0 };

	if (sp_overlap_init(&overlap, policy) < 0) {
		loader->check.no_memory = true;
		return;
	}
	for (size_t i = 0; i < policy->rule_count; i++) {
		if (!is_allow(&policy->rules[i]) || !policy->rules[i].limit)
			continue;
		check_self(loader, &policy->rules[i]);
		check_rule(loader, &overlap, i);
	}
	loader->check.no_memory |= overlap.no_memory;
}
