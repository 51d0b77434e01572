/* SPDX-License-Identifier: GPL-3.0-or-later */
/* GET /api/v1/devices and POST devices/remove. */
#include <string.h>

#include "base/array.h"
#include "portal/exchange.h"
#include "portal/gate/gate_reply.h"

static json_t *device_for_person(const json_t *device)
{
	static const char *const keys[] = { "name", "public_key", "addresses", "added", "session" };
	json_t *shown = json_object();

	for (size_t i = 0; shown && i < SP_ARRAY_LEN(keys); i++) {
		json_t *value = json_object_get(device, keys[i]);

		json_object_set_new(shown, keys[i], value ? json_incref(value) : json_null());
	}
	return shown;
}

void sp_handle_devices(struct sp_exchange *exchange)
{
	json_t *list = json_array();
	const json_t *device;
	size_t i;

	json_array_foreach(exchange->devices, i, device)
		json_array_append_new(list, device_for_person(device));
	sp_respond(&exchange->response, 200, json_pack("{s:o}", "devices", list));
	sp_exchange_answer(exchange);
}

static void device_removed(struct sp_exchange *exchange, const json_t *reply)
{
	json_t *name = json_object_get(reply, "name");

	if (!sp_gate_is_ok(reply)) {
		sp_exchange_fail_gate(exchange, reply);
		return;
	}
	sp_respond(&exchange->response, 200, json_pack("{s:O}", "removed", name));
	sp_exchange_answer(exchange);
}

void sp_handle_devices_remove(struct sp_exchange *exchange)
{
	const char *key = json_string_value(json_object_get(exchange->body, "public_key"));
	const json_t *device;
	size_t i;

	/* only the person's own devices are asked of the gateway */
	json_array_foreach(exchange->devices, i, device) {
		const char *theirs = json_string_value(json_object_get(device, "public_key"));

		if (!theirs || strcmp(theirs, key) != 0)
			continue;
		sp_exchange_ask(exchange,
				json_pack("{s:s, s:s, s:s, s:s}", "op", "peer.remove", "device",
					  key, "idp", exchange->person.idp, "subject",
					  exchange->person.subject),
				device_removed);
		return;
	}
	sp_exchange_fail(exchange, 404, "no-such-device",
			 "no device of yours has this key; look at the list of your devices");
}
