/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "io/process/namespace.h"

#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"

#define ASKING_MAX 16

static socklen_t write_address(const char *name, struct sockaddr_un *address)
{
	const size_t len = strlen(name);

	*address = (struct sockaddr_un){ .sun_family = AF_UNIX };
	memcpy(address->sun_path + 1, name, len); /* behind a zero byte: an abstract name */
	return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + len);
}

/* Find the process that listens. The kernel tells it to a client that connects. */
static void find_holder(const struct sockaddr_un *address, socklen_t len,
			struct sp_namespace_holder *ret_holder)
{
	__sp_close int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct ucred peer;
	socklen_t peer_len = sizeof(peer);

	*ret_holder = (struct sp_namespace_holder){ 0, SP_NAMESPACE_UID_UNKNOWN };
	if (fd < 0 || connect(fd, (const struct sockaddr *)address, len) < 0 ||
	    getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &peer_len) < 0)
		return;
	*ret_holder = (struct sp_namespace_holder){ peer.pid, peer.uid };
}

int sp_namespace_claim(const char *name, int *ret_fd, struct sp_namespace_holder *ret_holder)
{
	__sp_close int fd = -1;
	struct sockaddr_un address;
	socklen_t len;

	if (strlen(name) > 100)
		return -ENAMETOOLONG;
	len = write_address(name, &address);
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return sp_errno();
	if (bind(fd, (const struct sockaddr *)&address, len) < 0) {
		const int r = sp_errno();

		if (r == -EADDRINUSE)
			find_holder(&address, len, ret_holder);
		return r;
	}
	if (listen(fd, ASKING_MAX) < 0)
		return sp_errno();
	*ret_fd = SP_TAKE_FD(fd);
	return 0;
}

void sp_namespace_dismiss(int fd)
{
	for (int i = 0; i < ASKING_MAX; i++) {
		__sp_close int asking = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

		if (asking < 0)
			return;
	}
}
