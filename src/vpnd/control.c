/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "vpnd/control.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/array.h"
#include "base/err.h"
#include "io/loop/clock.h"
#include "vpnd/kept.h"
#include "vpnd/log.h"

/* An interface in another network namespace tells us only when it goes up. */
#define LOOK_ELSEWHERE_MS 1000

static void set_up(struct sp_vpnd_control *control, bool is_up)
{
	struct sp_vpnd *vpnd = control->vpnd;
	int r;

	if (is_up == atomic_load(&vpnd->is_up))
		return;
	r = sp_vpnd_set_up(vpnd, is_up);
	if (r < 0)
		sp_vpnd_log("cannot listen on UDP port %u: %s; set another with `wg set %s "
			    "listen-port`",
			    vpnd->listen_port, sp_err_text(r), vpnd->name);
	else if (is_up)
		sp_vpnd_keep_descriptors(vpnd);
}

static void set_mtu(struct sp_vpnd *vpnd, uint32_t mtu)
{
	if (mtu == 0 || mtu == atomic_load(&vpnd->mtu))
		return;
	atomic_store(&vpnd->mtu, mtu);
	sp_vpnd_lock(vpnd, NULL);
	sp_wg_engine_set_mtu(vpnd->engine, mtu);
	pthread_mutex_unlock(&vpnd->lock);
}

void sp_vpnd_control_look(struct sp_vpnd_control *control)
{
	char name[IFNAMSIZ];
	struct sp_link link;
	int r = sp_tun_queue_locate(&control->vpnd->tuns[0], name);

	if (r == 0)
		r = sp_netlink_get_link(control->netlink, name, &link);
	control->is_elsewhere = r < 0;
	if (control->is_elsewhere) {
		set_up(control, sp_tun_queue_is_up(&control->vpnd->tuns[0]));
		return;
	}
	set_mtu(control->vpnd, link.mtu);
	set_up(control, link.is_up);
}

static void hear_changes(struct sp_vpnd_control *control)
{
	uint32_t changed = 0;

	(void)sp_netlink_monitor_drain(control->monitor, &changed);
	if (changed & SP_NETLINK_LINKS)
		sp_vpnd_control_look(control);
	if (changed & (SP_NETLINK_ROUTES | SP_NETLINK_ADDRESSES))
		sp_vpnd_forget_local_addresses(control->vpnd);
}

static void say_peers_error(int r, const struct sp_peers_error *error)
{
	if (r == -ENOENT)
		sp_vpnd_log("no peers file yet: sallyportd writes it");
	else if (r == -EBADMSG && error->text)
		sp_vpnd_log("peers file, line %zu: %s; the peers stay as they are", error->line,
			    error->text);
	else
		sp_vpnd_log("peers file: %s; the peers stay as they are", sp_err_text(r));
}

void sp_vpnd_control_load_peers(struct sp_vpnd_control *control)
{
	struct sp_peers_error error = { 0 };
	int r = sp_vpnd_peers_load(control->vpnd->peers, sp_clock_realtime_s(), &error);

	if (r < 0)
		say_peers_error(r, &error);
}

static void step_peers(struct sp_vpnd_control *control)
{
	struct sp_peers_error error = { 0 };
	size_t expired = 0;
	int r = sp_vpnd_peers_step(control->vpnd->peers, &error, &expired);

	if (r < 0)
		say_peers_error(r, &error);
	if (expired)
		sp_vpnd_log("removed %zu peer%s whose time had come", expired,
			    expired == 1 ? "" : "s");
}

/* On SIGHUP, read the settings again. Returns whether the signal is one that ends the process. */
static bool take_signal(struct sp_vpnd_control *control)
{
	struct signalfd_siginfo info;

	if (read(control->signal_fd, &info, sizeof(info)) != sizeof(info))
		return false;
	if (info.ssi_signo == SIGHUP && control->vpnd->peers)
		sp_vpnd_control_load_peers(control);
	return info.ssi_signo != SIGHUP;
}

/* Is there something to read? Read it and throw it away. */
static bool drain(const struct pollfd *source)
{
	uint64_t count;

	return source->revents && read(source->fd, &count, sizeof(count)) > 0;
}

int sp_vpnd_control_run(struct sp_vpnd_control *control)
{
	enum { TIMER, SIGNAL, STOP, CHANGES, PEERS, GOES_UP, SOURCES };
	struct pollfd sources[SOURCES] = {
		[TIMER] = { control->vpnd->timer_fd, POLLIN, 0 },
		[SIGNAL] = { control->signal_fd, POLLIN, 0 },
		[STOP] = { control->vpnd->stop_fd, POLLIN, 0 },
		[CHANGES] = { sp_netlink_monitor_get_fd(control->monitor), POLLIN, 0 },
		[PEERS] = { control->vpnd->peers ? sp_vpnd_peers_fd(control->vpnd->peers) : -1,
			    POLLIN, 0 },
		[GOES_UP] = { -1, POLLOUT, 0 },
	};
	int r;

	for (;;) {
		const bool waits =
			control->is_elsewhere && !sp_tun_queue_is_up(&control->vpnd->tuns[0]);

		sources[GOES_UP].fd = waits ? control->vpnd->tuns[0].fd : -1;
		r = poll(sources, SP_ARRAY_LEN(sources),
			 control->is_elsewhere ? LOOK_ELSEWHERE_MS : -1);
		if (r < 0 && errno != EINTR)
			return sp_errno();
		if (r < 0)
			continue;
		if (sources[STOP].revents || (sources[SIGNAL].revents && take_signal(control)))
			return 0;
		if (drain(&sources[TIMER]))
			sp_vpnd_tick(control->vpnd);
		if (sources[CHANGES].revents)
			hear_changes(control);
		else if (control->is_elsewhere)
			sp_vpnd_control_look(control);
		if (sources[PEERS].revents)
			step_peers(control);
	}
}
