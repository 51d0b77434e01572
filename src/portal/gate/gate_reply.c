/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "portal/gate/gate_reply.h"

#include <string.h>

#include "base/array.h"

bool sp_gate_is_ok(const json_t *reply)
{
	return json_is_true(json_object_get(reply, "ok"));
}

static const char *error_text(const json_t *reply, const char *key)
{
	const char *text = json_string_value(json_object_get(json_object_get(reply, "error"), key));

	return text ? text : "";
}

const char *sp_gate_code(const json_t *reply)
{
	return error_text(reply, "code");
}

enum sp_refusal_reason sp_gate_refusal(const json_t *reply)
{
	if (strcmp(sp_gate_code(reply), "login-refused") != 0)
		return SP_REFUSAL_NONE;
	for (enum sp_refusal_reason reason = SP_REFUSAL_NONE + 1; reason < SP_REFUSAL_COUNT;
	     reason++)
		if (strcmp(error_text(reply, "reason"), sp_refusal_word(reason)) == 0)
			return reason;
	return SP_REFUSAL_NO_ROLE;
}

void sp_respond_gate_error(struct sp_response *response, const json_t *reply)
{
	const char *code = sp_gate_code(reply);
	const enum sp_refusal_reason refusal = sp_gate_refusal(reply);

	if (refusal)
		sp_respond_refusal(response, refusal, 0);
	else if (!reply || !strcmp(code, "not-permitted"))
		sp_respond_refusal(response, SP_REFUSAL_GATEWAY, 30);
	else if (!strcmp(code, "busy") || !strcmp(code, "table-full"))
		sp_respond_error(response, 503, "busy", 10,
				 "the gateway has no room just now; try again in a moment");
	else if (!strcmp(code, "bad-request"))
		sp_respond_error(
			response, 400, "bad-request", 0,
			"the gateway does not take this device; check its key and its name");
	else if (!strcmp(code, "pool-empty"))
		sp_respond_error(response, 503, "pool-empty", 0,
				 "the gateway has no address left for another device; tell your "
				 "administrator");
	else if (!strcmp(code, "no-policy"))
		sp_respond_error(response, 503, "gateway-unreachable", 30,
				 "the gateway runs no policy yet; ask your administrator");
	else if (!strcmp(code, "no-such-session"))
		sp_respond_error(response, 409, "no-session", 0,
				 "the session has ended: sign in again");
	else if (!strcmp(code, "no-such-device"))
		sp_respond_error(
			response, 404, "no-such-device", 0,
			"no device of yours has this key; look at the list of your devices");
	else
		sp_respond_error(response, 500, "internal", 0,
				 "something went wrong at the gateway; tell your administrator");
}

/* Copy those of @keys that @from contains. */
static void copy(json_t *to, const json_t *from, const char *const *keys, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		json_t *value = json_object_get(from, keys[i]);

		json_object_set_new(to, keys[i], value ? json_incref(value) : json_null());
	}
}

json_t *sp_session_for_person(const json_t *session)
{
	static const char *const keys[] = { "session",   "state",  "user",    "idp",     "roles",
					    "addresses", "device", "opened",  "expires", "idle_s",
					    "warn_s",    "ending", "refusals" };
	json_t *shown = json_object();

	if (shown)
		copy(shown, session, keys, SP_ARRAY_LEN(keys));
	return shown;
}

int64_t sp_session_number(const json_t *session)
{
	return json_integer_value(json_object_get(session, "session"));
}

bool sp_session_is_live(const json_t *session)
{
	const char *state = json_string_value(json_object_get(session, "state"));

	return state && strcmp(state, "live") == 0;
}
