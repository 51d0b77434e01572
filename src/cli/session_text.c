/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cli/session_text.h"


#include "cli/portal_call.h"
#include "cli/render.h"
#include "cli/when.h"

static void print_list(const char *title, json_t *list)
{
	json_t *item;
	size_t i;

	sp_cli_print("  %-10s", title);
	json_array_foreach(list, i, item)
		sp_cli_print("%s %.255s", i ? "," : "", json_is_string(item) ? json_string_value(item) : "?");
	sp_cli_print("\n");
}

void sp_session_print(json_t *session)
{
	char span[SP_WHEN_MAX];

	print_list("roles", json_object_get(session, "roles"));
	sp_cli_print("  %-10s %.255s\n", "device", sp_json_text(json_object_get(session, "device"), "name"));
	print_list("addresses", json_object_get(session, "addresses"));
	if (sp_json_integer(session, "idle_s") > 0)
		sp_cli_print("  %-10s ends after %s without a packet\n", "silence",
			     sp_when_span(sp_json_integer(session, "idle_s"), span));
}

int sp_session_take(struct sp_profile *profile, json_t *answer)
{
	json_t *session = json_object_get(answer, "session");
	json_t *device = json_object_get(session, "device");

	if (!*sp_json_text(answer, "token") || !*sp_json_text(session, "user") ||
	    !*sp_json_text(device, "public_key"))
		return sp_cli_fail(
			SP_EXIT_FAILED,
			"the portal's answer lacks the session; tell your administrator");
	if (sp_profile_set(&profile->token, sp_json_text(answer, "token")) < 0 ||
	    sp_profile_set(&profile->user, sp_json_text(session, "user")) < 0 ||
	    sp_profile_set(&profile->idp, sp_json_text(session, "idp")) < 0 ||
	    sp_profile_set(&profile->device, sp_json_text(device, "name")) < 0 ||
	    sp_profile_set(&profile->public_key, sp_json_text(device, "public_key")) < 0 ||
	    sp_profile_set(&profile->expires,
			   json_string_value(json_object_get(session, "expires"))) < 0)
		return sp_cli_fail(SP_EXIT_FAILED, "out of memory");
	return SP_EXIT_OK;
}
