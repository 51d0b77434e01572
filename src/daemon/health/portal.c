/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "daemon/health/portal.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "daemon/daemon.h"
#include "daemon/ops/ops.h"
#include "io/files/files.h"

#define PATIENCE_NS (5 * SP_SECOND_NS) /* with a portal that starts, or starts again */

static int make_folders(struct sp_daemon *daemon, const struct sp_user *user)
{
	const char *const paths[] = { daemon->paths.tls_dir, daemon->paths.portal_dir };

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

void sp_portal_open(struct sp_daemon *daemon)
{
	struct sp_portal_seen *portal = &daemon->portal;
	const char *name = daemon->machine->portal_user;
	struct sp_user user;

	portal->user.uid = SP_UID_NONE;
	portal->missed_ns = sp_clock_boottime_ns();
	if (!daemon->machine->has_portal)
		return;
	if (sp_user_find(name, &user) < 0)
		sp_warnings_raise(&daemon->warnings, "portal-user",
				  "there is no user \"%s\" (portal.user), so no portal can open "
				  "sessions: make the user and restart sallyportd",
				  name);
	else if (user.uid == 0 || user.uid == geteuid())
		sp_warnings_raise(&daemon->warnings, "portal-user",
				  "portal.user \"%s\" is uid %u, which is an administrator here: "
				  "give the portal a user of its own and restart sallyportd",
				  name, user.uid);
	else if (make_folders(daemon, &user) < 0)
		sp_warnings_raise(&daemon->warnings, "portal-user",
				  "the portal's folders below %s cannot be made for its user: see "
				  "the log",
				  daemon->paths.state_dir);
	else
		portal->user = user;
}

void sp_portal_close(struct sp_daemon *daemon)
{
	json_decref(SP_TAKE_PTR(daemon->portal.report));
	daemon->portal.reporter = NULL;
}

static bool has_code(json_t *provider, const char *code)
{
	const char *found = json_string_value(json_object_get(provider, "code"));

	return found && !strcmp(found, code);
}

/* Who signed in there stays so, but nobody's groups are known to be what they were. */
static void warn_of_refreshes(struct sp_daemon *daemon, const json_t *providers)
{
	json_t *provider;
	size_t i;

	json_array_foreach((json_t *)providers, i, provider)
		if (has_code(provider, "refresh-failing")) {
			const char *error = json_string_value(json_object_get(provider, "error"));

			sp_warnings_raise(&daemon->warnings, "refresh-failing", "provider %s: %s",
					  json_string_value(json_object_get(provider, "name")),
					  error ? error : "groups are asked for in vain");
			return;
		}
	sp_warnings_clear(&daemon->warnings, "refresh-failing");
}

/* "corp: unreachable (…); partner: failed (…)" */
static void warn_of_providers(struct sp_daemon *daemon, const json_t *providers)
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
		sp_warnings_raise(&daemon->warnings, "provider-failed",
				  "nobody can sign in by it: provider %s", text);
	else
		sp_warnings_clear(&daemon->warnings, "provider-failed");
}

void sp_portal_report(struct sp_daemon *daemon, const struct sp_client *client, json_t *report,
		      uint64_t every_s)
{
	struct sp_portal_seen *portal = &daemon->portal;

	if (portal->reporter != client)
		portal->since_ns = sp_clock_realtime_ns();
	portal->reporter = client;
	portal->heard_ns = sp_clock_boottime_ns();
	portal->every_s = every_s;
	json_decref(portal->report);
	portal->report = report;
	sp_warnings_clear(&daemon->warnings, "portal-missing");
	warn_of_providers(daemon, json_object_get(report, "providers"));
	warn_of_refreshes(daemon, json_object_get(report, "providers"));
}

void sp_portal_gone(struct sp_daemon *daemon, const struct sp_client *client)
{
	struct sp_portal_seen *portal = &daemon->portal;

	if (portal->reporter != client)
		return;
	sp_portal_close(daemon);
	portal->missed_ns = sp_clock_boottime_ns();
	sp_warnings_clear(&daemon->warnings, "provider-failed");
	sp_warnings_clear(&daemon->warnings, "refresh-failing");
}

void sp_portal_tick(struct sp_daemon *daemon)
{
	const struct sp_portal_seen *portal = &daemon->portal;

	if (daemon->machine->has_portal && !portal->reporter &&
	    sp_clock_boottime_ns() - portal->missed_ns >= PATIENCE_NS)
		sp_warnings_raise(&daemon->warnings, "portal-missing",
				  "no portal is connected: sessions go on, but nobody can sign in "
				  "(is sallyport-portal running?)");
}

json_t *sp_portal_describe(const struct sp_daemon *daemon)
{
	const struct sp_portal_seen *portal = &daemon->portal;

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
