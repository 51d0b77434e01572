/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Routes: reading those of every table, with and without nexthop objects, and setting our few in
 * the main table. */
#include <errno.h>
#include <linux/lwtunnel.h>
#include <linux/nexthop.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "io/netlink/netlink_request.h"
#include "net/addr.h"

#define DUMP_TRIES 8
#define SLICE_BYTES (1 << 20)
#define READ_BYTES 65536
/* Members of a group are no groups. A kernel that says otherwise is cut off here. */
#define GROUPS_DEEP 4

/* ---- nexthop objects ---- */

struct nexthop {
	uint32_t id;
	uint32_t ifindex; /* 0: a group, or nowhere (a blackhole) */
	bool has_gateway;
	struct sp_addr gateway;
	uint32_t *members; /* of a group */
	size_t member_count;
};

struct nexthops {
	struct nexthop *items; /* by id: the kernel lists them so */
	size_t count;
};

static void nexthops_done(struct nexthops *nexthops)
{
	for (size_t i = 0; i < nexthops->count; i++)
		free(nexthops->items[i].members);
	free(nexthops->items);
	*nexthops = (struct nexthops){ 0 };
}

static int read_members(const struct nlattr *group, struct nexthop *nexthop)
{
	const struct nexthop_grp *members = mnl_attr_get_payload(group);
	size_t count = mnl_attr_get_payload_len(group) / sizeof(*members);

	nexthop->members = calloc(count + 1, sizeof(*nexthop->members));
	if (!nexthop->members)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++)
		nexthop->members[i] = members[i].id;
	nexthop->member_count = count;
	return 0;
}

static int take_nexthop(struct nexthops *nexthops, const struct nlmsghdr *message)
{
	const struct nhmsg *info = mnl_nlmsg_get_payload(message);
	const struct nlattr *attrs[NHA_GATEWAY + 1];
	struct nexthop *nexthop;

	if (message->nlmsg_type != RTM_NEWNEXTHOP)
		return 0;
	if (mnl_nlmsg_get_payload_len(message) < sizeof(*info))
		return -EBADMSG;
	sp_netlink_attrs(message, sizeof(*info), attrs, NHA_GATEWAY);
	if (!attrs[NHA_ID])
		return 0;
	nexthop = SP_ARRAY_PUSH(nexthops->items, nexthops->count);
	if (!nexthop)
		return -ENOMEM;
	nexthop->id = mnl_attr_get_u32(attrs[NHA_ID]);
	nexthop->ifindex = attrs[NHA_OIF] ? mnl_attr_get_u32(attrs[NHA_OIF]) : 0;
	nexthop->has_gateway =
		sp_netlink_attr_addr(attrs[NHA_GATEWAY], info->nh_family, &nexthop->gateway);
	return attrs[NHA_GROUP] ? read_members(attrs[NHA_GROUP], nexthop) : 0;
}

static const struct nexthop *find_nexthop(const struct nexthops *nexthops, uint32_t id)
{
	for (size_t low = 0, high = nexthops->count; low < high;) {
		size_t middle = low + (high - low) / 2;

		if (nexthops->items[middle].id == id)
			return &nexthops->items[middle];
		if (nexthops->items[middle].id < id)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

/* ---- one route ---- */

/* A route that is being read. @each is called for each of its hops. */
struct route {
	struct sp_kernel_route base;
	const struct nexthops *nexthops; /* NULL: none are known */
	sp_route_fn each;
	void *arg;
};

static int give(const struct route *route, uint32_t ifindex, bool has_next_hop,
		const struct sp_addr *next_hop)
{
	struct sp_kernel_route hop = route->base;

	hop.ifindex = ifindex;
	hop.has_next_hop = has_next_hop;
	if (has_next_hop)
		hop.next_hop = *next_hop;
	return route->each(route->arg, &hop);
}

static int give_unreadable(const struct route *route)
{
	struct sp_kernel_route hop = route->base;

	hop.is_unreadable = true;
	return route->each(route->arg, &hop);
}

static int give_nexthop(const struct route *route, uint32_t id, int depth)
{
	const struct nexthop *nexthop = route->nexthops ? find_nexthop(route->nexthops, id) : NULL;
	int r = 0;

	if (!nexthop || depth > GROUPS_DEEP)
		return give_unreadable(route);
	for (size_t i = 0; r == 0 && i < nexthop->member_count; i++)
		r = give_nexthop(route, nexthop->members[i], depth + 1);
	if (r == 0 && nexthop->ifindex)
		r = give(route, nexthop->ifindex, nexthop->has_gateway, &nexthop->gateway);
	return r;
}

/* RTA_GATEWAY in the route's family, or RTA_VIA: an IPv4 route through an IPv6 neighbour. */
static bool read_next_hop(const struct nlattr *gateway, const struct nlattr *via, int family,
			  struct sp_addr *ret_next_hop)
{
	const struct rtvia *other;

	if (sp_netlink_attr_addr(gateway, family, ret_next_hop))
		return true;
	if (!via || mnl_attr_get_payload_len(via) != sizeof(*other) + 16)
		return false;
	other = mnl_attr_get_payload(via);
	if (other->rtvia_family != AF_INET6)
		return false;
	memcpy(ret_next_hop->b, other->rtvia_addr, sizeof(ret_next_hop->b));
	return true;
}

/* Does the encapsulation choose the way itself? */
static bool hides_way(const struct nlattr *type)
{
	uint16_t encap = type && mnl_attr_get_payload_len(type) == 2 ? mnl_attr_get_u16(type) : 0;

	return encap == LWTUNNEL_ENCAP_BPF || encap == LWTUNNEL_ENCAP_SEG6_LOCAL;
}

static int give_hop(const struct route *route, const struct nlattr **attrs, int family,
		    uint32_t ifindex)
{
	struct sp_addr next_hop;
	bool has_next_hop = read_next_hop(attrs[RTA_GATEWAY], attrs[RTA_VIA], family, &next_hop);

	if (hides_way(attrs[RTA_ENCAP_TYPE])) {
		int r = give_unreadable(route);

		if (r < 0)
			return r;
	}
	return ifindex ? give(route, ifindex, has_next_hop, &next_hop) : 0;
}

static int give_multipath(const struct route *route, const struct nlattr *multipath, int family)
{
	const struct rtnexthop *hop = mnl_attr_get_payload(multipath);
	size_t left = mnl_attr_get_payload_len(multipath);

	while (left >= sizeof(*hop) && hop->rtnh_len >= sizeof(*hop) && hop->rtnh_len <= left) {
		const struct nlattr *attr, *attrs[RTA_MAX + 1] = { 0 };
		size_t step = RTNH_ALIGN(hop->rtnh_len);
		int r;

		mnl_attr_for_each_payload((void *)RTNH_DATA(hop), hop->rtnh_len - sizeof(*hop))
		{
			if (mnl_attr_get_type(attr) <= RTA_MAX)
				attrs[mnl_attr_get_type(attr)] = attr;
		}
		r = give_hop(route, attrs, family, (uint32_t)hop->rtnh_ifindex);
		if (r < 0 || step >= left)
			return r;
		left -= step;
		hop = (const struct rtnexthop *)((const char *)hop + step);
	}
	return 0;
}

static void read_base(const struct rtmsg *info, const struct nlattr **attrs,
		      struct sp_kernel_route *base)
{
	struct sp_addr to = { 0 };

	base->is_v4 = info->rtm_family == AF_INET;
	if (!sp_netlink_attr_addr(attrs[RTA_DST], info->rtm_family, &to) && base->is_v4)
		to = sp_addr_from_v4((const uint8_t[4]){ 0 });
	memcpy(base->to.addr, to.b, sizeof(base->to.addr));
	base->to.prefix_len = info->rtm_dst_len + (base->is_v4 ? 96u : 0u);
	base->table = attrs[RTA_TABLE] ? mnl_attr_get_u32(attrs[RTA_TABLE]) : info->rtm_table;
	base->metric = attrs[RTA_PRIORITY] ? mnl_attr_get_u32(attrs[RTA_PRIORITY]) : 0;
}

/* Does this route say a way? Local, broadcast and similar routes only name the gateway's own
 * addresses, and cached ones repeat other routes. */
static bool says_a_way(const struct rtmsg *info)
{
	return (info->rtm_family == AF_INET || info->rtm_family == AF_INET6) &&
	       info->rtm_type != RTN_LOCAL && info->rtm_type != RTN_BROADCAST &&
	       info->rtm_type != RTN_ANYCAST && info->rtm_type != RTN_MULTICAST &&
	       !(info->rtm_flags & RTM_F_CLONED);
}

/* Hand on the hops of a route's message, one by one. A route that forwards nothing has none. */
static int read_route(struct route *route, const struct nlmsghdr *message)
{
	const struct rtmsg *info = mnl_nlmsg_get_payload(message);
	const struct nlattr *attrs[RTA_MAX + 1];

	if (mnl_nlmsg_get_payload_len(message) < sizeof(*info))
		return -EBADMSG;
	sp_netlink_attrs(message, sizeof(*info), attrs, RTA_MAX);
	read_base(info, attrs, &route->base);
	if (!says_a_way(info) || info->rtm_type != RTN_UNICAST)
		return 0;
	if (attrs[RTA_MULTIPATH])
		return give_multipath(route, attrs[RTA_MULTIPATH], info->rtm_family);
	if (attrs[RTA_NH_ID] && !attrs[RTA_OIF])
		return give_nexthop(route, mnl_attr_get_u32(attrs[RTA_NH_ID]), 0);
	return give_hop(route, attrs, info->rtm_family,
			attrs[RTA_OIF] ? mnl_attr_get_u32(attrs[RTA_OIF]) : 0);
}

static int add_hop(void *arg, const struct sp_kernel_route *hop)
{
	struct sp_route_change *change = arg;

	if (hop->is_unreadable || change->hop_count == SP_ROUTE_HOPS_MAX)
		change->is_unreadable = true;
	else
		change->hops[change->hop_count++] = *hop;
	return 0;
}

int sp_netlink_read_change(const struct nlmsghdr *message, struct sp_route_change *ret_change)
{
	const struct rtmsg *info = mnl_nlmsg_get_payload(message);
	struct route route = { .each = add_hop, .arg = ret_change };
	int r;

	if (mnl_nlmsg_get_payload_len(message) < sizeof(*info))
		return -EBADMSG;
	if (!says_a_way(info))
		return 0;
	ret_change->is_unreadable = false;
	ret_change->hop_count = 0;
	r = read_route(&route, message);
	ret_change->to = route.base.to;
	ret_change->is_gone = message->nlmsg_type == RTM_DELROUTE ||
			      (ret_change->hop_count == 0 && !ret_change->is_unreadable);
	return r < 0 ? r : 1;
}

/* ---- a reading, a slice at a time ---- */

enum part { NEXTHOPS, IPV4, IPV6, COMPLETE };

struct sp_route_reading {
	struct mnl_socket *socket;
	uint32_t seq;
	enum part part; /* the part that the kernel is sending */
	bool was_interrupted;
	struct nexthops nexthops;
	char bytes[READ_BYTES];
};

/* Ask the kernel for a part. A kernel without nexthop objects answers with an error: it has
 * none. */
static int ask(struct sp_route_reading *reading, enum part part)
{
	struct sp_netlink_request request;
	unsigned char *family;

	reading->part = part;
	if (part == COMPLETE)
		return 0;
	if (part == NEXTHOPS) {
		sp_netlink_begin(&request, RTM_GETNEXTHOP, NLM_F_DUMP, sizeof(struct nhmsg));
	} else {
		family = sp_netlink_begin(&request, RTM_GETROUTE, NLM_F_DUMP, sizeof(struct rtmsg));
		*family = part == IPV4 ? AF_INET : AF_INET6; /* rtm_family is the first byte */
	}
	request.header->nlmsg_seq = ++reading->seq;
	if (mnl_socket_sendto(reading->socket, request.header, request.header->nlmsg_len) < 0)
		return sp_errno();
	return 0;
}

int sp_route_reading_open(struct sp_route_reading **ret_reading)
{
	__sp_cleanup(sp_route_reading_closep) struct sp_route_reading *reading =
		calloc(1, sizeof(*reading));
	int r;

	if (!reading)
		return -ENOMEM;
	reading->socket = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (!reading->socket || mnl_socket_bind(reading->socket, 0, MNL_SOCKET_AUTOPID) < 0)
		return sp_errno();
	r = ask(reading, NEXTHOPS);
	if (r == 0)
		*ret_reading = SP_TAKE_PTR(reading);
	return r;
}

void sp_route_reading_close(struct sp_route_reading *reading)
{
	if (!reading)
		return;
	if (reading->socket)
		mnl_socket_close(reading->socket);
	nexthops_done(&reading->nexthops);
	free(reading);
}

int sp_route_reading_get_fd(const struct sp_route_reading *reading)
{
	return mnl_socket_get_fd(reading->socket);
}

/* End a part, which NLMSG_DONE or an error says. */
static int end_part(struct sp_route_reading *reading, const struct nlmsghdr *message)
{
	int error = 0;

	if (mnl_nlmsg_get_payload_len(message) >= sizeof(error))
		memcpy(&error, mnl_nlmsg_get_payload(message), sizeof(error));
	if (error < 0 && !(reading->part == NEXTHOPS && error == -EOPNOTSUPP))
		return error;
	return ask(reading, reading->part + 1);
}

static int take(struct sp_route_reading *reading, const struct nlmsghdr *message,
		struct route *route)
{
	if (message->nlmsg_seq != reading->seq || reading->part == COMPLETE)
		return 0;
	if (message->nlmsg_flags & NLM_F_DUMP_INTR)
		reading->was_interrupted = true;
	if (message->nlmsg_type == NLMSG_DONE || message->nlmsg_type == NLMSG_ERROR)
		return end_part(reading, message);
	if (reading->part == NEXTHOPS)
		return take_nexthop(&reading->nexthops, message);
	return message->nlmsg_type == RTM_NEWROUTE ? read_route(route, message) : 0;
}

int sp_route_reading_advance(struct sp_route_reading *reading, size_t bytes_max, sp_route_fn each,
			     void *arg)
{
	struct route route = { .nexthops = &reading->nexthops, .each = each, .arg = arg };

	for (size_t done = 0; reading->part != COMPLETE && done < bytes_max;) {
		const struct nlmsghdr *message = (const struct nlmsghdr *)(void *)reading->bytes;
		ssize_t got = mnl_socket_recvfrom(reading->socket, reading->bytes, READ_BYTES);
		int left = (int)got, r;

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return errno == EAGAIN ? 1 : sp_errno();
		done += (size_t)got;
		for (; mnl_nlmsg_ok(message, left); message = mnl_nlmsg_next(message, &left)) {
			route.base = (struct sp_kernel_route){ 0 };
			r = take(reading, message, &route);
			if (r < 0)
				return r;
		}
	}
	if (reading->part != COMPLETE)
		return 1;
	return reading->was_interrupted ? -EINTR : 0;
}

/* ---- all at once ---- */

struct route_list {
	uint32_t ifindex; /* 0: any */
	struct sp_kernel_route *routes;
	size_t count;
};

static int add_route(void *arg, const struct sp_kernel_route *route)
{
	struct route_list *list = arg;
	struct sp_kernel_route *added;

	if (list->ifindex && route->ifindex != list->ifindex)
		return 0;
	added = SP_ARRAY_PUSH(list->routes, list->count);
	if (!added)
		return -ENOMEM;
	*added = *route;
	return 0;
}

static int read_all(struct route_list *list)
{
	__sp_cleanup(sp_route_reading_closep) struct sp_route_reading *reading = NULL;
	int r = sp_route_reading_open(&reading);

	if (r == 0)
		do
			r = sp_route_reading_advance(reading, SLICE_BYTES, add_route, list);
		while (r > 0);
	return r;
}

int sp_netlink_list_routes(uint32_t ifindex, struct sp_kernel_route **ret_routes, size_t *ret_count)
{
	struct route_list list = { 0 };
	int r = -EINTR;

	for (int i = 0; r == -EINTR && i < DUMP_TRIES; i++) {
		free(list.routes);
		list = (struct route_list){ .ifindex = ifindex };
		r = read_all(&list);
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

int sp_netlink_add_route(struct sp_netlink *netlink, uint32_t ifindex, const struct sp_prefix *to)
{
	return change_route(netlink, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, ifindex, to);
}

int sp_netlink_remove_route(struct sp_netlink *netlink, uint32_t ifindex,
			    const struct sp_prefix *to)
{
	return change_route(netlink, RTM_DELROUTE, 0, ifindex, to);
}
