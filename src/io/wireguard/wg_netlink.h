/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Where the kernel is the WireGuard engine: the same device, peers and changes as over the
 * userspace API, by its generic netlink family "wireguard". The messages are made and read by pure
 * functions (wg_netlink_message.h). Needs CAP_NET_ADMIN in the device's network namespace.
 * Source: linux/wireguard.h.
 */
#ifndef SALLYPORT_IO_WG_NETLINK_H
#define SALLYPORT_IO_WG_NETLINK_H

#include "io/netlink/netlink.h"
#include "io/wireguard/wg_device.h"

/* Whether this kernel has WireGuard; asking loads its module where there is one. Returns 0;
 * -ENOENT it has not; -errno. */
int sp_wg_netlink_probe(void);

/* Returns 0; -ENODEV no such interface; -EOPNOTSUPP it is of another kind; -ENOENT this kernel has
 * no WireGuard; -EBADMSG an answer that is none; -EPERM; -ENOMEM; -errno. */
int sp_wg_netlink_get(const char *ifname, struct sp_wg_device *ret_device);

/* Carry out @change, in as many messages as it takes: one that fails leaves those before it done.
 * Returns as sp_wg_netlink_get; -EADDRINUSE the port is another's; -EINVAL bad scope or name. */
int sp_wg_netlink_change(const char *ifname, const struct sp_wg_change *change);

/* See to the link @name: made (down, without key) if absent, adopted if it is of kind "wireguard".
 * *@ret_made: whether it was made now.
 * Returns 0 with the link; -EEXIST another kind of device has the name; -EOPNOTSUPP this kernel has
 * no WireGuard; -EINVAL bad name; -EPERM; -errno. */
int sp_wg_link_ensure(struct sp_netlink *netlink, const char *name, struct sp_link *ret_link,
		      bool *ret_made);

#endif
