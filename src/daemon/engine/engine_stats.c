/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "daemon/engine/engine_stats.h"

#include <string.h>

#include "base/array.h"
#include "base/err.h"

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

int sp_engine_stats_ask(struct sp_engine_stats *stats, const struct sp_engine_way *way,
			const char *socket_path, const struct sp_engine_identity *whose,
			struct sp_engine_news **ret_news, size_t *ret_count)
{
	__sp_uapi_stats struct sp_uapi_stats answer = { 0 };
	int r;

	if (!way->get_stats || (stats->is_refused && !is_another(stats, whose)))
		return -EOPNOTSUPP;
	r = way->get_stats(socket_path, &answer);
	if (r == -EOPNOTSUPP) {
		sp_engine_stats_done(stats);
		stats->is_refused = stats->is_met = true;
		stats->whose = *whose;
	}
	return r < 0 ? r : sp_engine_stats_take(stats, whose, &answer, ret_news, ret_count);
}
