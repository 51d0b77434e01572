/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "portal/providers/crash.h"

#include <signal.h>
#include <string.h>

#include "io/log/log.h"

void sp_crash_at(const char *kill_at, const char *step)
{
	if (!kill_at || strcmp(kill_at, step) != 0)
		return;
	sp_log_note("--kill-at %s", step);
	raise(SIGKILL);
}
