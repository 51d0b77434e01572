/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The other end of the control socket (docs/control-socket.md). */
#ifndef SALLYPORT_CLI_CLIENT_H
#define SALLYPORT_CLI_CLIENT_H

#include "cli/cli.h"

/* One request, one reply. @fields gets v, id and op, and its reference is taken.
 * Returns SP_EXIT_OK and the reply; else an exit code, the error has been said. */
int sp_client_call(const struct sp_cli *cli, const char *op, json_t *fields, json_t **ret_reply);

/* Put the seconds of `10h`, `30m`, `90s`, `7d` or plain seconds into @fields as @key. @option is
 * where @text was written. Returns SP_EXIT_OK; SP_EXIT_USAGE, which was said. */
int sp_client_add_duration(const char *option, const char *text, json_t *fields, const char *key);

/* Called when a signal interrupts the wait for a reply. Returns true to go on waiting. */
typedef bool (*sp_client_interrupt_fn)(void);
/* From here on ask @take, in the whole process, when a signal that does not end the program
 * interrupts a wait for a reply. NULL, as at the start: the wait ends. When a wait ends so, nothing
 * is said. */
void sp_client_on_interrupt(sp_client_interrupt_fn take);

/* A request whose reply is good to know but not needed: errors are not said. An error reply is
 * a reply too. The reply is the caller's reference. NULL: no answer. */
json_t *sp_client_try(const struct sp_cli *cli, const char *op);

/* The same with a policy's bytes behind the line. On an error reply *@ret_reply is set too, so that
 * the caller can show its diagnostics or tests; it is NULL when there was no reply. Nothing is said
 * of `policy-invalid` and `tests-failed`. */
int sp_client_call_with_text(const struct sp_cli *cli, const char *op, json_t *fields,
			     const char *text, size_t text_len, json_t **ret_reply);

/* Gets one event, borrowed. Returns 0 to go on; another value ends sp_client_follow. */
typedef int (*sp_client_event_fn)(void *arg, json_t *event);
/* of sp_client_follow: the daemon closed the connection after its first reply; not said */
#define SP_CLIENT_CLOSED (-1)
/* A request whose first reply is followed by events until the daemon or the reader goes. @fields as
 * in sp_client_call. @take_first gets the whole first reply, @take each event; there is no time
 * limit between events.
 * Returns what @take_first or @take returned that was not 0; SP_CLIENT_CLOSED; else the exit code
 * of an error reply or of no reply, and the error has been said. */
int sp_client_follow(const struct sp_cli *cli, const char *op, json_t *fields,
		     sp_client_event_fn take_first, sp_client_event_fn take, void *arg);

#endif
