/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A request as it came off a connection, and the strict reading of its body. */
#ifndef SALLYPORT_PORTAL_REQUEST_H
#define SALLYPORT_PORTAL_REQUEST_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "net/addr.h"
#include "portal/web/response.h"

#define SP_HEADERS_MAX 8192u

/* Texts are borrowed; NULL: not there. */
struct sp_portal_request {
	const char *method;
	const char *target; /* as it came: path and query */
	const char *path;
	const char *query;   /* what stands behind the first `?` */
	const char *version; /* "HTTP/1.1" */
	const char *content_type;
	const char *content_length;
	const char *authorization;
	const char *cookie;
	const char *origin;
	const char *fetch_site; /* Sec-Fetch-Site */
	const char *if_none_match;
	const char *repeated; /* the name of a header that came twice and stands once */
	unsigned int host_count, length_count, coding_count; /* headers of that name */
	size_t header_bytes;
	const char *body;
	size_t body_len;
	struct sp_addr from;
};

/* Check the first line and the headers: their size, their number, the form of the target, the
 * length of the body that they announce. @ret_response: its kind is set. Returns 0, or -EINVAL with
 * the answer, after which the connection is closed: two readers could disagree about the end of
 * this request. */
int sp_request_check_form(const struct sp_portal_request *request,
			  struct sp_response *ret_response);

/* Answer that the body is longer than sp_web_body_max allows for the kind of @ret_response, behind
 * which the connection is closed. */
void sp_request_refuse_body(struct sp_response *ret_response);

/* Fields of a body. */
enum sp_field_kind {
	SP_FIELD_NAME,        /* text, 1..255 bytes that print */
	SP_FIELD_SECRET,      /* text, 1..1024 bytes */
	SP_FIELD_HANDLE,      /* text, 1..64 bytes */
	SP_FIELD_SEALED,      /* text, 1 to SP_SEALED_MAX bytes */
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

/* Read @request's body, JSON, as an object of @fields (nothing at all: {}).
 * Returns 0 with *@ret_body, the caller's reference; -EINVAL with the answer, which names the
 * field. */
int sp_request_read_body(const struct sp_portal_request *request, const struct sp_field *fields,
			 json_t **ret_body, struct sp_response *ret_response);

/* The same of texts alone, from the query of a GET or the form of a POST; what is no field is
 * left out.
 * Returns as above; -ENOMEM with the answer too. */
int sp_request_read_params(const struct sp_portal_request *request, const struct sp_field *fields,
			   json_t **ret_params, struct sp_response *ret_response);

#endif
