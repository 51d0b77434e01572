/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The machine around us changes: an interface comes or goes, an address or a route is set. What
 * rules mean by `self`, where a source lives and where hooks sit follow within a moment. */
#include <string.h>
#include <sys/epoll.h>

#include "base/err.h"
#include "daemon/daemon.h"

#define SETTLE_NS (200 * SP_MS_NS) /* changes come in bursts */

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
	int r = sp_host_read(daemon->netlink, daemon->machine, &host);

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

static void network_settled(void *arg)
{
	struct sp_daemon *daemon = arg;
	struct sp_ebpf_error error = { 0 };
	bool is_changed = false;
	int r = sp_tunnel_ensure(daemon);

	if (r < 0)
		return; /* it said so, and is tried again at the next change */
	r = sp_network_read(daemon, &is_changed);
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
	sp_apply_restage_soon(daemon, "the network changed");
}

static void network_changed(void *arg, uint32_t events)
{
	struct sp_daemon *daemon = arg;
	uint32_t changed = 0;
	int r = sp_netlink_monitor_drain(daemon->monitor, &changed);

	(void)events;
	if (r < 0)
		sp_log_error("watching the network: %s", sp_err_text(r));
	if (changed && !daemon->host_timer.due_ns)
		sp_loop_in(daemon->loop, &daemon->host_timer, SETTLE_NS);
	if (changed)
		sp_watch_soon(daemon);
}

int sp_network_watch(struct sp_daemon *daemon)
{
	int r = sp_netlink_monitor_open(&daemon->monitor);

	if (r < 0)
		return r;
	daemon->host_timer = (struct sp_timer){ .fire = network_settled, .arg = daemon };
	daemon->monitor_source = (struct sp_source){
		.fd = sp_netlink_monitor_get_fd(daemon->monitor),
		.ready = network_changed,
		.arg = daemon,
	};
	return sp_loop_watch(daemon->loop, &daemon->monitor_source, EPOLLIN);
}
