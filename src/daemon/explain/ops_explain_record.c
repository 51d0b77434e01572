/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Ask a record of the audit log again by its own values: with the policy of its generation and the
 * sessions as they were then. */
#include "daemon/explain/explain.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "net/addr.h"

/* Reasons that depend on bytes, counts or bans that nobody keeps. */
static bool is_lost(enum sp_reason reason, const struct sp_audit_record *record)
{
	static const enum sp_reason lost[] = {
		SP_REASON_MALFORMED, SP_REASON_TRUNCATED, SP_REASON_ETHERTYPE,
		SP_REASON_FRAGMENT,  SP_REASON_DEADLINE,  SP_REASON_FLOW_LIMIT,
		SP_REASON_FLOW_FULL, SP_REASON_LIMIT,     SP_REASON_TABLE_FULL,
		SP_REASON_RACING,    SP_REASON_RELATED,   SP_REASON_BLOCKLIST,
	};
	static const int errors4[] = { 3, 4, 5, 11, 12 }, errors6[] = { 1, 2, 3, 4 };

	for (size_t i = 0; i < sizeof(lost) / sizeof(lost[0]); i++)
		if (reason == lost[i])
			return true;
	/* the packet that an ICMP error quoted is not kept; any error about no flow stands for
	 * it */
	for (size_t i = 0; record->proto == IPPROTO_ICMP && i < 5; i++)
		if (record->icmp_type == errors4[i] && reason != SP_REASON_NO_FLOW)
			return true;
	for (size_t i = 0; record->proto == IPPROTO_ICMPV6 && i < 4; i++)
		if (record->icmp_type == errors6[i] && reason != SP_REASON_NO_FLOW)
			return true;
	return !record->has_src || !record->has_dst || record->aggregated || !record->hook ||
	       record->hook >= SP_HOOK_JUDGE_COUNT;
}

/* The session that had @addr at @time_ns. The session that the record names comes first: the kernel
 * judged by it, even if a clock read a moment earlier or later disagrees. A flow that ends was
 * judged when it began, so its session may be closed by @time_ns. */
struct then {
	const struct sp_addr *addr;
	int family;
	int64_t time_ns, parked_ns;
	bool is_flow_end;
	enum sp_reason reason;
	uint64_t id; /* of the session named; 0: none */
	struct sp_live *found;
	enum sp_live_state state;
};

/* Was the session parked when it ended, waiting for its person? A replaced one was not: else the
 * session that replaced it would be the newer one of that time. */
static bool was_parked(const struct sp_session_row *row)
{
	return !row->why || sp_session_parks(row->why) || !strcmp(row->why, "replaced");
}

/* The state in which the kernel found the session it names. If that session has not been closed to
 * this day, the other end's session was the revoked one. */
static enum sp_live_state state_by_reason(const struct then *then, const struct sp_session_row *row)
{
	if (then->reason == SP_REASON_REVOKED && row->closed_ns)
		return SP_LIVE_ENDED;
	return then->reason == SP_REASON_EXPIRED ? SP_LIVE_PARKED : SP_LIVE_OPEN;
}

static enum sp_live_state state_then(const struct then *then, const struct sp_session_row *row)
{
	if (then->is_flow_end || row->id == then->id)
		return state_by_reason(then, row);
	if (row->closed_ns && row->closed_ns <= then->time_ns)
		return was_parked(row) ? SP_LIVE_PARKED : SP_LIVE_ENDED;
	if (row->expires_ns && row->expires_ns <= then->time_ns)
		return SP_LIVE_PARKED;
	return SP_LIVE_OPEN;
}

/* Did the session hold the address when the packet came, as far as the clock tells? */
static bool held_then(const struct then *then, const struct sp_session_row *row)
{
	int64_t end_ns = INT64_MAX, stays_ns = SP_LINGER_NS;

	if (row->opened_ns > then->time_ns)
		return false;
	if (row->closed_ns)
		end_ns = row->closed_ns;
	if (row->expires_ns && row->expires_ns < end_ns)
		end_ns = row->expires_ns;
	if (was_parked(row))
		stays_ns = then->parked_ns;
	/* after a longer silence the session was forgotten */
	return then->is_flow_end || end_ns > then->time_ns || then->time_ns - end_ns <= stays_ns;
}

/* Sessions come oldest first. The last one that held the address had it. An exception are sessions
 * that replaced another because of other groups, whose person had signed in before: of those, the
 * first that was not closed yet. */
static bool is_settled(const struct then *then)
{
	if (!then->found)
		return false;
	if (then->found->row.id == then->id)
		return true;
	return !then->is_flow_end &&
	       (!then->found->row.closed_ns || then->found->row.closed_ns > then->time_ns);
}

static int match_then(void *arg, struct sp_session_row *row)
{
	struct then *then = arg;

	if (!row->has_address[then->family] ||
	    sp_addr_compare(&row->addresses[then->family], then->addr) != 0)
		return 0;
	if (row->id != then->id && (is_settled(then) || !held_then(then, row)))
		return 0;
	sp_live_free(then->found);
	then->state = state_then(then, row);
	then->found = sp_live_new(row);
	return then->found ? 0 : -ENOMEM;
}

/* Find the session that had @addr. Returns 0, with ->live NULL and ended: none; -errno. */
static int find_end(struct sp_question *question, const struct sp_addr *addr,
		    const struct sp_audit_record *record, enum sp_reason reason,
		    struct sp_question_end *ret_end)
{
	struct sp_ops *ops = question->ops;
	struct then then = { .addr = addr,
			     .family = sp_addr_is_v4(addr) ? 0 : 1,
			     .time_ns = record->time_ns,
			     .parked_ns = (*ops->machine)->parked_s * SP_NS_PER_S,
			     .is_flow_end = record->event == SP_AUDIT_FLOW_END,
			     .reason = reason,
			     .state = SP_LIVE_ENDED,
			     .id = record->session ? strtoull(record->session, NULL, 10) : 0 };
	const int64_t since_ns =
		then.is_flow_end ? 0 : then.time_ns - SP_LINGER_NS - then.parked_ns;
	int r = sp_store_each_session(ops->store, since_ns, match_then, &then);

	if (r == 0)
		sp_question_whose(question, then.found);
	ret_end->live = then.found;
	ret_end->state = then.state;
	return r;
}

/* The policy a record was judged by, or the files of it. */
static int find_policy(struct sp_question *question, const char *generation)
{
	struct sp_ops *ops = question->ops;
	uint8_t id[32];
	int r;

	if (!generation)
		return -ENOENT;
	snprintf(question->generation, sizeof(question->generation), "%.12s", generation);
	if (ops->revisions->running && !strcmp(ops->revisions->running->generation, generation)) {
		question->policy = sp_policy_hold(ops->revisions->running->policy);
		return 0;
	}
	r = sp_store_find_generation(ops->store, generation, id);
	return r == 0 ? sp_store_get_files(ops->store, id, &question->files) : r;
}

int sp_question_judge_opening(struct sp_question *question)
{
	const struct sp_gateway *gateway = &question->gateway;
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
		tuple.icmp_type = reply->proto == IPPROTO_ICMPV6 ? 128
				  : reply->icmp_type == 0        ? 8
								 : (uint8_t)(reply->icmp_type - 1);
	}
	is_own = sp_gateway_has(gateway, &tuple.source);
	hook = is_own ? sp_judge_way_out(question->hook)
		      : sp_judge_first_hook(gateway, &tuple.source);
	return sp_question_judge(question, hook, &tuple, -1, is_own, &judgement);
}

/* A reset, and the answer to a SYN, belong to a connection or are denied for lack of one. If the
 * record says something else, the connection was judged: ask it as a packet within the
 * connection. */
static int flags_asked(const struct sp_audit_record *record, enum sp_reason reason)
{
	const int flags = record->tcp_flags;
	const bool needs_flow = flags >= 0 && ((flags & TH_RST) ||
					       (flags & (TH_SYN | TH_ACK)) == (TH_SYN | TH_ACK));

	return record->proto == IPPROTO_TCP && needs_flow && reason != SP_REASON_NO_FLOW ? TH_ACK
											 : flags;
}

static void read_tuple(struct sp_question *question, const struct sp_audit_record *record,
		       enum sp_reason reason)
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
	question->tcp_flags = flags_asked(record, reason);
	question->is_own = (record->hook == SP_HOOK_EDGE_OUT || record->hook == SP_HOOK_VPN_OUT ||
			    record->hook == SP_HOOK_INSIDE_OUT) &&
			   sp_gateway_has(&question->gateway, &record->src);
}

/* Answer with the record's own words, if judging again cannot give them. */
static void answer_as_recorded(struct sp_question *question, const struct sp_audit_record *record)
{
	const char *reason = record->reason ? record->reason : "?";
	enum sp_reason known;
	char message[160];
	const struct sp_explained explained = {
		.verdict = record->verdict,
		.rule = record->rule,
		.limit = record->limit,
		.reason = reason,
		.message = message,
		.plane = "record",
		.hook = record->hook ? sp_hook_name(record->hook) : NULL,
		.generation = record->generation,
		.revision = record->revision,
		.session = record->session ? strtoull(record->session, NULL, 10) : 0,
		.source = record->has_src ? &record->src : NULL,
		.destination = record->has_dst ? &record->dst : NULL,
		.proto = record->proto,
		.port = record->dport,
		.user = record->user,
	};
	json_t *reply;

	snprintf(message, sizeof(message), "%.20s %s; this is the record's own verdict", reason,
		 sp_reason_parse(reason, &known) < 0
			 ? "is a reason that this version does not know"
			 : "depends on bytes or state that are not kept");
	reply = sp_describe_explained(&explained);
	json_object_set_new(reply, "same", json_true());
	json_object_set_new(reply, "reproduced", json_false());
	sp_client_reply(question->client, reply);
}

static bool is_same(const struct sp_question *question, const struct sp_audit_record *record,
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

bool sp_question_prepare_record(struct sp_question *question)
{
	const struct sp_audit_record *record = &question->recorded.record;
	struct sp_question_end *sender = &question->ends[0];
	enum sp_reason reason = SP_REASON_NONE;
	int r;

	(void)sp_reason_parse(record->reason, &reason); /* it was known when it was read */
	read_tuple(question, record, reason);
	r = find_end(question, &record->src, record, reason, sender);
	if (r == 0 && sender->state == SP_LIVE_ENDED && reason == SP_REASON_EXPIRED &&
	    record->verdict && !strcmp(record->verdict, sp_verdict_name(SP_ALLOW))) {
		answer_as_recorded(question, record); /* parked by silence, and revoked since */
		return false;
	}
	question->is_parked = sender->state == SP_LIVE_PARKED;
	if (r == 0)
		r = find_end(question, &record->dst, record, reason, &question->ends[1]);
	/* a reply has a flow only if somebody opened it */
	question->has_opening = reason == SP_REASON_REPLY;
	if (r < 0)
		sp_client_fail(question->client, "failed", 1, NULL, "judging: %s",
			       sp_judge_fault(r));
	return r == 0;
}

void sp_question_answer_record(struct sp_question *question)
{
	json_t *reply = sp_question_describe(question, &question->judgement);

	json_object_set_new(
		reply, "same",
		json_boolean(is_same(question, &question->recorded.record, &question->judgement)));
	json_object_set_new(reply, "reproduced", json_true());
	sp_client_reply(question->client, reply);
}

int sp_question_read_record(struct sp_question *question, json_t *json)
{
	const struct sp_audit_record *record = &question->recorded.record;
	char *text = json_dumps(json, JSON_COMPACT);
	enum sp_reason reason = SP_REASON_NONE;
	int r = text ? sp_audit_entry_parse(text, strlen(text), &question->recorded) : -ENOMEM;

	free(text);
	if (r < 0 ||
	    (record->event != SP_AUDIT_DENY && record->event != SP_AUDIT_LIMIT &&
	     record->event != SP_AUDIT_ALLOW && record->event != SP_AUDIT_FLOW_END) ||
	    !record->reason) {
		sp_client_fail(question->client, "bad-request", 2, NULL,
			       "record is one whole record of the audit log about a packet: deny, "
			       "limit, allow or flow-end");
		return -EINVAL;
	}
	if (sp_reason_parse(record->reason, &reason) < 0 || is_lost(reason, record)) {
		answer_as_recorded(question, record);
		return -EOPNOTSUPP;
	}
	question->is_of_record = true;
	question->at_s = record->time_ns ? record->time_ns / SP_NS_PER_S : INT64_MIN;
	question->revision = record->revision;
	r = find_policy(question, record->generation);
	if (r < 0)
		sp_client_fail(question->client, "no-policy", 1, NULL,
			       "the policy of the record's generation is not kept here");
	return r;
}
