/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Staying in the terminal beside a session: a word before it ends and when it has ended, and Enter
 * to extend it in place. Without a terminal only lines; with --json, JSON lines on stdout. */
#ifndef SALLYPORT_CLI_WATCH_H
#define SALLYPORT_CLI_WATCH_H

#include "cli/cli.h"
#include "cli/portal/profile.h"

/* Watch the session until it has ended or the person presses ctrl-C. When the portal does not
 * answer, that is said once, and the last deadline it gave still holds. Returns SP_EXIT_DEGRADED
 * the session has ended; SP_EXIT_OK ctrl-C; else the exit code of a refusal or of an answer that is
 * not the portal's, said. */
int sp_watch(const struct sp_cli *cli, struct sp_profile *profile);

#endif
