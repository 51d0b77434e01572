/* SPDX-License-Identifier: GPL-3.0-or-later */
/* explain: a question asked of the reference and of the real programs, with the running policy and
 * the sessions concerned. */
#include "daemon/explain/explain.h"

#include <string.h>

#include "audit/time.h"
#include "daemon/facts/bans.h"
#include "net/addr.h"

static void question_freep(struct sp_question **question)
{
	sp_question_free(*question);
}

/* ---- a question ---- */

static struct sp_live *find_user(struct sp_ops *ops, const char *user, const char *idp, int family)
{
	struct sp_live *live = NULL, *found = NULL;

	while ((live = sp_live_next(ops->people, live)))
		if (!strcmp(live->row.user, user) && live->row.has_address[family] &&
		    (!idp || (live->row.idp && !strcmp(live->row.idp, idp))) &&
		    (!found || live->state < found->state))
			found = live;
	return found;
}

/* Called in the thread, as offer_people: the loop has looked them up. */
static int find_person(void *arg, const char *user, const char *idp, bool is_v6,
		       struct sp_asked *ret_asked)
{
	const struct sp_question_named *named = &((const struct sp_question *)arg)->named;

	(void)user;
	(void)idp;
	if (!named->user || !named->has_address[is_v6])
		return -ENOENT;
	ret_asked->tuple.source = named->addresses[is_v6];
	ret_asked->user = named->user;
	return 0;
}

static void offer_people(void *arg, struct sp_nearest *near)
{
	const struct sp_question *question = arg;

	if (question->named.nearest)
		sp_nearest_offer(near, question->named.nearest);
}

static const struct sp_ask_people people = {
	.find = find_person,
	.offer = offer_people,
	.nobody = "nobody who was signed in lately",
};

/* False: the client was told. */
static bool is_asked(const struct sp_question *question, int r, const struct sp_ask_fault *fault)
{
	const bool is_malformed = fault->kind == SP_ASK_MALFORMED;

	if (r == 0)
		return true;
	if (r == -EINVAL && fault->kind)
		sp_client_fail(question->client, is_malformed ? "bad-request" : "no-such-user",
			       is_malformed ? 2 : 1, NULL, "%s", fault->message);
	else
		sp_client_fail(question->client, "failed", 1, NULL, "opening the sessions: %s",
			       sp_judge_fault(r));
	return false;
}

static int copy_end(const struct sp_live *live, struct sp_question_end *ret_end)
{
	if (!live)
		return 0;
	ret_end->live = sp_live_copy(live, (const char *const *)live->groups, live->group_count);
	ret_end->state = live->state;
	return ret_end->live ? 0 : -ENOMEM;
}

/* Find the sessions that the addresses of both ends belong to. Returns 0 or -errno. */
static int find_ends(struct sp_question *question)
{
	const struct sp_people *known = question->ops->people;
	const struct sp_live *sender =
		question->role ? NULL : sp_live_of_address(known, &question->tuple.source);
	int r = copy_end(sender, &question->ends[0]);

	sp_question_whose(question, sender);
	question->is_parked = sender && sender->state == SP_LIVE_PARKED;
	return r < 0 ? r
		     : copy_end(sp_live_of_address(known, &question->tuple.destination),
				&question->ends[1]);
}

/* Is the sender banned, at the time that is asked about? */
static void find_ban(struct sp_question *question)
{
	const struct sp_ban_row *row = sp_bans_holding(question->ops->bans, &question->tuple.source,
						       question->facts.now_s);
	char prefix[SP_PREFIX_TEXT_MAX], until[SP_TIME_TEXT_MAX] = "";

	if (!row)
		return;
	question->is_banned = true;
	question->ban = row->prefix;
	if (row->until_ns)
		sp_time_format_s(row->until_ns / SP_NS_PER_S, until);
	snprintf(question->ban_words, sizeof(question->ban_words), "%s is banned%s%s%s%s",
		 sp_prefix_format(&row->prefix, prefix), *until ? " until " : "", until,
		 row->reason ? ": " : "", row->reason ? row->reason : "");
}

static struct sp_asking asking_of(struct sp_question *question)
{
	return (struct sp_asking){
		.policy = question->policy,
		.gateway = &question->gateway,
		.judge = question->judge,
		.interfaces = "sallyport.yaml, nor one that is known here",
		.people = &people,
		.people_arg = question,
	};
}

void sp_question_make_packet(struct sp_question *question)
{
	const struct sp_asking asking = asking_of(question);

	question->read = sp_ask_packet(&asking, &question->ask, &question->asked, &question->fault);
}

/* Look up the sessions and the hook of the packet. False: the client was told. */
static bool place_packet(struct sp_question *question)
{
	const struct sp_ask *ask = &question->ask;
	const struct sp_host *host = question->ops->host;
	const struct sp_asking asking = asking_of(question);
	int r;

	question->tuple = question->asked.tuple;
	question->role = question->asked.role;
	if (!is_asked(question, find_ends(question), &question->fault))
		return false;
	find_ban(question);
	question->is_own = question->asked.is_own;
	if (question->is_own ? sp_question_leave(question, ask->on)
			     : sp_question_enter(question, ask->on))
		return true;
	r = sp_ask_hook(&asking, ask, &question->asked, &question->fault);
	question->hook = question->asked.hook;
	if (ask->on && sp_host_find(host, ask->on))
		question->ifindex = sp_host_find(host, ask->on)->ifindex;
	return is_asked(question, r, &question->fault);
}

bool sp_question_prepare_packet(struct sp_question *question)
{
	json_t *unjudged;

	if (!is_asked(question, question->read, &question->fault) || !place_packet(question))
		return false;
	unjudged = question->entry ? sp_question_describe_unjudged(question) : NULL;
	if (unjudged)
		sp_client_reply(question->client, unjudged);
	return !unjudged;
}

/* False: the client was told. */
static bool read_plane(struct sp_question *question, const char *plane)
{
	const struct sp_plane_ops *const *running = &question->ops->plane->ops;

	if (!plane || strcmp(plane, SP_JUDGE_REFERENCE) != 0)
		question->planes = (struct sp_judge_planes){ running, 1, plane != NULL };
	if (!plane || !strcmp(plane, (*running)->name) || !strcmp(plane, SP_JUDGE_REFERENCE))
		return true;
	sp_client_fail(question->client, "bad-request", 2, NULL,
		       "plane is %s or " SP_JUDGE_REFERENCE, (*running)->name);
	return false;
}

/* Look up whom it names, if it names a person. */
static int find_named(struct sp_question *question)
{
	struct sp_question_named *named = &question->named;
	const char *user = sp_ask_user(question->ask.from);
	struct sp_nearest near;
	struct sp_live *live = NULL;

	for (int family = 0; family < 2; family++) {
		live = find_user(question->ops, user, question->ask.idp, family);
		if (!live)
			continue;
		named->addresses[family] = live->row.addresses[family];
		named->has_address[family] = true;
		if (!named->user && !(named->user = strdup(live->row.user)))
			return -ENOMEM;
	}
	if (named->user)
		return 0;
	sp_nearest_init(&near, user);
	while ((live = sp_live_next(question->ops->people, live)))
		sp_nearest_offer(&near, live->row.user);
	if (near.best && !(named->nearest = strdup(near.best)))
		return -ENOMEM;
	return 0;
}

/* False: the client was told. */
static bool take_named(struct sp_question *question)
{
	const struct sp_ask *ask = &question->ask;

	if (!sp_op_whose_name(question->ops, question->client, sp_ask_user(ask->from), ask->idp))
		return false;
	if (find_named(question) == 0)
		return true;
	sp_client_fail(question->client, "failed", 1, NULL, "out of memory");
	return false;
}

/* False: the client was told. */
static bool take_running(struct sp_question *question, const char *at)
{
	const struct sp_revision *running = question->ops->revisions->running;

	if (!running) {
		sp_client_fail(question->client, "no-policy", 1, NULL, "no policy is in force");
		return false;
	}
	question->policy = sp_policy_hold(running->policy);
	question->revision = running->number;
	memcpy(question->generation, running->generation, sizeof(question->generation));
	if (!at || sp_policy_parse_time(question->policy, at, &question->at_s) == 0)
		return true;
	sp_client_fail(question->client, "bad-request", 2, NULL,
		       "at is a time, as 2026-11-23T19:00 by the policy's clock, or "
		       "2026-11-23T18:00:00Z");
	return false;
}

/* The fields of the request; false: the client was told. */
static bool read_fields(struct sp_question *question, const struct sp_request *request,
			json_t **ret_record, const char **ret_at)
{
	struct sp_ask *ask = &question->ask;
	const char *at = NULL, *plane = NULL;
	json_t *record = NULL;

	if (!sp_op_unpack(question->client, request, "{s?s, s?s, s?s, s?s, s?s, s?s, s?s, s?o}",
			  "from", &ask->from, "idp", &ask->idp, "to", &ask->to, "service",
			  &ask->service, "on", &ask->on, "at", &at, "plane", &plane, "record",
			  &record) ||
	    !read_plane(question, plane))
		return false;
	*ret_record = record;
	*ret_at = at;
	if (record ? (ask->from || ask->idp || ask->to || ask->service || ask->on || at)
		   : (!ask->from || !ask->to)) {
		sp_client_fail(question->client, "bad-request", 2, NULL,
			       "explain takes from and to (and service, on, idp), or a record");
		return false;
	}
	return true;
}

void sp_op_explain(struct sp_ops *ops, struct sp_client *client, const struct sp_request *request)
{
	__sp_cleanup(question_freep) struct sp_question *question = calloc(1, sizeof(*question));
	const char *at;
	json_t *record;

	if (!question) {
		sp_client_fail(client, "failed", 1, NULL, "out of memory");
		return;
	}
	question->ops = ops;
	question->client = client;
	question->json = json_incref((json_t *)request->json);
	question->tcp_flags = -1;
	question->at_s = INT64_MIN;
	if (read_fields(question, request, &record, &at) &&
	    (record ? sp_question_read_record(question, record) == 0
		    : take_running(question, at) && take_named(question)) &&
	    sp_question_put(question) == 0)
		question = NULL;
}
