/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cli/init/init_facts.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "io/files/files.h"
#include "io/netlink/netlink.h"

#define RESOLV_BYTES_MAX 65536u
#define TUNNEL_PORT 51820u
#define PORTAL_PORT 443u
#define SSH_PORT 22u
#define PORTS_TRIED 16u

void sp_init_seen_done(struct sp_init_seen *seen)
{
	free(seen->links);
	free(seen->ways);
	*seen = (struct sp_init_seen){ 0 };
}

/* ---- interfaces ---- */

static int look_at_links(const struct sp_link *links, size_t count, struct sp_init_seen *seen)
{
	seen->links = calloc(count ? count : 1, sizeof(*seen->links));
	if (!seen->links)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++) {
		struct sp_init_link *link = &seen->links[seen->facts.link_count];

		if (links[i].is_loopback || !links[i].is_up || links[i].master)
			continue;
		snprintf(link->name, sizeof(link->name), "%s", links[i].name);
		link->is_others = sp_init_is_others(links[i].name, links[i].type);
		seen->facts.link_count++;
	}
	seen->facts.links = seen->links;
	return 0;
}

/* ---- addresses and routes ---- */

static const char *name_of(const struct sp_link *links, size_t count, uint32_t ifindex)
{
	for (size_t i = 0; i < count; i++)
		if (links[i].ifindex == ifindex && !links[i].is_loopback)
			return links[i].name;
	return NULL;
}

/* Skip our own tunnel's addresses: they are not in the way of a new configuration. */
static int add_way(struct sp_init_seen *seen, const char *iface, const struct sp_init_way *way)
{
	if (!strcmp(iface, SP_INIT_TUNNEL))
		return 0;
	if (seen->facts.way_count == seen->way_size) {
		const size_t size = seen->way_size ? 2 * seen->way_size : 64;
		struct sp_init_way *ways = reallocarray(seen->ways, size, sizeof(*ways));

		if (!ways)
			return -ENOMEM;
		seen->facts.ways = seen->ways = ways;
		seen->way_size = size;
	}
	seen->ways[seen->facts.way_count] = *way;
	snprintf(seen->ways[seen->facts.way_count++].iface, IFNAMSIZ, "%s", iface);
	return 0;
}

static int look_at_addresses(struct sp_netlink *netlink, const struct sp_link *links, size_t count,
			     struct sp_init_seen *seen)
{
	__sp_free struct sp_link_address *addresses = NULL;
	size_t address_count = 0;
	int r = sp_netlink_list_addresses(netlink, 0, &addresses, &address_count);

	for (size_t i = 0; r == 0 && i < address_count; i++) {
		const struct sp_init_way way = { .to = addresses[i].prefix,
						 .is_address = true,
						 .own = addresses[i].addr };
		const char *iface = name_of(links, count, addresses[i].ifindex);

		if (iface)
			r = add_way(seen, iface, &way);
	}
	return r;
}

static bool is_default(const struct sp_kernel_route *route)
{
	return route->to.prefix_len == (route->is_v4 ? 96u : 0u);
}

static void note_way_out(struct sp_init_seen *seen, const char *iface)
{
	for (size_t i = 0; i < seen->facts.link_count; i++)
		if (!strcmp(seen->links[i].name, iface))
			seen->links[i].leads_out = true;
}

static int look_at_routes(const struct sp_link *links, size_t count, struct sp_init_seen *seen)
{
	__sp_free struct sp_kernel_route *routes = NULL;
	size_t route_count = 0;
	int r = sp_netlink_list_routes(0, &routes, &route_count);

	for (size_t i = 0; r == 0 && i < route_count; i++) {
		const struct sp_init_way way = { .to = routes[i].to };
		const char *iface = name_of(links, count, routes[i].ifindex);

		if (iface && is_default(&routes[i]))
			note_way_out(seen, iface);
		else if (!is_default(&routes[i]))
			r = add_way(seen, iface ? iface : "", &way);
	}
	return r;
}

/* ---- around it ---- */

static void look_at_resolvers(const char *path, struct sp_init_seen *seen)
{
	__sp_free char *text = NULL;
	char *rest, *line;
	size_t len;

	if (sp_file_read(path, RESOLV_BYTES_MAX, &text, &len) < 0)
		return;
	rest = text;
	while ((line = strsep(&rest, "\n"))) {
		char word[SP_ADDR_TEXT_MAX];
		struct sp_addr addr;

		if (sscanf(line, " nameserver %47s", word) == 1 &&
		    sp_addr_parse(word, &addr) == 0 &&
		    seen->facts.resolver_count < SP_ARRAY_LEN(seen->resolvers))
			seen->resolvers[seen->facts.resolver_count++] = addr;
	}
	seen->facts.resolvers = seen->resolvers;
}

/* sshd(8): the client's address and port, ours and ours. */
static void look_at_admin(const char *ssh_connection, struct sp_init_facts *facts)
{
	char client[SP_ADDR_TEXT_MAX];
	unsigned port;

	facts->ssh_port = SSH_PORT;
	if (!ssh_connection || sscanf(ssh_connection, "%47s %*s %*s %u", client, &port) != 2 ||
	    port < 1 || port > UINT16_MAX || sp_addr_parse(client, &facts->admin) < 0)
		return;
	facts->has_admin = true;
	facts->ssh_port = (uint16_t)port;
}

static bool is_free(int type, uint16_t port)
{
	const struct sockaddr_in any = { .sin_family = AF_INET, .sin_port = htons(port) };
	__sp_close int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);

	return fd < 0 || bind(fd, (const struct sockaddr *)&any, sizeof(any)) == 0 ||
	       errno != EADDRINUSE;
}

static uint16_t find_port(int type, uint16_t wanted, uint16_t instead)
{
	if (is_free(type, wanted))
		return wanted;
	for (uint16_t port = instead; port < instead + PORTS_TRIED; port++)
		if (is_free(type, port))
			return port;
	return wanted;
}

int sp_init_look(const char *resolv_conf, const char *ssh_connection, struct sp_init_seen *ret_seen)
{
	__sp_init_seen struct sp_init_seen seen = { 0 };
	__sp_cleanup(sp_netlink_closep) struct sp_netlink *netlink = NULL;
	__sp_free struct sp_link *links = NULL;
	size_t count = 0;
	int r = sp_netlink_open(&netlink);

	if (r == 0)
		r = sp_netlink_list_links(netlink, &links, &count);
	if (r == 0)
		r = look_at_links(links, count, &seen);
	if (r == 0)
		r = look_at_addresses(netlink, links, count, &seen);
	if (r == 0)
		r = look_at_routes(links, count, &seen);
	if (r == 0 &&
	    getrandom(seen.facts.seed, sizeof(seen.facts.seed), 0) != sizeof(seen.facts.seed))
		r = -EIO;
	if (r < 0)
		return r;
	look_at_admin(ssh_connection, &seen.facts);
	seen.facts.tunnel_port = find_port(SOCK_DGRAM, TUNNEL_PORT, TUNNEL_PORT + 1);
	seen.facts.portal_port = find_port(SOCK_STREAM, PORTAL_PORT, 8443);
	*ret_seen = seen;
	seen = (struct sp_init_seen){ 0 };
	look_at_resolvers(resolv_conf, ret_seen);
	return 0;
}
