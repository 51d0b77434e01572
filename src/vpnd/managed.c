/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "vpnd/managed.h"

#include <errno.h>
#include <linux/bpf.h>
#include <net/if.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/err.h"
#include "io/netlink/netlink.h"
#include "io/process/notify.h"
#include "vpnd/log.h"

/* linux/bpf.h of Debian 12 is older than tcx */
#define TCX_INGRESS 46
#define TCX_EGRESS 47

#define LOOK_AGAIN_MS 100

bool sp_vpnd_is_asked_to_end(void)
{
	sigset_t pending;

	return sigpending(&pending) == 0 &&
	       (sigismember(&pending, SIGTERM) == 1 || sigismember(&pending, SIGINT) == 1);
}

/* Tell systemd that we wait. Before the first policy the wait may be long, and systemd must not
 * take it for a start that hangs, nor delay the boot. */
static void say_waiting(const char *why)
{
	sp_vpnd_log("%s", why);
	(void)sp_notify_ready(why);
}

/* Serve @server while waiting; it may be NULL. Returns 0; -ECANCELED; -errno of the server. */
static int pause_a_moment(struct sp_api_server *server)
{
	struct pollfd source = { server ? sp_api_server_fd(server) : -1, POLLIN, 0 };
	int r = 0;

	if (poll(&source, 1, LOOK_AGAIN_MS) > 0)
		r = sp_api_server_step(server);
	return sp_vpnd_is_asked_to_end() ? -ECANCELED : r;
}

/* The process id of the engine that serves @path; 0: none serves it, or the kernel does not
 * tell. */
static pid_t find_engine(const char *path)
{
	__sp_close int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	struct ucred peer = { 0 };
	socklen_t len = sizeof(peer);

	if (fd < 0 || strlen(path) >= sizeof(address.sun_path))
		return 0;
	strcpy(address.sun_path, path);
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0 ||
	    getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) < 0)
		return 0;
	return peer.pid;
}

static void say_attached(const char *socket_path)
{
	char text[200];
	const pid_t pid = find_engine(socket_path);

	if (pid)
		snprintf(text, sizeof(text),
			 "waiting for the interface: another engine, pid %d, is attached; this one "
			 "takes its place when it ends",
			 (int)pid);
	else
		snprintf(text, sizeof(text),
			 "waiting for the interface: another program is attached");
	say_waiting(text);
}

int sp_vpnd_attach(const char *name, const char *socket_path, struct sp_tun_queue *ret_queue)
{
	int said = 0;

	for (;;) {
		int r = sp_tun_queue_open(name, SP_TUN_ATTACH, false, ret_queue, NULL);

		if (r != -ENODEV && r != -EBUSY)
			return r;
		if (r != said && r == -ENODEV)
			say_waiting("waiting for sallyportd to make the interface");
		else if (r != said)
			say_attached(socket_path);
		said = r;
		if (pause_a_moment(NULL) < 0)
			return -ECANCELED;
	}
}

/* How many programs: 0 or more; -errno could not ask. */
static int count_programs(unsigned int ifindex, int hook)
{
	union bpf_attr query = { .query = { .target_fd = ifindex, .attach_type = (__u32)hook } };

	/* called by hand: libbpf for this one call would add its whole size to every engine */
	if (syscall(SYS_bpf, BPF_PROG_QUERY, &query, sizeof(query)) < 0)
		return sp_errno();
	return (int)query.query.prog_cnt;
}

static bool has_programs(const struct sp_link *link, bool *is_asked)
{
	const int in = count_programs(link->ifindex, TCX_INGRESS);
	const int out = count_programs(link->ifindex, TCX_EGRESS);

	*is_asked = in >= 0 && out >= 0;
	return *is_asked ? in > 0 && out > 0 : link->is_up;
}

int sp_vpnd_wait_for_programs(const char *name, struct sp_api_server *server)
{
	__sp_cleanup(sp_netlink_closep) struct sp_netlink *netlink = NULL;
	bool is_asked = false, is_said = false;
	struct sp_link link;
	int r = sp_netlink_open(&netlink);

	while (r == 0) {
		r = sp_netlink_get_link(netlink, name, &link);
		if (r < 0 || has_programs(&link, &is_asked))
			break;
		if (!is_said)
			say_waiting("no packet passes until sallyportd's programs are on the "
				    "interface");
		is_said = true;
		r = pause_a_moment(server);
	}
	if (r == 0 && !is_asked)
		sp_vpnd_log("took its being up for its programs being there: the kernel did not "
			    "let us ask");
	return r;
}
