/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "portal/signin/signin.h"

#include <string.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "base/text.h"
#include "base/units.h"
#include "io/log/log.h"
#include "portal/admit/token.h"
#include "portal/gate/gate_reply.h"

#define WAITING_REFUSALS_MAX 256u

static json_t *request_for(const char *op, const struct sp_person *person, const json_t *groups,
			   int64_t auth_time_s, const char *refresh, const struct sp_addr *from)
{
	char text[SP_ADDR_TEXT_MAX];
	json_t *request =
		json_pack("{s:s, s:s, s:s, s:O, s:s}", "op", op, "idp", person->idp, "subject",
			  person->subject, "groups", groups, "from", sp_addr_format(from, text));

	if (request && refresh)
		json_object_set_new(request, "refresh", json_string(refresh));
	if (request && auth_time_s > 0)
		json_object_set_new(request, "auth_time", json_integer(auth_time_s));
	return request;
}

json_t *sp_signin_request(const struct sp_person *person, const json_t *groups, int64_t auth_time_s,
			  const char *refresh, const struct sp_addr *from)
{
	json_t *request = request_for("session.open", person, groups, auth_time_s, refresh, from);

	if (request) {
		json_object_set_new(request, "user", json_string(person->user));
		json_object_set_new(request, "device",
				    json_pack("{s:s, s:s, s:s*, s:s*}", "public_key",
					      person->device_key, "name", person->device_name,
					      "challenge", person->challenge, "proof",
					      person->proof));
	}
	return request;
}

json_t *sp_signin_extend_request(const struct sp_person *person, int64_t session,
				 const json_t *groups, int64_t auth_time_s, const char *refresh,
				 const struct sp_addr *from)
{
	json_t *request = request_for("session.extend", person, groups, auth_time_s, refresh, from);

	if (request)
		json_object_set_new(request, "session", json_integer(session));
	return request;
}

json_t *sp_tunnel_for_person(const json_t *tunnel)
{
	static const char *const keys[] = { "addresses",   "dns",           "mtu",
					    "gateway_key", "preshared_key", "endpoint",
					    "allowed_ips", "config" };
	json_t *shown = json_object();

	for (size_t i = 0; shown && i < SP_ARRAY_LEN(keys); i++) {
		json_t *value = json_object_get(tunnel, keys[i]);

		json_object_set_new(shown, keys[i], value ? json_incref(value) : json_null());
	}
	return shown;
}

void sp_signin_respond(struct sp_portal *portal, const struct sp_person *person,
		       const json_t *reply, const char *state, struct sp_response *ret_response)
{
	const json_t *tunnel = json_object_get(reply, "tunnel");
	__sp_free char *token = NULL;
	json_t *answer = NULL;

	if (sp_token_make(&portal->sealer, person, &token) == 0)
		answer = json_pack("{s:s, s:o}", "token", token, "session",
				   sp_session_for_person(reply));
	if (!answer) {
		sp_respond_error(ret_response, 500, "internal", 0,
				 "out of memory; try again in a moment");
		return;
	}
	if (tunnel)
		json_object_set_new(answer, "tunnel", sp_tunnel_for_person(tunnel));
	if (state)
		json_object_set_new(answer, "state", json_string(state));
	sp_respond(ret_response, 200, answer);
}

/* ---- on record ---- */

struct record {
	struct sp_gate_request ask; /* first member: the callback casts it back to the record */
	struct sp_portal *portal;
};

static void recorded(struct sp_gate_request *ask, const json_t *reply)
{
	struct record *record = (struct record *)ask;

	record->portal->waiting_refusals--;
	if (!sp_gate_is_ok(reply))
		record->portal->lost_refusals++;
	free(record);
}

/* The record holds the name that a stranger typed, escaped: sallyportd refuses any other form. */
static void set_text(json_t *object, const char *key, const char *text)
{
	char shown[256];

	if (text && *text)
		json_object_set_new(object, key,
				    json_string(sp_text_show(text, shown, sizeof(shown))));
}

void sp_signin_record(struct sp_portal *portal, const struct sp_finding *finding, const char *idp,
		      const char *user, const char *device, const struct sp_addr *from)
{
	char text[SP_ADDR_TEXT_MAX];
	struct record *record;

	record =
		portal->waiting_refusals < WAITING_REFUSALS_MAX ? calloc(1, sizeof(*record)) : NULL;
	if (!record) {
		portal->lost_refusals++;
		return;
	}
	record->portal = portal;
	record->ask.done = recorded;
	record->ask.can_wait = true;
	record->ask.request = json_pack("{s:s, s:s}", "op", "login.refused", "reason",
					sp_refusal_word(finding->reason));
	if (!record->ask.request) {
		portal->lost_refusals++;
		free(record);
		return;
	}
	set_text(record->ask.request, "idp", idp);
	set_text(record->ask.request, "user", user);
	set_text(record->ask.request, "device", device);
	set_text(record->ask.request, "detail", finding->detail);
	if (from)
		set_text(record->ask.request, "from", sp_addr_format(from, text));
	portal->waiting_refusals++;
	portal->outside->ask(portal->outside_arg, &record->ask);
}

void sp_signin_say_lost(struct sp_portal *portal)
{
	const uint64_t now_ns = portal->now.boot_ns;

	if (!portal->lost_refusals || now_ns - portal->lost_said_ns < (uint64_t)SP_NS_PER_S)
		return;
	sp_log_error("%llu refused sign-ins are not on record: sallyportd %s",
		     (unsigned long long)portal->lost_refusals,
		     portal->is_gate_there ? "takes no more" : "is not there");
	portal->lost_refusals = 0;
	portal->lost_said_ns = now_ns;
}
