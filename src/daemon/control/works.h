/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Work for a client that takes too long for the loop, because it grows with a policy. The works are
 * done one after the other in a thread beside the loop, in the order in which they came. */
#ifndef SALLYPORT_DAEMON_WORKS_H
#define SALLYPORT_DAEMON_WORKS_H

#include "io/loop/job.h"

struct sp_client;

/* The caller's storage, at one place until @free is called. */
struct sp_work {
	struct sp_client *client; /* who waits for it; NULL: nobody does, and it is done anyway */
	/* In the thread: it writes to what belongs to @arg alone. Not called for a client who has
	 * gone before. */
	void (*run)(void *arg);
	/* In the loop, after @run, unless the client has gone; NULL: there is nothing to say. */
	void (*answer)(void *arg);
	void (*free)(void *arg); /* in the loop, last; may put another work */
	void *arg;
	bool is_unwanted; /* this and what follows is the works' own: the client has gone */
	struct sp_work *next;
};

struct sp_works {
	struct sp_loop *loop; /* lent by the daemon */

	struct sp_job job;     /* of the first one */
	struct sp_work *first; /* NULL: none is there */
	bool is_ending;        /* no thread is made any more */
};

/* Do @work once those before it are done. If no thread can be made, the loop waits for it. */
void sp_works_put(struct sp_works *works, struct sp_work *work);
/* The client has gone: nobody waits for its works. */
void sp_works_forget(struct sp_works *works, const struct sp_client *client);
/* At the end of the process: nobody waits any more. The work in the thread is waited for, and all of
 * them are freed. */
void sp_works_end(struct sp_works *works);

#endif
