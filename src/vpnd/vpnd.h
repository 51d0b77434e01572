/* SPDX-License-Identifier: GPL-3.0-or-later */
/* sallyport-vpnd: one tunnel interface, one engine (wg/engine.h), and the threads around it.
 *
 *	transmit.c	one a queue: frames of the TUN -> packets -> sealed messages -> UDP
 *	receive.c	one a queue: UDP -> opened messages -> packets -> frames of the TUN
 *	control.c	timers, signals, the link's state, the peers file
 *	api_server.c	the userspace API, so that a long request delays no timer
 *
 * Packets are never handed from thread to thread. What threads share is the engine, behind one lock
 * that is held for the cheap steps only (engine.h), and the sockets, whose descriptors keep their
 * numbers. */
#ifndef SALLYPORT_VPND_VPND_H
#define SALLYPORT_VPND_VPND_H

#include <net/if.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "io/packets/tun_queue.h"
#include "io/packets/udp.h"
#include "wg/engine.h"

#define SP_VPND_QUEUES_MAX 16

struct sp_vpnd_peers;

struct sp_vpnd {
	char name[IFNAMSIZ];
	atomic_uint mtu; /* of the interface */
	struct sp_wg_engine *engine;
	pthread_mutex_t lock; /* of the engine and armed_ns */
	uint64_t armed_ns;    /* when timer_fd fires */
	int timer_fd;
	int stop_fd; /* eventfd: a thread found that there is nothing left to do */

	size_t queue_count;
	struct sp_tun_queue tuns[SP_VPND_QUEUES_MAX];
	struct sp_udp_socket sockets[SP_VPND_QUEUES_MAX];

	atomic_ullong bad_frames;     /* from the TUN: no packets */
	atomic_ullong refused_frames; /* to the TUN: it was down, or full */

	bool is_memory_locked;
	const char *aead_name;       /* what the threads seal with */
	struct sp_vpnd_peers *peers; /* NULL: not managed */

	/* device.c, where the link is up or down */
	pthread_mutex_t device_lock; /* to change what is below; taken before `lock` */
	atomic_bool is_up;
	uint16_t listen_port; /* as told, or as found; 0: any */
	uint32_t fwmark;
};

/* Lock the engine. *@ret_now (may be NULL) is the time, read after the lock was taken. */
void sp_vpnd_lock(struct sp_vpnd *vpnd, struct sp_wg_time *ret_now);
/* Set the timer for the engine's next deadline and unlock. Returns the datagrams that the engine
 * queued, for sp_vpnd_send_datagrams. */
struct sp_wg_datagram *sp_vpnd_unlock(struct sp_vpnd *vpnd);
/* Send and free a list. */
void sp_vpnd_send_datagrams(struct sp_vpnd *vpnd, struct sp_udp_socket *udp,
			    struct sp_wg_datagram *list);
/* Send @messages, at most SP_UDP_SEND_MAX, and forget addresses of ours that are gone. */
void sp_vpnd_send(struct sp_vpnd *vpnd, struct sp_udp_socket *udp, struct sp_udp_message *messages,
		  size_t count);
/* CLOCK_BOOTTIME and CLOCK_REALTIME, in nanoseconds. */
void sp_vpnd_now(struct sp_wg_time *ret_now);
/* The timer fired: run sp_wg_tick. */
void sp_vpnd_tick(struct sp_vpnd *vpnd);
/* End the process: the threads have nothing left to do. */
void sp_vpnd_stop(struct sp_vpnd *vpnd);

/* device.c: the port, the mark, up and down. Each returns 0 or -errno, the old state then stays. */
int sp_vpnd_set_listen_port(struct sp_vpnd *vpnd, uint16_t port);
int sp_vpnd_set_fwmark(struct sp_vpnd *vpnd, uint32_t fwmark);
uint16_t sp_vpnd_get_listen_port(struct sp_vpnd *vpnd);
uint32_t sp_vpnd_get_fwmark(struct sp_vpnd *vpnd);
/* Sockets exist while the link is up; going down ends the sessions, as it does in the kernel. */
int sp_vpnd_set_up(struct sp_vpnd *vpnd, bool is_up);
void sp_vpnd_forget_local_addresses(struct sp_vpnd *vpnd);
/* Begin a handshake with every peer whose address is known: after a start from the peers file ours
 * is the side that forgot its keys, and theirs would go on with the old ones for 15 seconds. Before
 * there are other threads. */
void sp_vpnd_call_peers(struct sp_vpnd *vpnd);

/* One thread of a queue. */
struct sp_vpnd_worker {
	struct sp_vpnd *vpnd;
	size_t queue;
};

/* Both are bodies of threads, and return when the queue can no longer be used: -ENOMEM, or the
 * -errno of the TUN or the socket. */
int sp_vpnd_transmit(struct sp_vpnd_worker *worker);
int sp_vpnd_receive(struct sp_vpnd_worker *worker);

#endif
