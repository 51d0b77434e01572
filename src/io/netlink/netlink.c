/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The socket, one request and its answer, and the monitor. */
#include "io/netlink/netlink.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "io/netlink/netlink_request.h"
#include "net/addr.h"

#define REPLY_BYTES 65536 /* a link with many attributes passes 8 KiB */
#define TIMEOUT_S 5       /* the kernel answers at once; a lost answer must not hang us */
#define MONITOR_BYTES (1 << 20)

struct sp_netlink {
	struct mnl_socket *socket;
	uint32_t seq;
	uint32_t port;
	char *reply; /* REPLY_BYTES */
};

static int open_family(int family, struct sp_netlink **ret_netlink)
{
	__sp_cleanup(sp_netlink_closep) struct sp_netlink *netlink = calloc(1, sizeof(*netlink));
	const struct timeval timeout = { .tv_sec = TIMEOUT_S };
	int one = 1;

	if (!netlink)
		return -ENOMEM;
	netlink->reply = malloc(REPLY_BYTES);
	if (!netlink->reply)
		return -ENOMEM;
	netlink->socket = mnl_socket_open2(family, SOCK_CLOEXEC);
	if (!netlink->socket || mnl_socket_bind(netlink->socket, 0, MNL_SOCKET_AUTOPID) < 0)
		return sp_errno();
	if (setsockopt(mnl_socket_get_fd(netlink->socket), SOL_SOCKET, SO_RCVTIMEO, &timeout,
		       sizeof(timeout)) < 0)
		return sp_errno();
	/* not needed, but makes errors clearer */
	mnl_socket_setsockopt(netlink->socket, NETLINK_EXT_ACK, &one, sizeof(one));
	netlink->port = mnl_socket_get_portid(netlink->socket);
	*ret_netlink = SP_TAKE_PTR(netlink);
	return 0;
}

int sp_netlink_open(struct sp_netlink **ret_netlink)
{
	return open_family(NETLINK_ROUTE, ret_netlink);
}

int sp_netlink_open_generic(struct sp_netlink **ret_netlink)
{
	return open_family(NETLINK_GENERIC, ret_netlink);
}

void sp_netlink_close(struct sp_netlink *netlink)
{
	if (!netlink)
		return;
	if (netlink->socket)
		mnl_socket_close(netlink->socket);
	if (netlink->reply)
		sp_wipe(netlink->reply, REPLY_BYTES); /* WireGuard's answers hold keys */
	free(netlink->reply);
	free(netlink);
}

/* ---- one request ---- */

void *sp_netlink_begin(struct sp_netlink_request *request, uint16_t type, uint16_t flags,
		       size_t size)
{
	memset(request->bytes, 0, sizeof(request->bytes));
	request->header = mnl_nlmsg_put_header(request->bytes);
	request->header->nlmsg_type = type;
	request->header->nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags);
	return mnl_nlmsg_put_extra_header(request->header, size);
}

/* An answer that is being received. */
struct answer {
	uint32_t seq, port;
	bool is_done, was_interrupted;
	sp_netlink_message_fn each;
	void *arg;
};

static int take_message(struct answer *answer, const struct nlmsghdr *message)
{
	const struct nlmsgerr *error;
	int done = 0;

	if (message->nlmsg_seq != answer->seq || message->nlmsg_pid != answer->port)
		return 0; /* of a request given up before */
	if (message->nlmsg_flags & NLM_F_DUMP_INTR)
		answer->was_interrupted = true;
	switch (message->nlmsg_type) {
	case NLMSG_ERROR:
		answer->is_done = true;
		if (mnl_nlmsg_get_payload_len(message) < sizeof(*error))
			return -EBADMSG;
		error = mnl_nlmsg_get_payload(message);
		return error->error;
	case NLMSG_DONE: /* has the errno of a dump that the kernel broke off */
		answer->is_done = true;
		if (mnl_nlmsg_get_payload_len(message) >= sizeof(done))
			memcpy(&done, mnl_nlmsg_get_payload(message), sizeof(done));
		return done < 0 ? done : 0;
	default:
		if (!(message->nlmsg_flags & NLM_F_MULTI))
			answer->is_done = true;
		return answer->each ? answer->each(answer->arg, message) : 0;
	}
}

static int read_answer(struct sp_netlink *netlink, struct answer *answer)
{
	while (!answer->is_done) {
		const struct nlmsghdr *message = (const struct nlmsghdr *)(void *)netlink->reply;
		ssize_t got = mnl_socket_recvfrom(netlink->socket, netlink->reply, REPLY_BYTES);
		int left = (int)got;

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return errno == EAGAIN ? -ETIMEDOUT : sp_errno();
		for (; mnl_nlmsg_ok(message, left); message = mnl_nlmsg_next(message, &left)) {
			int r = take_message(answer, message);

			if (r < 0)
				return r;
		}
	}
	return answer->was_interrupted ? -EINTR : 0;
}

int sp_netlink_exchange(struct sp_netlink *netlink, struct nlmsghdr *message,
			sp_netlink_message_fn each, void *arg)
{
	struct answer answer = { .port = netlink->port, .each = each, .arg = arg };

	answer.seq = message->nlmsg_seq = ++netlink->seq;
	if (mnl_socket_sendto(netlink->socket, message, message->nlmsg_len) < 0)
		return sp_errno();
	return read_answer(netlink, &answer);
}

int sp_netlink_run(struct sp_netlink *netlink, struct sp_netlink_request *request,
		   sp_netlink_message_fn each, void *arg)
{
	return sp_netlink_exchange(netlink, request->header, each, arg);
}

static void sort_attr(const struct nlattr *attr, const struct nlattr **attrs, uint16_t max)
{
	if (mnl_attr_get_type(attr) <= max)
		attrs[mnl_attr_get_type(attr)] = attr;
}

void sp_netlink_attrs(const struct nlmsghdr *message, size_t size, const struct nlattr **ret_attrs,
		      uint16_t max)
{
	const struct nlattr *attr;

	memset(ret_attrs, 0, sizeof(*ret_attrs) * ((size_t)max + 1));
	mnl_attr_for_each(attr, message, (unsigned int)size)
		sort_attr(attr, ret_attrs, max);
}

void sp_netlink_nested(const struct nlattr *nest, const struct nlattr **ret_attrs, uint16_t max)
{
	const struct nlattr *attr;

	memset(ret_attrs, 0, sizeof(*ret_attrs) * ((size_t)max + 1));
	mnl_attr_for_each_nested(attr, nest)
		sort_attr(attr, ret_attrs, max);
}

bool sp_netlink_attr_addr(const struct nlattr *attr, int family, struct sp_addr *ret_addr)
{
	uint16_t len = attr ? mnl_attr_get_payload_len(attr) : 0;

	if (family == AF_INET && len == 4)
		*ret_addr = sp_addr_from_v4(mnl_attr_get_payload(attr));
	else if (family == AF_INET6 && len == sizeof(ret_addr->b))
		memcpy(ret_addr->b, mnl_attr_get_payload(attr), len);
	else
		return false;
	return true;
}

void sp_netlink_put_addr(struct nlmsghdr *header, uint16_t type, const struct sp_addr *addr)
{
	if (sp_addr_is_v4(addr))
		mnl_attr_put(header, type, 4, &addr->b[12]);
	else
		mnl_attr_put(header, type, sizeof(addr->b), addr->b);
}

/* ---- the monitor ---- */

struct sp_netlink_monitor {
	struct mnl_socket *socket;
	char *message; /* REPLY_BYTES */
};

int sp_netlink_monitor_open(struct sp_netlink_monitor **ret_monitor)
{
	__sp_cleanup(sp_netlink_monitor_closep) struct sp_netlink_monitor *monitor =
		calloc(1, sizeof(*monitor));
	const unsigned int groups = RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR |
				    RTMGRP_IPV4_ROUTE | RTMGRP_IPV6_ROUTE |
				    1u << (RTNLGRP_NEXTHOP - 1);
	int bytes = MONITOR_BYTES;

	if (!monitor)
		return -ENOMEM;
	monitor->message = malloc(REPLY_BYTES);
	if (!monitor->message)
		return -ENOMEM;
	monitor->socket = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (!monitor->socket || mnl_socket_bind(monitor->socket, groups, MNL_SOCKET_AUTOPID) < 0)
		return sp_errno();
	/* A larger queue makes losses rarer. The monitor notices a loss in any case. */
	if (setsockopt(mnl_socket_get_fd(monitor->socket), SOL_SOCKET, SO_RCVBUFFORCE, &bytes,
		       sizeof(bytes)) < 0)
		setsockopt(mnl_socket_get_fd(monitor->socket), SOL_SOCKET, SO_RCVBUF, &bytes,
			   sizeof(bytes));
	*ret_monitor = SP_TAKE_PTR(monitor);
	return 0;
}

void sp_netlink_monitor_close(struct sp_netlink_monitor *monitor)
{
	if (!monitor)
		return;
	if (monitor->socket)
		mnl_socket_close(monitor->socket);
	free(monitor->message);
	free(monitor);
}

int sp_netlink_monitor_get_fd(const struct sp_netlink_monitor *monitor)
{
	return mnl_socket_get_fd(monitor->socket);
}

static uint32_t change_of(const struct nlmsghdr *message)
{
	switch (message->nlmsg_type) {
	case RTM_NEWLINK:
	case RTM_DELLINK:
		return SP_NETLINK_LINKS;
	case RTM_NEWADDR:
	case RTM_DELADDR:
		return SP_NETLINK_ADDRESSES;
	case RTM_NEWROUTE:
	case RTM_DELROUTE:
		return SP_NETLINK_ROUTES;
	case RTM_NEWNEXTHOP:
	case RTM_DELNEXTHOP:
		return SP_NETLINK_NEXTHOPS;
	default:
		return 0;
	}
}

static uint32_t take_change(const struct nlmsghdr *message, sp_route_change_fn each, void *arg)
{
	const uint32_t change = change_of(message);
	struct sp_route_change route;

	if (change != SP_NETLINK_ROUTES || !each)
		return change;
	if (sp_netlink_read_change(message, &route) > 0)
		each(arg, &route);
	return change;
}

int sp_netlink_monitor_take(struct sp_netlink_monitor *monitor, size_t messages_max,
			    sp_route_change_fn each, void *arg, uint32_t *ret_changed)
{
	uint32_t changed = 0;
	size_t taken = 0;

	while (messages_max == 0 || taken < messages_max) {
		const struct nlmsghdr *message = (const struct nlmsghdr *)(void *)monitor->message;
		ssize_t got = mnl_socket_recvfrom(monitor->socket, monitor->message, REPLY_BYTES);
		int left = (int)got;

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0 && (errno == ENOBUFS || errno == ENOSPC)) { /* dropped, or cut */
			changed |= SP_NETLINK_LINKS | SP_NETLINK_ADDRESSES | SP_NETLINK_ROUTES |
				   SP_NETLINK_NEXTHOPS | SP_NETLINK_LOST;
			continue;
		}
		if (got < 0 && errno != EAGAIN)
			return sp_errno();
		if (got < 0)
			break;
		for (; mnl_nlmsg_ok(message, left);
		     message = mnl_nlmsg_next(message, &left), taken++)
			changed |= take_change(message, each, arg);
	}
	*ret_changed = changed;
	return 0;
}

int sp_netlink_monitor_drain(struct sp_netlink_monitor *monitor, uint32_t *ret_changed)
{
	return sp_netlink_monitor_take(monitor, 0, NULL, NULL, ret_changed);
}
