/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tables/moment.h"

#include <errno.h>
#include <stdlib.h>

#include "base/array.h"
#include "policy/times/schedule.h"

static int collect_edges(const struct sp_schedule *schedule, int64_t now_s,
			 struct sp_moment_hours *hours)
{
	const int64_t until_s = now_s + SP_MOMENT_AHEAD_S;

	for (int64_t at_s = sp_schedule_next(schedule, now_s, until_s); at_s != INT64_MAX;
	     at_s = sp_schedule_next(schedule, at_s, until_s)) {
		int64_t *edge_s = SP_ARRAY_PUSH(hours->edges_s, hours->count);

		if (!edge_s)
			return -ENOMEM;
		*edge_s = at_s;
	}
	return 0;
}

void sp_moment_done(struct sp_moment *moment)
{
	for (size_t i = 0; moment->schedules && i < moment->policy->schedule_count; i++)
		free(moment->schedules[i].edges_s);
	free(moment->schedules);
	moment->schedules = NULL;
}

int sp_moment_init(struct sp_moment *moment, const struct sp_policy *policy, int64_t now_s)
{
	int r = 0;

	*moment = (struct sp_moment){ .now_s = now_s, .policy = policy };
	moment->schedules = calloc(policy->schedule_count + 1, sizeof(*moment->schedules));
	if (!moment->schedules)
		return -ENOMEM;
	for (size_t i = 0; i < policy->schedule_count && r == 0; i++)
		r = collect_edges(&policy->schedules[i], now_s, &moment->schedules[i]);
	if (r < 0)
		sp_moment_done(moment);
	return r;
}

int64_t sp_moment_next(const struct sp_moment *moment, const struct sp_rule *rule, int64_t after_s)
{
	int64_t next_s = rule->expires_s > after_s ? rule->expires_s : INT64_MAX;
	const struct sp_moment_hours *hours;

	if (!rule->when || (rule->expires_s && rule->expires_s <= after_s))
		return next_s;
	hours = &moment->schedules[rule->when - moment->policy->schedules];
	for (size_t i = 0; i < hours->count; i++) {
		if (hours->edges_s[i] <= after_s)
			continue;
		return hours->edges_s[i] < next_s ? hours->edges_s[i] : next_s;
	}
	return next_s;
}
