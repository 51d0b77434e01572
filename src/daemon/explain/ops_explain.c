/* SPDX-License-Identifier: GPL-3.0-or-later */
/* explain: a question asked of the reference and of the real programs, with the running policy and
 * the sessions concerned. */
#include "daemon/access/deadlines.h"
#include "daemon/explain/explain.h"

#include <netinet/in.h>
#include <string.h>

#include "judge/ask.h"
#include "net/addr.h"

static void question_done(struct sp_question *question)
{
	sp_judge_free(question->judge);
	sp_policy_free(question->owned);
	free(question->user);
}

/* ---- judging ---- */

static bool is_bare(enum sp_hook hook)
{
	return hook == SP_HOOK_VPN_IN || hook == SP_HOOK_VPN_OUT;
}

/* Where the TCP flags of a packet just built are. */
static size_t flags_offset(const struct sp_tuple *tuple, bool is_ethernet)
{
	return (is_ethernet ? 14u : 0u) + (sp_addr_is_v4(&tuple->source) ? 20u : 40u) + 13u;
}

int sp_question_judge(struct sp_question *question, enum sp_hook hook, const struct sp_tuple *tuple,
		      int tcp_flags, bool is_own, struct sp_judgement *ret_judgement)
{
	uint8_t bytes[128];
	struct sp_frame frame = {
		.bytes = bytes,
		.is_ethernet = !is_bare(hook),
		.is_own = is_own,
		.ifindex = question->ifindex,
	};

	frame.len = sp_packet_build(tuple, frame.is_ethernet, bytes);
	if (tuple->proto == IPPROTO_TCP && tcp_flags >= 0)
		bytes[flags_offset(tuple, frame.is_ethernet)] = (uint8_t)tcp_flags;
	return sp_judge_frame(question->judge, hook, &frame, sp_clock_boottime_ns(), ret_judgement);
}

int sp_question_open(struct sp_question *question, const struct sp_live *live,
		     enum sp_live_state state)
{
	__sp_free uint32_t *roles = NULL;
	struct sp_identity identity;
	uint32_t number;
	int r = sp_live_identity(live, question->policy, &identity, &roles);

	if (r == 0)
		r = sp_judge_open_session(question->judge, &identity, &number);
	if (r == -EEXIST) /* both ends are the same session */
		return 0;
	if (r == 0 && state == SP_LIVE_PARKED)
		r = sp_judge_park_session(question->judge, number);
	else if (r == 0 && (state == SP_LIVE_ENDED || !identity.role_count))
		r = sp_judge_end_session(question->judge, number);
	return r;
}

const struct sp_gateway *sp_question_gateway(const struct sp_question *question)
{
	const struct sp_ops *ops = question->ops;

	return ops->revisions->running ? &ops->revisions->running->gateway : &ops->host->gateway;
}

int sp_question_prepare(struct sp_question *question)
{
	struct sp_plane_error error = { 0 };
	int r = sp_judge_new(question->policy, sp_question_gateway(question), &question->planes,
			     &question->judge, &error);

	if (r < 0)
		sp_client_fail(question->client, "failed", 1, NULL, "preparing the judges: %s",
			       error.text[0] ? error.text : sp_judge_fault(r));
	return r;
}

void sp_question_whose(struct sp_question *question, const struct sp_live *live)
{
	if (question->user || !live)
		return;
	question->user = strdup(live->row.user);
	question->session = live->row.id;
}

/* ---- answering ---- */

/* What a person whose session is over is told, unless a rule's own words say something. */
static const char *message_of_parked(const struct sp_gateway *gateway, bool is_allowed)
{
	if (is_allowed)
		return "the session has expired; the portal and DNS stay reachable, to sign in "
		       "again";
	if (!gateway->portal_port && !gateway->resolver_count)
		return "the session has expired; sign in again";
	return "the session has expired; sign in again: until then only the portal and DNS are "
	       "reachable";
}

struct sp_explained sp_question_explained(const struct sp_question *question,
					  const struct sp_judgement *judgement)
{
	const struct sp_answer *answer = &judgement->answer;
	const struct sp_rule *rule = sp_policy_rule(question->policy, answer->rule);
	struct sp_explained explained = {
		.generation = question->generation,
		.revision = question->revision,
		.session = question->session,
		.user = question->user,
		.role = question->role,
	};

	sp_explained_judge(&explained, question->policy, judgement, question->hook,
			   &question->tuple);
	if (answer->reason == SP_REASON_EXPIRED && question->is_parked && !(rule && rule->reason))
		explained.message = message_of_parked(sp_question_gateway(question),
						      answer->verdict == SP_ALLOW);
	return explained;
}

json_t *sp_question_describe(const struct sp_question *question,
			     const struct sp_judgement *judgement)
{
	const struct sp_explained explained = sp_question_explained(question, judgement);

	return sp_describe_explained(&explained);
}

static json_t *describe_answer(const struct sp_policy *policy, const struct sp_answer *answer)
{
	return json_pack("{s:s, s:s?, s:s}", "verdict", sp_verdict_name(answer->verdict), "rule",
			 sp_policy_rule_name(policy, answer->rule), "reason",
			 sp_reason_name(answer->reason));
}

/* The answer of each judge, under its name. */
static json_t *describe_answers(const struct sp_policy *policy,
				const struct sp_judgement *judgement)
{
	json_t *all = json_object();

	for (size_t i = 0; i < judgement->plane_count; i++)
		json_object_set_new(all, judgement->planes[i].plane,
				    describe_answer(policy, &judgement->planes[i].answer));
	json_object_set_new(all, SP_JUDGE_REFERENCE,
			    describe_answer(policy, &judgement->reference));
	return all;
}

bool sp_question_agree(const struct sp_question *question, const struct sp_judgement *judgement)
{
	if (!judgement->disagree)
		return true;
	sp_client_fail(
		question->client, "disagreement", 1, describe_answers(question->policy, judgement),
		"the reference and the kernel's programs answer differently; this is a defect "
		"of Sallyport, please report it");
	return false;
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

static int find_person(void *arg, const char *user, const char *idp, bool is_v6,
		       struct sp_asked *ret_asked)
{
	const struct sp_question *question = arg;
	const struct sp_live *live = find_user(question->ops, user, idp, is_v6);

	if (!live)
		return -ENOENT;
	ret_asked->tuple.source = live->row.addresses[is_v6];
	ret_asked->user = live->row.user;
	return 0;
}

static void offer_people(void *arg, struct sp_nearest *near)
{
	const struct sp_question *question = arg;
	struct sp_live *live = NULL;

	while ((live = sp_live_next(question->ops->people, live)))
		sp_nearest_offer(near, live->row.user);
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

/* Find the sessions that the addresses of both ends belong to. Returns 0 or -errno. */
static int open_ends(struct sp_question *question, bool is_stand_in)
{
	const struct sp_people *known = question->ops->people;
	const struct sp_live *sender =
		is_stand_in ? NULL : sp_live_of_address(known, &question->tuple.source);
	const struct sp_live *receiver = sp_live_of_address(known, &question->tuple.destination);
	int r = 0;

	sp_question_whose(question, sender);
	question->is_parked = sender && sender->state == SP_LIVE_PARKED;
	if (sender)
		r = sp_question_open(question, sender, sender->state);
	if (r == 0 && receiver)
		r = sp_question_open(question, receiver, receiver->state);
	return r;
}

static bool read_question(struct sp_question *question, const struct sp_ask *ask)
{
	struct sp_ops *ops = question->ops;
	struct sp_ask_fault fault = { 0 };
	struct sp_asked asked;
	int r;

	if (sp_question_prepare(question) < 0 ||
	    !sp_op_whose_name(ops, question->client, sp_ask_user(ask->from), ask->idp))
		return false;
	const struct sp_asking asking = {
		.policy = question->policy,
		.gateway = sp_question_gateway(question),
		.judge = question->judge,
		.interfaces = "sallyport.yaml, nor one that is known here",
		.people = &people,
		.people_arg = question,
	};
	r = sp_ask_packet(&asking, ask, &asked, &fault);
	if (!is_asked(question, r, &fault))
		return false;
	question->tuple = asked.tuple;
	question->role = asked.role;
	if (!is_asked(question, open_ends(question, asked.role != NULL), &fault))
		return false;
	if (sp_question_enter(question, ask->on))
		return true;
	r = sp_ask_hook(&asking, ask, &asked, &fault);
	question->hook = asked.hook;
	if (ask->on && sp_host_find(ops->host, ask->on))
		question->ifindex = sp_host_find(ops->host, ask->on)->ifindex;
	return is_asked(question, r, &fault);
}

static void answer_question(struct sp_question *question, const struct sp_ask *ask)
{
	struct sp_judgement judgement;
	json_t *unjudged;
	int r;

	if (!read_question(question, ask))
		return;
	unjudged = question->entry ? sp_question_describe_unjudged(question) : NULL;
	if (unjudged) {
		sp_client_reply(question->client, unjudged);
		return;
	}
	r = sp_question_judge(question, question->hook, &question->tuple, -1, false, &judgement);
	if (r < 0)
		sp_client_fail(question->client, "failed", 1, NULL, "judging: %s",
			       sp_judge_fault(r));
	else if (sp_question_agree(question, &judgement))
		sp_client_reply(question->client,
				sp_question_describe_way_out(question, &judgement));
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

void sp_op_explain(struct sp_ops *ops, struct sp_client *client, const struct sp_request *request)
{
	__sp_cleanup(question_done) struct sp_question question = { .ops = ops, .client = client };
	struct sp_ask ask = { 0 };
	const char *at = NULL, *plane = NULL;
	json_t *record = NULL;

	if (!sp_op_unpack(client, request, "{s?s, s?s, s?s, s?s, s?s, s?s, s?s, s?o}", "from",
			  &ask.from, "idp", &ask.idp, "to", &ask.to, "service", &ask.service, "on",
			  &ask.on, "at", &at, "plane", &plane, "record", &record) ||
	    !read_plane(&question, plane))
		return;
	if (record ? (ask.from || ask.idp || ask.to || ask.service || ask.on || at)
		   : (!ask.from || !ask.to)) {
		sp_client_fail(client, "bad-request", 2, NULL,
			       "explain takes from and to (and service, on, idp), or a record");
		return;
	}
	if (at) {
		sp_client_fail(client, "not-supported", 1, NULL,
			       "explain at a time is not supported yet");
		return;
	}
	if (record) {
		sp_question_answer_record(&question, record);
		return;
	}
	if (!ops->revisions->running) {
		sp_client_fail(client, "no-policy", 1, NULL, "no policy is in force");
		return;
	}
	/* the kernel knows the time, so the answer has to know it too */
	sp_people_tick(ops->people);
	question.policy = ops->revisions->running->policy;
	question.revision = ops->revisions->running->number;
	memcpy(question.generation, ops->revisions->running->generation,
	       sizeof(question.generation));
	answer_question(&question, &ask);
}
