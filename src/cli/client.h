/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The other end of the control socket (docs/control-socket.md). */
#ifndef SALLYPORT_CLI_CLIENT_H
#define SALLYPORT_CLI_CLIENT_H

#include "cli/cli.h"

/* One request, one reply. @fields gets v, id and op, and its reference is taken.
 * Returns SP_EXIT_OK and the reply; else an exit code, the error has been said. */
int sp_client_call(const struct sp_cli *cli, const char *op, json_t *fields, json_t **ret_reply);

/* While a reply is waited for, a signal that does not end us asks @take whether to go on; without
 * one the wait ends, and nothing is said. */
typedef bool (*sp_client_interrupt_fn)(void);
void sp_client_on_interrupt(sp_client_interrupt_fn take);

/* The same for what is good to know but not needed: no word of errors. NULL: no answer. */
json_t *sp_client_try(const struct sp_cli *cli, const char *op);

/* The same with a policy's bytes behind the line. On an error reply *@ret_reply is set too, so that
 * the caller can show its diagnostics or tests; it is NULL when there was no reply. Nothing is said
 * of `policy-invalid` and `tests-failed`. */
int sp_client_call_with_text(const struct sp_cli *cli, const char *op, json_t *fields,
			     const char *text, size_t text_len, json_t **ret_reply);

/* A request whose first reply is followed by events until the daemon or the reader goes.
 * @take gets each (borrowed); non-zero from it ends the watch and is returned. */
typedef int (*sp_client_event_fn)(void *arg, json_t *event);
/* of sp_client_follow: the daemon closed it once it had answered; not said */
#define SP_CLIENT_CLOSED (-1)
int sp_client_follow(const struct sp_cli *cli, const char *op, json_t *fields,
		     sp_client_event_fn take_first, sp_client_event_fn take, void *arg);

#endif
