/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "io/netlink/nft_monitor.h"

#include <libmnl/libmnl.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/err.h"
#include "io/netlink/nfnetlink.h"

#define MESSAGE_BYTES 65536
#define QUEUE_BYTES (1 << 20)
#define TIMEOUT_S 5
#define TABLE_ATTR 1 /* the table's name has this number in the messages of every kind of object */

struct sp_nft_monitor {
	struct mnl_socket *events, *requests;
	const char *table;
	bool is_touched; /* by the transaction of which messages are arriving */
	uint32_t seq;
	char *message; /* MESSAGE_BYTES */
};

static int open_socket(unsigned int groups, int flags, struct mnl_socket **ret_socket)
{
	*ret_socket = mnl_socket_open2(NETLINK_NETFILTER, SOCK_CLOEXEC | flags);
	if (!*ret_socket || mnl_socket_bind(*ret_socket, groups, MNL_SOCKET_AUTOPID) < 0)
		return sp_errno();
	return 0;
}

int sp_nft_monitor_open(const char *table, struct sp_nft_monitor **ret_monitor)
{
	__sp_cleanup(sp_nft_monitor_closep) struct sp_nft_monitor *monitor =
		calloc(1, sizeof(*monitor));
	const struct timeval timeout = { .tv_sec = TIMEOUT_S };
	int bytes = QUEUE_BYTES, r;

	if (!monitor || !(monitor->message = malloc(MESSAGE_BYTES)))
		return -ENOMEM;
	monitor->table = table;
	r = open_socket(1u << (NFNLGRP_NFTABLES - 1), SOCK_NONBLOCK, &monitor->events);
	if (r == 0)
		r = open_socket(0, 0, &monitor->requests);
	if (r < 0)
		return r;
	if (setsockopt(mnl_socket_get_fd(monitor->requests), SOL_SOCKET, SO_RCVTIMEO, &timeout,
		       sizeof(timeout)) < 0)
		return sp_errno();
	/* A larger queue makes losses rarer. The monitor notices a loss in any case. */
	(void)setsockopt(mnl_socket_get_fd(monitor->events), SOL_SOCKET, SO_RCVBUFFORCE, &bytes,
			 sizeof(bytes));
	*ret_monitor = SP_TAKE_PTR(monitor);
	return 0;
}

void sp_nft_monitor_close(struct sp_nft_monitor *monitor)
{
	if (!monitor)
		return;
	if (monitor->events)
		mnl_socket_close(monitor->events);
	if (monitor->requests)
		mnl_socket_close(monitor->requests);
	free(monitor->message);
	free(monitor);
}

int sp_nft_monitor_get_fd(const struct sp_nft_monitor *monitor)
{
	return mnl_socket_get_fd(monitor->events);
}

/* ---- messages ---- */

/* Take the last message of a transaction. */
static void take_generation(struct sp_nft_monitor *monitor, const struct nlmsghdr *message,
			    struct sp_nft_change *change)
{
	char process[SP_NFT_PROCESS_MAX] = "";
	const struct nlattr *attr;
	uint32_t pid = 0;

	mnl_attr_for_each(attr, message, sizeof(struct nfgenmsg)) {
		if (mnl_attr_get_type(attr) == NFTA_GEN_PROC_PID)
			pid = sp_nfnetlink_read_u32(attr);
		if (mnl_attr_get_type(attr) == NFTA_GEN_PROC_NAME)
			sp_nfnetlink_read_text(attr, process, sizeof(process));
	}
	if (monitor->is_touched && pid != (uint32_t)getpid()) {
		change->pid = pid;
		memcpy(change->process, process, sizeof(process));
	}
	change->is_table_touched |= monitor->is_touched;
	monitor->is_touched = false;
}

static bool names_table(const struct sp_nft_monitor *monitor, const struct nlmsghdr *message)
{
	const struct nfgenmsg *header = mnl_nlmsg_get_payload(message);
	const struct nlattr *attr;

	if (header->nfgen_family != NFPROTO_INET)
		return false;
	mnl_attr_for_each(attr, message, sizeof(*header)) {
		const size_t len = mnl_attr_get_payload_len(attr);

		if (mnl_attr_get_type(attr) == TABLE_ATTR)
			return len == strlen(monitor->table) + 1 &&
			       !memcmp(mnl_attr_get_payload(attr), monitor->table, len);
	}
	return false;
}

static void take_message(struct sp_nft_monitor *monitor, const struct nlmsghdr *message,
			 struct sp_nft_change *change)
{
	if (NFNL_SUBSYS_ID(message->nlmsg_type) != NFNL_SUBSYS_NFTABLES ||
	    mnl_nlmsg_get_payload_len(message) < sizeof(struct nfgenmsg))
		return;
	if (NFNL_MSG_TYPE(message->nlmsg_type) == NFT_MSG_NEWGEN)
		take_generation(monitor, message, change);
	else
		monitor->is_touched |= names_table(monitor, message);
}

int sp_nft_monitor_drain(struct sp_nft_monitor *monitor, struct sp_nft_change *change)
{
	for (;;) {
		const struct nlmsghdr *message = (const struct nlmsghdr *)(void *)monitor->message;
		ssize_t got = mnl_socket_recvfrom(monitor->events, monitor->message, MESSAGE_BYTES);
		int left = (int)got;

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0 && (errno == ENOBUFS || errno == ENOSPC)) { /* dropped, or cut */
			change->is_table_touched = true;
			continue;
		}
		if (got < 0)
			return errno == EAGAIN ? 0 : sp_errno();
		for (; mnl_nlmsg_ok(message, left); message = mnl_nlmsg_next(message, &left))
			take_message(monitor, message, change);
	}
}

/* ---- asking ---- */

static int read_generation(struct sp_nft_monitor *monitor, ssize_t got, uint32_t *ret_generation)
{
	const struct nlmsghdr *message = (const struct nlmsghdr *)(void *)monitor->message;
	const struct nlattr *attr;
	int left = (int)got;

	for (; mnl_nlmsg_ok(message, left); message = mnl_nlmsg_next(message, &left)) {
		const struct nlmsgerr *error = mnl_nlmsg_get_payload(message);

		if (message->nlmsg_seq != monitor->seq)
			continue; /* of a request given up before */
		if (message->nlmsg_type == NLMSG_ERROR)
			return error->error ? error->error : -EBADMSG;
		mnl_attr_for_each(attr, message, sizeof(struct nfgenmsg)) {
			if (mnl_attr_get_type(attr) != NFTA_GEN_ID)
				continue;
			*ret_generation = sp_nfnetlink_read_u32(attr);
			return 0;
		}
	}
	return -EAGAIN;
}

int sp_nft_monitor_get_generation(struct sp_nft_monitor *monitor, uint32_t *ret_generation)
{
	char request[MNL_NLMSG_HDRLEN + MNL_ALIGN(sizeof(struct nfgenmsg))] = { 0 };
	struct nlmsghdr *message = mnl_nlmsg_put_header(request);
	int r = -EAGAIN;

	message->nlmsg_type = (NFNL_SUBSYS_NFTABLES << 8) | NFT_MSG_GETGEN;
	message->nlmsg_flags = NLM_F_REQUEST;
	message->nlmsg_seq = ++monitor->seq;
	mnl_nlmsg_put_extra_header(message, sizeof(struct nfgenmsg));
	if (mnl_socket_sendto(monitor->requests, message, message->nlmsg_len) < 0)
		return sp_errno();
	while (r == -EAGAIN) {
		ssize_t got =
			mnl_socket_recvfrom(monitor->requests, monitor->message, MESSAGE_BYTES);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return errno == EAGAIN ? -ETIMEDOUT : sp_errno();
		r = read_generation(monitor, got, ret_generation);
	}
	return r;
}
