/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The listening socket, and who is admitted. */
#include "daemon/control/control.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "daemon/control/control_client.h"

static bool in_groups(int fd, gid_t gid)
{
	gid_t groups[256];
	socklen_t len = sizeof(groups);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &len) < 0)
		return false;
	for (size_t i = 0; i < len / sizeof(gid_t); i++)
		if (groups[i] == gid)
			return true;
	return false;
}

static bool may_connect(const struct sp_control *control, int fd, struct ucred *ret_peer)
{
	const struct sp_control_access *access = &control->access;
	socklen_t len = sizeof(*ret_peer);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, ret_peer, &len) < 0)
		return false;
	return ret_peer->uid == 0 || ret_peer->uid == geteuid() ||
	       ret_peer->uid == access->portal_uid || ret_peer->gid == access->gid ||
	       in_groups(fd, access->gid);
}

static size_t count_portal(const struct sp_control *control)
{
	size_t count = 0;

	for (const struct sp_client *client = control->clients; client; client = client->next)
		count += !client->is_dead && client->is_portal;
	return count;
}

/* Send one line and close, without ever waiting. */
static void turn_away(int fd, const char *code, int exit_code, const char *message)
{
	char line[256];
	int len = snprintf(line, sizeof(line),
			   "{\"v\":1,\"id\":null,\"ok\":false,\"error\":{\"code\":\"%s\","
			   "\"message\":\"%s\",\"exit\":%d}}\n",
			   code, message, exit_code);

	if (send(fd, line, (size_t)len, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
		return; /* the client will see the end of the connection */
}

static void accept_client(void *arg, uint32_t events)
{
	struct sp_control *control = arg;
	__sp_close int fd = accept4(control->listener.fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	struct ucred peer;

	(void)events;
	if (fd < 0)
		return;
	if (!may_connect(control, fd, &peer)) {
		turn_away(fd, "not-permitted", 7,
			  "only root and the members of the socket's group may do this");
		return;
	}
	if (control->client_count >= SP_CONTROL_CLIENTS_MAX) {
		turn_away(fd, "busy", 1, "64 clients are connected; try again");
		return;
	}
	if (peer.uid == control->access.portal_uid &&
	    count_portal(control) >= SP_CONTROL_PORTAL_MAX) {
		turn_away(fd, "busy", 1, "the portal has 32 connections; use one of them");
		return;
	}
	if (sp_client_new(control, fd, peer.uid) == 0)
		(void)SP_TAKE_FD(fd);
}

static void clients_reap(void *arg)
{
	struct sp_control *control = arg;
	struct sp_client **at = &control->clients;

	while (*at) {
		struct sp_client *client = *at;

		if (client->is_dead) {
			*at = client->next;
			sp_client_free(client);
		} else {
			at = &client->next;
		}
	}
}

static int listen_at(const char *path, const struct sp_control_access *access, int *ret_fd)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	__sp_close int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	mode_t old_mask;
	int r;

	if (fd < 0)
		return sp_errno();
	if (strlen(path) >= sizeof(address.sun_path))
		return -ENAMETOOLONG;
	strcpy(address.sun_path, path);
	if (unlink(path) < 0 && errno != ENOENT)
		return sp_errno();
	old_mask = umask(0117); /* never wider than 0660, not even for an instant */
	r = bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 ? sp_errno() : 0;
	umask(old_mask);
	if (r < 0)
		return r;
	if (chown(path, access->portal_uid, access->gid) < 0 || chmod(path, 0660) < 0 ||
	    listen(fd, 128) < 0)
		return sp_errno();
	*ret_fd = SP_TAKE_FD(fd);
	return 0;
}

int sp_control_open(struct sp_loop *loop, const char *path, const struct sp_control_access *access,
		    const struct sp_control_handler *handler, struct sp_control **ret_control)
{
	__sp_free struct sp_control *control = calloc(1, sizeof(*control));
	__sp_free char *own_path = strdup(path);
	__sp_close int fd = -1;
	int r;

	if (!control || !own_path)
		return -ENOMEM;
	r = listen_at(path, access, &fd);
	if (r < 0)
		return r;
	control->loop = loop;
	control->handler = *handler;
	control->access = *access;
	control->reaper = (struct sp_timer){ .fire = clients_reap, .arg = control };
	control->listener = (struct sp_source){ .fd = fd, .ready = accept_client, .arg = control };
	r = sp_loop_watch(loop, &control->listener, EPOLLIN);
	if (r < 0)
		return r;
	(void)SP_TAKE_FD(fd);
	control->path = SP_TAKE_PTR(own_path);
	*ret_control = SP_TAKE_PTR(control);
	return 0;
}

void sp_control_close(struct sp_control *control)
{
	if (!control)
		return;
	for (struct sp_client *client = control->clients; client; client = client->next)
		sp_client_drop(client);
	clients_reap(control);
	sp_loop_drop(control->loop, &control->reaper);
	sp_loop_forget(control->loop, &control->listener);
	close(control->listener.fd);
	unlink(control->path);
	free(control->path);
	free(control);
}

size_t sp_control_client_count(const struct sp_control *control)
{
	return control->client_count;
}
