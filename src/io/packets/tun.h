/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The tunnel's device: a persistent single-queue TUN that belongs to the engine's user. It is made
 * here and the engine attaches to it, so programs on it outlive the engine; a multi-queue one would
 * refuse a single-queue opener such as wireguard-go. Source: Documentation/networking/tuntap.rst;
 * tried with wireguard-go.
 */
#ifndef SALLYPORT_IO_TUN_H
#define SALLYPORT_IO_TUN_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "io/netlink/netlink.h"

/* See to @name: made (down, without address) if absent, adopted if it is a persistent single-queue
 * TUN already: what is attached to it and its addresses stay. Its owner is changed to @uid, @gid if
 * it differs (SP_UID_KEEP, SP_GID_KEEP of io/files/files.h: leave as it is; a new one then belongs
 * to nobody in particular: only CAP_NET_ADMIN attaches). *@ret_made (if not NULL): whether it was
 * made now. Returns 0 with the link; -EEXIST another kind of device has the name; -EMEDIUMTYPE a
 * TUN, but multi-queue, or a TAP, or not persistent; -EBUSY its owner must change while an engine
 * holds it; -EINVAL bad name; -EPERM; -ENOENT no /dev/net/tun; -errno.
 */
int sp_tun_ensure(struct sp_netlink *netlink, const char *name, uid_t uid, gid_t gid,
		  struct sp_link *ret_link, bool *ret_made);

/* Let it hold 4096 packets instead of the kernel's 500, as far as we may. At 100 000 small packets
 * a second that bridges a stall of 40 ms (1000 lost packets on two busy cores where 4096 lost none:
 * docs/benchmarks.md). An engine that keeps up does not fill it; one that does not tells senders of
 * a loss that much later, which for large frames is the price and was not measured. */
void sp_tun_lengthen(const char *name);

/* Keep the kernel from giving the interface an IPv6 address, as WireGuard's interfaces have none:
 * nobody in the tunnel would use the address, and the kernel would ask for routers with it. Call
 * this before the interface is set up. */
void sp_tun_leave_link_local_out(const char *name);

/* Is it one as sp_tun_ensure makes and adopts? Any other is somebody else's. */
bool sp_tun_is_adoptable(const struct sp_link *link);
/* Remove it. Returns 0; -ENODEV; -EMEDIUMTYPE it is not adoptable; -errno. */
int sp_tun_remove(struct sp_netlink *netlink, const char *name);

#endif
