/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A record says who sent what, and what a rule decided. The reference is asked about a packet like
 * it, in a judge of its own with the sessions of both ends and no others; records that ask the same
 * are judged once. */
#include "cli/files/replay_records.h"

#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "audit/record.h"
#include "audit/time.h"
#include "base/array.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "base/str.h"
#include "io/files/files.h"
#include "io/loop/clock.h"
#include "json/text.h"
#include "net/addr.h"

#define LOG_BYTES_MAX (1u << 30)
#define JUDGED_NS SP_NS_PER_S /* boot time of the judges */
#define GROUPS_SHOWN 100

/* Records that differ in the same way. */
struct group {
	json_t *json; /* as it is printed, but for the count and the times */
	uint64_t count;
	int64_t first_ns, last_ns;
};

struct replay {
	const struct sp_cli *cli;
	const struct sp_policy_source *source;
	json_t *people;  /* by address: user, idp and roles of its session, as the log has them */
	json_t *answers; /* by question: verdict, rule, reason */
	json_t *places;  /* by group: its place in @groups */
	struct group *groups;
	size_t group_count;
	uint64_t records, judged;
	uint64_t undecided; /* of packets that no rule decides, then or by this policy */
	uint64_t unknown;   /* to people of whom the log does not tell who they are */
};

static void replay_done(struct replay *replay)
{
	json_decrefp(&replay->people);
	json_decrefp(&replay->answers);
	json_decrefp(&replay->places);
	for (size_t i = 0; i < replay->group_count; i++)
		json_decref(replay->groups[i].json);
	free(replay->groups);
}

/* ---- people ---- */

static json_t *person_at(const struct replay *replay, const struct sp_addr *addr)
{
	char text[SP_ADDR_TEXT_MAX];

	return json_object_get(replay->people, sp_addr_format(addr, text));
}

/* Whose session has the source's address from here on. */
static void learn_person(struct replay *replay, const struct sp_audit_entry *entry)
{
	const struct sp_audit_record *record = &entry->record;
	const bool is_sender = sp_audit_event_is_traffic(record->event)
				       ? record->hook == SP_HOOK_VPN_IN
				       : record->event == SP_AUDIT_SESSION_OPEN;
	char text[SP_ADDR_TEXT_MAX];

	if (!is_sender || !record->has_src || !record->user || !record->has_roles)
		return;
	json_object_set_new(replay->people, sp_addr_format(&record->src, text),
			    json_pack("{s:o, s:o, s:O}", "user", sp_json_of_text(record->user),
				      "idp", sp_json_of_text(record->idp), "roles",
				      json_object_get(entry->json, "roles")));
}

/* A role that somebody can have at @now_s. False: the policy has none of the name. */
static bool find_role(const struct sp_policy *policy, const char *name, int64_t now_s,
		      uint32_t *ret_role)
{
	for (uint32_t role = 0; role < policy->role_count; role++)
		if (!strcmp(policy->roles[role].name, name) &&
		    !sp_role_is_expired(&policy->roles[role], now_s)) {
			*ret_role = role;
			return true;
		}
	return false;
}

/* The session of an end, with those of its roles that the policy has. */
static int open_session(const struct replay *replay, struct sp_judge *judge, int64_t now_s,
			const struct sp_addr *addr, json_t *person)
{
	const struct sp_policy *policy = replay->source->policy;
	json_t *names = json_object_get(person, "roles"), *name;
	__sp_free uint32_t *roles = calloc(json_array_size(names) + 1, sizeof(*roles));
	const bool is_v6 = !sp_addr_is_v4(addr);
	struct sp_identity identity = { .roles = roles };
	uint32_t number;
	size_t i;
	int r;

	if (!roles)
		return -ENOMEM;
	json_array_foreach(names, i, name)
		identity.role_count += find_role(policy, json_string_value(name), now_s,
						 &roles[identity.role_count]);
	identity.idp = json_string_value(json_object_get(person, "idp"));
	identity.user = identity.idp ? sp_json_text(person, "user") : NULL;
	identity.addresses[is_v6] = *addr;
	identity.has_address[is_v6] = true;
	r = sp_judge_open_session(judge, &identity, &number);
	return r == 0 && !identity.role_count ? sp_judge_end_session(judge, number) : r;
}

/* ---- judging ---- */

static struct sp_tuple tuple_of(const struct sp_audit_record *record)
{
	struct sp_tuple tuple = { .source = record->src,
				  .destination = record->dst,
				  .proto = (uint8_t)record->proto,
				  .source_port = record->sport > 0 ? (uint16_t)record->sport : 0,
				  .destination_port =
					  record->dport > 0 ? (uint16_t)record->dport : 0 };

	if (record->proto == IPPROTO_ICMP || record->proto == IPPROTO_ICMPV6) {
		tuple.destination_port = tuple.source_port;
		tuple.icmp_type = (uint8_t)record->icmp_type;
		tuple.icmp_code = record->icmp_code > 0 ? (uint8_t)record->icmp_code : 0;
	}
	return tuple;
}

static int judge(const struct replay *replay, const struct sp_audit_record *record, json_t *sender,
		 json_t *receiver, struct sp_answer *ret_answer)
{
	static const struct sp_judge_planes none;
	const struct sp_facts facts = { .now_s = record->time_ns / (int64_t)SP_NS_PER_S,
					.now_boot_ns = JUDGED_NS };
	const struct sp_tuple tuple = tuple_of(record);
	__sp_cleanup(sp_judge_freep) struct sp_judge *by = NULL;
	struct sp_plane_error error;
	struct sp_judgement judgement;
	int r = sp_judge_new(replay->source->policy, replay->source->gateway, &facts, &none, &by,
			     &error);

	if (r == 0 && sender)
		r = open_session(replay, by, facts.now_s, &record->src, sender);
	if (r == 0 && receiver && sp_addr_compare(&record->src, &record->dst))
		r = open_session(replay, by, facts.now_s, &record->dst, receiver);
	if (r == 0)
		r = sp_judge_tuple(by, record->hook, &tuple,
				   sp_gateway_has(replay->source->gateway, &record->src), JUDGED_NS,
				   &judgement);
	if (r == 0)
		*ret_answer = judgement.answer;
	return r;
}

static json_t *describe_answer(const struct sp_policy *policy, const struct sp_answer *answer)
{
	return json_pack("{s:s, s:s?, s:s}", "verdict", sp_verdict_name(answer->verdict), "rule",
			 sp_policy_rule_name(policy, answer->rule), "reason",
			 sp_reason_name(answer->reason));
}

/* Everything of a record that its answer depends on, as a text. */
static int question_of(const struct replay *replay, const struct sp_audit_record *record,
		       json_t *sender, json_t *receiver, char **ret_text)
{
	const bool is_timed = sp_policy_is_timed(replay->source->policy);
	char source[SP_ADDR_TEXT_MAX], destination[SP_ADDR_TEXT_MAX];
	__sp_json json_t *question = json_pack(
		"[i, s, s, i, i, i, I, O?, O?]", record->hook, sp_addr_format(&record->src, source),
		sp_addr_format(&record->dst, destination), record->proto, record->dport,
		record->icmp_type,
		(json_int_t)(is_timed ? record->time_ns / (int64_t)SP_NS_PER_S : 0), sender,
		receiver);

	*ret_text = question ? json_dumps(question, JSON_COMPACT) : NULL;
	return *ret_text ? 0 : -ENOMEM;
}

/* The answer, borrowed: asked once of all records that ask the same. */
static int answer_to(struct replay *replay, const struct sp_audit_record *record, json_t *sender,
		     json_t *receiver, json_t **ret_answer)
{
	__sp_free char *question = NULL;
	struct sp_answer answer = { 0 };
	int r = question_of(replay, record, sender, receiver, &question);

	if (r < 0)
		return r;
	*ret_answer = json_object_get(replay->answers, question);
	if (*ret_answer)
		return 0;
	r = judge(replay, record, sender, receiver, &answer);
	if (r < 0)
		return r;
	*ret_answer = describe_answer(replay->source->policy, &answer);
	return json_object_set_new(replay->answers, question, *ret_answer) < 0 ? -ENOMEM : 0;
}

/* ---- groups ---- */

static json_t *service_of(const struct sp_audit_record *record)
{
	char number[8];
	const char *proto = sp_audit_proto_name(record->proto, number);
	const bool is_icmp = record->proto == IPPROTO_ICMP || record->proto == IPPROTO_ICMPV6;
	const int detail = is_icmp ? record->icmp_type : record->dport;

	if (proto == number)
		return json_sprintf("proto/%s", proto);
	return detail >= 0 ? json_sprintf("%s/%d", proto, detail) : json_string(proto);
}

/* What they have in common: who, to what, and both decisions. Of a stranger the address is who. */
static json_t *describe_group(const struct sp_audit_record *record, json_t *sender, json_t *is)
{
	char source[SP_ADDR_TEXT_MAX], destination[SP_ADDR_TEXT_MAX];
	json_t *user = sender ? json_object_get(sender, "user") : NULL;
	json_t *idp = sender ? json_object_get(sender, "idp") : NULL;

	return json_pack("{s:O?, s:O?, s:s?, s:s, s:o, s:{s:s, s:o, s:s}, s:O}", "user", user,
			 "idp", idp, "source", sender ? NULL : sp_addr_format(&record->src, source),
			 "destination", sp_addr_format(&record->dst, destination), "service",
			 service_of(record), "was", "verdict", record->verdict, "rule",
			 sp_json_of_text(record->rule), "reason", record->reason, "is", is);
}

static struct group *group_of(struct replay *replay, json_t *json)
{
	__sp_free char *key = json_dumps(json, JSON_COMPACT | JSON_SORT_KEYS);
	json_t *place = key ? json_object_get(replay->places, key) : NULL;
	struct group *group;

	if (place)
		return &replay->groups[json_integer_value(place)];
	group = key ? SP_ARRAY_PUSH(replay->groups, replay->group_count) : NULL;
	if (!group)
		return NULL;
	group->json = json_incref(json);
	json_object_set_new(replay->places, key, json_integer((json_int_t)replay->group_count - 1));
	return group;
}

static int add_difference(struct replay *replay, const struct sp_audit_record *record,
			  json_t *sender, json_t *is)
{
	__sp_json json_t *json = describe_group(record, sender, is);
	struct group *group = json ? group_of(replay, json) : NULL;

	if (!group)
		return -ENOMEM;
	if (!group->count++ || record->time_ns < group->first_ns)
		group->first_ns = record->time_ns;
	if (record->time_ns > group->last_ns)
		group->last_ns = record->time_ns;
	return 0;
}

/* ---- records ---- */

/* Does a rule say it, or the default? All else depends on sessions, bytes and state. */
static bool is_decided(const char *reason)
{
	static const enum sp_reason decided[] = { SP_REASON_POLICY, SP_REASON_DEFAULT,
						  SP_REASON_EXPOSE, SP_REASON_PROTECT };

	for (size_t i = 0; reason && i < SP_ARRAY_LEN(decided); i++)
		if (!strcmp(reason, sp_reason_name(decided[i])))
			return true;
	return false;
}

/* A whole packet at a hook that judges it: recorders judge only what the gateway itself sends. */
static bool can_be_judged(const struct replay *replay, const struct sp_audit_record *record)
{
	const bool is_out = record->hook == SP_HOOK_EDGE_OUT || record->hook == SP_HOOK_INSIDE_OUT;

	return record->has_src && record->has_dst && record->proto >= 0 && record->hook &&
	       record->hook < SP_HOOK_JUDGE_COUNT && record->verdict && !record->aggregated &&
	       is_decided(record->reason) &&
	       (!is_out || sp_gateway_has(replay->source->gateway, &record->src));
}

/* Whoever has no role by this policy would have no session. */
static bool is_without_role(json_t *sender, json_t *is)
{
	return sender && !strcmp(sp_json_text(is, "reason"), sp_reason_name(SP_REASON_REVOKED));
}

static int compare_record(struct replay *replay, const struct sp_audit_record *record)
{
	const bool to_pool = sp_gateway_pool_has(replay->source->gateway, &record->dst);
	json_t *sender = record->hook == SP_HOOK_VPN_IN || record->hook == SP_HOOK_VPN_OUT
				 ? person_at(replay, &record->src)
				 : NULL;
	json_t *receiver = to_pool ? person_at(replay, &record->dst) : NULL;
	json_t *is;
	int r;

	if (!can_be_judged(replay, record)) {
		replay->undecided++;
		return 0;
	}
	if (to_pool && !receiver) {
		replay->unknown++;
		return 0;
	}
	r = answer_to(replay, record, sender, receiver, &is);
	if (r < 0)
		return r;
	if (!is_decided(sp_json_text(is, "reason")) && !is_without_role(sender, is)) {
		replay->undecided++;
		return 0;
	}
	replay->judged++;
	return strcmp(record->verdict, sp_json_text(is, "verdict"))
		       ? add_difference(replay, record, sender, is)
		       : 0;
}

/* Returns 0; -EBADMSG or -EPROTONOSUPPORT it is no record; another -errno. */
static int take_line(struct replay *replay, const char *line, size_t len)
{
	__sp_audit_entry struct sp_audit_entry entry = { 0 };
	int r = sp_audit_entry_parse(line, len, &entry);

	if (r < 0)
		return r;
	learn_person(replay, &entry);
	if (entry.record.event != SP_AUDIT_ALLOW && entry.record.event != SP_AUDIT_DENY)
		return 0;
	replay->records++;
	return compare_record(replay, &entry.record);
}

static int read_lines(struct replay *replay, const char *path)
{
	__sp_free char *text = NULL;
	size_t len, number = 1;
	int r = sp_file_read(path, LOG_BYTES_MAX, &text, &len);

	if (r < 0)
		return sp_cli_fail(SP_EXIT_USAGE, "cannot read %s: %s", path, sp_err_text(r));
	for (const char *line = text, *end; line < text + len; line = end + 1, number++) {
		end = memchr(line, '\n', (size_t)(text + len - line));
		if (!end)
			end = text + len;
		r = end > line ? take_line(replay, line, (size_t)(end - line)) : 0;
		if (r == -EBADMSG || r == -EPROTONOSUPPORT)
			return sp_cli_fail(SP_EXIT_USAGE,
					   "%s:%zu: this is no record of an audit log; write one "
					   "with sallyport audit --json",
					   path, number);
		if (r < 0)
			return sp_cli_fail(SP_EXIT_USAGE, "%s:%zu: %s", path, number,
					   sp_judge_fault(r));
	}
	return SP_EXIT_OK;
}

/* ---- printing ---- */

/* The most frequent first. */
static int compare_groups(const void *left, const void *right)
{
	const struct group *a = left, *b = right;

	if (a->count != b->count)
		return a->count < b->count ? 1 : -1;
	return (a->first_ns > b->first_ns) - (a->first_ns < b->first_ns);
}

static json_t *describe_differences(const struct replay *replay)
{
	json_t *list = json_array();

	for (size_t i = 0; i < replay->group_count; i++) {
		struct group *group = &replay->groups[i];
		char first[SP_TIME_TEXT_MAX], last[SP_TIME_TEXT_MAX];

		sp_time_format(group->first_ns, first);
		sp_time_format(group->last_ns, last);
		json_object_update_new(group->json, json_pack("{s:I, s:s, s:s}", "count",
							      (json_int_t)group->count, "first",
							      first, "last", last));
		json_array_append(list, group->json);
	}
	return list;
}

static int print_json(const struct replay *replay)
{
	return sp_cli_print_json(json_pack(
		"{s:i, s:b, s:I, s:I, s:I, s:I, s:o}", "v", 1, "same", !replay->group_count,
		"records", (json_int_t)replay->records, "judged", (json_int_t)replay->judged,
		"undecided", (json_int_t)replay->undecided, "unknown", (json_int_t)replay->unknown,
		"differences", describe_differences(replay)));
}

/* By which rule, or why else. */
static const char *words_of(json_t *answer)
{
	const char *reason = sp_json_text(answer, "reason");

	if (*sp_json_text(answer, "rule"))
		return sp_json_text(answer, "rule");
	return strcmp(reason, sp_reason_name(SP_REASON_REVOKED)) ? reason
								 : "having no role of the policy";
}

static void print_group(const struct replay *replay, const struct group *group)
{
	json_t *was = json_object_get(group->json, "was"), *is = json_object_get(group->json, "is");
	const bool is_allow = !strcmp(sp_json_text(is, "verdict"), "allow");
	const char *idp = sp_json_text(group->json, "idp");

	sp_cli_print("%s%s%s %s%s", sp_cli_paint(replay->cli, is_allow ? SP_GREEN : SP_RED),
		     is_allow ? "+" : "-", sp_cli_paint(replay->cli, SP_PLAIN),
		     sp_json_text(group->json, "user"), sp_json_text(group->json, "source"));
	if (*idp)
		sp_cli_print(" (%s)", idp);
	sp_cli_print(" to %s %s: %s by %s, now %s by %s  (%" PRIu64 ")\n",
		     sp_json_text(group->json, "destination"), sp_json_text(group->json, "service"),
		     sp_json_text(was, "verdict"), words_of(was), sp_json_text(is, "verdict"),
		     words_of(is), group->count);
}

static void print_text(const struct replay *replay)
{
	sp_cli_wrap(2);
	for (size_t i = 0; i < replay->group_count && i < GROUPS_SHOWN; i++)
		print_group(replay, &replay->groups[i]);
	if (replay->group_count > GROUPS_SHOWN)
		sp_cli_print("and %zu more: --json has all\n", replay->group_count - GROUPS_SHOWN);
	sp_cli_say("%" PRIu64 " records, %" PRIu64 " judged: %s\n", replay->records, replay->judged,
		   replay->group_count ? "some are decided otherwise"
				       : "all are decided as they were");
	if (replay->undecided)
		sp_cli_say("%" PRIu64
			   " of them say nothing of a rule: no rule decides the packet, or the "
			   "record is one for many\n",
			   replay->undecided);
	if (replay->unknown)
		sp_cli_say("%" PRIu64
			   " of them are of packets to people whose roles no record before "
			   "tells\n",
			   replay->unknown);
}

int sp_cli_replay_records(const struct sp_cli *cli, const struct sp_policy_source *source,
			  const char *path)
{
	__sp_cleanup(replay_done) struct replay replay = { .cli = cli,
							   .source = source,
							   .people = json_object(),
							   .answers = json_object(),
							   .places = json_object() };
	int r = read_lines(&replay, path);

	if (r != SP_EXIT_OK)
		return r;
	if (replay.group_count)
		qsort(replay.groups, replay.group_count, sizeof(*replay.groups), compare_groups);
	if (cli->json) {
		r = print_json(&replay);
		if (r != SP_EXIT_OK)
			return SP_EXIT_USAGE;
	} else {
		print_text(&replay);
	}
	return replay.group_count ? SP_EXIT_FAILED : SP_EXIT_OK;
}
