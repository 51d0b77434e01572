/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What our own engine counts (io/uapi/uapi_stats.h), asked with each full comparison; and what of
 * it is news since the answer before and goes on record: inner packets with somebody else's source,
 * and peers that moved.
 *
 * An engine counts from its start, a peer's counters from when it was added. So a counter that went
 * back began again at zero, and so did all of another engine. The first answer after our own start
 * is a base only, unless we saw that there was no engine before: what it counted until then may be
 * on record already. */
#ifndef SALLYPORT_DAEMON_ENGINE_STATS_H
#define SALLYPORT_DAEMON_ENGINE_STATS_H

#include "daemon/engine/engine_way.h"
#include "io/uapi/uapi_stats.h"

struct sp_engine_stats {
	struct sp_uapi_stats answer; /* the last one, its peers by key */
	bool is_known;               /* there is one, of the engine that is there */
	bool is_refused;             /* that engine does not know the question */
	bool is_met;                 /* `whose` is set */
	bool counts_from_zero;       /* there was no engine: whatever the next one says is news */
	struct sp_engine_identity whose;
};

/* How much the counters of one peer have grown. */
struct sp_engine_news {
	struct sp_wg_key public_key;
	/* packets out of the peer's tunnel whose source is not one of its addresses */
	uint64_t spoofed;
	uint64_t roams; /* how often the peer came from a new address or port */
};

/* Free what it holds; empty afterwards. */
void sp_engine_stats_done(struct sp_engine_stats *stats);
/* There is no engine. */
void sp_engine_stats_gone(struct sp_engine_stats *stats);
/* Keep an answer of the engine @whose, and list the news in it. @answer  taken and left empty; its
 * peers in any order. @ret_news, @ret_count  on 0: malloc'ed, by key, only peers with news. Returns
 * 0; -ENOMEM, and all is as it was. */
int sp_engine_stats_take(struct sp_engine_stats *stats, const struct sp_engine_identity *whose,
			 struct sp_uapi_stats *answer, struct sp_engine_news **ret_news,
			 size_t *ret_count);
/* Returns the counters of a peer. NULL: there are none, or the engine does not say them (is_known).
 */
const struct sp_uapi_peer_stats *sp_engine_stats_peer(const struct sp_engine_stats *stats,
						      const uint8_t key[32]);

/* Ask the engine @whose by @way at @socket_path, and take its answer. Returns as _take; -EOPNOTSUPP
 * it does not know the question; -errno it does not answer. */
int sp_engine_stats_ask(struct sp_engine_stats *stats, const struct sp_engine_way *way,
			const char *socket_path, const struct sp_engine_identity *whose,
			struct sp_engine_news **ret_news, size_t *ret_count);

#endif
