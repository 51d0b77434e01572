/* SPDX-License-Identifier: GPL-3.0-or-later */
/* session.open, .list, .extend, .close. */
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "daemon/ops.h"

#define GROUPS_MAX 512
#define TEXT_MAX 255

static bool is_text(struct sp_client *client, const char *what, const char *text)
{
	if (strlen(text) >= 1 && strlen(text) <= TEXT_MAX)
		return true;
	sp_client_fail(client, "bad-request", 2, NULL, "%s is 1 to 255 bytes long", what);
	return false;
}

static bool is_seconds(struct sp_client *client, const char *what, json_int_t value,
		       json_int_t least)
{
	if (value >= least && value <= SP_SESSION_MAX_S)
		return true;
	sp_client_fail(client, "bad-request", 2, NULL, "%s is %d to %d seconds", what, (int)least,
		       SP_SESSION_MAX_S);
	return false;
}

/* Borrowed from @list. */
static bool read_groups(struct sp_client *client, const json_t *list, const char **groups,
			size_t *ret_count)
{
	size_t count = json_array_size(list);

	if (list && (!json_is_array(list) || count > GROUPS_MAX)) {
		sp_client_fail(client, "bad-request", 2, NULL,
			       "groups is a list of at most %d texts", GROUPS_MAX);
		return false;
	}
	for (size_t i = 0; i < count; i++) {
		groups[i] = json_string_value(json_array_get(list, i));
		if (!groups[i]) {
			sp_client_fail(client, "bad-request", 2, NULL, "groups[%zu] is no text", i);
			return false;
		}
	}
	*ret_count = count;
	return true;
}

void sp_op_session_open(struct sp_daemon *daemon, struct sp_client *client,
			const struct sp_request *request)
{
	const char *groups[GROUPS_MAX], *key_text = NULL;
	json_int_t max_s = SP_SESSION_DEFAULT_S, idle_s = 0, auth_time = 0;
	struct sp_sign_in sign_in = { .by = sp_client_who(client) };
	json_t *group_list = NULL, *attrs = NULL, *reply;
	struct sp_refusal refusal;
	struct sp_live *live;
	uint8_t key[32];

	if (!sp_op_unpack(client, request,
			  "{s:s, s:s, s:s, s?o, s?o, s?I, s?{s?s, s?s !}, s?I, s?I}", "idp",
			  &sign_in.idp, "subject", &sign_in.subject, "user", &sign_in.user,
			  "groups", &group_list, "attrs", &attrs, "auth_time", &auth_time, "device",
			  "public_key", &key_text, "name", &sign_in.device_name, "max_s", &max_s,
			  "idle_s", &idle_s) ||
	    !is_text(client, "idp", sign_in.idp) || !is_text(client, "subject", sign_in.subject) ||
	    !sp_op_name(client, "user", sign_in.user) ||
	    (sign_in.device_name && !sp_op_name(client, "device.name", sign_in.device_name)) ||
	    (key_text && !sp_op_key(client, key_text, key)) ||
	    !is_seconds(client, "max_s", max_s, 1) || !is_seconds(client, "idle_s", idle_s, 0) ||
	    !read_groups(client, group_list, groups, &sign_in.group_count))
		return;
	sign_in.groups = groups;
	sign_in.public_key = key_text ? key : NULL;
	sign_in.max_s = max_s;
	sign_in.idle_s = idle_s;
	if (sp_session_open(daemon, &sign_in, &live, &refusal) < 0) {
		sp_client_fail(client, refusal.code, refusal.exit_code, NULL, "%s",
			       refusal.message);
		return;
	}
	reply = sp_json_session(daemon, live);
	json_object_set_new(reply, "tunnel",
			    sp_json_tunnel(daemon, sp_device_find(&daemon->people,
								  live->row.public_key)));
	sp_client_reply(client, reply);
}

struct listing {
	struct sp_daemon *daemon;
	const char *user;
	json_t *list;
};

static int list_closed(void *arg, struct sp_session_row *row)
{
	struct listing *listing = arg;
	const struct sp_live *live = sp_live_of(&listing->daemon->people, row->slot, row->epoch);

	if (!listing->user || !strcmp(listing->user, row->user))
		json_array_append_new(listing->list, live ? sp_json_session(listing->daemon, live) :
							    sp_json_row(row));
	return 0;
}

void sp_op_session_list(struct sp_daemon *daemon, struct sp_client *client,
			const struct sp_request *request)
{
	struct listing listing = { .daemon = daemon };
	struct sp_live *live = NULL;
	int all = 0, r = 0;

	if (!sp_op_unpack(client, request, "{s?b, s?s}", "all", &all, "user", &listing.user))
		return;
	listing.list = json_array();
	if (all)
		r = sp_store_each_session(daemon->store,
					  sp_clock_realtime_ns() - 30 * 86400 * SP_NS_PER_S,
					  list_closed, &listing);
	while (!all && (live = sp_live_next(&daemon->people, live)))
		if (live->state != SP_LIVE_ENDED &&
		    (!listing.user || !strcmp(listing.user, live->row.user)))
			json_array_append_new(listing.list, sp_json_session(daemon, live));
	if (r < 0) {
		json_decref(listing.list);
		sp_client_fail(client, "failed", 1, NULL, "reading the sessions: %s",
			       sp_store_error(daemon->store));
		return;
	}
	sp_client_reply(client, json_pack("{s:o}", "sessions", listing.list));
}

static struct sp_live *find_open(struct sp_daemon *daemon, struct sp_client *client, json_int_t id)
{
	struct sp_live *live = sp_live_find(&daemon->people, (uint64_t)id);

	if (live && live->state == SP_LIVE_OPEN)
		return live;
	sp_client_fail(client, "no-such-session", 1, NULL, "no session %lld is open",
		       (long long)id);
	return NULL;
}

void sp_op_session_extend(struct sp_daemon *daemon, struct sp_client *client,
			  const struct sp_request *request)
{
	json_int_t id, max_s;
	struct sp_live *live;
	int r;

	if (!sp_op_unpack(client, request, "{s:I, s:I}", "session", &id, "max_s", &max_s) ||
	    !is_seconds(client, "max_s", max_s, 1) || !(live = find_open(daemon, client, id)))
		return;
	r = sp_session_extend(daemon, live, max_s, sp_client_who(client));
	if (r < 0)
		sp_client_fail(client, "failed", 1, NULL, "extending session %lld: %s",
			       (long long)id, sp_err_text(r));
	else
		sp_client_reply(client, sp_json_session(daemon, live));
}

/* Whom a session.close means. */
struct closing {
	json_int_t id; /* 0: not by number */
	const char *user;
	const struct sp_device *device;
};

static bool is_meant(const struct closing *closing, const struct sp_live *live)
{
	if (live->state == SP_LIVE_ENDED)
		return false;
	if (closing->id)
		return live->row.id == (uint64_t)closing->id;
	if (closing->user)
		return !strcmp(live->row.user, closing->user);
	return !memcmp(live->row.public_key, closing->device->public_key, 32);
}

/* Every kernel store first, then everything slow. Returns how many. */
static size_t close_sessions(struct sp_daemon *daemon, const struct closing *closing,
			     const struct sp_request *request, const char *by, json_t *closed,
			     uint64_t *ret_kernel_ns, int *ret_error)
{
	struct sp_live *live = NULL;
	size_t count = 0;

	*ret_error = 0;
	while ((live = sp_live_next(&daemon->people, live))) {
		int r;

		if (!is_meant(closing, live))
			continue;
		r = sp_session_cut(daemon, live);
		if (r < 0)
			*ret_error = r;
		count++;
		if (closing->id)
			break; /* there is only one */
	}
	*ret_kernel_ns = sp_clock_boottime_ns() - request->read_ns;
	while ((live = sp_live_next(&daemon->people, live))) {
		if (!is_meant(closing, live))
			continue;
		sp_session_settle(daemon, live, SP_LIVE_ENDED, "revoked", by);
		json_array_append_new(closed, sp_json_session(daemon, live));
	}
	return count;
}

void sp_op_session_close(struct sp_daemon *daemon, struct sp_client *client,
			 const struct sp_request *request)
{
	const char *device = NULL, *why = NULL;
	struct closing closing = { 0 };
	char by[300];
	uint64_t kernel_ns;
	json_t *closed;
	int r;

	if (!sp_op_unpack(client, request, "{s?I, s?s, s?s, s?s}", "session", &closing.id, "user",
			  &closing.user, "device", &device, "why", &why))
		return;
	if ((closing.id != 0) + (closing.user != NULL) + (device != NULL) != 1 ||
	    (why && strlen(why) > 200)) {
		sp_client_fail(
			client, "bad-request", 2, NULL,
			"session.close takes one of session, user, device, and a why of at most "
			"200 bytes");
		return;
	}
	if (device && !(closing.device = sp_op_device(daemon, client, device)))
		return;
	snprintf(by, sizeof(by), "%s%s%s", sp_client_who(client), why ? ": " : "", why ? why : "");
	closed = json_array();
	if (!close_sessions(daemon, &closing, request, by, closed, &kernel_ns, &r)) {
		json_decref(closed);
		if (closing.id)
			sp_client_fail(client, "no-such-session", 1, NULL,
				       "no session %lld is open", (long long)closing.id);
		else
			sp_client_fail(client, closing.user ? "no-such-user" : "no-such-session", 1,
				       NULL, "%s has no open session",
				       closing.user ? closing.user : device);
	} else if (r < 0) {
		json_decref(closed);
		sp_client_fail(client, "failed", 1, NULL, "the kernel did not take it: %s",
			       sp_err_text(r));
	} else {
		sp_client_reply(client, json_pack("{s:o, s:I}", "closed", closed, "kernel_ns",
						  (json_int_t)kernel_ns));
	}
}
