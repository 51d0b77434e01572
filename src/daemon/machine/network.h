/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The machine around us: its links, addresses and routes as they change, the second lock that names
 * its interfaces, and the tunnel interface (tunnel.h). */
#ifndef SALLYPORT_DAEMON_NETWORK_H
#define SALLYPORT_DAEMON_NETWORK_H

#include <stdbool.h>
#include <stdint.h>

#include "io/loop/loop.h"

struct sp_drops;
struct sp_engine;
struct sp_homes_watch;
struct sp_host;
struct sp_host_interface;
struct sp_machine;
struct sp_marks;
struct sp_netlink;
struct sp_netlink_monitor;
struct sp_paths;
struct sp_plane;
struct sp_plane_error;
struct sp_revision;
struct sp_warnings;
struct sp_watch;

/* The machine is not what the running revision was made for. @has_other_hooks: an interface came,
 * went or was re-made; else addresses and routes alone. */
typedef void (*sp_machine_changed_fn)(void *arg, bool has_other_hooks);

struct sp_network_watch {
	/* what it stands on, lent by the daemon */
	struct sp_loop *loop;
	struct sp_plane *plane;
	struct sp_netlink *netlink;
	struct sp_machine *const *machine; /* sallyport.yaml as it is now */
	const struct sp_paths *paths;
	struct sp_host *host; /* read by sp_network_read */
	struct sp_homes_watch *homes;
	struct sp_engine *engine; /* which way, and whose */
	struct sp_marks *marks;
	struct sp_drops *drops;
	struct sp_watch *watch;
	struct sp_warnings *warnings;
	const bool *is_lock_open;

	struct sp_netlink_monitor *monitor;
	struct sp_source source;
	struct sp_timer timer;
	uint32_t changes; /* SP_NETLINK_…, since it was last looked at */
	sp_machine_changed_fn changed;
	void *changed_arg;
	char *lock_names;        /* what the second lock names, as last drawn */
	bool is_forwarding_ours; /* we switched it on, or another sallyportd before us */
};

/* Read links and addresses anew, and join them with the homes known. *@ret_changed: judgement would
 * differ. */
int sp_network_read(struct sp_network_watch *network, bool *ret_changed);
/* From now on @changed is called with @arg when judgement would differ. */
int sp_network_watch(struct sp_network_watch *network, sp_machine_changed_fn changed, void *arg);
/* Take the messages that wait. */
void sp_network_drain(struct sp_network_watch *network);
/* Look at it again, in the next round. */
void sp_network_settle(struct sp_network_watch *network);
/* The listed name this unlisted device had; NULL: none that is still listed. */
const char *sp_network_former_name(const struct sp_network_watch *network,
				   const struct sp_host_interface *seen);
/* Draw the second lock, open or closed as is_lock_open says. Before anything was ever applied only
 * the tunnel is behind it: the administrator is still on the inside. */
int sp_network_lock(struct sp_network_watch *network, bool with_all, struct sp_plane_error *error);
/* The same after somebody changed it: whatever stands in its table goes. */
int sp_network_lock_anew(struct sp_network_watch *network, bool with_all,
			 struct sp_plane_error *error);
/* Put what @revision translates, before it is committed. */
int sp_network_translate(struct sp_network_watch *network, const struct sp_revision *revision,
			 struct sp_plane_error *error);
/* Stop following changes. */
void sp_network_close(struct sp_network_watch *network);

#endif
