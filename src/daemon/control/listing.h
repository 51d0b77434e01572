/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A reply with a list that grows with the people or with the log. It is made in slices of the loop,
 * no faster than its client reads, and goes when the client goes. */
#ifndef SALLYPORT_DAEMON_LISTING_H
#define SALLYPORT_DAEMON_LISTING_H

#include <jansson.h>

#include "base/str.h"
#include "io/loop/loop.h"

struct sp_client;

/* Malloc'ed by the caller, and the client's from sp_listing_start on. */
struct sp_listing {
	struct sp_client *client;
	const char *name; /* of the list in the reply */
	/* Look at what comes next, and append its JSON text to @out (sp_listing_put) if it is to be
	 * listed. Returns 1; 0: there is nothing more, and @out is as it was; -errno. */
	int (*next)(void *arg, struct sp_buf *out);
	/* What else is in the reply, which the listing takes; NULL, or it returns NULL: nothing. */
	json_t *(*rest)(void *arg);
	/* Answer the -errno @r of the first items; after others the client is dropped. */
	void (*fail)(void *arg, int r);
	void (*free)(void *arg); /* frees the listing too */
	void *arg;
	struct sp_timer timer; /* this and what follows is its own */
	size_t count;
};

/* Answer the request under way of listing->client by it. */
void sp_listing_start(struct sp_listing *listing);
/* The text of @item, which is taken, fit for a reply. Returns 0; -ENOMEM, which @out keeps. */
int sp_listing_put(struct sp_buf *out, json_t *item);
/* The client goes. NULL is allowed. */
void sp_listing_free(struct sp_listing *listing);

#endif
