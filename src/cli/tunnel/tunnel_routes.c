/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cli/tunnel/tunnel_routes.h"

#include <errno.h>
#include <net/if.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "cli/tunnel/tunnel_file.h"
#include "io/netlink/netlink.h"
#include "net/addr.h"
#include "policy/addresses/ranges.h"

void sp_tunnel_routes_done(struct sp_tunnel_routes *routes)
{
	free(routes->items);
	*routes = (struct sp_tunnel_routes){ 0 };
}

static int routes_push(struct sp_tunnel_routes *routes, const struct sp_prefix *prefix)
{
	struct sp_prefix *item = SP_ARRAY_PUSH(routes->items, routes->count);

	if (!item)
		return -ENOMEM;
	*item = *prefix;
	return 0;
}

/* ---- reading ---- */

static int read_list(char *list, struct sp_tunnel_routes *ret_routes)
{
	char *item;
	int r = 0;

	while (r == 0 && (item = strsep(&list, ", "))) {
		struct sp_prefix prefix;

		if (!*item)
			continue;
		r = sp_prefix_parse(item, &prefix);
		if (r == -EBADMSG) /* host bits: the prefix is meant */
			r = 0;
		r = r == 0 ? routes_push(ret_routes, &prefix) : -EINVAL;
	}
	return r;
}

static int routes_push_address(struct sp_tunnel_routes *routes, const struct sockaddr *address)
{
	struct sp_prefix host = { .prefix_len = 128 };
	struct sp_addr v4;

	if (address->sa_family == AF_INET) {
		v4 = sp_addr_from_v4(
			(const uint8_t *)&((const struct sockaddr_in *)address)->sin_addr);
		memcpy(host.addr, v4.b, sizeof(host.addr));
	} else if (address->sa_family == AF_INET6) {
		memcpy(host.addr, &((const struct sockaddr_in6 *)address)->sin6_addr,
		       sizeof(host.addr));
	} else {
		return 0;
	}
	return routes_push(routes, &host);
}

/* Read HOST:PORT or [V6]:PORT. A name that cannot be resolved gives no addresses: wg-quick will
 * report it. */
static int find_endpoint(const char *text, struct sp_tunnel_routes *ret_addresses)
{
	__sp_free char *endpoint = sp_tunnel_file_get(text, "Endpoint");
	const struct addrinfo hints = { .ai_socktype = SOCK_DGRAM };
	struct addrinfo *found = NULL;
	char *host = endpoint, *port;
	int r = 0;

	if (!endpoint)
		return 0;
	port = strrchr(endpoint, ':');
	if (port)
		*port = 0;
	if (*host == '[') {
		host++;
		host[strcspn(host, "]")] = 0;
	}
	if (getaddrinfo(host, NULL, &hints, &found) != 0)
		return 0;
	for (const struct addrinfo *at = found; at && r == 0; at = at->ai_next)
		r = routes_push_address(ret_addresses, at->ai_addr);
	freeaddrinfo(found);
	return r;
}

static bool is_v4(const struct sp_prefix *prefix)
{
	struct sp_addr addr;

	memcpy(addr.b, prefix->addr, sizeof(addr.b));
	return prefix->prefix_len >= 96 && sp_addr_is_v4(&addr);
}

/* The families do not mix. */
static int routes_reduce(const struct sp_tunnel_routes *all, const struct sp_tunnel_routes *holes,
			 bool of_v4, struct sp_tunnel_routes *ret_routes)
{
	__sp_cleanup(sp_tunnel_routes_done) struct sp_tunnel_routes family = { 0 };
	__sp_cleanup(sp_ranges_done) struct sp_ranges ranges = { 0 };
	int r = 0;

	for (size_t i = 0; i < all->count && r == 0; i++)
		if (is_v4(&all->items[i]) == of_v4)
			r = routes_push(&family, &all->items[i]);
	if (r == 0)
		r = sp_ranges_make(family.items, family.count, holes->items, holes->count, &ranges);
	return r < 0 ? r : sp_ranges_list(&ranges, &ret_routes->items, &ret_routes->count);
}

int sp_tunnel_routes_read(const char *text, struct sp_tunnel_routes *ret_routes)
{
	__sp_cleanup(sp_tunnel_routes_done) struct sp_tunnel_routes all = { 0 }, endpoint = { 0 },
								    routes = { 0 };
	__sp_free char *list = sp_tunnel_file_get(text, "AllowedIPs");
	int r = list ? read_list(list, &all) : 0;

	if (r == 0)
		r = find_endpoint(text, &endpoint);
	if (r == 0)
		r = routes_reduce(&all, &endpoint, false, &routes);
	if (r == 0)
		r = routes_reduce(&all, &endpoint, true, &routes);
	if (r < 0)
		return r;
	*ret_routes = routes;
	routes = (struct sp_tunnel_routes){ 0 };
	return 0;
}

bool sp_tunnel_routes_has_whole(const char *text)
{
	__sp_free char *list = sp_tunnel_file_get(text, "AllowedIPs");

	for (const char *at = list; at && (at = strstr(at, "/0")); at += 2)
		if (!at[2] || at[2] == ',' || at[2] == ' ')
			return true;
	return false;
}

/* ---- changing ---- */

static bool routes_hold(const struct sp_tunnel_routes *routes, const struct sp_prefix *prefix)
{
	size_t low = 0, high = routes ? routes->count : 0;

	while (low < high) {
		const size_t middle = low + (high - low) / 2;
		const int order = sp_prefix_compare(&routes->items[middle], prefix);

		if (!order)
			return true;
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return false;
}

static int compare_prefixes(const void *a, const void *b)
{
	return sp_prefix_compare(a, b);
}

static int sort_copy(const struct sp_tunnel_routes *routes, struct sp_tunnel_routes *ret_copy)
{
	int r = 0;

	for (size_t i = 0; routes && i < routes->count && r == 0; i++)
		r = routes_push(ret_copy, &routes->items[i]);
	if (r == 0 && ret_copy->count)
		qsort(ret_copy->items, ret_copy->count, sizeof(*ret_copy->items), compare_prefixes);
	return r;
}

int sp_tunnel_routes_change(const char *iface, const struct sp_tunnel_routes *before,
			    const struct sp_tunnel_routes *after, size_t *ret_taken,
			    struct sp_prefix *ret_first)
{
	__sp_cleanup(sp_tunnel_routes_done) struct sp_tunnel_routes from = { 0 }, to = { 0 };
	__sp_cleanup(sp_netlink_closep) struct sp_netlink *netlink = NULL;
	const uint32_t ifindex = if_nametoindex(iface);
	int r = ifindex ? sp_netlink_open(&netlink) : -ENODEV;

	*ret_taken = 0;
	if (r == 0)
		r = sort_copy(before, &from);
	if (r == 0)
		r = sort_copy(after, &to);
	for (size_t i = 0; i < to.count && r == 0; i++) {
		r = routes_hold(&from, &to.items[i])
			    ? 0
			    : sp_netlink_add_route(netlink, ifindex, &to.items[i]);
		if (r != -EEXIST)
			continue;
		if (!(*ret_taken)++)
			*ret_first = to.items[i];
		r = 0;
	}
	for (size_t i = 0; i < from.count && r == 0; i++) {
		r = routes_hold(&to, &from.items[i])
			    ? 0
			    : sp_netlink_remove_route(netlink, ifindex, &from.items[i]);
		if (r == -ESRCH)
			r = 0;
	}
	return r;
}
