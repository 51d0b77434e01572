/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What an engine's answer brings: packets with another peer's source address and peers that moved
 * go on record; a handshake proves a device. */
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "daemon/change/change.h"
#include "daemon/access/devices.h"
#include "daemon/access/session_end.h"
#include "daemon/engine/engine.h"
#include "daemon/people/people.h"
#include "daemon/record/recorder.h"
#include "net/addr.h"

static void record_spoofed(struct sp_engine *engine, const struct sp_engine_news *news)
{
	const uint8_t *key = news->public_key.bytes;
	const struct sp_device *device = sp_device_find(engine->people, key);

	if (device) /* else the address is a stranger's, on its way out */
		sp_recorder_spoofed(engine->recorder, device,
				    sp_live_of_device(engine->people, key), news->spoofed);
}

/* A peer that moved gets a record: the same person at another place, or another person. After one
 * move to the same address a NAT chose another port; several moves may have led away and back. */
static void record_roaming(struct sp_engine *engine, const struct sp_wg_peer *was,
			   const struct sp_wg_peer *is, uint64_t roams)
{
	const bool is_elsewhere = was && was->has_endpoint && is->has_endpoint &&
				  sp_addr_compare(&was->endpoint, &is->endpoint);
	const struct sp_live *live;

	if (!is->has_endpoint || (!is_elsewhere && roams < 2))
		return;
	live = sp_live_of_device(engine->people, is->public_key.bytes);
	if (live)
		sp_recorder_roam(engine->recorder, live, &is->endpoint, is->endpoint_port,
				 roams ? roams : 1);
}

static int compare_news(const void *a, const void *b)
{
	const struct sp_engine_news *left = a, *right = b;

	return memcmp(left->public_key.bytes, right->public_key.bytes, 32);
}

static uint64_t count_roams(const struct sp_engine_news *news, size_t count,
			    const struct sp_wg_key *key)
{
	const struct sp_engine_news wanted = { .public_key = *key }, *found;

	found = count ? bsearch(&wanted, news, count, sizeof(*news), compare_news) : NULL;
	return found ? found->roams : 0;
}

/* A handshake proves both the private key and the pre-shared key, which only the device's holder
 * was given: so the holder has the private key. A handshake from before the enrolment was another
 * holder's. An engine that starts again has forgotten its handshakes. */
static void take_handshake(struct sp_engine *engine, const struct sp_wg_peer *peer)
{
	struct sp_device *device = sp_device_find(engine->people, peer->public_key.bytes);
	struct sp_live *live;

	if (!device || peer->last_handshake_ns <= device->added_ns)
		return;
	if (!device->proven_ns)
		sp_device_prove(engine->people, device, "a handshake");
	live = sp_live_of_device(engine->people, device->public_key);
	if (live)
		sp_session_meet(engine->people, live, peer->last_handshake_ns);
}

void sp_engine_news_look(struct sp_engine *engine, const struct sp_engine_identity *whose,
			 const struct sp_wg_device *before, const struct sp_wg_device *now)
{
	__sp_free struct sp_engine_news *news = NULL;
	size_t count = 0;

	if (sp_engine_stats_ask(&engine->stats, engine->way, engine->socket_path, whose, &news,
				&count) < 0)
		count = 0; /* addresses are compared even so */
	for (size_t i = 0; i < count; i++)
		if (news[i].spoofed)
			record_spoofed(engine, &news[i]);
	for (size_t i = 0; i < now->peer_count; i++) {
		const struct sp_wg_peer *is = &now->peers[i];
		const struct sp_wg_peer *was = sp_engine_find_peer(before, is->public_key.bytes);

		if (!was || was->last_handshake_ns != is->last_handshake_ns)
			take_handshake(engine, is);
		record_roaming(engine, was, is, count_roams(news, count, &is->public_key));
	}
}
