/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The end of a sign-in, the same for every way to sign in: ask the gateway for a session, turn its
 * reply into the answer for the client, answer a refusal and put it on record. */
#ifndef SALLYPORT_PORTAL_SIGNIN_H
#define SALLYPORT_PORTAL_SIGNIN_H

#include <jansson.h>

#include "identity/refusal.h"
#include "net/addr.h"
#include "portal/base/person.h"
#include "portal/portal.h"
#include "portal/web/response.h"

/* The request session.open, the caller's reference. @groups: borrowed. @refresh: sealed, NULL:
 * none. @auth_time_s 0: not known. NULL: out of memory. */
json_t *sp_signin_request(const struct sp_person *person, const json_t *groups, int64_t auth_time_s,
			  const char *refresh, const struct sp_addr *from);

/* The request session.extend: the groups of now, and the full time from now on. @refresh NULL: the
 * kept data stay. If the roles have changed, the session gets another number; no connection is cut.
 */
json_t *sp_signin_extend_request(const struct sp_person *person, int64_t session,
				 const json_t *groups, int64_t auth_time_s, const char *refresh,
				 const struct sp_addr *from);

/* The answer with token, session and, where @reply has one, tunnel, out of a session of the
 * gateway's (a reply ok). @state: put in as "state"; NULL: none. Fills @ret_response. */
void sp_signin_respond(struct sp_portal *portal, const struct sp_person *person,
		       const json_t *reply, const char *state, struct sp_response *ret_response);

/* Returns the part of the gateway's @tunnel that a client needs, the caller's reference; NULL: out
 * of memory. */
json_t *sp_tunnel_for_person(const json_t *tunnel);

/* Put a refusal on record (login.refused). Texts may be NULL. What sallyportd decided it records
 * itself: not here. */
void sp_signin_record(struct sp_portal *portal, const struct sp_finding *finding, const char *idp,
		      const char *user, const char *device, const struct sp_addr *from);
/* How many could not be put on record goes to the process's own log, once a second at most. */
void sp_signin_say_lost(struct sp_portal *portal);

#endif
