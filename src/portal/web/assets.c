/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "portal/web/assets.h"

#include <string.h>

#include "base/array.h"
#include "portal/assets_bytes.h" /* assets[] */

const struct sp_asset *sp_asset_find(const char *path)
{
	for (size_t i = 0; i < SP_ARRAY_LEN(assets); i++)
		if (strcmp(assets[i].path, path) == 0)
			return &assets[i];
	return NULL;
}

/* Is @etag in the list? The comparison is weak: an entry may have W/ before it (RFC 9110, 13.1.2).
 * A malformed list has no entries. */
static bool names_etag(const char *list, const char *etag)
{
	const char *at = list + strspn(list, " \t");

	if (strcmp(at, "*") == 0)
		return true;
	while (*at) {
		const char *entry = strncmp(at, "W/", 2) == 0 ? at + 2 : at;
		const char *end = *entry == '"' ? strchr(entry + 1, '"') : NULL;

		if (!end)
			return false;
		if ((size_t)(end + 1 - entry) == strlen(etag) &&
		    memcmp(entry, etag, strlen(etag)) == 0)
			return true;
		at = end + 1;
		at += strspn(at, " \t");
		if (*at && *at != ',')
			return false;
		at += strspn(at, ", \t");
	}
	return false;
}

void sp_asset_respond(const struct sp_asset *asset, const char *if_none_match,
		      struct sp_response *response)
{
	const bool is_known = if_none_match && names_etag(if_none_match, asset->etag);

	if (sp_response_add_header(response, "ETag", "%s", asset->etag) < 0) {
		response->status = 500;
		return;
	}
	response->status = is_known ? 304 : 200;
	response->type = is_known ? NULL : asset->type;
	/* A 304 has no body, but its Content-Length is that of the asset */
	response->lasting_body = asset->bytes;
	response->len = asset->len;
}
