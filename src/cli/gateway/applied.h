/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef SALLYPORT_CLI_APPLIED_H
#define SALLYPORT_CLI_APPLIED_H

#include "cli/cli.h"

/* A policy came into force, as @reply tells: print what it changes, and wait if it is to be
 * confirmed. Returns the exit code, an enum sp_exit. */
int sp_cli_applied(const struct sp_cli *cli, json_t *reply);

#endif
