/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "daemon/host/homes.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "base/array.h"
#include "base/err.h"
#include "config/machine.h"
#include "daemon/base/warnings.h"
#include "io/log/log.h"
#include "io/loop/clock.h"
#include "net/addr.h"
#include "tables/index.h"

#define SLICE_BYTES (256 << 10) /* some 3000 routes: a few milliseconds */
/* how long a withdrawn inner prefix still counts; each further withdrawal doubles that, */
#define HOLD_NS (3 * SP_SECOND_NS)
#define HOLD_LONGEST_NS (60 * SP_SECOND_NS) /* up to this, until none came for the time below */
#define HOLD_QUIET_NS (600 * SP_SECOND_NS)
#define TRUTH_NS (300 * SP_SECOND_NS) /* messages were ignored: look whether rightly */
/* so many interrupted readings: then what was read is used, and read again later */
#define INTERRUPTED_MAX 3

static void homes_plan(struct sp_homes_watch *watch);

/* ---- what a reading begins with ---- */

static void ground_done(struct sp_homes_ground *ground)
{
	free(ground->places);
	free(ground->addresses);
	*ground = (struct sp_homes_ground){ 0 };
}

static const struct sp_homes_place *find_place(const struct sp_homes_ground *ground,
					       uint32_t ifindex)
{
	for (size_t i = 0; i < ground->place_count; i++)
		if (ground->places[i].ifindex == ifindex)
			return &ground->places[i];
	return NULL;
}

static int add_place(struct sp_homes_ground *ground, const struct sp_gateway *file,
		     const struct sp_link *link)
{
	for (size_t i = 0; i < file->interface_count; i++) {
		struct sp_homes_place *place;

		if (strcmp(file->interfaces[i].name, link->name) != 0)
			continue;
		place = SP_ARRAY_PUSH(ground->places, ground->place_count);
		if (!place)
			return -ENOMEM;
		*place = (struct sp_homes_place){ link->ifindex, (uint8_t)file->interfaces[i].zone,
						  link->is_up };
	}
	return 0;
}

static void keep_governed(struct sp_homes_ground *ground)
{
	size_t kept = 0;

	for (size_t i = 0; i < ground->address_count; i++)
		if (find_place(ground, ground->addresses[i].ifindex))
			ground->addresses[kept++] = ground->addresses[i];
	ground->address_count = kept;
}

static int read_ground(struct sp_homes_watch *watch, struct sp_homes_ground *ret_ground)
{
	struct sp_homes_ground ground = { 0 };
	__sp_free struct sp_link *links = NULL;
	size_t count = 0;
	int r = sp_netlink_list_links(watch->netlink, &links, &count);

	for (size_t i = 0; r == 0 && i < count; i++)
		r = add_place(&ground, &(*watch->machine)->gateway, &links[i]);
	if (r == 0)
		r = sp_netlink_list_addresses(watch->netlink, 0, &ground.addresses,
					      &ground.address_count);
	if (r < 0) {
		ground_done(&ground);
		return r;
	}
	keep_governed(&ground);
	*ret_ground = ground;
	return 0;
}

static bool same_places(const struct sp_homes_ground *a, const struct sp_homes_ground *b)
{
	if (a->place_count != b->place_count)
		return false;
	for (size_t i = 0; i < a->place_count; i++)
		if (a->places[i].ifindex != b->places[i].ifindex ||
		    a->places[i].zone != b->places[i].zone ||
		    a->places[i].is_up != b->places[i].is_up)
			return false;
	return true;
}

static bool same_addresses(const struct sp_homes_ground *a, const struct sp_homes_ground *b)
{
	if (a->address_count != b->address_count)
		return false;
	for (size_t i = 0; i < a->address_count; i++)
		if (a->addresses[i].ifindex != b->addresses[i].ifindex ||
		    sp_addr_compare(&a->addresses[i].addr, &b->addresses[i].addr) ||
		    sp_prefix_compare(&a->addresses[i].prefix, &b->addresses[i].prefix))
			return false;
	return true;
}

/* ---- from routes to ways ---- */

static bool is_of_the_edge(const struct sp_homes_ground *ground, const struct sp_addr *addr)
{
	for (size_t i = 0; i < ground->address_count; i++) {
		const struct sp_homes_place *place =
			find_place(ground, ground->addresses[i].ifindex);

		if (place && place->zone == SP_ZONE_EDGE &&
		    sp_prefix_contains(&ground->addresses[i].prefix, addr))
			return true;
	}
	return false;
}

static bool has_hop(const struct sp_prefix *hops, size_t count, const struct sp_addr *addr)
{
	for (size_t i = 0; i < count; i++)
		if (!memcmp(hops[i].addr, addr->b, sizeof(addr->b)))
			return true;
	return false;
}

/* Every interface has fe80::/64, and multicast is no source: neither says where an address lives.
 * Pool addresses are at home on the tunnel, whatever routes say. */
static bool says_nothing(const struct sp_gateway *file, const struct sp_prefix *to, bool is_v4)
{
	if (!is_v4 &&
	    (to->addr[0] == 0xff || (to->addr[0] == 0xfe && (to->addr[1] & 0xc0) == 0x80)))
		return true;
	for (size_t i = 0; i < file->pool_count; i++)
		if (sp_prefix_covers(&file->pool[i], to))
			return true;
	return false;
}

/* Returns false: the interface is not governed. */
static bool read_way(const struct sp_homes_ground *ground, const struct sp_kernel_route *route,
		     struct sp_homes_way *ret_way)
{
	const struct sp_homes_place *place = find_place(ground, route->ifindex);

	if (!place)
		return false;
	*ret_way = (struct sp_homes_way){
		.to = route->to,
		.table = route->table,
		.metric = route->metric,
		.ifindex = route->ifindex,
		.zone = place->zone,
		.is_on_link = !route->has_next_hop,
	};
	return true;
}

static int add_way(struct sp_homes_watch *watch, const struct sp_homes_way *way)
{
	struct sp_homes_way *added = SP_ARRAY_PUSH(watch->ways, watch->way_count);

	if (!added)
		return -ENOMEM;
	*added = *way;
	return 0;
}

/* The address of a router is never a bogon, even if no prefix of the edge holds it. */
static int add_hop(struct sp_homes_watch *watch, const struct sp_addr *next_hop)
{
	struct sp_prefix *hop;

	if (is_of_the_edge(&watch->new_ground, next_hop) ||
	    has_hop(watch->new_hops, watch->new_hop_count, next_hop))
		return 0;
	hop = SP_ARRAY_PUSH(watch->new_hops, watch->new_hop_count);
	if (!hop)
		return -ENOMEM;
	hop->prefix_len = 128;
	memcpy(hop->addr, next_hop->b, sizeof(hop->addr));
	return 0;
}

static int take_route(void *arg, const struct sp_kernel_route *route)
{
	struct sp_homes_watch *watch = arg;
	struct sp_homes_way way;
	int r;

	if (route->is_unreadable) {
		if (!watch->new_unreadable_count++)
			watch->new_unreadable = route->to;
		return 0;
	}
	if (says_nothing(&(*watch->machine)->gateway, &route->to, route->is_v4) ||
	    !read_way(&watch->new_ground, route, &way))
		return 0;
	r = add_way(watch, &way);
	if (r == 0 && way.zone == SP_ZONE_EDGE && route->has_next_hop)
		r = add_hop(watch, &route->next_hop);
	return r;
}

/* The prefix of an interface's address belongs to it also while the interface is down and its
 * routes are gone. */
static int take_addresses(struct sp_homes_watch *watch)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < watch->new_ground.address_count; i++) {
		const struct sp_link_address *address = &watch->new_ground.addresses[i];
		const struct sp_kernel_route route = {
			.to = address->prefix,
			.is_v4 = address->is_v4,
			.ifindex = address->ifindex,
		};

		r = take_route(watch, &route);
	}
	return r;
}

/* ---- the end of a reading ---- */

static void forget_reading(struct sp_homes_watch *watch)
{
	if (watch->source.ready)
		sp_loop_forget(watch->loop, &watch->source);
	watch->source = (struct sp_source){ 0 };
	sp_route_reading_close(watch->reading);
	watch->reading = NULL;
	ground_done(&watch->new_ground);
	free(watch->ways);
	watch->ways = NULL;
	watch->way_count = 0;
	free(watch->new_hops);
	watch->new_hops = NULL;
	watch->new_hop_count = 0;
	watch->new_unreadable_count = 0;
}

static void say_what_is_hidden(const struct sp_homes_watch *watch)
{
	const struct sp_homes *homes = &watch->homes;
	char clash[SP_PREFIX_TEXT_MAX] = "", hidden[SP_PREFIX_TEXT_MAX] = "";

	if (!homes->clash_count && !watch->unreadable_count) {
		sp_warnings_clear(watch->warnings, "homes-incomplete");
		return;
	}
	if (homes->clash_count)
		sp_prefix_format(&homes->clashes[0], clash);
	if (watch->unreadable_count)
		sp_prefix_format(&watch->unreadable, hidden);
	if (homes->clash_count && watch->unreadable_count)
		sp_warnings_raise(
			watch->warnings, "homes-incomplete",
			"the spoof check: %zu prefixes are routed inwards and to the edge (%s: "
			"judged as inner ones), and where %zu routes lead cannot be read (%s)",
			homes->clash_count, clash, watch->unreadable_count, hidden);
	else if (homes->clash_count)
		sp_warnings_raise(watch->warnings, "homes-incomplete",
				  "the spoof check: %zu prefixes are routed inwards and to the "
				  "edge (%s): from the edge their addresses are spoofed",
				  homes->clash_count, clash);
	else
		sp_warnings_raise(
			watch->warnings, "homes-incomplete",
			"the spoof check: where %zu routes lead cannot be read (%s: an "
			"encapsulation or nexthop object): its addresses may be used from the edge",
			watch->unreadable_count, hidden);
}

static bool same_hops(const struct sp_homes_watch *watch)
{
	for (size_t i = 0; i < watch->new_hop_count; i++) {
		struct sp_addr hop;

		memcpy(hop.b, watch->new_hops[i].addr, sizeof(hop.b));
		if (!has_hop(watch->next_hops, watch->next_hop_count, &hop))
			return false;
	}
	return watch->new_hop_count == watch->next_hop_count;
}

/* Replace what is known by what was read. *@ret_changed: judgement would differ. */
static int take_over(struct sp_homes_watch *watch, bool *ret_changed)
{
	uint32_t zone_size[SP_ZONE_COUNT] = { 0 };
	struct sp_homes homes;
	int r;

	for (size_t i = 0; i < watch->new_ground.place_count; i++)
		zone_size[watch->new_ground.places[i].zone]++;
	r = sp_homes_build(watch->ways, watch->way_count, zone_size, &homes);
	if (r < 0)
		return r;
	*ret_changed = !sp_homes_equal(&homes, &watch->homes) || !same_hops(watch);
	sp_homes_done(&watch->homes);
	watch->homes = homes;
	ground_done(&watch->ground);
	watch->ground = watch->new_ground;
	watch->new_ground = (struct sp_homes_ground){ 0 };
	free(watch->next_hops);
	watch->next_hops = watch->new_hops;
	watch->next_hop_count = watch->new_hop_count;
	watch->new_hops = NULL;
	watch->unreadable_count = watch->new_unreadable_count;
	watch->unreadable = watch->new_unreadable;
	return 0;
}

/* ---- messages ---- */

static void become_stale(struct sp_homes_watch *watch, bool is_urgent)
{
	if (!watch->is_stale)
		watch->stale_since_ns = sp_clock_boottime_ns();
	watch->is_stale = true;
	watch->is_urgent |= is_urgent;
}

static void prefix_release(struct sp_homes_watch *watch, const struct sp_prefix *to)
{
	for (size_t i = 0; i < watch->held_count; i++) {
		if (sp_prefix_compare(&watch->held[i].to, to))
			continue;
		watch->held[i] = watch->held[--watch->held_count];
		return;
	}
}

static uint64_t hold_ns(const struct sp_homes_watch *watch)
{
	const uint64_t now_ns = sp_clock_boottime_ns();

	return watch->hold_ns && now_ns < watch->let_go_ns + HOLD_QUIET_NS ? watch->hold_ns
									   : HOLD_NS;
}

/* A prefix has counted for long enough. The next one is held longer. */
static void let_go(struct sp_homes_watch *watch)
{
	uint64_t next_ns = 2 * hold_ns(watch);

	watch->hold_ns = next_ns < HOLD_LONGEST_NS ? next_ns : HOLD_LONGEST_NS;
	watch->let_go_ns = sp_clock_boottime_ns();
}

static void prefix_hold(struct sp_homes_watch *watch, const struct sp_prefix *to)
{
	prefix_release(watch, to);
	if (watch->held_count == SP_HOMES_HELD_MAX) {
		become_stale(watch, false);
		return;
	}
	watch->held[watch->held_count++] =
		(struct sp_homes_held){ *to, sp_clock_boottime_ns() + hold_ns(watch) };
}

static void follow_effect(struct sp_homes_watch *watch, enum sp_homes_effect effect,
			  const struct sp_prefix *to, bool is_gone)
{
	if (effect == SP_HOMES_CHANGED)
		become_stale(watch, false);
	else if (effect == SP_HOMES_LOOSENED)
		prefix_hold(watch, to);
	else
		watch->has_ignored = true;
	if (!is_gone && effect == SP_HOMES_SAME)
		prefix_release(watch, to);
}

/* Take the nexthops of governed interfaces from a message. 0: it can only remove a route. */
static size_t read_ways(const struct sp_homes_watch *watch, const struct sp_route_change *change,
			struct sp_homes_way ways[SP_ROUTE_HOPS_MAX])
{
	size_t count = 0;

	for (size_t i = 0; !change->is_gone && i < change->hop_count; i++)
		count += read_way(&watch->ground, &change->hops[i], &ways[count]);
	return count;
}

static bool brings_router(const struct sp_homes_watch *watch, const struct sp_route_change *change)
{
	for (size_t i = 0; !change->is_gone && i < change->hop_count; i++) {
		const struct sp_kernel_route *hop = &change->hops[i];
		const struct sp_homes_place *place = find_place(&watch->ground, hop->ifindex);

		if (place && place->zone == SP_ZONE_EDGE && hop->has_next_hop &&
		    !is_of_the_edge(&watch->ground, &hop->next_hop) &&
		    !has_hop(watch->next_hops, watch->next_hop_count, &hop->next_hop))
			return true;
	}
	return false;
}

static void prefix_miss(struct sp_homes_watch *watch, const struct sp_prefix *to,
			const struct sp_homes_way *ways, size_t count)
{
	struct sp_homes_missed *missed;

	if (watch->missed_count == SP_HOMES_MISSED_MAX || count > 1) {
		become_stale(watch, false);
		return;
	}
	missed = &watch->missed[watch->missed_count++];
	*missed = (struct sp_homes_missed){ .to = *to, .is_gone = count == 0 };
	if (count)
		missed->way = ways[0];
}

void sp_homes_note(void *arg, const struct sp_route_change *change)
{
	struct sp_homes_watch *watch = arg;
	struct sp_homes_way ways[SP_ROUTE_HOPS_MAX];
	size_t count;

	if (says_nothing(&(*watch->machine)->gateway, &change->to, sp_prefix_is_v4(&change->to)))
		return;
	count = read_ways(watch, change, ways);
	if (watch->reading)
		prefix_miss(watch, &change->to, ways, count);
	if (change->is_unreadable || brings_router(watch, change))
		become_stale(watch, false);
	else if (count)
		follow_effect(watch, sp_homes_weigh_added(&watch->homes, ways, count), &change->to,
			      false);
	else
		follow_effect(watch, sp_homes_weigh_gone(&watch->homes, &change->to), &change->to,
			      true);
	homes_plan(watch);
}

static void weigh_missed(struct sp_homes_watch *watch)
{
	for (size_t i = 0; i < watch->missed_count; i++) {
		const struct sp_homes_missed *missed = &watch->missed[i];
		enum sp_homes_effect effect =
			missed->is_gone ? sp_homes_weigh_gone(&watch->homes, &missed->to)
					: sp_homes_weigh_added(&watch->homes, &missed->way, 1);

		follow_effect(watch, effect, &missed->to, missed->is_gone);
	}
	watch->missed_count = 0;
}

/* ---- reading ---- */

static int start_reading(struct sp_homes_watch *watch, struct sp_homes_ground *ground)
{
	watch->new_ground = *ground;
	*ground = (struct sp_homes_ground){ 0 };
	watch->is_stale = watch->is_urgent = watch->has_ignored = false;
	watch->held_count = watch->missed_count = 0;
	watch->spent_ns = 0;
	return sp_route_reading_open(&watch->reading);
}

/* Read one slice. Returns 1: there is more; 0: complete; -EINTR: the tables changed meanwhile;
 * -errno. */
static int reading_advance(struct sp_homes_watch *watch)
{
	const uint64_t from_ns = sp_clock_boottime_ns();
	int r = sp_route_reading_advance(watch->reading, SLICE_BYTES, take_route, watch);

	if (r == -EINTR && ++watch->interrupted >= INTERRUPTED_MAX) {
		become_stale(watch, false);
		r = 0;
	}
	if (r == 0) {
		watch->interrupted = 0;
		r = take_addresses(watch);
	}
	watch->spent_ns += sp_clock_boottime_ns() - from_ns;
	return r;
}

/* Drop what was read: there will be another reading. */
static void give_up_reading(struct sp_homes_watch *watch, int r)
{
	if (r != -EINTR)
		sp_log_error("reading the routes: %s; trying again", sp_err_text(r));
	forget_reading(watch);
	sp_pace_spend(&watch->pace, sp_clock_boottime_ns(),
		      r == -EINTR ? watch->spent_ns : SP_SECOND_NS);
	become_stale(watch, false);
	homes_plan(watch);
}

static int reading_complete(struct sp_homes_watch *watch, bool *ret_changed)
{
	const uint64_t from_ns = sp_clock_boottime_ns();
	int r = take_over(watch, ret_changed);

	forget_reading(watch);
	if (r < 0)
		return r;
	watch->read_ns = sp_clock_boottime_ns();
	watch->spent_ns += watch->read_ns - from_ns;
	sp_pace_spend(&watch->pace, watch->read_ns, watch->spent_ns);
	weigh_missed(watch);
	say_what_is_hidden(watch);
	return 0;
}

static void go_on(struct sp_homes_watch *watch)
{
	bool is_changed = false;
	int r = reading_advance(watch);

	if (r > 0)
		return;
	if (r == 0)
		r = reading_complete(watch, &is_changed);
	if (r < 0) {
		give_up_reading(watch, r);
		return;
	}
	homes_plan(watch);
	if (is_changed)
		watch->changed(watch->arg);
}

static void slice_ready(void *arg, uint32_t events)
{
	(void)events;
	go_on(arg);
}

/* The first slice at once: small tables are read by then. */
static void reading_begin(struct sp_homes_watch *watch, struct sp_homes_ground *ground)
{
	int r = start_reading(watch, ground);

	if (r == 0) {
		watch->source = (struct sp_source){
			.fd = sp_route_reading_get_fd(watch->reading),
			.ready = slice_ready,
			.arg = watch,
		};
		r = sp_loop_watch(watch->loop, &watch->source, EPOLLIN);
	}
	if (r < 0)
		give_up_reading(watch, r);
	else
		go_on(watch);
}

static bool has_held_enough(const struct sp_homes_watch *watch, uint64_t now_ns)
{
	for (size_t i = 0; i < watch->held_count; i++)
		if (watch->held[i].due_ns <= now_ns)
			return true;
	return false;
}

/* Is a reading still wanted? While it waited, a prefix may have come back. */
static bool is_wanted(struct sp_homes_watch *watch)
{
	const uint64_t now_ns = sp_clock_boottime_ns();

	watch->drain(watch->arg);
	if (has_held_enough(watch, now_ns)) {
		let_go(watch);
		return true;
	}
	return watch->is_stale || (watch->has_ignored && now_ns >= watch->read_ns + TRUTH_NS);
}

static void homes_due(void *arg)
{
	struct sp_homes_watch *watch = arg;
	struct sp_homes_ground ground;

	if (watch->reading)
		return;
	if (!is_wanted(watch)) {
		homes_plan(watch);
		return;
	}
	if (read_ground(watch, &ground) < 0)
		sp_loop_in(watch->loop, &watch->timer, SP_SECOND_NS);
	else
		reading_begin(watch, &ground);
}

static uint64_t later(uint64_t a_ns, uint64_t b_ns)
{
	return a_ns > b_ns ? a_ns : b_ns;
}

static uint64_t earlier(uint64_t a_ns, uint64_t b_ns)
{
	return a_ns < b_ns ? a_ns : b_ns;
}

/* When the next reading begins. */
static void homes_plan(struct sp_homes_watch *watch)
{
	uint64_t due_ns = UINT64_MAX;

	if (watch->reading || !watch->timer.fire)
		return;
	if (watch->is_stale)
		due_ns = watch->stale_since_ns + SP_PACE_FIRST_NS;
	for (size_t i = 0; i < watch->held_count; i++)
		due_ns = earlier(due_ns, watch->held[i].due_ns);
	if (watch->has_ignored)
		due_ns = earlier(due_ns, watch->read_ns + TRUTH_NS);
	if (due_ns == UINT64_MAX)
		watch->timer.due_ns = 0;
	else
		sp_loop_at(watch->loop, &watch->timer,
			   watch->is_urgent ? due_ns : later(due_ns, watch->pace.due_ns));
}

/* ---- from outside ---- */

static int read_once(struct sp_homes_watch *watch)
{
	struct sp_homes_ground ground = { 0 };
	bool is_changed;
	int r = read_ground(watch, &ground);

	if (r == 0)
		r = start_reading(watch, &ground);
	if (r == 0)
		do
			r = reading_advance(watch);
		while (r > 0);
	if (r == 0)
		r = reading_complete(watch, &is_changed);
	forget_reading(watch);
	return r;
}

int sp_homes_read(struct sp_homes_watch *watch)
{
	int r;

	do
		r = read_once(watch);
	while (r == -EINTR);
	return r;
}

void sp_homes_watch(struct sp_homes_watch *watch)
{
	watch->timer = (struct sp_timer){ .fire = homes_due, .arg = watch };
	homes_plan(watch);
}

void sp_homes_follow(struct sp_homes_watch *watch, uint32_t changed)
{
	struct sp_homes_ground ground;

	if (changed & (SP_NETLINK_LOST | SP_NETLINK_NEXTHOPS))
		become_stale(watch, false);
	if (changed & (SP_NETLINK_LINKS | SP_NETLINK_ADDRESSES)) {
		const struct sp_homes_ground *known =
			watch->reading ? &watch->new_ground : &watch->ground;

		if (read_ground(watch, &ground) < 0) {
			become_stale(watch, false);
		} else {
			if (!same_places(&ground, known))
				become_stale(watch, true);
			else if (!same_addresses(&ground, known))
				become_stale(watch, false);
			ground_done(&ground);
		}
	}
	if (watch->is_stale && !watch->reading &&
	    (watch->is_urgent || watch->pace.due_ns <= sp_clock_boottime_ns()))
		homes_due(watch);
	else
		homes_plan(watch);
}

void sp_homes_close(struct sp_homes_watch *watch)
{
	forget_reading(watch);
	if (watch->timer.fire)
		sp_loop_drop(watch->loop, &watch->timer);
	sp_homes_done(&watch->homes);
	ground_done(&watch->ground);
	free(watch->next_hops);
	watch->next_hops = NULL;
}
