/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The growing list of probe results, for the files that ask: probe.c the machine, probe_bpf.c the
 * kernel's BPF, probe_net.c interfaces and what is attached to them, probe_tunnel.c the tunnel,
 * probe_engine.c its engine.
 */
#ifndef SALLYPORT_IO_PROBE_LIST_H
#define SALLYPORT_IO_PROBE_LIST_H

#include <stdbool.h>

#include "io/probe/probe.h"
#include "io/uapi/uapi_stats.h"

/* linux/bpf.h and linux/netdev.h: kernel ABI newer than the headers of Debian 12. */
#define SP_BPF_TCX_INGRESS ((enum bpf_attach_type)46)
#define SP_BPF_TCX_EGRESS ((enum bpf_attach_type)47)
#define SP_NETDEV_XDP_ACT_BASIC 1u

struct sp_probe_list {
	struct sp_probe *probes;
	size_t count;
	int error; /* -ENOMEM sticks */
};

/* What is asked about: its name, what does not work without it, what to do. All outlive the
 * list. */
struct sp_probe_subject {
	const char *name;
	const char *disables;
	const char *remedy;
};

/* Append one finding. Without memory @list->error is -ENOMEM. */
void sp_probe_add(struct sp_probe_list *list, const struct sp_probe_subject *subject,
		  enum sp_probe_result result, const char *format, ...)
	__attribute__((format(printf, 4, 5)));
/* The same about one interface: "xdp-native wan0". */
void sp_probe_add_for(struct sp_probe_list *list, const struct sp_probe_subject *subject,
		      const char *iface, enum sp_probe_result result, const char *format, ...)
	__attribute__((format(printf, 5, 6)));

/* Rights, BTF, and the programs and maps the eBPF plane is made of. */
void sp_probe_bpf(struct sp_probe_list *list);
/* The kernel's WireGuard, the engine on the tunnel, and whether paths are wide enough for it. */
void sp_probe_tunnel(const struct sp_probe_context *context, struct sp_probe_list *list);
/* What the engine on @iface answered to stats=1; @r: or why it did not (sp_uapi_stats). */
void sp_probe_engine_stats(struct sp_probe_list *list, const char *iface, int r,
			   const struct sp_uapi_stats *stats);
/* The interfaces of @context: what each has and what a plane needs of it. */
void sp_probe_net(const struct sp_probe_context *context, struct sp_probe_list *list);

#endif
