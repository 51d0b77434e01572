/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "daemon/facts/feeds.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "base/str.h"
#include "base/units.h"
#include "daemon/base/warnings.h"
#include "io/files/paths.h"
#include "io/log/log.h"
#include "io/loop/clock.h"
#include "policy/addresses/filled.h"
#include "yaml/load.h"

#define LOOK_NS (2 * SP_SECOND_NS) /* between two rounds */
/* A file that was changed a moment ago may be half of what it is to be. */
#define SETTLED_NS (1 * SP_NS_PER_S)

/* ---- paths ---- */

static int find_file(const struct sp_paths *paths, const char *file, char **ret_path)
{
	return *file == '/' ? sp_str_format(ret_path, "%s%s", paths->root, file)
			    : sp_str_format(ret_path, "%s/feeds/%s", paths->etc_dir, file);
}

/* Where the last good list of the file is kept. No file of a policy has a % in its name. */
static int find_copy(const struct sp_paths *paths, const char *file, char **ret_path)
{
	int r = sp_str_format(ret_path, "%s/feeds/%s", paths->state_dir, file);

	for (char *c = r == 0 ? *ret_path + strlen(*ret_path) - strlen(file) : ""; *c; c++)
		if (*c == '/')
			*c = '%';
	return r;
}

/* ---- the feeds of a policy ---- */

static void feed_done(struct sp_feed *feed)
{
	free(feed->name);
	free(feed->file);
	sp_feed_list_done(&feed->list);
	*feed = (struct sp_feed){ 0 };
}

void sp_feed_set_done(struct sp_feed_set *set)
{
	for (size_t i = 0; i < set->count; i++)
		feed_done(&set->items[i]);
	free(set->items);
	*set = (struct sp_feed_set){ 0 };
}

static int add_feed(struct sp_feed_set *set, const struct sp_network *network)
{
	struct sp_feed *feed = SP_ARRAY_PUSH(set->items, set->count);

	if (!feed)
		return -ENOMEM;
	feed->name = strdup(network->name);
	feed->file = strdup(network->file);
	feed->place = network->place;
	feed->max_age_s = network->max_age_s;
	feed->on_stale = network->on_stale;
	return feed->name && feed->file ? 0 : -ENOMEM;
}

/* Is its list older than it may be, at @now_ns of UTC? */
static bool is_stale_at(const struct sp_feed *feed, int64_t now_ns)
{
	return feed->max_age_s && feed->list.count &&
	       now_ns - feed->list.modified_ns >= feed->max_age_s * SP_NS_PER_S;
}

/* ---- reading ---- */

/* Returns 0; -ENOMEM. */
static int begin_reading(const struct sp_paths *paths, const struct sp_feed *feed,
			 struct sp_feed_reading *reading)
{
	int r = find_file(paths, feed->file, &reading->path);

	if (r == 0)
		r = find_copy(paths, feed->file, &reading->copy);
	reading->is_first = feed->state == SP_FEED_NEW;
	reading->has_list = feed->list.count > 0;
	reading->known = feed->version;
	reading->now_ns = sp_clock_realtime_ns();
	reading->settled_ns = SETTLED_NS;
	return r;
}

/* Take what was read. Returns whether the list is another one now. */
static bool take_reading(struct sp_feed *feed, struct sp_feed_reading *reading)
{
	bool is_changed;

	feed->state = reading->state;
	feed->version = reading->version;
	feed->bad = reading->bad;
	memcpy(feed->fault, reading->fault, sizeof(feed->fault));
	if (!reading->list.count)
		return false;
	is_changed = !feed->list.count ||
		     memcmp(feed->list.hash, reading->list.hash, sizeof(feed->list.hash)) != 0;
	sp_feed_list_done(&feed->list);
	feed->list = reading->list;
	reading->list = (struct sp_feed_list){ 0 };
	return is_changed;
}

static int read_feed(const struct sp_paths *paths, struct sp_feed *feed)
{
	__sp_cleanup(sp_feed_reading_done) struct sp_feed_reading reading = { 0 };
	int r = begin_reading(paths, feed, &reading);

	if (r == 0)
		r = sp_feed_read(&reading);
	if (r == 0)
		take_reading(feed, &reading);
	return r;
}

int sp_feed_set_load(const struct sp_paths *paths, const struct sp_policy *policy,
		     struct sp_feed_set *set)
{
	int r = 0;

	for (size_t i = 0; i < policy->network_count && r == 0; i++)
		if (policy->networks[i].kind == SP_NETWORK_FEED)
			r = add_feed(set, &policy->networks[i]);
	for (size_t i = 0; i < set->count && r == 0; i++) {
		r = read_feed(paths, &set->items[i]);
		set->items[i].is_stale = is_stale_at(&set->items[i], sp_clock_realtime_ns());
	}
	return r;
}

/* ---- what they hold ---- */

static struct sp_feed *find_feed(const struct sp_feed_set *set, const char *name)
{
	for (size_t i = 0; i < set->count; i++)
		if (!strcmp(set->items[i].name, name))
			return &set->items[i];
	return NULL;
}

size_t sp_feed_set_list(const struct sp_feed_set *set, const struct sp_policy *text, int64_t now_ns,
			struct sp_fact_network *facts)
{
	size_t count = 0;

	for (uint32_t i = 0; i < text->network_count && count < set->count; i++) {
		const struct sp_network *network = &text->networks[i];
		const struct sp_feed *feed =
			network->kind == SP_NETWORK_FEED ? find_feed(set, network->name) : NULL;

		if (!feed || (feed->on_stale == SP_ON_STALE_EMPTY && is_stale_at(feed, now_ns)))
			continue;
		facts[count++] = (struct sp_fact_network){ i, feed->list.items, feed->list.count };
	}
	return count;
}

static void check_feed(struct sp_check *check, const struct sp_feed *feed, int64_t now_ns)
{
	const struct sp_node at = sp_node_at(&feed->place);
	const bool is_stale = is_stale_at(feed, now_ns);

	if (!feed->list.count)
		sp_report(check, &at, "feed %s: %s, and there is no earlier list of it", feed->file,
			  feed->fault);
	else if (*feed->fault)
		sp_warn(check, &at, "feed %s: %s%s", feed->file, feed->fault,
			feed->state == SP_FEED_GOOD ? "" : "; the last good list is used");
	if (is_stale && feed->on_stale == SP_ON_STALE_REFUSE)
		sp_report(check, &at, "feed %s is older than its max-age", feed->file);
	else if (is_stale)
		sp_warn(check, &at, "feed %s is older than its max-age%s", feed->file,
			feed->on_stale == SP_ON_STALE_EMPTY ? ": it holds nothing" : "");
}

void sp_feed_set_check(const struct sp_feed_set *set, int64_t now_ns, struct sp_check *check)
{
	for (size_t i = 0; i < set->count; i++)
		check_feed(check, &set->items[i], now_ns);
}

/* ---- following those of the running policy ---- */

static void tell_warnings(struct sp_feeds *feeds)
{
	const struct sp_feed *failed = NULL, *stale = NULL;

	for (size_t i = 0; i < feeds->running.count; i++) {
		const struct sp_feed *feed = &feeds->running.items[i];

		if (!failed && *feed->fault)
			failed = feed;
		if (!stale && feed->is_stale)
			stale = feed;
	}
	if (failed)
		sp_warnings_raise(feeds->warnings, "feed-failed", "feed %s (%s): %s%s",
				  failed->name, failed->file, failed->fault,
				  failed->state == SP_FEED_GOOD ? ""
				  : failed->list.count
					  ? "; the last good list is in use"
					  : "; there is no list of it: it holds nothing");
	else
		sp_warnings_clear(feeds->warnings, "feed-failed");
	if (stale)
		sp_warnings_raise(feeds->warnings, "feed-stale",
				  "feed %s (%s) is older than its max-age%s", stale->name,
				  stale->file,
				  stale->on_stale == SP_ON_STALE_EMPTY ? ": it holds nothing now"
								       : "; it is used on");
	else
		sp_warnings_clear(feeds->warnings, "feed-stale");
}

/* A list that grows stale, or is fresh again, changes what an `empty` one holds. */
static bool weigh_age(struct sp_feed *feed, int64_t now_ns)
{
	const bool was_stale = feed->is_stale;

	feed->is_stale = is_stale_at(feed, now_ns);
	return feed->is_stale != was_stale && feed->on_stale == SP_ON_STALE_EMPTY;
}

static void drop_readings(struct sp_feeds *feeds)
{
	for (size_t i = 0; i < feeds->reading_count; i++)
		sp_feed_reading_done(&feeds->readings[i]);
	free(feeds->readings);
	feeds->readings = NULL;
	feeds->reading_count = 0;
}

/* Others may be followed since it was begun. */
static void take_found(struct sp_feeds *feeds, struct sp_feed *feed)
{
	__sp_free char *path = NULL;

	if (find_file(feeds->paths, feed->file, &path) < 0)
		return;
	for (size_t i = 0; i < feeds->reading_count; i++) {
		struct sp_feed_reading *reading = &feeds->readings[i];

		if (!reading->is_new || strcmp(path, reading->path) != 0)
			continue;
		if (reading->list.count)
			sp_log_note("feed %s: %s was read, %zu prefixes", feed->name, path,
				    reading->list.count);
		feeds->is_changed |= take_reading(feed, reading);
		reading->is_new = false;
	}
}

static void read_all(void *arg)
{
	struct sp_feeds *feeds = arg;

	for (size_t i = 0; i < feeds->reading_count; i++)
		if (sp_feed_read(&feeds->readings[i]) < 0)
			feeds->readings[i].is_new = false; /* no memory: the next round */
}

static void were_read(void *arg)
{
	struct sp_feeds *feeds = arg;
	const int64_t now_ns = sp_clock_realtime_ns();

	for (size_t i = 0; i < feeds->running.count; i++) {
		take_found(feeds, &feeds->running.items[i]);
		feeds->is_changed |= weigh_age(&feeds->running.items[i], now_ns);
	}
	drop_readings(feeds);
	tell_warnings(feeds);
	sp_loop_in(feeds->loop, &feeds->timer, LOOK_NS);
	if (!feeds->is_changed)
		return;
	feeds->is_changed = false;
	feeds->changed(feeds->arg);
}

/* One reading for each. Returns 0; -ENOMEM. */
static int begin_readings(struct sp_feeds *feeds)
{
	int r = 0;

	for (size_t i = 0; i < feeds->running.count && r == 0; i++) {
		struct sp_feed_reading *reading =
			SP_ARRAY_PUSH(feeds->readings, feeds->reading_count);

		r = reading ? begin_reading(feeds->paths, &feeds->running.items[i], reading)
			    : -ENOMEM;
	}
	return r;
}

static void look(void *arg)
{
	struct sp_feeds *feeds = arg;
	int r;

	if (!feeds->running.count || feeds->job.is_under_way)
		return;
	feeds->job.work = read_all;
	feeds->job.done = were_read;
	feeds->job.arg = feeds;
	r = begin_readings(feeds);
	if (r == 0)
		r = sp_job_start(&feeds->job, feeds->loop);
	if (r == 0)
		return;
	sp_log_error("looking at the feeds: %s", sp_err_text(r));
	drop_readings(feeds);
	sp_loop_in(feeds->loop, &feeds->timer, LOOK_NS);
}

static void follow(struct sp_feeds *feeds)
{
	feeds->timer.fire = look;
	feeds->timer.arg = feeds;
	tell_warnings(feeds);
	sp_loop_in(feeds->loop, &feeds->timer, LOOK_NS);
}

void sp_feeds_switch(struct sp_feeds *feeds, struct sp_feed_set *set, bool keeps)
{
	sp_feed_set_done(&feeds->former);
	if (keeps)
		feeds->former = feeds->running;
	else
		sp_feed_set_done(&feeds->running);
	feeds->running = *set;
	*set = (struct sp_feed_set){ 0 };
	follow(feeds);
}

void sp_feeds_return(struct sp_feeds *feeds)
{
	sp_feed_set_done(&feeds->running);
	feeds->running = feeds->former;
	feeds->former = (struct sp_feed_set){ 0 };
	follow(feeds);
}

void sp_feeds_drop_former(struct sp_feeds *feeds)
{
	sp_feed_set_done(&feeds->former);
}

void sp_feeds_done(struct sp_feeds *feeds)
{
	if (feeds->loop) {
		sp_job_end(&feeds->job);
		sp_loop_drop(feeds->loop, &feeds->timer);
	}
	drop_readings(feeds);
	sp_feed_set_done(&feeds->running);
	sp_feed_set_done(&feeds->former);
}
