/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "portal/route.h"

#include <string.h>

const struct sp_web_route *sp_web_route_find(const struct sp_web_routes *routes, const char *path,
				     const char *method)
{
	for (size_t i = 0; i < routes->count; i++) {
		const struct sp_web_route *route = &routes->items[i];

		if (strcmp(route->path, path) == 0 && (!method || strcmp(route->method, method) == 0))
			return route;
	}
	return NULL;
}
