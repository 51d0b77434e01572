/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The machine file sallyport.yaml: interfaces, the tunnel, the audit logs, the portal. As strict as
 * the policy, and diagnosed in the same way. No I/O. */
#ifndef SALLYPORT_CONFIG_MACHINE_H
#define SALLYPORT_CONFIG_MACHINE_H

#include "policy/model.h"
#include "yaml/diagnostics.h"

/* Who carries the tunnel: a process that speaks the userspace API, or the kernel's own
 * WireGuard. */
enum sp_vpn_engine {
	SP_VPN_USERSPACE,
	SP_VPN_KERNEL,
	SP_VPN_AUTO, /* the kernel where it has WireGuard */
};

struct sp_machine {
	/* auto, or a name: plane/choice.h looks for a plane of it */
	char *plane;
	struct sp_place plane_place;
	/* pool, interfaces and what parked people reach; self, routes and trust come from the
	 * host */
	struct sp_gateway gateway;
	char *tunnel;     /* vpn0 */
	char **unmanaged; /* interfaces.unmanaged: names, none of which is in @gateway */
	size_t unmanaged_count;
	uint16_t listen_port;
	char *endpoint;      /* host or host:port as written; NULL: none */
	struct sp_addr *dns; /* vpn.dns */
	size_t dns_count;
	/* dns.servers, as sp_resolve (io/resolve/resolve.h) takes them; NULL: the host's */
	char *dns_servers;
	char **routes; /* vpn.routes: network names; none: all that people may reach */
	size_t route_name_count;
	char **route_holes; /* vpn.routes.except: network names */
	size_t route_hole_count;
	struct sp_prefix *route_except; /* and prefixes */
	size_t route_except_count;
	uint32_t mtu;
	int64_t parked_s;
	/* ends a session none of whose packets came in that time; 0: no such end */
	int64_t unused_s;
	enum sp_vpn_engine engine;
	uint64_t audit_rotate_bytes; /* of packets.jsonl */
	uint32_t audit_keep;
	uint64_t audit_people_rotate_bytes; /* of audit.jsonl */
	uint32_t audit_people_keep;
	int64_t audit_min_age_s;      /* an alarm when rotation takes younger records; 0: none */
	bool has_portal;              /* without the section the fields below are zero */
	struct sp_addr portal_listen; /* 0.0.0.0: every IPv4 address; ::, the default: every one */
	uint16_t portal_port;         /* TCP */
	char *portal_url;             /* an origin: https://host or https://host:port */
	char *portal_cert, *portal_key; /* relative ones: below etc/sallyport; NULL both: made */
	char *portal_user;              /* a name or a number, never root */
};

/* Check one machine file; parameters and result are those of sp_policy_load.
 * The caller frees @ret_machine with sp_machine_free. */
int sp_machine_load(const char *path, const char *text, size_t len, struct sp_machine **ret_machine,
		    struct sp_diagnostics *diagnostics);
/* NULL is allowed. */
void sp_machine_free(struct sp_machine *machine);

#endif
