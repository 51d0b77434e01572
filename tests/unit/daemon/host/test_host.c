/* SPDX-License-Identifier: GPL-3.0-or-later */
/* sallyport.yaml joined with made-up links, addresses and routes. */
#include <errno.h>
#include <net/if_arp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/host/host.h"
#include "net/addr.h"

static const char MACHINE[] = "sallyport: 1\n"
			      "plane: ebpf\n"
			      "interfaces: { edge: [wan0], inside: [lan0, lan1], tunnel: vpn0, "
			      "unmanaged: [guest0, guest1] }\n"
			      "vpn: { listen: 51820, pool: [100.64.0.0/16, \"fd00:64::/64\"] }\n";

static struct sp_machine *load_machine(void)
{
	struct sp_diagnostics diagnostics = { 0 };
	struct sp_machine *machine = NULL;

	assert_int_equal(
		sp_machine_load("sallyport.yaml", MACHINE, strlen(MACHINE), &machine, &diagnostics),
		0);
	sp_diagnostics_done(&diagnostics);
	return machine;
}

static struct sp_prefix prefix(const char *text)
{
	struct sp_prefix parsed;

	assert_true(sp_prefix_parse(text, &parsed) == 0);
	return parsed;
}

static void add_link(struct sp_host_view *view, uint32_t ifindex, const char *name)
{
	struct sp_link *link;

	view->links = realloc(view->links, (view->link_count + 1) * sizeof(*view->links));
	link = &view->links[view->link_count++];
	memset(link, 0, sizeof(*link));
	link->ifindex = ifindex;
	strcpy(link->name, name);
	link->is_up = true;
	link->is_loopback = !strcmp(name, "lo");
	link->type = ARPHRD_ETHER;
}

static void add_address(struct sp_host_view *view, uint32_t ifindex, const char *address,
			const char *net, bool is_permanent)
{
	struct sp_link_address *item;

	view->addresses =
		realloc(view->addresses, (view->address_count + 1) * sizeof(*view->addresses));
	item = &view->addresses[view->address_count++];
	memset(item, 0, sizeof(*item));
	item->ifindex = ifindex;
	assert_int_equal(sp_addr_parse(address, &item->addr), 0);
	item->prefix = prefix(net);
	item->is_v4 = sp_addr_is_v4(&item->addr);
	item->is_permanent = is_permanent;
	item->is_link_local = !strncmp(address, "fe80", 4);
	item->is_usable = true;
}

/* What the routes of the usual machine come to: 10.99/16 is better reached through the edge. */
static const struct sp_homes *usual_homes(void)
{
	struct sp_homes_way ways[] = {
		{ prefix("0.0.0.0/0"), 254, 0, 2, SP_ZONE_EDGE, false },
		{ prefix("192.0.2.0/24"), 254, 0, 2, SP_ZONE_EDGE, true },
		{ prefix("10.30.0.0/16"), 254, 0, 3, SP_ZONE_INSIDE, true },
		{ prefix("10.99.0.0/16"), 254, 200, 3, SP_ZONE_INSIDE, true },
		{ prefix("10.99.0.0/16"), 254, 100, 2, SP_ZONE_EDGE, false },
	};
	const uint32_t zone_size[SP_ZONE_COUNT] = {
		[SP_ZONE_EDGE] = 1,
		[SP_ZONE_INSIDE] = 2,
		[SP_ZONE_TUNNEL] = 1,
	};
	struct sp_homes *homes = calloc(1, sizeof(*homes));

	assert_int_equal(sp_homes_build(ways, sizeof(ways) / sizeof(ways[0]), zone_size, homes), 0);
	return homes;
}

static struct sp_host_view usual_view(void)
{
	static struct sp_prefix router;
	struct sp_host_view view = { 0 };

	add_link(&view, 1, "lo");
	add_link(&view, 2, "wan0");
	add_link(&view, 3, "lan0");
	add_link(&view, 4, "vpn0");
	view.links[view.link_count - 1].type = ARPHRD_NONE;
	add_link(&view, 5, "docker0");
	add_address(&view, 1, "127.0.0.1", "127.0.0.0/8", true);
	add_address(&view, 2, "192.0.2.1", "192.0.2.0/24", true);
	add_address(&view, 3, "10.30.0.1", "10.30.0.0/16", true);
	add_address(&view, 4, "fe80::1", "fe80::/64", true);
	add_address(&view, 5, "172.17.0.1", "172.17.0.0/16", true);
	view.homes = usual_homes();
	router = prefix("192.0.2.254/32");
	view.next_hops = &router;
	view.next_hop_count = 1;
	return view;
}

static void view_done(struct sp_host_view *view)
{
	free(view->links);
	free(view->addresses);
	sp_homes_done((struct sp_homes *)view->homes);
	free((struct sp_homes *)view->homes);
}

static bool has_self(const struct sp_host *host, const char *text)
{
	struct sp_addr addr;

	assert_int_equal(sp_addr_parse(text, &addr), 0);
	for (size_t i = 0; i < host->gateway.self_count; i++)
		if (!sp_addr_compare(&host->gateway.self[i], &addr))
			return true;
	return false;
}

static int zone_of(const struct sp_host *host, const char *text)
{
	struct sp_prefix to = prefix(text);

	for (size_t i = 0; i < host->gateway.route_count; i++)
		if (!sp_prefix_compare(&host->gateway.routes[i].prefix, &to))
			return (int)host->gateway.routes[i].zone;
	return -1;
}

static bool trusts(const struct sp_host *host, const char *text)
{
	struct sp_prefix wanted = prefix(text);

	for (size_t i = 0; i < host->gateway.edge_trust_count; i++)
		if (!sp_prefix_compare(&host->gateway.edge_trust[i], &wanted))
			return true;
	return false;
}

static void the_gateway_is_what_file_and_kernel_say(void **state)
{
	struct sp_machine *machine = load_machine();
	struct sp_host_view view = usual_view();
	struct sp_host host;

	(void)state;
	assert_int_equal(sp_host_join(machine, &view, &host), 0);
	/* self: every address, and those of the tunnel before they are set */
	assert_true(has_self(&host, "192.0.2.1") && has_self(&host, "10.30.0.1"));
	assert_true(has_self(&host, "172.17.0.1") && has_self(&host, "127.0.0.1"));
	assert_true(has_self(&host, "100.64.0.1") && has_self(&host, "fd00:64::1"));
	assert_false(has_self(&host, "fe80::1"));
	/* routes: as the homes have them */
	assert_int_equal(zone_of(&host, "0.0.0.0/0"), SP_ZONE_EDGE);
	assert_int_equal(zone_of(&host, "10.30.0.0/16"), SP_ZONE_INSIDE);
	assert_int_equal(zone_of(&host, "10.99.0.0/16"), SP_ZONE_EDGE);
	assert_int_equal(zone_of(&host, "172.17.0.0/16"), -1);
	assert_int_equal(zone_of(&host, "100.64.0.0/16"), -1);
	assert_true(trusts(&host, "192.0.2.0/24") && trusts(&host, "192.0.2.254/32"));
	assert_false(trusts(&host, "10.30.0.0/16"));
	/* hooks: what exists; lan1 does not, docker0 is nobody's */
	assert_int_equal(host.hooked_count, 3);
	assert_false(sp_host_find(&host, "lan1")->is_present);
	assert_false(sp_host_find(&host, "docker0")->is_governed);
	assert_false(sp_host_find(&host, "docker0")->is_unmanaged);
	/* unmanaged: known whether they are there or not, and hooked in neither case */
	assert_true(sp_host_find(&host, "guest1")->is_unmanaged);
	assert_false(sp_host_find(&host, "guest1")->is_governed ||
		     sp_host_find(&host, "guest1")->is_present);
	assert_null(sp_host_find(&host, "lo"));
	sp_host_done(&host);
	view_done(&view);
	sp_machine_free(machine);
}

static char *fingerprint(struct sp_machine *machine, struct sp_host_view *view)
{
	struct sp_host host;
	char *text;

	assert_int_equal(sp_host_join(machine, view, &host), 0);
	text = strdup(host.fingerprint);
	sp_host_done(&host);
	view_done(view);
	return text;
}

static void the_fingerprint_changes_when_judgement_would(void **state)
{
	struct sp_machine *machine = load_machine();
	struct sp_host_view same = usual_view(), address = usual_view(), link = usual_view(),
			    other = usual_view();
	char *was, *now;

	(void)state;
	was = fingerprint(machine, &same);
	same = usual_view();
	/* the kernel's order means nothing */
	struct sp_link_address swap = same.addresses[1];
	same.addresses[1] = same.addresses[2];
	same.addresses[2] = swap;
	now = fingerprint(machine, &same);
	assert_string_equal(was, now);
	free(now);
	add_address(&address, 3, "10.31.0.1", "10.31.0.0/16", true);
	now = fingerprint(machine, &address);
	assert_string_not_equal(was, now);
	free(now);
	link.links[2].ifindex = 33; /* lan0 was made anew */
	now = fingerprint(machine, &link);
	assert_string_not_equal(was, now);
	free(now);
	other.links[4].is_up = false; /* docker0: none of our business */
	now = fingerprint(machine, &other);
	assert_string_equal(was, now);
	free(now);
	free(was);
	sp_machine_free(machine);
}

/* The first apply gives the tunnel its addresses: no revision has to follow for them. */
static void the_tunnels_own_addresses_are_known_beforehand(void **state)
{
	struct sp_machine *machine = load_machine();
	struct sp_host_view before = usual_view(), after = usual_view(), other = usual_view();
	char *was, *now;

	(void)state;
	was = fingerprint(machine, &before);
	assert_non_null(strstr(was, "own vpn0 100.64.0.1\n"));
	add_address(&after, 4, "100.64.0.1", "100.64.0.1/32", true);
	add_address(&after, 4, "fd00:64::1", "fd00:64::1/128", true);
	now = fingerprint(machine, &after);
	assert_string_equal(was, now);
	free(now);
	add_address(&other, 4, "100.64.0.2", "100.64.0.2/32", true); /* somebody else's doing */
	now = fingerprint(machine, &other);
	assert_string_not_equal(was, now);
	free(now);
	free(was);
	sp_machine_free(machine);
}

static void a_copy_of_the_gateway_shares_nothing(void **state)
{
	struct sp_machine *machine = load_machine();
	struct sp_host_view view = usual_view();
	struct sp_gateway copy;
	struct sp_host host;

	(void)state;
	assert_int_equal(sp_host_join(machine, &view, &host), 0);
	assert_int_equal(sp_gateway_copy(&host.gateway, &copy), 0);
	assert_int_equal(copy.self_count, host.gateway.self_count);
	assert_memory_equal(copy.routes, host.gateway.routes,
			    copy.route_count * sizeof(*copy.routes));
	assert_ptr_not_equal(copy.interfaces[0].name, host.gateway.interfaces[0].name);
	sp_host_done(&host);
	assert_string_equal(copy.interfaces[0].name, "wan0");
	sp_gateway_done(&copy);
	view_done(&view);
	sp_machine_free(machine);
}

/* The programs of the tunnel read IP where its packets begin. */
static void the_tunnel_is_a_link_of_bare_ip(void **state)
{
	struct sp_machine *machine = load_machine();
	struct sp_host_view view = usual_view();
	const struct sp_host_interface *unfit;
	struct sp_host host;

	(void)state;
	for (size_t i = 0; i < view.link_count; i++)
		if (!strcmp(view.links[i].name, machine->tunnel))
			view.links[i].type = ARPHRD_ETHER;
	assert_int_equal(sp_host_join(machine, &view, &host), 0);
	unfit = sp_host_find_unfit(&host);
	assert_non_null(unfit);
	assert_string_equal(unfit->name, machine->tunnel);
	assert_non_null(strstr(unfit->unfit, "bare IP"));
	for (size_t i = 0; i < host.hooked_count; i++)
		assert_string_not_equal(host.hooked[i].name, machine->tunnel);
	sp_host_done(&host);
	view_done(&view);
	sp_machine_free(machine);
}

/* @why  why lan1, made so, is unfit; NULL: it is fit. */
static void check_fit(uint16_t type, uint32_t master, uint32_t lower, const char *why)
{
	struct sp_machine *machine = load_machine();
	struct sp_host_view view = usual_view();
	const struct sp_host_interface *unfit;
	struct sp_host host;

	add_link(&view, 6, "lan0.7");
	view.links[view.link_count - 1].lower = 3;
	add_link(&view, 7, "loop");
	view.links[view.link_count - 1].lower = 7;
	add_link(&view, 8, "lan1");
	view.links[view.link_count - 1].type = type;
	view.links[view.link_count - 1].master = master;
	view.links[view.link_count - 1].lower = lower;
	assert_int_equal(sp_host_join(machine, &view, &host), 0);
	unfit = sp_host_find_unfit(&host);
	assert_true(!unfit == !why);
	if (unfit) {
		assert_string_equal(unfit->name, "lan1");
		assert_non_null(strstr(unfit->unfit, why));
	}
	sp_host_done(&host);
	view_done(&view);
	sp_machine_free(machine);
}

static void what_no_program_fits_is_unfit(void **state)
{
	(void)state;
	check_fit(ARPHRD_ETHER, 0, 0, NULL);
	check_fit(ARPHRD_NONE, 0, 0, NULL);
	check_fit(ARPHRD_PPP, 0, 0, NULL);
	check_fit(ARPHRD_IPGRE, 0, 0, NULL);
	check_fit(ARPHRD_INFINIBAND, 0, 0, "neither Ethernet nor bare IP");
	check_fit(ARPHRD_ETHER, 5, 0, "port of a bridge");
	check_fit(ARPHRD_ETHER, 0, 3, "lies on another listed");
	check_fit(ARPHRD_ETHER, 0, 6, "lies on another listed"); /* a VLAN in a VLAN */
	check_fit(ARPHRD_ETHER, 0, 5, NULL); /* on docker0, which nobody listed */
	check_fit(ARPHRD_ETHER, 0, 7, NULL);
	check_fit(ARPHRD_ETHER, 0, 99, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_gateway_is_what_file_and_kernel_say),
		cmocka_unit_test(the_fingerprint_changes_when_judgement_would),
		cmocka_unit_test(the_tunnels_own_addresses_are_known_beforehand),
		cmocka_unit_test(a_copy_of_the_gateway_shares_nothing),
		cmocka_unit_test(the_tunnel_is_a_link_of_bare_ip),
		cmocka_unit_test(what_no_program_fits_is_unfit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
