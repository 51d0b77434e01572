/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cli/person/status_here.h"

#include <net/if.h>
#include <signal.h>
#include <string.h>

#include "audit/time.h"
#include "cli/portal/portal_call.h"
#include "cli/portal/profile.h"
#include "cli/portal/session_text.h"
#include "cli/portal/watch.h"
#include "cli/screen/render.h"
#include "cli/screen/when.h"
#include "cli/tunnel/handshake.h"
#include "cli/tunnel/tunnel_file.h"
#include "cli/tunnel/tunnel_reach.h"
#include "io/loop/clock.h"

#define INDENT 13 /* behind the titles of lines */

struct view {
	json_t *session; /* NULL: the portal did not tell */
	/* live, expired, closed; "unknown" without an answer, "gone": the device is not known any
	 * more */
	const char *state;
	int exit_code;
	bool is_up;
	bool knows_handshake;
	int64_t handshake_ns; /* UTC; 0: never */
	/* the portal says that the session reaches other networks than the tunnel carries */
	bool is_behind;
};

/* Only root may ask an engine. */
static void look_at_tunnel(const struct sp_status_here *here, struct view *view)
{
	view->is_up = if_nametoindex(here->iface) != 0;
	view->knows_handshake = view->is_up && sp_handshake_get(here->cli->root, here->iface,
								&view->handshake_ns) == 0;
}

static void look_at_session(const struct sp_profile *profile, struct sp_portal_answer *answer,
			    struct view *view)
{
	view->state = "unknown";
	view->exit_code = sp_portal_ask(profile, "session", NULL, answer);
	if (view->exit_code != SP_EXIT_OK)
		return;
	if (answer->status >= 400) {
		view->exit_code = sp_portal_refused(profile, answer);
		view->state = sp_portal_is(answer, "token-invalid") ? "gone" : "unknown";
		return;
	}
	view->session = json_object_get(answer->body, "session");
	view->state = sp_json_text(view->session, "state");
	if (strcmp(view->state, "live"))
		view->exit_code = SP_EXIT_DEGRADED;
}

/* What a policy has changed since comes into the tunnel with the next `up`. */
static void compare_reach(const struct sp_status_here *here, const struct sp_profile *profile,
			  struct view *view)
{
	__sp_answer struct sp_portal_answer answer = { 0 };
	__sp_free char *carried = NULL, *reached = NULL;
	const char *config;

	if (!view->is_up || strcmp(view->state, "live") ||
	    sp_tunnel_reach_read(here->cli->root, here->iface, &carried) < 0 ||
	    sp_portal_ask_quietly(profile, "session/tunnel", &answer) != SP_EXIT_OK ||
	    answer.status >= 400)
		return;
	config = sp_json_text(json_object_get(answer.body, "tunnel"), "config");
	reached = sp_tunnel_file_get(config, "AllowedIPs");
	view->is_behind = *config && strcmp(carried, reached ? reached : "") != 0;
}

static int print_as_json(const struct sp_status_here *here, const struct sp_profile *profile,
			 const struct view *view)
{
	const int64_t expires_s = sp_when_parse(profile->expires), now_s = sp_clock_realtime_s();
	char handshake[SP_TIME_TEXT_MAX];
	const bool is_ending = expires_s != INT64_MAX && !strcmp(view->state, "live");
	json_t *object;

	object = json_pack(
		"{s:i, s:s, s:s?, s:s?, s:s?, s:s, s:s?, s:o, s:O?, s:{s:s, s:b, s:b, s:s?}}", "v",
		1, "portal", profile->url, "user", profile->user, "idp", profile->idp, "device",
		profile->device, "state", view->state, "expires", profile->expires, "left_s",
		is_ending ? json_integer(expires_s > now_s ? expires_s - now_s : 0) : json_null(),
		"session", view->session, "tunnel", "interface", here->iface, "up", view->is_up,
		"behind", view->is_behind, "last_handshake",
		view->handshake_ns ? sp_time_format(view->handshake_ns, handshake) : NULL);
	sp_cli_print_json(object);
	return view->exit_code;
}

static void print_tunnel(const struct sp_status_here *here, const struct view *view)
{
	const int64_t ago_s = sp_clock_realtime_s() - view->handshake_ns / SP_NS_PER_S;
	char span[SP_WHEN_MAX];

	sp_cli_print("  %-10s %s is ", "tunnel", here->iface);
	if (!view->is_up)
		sp_cli_print("down; next: sudo sallyport up\n");
	else if (!view->knows_handshake)
		sp_cli_print("up; root can see the last handshake\n");
	else if (!view->handshake_ns)
		sp_cli_print("up; no handshake yet: the gateway's UDP port is not reached, or "
			     "nothing was sent\n");
	else
		sp_cli_print("up; last handshake %s ago\n",
			     sp_when_span(ago_s > 0 ? ago_s : 0, span));
}

static void print_behind(const struct view *view)
{
	if (view->is_behind)
		sp_cli_print("  %-10s what you may reach has changed since the tunnel came up; "
			     "next: sudo sallyport up\n",
			     "networks");
}

static void print_session(const struct sp_cli *cli, const struct sp_profile *profile,
			  const struct view *view)
{
	const int64_t now_s = sp_clock_realtime_s(), expires_s = sp_when_parse(profile->expires);
	const bool is_live = !strcmp(view->state, "live");
	const char *ending = json_string_value(json_object_get(view->session, "ending"));
	char when[SP_WHEN_MAX];

	sp_cli_print("%s  %.255s (%.63s)  %s%.63s%s", profile->place,
		     profile->user ? profile->user : "nobody", profile->idp ? profile->idp : "-",
		     sp_cli_paint(cli, is_live ? SP_GREEN : SP_YELLOW), view->state,
		     sp_cli_paint(cli, SP_PLAIN));
	if (is_live || !strcmp(view->state, "unknown"))
		sp_cli_print("%s until %s\n", is_live ? "" : ": as far as it was known here",
			     sp_when_format(expires_s, now_s, when));
	else
		sp_cli_print("; next: sallyport login %s\n", profile->url);
	if (is_live && ending)
		sp_cli_print("  %-10s before its time (%.63s): the provider no longer confirms who "
			     "you are; next: sallyport login %s\n",
			     "ends", ending, profile->url);
	if (view->session)
		sp_session_print(view->session);
	else if (profile->device)
		sp_cli_print("  %-10s %s\n", "device", profile->device);
}

int sp_status_here(struct sp_status_here *here)
{
	__sp_profile struct sp_profile profile = { 0 };
	__sp_answer struct sp_portal_answer answer = { 0 };
	struct view view = { 0 };
	int r;

	sp_portal_wipe_json();
	signal(SIGPIPE, SIG_IGN);
	/* root may read another person's folder, but a watch extends the session and so writes */
	r = sp_profile_open(here->state_dir, here->url, !here->watch, &profile);
	if (r != SP_EXIT_OK)
		return r;
	look_at_session(&profile, &answer, &view);
	look_at_tunnel(here, &view);
	compare_reach(here, &profile, &view);
	if (view.session)
		sp_profile_set(&profile.expires,
			       json_string_value(json_object_get(view.session, "expires")));
	if (here->cli->json) {
		r = print_as_json(here, &profile, &view);
	} else {
		sp_cli_wrap(INDENT);
		print_session(here->cli, &profile, &view);
		print_tunnel(here, &view);
		print_behind(&view);
		sp_cli_wrap(0);
		r = view.exit_code;
	}
	return here->watch && r == SP_EXIT_OK ? sp_watch(here->cli, &profile) : r;
}

/* The whole of `sallyport status` where no gateway can be. */
int sp_cli_status_here(struct sp_cli *cli, int argc, char **argv)
{
	struct sp_status_here here = { .cli = cli, .iface = "sallyport" };
	const struct sp_option options[] = {
		{ "watch", &here.watch, NULL, NULL,
		  "stay, warn before the session ends, extend it" },
		{ "iface", NULL, &here.iface, "NAME", "the tunnel (default: sallyport)" },
		{ "state", NULL, &here.state_dir, "DIR",
		  "where it is kept (default: ~/.config/sallyport)" },
		{ 0 },
	};
	size_t count;
	int r = sp_cli_options(cli, "status", argc, argv, options, &here.url, 1, &count);

	return r != 0 ? sp_cli_options_exit(r) : sp_status_here(&here);
}
