/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Asking the person at the terminal. There is one when both standard input and standard error are;
 * without one nothing here waits for anybody. */
#ifndef SALLYPORT_CLI_TERMINAL_H
#define SALLYPORT_CLI_TERMINAL_H

#include <stdbool.h>
#include <stddef.h>

/* Whether standard input and standard error are both a terminal. */
bool sp_terminal_is_there(void);

/* Ask for a line. *@ret_line is malloc'ed, without the newline. Returns 0; -ENOTTY no terminal;
 * -ECANCELED the person ended it (ctrl-C, ctrl-D); -EMSGSIZE longer than @max_len; -ENOMEM. */
int sp_terminal_ask(const char *question, size_t max_len, char **ret_line);
/* The same for a secret: not shown while it is typed. The terminal is left as it was, whatever
 * happens. */
int sp_terminal_ask_secret(const char *question, size_t max_len, char **ret_secret);

/* The first line of a descriptor, for scripts. Returns as above; -errno. */
int sp_terminal_read_line(int fd, size_t max_len, char **ret_secret);

/* Wait for Enter. Returns 1 pressed; 0 the time is over; -ECANCELED ctrl-C, or it has gone;
 * -errno. */
int sp_terminal_wait_enter(int timeout_ms);

/* With true: from here on ctrl-C (exit code 130) and SIGTERM (143) end the program with a line that
 * says that nothing was changed. With false: handle both signals as before. */
void sp_terminal_cancel_cleanly(bool on);

/* Whether standard error may have colour and drawing: it is a terminal, and $NO_COLOR is not
 * set. */
bool sp_terminal_has_color(void);

#endif
