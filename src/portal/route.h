/* SPDX-License-Identifier: GPL-3.0-or-later */
/* An address of the portal: what a request for it must bring, and who handles it then. */
#ifndef SALLYPORT_PORTAL_ROUTE_H
#define SALLYPORT_PORTAL_ROUTE_H

#include <stdbool.h>
#include <stddef.h>

struct sp_exchange;
struct sp_field;

struct sp_web_route {
	const char *path;
	const char *method;
	bool takes_token;              /* the handler is called with person, devices and device */
	const struct sp_field *fields; /* of the body */
	void (*handle)(struct sp_exchange *exchange);
};

struct sp_web_routes {
	const struct sp_web_route *items;
	size_t count;
};

/* The route of @path by @method (NULL: by any). Borrowed; NULL: there is none. */
const struct sp_web_route *sp_web_route_find(const struct sp_web_routes *routes, const char *path,
				     const char *method);

#endif
