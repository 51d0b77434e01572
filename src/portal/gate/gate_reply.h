/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Replies of sallyportd (docs/control-socket.md), and what its errors mean to a person. */
#ifndef SALLYPORT_PORTAL_GATE_REPLY_H
#define SALLYPORT_PORTAL_GATE_REPLY_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "identity/refusal.h"
#include "portal/web/response.h"

/* Is @reply a success? NULL: the gateway does not answer. */
bool sp_gate_is_ok(const json_t *reply);
/* The reply's error code, borrowed; "" if there is none. */
const char *sp_gate_code(const json_t *reply);
/* The reason for which sallyportd refused a person; sallyportd has recorded it. SP_REFUSAL_NONE:
 * another error. */
enum sp_refusal_reason sp_gate_refusal(const json_t *reply);
/* Fill @response, whose kind is set, with what the error @reply means to a person. @reply NULL: the
 * gateway does not answer. */
void sp_respond_gate_error(struct sp_response *response, const json_t *reply);

/* A session of the gateway's as the API shows it: new, or NULL. */
json_t *sp_session_for_person(const json_t *session);
/* The number of a session as sallyportd lists it; 0: none. */
int64_t sp_session_number(const json_t *session);
/* Is the session neither parked nor closed? */
bool sp_session_is_live(const json_t *session);

#endif
