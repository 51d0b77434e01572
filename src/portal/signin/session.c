/* SPDX-License-Identifier: GPL-3.0-or-later */
/* GET /api/v1/session, POST session/extend, POST session/close: a person about their own. */
#include <string.h>

#include "json/own.h"
#include "portal/exchange.h"
#include "portal/gate/gate_reply.h"
#include "portal/providers/provider.h"
#include "portal/providers/refresher.h"
#include "portal/signin/grants.h"
#include "portal/signin/login.h"
#include "portal/signin/signin.h"

static void fail_no_session(struct sp_exchange *exchange)
{
	sp_exchange_fail(exchange, 409, "no-session", "the session has ended: sign in again");
}

/* ---- looking ---- */

static bool is_text(const json_t *object, const char *key, const char *text)
{
	const char *value = json_string_value(json_object_get(object, key));

	return value && strcmp(value, text) == 0;
}

/* The sessions of a removed device stay listed, and its key may belong to another person by now. */
static bool is_theirs(const json_t *session, const struct sp_person *person)
{
	return is_text(session, "idp", person->idp) &&
	       is_text(session, "subject", person->subject) &&
	       is_text(json_object_get(session, "device"), "public_key", person->device_key);
}

/* The newest of the exchange's device in a session.list; NULL: none is known. */
static const json_t *find_newest(const struct sp_exchange *exchange, const json_t *reply)
{
	const json_t *session, *found = NULL;
	size_t i;

	json_array_foreach(json_object_get(reply, "sessions"), i, session)
		if (is_theirs(session, &exchange->person) &&
		    (!found || sp_session_number(session) > sp_session_number(found)))
			found = session;
	return found;
}

static json_t *list_request(const struct sp_exchange *exchange, bool all)
{
	return json_pack("{s:s, s:s, s:b}", "op", "session.list", "device",
			 exchange->person.device_key, "all", all);
}

static void show_session(struct sp_exchange *exchange, const json_t *reply)
{
	const json_t *session = find_newest(exchange, reply);

	if (!sp_gate_is_ok(reply)) {
		sp_exchange_fail_gate(exchange, reply);
	} else if (!session) {
		fail_no_session(exchange);
	} else {
		sp_respond(&exchange->response, 200,
			   json_pack("{s:o}", "session", sp_session_for_person(session)));
		sp_exchange_answer(exchange);
	}
}

void sp_handle_session_get(struct sp_exchange *exchange)
{
	sp_exchange_ask(exchange, list_request(exchange, true), show_session);
}

/* ---- the tunnel, as it is now ---- */

static bool has_ended(const json_t *session)
{
	return !sp_session_is_live(session) && !is_text(session, "state", "expired");
}

static void show_tunnel(struct sp_exchange *exchange, const json_t *reply)
{
	const json_t *session = find_newest(exchange, reply),
		     *tunnel = json_object_get(reply, "tunnel");

	if (!sp_gate_is_ok(reply)) {
		sp_exchange_fail_gate(exchange, reply);
	} else if (!session || has_ended(session)) {
		fail_no_session(exchange);
	} else {
		sp_respond(&exchange->response, 200,
			   json_pack("{s:o, s:o*}", "session", sp_session_for_person(session),
				     "tunnel", tunnel ? sp_tunnel_for_person(tunnel) : NULL));
		sp_exchange_answer(exchange);
	}
}

void sp_handle_session_tunnel(struct sp_exchange *exchange)
{
	json_t *request = list_request(exchange, false);

	if (request)
		json_object_set_new(request, "tunnel", json_true());
	sp_exchange_ask(exchange, request, show_tunnel);
}

/* ---- extending ---- */

static void session_extended(struct sp_exchange *exchange, const json_t *reply)
{
	if (!sp_gate_is_ok(reply)) {
		sp_exchange_fail_gate(exchange, reply);
		return;
	}
	sp_refresher_note(exchange->portal, exchange->session, reply, NULL);
	sp_signin_respond(exchange->portal, &exchange->person, reply, NULL, &exchange->response);
	sp_exchange_answer(exchange);
}

static void extend_local(struct sp_exchange *exchange, const struct sp_local_user *user)
{
	__sp_json json_t *groups = sp_groups_of_user(user);
	json_t *request = NULL;

	if (groups)
		request = sp_signin_extend_request(&exchange->person, exchange->session, groups,
						   exchange->portal->now.now_s, NULL,
						   &exchange->from);
	sp_exchange_ask(exchange, request, session_extended);
}

/* The person proves again who they are. */
static void show_again(struct sp_exchange *exchange, struct sp_provider *provider)
{
	const char *password = json_string_value(json_object_get(exchange->body, "password"));

	if (!sp_provider_takes_passwords(provider) && password)
		sp_exchange_fail(exchange, 400, "bad-request", "\"password\" is for local users");
	else if (!sp_provider_takes_passwords(provider))
		sp_grant_start(exchange, provider, SP_GRANT_DEVICE, exchange->session);
	else if (!password)
		sp_exchange_fail(exchange, 400, "bad-request", "\"password\" is missing");
	else
		sp_password_check(exchange, password, extend_local);
}

static void extend_live(struct sp_exchange *exchange, const json_t *reply)
{
	struct sp_provider *provider = sp_provider_find(exchange->portal, exchange->person.idp);
	const json_t *session = find_newest(exchange, reply);

	exchange->session = sp_session_number(session);
	if (!sp_gate_is_ok(reply))
		sp_exchange_fail_gate(exchange, reply);
	else if (!session || !sp_session_is_live(session))
		fail_no_session(exchange);
	else if (!provider)
		sp_exchange_fail(
			exchange, 404, "no-such-provider",
			"the provider this session came by is not there any more: sign in again");
	else
		show_again(exchange, provider);
}

void sp_handle_session_extend(struct sp_exchange *exchange)
{
	const char *name = json_string_value(json_object_get(exchange->device, "name"));

	if (sp_person_set_device(&exchange->person, exchange->person.device_key, name ? name : "") <
	    0)
		sp_exchange_fail(exchange, 500, "internal", "out of memory; try again in a moment");
	else
		sp_exchange_ask(exchange, list_request(exchange, false), extend_live);
}

/* ---- closing ---- */

static void session_closed(struct sp_exchange *exchange, const json_t *reply)
{
	__sp_json json_t *numbers = json_array();
	const json_t *session;
	size_t i;

	if (!sp_gate_is_ok(reply)) {
		if (strcmp(sp_gate_code(reply), "not-permitted") == 0) /* somebody else's */
			fail_no_session(exchange);
		else
			sp_exchange_fail_gate(exchange, reply);
		return;
	}
	json_array_foreach(json_object_get(reply, "closed"), i, session)
		json_array_append_new(numbers, json_integer(sp_session_number(session)));
	sp_respond(&exchange->response, 200, json_pack("{s:o}", "closed", SP_TAKE_PTR(numbers)));
	sp_exchange_answer(exchange);
}

void sp_handle_session_close(struct sp_exchange *exchange)
{
	const struct sp_person *person = &exchange->person;
	const json_t *wanted = json_object_get(exchange->body, "session");
	const bool all = json_object_get(exchange->body, "all") != NULL;
	const int64_t number = sp_session_number(wanted ? exchange->body : exchange->device);
	json_t *request;

	if (wanted && all) {
		sp_exchange_fail(exchange, 400, "bad-request",
				 "\"session\" and \"all\" exclude each other");
		return;
	}
	if (!all && number <= 0) {
		fail_no_session(exchange);
		return;
	}
	request = json_pack("{s:s, s:s, s:s, s:s}", "op", "session.close", "idp", person->idp,
			    "subject", person->subject, "why", "signed out");
	if (request && all)
		json_object_set_new(request, "user", json_string(person->user));
	else if (request)
		json_object_set_new(request, "session", json_integer(number));
	sp_exchange_ask(exchange, request, session_closed);
}
