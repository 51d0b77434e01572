/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "io/process/options.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "io/log/log.h"
#include "yaml/suggest.h"

#define SHORTS_MAX (2 * SP_PROCESS_OPTIONS_MAX + 3)
#define LONGS_MAX (SP_PROCESS_OPTIONS_MAX + 3)
#define BEHIND_LETTERS 256
#define VERSION 255
#define NAME_MAX_LEN 64

/* @word begins with two dashes. */
static void refuse_long(const char *word, const struct option *longs)
{
	const size_t len = strcspn(word + 2, "=");
	char name[NAME_MAX_LEN];
	struct sp_nearest near;

	snprintf(name, sizeof(name), "%.*s", (int)(len < sizeof(name) ? len : sizeof(name) - 1),
		 word + 2);
	sp_nearest_init(&near, name);
	for (; longs->name; longs++)
		sp_nearest_offer(&near, longs->name);
	if (near.best && !strcmp(near.best, name))
		sp_log_error("--%s takes no value", name);
	else if (near.best)
		sp_log_error("unknown option --%s; did you mean --%s?", name, near.best);
	else
		sp_log_error("unknown option --%s; --help shows those there are", name);
}

/* The next option, as getopt_long(3) returns it: -1 at their end; '?' said. */
static int next_option(int argc, char **argv, const char *shorts, const struct option *longs)
{
	int option;

	opterr = 0; /* getopt says nothing */
	option = getopt_long(argc, argv, shorts, longs, NULL);
	if (option == ':')
		sp_log_error("%s needs a value", argv[optind - 1]);
	else if (option == '?' && !strncmp(argv[optind - 1], "--", 2) &&
		 (!optopt || strchr(argv[optind - 1], '=')))
		refuse_long(argv[optind - 1], longs);
	else if (option == '?')
		sp_log_error("unknown option -%c; --help shows those there are", optopt);
	return option == ':' ? '?' : option;
}

/* Print the version or the help. Returns the exit code. */
static int show(int value, const char *program, void (*usage)(FILE *out))
{
	if (value == VERSION) {
		fputs(program, stdout);
		puts(" " SP_VERSION);
	} else {
		usage(stdout);
	}
	errno = 0;
	if (fflush(stdout) == 0 && !ferror(stdout))
		return 0;
	sp_log_error("not all of it could be written to the output: %s",
		     sp_err_text(errno ? sp_errno() : -EIO));
	return 1;
}

/* What getopt_long(3) returns for the option of this place. */
static int value_of(const struct sp_process_option *options, size_t i)
{
	return options[i].letter ? options[i].letter : BEHIND_LETTERS + (int)i;
}

/* Write the options as getopt_long(3) takes them. Returns how many there are. */
static size_t write_options(const struct sp_process_option *options, char shorts[SHORTS_MAX],
			    struct option longs[LONGS_MAX])
{
	size_t count = 0, len = (size_t)snprintf(shorts, SHORTS_MAX, ":h");

	for (; options[count].name && count < SP_PROCESS_OPTIONS_MAX; count++) {
		const bool has_value = options[count].ret_text;

		longs[count] = (struct option){ options[count].name,
						has_value ? required_argument : no_argument, NULL,
						value_of(options, count) };
		if (options[count].letter)
			len += (size_t)snprintf(shorts + len, SHORTS_MAX - len, "%c%s",
						options[count].letter, has_value ? ":" : "");
	}
	longs[count] = (struct option){ "version", no_argument, NULL, VERSION };
	longs[count + 1] = (struct option){ "help", no_argument, NULL, 'h' };
	longs[count + 2] = (struct option){ 0 };
	return count;
}

static void keep_option(const struct sp_process_option *options, size_t count, int value)
{
	for (size_t i = 0; i < count; i++) {
		if (value_of(options, i) != value)
			continue;
		if (options[i].ret_text)
			*options[i].ret_text = optarg;
		else
			*options[i].ret_is_given = true;
	}
}

bool sp_options_read(int argc, char **argv, const char *program, void (*usage)(FILE *out),
		     const struct sp_process_option *options, int *ret_exit)
{
	struct option longs[LONGS_MAX];
	char shorts[SHORTS_MAX];
	const size_t count = write_options(options, shorts, longs);
	int value;

	while ((value = next_option(argc, argv, shorts, longs)) != -1) {
		if (value == '?') {
			*ret_exit = 2;
			return false;
		}
		if (value == VERSION || value == 'h') {
			*ret_exit = show(value, program, usage);
			return false;
		}
		keep_option(options, count, value);
	}
	return true;
}

void sp_options_refuse(const char *word)
{
	sp_log_error("\"%s\" is one word too many: only options are taken; --help shows them",
		     word);
}
