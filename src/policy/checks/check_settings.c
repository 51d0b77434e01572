/* SPDX-License-Identifier: GPL-3.0-or-later */
/* `settings`, and what is read by the clock they name. */
#include <errno.h>
#include <string.h>

#include "base/array.h"
#include "policy/checks/loader.h"
#include "policy/times/day.h"
#include "policy/times/timezone.h"
#include "yaml/value.h"

enum { SELF, TIMEZONE, REJECT, LOG_DENY, LOG_ALLOW };
static const struct sp_key settings_keys[] = {
	[SELF] = { "self", SP_KEY_OPTIONAL },
	[TIMEZONE] = { "timezone", SP_KEY_OPTIONAL },
	[REJECT] = { "reject", SP_KEY_OPTIONAL },
	[LOG_DENY] = { "log-deny", SP_KEY_OPTIONAL },
	[LOG_ALLOW] = { "log-allow", SP_KEY_OPTIONAL },
};

/* ---- zones ---- */

static const struct sp_timezone *find_zone(const struct sp_policy *policy, const char *name)
{
	for (size_t i = 0; i < policy->zone_count; i++)
		if (strcmp(sp_timezone_name(policy->zones[i]), name) == 0)
			return policy->zones[i];
	return NULL;
}

/* The policy owns @zone from here on. */
static const struct sp_timezone *add_zone(struct sp_loader *loader, struct sp_timezone *zone)
{
	struct sp_timezone **room =
		SP_ARRAY_PUSH(loader->policy->zones, loader->policy->zone_count);

	if (!room) {
		sp_timezone_free(zone);
		loader->check.no_memory = true;
		return NULL;
	}
	*room = zone;
	return zone;
}

static void report_unknown(struct sp_loader *loader, const struct sp_node *node, const char *name)
{
	char nearest[SP_TIMEZONE_NAME_MAX];

	if (!loader->zones)
		sp_report(&loader->check, node, "time zone %s is not known here: only UTC is",
			  sp_show(name).quoted);
	else if (loader->zones->find_nearest(name, nearest))
		sp_report(&loader->check, node, "unknown time zone %s; did you mean \"%s\"?",
			  sp_show(name).quoted, nearest);
	else
		sp_report(&loader->check, node,
			  "unknown time zone %s: write one as Europe/Berlin or UTC; those of this "
			  "machine are in /usr/share/zoneinfo (package tzdata)",
			  sp_show(name).quoted);
}

const struct sp_timezone *sp_load_timezone(struct sp_loader *loader, const struct sp_node *node,
					   const char *what)
{
	const char *name = sp_read_text(&loader->check, node, what);
	const struct sp_timezone *known = name ? find_zone(loader->policy, name) : NULL;
	struct sp_timezone *zone;
	int r;

	if (!name || known)
		return known;
	r = loader->zones ? loader->zones->read(name, &zone) : -ENOENT;
	if (r == 0)
		return add_zone(loader, zone);
	if (r == -ENOMEM)
		loader->check.no_memory = true;
	else if (r == -ENOENT || r == -EINVAL)
		report_unknown(loader, node, name);
	else
		sp_report(&loader->check, node,
			  "time zone %s cannot be read: its file in /usr/share/zoneinfo is damaged "
			  "or "
			  "closed to this process; install the package tzdata again",
			  sp_show(name).quoted);
	return NULL;
}

/* ---- settings ---- */

static void load_self(struct sp_loader *loader, const struct sp_node *node)
{
	static const char *const words[] = { "open", "rules", NULL };
	struct sp_settings *settings = &loader->policy->settings;
	int word = sp_read_word(&loader->check, node, "\"self\"", words);

	settings->self_needs_rules = word == 1;
	settings->self_at = sp_place_of(node);
}

/* There is no third one: a denied packet opens no connection of which the first could count. */
static void load_log_deny(struct sp_loader *loader, const struct sp_node *node)
{
	static const char *const words[] = { "all", "none", NULL };

	if (sp_read_word(&loader->check, node, "\"log-deny\"", words) != 1)
		return;
	loader->log_deny = SP_LOG_NONE;
	loader->policy->settings.is_default_silent = true;
}

static void load_log_allow(struct sp_loader *loader, const struct sp_node *node)
{
	static const char *const words[] = { "none", "new", "all", NULL };
	int word = sp_read_word(&loader->check, node, "\"log-allow\"", words);

	if (word >= 0)
		loader->log_allow = (enum sp_log)word; /* the words are in the order of the enum */
}

static void load_reject(struct sp_loader *loader, const struct sp_node *node)
{
	static const char *const words[] = { "tcp-reset", "icmp", "drop", NULL };
	int word = sp_read_word(&loader->check, node, "\"reject\"", words);

	if (word >= 0)
		loader->policy->settings.reject = (enum sp_reject)word; /* likewise */
	loader->policy->settings.reject_at = sp_place_of(node);
}

static void load_clock(struct sp_loader *loader, const struct sp_node *node)
{
	const struct sp_timezone *zone = sp_load_timezone(loader, node, "\"timezone\"");

	if (zone)
		loader->policy->settings.zone = zone;
}

static void load_section(struct sp_loader *loader, const struct sp_node *section)
{
	const struct sp_node *values[SP_ARRAY_LEN(settings_keys)];

	if (sp_read_map(&loader->check, section, "\"settings\"", settings_keys,
			SP_ARRAY_LEN(settings_keys), values) < 0)
		return;
	if (section->count == 0)
		sp_report(&loader->check, section, "\"settings\" is empty: leave it out");
	if (values[SELF])
		load_self(loader, values[SELF]);
	if (values[TIMEZONE])
		load_clock(loader, values[TIMEZONE]);
	if (values[LOG_DENY])
		load_log_deny(loader, values[LOG_DENY]);
	if (values[LOG_ALLOW])
		load_log_allow(loader, values[LOG_ALLOW]);
	if (values[REJECT])
		load_reject(loader, values[REJECT]);
}

void sp_load_settings(struct sp_loader *loader)
{
	const struct sp_node *first = NULL;
	struct sp_timezone *utc;

	if (sp_timezone_utc(&utc) < 0) {
		loader->check.no_memory = true;
		return;
	}
	loader->policy->settings.zone = add_zone(loader, utc);
	loader->log_deny = SP_LOG_ALL;
	loader->log_allow = SP_LOG_NEW;
	for (size_t i = 0; i < loader->part_count; i++) {
		const struct sp_node *section = loader->parts[i].values[SP_SECTION_SETTINGS];

		if (!section)
			continue;
		load_section(loader, section);
		if (first)
			sp_report(&loader->check, section,
				  "\"settings\" are given on %s already: one file says them",
				  sp_show_line(&loader->check, section, sp_place_of(first)).text);
		else
			first = section;
	}
}

/* ---- times ---- */

static int64_t instant_of(const struct sp_loader *loader, const struct sp_calendar *calendar)
{
	const struct sp_timezone *zone = loader->policy->settings.zone;

	return calendar->is_local ? sp_timezone_instant(zone, calendar->time_s) : calendar->time_s;
}

int sp_load_time(struct sp_loader *loader, const struct sp_node *node, const char *what,
		 int64_t *ret_unix_s)
{
	struct sp_calendar calendar;

	if (sp_read_time(&loader->check, node, what, &calendar) < 0)
		return -EINVAL;
	*ret_unix_s = instant_of(loader, &calendar);
	return 0;
}

void sp_load_expires(struct sp_loader *loader, const struct sp_node *node, int64_t *expires_s)
{
	struct sp_calendar calendar;

	if (sp_read_date_or_time(&loader->check, node, "\"expires\"", &calendar) < 0)
		return;
	if (calendar.is_date) /* its end is where the next day begins */
		calendar.time_s += SP_DAY_S;
	*expires_s = instant_of(loader, &calendar);
}
