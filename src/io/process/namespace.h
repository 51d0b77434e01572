/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A name only one process of a network namespace can hold: an abstract UNIX socket, which the
 * kernel keeps by network namespace and lets go with its process. Files would not do: two processes
 * may share the network and not the file system. Source: unix(7), "Abstract". */
#ifndef SALLYPORT_IO_NAMESPACE_H
#define SALLYPORT_IO_NAMESPACE_H

#include <sys/types.h>

#define SP_NAMESPACE_UID_UNKNOWN ((uid_t) - 1)

struct sp_namespace_holder {
	pid_t pid; /* 0: not known */
	uid_t uid; /* SP_NAMESPACE_UID_UNKNOWN */
};

/* Hold @name (at most 100 bytes) until *@ret_fd is closed. Returns 0; -EADDRINUSE somebody holds
 * it:
 * @ret_holder says who, as far as the kernel tells; -errno. */
int sp_namespace_claim(const char *name, int *ret_fd, struct sp_namespace_holder *ret_holder);
/* Close the connections of processes that asked who holds the name. To be called now and then, so
 * that the next one can ask. Never waits. */
void sp_namespace_dismiss(int fd);

#endif
