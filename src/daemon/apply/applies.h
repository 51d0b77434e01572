/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The parts of the daemon that applies, reloads and a detach use, and the state that stays between
 * them. */
#ifndef SALLYPORT_DAEMON_APPLIES_H
#define SALLYPORT_DAEMON_APPLIES_H

#include <stdbool.h>

#include "config/machine.h"
#include "daemon/change/farewell.h"
#include "daemon/apply/again.h"
#include "daemon/apply/confirming.h"
#include "daemon/base/pace.h"
#include "daemon/base/warnings.h"
#include "daemon/control/control.h"
#include "daemon/facts/origins.h"
#include "daemon/host/homes.h"
#include "daemon/host/host.h"
#include "daemon/machine/network.h"
#include "daemon/machine/tunnel.h"
#include "daemon/people/people.h"
#include "daemon/record/recorder.h"
#include "daemon/revisions/revision.h"
#include "daemon/store/store.h"
#include "io/files/paths.h"
#include "io/loop/clock.h"
#include "io/loop/loop.h"
#include "io/netlink/netlink.h"
#include "plane/choice.h"
#include "plane/plane.h"

struct sp_apply;

struct sp_applies {
	/* Lent by the daemon. Before an unload it lends paths, planes, gateway_name and machine
	 * alone. */
	struct sp_loop *loop;
	const struct sp_paths *paths;
	struct sp_plane_list planes; /* to choose from */
	const char *gateway_name;
	struct sp_machine **machine; /* a reload replaces it; NULL within: it could not be read */
	struct sp_store *store;
	struct sp_netlink *netlink;
	struct sp_host *host;
	struct sp_homes_watch *homes;
	struct sp_network_watch *network;
	struct sp_plane *plane;
	struct sp_people *people;
	struct sp_farewell *farewell;
	struct sp_recorder *recorder;
	struct sp_revisions *revisions;
	struct sp_origins *origins;
	struct sp_warnings *warnings;
	bool *is_lock_open;
	bool *is_stopping, *is_detached; /* a detach sets both */
	/* A kept request is asked once more. */
	void (*ask)(void *arg, struct sp_client *client, const struct sp_request *request);
	/* sp_daemon_passed */
	void (*passed)(void *arg, const char *step);
	void *arg;

	/* Their own. */
	struct sp_apply *under_way; /* NULL: none is */
	struct sp_again_list again;
	struct sp_confirming confirming; /* an apply that waits to be confirmed */
	/* a new revision is wanted after the apply under way; NULL: none */
	const char *restage_why;
	const char *paced_why; /* of the one that restage_timer begins */
	struct sp_timer restage_timer;
	struct sp_pace restage_pace; /* of revisions nobody asked for */
};

#endif
