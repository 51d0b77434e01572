/* SPDX-License-Identifier: GPL-3.0-or-later */
/* explain: a question asked of the reference and of the real programs with the running policy and the
 * sessions that matter; or a record of the audit log asked again, with the policy of its generation and
 * the sessions as they were then. */
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "daemon/ops.h"
#include "judge/judge.h"
#include "net/addr.h"

#define QUESTION_PORT 40000

/* What is asked, from either form. */
struct question {
	struct sp_daemon *daemon;
	struct sp_client *client;
	const struct sp_policy *policy;
	uint64_t revision;
	char generation[13];
	struct sp_judge *judge;
	enum sp_hook hook;
	struct sp_tuple tuple;
	int tcp_flags;      /* -1: those of a new connection */
	bool is_own;
	char *user;         /* whose packet it is; NULL: nobody's */
	uint64_t session;   /* 0: none */
	struct sp_policy *owned; /* a former generation's */
};

static void question_done(struct question *question)
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

static int judge_packet(struct question *question, enum sp_hook hook, const struct sp_tuple *tuple,
			int tcp_flags, bool is_own, struct sp_judgement *ret_judgement)
{
	uint8_t bytes[128];
	struct sp_frame frame = { .bytes = bytes, .is_ethernet = !is_bare(hook), .is_own = is_own };

	frame.len = sp_packet_build(tuple, frame.is_ethernet, bytes);
	if (tuple->proto == IPPROTO_TCP && tcp_flags >= 0)
		bytes[flags_offset(tuple, frame.is_ethernet)] = (uint8_t)tcp_flags;
	return sp_judge_frame(question->judge, hook, &frame, sp_clock_boottime_ns(), ret_judgement);
}

/* `ended` sessions keep their addresses: their packets are `expired`. */
static int open_session(struct question *question, const struct sp_live *live, bool is_ended)
{
	__sp_free uint32_t *roles = NULL;
	struct sp_identity identity;
	uint32_t number;
	int r = sp_live_identity(live, question->policy, &identity, &roles);

	if (r == 0)
		r = sp_judge_open_session(question->judge, &identity, &number);
	if (r == -EEXIST) /* both ends are the same session */
		return 0;
	if (r == 0 && (is_ended || !identity.role_count))
		r = sp_judge_end_session(question->judge, number);
	return r;
}

static int make_judge(struct question *question)
{
	struct sp_daemon *daemon = question->daemon;
	struct sp_ebpf_error error = { 0 };
	int r = sp_judge_new(question->policy, &daemon->host.gateway, SP_JUDGE_BEST,
			     &question->judge, &error);

	if (r < 0)
		sp_client_fail(question->client, "failed", 1, NULL, "preparing the judges: %s",
			       error.text[0] ? error.text : sp_err_text(r));
	return r;
}

static void whose(struct question *question, const struct sp_live *live)
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

static json_t *describe(const struct question *question, const struct sp_judgement *judgement)
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
		"message", sp_json_text(rule && rule->reason ? rule->reason :
						reason_text(answer->reason)),
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

/* False, and the client told, if the judges differ: never hidden. */
static bool agree(const struct question *question, const struct sp_judgement *judgement)
{
	if (!judgement->disagree)
		return true;
	sp_client_fail(question->client, "disagreement", 1,
		       json_pack("{s:o, s:o}", "ebpf",
				 describe_answer(question->policy, &judgement->answer), "reference",
				 describe_answer(question->policy, &judgement->reference)),
		       "the reference and the kernel's programs answer differently; this is a defect "
		       "of Sallyport, please report it");
	return false;
}

/* ---- a question ---- */

static struct sp_live *find_user(struct sp_daemon *daemon, const char *user, int family)
{
	struct sp_live *live = NULL, *found = NULL;

	while ((live = sp_live_next(&daemon->people, live)))
		if (!strcmp(live->row.user, user) && live->row.has_address[family] &&
		    (!found || live->state < found->state))
			found = live;
	return found;
}

static int open_role(struct question *question, const char *name, bool is_v6)
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
			sp_judge_spare_address(&question->daemon->host.gateway, family == 1, 0,
					       &identity.addresses[family]) == 0;
	if (!identity.has_address[is_v6])
		return -EAFNOSUPPORT;
	question->tuple.source = identity.addresses[is_v6];
	return sp_judge_open_session(question->judge, &identity, &number);
}

static int find_source(struct question *question, const char *from)
{
	struct sp_daemon *daemon = question->daemon;
	const bool is_v6 = !sp_addr_is_v4(&question->tuple.destination);
	struct sp_live *live;

	if (!strncmp(from, "role:", 5))
		return open_role(question, from + 5, is_v6);
	if (sp_addr_parse(from, &question->tuple.source) == 0) {
		if (sp_addr_is_v4(&question->tuple.source) == is_v6)
			return -EAFNOSUPPORT;
		live = sp_live_of_address(&daemon->people, &question->tuple.source);
	} else {
		live = find_user(daemon, strncmp(from, "user:", 5) ? from : from + 5, is_v6);
		if (!live)
			return -ENOENT;
		question->tuple.source = live->row.addresses[is_v6];
	}
	whose(question, live);
	return live ? open_session(question, live, live->state != SP_LIVE_OPEN) : 0;
}

static bool read_question(struct question *question, const char *from, const char *to,
			  const char *on)
{
	struct sp_daemon *daemon = question->daemon;
	const struct sp_gateway *gateway = &daemon->host.gateway;
	const struct sp_live *receiver;
	int r;

	if (sp_judge_parse_target(to, &question->tuple) < 0) {
		sp_client_fail(question->client, "bad-request", 2, NULL,
			       "to is ADDR:PORT, ADDR:PORT/udp, [V6]:PORT or ADDR/icmp");
		return false;
	}
	question->tuple.source_port = QUESTION_PORT;
	if (question->tuple.proto == IPPROTO_ICMP || question->tuple.proto == IPPROTO_ICMPV6)
		question->tuple.destination_port = QUESTION_PORT; /* both are the identifier */
	if (make_judge(question) < 0)
		return false;
	r = find_source(question, from);
	if (r == -ENOENT || r == -EAFNOSUPPORT) {
		sp_client_fail(question->client, "no-such-user", 1, NULL, r == -ENOENT ?
			       "%.63s is no address, no role:NAME and nobody who was signed in lately" :
			       "%.63s has no address of the destination's family", from);
		return false;
	}
	receiver = sp_live_of_address(&daemon->people, &question->tuple.destination);
	if (r == 0 && receiver)
		r = open_session(question, receiver, receiver->state != SP_LIVE_OPEN);
	if (r < 0) {
		sp_client_fail(question->client, "failed", 1, NULL, "opening the sessions: %s",
			       sp_err_text(r));
		return false;
	}
	question->hook = sp_judge_first_hook(gateway, &question->tuple.source);
	if (on && sp_judge_hook_of_interface(gateway, on, &question->hook) < 0) {
		sp_client_fail(question->client, "bad-request", 2, NULL,
			       "%.40s is in no list of sallyport.yaml", on);
		return false;
	}
	return true;
}

static void answer_question(struct question *question, const char *from, const char *to,
			    const char *on)
{
	struct sp_judgement judgement;
	int r;

	if (!read_question(question, from, to, on))
		return;
	r = judge_packet(question, question->hook, &question->tuple, -1, false, &judgement);
	if (r < 0)
		sp_client_fail(question->client, "failed", 1, NULL, "judging: %s", sp_err_text(r));
	else if (agree(question, &judgement))
		sp_client_reply(question->client, describe(question, &judgement));
}

/* ---- a record ---- */

/* Reasons that follow from bytes or counts nobody keeps. */
static bool is_lost(enum sp_reason reason, const struct sp_audit_record *record)
{
	static const enum sp_reason lost[] = {
		SP_REASON_MALFORMED, SP_REASON_TRUNCATED, SP_REASON_ETHERTYPE, SP_REASON_FRAGMENT,
		SP_REASON_DEADLINE, SP_REASON_FLOW_LIMIT, SP_REASON_FLOW_FULL, SP_REASON_LIMIT,
		SP_REASON_TABLE_FULL, SP_REASON_RACING, SP_REASON_RELATED,
	};
	static const int errors4[] = { 3, 4, 5, 11, 12 }, errors6[] = { 1, 2, 3, 4 };

	for (size_t i = 0; i < sizeof(lost) / sizeof(lost[0]); i++)
		if (reason == lost[i])
			return true;
	/* what an ICMP error quoted is not kept; one about no flow is as good as another */
	for (size_t i = 0; record->proto == IPPROTO_ICMP && i < 5; i++)
		if (record->icmp_type == errors4[i] && reason != SP_REASON_NO_FLOW)
			return true;
	for (size_t i = 0; record->proto == IPPROTO_ICMPV6 && i < 4; i++)
		if (record->icmp_type == errors6[i] && reason != SP_REASON_NO_FLOW)
			return true;
	return !record->has_src || !record->has_dst || record->aggregated || !record->hook;
}

/* The session that had @addr at @time_ns. A flow that ends was judged when it began: by the session
 * its record names, which was alive then. */
struct then {
	const struct sp_addr *addr;
	int family;
	int64_t time_ns, parked_ns;
	bool is_flow_end;
	uint64_t id; /* of the session named; 0: none */
	struct sp_live *found;
	bool is_ended;
};

static int match_then(void *arg, struct sp_session_row *row)
{
	struct then *then = arg;
	int64_t end_ns = INT64_MAX, stays_ns = SP_LINGER_NS;

	if (!row->has_address[then->family] || row->opened_ns > then->time_ns ||
	    sp_addr_compare(&row->addresses[then->family], then->addr) != 0)
		return 0;
	if (row->closed_ns)
		end_ns = row->closed_ns;
	if (row->expires_ns && row->expires_ns < end_ns)
		end_ns = row->expires_ns;
	if (row->why && (!strcmp(row->why, "expired") || !strcmp(row->why, "idle")))
		stays_ns = then->parked_ns;
	if (!then->is_flow_end && end_ns <= then->time_ns && then->time_ns - end_ns > stays_ns)
		return 0; /* forgotten by then */
	if (then->is_flow_end && then->found && then->found->row.id == then->id)
		return 0;
	sp_live_free(then->found); /* oldest first: the last one had it */
	then->found = sp_live_new(row);
	then->is_ended = !then->is_flow_end && end_ns <= then->time_ns;
	return then->found ? 0 : -ENOMEM;
}

static int open_then(struct question *question, const struct sp_addr *addr,
		     const struct sp_audit_record *record)
{
	struct sp_daemon *daemon = question->daemon;
	struct then then = { .addr = addr, .family = sp_addr_is_v4(addr) ? 0 : 1,
			     .time_ns = record->time_ns,
			     .parked_ns = daemon->machine->parked_s * SP_NS_PER_S,
			     .is_flow_end = record->event == SP_AUDIT_FLOW_END,
			     .id = record->session ? strtoull(record->session, NULL, 10) : 0 };
	const int64_t since_ns = then.is_flow_end ? 0 : then.time_ns - SP_LINGER_NS - then.parked_ns;
	int r = sp_store_each_session(daemon->store, since_ns, match_then, &then);

	if (r == 0 && then.found) {
		whose(question, then.found);
		r = open_session(question, then.found, then.is_ended);
	}
	sp_live_free(then.found);
	return r;
}

/* The policy a record was judged by. */
static int find_policy(struct question *question, const char *generation)
{
	struct sp_daemon *daemon = question->daemon;
	__sp_cleanup(sp_store_file_done) struct sp_store_file file = { 0 };
	struct sp_diagnostics diagnostics = { 0 };
	uint8_t id[32];
	int r;

	if (!generation)
		return -ENOENT;
	snprintf(question->generation, sizeof(question->generation), "%.12s", generation);
	if (daemon->running && !strcmp(daemon->running->generation, generation)) {
		question->policy = daemon->running->policy;
		return 0;
	}
	r = sp_store_find_generation(daemon->store, generation, id);
	if (r == 0)
		r = sp_store_get_file(daemon->store, id, &file);
	if (r == 0)
		r = sp_policy_load(file.path, file.text, file.len, &question->owned, &diagnostics);
	sp_diagnostics_done(&diagnostics);
	if (r == 0) /* every name has its number already */
		r = sp_policy_number_rules(question->owned, sp_store_rule_number, daemon->store);
	question->policy = question->owned;
	return r;
}

static enum sp_hook way_out(enum sp_hook in)
{
	switch (in) {
	case SP_HOOK_VPN_IN:
		return SP_HOOK_VPN_OUT;
	case SP_HOOK_INSIDE_IN:
		return SP_HOOK_INSIDE_OUT;
	default:
		return SP_HOOK_EDGE_OUT;
	}
}

static bool is_self(const struct sp_gateway *gateway, const struct sp_addr *addr)
{
	for (size_t i = 0; i < gateway->self_count; i++)
		if (!sp_addr_compare(&gateway->self[i], addr))
			return true;
	return false;
}

/* A reply has a flow only if somebody opened it: the packet that did goes first. */
static int judge_opening(struct question *question)
{
	const struct sp_gateway *gateway = &question->daemon->host.gateway;
	const struct sp_tuple *reply = &question->tuple;
	struct sp_tuple tuple = *reply;
	struct sp_judgement judgement;
	enum sp_hook hook;
	bool is_own;

	tuple.source = reply->destination;
	tuple.destination = reply->source;
	tuple.source_port = reply->destination_port;
	tuple.destination_port = reply->source_port;
	if (reply->proto == IPPROTO_ICMP || reply->proto == IPPROTO_ICMPV6) {
		tuple.source_port = tuple.destination_port = reply->source_port;
		tuple.icmp_type = reply->proto == IPPROTO_ICMPV6 ? 128 :
				  reply->icmp_type == 0 ? 8 : (uint8_t)(reply->icmp_type - 1);
	}
	is_own = is_self(gateway, &tuple.source);
	hook = is_own ? way_out(question->hook) : sp_judge_first_hook(gateway, &tuple.source);
	return judge_packet(question, hook, &tuple, -1, is_own, &judgement);
}

static void read_tuple(struct question *question, const struct sp_audit_record *record)
{
	struct sp_tuple *tuple = &question->tuple;

	question->hook = record->hook;
	tuple->source = record->src;
	tuple->destination = record->dst;
	tuple->proto = (uint8_t)record->proto;
	tuple->source_port = record->sport >= 0 ? (uint16_t)record->sport : 0;
	tuple->destination_port = record->dport >= 0 ? (uint16_t)record->dport : 0;
	if (record->proto == IPPROTO_ICMP || record->proto == IPPROTO_ICMPV6) {
		tuple->destination_port = tuple->source_port;
		tuple->icmp_type = (uint8_t)record->icmp_type;
		tuple->icmp_code = record->icmp_code >= 0 ? (uint8_t)record->icmp_code : 0;
	}
	question->tcp_flags = record->tcp_flags;
	question->is_own = (record->hook == SP_HOOK_EDGE_OUT || record->hook == SP_HOOK_VPN_OUT ||
			    record->hook == SP_HOOK_INSIDE_OUT) &&
			   is_self(&question->daemon->host.gateway, &record->src);
}

/* The record's own words, where judging again cannot give them. */
static void answer_as_recorded(struct question *question, const struct sp_audit_record *record)
{
	char source[SP_ADDR_TEXT_MAX], destination[SP_ADDR_TEXT_MAX], message[160];
	const char *reason = record->reason ? record->reason : "?";

	snprintf(message, sizeof(message),
		 "%.20s depends on bytes or state that are not kept; this is the record's own verdict",
		 reason);
	sp_client_reply(question->client, json_pack(
		"{s:s?, s:s?, s:n, s:n, s:s, s:s, s:s?, s:I, s:s, s:s?, s:s?, s:s?, s:s?, s:b, s:b}",
		"verdict", record->verdict, "rule", record->rule, "file", "line",
		"reason", reason, "message", message, "generation", record->generation,
		"revision", (json_int_t)record->revision, "plane", "record",
		"hook", record->hook ? sp_hook_name(record->hook) : NULL,
		"source", record->has_src ? sp_addr_format(&record->src, source) : NULL,
		"destination", record->has_dst ? sp_addr_format(&record->dst, destination) : NULL,
		"user", record->user, "same", 1, "reproduced", 0));
}

static bool is_same(const struct question *question, const struct sp_audit_record *record,
		    const struct sp_judgement *judgement)
{
	const struct sp_answer *answer = &judgement->answer;
	const char *rule = sp_policy_rule_name(question->policy, answer->rule);

	if (record->verdict && strcmp(record->verdict, sp_verdict_name(answer->verdict)) != 0)
		return false;
	if (!record->reason || strcmp(record->reason, sp_reason_name(answer->reason)) != 0)
		return false;
	return rule && record->rule ? !strcmp(rule, record->rule) : !rule && !record->rule;
}

static void judge_record(struct question *question, const struct sp_audit_record *record,
			 enum sp_reason reason)
{
	struct sp_judgement judgement;
	json_t *reply;
	int r = 0;

	read_tuple(question, record);
	if (make_judge(question) < 0)
		return;
	r = open_then(question, &record->src, record);
	if (r == 0)
		r = open_then(question, &record->dst, record);
	if (r == 0 && reason == SP_REASON_REPLY)
		r = judge_opening(question);
	if (r == 0)
		r = judge_packet(question, question->hook, &question->tuple, question->tcp_flags,
				 question->is_own, &judgement);
	if (r < 0) {
		sp_client_fail(question->client, "failed", 1, NULL, "judging: %s", sp_err_text(r));
		return;
	}
	if (!agree(question, &judgement))
		return;
	reply = describe(question, &judgement);
	json_object_set_new(reply, "same", json_boolean(is_same(question, record, &judgement)));
	json_object_set_new(reply, "reproduced", json_true());
	sp_client_reply(question->client, reply);
}

static void answer_record(struct question *question, json_t *json)
{
	__sp_audit_entry struct sp_audit_entry entry = { 0 };
	const struct sp_audit_record *record = &entry.record;
	char *text = json_dumps(json, JSON_COMPACT);
	enum sp_reason reason = SP_REASON_NONE;
	int r = text ? sp_audit_entry_parse(text, strlen(text), &entry) : -ENOMEM;

	free(text);
	if (r < 0 || (record->event != SP_AUDIT_DENY && record->event != SP_AUDIT_ALLOW &&
		      record->event != SP_AUDIT_FLOW_END) ||
	    !record->reason || sp_reason_parse(record->reason, &reason) < 0) {
		sp_client_fail(question->client, "bad-request", 2, NULL,
			       "record is one whole record of the audit log about a packet: deny, allow or "
			       "flow-end");
		return;
	}
	if (is_lost(reason, record)) {
		answer_as_recorded(question, record);
		return;
	}
	question->revision = record->revision;
	r = find_policy(question, record->generation);
	if (r < 0)
		sp_client_fail(question->client, "no-policy", 1, NULL,
			       "the policy of the record's generation is not kept here");
	else
		judge_record(question, record, reason);
}

void sp_op_explain(struct sp_daemon *daemon, struct sp_client *client,
		   const struct sp_request *request)
{
	__sp_cleanup(question_done) struct question question = { .daemon = daemon,
								 .client = client };
	const char *from = NULL, *to = NULL, *on = NULL, *at = NULL;
	json_t *record = NULL;

	if (!sp_op_unpack(client, request, "{s?s, s?s, s?s, s?s, s?o}", "from", &from, "to", &to,
			  "on", &on, "at", &at, "record", &record))
		return;
	if (record ? (from || to || on || at) : (!from || !to)) {
		sp_client_fail(client, "bad-request", 2, NULL,
			       "explain takes from and to (and on), or a record");
		return;
	}
	if (at) {
		sp_client_fail(client, "not-supported", 1, NULL, "explain at a time is not supported yet");
		return;
	}
	if (record) {
		answer_record(&question, record);
		return;
	}
	if (!daemon->running) {
		sp_client_fail(client, "no-policy", 1, NULL, "no policy is in force");
		return;
	}
	question.policy = daemon->running->policy;
	question.revision = daemon->running->number;
	memcpy(question.generation, daemon->running->generation, sizeof(question.generation));
	answer_question(&question, from, to, on);
}
