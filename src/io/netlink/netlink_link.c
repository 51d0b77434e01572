/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Links and the addresses on them. */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/if_tun.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "io/netlink/netlink_request.h"
#include "net/addr.h"

#define DUMP_TRIES 8 /* a dump is asked again when things changed under it */

static void copy_text(char *to, size_t size, const struct nlattr *attr)
{
	size_t len = attr ? strnlen(mnl_attr_get_payload(attr), mnl_attr_get_payload_len(attr)) : 0;

	if (len >= size)
		len = size - 1;
	if (len)
		memcpy(to, mnl_attr_get_payload(attr), len);
	to[len] = '\0';
}

static uint32_t u32_of(const struct nlattr *attr)
{
	return attr && mnl_attr_get_payload_len(attr) == 4 ? mnl_attr_get_u32(attr) : 0;
}

static uint8_t u8_of(const struct nlattr *attr)
{
	return attr && mnl_attr_get_payload_len(attr) >= 1 ? mnl_attr_get_u8(attr) : 0;
}

/* ---- links ---- */

static void read_tun(const struct nlattr *data, struct sp_link *link)
{
	const struct nlattr *attrs[IFLA_TUN_MAX + 1];

	sp_netlink_nested(data, attrs, IFLA_TUN_MAX);
	link->tun_is_tap = u8_of(attrs[IFLA_TUN_TYPE]) == IFF_TAP;
	link->tun_is_persistent = u8_of(attrs[IFLA_TUN_PERSIST]);
	link->tun_is_multi_queue = u8_of(attrs[IFLA_TUN_MULTI_QUEUE]);
	link->tun_has_vnet_hdr = u8_of(attrs[IFLA_TUN_VNET_HDR]);
	link->tun_has_owner = attrs[IFLA_TUN_OWNER] != NULL;
	link->tun_owner = u32_of(attrs[IFLA_TUN_OWNER]);
	link->tun_has_group = attrs[IFLA_TUN_GROUP] != NULL;
	link->tun_group = u32_of(attrs[IFLA_TUN_GROUP]);
}

static void read_kind(const struct nlattr *info, struct sp_link *link)
{
	const struct nlattr *attrs[IFLA_INFO_MAX + 1];

	sp_netlink_nested(info, attrs, IFLA_INFO_MAX);
	copy_text(link->kind, sizeof(link->kind), attrs[IFLA_INFO_KIND]);
	if (strcmp(link->kind, "tun") == 0 && attrs[IFLA_INFO_DATA])
		read_tun(attrs[IFLA_INFO_DATA], link);
}

static void read_xdp(const struct nlattr *xdp, struct sp_link *link)
{
	const struct nlattr *attrs[IFLA_XDP_MAX + 1];
	uint8_t attached;

	sp_netlink_nested(xdp, attrs, IFLA_XDP_MAX);
	attached = u8_of(attrs[IFLA_XDP_ATTACHED]);
	link->xdp_prog_id = u32_of(attrs[IFLA_XDP_PROG_ID]);
	if (attached == XDP_ATTACHED_MULTI)
		link->xdp_prog_id = u32_of(attrs[IFLA_XDP_DRV_PROG_ID]);
	link->xdp_is_generic = attached == XDP_ATTACHED_SKB;
}

static int read_link(const struct nlmsghdr *message, struct sp_link *ret_link)
{
	const struct ifinfomsg *info = mnl_nlmsg_get_payload(message);
	const struct nlattr *attrs[IFLA_MAX + 1];
	struct sp_link link = { 0 };

	if (mnl_nlmsg_get_payload_len(message) < sizeof(*info))
		return -EBADMSG;
	sp_netlink_attrs(message, sizeof(*info), attrs, IFLA_MAX);
	link.ifindex = (uint32_t)info->ifi_index;
	link.type = info->ifi_type;
	link.is_up = info->ifi_flags & IFF_UP;
	link.is_loopback = info->ifi_flags & IFF_LOOPBACK;
	link.has_carrier = u8_of(attrs[IFLA_CARRIER]);
	link.mtu = u32_of(attrs[IFLA_MTU]);
	link.master = u32_of(attrs[IFLA_MASTER]);
	copy_text(link.name, sizeof(link.name), attrs[IFLA_IFNAME]);
	if (attrs[IFLA_LINKINFO])
		read_kind(attrs[IFLA_LINKINFO], &link);
	if (attrs[IFLA_XDP])
		read_xdp(attrs[IFLA_XDP], &link);
	/* The two ends of a veth pair name each other as their link, but neither lies on the
	 * other. */
	if (!attrs[IFLA_LINK_NETNSID] && strcmp(link.kind, "veth") != 0)
		link.lower = u32_of(attrs[IFLA_LINK]);
	*ret_link = link;
	return 0;
}

static int take_one_link(void *arg, const struct nlmsghdr *message)
{
	return message->nlmsg_type == RTM_NEWLINK ? read_link(message, arg) : 0;
}

int sp_netlink_get_link(struct sp_netlink *netlink, const char *name, struct sp_link *ret_link)
{
	struct sp_netlink_request request;
	struct sp_link link = { 0 };
	int r;

	if (!*name || strlen(name) >= IFNAMSIZ)
		return -ENODEV;
	sp_netlink_begin(&request, RTM_GETLINK, 0, sizeof(struct ifinfomsg));
	mnl_attr_put_strz(request.header, IFLA_IFNAME, name);
	r = sp_netlink_run(netlink, &request, take_one_link, &link);
	if (r == 0)
		*ret_link = link;
	return r;
}

struct link_list {
	struct sp_link *links;
	size_t count;
};

static int take_link(void *arg, const struct nlmsghdr *message)
{
	struct link_list *list = arg;
	struct sp_link *link;

	if (message->nlmsg_type != RTM_NEWLINK)
		return 0;
	link = SP_ARRAY_PUSH(list->links, list->count);
	return link ? read_link(message, link) : -ENOMEM;
}

int sp_netlink_list_links(struct sp_netlink *netlink, struct sp_link **ret_links, size_t *ret_count)
{
	struct link_list list = { 0 };
	int r = -EINTR;

	for (int i = 0; r == -EINTR && i < DUMP_TRIES; i++) {
		struct sp_netlink_request request;

		free(list.links);
		list = (struct link_list){ 0 };
		sp_netlink_begin(&request, RTM_GETLINK, NLM_F_DUMP, sizeof(struct ifinfomsg));
		r = sp_netlink_run(netlink, &request, take_link, &list);
	}
	if (r < 0) {
		free(list.links);
		return r;
	}
	*ret_links = list.links;
	*ret_count = list.count;
	return 0;
}

int sp_netlink_add_link(struct sp_netlink *netlink, const char *name, const char *kind)
{
	struct sp_netlink_request request;
	struct nlattr *info;

	if (!*name || strlen(name) >= IFNAMSIZ || strpbrk(name, "/% \t\n"))
		return -EINVAL;
	sp_netlink_begin(&request, RTM_NEWLINK, NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL,
			 sizeof(struct ifinfomsg));
	mnl_attr_put_strz(request.header, IFLA_IFNAME, name);
	info = mnl_attr_nest_start(request.header, IFLA_LINKINFO);
	mnl_attr_put_strz(request.header, IFLA_INFO_KIND, kind);
	mnl_attr_nest_end(request.header, info);
	return sp_netlink_run(netlink, &request, NULL, NULL);
}

int sp_netlink_set_up(struct sp_netlink *netlink, uint32_t ifindex, bool is_up)
{
	struct sp_netlink_request request;
	struct ifinfomsg *info =
		sp_netlink_begin(&request, RTM_NEWLINK, NLM_F_ACK, sizeof(struct ifinfomsg));

	info->ifi_index = (int)ifindex;
	info->ifi_change = IFF_UP;
	info->ifi_flags = is_up ? IFF_UP : 0;
	return sp_netlink_run(netlink, &request, NULL, NULL);
}

int sp_netlink_set_mtu(struct sp_netlink *netlink, uint32_t ifindex, uint32_t mtu)
{
	struct sp_netlink_request request;
	struct ifinfomsg *info =
		sp_netlink_begin(&request, RTM_NEWLINK, NLM_F_ACK, sizeof(struct ifinfomsg));

	info->ifi_index = (int)ifindex;
	mnl_attr_put_u32(request.header, IFLA_MTU, mtu);
	return sp_netlink_run(netlink, &request, NULL, NULL);
}

int sp_netlink_remove_link(struct sp_netlink *netlink, uint32_t ifindex)
{
	struct sp_netlink_request request;
	struct ifinfomsg *info =
		sp_netlink_begin(&request, RTM_DELLINK, NLM_F_ACK, sizeof(struct ifinfomsg));

	info->ifi_index = (int)ifindex;
	return sp_netlink_run(netlink, &request, NULL, NULL);
}

/* ---- addresses ---- */

struct address_list {
	uint32_t ifindex; /* 0: any */
	struct sp_link_address *addresses;
	size_t count;
};

static int read_address(const struct nlmsghdr *message, const struct ifaddrmsg *info,
			struct sp_link_address *ret_address)
{
	const uint32_t waiting = IFA_F_TENTATIVE | IFA_F_DADFAILED;
	struct sp_link_address address = { .ifindex = info->ifa_index };
	const struct nlattr *attrs[IFA_MAX + 1];
	uint32_t flags;

	sp_netlink_attrs(message, sizeof(*info), attrs, IFA_MAX);
	if (!sp_netlink_attr_addr(attrs[IFA_LOCAL], info->ifa_family, &address.addr) &&
	    !sp_netlink_attr_addr(attrs[IFA_ADDRESS], info->ifa_family, &address.addr))
		return -EBADMSG;
	flags = attrs[IFA_FLAGS] ? u32_of(attrs[IFA_FLAGS]) : info->ifa_flags;
	address.is_v4 = info->ifa_family == AF_INET;
	address.prefix.prefix_len = info->ifa_prefixlen + (address.is_v4 ? 96u : 0u);
	memcpy(address.prefix.addr, address.addr.b, sizeof(address.prefix.addr));
	sp_prefix_mask(&address.prefix);
	address.is_permanent = flags & IFA_F_PERMANENT;
	address.is_usable = !(flags & waiting) || (flags & IFA_F_OPTIMISTIC);
	address.is_link_local = address.is_v4
					? address.addr.b[12] == 169 && address.addr.b[13] == 254
					: info->ifa_scope == RT_SCOPE_LINK;
	*ret_address = address;
	return 0;
}

static int take_address(void *arg, const struct nlmsghdr *message)
{
	const struct ifaddrmsg *info = mnl_nlmsg_get_payload(message);
	struct address_list *list = arg;
	struct sp_link_address *address;

	if (message->nlmsg_type != RTM_NEWADDR)
		return 0;
	if (mnl_nlmsg_get_payload_len(message) < sizeof(*info))
		return -EBADMSG;
	if ((info->ifa_family != AF_INET && info->ifa_family != AF_INET6) ||
	    (list->ifindex && info->ifa_index != list->ifindex))
		return 0;
	address = SP_ARRAY_PUSH(list->addresses, list->count);
	return address ? read_address(message, info, address) : -ENOMEM;
}

int sp_netlink_list_addresses(struct sp_netlink *netlink, uint32_t ifindex,
			      struct sp_link_address **ret_addresses, size_t *ret_count)
{
	struct address_list list = { 0 };
	int r = -EINTR;

	for (int i = 0; r == -EINTR && i < DUMP_TRIES; i++) {
		struct sp_netlink_request request;

		free(list.addresses);
		list = (struct address_list){ .ifindex = ifindex };
		sp_netlink_begin(&request, RTM_GETADDR, NLM_F_DUMP, sizeof(struct ifaddrmsg));
		r = sp_netlink_run(netlink, &request, take_address, &list);
	}
	if (r < 0) {
		free(list.addresses);
		return r;
	}
	*ret_addresses = list.addresses;
	*ret_count = list.count;
	return 0;
}

/* Is this an address that a host gives itself, with or without a server's answer? */
static bool is_self_given(const struct sp_link_address *address)
{
	return address->is_link_local || (!address->is_v4 && (address->addr.b[0] & 0xfe) == 0xfc);
}

bool sp_netlink_is_dhcp_client(uint32_t ifindex, bool is_v6,
			       const struct sp_link_address *addresses, size_t count)
{
	bool has_permanent = false;

	for (size_t i = 0; i < count; i++) {
		const struct sp_link_address *address = &addresses[i];

		if (address->ifindex != ifindex || address->is_v4 == is_v6)
			continue;
		if (address->is_permanent && is_self_given(address))
			continue;
		if (address->is_v4 && address->is_link_local)
			continue;
		if (!address->is_permanent)
			return true;
		has_permanent = true;
	}
	return !has_permanent;
}

static void begin_address(struct sp_netlink_request *request, uint16_t type, uint16_t flags,
			  uint32_t ifindex, const struct sp_addr *addr, uint32_t prefix_len)
{
	bool is_v4 = sp_addr_is_v4(addr);
	struct ifaddrmsg *info = sp_netlink_begin(request, type, (uint16_t)(NLM_F_ACK | flags),
						  sizeof(struct ifaddrmsg));

	info->ifa_family = is_v4 ? AF_INET : AF_INET6;
	info->ifa_prefixlen = (uint8_t)prefix_len;
	info->ifa_index = ifindex;
	sp_netlink_put_addr(request->header, IFA_LOCAL, addr);
	sp_netlink_put_addr(request->header, IFA_ADDRESS, addr);
}

int sp_netlink_put_address(struct sp_netlink *netlink, uint32_t ifindex, const struct sp_addr *addr,
			   uint32_t prefix_len)
{
	struct sp_netlink_request request;

	if (prefix_len > (sp_addr_is_v4(addr) ? 32u : 128u))
		return -EINVAL;
	begin_address(&request, RTM_NEWADDR, NLM_F_CREATE | NLM_F_REPLACE, ifindex, addr,
		      prefix_len);
	/* sallyportd chose the address, so there is no duplicate detection: it works at once */
	if (!sp_addr_is_v4(addr))
		mnl_attr_put_u32(request.header, IFA_FLAGS, IFA_F_NODAD);
	return sp_netlink_run(netlink, &request, NULL, NULL);
}
