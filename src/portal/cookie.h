/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Cookies. Other programs on the gateway's name set theirs too, on other ports and for whole domains, and they
 * come along: what is not ours is passed over, what has our name is read strictly. Names begin with `__Host-`, so that
 * a browser takes them from this very host alone, over TLS. Values are base64url (seal.h).
 * Sources: RFC 6265, 4.1 and 4.2; draft-ietf-httpbis-rfc6265bis, 4.1.3.2 (__Host-) and 5.4.7 (SameSite). */
#ifndef SALLYPORT_PORTAL_COOKIE_H
#define SALLYPORT_PORTAL_COOKIE_H

#include <stdint.h>

#include "portal/response.h"

#define SP_COOKIE_PERSON "__Host-sallyport"       /* the token of who is signed in (token.h) */
#define SP_COOKIE_LOGIN "__Host-sallyport-login"  /* whose sign-in is under way: random (state.h) */
#define SP_COOKIE_VALUE_MAX 4096u                 /* browsers keep no more */

/* Find @name in @header, the value of a Cookie header (NULL: there was none).
 * Returns 0, *@ret_value malloc'ed, to be wiped; -ENOENT it is not there; -EBADMSG it is there twice, or is
 * not base64url of 1 to SP_COOKIE_VALUE_MAX bytes; -ENOMEM. */
int sp_cookie_read(const char *header, const char *name, char **ret_value);

/* Have the browser keep @value as @name for @max_age_s; 0: forget it. It comes back with requests from our own
 * pages and with links, not with a POST from elsewhere (SameSite=Lax), and no script reads it.
 * @name begins with `__Host-`. Returns 0; -EINVAL such a cookie would not be one; -ENOMEM. */
int sp_cookie_set(struct sp_response *response, const char *name, const char *value, int64_t max_age_s);

#endif
