/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "daemon/host/host.h"

#include <linux/if_arp.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "base/str.h"
#include "daemon/host/address.h"
#include "net/addr.h"

void sp_host_done(struct sp_host *host)
{
	sp_gateway_done(&host->gateway);
	free(host->interfaces);
	free(host->addresses);
	free(host->hooked);
	free(host->fingerprint);
	*host = (struct sp_host){ 0 };
}

const struct sp_host_interface *sp_host_find(const struct sp_host *host, const char *name)
{
	for (size_t i = 0; i < host->interface_count; i++)
		if (!strcmp(host->interfaces[i].name, name))
			return &host->interfaces[i];
	return NULL;
}

const struct sp_host_interface *sp_host_find_unfit(const struct sp_host *host)
{
	for (size_t i = 0; i < host->interface_count; i++)
		if (host->interfaces[i].unfit)
			return &host->interfaces[i];
	return NULL;
}

const char *sp_host_name_of(const struct sp_host *host, uint32_t ifindex)
{
	for (size_t i = 0; i < host->interface_count; i++)
		if (host->interfaces[i].ifindex == ifindex && ifindex)
			return host->interfaces[i].name;
	return NULL;
}

static const struct sp_host_interface *find_index(const struct sp_host *host, uint32_t ifindex)
{
	for (size_t i = 0; i < host->interface_count; i++)
		if (host->interfaces[i].ifindex == ifindex && ifindex)
			return &host->interfaces[i];
	return NULL;
}

/* ---- interfaces ---- */

static int add_governed(struct sp_host *host, const struct sp_machine *machine)
{
	const struct sp_gateway *file = &machine->gateway;

	for (size_t i = 0; i < file->interface_count; i++) {
		struct sp_interface *interface;
		struct sp_host_interface *seen;

		interface = SP_ARRAY_PUSH(host->gateway.interfaces, host->gateway.interface_count);
		seen = SP_ARRAY_PUSH(host->interfaces, host->interface_count);
		if (!interface || !seen)
			return -ENOMEM;
		interface->zone = file->interfaces[i].zone;
		interface->name = strdup(file->interfaces[i].name);
		if (!interface->name)
			return -ENOMEM;
		strncpy(seen->name, interface->name, IFNAMSIZ - 1);
		seen->zone = interface->zone;
		seen->is_governed = true;
	}
	return 0;
}

static int add_unmanaged(struct sp_host *host, const struct sp_machine *machine)
{
	for (size_t i = 0; i < machine->unmanaged_count; i++) {
		struct sp_host_interface *seen =
			SP_ARRAY_PUSH(host->interfaces, host->interface_count);

		if (!seen)
			return -ENOMEM;
		strncpy(seen->name, machine->unmanaged[i], IFNAMSIZ - 1);
		seen->is_unmanaged = true;
	}
	return 0;
}

/* Types of links with bare IP, for a program that searches for the header
 * (bpf/lib/parse_link.h). */
static bool is_bare(uint16_t type)
{
	static const uint16_t bare[] = {
		ARPHRD_NONE,    ARPHRD_RAWIP, ARPHRD_PPP,   ARPHRD_TUNNEL,
		ARPHRD_TUNNEL6, ARPHRD_SIT,   ARPHRD_IPGRE, ARPHRD_IP6GRE,
	};

	for (size_t i = 0; i < SP_ARRAY_LEN(bare); i++)
		if (bare[i] == type)
			return true;
	return false;
}

static const struct sp_link *find_link(const struct sp_host_view *view, uint32_t ifindex)
{
	for (size_t i = 0; ifindex && i < view->link_count; i++)
		if (view->links[i].ifindex == ifindex)
			return &view->links[i];
	return NULL;
}

/* Is another listed interface anywhere below this one (a VLAN, a VLAN in a VLAN, macvlan on it)? */
static bool lies_on_listed(const struct sp_host *host, const struct sp_host_view *view,
			   const struct sp_link *link)
{
	const struct sp_host_interface *below;

	for (size_t depth = 0; depth < view->link_count; depth++) {
		link = find_link(view, link->lower);
		if (!link)
			return false;
		below = sp_host_find(host, link->name);
		if (below && below->is_governed)
			return true;
	}
	return false;
}

static const char *find_unfit(const struct sp_host *host, const struct sp_host_view *view,
			      const struct sp_link *link, enum sp_zone zone)
{
	if (link->is_loopback)
		return "it is the loopback interface, which is never judged: take it off the list";
	if (zone == SP_ZONE_TUNNEL && !is_bare(link->type))
		return "the tunnel is a link of bare IP (TUN, WireGuard), and this one is not: "
		       "remove it (ip link delete) and start sallyportd again, which makes the "
		       "right one";
	if (link->type != ARPHRD_ETHER && !is_bare(link->type))
		return "its link type is neither Ethernet nor bare IP (PPP, TUN, WireGuard, GRE, "
		       "IPIP, SIT): list an interface that is";
	if (link->master)
		return "it is a port of a bridge, bond, team or VRF, and packets arrive on that: "
		       "list that interface instead";
	if (lies_on_listed(host, view, link))
		return "it lies on another listed interface, and its packets would be judged "
		       "twice: list one of the two";
	return NULL;
}

static int add_links(struct sp_host *host, const struct sp_host_view *view)
{
	for (size_t i = 0; i < view->link_count; i++) {
		const struct sp_link *link = &view->links[i];
		struct sp_host_interface *seen;

		if (link->is_loopback && !sp_host_find(host, link->name))
			continue;
		seen = (struct sp_host_interface *)sp_host_find(host, link->name);
		if (!seen) {
			seen = SP_ARRAY_PUSH(host->interfaces, host->interface_count);
			if (!seen)
				return -ENOMEM;
			memcpy(seen->name, link->name, IFNAMSIZ);
		}
		seen->is_present = true;
		seen->is_up = link->is_up;
		seen->ifindex = link->ifindex;
		seen->is_bare = is_bare(link->type);
		if (seen->is_governed)
			seen->unfit = find_unfit(host, view, link, seen->zone);
	}
	return 0;
}

static int add_hooked(struct sp_host *host)
{
	for (size_t i = 0; i < host->interface_count; i++) {
		const struct sp_host_interface *seen = &host->interfaces[i];
		struct sp_plane_interface *hooked;

		if (!seen->is_governed || !seen->is_present || seen->unfit)
			continue;
		hooked = SP_ARRAY_PUSH(host->hooked, host->hooked_count);
		if (!hooked)
			return -ENOMEM;
		/* the names stay in the gateway's memory, so `interfaces` may not be reallocated
		 * any more either */
		hooked->name = seen->name;
		hooked->ifindex = seen->ifindex;
		hooked->zone = seen->zone;
		hooked->is_bare = seen->is_bare;
		for (int family = 0; family < 2 && seen->zone != SP_ZONE_TUNNEL; family++)
			hooked->is_dhcp_client[family] = sp_netlink_is_dhcp_client(
				seen->ifindex, family == 1, host->addresses, host->address_count);
	}
	return 0;
}

/* ---- addresses and routes ---- */

static int push_addr(struct sp_gateway *gateway, const struct sp_addr *addr)
{
	struct sp_addr *self;

	if (sp_gateway_has(gateway, addr))
		return 0;
	self = SP_ARRAY_PUSH(gateway->self, gateway->self_count);
	if (!self)
		return -ENOMEM;
	*self = *addr;
	return 0;
}

static int push_trust(struct sp_gateway *gateway, const struct sp_prefix *prefix)
{
	struct sp_prefix *trust;

	for (size_t i = 0; i < gateway->edge_trust_count; i++)
		if (!sp_prefix_compare(&gateway->edge_trust[i], prefix))
			return 0;
	trust = SP_ARRAY_PUSH(gateway->edge_trust, gateway->edge_trust_count);
	if (!trust)
		return -ENOMEM;
	*trust = *prefix;
	return 0;
}

/* An interface that is managed has the address. */
static int push_own(struct sp_gateway *gateway, const char *interface, const struct sp_addr *addr)
{
	struct sp_own_address *own;

	for (size_t i = 0; i < gateway->own_count; i++)
		if (!strcmp(gateway->own[i].interface, interface) &&
		    sp_addr_compare(&gateway->own[i].addr, addr) == 0)
			return 0;
	own = SP_ARRAY_PUSH(gateway->own, gateway->own_count);
	if (!own)
		return -ENOMEM;
	snprintf(own->interface, sizeof(own->interface), "%s", interface);
	own->addr = *addr;
	return 0;
}

/* All addresses of the host are `self`. Those of the tunnel are added before they are set: the
 * first apply sets them, and no revision has to follow it. */
static int add_self(struct sp_host *host, const struct sp_machine *machine)
{
	int r = 0;

	for (size_t i = 0; i < machine->gateway.pool_count && r == 0; i++) {
		struct sp_addr own = sp_address_of_gateway(&machine->gateway.pool[i]);

		r = push_addr(&host->gateway, &own);
		if (r == 0)
			r = push_own(&host->gateway, machine->tunnel, &own);
	}
	for (size_t i = 0; i < host->address_count && r == 0; i++) {
		const struct sp_link_address *address = &host->addresses[i];
		const struct sp_host_interface *on = find_index(host, address->ifindex);

		if (on && on->is_governed && on->zone == SP_ZONE_EDGE)
			r = push_trust(&host->gateway, &address->prefix);
		if (r == 0 && !(on && on->zone == SP_ZONE_TUNNEL && on->is_governed &&
				address->is_link_local))
			r = push_addr(&host->gateway, &address->addr);
		if (r == 0 && on && on->is_governed && !address->is_link_local)
			r = push_own(&host->gateway, on->name, &address->addr);
	}
	return r;
}

static int add_routes(struct sp_host *host, const struct sp_host_view *view)
{
	struct sp_gateway *gateway = &host->gateway;
	int r = 0;

	for (size_t i = 0; view->homes && i < view->homes->count; i++) {
		struct sp_route *route = SP_ARRAY_PUSH(gateway->routes, gateway->route_count);

		if (!route)
			return -ENOMEM;
		*route = view->homes->entries[i].route;
	}
	for (size_t i = 0; i < view->next_hop_count && r == 0; i++)
		r = push_trust(gateway, &view->next_hops[i]);
	return r;
}

static int copy_parked(struct sp_gateway *gateway, const struct sp_machine *machine)
{
	gateway->portal_port = machine->gateway.portal_port;
	for (size_t i = 0; i < machine->gateway.resolver_count; i++) {
		struct sp_addr *resolver =
			SP_ARRAY_PUSH(gateway->resolvers, gateway->resolver_count);

		if (!resolver)
			return -ENOMEM;
		*resolver = machine->gateway.resolvers[i];
	}
	return 0;
}

static int copy_pool(struct sp_gateway *gateway, const struct sp_machine *machine)
{
	for (size_t i = 0; i < machine->gateway.pool_count; i++) {
		struct sp_prefix *pool = SP_ARRAY_PUSH(gateway->pool, gateway->pool_count);

		if (!pool)
			return -ENOMEM;
		*pool = machine->gateway.pool[i];
	}
	return 0;
}

/* ---- the fingerprint ---- */

static int compare_addr(const void *a, const void *b)
{
	return sp_addr_compare(a, b);
}

static int compare_own(const void *a, const void *b)
{
	const struct sp_own_address *left = a, *right = b;
	const int order = strcmp(left->interface, right->interface);

	return order ? order : sp_addr_compare(&left->addr, &right->addr);
}

static int compare_prefix(const void *a, const void *b)
{
	return sp_prefix_compare(a, b);
}

static int compare_route(const void *a, const void *b)
{
	const struct sp_route *left = a, *right = b;

	return sp_prefix_compare(&left->prefix, &right->prefix);
}

/* Sort: the kernel lists things in its own order, and the same machine has to give the same
 * text. */
static void sort_gateway(struct sp_gateway *gateway)
{
	if (gateway->self_count)
		qsort(gateway->self, gateway->self_count, sizeof(*gateway->self), compare_addr);
	if (gateway->own_count)
		qsort(gateway->own, gateway->own_count, sizeof(*gateway->own), compare_own);
	if (gateway->edge_trust_count)
		qsort(gateway->edge_trust, gateway->edge_trust_count, sizeof(*gateway->edge_trust),
		      compare_prefix);
	if (gateway->route_count)
		qsort(gateway->routes, gateway->route_count, sizeof(*gateway->routes),
		      compare_route);
}

static int write_fingerprint(struct sp_host *host)
{
	__sp_buf struct sp_buf text = SP_BUF_INIT;
	char addr[SP_ADDR_TEXT_MAX], prefix[SP_PREFIX_TEXT_MAX];

	for (size_t i = 0; i < host->hooked_count; i++)
		sp_buf_printf(&text, "hook %s %u %d %d %d\n", host->hooked[i].name,
			      host->hooked[i].ifindex, (int)host->hooked[i].zone,
			      host->hooked[i].is_dhcp_client[0], host->hooked[i].is_dhcp_client[1]);
	for (size_t i = 0; i < host->gateway.self_count; i++)
		sp_buf_printf(&text, "self %s\n", sp_addr_format(&host->gateway.self[i], addr));
	for (size_t i = 0; i < host->gateway.own_count; i++)
		sp_buf_printf(&text, "own %s %s\n", host->gateway.own[i].interface,
			      sp_addr_format(&host->gateway.own[i].addr, addr));
	for (size_t i = 0; i < host->gateway.route_count; i++)
		sp_buf_printf(&text, "route %s %d %u\n",
			      sp_prefix_format(&host->gateway.routes[i].prefix, prefix),
			      (int)host->gateway.routes[i].zone, host->gateway.routes[i].ifindex);
	for (size_t i = 0; i < host->gateway.edge_trust_count; i++)
		sp_buf_printf(&text, "trust %s\n",
			      sp_prefix_format(&host->gateway.edge_trust[i], prefix));
	return sp_buf_take(&text, &host->fingerprint);
}

SP_DEFINE_CLEANUP(struct sp_host *, sp_host_done);

int sp_host_join(const struct sp_machine *machine, struct sp_host_view *view,
		 struct sp_host *ret_host)
{
	struct sp_host host = { 0 };
	__sp_cleanup(sp_host_donep) struct sp_host *owned = &host;
	int r;

	host.addresses = SP_TAKE_PTR(view->addresses);
	host.address_count = view->address_count;
	r = add_governed(&host, machine);
	if (r == 0)
		r = add_unmanaged(&host, machine);
	if (r == 0)
		r = add_links(&host, view);
	if (r == 0)
		r = copy_pool(&host.gateway, machine);
	if (r == 0)
		r = copy_parked(&host.gateway, machine);
	if (r == 0)
		r = add_hooked(&host);
	if (r == 0)
		r = add_self(&host, machine);
	if (r == 0)
		r = add_routes(&host, view);
	if (r < 0)
		return r;
	sort_gateway(&host.gateway);
	r = write_fingerprint(&host);
	if (r < 0)
		return r;
	owned = NULL;
	*ret_host = host;
	return 0;
}

int sp_host_read(struct sp_netlink *netlink, const struct sp_machine *machine,
		 const struct sp_homes_watch *homes, struct sp_host *ret_host)
{
	struct sp_host_view view = {
		.homes = &homes->homes,
		.next_hops = homes->next_hops,
		.next_hop_count = homes->next_hop_count,
	};
	int r = sp_netlink_list_links(netlink, &view.links, &view.link_count);

	if (r == 0)
		r = sp_netlink_list_addresses(netlink, 0, &view.addresses, &view.address_count);
	if (r == 0)
		r = sp_host_join(machine, &view, ret_host);
	free(view.links);
	free(view.addresses);
	return r;
}

int sp_gateway_copy(const struct sp_gateway *gateway, struct sp_gateway *ret_copy)
{
	struct sp_gateway copy = { .portal_port = gateway->portal_port };
	int r = 0;

#define COPY(items, count)                                                                         \
	do {                                                                                       \
		if (r == 0 && gateway->count &&                                                    \
		    !(copy.items = calloc(gateway->count, sizeof(*copy.items))))                   \
			r = -ENOMEM;                                                               \
		if (r == 0 && gateway->count) {                                                    \
			memcpy(copy.items, gateway->items, gateway->count * sizeof(*copy.items));  \
			copy.count = gateway->count;                                               \
		}                                                                                  \
	} while (0)
	COPY(pool, pool_count);
	COPY(self, self_count);
	COPY(own, own_count);
	COPY(routes, route_count);
	COPY(edge_trust, edge_trust_count);
	COPY(resolvers, resolver_count);
#undef COPY
	for (size_t i = 0; r == 0 && i < gateway->interface_count; i++) {
		struct sp_interface *interface =
			SP_ARRAY_PUSH(copy.interfaces, copy.interface_count);

		if (!interface || !(interface->name = strdup(gateway->interfaces[i].name)))
			r = -ENOMEM;
		else
			interface->zone = gateway->interfaces[i].zone;
	}
	if (r < 0) {
		sp_gateway_done(&copy);
		return r;
	}
	*ret_copy = copy;
	return 0;
}
