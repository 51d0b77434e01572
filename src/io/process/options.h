/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The options of a process that serves: getopt_long(3), which says in our words what is wrong. */
#ifndef SALLYPORT_IO_OPTIONS_H
#define SALLYPORT_IO_OPTIONS_H

#include <getopt.h>

/* The next option, as getopt_long(3) would return it: -1 at their end. '?': it is none, or lacks
 * its value; that is in the log, with the option that was meant if one is near.
 * @shorts  fewer than 16 characters, without a colon in front. */
int sp_options_next(int argc, char **argv, const char *shorts, const struct option *longs);

/* The exit code after --help or --version: 0; 1 what they print was not written, and that is in the
 * log. */
int sp_options_shown(void);

/* Say in the log that @word is no option, and that nothing but options is taken. */
void sp_options_refuse(const char *word);

#endif
