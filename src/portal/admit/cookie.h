/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Cookies of the portal. Other programs set cookies for the same host, from other ports or for a
 * whole domain, and browsers send those too: they are skipped. Cookies with a name of ours are
 * read strictly. Names begin with `__Host-`: browsers accept such a cookie from this host alone,
 * over TLS. Values are base64url (seal.h).
 * Sources: RFC 6265, 4.1 and 4.2; draft-ietf-httpbis-rfc6265bis, 4.1.3.2 (__Host-) and 5.4.7
 * (SameSite). */
#ifndef SALLYPORT_PORTAL_COOKIE_H
#define SALLYPORT_PORTAL_COOKIE_H

#include <stdint.h>

#include "portal/web/response.h"

#define SP_COOKIE_PERSON "__Host-sallyport"      /* the token of the signed-in person (token.h) */
#define SP_COOKIE_LOGIN "__Host-sallyport-login" /* whose sign-in is under way: random (state.h) */
#define SP_COOKIE_VALUE_MAX 4096u                /* browsers keep no cookie for longer */

/* Find the cookie @name in @header, the value of a Cookie header (NULL: there was none).
 * Returns 0, *@ret_value malloc'ed, for sp_free_wiped; -ENOENT the cookie is missing; -EBADMSG
 * it is there twice, or is not base64url of 1 to SP_COOKIE_VALUE_MAX bytes; -ENOMEM. */
int sp_cookie_read(const char *header, const char *name, char **ret_value);

/* Tell the browser to keep @value as @name for @max_age_s seconds (0: to forget it). The browser
 * sends it with requests from pages of the portal and when a person follows a link, but not with
 * a POST from another site (SameSite=Lax). Scripts cannot read it (HttpOnly). Returns 0; -EINVAL
 * @name does not begin with `__Host-`, or @value is no base64url; -ENOMEM. */
int sp_cookie_set(struct sp_response *response, const char *name, const char *value,
		  int64_t max_age_s);

#endif
