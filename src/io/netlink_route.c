/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Routes of the main table. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/array.h"
#include "io/netlink_request.h"
#include "net/addr.h"

#define DUMP_TRIES 8

struct route_list {
	uint32_t ifindex; /* 0: any */
	struct sp_kernel_route *routes;
	size_t count;
};

/* RTA_GATEWAY in the route's family, or RTA_VIA: an IPv4 route through an IPv6 neighbour. */
static void read_next_hop(const struct nlattr *gateway, const struct nlattr *via, int family,
                          struct sp_kernel_route *route)
{
	const struct rtvia *other;

	if (sp_netlink_attr_addr(gateway, family, &route->next_hop)) {
		route->has_next_hop = true;
		return;
	}
	if (!via || mnl_attr_get_payload_len(via) != sizeof(*other) + 16)
		return;
	other = mnl_attr_get_payload(via);
	if (other->rtvia_family != AF_INET6)
		return;
	memcpy(route->next_hop.b, other->rtvia_addr, sizeof(route->next_hop.b));
	route->has_next_hop = true;
}

static int add_route(struct route_list *list, const struct sp_kernel_route *route)
{
	struct sp_kernel_route *added;

	if (route->ifindex == 0 || (list->ifindex && route->ifindex != list->ifindex))
		return 0;
	added = SP_ARRAY_PUSH(list->routes, list->count);
	if (!added)
		return -ENOMEM;
	*added = *route;
	return 0;
}

static int add_multipath(struct route_list *list, const struct nlattr *multipath, int family,
                         const struct sp_kernel_route *base)
{
	const struct rtnexthop *hop = mnl_attr_get_payload(multipath);
	size_t left = mnl_attr_get_payload_len(multipath);

	while (left >= sizeof(*hop) && hop->rtnh_len >= sizeof(*hop) && hop->rtnh_len <= left) {
		const struct nlattr *attr, *gateway = NULL, *via = NULL;
		struct sp_kernel_route route = *base;
		size_t step = RTNH_ALIGN(hop->rtnh_len);
		int r;

		mnl_attr_for_each_payload((void *)RTNH_DATA(hop), hop->rtnh_len - sizeof(*hop))
		{
			if (mnl_attr_get_type(attr) == RTA_GATEWAY)
				gateway = attr;
			if (mnl_attr_get_type(attr) == RTA_VIA)
				via = attr;
		}
		route.ifindex = (uint32_t)hop->rtnh_ifindex;
		read_next_hop(gateway, via, family, &route);
		r = add_route(list, &route);
		if (r < 0)
			return r;
		if (step >= left)
			break;
		left -= step;
		hop = (const struct rtnexthop *)((const char *)hop + step);
	}
	return 0;
}

static int take_route(void *arg, const struct nlmsghdr *message)
{
	const struct rtmsg *info = mnl_nlmsg_get_payload(message);
	const struct nlattr *attrs[RTA_MAX + 1];
	struct route_list *list = arg;
	struct sp_kernel_route route = { 0 };
	struct sp_addr to = { 0 };
	uint32_t table;

	if (message->nlmsg_type != RTM_NEWROUTE)
		return 0;
	if (mnl_nlmsg_get_payload_len(message) < sizeof(*info))
		return -EBADMSG;
	sp_netlink_attrs(message, sizeof(*info), attrs, RTA_MAX);
	table = attrs[RTA_TABLE] ? mnl_attr_get_u32(attrs[RTA_TABLE]) : info->rtm_table;
	if (table != RT_TABLE_MAIN || info->rtm_type != RTN_UNICAST ||
	    (info->rtm_flags & RTM_F_CLONED))
		return 0;
	route.is_v4 = info->rtm_family == AF_INET;
	if (!sp_netlink_attr_addr(attrs[RTA_DST], info->rtm_family, &to) && route.is_v4)
		to = sp_addr_from_v4((const uint8_t[4]){ 0 });
	memcpy(route.to.addr, to.b, sizeof(route.to.addr));
	route.to.prefix_len = info->rtm_dst_len + (route.is_v4 ? 96u : 0u);
	route.metric = attrs[RTA_PRIORITY] ? mnl_attr_get_u32(attrs[RTA_PRIORITY]) : 0;
	if (attrs[RTA_MULTIPATH])
		return add_multipath(list, attrs[RTA_MULTIPATH], info->rtm_family, &route);
	route.ifindex = attrs[RTA_OIF] ? mnl_attr_get_u32(attrs[RTA_OIF]) : 0;
	read_next_hop(attrs[RTA_GATEWAY], attrs[RTA_VIA], info->rtm_family, &route);
	return add_route(list, &route);
}

static int dump_routes(struct sp_netlink *netlink, struct route_list *list)
{
	static const unsigned char families[] = { AF_INET, AF_INET6 };

	for (size_t i = 0; i < SP_ARRAY_LEN(families); i++) {
		struct sp_netlink_request request;
		struct rtmsg *info = sp_netlink_begin(&request, RTM_GETROUTE, NLM_F_DUMP,
		                                      sizeof(struct rtmsg));
		int r;

		info->rtm_family = families[i];
		r = sp_netlink_run(netlink, &request, take_route, list);
		if (r < 0)
			return r;
	}
	return 0;
}

int sp_netlink_list_routes(struct sp_netlink *netlink, uint32_t ifindex,
                           struct sp_kernel_route **ret_routes, size_t *ret_count)
{
	struct route_list list = { 0 };
	int r = -EINTR;

	for (int i = 0; r == -EINTR && i < DUMP_TRIES; i++) {
		free(list.routes);
		list = (struct route_list){ .ifindex = ifindex };
		r = dump_routes(netlink, &list);
	}
	if (r < 0) {
		free(list.routes);
		return r;
	}
	*ret_routes = list.routes;
	*ret_count = list.count;
	return 0;
}

static int change_route(struct sp_netlink *netlink, uint16_t type, uint16_t flags, uint32_t ifindex,
                        const struct sp_prefix *to)
{
	struct sp_netlink_request request;
	struct sp_addr addr;
	struct rtmsg *info = sp_netlink_begin(&request, type, (uint16_t)(NLM_F_ACK | flags),
	                                      sizeof(struct rtmsg));
	bool is_v4;

	memcpy(addr.b, to->addr, sizeof(addr.b));
	is_v4 = sp_addr_is_v4(&addr) && to->prefix_len >= 96;
	if (to->prefix_len > 128)
		return -EINVAL;
	info->rtm_family = is_v4 ? AF_INET : AF_INET6;
	info->rtm_dst_len = (unsigned char)(to->prefix_len - (is_v4 ? 96 : 0));
	info->rtm_table = RT_TABLE_MAIN;
	info->rtm_protocol = RTPROT_STATIC;
	info->rtm_scope = is_v4 ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE;
	info->rtm_type = RTN_UNICAST;
	sp_netlink_put_addr(request.header, RTA_DST, &addr);
	mnl_attr_put_u32(request.header, RTA_OIF, ifindex);
	return sp_netlink_run(netlink, &request, NULL, NULL);
}

int sp_netlink_put_route(struct sp_netlink *netlink, uint32_t ifindex, const struct sp_prefix *to)
{
	return change_route(netlink, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE, ifindex, to);
}

int sp_netlink_remove_route(struct sp_netlink *netlink, uint32_t ifindex,
                            const struct sp_prefix *to)
{
	return change_route(netlink, RTM_DELROUTE, 0, ifindex, to);
}
