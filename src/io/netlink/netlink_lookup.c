/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which route the kernel would take. */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "io/netlink/netlink_request.h"
#include "net/addr.h"

struct found {
	uint32_t ifindex;
	uint32_t prefix_len; /* of the route's family */
};

static int take_found(void *arg, const struct nlmsghdr *message)
{
	const struct rtmsg *info = mnl_nlmsg_get_payload(message);
	const struct nlattr *attrs[RTA_MAX + 1];
	struct found *found = arg;

	if (message->nlmsg_type != RTM_NEWROUTE)
		return 0;
	if (mnl_nlmsg_get_payload_len(message) < sizeof(*info))
		return -EBADMSG;
	sp_netlink_attrs(message, sizeof(*info), attrs, RTA_MAX);
	found->prefix_len = info->rtm_dst_len;
	found->ifindex = attrs[RTA_OIF] ? mnl_attr_get_u32(attrs[RTA_OIF]) : 0;
	return 0;
}

int sp_netlink_uses_route(struct sp_netlink *netlink, uint32_t ifindex, const struct sp_prefix *to)
{
	struct sp_netlink_request request;
	struct found found = { 0 };
	struct sp_addr addr;
	struct rtmsg *info = sp_netlink_begin(&request, RTM_GETROUTE, 0, sizeof(struct rtmsg));
	bool is_v4;
	int r;

	memcpy(addr.b, to->addr, sizeof(addr.b));
	is_v4 = sp_addr_is_v4(&addr) && to->prefix_len >= 96;
	info->rtm_family = is_v4 ? AF_INET : AF_INET6;
	info->rtm_dst_len = is_v4 ? 32 : 128;
	info->rtm_flags = RTM_F_FIB_MATCH;
	sp_netlink_put_addr(request.header, RTA_DST, &addr);
	r = sp_netlink_run(netlink, &request, take_found, &found);
	if (r == -ENETUNREACH || r == -EHOSTUNREACH || r == -ESRCH || r == -EACCES || r == -EINVAL)
		return 0; /* no route; or a route or rule that refuses (EINVAL: a blackhole) */
	if (r < 0)
		return r;
	return found.ifindex == ifindex && found.prefix_len == to->prefix_len - (is_v4 ? 96 : 0);
}
