/* SPDX-License-Identifier: GPL-3.0-or-later */
/* replay --from: connections that an audit log has, decided by another policy. */
#ifndef SALLYPORT_CLI_REPLAY_RECORDS_H
#define SALLYPORT_CLI_REPLAY_RECORDS_H

#include "cli/files/source.h"

/* Judge what the records of @path are about by @source's policy, each at its own time, and print
 * what is decided otherwise. Returns 0 nothing is; 1 something is; 2 or more, after saying why, as of
 * diff(1). */
int sp_cli_replay_records(const struct sp_cli *cli, const struct sp_policy_source *source,
			  const char *path);

#endif
