/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cli/portal/session_text.h"

#include "cli/portal/portal_call.h"
#include "cli/screen/render.h"
#include "cli/screen/when.h"
#include "io/loop/clock.h"

static void print_list(const char *title, json_t *list)
{
	json_t *item;
	size_t i;

	sp_cli_print("  %-10s", title);
	json_array_foreach(list, i, item)
		sp_cli_print("%s %.255s", i ? "," : "",
			     json_is_string(item) ? json_string_value(item) : "?");
	sp_cli_print("\n");
}

/* "2026-11-30 02:14  10.30.9.4 tcp/443: Payroll is for finance only" */
static void print_refusal(const char *title, json_t *refusal)
{
	const int64_t now_s = sp_clock_realtime_s();
	const char *message = sp_json_text(refusal, "message");
	const int64_t time_s = sp_when_parse(sp_json_text(refusal, "time"));
	char span[SP_WHEN_MAX];

	sp_cli_print("  %-10s to %.63s %.15s", title, sp_json_text(refusal, "destination"),
		     sp_json_text(refusal, "proto"));
	if (sp_json_integer(refusal, "port"))
		sp_cli_print("/%lld", sp_json_integer(refusal, "port"));
	if (time_s != INT64_MAX)
		sp_cli_print(", %s ago", sp_when_span(now_s > time_s ? now_s - time_s : 0, span));
	sp_cli_print(": %.400s\n", *message ? message : "no rule allows it");
}

void sp_session_print(json_t *session)
{
	json_t *refusal;
	size_t i;

	char span[SP_WHEN_MAX];

	print_list("roles", json_object_get(session, "roles"));
	sp_cli_print("  %-10s %.255s\n", "device",
		     sp_json_text(json_object_get(session, "device"), "name"));
	print_list("addresses", json_object_get(session, "addresses"));
	if (sp_json_integer(session, "idle_s") > 0)
		sp_cli_print("  %-10s ends after %s without a packet\n", "silence",
			     sp_when_span(sp_json_integer(session, "idle_s"), span));
	json_array_foreach(json_object_get(session, "refusals"), i, refusal)
		print_refusal(i ? "" : "refused", refusal);
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
