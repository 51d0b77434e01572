/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The header Origin: the site whose page sent a request. Source: the Fetch standard, 3.2
 * (scheme://host[:port], the scheme's own port left out; or "null"). */
#ifndef SALLYPORT_PORTAL_ORIGIN_H
#define SALLYPORT_PORTAL_ORIGIN_H

#include <stdbool.h>

/* Is @origin, as a browser sent it, the origin of @url (portal.url of sallyport.yaml: https,
 * small letters)? */
bool sp_origin_is_of(const char *origin, const char *url);

#endif
