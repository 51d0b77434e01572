/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Where addresses are at home, from made-up routes; and what one change of a route means. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/array.h"
#include "net/addr.h"
#include "policy/addresses/homes.h"

enum { WAN0 = 1, WAN1, LAN0, LAN1, VPN0 };

static const uint32_t two_of_each[SP_ZONE_COUNT] = {
	[SP_ZONE_EDGE] = 2,
	[SP_ZONE_INSIDE] = 2,
	[SP_ZONE_TUNNEL] = 1,
};

static struct sp_prefix prefix(const char *text)
{
	struct sp_prefix parsed;

	assert_int_equal(sp_prefix_parse(text, &parsed), 0);
	return parsed;
}

static struct sp_homes_way way_of(const char *to, uint32_t table, uint32_t metric, uint32_t ifindex,
				  bool is_on_link)
{
	static const uint8_t zones[] = {
		[WAN0] = SP_ZONE_EDGE,   [WAN1] = SP_ZONE_EDGE,   [LAN0] = SP_ZONE_INSIDE,
		[LAN1] = SP_ZONE_INSIDE, [VPN0] = SP_ZONE_TUNNEL,
	};

	return (struct sp_homes_way){
		prefix(to), table, metric, ifindex, zones[ifindex], is_on_link
	};
}

struct made {
	struct sp_homes_way *ways;
	size_t count;
	struct sp_homes homes;
};

static void add(struct made *made, const char *to, uint32_t table, uint32_t metric,
		uint32_t ifindex, bool is_on_link)
{
	struct sp_homes_way *way = SP_ARRAY_PUSH(made->ways, made->count);

	assert_non_null(way);
	*way = way_of(to, table, metric, ifindex, is_on_link);
}

static void build(struct made *made)
{
	assert_int_equal(sp_homes_build(made->ways, made->count, two_of_each, &made->homes), 0);
}

static void done(struct made *made)
{
	free(made->ways);
	sp_homes_done(&made->homes);
	*made = (struct made){ 0 };
}

static void expect_home(const struct made *made, const char *addr, unsigned zone, uint32_t ifindex)
{
	struct sp_prefix at = prefix(addr);
	const struct sp_homes_entry *entry = sp_homes_find(&made->homes, &at);

	if (!entry || entry->route.zone != zone || entry->route.ifindex != ifindex)
		fail_msg("%s: zone %d interface %u", addr, entry ? (int)entry->route.zone : -1,
			 entry ? entry->route.ifindex : 0);
}

static void any_table_makes_an_address_an_inner_one(void **state)
{
	struct made made = { 0 };

	(void)state;
	add(&made, "0.0.0.0/0", 254, 0, WAN0, false);
	add(&made, "44.50.0.0/16", 100, 0, LAN0, false);
	add(&made, "44.51.0.0/16", 254, 0, WAN0, false); /* tables disagree: not the edge's */
	add(&made, "44.51.0.0/16", 100, 0, LAN0, false);
	add(&made, "44.52.0.0/16", 254, 0, LAN0, false);
	add(&made, "44.52.7.0/24", 100, 0, WAN0, false); /* more specific: the edge's */
	add(&made, "2001:db8:50::/48", 100, 0, LAN0, false);
	build(&made);
	expect_home(&made, "44.50.0.9", SP_ZONE_INSIDE, LAN0);
	expect_home(&made, "44.51.0.9", SP_ZONE_INSIDE, LAN0);
	expect_home(&made, "44.52.0.9", SP_ZONE_INSIDE, LAN0);
	expect_home(&made, "44.52.7.9", SP_ZONE_EDGE, 0);
	expect_home(&made, "44.53.0.9", SP_ZONE_EDGE, 0);
	expect_home(&made, "2001:db8:50::9", SP_ZONE_INSIDE, LAN0);
	expect_home(&made, "2001:db8:51::9", SP_ZONE_EDGE, 0); /* no default route: the edge's */
	assert_int_equal(made.homes.clash_count, 1);
	assert_memory_equal(made.homes.clashes[0].addr, prefix("44.51.0.0/16").addr, 16);
	done(&made);
}

static void the_better_metric_counts_within_a_table(void **state)
{
	struct made made = { 0 };

	(void)state;
	add(&made, "10.1.0.0/16", 254, 100, WAN0, false);
	add(&made, "10.1.0.0/16", 254, 200, LAN0, false);
	add(&made, "10.2.0.0/16", 254, 100, LAN0, false);
	add(&made, "10.2.0.0/16", 254, 200, WAN0, false);
	add(&made, "10.3.0.0/16", 254, 0, LAN0, false); /* hops of one route */
	add(&made, "10.3.0.0/16", 254, 0, WAN0, false);
	build(&made);
	expect_home(&made, "10.1.0.9", SP_ZONE_EDGE, 0);
	expect_home(&made, "10.2.0.9", SP_ZONE_INSIDE, LAN0);
	expect_home(&made, "10.3.0.9", SP_ZONE_INSIDE, LAN0);
	done(&made);
}

static void default_routes_are_the_edges_if_any_is(void **state)
{
	struct made made = { 0 };

	(void)state;
	add(&made, "0.0.0.0/0", 254, 0, LAN0, false);
	add(&made, "0.0.0.0/0", 100, 0, WAN0, false);
	add(&made, "::/0", 254, 0, LAN0, false);
	build(&made);
	expect_home(&made, "198.51.100.1", SP_ZONE_EDGE, 0);
	expect_home(&made, "2001:db8::1", SP_ZONE_INSIDE, 0);
	assert_int_equal(made.homes.clash_count, 0);
	done(&made);
}

static void an_interface_is_told_where_every_route_says_so(void **state)
{
	struct made made = { 0 };

	(void)state;
	add(&made, "10.0.0.0/8", 254, 0, LAN1, false);
	add(&made, "10.30.0.0/16", 254, 0, LAN0, true); /* on the link itself */
	add(&made, "10.31.0.0/16", 254, 0, LAN1, true);
	add(&made, "10.32.0.0/16", 254, 0, LAN0,
	    false); /* behind a router; a route around differs */
	add(&made, "10.33.0.0/16", 254, 0, LAN0, false); /* two ways */
	add(&made, "10.33.0.0/16", 254, 0, LAN1, false);
	add(&made, "172.16.0.0/12", 100, 0, LAN0, false);
	add(&made, "192.0.2.0/24", 254, 0, WAN0, true);
	add(&made, "198.51.100.0/24", 254, 0, WAN1, false); /* the Internet is everywhere */
	build(&made);
	expect_home(&made, "10.30.0.9", SP_ZONE_INSIDE, LAN0);
	expect_home(&made, "10.31.0.9", SP_ZONE_INSIDE, LAN1);
	expect_home(&made, "10.32.0.9", SP_ZONE_INSIDE, 0);
	expect_home(&made, "10.33.0.9", SP_ZONE_INSIDE, 0);
	expect_home(&made, "10.99.0.9", SP_ZONE_INSIDE, LAN1);
	expect_home(&made, "172.16.0.9", SP_ZONE_INSIDE, LAN0);
	expect_home(&made, "192.0.2.9", SP_ZONE_EDGE, WAN0);
	expect_home(&made, "198.51.100.9", SP_ZONE_EDGE, 0);
	done(&made);
}

static void many_routes_are_few_homes(void **state)
{
	struct made made = { 0 };
	char text[32];

	(void)state;
	for (int i = 0; i < 65536; i++) { /* a full table outside, a plain one inside */
		snprintf(text, sizeof(text), "%d.%d.%d.0/24", 44 + i / 32768, i / 256 % 256,
			 i % 256);
		add(&made, text, 254, 0, i % 2 ? WAN0 : WAN1, false);
		snprintf(text, sizeof(text), "10.%d.%d.0/24", i / 256, i % 256);
		add(&made, text, 254, 0, LAN0, false);
	}
	build(&made);
	expect_home(&made, "44.1.2.3", SP_ZONE_EDGE, 0);
	expect_home(&made, "10.200.2.3", SP_ZONE_INSIDE, LAN0);
	assert_int_equal(made.homes.count, 3); /* both roots, 10.0.0.0/8 */
	done(&made);
}

static enum sp_homes_effect added(const struct made *made, const char *to, uint32_t ifindex)
{
	struct sp_homes_way way = way_of(to, 254, 0, ifindex, false);

	return sp_homes_weigh_added(&made->homes, &way, 1);
}

static enum sp_homes_effect gone(const struct made *made, const char *to)
{
	struct sp_prefix at = prefix(to);

	return sp_homes_weigh_gone(&made->homes, &at);
}

static void changes_that_change_nothing_are_known_by_sight(void **state)
{
	struct made made = { 0 };

	(void)state;
	add(&made, "0.0.0.0/0", 254, 0, WAN0, false);
	add(&made, "10.30.0.0/16", 254, 0, LAN0, true);
	add(&made, "10.30.7.0/24", 254, 0, LAN0, false); /* says what its parent says */
	add(&made, "10.50.0.0/17", 254, 0, LAN0, false); /* halves: joined */
	add(&made, "10.50.128.0/17", 254, 0, LAN0, false);
	add(&made, "10.40.0.0/16", 254, 0, WAN0, false); /* mixed: a worse way inwards */
	add(&made, "10.40.0.0/16", 254, 9, LAN0, false);
	build(&made);
	assert_int_equal(added(&made, "45.0.0.0/24", WAN0), SP_HOMES_SAME);
	assert_int_equal(added(&made, "45.0.0.0/24", WAN1), SP_HOMES_SAME);
	assert_int_equal(gone(&made, "45.0.0.0/24"), SP_HOMES_SAME);
	assert_int_equal(added(&made, "45.0.0.0/24", LAN0), SP_HOMES_CHANGED);
	assert_int_equal(added(&made, "10.30.8.0/24", LAN0), SP_HOMES_SAME);
	assert_int_equal(added(&made, "10.30.8.0/24", LAN1), SP_HOMES_CHANGED);
	assert_int_equal(added(&made, "10.30.8.0/24", WAN0), SP_HOMES_CHANGED);
	assert_int_equal(gone(&made, "10.30.7.0/24"), SP_HOMES_SAME);
	assert_int_equal(gone(&made, "10.30.0.0/16"), SP_HOMES_LOOSENED);
	assert_int_equal(gone(&made, "10.50.0.0/17"), SP_HOMES_LOOSENED);
	assert_int_equal(gone(&made, "10.40.0.0/16"), SP_HOMES_CHANGED);
	assert_int_equal(added(&made, "10.40.0.0/16", WAN0), SP_HOMES_CHANGED);
	assert_int_equal(gone(&made, "0.0.0.0/0"), SP_HOMES_SAME);
	assert_int_equal(added(&made, "0.0.0.0/0", LAN0), SP_HOMES_CHANGED);
	done(&made);
}

/* Whatever is joined or left out: every address has the home the plain list of routes gives it. */
static void small_and_plain_agree(void **state)
{
	(void)state;
	for (unsigned seed = 1; seed <= 200; seed++) {
		struct made made = { 0 };
		char text[32];

		srand(seed);
		for (int i = 0; i < 24; i++) {
			int len = 24 + rand() % 9, bits = rand() % 256 & ~((1 << (32 - len)) - 1);

			snprintf(text, sizeof(text), "10.0.0.%d/%d", bits, len);
			add(&made, text, 254, 0, rand() % 2 ? WAN0 : LAN0, false);
		}
		build(&made);
		for (int addr = 0; addr < 256; addr++) {
			const struct sp_homes_way *best = NULL;
			unsigned zone = SP_ZONE_EDGE;
			struct sp_prefix at;

			snprintf(text, sizeof(text), "10.0.0.%d", addr);
			at = prefix(text);
			for (size_t i = 0; i < made.count; i++) {
				if (!sp_prefix_covers(&made.ways[i].to, &at) ||
				    (best && best->to.prefix_len > made.ways[i].to.prefix_len))
					continue;
				if (!best || best->to.prefix_len < made.ways[i].to.prefix_len)
					zone = SP_ZONE_EDGE;
				best = &made.ways[i];
				zone = best->zone == SP_ZONE_INSIDE ? SP_ZONE_INSIDE : zone;
			}
			assert_int_equal(sp_homes_find(&made.homes, &at)->route.zone, zone);
		}
		done(&made);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(any_table_makes_an_address_an_inner_one),
		cmocka_unit_test(the_better_metric_counts_within_a_table),
		cmocka_unit_test(default_routes_are_the_edges_if_any_is),
		cmocka_unit_test(an_interface_is_told_where_every_route_says_so),
		cmocka_unit_test(many_routes_are_few_homes),
		cmocka_unit_test(changes_that_change_nothing_are_known_by_sight),
		cmocka_unit_test(small_and_plain_agree),
	};

	return cmocka_run_group_tests_name("policy/homes", tests, NULL, NULL);
}
