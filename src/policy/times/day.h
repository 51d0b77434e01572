/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Days of the Gregorian calendar, counted from 1 January 1970, which was a Thursday. */
#ifndef SALLYPORT_POLICY_DAY_H
#define SALLYPORT_POLICY_DAY_H

#include <stdbool.h>
#include <stdint.h>

#define SP_DAY_S 86400

/* The day an instant is on, by a clock that is @offset_s before UTC; rounds towards the past. */
static inline int64_t sp_day_of(int64_t utc_s, int32_t offset_s)
{
	const int64_t local_s = utc_s + offset_s;

	return local_s / SP_DAY_S - (local_s % SP_DAY_S < 0);
}

/* 0 Monday … 6 Sunday */
static inline int sp_day_of_week(int64_t day)
{
	return (int)(((day + 3) % 7 + 7) % 7);
}

static inline bool sp_year_is_leap(int64_t year)
{
	return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

/* 1 January of @year, from 1 on */
static inline int64_t sp_day_of_year(int64_t year)
{
	const int64_t before = year - 1;

	return before * 365 + before / 4 - before / 100 + before / 400 - 719162;
}

/* The year, from 1 on, that @day is in. */
static inline int64_t sp_year_of_day(int64_t day)
{
	int64_t year = (day + 719162) * 400 / 146097 + 1;

	while (sp_day_of_year(year) > day)
		year--;
	while (sp_day_of_year(year + 1) <= day)
		year++;
	return year;
}

#endif
