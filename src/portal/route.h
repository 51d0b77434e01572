/* SPDX-License-Identifier: GPL-3.0-or-later */
/* An address of the portal. Its kind says what a request for it must bring (admit.h), which headers its
 * answers carry (headers.h) and what an error looks like (response.h); a handler asks for none of it. */
#ifndef SALLYPORT_PORTAL_ROUTE_H
#define SALLYPORT_PORTAL_ROUTE_H

#include <stdbool.h>
#include <stddef.h>

struct sp_exchange;
struct sp_field;

enum sp_web_kind {
	SP_WEB_API,      /* programs: JSON both ways; a bearer token says who asks; cookies are not read */
	SP_WEB_PAGE,     /* browsers: a cookie says who asks; a POST comes from a page of the portal */
	SP_WEB_CALLBACK, /* browsers that a provider sends: a state of ours says which sign-in it is */
	SP_WEB_ASSET,    /* a file compiled in, the same for everybody; its name changes with its bytes */
};

/* Bits: a path may have several. */
enum sp_web_method {
	SP_WEB_GET = 1,  /* changes nothing; HEAD too, but of a callback */
	SP_WEB_POST = 2,
};

struct sp_web_route {
	const char *path;
	enum sp_web_method method;
	enum sp_web_kind kind;
	bool takes_token;              /* the handler is called with person, devices and device */
	const struct sp_field *fields; /* of the body; of a page's or a callback's GET: of the query */
	void (*handle)(struct sp_exchange *exchange);
};

struct sp_web_routes {
	const struct sp_web_route *items;
	size_t count;
};

/* The route of @path by @method, as it stands in the request. Borrowed; NULL: there is none. */
const struct sp_web_route *sp_web_route_find(const struct sp_web_routes *routes, const char *path, const char *method);
/* The value of the header Allow for @path, a literal; NULL: there is nothing at @path. */
const char *sp_web_route_allow(const struct sp_web_routes *routes, const char *path);
/* The kind of whatever is, or might have been, at @path. */
enum sp_web_kind sp_web_route_kind_of(const struct sp_web_routes *routes, const char *path);

#endif
