/* SPDX-License-Identifier: GPL-3.0-or-later */
/* wg-quick(8) and wg(8), which set up and change tunnels; our engine carries them where the kernel
 * has no WireGuard of its own. Needs root. */
#ifndef SALLYPORT_CLI_WG_QUICK_H
#define SALLYPORT_CLI_WG_QUICK_H

#include <stdbool.h>

/* Run the program argv[0], found by $PATH, and show its output only if it fails. Returns
 * SP_EXIT_OK; SP_EXIT_FAILED: its output is on stderr, with what can be done about it. */
int sp_wg_quick(const char *const argv[]);

/* Whether wg-quick finds resolvconf(8). Without resolvconf, wg-quick fails on a file that has
 * DNS. */
bool sp_wg_quick_has_resolvconf(void);

#endif
