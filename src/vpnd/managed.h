/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Managed mode: the interface is sallyportd's, and no packet passes before its programs sit on it. */
#ifndef SALLYPORT_VPND_MANAGED_H
#define SALLYPORT_VPND_MANAGED_H

#include <stdbool.h>
#include <stdint.h>

#include "io/tun_queue.h"
#include "vpnd/api_server.h"

/* Wait until @name exists and nobody else is attached, then attach; who else is, is said if it serves
 * @socket_path. Returns 0; -EPERM it belongs to another
 * user; -EINVAL it is no TUN of ours; -ECANCELED a signal asked to end; -errno. */
int sp_vpnd_attach(const char *name, const char *socket_path, struct sp_tun_queue *ret_queue);

/* Wait until both programs are on @name; sallyportd may tell us its peers meanwhile. With the right to ask (CAP_NET_ADMIN) the kernel is asked; without
 * it, or where there is no tcx, the interface being up says so, since sallyportd sets it up only then and its
 * owner cannot. Returns 0; -ECANCELED; -ENODEV it went away. */
int sp_vpnd_wait_for_programs(const char *name, struct sp_api_server *server);

/* Whether SIGTERM or SIGINT, which are blocked, waits. */
bool sp_vpnd_is_asked_to_end(void);

#endif
