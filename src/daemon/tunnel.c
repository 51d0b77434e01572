/* SPDX-License-Identifier: GPL-3.0-or-later */
/* vpn0: persistent, so that programs on it outlive the engine; up only once they sit on it. */
#include <stdio.h>

#include "base/err.h"
#include "daemon/address.h"
#include "daemon/daemon.h"
#include "io/files.h"
#include "io/sysctl.h"
#include "io/tun.h"
#include "net/addr.h"

int sp_tunnel_ensure(struct sp_daemon *daemon)
{
	const char *name = daemon->machine->tunnel;
	struct sp_link link;
	bool is_made = false;
	int r = sp_tun_ensure(daemon->netlink, name, SP_UID_KEEP, SP_GID_KEEP, &link, &is_made);

	if (r == 0 && link.mtu != daemon->machine->mtu)
		r = sp_netlink_set_mtu(daemon->netlink, link.ifindex, daemon->machine->mtu);
	if (r < 0) {
		sp_warnings_raise(&daemon->warnings, "interface-missing",
				  "cannot make or adopt %s: %s%s", name, sp_err_text(r),
				  r == -EEXIST ? "; another kind of interface has that name"
				  : r == -EMEDIUMTYPE
					  ? "; it is there but not a persistent single-queue TUN"
				  : r == -ENOENT ? "; is there a /dev/net/tun?"
						 : "");
		return r;
	}
	if (is_made)
		sp_log_note("made %s, down until programs sit on it", name);
	return 0;
}

int sp_tunnel_raise(struct sp_daemon *daemon)
{
	const struct sp_host_interface *tunnel =
		sp_host_find(&daemon->host, daemon->machine->tunnel);
	const struct sp_gateway *gateway = &daemon->machine->gateway;
	char sysctl[96];
	int r = 0;

	if (!tunnel || !tunnel->is_present)
		return -ENODEV;
	/* no link-local address of its own making: nobody in the tunnel would use it */
	snprintf(sysctl, sizeof(sysctl), "net/ipv6/conf/%s/addr_gen_mode", tunnel->name);
	(void)sp_sysctl_set(sysctl, 1);
	for (size_t i = 0; i < gateway->pool_count && r == 0; i++) {
		const struct sp_addr own = sp_address_of_gateway(&gateway->pool[i]);

		r = sp_netlink_put_address(daemon->netlink, tunnel->ifindex, &own,
					   sp_addr_is_v4(&own) ? 32 : 128);
	}
	if (r == 0)
		r = sp_netlink_set_up(daemon->netlink, tunnel->ifindex, true);
	for (size_t i = 0; i < gateway->pool_count && r == 0; i++)
		r = sp_netlink_put_route(daemon->netlink, tunnel->ifindex, &gateway->pool[i]);
	if (r == 0)
		r = sp_forwarding_set(true, true);
	return r;
}
