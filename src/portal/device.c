/* SPDX-License-Identifier: GPL-3.0-or-later */
/* POST /api/v1/device/start and device/poll. */
#include "portal/exchange.h"
#include "portal/grants.h"

static const char *body_text(const json_t *object, const char *key)
{
	return json_string_value(json_object_get(object, key));
}

void sp_handle_device_start(struct sp_exchange *exchange)
{
	const json_t *device = json_object_get(exchange->body, "device");
	struct sp_provider *provider = sp_provider_find(exchange->portal, body_text(exchange->body, "idp"));

	if (!provider)
		sp_exchange_fail(exchange, 404, "no-such-provider",
				 "there is no provider of this name; see the list of providers");
	else if (!provider->oidc)
		sp_exchange_fail(exchange, 400, "bad-request",
				 "\"idp\": this provider takes passwords; sign in by login");
	else if (sp_person_set_device(&exchange->person, body_text(device, "public_key"),
				      body_text(device, "name")) < 0)
		sp_exchange_fail(exchange, 500, "internal", "out of memory; try again in a moment");
	else
		sp_grant_start(exchange, provider, 0);
}

void sp_handle_device_poll(struct sp_exchange *exchange)
{
	sp_grant_poll(exchange, body_text(exchange->body, "handle"),
		      json_integer_value(json_object_get(exchange->body, "wait_s")));
}
