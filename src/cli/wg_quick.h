/* SPDX-License-Identifier: GPL-3.0-or-later */
/* wg-quick(8) and wg(8), which set up and change tunnels; our engine carries them where the kernel
 * has no WireGuard of its own. Needs root. */
#ifndef SALLYPORT_CLI_WG_QUICK_H
#define SALLYPORT_CLI_WG_QUICK_H

#include <stdbool.h>

/* Run a program with its output kept back. Returns SP_EXIT_OK; else SP_EXIT_FAILED, and what it
 * said has been said, with what can be done about it. */
int sp_wg_quick(const char *const argv[]);

/* Whether wg-quick would find resolvconf(8), without which it sets no resolvers: it gives up
 * then. */
bool sp_wg_quick_has_resolvconf(void);

#endif
