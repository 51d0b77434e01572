/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Telling systemd how we are. Without systemd every call does nothing and returns 0. Source:
 * sd_notify(3).
 */
#ifndef SALLYPORT_IO_NOTIFY_H
#define SALLYPORT_IO_NOTIFY_H

#include <stdint.h>

/* Each tells the manager one thing: ready with a status line, another status line, that we reload,
 * that we stop, that we are alive. Returns 0 or -errno. */
int sp_notify_ready(const char *status);
int sp_notify_status(const char *status);
int sp_notify_reloading(void);
int sp_notify_stopping(void);
int sp_notify_watchdog(void);
/* How often the watchdog wants a sign: half of WATCHDOG_USEC. 0: no watchdog. */
uint64_t sp_notify_watchdog_interval_ns(void);

/* Descriptors that outlive this process: given to systemd's store (FileDescriptorStoreMax=), or to
 * a manager that speaks its protocol, and taken back after a restart. Source:
 * sd_pid_notify_with_fds(3), sd_listen_fds_with_names(3).
 *
 * Take the one kept as @name. Returns it; -ENOENT. */
int sp_notify_take_kept(const char *name);
/* Close the descriptors that sp_notify_take_kept did not return. Once, after the last take. */
void sp_notify_close_kept(void);
/* Have the manager keep @fd as @name, in place of the one it keeps under that name. Without a
 * manager nothing happens. Returns 0 or -errno. */
int sp_notify_keep(const char *name, int fd);

#endif
