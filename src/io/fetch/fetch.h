/* SPDX-License-Identifier: GPL-3.0-or-later */
/* HTTPS requests, carried out by libcurl: one and wait (the client, `idp test`), or many beside an
 * event loop (the portal). Never follows a redirect, never asks the environment for a proxy, speaks
 * https only, verifies the server always, and holds to its bounds: 5 s to connect, 10 s in all, 32
 * KiB of headers, body_max bytes. A redirect is an answer like any other, with its status. SIGPIPE
 * is for the process to ignore. */
#ifndef SALLYPORT_IO_FETCH_H
#define SALLYPORT_IO_FETCH_H

#include "identity/http/http.h"

/* Whom to believe that it is the server. Both NULL: the system's authorities. */
struct sp_fetch_trust {
	const char *ca_file; /* PEM; alone is believed */
	/* SHA-256 of the server's certificate (DER), 64 hex digits, colons allowed: then nothing
	 * else about the certificate is looked at but that */
	const char *fingerprint;
	int64_t total_ms; /* 0: 10000 */
};

/* Do it and wait. @ret_body holds all that the reply borrows, in one block; the caller frees it
 * (and wipes reply.body_len bytes of reply.body first, should they be secret). Returns 0, also when
 * there was no answer (reply.status 0); -EINVAL the URL is not https, or the trust cannot be read
 * (reply.failure says which); -ENOMEM. */
int sp_fetch(const struct sp_http_request *request, const struct sp_fetch_trust *trust,
	     struct sp_http_reply *ret_reply, char **ret_body);

/* ---- many at once ---- */

struct sp_fetcher;

typedef void (*sp_fetched_fn)(void *arg, const struct sp_http_reply *reply);

/* Returns 0; -ENOMEM no memory, or libcurl does not start; -errno of epoll_create1. */
int sp_fetcher_new(struct sp_fetcher **ret_fetcher);
void sp_fetcher_free(struct sp_fetcher *fetcher); /* those under way are not called back */
/* Take over @request and begin it; @done is called from sp_fetcher_run, once, and may begin and
 * cancel others, but not free the fetcher. A URL that is not https and a trust that cannot be read
 * are told to
 * @done too. On an error @request stays the caller's.
 * Returns 0; -EBUSY too many are under way (64); -ENOMEM. */
int sp_fetcher_begin(struct sp_fetcher *fetcher, struct sp_http_request *request,
		     const struct sp_fetch_trust *trust, sp_fetched_fn done, void *arg,
		     uint64_t *ret_id);
/* not called back; unknown: nothing */
void sp_fetcher_cancel(struct sp_fetcher *fetcher, uint64_t id);
/* One descriptor to poll for reading, and how long at most to sleep. */
int sp_fetcher_fd(const struct sp_fetcher *fetcher);
int sp_fetcher_timeout_ms(struct sp_fetcher *fetcher); /* -1: nothing to wait for */
void sp_fetcher_run(struct sp_fetcher *fetcher);

#endif
