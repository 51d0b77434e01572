/* SPDX-License-Identifier: GPL-3.0-or-later */
/* An answer: a status, a body with its type, and headers of its own. headers.h adds the headers
 * of its kind. */
#ifndef SALLYPORT_PORTAL_RESPONSE_H
#define SALLYPORT_PORTAL_RESPONSE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "identity/refusal.h"
#include "portal/web/route.h"

struct sp_header {
	const char *name; /* a literal */
	char *value;
	struct sp_header *next;
};

struct sp_response {
	int status;            /* 0: none yet */
	enum sp_web_kind kind; /* of what was asked for: set before anything is answered */
	const char *type;      /* of the body, a literal */
	char *body;            /* wiped at the end: it may hold tokens and keys */
	size_t len;
	const void *lasting_body; /* instead of body: borrowed, there as long as the process */
	struct sp_header *headers;
	int64_t retry_after_s; /* 0: not said */
	const char *allow;     /* of a 405, a literal; NULL else */
	bool closes;           /* the connection ends behind it */
};

/* Free what it holds and wipe the body; empty afterwards. */
void sp_response_done(struct sp_response *response);

/* Add a header to this answer alone. @name: a literal. The value may have visible ASCII and
 * single blanks between: so it cannot end its line. Returns 0; -EINVAL the value has other
 * characters, nothing is added; -ENOMEM. */
int sp_response_add_header(struct sp_response *response, const char *name, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* Each of these fills an empty response whose kind is set. Without memory the response is a 500
 * without a body. */

/* Answer JSON: @fields and "v". @fields is taken over; NULL: the caller had no memory for it. */
void sp_respond(struct sp_response *response, int status, json_t *fields);
/* Answer an error: JSON (code, message, retry_after_s) if the kind is API, else a page with the
 * message. @code: a word of docs/portal-api.md. @retry_after_s 0: not said. */
void sp_respond_error(struct sp_response *response, int status, const char *code,
		      int64_t retry_after_s, const char *format, ...)
	__attribute__((format(printf, 5, 6)));
/* Answer the error that @reason has: its status, code and message. */
void sp_respond_refusal(struct sp_response *response, enum sp_refusal_reason reason,
			int64_t retry_after_s);

#endif
