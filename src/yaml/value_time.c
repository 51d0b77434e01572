/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "yaml/value.h"

#include <errno.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>

#include "base/array.h"

/* Read exactly @digits decimal digits. */
static bool take_digits(const char **text, int digits, int *ret_number)
{
	int number = 0;

	for (int i = 0; i < digits; i++) {
		char c = (*text)[i];

		if (c < '0' || c > '9')
			return false;
		number = number * 10 + (c - '0');
	}
	*text += digits;
	*ret_number = number;
	return true;
}

static bool take_char(const char **text, char c)
{
	if (**text != c)
		return false;
	(*text)++;
	return true;
}

static bool is_leap(int year)
{
	return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

/* Days from 1970-01-01; the proleptic Gregorian calendar. */
static int64_t days_from_epoch(int year, int month, int day)
{
	static const int before[] = { 0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334 };
	int64_t y = year - 1;
	int64_t days = y * 365 + y / 4 - y / 100 + y / 400;

	return days + before[month - 1] + (month > 2 && is_leap(year)) + day - 1 - 719162;
}

static int days_in(int year, int month)
{
	static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };

	return days[month - 1] + (month == 2 && is_leap(year));
}

/* Z, +01:00, or nothing: then the time is local. */
static bool take_offset(const char **text, struct sp_calendar *calendar)
{
	int hours, minutes, sign = **text == '-' ? -1 : 1;

	calendar->is_local = **text == '\0';
	if (calendar->is_local || (**text == 'Z' && (*text)[1] == '\0'))
		return true;
	if (!take_char(text, sign < 0 ? '-' : '+') || !take_digits(text, 2, &hours) ||
	    !take_char(text, ':') || !take_digits(text, 2, &minutes) || hours > 14 || minutes > 59)
		return false;
	calendar->time_s -= sign * (hours * 3600 + minutes * 60);
	return **text == '\0';
}

int sp_calendar_parse(const char *text, struct sp_calendar *ret_calendar)
{
	int year, month, day, hour = 0, minute = 0, second = 0;
	struct sp_calendar calendar = { 0 };

	if (!take_digits(&text, 4, &year) || !take_char(&text, '-') ||
	    !take_digits(&text, 2, &month) || !take_char(&text, '-') ||
	    !take_digits(&text, 2, &day))
		return -EINVAL;
	calendar.is_date = *text == '\0';
	if (!calendar.is_date &&
	    (!take_char(&text, 'T') || !take_digits(&text, 2, &hour) || !take_char(&text, ':') ||
	     !take_digits(&text, 2, &minute) ||
	     (*text == ':' && (!take_char(&text, ':') || !take_digits(&text, 2, &second)))))
		return -EINVAL;
	if (!take_offset(&text, &calendar))
		return -EINVAL;
	if (year < 1970 || month < 1 || month > 12 || day < 1 || day > days_in(year, month) ||
	    hour > 23 || minute > 59 || second > 59)
		return -ERANGE;
	calendar.time_s +=
		days_from_epoch(year, month, day) * 86400 + hour * 3600 + minute * 60 + second;
	*ret_calendar = calendar;
	return 0;
}

static int read_calendar(struct sp_check *check, const struct sp_node *node, const char *what,
			 bool takes_dates, const char *forms, struct sp_calendar *ret_calendar)
{
	const char *text = sp_read_text(check, node, what);
	struct sp_calendar calendar;
	int r = text ? sp_calendar_parse(text, &calendar) : 0;

	if (!text)
		return -EINVAL;
	if (r == -ERANGE) {
		sp_report(check, node, "%s %s: there is no such day or time of day", what,
			  sp_show(text).quoted);
		return -EINVAL;
	}
	if (r < 0 || (calendar.is_date && !takes_dates)) {
		sp_report(check, node, "%s %s is not a %s, as %s", what, sp_show(text).quoted,
			  takes_dates ? "date or a time" : "time", forms);
		return -EINVAL;
	}
	*ret_calendar = calendar;
	return 0;
}

int sp_read_time(struct sp_check *check, const struct sp_node *node, const char *what,
		 struct sp_calendar *ret_time)
{
	return read_calendar(check, node, what, false,
			     "\"2026-11-23T10:00\" (of the policy's time zone), "
			     "\"2026-11-23T10:00:00Z\" or \"2026-11-23T11:00+01:00\"",
			     ret_time);
}

int sp_read_date_or_time(struct sp_check *check, const struct sp_node *node, const char *what,
			 struct sp_calendar *ret_calendar)
{
	return read_calendar(check, node, what, true,
			     "2026-12-31, \"2026-12-31T18:00\" or \"2026-12-31T18:00:00Z\"",
			     ret_calendar);
}

int sp_read_clock(struct sp_check *check, const struct sp_node *node, const char *what,
		  uint16_t *ret_minute)
{
	const char *text = sp_read_text(check, node, what), *c = text;
	int hour, minute;

	if (!text)
		return -EINVAL;
	if (!take_digits(&c, 2, &hour) || !take_char(&c, ':') || !take_digits(&c, 2, &minute) ||
	    *c || minute > 59 || hour > 24 || (hour == 24 && minute)) {
		sp_report(check, node, "%s %s is not a time of day, as \"08:00\" or \"24:00\"",
			  what, sp_show(text).quoted);
		return -EINVAL;
	}
	*ret_minute = (uint16_t)(hour * 60 + minute);
	return 0;
}

struct unit {
	const char *name;
	uint64_t factor;
};

/* Read a number followed by one of @units. Returns 0; -EINVAL it is none, or is more than @most. */
static int read_quantity(const char *text, const struct unit *units, size_t unit_count,
			 uint64_t most, uint64_t *ret_number)
{
	size_t len = strspn(text, "0123456789");
	uint64_t number = 0;

	if (len == 0 || len > 15 || (text[0] == '0' && len > 1))
		return -EINVAL;
	for (size_t i = 0; i < len; i++)
		number = number * 10 + (uint64_t)(text[i] - '0');
	for (size_t i = 0; i < unit_count; i++) {
		if (strcmp(text + len, units[i].name) != 0 || number > most / units[i].factor)
			continue;
		*ret_number = number * units[i].factor;
		return 0;
	}
	return -EINVAL;
}

int sp_read_duration(struct sp_check *check, const struct sp_node *node, const char *what,
		     int64_t *ret_seconds)
{
	static const struct unit units[] = {
		{ "s", 1 }, { "m", 60 }, { "h", 3600 }, { "d", 86400 }
	};
	const char *text = sp_read_text(check, node, what);
	uint64_t seconds = 0;

	if (!text)
		return -EINVAL;
	if (strcmp(text, "0") != 0 &&
	    read_quantity(text, units, SP_ARRAY_LEN(units), UINT64_C(3650) * 86400, &seconds) < 0) {
		sp_report(check, node,
			  "%s %s is not a time span, as 90s, 15m, 10h or 7d (at most 3650d)", what,
			  sp_show(text).quoted);
		return -EINVAL;
	}
	*ret_seconds = (int64_t)seconds;
	return 0;
}

int sp_read_size(struct sp_check *check, const struct sp_node *node, const char *what,
		 uint64_t *ret_bytes)
{
	static const struct unit units[] = {
		{ "", 1 },
		{ "KB", 1000 },
		{ "MB", 1000000 },
		{ "GB", 1000000000 },
	};
	const char *text = sp_read_text(check, node, what);

	if (!text)
		return -EINVAL;
	if (read_quantity(text, units, SP_ARRAY_LEN(units), UINT64_C(1000000000000), ret_bytes) ==
	    0)
		return 0;
	sp_report(check, node, "%s %s is not a size, as 500KB, 100MB or 1GB", what,
		  sp_show(text).quoted);
	return -EINVAL;
}

/* What stands before the slash. Returns 0; -EINVAL it is no number, or beyond the most. */
static int read_rate_units(const char *text, size_t len, bool is_of_bytes, uint64_t *ret_units)
{
	static const struct unit units[] = {
		{ "KB", 1000 }, { "MB", 1000000 }, { "GB", 1000000000 }, { "", 1 }
	};
	char part[24];

	if (len >= sizeof(part))
		return -EINVAL;
	memcpy(part, text, len);
	part[len] = '\0';
	return read_quantity(part, is_of_bytes ? units : units + 3, is_of_bytes ? 3 : 1,
			     is_of_bytes ? SP_RATE_BYTES_MAX : SP_RATE_UNITS_MAX, ret_units);
}

static uint32_t period_of(const char *text)
{
	if (strcmp(text, "s") == 0)
		return 1;
	if (strcmp(text, "m") == 0)
		return 60;
	return strcmp(text, "h") == 0 ? 3600 : 0;
}

int sp_read_rate(struct sp_check *check, const struct sp_node *node, const char *what,
		 bool is_of_bytes, struct sp_unit_rate *ret_rate)
{
	const char *text = sp_read_text(check, node, what);
	const char *slash = text ? strchr(text, '/') : NULL;
	struct sp_unit_rate rate = { .period_s = slash ? period_of(slash + 1) : 0 };

	if (!text)
		return -EINVAL;
	if (!rate.period_s ||
	    read_rate_units(text, (size_t)(slash - text), is_of_bytes, &rate.units) < 0) {
		sp_report(check, node, "%s %s is not a rate, as %s", what, sp_show(text).quoted,
			  is_of_bytes ? "500KB/s, 50MB/s or 1GB/h (at most 100GB)"
				      : "200/s, 100/m or 5000/h (at most 1000000000)");
		return -EINVAL;
	}
	if (rate.units == 0) {
		sp_report(check, node, "%s %s lets nothing pass: for that write a deny", what,
			  sp_show(text).quoted);
		return -EINVAL;
	}
	*ret_rate = rate;
	return 0;
}

int sp_read_key(struct sp_check *check, const struct sp_node *node, const char *what,
		uint8_t ret_key[32])
{
	const char *text = sp_read_text(check, node, what);
	unsigned char bytes[34];
	unsigned char again[48];

	if (!text)
		return -EINVAL;
	/* 32 bytes are 43 characters and one "=". Encoding them again finds stray bits in the last
	 * character. */
	if (strlen(text) == 44 && text[43] == '=' && text[42] != '=' &&
	    EVP_DecodeBlock(bytes, (const unsigned char *)text, 44) == 33) {
		EVP_EncodeBlock(again, bytes, 32);
		if (strcmp((const char *)again, text) == 0) {
			memcpy(ret_key, bytes, 32);
			return 0;
		}
	}
	sp_report(check, node,
		  "%s %s is not a key: 32 bytes in base64, 44 characters, as `wg pubkey` "
		  "prints them",
		  what, sp_show(text).quoted);
	return -EINVAL;
}
