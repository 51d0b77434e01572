/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A request as it came off a connection, and the strict reading of its body. */
#ifndef SALLYPORT_PORTAL_REQUEST_H
#define SALLYPORT_PORTAL_REQUEST_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "net/addr.h"
#include "portal/response.h"

#define SP_BODY_MAX 16384u
#define SP_HEADERS_MAX 8192u

/* Texts are borrowed; NULL: not there. */
struct sp_portal_request {
	const char *method;
	const char *path; /* without a query */
	const char *version; /* "HTTP/1.1" */
	const char *content_type;
	const char *content_length;
	const char *authorization;
	unsigned int host_count, length_count, coding_count; /* headers of that name */
	size_t header_bytes;
	const char *body;
	size_t body_len;
	struct sp_addr from;
};

/* What the headers alone decide: their size, their number, how long a body they announce. Returns 0, or
 * -EINVAL with the answer, behind which the connection is closed: where this request ends is not sure. */
int sp_request_check_form(const struct sp_portal_request *request, struct sp_response *ret_response);

/* Fields of a body. */
enum sp_field_kind {
	SP_FIELD_NAME,        /* text, 1..255 bytes that print */
	SP_FIELD_SECRET,      /* text, 1..1024 bytes */
	SP_FIELD_HANDLE,      /* text, 1..64 bytes */
	SP_FIELD_DEVICE_NAME, /* 1..63 bytes that print, no `/` */
	SP_FIELD_KEY,         /* WireGuard's 44 characters */
	SP_FIELD_NUMBER,      /* 0..max */
	SP_FIELD_TRUE,        /* true alone */
	SP_FIELD_OBJECT,
};

struct sp_field {
	const char *name; /* NULL ends a list */
	enum sp_field_kind kind;
	bool is_required;
	json_int_t max;
	const struct sp_field *fields; /* of an object */
};

/* Read @request's body as an object of @fields (nothing at all: {}).
 * Returns 0 with *@ret_body; -EINVAL with the answer, which names the field. */
int sp_request_read_body(const struct sp_portal_request *request, const struct sp_field *fields,
			 json_t **ret_body, struct sp_response *ret_response);

#endif
