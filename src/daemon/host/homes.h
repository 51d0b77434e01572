/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Where addresses are at home on this machine, kept as its routes change.
 *
 * The truth is a reading of every table and nexthop object. It is made in slices, so that others
 * are served meanwhile, and paced. A message about a route is weighed against what is known: most
 * change nothing (policy/addresses/homes.h) and cost nothing more. A withdrawn inner prefix is
 * believed a moment longer (3 s, more when prefixes keep going): one that flaps causes no reading
 * at all, and until then judgement is too strict, if anything. A prefix newly routed inwards is
 * looked at within 200 ms, or when the pace allows it. */
#ifndef SALLYPORT_DAEMON_HOMES_H
#define SALLYPORT_DAEMON_HOMES_H

#include "daemon/base/pace.h"
#include "io/loop/loop.h"
#include "io/netlink/netlink.h"
#include "policy/addresses/homes.h"
#include "policy/load.h"

#define SP_HOMES_HELD_MAX 64
#define SP_HOMES_MISSED_MAX 256

struct sp_machine;
struct sp_warnings;

struct sp_homes_place {
	uint32_t ifindex;
	uint8_t zone; /* enum sp_zone */
	bool is_up;
};

/* The state at the start of a reading. */
struct sp_homes_ground {
	struct sp_homes_place *places; /* governed interfaces that exist */
	size_t place_count;
	struct sp_link_address *addresses; /* on those */
	size_t address_count;
};

struct sp_homes_held {
	struct sp_prefix to;
	uint64_t due_ns;
};

/* A message that came while a reading was under way: it may or may not be in it. */
struct sp_homes_missed {
	struct sp_prefix to;
	bool is_gone;
	struct sp_homes_way way; /* the first hop; several: the reading is repeated */
};

struct sp_homes_watch {
	/* what it stands on, lent by the daemon */
	struct sp_loop *loop;
	struct sp_netlink *netlink;
	struct sp_machine *const *machine; /* sallyport.yaml as it is now */
	struct sp_warnings *warnings;
	/* Take the messages that wait: sp_homes_note. */
	void (*drain)(void *arg);
	/* Called when homes have changed. */
	void (*changed)(void *arg);
	void *arg; /* of both */

	struct sp_homes homes; /* as of the last whole reading */
	struct sp_homes_ground ground;
	struct sp_prefix *next_hops; /* routers on the edge outside the edge's own prefixes */
	size_t next_hop_count;
	size_t unreadable_count;     /* routes whose way cannot be read */
	struct sp_prefix unreadable; /* the first of them */

	/* a reading under way */
	struct sp_route_reading *reading;
	struct sp_source source;
	struct sp_homes_ground new_ground;
	struct sp_homes_way *ways;
	size_t way_count;
	struct sp_prefix *new_hops;
	size_t new_hop_count;
	size_t new_unreadable_count;
	struct sp_prefix new_unreadable;
	uint64_t spent_ns;
	unsigned int interrupted;
	struct sp_homes_missed missed[SP_HOMES_MISSED_MAX];
	size_t missed_count;

	/* why there will be another */
	bool is_stale, is_urgent;
	uint64_t stale_since_ns;
	struct sp_homes_held held[SP_HOMES_HELD_MAX];
	size_t held_count;
	uint64_t hold_ns, let_go_ns;
	bool has_ignored;
	uint64_t read_ns;
	struct sp_pace pace;
	struct sp_timer timer;
};

/* Read everything before it returns. Returns 0 or -errno. */
int sp_homes_read(struct sp_homes_watch *watch);
/* From then on changes are followed. */
void sp_homes_watch(struct sp_homes_watch *watch);
/* A message about a route; sp_route_change_fn. */
void sp_homes_note(void *watch, const struct sp_route_change *change);
/* Links, addresses or nexthops changed, or messages were lost: read again if that matters. */
void sp_homes_follow(struct sp_homes_watch *watch, uint32_t changed);
/* Stop following, give up a reading under way, and free what the watch holds. */
void sp_homes_close(struct sp_homes_watch *watch);

#endif
