/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/array.h"
#include "io/files/paths.h"
#include "io/files/sysctl.h"
#include "io/netlink/netlink.h"
#include "net/addr.h"
#include "../scratch.h"

static struct sp_netlink *netlink;

static void run(const char *command)
{
	assert_int_equal(system(command), 0);
}

static struct sp_link link_named(const char *name)
{
	struct sp_link link;

	assert_int_equal(sp_netlink_get_link(netlink, name, &link), 0);
	return link;
}

static int make_pair(void **state)
{
	(void)state;
	return system("ip link add wan0 type veth peer name far0 && ip link set wan0 up && "
		      "ip link set far0 up && ip link set lo up");
}

static int remove_pair(void **state)
{
	(void)state;
	return system("ip link del wan0 2>/dev/null; true");
}

static struct sp_addr addr(const char *text)
{
	struct sp_addr parsed;

	assert_int_equal(sp_addr_parse(text, &parsed), 0);
	return parsed;
}

static struct sp_prefix prefix(const char *text)
{
	struct sp_prefix parsed;

	assert_int_equal(sp_prefix_parse(text, &parsed), 0);
	return parsed;
}

/* ---- links ---- */

static void link_says_what_it_is(void **state)
{
	struct sp_link wan, lo;

	(void)state;
	wan = link_named("wan0");
	assert_string_equal(wan.name, "wan0");
	assert_string_equal(wan.kind, "veth");
	assert_true(wan.is_up && wan.has_carrier && !wan.is_loopback);
	assert_int_equal(wan.mtu, 1500);
	assert_int_equal(wan.type, 1);
	assert_int_equal(wan.xdp_prog_id, 0);
	lo = link_named("lo");
	assert_true(lo.is_loopback);
}

static void absent_link_is_no_device(void **state)
{
	struct sp_link link;

	(void)state;
	assert_int_equal(sp_netlink_get_link(netlink, "nowhere0", &link), -ENODEV);
	assert_int_equal(sp_netlink_get_link(netlink, "", &link), -ENODEV);
	assert_int_equal(sp_netlink_get_link(netlink, "a-name-far-too-long", &link), -ENODEV);
}

static void link_is_changed_and_removed(void **state)
{
	struct sp_link wan = link_named("wan0");
	struct sp_link *links = NULL;
	size_t count;

	(void)state;
	assert_int_equal(sp_netlink_set_mtu(netlink, wan.ifindex, 1420), 0);
	assert_int_equal(sp_netlink_set_up(netlink, wan.ifindex, false), 0);
	wan = link_named("wan0");
	assert_int_equal(wan.mtu, 1420);
	assert_false(wan.is_up);
	assert_int_equal(sp_netlink_set_up(netlink, wan.ifindex, true), 0);
	assert_true(link_named("wan0").is_up);
	assert_int_equal(sp_netlink_set_mtu(netlink, wan.ifindex, 7), -EINVAL);
	assert_int_equal(sp_netlink_list_links(netlink, &links, &count), 0);
	assert_int_equal(count, 3);
	free(links);
	assert_int_equal(sp_netlink_remove_link(netlink, wan.ifindex), 0);
	assert_int_equal(sp_netlink_set_up(netlink, wan.ifindex, true), -ENODEV);
}

static void many_links_are_all_listed(void **state)
{
	struct sp_link *links = NULL;
	size_t count;

	(void)state;
	run("for i in $(seq 100); do echo link add d$i type veth peer name p$i; done | ip -batch "
	    "-");
	assert_int_equal(sp_netlink_list_links(netlink, &links, &count), 0);
	assert_int_equal(count, 203);
	free(links);
	run("for i in $(seq 100); do echo link del d$i; done | ip -batch -");
}

/* ---- addresses ---- */

static void addresses_are_put_listed_and_removed(void **state)
{
	struct sp_link wan = link_named("wan0");
	struct sp_addr v4 = addr("192.0.2.1"), v6 = addr("2001:db8::1");
	struct sp_link_address *list = NULL;
	size_t count, found = 0;
	char text[SP_PREFIX_TEXT_MAX];

	(void)state;
	assert_int_equal(sp_netlink_put_address(netlink, wan.ifindex, &v4, 24), 0);
	assert_int_equal(sp_netlink_put_address(netlink, wan.ifindex, &v6, 64), 0);
	assert_int_equal(sp_netlink_put_address(netlink, wan.ifindex, &v4, 24), 0);
	assert_int_equal(sp_netlink_list_addresses(netlink, wan.ifindex, &list, &count), 0);
	for (size_t i = 0; i < count; i++) {
		if (sp_addr_compare(&list[i].addr, &v4) == 0) {
			assert_string_equal(sp_prefix_format(&list[i].prefix, text),
					    "192.0.2.0/24");
			assert_true(list[i].is_v4 && list[i].is_permanent && list[i].is_usable);
			found++;
		} else if (sp_addr_compare(&list[i].addr, &v6) == 0) {
			assert_string_equal(sp_prefix_format(&list[i].prefix, text),
					    "2001:db8::/64");
			assert_true(list[i].is_permanent && list[i].is_usable);
			assert_false(list[i].is_link_local);
			found++;
		} else {
			assert_true(list[i].is_link_local);
		}
	}
	assert_int_equal(found, 2);
	free(list);
	assert_int_equal(sp_netlink_put_address(netlink, wan.ifindex, &v4, 33), -EINVAL);
	assert_int_equal(sp_netlink_put_address(netlink, 99999, &v4, 24), -ENODEV);
}

static bool is_client(bool is_v6)
{
	struct sp_link_address *list = NULL;
	uint32_t ifindex = link_named("wan0").ifindex;
	size_t count;
	bool is;

	assert_int_equal(sp_netlink_list_addresses(netlink, 0, &list, &count), 0);
	is = sp_netlink_is_dhcp_client(ifindex, is_v6, list, count);
	free(list);
	return is;
}

static void dhcp_client_is_told_by_its_addresses(void **state)
{
	(void)state;
	assert_true(is_client(false)); /* none yet, though lo has one */
	run("ip addr add 169.254.3.4/16 dev wan0");
	assert_true(is_client(false)); /* one it gave itself */
	run("ip addr add 192.0.2.1/24 dev wan0");
	assert_false(is_client(false));
	assert_true(is_client(true)); /* a fixed IPv4 address says nothing of DHCPv6 */
	run("ip addr add 198.51.100.7/24 dev wan0 valid_lft 3600 preferred_lft 3600");
	assert_true(is_client(false));
}

static void dhcpv6_client_is_told_by_its_ipv6_addresses(void **state)
{
	(void)state;
	assert_true(is_client(true)); /* fe80:: alone */
	run("ip addr add fd00:1::1/64 dev wan0 nodad");
	assert_true(is_client(true)); /* local to the site */
	run("ip addr add 2001:db8::1/64 dev wan0 nodad");
	assert_false(is_client(true));
	assert_true(is_client(false)); /* a fixed IPv6 address says nothing of DHCP */
	run("ip addr add 2001:db8::7/128 dev wan0 nodad valid_lft 3600 preferred_lft 3600");
	assert_true(is_client(true)); /* a lease beside it */
	run("ip addr del 2001:db8::1/64 dev wan0");
	assert_true(is_client(true));
}

/* ---- routes ---- */

static const struct sp_kernel_route *find_route(const struct sp_kernel_route *routes, size_t count,
						const char *to, uint32_t ifindex)
{
	struct sp_prefix wanted = prefix(to);

	for (size_t i = 0; i < count; i++)
		if (sp_prefix_compare(&routes[i].to, &wanted) == 0 && routes[i].ifindex == ifindex)
			return &routes[i];
	return NULL;
}

static void routes_of_both_families_are_listed(void **state)
{
	uint32_t wan = link_named("wan0").ifindex, far = link_named("far0").ifindex;
	struct sp_kernel_route *routes = NULL;
	const struct sp_kernel_route *route;
	char text[SP_ADDR_TEXT_MAX];
	size_t count;

	(void)state;
	run("ip addr add 192.0.2.1/24 dev wan0; ip -6 addr add 2001:db8::1/64 dev wan0 nodad;"
	    "ip addr add 198.51.100.1/24 dev far0;"
	    "ip route add default via 192.0.2.254 metric 50;"
	    "ip -6 route add default via 2001:db8::ff;"
	    "ip route add 10.9.0.0/16 via inet6 2001:db8::fe dev wan0;"
	    "ip route add 10.1.0.0/16 nexthop via 192.0.2.3 nexthop via 198.51.100.3;"
	    "ip route add blackhole 10.2.0.0/16; ip route add 10.3.0.0/16 dev wan0 table 77");
	assert_int_equal(sp_netlink_list_routes(0, &routes, &count), 0);

	route = find_route(routes, count, "0.0.0.0/0", wan);
	assert_non_null(route);
	assert_true(route->is_v4 && route->has_next_hop);
	assert_string_equal(sp_addr_format(&route->next_hop, text), "192.0.2.254");
	assert_int_equal(route->metric, 50);

	route = find_route(routes, count, "::/0", wan);
	assert_non_null(route);
	assert_string_equal(sp_addr_format(&route->next_hop, text), "2001:db8::ff");

	route = find_route(routes, count, "192.0.2.0/24", wan);
	assert_non_null(route);
	assert_false(route->has_next_hop);

	route = find_route(routes, count, "10.9.0.0/16", wan);
	assert_non_null(route);
	assert_string_equal(sp_addr_format(&route->next_hop, text), "2001:db8::fe");

	route = find_route(routes, count, "10.1.0.0/16", wan);
	assert_non_null(route);
	assert_string_equal(sp_addr_format(&route->next_hop, text), "192.0.2.3");
	route = find_route(routes, count, "10.1.0.0/16", far);
	assert_non_null(route);
	assert_string_equal(sp_addr_format(&route->next_hop, text), "198.51.100.3");

	assert_null(find_route(routes, count, "10.2.0.0/16", wan));
	route = find_route(routes, count, "10.3.0.0/16", wan);
	assert_non_null(route);
	assert_int_equal(route->table, 77);
	assert_null(find_route(routes, count, "192.0.2.1/32", wan)); /* of the local table */
	free(routes);

	assert_int_equal(sp_netlink_list_routes(far, &routes, &count), 0);
	for (size_t i = 0; i < count; i++)
		assert_int_equal(routes[i].ifindex, far);
	assert_non_null(find_route(routes, count, "198.51.100.0/24", far));
	free(routes);
}

static void nexthop_objects_are_followed_to_interfaces(void **state)
{
	uint32_t wan = link_named("wan0").ifindex, far = link_named("far0").ifindex;
	struct sp_kernel_route *routes = NULL;
	const struct sp_kernel_route *route;
	char text[SP_ADDR_TEXT_MAX];
	size_t count;

	(void)state;
	run("sysctl -qw net.ipv4.nexthop_compat_mode=0;"
	    "ip addr add 192.0.2.1/24 dev wan0; ip addr add 198.51.100.1/24 dev far0;"
	    "ip nexthop add id 7 via 192.0.2.3 dev wan0; ip nexthop add id 8 dev far0;"
	    "ip nexthop add id 70 group 7/8; ip nexthop add id 9 blackhole;"
	    "ip -6 nexthop add id 11 dev far0;"
	    "ip route add 10.1.0.0/16 nhid 7; ip route add 10.2.0.0/16 nhid 70 table 9;"
	    "ip route add 10.3.0.0/16 nhid 9; ip -6 route add 2001:db8:5::/48 nhid 11");
	assert_int_equal(sp_netlink_list_routes(0, &routes, &count), 0);
	route = find_route(routes, count, "10.1.0.0/16", wan);
	assert_non_null(route);
	assert_string_equal(sp_addr_format(&route->next_hop, text), "192.0.2.3");
	assert_non_null(find_route(routes, count, "10.2.0.0/16", wan));
	route = find_route(routes, count, "10.2.0.0/16", far);
	assert_non_null(route);
	assert_false(route->has_next_hop);
	assert_non_null(find_route(routes, count, "2001:db8:5::/48", far));
	for (size_t i = 0; i < count; i++)
		assert_false(routes[i].is_unreadable);
	free(routes);
	run("ip nexthop flush; sysctl -qw net.ipv4.nexthop_compat_mode=1");
}

/* What was told of one route. The kernel tells of others whenever it likes: an interface gets its IPv6 address. */
struct noted {
	struct sp_prefix to;
	struct sp_route_change last;
	unsigned count;
};

static void note_change(void *arg, const struct sp_route_change *change)
{
	struct noted *noted = arg;

	if (sp_prefix_compare(&change->to, &noted->to) != 0)
		return;
	noted->last = *change;
	noted->count++;
}

static void take_one(struct sp_netlink_monitor *monitor, struct noted *noted)
{
	const unsigned before = noted->count;
	uint32_t changed;

	for (int i = 0; i < 1000 && noted->count == before; i++)
		assert_int_equal(sp_netlink_monitor_take(monitor, 1, note_change, noted, &changed),
				 0);
	assert_int_equal(noted->count, before + 1);
}

static void monitor_tells_what_became_of_a_route(void **state)
{
	__sp_cleanup(sp_netlink_monitor_closep) struct sp_netlink_monitor *monitor = NULL;
	uint32_t wan = link_named("wan0").ifindex, changed;
	struct noted noted = { .to = prefix("10.5.0.0/16") };
	const struct sp_route_change *last = &noted.last;

	(void)state;
	run("ip addr add 192.0.2.1/24 dev wan0");
	assert_int_equal(sp_netlink_monitor_open(&monitor), 0);
	run("ip route add 10.5.0.0/16 via 192.0.2.3 table 44");
	assert_int_equal(sp_netlink_monitor_take(monitor, 0, note_change, &noted, &changed), 0);
	assert_true(changed & SP_NETLINK_ROUTES);
	assert_int_equal(noted.count, 1);
	assert_true(!last->is_gone && last->hop_count == 1 && last->hops[0].ifindex == wan);
	run("ip route replace blackhole 10.5.0.0/16 table 44");
	assert_int_equal(sp_netlink_monitor_take(monitor, 0, note_change, &noted, &changed), 0);
	assert_true(last->is_gone);
	run("ip route replace 10.5.0.0/16 via 192.0.2.3 table 44; ip route del 10.5.0.0/16 table "
	    "44");
	take_one(monitor, &noted);
	assert_false(last->is_gone);
	take_one(monitor, &noted);
	assert_true(last->is_gone);
}

static void routes_are_put_and_removed(void **state)
{
	static const char *const texts[] = { "100.64.0.0/16", "fd00:64::/64", "0.0.0.0/0" };
	uint32_t wan = link_named("wan0").ifindex;

	(void)state;
	for (size_t i = 0; i < SP_ARRAY_LEN(texts); i++) {
		struct sp_prefix to = prefix(texts[i]);
		struct sp_kernel_route *routes = NULL;
		size_t count;

		assert_int_equal(sp_netlink_put_route(netlink, wan, &to), 0);
		assert_int_equal(sp_netlink_put_route(netlink, wan, &to), 0);
		assert_int_equal(sp_netlink_list_routes(wan, &routes, &count), 0);
		assert_non_null(find_route(routes, count, texts[i], wan));
		free(routes);
		assert_int_equal(sp_netlink_remove_route(netlink, wan, &to), 0);
		assert_int_equal(sp_netlink_remove_route(netlink, wan, &to), -ESRCH);
	}
}

/* ---- changes ---- */

static uint32_t wait_for_change(struct sp_netlink_monitor *monitor, uint32_t wanted)
{
	uint32_t seen = 0, changed;

	for (int i = 0; i < 600 && (seen & wanted) != wanted; i++) {
		struct pollfd ready = { .fd = sp_netlink_monitor_get_fd(monitor),
					.events = POLLIN };

		poll(&ready, 1, 100);
		assert_int_equal(sp_netlink_monitor_drain(monitor, &changed), 0);
		seen |= changed;
	}
	return seen & wanted;
}

static void monitor_tells_what_changed(void **state)
{
	__sp_cleanup(sp_netlink_monitor_closep) struct sp_netlink_monitor *monitor = NULL;
	uint32_t changed;

	(void)state;
	usleep(50000); /* what make_pair set off */
	assert_int_equal(sp_netlink_monitor_open(&monitor), 0);
	assert_int_equal(sp_netlink_monitor_drain(monitor, &changed), 0);
	run("ip link set wan0 mtu 1400");
	assert_int_equal(wait_for_change(monitor, SP_NETLINK_LINKS), SP_NETLINK_LINKS);
	run("ip addr add 192.0.2.1/24 dev wan0");
	assert_int_equal(wait_for_change(monitor, SP_NETLINK_ADDRESSES), SP_NETLINK_ADDRESSES);
	run("ip route add 10.0.0.0/8 via 192.0.2.9");
	assert_int_equal(wait_for_change(monitor, SP_NETLINK_ROUTES), SP_NETLINK_ROUTES);
}

static void monitor_that_was_overrun_says_everything_changed(void **state)
{
	__sp_cleanup(sp_netlink_monitor_closep) struct sp_netlink_monitor *monitor = NULL;
	uint32_t changed;

	(void)state;
	assert_int_equal(sp_netlink_monitor_open(&monitor), 0);
	run("for i in $(seq 3000); do echo link set wan0 mtu $((1400 + i % 2)); done | ip -batch "
	    "-");
	assert_int_equal(sp_netlink_monitor_drain(monitor, &changed), 0);
	assert_int_equal(changed, SP_NETLINK_LINKS | SP_NETLINK_ADDRESSES | SP_NETLINK_ROUTES |
					  SP_NETLINK_NEXTHOPS | SP_NETLINK_LOST);
}

/* ---- sysctl and bpffs: of this namespace too ---- */

static void forwarding_is_that_of_this_namespace(void **state)
{
	struct sp_forwarding forwarding;
	int64_t value;

	(void)state;
	assert_int_equal(sp_forwarding_set(true, true), 0);
	assert_int_equal(sp_forwarding_get(&forwarding), 0);
	assert_true(forwarding.ipv4 && forwarding.ipv6);
	run("test $(cat /proc/sys/net/ipv4/ip_forward) = 1");
	assert_int_equal(sp_forwarding_set(false, true), 0);
	assert_int_equal(sp_forwarding_get(&forwarding), 0);
	assert_true(!forwarding.ipv4 && forwarding.ipv6);
	assert_int_equal(sp_sysctl_get("net/ipv4/none", &value), -ENOENT);
	assert_int_equal(sp_sysctl_get("kernel/ostype", &value), -EINVAL);
}

static void rp_filter_is_the_larger_of_two(void **state)
{
	int mode;

	(void)state;
	assert_int_equal(sp_sysctl_set("net/ipv4/conf/all/rp_filter", 0), 0);
	assert_int_equal(sp_sysctl_set("net/ipv4/conf/wan0/rp_filter", 1), 0);
	assert_int_equal(sp_rp_filter_get("wan0", &mode), 0);
	assert_int_equal(mode, 1);
	assert_int_equal(sp_sysctl_set("net/ipv4/conf/all/rp_filter", 2), 0);
	assert_int_equal(sp_rp_filter_get("wan0", &mode), 0);
	assert_int_equal(mode, 2);
	assert_int_equal(sp_rp_filter_get("nowhere0", &mode), -ENOENT);
}

static void bpffs_is_mounted_once_under_a_root(void **state)
{
	__sp_paths struct sp_paths paths = { 0 };
	char root[TEST_FOLDER_SIZE];
	bool mounted = false;

	(void)state;
	assert_non_null(test_folder_make(root));
	assert_int_equal(sp_paths_init(&paths, root), 0);
	assert_int_equal(sp_paths_mount_bpffs(&paths, &mounted), 0);
	assert_true(mounted);
	assert_int_equal(sp_paths_mount_bpffs(&paths, &mounted), 0);
	assert_false(mounted);
	assert_int_equal(umount2(paths.bpffs_dir, UMOUNT_NOFOLLOW), 0);
	nftw(root, scratch_remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

#define with_pair(test) cmocka_unit_test_setup_teardown(test, make_pair, remove_pair)

int main(void)
{
	const struct CMUnitTest tests[] = {
		with_pair(link_says_what_it_is),
		with_pair(absent_link_is_no_device),
		with_pair(link_is_changed_and_removed),
		with_pair(many_links_are_all_listed),
		with_pair(addresses_are_put_listed_and_removed),
		with_pair(dhcp_client_is_told_by_its_addresses),
		with_pair(dhcpv6_client_is_told_by_its_ipv6_addresses),
		with_pair(routes_of_both_families_are_listed),
		with_pair(nexthop_objects_are_followed_to_interfaces),
		with_pair(monitor_tells_what_became_of_a_route),
		with_pair(routes_are_put_and_removed),
		with_pair(monitor_tells_what_changed),
		with_pair(monitor_that_was_overrun_says_everything_changed),
		with_pair(forwarding_is_that_of_this_namespace),
		with_pair(rp_filter_is_the_larger_of_two),
		cmocka_unit_test(bpffs_is_mounted_once_under_a_root),
	};
	int failed;

	scratch_namespace("io/netlink");
	if (sp_netlink_open(&netlink) < 0)
		return 1;
	failed = cmocka_run_group_tests_name("io/netlink", tests, NULL, NULL);
	sp_netlink_close(netlink);
	return failed;
}
