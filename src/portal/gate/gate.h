/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The control socket as the portal uses it: one connection, made again whenever it is lost; one
 * request under way, the others in two queues, those a person waits for first. */
#ifndef SALLYPORT_PORTAL_GATE_H
#define SALLYPORT_PORTAL_GATE_H

#include "io/loop/loop.h"
#include "portal/outside.h"

#define SP_GATE_QUEUE_MAX 2048u
#define SP_GATE_REPLY_MAX (64u << 20) /* session.list of every session there can be */

struct sp_gate;

/* @path: borrowed for good. @changed: the gate came or went. Tries to connect at once and goes
 * on trying.
 * Returns 0; -ENOMEM. */
int sp_gate_new(struct sp_loop *loop, const char *path, void (*changed)(void *arg, bool is_there),
		void *arg, struct sp_gate **ret_gate);
/* Close the socket; no callback runs any more. NULL is allowed. */
void sp_gate_free(struct sp_gate *gate);

/* As outside.h says. If there is no gate, or too many requests wait, the answer is NULL, in a later
 * round of the loop. */
void sp_gate_ask(struct sp_gate *gate, struct sp_gate_request *ask);
/* @ask is not answered any more; its storage is the asker's again. */
void sp_gate_drop(struct sp_gate *gate, struct sp_gate_request *ask);

#endif
