/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Whether a tunnel of this machine works: when its engine last completed a handshake. Only root may
 * ask one. */
#ifndef SALLYPORT_CLI_HANDSHAKE_H
#define SALLYPORT_CLI_HANDSHAKE_H

#include <stdint.h>

/* Ask the engine of @iface, or the kernel's WireGuard, for the latest handshake of all peers. @root
 * as in sp_paths_init. *@ret_ns  ns since 1970 (UTC); 0: there was none. Returns 0; -errno: neither
 * answers. */
int sp_handshake_get(const char *root, const char *iface, int64_t *ret_ns);

/* Wait, at most @wait_ms, until there is a handshake no older than @since_ns (ns since 1970).
 * Returns 1 there is; 0 there was none in that time; -errno as sp_handshake_get. */
int sp_handshake_await(const char *root, const char *iface, int64_t since_ns, int64_t wait_ms);

#endif
