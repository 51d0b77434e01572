/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a shell offers after TAB, from the tables --help is printed from. The scripts in
 * dist/completion ask
 *
 *	sallyport __complete WORD…
 *
 * with the words of the line after "sallyport", the last one as far as it is typed,
 *
 * and get a line for each offer: WORD TAB DESCRIPTION; or ":files", where a file's name belongs. */
#ifndef SALLYPORT_CLI_COMPLETE_H
#define SALLYPORT_CLI_COMPLETE_H

#include "cli/cli.h"

#define SP_COMPLETE_VERB "__complete"

struct sp_completion {
	const char *arguments; /* the verb's, as its table says: "FILE" */
	const char *previous;  /* the word before, "" when it is the verb */
	const char *typed;     /* the beginning of the word in question */
};

/* Print what can stand in place of the last of @words. @words are the words of the line from the
 * verb on; the last is as far as it is typed. Returns SP_EXIT_OK, also with nothing to offer. */
int sp_complete(struct sp_cli *cli, char **words, size_t count);

/* For sp_cli_options: what the verb with these @options may go on with. */
void sp_complete_option(const struct sp_completion *completion, const struct sp_option *options);

#endif
