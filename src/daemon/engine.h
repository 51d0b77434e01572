/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The tunnel engine (wireguard-go, ours, any that speaks the userspace API) and the peers file,
 * kept in step with the sessions: a peer for each open or parked session, no other. The engine may
 * come, go and restart at any time; nothing here waits for it longer than a moment. */
#ifndef SALLYPORT_DAEMON_ENGINE_H
#define SALLYPORT_DAEMON_ENGINE_H

#include <sys/stat.h>

#include "daemon/loop.h"
#include "io/uapi.h"

struct sp_daemon;
struct sp_live;

struct sp_engine {
	char *socket_path;
	bool has_key;
	struct sp_wg_key private_key, public_key;
	struct sp_timer timer;
	bool is_wanted_changed; /* since the peers file was written and the engine told */
	bool is_reachable;
	int error;              /* why not */
	struct stat seen;       /* of the socket when the engine was last told everything */
	uint64_t asked_ns;      /* boot time of the last full comparison */
	struct sp_wg_device device; /* as it answered then */
};

/* The gateway's key (made once, kept 0600) and the peers file as found. */
int sp_engine_open(struct sp_daemon *daemon);
void sp_engine_close(struct sp_daemon *daemon);
/* Sessions changed: write the peers file and tell the engine in the next round. */
void sp_engine_touch(struct sp_daemon *daemon);
/* What it last said about a peer; NULL: it does not have it. */
const struct sp_wg_peer *sp_engine_peer(const struct sp_daemon *daemon, const uint8_t key[32]);
/* Ask it now, for status and lists. */
void sp_engine_refresh(struct sp_daemon *daemon);

#endif
