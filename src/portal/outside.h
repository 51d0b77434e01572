/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What others do for the portal: questions to the gateway, passwords, exchanges with providers,
 * random bytes. The process does them with sockets and threads (run.c), tests and the fuzzer with
 * tables. A callback is never called from within the call that began the work. */
#ifndef SALLYPORT_PORTAL_OUTSIDE_H
#define SALLYPORT_PORTAL_OUTSIDE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "identity/http/http.h"
#include "io/fetch/fetch.h"
#include "portal/base/shares.h"

/* One question to sallyportd (docs/control-socket.md). The storage is the asker's, at one place
 * until the question is done or dropped. */
struct sp_gate_request {
	json_t *request; /* "op" and its fields; taken over when asked */
	/* @reply: NULL when the gateway does not answer; else the whole line, borrowed. */
	void (*done)(struct sp_gate_request *ask, const json_t *reply);
	bool can_wait;     /* behind those a person waits for */
	bool is_under_way; /* the outside's */
	struct sp_gate_request *next;
};

/* One password to compare. From malloc; freed by the outside after done. */
struct sp_password_check {
	char *hash;      /* NULL: nobody's */
	char *password;  /* wiped at the end */
	size_t cost_kib; /* memory the comparison takes; at least 1 */
	struct sp_addr from;
	bool is_known; /* the person is known to sign in from there */
	bool is_right;
	struct sp_holding holding;              /* the line's it waits in */
	void (*done)(void *arg, bool is_right); /* NULL: nobody waits for it any more */
	void *arg;
	struct sp_password_check *next;
};

/* Free it, and wipe the password. NULL: nothing. */
void sp_password_check_free(struct sp_password_check *check);

struct sp_outside {
	void (*ask)(void *arg, struct sp_gate_request *ask);      /* done is called later, once */
	void (*drop)(void *arg, struct sp_gate_request *ask);     /* done is not called any more */
	int (*check)(void *arg, struct sp_password_check *check); /* 0; -EBUSY: not taken over */
	/* As sp_fetcher_begin and _cancel. */
	int (*fetch)(void *arg, struct sp_http_request *request, const struct sp_fetch_trust *trust,
		     sp_fetched_fn done, void *done_arg, uint64_t *ret_id);
	void (*cancel)(void *arg, uint64_t id);
	void (*random)(void *arg, void *bytes, size_t len); /* for keys and nonces */
};

#endif
