/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "daemon/diagnose.h"

#include "base/cleanup.h"
#include "json/text.h"
#include "net/addr.h"

json_t *sp_diagnose_policy(const struct sp_diagnostics *diagnostics)
{
	json_t *list = json_array();

	for (size_t i = 0; i < diagnostics->count; i++) {
		const struct sp_diagnostic *item = &diagnostics->items[i];

		json_array_append_new(list, json_pack(
			"{s:s, s:o, s:I, s:I, s:o}",
			"severity", item->severity == SP_ERROR ? "error" : "warning",
			"path", sp_json_of_text(item->path), "line", (json_int_t)item->place.line,
			"column", (json_int_t)item->place.column, "message",
			sp_json_of_text(item->message)));
	}
	return list;
}

json_t *sp_diagnose_tests(const struct sp_policy *policy, const struct sp_test_result *results,
			  size_t count)
{
	json_t *list = json_array();

	for (size_t i = 0; i < count; i++) {
		const struct sp_test_result *result = &results[i];
		const struct sp_answer *answer = &result->judgement.answer;
		const struct sp_tuple *tuple = &result->tuple;
		char source[SP_ADDR_TEXT_MAX], destination[SP_ADDR_TEXT_MAX], words[SP_TEST_WORDS_MAX];

		json_array_append_new(list, json_pack(
			"{s:o, s:I, s:I, s:o, s:b, s:s, s:s?, s:s, s:s?, s:s, s:s, s:s, s:i, s:i, s:s?, s:b}",
			"path", sp_json_of_text(policy->files[result->test->place.file].path),
			"line", (json_int_t)result->test->place.line,
			"column", (json_int_t)result->test->place.column,
			"words", sp_json_of_text(sp_judge_test_words(policy, result, words)),
			"passed", result->passed,
			"expect", sp_verdict_name(result->test->expect),
			"expect_rule", result->test->rule,
			"verdict", sp_verdict_name(answer->verdict),
			"rule", sp_policy_rule_name(policy, answer->rule),
			"reason", sp_reason_name(answer->reason),
			"source", sp_addr_format(&tuple->source, source),
			"destination", sp_addr_format(&tuple->destination, destination),
			"proto", tuple->proto, "port", tuple->destination_port,
			"plane", result->judgement.plane, "disagree", result->judgement.disagree));
	}
	return list;
}
