/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "io/packets/udp.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/cleanup.h"
#include "base/err.h"

#define KERNEL_BUFFER_LEN (7 << 20) /* what wireguard-go asks for; the system may give less */

/* ---- making, replacing ---- */

static int set_flag(int fd, int level, int option, int value)
{
	return setsockopt(fd, level, option, &value, sizeof(value)) < 0 ? sp_errno() : 0;
}

static void ask_for_buffers(int fd)
{
	static const int options[][2] = {
		{ SO_RCVBUFFORCE, SO_RCVBUF },
		{ SO_SNDBUFFORCE, SO_SNDBUF },
	};

	for (size_t i = 0; i < 2; i++)
		if (set_flag(fd, SOL_SOCKET, options[i][0], KERNEL_BUFFER_LEN) < 0)
			(void)set_flag(fd, SOL_SOCKET, options[i][1], KERNEL_BUFFER_LEN);
}

/* Set the options that both kinds of socket need. An IPv6 socket serves IPv4 too, so it gets the
 * options of both families. */
static int set_options(int fd, bool is_v6)
{
	int r = set_flag(fd, IPPROTO_IP, IP_RECVTOS, 1);

	if (r == 0)
		r = set_flag(fd, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DONT);
	if (r == 0 && !is_v6)
		r = set_flag(fd, IPPROTO_IP, IP_PKTINFO, 1);
	if (r < 0 || !is_v6)
		return r;
	r = set_flag(fd, IPPROTO_IPV6, IPV6_V6ONLY, 0);
	if (r == 0)
		r = set_flag(fd, IPPROTO_IPV6, IPV6_RECVTCLASS, 1);
	if (r == 0)
		r = set_flag(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1);
	return r == 0 ? set_flag(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, IPV6_PMTUDISC_DONT) : r;
}

static int make_socket(int *ret_fd, bool *ret_is_v6)
{
	__sp_close int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	bool is_v6 = fd >= 0;
	int r;

	if (!is_v6)
		fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return sp_errno();
	r = set_options(fd, is_v6);
	if (r < 0)
		return r;
	ask_for_buffers(fd);
	*ret_fd = SP_TAKE_FD(fd);
	*ret_is_v6 = is_v6;
	return 0;
}

/* Find out whether the socket can send and receive several datagrams in one call. */
static void probe(int fd, struct sp_udp_socket *udp)
{
	udp->can_merge = set_flag(fd, SOL_UDP, UDP_GRO, 1) == 0;
	atomic_store(&udp->can_segment, set_flag(fd, SOL_UDP, UDP_SEGMENT, 0) == 0);
}

/* Put @fd in the place of the present socket, and wake the thread that waits on that. */
static int replace(struct sp_udp_socket *udp, int fd)
{
	__sp_close int old = fcntl(udp->fd, F_DUPFD_CLOEXEC, 0);

	if (old < 0 || dup3(fd, udp->fd, O_CLOEXEC) < 0)
		return sp_errno();
	(void)shutdown(old, SHUT_RDWR);
	return 0;
}

int sp_udp_open(struct sp_udp_socket *ret_socket)
{
	struct sp_udp_socket udp = { .fd = -1 };
	int r = make_socket(&udp.fd, &udp.is_v6);

	if (r < 0)
		return r;
	probe(udp.fd, &udp);
	memcpy(ret_socket, &udp, sizeof(udp));
	return 0;
}

int sp_udp_adopt(int fd, struct sp_udp_socket *ret_socket)
{
	struct sp_udp_socket udp = { .fd = fd };
	int domain = 0, type = 0;
	socklen_t len = sizeof(int);

	if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &len) < 0 ||
	    getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) < 0 || type != SOCK_DGRAM ||
	    (domain != AF_INET && domain != AF_INET6) || !sp_udp_get_port(&udp))
		return -EINVAL;
	udp.is_v6 = domain == AF_INET6; /* the options stay those with which the socket was made */
	probe(fd, &udp);
	memcpy(ret_socket, &udp, sizeof(udp));
	return 0;
}

static int bind_port(int fd, bool is_v6, uint16_t port)
{
	struct sockaddr_in6 any6 = { .sin6_family = AF_INET6, .sin6_port = htons(port) };
	struct sockaddr_in any4 = { .sin_family = AF_INET, .sin_port = htons(port) };
	const struct sockaddr *any = is_v6 ? (void *)&any6 : (void *)&any4;

	return bind(fd, any, is_v6 ? sizeof(any6) : sizeof(any4)) < 0 ? sp_errno() : 0;
}

static int make_bound(int fd, bool is_v6, uint16_t port, uint32_t fwmark, bool is_one_of_many)
{
	int r = is_one_of_many ? set_flag(fd, SOL_SOCKET, SO_REUSEPORT, 1) : 0;

	if (r == 0 && fwmark)
		r = set_flag(fd, SOL_SOCKET, SO_MARK, (int)fwmark);
	return r == 0 ? bind_port(fd, is_v6, port) : r;
}

int sp_udp_bind(struct sp_udp_socket *udp, uint16_t port, uint32_t fwmark, bool is_one_of_many)
{
	__sp_close int fd = -1;
	bool is_v6;
	int r;

	/* keep the first socket: it was made while we had the right to large buffers */
	if (!sp_udp_get_port(udp))
		return make_bound(udp->fd, udp->is_v6, port, fwmark, is_one_of_many);
	r = make_socket(&fd, &is_v6);
	if (r == 0)
		r = make_bound(fd, is_v6, port, fwmark, is_one_of_many);
	if (r < 0)
		return r;
	probe(fd, udp);
	return replace(udp, fd);
}

int sp_udp_unbind(struct sp_udp_socket *udp)
{
	__sp_close int fd = -1;
	bool is_v6;
	int r = make_socket(&fd, &is_v6);

	return r < 0 ? r : replace(udp, fd);
}

uint16_t sp_udp_get_port(const struct sp_udp_socket *udp)
{
	struct sockaddr_in6 address = { 0 };
	socklen_t len = sizeof(address);

	/* the port stands at the same place in both families */
	if (getsockname(udp->fd, (struct sockaddr *)&address, &len) < 0 ||
	    (address.sin6_family != AF_INET6 && address.sin6_family != AF_INET))
		return 0;
	return ntohs(address.sin6_port);
}

int sp_udp_set_fwmark(struct sp_udp_socket *udp, uint32_t fwmark)
{
	return sp_udp_get_port(udp) ? set_flag(udp->fd, SOL_SOCKET, SO_MARK, (int)fwmark) : 0;
}

/* ---- receiving ---- */

union control {
	char bytes[CMSG_SPACE(sizeof(struct in6_pktinfo)) + 3 * CMSG_SPACE(sizeof(int))];
	struct cmsghdr aligned;
};

struct sp_udp_receiver {
	struct mmsghdr headers[SP_UDP_BUFFERS];
	struct iovec iovs[SP_UDP_BUFFERS];
	struct sockaddr_in6 from[SP_UDP_BUFFERS];
	union control controls[SP_UDP_BUFFERS];
	/* with an unused page between two, because implementations of the cipher read ahead */
	uint8_t *buffers;
};

#define BUFFER_STRIDE (SP_UDP_BUFFER_LEN + 4096)

int sp_udp_receiver_new(struct sp_udp_receiver **ret_receiver)
{
	__sp_free struct sp_udp_receiver *receiver = calloc(1, sizeof(*receiver));

	if (!receiver)
		return -ENOMEM;
	receiver->buffers = aligned_alloc(4096, (size_t)BUFFER_STRIDE * SP_UDP_BUFFERS);
	if (!receiver->buffers)
		return -ENOMEM;
	*ret_receiver = SP_TAKE_PTR(receiver);
	return 0;
}

void sp_udp_receiver_free(struct sp_udp_receiver *receiver)
{
	if (!receiver)
		return;
	sp_wipe(receiver->buffers, (size_t)BUFFER_STRIDE * SP_UDP_BUFFERS);
	free(receiver->buffers);
	free(receiver);
}

static void offer_buffers(struct sp_udp_receiver *receiver)
{
	for (size_t i = 0; i < SP_UDP_BUFFERS; i++) {
		receiver->iovs[i] = (struct iovec){
			receiver->buffers + i * BUFFER_STRIDE,
			SP_UDP_BUFFER_LEN,
		};
		receiver->headers[i].msg_hdr = (struct msghdr){
			.msg_name = &receiver->from[i],
			.msg_namelen = sizeof(receiver->from[i]),
			.msg_iov = &receiver->iovs[i],
			.msg_iovlen = 1,
			.msg_control = &receiver->controls[i],
			.msg_controllen = sizeof(receiver->controls[i]),
		};
	}
}

static void put_v4(struct sp_addr *addr, const struct in_addr *v4)
{
	memset(addr->b, 0, 10);
	memset(addr->b + 10, 0xff, 2);
	memcpy(addr->b + 12, v4, 4);
}

static void read_from(const struct sockaddr_in6 *name, struct sp_wg_endpoint *from)
{
	const struct sockaddr_in *v4 = (const void *)name;

	from->port = ntohs(name->sin6_port);
	if (name->sin6_family == AF_INET) {
		put_v4(&from->addr, &v4->sin_addr);
		return;
	}
	memcpy(from->addr.b, &name->sin6_addr, 16);
	from->scope_id = name->sin6_scope_id;
}

static void read_control(const struct cmsghdr *control, struct sp_udp_received *received)
{
	const void *data = CMSG_DATA(control);
	struct in6_pktinfo info6;
	struct in_pktinfo info4;
	int number;

	if (control->cmsg_level == SOL_UDP && control->cmsg_type == UDP_GRO) {
		memcpy(&number, data, sizeof(number));
		received->segment_len = (size_t)number;
	} else if (control->cmsg_level == IPPROTO_IP && control->cmsg_type == IP_TOS) {
		received->ecn = *(const uint8_t *)data & 3;
	} else if (control->cmsg_level == IPPROTO_IPV6 && control->cmsg_type == IPV6_TCLASS) {
		memcpy(&number, data, sizeof(number));
		received->ecn = number & 3;
	} else if (control->cmsg_level == IPPROTO_IPV6 && control->cmsg_type == IPV6_PKTINFO) {
		memcpy(&info6, data, sizeof(info6));
		memcpy(received->from.local.b, &info6.ipi6_addr, 16);
		received->from.local_ifindex = info6.ipi6_ifindex;
	} else if (control->cmsg_level == IPPROTO_IP && control->cmsg_type == IP_PKTINFO) {
		memcpy(&info4, data, sizeof(info4));
		put_v4(&received->from.local, &info4.ipi_spec_dst);
		received->from.local_ifindex = (uint32_t)info4.ipi_ifindex;
	}
}

static void read_message(struct sp_udp_receiver *receiver, size_t i,
			 struct sp_udp_received *received)
{
	struct msghdr *header = &receiver->headers[i].msg_hdr;

	memset(received, 0, sizeof(*received));
	received->bytes = receiver->iovs[i].iov_base;
	received->len = receiver->headers[i].msg_len;
	read_from(&receiver->from[i], &received->from);
	for (struct cmsghdr *control = CMSG_FIRSTHDR(header); control;
	     control = CMSG_NXTHDR(header, control))
		read_control(control, received);
	if (received->segment_len == 0)
		received->segment_len = received->len;
}

int sp_udp_receive(struct sp_udp_socket *udp, struct sp_udp_receiver *receiver,
		   struct sp_udp_received *ret_received)
{
	int count;

	offer_buffers(receiver);
	count = recvmmsg(udp->fd, receiver->headers, SP_UDP_BUFFERS, MSG_WAITFORONE, NULL);
	if (count < 0)
		return errno == EINTR ? 0 : sp_errno();
	for (int i = 0; i < count; i++) {
		/* a socket that was shut down returns a datagram that no sender can send: without
		 * bytes and sender */
		if (receiver->headers[i].msg_hdr.msg_namelen == 0)
			return i;
		read_message(receiver, (size_t)i, &ret_received[i]);
	}
	return count;
}

/* ---- sending ---- */

struct outgoing {
	struct mmsghdr headers[SP_UDP_SEND_MAX];
	struct iovec iovs[SP_UDP_SEND_MAX];
	struct sockaddr_in6 names[SP_UDP_SEND_MAX];
	union control controls[SP_UDP_SEND_MAX];
};

static bool is_v4(const struct sp_addr *addr)
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };

	return memcmp(addr->b, mapped, sizeof(mapped)) == 0;
}

static bool is_unknown(const struct sp_addr *addr)
{
	static const struct sp_addr unknown;

	return memcmp(addr, &unknown, sizeof(unknown)) == 0;
}

static socklen_t write_name(const struct sp_udp_socket *udp, const struct sp_wg_endpoint *to,
			    struct sockaddr_in6 *name)
{
	struct sockaddr_in *v4 = (void *)name;

	memset(name, 0, sizeof(*name));
	name->sin6_port = htons(to->port);
	if (!udp->is_v6) {
		v4->sin_family = AF_INET;
		memcpy(&v4->sin_addr, to->addr.b + 12, 4);
		return sizeof(*v4);
	}
	name->sin6_family = AF_INET6;
	name->sin6_scope_id = to->scope_id;
	memcpy(&name->sin6_addr, to->addr.b, 16);
	return sizeof(*name);
}

static void put_control(struct msghdr *header, int level, int type, const void *data, size_t len)
{
	struct cmsghdr *control = (void *)((char *)header->msg_control + header->msg_controllen);

	memset(control, 0, CMSG_SPACE(len));
	control->cmsg_level = level;
	control->cmsg_type = type;
	control->cmsg_len = CMSG_LEN(len);
	memcpy(CMSG_DATA(control), data, len);
	header->msg_controllen += CMSG_SPACE(len);
}

static void put_source(struct msghdr *header, const struct sp_wg_endpoint *to)
{
	struct in6_pktinfo info6 = { 0 };
	struct in_pktinfo info4 = { 0 };

	if (is_unknown(&to->local) || is_v4(&to->local) != is_v4(&to->addr))
		return;
	if (is_v4(&to->addr)) {
		memcpy(&info4.ipi_spec_dst, to->local.b + 12, 4);
		put_control(header, IPPROTO_IP, IP_PKTINFO, &info4, sizeof(info4));
	} else {
		memcpy(&info6.ipi6_addr, to->local.b, 16);
		put_control(header, IPPROTO_IPV6, IPV6_PKTINFO, &info6, sizeof(info6));
	}
}

static void put_class(struct msghdr *header, const struct sp_wg_endpoint *to, uint8_t traffic_class)
{
	const int number = traffic_class;

	if (!traffic_class)
		return;
	if (is_v4(&to->addr))
		put_control(header, IPPROTO_IP, IP_TOS, &number, sizeof(number));
	else
		put_control(header, IPPROTO_IPV6, IPV6_TCLASS, &number, sizeof(number));
}

/* Fill the @i-th entry of @out with @len bytes of @message, from @offset on. */
static void prepare(const struct sp_udp_socket *udp, const struct sp_udp_message *message,
		    size_t offset, size_t len, bool segmented, struct outgoing *out, size_t i)
{
	struct msghdr *header = &out->headers[i].msg_hdr;
	const uint16_t segment_len = (uint16_t)message->segment_len;

	out->iovs[i] = (struct iovec){ (void *)(message->bytes + offset), len };
	*header = (struct msghdr){
		.msg_name = &out->names[i],
		.msg_namelen = write_name(udp, &message->to, &out->names[i]),
		.msg_iov = &out->iovs[i],
		.msg_iovlen = 1,
		.msg_control = &out->controls[i],
	};
	if (segmented)
		put_control(header, SOL_UDP, UDP_SEGMENT, &segment_len, sizeof(segment_len));
	if (!message->is_local_stale)
		put_source(header, &message->to);
	put_class(header, &message->to, message->traffic_class);
	if (header->msg_controllen == 0)
		header->msg_control = NULL;
}

/* Send @out[0..count). Returns how many were sent before the first that failed. *@ret_error is the
 * -errno of that one. */
static size_t send_all(const struct sp_udp_socket *udp, struct outgoing *out, size_t count,
		       int *ret_error)
{
	size_t sent = 0;

	*ret_error = 0;
	while (sent < count) {
		int r = sendmmsg(udp->fd, out->headers + sent, (unsigned int)(count - sent), 0);

		if (r > 0) {
			sent += (size_t)r;
		} else if (errno != EINTR) {
			*ret_error = sp_errno();
			break;
		}
	}
	return sent;
}

/* Send again without a source address if that address of ours is gone: the kernel then chooses
 * another. */
static bool try_without_source(struct sp_udp_message *message, int error)
{
	if ((error != -EINVAL && error != -EADDRNOTAVAIL && error != -ENETUNREACH) ||
	    message->is_local_stale || is_unknown(&message->to.local))
		return false;
	message->is_local_stale = true;
	return true;
}

/* Send a message, which the kernel does not take in one piece, datagram by datagram. */
static void send_pieces(const struct sp_udp_socket *udp, struct sp_udp_message *message,
			struct outgoing *out)
{
	size_t step = message->segment_len ? message->segment_len : message->len, offset = 0;

	while (offset < message->len) {
		size_t count = 0, sent, at = offset;
		int error;

		for (; count < SP_UDP_SEND_MAX && at < message->len; count++) {
			size_t len = message->len - at < step ? message->len - at : step;

			prepare(udp, message, at, len, false, out, count);
			at += len;
		}
		sent = send_all(udp, out, count, &error);
		offset += sent * step;
		if (error == 0 || try_without_source(message, error))
			continue;
		message->result = error;
		offset += step; /* this datagram is lost, as on a wire */
	}
}

static bool wants_pieces(struct sp_udp_socket *udp, const struct sp_udp_message *message, int error)
{
	if (!message->segment_len)
		return false;
	if (error == -EIO) /* the device cannot make their checksums */
		atomic_store(&udp->can_segment, false);
	return error == -EIO || error == -EINVAL || error == -EMSGSIZE;
}

void sp_udp_send(struct sp_udp_socket *udp, struct sp_udp_message *messages, size_t count)
{
	struct outgoing out;
	size_t next = 0;

	for (size_t i = 0; i < count; i++) {
		messages[i].result = 0;
		messages[i].is_local_stale = false;
	}
	while (next < count) {
		size_t ready = 0;
		int error = 0;

		for (; next + ready < count; ready++) {
			struct sp_udp_message *message = &messages[next + ready];

			if (message->segment_len && !atomic_load(&udp->can_segment))
				break;
			prepare(udp, message, 0, message->len, message->segment_len != 0, &out,
				ready);
		}
		if (ready)
			next += send_all(udp, &out, ready, &error);
		if (next == count)
			break;
		if (error == 0 || wants_pieces(udp, &messages[next], error)) {
			send_pieces(udp, &messages[next++], &out);
		} else if (!try_without_source(&messages[next], error)) {
			messages[next++].result = error;
		}
	}
}
