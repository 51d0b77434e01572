/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How far back the audit logs reach, and an alarm when rotation took away what is younger than asked for
 * (audit.min-age). */
#ifndef SALLYPORT_DAEMON_HISTORY_H
#define SALLYPORT_DAEMON_HISTORY_H

#include <stdbool.h>

struct sp_daemon;

/* Once a second. @is_last: the daemon ends, what is to be told is told now. */
void sp_history_check(struct sp_daemon *daemon, bool is_last);

#endif
