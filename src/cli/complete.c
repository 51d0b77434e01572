/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cli/complete.h"

#include <string.h>

static void word_offer(const char *typed, const char *dashes, const char *word, size_t word_len,
		       const char *description)
{
	const size_t typed_len = strlen(typed), dashes_len = strlen(dashes);
	const bool is_in_dashes = typed_len <= dashes_len;

	if (strncmp(dashes, typed, is_in_dashes ? typed_len : dashes_len) != 0)
		return;
	if (!is_in_dashes && (typed_len - dashes_len > word_len ||
			      strncmp(word, typed + dashes_len, typed_len - dashes_len) != 0))
		return;
	sp_cli_print("%s%.*s\t%s\n", dashes, (int)word_len, word, description);
}

static size_t first_word_len(const struct sp_verb *verb)
{
	return strcspn(verb->name, " ");
}

/* Offer "session" once for all of its verbs. */
static void offer_first_words(const char *typed)
{
	for (size_t i = 0; i < sp_verb_count; i++) {
		const struct sp_verb *verb = &sp_verbs[i], *before = i ? verb - 1 : NULL;
		const size_t len = first_word_len(verb);

		if (before && first_word_len(before) == len &&
		    !strncmp(before->name, verb->name, len))
			continue;
		word_offer(typed, "", verb->name, len,
			   verb->name[len] ? verb->name + len + 1 : verb->summary);
	}
}

static void offer_second_words(const char *first, const char *typed)
{
	for (size_t i = 0; i < sp_verb_count; i++) {
		const struct sp_verb *verb = &sp_verbs[i];
		const size_t len = first_word_len(verb);

		if (verb->name[len] && strlen(first) == len && !strncmp(verb->name, first, len))
			word_offer(typed, "", verb->name + len + 1, strlen(verb->name + len + 1),
				   verb->summary);
	}
}

static bool is_path(const char *value_name)
{
	return strstr(value_name, "FILE") || strstr(value_name, "DIR");
}

static void offer_value(const char *value_name)
{
	if (is_path(value_name))
		sp_cli_print(":files\n");
}

static void offer_value_of(const char *typed, const struct sp_option *option)
{
	for (const char *const *value = option->values; value && *value; value++)
		word_offer(typed, "", *value, strlen(*value), option->help);
	offer_value(option->value_name);
}

void sp_complete_option(const struct sp_completion *completion, const struct sp_option *options)
{
	static const char json_help[] = "machine-readable output",
			  root_help[] = "where the gateway's files stand";
	const char *typed = completion->typed;

	if (!strcmp(completion->previous, "--root"))
		return offer_value("DIR");
	for (const struct sp_option *option = options; option->name; option++)
		if (!option->flag && !strncmp(completion->previous, "--", 2) &&
		    !strcmp(completion->previous + 2, option->name))
			return offer_value_of(typed, option);
	if (*typed != '-')
		return offer_value(completion->arguments);
	for (const struct sp_option *option = options; option->name; option++)
		word_offer(typed, "--", option->name, strlen(option->name), option->help);
	word_offer(typed, "--", "json", strlen("json"), json_help);
	word_offer(typed, "--", "root", strlen("root"), root_help);
	word_offer(typed, "--", "help", strlen("help"), "what this verb takes");
}

int sp_complete(struct sp_cli *cli, char **words, size_t count)
{
	struct sp_completion completion = { .previous = "" };
	const struct sp_verb *verb;
	size_t verb_words;

	if (count == 0)
		return SP_EXIT_OK;
	completion.typed = words[count - 1];
	if (count == 1)
		offer_first_words(completion.typed);
	if (count == 2)
		offer_second_words(words[0], completion.typed);
	verb = sp_cli_find_verb(words, count - 1, &verb_words);
	if (!verb)
		return SP_EXIT_OK;
	if (count - 1 > verb_words)
		completion.previous = words[count - 2];
	completion.arguments = verb->arguments;
	cli->completion = &completion;
	(void)verb->run(cli, 1, words + verb_words - 1);
	return SP_EXIT_OK;
}
