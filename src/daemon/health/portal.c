/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "daemon/health/portal.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "config/machine.h"
#include "daemon/base/json.h"
#include "daemon/base/warnings.h"
#include "daemon/control/control.h"
#include "io/files/files.h"
#include "io/files/paths.h"
#include "io/log/log.h"
#include "io/loop/clock.h"
#include "io/loop/loop.h"
#include "json/own.h"

#define PATIENCE_NS (5 * SP_SECOND_NS) /* while a portal starts, or starts again */

static int make_folders(struct sp_portal_seen *portal, const struct sp_user *user)
{
	const char *const paths[] = { portal->paths->tls_dir, portal->paths->portal_dir };

	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		int r = sp_dir_make_owned(paths[i], 0700, user->uid, user->gid);

		if (r < 0) {
			sp_log_error("giving %s to the portal's user: %s", paths[i],
				     sp_err_text(r));
			return r;
		}
	}
	return 0;
}

void sp_portal_open(struct sp_portal_seen *portal)
{
	const char *name = (*portal->machine)->portal_user;
	struct sp_user user;

	portal->user.uid = SP_UID_NONE;
	portal->missed_ns = sp_clock_boottime_ns();
	if (!(*portal->machine)->has_portal)
		return;
	if (sp_user_find(name, &user) < 0)
		sp_warnings_raise(portal->warnings, "portal-user",
				  "there is no user \"%s\" (portal.user), so no portal can open "
				  "sessions: make the user and restart sallyportd",
				  name);
	else if (user.uid == 0 || user.uid == geteuid())
		sp_warnings_raise(portal->warnings, "portal-user",
				  "portal.user \"%s\" is uid %u, which is an administrator here: "
				  "give the portal a user of its own and restart sallyportd",
				  name, user.uid);
	else if (make_folders(portal, &user) < 0)
		sp_warnings_raise(portal->warnings, "portal-user",
				  "the portal's folders below %s cannot be made for its user: see "
				  "the log",
				  portal->paths->state_dir);
	else
		portal->user = user;
}

void sp_portal_close(struct sp_portal_seen *portal)
{
	json_decrefp(&portal->report);
	portal->reporter = NULL;
}

static bool has_code(json_t *provider, const char *code)
{
	const char *found = json_string_value(json_object_get(provider, "code"));

	return found && !strcmp(found, code);
}

/* "corp: the last 3 sign-ins …", of the first that has @code. Returns whether there is one. */
static bool find_failing(const json_t *providers, const char *code, char *text, size_t size)
{
	json_t *provider;
	size_t i;

	json_array_foreach((json_t *)providers, i, provider) {
		const char *error = json_string_value(json_object_get(provider, "error"));

		if (!has_code(provider, code))
			continue;
		snprintf(text, size, "%s%s%s", json_string_value(json_object_get(provider, "name")),
			 error ? ": " : "", error ? error : "");
		return true;
	}
	return false;
}

/* Sessions of a provider that is refresh-failing stay open, but nobody knows whether the groups still
 * hold. */
static void warn_of_failing(struct sp_portal_seen *portal, const json_t *providers)
{
	char text[240];

	if (find_failing(providers, "refresh-failing", text, sizeof(text)))
		sp_warnings_raise(portal->warnings, "refresh-failing", "provider %s", text);
	else
		sp_warnings_clear(portal->warnings, "refresh-failing");
	if (find_failing(providers, "sign-in-failing", text, sizeof(text)))
		sp_warnings_raise(portal->warnings, "sign-in-failing", "provider %s", text);
	else
		sp_warnings_clear(portal->warnings, "sign-in-failing");
}

/* "corp: unreachable (…); partner: failed (…)" */
static void warn_of_providers(struct sp_portal_seen *portal, const json_t *providers)
{
	char text[200] = "";
	json_t *provider;
	size_t i, len = 0;

	json_array_foreach((json_t *)providers, i, provider) {
		const char *state = json_string_value(json_object_get(provider, "state"));
		const char *error = json_string_value(json_object_get(provider, "error"));

		if (!strcmp(state, "ok") || !strcmp(state, "starting") || len >= sizeof(text))
			continue;
		len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%s is %s%s%s",
					len ? "; " : "",
					json_string_value(json_object_get(provider, "name")), state,
					error ? ": " : "", error ? error : "");
	}
	if (len)
		sp_warnings_raise(portal->warnings, "provider-failed",
				  "nobody can sign in by it: provider %s", text);
	else
		sp_warnings_clear(portal->warnings, "provider-failed");
}

void sp_portal_report(struct sp_portal_seen *portal, const struct sp_client *client, json_t *report,
		      uint64_t every_s)
{
	if (portal->reporter != client)
		portal->since_ns = sp_clock_realtime_ns();
	portal->reporter = client;
	portal->heard_ns = sp_clock_boottime_ns();
	portal->every_s = every_s;
	sp_json_replace(&portal->report, report);
	sp_warnings_clear(portal->warnings, "portal-missing");
	warn_of_providers(portal, json_object_get(report, "providers"));
	warn_of_failing(portal, json_object_get(report, "providers"));
}

void sp_portal_gone(struct sp_portal_seen *portal, const struct sp_client *client)
{
	if (portal->reporter != client)
		return;
	sp_portal_close(portal);
	portal->missed_ns = sp_clock_boottime_ns();
	sp_warnings_clear(portal->warnings, "provider-failed");
	warn_of_failing(portal, NULL);
}

void sp_portal_tick(struct sp_portal_seen *portal)
{
	if ((*portal->machine)->has_portal && !portal->reporter &&
	    sp_clock_boottime_ns() - portal->missed_ns >= PATIENCE_NS)
		sp_warnings_raise(portal->warnings, "portal-missing",
				  "no portal is connected: sessions go on, but nobody can sign in "
				  "(is sallyport-portal running?)");
}

json_t *sp_portal_describe(const struct sp_portal_seen *portal)
{
	if (!portal->report)
		return json_null();
	return json_pack("{s:b, s:O, s:O, s:o, s:O, s:O, s:O}", "running", 1, "url",
			 json_object_get(portal->report, "url"), "fingerprint",
			 json_object_get(portal->report, "fingerprint"), "since",
			 sp_json_time(portal->since_ns), "providers",
			 json_object_get(portal->report, "providers"), "pressure",
			 json_object_get(portal->report, "pressure"), "memory_locked",
			 json_object_get(portal->report, "memory_locked"));
}
