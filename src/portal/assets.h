/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The files of web/, compiled in (web/embed.py). Each has its bytes' hash in its path, so a browser may keep it
 * for ever, and whoever changes it changes its path. */
#ifndef SALLYPORT_PORTAL_ASSETS_H
#define SALLYPORT_PORTAL_ASSETS_H

#include "portal/assets_paths.h" /* SP_ASSET_…: their paths */
#include "portal/response.h"

#define SP_ASSETS_FOLDER "/assets/"

struct sp_asset {
	const char *path;
	const char *type;
	const char *etag; /* with its quotes */
	const unsigned char *bytes;
	size_t len;
};

/* What is at @path. Lasts as long as the process; NULL: nothing. */
const struct sp_asset *sp_asset_find(const char *path);
/* Fill @response, of kind SP_WEB_ASSET: the bytes, or 304 when @if_none_match (the header's value; NULL)
 * names them. */
void sp_asset_respond(const struct sp_asset *asset, const char *if_none_match,
		      struct sp_response *response);

#endif
