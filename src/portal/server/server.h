/* SPDX-License-Identifier: GPL-3.0-or-later */
/* HTTPS by libmicrohttpd, in the caller's loop: connections within bounds and deadlines of our
 * own, requests into exchanges, responses out. libmicrohttpd's timeout is one of inactivity, so
 * a byte a second would hold a connection for ever: here each has a time by which it must have
 * brought a whole request. */
#ifndef SALLYPORT_PORTAL_SERVER_H
#define SALLYPORT_PORTAL_SERVER_H

#include "io/loop/loop.h"
#include "portal/portal.h"

#define SP_CONNECTIONS_MAX 512u
#define SP_CONNECTIONS_PER_ADDRESS 64u /* of IPv6: per /64 */

struct sp_server;

/* @listen_fd: taken over, also on failure. @cert, @key: PEM, borrowed during the call.
 * Returns 0; -EINVAL certificate and key cannot be used; -errno. */
int sp_server_new(struct sp_loop *loop, struct sp_portal *portal, int listen_fd, const char *cert,
		  const char *key, struct sp_server **ret_server);
/* Ends all connections. */
void sp_server_free(struct sp_server *server);

/* Once a round of the loop: @return how long the next may wait, in ns. */
uint64_t sp_server_run(struct sp_server *server);

#endif
