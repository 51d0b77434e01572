/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Probe which engine carries the tunnel, and whether its datagrams fit the paths they take. */
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/err.h"
#include "io/netlink/netlink.h"
#include "io/probe/probe_list.h"
#include "io/uapi/uapi.h"
#include "io/wireguard/wg_netlink.h"
#include "net/addr.h"

#define ENGINE_TIMEOUT_MS 300
#define PATHS_MAX 4096      /* endpoints looked at */
#define TUNNEL_MTU_MIN 1280 /* what sallyport.yaml takes */
/* The bytes that a data message adds: 32 of WireGuard, 8 of UDP, 20 or 40 of IP. */
#define OVERHEAD_V4 60u
#define OVERHEAD_V6 80u

static const char *tunnel_name(const struct sp_probe_context *context)
{
	for (size_t i = 0; i < context->interface_count; i++)
		if (context->interfaces[i].zone == SP_ZONE_TUNNEL)
			return context->interfaces[i].name;
	return NULL;
}

/* ---- the kernel's WireGuard ---- */

static void probe_wireguard(const struct sp_probe_context *context, struct sp_probe_list *list)
{
	static const struct sp_probe_subject subject = {
		"wireguard",
		"vpn.engine: kernel cannot be had, and sallyportd will not start with it",
		"modprobe wireguard; or vpn.engine: userspace in sallyport.yaml"
	};
	int r = sp_wg_netlink_probe();

	if (r == 0)
		sp_probe_add(list, &subject, SP_PROBE_OK, "the kernel has it%s",
			     context->may_use_kernel_engine
				     ? ""
				     : "; vpn.engine is userspace all the same");
	else if (r != -ENOENT)
		sp_probe_add(list, &subject, SP_PROBE_UNKNOWN, "%s", sp_err_text(r));
	else if (context->must_use_kernel_engine)
		sp_probe_add(list, &subject, SP_PROBE_MISSING, "the kernel has none");
	else
		sp_probe_add(list, &subject, SP_PROBE_OK,
			     "the kernel has none: the engine is a process");
}

/* ---- the engine ---- */

static int ask_engine(const struct sp_probe_context *context, struct sp_netlink *netlink,
		      const char *tunnel, const char **ret_kind, struct sp_wg_device *ret_device)
{
	__sp_free char *path = NULL;
	struct sp_link link;
	int r = sp_netlink_get_link(netlink, tunnel, &link);
	const bool is_kernel =
		r == 0 ? strcmp(link.kind, "wireguard") == 0 : context->must_use_kernel_engine;

	*ret_kind = is_kernel ? "kernel" : "userspace";
	if (is_kernel)
		return r < 0 ? r : sp_wg_netlink_get(tunnel, ret_device);
	r = sp_paths_engine_socket(context->paths, tunnel, &path);
	return r < 0 ? r : sp_uapi_get(path, ENGINE_TIMEOUT_MS, ret_device);
}

static void probe_engine_stats(const struct sp_probe_context *context, struct sp_probe_list *list,
			       const char *tunnel)
{
	__sp_uapi_stats struct sp_uapi_stats stats = { 0 };
	__sp_free char *path = NULL;
	int r = sp_paths_engine_socket(context->paths, tunnel, &path);

	if (r == 0)
		r = sp_uapi_stats(path, ENGINE_TIMEOUT_MS, &stats);
	sp_probe_engine_stats(list, tunnel, r, &stats);
}

static void probe_engine(const struct sp_probe_context *context, struct sp_probe_list *list,
			 struct sp_netlink *netlink, const char *tunnel,
			 struct sp_wg_device *device)
{
	static const struct sp_probe_subject subject = {
		"engine", "the tunnel carries nothing",
		"start sallyport-vpnd, or another WireGuard userspace engine, on the tunnel"
	};
	static const struct sp_probe_subject in_kernel = { "engine", "the tunnel carries nothing",
							   "start sallyportd: it makes the link" };
	const char *kind;
	int r = ask_engine(context, netlink, tunnel, &kind, device);
	const struct sp_probe_subject *about = strcmp(kind, "kernel") == 0 ? &in_kernel : &subject;

	if (r == 0)
		sp_probe_add_for(list, about, tunnel, SP_PROBE_OK, "%s, answers, %zu peer%s", kind,
				 device->peer_count, device->peer_count == 1 ? "" : "s");
	if (r == 0 && about == &subject)
		probe_engine_stats(context, list, tunnel);
	if (r < 0)
		sp_probe_add_for(list, about, tunnel,
				 r == -EACCES || r == -EPERM ? SP_PROBE_UNKNOWN : SP_PROBE_MISSING,
				 "%s: %s", kind, sp_err_text(r));
}

/* ---- path MTU ---- */

static const struct sp_probe_subject path_mtu = {
	"path-mtu",
	"full packets of the tunnel leave in fragments, which some paths drop: connections hang",
	"set vpn.mtu as named in sallyport.yaml, and MTU in the clients' configurations"
};

static uint32_t overhead(bool is_v4)
{
	return is_v4 ? OVERHEAD_V4 : OVERHEAD_V6;
}

/* Read the MTU of the way to a peer from the routing table and its exceptions. The socket is only
 * connected and sends nothing. Returns 0; -errno. */
static int find_path_mtu(const struct sp_wg_peer *peer, uint32_t *ret_mtu)
{
	const bool is_v4 = sp_addr_is_v4(&peer->endpoint);
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6,
				   .sin6_port = htons(peer->endpoint_port) };
	struct sockaddr_in v4 = { .sin_family = AF_INET, .sin_port = htons(peer->endpoint_port) };
	__sp_close int fd = socket(is_v4 ? AF_INET : AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	socklen_t len = sizeof(int);
	int mtu = 0;

	if (fd < 0)
		return sp_errno();
	memcpy(&v4.sin_addr, &peer->endpoint.b[12], 4);
	memcpy(&v6.sin6_addr, peer->endpoint.b, 16);
	if (connect(fd, is_v4 ? (const struct sockaddr *)&v4 : (const struct sockaddr *)&v6,
		    is_v4 ? sizeof(v4) : sizeof(v6)) < 0)
		return sp_errno();
	if (getsockopt(fd, is_v4 ? IPPROTO_IP : IPPROTO_IPV6, is_v4 ? IP_MTU : IPV6_MTU, &mtu,
		       &len) < 0)
		return sp_errno();
	*ret_mtu = (uint32_t)mtu;
	return 0;
}

static void add_narrow(struct sp_probe_list *list, const char *iface, const char *where,
		       size_t more, uint32_t path, bool is_v4, uint32_t tunnel_mtu)
{
	const uint32_t fits = path > overhead(is_v4) ? path - overhead(is_v4) : 0;
	char others[40] = "", fix[64];

	if (more)
		snprintf(others, sizeof(others), " (and %zu more)", more);
	if (fits >= TUNNEL_MTU_MIN)
		snprintf(fix, sizeof(fix), "vpn.mtu: %u", fits);
	else
		snprintf(fix, sizeof(fix), "vpn.mtu: %u is the least: widen the path to %u",
			 TUNNEL_MTU_MIN, TUNNEL_MTU_MIN + overhead(is_v4));
	sp_probe_add_for(list, &path_mtu, iface, SP_PROBE_MISSING,
			 "%s%s takes %u bytes, vpn.mtu %u needs %u; %s", where, others, path,
			 tunnel_mtu, tunnel_mtu + overhead(is_v4), fix);
}

/* Before any peer connected, compare the tunnel's MTU with those of the edge interfaces. */
static void probe_edge_mtu(const struct sp_probe_context *context, struct sp_probe_list *list,
			   struct sp_netlink *netlink, const char *name)
{
	__sp_free struct sp_link_address *addresses = NULL;
	bool has_v4 = false, has_v6 = false;
	struct sp_link link;
	size_t count = 0;
	uint32_t need;

	if (sp_netlink_get_link(netlink, name, &link) < 0 ||
	    sp_netlink_list_addresses(netlink, link.ifindex, &addresses, &count) < 0)
		return; /* another probe reports this */
	for (size_t i = 0; i < count; i++) {
		has_v4 |= addresses[i].is_v4;
		has_v6 |= !addresses[i].is_v4 && !addresses[i].is_link_local;
	}
	need = context->tunnel_mtu + overhead(!has_v6);
	if (link.mtu < need)
		add_narrow(list, name, "it", 0, link.mtu, !has_v6, context->tunnel_mtu);
	else
		sp_probe_add_for(list, &path_mtu, name, SP_PROBE_OK, "%u bytes, %u are needed%s",
				 link.mtu, need,
				 has_v6   ? ""
				 : has_v4 ? " (IPv4)"
					  : "");
}

/* Compare the tunnel's MTU with the narrowest of the ways to the peers' last endpoints. */
static void probe_peer_mtu(const struct sp_probe_context *context, struct sp_probe_list *list,
			   const char *tunnel, const struct sp_wg_device *device)
{
	const struct sp_wg_peer *worst = NULL;
	uint32_t worst_fits = 0, worst_path = 0;
	size_t known = 0, narrow = 0;
	char addr[SP_ADDR_TEXT_MAX];

	for (size_t i = 0; i < device->peer_count && known < PATHS_MAX; i++) {
		const struct sp_wg_peer *peer = &device->peers[i];
		const uint32_t over = overhead(sp_addr_is_v4(&peer->endpoint));
		uint32_t path, fits;

		if (!peer->has_endpoint || *peer->endpoint_scope || find_path_mtu(peer, &path) < 0)
			continue;
		fits = path > over ? path - over : 0;
		known++;
		narrow += fits < context->tunnel_mtu;
		if (!worst || fits < worst_fits) {
			worst = peer;
			worst_fits = fits;
			worst_path = path;
		}
	}
	if (narrow)
		add_narrow(list, tunnel, sp_addr_format(&worst->endpoint, addr), narrow - 1,
			   worst_path, sp_addr_is_v4(&worst->endpoint), context->tunnel_mtu);
	else if (known)
		sp_probe_add_for(list, &path_mtu, tunnel, SP_PROBE_OK,
				 "wide enough for vpn.mtu %u towards %zu peer%s",
				 context->tunnel_mtu, known, known == 1 ? "" : "s");
}

void sp_probe_tunnel(const struct sp_probe_context *context, struct sp_probe_list *list)
{
	__sp_cleanup(sp_netlink_closep) struct sp_netlink *netlink = NULL;
	__sp_wg_device struct sp_wg_device device = { 0 };
	const char *tunnel = tunnel_name(context);

	probe_wireguard(context, list);
	if (!tunnel || sp_netlink_open(&netlink) < 0) /* which sp_probe_net says */
		return;
	probe_engine(context, list, netlink, tunnel, &device);
	if (!context->tunnel_mtu)
		return;
	for (size_t i = 0; i < context->interface_count; i++)
		if (context->interfaces[i].zone == SP_ZONE_EDGE)
			probe_edge_mtu(context, list, netlink, context->interfaces[i].name);
	probe_peer_mtu(context, list, tunnel, &device);
}
