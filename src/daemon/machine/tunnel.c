/* SPDX-License-Identifier: GPL-3.0-or-later */
/* vpn0: a persistent TUN, so that its programs outlive the engine, or the kernel's own WireGuard.
 * It is set up only once programs are on it. */
#include <string.h>

#include "base/err.h"
#include "config/machine.h"
#include "daemon/base/warnings.h"
#include "daemon/engine/engine.h"
#include "daemon/host/address.h"
#include "daemon/host/found.h"
#include "daemon/host/host.h"
#include "daemon/machine/network.h"
#include "daemon/machine/tunnel.h"
#include "io/files/files.h"
#include "io/files/sysctl.h"
#include "io/log/log.h"
#include "io/netlink/netlink.h"
#include "io/packets/tun.h"
#include "io/wireguard/wg_netlink.h"
#include "net/addr.h"

/* Choose once: an interface that exists decides what "auto" means, so that a restart changes
 * nothing. */
static const struct sp_engine_way *choose_engine(struct sp_network_watch *network)
{
	const char *name = (*network->machine)->tunnel;
	struct sp_link link;

	if ((*network->machine)->engine == SP_VPN_USERSPACE)
		return &sp_engine_userspace;
	if ((*network->machine)->engine == SP_VPN_KERNEL)
		return &sp_engine_kernel;
	if (sp_netlink_get_link(network->netlink, name, &link) < 0)
		return sp_wg_netlink_probe() == 0 ? &sp_engine_kernel : &sp_engine_userspace;
	return strcmp(link.kind, "wireguard") == 0 ? &sp_engine_kernel : &sp_engine_userspace;
}

/* The remedy for a tunnel interface that could be neither made nor adopted. */
static const char *find_remedy(struct sp_network_watch *network, int r)
{
	const bool is_kernel = network->engine->way == &sp_engine_kernel;
	struct sp_link link = { 0 };

	(void)sp_netlink_get_link(network->netlink, (*network->machine)->tunnel, &link);
	if (is_kernel && strcmp(link.kind, "tun") == 0)
		return "; it is the TUN of a userspace engine, and vpn.engine says kernel: stop "
		       "that engine, remove the interface (ip link delete) and start sallyportd "
		       "again, or say userspace";
	if (!is_kernel && strcmp(link.kind, "wireguard") == 0)
		return "; it is a WireGuard link of the kernel, and vpn.engine says userspace: "
		       "remove it (ip link delete) and start sallyportd again, or say kernel";
	if (r == -EEXIST)
		return "; another kind of interface has that name";
	if (is_kernel && r == -EOPNOTSUPP)
		return "; this kernel has no WireGuard (modprobe wireguard): say vpn.engine: "
		       "userspace, or auto";
	if (r == -EMEDIUMTYPE)
		return "; it is there but not a persistent single-queue TUN";
	return r == -ENOENT ? "; is there a /dev/net/tun?" : "";
}

/* The owner cannot change while an engine is attached. That is no reason to refuse a start: the
 * engine goes on. */
static int leave_owner(struct sp_network_watch *network, const char *name, struct sp_link *ret_link)
{
	int r = sp_netlink_get_link(network->netlink, name, ret_link);

	if (r == 0)
		sp_warnings_raise(network->warnings, "tunnel-owner",
				  "%s belongs to uid %u, and the engine shall be uid %u: an engine "
				  "holds it, so it is handed over once that one ends",
				  name, ret_link->tun_has_owner ? ret_link->tun_owner : 0,
				  network->engine->user.uid);
	return r;
}

static int ensure_tun(struct sp_network_watch *network, const char *name, struct sp_link *ret_link,
		      bool *ret_made)
{
	int r = sp_tun_ensure(network->netlink, name, network->engine->user.uid,
			      network->engine->user.gid, ret_link, ret_made);

	if (r == -EBUSY)
		return leave_owner(network, name, ret_link);
	if (r == 0)
		sp_warnings_clear(network->warnings, "tunnel-owner");
	return r;
}

int sp_tunnel_ensure(struct sp_network_watch *network)
{
	const char *name = (*network->machine)->tunnel;
	struct sp_link link;
	bool is_made = false;
	int r;

	if (!network->engine->way)
		network->engine->way = choose_engine(network);
	if (network->engine->way == &sp_engine_kernel)
		r = sp_wg_link_ensure(network->netlink, name, &link, &is_made);
	else
		r = ensure_tun(network, name, &link, &is_made);
	if (r == 0 && link.mtu != (*network->machine)->mtu)
		r = sp_netlink_set_mtu(network->netlink, link.ifindex, (*network->machine)->mtu);
	if (r < 0) {
		sp_warnings_raise(network->warnings, "interface-missing",
				  "cannot make or adopt %s: %s%s", name, sp_err_text(r),
				  find_remedy(network, r));
		return r;
	}
	if (is_made)
		sp_log_note("made %s (engine: %s), down until programs sit on it", name,
			    network->engine->way->name);
	return 0;
}

/* Keep how it was before, for the day this gateway is taken down. */
static int forward(struct sp_network_watch *network)
{
	int r = network->is_forwarding_ours ? 0 : sp_found_note(network->paths);

	if (r < 0)
		sp_log_error("keeping how forwarding stood before: %s; sallyport detach will leave "
			     "it on",
			     sp_err_text(r));
	network->is_forwarding_ours = true;
	return sp_forwarding_set(true, true);
}

int sp_tunnel_raise(struct sp_network_watch *network)
{
	const struct sp_host_interface *tunnel =
		sp_host_find(network->host, (*network->machine)->tunnel);
	const struct sp_gateway *gateway = &(*network->machine)->gateway;
	int r = 0;

	if (!tunnel || !tunnel->is_present)
		return -ENODEV;
	sp_tun_leave_link_local_out(tunnel->name);
	for (size_t i = 0; i < gateway->pool_count && r == 0; i++) {
		const struct sp_addr own = sp_address_of_gateway(&gateway->pool[i]);

		r = sp_netlink_put_address(network->netlink, tunnel->ifindex, &own,
					   sp_addr_is_v4(&own) ? 32 : 128);
	}
	if (r == 0)
		r = sp_netlink_set_up(network->netlink, tunnel->ifindex, true);
	for (size_t i = 0; i < gateway->pool_count && r == 0; i++)
		r = sp_netlink_put_route(network->netlink, tunnel->ifindex, &gateway->pool[i]);
	return r < 0 ? r : forward(network);
}

void sp_tunnel_lower(struct sp_netlink *netlink, const char *name)
{
	struct sp_link link;

	if (sp_netlink_get_link(netlink, name, &link) == 0)
		(void)sp_netlink_set_up(netlink, link.ifindex, false);
}

bool sp_tunnel_is_ours(struct sp_netlink *netlink, const struct sp_machine *machine,
		       const char *name)
{
	struct sp_link link;

	if (sp_netlink_get_link(netlink, name, &link) < 0)
		return false;
	if (strcmp(link.kind, "wireguard") == 0)
		return !machine || machine->engine != SP_VPN_USERSPACE;
	return sp_tun_is_adoptable(&link) && (!machine || machine->engine != SP_VPN_KERNEL);
}

int sp_tunnel_remove(struct sp_netlink *netlink, const char *name)
{
	struct sp_link link;
	int r = sp_netlink_get_link(netlink, name, &link);

	if (r == 0 && strcmp(link.kind, "wireguard") == 0)
		r = sp_netlink_remove_link(netlink, link.ifindex);
	else if (r == 0)
		r = sp_tun_remove(netlink, name);
	return r == -ENODEV ? 0 : r;
}
