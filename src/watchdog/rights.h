/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the process gives up once it has what it needs. Source: capabilities(7), seccomp(2). */
#ifndef SALLYPORT_WATCHDOG_RIGHTS_H
#define SALLYPORT_WATCHDOG_RIGHTS_H

/* Keep the capabilities and system calls that a return and probes take, and give up all others.
 * Call before there are threads. Returns 0; -errno. */
int sp_watchdog_give_up_rights(void);

#endif
