/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One question of either form: its judge is made in a thread, the loop looks up what the judge has to
 * know, and the packet is judged in the thread. */
#include "daemon/explain/explain.h"

#include <netinet/in.h>
#include <string.h>

#include "base/array.h"
#include "daemon/access/deadlines.h"
#include "daemon/facts/origins.h"
#include "io/files/zoneinfo.h"
#include "io/loop/clock.h"

static void question_free_judge(void *arg)
{
	struct sp_question *question = arg;

	sp_judge_free(SP_TAKE_PTR(question->judge));
}

/* Its judge goes first, in the thread too. */
void sp_question_free(void *arg)
{
	struct sp_question *question = arg;

	if (!question)
		return;
	if (question->judge) {
		question->judging = (struct sp_work){ .run = question_free_judge,
						      .free = sp_question_free,
						      .arg = question };
		sp_works_put(question->ops->works, &question->judging);
		return;
	}
	for (size_t i = 0; i < SP_ARRAY_LEN(question->ends); i++)
		sp_live_free(question->ends[i].live);
	sp_trail_done(&question->trail);
	sp_policy_free(question->policy);
	sp_gateway_done(&question->gateway);
	sp_files_done(&question->files);
	sp_audit_entry_done(&question->recorded);
	json_decrefp(&question->json);
	free(question->named.user);
	free(question->named.nearest);
	free(question->user);
	free(question);
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
	return sp_judge_frame(question->judge, hook, &frame, question->facts.now_boot_ns,
			      ret_judgement);
}

/* Put a session into the judge, in this state. Parked and ended ones keep their addresses: their
 * packets are `expired`. */
static int open_session(struct sp_question *question, const struct sp_live *live,
			enum sp_live_state state)
{
	const struct sp_person person = sp_live_person(live);
	__sp_free uint32_t *roles = NULL;
	struct sp_identity identity;
	uint32_t number;
	int r = sp_live_identity(live, question->policy, question->facts.now_s, &identity, &roles);

	if (r == 0)
		r = sp_judge_open_session(question->judge, &identity, &number);
	if (r == -EEXIST) /* both ends are the same session */
		return 0;
	if (r == 0 && state == SP_LIVE_PARKED)
		r = sp_judge_park_session(question->judge, number);
	else if (r == 0 && state == SP_LIVE_ENDED)
		r = sp_judge_end_session(question->judge, number);
	else if (r == 0 && !identity.role_count)
		r = sp_judge_end_roleless(question->judge, &person, number);
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
		.silents = sp_targets_silents(question->ops->targets),
	};

	sp_explained_judge(&explained, question->policy, &question->gateway, judgement,
			   question->hook, &question->tuple);
	if (answer->reason == SP_REASON_EXPIRED && question->is_parked && !(rule && rule->reason))
		explained.message =
			message_of_parked(&question->gateway, answer->verdict == SP_ALLOW);
	if (answer->reason == SP_REASON_BLOCKLIST && question->is_banned)
		explained.message = question->ban_words;
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
	return json_pack("{s:s, s:s?, s:s, s:o*}", "verdict", sp_verdict_name(answer->verdict),
			 "rule", sp_policy_rule_name(policy, answer->rule), "reason",
			 sp_reason_name(answer->reason), "audit",
			 sp_describe_audit(policy, &answer->audit));
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

/* False, and the client told, if the judges differ: never hidden. */
static bool question_agree(const struct sp_question *question)
{
	const struct sp_judgement *judgement = &question->judgement;

	if (!judgement->disagree)
		return true;
	sp_client_fail(
		question->client, "disagreement", 1, describe_answers(question->policy, judgement),
		"the reference and the kernel's programs answer differently; this is a defect "
		"of Sallyport, please report it");
	return false;
}

/* ---- the work ---- */

/* Every name of a former generation has its number in the database already; here only what a number
 * stands for counts. What its origins held then nobody knows: they hold what they hold now. */
static int load_policy(struct sp_question *question)
{
	__sp_cleanup(sp_diagnostics_done) struct sp_diagnostics diagnostics = { 0 };
	__sp_cleanup(sp_origin_set_done) struct sp_origin_set origins = { 0 };
	const struct sp_origin_ways ways = { question->ops->paths, &question->gateway, NULL };
	int r = sp_policy_load_files(question->files.list, question->files.count, &sp_zoneinfo,
				     &question->policy, &diagnostics);

	if (r == 0)
		r = sp_policy_number_rules(question->policy, NULL, NULL);
	return r < 0 ? r : sp_origin_set_load(&ways, &question->policy, &origins, NULL);
}

static void question_make(void *arg)
{
	struct sp_question *question = arg;

	question->facts = sp_clock_facts();
	if (question->at_s != INT64_MIN)
		question->facts.now_s = question->at_s;
	question->made = question->policy ? 0 : load_policy(question);
	if (question->made == 0)
		question->made =
			sp_judge_new(question->policy, &question->gateway, &question->facts,
				     &question->planes, &question->judge, &question->error);
	if (question->made == 0 && !question->is_of_record)
		sp_question_make_packet(question);
}

static int judge_packet(struct sp_question *question)
{
	int r = 0;

	for (size_t i = 0; i < SP_ARRAY_LEN(question->ends) && r == 0; i++)
		if (question->ends[i].live)
			r = open_session(question, question->ends[i].live, question->ends[i].state);
	if (r == 0 && question->is_banned)
		r = sp_judge_ban(question->judge, &question->ban);
	if (r == 0 && question->has_opening)
		r = sp_question_judge_opening(question);
	return r < 0 ? r
		     : sp_question_judge(question, question->hook, &question->tuple,
					 question->tcp_flags, question->is_own,
					 &question->judgement);
}

static int make_trail(struct sp_question *question)
{
	const struct sp_live *sender = question->ends[0].live;
	const struct sp_person person = sender ? sp_live_person(sender) : (struct sp_person){ 0 };
	const struct sp_trail_asked asked = { .hook = question->hook,
					      .tuple = &question->tuple,
					      .is_own = question->is_own,
					      .ifindex = question->ifindex,
					      .now_ns = question->facts.now_boot_ns,
					      .now_s = question->facts.now_s,
					      .person = sender ? &person : NULL,
					      .role = question->role };

	return sp_trail_make(question->judge, question->policy, &question->gateway, &asked,
			     &question->judgement.answer, &question->trail);
}

static void question_judge(void *arg)
{
	struct sp_question *question = arg;

	question->judged = judge_packet(question);
	if (question->judged == 0 && !question->is_of_record)
		question->judged = make_trail(question);
	question_free_judge(question);
}

static void question_answer(void *arg)
{
	struct sp_question *question = arg;

	if (question->judged < 0)
		sp_client_fail(question->client, "failed", 1, NULL, "judging: %s",
			       sp_judge_fault(question->judged));
	else if (!question_agree(question))
		return;
	else if (question->is_of_record)
		sp_question_answer_record(question);
	else
		sp_client_reply(question->client,
				sp_question_describe_way_out(question, &question->judgement));
}

static void question_made(void *arg)
{
	struct sp_question *question = arg;

	/* the kernel knows the time, so the answer has to know it too */
	sp_people_tick(question->ops->people);
	if (question->made < 0) {
		sp_client_fail(question->client, "failed", 1, NULL, "preparing the judges: %s",
			       question->error.text[0] ? question->error.text
						       : sp_judge_fault(question->made));
		return;
	}
	if (!(question->is_of_record ? sp_question_prepare_record(question)
				     : sp_question_prepare_packet(question)))
		return;
	question->is_handed_on = true;
	question->judging = (struct sp_work){ .client = question->client,
					      .run = question_judge,
					      .answer = question_answer,
					      .free = sp_question_free,
					      .arg = question };
}

/* Judging follows, or nothing does. */
static void question_go_on(void *arg)
{
	struct sp_question *question = arg;

	if (question->is_handed_on)
		sp_works_put(question->ops->works, &question->judging);
	else
		sp_question_free(question);
}

/* Take what the judge is made of, which may be another's by the time it is. */
int sp_question_put(struct sp_question *question)
{
	struct sp_ops *ops = question->ops;
	const struct sp_revision *running = ops->revisions->running;
	int r = sp_gateway_copy(running ? &running->gateway : &ops->host->gateway,
				&question->gateway);

	if (r < 0) {
		sp_client_fail(question->client, "failed", 1, NULL, "out of memory");
		return r;
	}
	question->making = (struct sp_work){ .client = question->client,
					     .run = question_make,
					     .answer = question_made,
					     .free = question_go_on,
					     .arg = question };
	sp_works_put(ops->works, &question->making);
	return 0;
}
