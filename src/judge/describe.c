/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "judge/describe.h"

#include "json/text.h"
#include "net/addr.h"

static json_t *describe_address(const struct sp_addr *addr)
{
	char text[SP_ADDR_TEXT_MAX];

	return addr ? json_string(sp_addr_format(addr, text)) : json_null();
}

static json_t *describe_number(json_int_t number, json_int_t absent)
{
	return number == absent ? json_null() : json_integer(number);
}

json_t *sp_describe_diagnostics(const struct sp_diagnostics *diagnostics)
{
	json_t *list = json_array();

	for (size_t i = 0; i < diagnostics->count; i++) {
		const struct sp_diagnostic *item = &diagnostics->items[i];

		json_array_append_new(list,
				      json_pack("{s:s, s:o, s:I, s:I, s:o}", "severity",
						item->severity == SP_ERROR ? "error" : "warning",
						"file", sp_json_of_text(item->path), "line",
						(json_int_t)item->place.line, "column",
						(json_int_t)item->place.column, "message",
						sp_json_of_text(item->message)));
	}
	return list;
}

/* Describe the packet that was judged, and the answer. */
static json_t *describe_result(const struct sp_policy *policy, const struct sp_test_result *result)
{
	const struct sp_judgement *judgement = &result->judgement;
	const struct sp_answer *answer = &judgement->answer;
	const bool is_asked = judgement->plane != NULL; /* otherwise no packet fits the test */

	return json_pack("{s:s?, s:s?, s:s?, s:o, s:o, s:o, s:o, s:s?, s:b}", "verdict",
			 is_asked ? sp_verdict_name(answer->verdict) : NULL, "rule",
			 is_asked ? sp_policy_rule_name(policy, answer->rule) : NULL, "reason",
			 is_asked ? sp_reason_name(answer->reason) : NULL, "source",
			 describe_address(is_asked ? &result->tuple.source : NULL), "destination",
			 describe_address(is_asked ? &result->tuple.destination : NULL), "proto",
			 describe_number(is_asked ? result->tuple.proto : -1, -1), "port",
			 describe_number(is_asked ? result->tuple.destination_port : -1, -1),
			 "plane", judgement->plane, "disagree", judgement->disagree);
}

json_t *sp_describe_tests(const struct sp_policy *policy, const struct sp_test_result *results,
			  size_t count)
{
	json_t *list = json_array();

	for (size_t i = 0; i < count; i++) {
		const struct sp_test_result *result = &results[i];
		const struct sp_test *test = result->test;
		char words[SP_TEST_WORDS_MAX];
		json_t *json = json_pack(
			"{s:o, s:I, s:I, s:o, s:b, s:s, s:s?, s:o}", "file",
			sp_json_of_text(policy->files[test->place.file].path), "line",
			(json_int_t)test->place.line, "column", (json_int_t)test->place.column,
			"words", sp_json_of_text(sp_judge_test_words(policy, result, words)),
			"passed", result->passed, "expect",
			test->is_only ? "only" : sp_verdict_name(test->expect), "expect_rule",
			test->rule, "differs",
			*result->differs ? sp_json_of_text(result->differs) : json_null());

		json_object_update_new(json, describe_result(policy, result));
		json_array_append_new(list, json);
	}
	return list;
}

static uint32_t silent_of(const struct sp_explained *explained)
{
	return sp_shares_silent(&explained->nat->forward, &explained->silents);
}

/* The target that a new connection of the source goes to; the first if none answers. */
static void choose_target(struct sp_explained *explained, const struct sp_addr *source)
{
	const struct sp_forward *forward = &explained->nat->forward;
	const uint8_t n = sp_shares_target(forward, silent_of(explained), source);

	explained->real.addr = forward->targets[n == SP_SHARES_NOBODY ? 0 : n];
}

json_t *sp_describe_audit(const struct sp_policy *policy, const struct sp_audit *audit)
{
	const char *would = sp_would_name(audit->would);

	return would ? json_pack("{s:s?, s:s}", "rule", sp_policy_rule_name(policy, audit->rule),
				 "would", would)
		     : NULL;
}

static void describe_translations(struct sp_explained *explained, const struct sp_policy *policy,
				  const struct sp_gateway *gateway, const struct sp_tuple *tuple)
{
	struct sp_destination *real = &explained->real;

	*real = (struct sp_destination){ tuple->destination, tuple->destination_port,
					 tuple->proto };
	explained->nat = sp_translation_of(policy, gateway, real);
	if (explained->nat && explained->nat->kind == SP_NAT_FORWARD)
		choose_target(explained, &tuple->source);
	explained->masquerade = NULL;
	for (size_t i = 0; i < policy->nat_count && !explained->masquerade; i++)
		if (policy->nats[i].kind == SP_NAT_MASQUERADE &&
		    sp_masquerade_covers(policy, &policy->nats[i].masquerade, &tuple->source,
					 &real->addr))
			explained->masquerade = &policy->nats[i];
}

static json_t *list_targets(const struct sp_explained *explained)
{
	const struct sp_forward *forward = &explained->nat->forward;
	const uint32_t silent = silent_of(explained);
	json_t *list = json_array();

	for (size_t n = 0; n < forward->target_count; n++)
		json_array_append_new(list, json_pack("{s:o, s:b}", "destination",
						      describe_address(&forward->targets[n]),
						      "answers", !(silent >> n & 1)));
	return list;
}

/* Of a forward the port besides: it is another one; and every target, where there are several or
 * none answers. */
static json_t *describe_nat(const struct sp_explained *explained)
{
	json_t *json = json_pack("{s:s, s:o}", "name", explained->nat->name, "destination",
				 describe_address(&explained->real.addr));

	if (explained->nat->kind != SP_NAT_FORWARD)
		return json;
	json_object_set_new(json, "port", json_integer(explained->real.port));
	if (explained->nat->forward.target_count > 1 || silent_of(explained))
		json_object_set_new(json, "targets", list_targets(explained));
	return json;
}

void sp_explained_judge(struct sp_explained *explained, const struct sp_policy *policy,
			const struct sp_gateway *gateway, const struct sp_judgement *judgement,
			enum sp_hook hook, const struct sp_tuple *tuple)
{
	const struct sp_answer *answer = &judgement->answer;
	const struct sp_rule *rule = sp_policy_rule(policy, answer->rule);

	explained->policy = policy;
	explained->verdict = sp_verdict_name(answer->verdict);
	explained->rule = sp_policy_rule_name(policy, answer->rule);
	explained->reason = sp_reason_name(answer->reason);
	explained->message =
		rule && rule->reason ? rule->reason : sp_reason_meaning(answer->reason);
	if (answer->verdict == SP_ALLOW && judgement->reference.limit)
		explained->limit = policy->limits[judgement->reference.limit - 1].name;
	explained->ticket = rule ? rule->ticket : NULL;
	explained->audit = answer->audit;
	explained->plane = judgement->plane;
	explained->hook = sp_hook_name(hook);
	explained->file = rule ? policy->files[rule->place.file].path : NULL;
	explained->line = rule ? rule->place.line : 0;
	explained->source = &tuple->source;
	explained->destination = &tuple->destination;
	explained->proto = tuple->proto;
	explained->port = tuple->destination_port;
	describe_translations(explained, policy, gateway, tuple);
}

json_t *sp_describe_explained(const struct sp_explained *explained)
{
	json_t *json = json_pack(
		"{s:s?, s:s?, s:s?, s:o, s:s?, s:o, s:s?, s:s?, s:o, s:o, s:o, s:o, s:s?, s:o, "
		"s:o, s:o}",
		"verdict", explained->verdict, "rule", explained->rule, "reason", explained->reason,
		"message", sp_json_of_text(explained->message), "generation", explained->generation,
		"revision", describe_number((json_int_t)explained->revision, 0), "plane",
		explained->plane, "hook", explained->hook, "source",
		describe_address(explained->source), "destination",
		describe_address(explained->destination), "proto",
		describe_number(explained->proto, -1), "port", describe_number(explained->port, -1),
		"user", explained->user, "session",
		describe_number((json_int_t)explained->session, 0), "file",
		sp_json_of_text(explained->file), "line", describe_number(explained->line, 0));

	if (explained->nat)
		json_object_set_new(json,
				    explained->nat->kind == SP_NAT_FORWARD ? "forward" : "netmap",
				    describe_nat(explained));
	if (explained->masquerade)
		json_object_set_new(json, "masquerade",
				    json_pack("{s:s, s:s}", "name", explained->masquerade->name,
					      "out", explained->masquerade->masquerade.out));
	if (explained->role)
		json_object_set_new(json, "role", json_string(explained->role));
	if (explained->limit)
		json_object_set_new(json, "limit", json_string(explained->limit));
	if (explained->ticket)
		json_object_set_new(json, "ticket", sp_json_of_text(explained->ticket));
	if (explained->audit.would)
		json_object_set_new(json, "audit",
				    sp_describe_audit(explained->policy, &explained->audit));
	if (explained->trail)
		json_object_set_new(json, "trail",
				    sp_trail_describe(explained->trail, explained->policy));
	if (explained->interface)
		json_object_set_new(json, "interface", json_string(explained->interface));
	return json;
}
