/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The options of a process that serves: getopt_long(3), which says in our words what is wrong. */
#ifndef SALLYPORT_IO_OPTIONS_H
#define SALLYPORT_IO_OPTIONS_H

#include <getopt.h> /* optind */
#include <stdbool.h>
#include <stdio.h>

#define SP_PROCESS_OPTIONS_MAX 14

/* One option. Either @ret_text or @ret_is_given is set. */
struct sp_process_option {
	const char *name;      /* without the dashes */
	char letter;           /* its short form; 0: it has none */
	const char **ret_text; /* borrowed from argv */
	bool *ret_is_given;
};

/* Read the options, which a zeroed element ends: at most SP_PROCESS_OPTIONS_MAX. --version, --help
 * and -h are always there.
 * @program  the name that --version prints.   @usage  prints what --help says.
 * Returns true to go on: optind is the place of the first word that is no option. Returns false if
 * *@ret_exit is the exit code: 0 help or version was printed, 1 it could not be written, 2 an option
 * is wrong. 1 and 2 are in the log. */
bool sp_options_read(int argc, char **argv, const char *program, void (*usage)(FILE *out),
		     const struct sp_process_option *options, int *ret_exit);

/* Say in the log that @word is no option, and that nothing but options is taken. */
void sp_options_refuse(const char *word);

#endif
