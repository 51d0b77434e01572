/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Preloaded: a kernel that lets no interface be removed. */
#include <dlfcn.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/rtnetlink.h>

ssize_t mnl_socket_sendto(const struct mnl_socket *socket, const void *message, size_t length)
{
	ssize_t (*send)(const struct mnl_socket *, const void *, size_t) =
		(ssize_t(*)(const struct mnl_socket *, const void *, size_t))dlsym(
			RTLD_NEXT, "mnl_socket_sendto");
	const struct nlmsghdr *header = message;

	if (header->nlmsg_type == RTM_DELLINK || !send) {
		errno = EPERM;
		return -1;
	}
	return send(socket, message, length);
}
