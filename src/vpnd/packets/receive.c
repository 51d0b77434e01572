/* SPDX-License-Identifier: GPL-3.0-or-later */
/* From the wire to the interface. A batch is all that the socket has to read now, up to eight times
 * 64 KiB. Messages are opened in place, and the packets of one connection go to the TUN as one
 * frame. */
#include <errno.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "net/merge.h"
#include "net/mss.h"
#include "vpnd/vpnd.h"

#define ITEMS_MAX 256 /* datagrams a step */

struct receiver {
	struct sp_vpnd *vpnd;
	struct sp_tun_queue *tun;
	struct sp_udp_socket *udp;
	struct sp_aead *aead;
	struct sp_udp_receiver *source;
	size_t item_count;
	struct sp_wg_incoming items[ITEMS_MAX];
	struct sp_aead_op ops[ITEMS_MAX];
	struct sp_merger merger;
};

static void receiver_free(struct receiver *receiver)
{
	sp_aead_free(receiver->aead);
	sp_udp_receiver_free(receiver->source);
	free(receiver);
}
SP_DEFINE_CLEANUP(struct receiver *, receiver_free);

/* A frame that the interface does not take is lost, as on a wire: the interface is down, or its
 * queue is full. */
static void deliver(void *arg, const struct iovec *iov, size_t count)
{
	struct receiver *receiver = arg;

	if (sp_tun_queue_write(receiver->tun, iov, count) < 0)
		atomic_fetch_add(&receiver->vpnd->refused_frames, 1);
}

static int receiver_new(struct sp_vpnd_worker *worker, struct receiver **ret_receiver)
{
	__sp_cleanup(receiver_freep) struct receiver *receiver = calloc(1, sizeof(*receiver));
	int r;

	if (!receiver)
		return -ENOMEM;
	receiver->vpnd = worker->vpnd;
	receiver->tun = &worker->vpnd->tuns[worker->queue];
	receiver->udp = &worker->vpnd->sockets[worker->queue];
	sp_merger_init(&receiver->merger, receiver->tun->offloads, deliver, receiver);
	r = sp_udp_receiver_new(&receiver->source);
	if (r == 0)
		r = sp_aead_new(NULL, &receiver->aead);
	if (r < 0)
		return r;
	*ret_receiver = SP_TAKE_PTR(receiver);
	return 0;
}

/* Open the messages collected so far. Packets wait in the merger, which points into the socket's
 * buffers. */
static void open_items(struct receiver *receiver)
{
	struct sp_vpnd *vpnd = receiver->vpnd;
	const unsigned int mtu = atomic_load_explicit(&vpnd->mtu, memory_order_relaxed);
	struct sp_wg_datagram *answers;
	struct sp_wg_time now;
	size_t count;

	sp_vpnd_lock(vpnd, &now);
	count = sp_wg_receive_begin(vpnd->engine, receiver->items, receiver->item_count, &now,
				    receiver->ops);
	answers = sp_vpnd_unlock(vpnd);
	sp_vpnd_send_datagrams(vpnd, receiver->udp, answers);
	if (count) {
		sp_aead_open(receiver->aead, receiver->ops, count);
		sp_vpnd_lock(vpnd, &now);
		sp_wg_receive_end(vpnd->engine, receiver->items, receiver->item_count, &now);
		answers = sp_vpnd_unlock(vpnd);
		for (size_t i = 0; i < receiver->item_count; i++) {
			const struct sp_wg_incoming *item = &receiver->items[i];

			if (!item->packet)
				continue;
			sp_mss_clamp(item->packet, item->packet_len, mtu);
			sp_merger_add(&receiver->merger, item->packet, item->packet_len);
		}
		sp_vpnd_send_datagrams(vpnd, receiver->udp, answers);
	}
	receiver->item_count = 0;
}

/* Split what UDP_GRO merged. */
static void add_message(struct receiver *receiver, const struct sp_udp_received *message)
{
	for (size_t offset = 0; offset < message->len; offset += message->segment_len) {
		const size_t left = message->len - offset;

		if (receiver->item_count == ITEMS_MAX)
			open_items(receiver);
		receiver->items[receiver->item_count++] = (struct sp_wg_incoming){
			.message = message->bytes + offset,
			.len = left < message->segment_len ? left : message->segment_len,
			.from = message->from,
			.outer_ecn = message->ecn,
		};
	}
}

int sp_vpnd_receive(struct sp_vpnd_worker *worker)
{
	__sp_cleanup(receiver_freep) struct receiver *receiver = NULL;
	struct sp_udp_received received[SP_UDP_BUFFERS];
	int r = receiver_new(worker, &receiver);

	while (r >= 0) {
		r = sp_udp_receive(receiver->udp, receiver->source, received);
		for (int i = 0; i < r; i++)
			add_message(receiver, &received[i]);
		if (receiver->item_count)
			open_items(receiver);
		sp_merger_flush(&receiver->merger);
		if (r == -ENOMEM || r == -ENOBUFS)
			r = 0; /* a passing trouble of the kernel */
	}
	return r;
}
