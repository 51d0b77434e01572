/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "policy/checks/lint_times.h"

#include <errno.h>

#include "policy/times/day.h"
#include "policy/times/schedule.h"
#include "yaml/load.h"

#define SOON_S (7 * SP_DAY_S)

/* @what  "rule", @over: what it is once it has expired. */
static void lint_expiry(struct sp_check *check, const struct sp_place *place, const char *what,
			const char *name, int64_t left_s, const char *over)
{
	const struct sp_node at = sp_node_at(place);

	if (left_s <= 0)
		sp_warn(check, &at, "%s \"%s\" has expired: %s", what, name, over);
	else if (left_s < SP_DAY_S)
		sp_warn(check, &at, "%s \"%s\" expires within a day", what, name);
	else if (left_s <= SOON_S)
		sp_warn(check, &at, "%s \"%s\" expires in %d day%s", what, name,
			(int)(left_s / SP_DAY_S), left_s < 2 * SP_DAY_S ? "" : "s");
}

static void lint_rule(struct sp_check *check, const struct sp_rule *rule, int64_t now_s)
{
	const struct sp_node at = sp_node_at(&rule->place);

	lint_expiry(check, &rule->place, "rule", rule->name, rule->expires_s - now_s,
		    "it is never in force again");
	if (rule->expires_s > now_s && rule->when && !sp_schedule_is_open(rule->when, now_s) &&
	    sp_schedule_next(rule->when, now_s, rule->expires_s - 1) == INT64_MAX)
		sp_warn(check, &at,
			"rule \"%s\" is never in force: it expires before schedule \"%s\" opens",
			rule->name, rule->when->name);
}

int sp_policy_lint_times(const struct sp_policy *policy, int64_t now_s,
			 struct sp_diagnostics *diagnostics)
{
	struct sp_check check = sp_check_of(policy->paths, diagnostics);

	for (size_t i = 0; i < policy->rule_count; i++)
		if (policy->rules[i].expires_s)
			lint_rule(&check, &policy->rules[i], now_s);
	for (size_t i = 0; i < policy->role_count; i++)
		if (policy->roles[i].expires_s)
			lint_expiry(&check, &policy->roles[i].place, "role", policy->roles[i].name,
				    policy->roles[i].expires_s - now_s, "nobody has it any more");
	sp_diagnostics_sort(diagnostics);
	return check.no_memory ? -ENOMEM : 0;
}
