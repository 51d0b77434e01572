/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The interface's and the sockets' descriptors, kept by systemd or its like while we are away, so that port and
 * interface are ours without a gap. */
#ifndef SALLYPORT_VPND_KEPT_H
#define SALLYPORT_VPND_KEPT_H

#include <stddef.h>

#include "vpnd/vpnd.h"

/* Take the descriptor of @queue kept as @kind, "tun" or "udp". Returns it; -ENOENT none. */
int sp_vpnd_kept_take(const char *kind, size_t queue);
/* Have them kept, in the place of what was. */
void sp_vpnd_keep_descriptors(struct sp_vpnd *vpnd);

#endif
