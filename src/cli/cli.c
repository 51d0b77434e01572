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

#include "base/array.h"
#include "io/rights.h"
#include "policy/suggest.h"

#define OPTIONS_MAX 24

const struct sp_verb sp_verbs[] = {
	{ "check", "FILE", "validate a policy, lint it, run its tests", sp_cli_check },
	{ "explain", "[FILE]", "who may reach what, and which rule says so", sp_cli_explain },
	{ "replay", "FILE", "judge the packets of a capture", sp_cli_replay },
	{ "apply", "FILE", "make a policy the running one", sp_cli_apply },
	{ "history", "", "the policies applied so far", sp_cli_history },
	{ "status", "[URL]", "what runs; signed in: the session and the tunnel", sp_cli_status },
	{ "doctor", "", "what this kernel and machine lack", sp_cli_doctor },
	{ "session open", "", "sign a person in", sp_cli_session_open },
	{ "session list", "", "who is signed in", sp_cli_session_list },
	{ "session extend", "SESSION", "give a session more time", sp_cli_session_extend },
	{ "session revoke", "SESSION|USER", "end sessions, live traffic included", sp_cli_session_revoke },
	{ "peer add", "", "enrol a device", sp_cli_peer_add },
	{ "peer list", "", "enrolled devices", sp_cli_peer_list },
	{ "peer remove", "KEY|NAME", "forget a device", sp_cli_peer_remove },
	{ "peer config", "KEY|NAME", "a device's configuration for any WireGuard app", sp_cli_peer_config },
	{ "user add", "NAME", "let somebody sign in with a password", sp_cli_user_add },
	{ "user passwd", "NAME", "change a user's password", sp_cli_user_passwd },
	{ "user groups", "NAME [GROUP…]", "say which groups a user is in", sp_cli_user_groups },
	{ "user remove", "NAME", "let a user sign in no more", sp_cli_user_remove },
	{ "user list", "", "who may sign in with a password", sp_cli_user_list },
	{ "idp list", "", "the identity providers of idp.d", sp_cli_idp_list },
	{ "idp test", "NAME", "reach a provider as the portal does, step by step", sp_cli_idp_test },
	{ "idp verify", "NAME", "the checks of a sign-in on a saved id_token", sp_cli_idp_verify },
	{ "audit", "", "the audit log, filtered", sp_cli_audit },
	{ "audit verify", "[FILE…]", "whether the log is whole and unchanged", sp_cli_audit_verify },
	{ "login", "URL", "sign in at a portal, with this device", sp_cli_login },
	{ "logout", "[URL]", "end this device's session", sp_cli_logout },
	{ "up", "[URL]", "bring this device's tunnel up", sp_cli_up },
	{ "down", "", "take this device's tunnel down", sp_cli_down },
	{ "bench", "NAME", "measure this machine: tunnels, cipher, handshakes, peers", sp_cli_bench },
};
const size_t sp_verb_count = SP_ARRAY_LEN(sp_verbs);

static void print_usage(FILE *out)
{
	sp_cli_write(out, "usage: sallyport VERB [ARGUMENTS] [--json] [--root DIR]\n\n");
	for (size_t i = 0; i < sp_verb_count; i++)
		sp_cli_write(out, "  %-16s %-13s %s\n", sp_verbs[i].name, sp_verbs[i].arguments,
			     sp_verbs[i].summary);
	sp_cli_write(out, "\nsallyport VERB --help says more of one; sallyport --version.\n");
}

/* How many words of @argv the verb's name takes: 0, 1 or 2. */
static int match_verb(const struct sp_verb *verb, int argc, char **argv)
{
	const char *space = strchr(verb->name, ' ');
	const size_t first_len = space ? (size_t)(space - verb->name) : strlen(verb->name);

	if (argc < 1 || strlen(argv[0]) != first_len || strncmp(argv[0], verb->name, first_len))
		return 0;
	if (!space)
		return 1;
	return argc > 1 && !strcmp(argv[1], space + 1) ? 2 : 0;
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
	return sp_cli_fail(SP_EXIT_USAGE, "unknown verb \"%s\"; see sallyport --help", typed);
}

int sp_cli_run(int argc, char **argv)
{
	struct sp_cli cli = {
		.root = getenv("SALLYPORT_ROOT"),
		.color = isatty(STDOUT_FILENO) && !getenv("NO_COLOR"),
	};
	const struct sp_verb *best = NULL;
	int best_words = 0;

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
	for (size_t i = 0; i < sp_verb_count; i++) {
		const int words = match_verb(&sp_verbs[i], argc - 1, argv + 1);

		if (words > best_words) {
			best = &sp_verbs[i];
			best_words = words;
		}
	}
	if (!best)
		return fail_unknown_verb(argc - 1, argv + 1);
	return best->run(&cli, argc - best_words, argv + best_words);
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
