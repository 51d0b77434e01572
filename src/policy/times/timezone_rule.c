/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "policy/times/timezone_rule.h"

#include <errno.h>
#include <string.h>

#include "policy/times/day.h"

#define HOUR_S 3600
#define HOURS_MOST 167      /* in the time of a day of change (RFC 9636, 3.3.2) */
#define DEFAULT_TIME_S 7200 /* two in the morning */

/* ---- reading ---- */

/* What is left of the text. A part that is not as it should be fails all: nothing is read after. */
struct text {
	const char *next, *end;
	bool failed;
};

static bool take(struct text *text, char wanted)
{
	if (text->failed || text->next == text->end || *text->next != wanted)
		return false;
	text->next++;
	return true;
}

static void need(struct text *text, char wanted)
{
	if (!take(text, wanted))
		text->failed = true;
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static int take_number(struct text *text, int most)
{
	const char *first = text->next;
	int value = 0;

	while (!text->failed && text->next < text->end && is_digit(*text->next)) {
		value = value * 10 + (*text->next++ - '0');
		if (value > most)
			text->failed = true;
	}
	if (text->next == first)
		text->failed = true;
	return text->failed ? 0 : value;
}

/* "CET" or "<+0330>": three signs at least */
static void take_name(struct text *text)
{
	const bool is_quoted = take(text, '<');
	const char *first = text->next;

	while (!text->failed && text->next < text->end &&
	       (is_letter(*text->next) ||
		(is_quoted && (is_digit(*text->next) || *text->next == '+' || *text->next == '-'))))
		text->next++;
	if (text->next - first < 3)
		text->failed = true;
	if (is_quoted)
		need(text, '>');
}

/* "5", "-3:30", "+167:59:59", in seconds */
static int32_t take_time(struct text *text, int hours_most)
{
	const bool is_negative = take(text, '-');
	int32_t seconds;

	if (!is_negative)
		take(text, '+');
	seconds = take_number(text, hours_most) * HOUR_S;
	if (take(text, ':')) {
		seconds += take_number(text, 59) * 60;
		if (take(text, ':'))
			seconds += take_number(text, 59);
	}
	return is_negative ? -seconds : seconds;
}

/* POSIX counts west of UTC, everybody else east. */
static int32_t take_offset(struct text *text)
{
	return -take_time(text, 24);
}

static int take_within(struct text *text, int least, int most)
{
	const int value = take_number(text, most);

	if (value < least)
		text->failed = true;
	return value;
}

static struct sp_timezone_day take_day(struct text *text)
{
	struct sp_timezone_day day = { .time_s = DEFAULT_TIME_S };

	need(text, ',');
	if (take(text, 'J')) {
		day.kind = SP_TIMEZONE_DAY_LEAPLESS;
		day.day = take_within(text, 1, 365);
	} else if (take(text, 'M')) {
		day.kind = SP_TIMEZONE_DAY_OF_WEEK;
		day.month = take_within(text, 1, 12);
		need(text, '.');
		day.week = take_within(text, 1, 5);
		need(text, '.');
		day.day = take_within(text, 0, 6);
	} else {
		day.kind = SP_TIMEZONE_DAY_COUNTED;
		day.day = take_within(text, 0, 365);
	}
	if (take(text, '/'))
		day.time_s = take_time(text, HOURS_MOST);
	return day;
}

static bool is_offset(int32_t offset_s)
{
	return offset_s >= SP_TIMEZONE_OFFSET_LEAST && offset_s <= SP_TIMEZONE_OFFSET_MOST;
}

int sp_timezone_rule_read(const char *string, size_t len, struct sp_timezone_rule *ret_rule)
{
	struct text text = { string, string + len, false };
	struct sp_timezone_rule rule = { 0 };

	take_name(&text);
	rule.standard_s = take_offset(&text);
	rule.summer_s = rule.standard_s + HOUR_S;
	rule.has_summer = !text.failed && text.next < text.end;
	if (rule.has_summer) {
		take_name(&text);
		if (!text.failed && text.next < text.end && *text.next != ',')
			rule.summer_s = take_offset(&text);
		rule.begin = take_day(&text);
		rule.end = take_day(&text);
	}
	if (text.failed || text.next < text.end || !is_offset(rule.standard_s) ||
	    !is_offset(rule.summer_s))
		return -EBADMSG;
	*ret_rule = rule;
	return 0;
}

/* ---- asking ---- */

static int days_of_month(int64_t year, int month)
{
	static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };

	return days[month - 1] + (month == 2 && sp_year_is_leap(year));
}

static int64_t day_of_week_in(const struct sp_timezone_day *day, int64_t year)
{
	int64_t first = sp_day_of_year(year), found;
	int past;

	for (int month = 1; month < day->month; month++)
		first += days_of_month(year, month);
	/* POSIX counts from Sunday, 0; sp_day_of_week from Monday */
	past = (day->day + 6 - sp_day_of_week(first) + 7) % 7;
	found = first + past + (day->week - 1) * 7;
	return found < first + days_of_month(year, day->month) ? found : found - 7;
}

/* The instant of the change in @year, by a clock that is @offset_s before UTC. */
static int64_t change_of(const struct sp_timezone_day *day, int64_t year, int32_t offset_s)
{
	const int64_t first = sp_day_of_year(year);
	int64_t found;

	if (day->kind == SP_TIMEZONE_DAY_OF_WEEK)
		found = day_of_week_in(day, year);
	else if (day->kind == SP_TIMEZONE_DAY_LEAPLESS)
		found = first + day->day - 1 + (day->day >= 60 && sp_year_is_leap(year));
	else
		found = first + day->day;
	return found * SP_DAY_S + day->time_s - offset_s;
}

static int64_t year_of(int64_t utc_s)
{
	return sp_year_of_day(sp_day_of(utc_s, 0));
}

/* The last change at or before the instant says. A summer that begins when the one before ends is
 * one that lasts all year: of two changes at one instant, the one that begins counts. */
int32_t sp_timezone_rule_offset(const struct sp_timezone_rule *rule, int64_t utc_s)
{
	const int64_t year = year_of(utc_s);
	int64_t last = INT64_MIN;
	int32_t offset_s = rule->standard_s;

	/* a change may be a week after its year, and then the one before it is another year's */
	for (int64_t y = year - 2; rule->has_summer && y <= year + 1; y++) {
		const int64_t begin = change_of(&rule->begin, y, rule->standard_s);
		const int64_t end = change_of(&rule->end, y, rule->summer_s);

		if (end <= utc_s && end > last) {
			last = end;
			offset_s = rule->standard_s;
		}
		if (begin <= utc_s && begin >= last) {
			last = begin;
			offset_s = rule->summer_s;
		}
	}
	return offset_s;
}

static void take_earlier(int64_t *first, int64_t candidate, int64_t after)
{
	if (candidate > after && candidate < *first)
		*first = candidate;
}

int64_t sp_timezone_rule_next(const struct sp_timezone_rule *rule, int64_t utc_s)
{
	const int64_t year = year_of(utc_s);
	int64_t first = INT64_MAX;

	for (int64_t y = year - 1; rule->has_summer && y <= year + 2; y++) {
		take_earlier(&first, change_of(&rule->begin, y, rule->standard_s), utc_s);
		take_earlier(&first, change_of(&rule->end, y, rule->summer_s), utc_s);
	}
	return first;
}
