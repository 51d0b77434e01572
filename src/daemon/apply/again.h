/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Requests that are asked again. A sign-in whose rows have no room in the running revision changes
 * nothing and is kept here; a new revision is made, which has room again, while the loop serves
 * others; then the request is asked once more, and what it is answered then is its answer. A client
 * has one request under way, so there are never more here than clients. */
#ifndef SALLYPORT_DAEMON_AGAIN_H
#define SALLYPORT_DAEMON_AGAIN_H

#include "daemon/control/control.h"
#include "io/loop/loop.h"

struct sp_daemon;
struct sp_again;

struct sp_again_list {
	struct sp_again *first;
	struct sp_timer timer;
};

/* Keep @request of @client and have a revision made, on record with @why. Out of memory: the client
 * is told. */
void sp_again_put(struct sp_daemon *daemon, struct sp_client *client,
		  const struct sp_request *request, const char *why);
/* An apply is over: unless another follows, what is kept is asked in the next round. */
void sp_again_soon(struct sp_daemon *daemon);
/* The client is gone: its request is not asked again. */
void sp_again_forget(struct sp_daemon *daemon, const struct sp_client *client);
/* At the end of the process: forget all. */
void sp_again_done(struct sp_daemon *daemon);

#endif
