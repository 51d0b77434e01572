/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The state of IP forwarding before sallyportd first switched it on in this boot and this network
 * namespace. A detach puts that state back. It is kept in a file below run/. */
#ifndef SALLYPORT_DAEMON_FOUND_H
#define SALLYPORT_DAEMON_FOUND_H

#include "io/files/paths.h"
#include "io/files/sysctl.h"

/* Keep the present state, unless an earlier one is kept already. Returns 0 or -errno. */
int sp_found_note(const struct sp_paths *paths);
/* Returns 0; -ENOENT it is not known. */
int sp_found_read(const struct sp_paths *paths, struct sp_forwarding *ret_forwarding);
/* Nothing of ours is set any more. */
void sp_found_forget(const struct sp_paths *paths);

#endif
