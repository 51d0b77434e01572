/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One netlink request and its answer: what links, addresses, routes and WireGuard are asked
 * through.
 */
#ifndef SALLYPORT_IO_NETLINK_REQUEST_H
#define SALLYPORT_IO_NETLINK_REQUEST_H

#include <libmnl/libmnl.h>
#include <linux/rtnetlink.h>

#include "io/netlink/netlink.h"

/* Room for any request of ours. */
struct sp_netlink_request {
	union {
		char bytes[1024];
		struct nlmsghdr align;
	};
	struct nlmsghdr *header;
};

/* Begin @type (RTM_…) with @flags besides NLM_F_REQUEST, and a zeroed fixed part of @size bytes,
 * which is returned. */
void *sp_netlink_begin(struct sp_netlink_request *request, uint16_t type, uint16_t flags,
		       size_t size);

/* Called for each message of an answer. Returns 0 or -errno, which ends the reading. */
typedef int (*sp_netlink_message_fn)(void *arg, const struct nlmsghdr *message);

/* Send it and read the answer to its end. A dump the kernel says was changed while it ran: -EINTR.
 * Returns 0; the kernel's -errno; @each's.
 */
int sp_netlink_run(struct sp_netlink *netlink, struct sp_netlink_request *request,
		   sp_netlink_message_fn each, void *arg);

/* The same with a message of any length. */
int sp_netlink_exchange(struct sp_netlink *netlink, struct nlmsghdr *message,
			sp_netlink_message_fn each, void *arg);

/* The attributes behind the fixed part of @size bytes into @ret_attrs[0..max], NULL for absent
 * ones. */
void sp_netlink_attrs(const struct nlmsghdr *message, size_t size, const struct nlattr **ret_attrs,
		      uint16_t max);
/* The same for the attributes inside @nest. */
void sp_netlink_nested(const struct nlattr *nest, const struct nlattr **ret_attrs, uint16_t max);

/* An attribute of 4 or 16 bytes as an address. Returns false for anything else. */
bool sp_netlink_attr_addr(const struct nlattr *attr, int family, struct sp_addr *ret_addr);
/* One message about a route. Returns 1; 0 it says nothing about where a unicast address lives (a
 * local, cached or multicast one); -EBADMSG. */
int sp_netlink_read_change(const struct nlmsghdr *message, struct sp_route_change *ret_change);
/* Put an address in its family's own length. */
void sp_netlink_put_addr(struct nlmsghdr *header, uint16_t type, const struct sp_addr *addr);

#endif
