/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Client of the WireGuard userspace API: how any engine (wireguard-go, ours) is told its peers and
 * asked how they do. The texts are made and read by pure functions (uapi_text.c); the transactions
 * (uapi.c) each have one deadline of at most a second over connect, send and receive, so an engine
 * that hangs costs its caller that second and no more.
 * Source: wireguard.com/xplatform, "Cross-platform Userspace Implementation".
 */
#ifndef SALLYPORT_IO_UAPI_H
#define SALLYPORT_IO_UAPI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "io/files/secret_buf.h"
#include "io/wireguard/wg_device.h"

#define SP_UAPI_TIMEOUT_MAX_MS 1000
#define SP_UAPI_REPLY_MAX (64u << 20) /* bytes; some 160 000 peers */

/* ---- text ---- */

/* Read the reply to get=1: everything up to and with the empty line. Unknown keys are skipped, as
 * the protocol asks.
 * Returns 0; -EBADMSG not such a reply (a line without '=', a bad value, no `errno=`, a peer's key
 * before its `public_key`, a peer twice); the engine's own errno as -errno; -ENOMEM.
 */
int sp_uapi_parse_get(const char *text, size_t len, struct sp_wg_device *ret_device);
/* Read the reply to set=1. Returns 0; the engine's -errno; -EBADMSG. */
int sp_uapi_parse_set(const char *text, size_t len);
/* Whether @text ends a reply: its last line is empty. */
bool sp_uapi_is_complete(const char *text, size_t len);

/* A set=1 request in the making. Holds keys: its buffer is wiped when it grows and when it ends.
 * The first failure sticks and comes out of sp_uapi_set_finish.
 */
struct sp_uapi_set {
	struct sp_secret_buf text;
	int error;
	bool is_finished;
};

void sp_uapi_set_init(struct sp_uapi_set *set); /* writes "set=1" */
void sp_uapi_set_done(struct sp_uapi_set *set);
#define __sp_uapi_set __sp_cleanup(sp_uapi_set_done)

/* Each appends a line of the device. */
void sp_uapi_set_private_key(struct sp_uapi_set *set, const struct sp_wg_key *key);
void sp_uapi_set_listen_port(struct sp_uapi_set *set, uint16_t port);
void sp_uapi_set_replace_peers(struct sp_uapi_set *set); /* those not in this request go */

/* After the device's keys. Writes public_key and, unless REMOVE: preshared_key (zeros clear it),
 * the endpoint if it has one, keepalive, replace_allowed_ips and every allowed address.
 */
void sp_uapi_set_peer(struct sp_uapi_set *set, const struct sp_wg_peer *peer,
		      enum sp_wg_peer_mode mode);
/* The private key, the port and the peers that @change has. */
void sp_uapi_set_change(struct sp_uapi_set *set, const struct sp_wg_change *change);
/* A comment line `# …` (the peers file's; engines are never sent one). */
void sp_uapi_set_comment(struct sp_uapi_set *set, const char *comment);

/* End the request. Returns 0; the first error: -ENOMEM, -EINVAL (a newline in a comment, a bad
 * scope). */
int sp_uapi_set_finish(struct sp_uapi_set *set);

/* ---- transactions ---- */

/* Send any request and append the reply to @reply, up to and with its empty line. Returns as
 * sp_uapi_get; -EBADMSG the engine hung up before that. */
int sp_uapi_transact(const char *socket_path, int timeout_ms, const char *request, size_t len,
		     struct sp_secret_buf *reply);

/* Ask the engine behind @socket_path. @timeout_ms 1..SP_UAPI_TIMEOUT_MAX_MS for the whole of it.
 * Returns 0; -ENOENT, -ECONNREFUSED no engine; -ETIMEDOUT it does not answer; -EMSGSIZE its reply
 * is too long; -EBADMSG it talks nonsense; its own -errno; -ENAMETOOLONG; -ENOMEM.
 */
int sp_uapi_get(const char *socket_path, int timeout_ms, struct sp_wg_device *ret_device);
/* Send a finished request. Returns as sp_uapi_get. */
int sp_uapi_send(const char *socket_path, int timeout_ms, const struct sp_uapi_set *set);
/* Have it carry out a change. Returns as sp_uapi_get, and as sp_uapi_set_finish. */
int sp_uapi_change(const char *socket_path, int timeout_ms, const struct sp_wg_change *change);

#endif
