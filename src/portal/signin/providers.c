/* SPDX-License-Identifier: GPL-3.0-or-later */
/* GET /api/v1/providers. */
#include "portal/exchange.h"
#include "portal/providers/provider.h"

void sp_handle_providers(struct sp_exchange *exchange)
{
	const struct sp_portal *portal = exchange->portal;
	json_t *list = json_array();

	for (size_t i = 0; list && i < portal->provider_count; i++) {
		const struct sp_provider *provider = portal->providers[i];

		if (!provider->idp)
			continue;
		json_array_append_new(list,
				      json_pack("{s:s, s:s, s:s, s:s}", "name", provider->name,
						"type", sp_provider_type(provider), "method",
						sp_provider_method(provider), "state",
						sp_provider_state(provider)));
	}
	sp_respond(&exchange->response, 200,
		   json_pack("{s:s, s:o}", "gateway", portal->gateway, "providers", list));
	sp_exchange_answer(exchange);
}
