/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What every thread does with the engine: lock it, unlock it, send what it wants to send. */
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <time.h>

#include "io/loop/clock.h"
#include "vpnd/vpnd.h"

#define HANDSHAKE_CLASS 0x88 /* DSCP AF41, as the kernel marks them */

void sp_vpnd_now(struct sp_wg_time *ret_now)
{
	ret_now->now_ns = sp_clock_boottime_ns();
	ret_now->real_ns = (uint64_t)sp_clock_realtime_ns();
}

void sp_vpnd_lock(struct sp_vpnd *vpnd, struct sp_wg_time *ret_now)
{
	pthread_mutex_lock(&vpnd->lock);
	if (ret_now)
		sp_vpnd_now(ret_now);
}

static void arm(struct sp_vpnd *vpnd, uint64_t deadline_ns)
{
	struct itimerspec when = {
		.it_value.tv_sec = (time_t)(deadline_ns / 1000000000u),
		.it_value.tv_nsec = (long)(deadline_ns % 1000000000u),
	};

	if (deadline_ns == 0)
		when.it_value.tv_nsec = 1; /* all zero would disarm the timer */
	vpnd->armed_ns = deadline_ns;
	(void)timerfd_settime(vpnd->timer_fd, TFD_TIMER_ABSTIME, &when, NULL);
}

struct sp_wg_datagram *sp_vpnd_unlock(struct sp_vpnd *vpnd)
{
	struct sp_wg_datagram *first = NULL, **link = &first;
	const uint64_t deadline_ns = sp_wg_next_deadline(vpnd->engine);

	if (deadline_ns < vpnd->armed_ns)
		arm(vpnd, deadline_ns);
	while ((*link = sp_wg_take_datagram(vpnd->engine)))
		link = &(*link)->next;
	pthread_mutex_unlock(&vpnd->lock);
	return first;
}

static void forget_stale(struct sp_vpnd *vpnd, const struct sp_udp_message *messages, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (messages[i].is_local_stale) {
			sp_vpnd_forget_local_addresses(vpnd);
			return;
		}
	}
}

void sp_vpnd_send(struct sp_vpnd *vpnd, struct sp_udp_socket *udp, struct sp_udp_message *messages,
		  size_t count)
{
	if (!atomic_load_explicit(&vpnd->is_up, memory_order_relaxed))
		return; /* without a port nothing can be sent */
	sp_udp_send(udp, messages, count);
	forget_stale(vpnd, messages, count);
}

void sp_vpnd_send_datagrams(struct sp_vpnd *vpnd, struct sp_udp_socket *udp,
			    struct sp_wg_datagram *list)
{
	while (list) {
		struct sp_udp_message messages[SP_UDP_SEND_MAX];
		struct sp_wg_datagram *datagram = list;
		size_t count = 0;

		for (; datagram && count < SP_UDP_SEND_MAX; datagram = datagram->next) {
			messages[count++] = (struct sp_udp_message){
				.bytes = datagram->bytes,
				.len = datagram->len,
				.to = datagram->to,
				.traffic_class = datagram->is_handshake ? HANDSHAKE_CLASS
									: datagram->outer_ecn,
			};
		}
		sp_vpnd_send(vpnd, udp, messages, count);
		while (list != datagram) {
			struct sp_wg_datagram *sent = list;

			list = list->next;
			free(sent);
		}
	}
}

void sp_vpnd_tick(struct sp_vpnd *vpnd)
{
	struct sp_wg_time now;

	sp_vpnd_lock(vpnd, &now);
	vpnd->armed_ns = SP_WG_NEVER;
	sp_wg_tick(vpnd->engine, &now);
	sp_vpnd_send_datagrams(vpnd, &vpnd->sockets[0], sp_vpnd_unlock(vpnd));
}

void sp_vpnd_stop(struct sp_vpnd *vpnd)
{
	(void)eventfd_write(vpnd->stop_fd, 1);
}
