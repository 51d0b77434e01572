/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Whether a tunnel of this machine works: when its engine last completed a handshake. Only root may
 * ask one. */
#ifndef SALLYPORT_CLI_HANDSHAKE_H
#define SALLYPORT_CLI_HANDSHAKE_H

#include <stdint.h>

/* @root: as --root. *@ret_ns: UTC, 0: never. Returns 0; -errno: the engine does not say. */
int sp_handshake_get(const char *root, const char *iface, int64_t *ret_ns);

/* Until there is one that is no older than @since_ns, at most @wait_ms. Returns 1; 0 there was
 * none; -errno. */
int sp_handshake_await(const char *root, const char *iface, int64_t since_ns, int64_t wait_ms);

#endif
