/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Whose page sent a request: the header Origin. Source: the Fetch standard, 3.2 (scheme://host[:port], the
 * scheme's own port left out; or "null"). */
#ifndef SALLYPORT_PORTAL_ORIGIN_H
#define SALLYPORT_PORTAL_ORIGIN_H

#include <stdbool.h>

/* Does @origin, as a browser sent it, name the origin of @url, https in small letters (sallyport.yaml,
 * portal.url)? */
bool sp_origin_is_of(const char *origin, const char *url);

#endif
