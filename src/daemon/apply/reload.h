/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Reading sallyport.yaml at the start, and again on SIGHUP. A file that is read again takes effect
 * whole or not at all. */
#ifndef SALLYPORT_DAEMON_RELOAD_H
#define SALLYPORT_DAEMON_RELOAD_H

#include "daemon/daemon.h"

/* Read it: of @daemon its paths and the planes to choose from are there. Every fault goes into the
 * log with its place, and the first into @ret_fault (may be NULL) of @size. *@ret_machine is
 * the caller's. Returns 0; -EINVAL it has faults; -errno. */
int sp_reload_read(const struct sp_daemon *daemon, struct sp_machine **ret_machine, char *ret_fault,
		   size_t size);

struct sp_reload {
	/* what the portal reads of it changed: it takes that when it starts again */
	bool is_portal_behind;
	bool is_judged_anew; /* a new revision runs because of it */
	char fault[256];     /* not 0: why it was not taken */
};

/* Take what it says now; @by goes into the log. Returns 0; -EINVAL it has faults; -EOPNOTSUPP
 * something in it takes a start of sallyportd; -EBUSY an apply is under way; -errno. Then what was
 * in force still is, and `status` warns. */
int sp_reload(struct sp_daemon *daemon, const char *by, struct sp_reload *ret_outcome);

#endif
