/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Policy text -> checked policy or diagnostics. No I/O: the caller hands over the files' bytes
 * (src/io/policy_file.h reads them). The language is DESIGN section 4; what is not built yet is
 * refused by name with its place. Bounds: 10 MB in under a second, 64 MB of memory, depth 64. */
#ifndef SALLYPORT_POLICY_LOAD_H
#define SALLYPORT_POLICY_LOAD_H

#include "policy/model.h"

enum sp_severity { SP_ERROR, SP_WARNING };

struct sp_diagnostic {
	enum sp_severity severity;
	struct sp_place place;
	char *path;    /* of the file, as given */
	char *message; /* one line, no trailing dot; a suggestion is part of it */
};

struct sp_diagnostics {
	struct sp_diagnostic *items; /* by place */
	size_t count;
	size_t error_count;
	size_t dropped_count; /* beyond the bound of 100 */
};

void sp_diagnostics_done(struct sp_diagnostics *diagnostics);
/* `path:line:column: [warning: ]message`, malloc'ed. */
char *sp_diagnostic_format(const struct sp_diagnostic *diagnostic);

/* Check one policy file.
 * @path          for diagnostics and the generation.
 * @text,@len     the bytes; need not be UTF-8 (that is then diagnosed).
 * @ret_policy    set only when there is no error; warnings (lint) alone do not prevent it.
 * @diagnostics   filled in either case; caller runs _done.
 * Returns 0; -EINVAL there are errors; -ENOMEM. */
int sp_policy_load(const char *path, const char *text, size_t len, struct sp_policy **ret_policy,
		   struct sp_diagnostics *diagnostics);

/* Who carries the tunnel: a process that speaks the userspace API, or the kernel's own WireGuard. */
enum sp_vpn_engine {
	SP_VPN_USERSPACE,
	SP_VPN_KERNEL,
	SP_VPN_AUTO, /* the kernel where it has WireGuard */
};

/* The machine file sallyport.yaml, same strictness. Only what judgement and the daemon need. */
struct sp_machine {
	char *plane; /* auto or ebpf */
	/* pool, interfaces and what parked people reach; self, routes and trust come from the host */
	struct sp_gateway gateway;
	char *tunnel;              /* vpn0 */
	char **unmanaged;          /* interfaces.unmanaged: names, none of which is in @gateway */
	size_t unmanaged_count;
	uint16_t listen_port;
	char *endpoint;            /* host or host:port as written; NULL: none */
	struct sp_addr *dns;
	size_t dns_count;
	char **routes;             /* vpn.routes: network names; none: all that people may reach */
	size_t route_name_count;
	char **route_holes;        /* vpn.routes.except: network names */
	size_t route_hole_count;
	struct sp_prefix *route_except; /* and prefixes */
	size_t route_except_count;
	uint32_t mtu;
	int64_t parked_s;
	enum sp_vpn_engine engine;
	uint64_t audit_rotate_bytes; /* of packets.jsonl */
	uint32_t audit_keep;
	uint64_t audit_people_rotate_bytes; /* of audit.jsonl */
	uint32_t audit_people_keep;
	int64_t audit_min_age_s; /* an alarm when rotation takes younger records; 0: none */
	bool has_portal;               /* without the section the fields below are zero */
	struct sp_addr portal_listen;  /* 0.0.0.0: every IPv4 address; ::, the default: every one */
	uint16_t portal_port;          /* TCP */
	char *portal_url;              /* an origin: https://host or https://host:port */
	char *portal_cert, *portal_key; /* relative ones: below etc/sallyport; NULL both: made */
	char *portal_user;             /* a name or a number, never root */
};

int sp_machine_load(const char *path, const char *text, size_t len, struct sp_machine **ret_machine,
		    struct sp_diagnostics *diagnostics);
void sp_machine_free(struct sp_machine *machine);

#endif
