/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Follow changes of the machine's network: interfaces, addresses, routes. The meaning of `self`,
 * the homes of sources and the places of hooks follow within a moment. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "base/array.h"
#include "base/err.h"
#include "base/str.h"
#include "config/machine.h"
#include "daemon/base/pace.h"
#include "daemon/base/warnings.h"
#include "daemon/host/host.h"
#include "daemon/machine/network.h"
#include "daemon/machine/tunnel.h"
#include "daemon/machine/watch.h"
#include "daemon/record/drops.h"
#include "daemon/record/marks.h"
#include "io/log/log.h"
#include "io/netlink/netlink.h"
#include "plane/plane.h"

#define SETTLE_NS SP_PACE_FIRST_NS
#define MESSAGES_A_ROUND 512 /* others are served in between */
#define MESSAGES_MOST 16384  /* some 20 ms */

static void name_missing(struct sp_network_watch *network)
{
	char names[200] = "";

	for (size_t i = 0; i < network->host->interface_count; i++) {
		const struct sp_host_interface *seen = &network->host->interfaces[i];

		if (!seen->is_governed || seen->is_present ||
		    strlen(names) + strlen(seen->name) + 2 >= sizeof(names))
			continue;
		strcat(names, names[0] ? " " : "");
		strcat(names, seen->name);
	}
	if (names[0])
		sp_warnings_raise(network->warnings, "interface-missing",
				  "interfaces named in sallyport.yaml do not exist: %s", names);
	else
		sp_warnings_clear(network->warnings, "interface-missing");
}

/* A listed interface that cannot be judged has no programs; the second lock keeps it closed. */
static void name_unfit(struct sp_network_watch *network)
{
	const struct sp_host_interface *unfit = sp_host_find_unfit(network->host);

	if (unfit)
		sp_warnings_raise(network->warnings, "interface-unfit", "%s: %s", unfit->name,
				  unfit->unfit);
	else
		sp_warnings_clear(network->warnings, "interface-unfit");
}

int sp_network_read(struct sp_network_watch *network, bool *ret_changed)
{
	struct sp_host host;
	int r = sp_host_read(network->netlink, *network->machine, network->homes, &host);

	if (r < 0)
		return r;
	*ret_changed = !network->host->fingerprint ||
		       strcmp(network->host->fingerprint, host.fingerprint) != 0;
	sp_host_done(network->host);
	*network->host = host;
	name_missing(network);
	name_unfit(network);
	return 0;
}

static int name_for_lock(struct sp_plane_guard *lock, const struct sp_host_interface *seen,
			 enum sp_plane_guarded_kind kind)
{
	struct sp_plane_guarded *to = SP_ARRAY_PUSH(lock->names, lock->count);

	if (!to)
		return -ENOMEM;
	snprintf(to->name, sizeof(to->name), "%s", seen->name);
	to->kind = kind;
	to->ifindex = seen->ifindex;
	return 0;
}

/* ---- the second lock ---- */

static int note_listed(struct sp_network_watch *network, const struct sp_host_interface *seen)
{
	struct sp_listed_seen *listed = network->marks->file->listed, *to = NULL;

	for (size_t i = 0; i < SP_LISTED_SEEN_MAX; i++)
		if (listed[i].ifindex == seen->ifindex)
			to = &listed[i];
	for (size_t i = 0; i < SP_LISTED_SEEN_MAX && !to; i++)
		if (!listed[i].ifindex)
			to = &listed[i];
	for (size_t i = 0; i < SP_LISTED_SEEN_MAX && !to; i++)
		if (!sp_host_name_of(network->host, listed[i].ifindex)) /* it is gone */
			to = &listed[i];
	if (!to)
		return -ENOSPC;
	to->ifindex = seen->ifindex;
	memcpy(to->name, seen->name, sizeof(to->name));
	return 0;
}

const char *sp_network_former_name(const struct sp_network_watch *network,
				   const struct sp_host_interface *seen)
{
	for (size_t i = 0; i < SP_LISTED_SEEN_MAX; i++) {
		const struct sp_listed_seen *known = &network->marks->file->listed[i];
		const struct sp_host_interface *now = sp_host_find(network->host, known->name);

		if (known->ifindex && known->ifindex == seen->ifindex && now && now->is_governed)
			return known->name;
	}
	return NULL;
}

static void warn_of_renamed(struct sp_network_watch *network, const struct sp_host_interface *seen,
			    const char *former)
{
	sp_warnings_raise(network->warnings, "interface-renamed",
			  "%s was the listed interface %s: it stays closed until it has that name "
			  "again, or sallyport.yaml names it and sallyportd is started again",
			  seen->name, former);
}

/* The interfaces that the lock names. A listed device under another name is named as unlisted. */
static int name_all(struct sp_network_watch *network, struct sp_plane_guard *lock)
{
	const struct sp_host *host = network->host;
	bool is_renamed = false;
	int r = 0;

	for (size_t i = 0; i < host->interface_count && r == 0; i++) {
		const struct sp_host_interface *seen = &host->interfaces[i];
		const char *former =
			seen->is_governed ? NULL : sp_network_former_name(network, seen);

		if (former) {
			warn_of_renamed(network, seen, former);
			is_renamed = true;
			continue;
		}
		if (seen->is_governed && seen->is_present)
			r = note_listed(network, seen);
		if (r == 0 && seen->is_governed &&
		    (lock->state != SP_PLANE_GUARD_TUNNEL || seen->zone == SP_ZONE_TUNNEL))
			r = name_for_lock(lock, seen, SP_PLANE_LISTED);
		else if (r == 0 && !seen->is_governed && lock->state != SP_PLANE_GUARD_TUNNEL)
			r = name_for_lock(lock, seen,
					  seen->is_unmanaged ? SP_PLANE_UNMANAGED
							     : SP_PLANE_UNLISTED);
	}
	if (!is_renamed)
		sp_warnings_clear(network->warnings, "interface-renamed");
	return r;
}

static int put_as(struct sp_network_watch *network, bool with_all, bool is_anew,
		  struct sp_plane_error *error)
{
	struct sp_plane_guard lock = {
		.state = *network->is_lock_open ? SP_PLANE_GUARD_OPEN
			 : with_all             ? SP_PLANE_GUARD_CLOSED
						: SP_PLANE_GUARD_TUNNEL,
		.is_anew = is_anew,
	};
	int r = name_all(network, &lock);

	if (r == 0)
		r = sp_plane_guard_put(network->plane, &lock, error);
	free(lock.names);
	if (r >= 0)
		network->drops->is_unsampled = r == 1;
	return r < 0 ? r : 0;
}

static int put_lock(struct sp_network_watch *network, bool with_all, struct sp_plane_error *error)
{
	return put_as(network, with_all, false, error);
}

static int put_lock_anew(struct sp_network_watch *network, bool with_all,
			 struct sp_plane_error *error)
{
	return put_as(network, with_all, true, error);
}

int sp_network_lock(struct sp_network_watch *network, bool with_all, struct sp_plane_error *error)
{
	return sp_watch_lock_put(network->watch, with_all, put_lock, error);
}

int sp_network_lock_anew(struct sp_network_watch *network, bool with_all,
			 struct sp_plane_error *error)
{
	return sp_watch_lock_put(network->watch, with_all, put_lock_anew, error);
}

int sp_network_translate(struct sp_network_watch *network, const struct sp_revision *revision,
			 struct sp_plane_error *error)
{
	return sp_watch_nat_put(network->watch, revision, error);
}

/* Has an interface come, gone or changed its name since the last call? */
static bool names_differ(struct sp_network_watch *network)
{
	__sp_buf struct sp_buf names = SP_BUF_INIT;
	bool differ;

	for (size_t i = 0; i < network->host->interface_count; i++)
		sp_buf_printf(&names, "%u %s\n", network->host->interfaces[i].ifindex,
			      network->host->interfaces[i].name);
	differ = !network->lock_names || strcmp(network->lock_names, sp_buf_get(&names)) != 0;
	if (differ) {
		free(SP_TAKE_PTR(network->lock_names));
		(void)sp_buf_take(&names, &network->lock_names);
	}
	return differ;
}

static bool same_hooks(const struct sp_host *a, const struct sp_host *b)
{
	if (a->hooked_count != b->hooked_count)
		return false;
	for (size_t i = 0; i < a->hooked_count; i++)
		if (a->hooked[i].ifindex != b->hooked[i].ifindex)
			return false;
	return true;
}

static void network_settled(void *arg)
{
	struct sp_network_watch *network = arg;
	struct sp_plane_error error = { 0 };
	__sp_free struct sp_plane_interface *hooked = NULL;
	struct sp_host before = { 0 };
	bool is_changed = false;
	int r;

	sp_watch_look(network->watch); /* first, so that what it repairs is on record */
	r = sp_tunnel_ensure(network);
	if (r < 0)
		return; /* it logged the failure, and the next change tries again */
	sp_homes_follow(network->homes, network->changes);
	network->changes = 0;
	before.hooked_count = network->host->hooked_count;
	before.hooked = hooked = calloc(before.hooked_count + 1, sizeof(*hooked));
	if (hooked && before.hooked_count)
		memcpy(hooked, network->host->hooked, before.hooked_count * sizeof(*hooked));
	r = hooked ? sp_network_read(network, &is_changed) : -ENOMEM;
	if (r < 0) {
		sp_log_error("reading interfaces and routes: %s; trying again", sp_err_text(r));
		sp_loop_in(network->loop, &network->timer, SP_SECOND_NS);
		return;
	}
	/* unjudged interfaces are named to the lock, and a listed one has to be closed by the lock
	 * before it has programs */
	if (names_differ(network) || is_changed)
		r = sp_network_lock(network, *network->is_lock_open, &error);
	if (r < 0)
		sp_log_error("second lock: %s", error.text);
	if (!is_changed)
		return;
	/* attach the running programs to interfaces that came back, before a new revision is
	 * made */
	sp_watch_look(network->watch);
	network->changed(network->changed_arg, !same_hooks(&before, network->host));
}

void sp_network_settle(struct sp_network_watch *network)
{
	sp_loop_in(network->loop, &network->timer, 0);
}

static void take_messages(struct sp_network_watch *network, size_t messages_max)
{
	uint32_t changed = 0;
	int r = sp_netlink_monitor_take(network->monitor, messages_max, sp_homes_note,
					network->homes, &changed);

	if (r < 0)
		sp_log_error("watching the network: %s", sp_err_text(r));
	if (changed)
		sp_watch_soon(network->watch);
	changed &= ~SP_NETLINK_ROUTES; /* each changed route was looked at by itself */
	network->changes |= changed;
	if (changed && !network->timer.due_ns)
		sp_loop_in(network->loop, &network->timer, SETTLE_NS);
}

void sp_network_drain(struct sp_network_watch *network)
{
	take_messages(network, MESSAGES_MOST);
}

static void network_changed(void *arg, uint32_t events)
{
	(void)events;
	take_messages(arg, MESSAGES_A_ROUND);
}

int sp_network_watch(struct sp_network_watch *network, sp_machine_changed_fn changed, void *arg)
{
	int r = sp_netlink_monitor_open(&network->monitor);

	if (r < 0)
		return r;
	network->timer = (struct sp_timer){ .fire = network_settled, .arg = network };
	network->changed = changed;
	network->changed_arg = arg;
	sp_homes_watch(network->homes);
	network->source = (struct sp_source){
		.fd = sp_netlink_monitor_get_fd(network->monitor),
		.ready = network_changed,
		.arg = network,
	};
	return sp_loop_watch(network->loop, &network->source, EPOLLIN);
}

void sp_network_close(struct sp_network_watch *network)
{
	if (network->monitor)
		sp_netlink_monitor_close(SP_TAKE_PTR(network->monitor));
	free(SP_TAKE_PTR(network->lock_names));
}
