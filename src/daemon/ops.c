/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The table of ops, and what reading a request and writing a reply have in common. */
#include "daemon/ops.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "audit/time.h"
#include "base/text.h"
#include "crypto/key_proof.h"
#include "io/wg_key.h"
#include "json/text.h"
#include "net/addr.h"

static void not_supported(struct sp_daemon *daemon, struct sp_client *client,
			  const struct sp_request *request)
{
	(void)daemon;
	sp_client_fail(client, "not-supported", 1, NULL, "%s is not supported yet",
		       json_string_value(json_object_get(request->json, "op")));
}

/* What an op that is not built takes is not looked at. */
static const char *const any_field[] = { "*", NULL };

static const struct sp_op *find_op(const char *name)
{
	static const char *const status[] = { "rules", NULL };
	static const char *const policy[] = { "path", "text", "text_bytes", NULL };
	static const char *const apply[] = { "path",  "text",       "text_bytes",
					     "force", "connection", NULL };
	static const char *const detach[] = { "yes", "why", NULL };
	static const char *const history[] = { "limit", NULL };
	static const char *const explain[] = { "from", "idp",   "to",     "service", "on",
					       "at",   "plane", "record", NULL };
	static const char *const open[] = { "idp",    "subject",   "user",   "groups",
					    "attrs",  "auth_time", "device", "max_s",
					    "idle_s", "refresh",   "from",   NULL };
	static const char *const list[] = { "all",    "user",   "idp", "session",
					    "device", "tunnel", NULL };
	static const char *const extend[] = { "session",   "max_s",   "idp",  "subject", "groups",
					      "auth_time", "refresh", "from", NULL };
	static const char *const update[] = { "session", "groups", "refresh", "idp",
					      "subject", "ends_s", "ending",  NULL };
	static const char *const close[] = { "session", "user",    "device", "why",
					     "idp",     "subject", NULL };
	static const char *const add[] = { "public_key", "name", "user", "idp", "subject", NULL };
	static const char *const none[] = { NULL };
	static const char *const user[] = { "user", "idp", NULL };
	static const char *const device[] = { "device", NULL };
	static const char *const remove[] = { "device", "idp", "subject", NULL };
	static const char *const refused[] = { "idp",  "reason", "user", "detail",
					       "from", "device", NULL };
	static const char *const report[] = { "url",      "fingerprint",   "providers", "every",
					      "pressure", "memory_locked", NULL };
	/* how long a session lasts is not among the things the portal says */
	static const char *const portal_open[] = { "idp",   "subject",   "user",   "groups",
						   "attrs", "auth_time", "device", "refresh",
						   "from",  NULL };
	static const char *const portal_extend[] = { "session",   "idp",     "subject", "groups",
						     "auth_time", "refresh", "from",    NULL };
	static const struct sp_op ops[] = {
		{ "status", status, NULL, sp_op_status },
		{ "check", policy, NULL, sp_op_check },
		{ "apply", apply, NULL, sp_op_apply },
		{ "reload", none, NULL, sp_op_reload },
		{ "history", history, NULL, sp_op_history },
		{ "detach", detach, NULL, sp_op_detach },
		{ "explain", explain, NULL, sp_op_explain },
		{ "session.open", open, portal_open, sp_op_session_open },
		{ "session.list", list, list, sp_op_session_list },
		{ "session.extend", extend, portal_extend, sp_op_session_extend },
		{ "session.update", update, update, sp_op_session_update },
		{ "session.close", close, close, sp_op_session_close },
		{ "device.challenge", none, none, sp_op_device_challenge },
		{ "peer.add", add, NULL, sp_op_peer_add },
		{ "peer.list", user, user, sp_op_peer_list },
		{ "peer.remove", remove, remove, sp_op_peer_remove },
		{ "peer.config", device, NULL, sp_op_peer_config },
		{ "login.refused", refused, refused, sp_op_login_refused },
		{ "portal.certificate", none, none, sp_op_portal_certificate },
		{ "portal.report", report, report, sp_op_portal_report },
		{ "audit.query", any_field, NULL, sp_op_audit_query }, /* keys: audit/query.h */
		{ "replay", any_field, NULL, not_supported },
		{ "confirm", any_field, NULL, not_supported },
		{ "rollback", any_field, NULL, not_supported },
		{ "doctor", any_field, NULL, not_supported },
	};

	for (size_t i = 0; i < sizeof(ops) / sizeof(ops[0]); i++)
		if (!strcmp(ops[i].name, name))
			return &ops[i];
	return NULL;
}

static bool takes_field(const char *const *fields, const char *name)
{
	if (!strcmp(name, "v") || !strcmp(name, "id") || !strcmp(name, "op"))
		return true;
	for (size_t i = 0; fields[i]; i++)
		if (!strcmp(fields[i], name) || !strcmp(fields[i], "*"))
			return true;
	return false;
}

void sp_ops_request(void *arg, struct sp_client *client, const struct sp_request *request)
{
	struct sp_daemon *daemon = arg;
	const char *name = json_string_value(json_object_get(request->json, "op"));
	const struct sp_op *op = find_op(name);
	const char *const *fields;
	const char *field;
	json_t *value;

	if (!op) {
		sp_client_fail(client, "unknown-op", 2, NULL, "there is no op %.40s", name);
		return;
	}
	fields = sp_client_is_portal(client) ? op->portal_fields : op->fields;
	if (!fields) {
		sp_client_fail(client, "not-permitted", 7, NULL, "the portal may not use %s", name);
		return;
	}
	json_object_foreach((json_t *)request->json, field, value) {
		if (takes_field(fields, field))
			continue;
		if (takes_field(op->fields, field)) {
			sp_client_fail(client, "not-permitted", 7, NULL,
				       "the portal may not give %s to %s", field, name);
			return;
		}
		sp_client_fail(client, "bad-request", 2, NULL, "%s takes no field %.40s", name,
			       field);
		return;
	}
	op->run(daemon, client, request);
}

void sp_ops_gone(void *arg, struct sp_client *client)
{
	struct sp_daemon *daemon = arg;

	sp_apply_forget_client(daemon, client);
	sp_again_forget(daemon, client);
	sp_recorder_unfollow(daemon, client);
	sp_portal_gone(daemon, client);
	sp_op_audit_gone(daemon, client);
}

/* ---- reading ---- */

bool sp_op_unpack(struct sp_client *client, const struct sp_request *request, const char *format,
		  ...)
{
	json_error_t error;
	va_list args;
	int r;

	va_start(args, format);
	r = json_vunpack_ex((json_t *)request->json, &error, 0, format, args);
	va_end(args);
	if (r < 0)
		sp_client_fail(client, "bad-request", 2, NULL, "%s: %s",
			       json_string_value(json_object_get(request->json, "op")), error.text);
	return r == 0;
}

struct sp_device *sp_op_device(struct sp_daemon *daemon, struct sp_client *client, const char *text)
{
	struct sp_device *device = NULL;
	int r = sp_device_lookup(&daemon->people, text, &device);

	if (r == -EEXIST)
		sp_client_fail(
			client, "ambiguous", 1, NULL,
			"several people have a device named %.63s; say user/%.63s or its key", text,
			text);
	else if (r < 0)
		sp_client_fail(client, "no-such-device", 1, NULL, "no device %.100s is known",
			       text);
	return device;
}

bool sp_op_key(struct sp_client *client, const char *text, uint8_t ret_key[32])
{
	struct sp_wg_key key;

	if (sp_wg_public_from_base64(text, &key) < 0) {
		sp_client_fail(client, "bad-request", 2, NULL,
			       "public_key is 44 characters of base64, as `wg pubkey` prints it");
		return false;
	}
	if (!sp_x25519_is_public(key.bytes)) {
		sp_client_fail(client, "bad-request", 2, NULL,
			       "no private key has this public_key: give what `wg pubkey` prints");
		return false;
	}
	memcpy(ret_key, key.bytes, 32);
	return true;
}

bool sp_op_name(struct sp_client *client, const char *what, const char *text, size_t max)
{
	const bool is_good = sp_text_is_name(text, max);

	if (!is_good)
		sp_client_fail(client, "bad-request", 2, NULL,
			       "%s is 1 to %zu printable bytes without `/`", what, max);
	return is_good;
}

bool sp_op_addr(struct sp_client *client, const char *what, const char *text,
		struct sp_addr *ret_addr)
{
	if (sp_addr_parse(text, ret_addr) == 0)
		return true;
	sp_client_fail(client, "bad-request", 2, NULL, "%s is an IPv4 or IPv6 address", what);
	return false;
}

bool sp_op_text(struct sp_client *client, const char *what, const char *text)
{
	const size_t len = strlen(text);

	if (len >= 1 && len <= 255 && sp_text_is_printable(text, len))
		return true;
	sp_client_fail(client, "bad-request", 2, NULL, "%s is 1 to 255 bytes that print", what);
	return false;
}

bool sp_op_groups(struct sp_client *client, const json_t *list,
		  const char *groups[SP_OP_GROUPS_MAX], size_t *ret_count)
{
	size_t count = json_array_size(list);

	if (list && (!json_is_array(list) || count > SP_OP_GROUPS_MAX)) {
		sp_client_fail(client, "bad-request", 2, NULL,
			       "groups is a list of at most %d texts", SP_OP_GROUPS_MAX);
		return false;
	}
	for (size_t i = 0; i < count; i++) {
		groups[i] = json_string_value(json_array_get(list, i));
		if (!groups[i] || !sp_text_is_label(groups[i], 255)) {
			sp_client_fail(client, "bad-request", 2, NULL,
				       "groups[%zu] is no text of 1 to 255 bytes that print", i);
			return false;
		}
	}
	*ret_count = count;
	return true;
}

bool sp_op_refresh(struct sp_client *client, const char *text)
{
	if (!text || strlen(text) <= 8192)
		return true;
	sp_client_fail(client, "bad-request", 2, NULL, "refresh is at most 8192 bytes long");
	return false;
}

void sp_op_refuse(struct sp_client *client, const struct sp_refusal *refusal)
{
	json_t *details = NULL;

	if (!strcmp(refusal->code, "login-refused"))
		details = json_pack("{s:s}", "reason", sp_refuse_word(refusal->reason));
	sp_client_fail(client, refusal->code, refusal->exit_code, details, "%s", refusal->message);
}

bool sp_op_owns(struct sp_client *client, const struct sp_op_owner *owner, const char *idp,
		const char *subject)
{
	const bool is_named = owner->idp && owner->subject;

	if (!is_named && (owner->idp || owner->subject || sp_client_is_portal(client))) {
		sp_client_fail(client, "bad-request", 2, NULL,
			       "idp and subject say whose it is: give both");
		return false;
	}
	if (!is_named ||
	    (idp && subject && !strcmp(owner->idp, idp) && !strcmp(owner->subject, subject)))
		return true;
	sp_client_fail(client, "not-permitted", 7, NULL, "it is not %.100s's (idp %.63s)",
		       owner->subject, owner->idp);
	return false;
}

bool sp_op_whose_name(struct sp_daemon *daemon, struct sp_client *client, const char *user,
		      const char *idp)
{
	const char *idps[2];

	if (idp || !sp_people_share_name(&daemon->people, user, idps))
		return true;
	sp_client_fail(client, "ambiguous", 1, NULL,
		       "%.255s is two: of %.63s and of %.63s; say whose (--idp)", user,
		       *idps[0] ? idps[0] : "no provider, a machine",
		       *idps[1] ? idps[1] : "no provider, a machine");
	return false;
}

/* ---- writing ---- */

json_t *sp_json_time(int64_t utc_ns)
{
	char text[SP_TIME_TEXT_MAX];

	if (!utc_ns)
		return json_null();
	sp_time_format(utc_ns, text);
	strcpy(text + strlen("2026-11-22T03:10:00.123"), "Z"); /* milliseconds are plenty */
	return json_string(text);
}

json_t *sp_json_key(const uint8_t bytes[32])
{
	char text[SP_WG_KEY_BASE64];
	struct sp_wg_key key;

	memcpy(key.bytes, bytes, 32);
	return json_string(sp_wg_key_to_base64(&key, text));
}

json_t *sp_json_addresses(const struct sp_addr addresses[2], const bool has_address[2])
{
	json_t *list = json_array();
	char text[SP_ADDR_TEXT_MAX];

	for (int family = 0; family < 2; family++)
		if (has_address[family])
			json_array_append_new(
				list, json_string(sp_addr_format(&addresses[family], text)));
	return list;
}

/* What the database keeps. */
json_t *sp_json_row(const struct sp_session_row *row)
{
	json_t *groups = json_loads(row->groups, 0, NULL);
	json_t *roles = json_loads(row->roles, 0, NULL);

	return json_pack(
		"{s:I, s:s, s:s, s:s?, s:s?, s:o, s:o, s:o, s:{s:s, s:o}, s:o, s:o, s:I, s:I,"
		" s:n, s:n, s:o, s:s?, s:o, s:s?}",
		"session", (json_int_t)row->id, "state", row->closed_ns ? "closed" : "live", "user",
		row->user, "idp", row->idp, "subject", row->subject, "groups",
		groups ? groups : json_array(), "roles", roles ? roles : json_array(), "addresses",
		sp_json_addresses(row->addresses, row->has_address), "device", "name", row->device,
		"public_key", sp_json_key(row->public_key), "opened", sp_json_time(row->opened_ns),
		"expires", sp_json_time(row->expires_ns), "idle_s", (json_int_t)row->idle_s,
		"warn_s", (json_int_t)row->warn_s, "last_seen", "flows", "closed",
		sp_json_time(row->closed_ns), "why", row->why, "replaces",
		row->replaces ? json_integer((json_int_t)row->replaces) : json_null(), "ending",
		row->closed_ns ? NULL : row->ending);
}

/* What they were refused lately, with what the rule says to them. */
static json_t *describe_denials(const struct sp_daemon *daemon, const struct sp_live *live)
{
	const struct sp_revision *running = daemon->revisions.running;
	json_t *list = json_array();

	for (size_t i = 0; i < SP_DENIALS_KEPT && live->denials[i].time_ns; i++) {
		const struct sp_denial *denial = &live->denials[i];
		const struct sp_rule *rule =
			running ? sp_policy_rule(running->policy, denial->rule) : NULL;
		char address[SP_ADDR_TEXT_MAX], number[8];

		json_array_append_new(
			list, json_pack("{s:o, s:s, s:s, s:o, s:o}", "time",
					sp_json_time(denial->time_ns), "destination",
					sp_addr_format(&denial->destination, address), "proto",
					sp_audit_proto_name(denial->proto, number), "port",
					denial->port ? json_integer(denial->port) : json_null(),
					"message",
					rule && rule->reason ? sp_json_of_text(rule->reason)
							     : json_null()));
	}
	return list;
}

json_t *sp_json_session(struct sp_daemon *daemon, const struct sp_live *live,
			const struct sp_client *client)
{
	static const char *const states[] = { "live", "expired", "closed" };
	json_t *json = sp_json_row(&live->row);
	struct sp_plane_session session;

	json_object_set_new(json, "state", json_string(states[live->state]));
	json_object_set_new(json, "refusals", describe_denials(daemon, live));
	if (sp_client_is_portal(client))
		json_object_set_new(json, "refresh",
				    live->row.refresh ? json_string(live->row.refresh)
						      : json_null());
	if (live->state == SP_LIVE_ENDED ||
	    sp_plane_session_get(daemon->plane, live->row.slot, &session) < 0)
		return json;
	json_object_set_new(json, "flows", json_integer((json_int_t)session.flows));
	json_object_set_new(json, "last_seen",
			    sp_json_time(sp_clock_boottime_to_utc_ns(session.last_seen_ns,
								     sp_clock_offset_ns())));
	return json;
}

json_t *sp_json_drop(const char *word, uint64_t packets)
{
	return json_pack("{s:s, s:I}", "reason", word, "packets", (json_int_t)packets);
}

/* What it counted; a peer it does not mention has nothing but zeros. */
static json_t *describe_counts(const struct sp_engine_stats *stats, const struct sp_wg_peer *peer)
{
	const struct sp_uapi_peer_stats *counts;
	json_t *drops;

	if (!stats->is_known)
		return json_pack("{s:n, s:n}", "drops", "roams");
	counts = sp_engine_stats_peer(stats, peer->public_key.bytes);
	drops = json_array();
	for (size_t i = 0; counts && i < counts->drop_count; i++)
		json_array_append_new(drops,
				      sp_json_drop(counts->drops[i].word, counts->drops[i].count));
	return json_pack("{s:o, s:I}", "drops", drops, "roams",
			 (json_int_t)(counts ? counts->roams : 0));
}

json_t *sp_json_peer(struct sp_daemon *daemon, const struct sp_wg_peer *peer)
{
	json_t *json;
	char addr[SP_ADDR_TEXT_MAX], endpoint[SP_ADDR_TEXT_MAX + 32];

	if (!peer)
		return json_pack("{s:n, s:n, s:i, s:i, s:n, s:n}", "endpoint", "last_handshake",
				 "rx_bytes", 0, "tx_bytes", 0, "drops", "roams");
	sp_addr_format(&peer->endpoint, addr);
	snprintf(endpoint, sizeof(endpoint), sp_addr_is_v4(&peer->endpoint) ? "%s:%u" : "[%s]:%u",
		 addr, peer->endpoint_port);
	json = json_pack("{s:s?, s:o, s:I, s:I}", "endpoint", peer->has_endpoint ? endpoint : NULL,
			 "last_handshake", sp_json_time(peer->last_handshake_ns), "rx_bytes",
			 (json_int_t)peer->rx_bytes, "tx_bytes", (json_int_t)peer->tx_bytes);
	json_object_update_new(json, describe_counts(&daemon->engine.stats, peer));
	return json;
}

json_t *sp_json_device(struct sp_daemon *daemon, const struct sp_device *device)
{
	const struct sp_live *live = sp_live_of_device(&daemon->people, device->public_key);
	const struct sp_wg_peer *peer = sp_engine_peer(&daemon->engine, device->public_key);
	json_t *json =
		json_pack("{s:o, s:s, s:s, s:s?, s:s?, s:o, s:o, s:b, s:b, s:o, s:b}", "public_key",
			  sp_json_key(device->public_key), "name", device->name, "user",
			  device->user, "idp", device->idp, "subject", device->subject, "addresses",
			  sp_json_addresses(device->addresses, device->has_address), "added",
			  sp_json_time(device->added_ns), "machine", !device->idp, "proven",
			  device->proven_ns != 0, "session",
			  live ? json_integer((json_int_t)live->row.id) : json_null(), "in_engine",
			  peer != NULL);

	json_object_update_new(json, sp_json_peer(daemon, peer));
	return json;
}
