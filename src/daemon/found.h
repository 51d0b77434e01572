/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How forwarding stood before sallyportd first switched it on here, so that taking the gateway down
 * puts it back. Kept below run/, and good for this boot and this network namespace only. */
#ifndef SALLYPORT_DAEMON_FOUND_H
#define SALLYPORT_DAEMON_FOUND_H

#include "io/paths.h"
#include "io/sysctl.h"

/* Keep what is so now, unless it is known what was. Returns 0 or -errno. */
int sp_found_note(const struct sp_paths *paths);
/* Returns 0; -ENOENT it is not known. */
int sp_found_read(const struct sp_paths *paths, struct sp_forwarding *ret_forwarding);
/* Nothing of ours is set any more. */
void sp_found_forget(const struct sp_paths *paths);

#endif
