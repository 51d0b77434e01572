/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Commands that are printed for a person to paste: a word of one, as a shell reads it. */
#ifndef SALLYPORT_CLI_SHELL_H
#define SALLYPORT_CLI_SHELL_H

/* As it is, or in quotes where a shell would see more in it. Malloc'ed; NULL without memory. */
char *sp_shell_quote(const char *word);

#endif
