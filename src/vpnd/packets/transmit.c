/* SPDX-License-Identifier: GPL-3.0-or-later */
/* From the interface to the wire. A batch is all that the TUN has to read now. Its frames are cut
 * into packets, each copied once, to the place of its message; sealed there; and handed to UDP as
 * long messages of equal datagrams. There is no timer: a batch ends when the TUN is empty or the
 * buffer is full. */
#include <errno.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "net/mss.h"
#include "net/segment.h"
#include "vpnd/vpnd.h"
#include "wg/noise/messages.h"

#define ITEMS_MAX 128     /* packets a batch */
#define ROOM (256u << 10) /* for their messages */
/* room behind the message, because implementations of the cipher read ahead */
#define SLACK 4096

struct transmitter {
	struct sp_vpnd *vpnd;
	struct sp_tun_queue *tun;
	struct sp_udp_socket *udp;
	struct sp_aead *aead;
	uint8_t *room;
	size_t room_used, item_count;
	struct sp_wg_outgoing items[ITEMS_MAX];
	struct sp_aead_op ops[ITEMS_MAX];
	struct sp_udp_message messages[SP_UDP_SEND_MAX];
	size_t message_count, datagram_count; /* datagrams: of the last message */
	struct sp_tun_frame frame;
};

static void transmitter_free(struct transmitter *transmitter)
{
	sp_aead_free(transmitter->aead);
	if (transmitter->room)
		sp_wipe(transmitter->room, ROOM);
	free(transmitter->room);
	sp_wipe(&transmitter->frame, sizeof(transmitter->frame));
	free(transmitter);
}
SP_DEFINE_CLEANUP(struct transmitter *, transmitter_free);

static int transmitter_new(struct sp_vpnd_worker *worker, struct transmitter **ret_transmitter)
{
	__sp_cleanup(transmitter_freep) struct transmitter *transmitter =
		calloc(1, sizeof(*transmitter));
	int r;

	if (!transmitter)
		return -ENOMEM;
	transmitter->vpnd = worker->vpnd;
	transmitter->tun = &worker->vpnd->tuns[worker->queue];
	transmitter->udp = &worker->vpnd->sockets[worker->queue];
	transmitter->room = aligned_alloc(4096, ROOM + SLACK);
	if (!transmitter->room)
		return -ENOMEM;
	r = sp_aead_new(NULL, &transmitter->aead);
	if (r < 0)
		return r;
	*ret_transmitter = SP_TAKE_PTR(transmitter);
	return 0;
}

/* ---- sending what is sealed ---- */

static void send_messages(struct transmitter *transmitter)
{
	sp_vpnd_send(transmitter->vpnd, transmitter->udp, transmitter->messages,
		     transmitter->message_count);
	transmitter->message_count = 0;
}

static bool is_same_endpoint(const struct sp_wg_endpoint *a, const struct sp_wg_endpoint *b)
{
	return a->port == b->port && a->scope_id == b->scope_id &&
	       memcmp(&a->addr, &b->addr, sizeof(a->addr)) == 0 &&
	       memcmp(&a->local, &b->local, sizeof(a->local)) == 0;
}

/* Can the item's message be one more datagram of the last long message? It has to lie right behind
 * it and go the same way, and only the last datagram may be shorter. */
static bool can_extend(const struct transmitter *transmitter, const struct sp_wg_outgoing *item)
{
	const struct sp_udp_message *last = &transmitter->messages[transmitter->message_count - 1];
	const size_t step = last->segment_len ? last->segment_len : last->len;

	return transmitter->datagram_count < SP_UDP_SEGMENTS_MAX &&
	       last->len == transmitter->datagram_count * step && /* none shorter so far */
	       item->message_len <= step && last->len + item->message_len <= SP_UDP_MESSAGE_MAX &&
	       item->message == last->bytes + last->len && item->outer_ecn == last->traffic_class &&
	       is_same_endpoint(&item->to, &last->to);
}

static void add_message(struct transmitter *transmitter, const struct sp_wg_outgoing *item)
{
	struct sp_udp_message *last;

	if (transmitter->message_count && can_extend(transmitter, item)) {
		last = &transmitter->messages[transmitter->message_count - 1];
		if (!last->segment_len)
			last->segment_len = last->len;
		last->len += item->message_len;
		transmitter->datagram_count++;
		return;
	}
	if (transmitter->message_count == SP_UDP_SEND_MAX)
		send_messages(transmitter);
	transmitter->messages[transmitter->message_count++] = (struct sp_udp_message){
		.bytes = item->message,
		.len = item->message_len,
		.to = item->to,
		.traffic_class = item->outer_ecn,
	};
	transmitter->datagram_count = 1;
}

static void flush(struct transmitter *transmitter)
{
	struct sp_vpnd *vpnd = transmitter->vpnd;
	struct sp_wg_datagram *others;
	struct sp_wg_time now;
	size_t count;

	if (!transmitter->item_count)
		return;
	sp_vpnd_lock(vpnd, &now);
	count = sp_wg_send_begin(vpnd->engine, transmitter->items, transmitter->item_count, &now,
				 transmitter->ops);
	others = sp_vpnd_unlock(vpnd);
	if (count) {
		sp_aead_seal(transmitter->aead, transmitter->ops, count);
		sp_vpnd_lock(vpnd, NULL);
		sp_wg_send_end(vpnd->engine, transmitter->items, transmitter->item_count);
		(void)pthread_mutex_unlock(&vpnd->lock);
		for (size_t i = 0; i < transmitter->item_count; i++)
			if (transmitter->items[i].message_len)
				add_message(transmitter, &transmitter->items[i]);
		send_messages(transmitter);
	}
	sp_vpnd_send_datagrams(vpnd, transmitter->udp, others);
	transmitter->item_count = 0;
	transmitter->room_used = 0;
}

/* ---- taking in what is to be sent ---- */

static void add_packet(struct transmitter *transmitter, struct sp_segmenter *segmenter, size_t len)
{
	const size_t message_len = sp_wg_message_len(transmitter->vpnd->engine, len);
	uint8_t *message, *packet;

	if (transmitter->item_count == ITEMS_MAX || transmitter->room_used + message_len > ROOM)
		flush(transmitter);
	message = transmitter->room + transmitter->room_used;
	packet = message + sizeof(struct sp_wg_data_header);
	sp_segmenter_write(segmenter, packet);
	sp_mss_clamp(packet, len,
		     atomic_load_explicit(&transmitter->vpnd->mtu, memory_order_relaxed));
	transmitter->items[transmitter->item_count++] = (struct sp_wg_outgoing){
		.packet = packet,
		.len = len,
		.message = message,
	};
	transmitter->room_used += message_len;
}

static void add_frame(struct transmitter *transmitter, size_t len)
{
	struct sp_segmenter segmenter;
	size_t packet_len;

	if (sp_segmenter_init(&segmenter, &transmitter->frame.header, transmitter->frame.packet,
			      len) < 0) {
		atomic_fetch_add(&transmitter->vpnd->bad_frames, 1);
		return;
	}
	while ((packet_len = sp_segmenter_next_len(&segmenter)) != 0)
		add_packet(transmitter, &segmenter, packet_len);
}

int sp_vpnd_transmit(struct sp_vpnd_worker *worker)
{
	__sp_cleanup(transmitter_freep) struct transmitter *transmitter = NULL;
	int r = transmitter_new(worker, &transmitter);

	if (r < 0)
		return r;
	for (;;) {
		r = sp_tun_queue_read(transmitter->tun, transmitter->item_count == 0,
				      &transmitter->frame);
		if (r >= 0)
			add_frame(transmitter, (size_t)r);
		else if (r == -EAGAIN)
			flush(transmitter);
		else if (r != -EMSGSIZE)
			return r;
	}
}
