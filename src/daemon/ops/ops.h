/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Shared by the files of the ops: the fields of a request are read here, and the objects that
 * several replies have in common are made here. */
#ifndef SALLYPORT_DAEMON_OPS_H
#define SALLYPORT_DAEMON_OPS_H

#include "config/machine.h"
#include "daemon/access/sessions.h"
#include "daemon/apply/applies.h"
#include "daemon/base/json.h"
#include "daemon/base/warnings.h"
#include "daemon/control/control.h"
#include "daemon/control/works.h"
#include "daemon/engine/engine.h"
#include "daemon/health/drift.h"
#include "daemon/health/health.h"
#include "daemon/health/portal.h"
#include "daemon/health/targets.h"
#include "daemon/host/host.h"
#include "daemon/machine/network.h"
#include "daemon/machine/watch.h"
#include "daemon/people/people.h"
#include "daemon/record/drops.h"
#include "daemon/record/recorder.h"
#include "daemon/revisions/revision.h"
#include "daemon/store/store.h"
#include "io/files/paths.h"
#include "io/log/log.h"
#include "io/loop/clock.h"
#include "io/loop/loop.h"
#include "plane/plane.h"

struct sp_bans;
struct sp_hits;
struct sp_snapshot;

/* What the ops stand on, lent by the daemon. */
struct sp_ops {
	struct sp_loop *loop;
	const struct sp_paths *paths;
	const char *gateway_name;
	struct sp_machine *const *machine; /* sallyport.yaml as it is now */
	struct sp_store *store;
	struct sp_plane *plane;
	const struct sp_host *host;
	struct sp_network_watch *network;
	struct sp_watch *watch;
	struct sp_warnings *warnings;
	struct sp_people *people;
	struct sp_revisions *revisions;
	struct sp_engine *engine;
	struct sp_recorder *recorder;
	struct sp_drops *drops;
	struct sp_drifts *drifts;
	struct sp_portal_seen *portal;
	struct sp_health *health;
	struct sp_targets *targets;
	struct sp_applies *applies;
	struct sp_origins *origins;
	struct sp_works *works;
	struct sp_bans *bans;
	struct sp_hits *hits;
	const bool *is_lock_open, *is_memory_locked;
	const int64_t *started_ns;
};

/* One op. @fields: the names it takes besides v, id, op; another one is refused. @portal_fields:
 * the same where the portal's user asks; NULL: it may not. */
struct sp_op {
	const char *name;
	const char *const *fields, *const *portal_fields;
	void (*run)(struct sp_ops *ops, struct sp_client *client, const struct sp_request *request);
};

/* Fields by jansson's unpack format; false: the client was told what is wrong. */
bool sp_op_unpack(struct sp_client *client, const struct sp_request *request, const char *format,
		  ...);
/* The device a request names, as sp_device_lookup takes it. NULL: the client was told. */
struct sp_device *sp_op_device(struct sp_ops *ops, struct sp_client *client, const char *text);
/* A device's public key in base64. A point that no private key has is refused. False: the client
 * was told. */
bool sp_op_key(struct sp_client *client, const char *text, uint8_t ret_key[32]);
/* An IPv4 or IPv6 address as text; @what names the field. False: the client was told. */
bool sp_op_addr(struct sp_client *client, const char *what, const char *text,
		struct sp_addr *ret_addr);
/* An id of people or providers: 1 to 255 bytes. */
bool sp_op_text(struct sp_client *client, const char *what, const char *text);
/* A list of texts (NULL: none); @groups borrows them. False: the client was told. */
bool sp_op_groups(struct sp_client *client, const json_t *list, const char *groups[SP_GROUPS_MAX],
		  size_t *ret_count);
/* The portal's own sealed text. NULL is good. */
bool sp_op_refresh(struct sp_client *client, const char *text);
/* Tell why; a login-refused has its reason beside. */
void sp_op_refuse(struct sp_client *client, const struct sp_refusal *refusal);
/* Whose session or device a request is about. The portal acts for persons and must give both.
 * Administrators may leave both NULL; if they give them, sp_op_owns checks them too. */
struct sp_op_owner {
	const char *idp, *subject;
};
/* Does @owner name (@idp, @subject), or nobody, with an administrator as client? Returns false: it
 * does not, and the client was told. */
bool sp_op_owns(struct sp_client *client, const struct sp_op_owner *owner, const char *idp,
		const char *subject);
#define SP_OP_DEVICE_MAX 63
/* A name people see: 1 to @max bytes, printable, no slash; @what names the field. False: the client
 * was told. */
bool sp_op_name(struct sp_client *client, const char *what, const char *text, size_t max);

/* Is it clear whom the name means? @idp NULL: then one person has it. False: the client was
 * told. */
bool sp_op_whose_name(struct sp_ops *ops, struct sp_client *client, const char *user,
		      const char *idp);
/* @client: who will read the object. The sealed refresh token is for the portal alone. */
json_t *sp_json_session(struct sp_ops *ops, const struct sp_live *live,
			const struct sp_client *client);
/* The same with its tunnel, if it can have one. */
json_t *sp_json_session_with_tunnel(struct sp_ops *ops, const struct sp_live *live,
				    const struct sp_client *client);
/* A session as the database has it: its state is "closed" or "live", and the tunnel's part is null.
 * The caller owns the value. */
json_t *sp_json_row(const struct sp_session_row *row);
/* A device, its session if it has one, and what the engine says of it. The caller owns the value.
 */
json_t *sp_json_device(struct sp_ops *ops, const struct sp_device *device);
/* What the engine says of a peer: endpoint, last_handshake, rx_bytes, tx_bytes, drops, roams; nulls
 * where it says nothing. @peer may be NULL. */
json_t *sp_json_peer(struct sp_ops *ops, const struct sp_wg_peer *peer);
/* {reason: @word, packets}. The caller owns the value. */
json_t *sp_json_drop(const char *word, uint64_t packets);
/* What a snapshot has, as the keys of `status` (docs/control-socket.md). */
json_t *sp_json_snapshot(const struct sp_snapshot *snapshot);
/* The apply that waits to be confirmed, as `pending` tells it (docs/control-socket.md); null: none
 * does. */
json_t *sp_json_pending(const struct sp_ops *ops);
/* What a client needs to build its tunnel, also as the text of a wg-quick file. NULL: it would
 * carry more than a tunnel can. */
json_t *sp_json_tunnel(struct sp_ops *ops, const struct sp_device *device);

/* sp_session_open. Returns 0; 1 the request is asked again once a new revision has room for it, so
 * it is not answered now; -errno with @refusal. */
int sp_op_open_session(struct sp_ops *ops, struct sp_client *client,
		       const struct sp_request *request, struct sp_sign_in *sign_in,
		       struct sp_live **ret_live, struct sp_refusal *refusal);

/* Each answers one op of docs/control-socket.md, now or later, by sp_client_reply or
 * sp_client_fail. */
void sp_op_status(struct sp_ops *, struct sp_client *, const struct sp_request *);
void sp_op_check(struct sp_ops *, struct sp_client *, const struct sp_request *);
void sp_op_plan(struct sp_ops *, struct sp_client *, const struct sp_request *);
void sp_op_apply(struct sp_ops *, struct sp_client *, const struct sp_request *);
void sp_op_detach(struct sp_ops *, struct sp_client *, const struct sp_request *);
void sp_op_reload(struct sp_ops *, struct sp_client *, const struct sp_request *);
void sp_op_history(struct sp_ops *, struct sp_client *, const struct sp_request *);
/* ops_confirm.c */
void sp_op_confirm(struct sp_ops *, struct sp_client *, const struct sp_request *);
void sp_op_rollback(struct sp_ops *, struct sp_client *, const struct sp_request *);
void sp_op_pending(struct sp_ops *, struct sp_client *, const struct sp_request *);
void sp_op_explain(struct sp_ops *, struct sp_client *, const struct sp_request *);
void sp_op_session_open(struct sp_ops *, struct sp_client *, const struct sp_request *);
void sp_op_session_list(struct sp_ops *, struct sp_client *, const struct sp_request *);
void sp_op_session_extend(struct sp_ops *, struct sp_client *, const struct sp_request *);
void sp_op_session_update(struct sp_ops *, struct sp_client *, const struct sp_request *);
void sp_op_session_close(struct sp_ops *, struct sp_client *, const struct sp_request *);
void sp_op_peer_add(struct sp_ops *, struct sp_client *, const struct sp_request *);
void sp_op_peer_list(struct sp_ops *, struct sp_client *, const struct sp_request *);
void sp_op_peer_remove(struct sp_ops *, struct sp_client *, const struct sp_request *);
void sp_op_peer_config(struct sp_ops *, struct sp_client *, const struct sp_request *);
void sp_op_ban(struct sp_ops *, struct sp_client *, const struct sp_request *);
void sp_op_unban(struct sp_ops *, struct sp_client *, const struct sp_request *);
void sp_op_bans(struct sp_ops *, struct sp_client *, const struct sp_request *);
void sp_op_rules(struct sp_ops *, struct sp_client *, const struct sp_request *);
void sp_op_audit_query(struct sp_ops *, struct sp_client *, const struct sp_request *);
void sp_op_device_challenge(struct sp_ops *, struct sp_client *, const struct sp_request *);
void sp_op_login_refused(struct sp_ops *, struct sp_client *, const struct sp_request *);
void sp_op_portal_certificate(struct sp_ops *, struct sp_client *, const struct sp_request *);
void sp_op_portal_report(struct sp_ops *, struct sp_client *, const struct sp_request *);
/* The client of a query under way is gone. */
void sp_op_audit_gone(struct sp_ops *ops, struct sp_client *client);

/* Answer a request by the table of ops. @arg is a struct sp_ops. As sp_control_handler.request. */
void sp_ops_request(void *arg, struct sp_client *client, const struct sp_request *request);
/* Drop what any part keeps for @client. @arg is a struct sp_ops. As sp_control_handler.gone. */
void sp_ops_gone(void *arg, struct sp_client *client);

/* ---- of ops_policy.c and ops_confirm.c, for each other and for reload ---- */

struct sp_apply_request;
struct sp_confirm_request;

/* The connection a command came by, NULL or null: none was given. False: the client was told. */
bool sp_op_read_connection(struct sp_client *client, json_t *json, struct sp_apply_request *apply);
/* How an apply waits to be confirmed, NULL or null: it does not. False: the client was told. */
bool sp_op_read_confirm(struct sp_client *client, json_t *json, struct sp_confirm_request *confirm);
/* May a revision be staged, as far as no apply waits to be confirmed? False: the client was told;
 * or, with @reverts, what waits is to return, and @request is asked again then. */
bool sp_op_may_stage(struct sp_ops *ops, struct sp_client *client, const struct sp_request *request,
		     bool reverts);

#endif
