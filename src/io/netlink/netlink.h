/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What rtnetlink says about links, addresses and routes of this network namespace, the few things
 * we change there, and a descriptor that tells when any of it changed. Source: rtnetlink(7),
 * linux/rtnetlink.h.
 */
#ifndef SALLYPORT_IO_NETLINK_H
#define SALLYPORT_IO_NETLINK_H

#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sallyport/abi/tables.h>

#include "base/cleanup.h"

struct sp_netlink;

/* Returns 0; -ENOMEM; -errno. */
int sp_netlink_open(struct sp_netlink **ret_netlink);
/* The same for generic netlink, of which only wg_netlink.c makes use. */
int sp_netlink_open_generic(struct sp_netlink **ret_netlink);
/* Wipes the buffer. NULL is allowed. */
void sp_netlink_close(struct sp_netlink *netlink);
SP_DEFINE_CLEANUP(struct sp_netlink *, sp_netlink_close);

/* ---- links ---- */

struct sp_link {
	uint32_t ifindex;
	char name[IFNAMSIZ];
	bool is_up; /* set up by the administrator (IFF_UP) */
	bool has_carrier;
	bool is_loopback;
	uint32_t mtu;
	uint32_t master;      /* of the bridge, bond, VRF … it is a port of; 0: none */
	uint32_t lower;       /* what it lies on in this namespace (a VLAN, macvlan); 0: none */
	uint16_t type;        /* ARPHRD_…: 1 Ethernet, 65534 none (a TUN) */
	char kind[16];        /* "veth", "tun", "wireguard" …; "" for hardware and lo */
	uint32_t xdp_prog_id; /* 0: none */
	bool xdp_is_generic;
	/* Only of kind "tun": */
	bool tun_is_tap, tun_is_persistent, tun_is_multi_queue, tun_has_vnet_hdr;
	bool tun_has_owner, tun_has_group;
	uint32_t tun_owner, tun_group;
};

/* Returns 0; -ENODEV no such interface; -errno. */
int sp_netlink_get_link(struct sp_netlink *netlink, const char *name, struct sp_link *ret_link);
/* Every link, in a malloc'ed array. */
int sp_netlink_list_links(struct sp_netlink *netlink, struct sp_link **ret_links,
			  size_t *ret_count);

/* Make one of @kind ("wireguard"), down. Returns 0; -EEXIST the name is taken; -EOPNOTSUPP this
 * kernel has no such kind; -EINVAL; -EPERM; -errno. */
int sp_netlink_add_link(struct sp_netlink *netlink, const char *name, const char *kind);
/* Each changes one link: sets it up or down, sets its MTU, removes it. Returns 0; -ENODEV; -EPERM;
 * -errno. */
int sp_netlink_set_up(struct sp_netlink *netlink, uint32_t ifindex, bool is_up);
int sp_netlink_set_mtu(struct sp_netlink *netlink, uint32_t ifindex, uint32_t mtu);
int sp_netlink_remove_link(struct sp_netlink *netlink, uint32_t ifindex);

/* ---- addresses ---- */

struct sp_link_address {
	uint32_t ifindex;
	struct sp_addr addr;     /* the local one, also on point-to-point links */
	struct sp_prefix prefix; /* addr/length, host bits cleared, 16 bytes (IPv4: + 96) */
	bool is_v4;
	bool is_permanent;  /* not from DHCP, not from a router advertisement: no lifetime */
	bool is_link_local; /* IPv6 scope link, 169.254.0.0/16 */
	bool is_usable;     /* false: tentative, or failed duplicate detection */
};

/* @ifindex 0: of all links. Malloc'ed array. */
int sp_netlink_list_addresses(struct sp_netlink *netlink, uint32_t ifindex,
			      struct sp_link_address **ret_addresses, size_t *ret_count);

/* Whether the interface takes an address of the family by DHCP, as far as the kernel knows: it has
 * a lease's lifetime on one, or has none (yet). One whose addresses of the family are all permanent
 * is no client, whatever the other family has. Addresses a host gives itself count for nothing:
 * IPv4 169.254/16, IPv6 link-local and unique local ones (fc00::/7). Pure.
 */
bool sp_netlink_is_dhcp_client(uint32_t ifindex, bool is_v6,
			       const struct sp_link_address *addresses, size_t count);

/* Add an address, or replace its prefix's lifetime: permanent, no duplicate detection. @prefix_len
 * of the address's own family. Returns 0 also if it is there; -EINVAL; -EPERM; -ENODEV; -errno.
 */
int sp_netlink_put_address(struct sp_netlink *netlink, uint32_t ifindex, const struct sp_addr *addr,
			   uint32_t prefix_len);

/* ---- routes ---- */

struct sp_kernel_route {
	struct sp_prefix to; /* in 16 bytes; a default route has length 96 (IPv4) or 0 */
	bool is_v4;
	uint32_t ifindex; /* where it leaves; a multipath route gives one entry for each hop */
	bool has_next_hop;
	struct sp_addr next_hop;
	uint32_t table;
	uint32_t metric;
	/* Where it leads is not to be read from it: a nexthop object nobody told us of, or an
	 * encapsulation that chooses the way itself (a BPF program, a local segment). */
	bool is_unreadable;
};

/* Called for each unicast route, a multipath one once for each hop. 0 or -errno, which ends it. */
typedef int (*sp_route_fn)(void *arg, const struct sp_kernel_route *route);

/* A reading of every routing table and nexthop object, both families, a slice at a time: a large
 * table takes seconds, and others are to be served in between. */
struct sp_route_reading;

/* Begin to read every table. Returns 0; -ENOMEM; -errno. */
int sp_route_reading_open(struct sp_route_reading **ret_reading);
/* NULL is allowed. */
void sp_route_reading_close(struct sp_route_reading *reading);
SP_DEFINE_CLEANUP(struct sp_route_reading *, sp_route_reading_close);
int sp_route_reading_get_fd(const struct sp_route_reading *reading); /* polls readable */
/* Read a slice: at most @bytes_max, and a message more. Returns 1 there is more; 0 it is complete;
 * -EINTR the kernel says things changed meanwhile, read again; -errno. */
int sp_route_reading_advance(struct sp_route_reading *reading, size_t bytes_max, sp_route_fn each,
			     void *arg);

/* The whole of it at once. @ifindex 0: all. Malloc'ed array. */
int sp_netlink_list_routes(uint32_t ifindex, struct sp_kernel_route **ret_routes,
			   size_t *ret_count);

/* Add or replace `@to dev @ifindex` in the main table. @to as in struct sp_kernel_route, host bits
 * clear. */
int sp_netlink_put_route(struct sp_netlink *netlink, uint32_t ifindex, const struct sp_prefix *to);
/* The same, but leave a route there is: -EEXIST. */
int sp_netlink_add_route(struct sp_netlink *netlink, uint32_t ifindex, const struct sp_prefix *to);
/* Does the kernel send what goes to @to (its first address) by exactly this route of @ifindex? One
 * look-up, whatever the size of the tables. Returns 1; 0 by another one, or by none; -errno. */
int sp_netlink_uses_route(struct sp_netlink *netlink, uint32_t ifindex, const struct sp_prefix *to);
/* Returns 0; -ESRCH it was not there. */
int sp_netlink_remove_route(struct sp_netlink *netlink, uint32_t ifindex,
			    const struct sp_prefix *to);

/* ---- changes ---- */

#define SP_NETLINK_LINKS 0x1u
#define SP_NETLINK_ADDRESSES 0x2u
#define SP_NETLINK_ROUTES 0x4u
#define SP_NETLINK_NEXTHOPS 0x8u
#define SP_NETLINK_LOST 0x10u /* messages were dropped: anything may have changed */

#define SP_ROUTE_HOPS_MAX 32

/* One message about a route. */
struct sp_route_change {
	struct sp_prefix to;
	bool is_gone; /* withdrawn, or replaced by one that forwards nothing */
	bool is_unreadable;
	struct sp_kernel_route hops[SP_ROUTE_HOPS_MAX];
	size_t hop_count;
};
typedef void (*sp_route_change_fn)(void *arg, const struct sp_route_change *change);

struct sp_netlink_monitor;

/* Returns 0; -ENOMEM; -errno. */
int sp_netlink_monitor_open(struct sp_netlink_monitor **ret_monitor);
/* NULL is allowed. */
void sp_netlink_monitor_close(struct sp_netlink_monitor *monitor);
SP_DEFINE_CLEANUP(struct sp_netlink_monitor *, sp_netlink_monitor_close);
int sp_netlink_monitor_get_fd(const struct sp_netlink_monitor *monitor); /* polls readable */

/* Take everything that waits, without blocking. *@ret_changed is what changed since the last call
 * (SP_NETLINK_…); messages the kernel had to drop count as a change of everything. Returns 0 or
 * -errno.
 */
int sp_netlink_monitor_drain(struct sp_netlink_monitor *monitor, uint32_t *ret_changed);
/* The same for at most @messages_max messages (0: all): what is left polls readable again. @each
 * (or NULL) is called for each change of a route. */
int sp_netlink_monitor_take(struct sp_netlink_monitor *monitor, size_t messages_max,
			    sp_route_change_fn each, void *arg, uint32_t *ret_changed);

#endif
