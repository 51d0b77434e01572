/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One HTTP exchange with a provider, as data: src/identity asks for it, and io/fetch/fetch.h
 * carries it out. A request owns its texts; a reply borrows them. */
#ifndef SALLYPORT_IDENTITY_HTTP_H
#define SALLYPORT_IDENTITY_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sp_http_request {
	char *url;             /* https only */
	char *body;            /* NULL: GET; else POST */
	const char *body_type; /* application/x-www-form-urlencoded or application/json; static */
	char *basic_user;      /* HTTP Basic; NULL: none */
	char *basic_password;
	char *bearer;    /* Authorization: Bearer; NULL: none */
	size_t body_max; /* bytes of answer at most; more is a failure */
};

void sp_http_request_done(struct sp_http_request *request); /* wipes secrets */

struct sp_http_reply {
	int status; /* 0: no answer came, and @failure says why */
	/* no answer came, and no byte of the request had left: it can have changed nothing */
	bool is_unsent;
	/* "connection refused", "certificate: …", "too large", …; NULL: answered */
	const char *failure;
	const char *content_type; /* NULL: none */
	const char *location; /* where a redirect leads, which is not followed; NULL: none is one */
	const char *body;     /* NUL-terminated behind @body_len; never NULL when answered */
	size_t body_len;
	int64_t retry_after_s; /* it asks to be left alone so long (Retry-After); 0: it does not */
};

#endif
