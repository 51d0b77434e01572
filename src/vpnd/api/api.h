/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The userspace API's side of an engine: requests in, answers out, both in pieces of any size, so
 * that neither 100 000 peers to set nor as many to tell need a buffer of their own.
 *
 * An answer ends in `errno=N` and an empty line. N is 0 or, as wireguard-go has it, negative after
 * set=1 (which is what `wg` prints) and positive otherwise (it reads no sign there). Whatever was
 * set before a line that is refused stays set; the rest of that request is read and not looked at.
 *
 * Besides get=1 and set=1 there is `stats=1`: the device's own lines, its drops, then for each peer
 * `public_key`, `drop=<word>:<count>` where not zero, and `roams`.
 * Source: wireguard.com/xplatform; wireguard-go's device/uapi.go where that is silent. */
#ifndef SALLYPORT_VPND_API_H
#define SALLYPORT_VPND_API_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "io/files/secret_buf.h"
#include "io/wireguard/wg_key.h"
#include "wg/engine.h"

#define SP_API_REQUEST_MAX (64u << 20) /* bytes of one request */

/* The process around the engine. Every function gets @arg; all but @removed are set. */
struct sp_api_device {
	struct sp_wg_engine *engine;
	void *arg;
	/* Held for a few microseconds at a time: for one key of one peer, or to copy one peer. */
	void (*lock)(void *arg);
	void (*unlock)(void *arg);
	/* The following are called without the lock. */
	void (*now)(void *arg, struct sp_wg_time *ret_now);
	/* A datagram may have been queued, or a deadline moved. */
	void (*changed)(void *arg);
	uint16_t (*get_listen_port)(void *arg);
	int (*set_listen_port)(void *arg, uint16_t port); /* 0 or -errno: -EADDRINUSE */
	uint32_t (*get_fwmark)(void *arg);
	int (*set_fwmark)(void *arg, uint32_t fwmark); /* 0 or -errno: -EPERM */
	/* The device's own lines of stats=1, `key=value\n` each. Returns 0 or -ENOMEM. */
	int (*write_stats)(void *arg, struct sp_secret_buf *reply);
	/* A request removed the peer of this key, which need not have existed. NULL: not called. */
	void (*removed)(void *arg, const uint8_t public_key[SP_WG_KEY_LEN]);
};

/* The conversation on one connection. */
struct sp_api_talk;

/* @device is borrowed and outlives the conversation. Returns 0; -ENOMEM. */
int sp_api_talk_new(const struct sp_api_device *device, struct sp_api_talk **ret_talk);
/* Hang up: a set=1 cut short keeps what came in whole. NULL is allowed. Not under the device's
 * lock. */
void sp_api_talk_free(struct sp_api_talk *talk);
SP_DEFINE_CLEANUP(struct sp_api_talk *, sp_api_talk_free);

/* Take @len bytes that came in. Stops behind a request whose answer has to be sent first. Returns
 * how many of @len bytes were used, fewer only while sp_api_talk_has_answer. */
size_t sp_api_talk_hear(struct sp_api_talk *talk, const char *bytes, size_t len);
/* The other side will send no more: a request cut short is answered with an error. */
void sp_api_talk_hear_end(struct sp_api_talk *talk);
/* There is more to tell. */
bool sp_api_talk_has_answer(const struct sp_api_talk *talk);
/* Append more of the answer to @reply, some @about bytes if there is that much. Returns 0;
 * -ENOMEM, and the conversation cannot go on. */
int sp_api_talk_tell(struct sp_api_talk *talk, size_t about, struct sp_secret_buf *reply);
/* A request was malformed or too long: close the connection once its answer is sent. */
bool sp_api_talk_is_over(const struct sp_api_talk *talk);

/* All of it at once, for whole requests: append every answer to @reply. Returns 0; -ENOMEM. */
int sp_api_answer(const struct sp_api_device *device, const char *request, size_t len,
		  struct sp_secret_buf *reply);

#endif
