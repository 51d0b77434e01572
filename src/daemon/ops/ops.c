/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The table of ops: for each, its function and the fields that an administrator and the portal may
 * give. */
#include "daemon/apply/again.h"
#include "daemon/apply/apply.h"
#include "daemon/ops/ops.h"

#include <string.h>

static void not_supported(struct sp_ops *ops, struct sp_client *client,
			  const struct sp_request *request)
{
	(void)ops;
	sp_client_fail(client, "not-supported", 1, NULL, "%s is not supported yet",
		       json_string_value(json_object_get(request->json, "op")));
}

/* The fields of an op that is not built are not checked. */
static const char *const any_field[] = { "*", NULL };

static const struct sp_op *find_op(const char *name)
{
	static const char *const status[] = { "rules", NULL };
	static const char *const policy[] = { "path", "files", "text", "text_bytes", NULL };
	static const char *const apply[] = { "path",  "files",      "text",    "text_bytes",
					     "force", "connection", "confirm", NULL };
	static const char *const rollback[] = { "generation", "force", "connection", "confirm",
						NULL };
	static const char *const pending[] = { "revision", NULL };
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
	static const char *const ban[] = { "prefix", "for_s", "reason", NULL };
	static const char *const prefix[] = { "prefix", NULL };
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
		{ "plan", policy, NULL, sp_op_plan },
		{ "apply", apply, NULL, sp_op_apply },
		{ "reload", none, NULL, sp_op_reload },
		{ "history", history, NULL, sp_op_history },
		{ "confirm", none, NULL, sp_op_confirm },
		{ "rollback", rollback, NULL, sp_op_rollback },
		{ "pending", pending, NULL, sp_op_pending },
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
		{ "ban", ban, NULL, sp_op_ban },
		{ "unban", prefix, NULL, sp_op_unban },
		{ "bans", none, NULL, sp_op_bans },
		{ "rules", none, NULL, sp_op_rules },
		{ "login.refused", refused, refused, sp_op_login_refused },
		{ "portal.certificate", none, none, sp_op_portal_certificate },
		{ "portal.report", report, report, sp_op_portal_report },
		{ "audit.query", any_field, NULL, sp_op_audit_query }, /* keys: audit/query.h */
		{ "replay", any_field, NULL, not_supported },
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
	struct sp_ops *ops = arg;
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
	op->run(ops, client, request);
}

void sp_ops_gone(void *arg, struct sp_client *client)
{
	struct sp_ops *ops = arg;

	sp_apply_forget_client(ops->applies, client);
	sp_again_forget(ops->applies, client);
	sp_works_forget(ops->works, client);
	sp_recorder_unfollow(ops->recorder, client);
	sp_portal_gone(ops->portal, client);
	sp_op_audit_gone(ops, client);
}
