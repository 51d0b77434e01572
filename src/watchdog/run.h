/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The process from its options to its end. */
#ifndef SALLYPORT_WATCHDOG_RUN_H
#define SALLYPORT_WATCHDOG_RUN_H

/* @root is --root; NULL: $SALLYPORT_ROOT or /. @kill_at is for tests of crashes; NULL. Returns the
 * exit code. */
int sp_watchdog_run(const char *root, const char *kill_at);

#endif
