/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The interface's and the sockets' descriptors, kept by systemd, or another manager, while this
 * process restarts, so that no other process can take the port or the interface in between. */
#ifndef SALLYPORT_VPND_KEPT_H
#define SALLYPORT_VPND_KEPT_H

#include <stddef.h>

#include "vpnd/vpnd.h"

/* Take the descriptor of @queue kept as @kind, "tun" or "udp". Returns it; -ENOENT none. */
int sp_vpnd_kept_take(const char *kind, size_t queue);
/* Hand every descriptor to the manager, in place of those it keeps. */
void sp_vpnd_keep_descriptors(struct sp_vpnd *vpnd);

#endif
