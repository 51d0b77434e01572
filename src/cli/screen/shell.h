/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Commands that are printed for a person to paste: a word of one, as a shell reads it. */
#ifndef SALLYPORT_CLI_SHELL_H
#define SALLYPORT_CLI_SHELL_H

/* A malloc'ed copy of @word, in single quotes if it is empty or a character of it could mean
 * something to a shell. NULL: no memory. */
char *sp_shell_quote(const char *word);

#endif
