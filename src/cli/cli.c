/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Finding the verb, reading options, saying what is wrong with them. */
#include "cli/cli.h"

#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/complete.h"
#include "io/rights.h"
#include "policy/suggest.h"

#define OPTIONS_MAX 24

static void print_usage(FILE *out)
{
	sp_cli_write(out, "usage: sallyport VERB [ARGUMENTS] [--json] [--root DIR]\n\n");
	for (size_t i = 0; i < sp_verb_count; i++)
		sp_cli_write(out, "  %-16s %-13s %s\n", sp_verbs[i].name, sp_verbs[i].arguments,
			     sp_verbs[i].summary);
	sp_cli_write(out, "\nsallyport VERB --help says more of one; sallyport --version%s.\n", sp_verbs_elsewhere);
}

/* How many of @words the verb's name takes: 0, 1 or 2. */
static size_t match_verb(const struct sp_verb *verb, char **words, size_t count)
{
	const char *space = strchr(verb->name, ' ');
	const size_t first_len = space ? (size_t)(space - verb->name) : strlen(verb->name);

	if (count < 1 || strlen(words[0]) != first_len || strncmp(words[0], verb->name, first_len))
		return 0;
	if (!space)
		return 1;
	return count > 1 && !strcmp(words[1], space + 1) ? 2 : 0;
}

const struct sp_verb *sp_cli_find_verb(char **words, size_t count, size_t *ret_words)
{
	const struct sp_verb *best = NULL;

	*ret_words = 0;
	for (size_t i = 0; i < sp_verb_count; i++) {
		const size_t matched = match_verb(&sp_verbs[i], words, count);

		if (matched > *ret_words) {
			best = &sp_verbs[i];
			*ret_words = matched;
		}
	}
	return best;
}

static int fail_unknown_verb(int argc, char **argv)
{
	struct sp_nearest near;
	char typed[128];
	bool is_group = false;

	for (size_t i = 0; i < sp_verb_count; i++) {
		const char *space = strchr(sp_verbs[i].name, ' ');

		is_group |= space && !strncmp(sp_verbs[i].name, argv[0], strlen(argv[0])) &&
			    (size_t)(space - sp_verbs[i].name) == strlen(argv[0]);
	}
	snprintf(typed, sizeof(typed), "%s%s%s", argv[0], is_group && argc > 1 ? " " : "",
		 is_group && argc > 1 ? argv[1] : "");
	sp_nearest_init(&near, typed);
	for (size_t i = 0; i < sp_verb_count; i++)
		sp_nearest_offer(&near, sp_verbs[i].name);
	if (near.best)
		return sp_cli_fail(SP_EXIT_USAGE, "unknown verb \"%s\"; did you mean \"%s\"?", typed,
				   near.best);
	return sp_cli_fail(SP_EXIT_USAGE, "unknown verb \"%s\"; see sallyport --help%s", typed, sp_verbs_elsewhere);
}

int sp_cli_run(int argc, char **argv)
{
	struct sp_cli cli = {
		.root = getenv("SALLYPORT_ROOT"),
		.color = isatty(STDOUT_FILENO) && !getenv("NO_COLOR"),
	};
	const struct sp_verb *verb;
	size_t verb_words;

	(void)sp_rights_protect_memory(); /* keys, passwords and tokens are in it, whatever the verb */
	if (argc < 2) {
		print_usage(stderr);
		return SP_EXIT_USAGE;
	}
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h") || !strcmp(argv[1], "help")) {
		print_usage(stdout);
		return SP_EXIT_OK;
	}
	if (!strcmp(argv[1], "--version")) {
		sp_cli_print("sallyport " SP_VERSION "\n");
		return SP_EXIT_OK;
	}
	if (!strcmp(argv[1], SP_COMPLETE_VERB))
		return sp_complete(&cli, argv + 2, (size_t)argc - 2);
	verb = sp_cli_find_verb(argv + 1, (size_t)argc - 1, &verb_words);
	if (!verb)
		return fail_unknown_verb(argc - 1, argv + 1);
	return verb->run(&cli, argc - (int)verb_words, argv + verb_words);
}

static void print_verb_help(const char *name, const struct sp_option *options)
{
	for (size_t i = 0; i < sp_verb_count; i++)
		if (!strcmp(sp_verbs[i].name, name))
			sp_cli_print("usage: sallyport %s%s%s [OPTIONS]\n%s\n\n", name,
				     *sp_verbs[i].arguments ? " " : "", sp_verbs[i].arguments,
				     sp_verbs[i].summary);
	for (; options->name; options++)
		sp_cli_print("  --%s%s%-*s %s\n", options->name, options->flag ? "" : " ",
			     (int)(24 - strlen(options->name)), options->flag ? "" : options->value_name,
			     options->help);
	sp_cli_print("  --%-25s %s\n", "json", "machine-readable output");
	sp_cli_print("  --%-25s %s\n", "root DIR", "where the gateway's files stand (default /)");
}

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
		case 1: /* a word that is no option */
			if (positional_count == positional_max) {
				sp_cli_fail(0, "\"%s\" is one word too many; see sallyport %s --help",
					    optarg, verb);
				return -EINVAL;
			}
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
			for (size_t i = 0; options[i].name; i++)
				if (!strcmp(options[i].name, "follow"))
					*options[i].flag = true;
			break;
		case '?':
			return fail_unknown_option(verb, argv[optind - 1], options);
		default:
			option -= OPT_FIRST;
			if (options[option].flag)
				*options[option].flag = true;
			else
				*options[option].value = optarg;
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

int sp_cli_options_exit(int r)
{
	return r > 0 ? SP_EXIT_OK : SP_EXIT_USAGE;
}
