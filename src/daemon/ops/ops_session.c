/* SPDX-License-Identifier: GPL-3.0-or-later */
/* session.open, .list. */
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "daemon/change/change.h"
#include "daemon/apply/again.h"
#include "daemon/control/listing.h"
#include "daemon/ops/ops.h"
#include "json/own.h"
#include "yaml/value.h"

static bool is_seconds(struct sp_client *client, const char *what, json_int_t value)
{
	const bool is_good = value == SP_BY_ROLES || (value >= 0 && value <= SP_SESSION_MOST_S);

	if (!is_good)
		sp_client_fail(client, "bad-request", 2, NULL, "%s is at most %d seconds", what,
			       SP_SESSION_MOST_S);
	return is_good;
}

int sp_op_open_session(struct sp_ops *ops, struct sp_client *client,
		       const struct sp_request *request, struct sp_sign_in *sign_in,
		       struct sp_live **ret_live, struct sp_refusal *refusal)
{
	int r;

	sign_in->is_asked_again = request->is_asked_again;
	r = sp_session_open(ops->people, sign_in, ret_live, refusal);
	if (r != -EAGAIN || request->is_asked_again)
		return r;
	sp_again_put(ops->applies, client, request, "a sign-in needed room");
	return 1;
}

json_t *sp_json_session_with_tunnel(struct sp_ops *ops, const struct sp_live *live,
				    const struct sp_client *client)
{
	json_t *reply = sp_json_session(ops, live, client);
	const struct sp_device *device = sp_device_find(ops->people, live->row.public_key);
	json_t *tunnel = device ? sp_json_tunnel(ops, device) : NULL;

	if (tunnel)
		json_object_set_new(reply, "tunnel", tunnel);
	return reply;
}

void sp_op_session_open(struct sp_ops *ops, struct sp_client *client,
			const struct sp_request *request)
{
	const char *groups[SP_GROUPS_MAX], *key_text = NULL, *from_text = NULL;
	json_int_t max_s = SP_BY_ROLES, idle_s = SP_BY_ROLES, auth_time = 0;
	struct sp_sign_in sign_in = { .by = sp_client_who(client) };
	json_t *group_list = NULL, *attrs = NULL;
	struct sp_refusal refusal;
	struct sp_live *live;
	struct sp_addr from;
	int r;
	uint8_t key[32];

	if (!sp_op_unpack(
		    client, request,
		    "{s:s, s:s, s:s, s?o, s?o, s?I, s?{s?s, s?s, s?s, s?s !}, s?I, s?I, s?s, s?s}",
		    "idp", &sign_in.idp, "subject", &sign_in.subject, "user", &sign_in.user,
		    "groups", &group_list, "attrs", &attrs, "auth_time", &auth_time, "device",
		    "public_key", &key_text, "name", &sign_in.device_name, "challenge",
		    &sign_in.challenge, "proof", &sign_in.proof, "max_s", &max_s, "idle_s", &idle_s,
		    "refresh", &sign_in.refresh, "from", &from_text) ||
	    !sp_op_text(client, "idp", sign_in.idp) ||
	    !sp_op_text(client, "subject", sign_in.subject) ||
	    !sp_op_name(client, "user", sign_in.user, SP_USER_MAX) ||
	    (sign_in.device_name &&
	     !sp_op_name(client, "device.name", sign_in.device_name, SP_OP_DEVICE_MAX)) ||
	    (key_text && !sp_op_key(client, key_text, key)) ||
	    !is_seconds(client, "max_s", max_s) || !is_seconds(client, "idle_s", idle_s) ||
	    !sp_op_refresh(client, sign_in.refresh) ||
	    (from_text && !sp_op_addr(client, "from", from_text, &from)) ||
	    !sp_op_groups(client, group_list, groups, &sign_in.group_count))
		return;
	if (max_s == 0) {
		sp_client_fail(client, "bad-request", 2, NULL, "max_s is 1 to %d seconds",
			       SP_SESSION_MOST_S);
		return;
	}
	if (!sign_in.challenge != !sign_in.proof || (sign_in.proof && !key_text)) {
		sp_client_fail(client, "bad-request", 2, NULL,
			       "device takes challenge and proof together, with a public_key");
		return;
	}
	sign_in.groups = groups;
	sign_in.public_key = key_text ? key : NULL;
	sign_in.from = from_text ? &from : NULL;
	sign_in.max_s = max_s;
	sign_in.idle_s = idle_s;
	r = sp_op_open_session(ops, client, request, &sign_in, &live, &refusal);
	if (r < 0)
		sp_op_refuse(client, &refusal);
	else if (r == 0)
		sp_client_reply(client, sp_json_session_with_tunnel(ops, live, client));
}

/* What is left to list, and what is to be listed of it. */
struct session_list {
	struct sp_listing listing;
	struct sp_ops *ops;
	json_t *json; /* of the request, whose texts are borrowed */
	const char *user, *idp;
	json_int_t session; /* 0: any */
	bool has_key;
	uint8_t key[32];
	bool has_tunnel;   /* its tunnel too */
	bool has_closed;   /* from the database, else from memory */
	int64_t since_ns;  /* has_closed: UTC; closed before it: left out */
	uint64_t after_id; /* has_closed */
	uint32_t slot;     /* else: where to go on */
};

static void session_list_free(void *arg)
{
	struct session_list *sessions = arg;

	if (!sessions)
		return;
	json_decrefp(&sessions->json);
	free(sessions);
}

static void session_list_freep(struct session_list **sessions)
{
	session_list_free(*sessions);
}

static bool is_listed(const struct session_list *sessions, const struct sp_session_row *row)
{
	return (!sessions->user || !strcmp(sessions->user, row->user)) &&
	       (!sessions->idp || (row->idp && !strcmp(sessions->idp, row->idp))) &&
	       (!sessions->session || (uint64_t)sessions->session == row->id) &&
	       (!sessions->has_key || !memcmp(sessions->key, row->public_key, 32));
}

static int put_kept(struct session_list *sessions, struct sp_buf *out)
{
	__sp_cleanup(sp_session_row_done) struct sp_session_row row = { 0 };
	const struct sp_live *live;
	int r = sp_store_next_session(sessions->ops->store, sessions->after_id, sessions->since_ns,
				      &row);

	if (r < 0)
		return r == -ENOENT ? 0 : r;
	sessions->after_id = row.id;
	if (!is_listed(sessions, &row))
		return 1;
	live = sp_live_of(sessions->ops->people, row.slot, row.epoch);
	sp_listing_put(out, live ? sp_json_session(sessions->ops, live, sessions->listing.client)
				 : sp_json_row(&row));
	return 1;
}

static int put_live(struct session_list *sessions, struct sp_buf *out)
{
	const struct sp_people *people = sessions->ops->people;
	const struct sp_live *live = NULL;

	while (sessions->slot < people->slot_end && !live)
		live = people->slots[sessions->slot++];
	if (!live)
		return 0;
	if (live->state != SP_LIVE_ENDED && is_listed(sessions, &live->row))
		sp_listing_put(out, sp_json_session(sessions->ops, live, sessions->listing.client));
	return 1;
}

static int session_list_next(void *arg, struct sp_buf *out)
{
	struct session_list *sessions = arg;

	return sessions->has_closed ? put_kept(sessions, out) : put_live(sessions, out);
}

static void session_list_fail(void *arg, int r)
{
	const struct session_list *sessions = arg;

	(void)r;
	sp_client_fail(sessions->listing.client, "failed", 1, NULL, "reading the sessions: %s",
		       sp_store_error(sessions->ops->store));
}

/* The tunnel of the listed session of the device; NULL: no part of the reply. */
static json_t *session_list_rest(void *arg)
{
	const struct session_list *sessions = arg;
	const struct sp_people *people = sessions->ops->people;
	const struct sp_live *live = sp_live_of_device(people, sessions->key);
	const struct sp_device *device = sp_device_find(people, sessions->key);

	if (!sessions->has_tunnel || !sessions->has_key)
		return NULL;
	return json_pack("{s:o*}", "tunnel",
			 live && device && is_listed(sessions, &live->row)
				 ? sp_json_tunnel(sessions->ops, device)
				 : NULL);
}

void sp_op_session_list(struct sp_ops *ops, struct sp_client *client,
			const struct sp_request *request)
{
	__sp_cleanup(session_list_freep) struct session_list *sessions =
		calloc(1, sizeof(*sessions));
	const char *key_text = NULL;
	int all = 0, with_tunnel = 0;

	if (!sessions) {
		sp_client_fail(client, "failed", 1, NULL, "out of memory");
		return;
	}
	if (!sp_op_unpack(client, request, "{s?b, s?s, s?s, s?I, s?s, s?b}", "all", &all, "user",
			  &sessions->user, "idp", &sessions->idp, "session", &sessions->session,
			  "device", &key_text, "tunnel", &with_tunnel) ||
	    (key_text && !sp_op_key(client, key_text, sessions->key)))
		return;
	sessions->ops = ops;
	sessions->json = json_incref((json_t *)request->json);
	sessions->has_key = key_text != NULL;
	sessions->has_tunnel = with_tunnel;
	sessions->has_closed = all;
	sessions->since_ns = sp_clock_realtime_ns() - 30 * 86400 * SP_NS_PER_S;
	sessions->listing = (struct sp_listing){ .client = client,
						 .name = "sessions",
						 .next = session_list_next,
						 .rest = session_list_rest,
						 .fail = session_list_fail,
						 .free = session_list_free,
						 .arg = sessions };
	sp_listing_start(&sessions->listing);
	sessions = NULL;
}
