/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "io/netlink/nflog.h"

#include <arpa/inet.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_log.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/err.h"
#include "io/netlink/nfnetlink.h"

#define MESSAGE_BYTES 65536
#define QUEUE_BYTES (4 << 20)
#define REQUEST_SEQ 1
#define ANSWER_TRIES 100 /* packets may come before the answer */

struct sp_nflog {
	struct mnl_socket *socket;
	uint64_t losses;
	char *message; /* MESSAGE_BYTES */
};

/* ---- messages ---- */

static void read_attribute(const struct nlattr *attr, struct sp_nflog_packet *packet)
{
	switch (mnl_attr_get_type(attr)) {
	case NFULA_IFINDEX_INDEV:
		packet->from = sp_nfnetlink_read_u32(attr);
		break;
	case NFULA_IFINDEX_OUTDEV:
		packet->to = sp_nfnetlink_read_u32(attr);
		break;
	case NFULA_PREFIX:
		sp_nfnetlink_read_text(attr, packet->prefix, sizeof(packet->prefix));
		break;
	case NFULA_PAYLOAD:
		packet->bytes = mnl_attr_get_payload(attr);
		packet->len = mnl_attr_get_payload_len(attr);
		break;
	default:
		break;
	}
}

int sp_nflog_parse(const void *message, size_t len, struct sp_nflog_packet *ret_packet)
{
	const struct nlmsghdr *header = message;
	struct sp_nflog_packet packet = { 0 };
	const struct nlattr *attr;

	/* libmnl reads on to the next multiple of four */
	if (len > MESSAGE_BYTES || !mnl_nlmsg_ok(header, (int)len) ||
	    MNL_ALIGN(header->nlmsg_len) > len ||
	    header->nlmsg_type != (NFNL_SUBSYS_ULOG << 8 | NFULNL_MSG_PACKET) ||
	    mnl_nlmsg_get_payload_len(header) < sizeof(struct nfgenmsg))
		return -EBADMSG;
	mnl_attr_for_each(attr, header, sizeof(struct nfgenmsg))
		read_attribute(attr, &packet);
	if (!packet.len)
		return -EBADMSG;
	*ret_packet = packet;
	return 0;
}

/* Returns the bytes of a datagram; -EAGAIN there is none; -errno. */
static ssize_t nflog_receive(struct sp_nflog *nflog)
{
	for (;;) {
		ssize_t got = mnl_socket_recvfrom(nflog->socket, nflog->message, MESSAGE_BYTES);

		if (got >= 0)
			return got;
		if (errno == ENOBUFS)
			nflog->losses++;
		else if (errno != EINTR)
			return sp_errno();
	}
}

int sp_nflog_take(struct sp_nflog *nflog, int max,
		  void (*take)(void *arg, const struct sp_nflog_packet *packet), void *arg)
{
	for (int i = 0; i < max; i++) {
		const struct nlmsghdr *message = (const struct nlmsghdr *)(void *)nflog->message;
		struct sp_nflog_packet packet;
		ssize_t got = nflog_receive(nflog);
		int left = (int)got;

		if (got < 0)
			return got == -EAGAIN ? 0 : (int)got;
		for (; mnl_nlmsg_ok(message, left); message = mnl_nlmsg_next(message, &left))
			if (sp_nflog_parse(message, (size_t)left, &packet) == 0)
				take(arg, &packet);
	}
	return 0;
}

/* ---- opening ---- */

/* Ask for a group's packets, each at once: by default the kernel keeps some for a second. */
static int request_group(struct sp_nflog *nflog, uint16_t group, uint32_t bytes_max)
{
	const struct nfulnl_msg_config_cmd command = { .command = NFULNL_CFG_CMD_BIND };
	const struct nfulnl_msg_config_mode mode = { .copy_range = htonl(bytes_max),
						     .copy_mode = NFULNL_COPY_PACKET };
	struct nlmsghdr *message = mnl_nlmsg_put_header(nflog->message);
	struct nfgenmsg *header;

	message->nlmsg_type = NFNL_SUBSYS_ULOG << 8 | NFULNL_MSG_CONFIG;
	message->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
	message->nlmsg_seq = REQUEST_SEQ;
	header = mnl_nlmsg_put_extra_header(message, sizeof(*header));
	header->nfgen_family = AF_UNSPEC;
	header->version = NFNETLINK_V0;
	header->res_id = htons(group);
	mnl_attr_put(message, NFULA_CFG_CMD, sizeof(command), &command);
	mnl_attr_put(message, NFULA_CFG_MODE, sizeof(mode), &mode);
	mnl_attr_put_u32(message, NFULA_CFG_QTHRESH, htonl(1));
	return mnl_socket_sendto(nflog->socket, message, message->nlmsg_len) < 0 ? sp_errno() : 0;
}

/* The kernel answers before the request returns. */
static int read_answer(struct sp_nflog *nflog)
{
	const struct nlmsghdr *message = (const struct nlmsghdr *)(void *)nflog->message;

	for (int i = 0; i < ANSWER_TRIES; i++) {
		const struct nlmsgerr *error = mnl_nlmsg_get_payload(message);
		ssize_t got = nflog_receive(nflog);

		if (got < 0)
			return (int)got;
		if (mnl_nlmsg_ok(message, (int)got) && message->nlmsg_type == NLMSG_ERROR &&
		    mnl_nlmsg_get_payload_len(message) >= sizeof(error->error))
			return error->error;
	}
	return -ETIMEDOUT;
}

int sp_nflog_open(uint16_t group, uint32_t bytes_max, struct sp_nflog **ret_nflog)
{
	__sp_cleanup(sp_nflog_closep) struct sp_nflog *nflog = calloc(1, sizeof(*nflog));
	int bytes = QUEUE_BYTES, r;

	if (!nflog || !(nflog->message = malloc(MESSAGE_BYTES)))
		return -ENOMEM;
	nflog->socket = mnl_socket_open2(NETLINK_NETFILTER, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (!nflog->socket || mnl_socket_bind(nflog->socket, 0, MNL_SOCKET_AUTOPID) < 0)
		return sp_errno();
	/* room for a burst of every rule, at 4 kB for each packet */
	(void)setsockopt(mnl_socket_get_fd(nflog->socket), SOL_SOCKET, SO_RCVBUFFORCE, &bytes,
			 sizeof(bytes));
	r = request_group(nflog, group, bytes_max);
	if (r == 0)
		r = read_answer(nflog);
	if (r == 0)
		*ret_nflog = SP_TAKE_PTR(nflog);
	return r;
}

void sp_nflog_close(struct sp_nflog *nflog)
{
	if (!nflog)
		return;
	if (nflog->socket)
		mnl_socket_close(nflog->socket);
	free(nflog->message);
	free(nflog);
}

int sp_nflog_get_fd(const struct sp_nflog *nflog)
{
	return mnl_socket_get_fd(nflog->socket);
}

uint64_t sp_nflog_losses(const struct sp_nflog *nflog)
{
	return nflog->losses;
}
