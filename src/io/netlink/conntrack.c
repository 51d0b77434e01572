/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "io/netlink/conntrack.h"

#include <libmnl/libmnl.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "net/addr.h"

#define MESSAGE_BYTES 65536
#define REQUEST_BYTES 512 /* both tuples' attributes are far smaller */
#define ANSWER_BYTES 8192 /* an error gives its request back */
#define TIMEOUT_S 5

struct run {
	struct mnl_socket *listing, *ending;
	bool (*is_over)(const struct sp_conntrack *connection, void *arg);
	void *arg;
	size_t ended;
	uint32_t seq; /* of the requests to end one */
	int error;    /* -errno: one could not be ended */
};

/* ---- one connection ---- */

static uint16_t read_port(const struct nlattr *attr)
{
	return mnl_attr_get_payload_len(attr) == 2 ? be16toh(mnl_attr_get_u16(attr)) : 0;
}

static void read_address(const struct nlattr *attr, struct sp_addr *addr)
{
	const size_t len = mnl_attr_get_payload_len(attr);

	if (len == 4)
		*addr = sp_addr_from_v4(mnl_attr_get_payload(attr));
	else if (len == sizeof(addr->b))
		memcpy(addr->b, mnl_attr_get_payload(attr), len);
}

static void read_addresses(const struct nlattr *nest, struct sp_conntrack_way *way)
{
	const struct nlattr *attr;

	mnl_attr_for_each_nested(attr, nest) {
		const int type = mnl_attr_get_type(attr);

		if (type == CTA_IP_V4_SRC || type == CTA_IP_V6_SRC)
			read_address(attr, &way->source);
		if (type == CTA_IP_V4_DST || type == CTA_IP_V6_DST)
			read_address(attr, &way->destination);
	}
}

static void read_proto(const struct nlattr *nest, struct sp_conntrack_way *way, uint8_t *proto)
{
	const struct nlattr *attr;

	mnl_attr_for_each_nested(attr, nest) {
		switch (mnl_attr_get_type(attr)) {
		case CTA_PROTO_NUM:
			if (mnl_attr_get_payload_len(attr) == 1)
				*proto = mnl_attr_get_u8(attr);
			break;
		case CTA_PROTO_SRC_PORT:
			way->source_port = read_port(attr);
			break;
		case CTA_PROTO_DST_PORT:
			way->destination_port = read_port(attr);
			break;
		default:
			break;
		}
	}
}

static void read_way(const struct nlattr *nest, struct sp_conntrack_way *way, uint8_t *proto)
{
	const struct nlattr *attr;

	mnl_attr_for_each_nested(attr, nest) {
		if (mnl_attr_get_type(attr) == CTA_TUPLE_IP)
			read_addresses(attr, way);
		if (mnl_attr_get_type(attr) == CTA_TUPLE_PROTO)
			read_proto(attr, way, proto);
	}
}

static void read_labels(const struct nlattr *attr, struct sp_conntrack *connection)
{
	const size_t len = mnl_attr_get_payload_len(attr);

	memcpy(connection->labels, mnl_attr_get_payload(attr),
	       len < sizeof(connection->labels) ? len : sizeof(connection->labels));
}

static bool is_about_one(const struct nlmsghdr *message)
{
	return message->nlmsg_type == (NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_NEW) &&
	       mnl_nlmsg_get_payload_len(message) >= sizeof(struct nfgenmsg);
}

static bool parse(const struct nlmsghdr *message, struct sp_conntrack *ret_connection)
{
	const struct nlattr *attr;
	unsigned seen = 0;

	*ret_connection = (struct sp_conntrack){ 0 };
	if (!is_about_one(message))
		return false;
	mnl_attr_for_each(attr, message, sizeof(struct nfgenmsg)) {
		const int type = mnl_attr_get_type(attr);

		if (type == CTA_TUPLE_ORIG)
			read_way(attr, &ret_connection->original, &ret_connection->proto);
		if (type == CTA_TUPLE_REPLY)
			read_way(attr, &ret_connection->reply, &ret_connection->proto);
		if (type == CTA_LABELS)
			read_labels(attr, ret_connection);
		seen |= type == CTA_TUPLE_ORIG ? 1 : type == CTA_TUPLE_REPLY ? 2 : 0;
	}
	return seen == 3;
}

/* ---- requests ---- */

static int open_socket(struct mnl_socket **ret_socket)
{
	const struct timeval timeout = { .tv_sec = TIMEOUT_S };

	*ret_socket = mnl_socket_open2(NETLINK_NETFILTER, SOCK_CLOEXEC);
	if (!*ret_socket || mnl_socket_bind(*ret_socket, 0, MNL_SOCKET_AUTOPID) < 0 ||
	    setsockopt(mnl_socket_get_fd(*ret_socket), SOL_SOCKET, SO_RCVTIMEO, &timeout,
		       sizeof(timeout)) < 0)
		return sp_errno();
	return 0;
}

static void socket_closep(struct mnl_socket **socket)
{
	if (*socket)
		mnl_socket_close(*socket);
}

static struct nlmsghdr *begin_request(char *buffer, int type, uint16_t flags, uint8_t family,
				      uint32_t seq)
{
	struct nlmsghdr *request = mnl_nlmsg_put_header(buffer);
	struct nfgenmsg *header;

	request->nlmsg_type = (uint16_t)(NFNL_SUBSYS_CTNETLINK << 8 | type);
	request->nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags);
	request->nlmsg_seq = seq;
	header = mnl_nlmsg_put_extra_header(request, sizeof(*header));
	header->nfgen_family = family;
	return request;
}

static ssize_t receive(struct mnl_socket *socket, char *buffer, size_t size)
{
	ssize_t got;

	do
		got = mnl_socket_recvfrom(socket, buffer, size);
	while (got < 0 && errno == EINTR);
	return got < 0 ? (errno == EAGAIN ? -ETIMEDOUT : sp_errno()) : got;
}

/* ---- ending one ---- */

/* What says which one, in the kernel's own words: the tuple with its zone, and the number, so that
 * a younger connection with the same tuple is left alone. */
static void put_identity(const struct nlmsghdr *message, struct nlmsghdr *request)
{
	const struct nlattr *attr;

	mnl_attr_for_each(attr, message, sizeof(struct nfgenmsg)) {
		const int type = mnl_attr_get_type(attr);

		if (type == CTA_TUPLE_ORIG || type == CTA_ZONE || type == CTA_ID)
			mnl_attr_put_check(request, REQUEST_BYTES, attr->nla_type,
					   mnl_attr_get_payload_len(attr),
					   mnl_attr_get_payload(attr));
	}
}

static int await_answer(struct mnl_socket *socket, uint32_t seq)
{
	char answer[ANSWER_BYTES] __attribute__((aligned(NLMSG_ALIGNTO)));

	for (;;) {
		const struct nlmsghdr *message = (const struct nlmsghdr *)(void *)answer;
		ssize_t got = receive(socket, answer, sizeof(answer));
		const struct nlmsgerr *error = mnl_nlmsg_get_payload(message);

		if (got < 0)
			return (int)got;
		if (mnl_nlmsg_ok(message, (int)got) && message->nlmsg_type == NLMSG_ERROR &&
		    message->nlmsg_seq == seq)
			return error->error;
	}
}

static void end_one(struct run *run, const struct nlmsghdr *message)
{
	const struct nfgenmsg *header = mnl_nlmsg_get_payload(message);
	char buffer[REQUEST_BYTES] __attribute__((aligned(NLMSG_ALIGNTO))) = { 0 };
	struct nlmsghdr *request = begin_request(buffer, IPCTNL_MSG_CT_DELETE, NLM_F_ACK,
						 header->nfgen_family, ++run->seq);
	int r = 0;

	put_identity(message, request);
	if (mnl_socket_sendto(run->ending, request, request->nlmsg_len) < 0)
		r = sp_errno();
	if (r == 0)
		r = await_answer(run->ending, run->seq);
	if (r == 0)
		run->ended++;
	else if (r != -ENOENT) /* it may have ended by itself */
		run->error = r;
}

/* ---- all of them ---- */

/* Returns 1; 0 that was the last message; -errno. */
static int take_message(struct run *run, const struct nlmsghdr *message)
{
	const struct nlmsgerr *error = mnl_nlmsg_get_payload(message);
	struct sp_conntrack connection;

	if (message->nlmsg_type == NLMSG_DONE)
		return 0;
	if (message->nlmsg_type == NLMSG_ERROR)
		return error->error;
	if (parse(message, &connection) && run->is_over(&connection, run->arg))
		end_one(run, message);
	return 1;
}

static int take_list(struct run *run, char *buffer)
{
	int r = 1;

	while (r > 0) {
		const struct nlmsghdr *message = (const struct nlmsghdr *)(void *)buffer;
		ssize_t got = receive(run->listing, buffer, MESSAGE_BYTES);
		int left = (int)got;

		if (got < 0)
			return (int)got;
		for (; r > 0 && mnl_nlmsg_ok(message, left);
		     message = mnl_nlmsg_next(message, &left))
			r = take_message(run, message);
	}
	return r;
}

static int list(struct run *run)
{
	__sp_free char *buffer = malloc(MESSAGE_BYTES);
	struct nlmsghdr *request;

	if (!buffer)
		return -ENOMEM;
	request = begin_request(buffer, IPCTNL_MSG_CT_GET, NLM_F_DUMP, AF_UNSPEC, 1);
	if (mnl_socket_sendto(run->listing, request, request->nlmsg_len) < 0)
		return sp_errno();
	return take_list(run, buffer);
}

int sp_conntrack_end_some(bool (*is_over)(const struct sp_conntrack *connection, void *arg),
			  void *arg, size_t *ret_ended)
{
	__sp_cleanup(socket_closep) struct mnl_socket *listing = NULL;
	__sp_cleanup(socket_closep) struct mnl_socket *ending = NULL;
	struct run run = { .is_over = is_over, .arg = arg };
	int r;

	*ret_ended = 0;
	r = open_socket(&listing);
	if (r == 0)
		r = open_socket(&ending);
	if (r < 0)
		return r;
	run.listing = listing;
	run.ending = ending;
	r = list(&run);
	*ret_ended = run.ended;
	return r < 0 ? r : run.error;
}
