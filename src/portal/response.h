/* SPDX-License-Identifier: GPL-3.0-or-later */
/* An answer: a status, a body with its type, headers of its own. What every answer of its kind carries besides
 * is put in when it is sent (headers.h). */
#ifndef SALLYPORT_PORTAL_RESPONSE_H
#define SALLYPORT_PORTAL_RESPONSE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "identity/refusal.h"
#include "portal/route.h"

struct sp_header {
	const char *name; /* a literal */
	char *value;
	struct sp_header *next;
};

struct sp_response {
	int status;              /* 0: none yet */
	enum sp_web_kind kind; /* of what was asked for: set before anything is answered */
	const char *type;        /* of the body, a literal */
	char *body;              /* wiped at the end: it may hold tokens and keys */
	size_t len;
	const void *lasting_body; /* instead of body: borrowed, there as long as the process */
	struct sp_header *headers;
	int64_t retry_after_s;   /* 0: not said */
	const char *allow;       /* of a 405, a literal; NULL else */
	bool closes;             /* the connection ends behind it */
};

/* Free what it holds; it is empty then. */
void sp_response_done(struct sp_response *response);

/* Add a header that this answer alone has. @name: a literal. The value is formatted; it has visible ASCII and
 * single blanks, so that none ends its line. Returns 0; -EINVAL it would, and nothing is added; -ENOMEM. */
int sp_response_add_header(struct sp_response *response, const char *name, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* Each of these fills an empty response, whose kind is set. Without memory it is a 500 without a body. */

/* JSON. @fields: taken over, NULL: there was no memory for it; "v" is added. */
void sp_respond(struct sp_response *response, int status, json_t *fields);
/* An error: JSON for a program ({code, message, retry_after_s}), a page with @message else. @code: a word
 * of docs/portal-api.md. @retry_after_s 0: not said. */
void sp_respond_error(struct sp_response *response, int status, const char *code,
		      int64_t retry_after_s, const char *format, ...)
	__attribute__((format(printf, 5, 6)));
/* An error, for a reason that has its own status, code and message. */
void sp_respond_refusal(struct sp_response *response, enum sp_refusal_reason reason,
			int64_t retry_after_s);

#endif
