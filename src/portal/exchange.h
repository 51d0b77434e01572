/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One request under way: handlers take it, perhaps wait for the gateway, a password or a provider, and
 * answer. They touch no socket; whoever holds the connection begins an exchange, and sends the response
 * once there is one. */
#ifndef SALLYPORT_PORTAL_EXCHANGE_H
#define SALLYPORT_PORTAL_EXCHANGE_H

#include <jansson.h>

#include "identity/provider.h"
#include "portal/admit.h"
#include "portal/outside.h"
#include "portal/person.h"
#include "portal/portal.h"
#include "portal/request.h"
#include "portal/response.h"

struct sp_grant;

/* The caller's storage, in place until _done. */
struct sp_exchange {
	struct sp_portal *portal;
	void (*answered)(struct sp_exchange *exchange); /* the response is there; not from within _begin */
	void *arg;
	struct sp_addr from;
	struct sp_response response;
	bool is_answered;
	/* the handlers' */
	const struct sp_web_route *route;
	bool has_returned; /* from _begin */
	struct sp_admitted admitted;
	json_t *body; /* the admitted one, borrowed */
	struct sp_person person; /* whose token it is, or who signs in */
	json_t *devices;         /* that person's, as the gateway lists them */
	const json_t *device;    /* the token's, among them */
	struct sp_gate_request ask;
	void (*then)(struct sp_exchange *exchange, const json_t *reply);
	struct sp_password_check *check;
	void (*passed)(struct sp_exchange *exchange, const struct sp_local_user *user);
	struct sp_grant *grant; /* whose prompt or end it waits for */
	int64_t session; /* being extended */
};

/* Whether @request has a form at all, by its first line and its headers; before its body is there.
 * Returns 0; -EINVAL with the response, behind which the connection is closed. */
int sp_exchange_check_form(struct sp_exchange *exchange, const struct sp_portal *portal,
			   const struct sp_portal_request *request);
/* Handle @request, borrowed during the call. Afterwards the exchange is answered, or will be. */
void sp_exchange_begin(struct sp_exchange *exchange, struct sp_portal *portal,
		       const struct sp_portal_request *request);
/* Nobody waits for the answer any more, or it was sent. */
void sp_exchange_done(struct sp_exchange *exchange);

/* ---- for handlers ---- */

/* The response was filled. */
void sp_exchange_answer(struct sp_exchange *exchange);
void sp_exchange_fail(struct sp_exchange *exchange, int status, const char *code,
		      const char *message);
/* Ask the gateway (@request: taken over) and go on with its reply. When it does not answer, the exchange
 * is answered gateway-unreachable and @then is not called. */
void sp_exchange_ask(struct sp_exchange *exchange, json_t *request,
		     void (*then)(struct sp_exchange *exchange, const json_t *reply));
/* Answer what an unexpected error of the gateway comes to. */
void sp_exchange_fail_gate(struct sp_exchange *exchange, const json_t *reply);

void sp_handle_providers(struct sp_exchange *exchange);
void sp_handle_login(struct sp_exchange *exchange);
void sp_handle_challenge(struct sp_exchange *exchange);
void sp_handle_device_start(struct sp_exchange *exchange);
void sp_handle_device_poll(struct sp_exchange *exchange);
/* These are called with person, devices and device. */
void sp_handle_session_get(struct sp_exchange *exchange);
void sp_handle_session_tunnel(struct sp_exchange *exchange);
void sp_handle_session_extend(struct sp_exchange *exchange);
void sp_handle_session_close(struct sp_exchange *exchange);
void sp_handle_devices(struct sp_exchange *exchange);
void sp_handle_devices_remove(struct sp_exchange *exchange);

#endif
