/* SPDX-License-Identifier: GPL-3.0-or-later */
/* An answer of the API (docs/portal-api.md): a status and a JSON text. */
#ifndef SALLYPORT_PORTAL_RESPONSE_H
#define SALLYPORT_PORTAL_RESPONSE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "identity/refusal.h"

struct sp_response {
	int status;         /* 0: none yet */
	char *body;         /* wiped at the end: it may hold tokens and keys */
	size_t len;
	int64_t retry_after_s; /* 0: not said */
	const char *allow;  /* of a 405; NULL else */
	bool closes;        /* the connection ends behind it */
};

void sp_response_done(struct sp_response *response);

/* Each of these fills an empty response. Without memory it is a 500 without a body. */
/* @fields: taken over; "v" is added. */
void sp_respond(struct sp_response *response, int status, json_t *fields);
void sp_respond_error(struct sp_response *response, int status, const char *code,
		      int64_t retry_after_s, const char *format, ...)
	__attribute__((format(printf, 5, 6)));
void sp_respond_refusal(struct sp_response *response, enum sp_refusal_reason reason,
			int64_t retry_after_s);

#endif
