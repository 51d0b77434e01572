/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The headers of an answer: those of every answer, those of its kind, and its own. No other file
 * decides what a browser may do with an answer.
 * Sources: CSP Level 3; RFC 6797 (HSTS); the Fetch standard, 3.6 (nosniff) and 3.8
 * (Cross-Origin-Resource-Policy); the HTML standard, 7.1.3 (Cross-Origin-Opener-Policy);
 * Referrer Policy, 3. */
#ifndef SALLYPORT_PORTAL_HEADERS_H
#define SALLYPORT_PORTAL_HEADERS_H

#include "portal/web/response.h"

/* Call @visit with the name and the value of each header, in the order they are sent. @visit may
 * use both texts during the call only. */
void sp_headers_visit(const struct sp_response *response,
		      void (*visit)(void *arg, const char *name, const char *value), void *arg);

#endif
