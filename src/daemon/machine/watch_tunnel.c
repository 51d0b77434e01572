/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Are forwarding, the tunnel interface and the listed interfaces as they were set, and up? */
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "config/machine.h"
#include "daemon/base/warnings.h"
#include "daemon/engine/engine.h"
#include "daemon/health/drift.h"
#include "daemon/host/address.h"
#include "daemon/host/host.h"
#include "daemon/machine/tunnel.h"
#include "daemon/machine/watch.h"
#include "daemon/revisions/revision.h"
#include "io/files/sysctl.h"
#include "io/netlink/netlink.h"
#include "net/addr.h"

#define WHAT_MAX 96

static void see(struct sp_watch *watch, const char *code, const char *iface, const char *what,
		int repair)
{
	sp_drift_see(watch->drifts,
		     &(struct sp_drift_sight){
			     .code = code, .iface = iface, .what = what, .repair = repair });
}

/* ---- switches ---- */

/* Set a file of /proc/sys back to our value. A file that cannot be read does not exist: the kernel
 * lacks that family. */
static void keep_sysctl(struct sp_watch *watch, const char *code, const char *iface,
			const char *name, int64_t wanted)
{
	char what[WHAT_MAX];
	int64_t value;

	if (sp_sysctl_get(name, &value) < 0 || value == wanted)
		return;
	snprintf(what, sizeof(what), "%s was not %lld", name, (long long)wanted);
	see(watch, code, iface, what, sp_sysctl_set(name, wanted));
}

static void look_at_forwarding(struct sp_watch *watch)
{
	char name[96];

	keep_sysctl(watch, "forwarding-off", NULL, "net/ipv4/ip_forward", 1);
	keep_sysctl(watch, "forwarding-off", NULL, "net/ipv6/conf/all/forwarding", 1);
	for (size_t i = 0; i < watch->host->hooked_count; i++) {
		const char *iface = watch->host->hooked[i].name;

		snprintf(name, sizeof(name), "net/ipv4/conf/%s/forwarding", iface);
		keep_sysctl(watch, "forwarding-off", iface, name, 1);
		/* For IPv6 this switch stops no packet when it is off: it makes the gateway accept
		 * router advertisements on the interface, which may be intended on an edge. */
		if (watch->host->hooked[i].zone == SP_ZONE_EDGE)
			continue;
		snprintf(name, sizeof(name), "net/ipv6/conf/%s/forwarding", iface);
		keep_sysctl(watch, "forwarding-off", iface, name, 1);
	}
}

/* ---- the tunnel ---- */

static bool has_address(const struct sp_link_address *addresses, size_t count,
			const struct sp_addr *addr)
{
	for (size_t i = 0; i < count; i++)
		if (!sp_addr_compare(&addresses[i].addr, addr))
			return true;
	return false;
}

static void keep_address(struct sp_watch *watch, const struct sp_link *link,
			 const struct sp_addr *own)
{
	char what[WHAT_MAX], addr[SP_ADDR_TEXT_MAX];

	snprintf(what, sizeof(what), "%s had lost its address %s", link->name,
		 sp_addr_format(own, addr));
	see(watch, "tunnel-changed", link->name, what,
	    sp_netlink_put_address(watch->netlink, link->ifindex, own,
				   sp_addr_is_v4(own) ? 32 : 128));
}

static void look_at_addresses(struct sp_watch *watch, const struct sp_link *link)
{
	const struct sp_gateway *gateway = &(*watch->machine)->gateway;
	__sp_free struct sp_link_address *addresses = NULL;
	size_t count = 0;

	if (sp_netlink_list_addresses(watch->netlink, link->ifindex, &addresses, &count) < 0)
		return; /* looked at again in a second */
	for (size_t i = 0; i < gateway->pool_count; i++) {
		const struct sp_addr own = sp_address_of_gateway(&gateway->pool[i]);

		if (!has_address(addresses, count, &own))
			keep_address(watch, link, &own);
	}
}

static void look_at_route(struct sp_watch *watch, const struct sp_link *link,
			  const struct sp_prefix *pool)
{
	char what[WHAT_MAX], text[SP_PREFIX_TEXT_MAX];
	int r;

	if (sp_netlink_uses_route(watch->netlink, link->ifindex, pool) != 0)
		return;
	snprintf(what, sizeof(what), "%s did not go to %s", sp_prefix_format(pool, text),
		 link->name);
	r = sp_netlink_put_route(watch->netlink, link->ifindex, pool);
	if (r == 0 && sp_netlink_uses_route(watch->netlink, link->ifindex, pool) == 0)
		r = -EEXIST;
	sp_drift_see(
		watch->drifts,
		&(struct sp_drift_sight){
			.code = "tunnel-changed",
			.iface = link->name,
			.what = what,
			.repair = r,
			.why = r == -EEXIST ? "another route or rule goes before ours" : NULL });
}

static void look_at_link(struct sp_watch *watch, const struct sp_link *link)
{
	char name[96];

	if (link->mtu != (*watch->machine)->mtu) {
		char what[WHAT_MAX];

		snprintf(what, sizeof(what), "%s had another MTU than %u", link->name,
			 (*watch->machine)->mtu);
		see(watch, "tunnel-changed", link->name, what,
		    sp_netlink_set_mtu(watch->netlink, link->ifindex, (*watch->machine)->mtu));
	}
	snprintf(name, sizeof(name), "net/ipv6/conf/%s/disable_ipv6", link->name);
	keep_sysctl(watch, "tunnel-changed", link->name, name, 0);
	snprintf(name, sizeof(name), "net/ipv6/conf/%s/addr_gen_mode", link->name);
	keep_sysctl(watch, "tunnel-changed", link->name, name, 1);
	if (!link->is_up)
		see(watch, "tunnel-changed", link->name, "it was set down",
		    sp_netlink_set_up(watch->netlink, link->ifindex, true));
}

void sp_watch_tunnel(struct sp_watch *watch)
{
	const struct sp_host_interface *known =
		sp_host_find(watch->host, (*watch->machine)->tunnel);
	const struct sp_gateway *gateway = &(*watch->machine)->gateway;
	struct sp_link link;

	if (!watch->revisions->running || !*watch->is_lock_open)
		return;
	look_at_forwarding(watch);
	if (!*watch->apply && sp_warnings_has(watch->warnings, "tunnel-owner"))
		(void)sp_tunnel_ensure(watch->network);
	if (sp_netlink_get_link(watch->netlink, (*watch->machine)->tunnel, &link) < 0) {
		see(watch, "tunnel-changed", (*watch->machine)->tunnel, "it was removed",
		    sp_tunnel_ensure(watch->network)); /* the next revision sets it up */
		return;
	}
	if (strcmp(link.kind, watch->engine->way == &sp_engine_kernel ? "wireguard" : "tun") != 0) {
		see(watch, "tunnel-changed", link.name, "another kind of interface has its name",
		    sp_tunnel_ensure(watch->network));
		return;
	}
	/* A tunnel interface made anew is set up once programs are on it: at the end of an apply
	 * that was begun after it was read (network.c). */
	if (*watch->apply || !known || known->ifindex != link.ifindex)
		return;
	look_at_link(watch, &link);
	look_at_addresses(watch, &link);
	for (size_t i = 0; i < gateway->pool_count; i++)
		look_at_route(watch, &link, &gateway->pool[i]);
}

/* ---- listed interfaces ---- */

/* Report it only: whoever set the interface down may have had a reason. */
void sp_watch_interfaces(struct sp_watch *watch)
{
	for (size_t i = 0; i < watch->host->hooked_count; i++) {
		const struct sp_plane_interface *listed = &watch->host->hooked[i];
		char what[IFNAMSIZ + sizeof(" has no carrier")];
		struct sp_link link;

		if (listed->zone == SP_ZONE_TUNNEL ||
		    sp_netlink_get_link(watch->netlink, listed->name, &link) < 0 ||
		    (link.is_up && link.has_carrier))
			continue;
		snprintf(what, sizeof(what), "%s %s", listed->name,
			 link.is_up ? "has no carrier" : "is set down");
		sp_drift_see(watch->drifts,
			     &(struct sp_drift_sight){ .code = "interface-down",
						       .iface = listed->name,
						       .what = what,
						       .repair = -ENETDOWN,
						       .why = "nothing passes there" });
	}
}
