/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Descriptors that outlive us: given to systemd's store (FileDescriptorStoreMax=) or whoever speaks its
 * protocol, and taken back after a restart, so that port and interface are ours without a gap.
 * Source: sd_pid_notify_with_fds(3), sd_listen_fds_with_names(3). */
#ifndef SALLYPORT_VPND_KEPT_H
#define SALLYPORT_VPND_KEPT_H

#include <stddef.h>

#include "vpnd/vpnd.h"

/* Take the descriptor of @queue kept as @kind, "tun" or "udp"; -1: none. */
int sp_vpnd_kept_take(const char *kind, size_t queue);
/* Close what nobody took: it is not ours to hold. Call once, after the takes. */
void sp_vpnd_kept_done(void);
/* Have the interface's and the sockets' descriptors kept, in the place of what was. Without a keeper nothing
 * happens. */
void sp_vpnd_keep_descriptors(struct sp_vpnd *vpnd);

#endif
