/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Time in the reference evaluator: every rule is asked whether it is in force at an instant. */
#include "policy/times/timezone.h"
#include "reference/state.h"

#define DAY_MIN 1440
#define WEEK_MIN 10080
#define MONDAY_MIN 4320 /* 1 January 1970 was a Thursday */

static int64_t remainder_of(int64_t number, int64_t divisor)
{
	const int64_t rest = number % divisor;

	return rest < 0 ? rest + divisor : rest;
}

/* Minutes since the last Monday's midnight, by the schedule's clock. */
static int64_t minute_of_week(const struct sp_schedule *schedule, int64_t at_s)
{
	const int64_t local_s = at_s + sp_timezone_offset(schedule->zone, at_s);
	const int64_t minutes = (local_s - remainder_of(local_s, 60)) / 60;

	return remainder_of(minutes + MONDAY_MIN, WEEK_MIN);
}

/* Some listed day's opening was no longer ago than it is open. */
static bool is_open(const struct sp_schedule *schedule, int64_t at_s)
{
	const int64_t now = minute_of_week(schedule, at_s);
	const bool is_overnight = schedule->to_min <= schedule->from_min;
	const int length = schedule->to_min - schedule->from_min + (is_overnight ? DAY_MIN : 0);

	for (int day = 0; day < 7; day++) {
		const int opening = day * DAY_MIN + schedule->from_min;

		if ((schedule->days & 1u << day) && remainder_of(now - opening, WEEK_MIN) < length)
			return true;
	}
	return false;
}

bool sp_ref_is_in_force(const struct sp_rule *rule, int64_t at_s)
{
	if (rule->expires_s && at_s >= rule->expires_s)
		return false;
	return !rule->when || is_open(rule->when, at_s);
}

int64_t sp_ref_second(const struct sp_reference *reference, uint64_t now_ns)
{
	const struct sp_facts *facts = &reference->facts;

	if (now_ns <= facts->now_boot_ns)
		return facts->now_s;
	return facts->now_s + (int64_t)((now_ns - facts->now_boot_ns) / 1000000000);
}

int64_t sp_ref_next_look(const struct sp_reference *reference, int64_t after_s)
{
	const struct sp_policy *policy = reference->policy;
	int64_t next_s = after_s + 60 - remainder_of(after_s, 60);

	for (size_t i = 0; i < policy->rule_count; i++) {
		const int64_t expires_s = policy->rules[i].expires_s;

		if (expires_s > after_s && expires_s < next_s)
			next_s = expires_s;
	}
	return next_s;
}
