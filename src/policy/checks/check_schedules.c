/* SPDX-License-Identifier: GPL-3.0-or-later */
/* `schedules`: hours of a week. */
#include <string.h>

#include "base/array.h"
#include "policy/checks/loader.h"
#include "policy/times/timezone.h"
#include "yaml/value.h"

enum { DAYS, FROM, TO, TIMEZONE };
static const struct sp_key schedule_keys[] = {
	[DAYS] = { "days", SP_KEY_REQUIRED },
	[FROM] = { "from", SP_KEY_REQUIRED },
	[TO] = { "to", SP_KEY_REQUIRED },
	[TIMEZONE] = { "timezone", SP_KEY_OPTIONAL },
};

#define DAYS_OF_WEEK 7
static const char day_names[DAYS_OF_WEEK][4] = { "mon", "tue", "wed", "thu", "fri", "sat", "sun" };

/* Take a day's name off @text: 0 Monday … 6 Sunday; -1: it begins with none. */
static int take_day(const char **text)
{
	for (int day = 0; day < DAYS_OF_WEEK; day++) {
		if (strncmp(*text, day_names[day], 3) != 0)
			continue;
		*text += 3;
		return day;
	}
	return -1;
}

/* "mon", "mon-fri", "fri-mon", "daily"; 0: it is none of them. */
static uint8_t parse_days(const char *text)
{
	int first, last;
	uint8_t days = 0;

	if (strcmp(text, "daily") == 0)
		return SP_DAILY;
	first = last = take_day(&text);
	if (first >= 0 && *text == '-') {
		text++;
		last = take_day(&text);
	}
	if (first < 0 || last < 0 || *text)
		return 0;
	for (int day = first;; day = (day + 1) % DAYS_OF_WEEK) {
		days |= (uint8_t)(1u << day);
		if (day == last)
			return days;
	}
}

static void load_days(struct sp_loader *loader, const struct sp_node *node,
		      struct sp_schedule *schedule)
{
	struct sp_check *check = &loader->check;

	if (sp_read_items(check, node, "\"days\"") < 0)
		return;
	sp_for_each_item(item, node) {
		const char *text = sp_read_text(check, item, "a day");
		const uint8_t days = text ? parse_days(text) : 0;

		if (text && !days)
			sp_report(check, item,
				  "%s is no day: write mon, tue, wed, thu, fri, sat or sun, "
				  "several as "
				  "mon-fri or [sat, sun], or daily",
				  sp_show(text).quoted);
		schedule->days |= days;
	}
}

static void load_hours(struct sp_loader *loader, const struct sp_node *from,
		       const struct sp_node *to, struct sp_schedule *schedule)
{
	struct sp_check *check = &loader->check;
	const int from_r = sp_read_clock(check, from, "\"from\"", &schedule->from_min);
	const int to_r = sp_read_clock(check, to, "\"to\"", &schedule->to_min);

	if (from_r < 0 || to_r < 0)
		return;
	if (schedule->from_min == 24 * 60)
		sp_report(check, from,
			  "\"from\" 24:00 is the next day's 00:00: write that, with its day");
	else if (schedule->from_min == schedule->to_min)
		sp_report(
			check, to,
			"a schedule from %s to %s never opens; the whole day is from \"00:00\" to "
			"\"24:00\"",
			from->text, to->text);
}

static void load_schedule(struct sp_loader *loader, const struct sp_node *name,
			  const struct sp_node *body)
{
	const struct sp_node *values[SP_ARRAY_LEN(schedule_keys)];
	struct sp_schedule *schedule =
		SP_ARRAY_PUSH(loader->policy->schedules, loader->policy->schedule_count);
	const struct sp_timezone *zone;

	if (!schedule) {
		loader->check.no_memory = true;
		return;
	}
	schedule->name = sp_copy_text(&loader->check, name->text);
	schedule->place = sp_place_of(name);
	schedule->zone = loader->policy->settings.zone;
	if (sp_read_map(&loader->check, body, "a schedule", schedule_keys,
			SP_ARRAY_LEN(schedule_keys), values) < 0)
		return;
	if (values[DAYS])
		load_days(loader, values[DAYS], schedule);
	if (values[FROM] && values[TO])
		load_hours(loader, values[FROM], values[TO], schedule);
	zone = values[TIMEZONE] ? sp_load_timezone(loader, values[TIMEZONE], "\"timezone\"") : NULL;
	if (zone)
		schedule->zone = zone;
}

void sp_load_schedules(struct sp_loader *loader, const struct sp_node *section)
{
	if (section->kind != SP_NODE_MAP)
		return; /* reported when the names were declared */
	sp_map_for_each(name, body, section)
		load_schedule(loader, name, body);
}
