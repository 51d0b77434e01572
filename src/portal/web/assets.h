/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The files of web/, compiled in by web/embed.py. The path of an asset contains a hash of its
 * bytes, so a browser may keep the asset for ever: other bytes have another path. */
#ifndef SALLYPORT_PORTAL_ASSETS_H
#define SALLYPORT_PORTAL_ASSETS_H

#include "portal/assets_paths.h" /* SP_ASSET_…: their paths */
#include "portal/web/response.h"

#define SP_ASSETS_FOLDER "/assets/"

struct sp_asset {
	const char *path;
	const char *type;
	const char *etag; /* with its quotes */
	const unsigned char *bytes;
	size_t len;
};

/* The asset at @path, which lasts as long as the process; NULL: there is none. */
const struct sp_asset *sp_asset_find(const char *path);
/* Fill @response, of kind SP_WEB_ASSET: 304 if @if_none_match (the value of that header; NULL:
 * none) has the ETag of @asset, else 200 with the bytes. */
void sp_asset_respond(const struct sp_asset *asset, const char *if_none_match,
		      struct sp_response *response);

#endif
