/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a request must bring before its handler is called. The kind of the route decides:
 *
 *	API       a JSON body with the route's fields; if the route takes a token: Authorization.
 *	          Cookies are not read: a browser adds them to requests that any website makes.
 *	PAGE      GET: the fields in the query. POST: the fields in a form that a page of the portal
 *	          sent (Origin, Sec-Fetch-Site). If the route takes a token: SP_COOKIE_PERSON.
 *	CALLBACK  the fields in the query or the form, from any site, among them "state", which the
 *	          portal sealed. By GET the state must belong to the browser (SP_COOKIE_LOGIN). By
 *	          POST no cookie comes along, so the handler sends the browser on to a GET.
 *	ASSET     nothing.
 *
 * Pages and callbacks ignore fields that the route does not have: links and providers add some. */
#ifndef SALLYPORT_PORTAL_ADMIT_H
#define SALLYPORT_PORTAL_ADMIT_H

#include "portal/base/seal.h"
#include "portal/web/request.h"

/* What sp_admit needs to know of the portal. */
struct sp_admission {
	const struct sp_sealer *sealer;
	const char *url; /* of the portal: an origin in small letters, as sallyport.yaml has it */
	int64_t now_s;   /* Unix */
};

/* What an admitted request brought. */
struct sp_admitted {
	json_t *body; /* its fields: an object of them; NULL: of an asset */
	/* the state of a route that takes one, as it came; NULL: the request brought none */
	char *token;
	json_t *about; /* of a callback: what its state was made about (state.h) */
};

/* Check @request against @route. @ret_response: its kind is set.
 * Returns 0, *@ret_admitted for sp_admitted_done; -EINVAL or -ENOMEM with the response filled. */
int sp_admit(const struct sp_admission *admission, const struct sp_web_route *route,
	     const struct sp_portal_request *request, struct sp_admitted *ret_admitted,
	     struct sp_response *ret_response);
/* Free what it holds and wipe the token; empty afterwards. */
void sp_admitted_done(struct sp_admitted *admitted);

#endif
