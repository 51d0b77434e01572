/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The `state` that a browser takes to a provider and brings back: which sign-in it belongs to, sealed, so that
 * nothing is kept here for it, and bound to the browser that began by its cookie SP_COOKIE_LOGIN. That it is
 * used once is the sign-in's to see to.
 * Sources: RFC 6749, 10.12; RFC 9700, 4.7. */
#ifndef SALLYPORT_PORTAL_STATE_H
#define SALLYPORT_PORTAL_STATE_H

#include "portal/seal.h"

/* @about: what the callback is to know again, an object. @cookie: the value of the browser's cookie.
 * @ends_s: Unix. Returns 0, *@ret_state malloc'ed; -E2BIG; -ENOMEM. */
int sp_state_make(const struct sp_sealer *sealer, const json_t *about, const char *cookie, int64_t ends_s,
		  char **ret_state);
/* @cookie: of the browser that brings it; NULL: it brings none, since it was sent here by a POST from
 * elsewhere, which is then for the next step to compare.
 * Returns 0, *@ret_about the caller's reference; -EBADMSG none of ours; -ESTALE over; -EPERM begun by another
 * browser; -ENOMEM. */
int sp_state_open(const struct sp_sealer *sealer, const char *state, const char *cookie, int64_t now_s,
		  json_t **ret_about);

#endif
