/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The machine around us changes: an interface comes or goes, an address or a route is set. What
 * rules mean by `self`, where a source lives and where hooks sit follow within a moment. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "base/err.h"
#include "daemon/daemon.h"

#define SETTLE_NS SP_PACE_FIRST_NS
#define MESSAGES_A_ROUND 512 /* others are served in between */
#define MESSAGES_MOST 16384  /* some 20 ms */

static void name_missing(struct sp_daemon *daemon)
{
	char names[200] = "";

	for (size_t i = 0; i < daemon->host.interface_count; i++) {
		const struct sp_host_interface *seen = &daemon->host.interfaces[i];

		if (!seen->is_governed || seen->is_present ||
		    strlen(names) + strlen(seen->name) + 2 >= sizeof(names))
			continue;
		strcat(names, names[0] ? " " : "");
		strcat(names, seen->name);
	}
	if (names[0])
		sp_warnings_raise(&daemon->warnings, "interface-missing",
				  "interfaces named in sallyport.yaml do not exist: %s", names);
	else
		sp_warnings_clear(&daemon->warnings, "interface-missing");
}

int sp_network_read(struct sp_daemon *daemon, bool *ret_changed)
{
	struct sp_host host;
	int r = sp_host_read(daemon->netlink, daemon->machine, &daemon->homes, &host);

	if (r < 0)
		return r;
	*ret_changed = !daemon->host.fingerprint ||
		       strcmp(daemon->host.fingerprint, host.fingerprint) != 0;
	sp_host_done(&daemon->host);
	daemon->host = host;
	name_missing(daemon);
	return 0;
}

/* Before a first apply, the tunnel alone. */
static size_t find_locked(const struct sp_host *host, bool with_inside,
			  const struct sp_ebpf_interface **ret_first)
{
	*ret_first = host->hooked;
	if (with_inside)
		return host->hooked_count;
	for (size_t i = 0; i < host->hooked_count; i++) {
		*ret_first = &host->hooked[i];
		if (host->hooked[i].zone == SP_ZONE_TUNNEL)
			return 1;
	}
	return 0;
}

static int put_lock(struct sp_daemon *daemon, bool with_inside, struct sp_ebpf_error *error)
{
	const struct sp_ebpf_interface *first;
	const size_t count = find_locked(&daemon->host, with_inside, &first);

	return sp_ebpf_lock(first, count, daemon->is_lock_open, error);
}

static int put_lock_anew(struct sp_daemon *daemon, bool with_inside, struct sp_ebpf_error *error)
{
	const struct sp_ebpf_interface *first;
	const size_t count = find_locked(&daemon->host, with_inside, &first);

	return sp_ebpf_lock_anew(first, count, daemon->is_lock_open, error);
}

int sp_network_lock(struct sp_daemon *daemon, bool with_inside, struct sp_ebpf_error *error)
{
	return sp_watch_lock_put(daemon, with_inside, put_lock, error);
}

int sp_network_lock_anew(struct sp_daemon *daemon, bool with_inside, struct sp_ebpf_error *error)
{
	return sp_watch_lock_put(daemon, with_inside, put_lock_anew, error);
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

/* Routes and addresses are what others on the links can move: the revisions they cause are paced, and
 * what is not staged yet is judged by the older homes. An interface that comes waits for nothing. */
static void restage_paced(void *arg)
{
	struct sp_daemon *daemon = arg;
	const uint64_t now_ns = sp_clock_boottime_ns();

	if (daemon->apply)
		sp_loop_in(daemon->loop, &daemon->restage_timer, SETTLE_NS);
	else if (now_ns < daemon->restage_pace.due_ns)
		sp_loop_at(daemon->loop, &daemon->restage_timer, daemon->restage_pace.due_ns);
	else
		sp_apply_restage_soon(daemon, "the network changed");
}

static void network_settled(void *arg)
{
	struct sp_daemon *daemon = arg;
	struct sp_ebpf_error error = { 0 };
	__sp_free struct sp_ebpf_interface *hooked = NULL;
	struct sp_host before = { 0 };
	bool is_changed = false;
	int r;

	sp_watch_look(daemon); /* first: what it puts back is on record */
	r = sp_tunnel_ensure(daemon);
	if (r < 0)
		return; /* it said so, and is tried again at the next change */
	sp_homes_follow(daemon, daemon->network_changes);
	daemon->network_changes = 0;
	before.hooked_count = daemon->host.hooked_count;
	before.hooked = hooked = calloc(before.hooked_count + 1, sizeof(*hooked));
	if (hooked && before.hooked_count)
		memcpy(hooked, daemon->host.hooked, before.hooked_count * sizeof(*hooked));
	r = hooked ? sp_network_read(daemon, &is_changed) : -ENOMEM;
	if (r < 0) {
		sp_log_error("reading interfaces and routes: %s; trying again", sp_err_text(r));
		sp_loop_in(daemon->loop, &daemon->host_timer, SP_SECOND_NS);
		return;
	}
	if (!is_changed)
		return;
	/* what has no program yet must at least meet the lock */
	r = sp_network_lock(daemon, daemon->is_lock_open, &error);
	if (r < 0)
		sp_log_error("second lock: %s", error.text);
	sp_watch_look(daemon); /* what runs is attached to what came back, before it is made anew */
	if (same_hooks(&before, &daemon->host))
		restage_paced(daemon);
	else
		sp_apply_restage_soon(daemon, "the network changed");
}

void sp_network_settle(struct sp_daemon *daemon)
{
	sp_loop_in(daemon->loop, &daemon->host_timer, 0);
}

static void take_messages(struct sp_daemon *daemon, size_t messages_max)
{
	uint32_t changed = 0;
	int r = sp_netlink_monitor_take(daemon->monitor, messages_max, sp_homes_note, daemon,
					&changed);

	if (r < 0)
		sp_log_error("watching the network: %s", sp_err_text(r));
	if (changed)
		sp_watch_soon(daemon);
	changed &= ~SP_NETLINK_ROUTES; /* those were weighed one by one */
	daemon->network_changes |= changed;
	if (changed && !daemon->host_timer.due_ns)
		sp_loop_in(daemon->loop, &daemon->host_timer, SETTLE_NS);
}

void sp_network_drain(struct sp_daemon *daemon)
{
	take_messages(daemon, MESSAGES_MOST);
}

static void network_changed(void *arg, uint32_t events)
{
	(void)events;
	take_messages(arg, MESSAGES_A_ROUND);
}

int sp_network_watch(struct sp_daemon *daemon)
{
	int r = sp_netlink_monitor_open(&daemon->monitor);

	if (r < 0)
		return r;
	daemon->host_timer = (struct sp_timer){ .fire = network_settled, .arg = daemon };
	daemon->restage_timer = (struct sp_timer){ .fire = restage_paced, .arg = daemon };
	sp_homes_watch(daemon);
	daemon->monitor_source = (struct sp_source){
		.fd = sp_netlink_monitor_get_fd(daemon->monitor),
		.ready = network_changed,
		.arg = daemon,
	};
	return sp_loop_watch(daemon->loop, &daemon->monitor_source, EPOLLIN);
}
