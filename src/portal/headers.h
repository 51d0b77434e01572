/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The headers of an answer: those every answer has, those of its kind, its own. The one place that decides
 * what a browser may do with what comes from here.
 * Sources: CSP Level 3; RFC 6797 (HSTS); the Fetch standard, 3.6 (nosniff) and 3.8 (Cross-Origin-Resource-
 * Policy); the HTML standard, 7.1.3 (Cross-Origin-Opener-Policy); Referrer Policy, 3. */
#ifndef SALLYPORT_PORTAL_HEADERS_H
#define SALLYPORT_PORTAL_HEADERS_H

#include "portal/response.h"

/* Call @visit with each header, name and value, in the order they are sent. The texts are borrowed during
 * the call. */
void sp_headers_visit(const struct sp_response *response,
		      void (*visit)(void *arg, const char *name, const char *value), void *arg);

#endif
