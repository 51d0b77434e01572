/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The tunnel engine (ours, wireguard-go, any that speaks the userspace API, or the kernel's) and
 * the peers file, kept in step with the sessions: a peer for each open or parked session and, for
 * seconds, for one that was ended, no other. The engine may come, go and restart at any time;
 * nothing here waits for it longer than a moment. */
#ifndef SALLYPORT_DAEMON_ENGINE_H
#define SALLYPORT_DAEMON_ENGINE_H

#include "daemon/engine/engine_stats.h"
#include "daemon/engine/engine_way.h"
#include "io/loop/loop.h"
#include "io/process/user.h"
#include "io/uapi/peers_file.h"

struct sp_live;
struct sp_machine;
struct sp_paths;
struct sp_people;
struct sp_recorder;
struct sp_warnings;

struct sp_engine {
	/* what it stands on, lent by the daemon */
	struct sp_loop *loop;
	struct sp_people *people;
	struct sp_machine *const *machine; /* sallyport.yaml as it is now */
	const struct sp_paths *paths;
	struct sp_warnings *warnings;
	struct sp_recorder *recorder; /* of engine_news.c alone */
	/* The engine @whose answered: its peers by key, in the answer before and in this one. */
	void (*answered)(void *arg, const struct sp_engine_identity *whose,
			 const struct sp_wg_device *before, const struct sp_wg_device *now);
	void *answered_arg;

	const struct sp_engine_way *way; /* chosen when the tunnel interface was made or adopted */
	char *socket_path;               /* of a userspace one */
	struct sp_user user;             /* whose it is: SP_UID_KEEP ours */
	bool has_key;
	struct sp_wg_key private_key, public_key;
	struct sp_timer timer;
	bool is_all_due;      /* it was never told, or may have forgotten: compare everything */
	bool is_file_behind;  /* the peers file is not what it should be */
	uint64_t file_due_ns; /* boot time before which it is not written again */
	bool is_reachable;
	int error;                      /* why not */
	struct sp_engine_identity seen; /* identity of the engine that was last told everything */
	uint64_t asked_ns;              /* boot time of the last full comparison */
	bool is_answer_behind;          /* it was told something since */
	/* as it answered then, its peers by key; kept while it is away */
	struct sp_wg_device device;
	/* keys and endpoints of the peers file at the start, sorted by key */
	struct sp_wg_device filed;
	struct sp_engine_stats stats; /* what it counted then */
};

/* Find the user to whom the tunnel interface and the peers file belong. Returns 0; -ENOENT there is
 * no user of the name that was asked for, which is in the log. */
int sp_engine_find_user(struct sp_engine *engine, const char *asked);
/* The gateway's key (made once, kept 0600) and the peers file as found. */
int sp_engine_open(struct sp_engine *engine);
/* Free what the engine's part holds, and wipe the private key. The engine and its peers stay. */
void sp_engine_close(struct sp_engine *engine);
/* Find the tunnel's key at @path. If the file is damaged, the key is taken from @peers (may be
 * NULL). Returns 0 even without a key: a warning says so, and everything but the tunnel works. */
int sp_engine_find_key(struct sp_engine *engine, const char *path, const struct sp_peers *peers);
/* People noted whose sessions changed: the engine is told in the next round, the peers file
 * follows. */
void sp_engine_wake(struct sp_engine *engine);
/* Whether the engine answers and was told of every change. */
bool sp_engine_is_in_step(const struct sp_engine *engine);
/* Returns what the engine said last about a peer; NULL: the engine does not have the peer. */
const struct sp_wg_peer *sp_engine_peer(const struct sp_engine *engine, const uint8_t key[32]);
/* A peer in an answer whose peers are sorted by key. */
const struct sp_wg_peer *sp_engine_find_peer(const struct sp_wg_device *device,
					     const uint8_t key[32]);
/* The engine has answered: record the news in its answer, and note which devices have had a
 * handshake. @before, @now: as for `answered`. */
void sp_engine_news_look(struct sp_engine *engine, const struct sp_engine_identity *whose,
			 const struct sp_wg_device *before, const struct sp_wg_device *now);
/* Ask it now, for status and lists. */
void sp_engine_refresh(struct sp_engine *engine);

#endif
