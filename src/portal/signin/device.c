/* SPDX-License-Identifier: GPL-3.0-or-later */
/* GET /api/v1/challenge, POST device/start and device/poll. */
#include "portal/exchange.h"
#include "portal/gate/gate_reply.h"
#include "portal/signin/grants.h"

static const char *body_text(const json_t *object, const char *key)
{
	return json_string_value(json_object_get(object, key));
}

static void challenged(struct sp_exchange *exchange, const json_t *reply)
{
	if (!sp_gate_is_ok(reply)) {
		sp_exchange_fail_gate(exchange, reply);
		return;
	}
	sp_respond(&exchange->response, 200,
		   json_pack("{s:O, s:O, s:O}", "challenge", json_object_get(reply, "challenge"),
			     "key", json_object_get(reply, "key"), "url",
			     json_object_get(reply, "url")));
	sp_exchange_answer(exchange);
}

void sp_handle_challenge(struct sp_exchange *exchange)
{
	sp_exchange_ask(exchange, json_pack("{s:s}", "op", "device.challenge"), challenged);
}

void sp_handle_device_start(struct sp_exchange *exchange)
{
	const json_t *device = json_object_get(exchange->body, "device");
	struct sp_provider *provider =
		sp_provider_find(exchange->portal, body_text(exchange->body, "idp"));

	if (!provider)
		sp_exchange_fail(exchange, 404, "no-such-provider",
				 "there is no provider of this name; see the list of providers");
	else if (sp_provider_takes_passwords(provider))
		sp_exchange_fail(exchange, 400, "bad-request",
				 "\"idp\": this provider takes passwords; sign in by login");
	else if (sp_person_read_device(&exchange->person, device) < 0)
		sp_exchange_fail(exchange, 500, "internal", "out of memory; try again in a moment");
	else
		sp_grant_start(exchange, provider, SP_GRANT_DEVICE, 0);
}

void sp_handle_device_poll(struct sp_exchange *exchange)
{
	sp_grant_poll(exchange, SP_GRANT_DEVICE, body_text(exchange->body, "handle"),
		      exchange->portal->is_crowded
			      ? 0
			      : json_integer_value(json_object_get(exchange->body, "wait_s")));
}
