/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Probe the interfaces that sallyport.yaml names, and programs of others that are attached to
 * them. */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "io/files/sysctl.h"
#include "io/netlink/netlink.h"
#include "io/probe/probe_list.h"

#define PROGRAMS_MAX 64

static bool is_own(const struct sp_probe_context *context, uint32_t prog_id)
{
	for (size_t i = 0; i < context->own_prog_count; i++)
		if (context->own_prog_ids[i] == prog_id)
			return true;
	return false;
}

/* "7 (their_filter)"; without rights only the number. */
static const char *program_text(uint32_t prog_id, char buf[64])
{
	struct bpf_prog_info info = { 0 };
	uint32_t len = sizeof(info);
	__sp_close int fd = bpf_prog_get_fd_by_id(prog_id);

	if (fd >= 0 && bpf_prog_get_info_by_fd(fd, &info, &len) == 0 && info.name[0])
		snprintf(buf, 64, "%u (%.*s)", prog_id, (int)sizeof(info.name), info.name);
	else
		snprintf(buf, 64, "%u", prog_id);
	return buf;
}

static void probe_native_xdp(struct sp_probe_list *list, const struct sp_link *link)
{
	static const struct sp_probe_subject subject = {
		"xdp-native",
		"drops at the driver: generic XDP takes its place, at some times the cost",
		"an interface whose driver has XDP"
	};
	LIBBPF_OPTS(bpf_xdp_query_opts, query);
	int r = bpf_xdp_query((int)link->ifindex, 0, &query);

	if (r < 0)
		sp_probe_add_for(list, &subject, link->name, SP_PROBE_UNKNOWN, "%s",
				 sp_err_text(r));
	else if (query.feature_flags & SP_NETDEV_XDP_ACT_BASIC)
		sp_probe_add_for(list, &subject, link->name, SP_PROBE_OK, "the driver has it");
	else
		sp_probe_add_for(list, &subject, link->name, SP_PROBE_MISSING,
				 "the driver names no native XDP");
}

static void probe_foreign_xdp(const struct sp_probe_context *context, struct sp_probe_list *list,
			      const struct sp_link *link)
{
	static const struct sp_probe_subject subject = {
		"xdp-free",
		"edge-in cannot be attached: the outer door would be open, so apply refuses",
		"remove that program (ip link set dev IFACE xdp off), or unload what attached it"
	};
	char text[64];

	if (link->xdp_prog_id == 0)
		sp_probe_add_for(list, &subject, link->name, SP_PROBE_OK, "no XDP program");
	else if (is_own(context, link->xdp_prog_id))
		sp_probe_add_for(list, &subject, link->name, SP_PROBE_OK, "ours is attached");
	else
		sp_probe_add_for(list, &subject, link->name, SP_PROBE_MISSING,
				 "another XDP program is attached: %s",
				 program_text(link->xdp_prog_id, text));
}

/* The first program on a tcx hook that is not ours; 0: none. */
static uint32_t foreign_tcx(const struct sp_probe_context *context, const struct sp_link *link,
			    enum bpf_attach_type hook)
{
	uint32_t ids[PROGRAMS_MAX] = { 0 };
	LIBBPF_OPTS(bpf_prog_query_opts, query, .prog_ids = ids, .count = PROGRAMS_MAX);

	if (bpf_prog_query_opts((int)link->ifindex, hook, &query) < 0)
		return 0; /* no tcx, or no rights: other probes report both */
	for (uint32_t i = 0; i < query.count && i < PROGRAMS_MAX; i++)
		if (!is_own(context, ids[i]))
			return ids[i];
	return 0;
}

static void probe_foreign_tcx(const struct sp_probe_context *context, struct sp_probe_list *list,
			      const struct sp_link *link)
{
	static const struct sp_probe_subject subject = {
		"tcx-free", "a program of someone else may pass packets before ours sees them",
		"bpftool net show; then unload what attached it"
	};
	uint32_t in = foreign_tcx(context, link, SP_BPF_TCX_INGRESS);
	uint32_t out = foreign_tcx(context, link, SP_BPF_TCX_EGRESS);
	char text[64];

	if (in || out)
		sp_probe_add_for(list, &subject, link->name, SP_PROBE_MISSING,
				 "another program on its %s: %s", in ? "ingress" : "egress",
				 program_text(in ? in : out, text));
	else
		sp_probe_add_for(list, &subject, link->name, SP_PROBE_OK, "no other tcx program");
}

static void probe_rp_filter(struct sp_probe_list *list, const struct sp_link *link, bool has_others)
{
	static const struct sp_probe_subject subject = {
		"rp-filter",
		"packets that come by another interface than answers leave by are dropped",
		"sysctl net.ipv4.conf.IFACE.rp_filter=2 (and .all)"
	};
	static const char *const modes[] = { "off", "strict", "loose" };
	int mode;
	int r = sp_rp_filter_get(link->name, &mode);

	if (r < 0 || mode < 0 || mode > 2)
		sp_probe_add_for(list, &subject, link->name, SP_PROBE_UNKNOWN, "%s",
				 sp_err_text(r < 0 ? r : -EINVAL));
	else
		sp_probe_add_for(list, &subject, link->name,
				 mode == 1 && has_others ? SP_PROBE_MISSING : SP_PROBE_OK, "%s",
				 modes[mode]);
}

static void probe_edge(const struct sp_probe_context *context, struct sp_probe_list *list,
		       const struct sp_link *link)
{
	size_t edges = 0;

	for (size_t i = 0; i < context->interface_count; i++)
		edges += context->interfaces[i].zone == SP_ZONE_EDGE;
	probe_native_xdp(list, link);
	probe_foreign_xdp(context, list, link);
	probe_rp_filter(list, link, edges > 1);
}

static void probe_interface(const struct sp_probe_context *context, struct sp_probe_list *list,
			    struct sp_netlink *netlink, const struct sp_probe_interface *interface)
{
	static const struct sp_probe_subject subject = {
		"interface", "every hook on it", "sallyport.yaml: interfaces; or bring it up"
	};
	struct sp_link link;
	int r = sp_netlink_get_link(netlink, interface->name, &link);

	if (r == -ENODEV && interface->zone == SP_ZONE_TUNNEL) {
		sp_probe_add_for(list, &subject, interface->name, SP_PROBE_OK,
				 "not there yet: sallyportd makes it when it starts");
		return;
	}
	if (r < 0) {
		sp_probe_add_for(list, &subject, interface->name,
				 r == -ENODEV ? SP_PROBE_MISSING : SP_PROBE_UNKNOWN, "%s",
				 r == -ENODEV ? "there is no such interface" : sp_err_text(r));
		return;
	}
	sp_probe_add_for(list, &subject, interface->name, SP_PROBE_OK, "%s, MTU %u%s%s",
			 link.is_up ? "up" : "down", link.mtu, *link.kind ? ", " : "", link.kind);
	if (interface->zone == SP_ZONE_EDGE)
		probe_edge(context, list, &link);
	probe_foreign_tcx(context, list, &link);
}

void sp_probe_net(const struct sp_probe_context *context, struct sp_probe_list *list)
{
	static const struct sp_probe_subject subject = { "rtnetlink", "everything", "" };
	__sp_cleanup(sp_netlink_closep) struct sp_netlink *netlink = NULL;
	int r = sp_netlink_open(&netlink);

	if (r < 0) {
		sp_probe_add(list, &subject, SP_PROBE_MISSING, "%s", sp_err_text(r));
		return;
	}
	for (size_t i = 0; i < context->interface_count; i++)
		probe_interface(context, list, netlink, &context->interfaces[i]);
}
