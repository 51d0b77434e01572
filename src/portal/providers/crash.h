/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The hidden option --kill-at STEP: the process kills itself at that step, so that tests see
 * what a crash there leaves behind. */
#ifndef SALLYPORT_PORTAL_CRASH_H
#define SALLYPORT_PORTAL_CRASH_H

/* Kill the process if @kill_at (NULL: never) is @step. */
void sp_crash_at(const char *kill_at, const char *step);

#endif
