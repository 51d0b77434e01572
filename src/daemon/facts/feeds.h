/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The lists in files that networks of a policy are. Those of a candidate are read as it is checked;
 * those of the running policy are looked at every few seconds, in a thread beside the loop. The last
 * good list of each is in use until a better one comes; what a whole round of looking found is told
 * at once, so that lists that came together are one revision. */
#ifndef SALLYPORT_DAEMON_FEEDS_H
#define SALLYPORT_DAEMON_FEEDS_H

#include "daemon/facts/feed.h"
#include "io/loop/job.h"
#include "policy/model.h"

struct sp_fact_network;
struct sp_paths;
struct sp_warnings;

struct sp_feed {
	char *name; /* of the network */
	char *file; /* as the policy has it */
	struct sp_place place;
	int64_t max_age_s;
	enum sp_on_stale on_stale;
	enum sp_feed_state state;
	struct sp_feed_version version;
	struct sp_feed_list list; /* in use; count 0: there never was one */
	size_t bad;
	char fault[256];
	bool is_stale; /* as it was at the last look */
};

/* Those of one policy. */
struct sp_feed_set {
	struct sp_feed *items;
	size_t count;
};

/* Read the feeds of @policy. For a thread beside the loop. The caller runs _done in every case.
 * Returns 0; -ENOMEM. */
int sp_feed_set_load(const struct sp_paths *paths, const struct sp_policy *policy,
		     struct sp_feed_set *set);
/* Free what it holds; empty afterwards. */
void sp_feed_set_done(struct sp_feed_set *set);
/* Report at its network what is wrong with each at @now_ns of UTC: an error where the policy is to
 * be refused, since a feed is stale and says so, or has no list at all. */
void sp_feed_set_check(const struct sp_feed_set *set, int64_t now_ns, struct sp_check *check);
/* List what the networks of @text hold at @now_ns of UTC; a stale one that is to be empty holds
 * nothing. @facts: room for one of each; their prefixes stay the set's. Returns how many there
 * are. */
size_t sp_feed_set_list(const struct sp_feed_set *set, const struct sp_policy *text, int64_t now_ns,
			struct sp_fact_network *facts);

struct sp_feeds {
	/* what they stand on, lent by the daemon */
	struct sp_loop *loop;
	const struct sp_paths *paths;
	struct sp_warnings *warnings;
	void (*changed)(void *arg); /* a network by file holds something else now */
	void *arg;

	struct sp_feed_set running;
	struct sp_feed_set former; /* of the revision that may return */
	struct sp_timer timer;
	struct sp_job job;
	struct sp_feed_reading *readings; /* the job's while it is under way */
	size_t reading_count;
	bool is_changed; /* in this round */
};

/* A policy with the feeds of @set runs now; the set is taken over. @keeps: those that were followed
 * before may be followed again. */
void sp_feeds_switch(struct sp_feeds *feeds, struct sp_feed_set *set, bool keeps);
/* The former policy runs again. */
void sp_feeds_return(struct sp_feeds *feeds);
/* It does not return. */
void sp_feeds_drop_former(struct sp_feeds *feeds);
/* Wait for the thread, and free what is held. */
void sp_feeds_done(struct sp_feeds *feeds);

#endif
