/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Find the verb, read options, and say what is wrong with them. */
#include "cli/cli.h"

#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/array.h"
#include "base/str.h"
#include "cli/complete.h"
#include "io/process/process.h"
#include "io/process/rights.h"
#include "yaml/suggest.h"

#define OPTIONS_MAX 24
#define VERBS_MAX 64
#define COLUMNS_OF_MEANING 30 /* with fewer columns left, the meaning goes below */

/* ---- help ---- */

static void write_wrapped(FILE *out, const char *text)
{
	__sp_buf struct sp_buf wrapped = SP_BUF_INIT;

	sp_cli_wrap_line(&wrapped, text, sp_cli_columns(out), 8);
	sp_cli_write_lines(out, sp_buf_get(&wrapped));
	sp_cli_write(out, "\n");
}

/* Print one word and its meaning: beside it, or below it on a narrow screen. */
static void write_entry(FILE *out, const char *word, int width, const char *meaning)
{
	__sp_buf struct sp_buf line = SP_BUF_INIT, wrapped = SP_BUF_INIT;
	const int columns = sp_cli_columns(out);

	if (columns < 4 + width + COLUMNS_OF_MEANING) {
		sp_buf_printf(&line, "  %s\n", word);
		sp_buf_printf(&wrapped, "%8s%s", "", meaning);
		sp_cli_wrap_line(&line, sp_buf_get(&wrapped), columns, 8);
	} else {
		sp_buf_printf(&wrapped, "  %s%*s  %s", word, width - sp_cli_width(word), "",
			      meaning);
		sp_cli_wrap_line(&line, sp_buf_get(&wrapped), columns, 4 + width);
	}
	sp_cli_write_lines(out, sp_buf_get(&line));
	sp_cli_write(out, "\n");
}

/* Is the verb's first word @group, or is every verb asked for? */
static bool is_of_group(const struct sp_verb *verb, const char *group)
{
	const size_t len = group ? strlen(group) : 0;

	return !group || (strncmp(verb->name, group, len) == 0 &&
			  (verb->name[len] == ' ' || !verb->name[len]));
}

/* The verbs of @group; NULL: all. */
static void write_verbs(FILE *out, const char *group)
{
	char words[96];
	int width = 0;

	for (int pass = 0; pass < 2; pass++)
		for (size_t i = 0; i < sp_verb_count; i++) {
			const struct sp_verb *verb = &sp_verbs[i];

			if (!is_of_group(verb, group))
				continue;
			snprintf(words, sizeof(words), "%s%s%s", verb->name,
				 *verb->arguments ? " " : "", verb->arguments);
			if (pass)
				write_entry(out, words, width, verb->summary);
			else if (sp_cli_width(words) > width)
				width = sp_cli_width(words);
		}
}

static void write_usage(FILE *out)
{
	char more[192];

	write_wrapped(out, "usage: sallyport VERB [ARGUMENTS] [--json] [--root DIR]");
	sp_cli_write(out, "\n");
	write_verbs(out, NULL);
	sp_cli_write(out, "\n");
	snprintf(more, sizeof(more),
		 "sallyport VERB --help says more of one; sallyport --version%s.",
		 sp_verbs_elsewhere);
	write_wrapped(out, more);
}

static void write_group_usage(FILE *out, const char *group)
{
	char usage[96];

	snprintf(usage, sizeof(usage), "usage: sallyport %s VERB [ARGUMENTS] [--json] [--root DIR]",
		 group);
	write_wrapped(out, usage);
	sp_cli_write(out, "\n");
	write_verbs(out, group);
	sp_cli_write(out, "\nsallyport %s VERB --help says more of one.\n", group);
}

static void name_option(const struct sp_option *option, char *words, size_t size)
{
	snprintf(words, size, "--%s%s%s", option->name, option->flag ? "" : " ",
		 option->flag ? "" : option->value_name);
}

static void print_purpose(const struct sp_verb *verb)
{
	char usage[128];

	snprintf(usage, sizeof(usage), "usage: sallyport %s%s%s [OPTIONS]", verb->name,
		 *verb->arguments ? " " : "", verb->arguments);
	write_wrapped(stdout, usage);
	write_wrapped(stdout, verb->summary);
	sp_cli_print("\n");
}

static void print_verb_help(const char *name, const struct sp_option *options)
{
	static bool unused;
	static const struct sp_option common[] = {
		{ "json", &unused, NULL, NULL, "machine-readable output" },
		{ "root", NULL, NULL, "DIR", "where the gateway's files stand (default /)" },
		{ 0 },
	};
	const struct sp_option *lists[] = { options, common };
	char words[96];
	int width = 0;

	for (size_t i = 0; i < sp_verb_count; i++)
		if (!strcmp(sp_verbs[i].name, name))
			print_purpose(&sp_verbs[i]);
	for (int pass = 0; pass < 2; pass++)
		for (size_t i = 0; i < SP_ARRAY_LEN(lists); i++)
			for (const struct sp_option *option = lists[i]; option->name; option++) {
				name_option(option, words, sizeof(words));
				if (pass)
					write_entry(stdout, words, width, option->help);
				else if (sp_cli_width(words) > width)
					width = sp_cli_width(words);
			}
}

/* ---- finding the verb ---- */

/* Is @word the first of a verb of two words? */
static bool is_group(const char *word)
{
	for (size_t i = 0; i < sp_verb_count; i++)
		if (is_of_group(&sp_verbs[i], word) && strcmp(sp_verbs[i].name, word))
			return true;
	return false;
}

static const struct sp_verb *find_verb(const char *first, const char *second)
{
	char name[64];

	snprintf(name, sizeof(name), "%s%s%s", first, second ? " " : "", second ? second : "");
	for (size_t i = 0; i < sp_verb_count; i++)
		if (!strcmp(sp_verbs[i].name, name))
			return &sp_verbs[i];
	return NULL;
}

const struct sp_verb *sp_cli_find_verb(char **words, size_t count, size_t *ret_words)
{
	const struct sp_verb *verb = count > 1 ? find_verb(words[0], words[1]) : NULL;

	*ret_words = verb ? 2 : 0;
	if (!verb && count > 0 && (verb = find_verb(words[0], NULL)))
		*ret_words = 1;
	return verb;
}

/* What was meant: the nearest word, or the only one that begins as was typed. */
struct guess {
	struct sp_nearest near;
	const char *begun; /* NULL: none begins so */
	bool is_of_several;
};

static void guess_init(struct guess *guess, const char *typed)
{
	*guess = (struct guess){ 0 };
	sp_nearest_init(&guess->near, typed);
}

static void guess_offer(struct guess *guess, const char *word)
{
	sp_nearest_offer(&guess->near, word);
	if (guess->near.word_len < 2 || strncmp(word, guess->near.word, guess->near.word_len))
		return;
	guess->is_of_several |= guess->begun && strcmp(guess->begun, word);
	guess->begun = word;
}

static const char *guess_get(const struct guess *guess)
{
	return guess->near.best ? guess->near.best : guess->is_of_several ? NULL : guess->begun;
}

/* Find the second word of @group that was meant; NULL: none is like it. */
static const char *nearest_second(const char *group, const char *typed)
{
	struct guess guess;

	guess_init(&guess, typed);
	for (size_t i = 0; i < sp_verb_count; i++)
		if (is_of_group(&sp_verbs[i], group) && strcmp(sp_verbs[i].name, group))
			guess_offer(&guess, sp_verbs[i].name + strlen(group) + 1);
	return guess_get(&guess);
}

/* Find the first word that was meant, without what follows it. Returns false: none is like it. */
static bool nearest_first(const char *typed, char *ret_word, size_t size)
{
	struct guess guess;
	char firsts[VERBS_MAX][32];

	guess_init(&guess, typed);
	guess_offer(&guess, "help");
	for (size_t i = 0; i < sp_verb_count && i < VERBS_MAX; i++) {
		snprintf(firsts[i], sizeof(firsts[i]), "%.*s", (int)strcspn(sp_verbs[i].name, " "),
			 sp_verbs[i].name);
		guess_offer(&guess, firsts[i]);
	}
	if (guess_get(&guess))
		snprintf(ret_word, size, "%s", guess_get(&guess));
	return guess_get(&guess);
}

static int fail_unknown_verb(const char *first, const char *second)
{
	const bool takes_two = is_group(first) && second;
	const char *near_second;
	char near_first[32];

	if (takes_two) {
		near_second = nearest_second(first, second);
		if (near_second)
			return sp_cli_fail(SP_EXIT_USAGE,
					   "unknown verb \"%s %s\"; did you mean \"%s %s\"?", first,
					   second, first, near_second);
		return sp_cli_fail(SP_EXIT_USAGE, "unknown verb \"%s %s\"; see sallyport %s --help",
				   first, second, first);
	}
	if (!nearest_first(first, near_first, sizeof(near_first)))
		return sp_cli_fail(SP_EXIT_USAGE, "unknown verb \"%s\"; see sallyport --help%s",
				   first, sp_verbs_elsewhere);
	near_second = is_group(near_first) && second ? nearest_second(near_first, second) : NULL;
	return sp_cli_fail(SP_EXIT_USAGE, "unknown verb \"%s%s%s\"; did you mean \"%s%s%s\"?",
			   first, near_second ? " " : "", near_second ? second : "", near_first,
			   near_second ? " " : "", near_second ? near_second : "");
}

/* The words of the command line before, between and right behind the verb's words. */
struct line {
	const char *word[2]; /* of the verb; NULL: none */
	bool wants_help;
	int next; /* the first word that the verb reads */
};

/* Take one option that every verb has. Returns how many words it took; 0: it is another option;
 * -EINVAL, said. */
static int take_common(struct sp_cli *cli, int left, char **argv, struct line *line)
{
	if (!strcmp(argv[0], "--json")) {
		cli->json = true;
	} else if (!strcmp(argv[0], "--help") || !strcmp(argv[0], "-h")) {
		line->wants_help = true;
	} else if (!strncmp(argv[0], "--root=", 7)) {
		cli->root = argv[0] + 7;
	} else if (!strcmp(argv[0], "--root")) {
		if (left < 2)
			return sp_cli_fail(-EINVAL, "--root needs a value");
		cli->root = argv[1];
		return 2;
	} else {
		return 0;
	}
	return 1;
}

/* Read up to the end of the verb. Returns 0; -EINVAL, said. */
static int read_line(struct sp_cli *cli, int argc, char **argv, struct line *line)
{
	size_t count = 0;
	int at = 1;

	while (at < argc) {
		const int taken = take_common(cli, argc - at, argv + at, line);

		if (taken < 0)
			return taken;
		at += taken;
		if (taken)
			continue;
		if (argv[at][0] == '-' || count == 2 || (count == 1 && !is_group(line->word[0])))
			break;
		if (count == 1 && find_verb(line->word[0], NULL) &&
		    !find_verb(line->word[0], argv[at]))
			/* `audit` is a verb without a second word, and this word is its argument */
			break;
		line->word[count++] = argv[at++];
		if (count == 1 && !strcmp(argv[at - 1], "help")) {
			line->wants_help = true;
			count = 0;
		}
	}
	line->word[1] = count == 2 ? line->word[1] : NULL;
	line->word[0] = count ? line->word[0] : NULL;
	line->next = at;
	return 0;
}

/* No verb, or the first word of several. */
static int show_usage(const struct line *line)
{
	FILE *out = line->wants_help ? stdout : stderr;

	if (line->word[0])
		write_group_usage(out, line->word[0]);
	else
		write_usage(out);
	if (line->wants_help)
		return SP_EXIT_OK;
	return sp_cli_note_failure(SP_EXIT_USAGE, "no verb is named");
}

/* An option where no verb is named. */
static int fail_unknown_common(const char *word)
{
	static const char *const options[] = { "--help", "--json", "--root", "--version" };
	struct sp_nearest near;

	sp_nearest_init(&near, word);
	for (size_t i = 0; i < SP_ARRAY_LEN(options); i++)
		sp_nearest_offer(&near, options[i]);
	if (near.best)
		return sp_cli_fail(SP_EXIT_USAGE, "unknown option %s; did you mean %s?", word,
				   near.best);
	return sp_cli_fail(SP_EXIT_USAGE, "unknown option %s; see sallyport --help", word);
}

static int run_verb(struct sp_cli *cli, int argc, char **argv)
{
	struct line line = { 0 };
	const struct sp_verb *verb;
	int r = read_line(cli, argc, argv, &line);

	if (r < 0)
		return SP_EXIT_USAGE;
	if (!line.word[0] && line.next < argc && !strcmp(argv[line.next], "--version")) {
		sp_cli_print("sallyport " SP_VERSION "\n");
		return SP_EXIT_OK;
	}
	if (!line.word[0] && line.next < argc)
		return fail_unknown_common(argv[line.next]);
	if (!line.word[0])
		return show_usage(&line);
	verb = find_verb(line.word[0], line.word[1]);
	if (!verb && is_group(line.word[0]) && !line.word[1])
		return show_usage(&line);
	if (!verb)
		return fail_unknown_verb(line.word[0], line.word[1]       ? line.word[1]
						       : line.next < argc ? argv[line.next]
									  : NULL);
	if (line.wants_help) {
		char *help[] = { argv[line.next - 1], (char *)"--help", NULL };

		return verb->run(cli, 2, help);
	}
	return verb->run(cli, argc - line.next + 1, argv + line.next - 1);
}

int sp_cli_run(int argc, char **argv)
{
	struct sp_cli cli = {
		.root = getenv("SALLYPORT_ROOT"),
		.color = isatty(STDOUT_FILENO) && !getenv("NO_COLOR"),
	};
	bool is_json = false;
	int r;

	sp_process_begin();
	/* the arguments of any verb may hold keys, passwords or tokens */
	(void)sp_rights_protect_memory();
	for (int i = 1; i < argc; i++)
		/* looked for first, so that errors before it are JSON too */
		is_json |= !strcmp(argv[i], "--json");
	if (argc > 1 && !strcmp(argv[1], SP_COMPLETE_VERB))
		r = sp_complete(&cli, argv + 2, (size_t)argc - 2);
	else
		r = run_verb(&cli, argc, argv);
	return sp_cli_finish(is_json, r);
}

/* ---- options ---- */

static int fail_unknown_option(const char *verb, const char *word, const struct sp_option *options)
{
	struct sp_nearest near;

	sp_nearest_init(&near, strncmp(word, "--", 2) ? word : word + 2);
	sp_nearest_offer(&near, "json");
	sp_nearest_offer(&near, "root");
	sp_nearest_offer(&near, "help");
	for (; options->name; options++)
		sp_nearest_offer(&near, options->name);
	if (near.best)
		sp_cli_fail(0, "unknown option %s; did you mean --%s?", word, near.best);
	else
		sp_cli_fail(0, "unknown option %s; see sallyport %s --help", word, verb);
	return -EINVAL;
}

/* @verb may be the first word of others too, of which one was meant: `audit verfy`. */
static int fail_extra_word(const char *verb, const char *word)
{
	const char *near = is_group(verb) ? nearest_second(verb, word) : NULL;

	if (near)
		sp_cli_fail(0, "unknown verb \"%s %s\"; did you mean \"%s %s\"?", verb, word, verb,
			    near);
	else
		sp_cli_fail(0, "\"%s\" is one word too many; see sallyport %s --help", word, verb);
	return -EINVAL;
}

/* Is the first @len bytes of @typed a word of @values? */
static bool is_of(const char *const *values, const char *typed, size_t len)
{
	for (; *values; values++)
		if (strlen(*values) == len && !strncmp(*values, typed, len))
			return true;
	return false;
}

static int fail_value(const struct sp_option *option, const char *value, const char *word)
{
	__sp_buf struct sp_buf words = SP_BUF_INIT;
	struct sp_nearest near;

	sp_nearest_init(&near, word);
	for (const char *const *known = option->values; *known; known++) {
		sp_nearest_offer(&near, *known);
		sp_buf_printf(&words, "%s%s", known == option->values ? "" : ", ", *known);
	}
	if (near.best)
		sp_cli_fail(0, "--%s %s: \"%s\" is no word of its list; did you mean \"%s\"?",
			    option->name, value, word, near.best);
	else
		sp_cli_fail(0, "--%s %s: one of %s", option->name, value, sp_buf_get(&words));
	return -EINVAL;
}

/* Take the value of an option. Returns 0; -EINVAL: it is none of its list, which was said. */
static int take_value(const struct sp_option *option, const char *value)
{
	const bool takes_several = option->choice == SP_CHOOSE_SEVERAL;
	const char *at = value;
	size_t len;

	*option->value = value;
	if (!option->values || option->choice == SP_CHOOSE_ANY)
		return 0;
	for (;; at += len + 1) {
		len = takes_several ? strcspn(at, ",") : strlen(at);
		if (!is_of(option->values, at, len)) {
			__sp_free char *word = strndup(at, len);

			return fail_value(option, value, word ? word : "");
		}
		if (!at[len])
			return 0;
	}
}

static bool set_follow(const struct sp_option *options)
{
	for (; options->name; options++)
		if (!strcmp(options->name, "follow"))
			return *options->flag = true;
	return false;
}

/* Take an option that may be given again. Returns 0; -EINVAL: too often, which was said. */
static int take_again(const struct sp_option *option, const char *value)
{
	struct sp_words *all = option->all;

	if (all->count == SP_ARRAY_LEN(all->items)) {
		sp_cli_fail(0, "--%s may be given %zu times", option->name, all->count);
		return -EINVAL;
	}
	all->items[all->count++] = value;
	return 0;
}

/* Returns 0; -EINVAL, said. */
static int take_option(const struct sp_option *option, const char *value)
{
	if (option->all)
		return take_again(option, value);
	if (!option->flag)
		return take_value(option, value);
	*option->flag = true;
	return 0;
}

int sp_cli_options(struct sp_cli *cli, const char *verb, int argc, char **argv,
		   const struct sp_option *options, const char **positional, size_t positional_max,
		   size_t *ret_positional_count)
{
	enum { OPT_JSON = 1000, OPT_ROOT, OPT_HELP, OPT_FIRST };
	struct option table[OPTIONS_MAX + 4] = {
		{ "json", no_argument, NULL, OPT_JSON },
		{ "root", required_argument, NULL, OPT_ROOT },
		{ "help", no_argument, NULL, OPT_HELP },
	};
	size_t table_count = 3, positional_count = 0;
	int option;

	if (cli->completion) {
		sp_complete_option(cli->completion, options);
		return 1;
	}
	for (const struct sp_option *o = options; o->name && table_count < OPTIONS_MAX; o++)
		table[table_count++] = (struct option){
			.name = o->name,
			.has_arg = o->flag ? no_argument : required_argument,
			.val = OPT_FIRST + (int)(o - options),
		};
	opterr = 0;
	optind = 0;
	while ((option = getopt_long(argc, argv, "-:fh", table, NULL)) != -1) {
		switch (option) {
		case 1: /* a word that is not an option */
			if (positional_count == positional_max)
				return fail_extra_word(verb, optarg);
			positional[positional_count++] = optarg;
			break;
		case OPT_JSON:
			cli->json = true;
			break;
		case OPT_ROOT:
			cli->root = optarg;
			break;
		case OPT_HELP:
		case 'h':
			print_verb_help(verb, options);
			return 1;
		case ':':
			sp_cli_fail(0, "%s needs a value", argv[optind - 1]);
			return -EINVAL;
		case 'f': /* audit -f: the short form of --follow */
			if (!set_follow(options))
				return fail_unknown_option(verb, "-f", options);
			break;
		case '?':
			return fail_unknown_option(verb, argv[optind - 1], options);
		default:
			if (take_option(&options[option - OPT_FIRST], optarg) < 0)
				return -EINVAL;
		}
	}
	for (; optind < argc; optind++) {
		if (positional_count == positional_max)
			return fail_unknown_option(verb, argv[optind], options);
		positional[positional_count++] = argv[optind];
	}
	*ret_positional_count = positional_count;
	return 0;
}

int sp_cli_check_output(const char *what, const char *path)
{
	if (strcmp(path, "-"))
		return SP_EXIT_OK;
	return sp_cli_fail(SP_EXIT_USAGE,
			   "%s -: it is written to a file and not to the output; name one (./- is "
			   "called so)",
			   what);
}

int sp_cli_options_exit(int r)
{
	return r > 0 ? SP_EXIT_OK : SP_EXIT_USAGE;
}
