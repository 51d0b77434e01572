/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Managed mode: the peers file into the engine, and the end of each peer at its time whether or not
 * sallyportd lives.
 *
 * The file is taken whole or not at all. When it is replaced, peers that it newly names are added,
 * those that it no longer names are removed, and what changed of the others is set without touching
 * their sessions and counters. A peer that came by the socket alone has no deadline and is left
 * alone; one that was removed by the socket after the file was written stays removed.
 *
 * One thread at a time; the engine only under @device's lock, a peer at a time. */
#ifndef SALLYPORT_VPND_PEERS_LOAD_H
#define SALLYPORT_VPND_PEERS_LOAD_H

#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "io/uapi/peers_file.h"
#include "vpnd/api/api.h"

struct sp_vpnd_peers;

/* Watch @path, whose folder exists; nothing is read yet. @device lives as long. Returns 0; -errno
 * of inotify, timerfd, epoll. */
int sp_vpnd_peers_new(const char *path, const struct sp_api_device *device,
		      struct sp_vpnd_peers **ret_peers);
/* The engine's peers stay. NULL is allowed. */
void sp_vpnd_peers_free(struct sp_vpnd_peers *peers);
SP_DEFINE_CLEANUP(struct sp_vpnd_peers *, sp_vpnd_peers_free);

/* Read the file and set the engine to it; peers that expired before @now_s (CLOCK_REALTIME) are not
 * added. Returns 0; -EBADMSG with @ret_error: the place and cause, the engine and the deadlines as
 * they were; -ENOENT there is none, likewise; -EADDRINUSE and so on: its listen port, nothing else
 * was taken; what sp_peers_file_read returns. */
int sp_vpnd_peers_load(struct sp_vpnd_peers *peers, int64_t now_s,
		       struct sp_peers_error *ret_error);

/* Remove every peer whose time has come. Returns how many that were. */
size_t sp_vpnd_peers_expire(struct sp_vpnd_peers *peers, int64_t now_s);
/* The next such second, CLOCK_REALTIME; INT64_MAX: none. */
int64_t sp_vpnd_peers_next_deadline_s(const struct sp_vpnd_peers *peers);

/* A descriptor to wait for, borrowed: readable when the file was replaced, a deadline has come or
 * the clock was set. */
int sp_vpnd_peers_fd(const struct sp_vpnd_peers *peers);
/* Read the file if it has changed, and remove the peers whose time has come (@ret_expired: their
 * number). Returns as sp_vpnd_peers_load if it read the file, else 0. */
int sp_vpnd_peers_step(struct sp_vpnd_peers *peers, struct sp_peers_error *ret_error,
		       size_t *ret_expired);

/* For sp_api_device.removed: the socket removed this peer just now. Any thread. */
void sp_vpnd_peers_removed(struct sp_vpnd_peers *peers, const uint8_t public_key[SP_WG_KEY_LEN]);

#endif
