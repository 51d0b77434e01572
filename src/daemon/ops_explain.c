/* SPDX-License-Identifier: GPL-3.0-or-later */
/* explain: a question asked of the reference and of the real programs, with the running policy and
 * the sessions that matter. */
#include "daemon/explain.h"

#include <netinet/in.h>
#include <string.h>

#include "net/addr.h"
#include "yaml/suggest.h"

#define QUESTION_PORT 40000

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
	const struct sp_daemon *daemon = question->daemon;

	return daemon->running ? &daemon->running->gateway : &daemon->host.gateway;
}

int sp_question_prepare(struct sp_question *question)
{
	struct sp_ebpf_error error = { 0 };
	int r = sp_judge_new(question->policy, sp_question_gateway(question), SP_JUDGE_BEST,
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

static const char *reason_text(enum sp_reason reason)
{
	static const char *const texts[] = {
		[SP_REASON_NONE] = "",
#define X(id, name, text) [SP_REASON_##id] = text,
		SP_REASONS(X)
#undef X
	};

	return texts[reason < SP_REASON_COUNT ? reason : SP_REASON_NONE];
}

/* What is told to a person: the rule's own words, else what the reason means for them. */
static const char *message_of(const struct sp_question *question, const struct sp_answer *answer)
{
	const struct sp_gateway *gateway = sp_question_gateway(question);
	const struct sp_rule *rule = sp_policy_rule(question->policy, answer->rule);

	if (rule && rule->reason)
		return rule->reason;
	if (answer->reason != SP_REASON_EXPIRED || !question->is_parked)
		return reason_text(answer->reason);
	if (answer->verdict == SP_ALLOW)
		return "the session has expired; the portal and DNS stay reachable, to sign in again";
	if (!gateway->portal_port && !gateway->resolver_count)
		return "the session has expired; sign in again";
	return "the session has expired; sign in again: until then only the portal and DNS are "
	       "reachable";
}

json_t *sp_question_describe(const struct sp_question *question,
			     const struct sp_judgement *judgement)
{
	const struct sp_answer *answer = &judgement->answer;
	const struct sp_rule *rule = sp_policy_rule(question->policy, answer->rule);
	const struct sp_tuple *tuple = &question->tuple;
	char source[SP_ADDR_TEXT_MAX], destination[SP_ADDR_TEXT_MAX];
	json_t *json = json_pack(
		"{s:s, s:s?, s:s, s:o, s:s, s:I, s:s, s:s, s:s, s:s, s:i, s:i, s:s?}",
		"verdict", sp_verdict_name(answer->verdict),
		"rule", sp_policy_rule_name(question->policy, answer->rule),
		"reason", sp_reason_name(answer->reason),
		"message", sp_json_text(message_of(question, answer)),
		"generation", question->generation, "revision", (json_int_t)question->revision,
		"plane", judgement->plane, "hook", sp_hook_name(question->hook),
		"source", sp_addr_format(&tuple->source, source),
		"destination", sp_addr_format(&tuple->destination, destination),
		"proto", tuple->proto, "port", tuple->destination_port, "user", question->user);

	json_object_set_new(json, "session", question->session ?
			    json_integer((json_int_t)question->session) : json_null());
	json_object_set_new(json, "file", rule ?
			    sp_json_text(question->policy->files[rule->place.file].path) :
			    json_null());
	json_object_set_new(json, "line", rule ? json_integer(rule->place.line) : json_null());
	return json;
}

static json_t *describe_answer(const struct sp_policy *policy, const struct sp_answer *answer)
{
	return json_pack("{s:s, s:s?, s:s}", "verdict", sp_verdict_name(answer->verdict), "rule",
			 sp_policy_rule_name(policy, answer->rule), "reason",
			 sp_reason_name(answer->reason));
}

bool sp_question_agree(const struct sp_question *question, const struct sp_judgement *judgement)
{
	if (!judgement->disagree)
		return true;
	sp_client_fail(
		question->client, "disagreement", 1,
		json_pack("{s:o, s:o}", "ebpf",
			  describe_answer(question->policy, &judgement->answer), "reference",
			  describe_answer(question->policy, &judgement->reference)),
		"the reference and the kernel's programs answer differently; this is a defect "
		"of Sallyport, please report it");
	return false;
}

/* ---- a question ---- */

static struct sp_live *find_user(struct sp_daemon *daemon, const char *user, const char *idp,
				 int family)
{
	struct sp_live *live = NULL, *found = NULL;

	while ((live = sp_live_next(&daemon->people, live)))
		if (!strcmp(live->row.user, user) && live->row.has_address[family] &&
		    (!idp || (live->row.idp && !strcmp(live->row.idp, idp))) &&
		    (!found || live->state < found->state))
			found = live;
	return found;
}

static const char *user_of(const char *from)
{
	return strncmp(from, "user:", 5) ? from : from + 5;
}

static int open_role(struct sp_question *question, const char *name, bool is_v6)
{
	const struct sp_policy *policy = question->policy;
	struct sp_identity identity = { .role_count = 1 };
	uint32_t role, number;

	for (role = 0; role < policy->role_count; role++)
		if (!strcmp(policy->roles[role].name, name))
			break;
	if (role == policy->role_count)
		return -ENOENT;
	identity.roles = &role;
	for (int family = 0; family < 2; family++)
		identity.has_address[family] =
			sp_judge_spare_address(sp_question_gateway(question), family == 1, 0,
					       &identity.addresses[family]) == 0;
	if (!identity.has_address[is_v6])
		return -EAFNOSUPPORT;
	question->tuple.source = identity.addresses[is_v6];
	return sp_judge_open_session(question->judge, &identity, &number);
}

static int find_source(struct sp_question *question, const char *from, const char *idp)
{
	struct sp_daemon *daemon = question->daemon;
	const bool is_v6 = !sp_addr_is_v4(&question->tuple.destination);
	struct sp_live *live;

	if (!strncmp(from, "role:", 5))
		return open_role(question, from + 5, is_v6);
	if (!strcmp(from, "anonymous")) {
		question->tuple.source =
			sp_judge_stranger(question->policy, sp_question_gateway(question), is_v6);
		return 0;
	}
	if (sp_addr_parse(from, &question->tuple.source) == 0) {
		if (sp_addr_is_v4(&question->tuple.source) == is_v6)
			return -EAFNOSUPPORT;
		live = sp_live_of_address(&daemon->people, &question->tuple.source);
	} else {
		live = find_user(daemon, user_of(from), idp, is_v6);
		if (!live)
			return -ENOENT;
		question->tuple.source = live->row.addresses[is_v6];
	}
	sp_question_whose(question, live);
	question->is_parked = live && live->state == SP_LIVE_PARKED;
	return live ? sp_question_open(question, live, live->state) : 0;
}

/* Nobody of that name is known: whom was meant? */
static void fail_unknown(const struct sp_question *question, const char *from)
{
	const bool is_role = !strncmp(from, "role:", 5);
	const struct sp_policy *policy = question->policy;
	struct sp_live *live = NULL;
	struct sp_nearest near;

	sp_nearest_init(&near, is_role ? from + 5 : user_of(from));
	for (uint32_t i = 0; is_role && i < policy->role_count; i++)
		sp_nearest_offer(&near, policy->roles[i].name);
	while (!is_role && (live = sp_live_next(&question->daemon->people, live)))
		sp_nearest_offer(&near, live->row.user);
	sp_client_fail(question->client, "no-such-user", 1, NULL,
		       is_role ? "the policy has no role \"%.255s\"%s%.255s%s" :
				 "%.255s is no address, no role:NAME, not anonymous and nobody who was signed in lately"
				 "%s%.255s%s",
		       is_role ? from + 5 : from, near.best ? "; did you mean \"" : "", near.best ? near.best : "",
		       near.best ? "\"?" : "");
}

/* An address, or a network of the running policy. False: the client was told. */
static bool read_target(struct sp_question *question, const char *from, const char *to)
{
	static const struct sp_policy none;
	const struct sp_revision *running = question->daemon->running;
	const char *near = NULL;
	struct sp_addr source;
	const bool prefers_v6 = sp_addr_parse(from, &source) == 0 && !sp_addr_is_v4(&source);

	if (sp_judge_name_target(running ? running->policy : &none, to, prefers_v6, &question->tuple, &near) == 0)
		return true;
	sp_client_fail(question->client, "bad-request", 2, NULL,
		       "to is ADDR:PORT, ADDR:PORT/udp, [V6]:PORT or ADDR/icmp, or a network of the policy in the "
		       "address's place%s%.63s%s",
		       near ? "; did you mean \"" : "", near ? near : "", near ? "\"?" : "");
	return false;
}

static bool read_question(struct sp_question *question, const char *from, const char *idp,
			  const char *to, const char *on)
{
	struct sp_daemon *daemon = question->daemon;
	const struct sp_gateway *gateway = sp_question_gateway(question);
	const struct sp_live *receiver;
	int r;

	if (!read_target(question, from, to))
		return false;
	question->tuple.source_port = QUESTION_PORT;
	if (question->tuple.proto == IPPROTO_ICMP || question->tuple.proto == IPPROTO_ICMPV6)
		question->tuple.destination_port = QUESTION_PORT; /* both are the identifier */
	if (sp_question_prepare(question) < 0)
		return false;
	if (!sp_op_whose_name(daemon, question->client, user_of(from), idp))
		return false;
	r = find_source(question, from, idp);
	if (r == -ENOENT) {
		fail_unknown(question, from);
		return false;
	}
	if (r == -EAFNOSUPPORT) {
		sp_client_fail(question->client, "no-such-user", 1, NULL,
			       "%.255s has no address of the destination's family", from);
		return false;
	}
	receiver = sp_live_of_address(&daemon->people, &question->tuple.destination);
	if (r == 0 && receiver)
		r = sp_question_open(question, receiver, receiver->state);
	if (r < 0) {
		sp_client_fail(question->client, "failed", 1, NULL, "opening the sessions: %s",
			       sp_judge_fault(r));
		return false;
	}
	question->hook = strcmp(from, "anonymous") ? sp_judge_first_hook(gateway, &question->tuple.source) :
						     SP_HOOK_EDGE_IN;
	if (sp_question_enter(question, on))
		return true;
	if (on && sp_judge_hook_of_interface(gateway, on, &question->hook) < 0) {
		sp_client_fail(question->client, "bad-request", 2, NULL,
			       "%.40s is in no list of sallyport.yaml, and no interface that could be", on);
		return false;
	}
	if (on && sp_host_find(&daemon->host, on))
		question->ifindex = sp_host_find(&daemon->host, on)->ifindex;
	return true;
}

static void answer_question(struct sp_question *question, const char *from, const char *idp,
			    const char *to, const char *on)
{
	struct sp_judgement judgement;
	json_t *unjudged;
	int r;

	if (!read_question(question, from, idp, to, on))
		return;
	unjudged = question->entry ? sp_question_describe_unjudged(question) : NULL;
	if (unjudged) {
		sp_client_reply(question->client, unjudged);
		return;
	}
	r = sp_question_judge(question, question->hook, &question->tuple, -1, false, &judgement);
	if (r < 0)
		sp_client_fail(question->client, "failed", 1, NULL, "judging: %s", sp_judge_fault(r));
	else if (sp_question_agree(question, &judgement))
		sp_client_reply(question->client, sp_question_describe_way_out(question, &judgement));
}

void sp_op_explain(struct sp_daemon *daemon, struct sp_client *client,
		   const struct sp_request *request)
{
	__sp_cleanup(question_done) struct sp_question question = { .daemon = daemon,
								 .client = client };
	const char *from = NULL, *idp = NULL, *to = NULL, *on = NULL, *at = NULL;
	json_t *record = NULL;

	if (!sp_op_unpack(client, request, "{s?s, s?s, s?s, s?s, s?s, s?o}", "from", &from, "idp", &idp, "to", &to,
			  "on", &on, "at", &at, "record", &record))
		return;
	if (record ? (from || idp || to || on || at) : (!from || !to)) {
		sp_client_fail(client, "bad-request", 2, NULL,
			       "explain takes from and to (and on), or a record");
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
	if (!daemon->running) {
		sp_client_fail(client, "no-policy", 1, NULL, "no policy is in force");
		return;
	}
	sp_people_tick(daemon); /* the kernel knows the time; so must the answer */
	question.policy = daemon->running->policy;
	question.revision = daemon->running->number;
	memcpy(question.generation, daemon->running->generation, sizeof(question.generation));
	answer_question(&question, from, idp, to, on);
}
