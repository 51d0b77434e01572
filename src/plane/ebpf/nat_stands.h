/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Does a policy still translate a connection as it is translated? Pure: no I/O. */
#ifndef SALLYPORT_PLANE_EBPF_NAT_STANDS_H
#define SALLYPORT_PLANE_EBPF_NAT_STANDS_H

#include "io/netlink/conntrack.h"
#include "policy/model.h"

/* One address of an interface. */
struct sp_nat_address {
	const char *interface;
	struct sp_addr addr;
};

/* What connections are held to. */
struct sp_nat_today {
	const struct sp_policy *policy;
	const struct sp_gateway *gateway;
	/* of the machine; addresses that only reach a link's neighbours are left out */
	const struct sp_nat_address *addresses;
	size_t address_count;
};

/* Of a connection without our labels: somebody else translates it, or nobody, and it stands unless a
 * forward would. */
bool sp_ebpf_nat_stands(const struct sp_nat_today *today, const struct sp_conntrack *connection);

#endif
