/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "watchdog/probing.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "net/addr.h"

static void finish(struct sp_attempt *attempt, int result)
{
	struct sp_probing *probing = attempt->probing;

	sp_loop_forget(probing->loop, &attempt->socket);
	sp_closep(&attempt->socket.fd);
	attempt->socket.fd = -1;
	sp_loop_in(probing->loop, &attempt->timer, SP_PROBING_PAUSE_NS);
	probing->take(probing->arg, attempt->index, result);
}

/* It is connected, or is not going to be. */
static void became_ready(void *arg, uint32_t events)
{
	struct sp_attempt *attempt = arg;
	int error = 0;
	socklen_t size = sizeof(error);

	(void)events;
	if (getsockopt(attempt->socket.fd, SOL_SOCKET, SO_ERROR, &error, &size) < 0)
		error = -sp_errno();
	finish(attempt, -error);
}

/* Each family by a socket of its own: a kernel without IPv6 has none of that. */
static int connect_to(const struct sp_target *target, int *ret_fd)
{
	const bool is_v4 = sp_addr_is_v4(&target->addr);
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6, .sin6_port = htons(target->port) };
	struct sockaddr_in v4 = { .sin_family = AF_INET, .sin_port = htons(target->port) };
	__sp_close int fd =
		socket(is_v4 ? AF_INET : AF_INET6, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return sp_errno();
	memcpy(&v4.sin_addr, &target->addr.b[12], sizeof(v4.sin_addr));
	memcpy(&v6.sin6_addr, target->addr.b, sizeof(v6.sin6_addr));
	if (connect(fd, is_v4 ? (const struct sockaddr *)&v4 : (const struct sockaddr *)&v6,
		    is_v4 ? sizeof(v4) : sizeof(v6)) < 0 &&
	    errno != EINPROGRESS)
		return sp_errno();
	*ret_fd = SP_TAKE_FD(fd);
	return 0;
}

static void fire(void *arg)
{
	struct sp_attempt *attempt = arg;
	struct sp_probing *probing = attempt->probing;
	int r;

	if (attempt->socket.fd >= 0) {
		finish(attempt, -ETIMEDOUT);
		return;
	}
	r = connect_to(&probing->targets[attempt->index], &attempt->socket.fd);
	if (r == 0)
		r = sp_loop_watch(probing->loop, &attempt->socket, EPOLLOUT);
	if (r < 0)
		finish(attempt, r);
	else
		sp_loop_in(probing->loop, &attempt->timer, SP_PROBING_PATIENCE_NS);
}

void sp_probing_begin(struct sp_probing *probing, const struct sp_target *targets, size_t count)
{
	sp_probing_end(probing);
	for (size_t i = 0; i < count; i++) {
		struct sp_attempt *attempt = &probing->attempts[i];

		probing->targets[i] = targets[i];
		*attempt = (struct sp_attempt){
			.probing = probing,
			.index = i,
			.socket = { .fd = -1, .ready = became_ready, .arg = attempt },
			.timer = { .fire = fire, .arg = attempt },
		};
		sp_loop_in(probing->loop, &attempt->timer, 0);
	}
	probing->count = count;
}

void sp_probing_end(struct sp_probing *probing)
{
	for (size_t i = 0; i < probing->count; i++) {
		struct sp_attempt *attempt = &probing->attempts[i];

		sp_loop_drop(probing->loop, &attempt->timer);
		sp_loop_forget(probing->loop, &attempt->socket);
		sp_closep(&attempt->socket.fd);
	}
	probing->count = 0;
}
