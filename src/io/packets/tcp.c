/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "io/packets/tcp.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "net/addr.h"

/* Each family by a socket of its own: a kernel without IPv6 has none of that. */
int sp_tcp_connect(const struct sp_addr *addr, uint16_t port, int *ret_fd)
{
	const bool is_v4 = sp_addr_is_v4(addr);
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6, .sin6_port = htons(port) };
	struct sockaddr_in v4 = { .sin_family = AF_INET, .sin_port = htons(port) };
	__sp_close int fd =
		socket(is_v4 ? AF_INET : AF_INET6, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return sp_errno();
	memcpy(&v4.sin_addr, &addr->b[12], sizeof(v4.sin_addr));
	memcpy(&v6.sin6_addr, addr->b, sizeof(v6.sin6_addr));
	if (connect(fd, is_v4 ? (const struct sockaddr *)&v4 : (const struct sockaddr *)&v6,
		    is_v4 ? sizeof(v4) : sizeof(v6)) < 0 &&
	    errno != EINPROGRESS)
		return sp_errno();
	*ret_fd = SP_TAKE_FD(fd);
	return 0;
}

int sp_tcp_result(int fd)
{
	int error = 0;
	socklen_t size = sizeof(error);

	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) < 0)
		return sp_errno();
	return -error;
}
