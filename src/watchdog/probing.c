/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "watchdog/probing.h"

#include <errno.h>
#include <sys/epoll.h>

#include "base/cleanup.h"
#include "io/packets/tcp.h"

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

	(void)events;
	finish(attempt, sp_tcp_result(attempt->socket.fd));
}

static void fire(void *arg)
{
	struct sp_attempt *attempt = arg;
	struct sp_probing *probing = attempt->probing;
	const struct sp_target *target = &probing->targets[attempt->index];
	int r;

	if (attempt->socket.fd >= 0) {
		finish(attempt, -ETIMEDOUT);
		return;
	}
	r = sp_tcp_connect(&target->addr, target->port, &attempt->socket.fd);
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
