/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "policy/times/schedule.h"

#include "policy/times/day.h"
#include "policy/times/timezone.h"

static bool has_day(const struct sp_schedule *schedule, int64_t day)
{
	return schedule->days >> sp_day_of_week(day) & 1;
}

bool sp_schedule_is_open(const struct sp_schedule *schedule, int64_t at_s)
{
	const int32_t offset_s = sp_timezone_offset(schedule->zone, at_s);
	const int64_t day = sp_day_of(at_s, offset_s);
	const int64_t minute = (at_s + offset_s - day * SP_DAY_S) / 60;

	if (schedule->from_min < schedule->to_min)
		return has_day(schedule, day) && minute >= schedule->from_min &&
		       minute < schedule->to_min;
	return (has_day(schedule, day) && minute >= schedule->from_min) ||
	       (has_day(schedule, day - 1) && minute < schedule->to_min);
}

bool sp_rule_is_in_force(const struct sp_rule *rule, int64_t at_s)
{
	return (!rule->expires_s || at_s < rule->expires_s) &&
	       (!rule->when || sp_schedule_is_open(rule->when, at_s));
}

static void take_earlier(int64_t *first_s, int64_t candidate_s, int64_t after_s)
{
	if (candidate_s > after_s && candidate_s < *first_s)
		*first_s = candidate_s;
}

/* The first instant after @after_s at which the schedule may open or close: the clock reads one of
 * its two times, or is changed. Up to its next change the clock runs evenly, and reads each of them
 * within a day. */
static int64_t next_candidate(const struct sp_schedule *schedule, int64_t after_s)
{
	const int32_t offset_s = sp_timezone_offset(schedule->zone, after_s);
	const int64_t day = sp_day_of(after_s, offset_s);
	int64_t first_s = sp_timezone_next(schedule->zone, after_s);

	for (int64_t d = day; d <= day + 1; d++) {
		const int64_t midnight_s = d * SP_DAY_S - offset_s;

		take_earlier(&first_s, midnight_s + schedule->from_min * 60, after_s);
		take_earlier(&first_s, midnight_s + schedule->to_min * 60, after_s);
	}
	return first_s;
}

int64_t sp_schedule_next(const struct sp_schedule *schedule, int64_t after_s, int64_t until_s)
{
	const bool was_open = sp_schedule_is_open(schedule, after_s);

	for (int64_t at_s = next_candidate(schedule, after_s); at_s <= until_s;
	     at_s = next_candidate(schedule, at_s))
		if (sp_schedule_is_open(schedule, at_s) != was_open)
			return at_s;
	return INT64_MAX;
}
