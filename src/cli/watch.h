/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Staying in the terminal beside a session: a word before it ends and when it has ended, and Enter
 * to extend it in place. Without a terminal only lines; with --json, JSON lines on stdout. */
#ifndef SALLYPORT_CLI_WATCH_H
#define SALLYPORT_CLI_WATCH_H

#include "cli/cli.h"
#include "cli/profile.h"

/* Until the session has ended (SP_EXIT_DEGRADED), or ctrl-C (SP_EXIT_OK). A portal that does not
 * answer is said once; the deadline it told before goes on to count. */
int sp_watch(const struct sp_cli *cli, struct sp_profile *profile);

#endif
