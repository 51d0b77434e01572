/* SPDX-License-Identifier: GPL-3.0-or-later */
/* `sallyport status` on a person's machine: who is signed in, for how long, and how the tunnel
 * is. */
#ifndef SALLYPORT_CLI_STATUS_HERE_H
#define SALLYPORT_CLI_STATUS_HERE_H

#include "cli/cli.h"

struct sp_status_here {
	struct sp_cli *cli;
	const char *url;       /* NULL: the portal used last */
	const char *state_dir; /* NULL: the usual one */
	const char *iface;
	bool watch; /* go on with sp_watch */
};

/* Returns SP_EXIT_OK the session lives; SP_EXIT_DEGRADED it has ended; SP_EXIT_UNREACHABLE the
 * portal does not answer (what is known here is shown all the same); SP_EXIT_NOT_PERMITTED the
 * device is not known there any more; SP_EXIT_FAILED, SP_EXIT_USAGE, said. */
int sp_status_here(struct sp_status_here *here);

#endif
