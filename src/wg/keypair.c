/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The three slots of a peer's keys. Source: the kernel's noise.c, add_new_keypair and
 * received_with_keypair. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "wg/state.h"

struct sp_wg_keypair *sp_wg_keypair_ref(struct sp_wg_keypair *keypair)
{
	keypair->users++;
	return keypair;
}

void sp_wg_keypair_unref(struct sp_wg_keypair *keypair)
{
	if (!keypair || --keypair->users > 0)
		return;
	sp_wipe(keypair, sizeof(*keypair));
	free(keypair);
}

/* Take a keypair out of its slot. Its index is free at once. Its keys are wiped when the last
 * message under way is done with them. */
static void put(struct sp_wg_engine_peer *peer, struct sp_wg_keypair *keypair)
{
	if (!keypair)
		return;
	sp_wg_index_remove(&peer->engine->indices, &keypair->entry);
	keypair->peer = NULL;
	keypair->sending_is_valid = keypair->receiving_is_valid = false;
	sp_wg_keypair_unref(keypair);
}

static void add_as_initiator(struct sp_wg_engine_peer *peer, struct sp_wg_keypair *keypair)
{
	put(peer, peer->previous);
	if (peer->next) { /* never confirmed, but the other end may still send under it */
		put(peer, peer->current);
		peer->previous = peer->next;
		peer->next = NULL;
	} else {
		peer->previous = peer->current;
	}
	peer->current = keypair;
}

static void add_as_responder(struct sp_wg_engine_peer *peer, struct sp_wg_keypair *keypair)
{
	put(peer, peer->next);
	put(peer, peer->previous);
	peer->previous = NULL;
	peer->next = keypair;
}

int sp_wg_session_begin(struct sp_wg_engine_peer *peer)
{
	struct sp_wg_engine *engine = peer->engine;
	struct sp_wg_transport_keys keys;
	struct sp_wg_keypair *keypair;
	uint32_t index = peer->handshake.local_index;
	int r;

	keypair = calloc(1, sizeof(*keypair));
	if (!keypair)
		return -ENOMEM;
	r = sp_wg_handshake_finish(&peer->handshake, &keys);
	if (r < 0) {
		free(keypair);
		return r;
	}
	memcpy(keypair->sending_key, keys.sending, SP_WG_KEY_LEN);
	memcpy(keypair->receiving_key, keys.receiving, SP_WG_KEY_LEN);
	keypair->remote_index = keys.remote_index;
	keypair->is_initiator = keys.is_initiator;
	sp_wipe(&keys, sizeof(keys));
	keypair->born_ns = engine->now_ns;
	keypair->peer = peer;
	keypair->users = 1;
	keypair->sending_is_valid = keypair->receiving_is_valid = true;
	keypair->entry.peer = peer;
	keypair->entry.keypair = keypair;
	sp_wg_index_remove(&engine->indices, &peer->handshake_entry);
	sp_wg_index_insert(&engine->indices, &keypair->entry,
			   index); /* the table has room: an entry has just left */
	if (keypair->is_initiator)
		add_as_initiator(peer, keypair);
	else
		add_as_responder(peer, keypair);
	return 0;
}

bool sp_wg_session_confirm(struct sp_wg_engine_peer *peer, struct sp_wg_keypair *received_with)
{
	if (received_with != peer->next)
		return false;
	put(peer, peer->previous);
	peer->previous = peer->current;
	peer->current = peer->next;
	peer->next = NULL;
	return true;
}

void sp_wg_sessions_clear(struct sp_wg_engine_peer *peer)
{
	put(peer, peer->next);
	put(peer, peer->current);
	put(peer, peer->previous);
	peer->next = peer->current = peer->previous = NULL;
}

void sp_wg_handshake_clear(struct sp_wg_engine_peer *peer)
{
	sp_wg_index_remove(&peer->engine->indices, &peer->handshake_entry);
	sp_wg_handshake_wipe(&peer->handshake);
}

bool sp_wg_keypair_can_send(struct sp_wg_keypair *keypair, uint64_t now_ns)
{
	if (!keypair || !keypair->sending_is_valid)
		return false;
	if (now_ns - keypair->born_ns >= SP_WG_REJECT_AFTER_NS ||
	    keypair->sending_counter >= SP_WG_REJECT_AFTER_MESSAGES)
		keypair->sending_is_valid = false;
	return keypair->sending_is_valid;
}
