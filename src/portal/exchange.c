/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "portal/exchange.h"

#include <stddef.h>
#include <string.h>

#include "base/units.h"
#include "portal/admit/token.h"
#include "portal/gate/gate_reply.h"
#include "portal/signin/grants.h"
#include "portal/web/assets.h"

/* ---- answering ---- */

void sp_exchange_answer(struct sp_exchange *exchange)
{
	exchange->is_answered = true;
	if (exchange->has_returned)
		exchange->answered(exchange);
}

void sp_exchange_fail(struct sp_exchange *exchange, int status, const char *code,
		      const char *message)
{
	sp_respond_error(&exchange->response, status, code, 0, "%s", message);
	sp_exchange_answer(exchange);
}

void sp_exchange_fail_gate(struct sp_exchange *exchange, const json_t *reply)
{
	sp_respond_gate_error(&exchange->response, reply);
	sp_exchange_answer(exchange);
}

static void exchange_gate_replied(struct sp_gate_request *ask, const json_t *reply)
{
	struct sp_exchange *exchange = (void *)((char *)ask - offsetof(struct sp_exchange, ask));

	if (reply)
		exchange->then(exchange, reply);
	else
		sp_exchange_fail_gate(exchange, NULL);
}

void sp_exchange_ask(struct sp_exchange *exchange, json_t *request,
		     void (*then)(struct sp_exchange *exchange, const json_t *reply))
{
	if (!request) {
		sp_exchange_fail(exchange, 500, "internal", "out of memory");
		return;
	}
	exchange->ask =
		(struct sp_gate_request){ .request = request, .done = exchange_gate_replied };
	exchange->then = then;
	exchange->portal->outside->ask(exchange->portal->outside_arg, &exchange->ask);
}

/* ---- whose token it is ---- */

static void fail_token(struct sp_exchange *exchange)
{
	sp_exchange_fail(exchange, 401, "token-invalid",
			 "no token, or it stands for no device of this gateway: sign in");
}

static bool is_same(const json_t *object, const char *key, const char *text)
{
	const char *value = json_string_value(json_object_get(object, key));

	return value && strcmp(value, text) == 0;
}

/* List the person's devices: those of the person's subject at this provider, whatever name other
 * people have. */
static void take_devices(struct sp_exchange *exchange, const json_t *reply)
{
	const struct sp_person *person = &exchange->person;
	const json_t *device;
	size_t i;

	if (!sp_gate_is_ok(reply) || !(exchange->devices = json_array())) {
		sp_exchange_fail_gate(exchange, reply);
		return;
	}
	json_array_foreach(json_object_get(reply, "peers"), i, device) {
		if (!is_same(device, "idp", person->idp) ||
		    !is_same(device, "subject", person->subject))
			continue;
		json_array_append(exchange->devices, (json_t *)device);
		if (is_same(device, "public_key", person->device_key))
			exchange->device = device;
	}
	if (!exchange->device) {
		fail_token(exchange);
		return;
	}
	exchange->route->handle(exchange);
}

static void open_token(struct sp_exchange *exchange)
{
	if (sp_token_read(&exchange->portal->sealer, exchange->admitted.token, &exchange->person) <
	    0) {
		fail_token(exchange);
		return;
	}
	sp_exchange_ask(exchange,
			json_pack("{s:s, s:s}", "op", "peer.list", "user", exchange->person.user),
			take_devices);
}

/* ---- the way in ---- */

/* Whoever comes by a browser is told how to sign in. */
static void fail_not_found(struct sp_exchange *exchange)
{
	if (exchange->response.kind == SP_WEB_API)
		sp_respond_error(&exchange->response, 404, "not-found", 0,
				 "there is no such address here");
	else
		sp_respond_error(&exchange->response, 404, "not-found", 0,
				 "There is no page here. Sign in from the device itself: "
				 "sallyport login %s. For a WireGuard app, as on a phone: "
				 "sallyport login %s --config FILE --qr on a computer.",
				 exchange->portal->url, exchange->portal->url);
	sp_exchange_answer(exchange);
}

static void refuse_method(struct sp_exchange *exchange, const char *path)
{
	const char *allow = sp_web_route_allow(exchange->portal->routes, path);

	if (!allow) {
		fail_not_found(exchange);
		return;
	}
	exchange->response.allow = allow;
	sp_exchange_fail(exchange, 405, "method", "this address takes another method");
}

static void send_asset(struct sp_exchange *exchange, const struct sp_portal_request *request)
{
	const struct sp_asset *asset = sp_asset_find(request->path);

	if (!asset) {
		sp_exchange_fail(exchange, 404, "not-found", "there is no such address here");
		return;
	}
	sp_asset_respond(asset, request->if_none_match, &exchange->response);
	sp_exchange_answer(exchange);
}

static void enter_route(struct sp_exchange *exchange, const struct sp_portal_request *request)
{
	const struct sp_portal *portal = exchange->portal;
	const struct sp_web_route *route = exchange->route;
	const struct sp_admission admission = { &portal->sealer, portal->url, portal->now.now_s };

	if (sp_admit(&admission, route, request, &exchange->admitted, &exchange->response) < 0) {
		sp_exchange_answer(exchange);
		return;
	}
	exchange->body = exchange->admitted.body;
	if (route->kind == SP_WEB_ASSET)
		send_asset(exchange, request);
	else if (route->takes_token)
		open_token(exchange);
	else
		route->handle(exchange);
}

static void begin_exchange(struct sp_exchange *exchange, const struct sp_portal_request *request)
{
	struct sp_portal *portal = exchange->portal;
	const uint64_t wait_ns =
		sp_rate_take(sp_rate_of(&portal->rates, &request->from), portal->now.boot_ns);

	if (wait_ns) {
		sp_respond_refusal(&exchange->response, SP_REFUSAL_SLOW_DOWN,
				   (int64_t)(wait_ns / SP_NS_PER_S) + 1);
		sp_exchange_answer(exchange);
		return;
	}
	exchange->route = sp_web_route_find(portal->routes, request->path, request->method);
	if (exchange->route)
		enter_route(exchange, request);
	else
		refuse_method(exchange, request->path);
}

int sp_exchange_check_form(struct sp_exchange *exchange, const struct sp_portal *portal,
			   const struct sp_portal_request *request)
{
	exchange->response.kind = sp_web_route_kind_of(portal->routes, request->path);
	return sp_request_check_form(request, &exchange->response);
}

void sp_exchange_begin(struct sp_exchange *exchange, struct sp_portal *portal,
		       const struct sp_portal_request *request)
{
	exchange->portal = portal;
	exchange->from = request->from;
	if (sp_exchange_check_form(exchange, portal, request) < 0)
		sp_exchange_answer(exchange);
	else
		begin_exchange(exchange, request);
	exchange->has_returned = true;
}

void sp_exchange_done(struct sp_exchange *exchange)
{
	struct sp_portal *portal = exchange->portal;

	if (!portal)
		return;
	if (exchange->ask.is_under_way)
		portal->outside->drop(portal->outside_arg, &exchange->ask);
	if (exchange->check)
		exchange->check->done = NULL;
	if (exchange->grant)
		sp_grant_leave(exchange->grant, exchange);
	sp_response_done(&exchange->response);
	sp_person_done(&exchange->person);
	sp_admitted_done(&exchange->admitted);
	json_decrefp(&exchange->devices);
	*exchange = (struct sp_exchange){ 0 };
}
