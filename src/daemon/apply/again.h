/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Requests that are asked again, while the loop serves others.
 * - One that makes a revision of its own (apply, reload, detach) waits its turn while another apply
 *   is under way.
 * - A sign-in whose rows have no room in the running revision changes nothing and waits for a new
 *   revision, which has room again. Then it is asked once more, and what it is answered then is
 *   its answer.
 * A client has one request under way, so there are never more here than clients. */
#ifndef SALLYPORT_DAEMON_AGAIN_H
#define SALLYPORT_DAEMON_AGAIN_H

#include "daemon/control/control.h"
#include "io/loop/loop.h"

struct sp_applies;
struct sp_again;

struct sp_again_list {
	struct sp_again *first; /* the one that came first */
	struct sp_timer timer;
	size_t text_bytes;   /* of the policies kept */
	bool is_hangup_kept; /* SIGHUP came during an apply */
};

/* Keep @request of @client and have a revision made, on record with @why. Out of memory: the client
 * is told. */
void sp_again_put(struct sp_applies *applies, struct sp_client *client,
		  const struct sp_request *request, const char *why);
/* Keep @request of @client, with its text, until the apply under way is over. No memory, or too
 * many texts are kept: the client is told. */
void sp_again_wait(struct sp_applies *applies, struct sp_client *client,
		   const struct sp_request *request);
/* An apply is over: ask the kept requests in the next round, and begin the revision that became due
 * meanwhile (applies->restage_why). */
void sp_again_soon(struct sp_applies *applies);
/* The client is gone: its request is not asked again. */
void sp_again_forget(struct sp_applies *applies, const struct sp_client *client);
/* At the end of the process: forget all. */
void sp_again_done(struct sp_applies *applies);

#endif
