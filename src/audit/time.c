/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "audit/time.h"

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#define S_PER_DAY 86400ll

struct civil {
	int64_t year;
	unsigned int month, day;
};

/* Days since 1970-01-01 of the proleptic Gregorian calendar, and back.
 * Source: Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms". Years begin in March.
 */
static int64_t days_from_civil(const struct civil *date)
{
	int64_t year = date->year - (date->month <= 2);
	int64_t era = (year >= 0 ? year : year - 399) / 400;
	int64_t year_of_era = year - era * 400;
	int64_t month = date->month > 2 ? date->month - 3 : date->month + 9;
	int64_t day_of_year = (153 * month + 2) / 5 + date->day - 1;

	return era * 146097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 +
	       day_of_year - 719468;
}

static struct civil civil_from_days(int64_t days)
{
	int64_t shifted = days + 719468;
	int64_t era = (shifted >= 0 ? shifted : shifted - 146096) / 146097;
	int64_t day_of_era = shifted - era * 146097;
	int64_t year =
		(day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
	int64_t day_of_year = day_of_era - (365 * year + year / 4 - year / 100);
	int64_t month = (5 * day_of_year + 2) / 153;
	struct civil date = {
		.month = (unsigned int)(month < 10 ? month + 3 : month - 9),
		.day = (unsigned int)(day_of_year - (153 * month + 2) / 5 + 1),
	};

	date.year = year + era * 400 + (date.month <= 2);
	return date;
}

/* Divide and round down, so that times before 1970 have a positive rest. */
static int64_t split(int64_t value, int64_t unit, int64_t *ret_rest)
{
	int64_t whole = value / unit, rest = value % unit;

	if (rest < 0) {
		whole--;
		rest += unit;
	}
	*ret_rest = rest;
	return whole;
}

static int write_seconds(int64_t time_s, char *buf, size_t size)
{
	int64_t rest;
	struct civil date = civil_from_days(split(time_s, S_PER_DAY, &rest));

	return snprintf(buf, size, "%04lld-%02u-%02uT%02d:%02d:%02d", (long long)date.year,
			date.month, date.day, (int)(rest / 3600), (int)(rest / 60 % 60),
			(int)(rest % 60));
}

char *sp_time_format(int64_t time_ns, char buf[SP_TIME_TEXT_MAX])
{
	int64_t ns;
	int64_t time_s = split(time_ns, SP_NS_PER_S, &ns);
	int len = write_seconds(time_s, buf, SP_TIME_TEXT_MAX);

	snprintf(buf + len, SP_TIME_TEXT_MAX - (size_t)len, ".%09dZ", (int)ns);
	return buf;
}

char *sp_time_format_s(int64_t time_s, char buf[SP_TIME_TEXT_MAX])
{
	const int64_t latest = 253402300799ll; /* 9999-12-31T23:59:59Z */
	const int64_t earliest = -62167219200ll;
	int len;

	if (time_s > latest)
		time_s = latest;
	if (time_s < earliest)
		time_s = earliest;
	len = write_seconds(time_s, buf, SP_TIME_TEXT_MAX);
	snprintf(buf + len, SP_TIME_TEXT_MAX - (size_t)len, "Z");
	return buf;
}

/* Read exactly @digits decimal digits at *@text; the number is at most @max. */
static bool take_number(const char **text, int digits, unsigned int max, unsigned int *ret_number)
{
	unsigned int number = 0;

	for (int i = 0; i < digits; i++) {
		char c = (*text)[i];

		if (c < '0' || c > '9')
			return false;
		number = number * 10 + (unsigned int)(c - '0');
	}
	if (number > max)
		return false;
	*text += digits;
	*ret_number = number;
	return true;
}

static bool take_char(const char **text, const char *one_of)
{
	for (; *one_of; one_of++) {
		if (**text == *one_of) {
			(*text)++;
			return true;
		}
	}
	return false;
}

static bool take_fraction(const char **text, unsigned int *ret_ns)
{
	unsigned int ns = 0, digit;
	int digits = 0;

	*ret_ns = 0;
	if (!take_char(text, "."))
		return true;
	while (take_number(text, 1, 9, &digit)) {
		if (++digits > 9)
			return false;
		ns = ns * 10 + digit;
	}
	if (digits == 0)
		return false;
	while (digits++ < 9)
		ns *= 10;
	*ret_ns = ns;
	return true;
}

/* Read `Z` or `+hh:mm`: how far the clock of the text is ahead of UTC. */
static bool take_offset(const char **text, int64_t *ret_offset_s)
{
	unsigned int hours, minutes;
	bool is_ahead = **text == '+';

	*ret_offset_s = 0;
	if (take_char(text, "Zz"))
		return true;
	if (!take_char(text, "+-") || !take_number(text, 2, 23, &hours) || !take_char(text, ":") ||
	    !take_number(text, 2, 59, &minutes))
		return false;
	*ret_offset_s = (int64_t)(hours * 3600 + minutes * 60) * (is_ahead ? 1 : -1);
	return true;
}

static unsigned int days_in_month(unsigned int year, unsigned int month)
{
	static const unsigned int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	bool is_leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

	return days[month - 1] + (month == 2 && is_leap);
}

int sp_time_parse(const char *text, int64_t *ret_time_ns)
{
	unsigned int year, month, day, hour, minute, second, ns;
	int64_t offset_s, time_s, time_ns;

	if (!take_number(&text, 4, 9999, &year) || !take_char(&text, "-") ||
	    !take_number(&text, 2, 12, &month) || !take_char(&text, "-") ||
	    !take_number(&text, 2, 31, &day) || !take_char(&text, "Tt ") ||
	    !take_number(&text, 2, 23, &hour) || !take_char(&text, ":") ||
	    !take_number(&text, 2, 59, &minute) || !take_char(&text, ":") ||
	    !take_number(&text, 2, 60, &second) || !take_fraction(&text, &ns) ||
	    !take_offset(&text, &offset_s) || *text != '\0')
		return -EINVAL;
	if (month == 0 || day == 0 || day > days_in_month(year, month))
		return -EINVAL;
	time_s = days_from_civil(&(struct civil){ .year = year, .month = month, .day = day }) *
			 S_PER_DAY +
		 hour * 3600 + minute * 60 + second - offset_s;
	if (__builtin_mul_overflow(time_s, SP_NS_PER_S, &time_ns) ||
	    __builtin_add_overflow(time_ns, (int64_t)ns, &time_ns))
		return -ERANGE;
	*ret_time_ns = time_ns;
	return 0;
}

int sp_duration_parse(const char *text, int64_t *ret_ns)
{
	int64_t number = 0, unit_s;

	if (*text < '0' || *text > '9')
		return -EINVAL;
	for (; *text >= '0' && *text <= '9'; text++) {
		if (__builtin_mul_overflow(number, 10, &number) ||
		    __builtin_add_overflow(number, *text - '0', &number))
			return -ERANGE;
	}
	switch (*text) {
	case 's':
		unit_s = 1;
		break;
	case 'm':
		unit_s = 60;
		break;
	case 'h':
		unit_s = 3600;
		break;
	case 'd':
		unit_s = S_PER_DAY;
		break;
	default:
		return -EINVAL;
	}
	if (text[1] != '\0')
		return -EINVAL;
	if (__builtin_mul_overflow(number, unit_s * SP_NS_PER_S, &number))
		return -ERANGE;
	*ret_ns = number;
	return 0;
}
