/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The statistics that our own engine gives beyond the userspace API (request `stats=1`): its
 * offloads, and how much it dropped for which reason, in its words. Other engines do not know the
 * request. */
#ifndef SALLYPORT_IO_UAPI_STATS_H
#define SALLYPORT_IO_UAPI_STATS_H

#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "io/wireguard/wg_key.h"

#define SP_UAPI_WORD_MAX 64

struct sp_uapi_fact {
	char name[SP_UAPI_WORD_MAX];  /* "aead" */
	char value[SP_UAPI_WORD_MAX]; /* "ipsec-mb" */
};

struct sp_uapi_drop {
	char word[SP_UAPI_WORD_MAX]; /* "allowed-ips" */
	uint64_t count;
};

struct sp_uapi_peer_stats {
	struct sp_wg_key public_key;
	uint64_t roams;             /* how often it came from a new address or port */
	struct sp_uapi_drop *drops; /* those not zero */
	size_t drop_count;
};

struct sp_uapi_stats {
	struct sp_uapi_fact *facts; /* in the engine's order */
	size_t fact_count;
	struct sp_uapi_drop *drops; /* that belong to no peer */
	size_t drop_count;
	struct sp_uapi_peer_stats *peers;
	size_t peer_count;
};

/* Free what it holds; empty afterwards. */
void sp_uapi_stats_done(struct sp_uapi_stats *stats);
#define __sp_uapi_stats __sp_cleanup(sp_uapi_stats_done)

/* Read a reply. Unknown keys of a peer are skipped. Returns 0; -EBADMSG; the engine's -errno;
 * -ENOMEM. */
int sp_uapi_parse_stats(const char *text, size_t len, struct sp_uapi_stats *ret_stats);
/* Ask. Returns as sp_uapi_get; -EOPNOTSUPP the engine does not know the request. */
int sp_uapi_stats(const char *socket_path, int timeout_ms, struct sp_uapi_stats *ret_stats);

#endif
