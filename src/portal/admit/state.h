/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The `state` that a browser takes to a provider and brings back. It says which sign-in the
 * browser began, sealed, so that the portal keeps nothing for it. A hash of the cookie
 * SP_COOKIE_LOGIN binds it to that browser. It can be opened more than once: the sign-in it
 * names must end at the first use.
 * Sources: RFC 6749, 10.12; RFC 9700, 4.7. */
#ifndef SALLYPORT_PORTAL_STATE_H
#define SALLYPORT_PORTAL_STATE_H

#include "portal/base/seal.h"

/* Make a state. @about: an object that sp_state_open gives back. @cookie: the value of the
 * browser's cookie.
 * @ends_s: Unix time from which the state is too old. Returns 0, *@ret_state malloc'ed; -E2BIG;
 * -ENOMEM. */
int sp_state_make(const struct sp_sealer *sealer, const json_t *about, const char *cookie,
		  int64_t ends_s, char **ret_state);
/* Open @state. @cookie: the value of the cookie of the browser that brings it; NULL: the request
 * is a POST from another site, which brings no cookie, and a later request compares it.
 * Returns 0, *@ret_about the caller's reference; -EBADMSG not sealed here; -ESTALE too old;
 * -EPERM another browser began it; -ENOMEM. */
int sp_state_open(const struct sp_sealer *sealer, const char *state, const char *cookie,
		  int64_t now_s, json_t **ret_about);

#endif
