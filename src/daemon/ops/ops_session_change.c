/* SPDX-License-Identifier: GPL-3.0-or-later */
/* session.extend, .update, .close. */
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "daemon/change/change.h"
#include "daemon/access/deadlines.h"
#include "daemon/apply/again.h"
#include "daemon/ops/ops.h"
#include "json/own.h"
#include "yaml/suggest.h"

/* Park sessions whose end has passed or that were silent for too long: nothing may revive a session
 * that the kernel refuses already. */
static struct sp_live *find_open(struct sp_ops *ops, struct sp_client *client, json_int_t id)
{
	struct sp_live *live;

	sp_people_tick(ops->people);
	live = sp_live_find(ops->people, (uint64_t)id);
	if (live && live->state == SP_LIVE_OPEN)
		return live;
	sp_client_fail(client, "no-such-session", 1, NULL, "no session %lld is open",
		       (long long)id);
	return NULL;
}

/* Is it a session of this person? */
static struct sp_live *find_persons(struct sp_ops *ops, struct sp_client *client, json_int_t id,
				    const struct sp_op_owner *owner)
{
	struct sp_live *live = find_open(ops, client, id);

	if (!live || !sp_op_owns(client, owner, live->row.idp, live->row.subject))
		return NULL;
	if (live->row.idp)
		return live;
	sp_client_fail(client, "bad-request", 2, NULL,
		       "session %lld is a machine's: it has no groups and no end", (long long)id);
	return NULL;
}

/* Apply what the provider says now; if it says nothing, nothing changes. Returns whether to go on.
 * If not, the client was told, or is told when a new revision has room for the session. */
static bool update_session(struct sp_ops *ops, struct sp_client *client,
			   const struct sp_request *request, struct sp_news *news,
			   struct sp_live **live)
{
	struct sp_refusal refusal;
	int r;

	if (!news->groups && !news->refresh)
		return true;
	news->is_asked_again = request->is_asked_again;
	r = sp_session_update(ops->people, *live, news, live, &refusal);
	if (r == -EAGAIN && !request->is_asked_again)
		sp_again_put(ops->applies, client, request, "a change of groups needed room");
	else if (r < 0)
		sp_op_refuse(client, &refusal);
	return r == 0;
}

void sp_op_session_extend(struct sp_ops *ops, struct sp_client *client,
			  const struct sp_request *request)
{
	const char *groups[SP_GROUPS_MAX], *from_text = NULL;
	json_int_t id, max_s = SP_BY_ROLES, auth_time = 0;
	struct sp_news news = { .by = sp_client_who(client) };
	struct sp_op_owner owner = { 0 };
	json_t *group_list = NULL;
	struct sp_live *live;
	struct sp_addr from;
	int r;

	if (!sp_op_unpack(client, request, "{s:I, s?I, s?s, s?s, s?o, s?I, s?s, s?s}", "session",
			  &id, "max_s", &max_s, "idp", &owner.idp, "subject", &owner.subject,
			  "groups", &group_list, "auth_time", &auth_time, "refresh", &news.refresh,
			  "from", &from_text) ||
	    !sp_op_refresh(client, news.refresh) ||
	    (from_text && !sp_op_addr(client, "from", from_text, &from)) ||
	    !sp_op_groups(client, group_list, groups, &news.group_count))
		return;
	if (max_s != SP_BY_ROLES && (max_s < 1 || max_s > SP_SESSION_MOST_S)) {
		sp_client_fail(client, "bad-request", 2, NULL, "max_s is 1 to %d seconds",
			       SP_SESSION_MOST_S);
		return;
	}
	if (!(live = find_persons(ops, client, id, &owner)))
		return;
	news.groups = group_list ? groups : NULL;
	if (!update_session(ops, client, request, &news, &live))
		return;
	r = sp_session_extend(ops->people, live, max_s, sp_client_who(client),
			      from_text ? &from : NULL);
	if (r < 0)
		sp_client_fail(client, "failed", 1, NULL, "extending session %lld: %s",
			       (long long)id, sp_err_text(r));
	else
		sp_client_reply(client, sp_json_session_with_tunnel(ops, live, client));
}

/* Of a session.update. */
struct early_end {
	json_int_t within_s; /* NOT_SAID; IN_TIME: the early end is taken back */
	const char *why;
};
#define NOT_SAID (-2)
#define IN_TIME (-1)

static bool is_early_end(struct sp_client *client, const struct early_end *end)
{
	const bool is_early = end->within_s >= 0;

	if (end->within_s >= NOT_SAID && end->within_s <= SP_SESSION_MOST_S &&
	    (is_early ? end->why && sp_session_is_ending(end->why) : !end->why))
		return true;
	sp_client_fail(client, "bad-request", 2, NULL,
		       "ends_s is 0 to %d seconds with ending (unconfirmed, refresh-lost or "
		       "other-subject), or -1 without",
		       SP_SESSION_MOST_S);
	return false;
}

/* Returns whether the end is set; if not, the client was told. */
static bool set_end(struct sp_ops *ops, struct sp_client *client, struct sp_live *live,
		    const struct early_end *end)
{
	int r = 0;

	if (end->within_s == IN_TIME)
		r = sp_session_end_in_time(ops->people, live);
	else if (end->within_s >= 0)
		r = sp_session_end_early(ops->people, live, end->within_s, end->why);
	if (r < 0)
		sp_client_fail(client, "failed", 1, NULL, "moving the end of session %llu: %s",
			       (unsigned long long)live->row.id, sp_err_text(r));
	return r == 0;
}

void sp_op_session_update(struct sp_ops *ops, struct sp_client *client,
			  const struct sp_request *request)
{
	const char *groups[SP_GROUPS_MAX];
	struct sp_news news = { .by = sp_client_who(client) };
	struct sp_op_owner owner = { 0 };
	json_t *group_list = NULL;
	struct early_end end = { .within_s = NOT_SAID };
	struct sp_live *live;
	json_int_t id;

	if (!sp_op_unpack(client, request, "{s:I, s?o, s?s, s?s, s?s, s?I, s?s}", "session", &id,
			  "groups", &group_list, "refresh", &news.refresh, "idp", &owner.idp,
			  "subject", &owner.subject, "ends_s", &end.within_s, "ending", &end.why) ||
	    !sp_op_refresh(client, news.refresh) || !is_early_end(client, &end) ||
	    !sp_op_groups(client, group_list, groups, &news.group_count) ||
	    !(live = find_persons(ops, client, id, &owner)))
		return;
	news.groups = group_list ? groups : NULL;
	if (!news.groups && !news.refresh && end.within_s == NOT_SAID) {
		sp_client_fail(client, "bad-request", 2, NULL,
			       "session.update takes some of groups, refresh and ends_s");
		return;
	}
	if (!set_end(ops, client, live, &end))
		return;
	if (!update_session(ops, client, request, &news, &live))
		return;
	sp_people_tick(ops->people); /* an end that is now takes effect at once */
	sp_client_reply(client, sp_json_session(ops, live, client));
}

/* Whom a session.close means. */
struct closing {
	json_int_t id;          /* 0: not by number */
	const char *user, *idp; /* idp NULL: only one has that user */
	const struct sp_device *device;
	struct sp_op_owner owner;
};

static bool is_meant(const void *arg, const struct sp_live *live)
{
	const struct closing *closing = arg;

	if (closing->id)
		return live->row.id == (uint64_t)closing->id;
	if (closing->user)
		return !strcmp(live->row.user, closing->user) &&
		       (!closing->idp || (live->row.idp && !strcmp(live->row.idp, closing->idp))) &&
		       (!closing->owner.idp ||
			(live->row.idp && !strcmp(live->row.idp, closing->owner.idp) &&
			 !strcmp(live->row.subject, closing->owner.subject)));
	return !memcmp(live->row.public_key, closing->device->public_key, 32);
}

/* The sessions that ended, as the reply lists them. */
struct closed {
	struct sp_ops *ops;
	struct sp_client *client;
	json_t *list;
};

static void list_ended(void *arg, const struct sp_live *live)
{
	const struct closed *closed = arg;

	json_array_append_new(closed->list, sp_json_session(closed->ops, live, closed->client));
}

/* With `user`, only the owner's own sessions are meant. A session named otherwise has to be the
 * owner's. */
static bool is_theirs(struct sp_ops *ops, struct sp_client *client, const struct closing *closing)
{
	const struct sp_live *live =
		closing->id ? sp_live_find(ops->people, (uint64_t)closing->id) : NULL;

	if (live)
		return sp_op_owns(client, &closing->owner, live->row.idp, live->row.subject);
	if (closing->device)
		return sp_op_owns(client, &closing->owner, closing->device->idp,
				  closing->device->subject);
	return sp_op_owns(client, &closing->owner, closing->owner.idp, closing->owner.subject);
}

/* No session was meant. Which person may have been? */
static void fail_nobody(struct sp_ops *ops, struct sp_client *client, const char *user,
			const char *device)
{
	struct sp_live *live = NULL;
	struct sp_nearest near;

	sp_nearest_init(&near, user ? user : device);
	while ((live = sp_live_next(ops->people, live)))
		if (live->state == SP_LIVE_OPEN)
			sp_nearest_offer(&near, user ? live->row.user : live->row.device);
	sp_client_fail(client, user ? "no-such-user" : "no-such-session", 1, NULL,
		       "%s has no open session%s%s%s", user ? user : device,
		       near.best && near.distance ? "; did you mean \"" : "",
		       near.best && near.distance ? near.best : "",
		       near.best && near.distance ? "\"?" : "");
}

void sp_op_session_close(struct sp_ops *ops, struct sp_client *client,
			 const struct sp_request *request)
{
	const char *device = NULL, *why = NULL;
	struct closing closing = { 0 };
	struct closed closed = { .ops = ops, .client = client };
	__sp_json json_t *list = NULL;
	struct sp_change change = { .kind = SP_CHANGE_END,
				    .is_meant = is_meant,
				    .arg = &closing,
				    .why = "revoked",
				    .by = sp_client_who(client),
				    .ended = list_ended,
				    .ended_arg = &closed };
	int r;

	if (!sp_op_unpack(client, request, "{s?I, s?s, s?s, s?s, s?s, s?s}", "session", &closing.id,
			  "user", &closing.user, "device", &device, "why", &why, "idp",
			  &closing.owner.idp, "subject", &closing.owner.subject))
		return;
	if ((closing.id != 0) + (closing.user != NULL) + (device != NULL) != 1 ||
	    (why && strlen(why) > 200)) {
		sp_client_fail(
			client, "bad-request", 2, NULL,
			"session.close takes one of session, user, device, and a why of at most "
			"200 bytes");
		return;
	}
	if (device && !(closing.device = sp_op_device(ops, client, device)))
		return;
	if (closing.user && !closing.owner.subject && !sp_client_is_portal(client)) {
		closing.idp = closing.owner.idp; /* an administrator's word, not an owner's */
		closing.owner.idp = NULL;
		if (!sp_op_whose_name(ops, client, closing.user, closing.idp))
			return;
	}
	if (!is_theirs(ops, client, &closing))
		return;
	closed.list = list = json_array();
	ops->recorder->words = why;
	r = sp_people_change(ops->people, &change);
	ops->recorder->words = NULL;
	if (!change.count) {
		if (closing.id)
			sp_client_fail(client, "no-such-session", 1, NULL,
				       "no session %lld is open", (long long)closing.id);
		else
			fail_nobody(ops, client, closing.user, device);
	} else if (r < 0) {
		sp_client_fail(client, "failed", 1, NULL, "the kernel did not take it: %s",
			       sp_err_text(r));
	} else {
		sp_client_reply(client, json_pack("{s:O, s:I}", "closed", list, "kernel_ns",
						  (json_int_t)(change.cut_ns - request->read_ns)));
	}
}
