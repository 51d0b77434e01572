/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The machine as judgement sees it: sallyport.yaml joined with what the kernel says about links,
 * addresses and routes. */
#ifndef SALLYPORT_DAEMON_HOST_H
#define SALLYPORT_DAEMON_HOST_H

#include <net/if.h>

#include "daemon/host/homes.h"
#include "io/netlink/netlink.h"
#include "plane/plane.h"
#include "config/machine.h"

struct sp_host_interface {
	char name[IFNAMSIZ];
	bool is_governed; /* edge, inside or tunnel of sallyport.yaml */
	/* in interfaces.unmanaged of sallyport.yaml; without both it is unlisted */
	bool is_unmanaged;
	enum sp_zone zone;
	bool is_present, is_up;
	bool is_bare; /* its packets are bare IP */
	/* governed: why no program of ours fits it, and what to do; NULL: they do */
	const char *unfit;
	uint32_t ifindex;
};

struct sp_host {
	struct sp_gateway gateway; /* its arrays are this struct's */
	/* governed ones first, then unmanaged ones, in the file's order; never lo */
	struct sp_host_interface *interfaces;
	size_t interface_count;
	struct sp_link_address *addresses;
	size_t address_count;
	struct sp_plane_interface *hooked; /* governed and present: what programs are attached to */
	size_t hooked_count;
	char *fingerprint; /* differs when judgement would */
};

/* What the kernel said, for sp_host_join. */
struct sp_host_view {
	struct sp_link *links;
	size_t link_count;
	struct sp_link_address *addresses;
	size_t address_count;
	const struct sp_homes *homes;
	const struct sp_prefix *next_hops; /* routers on the edge outside the edge's own prefixes */
	size_t next_hop_count;
};

/* Pure: @view's addresses are taken over. Returns 0; -ENOMEM. */
int sp_host_join(const struct sp_machine *machine, struct sp_host_view *view,
		 struct sp_host *ret_host);
/* Ask the kernel for links and addresses and join them with @machine and @homes. Returns 0 and
 * fills *@ret_host, which the caller frees by _done; -ENOMEM; -errno of netlink. */
int sp_host_read(struct sp_netlink *netlink, const struct sp_machine *machine,
		 const struct sp_homes_watch *homes, struct sp_host *ret_host);
/* Free what it holds; empty afterwards. */
void sp_host_done(struct sp_host *host);

/* Returns the first listed interface that none of our programs fits; NULL: there is none. */
const struct sp_host_interface *sp_host_find_unfit(const struct sp_host *host);
/* NULL: no such interface. */
const struct sp_host_interface *sp_host_find(const struct sp_host *host, const char *name);
/* The name of the interface with this index, borrowed. NULL: @ifindex is 0 or unknown. */
const char *sp_host_name_of(const struct sp_host *host, uint32_t ifindex);

/* A copy that shares nothing. */
int sp_gateway_copy(const struct sp_gateway *gateway, struct sp_gateway *ret_copy);

#endif
