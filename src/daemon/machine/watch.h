/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Is the machine still as it was set? Once a second, and at once when the kernel says that
 * something changed, what is there is compared with what was put there: hooks, the second lock,
 * forwarding, the tunnel interface. What differs is put back and noted (drift.h). A look costs less
 * than a millisecond: it asks for the things themselves, never for lists that grow. */
#ifndef SALLYPORT_DAEMON_WATCH_H
#define SALLYPORT_DAEMON_WATCH_H

#include "io/loop/loop.h"
#include "io/netlink/nft_monitor.h"

struct sp_apply;
struct sp_drifts;
struct sp_drops;
struct sp_engine;
struct sp_health;
struct sp_host;
struct sp_machine;
struct sp_netlink;
struct sp_network_watch;
struct sp_plane;
struct sp_plane_error;
struct sp_revision;
struct sp_revisions;
struct sp_targets;
struct sp_troubles;
struct sp_warnings;

struct sp_watch {
	/* what it stands on, lent by the daemon */
	struct sp_loop *loop;
	struct sp_plane *plane; /* NULL: not open yet */
	struct sp_netlink *netlink;
	struct sp_machine *const *machine; /* sallyport.yaml as it is now */
	const struct sp_host *host;
	const struct sp_revisions *revisions;
	const struct sp_engine *engine;
	struct sp_network_watch *network; /* puts lock and tunnel back */
	struct sp_drifts *drifts;
	struct sp_drops *drops;
	struct sp_health *health;
	struct sp_targets *targets;
	struct sp_troubles *troubles;
	const struct sp_warnings *warnings;
	struct sp_apply *const *apply; /* the one under way, or NULL */
	const bool *is_lock_open, *is_stopping;

	struct sp_timer timer;
	/* CLOCK_BOOTTIME of the last look that came before its second was over */
	uint64_t looked_ns;
	bool is_looking; /* a repair tells of changes too */
	/* the second lock */
	struct sp_nft_monitor *monitor; /* NULL: the table is listed at every look */
	struct sp_source source;
	struct sp_nft_change change; /* since the last look */
	uint32_t generation;         /* of the ruleset when it was as wanted */
	char *lock;                  /* the table's text as it was put; NULL: it was not put yet */
	bool with_all;               /* as it was put */
	/* translations */
	uint32_t nat_generation; /* of the ruleset when they were as wanted */
	char *nat;               /* their text as they were put; NULL: there are none */
	/* of the revision they were put for last; and of the targets that were silent then */
	uint64_t nat_revision, nat_targets;
};

/* At start, before the second lock is put: was it there? */
void sp_watch_start(struct sp_watch *watch);
/* Look once a second from now on, and at once when the kernel reports a change of nftables. Returns
 * 0; -errno: the reports cannot be waited for. */
int sp_watch_open(struct sp_watch *watch);
/* Stop following nftables, and forget how the second lock should be. */
void sp_watch_close(struct sp_watch *watch);
/* Now: before status is told, and when the kernel says that something changed. */
void sp_watch_look(struct sp_watch *watch);
/* The kernel reported a change: look soon, but at most once a second for this reason. */
void sp_watch_soon(struct sp_watch *watch);

/* ---- watch_lock.c, watch_nat.c, watch_tunnel.c: parts of a look ---- */

/* Put the second lock with @put and keep how it then is: so it should stay. Returns 0; @put's
 * -errno. */
int sp_watch_lock_put(struct sp_watch *watch, bool with_all,
		      int (*put)(struct sp_network_watch *network, bool with_all,
				 struct sp_plane_error *error),
		      struct sp_plane_error *error);
/* Put what @revision translates, before it is committed, and keep how it then is. Returns 0;
 * -errno. */
int sp_watch_nat_put(struct sp_watch *watch, const struct sp_revision *revision,
		     struct sp_plane_error *error);
/* Each is one part of a look: what is not as it should be is put back if that is possible, and
 * noted as drift. _lock compares the second lock with what was put, _nat the translations.
 * _lock_start, once, before the
 * lock is put: notes that it was removed while no sallyportd ran. _tunnel looks at forwarding, the
 * tunnel interface and its addresses. _interfaces notes listed interfaces that are down or without
 * carrier. */
void sp_watch_lock(struct sp_watch *watch);
void sp_watch_nat(struct sp_watch *watch);
void sp_watch_lock_start(struct sp_watch *watch);
void sp_watch_tunnel(struct sp_watch *watch);
void sp_watch_interfaces(struct sp_watch *watch);

#endif
