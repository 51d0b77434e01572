/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A first configuration, made from what a machine is and what its administrator wants. Pure: what
 * was seen goes in, a plan and its two files come out.
 *
 * The plan keeps what works today: the way in the administrator came by, and what the inner
 * networks reach through this machine. New are the tunnel, the portal, and a first role. */
#ifndef SALLYPORT_CLI_INIT_PLAN_H
#define SALLYPORT_CLI_INIT_PLAN_H

#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "net/addr.h"

#define SP_INIT_TUNNEL "vpn0"
#define SP_INIT_NAMES_MAX 16
#define SP_INIT_NETS_MAX 32
#define SP_INIT_SEED_BYTES 16
#define SP_INIT_PROBLEM_MAX 512

/* Is an interface of this name and kind (ARPHRD_…) a container's or another program's tunnel? Their
 * owners expect them as they are. A bridge of one's own is none, whatever it is called. */
bool sp_init_is_others(const char *name, uint16_t type);

/* An interface that is up and might be listed. */
struct sp_init_link {
	char name[IFNAMSIZ];
	bool leads_out; /* a default route leaves by it */
	bool is_others; /* listed only if it is named, or leads out and nothing else does */
};

/* An address of an interface with its network, or a route by it. Default routes are none. */
struct sp_init_way {
	char iface[IFNAMSIZ];
	struct sp_prefix to;
	bool is_address;
	struct sp_addr own; /* is_address */
};

struct sp_init_facts {
	const struct sp_init_link *links;
	size_t link_count;
	const struct sp_init_way *ways;
	size_t way_count;
	const struct sp_addr *resolvers;
	size_t resolver_count;
	bool has_admin; /* the administrator's connection is known */
	struct sp_addr admin;
	uint16_t ssh_port;
	uint16_t tunnel_port, portal_port; /* free ones */
	uint8_t seed[SP_INIT_SEED_BYTES];  /* random */
};

/* What the administrator said; NULL: find it. Lists are separated by commas. */
struct sp_init_wishes {
	const char *edge, *inside, *pool, *portal_name, *admin_from;
};

struct sp_init_names {
	char name[SP_INIT_NAMES_MAX][IFNAMSIZ];
	size_t count;
};

struct sp_init_nets {
	struct sp_prefix net[SP_INIT_NETS_MAX];
	size_t count;
};

struct sp_init_plan {
	/* no names inside: one interface is all there is */
	struct sp_init_names edge, inside, left_out;
	struct sp_init_nets inside_nets; /* at home behind the inner interfaces */
	struct sp_init_nets upstream;    /* between here and the internet */
	struct sp_init_nets admins, pool;
	bool has_v6;
	bool is_admin_guessed; /* nobody said where the administrator is: from inside */
	struct sp_addr dns[SP_INIT_NAMES_MAX];
	size_t dns_count;
	char host[256]; /* clients' name for this machine, an IPv6 address in brackets */
	uint16_t ssh_port, tunnel_port, portal_port;
};

/* Make a plan of what was seen and what the administrator wants. Returns 0; -EINVAL @problem says
 * what is missing and how to give it. */
int sp_init_plan_make(const struct sp_init_facts *facts, const struct sp_init_wishes *wishes,
		      struct sp_init_plan *ret_plan, char problem[SP_INIT_PROBLEM_MAX]);

/* The prefix in use that overlaps @pool, NULL: none. Half of all addresses and more is a default
 * route by another name, and collides with nothing. */
const struct sp_prefix *sp_init_find_overlap(const struct sp_init_facts *facts,
					     const struct sp_prefix *pool);

/* Both write one file of @plan as text, _machine sallyport.yaml and _policy policy.yaml. *@ret_text
 * is malloc'ed. Both return 0; -ENOMEM. */
int sp_init_write_machine(const struct sp_init_plan *plan, char **ret_text);
int sp_init_write_policy(const struct sp_init_plan *plan, char **ret_text);

#endif
