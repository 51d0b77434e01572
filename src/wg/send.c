/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Inner packets to data messages, and the packets that wait for a key. Source: the kernel's
 * send.c. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "wg/inner.h"
#include "wg/state.h"

static struct sp_wg_datagram *make_datagram(struct sp_wg_engine *engine,
					    struct sp_wg_engine_peer *peer,
					    const struct sp_wg_endpoint *to, size_t len)
{
	struct sp_wg_datagram *datagram;

	if (engine->outbox_count >= SP_WG_OUTBOX_MAX) {
		sp_wg_count_drop(engine, peer, SP_WG_DROP_OUTBOX_FULL);
		return NULL;
	}
	datagram = calloc(1, sizeof(*datagram) + len);
	if (!datagram) {
		sp_wg_count_drop(engine, peer, SP_WG_DROP_INTERNAL);
		return NULL;
	}
	datagram->to = *to;
	datagram->len = len;
	return datagram;
}

static void queue(struct sp_wg_engine *engine, struct sp_wg_datagram *datagram)
{
	*engine->outbox_link = datagram;
	engine->outbox_link = &datagram->next;
	engine->outbox_count++;
}

struct sp_wg_datagram *sp_wg_take_datagram(struct sp_wg_engine *engine)
{
	struct sp_wg_datagram *datagram = engine->outbox_first;

	if (!datagram)
		return NULL;
	engine->outbox_first = datagram->next;
	if (!datagram->next)
		engine->outbox_link = &engine->outbox_first;
	engine->outbox_count--;
	datagram->next = NULL;
	return datagram;
}

int sp_wg_emit_to(struct sp_wg_engine *engine, const struct sp_wg_endpoint *to, const void *bytes,
		  size_t len)
{
	struct sp_wg_datagram *datagram = make_datagram(engine, NULL, to, len);

	if (!datagram)
		return -ENOBUFS;
	memcpy(datagram->bytes, bytes, len);
	datagram->is_handshake = true;
	queue(engine, datagram);
	return 0;
}

int sp_wg_emit(struct sp_wg_engine_peer *peer, const void *bytes, size_t len, bool is_handshake)
{
	struct sp_wg_datagram *datagram = make_datagram(peer->engine, peer, &peer->endpoint, len);

	if (!datagram)
		return -ENOBUFS;
	memcpy(datagram->bytes, bytes, len);
	datagram->is_handshake = is_handshake;
	peer->tx_bytes += len;
	queue(peer->engine, datagram);
	return 0;
}

/* Pad to a multiple of 16 bytes, but not past the MTU. If a packet is longer than the MTU (it was
 * lowered meanwhile), only the part behind its last full multiple of the MTU is padded, as in the
 * kernel. */
static size_t padded_len(const struct sp_wg_engine *engine, size_t len)
{
	size_t mtu = __atomic_load_n(&engine->config.mtu, __ATOMIC_RELAXED),
	       last = len > mtu ? len % mtu : len, padded;

	padded = (last + SP_WG_PADDING - 1) / SP_WG_PADDING * SP_WG_PADDING;
	if (padded > mtu)
		padded = mtu;
	return len - last + padded;
}

size_t sp_wg_message_len(const struct sp_wg_engine *engine, size_t len)
{
	return padded_len(engine, len) + SP_WG_DATA_OVERHEAD;
}

static void put_header(uint8_t *message, const struct sp_wg_keypair *keypair, uint64_t counter)
{
	struct sp_wg_data_header *header = (struct sp_wg_data_header *)message;

	sp_put_le32(header->type_le, SP_WG_DATA);
	sp_put_le32(header->receiver_index_le, keypair->remote_index);
	sp_put_le64(header->counter_le, counter);
}

/* After each message under the current key, full or empty: run the timers, and ask for a new key
 * when this one has been used for too many messages or too long. */
static void after_sealing(struct sp_wg_engine_peer *peer, bool is_keepalive)
{
	struct sp_wg_keypair *keypair = peer->current;

	sp_wg_timers_any_authenticated_packet_traversal(peer);
	sp_wg_timers_any_authenticated_packet_sent(peer);
	if (!is_keepalive)
		sp_wg_timers_data_sent(peer);
	if (keypair->sending_counter > SP_WG_REKEY_AFTER_MESSAGES ||
	    (keypair->is_initiator &&
	     peer->engine->now_ns - keypair->born_ns >= SP_WG_REKEY_AFTER_NS))
		sp_wg_send_initiation(peer, false);
}

/* Seal one message at once and queue it: for the few messages that are not in a batch. */
static void emit_data(struct sp_wg_engine_peer *peer, const uint8_t *packet, size_t len)
{
	struct sp_wg_keypair *keypair = peer->current;
	size_t padded = len ? padded_len(peer->engine, len) : 0;
	struct sp_wg_datagram *datagram =
		make_datagram(peer->engine, peer, &peer->endpoint, padded + SP_WG_DATA_OVERHEAD);
	uint8_t *text;

	if (!datagram)
		return;
	text = datagram->bytes + sizeof(struct sp_wg_data_header);
	if (len) { /* the padding behind the packet is zero already */
		struct sp_wg_inner inner = { 0 };

		memcpy(text, packet, len);
		sp_wg_inner_parse(packet, len, &inner);
		datagram->outer_ecn = sp_wg_ecn_encapsulate(inner.ecn);
	}
	put_header(datagram->bytes, keypair, keypair->sending_counter);
	sp_chachapoly_seal(keypair->sending_key, keypair->sending_counter++, NULL, 0, text, padded,
			   text);
	peer->tx_bytes += datagram->len;
	queue(peer->engine, datagram);
	after_sealing(peer, len == 0);
}

void sp_wg_send_keepalive(struct sp_wg_engine_peer *peer)
{
	if (peer->staged_first)
		sp_wg_send_staged(peer);
	else if (!peer->endpoint.port)
		return;
	else if (sp_wg_keypair_can_send(peer->current, peer->engine->now_ns))
		emit_data(peer, NULL, 0);
	else
		sp_wg_send_initiation(peer, false);
}

static struct sp_wg_staged *unstage(struct sp_wg_engine_peer *peer)
{
	struct sp_wg_staged *staged = peer->staged_first;

	peer->staged_first = staged->next;
	if (!staged->next)
		peer->staged_link = &peer->staged_first;
	peer->staged_count--;
	peer->engine->staged_bytes -= staged->len;
	return staged;
}

static void free_staged(struct sp_wg_staged *staged)
{
	sp_wipe(staged->packet, staged->len);
	free(staged);
}

void sp_wg_purge_staged(struct sp_wg_engine_peer *peer, enum sp_wg_drop drop)
{
	while (peer->staged_first) {
		free_staged(unstage(peer));
		sp_wg_count_drop(peer->engine, peer, drop);
	}
}

void sp_wg_send_staged(struct sp_wg_engine_peer *peer)
{
	while (peer->staged_first) {
		struct sp_wg_staged *staged;

		if (!sp_wg_keypair_can_send(peer->current, peer->engine->now_ns)) {
			sp_wg_send_initiation(peer, false);
			return;
		}
		staged = unstage(peer);
		emit_data(peer, staged->packet, staged->len);
		free_staged(staged);
	}
}

/* Keep a copy of the packet until there is a key. If too many wait, the oldest is dropped. */
static enum sp_wg_drop stage(struct sp_wg_engine_peer *peer, const uint8_t *packet, size_t len)
{
	struct sp_wg_engine *engine = peer->engine;
	struct sp_wg_staged *staged;

	if (engine->staged_bytes + len > engine->config.staged_bytes_max)
		return sp_wg_count_drop(engine, peer, SP_WG_DROP_STAGED_FULL);
	staged = malloc(sizeof(*staged) + len);
	if (!staged)
		return sp_wg_count_drop(engine, peer, SP_WG_DROP_INTERNAL);
	staged->next = NULL;
	staged->len = len;
	memcpy(staged->packet, packet, len);
	*peer->staged_link = staged;
	peer->staged_link = &staged->next;
	engine->staged_bytes += len;
	if (++peer->staged_count > SP_WG_STAGED_MAX) {
		free_staged(unstage(peer));
		sp_wg_count_drop(engine, peer, SP_WG_DROP_STAGED_FULL);
	}
	sp_wg_send_staged(peer);
	return SP_WG_DROP_NONE;
}

/* Write the header and the padding of one item and fill its operation. The peer has a key. */
static void prepare(struct sp_wg_engine_peer *peer, struct sp_wg_outgoing *item,
		    struct sp_aead_op *op)
{
	struct sp_wg_keypair *keypair = peer->current;
	size_t padded = padded_len(peer->engine, item->len);
	uint8_t *text = item->message + sizeof(struct sp_wg_data_header);

	*op = (struct sp_aead_op){
		.key = keypair->sending_key,
		.counter = keypair->sending_counter++,
		.src = item->packet,
		.dst = text,
		.len = (uint32_t)padded,
	};
	put_header(item->message, keypair, op->counter);
	if (padded > item->len) { /* the packet moves so that the padding can follow it */
		if (item->packet != text)
			memcpy(text, item->packet, item->len);
		memset(text + item->len, 0, padded - item->len);
		op->src = text;
	}
	item->op = op;
	item->keypair = sp_wg_keypair_ref(keypair);
	item->message_len = padded + SP_WG_DATA_OVERHEAD;
	item->to = peer->endpoint;
	peer->tx_bytes += item->message_len;
	after_sealing(peer, false);
}

/* Begin the sealing of one item. Returns true: @op is to be sealed. */
static bool begin_one(struct sp_wg_engine *engine, struct sp_wg_outgoing *item,
		      struct sp_aead_op *op)
{
	struct sp_wg_inner inner;
	struct sp_wg_engine_peer *peer;

	item->message_len = 0;
	item->keypair = NULL;
	item->op = NULL;
	item->is_staged = false;
	item->drop = SP_WG_DROP_NONE;
	if (sp_wg_inner_parse(item->packet, item->len, &inner) < 0) {
		item->drop = sp_wg_count_drop(engine, NULL, SP_WG_DROP_INNER);
		return false;
	}
	item->outer_ecn = sp_wg_ecn_encapsulate(inner.ecn);
	peer = sp_wg_allowed_ips_find(&engine->allowed_ips, &inner.destination);
	if (!peer) {
		item->drop = sp_wg_count_drop(engine, NULL, SP_WG_DROP_UNROUTED);
		return false;
	}
	if (!peer->endpoint.port) {
		item->drop = sp_wg_count_drop(engine, peer, SP_WG_DROP_NO_ENDPOINT);
		return false;
	}
	if (!sp_wg_keypair_can_send(peer->current, engine->now_ns)) {
		item->drop = stage(peer, item->packet, item->len);
		item->is_staged = item->drop == SP_WG_DROP_NONE;
		return false;
	}
	/* The route to the peer's endpoint leads into the tunnel itself. Each round would wrap the
	 * packet once more, until it needs two packets, and so on. */
	if (sp_wg_inner_is_message_to(item->packet, item->len, peer->current->remote_index)) {
		item->drop = sp_wg_count_drop(engine, peer, SP_WG_DROP_LOOP);
		return false;
	}
	prepare(peer, item, op);
	return true;
}

size_t sp_wg_send_begin(struct sp_wg_engine *engine, struct sp_wg_outgoing *items, size_t count,
			const struct sp_wg_time *now, struct sp_aead_op *ops)
{
	size_t used = 0;

	sp_wg_engine_advance(engine, now);
	for (size_t i = 0; i < count; i++)
		used += begin_one(engine, &items[i], &ops[used]);
	return used;
}

void sp_wg_send_end(struct sp_wg_engine *engine, struct sp_wg_outgoing *items, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct sp_wg_outgoing *item = &items[i];

		if (item->op && item->op->result != 0) {
			item->drop =
				sp_wg_count_drop(engine, item->keypair->peer, SP_WG_DROP_INTERNAL);
			item->message_len = 0;
		}
		sp_wg_keypair_unref(item->keypair);
		item->keypair = NULL;
		item->op = NULL;
	}
}
