/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The routes of a tunnel, made here and not by wg-quick, which needs two programs a route (30 000
 * take minutes) and can change none in a running tunnel. A network that is this machine's own
 * already stays its own. */
#ifndef SALLYPORT_CLI_TUNNEL_ROUTES_H
#define SALLYPORT_CLI_TUNNEL_ROUTES_H

#include <stdbool.h>
#include <stddef.h>

#include <sallyport/abi/tables.h>

struct sp_tunnel_routes {
	struct sp_prefix *items; /* ascending */
	size_t count;
};

/* Free what it holds; empty afterwards. */
void sp_tunnel_routes_done(struct sp_tunnel_routes *routes);

/* What the AllowedIPs of a file lead to, less the addresses its Endpoint has now: what covers them
 * would send the tunnel into itself. Returns 0; -EINVAL an item is no prefix; -ENOMEM. */
int sp_tunnel_routes_read(const char *text, struct sp_tunnel_routes *ret_routes);

/* Whether AllowedIPs hold a whole family: then wg-quick has to make the routes, by rules and a
 * mark. */
bool sp_tunnel_routes_has_whole(const char *text);

/* Change the routes by @iface from @before (NULL: none) to @after. New routes are added first, then
 * those that are gone are removed.
 * *@ret_taken  how many of the new ones this machine has already by another way; those are left as
 * they are. @ret_first is the first of them, untouched when there is none.
 * Returns 0; -ENODEV there is no such interface; -ENOMEM; another -errno of netlink. */
int sp_tunnel_routes_change(const char *iface, const struct sp_tunnel_routes *before,
			    const struct sp_tunnel_routes *after, size_t *ret_taken,
			    struct sp_prefix *ret_first);

#endif
