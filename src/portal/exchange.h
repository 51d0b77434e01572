/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One request under way: handlers take it, perhaps wait for the gateway, a password or a provider,
 * and answer. They touch no socket: the server begins an exchange, and sends the response once
 * there is one. */
#ifndef SALLYPORT_PORTAL_EXCHANGE_H
#define SALLYPORT_PORTAL_EXCHANGE_H

#include <jansson.h>

#include "identity/provider.h"
#include "portal/admit/admit.h"
#include "portal/base/person.h"
#include "portal/outside.h"
#include "portal/portal.h"
#include "portal/web/request.h"
#include "portal/web/response.h"

struct sp_grant;

/* The caller's storage, in place until _done. */
struct sp_exchange {
	struct sp_portal *portal;
	/* the response is there; not called from within _begin */
	void (*answered)(struct sp_exchange *exchange);
	void *arg;
	struct sp_addr from;
	struct sp_response response;
	bool is_answered;
	/* the handlers' */
	const struct sp_web_route *route;
	bool has_returned; /* from _begin */
	struct sp_admitted admitted;
	json_t *body;            /* the admitted one, borrowed */
	struct sp_person person; /* the person of the token, or the person who signs in */
	json_t *devices;         /* that person's, as the gateway lists them */
	const json_t *device;    /* the token's, among them */
	struct sp_gate_request ask;
	void (*then)(struct sp_exchange *exchange, const json_t *reply);
	struct sp_password_check *check;
	void (*passed)(struct sp_exchange *exchange, const struct sp_local_user *user);
	struct sp_grant *grant; /* whose prompt or end it waits for */
	int64_t session;        /* being extended */
};

/* Check the first line and the headers of @request, before its body has come. Sets the kind of
 * the response.
 * Returns 0; -EINVAL with the response filled: the connection closes after it. */
int sp_exchange_check_form(struct sp_exchange *exchange, const struct sp_portal *portal,
			   const struct sp_portal_request *request);
/* Handle @request, which is borrowed during the call. The exchange is answered when the call
 * returns, or later: then answered() is called. */
void sp_exchange_begin(struct sp_exchange *exchange, struct sp_portal *portal,
		       const struct sp_portal_request *request);
/* End the exchange: the answer was sent, or the client is gone. Drops the questions that are under
 * way. */
void sp_exchange_done(struct sp_exchange *exchange);

/* ---- for handlers ---- */

/* Say that the handler has filled the response. */
void sp_exchange_answer(struct sp_exchange *exchange);
/* Answer an error; @code: a word of docs/portal-api.md, @message says what the person can do. */
void sp_exchange_fail(struct sp_exchange *exchange, int status, const char *code,
		      const char *message);
/* Ask the gateway (@request: taken over) and go on with its reply. When it does not answer, the
 * exchange is answered gateway-unreachable and @then is not called. */
void sp_exchange_ask(struct sp_exchange *exchange, json_t *request,
		     void (*then)(struct sp_exchange *exchange, const json_t *reply));
/* Answer with what an error @reply of the gateway means to a person. NULL: the gateway does not
 * answer. */
void sp_exchange_fail_gate(struct sp_exchange *exchange, const json_t *reply);

/* ---- the handlers (routes.c has their addresses); each answers, now or later ---- */

/* GET providers: the providers, and how to sign in at each. */
void sp_handle_providers(struct sp_exchange *exchange);
/* POST login: a local user with a password. */
void sp_handle_login(struct sp_exchange *exchange);
/* GET challenge: what a device shows its private key by. */
void sp_handle_challenge(struct sp_exchange *exchange);
/* POST device/start: begin a sign-in at a provider. */
void sp_handle_device_start(struct sp_exchange *exchange);
/* POST device/poll: what became of it. */
void sp_handle_device_poll(struct sp_exchange *exchange);
/* These are called with person, devices and device (a route that takes a token). */

/* GET session: the newest session of the device. */
void sp_handle_session_get(struct sp_exchange *exchange);
/* GET session/tunnel: the same with the tunnel as it is now. */
void sp_handle_session_tunnel(struct sp_exchange *exchange);
/* POST session/extend: the person proves again who they are. */
void sp_handle_session_extend(struct sp_exchange *exchange);
/* POST session/close: end one session of the person, or all. */
void sp_handle_session_close(struct sp_exchange *exchange);
/* GET devices: the devices of the person. */
void sp_handle_devices(struct sp_exchange *exchange);
/* POST devices/remove: forget one device of the person. */
void sp_handle_devices_remove(struct sp_exchange *exchange);

#endif
