/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The two halves of a conversation (api.h), for its own files: carrying out the lines of set=1, and
 * walking over an engine to tell what get=1 and stats=1 ask. */
#ifndef SALLYPORT_VPND_API_REQUEST_H
#define SALLYPORT_VPND_API_REQUEST_H

#include "io/uapi/uapi_line.h"
#include "vpnd/api/api.h"

/* ---- api_set.c ---- */

#define SP_API_PREFIXES_MAX 64

enum sp_api_peer_state {
	SP_API_PEER_NONE,   /* the device's lines */
	SP_API_PEER_WANTED, /* named; made, unless it exists, once a line needs it */
	SP_API_PEER_PRESENT,
	SP_API_PEER_IGNORED, /* removed, our own key, or unknown and only to be updated */
};

struct sp_api_set {
	const struct sp_api_device *device;
	enum sp_api_peer_state state;
	struct sp_wg_key public_key;
	bool was_made; /* by this request */
	bool has_keepalive;
	uint16_t keepalive_s; /* set with the end of the peer's lines: it may send at once */
	/* Allowed addresses go in together, so that replacing them by themselves loses no
	 * packet. */
	bool is_replacing;
	struct sp_prefix prefixes[SP_API_PREFIXES_MAX];
	size_t prefix_count;
};

/* Begin a request with the device's lines. Nothing is owned until the first line. */
void sp_api_set_begin(struct sp_api_set *set, const struct sp_api_device *device);
/* Returns 0; -EINVAL; -EPROTO no `key=value`; the device's -errno; -ENOMEM. What came before is
 * then set, and no further line may follow. */
int sp_api_set_line(struct sp_api_set *set, const struct sp_uapi_line *line);
/* The request is over. Returns 0; -ENOMEM. */
int sp_api_set_end(struct sp_api_set *set);

/* Take a peer's addresses off, a few under each lock, then the peer. False: it was none. */
bool sp_api_remove_peer(const struct sp_api_device *device,
			const uint8_t public_key[SP_WG_KEY_LEN]);

/* ---- api_get.c ---- */

enum sp_api_walk_place {
	SP_API_WALK_OVER,
	SP_API_WALK_DEVICE,
	SP_API_WALK_PEERS,
	SP_API_WALK_ALLOWED, /* within a peer */
};

struct sp_api_walk {
	const struct sp_api_device *device;
	bool is_stats;
	enum sp_api_walk_place place;
	struct sp_wg_peer_cursor peers;
	struct sp_wg_allowed_cursor allowed;
};

/* Begin before the device's lines. @is_stats: stats=1, else get=1. The caller runs _end. */
void sp_api_walk_begin(struct sp_api_walk *walk, const struct sp_api_device *device, bool is_stats);
/* Append a step's worth. Returns 0; -ENOMEM. */
int sp_api_walk_step(struct sp_api_walk *walk, struct sp_secret_buf *reply);
/* Leave it, wherever it is. */
void sp_api_walk_end(struct sp_api_walk *walk);

/* Append one formatted line, at most 255 bytes. Returns 0; -ENOMEM. */
int sp_api_put(struct sp_secret_buf *reply, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

#endif
