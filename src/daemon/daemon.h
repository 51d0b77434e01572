/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the parts of sallyportd share. Each part is a file named by its noun; this page says what
 * they hold and what they ask of each other. One loop: nothing here is locked. A thread beside it
 * does the long parts of an apply and touches the apply alone (apply.h).
 *
 * Functions that return int give 0 or -errno and have logged nothing; functions that return void
 * have dealt with their failure and said so in the log. */
#ifndef SALLYPORT_DAEMON_DAEMON_H
#define SALLYPORT_DAEMON_DAEMON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config/machine.h"
#include "daemon/facts/bans.h"
#include "daemon/record/hits.h"
#include "daemon/change/farewell.h"
#include "daemon/apply/applies.h"
#include "daemon/base/warnings.h"
#include "daemon/control/control.h"
#include "daemon/control/works.h"
#include "daemon/engine/engine.h"
#include "daemon/facts/origins.h"
#include "daemon/health/drift.h"
#include "daemon/health/health.h"
#include "daemon/health/portal.h"
#include "daemon/health/targets.h"
#include "daemon/health/trouble.h"
#include "daemon/host/homes.h"
#include "daemon/host/host.h"
#include "daemon/machine/network.h"
#include "daemon/machine/tunnel.h"
#include "daemon/machine/watch.h"
#include "daemon/ops/ops.h"
#include "daemon/people/people.h"
#include "daemon/record/drops.h"
#include "daemon/record/events.h"
#include "daemon/record/marks.h"
#include "daemon/record/recorder.h"
#include "daemon/revisions/revision.h"
#include "daemon/store/store.h"
#include "io/files/paths.h"
#include "io/log/audit_log.h"
#include "io/loop/clock.h"
#include "io/loop/loop.h"
#include "io/netlink/netlink.h"
#include "plane/choice.h"

struct sp_daemon_options {
	const char *root;         /* NULL: $SALLYPORT_ROOT or / */
	const char *gateway_name; /* NULL: the host's */
	const char *engine_user;  /* NULL: sallyport-vpnd, if there is one */
	bool is_verbose;
	/* tests: die at this step of an apply or of a change of access; NULL: never */
	const char *kill_at;
	uint32_t flows_max; /* tests: size of the flow table; 0: the plane's own */
	struct sp_plane_list planes;
};

/* A device keeps its index when its name changes: so it is not taken for one nobody listed. */
struct sp_daemon {
	struct sp_daemon_options options;
	char gateway_name[65];
	int64_t started_ns;
	struct sp_paths paths;
	int lock_fd, namespace_fd;
	struct sp_machine *machine;
	struct sp_loop *loop;
	struct sp_store *store;
	struct sp_marks marks;
	struct sp_netlink *netlink;
	struct sp_source clock_source, signal_source;
	struct sp_timer tick_timer;
	struct sp_host host;
	struct sp_homes_watch homes;
	struct sp_network_watch network;
	struct sp_plane *plane;
	struct sp_control *control;
	struct sp_ops ops;
	struct sp_people people;
	struct sp_bans bans;
	struct sp_engine engine;
	struct sp_farewell farewell;
	struct sp_portal_seen portal;
	struct sp_recorder recorder;
	struct sp_events events;
	struct sp_hits hits;
	struct sp_revisions revisions;
	struct sp_origins origins;
	bool is_lock_open;
	struct sp_applies applies;
	struct sp_works works;
	struct sp_warnings warnings;
	struct sp_watch watch;
	struct sp_drops drops;
	struct sp_drifts drifts;
	struct sp_health health;
	struct sp_targets targets;
	struct sp_troubles troubles;
	unsigned int ticks;
	bool is_memory_locked; /* `status` says so */
	bool is_stopping;
	bool is_detached; /* stopping because of that */
};

/* Take the root, adopt what runs, serve until a signal. Returns the process's exit code. */
int sp_daemon_run(const struct sp_daemon_options *options);
/* Take away what a sallyportd left in the kernel, none of which may be running; unless
 * @is_confirmed, say what that would be. Returns the exit code. */
int sp_daemon_unload(const struct sp_daemon_options *options, bool is_confirmed);

/* Lend each part what it stands on. Loop, database and netlink are open. */
void sp_daemon_lend(struct sp_daemon *daemon);
/* The same of the plane, once it is open. */
void sp_daemon_lend_plane(struct sp_daemon *daemon);
/* Tests: die here, if --kill-at says so. */
void sp_daemon_passed(struct sp_daemon *daemon, const char *step);

#endif
