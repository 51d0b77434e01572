/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "io/process/options.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "io/log/log.h"
#include "yaml/suggest.h"

#define SHORTS_MAX 18
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

int sp_options_next(int argc, char **argv, const char *shorts, const struct option *longs)
{
	char with_colon[SHORTS_MAX];
	int option;

	opterr = 0; /* getopt says nothing */
	snprintf(with_colon, sizeof(with_colon), ":%s", shorts);
	option = getopt_long(argc, argv, with_colon, longs, NULL);
	if (option == ':')
		sp_log_error("%s needs a value", argv[optind - 1]);
	else if (option == '?' && !strncmp(argv[optind - 1], "--", 2) &&
		 (!optopt || strchr(argv[optind - 1], '=')))
		refuse_long(argv[optind - 1], longs);
	else if (option == '?')
		sp_log_error("unknown option -%c; --help shows those there are", optopt);
	return option == ':' ? '?' : option;
}

int sp_options_shown(void)
{
	errno = 0;
	if (fflush(stdout) == 0 && !ferror(stdout))
		return 0;
	sp_log_error("not all of it could be written to the output: %s",
		     sp_err_text(errno ? sp_errno() : -EIO));
	return 1;
}

void sp_options_refuse(const char *word)
{
	sp_log_error("\"%s\" is one word too many: only options are taken; --help shows them",
		     word);
}
