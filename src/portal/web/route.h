/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A route: an address of the portal. Its kind decides what a request must bring (admit.h), which
 * headers an answer has (headers.h) and what an error looks like (response.h). Handlers decide
 * none of that. */
#ifndef SALLYPORT_PORTAL_ROUTE_H
#define SALLYPORT_PORTAL_ROUTE_H

#include <stdbool.h>
#include <stddef.h>

struct sp_exchange;
struct sp_field;

enum sp_web_kind {
	/* programs: JSON both ways; a bearer token says who asks; cookies are not read */
	SP_WEB_API,
	SP_WEB_PAGE, /* browsers: a cookie says who asks; a POST comes from a page of the portal */
	/* browsers that a provider sends: a state of ours says which sign-in it is */
	SP_WEB_CALLBACK,
	/* a file compiled in, the same for everybody; its name changes with its bytes */
	SP_WEB_ASSET,
};

/* Bits: a path may have several. */
enum sp_web_method {
	SP_WEB_GET = 1, /* changes nothing; HEAD too, but of a callback */
	SP_WEB_POST = 2,
};

struct sp_web_route {
	const char *path;
	enum sp_web_method method;
	enum sp_web_kind kind;
	bool takes_token; /* the handler is called with person, devices and device */
	/* of the body; if a page or a callback is got: of the query */
	const struct sp_field *fields;
	void (*handle)(struct sp_exchange *exchange);
};

struct sp_web_routes {
	const struct sp_web_route *items;
	size_t count;
};

/* The longest body that a request to a route of @kind may have, in bytes. A browser brings a
 * callback what a provider says of a person, in a form. */
size_t sp_web_body_max(enum sp_web_kind kind);
/* The route of @path by @method, as it stands in the request. Borrowed; NULL: there is none. */
const struct sp_web_route *sp_web_route_find(const struct sp_web_routes *routes, const char *path,
					     const char *method);
/* The value of the header Allow for @path, a literal; NULL: there is nothing at @path. */
const char *sp_web_route_allow(const struct sp_web_routes *routes, const char *path);
/* The kind of whatever is, or might have been, at @path. */
enum sp_web_kind sp_web_route_kind_of(const struct sp_web_routes *routes, const char *path);

#endif
