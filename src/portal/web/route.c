/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "portal/web/route.h"

#include <string.h>

#include "base/array.h"

#define BODY_MAX 16384u
#define CALLBACK_BODY_MAX 262144u

size_t sp_web_body_max(enum sp_web_kind kind)
{
	return kind == SP_WEB_CALLBACK ? CALLBACK_BODY_MAX : BODY_MAX;
}

static bool takes_head(enum sp_web_kind kind)
{
	switch (kind) {
	case SP_WEB_API:
	case SP_WEB_PAGE:
	case SP_WEB_ASSET:
		return true;
	case SP_WEB_CALLBACK:
		/* a link checker that only fetches the page must not use up a sign-in */
		return false;
	}
	return false;
}

static bool takes_method(const struct sp_web_route *route, const char *method)
{
	switch (route->method) {
	case SP_WEB_GET:
		return strcmp(method, "GET") == 0 ||
		       (takes_head(route->kind) && strcmp(method, "HEAD") == 0);
	case SP_WEB_POST:
		return strcmp(method, "POST") == 0;
	}
	return false;
}

/* The path of an asset's route is a folder. assets.h knows its files. */
static bool is_at(const struct sp_web_route *route, const char *path)
{
	if (route->kind == SP_WEB_ASSET)
		return strncmp(route->path, path, strlen(route->path)) == 0;
	return strcmp(route->path, path) == 0;
}

const struct sp_web_route *sp_web_route_find(const struct sp_web_routes *routes, const char *path,
					     const char *method)
{
	for (size_t i = 0; i < routes->count; i++)
		if (is_at(&routes->items[i], path) && takes_method(&routes->items[i], method))
			return &routes->items[i];
	return NULL;
}

const char *sp_web_route_allow(const struct sp_web_routes *routes, const char *path)
{
	static const struct {
		unsigned int methods;
		bool takes_head;
		const char *text;
	} texts[] = {
		{ SP_WEB_GET, true, "GET, HEAD" },
		{ SP_WEB_GET, false, "GET" },
		{ SP_WEB_POST, false, "POST" },
		{ SP_WEB_GET | SP_WEB_POST, true, "GET, HEAD, POST" },
		{ SP_WEB_GET | SP_WEB_POST, false, "GET, POST" },
	};
	unsigned int methods = 0;
	bool has_head = false;

	for (size_t i = 0; i < routes->count; i++) {
		if (!is_at(&routes->items[i], path))
			continue;
		methods |= routes->items[i].method;
		has_head |= takes_method(&routes->items[i], "HEAD");
	}
	for (size_t i = 0; i < SP_ARRAY_LEN(texts); i++)
		if (texts[i].methods == methods && texts[i].takes_head == has_head)
			return texts[i].text;
	return NULL;
}

enum sp_web_kind sp_web_route_kind_of(const struct sp_web_routes *routes, const char *path)
{
	static const char api[] = "/api";

	for (size_t i = 0; i < routes->count; i++)
		if (is_at(&routes->items[i], path))
			return routes->items[i].kind;
	if (strncmp(path, api, strlen(api)) == 0 &&
	    (path[strlen(api)] == '/' || path[strlen(api)] == '\0'))
		return SP_WEB_API;
	return SP_WEB_PAGE;
}
