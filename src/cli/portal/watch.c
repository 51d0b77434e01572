/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cli/portal/watch.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "cli/portal/portal_call.h"
#include "cli/portal/session_text.h"
#include "cli/portal/sign_in.h"
#include "cli/screen/render.h"
#include "cli/screen/terminal.h"
#include "cli/screen/when.h"
#include "io/loop/clock.h"

#define LOOK_EVERY_S 30 /* how soon a revocation is told; also how long a sleeping laptop is late */
#define WARN_S 600      /* the default until the portal tells */

enum stage { WATCH_LIVE, WATCH_WARNED, WATCH_ENDED };

struct watch {
	const struct sp_cli *cli;
	struct sp_profile *profile;
	enum stage stage;
	int64_t expires_s, warn_s;
	bool is_unreachable; /* said */
};

static void event_tell(const struct watch *watch, const char *event, const char *text)
{
	if (!watch->cli->json) {
		sp_cli_say("sallyport: %s\n", text);
		return;
	}
	sp_cli_print_json(json_pack("{s:i, s:s, s:s?, s:s}", "v", 1, "event", event, "expires",
				    watch->profile->expires, "message", text));
}

static void take_session(struct watch *watch, json_t *session)
{
	const bool is_live = !strcmp(sp_json_text(session, "state"), "live");
	const char *expires = json_string_value(json_object_get(session, "expires"));
	int64_t expires_s = sp_when_parse(expires);

	if (json_is_integer(json_object_get(session, "warn_s")))
		watch->warn_s = sp_json_integer(session, "warn_s");
	if (!is_live) {
		watch->expires_s = 0;
		return;
	}
	if (expires_s > watch->expires_s && watch->stage != WATCH_LIVE)
		watch->stage = WATCH_LIVE; /* extended, here or elsewhere */
	watch->expires_s = expires_s;
	sp_profile_set(&watch->profile->expires, expires);
}

/* Ask the portal how the session is. If the portal does not answer, say so once. */
static int watch_look(struct watch *watch)
{
	__sp_answer struct sp_portal_answer answer = { 0 };
	const int r = watch->is_unreachable
			      ? sp_portal_ask_quietly(watch->profile, "session", &answer)
			      : sp_portal_ask(watch->profile, "session", NULL, &answer);

	const bool was_unreachable = watch->is_unreachable;

	/* an error of the portal's own, such as a gateway that restarts, counts as no answer */
	watch->is_unreachable = r != SP_EXIT_OK || answer.status >= 500;
	if (r != SP_EXIT_OK)
		return r == SP_EXIT_UNREACHABLE ? SP_EXIT_OK : r;
	if (answer.status >= 500) {
		if (!was_unreachable)
			sp_portal_refused(watch->profile, &answer);
		return SP_EXIT_OK;
	}
	if (answer.status >= 400)
		return sp_portal_refused(watch->profile, &answer);
	if (was_unreachable)
		event_tell(watch, "reachable", "the portal answers again");
	take_session(watch, json_object_get(answer.body, "session"));
	return SP_EXIT_OK;
}

/* Print what has changed since the last look. */
static void watch_step(struct watch *watch, int64_t now_s)
{
	const char *offer = sp_terminal_is_there() ? "; Enter extends it" : "";
	char when[SP_WHEN_MAX], text[200];

	if (now_s >= watch->expires_s && watch->stage != WATCH_ENDED) {
		watch->stage = WATCH_ENDED;
		snprintf(text, sizeof(text), "the session has ended; next: sallyport login %.120s",
			 watch->profile->url);
		event_tell(watch, "ended", text);
	} else if (watch->stage == WATCH_LIVE && watch->expires_s != INT64_MAX &&
		   now_s >= watch->expires_s - watch->warn_s) {
		watch->stage = WATCH_WARNED;
		snprintf(text, sizeof(text), "the session ends at %s%s",
			 sp_when_format(watch->expires_s, now_s, when), offer);
		event_tell(watch, "expires-soon", text);
	}
}

/* Till the next thing to say, at most LOOK_EVERY_S. */
static int sleep_ms(const struct watch *watch, int64_t now_s)
{
	int64_t until = watch->expires_s;

	if (watch->stage == WATCH_LIVE && until != INT64_MAX && until - watch->warn_s > now_s)
		until -= watch->warn_s;
	if (until - now_s > LOOK_EVERY_S)
		return LOOK_EVERY_S * 1000;
	return until > now_s ? (int)(until - now_s) * 1000 : 1000;
}

static int session_extend(struct watch *watch)
{
	__sp_portal_sign_in struct sp_portal_sign_in sign_in = { .cli = watch->cli,
								 .profile = watch->profile,
								 .password_fd = -1 };
	__sp_answer struct sp_portal_answer answer = { 0 };
	char when[SP_WHEN_MAX], text[200];
	bool is_gone = false;
	int r;

	r = sp_portal_sign_in_begin(&sign_in);
	if (r == SP_EXIT_OK)
		r = sp_portal_sign_in_extend(&sign_in, &answer, &is_gone);
	if (is_gone)
		watch->expires_s = 0;
	if (r == SP_EXIT_OK)
		r = sp_session_take(watch->profile, answer.body);
	if (r == SP_EXIT_OK)
		r = sp_profile_save(watch->profile);
	if (r != SP_EXIT_OK)
		return r;
	take_session(watch, json_object_get(answer.body, "session"));
	snprintf(text, sizeof(text), "extended until %s",
		 sp_when_format(watch->expires_s, sp_clock_realtime_s(), when));
	event_tell(watch, "extended", text);
	return SP_EXIT_OK;
}

static void signal_leave(int number)
{
	(void)number;
	_exit(SP_EXIT_OK);
}

int sp_watch(const struct sp_cli *cli, struct sp_profile *profile)
{
	const struct sigaction action = { .sa_handler = signal_leave };
	struct watch watch = {
		.cli = cli,
		.profile = profile,
		.expires_s = sp_when_parse(profile->expires),
		.warn_s = WARN_S,
	};

	sigaction(SIGINT, &action, NULL);
	for (;;) {
		int r = watch_look(&watch);

		if (r != SP_EXIT_OK)
			return r;
		watch_step(&watch, sp_clock_realtime_s());
		if (watch.stage == WATCH_ENDED)
			return SP_EXIT_DEGRADED;
		if (!sp_terminal_is_there()) {
			poll(NULL, 0, sleep_ms(&watch, sp_clock_realtime_s()));
			continue;
		}
		r = sp_terminal_wait_enter(sleep_ms(&watch, sp_clock_realtime_s()));
		if (r < 0)
			return SP_EXIT_OK;
		if (r > 0)
			session_extend(&watch);
	}
}
