/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Datagrams to inner packets. Source: the kernel's receive.c. */
#include <string.h>

#include "base/bytes.h"
#include "wg/inner.h"
#include "wg/state.h"

static bool is_handshake(const struct sp_wg_incoming *item)
{
	switch (sp_get_le32(item->message)) {
	case SP_WG_INITIATION:
		return item->len == sizeof(struct sp_wg_initiation);
	case SP_WG_RESPONSE:
		return item->len == sizeof(struct sp_wg_response);
	case SP_WG_COOKIE_REPLY:
		return item->len == sizeof(struct sp_wg_cookie_reply);
	default:
		return false;
	}
}

/* May the key still open messages? If not, it is invalid for good. */
static bool can_receive(struct sp_wg_keypair *keypair, uint64_t now_ns)
{
	if (now_ns - keypair->born_ns >= SP_WG_REJECT_AFTER_NS ||
	    keypair->replay.next >= SP_WG_REJECT_AFTER_MESSAGES)
		keypair->receiving_is_valid = false;
	return keypair->receiving_is_valid;
}

/* Begin the opening of one message. Returns true: @op is to be opened. */
static bool begin_data(struct sp_wg_engine *engine, struct sp_wg_incoming *item,
		       struct sp_aead_op *op)
{
	const struct sp_wg_data_header *header = (const struct sp_wg_data_header *)item->message;
	struct sp_wg_index_entry *entry =
		sp_wg_index_find(&engine->indices, sp_get_le32(header->receiver_index_le));
	uint8_t *text = item->message + sizeof(*header);

	if (!entry || !entry->keypair) {
		item->drop = sp_wg_count_drop(engine, NULL, SP_WG_DROP_INDEX);
		return false;
	}
	if (!can_receive(entry->keypair, engine->now_ns)) {
		item->drop = sp_wg_count_drop(engine, entry->peer, SP_WG_DROP_EXPIRED);
		return false;
	}
	item->counter = sp_get_le64(header->counter_le);
	*op = (struct sp_aead_op){
		.key = entry->keypair->receiving_key,
		.counter = item->counter,
		.src = text,
		.dst = text,
		.len = (uint32_t)(item->len - SP_WG_DATA_OVERHEAD),
	};
	item->op = op;
	item->keypair = sp_wg_keypair_ref(entry->keypair);
	return true;
}

size_t sp_wg_receive_begin(struct sp_wg_engine *engine, struct sp_wg_incoming *items, size_t count,
			   const struct sp_wg_time *now, struct sp_aead_op *ops)
{
	size_t used = 0;

	sp_wg_engine_advance(engine, now);
	for (size_t i = 0; i < count; i++) {
		struct sp_wg_incoming *item = &items[i];

		item->drop = SP_WG_DROP_NONE;
		item->packet = NULL;
		item->packet_len = 0;
		item->peer = NULL;
		item->keypair = NULL;
		item->op = NULL;
		item->has_roamed = false;
		if (item->len >= SP_WG_DATA_OVERHEAD && item->len <= UINT16_MAX &&
		    sp_get_le32(item->message) == SP_WG_DATA)
			used += begin_data(engine, item, &ops[used]);
		else if (item->len >= SP_WG_DATA_OVERHEAD && is_handshake(item))
			sp_wg_handshake_receive(engine, item);
		else
			item->drop = sp_wg_count_drop(engine, NULL, SP_WG_DROP_JUNK);
	}
	return used;
}

/* Renew the keys of an initiator that only receives, and therefore would not renew them by
 * sending. */
static void keep_key_fresh(struct sp_wg_engine_peer *peer)
{
	const struct sp_wg_keypair *keypair = peer->current;

	if (peer->sent_lastminute_handshake || !keypair || !keypair->sending_is_valid ||
	    !keypair->is_initiator ||
	    peer->engine->now_ns - keypair->born_ns <
		    SP_WG_REJECT_AFTER_NS - SP_WG_KEEPALIVE_TIMEOUT_NS - SP_WG_REKEY_TIMEOUT_NS)
		return;
	peer->sent_lastminute_handshake = true;
	sp_wg_send_initiation(peer, false);
}

/* Judge the plain text of a new, authentic message: it must be a packet, from an address of the
 * peer. */
static enum sp_wg_drop judge_inner(struct sp_wg_engine *engine, struct sp_wg_engine_peer *peer,
				   struct sp_wg_incoming *item, size_t text_len)
{
	uint8_t *text = item->message + sizeof(struct sp_wg_data_header);
	struct sp_wg_inner inner;

	if (sp_wg_inner_parse(text, text_len, &inner) < 0)
		return SP_WG_DROP_INNER;
	if (sp_wg_allowed_ips_find(&engine->allowed_ips, &inner.source) != peer)
		return SP_WG_DROP_ALLOWED_IPS;
	if (!sp_wg_ecn_decapsulate(text, item->outer_ecn & SP_ECN_MASK))
		return SP_WG_DROP_ECN;
	item->packet = text;
	item->packet_len = inner.len;
	return SP_WG_DROP_NONE;
}

static enum sp_wg_drop end_data(struct sp_wg_engine *engine, struct sp_wg_incoming *item)
{
	struct sp_wg_keypair *keypair = item->keypair;
	struct sp_wg_engine_peer *peer = keypair->peer;
	size_t text_len = item->len - SP_WG_DATA_OVERHEAD;
	enum sp_wg_drop drop;

	if (!peer)
		/* the peer was removed, or its keys were replaced, while the message was being
		 * opened */
		return SP_WG_DROP_INDEX;
	if (item->op->result != 0)
		return SP_WG_DROP_AUTH;
	if (!sp_wg_replay_accept(&keypair->replay, item->counter, SP_WG_REJECT_AFTER_MESSAGES))
		return SP_WG_DROP_REPLAY;
	item->peer = peer;
	item->has_roamed = sp_wg_learn_endpoint(peer, &item->from);
	if (sp_wg_session_confirm(peer, keypair)) {
		sp_wg_timers_handshake_complete(peer);
		sp_wg_send_staged(peer);
	}
	keep_key_fresh(peer);
	sp_wg_timers_any_authenticated_packet_received(peer);
	sp_wg_timers_any_authenticated_packet_traversal(peer);
	if (text_len == 0) {
		peer->rx_bytes += item->len;
		return SP_WG_DROP_NONE;
	}
	sp_wg_timers_data_received(peer);
	drop = judge_inner(engine, peer, item, text_len);
	if (drop == SP_WG_DROP_NONE)
		peer->rx_bytes += item->len;
	return drop;
}

void sp_wg_receive_end(struct sp_wg_engine *engine, struct sp_wg_incoming *items, size_t count,
		       const struct sp_wg_time *now)
{
	sp_wg_engine_advance(engine, now);
	for (size_t i = 0; i < count; i++) {
		struct sp_wg_incoming *item = &items[i];

		if (!item->keypair)
			continue;
		item->drop = end_data(engine, item);
		if (item->drop != SP_WG_DROP_NONE) {
			sp_wipe(item->message + sizeof(struct sp_wg_data_header),
				item->len - sizeof(struct sp_wg_data_header));
			sp_wg_count_drop(engine, item->keypair->peer, item->drop);
		}
		sp_wg_keypair_unref(item->keypair);
		item->keypair = NULL;
		item->op = NULL;
	}
}
