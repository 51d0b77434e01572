/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "daemon/engine_stats.h"

#include <string.h>

#include "base/array.h"
#include "base/err.h"
#include "daemon/daemon.h"
#include "net/addr.h"

#define SPOOFED_WORD "allowed-ips" /* as src/wg/peer.h has it */

void sp_engine_stats_done(struct sp_engine_stats *stats)
{
	sp_uapi_stats_done(&stats->answer);
	*stats = (struct sp_engine_stats){ 0 };
}

void sp_engine_stats_gone(struct sp_engine_stats *stats)
{
	sp_engine_stats_done(stats);
	stats->counts_from_zero = true;
}

static int compare_peer(const void *a, const void *b)
{
	const struct sp_uapi_peer_stats *left = a, *right = b;

	return memcmp(left->public_key.bytes, right->public_key.bytes, 32);
}

const struct sp_uapi_peer_stats *sp_engine_stats_peer(const struct sp_engine_stats *stats,
						      const uint8_t key[32])
{
	struct sp_uapi_peer_stats wanted;

	memcpy(wanted.public_key.bytes, key, 32);
	if (!stats->answer.peer_count)
		return NULL;
	return bsearch(&wanted, stats->answer.peers, stats->answer.peer_count, sizeof(wanted),
		       compare_peer);
}

/* ---- what is news ---- */

static uint64_t count_spoofed(const struct sp_uapi_peer_stats *peer)
{
	for (size_t i = 0; i < peer->drop_count; i++)
		if (!strcmp(peer->drops[i].word, SPOOFED_WORD))
			return peer->drops[i].count;
	return 0;
}

static uint64_t grown(uint64_t before, uint64_t now)
{
	return now >= before ? now - before : now;
}

/* Both by key, walked side by side. */
static int find_news(const struct sp_uapi_stats *before, const struct sp_uapi_stats *now,
		     struct sp_engine_news **ret_news, size_t *ret_count)
{
	static const struct sp_uapi_peer_stats nothing;
	__sp_free struct sp_engine_news *news = NULL;
	size_t count = 0, at = 0;

	for (size_t i = 0; i < now->peer_count; i++) {
		const struct sp_uapi_peer_stats *peer = &now->peers[i], *was = &nothing;
		struct sp_engine_news grew = { .public_key = peer->public_key }, *added;

		while (at < before->peer_count && compare_peer(&before->peers[at], peer) < 0)
			at++;
		if (at < before->peer_count && !compare_peer(&before->peers[at], peer))
			was = &before->peers[at];
		grew.spoofed = grown(count_spoofed(was), count_spoofed(peer));
		grew.roams = grown(was->roams, peer->roams);
		if (!grew.spoofed && !grew.roams)
			continue;
		added = SP_ARRAY_PUSH(news, count);
		if (!added)
			return -ENOMEM;
		*added = grew;
	}
	*ret_news = SP_TAKE_PTR(news);
	*ret_count = count;
	return 0;
}

static bool is_another(const struct sp_engine_stats *stats, const struct sp_engine_identity *whose)
{
	return stats->is_met && memcmp(&stats->whose, whose, sizeof(*whose)) != 0;
}

int sp_engine_stats_take(struct sp_engine_stats *stats, const struct sp_engine_identity *whose,
			 struct sp_uapi_stats *answer, struct sp_engine_news **ret_news,
			 size_t *ret_count)
{
	static const struct sp_uapi_stats zero;
	const struct sp_uapi_stats *before = &stats->answer;
	struct sp_engine_news *news = NULL;
	size_t count = 0;
	int r = 0;

	if (answer->peer_count)
		qsort(answer->peers, answer->peer_count, sizeof(*answer->peers), compare_peer);
	if (stats->counts_from_zero || is_another(stats, whose))
		before = &zero;
	else if (!stats->is_known)
		before = answer; /* a base only */
	r = find_news(before, answer, &news, &count);
	if (r < 0)
		return r;
	sp_engine_stats_done(stats);
	stats->answer = *answer;
	*answer = (struct sp_uapi_stats){ 0 };
	stats->is_known = stats->is_met = true;
	stats->whose = *whose;
	*ret_news = news;
	*ret_count = count;
	return 0;
}

/* ---- asking ---- */

static int ask(struct sp_daemon *daemon, const struct sp_engine_identity *whose,
	       struct sp_engine_news **ret_news, size_t *ret_count)
{
	struct sp_engine *engine = &daemon->engine;
	struct sp_engine_stats *stats = &engine->stats;
	__sp_uapi_stats struct sp_uapi_stats answer = { 0 };
	int r;

	if (!engine->way->get_stats || (stats->is_refused && !is_another(stats, whose)))
		return -EOPNOTSUPP;
	r = engine->way->get_stats(engine->socket_path, &answer);
	if (r == -EOPNOTSUPP) {
		sp_engine_stats_done(stats);
		stats->is_refused = stats->is_met = true;
		stats->whose = *whose;
	}
	return r < 0 ? r : sp_engine_stats_take(stats, whose, &answer, ret_news, ret_count);
}

/* ---- recording ---- */

static void record_spoofed(struct sp_daemon *daemon, const struct sp_engine_news *news)
{
	const uint8_t *key = news->public_key.bytes;
	const struct sp_device *device = sp_device_find(&daemon->people, key);

	if (device) /* else it is a stranger's, on its way out */
		sp_recorder_spoofed(daemon, device, sp_live_of_device(&daemon->people, key),
				    news->spoofed);
}

/* A peer that moved is worth a record: the same person elsewhere, or somebody else. One move that
 * left the address as it was is a NAT that chose another port; more may have led away and back. */
static void record_roaming(struct sp_daemon *daemon, const struct sp_wg_peer *was,
			   const struct sp_wg_peer *is, uint64_t roams)
{
	const bool is_elsewhere = was && was->has_endpoint && is->has_endpoint &&
				  sp_addr_compare(&was->endpoint, &is->endpoint);
	const struct sp_live *live;

	if (!is->has_endpoint || (!is_elsewhere && roams < 2))
		return;
	live = sp_live_of_device(&daemon->people, is->public_key.bytes);
	if (live)
		sp_recorder_roam(daemon, live, &is->endpoint, is->endpoint_port, roams ? roams : 1);
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

/* A handshake is done by who has both the private key and the pre-shared one, which went to the device's
 * holder alone: so it is they who have the key. One from before they enrolled it is another's. Nobody who has
 * one is awaited: that of the session before goes on in the next. An engine that starts again has forgotten it. */
static void take_handshake(struct sp_daemon *daemon, const struct sp_wg_peer *peer)
{
	struct sp_device *device = sp_device_find(&daemon->people, peer->public_key.bytes);
	struct sp_live *live;

	if (!device || peer->last_handshake_ns <= device->added_ns)
		return;
	if (!device->proven_ns)
		sp_device_prove(&daemon->people, device, "a handshake");
	live = sp_live_of_device(&daemon->people, device->public_key);
	if (live)
		sp_session_meet(&daemon->people, live);
}

void sp_engine_stats_look(struct sp_daemon *daemon, const struct sp_engine_identity *whose,
			  const struct sp_wg_device *before, const struct sp_wg_device *now)
{
	__sp_free struct sp_engine_news *news = NULL;
	size_t count = 0;

	if (ask(daemon, whose, &news, &count) < 0)
		count = 0; /* addresses are compared all the same */
	for (size_t i = 0; i < count; i++)
		if (news[i].spoofed)
			record_spoofed(daemon, &news[i]);
	for (size_t i = 0; i < now->peer_count; i++) {
		const struct sp_wg_peer *is = &now->peers[i];

		take_handshake(daemon, is);
		record_roaming(daemon, sp_engine_find_peer(before, is->public_key.bytes), is,
			       count_roams(news, count, &is->public_key));
	}
}
