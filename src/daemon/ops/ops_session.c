/* SPDX-License-Identifier: GPL-3.0-or-later */
/* session.open, .list. */
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "daemon/change/change.h"
#include "daemon/apply/again.h"
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

struct listing {
	struct sp_ops *ops;
	const struct sp_client *client;
	const char *user, *idp;
	json_int_t session; /* 0: any */
	bool has_key;
	uint8_t key[32];
	json_t *list;
};

static bool is_listed(const struct listing *listing, const struct sp_session_row *row)
{
	return (!listing->user || !strcmp(listing->user, row->user)) &&
	       (!listing->idp || (row->idp && !strcmp(listing->idp, row->idp))) &&
	       (!listing->session || (uint64_t)listing->session == row->id) &&
	       (!listing->has_key || !memcmp(listing->key, row->public_key, 32));
}

static int list_closed(void *arg, struct sp_session_row *row)
{
	struct listing *listing = arg;
	const struct sp_live *live = sp_live_of(listing->ops->people, row->slot, row->epoch);

	if (is_listed(listing, row))
		json_array_append_new(listing->list,
				      live ? sp_json_session(listing->ops, live, listing->client)
					   : sp_json_row(row));
	return 0;
}

/* The listed session of the device. NULL: none. */
static json_t *tunnel_of(const struct listing *listing)
{
	const struct sp_people *people = listing->ops->people;
	const struct sp_live *live = sp_live_of_device(people, listing->key);
	const struct sp_device *device = sp_device_find(people, listing->key);

	return live && device && is_listed(listing, &live->row)
		       ? sp_json_tunnel(listing->ops, device)
		       : NULL;
}

void sp_op_session_list(struct sp_ops *ops, struct sp_client *client,
			const struct sp_request *request)
{
	struct listing listing = { .ops = ops, .client = client };
	__sp_json json_t *list = NULL;
	const char *key_text = NULL;
	struct sp_live *live = NULL;
	int all = 0, with_tunnel = 0, r = 0;

	if (!sp_op_unpack(client, request, "{s?b, s?s, s?s, s?I, s?s, s?b}", "all", &all, "user",
			  &listing.user, "idp", &listing.idp, "session", &listing.session, "device",
			  &key_text, "tunnel", &with_tunnel) ||
	    (key_text && !sp_op_key(client, key_text, listing.key)))
		return;
	listing.has_key = key_text != NULL;
	listing.list = list = json_array();
	if (all)
		r = sp_store_each_session(ops->store,
					  sp_clock_realtime_ns() - 30 * 86400 * SP_NS_PER_S,
					  list_closed, &listing);
	while (!all && (live = sp_live_next(ops->people, live)))
		if (live->state != SP_LIVE_ENDED && is_listed(&listing, &live->row))
			json_array_append_new(listing.list, sp_json_session(ops, live, client));
	if (r < 0) {
		sp_client_fail(client, "failed", 1, NULL, "reading the sessions: %s",
			       sp_store_error(ops->store));
		return;
	}
	sp_client_reply(client,
			json_pack("{s:O, s:o*}", "sessions", list, "tunnel",
				  with_tunnel && listing.has_key ? tunnel_of(&listing) : NULL));
}
