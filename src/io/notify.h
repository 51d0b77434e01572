/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Telling systemd how we are. Without systemd every call does nothing and returns 0. Source:
 * sd_notify(3).
 */
#ifndef SALLYPORT_IO_NOTIFY_H
#define SALLYPORT_IO_NOTIFY_H

#include <stdint.h>

/* Ready, with a status line. Returns 0 or -errno. */
int sp_notify_ready(const char *status);
int sp_notify_status(const char *status);
int sp_notify_reloading(void);
int sp_notify_stopping(void);
int sp_notify_watchdog(void);
/* How often the watchdog wants a sign: half of WATCHDOG_USEC. 0: no watchdog. */
uint64_t sp_notify_watchdog_interval_ns(void);

#endif
