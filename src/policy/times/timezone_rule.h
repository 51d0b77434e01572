/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The footer of a TZif file: "CET-1CEST,M3.5.0,M10.5.0/3", the rule for the years after the last
 * change that is laid down. The zone's own part (timezone.c). */
#ifndef SALLYPORT_POLICY_TIMEZONE_RULE_H
#define SALLYPORT_POLICY_TIMEZONE_RULE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* No zone's clock is further from UTC (RFC 9636, 3.2). */
#define SP_TIMEZONE_OFFSET_LEAST (-89999)
#define SP_TIMEZONE_OFFSET_MOST 93599

/* On which day of a year, and when on it. */
struct sp_timezone_day {
	enum {
		SP_TIMEZONE_DAY_COUNTED,  /* the day-th, from 0, 29 February among them */
		SP_TIMEZONE_DAY_LEAPLESS, /* the day-th, from 1, 29 February never */
		SP_TIMEZONE_DAY_OF_WEEK, /* the week-th (5: last) such day of week (0: Sunday) of month */
	} kind;
	int day, week, month;
	int32_t time_s; /* of the clock as it is before the change; may be before or after the day */
};

struct sp_timezone_rule {
	int32_t standard_s, summer_s; /* before UTC */
	bool has_summer;
	struct sp_timezone_day begin, end; /* of summer */
};

/* Read it, without the newlines around it. Returns 0; -EBADMSG. */
int sp_timezone_rule_read(const char *text, size_t len, struct sp_timezone_rule *ret_rule);
/* Both as sp_timezone_offset and sp_timezone_next; @utc_s in the years 1 to 9999. */
int32_t sp_timezone_rule_offset(const struct sp_timezone_rule *rule, int64_t utc_s);
int64_t sp_timezone_rule_next(const struct sp_timezone_rule *rule, int64_t utc_s);

#endif
