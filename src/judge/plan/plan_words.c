/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A plan as sentences and as JSON. */
#include "base/cleanup.h"
#include "base/str.h"
#include "json/text.h"
#include "judge/plan/plan.h"

#define WORDS_SHOWN 20 /* of each list, in a sentence */

static void put_words(struct sp_buf *text, const struct sp_name_list *words, size_t items_max)
{
	const size_t shown = items_max && words->count > items_max ? items_max : words->count;

	for (size_t i = 0; i < shown; i++)
		sp_buf_printf(text, "%s%s", i ? ", " : "", words->items[i]);
	if (shown < words->count)
		sp_buf_printf(text, " and %zu more", words->count - shown);
}

int sp_plan_sentence(const struct sp_plan_line *line, size_t items_max, char **ret_text)
{
	const bool is_one = line->is_one && line->who.count == 1;
	__sp_buf struct sp_buf text = SP_BUF_INIT;

	put_words(&text, &line->who, items_max);
	sp_buf_printf(&text, " %s%s ", line->is_gained ? "gain" : "lose", is_one ? "s" : "");
	put_words(&text, &line->services, items_max);
	sp_buf_put(&text, " to ");
	put_words(&text, &line->to, items_max);
	if (line->sessions)
		sp_buf_printf(&text, " (%zu signed in)", line->sessions);
	return sp_buf_take(&text, ret_text);
}

static json_t *describe_words(const struct sp_name_list *words)
{
	json_t *list = json_array();

	for (size_t i = 0; i < words->count; i++)
		json_array_append_new(list, sp_json_of_text(words->items[i]));
	return list;
}

static json_t *describe_rules(const struct sp_plan *plan)
{
	static const char *const changes[] = {
		[SP_RULE_ADDED] = "added",
		[SP_RULE_REMOVED] = "removed",
		[SP_RULE_CHANGED] = "changed",
	};
	json_t *list = json_array();

	for (size_t i = 0; i < plan->rule_count; i++) {
		const struct sp_plan_rule *rule = &plan->rules[i];

		json_array_append_new(
			list,
			json_pack("{s:s, s:s, s:s, s:o, s:o}", "change", changes[rule->change],
				  "kind", rule->kind, "rule", rule->name, "file",
				  rule->path ? sp_json_of_text(rule->path) : json_null(), "line",
				  rule->path ? json_integer(rule->line) : json_null()));
	}
	return list;
}

static json_t *describe_line(const struct sp_plan_line *line)
{
	__sp_free char *sentence = NULL;

	if (sp_plan_sentence(line, WORDS_SHOWN, &sentence) < 0)
		return NULL;
	return json_pack("{s:s, s:o, s:o, s:o, s:I, s:o}", "change",
			 line->is_gained ? "gain" : "lose", "who", describe_words(&line->who),
			 "services", describe_words(&line->services), "to",
			 describe_words(&line->to), "sessions", (json_int_t)line->sessions, "words",
			 sp_json_of_text(sentence));
}

json_t *sp_plan_describe(const struct sp_plan *plan)
{
	json_t *list = json_array();

	for (size_t i = 0; i < plan->line_count; i++)
		json_array_append_new(list, describe_line(&plan->lines[i]));
	return json_pack("{s:b, s:o, s:o}", "same", !plan->line_count && !plan->rule_count, "rules",
			 describe_rules(plan), "changes", list);
}
