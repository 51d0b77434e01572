/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A TCP connection that is made without waiting for it. */
#ifndef SALLYPORT_IO_TCP_H
#define SALLYPORT_IO_TCP_H

#include <stdint.h>

#include <sallyport/abi/tables.h>

/* Begin to connect. @port: host order. The socket is the caller's: close; it can be written to once
 * the connection is made or has failed. Returns 0; -errno of socket or connect. */
int sp_tcp_connect(const struct sp_addr *addr, uint16_t port, int *ret_fd);
/* What became of it, once @fd can be written to. Returns 0: it is connected; -errno: it is not. */
int sp_tcp_result(int fd);

#endif
