/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a request must bring before its handler is called, by the kind of its route:
 *
 *	API       a body of JSON with these fields; where the route takes a token, one in Authorization.
 *	          Cookies are not read, so nothing a browser adds by itself means anything.
 *	PAGE      GET: these fields in the query. POST: a form with these fields, sent by a page of the
 *	          portal (Origin, Sec-Fetch-Site). Where the route takes a token, one in SP_COOKIE_PERSON.
 *	CALLBACK  these fields in the query or the form, from anywhere, and "state", which we made: by GET for
 *	          the browser that brings it (SP_COOKIE_LOGIN), by POST for whoever, as no cookie comes along.
 *	ASSET     nothing.
 *
 * Of a page and a callback fields nobody asked for are dropped: links and providers add some. */
#ifndef SALLYPORT_PORTAL_ADMIT_H
#define SALLYPORT_PORTAL_ADMIT_H

#include "portal/request.h"
#include "portal/seal.h"

/* What is known of the portal where requests are judged. */
struct sp_admission {
	const struct sp_sealer *sealer;
	const char *url; /* of the portal: an origin in small letters, as sallyport.yaml has it */
	int64_t now_s;   /* Unix */
};

/* What a request brought. */
struct sp_admitted {
	json_t *body;  /* its fields: an object of them; NULL: of an asset */
	char *token;   /* of a route that takes one, as it came; NULL: it brought none */
	json_t *about; /* of a callback: what its state was made about (state.h) */
};

/* Judge @request for @route. Returns 0, *@ret_admitted for sp_admitted_done; -EINVAL with the answer, whose
 * kind is the route's; -ENOMEM with it too. */
int sp_admit(const struct sp_admission *admission, const struct sp_web_route *route,
	     const struct sp_portal_request *request, struct sp_admitted *ret_admitted,
	     struct sp_response *ret_response);
/* Free it, and wipe the token. */
void sp_admitted_done(struct sp_admitted *admitted);

#endif
