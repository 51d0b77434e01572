/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Is the machine still as it was set? Once a second, and at once when the kernel says that
 * something changed, what is there is compared with what was put there: hooks, the second lock,
 * forwarding, the tunnel interface. What differs is put back and noted (drift.h). A look costs less
 * than a millisecond: it asks for the things themselves, never for lists that grow. */
#ifndef SALLYPORT_DAEMON_WATCH_H
#define SALLYPORT_DAEMON_WATCH_H

#include "io/loop/loop.h"
#include "io/netlink/nft_monitor.h"

struct sp_daemon;
struct sp_plane_error;

struct sp_watch {
	struct sp_timer timer;
	/* CLOCK_BOOTTIME of the last look that came before its second was over */
	uint64_t looked_ns;
	bool is_looking; /* a repair tells of changes too */
	/* the second lock */
	struct sp_nft_monitor *monitor; /* NULL: the table is listed at every look */
	struct sp_source source;
	struct sp_nft_change change; /* since the last look */
	uint32_t generation;         /* of the ruleset when it was as wanted */
	char *lock;                  /* its text as it was put; NULL: nothing was put yet */
	bool with_all;               /* as it was put */
};

/* At start, before the second lock is put: was it there? */
void sp_watch_start(struct sp_daemon *daemon);
/* Look once a second from now on, and at once when the kernel reports a change of nftables. Returns
 * 0; -errno: the reports cannot be waited for. */
int sp_watch_open(struct sp_daemon *daemon);
/* Hear no more of nftables, and forget how the second lock should be. */
void sp_watch_close(struct sp_daemon *daemon);
/* Now: before status is told, and when the kernel says that something changed. */
void sp_watch_look(struct sp_daemon *daemon);
/* The kernel says that something may have changed: look, but no more than once a second for
 * this. */
void sp_watch_soon(struct sp_daemon *daemon);

/* ---- watch_lock.c, watch_tunnel.c: parts of a look ---- */

/* Put the second lock with @put and keep how it then is: so it should stay. Returns 0; @put's
 * -errno. */
int sp_watch_lock_put(struct sp_daemon *daemon, bool with_all,
		      int (*put)(struct sp_daemon *daemon, bool with_all,
				 struct sp_plane_error *error),
		      struct sp_plane_error *error);
/* Each is one part of a look: what is not as it should be is put back if that is possible, and
 * noted as drift. _lock compares the second lock with what was put. _lock_start, once, before the
 * lock is put: notes that it was removed while no sallyportd ran. _tunnel looks at forwarding, the
 * tunnel interface and its addresses. _interfaces notes listed interfaces that are down or without
 * carrier. */
void sp_watch_lock(struct sp_daemon *daemon);
void sp_watch_lock_start(struct sp_daemon *daemon);
void sp_watch_tunnel(struct sp_daemon *daemon);
void sp_watch_interfaces(struct sp_daemon *daemon);

#endif
