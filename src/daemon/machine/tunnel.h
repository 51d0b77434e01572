/* SPDX-License-Identifier: GPL-3.0-or-later */
/* vpn0, the interface people come by. */
#ifndef SALLYPORT_DAEMON_TUNNEL_H
#define SALLYPORT_DAEMON_TUNNEL_H

struct sp_netlink;
struct sp_network_watch;

/* Make or adopt vpn0, down if it was made. */
int sp_tunnel_ensure(struct sp_network_watch *network);
/* After programs sit on it: addresses, pool routes, up; then forwarding. */
int sp_tunnel_raise(struct sp_network_watch *network);
/* Set the tunnel interface down, if there is one: its packets go nowhere then. */
void sp_tunnel_lower(struct sp_netlink *netlink, const char *name);
/* Its addresses and routes go with it; an engine that serves it ends. Returns 0, also where there
 * is none; -errno. */
int sp_tunnel_remove(struct sp_netlink *netlink, const char *name);

#endif
