/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "policy/checks/lint_times.h"

#include <errno.h>

#include "policy/times/day.h"
#include "policy/times/schedule.h"
#include "yaml/load.h"

#define SOON_S (7 * SP_DAY_S)

static void lint_expiry(struct sp_check *check, const struct sp_rule *rule, int64_t now_s)
{
	const struct sp_node at = sp_node_at(&rule->place);
	const int64_t left_s = rule->expires_s - now_s;

	if (left_s <= 0)
		sp_warn(check, &at, "rule \"%s\" has expired: it is never in force again",
			rule->name);
	else if (left_s < SP_DAY_S)
		sp_warn(check, &at, "rule \"%s\" expires within a day", rule->name);
	else if (left_s <= SOON_S)
		sp_warn(check, &at, "rule \"%s\" expires in %d day%s", rule->name,
			(int)(left_s / SP_DAY_S), left_s < 2 * SP_DAY_S ? "" : "s");
	if (left_s > 0 && rule->when && !sp_schedule_is_open(rule->when, now_s) &&
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
			lint_expiry(&check, &policy->rules[i], now_s);
	sp_diagnostics_sort(diagnostics);
	return check.no_memory ? -ENOMEM : 0;
}
