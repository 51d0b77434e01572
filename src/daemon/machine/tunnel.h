/* SPDX-License-Identifier: GPL-3.0-or-later */
/* vpn0, the interface people come by. */
#ifndef SALLYPORT_DAEMON_TUNNEL_H
#define SALLYPORT_DAEMON_TUNNEL_H

struct sp_machine;
struct sp_netlink;
struct sp_network_watch;

/* Make or adopt vpn0, down if it was made. */
int sp_tunnel_ensure(struct sp_network_watch *network);
/* After programs sit on it: addresses, pool routes, up; then forwarding. */
int sp_tunnel_raise(struct sp_network_watch *network);
/* Is there an interface @name, of a kind that sallyportd makes or adopts by vpn.engine of @machine?
 * NULL: sallyport.yaml cannot be read, and either kind may be. Another is somebody else's. */
bool sp_tunnel_is_ours(struct sp_netlink *netlink, const struct sp_machine *machine,
		       const char *name);
/* Set the tunnel interface, which is ours, down: its packets go nowhere then. */
void sp_tunnel_lower(struct sp_netlink *netlink, const char *name);
/* Remove the tunnel interface, which is ours, with its addresses and routes; an engine that serves
 * it ends. Returns 0, also if the interface has gone; -errno. */
int sp_tunnel_remove(struct sp_netlink *netlink, const char *name);

#endif
