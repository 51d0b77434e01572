/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Managed mode: the interface is sallyportd's, and no packet passes before its programs sit on
 * it. */
#ifndef SALLYPORT_VPND_MANAGED_H
#define SALLYPORT_VPND_MANAGED_H

#include <stdbool.h>
#include <stdint.h>

#include "io/packets/tun_queue.h"
#include "vpnd/api/api_server.h"

/* Wait until @name exists and no other process is attached, then attach. A process that is attached
 * and serves @socket_path is named in the log. Returns 0; -EPERM @name belongs to another user;
 * -EINVAL @name is no TUN of ours; -ECANCELED a signal asked to end; -errno. */
int sp_vpnd_attach(const char *name, const char *socket_path, struct sp_tun_queue *ret_queue);

/* Wait until both programs of the eBPF plane are on @name; @server is served meanwhile, so that
 * sallyportd can set its peers. With CAP_NET_ADMIN the kernel is asked. Without it, or in a kernel
 * without tcx, an interface that is up stands for the answer: sallyportd sets @name up only then,
 * and its owner cannot. Returns 0; -ECANCELED; -ENODEV @name was removed. */
int sp_vpnd_wait_for_programs(const char *name, struct sp_api_server *server);

/* Is SIGTERM or SIGINT, both blocked, pending? */
bool sp_vpnd_is_asked_to_end(void);

#endif
