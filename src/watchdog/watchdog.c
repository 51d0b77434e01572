/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "watchdog/watchdog.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/inotify.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "confirm/watched.h"
#include "io/log/log.h"

#define LOOK_EVERY_NS SP_SECOND_NS

/* What keeps it from its work, said when it changes. NULL: nothing does. */
static void say_trouble(struct sp_watchdog *watchdog, const char *what, const char *why)
{
	char trouble[sizeof(watchdog->trouble)] = "";

	if (what)
		snprintf(trouble, sizeof(trouble), "%s: %s", what, why);
	if (strcmp(trouble, watchdog->trouble) != 0 && what)
		sp_log_error("%s (it is tried again every second)", trouble);
	memcpy(watchdog->trouble, trouble, sizeof(trouble));
}

/* ---- watching ---- */

static void forget(struct sp_watchdog *watchdog)
{
	if (!watchdog->is_watching)
		return;
	sp_probing_end(&watchdog->probing);
	watchdog->is_watching = false;
	sp_watched_end(watchdog->paths);
}

/* sallyportd waits for this before it switches. */
static void tell(struct sp_watchdog *watchdog)
{
	int r = sp_watched_write(watchdog->paths, &watchdog->window);

	if (r < 0)
		say_trouble(watchdog, watchdog->paths->watchdog_file, sp_err_text(r));
}

static void watch(struct sp_watchdog *watchdog, const struct sp_pending *pending)
{
	const struct sp_pending *known = &watchdog->window.pending;

	if (watchdog->is_watching && known->revision == pending->revision &&
	    known->begun_ns == pending->begun_ns)
		return;
	forget(watchdog);
	sp_window_begin(&watchdog->window, pending, sp_clock_boottime_ns());
	watchdog->is_watching = true;
	sp_probing_begin(&watchdog->probing, pending->targets, pending->target_count);
	tell(watchdog);
	sp_log_note("revision %" PRIu64 " (generation %s, by %s) waits to be confirmed; else "
		    "revision %" PRIu64 " returns",
		    pending->revision, pending->generation, pending->who, pending->former);
	watchdog->passed(watchdog->arg, "watched");
}

static void take_probe(void *arg, size_t index, int result)
{
	struct sp_watchdog *watchdog = arg;
	const struct sp_window_target before = watchdog->window.targets[index];
	char text[SP_TARGET_TEXT_MAX];

	sp_window_take(&watchdog->window, index, result, sp_clock_boottime_ns());
	if (result < 0 && !before.failed)
		sp_log_note("%s is not reached: %s",
			    sp_target_format(&watchdog->window.pending.targets[index], text),
			    sp_err_text(result));
	if (result < 0 || !before.reached)
		tell(watchdog);
}

/* ---- the ends ---- */

/* The plane first, then the file: who finds it reverting does it again, which does no harm. */
static void revert(struct sp_watchdog *watchdog, const struct sp_pending *pending)
{
	struct sp_plane_error error = { 0 };
	int r = watchdog->return_former(watchdog->arg, &error);

	if (r < 0) {
		say_trouble(watchdog, "letting the former revision return",
			    error.text[0] ? error.text : sp_err_text(r));
		return;
	}
	watchdog->passed(watchdog->arg, "returned");
	say_trouble(watchdog, NULL, NULL);
	if (r == 0)
		sp_log_note("revision %" PRIu64 " (generation %s) runs again", pending->former,
			    pending->former_generation);
	else
		sp_log_note("nothing returned: no revision was switched to");
	r = sp_pending_move(watchdog->paths, SP_PENDING_REVERTING, SP_PENDING_REVERTED);
	if (r < 0)
		say_trouble(watchdog, watchdog->paths->reverted_file, sp_err_text(r));
	else
		watchdog->passed(watchdog->arg, "reverted");
}

/* Of two who end it, the other was first if the file is gone. */
static bool claim(struct sp_watchdog *watchdog, enum sp_pending_state end)
{
	int r = sp_pending_move(watchdog->paths, SP_PENDING_OPEN, end);

	if (r < 0 && r != -ENOENT)
		say_trouble(watchdog, watchdog->paths->pending_file, sp_err_text(r));
	return r == 0;
}

static void end_unconfirmed(struct sp_watchdog *watchdog, const struct sp_pending *pending,
			    const char *why)
{
	if (!claim(watchdog, SP_PENDING_REVERTING))
		return;
	sp_log_note("revision %" PRIu64 " %s: revision %" PRIu64 " returns", pending->revision, why,
		    pending->former);
	watchdog->passed(watchdog->arg, "claimed");
	revert(watchdog, pending);
}

static void end_confirmed(struct sp_watchdog *watchdog)
{
	if (!claim(watchdog, SP_PENDING_CONFIRMED))
		return;
	sp_log_note("revision %" PRIu64 " is confirmed: what was to be reached was reached all the "
		    "time",
		    watchdog->window.pending.revision);
	watchdog->passed(watchdog->arg, "confirmed");
}

static void judge(struct sp_watchdog *watchdog)
{
	const struct sp_window *window = &watchdog->window;

	switch (sp_window_judge(window, sp_clock_boottime_ns(), watchdog->boot_id)) {
	case SP_WINDOW_WAITS:
		return;
	case SP_WINDOW_CONFIRMS:
		end_confirmed(watchdog);
		break;
	case SP_WINDOW_REVERTS:
		end_unconfirmed(watchdog, &window->pending, "was not confirmed in time");
		break;
	}
}

/* A file that nobody can read holds a deadline that nobody knows: it is over now. */
static void look_at(struct sp_watchdog *watchdog, enum sp_pending_state state,
		    const struct sp_pending *pending, int read)
{
	if (state == SP_PENDING_REVERTING) {
		revert(watchdog, pending);
	} else if (state == SP_PENDING_OPEN && read == -EBADMSG) {
		end_unconfirmed(watchdog, pending, "waits in a file that cannot be read");
	} else if (state == SP_PENDING_OPEN) {
		watch(watchdog, pending);
		judge(watchdog);
	}
}

void sp_watchdog_look(struct sp_watchdog *watchdog)
{
	enum sp_pending_state state = SP_PENDING_NONE;
	struct sp_pending pending;
	char why[80];
	int r = sp_pending_read(watchdog->paths, &state, &pending, why);

	if (r < 0 && r != -EBADMSG)
		say_trouble(watchdog, watchdog->paths->run_dir, sp_err_text(r));
	else
		look_at(watchdog, state, &pending, r);
	if (state != SP_PENDING_OPEN)
		forget(watchdog);
}

/* ---- when it looks ---- */

static void fire(void *arg)
{
	struct sp_watchdog *watchdog = arg;
	const uint64_t now_ns = sp_clock_boottime_ns();
	uint64_t due_ns = now_ns + LOOK_EVERY_NS;

	sp_watchdog_look(watchdog);
	if (watchdog->is_watching && watchdog->window.pending.deadline_ns > now_ns &&
	    watchdog->window.pending.deadline_ns < due_ns)
		due_ns = watchdog->window.pending.deadline_ns;
	sp_loop_at(watchdog->loop, &watchdog->timer, due_ns);
}

static void folder_changed(void *arg, uint32_t events)
{
	struct sp_watchdog *watchdog = arg;
	char buf[4096] __attribute__((aligned(8)));

	(void)events;
	while (read(watchdog->folder.fd, buf, sizeof(buf)) > 0)
		;
	sp_loop_in(watchdog->loop, &watchdog->timer, 0);
}

static int watch_folder(struct sp_watchdog *watchdog)
{
	watchdog->folder = (struct sp_source){
		.fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC),
		.ready = folder_changed,
		.arg = watchdog,
	};
	if (watchdog->folder.fd < 0)
		return sp_errno();
	if (inotify_add_watch(watchdog->folder.fd, watchdog->paths->run_dir,
			      IN_MOVED_TO | IN_DELETE) < 0)
		return sp_errno();
	return sp_loop_watch(watchdog->loop, &watchdog->folder, EPOLLIN);
}

int sp_watchdog_begin(struct sp_watchdog *watchdog)
{
	int r = sp_clock_boot_id(watchdog->boot_id);

	watchdog->probing = (struct sp_probing){
		.loop = watchdog->loop,
		.take = take_probe,
		.arg = watchdog,
	};
	watchdog->timer = (struct sp_timer){ .fire = fire, .arg = watchdog };
	watchdog->folder.fd = -1;
	if (r == 0)
		r = watch_folder(watchdog);
	if (r == 0)
		sp_loop_in(watchdog->loop, &watchdog->timer, 0);
	return r;
}

void sp_watchdog_end(struct sp_watchdog *watchdog)
{
	sp_probing_end(&watchdog->probing);
	sp_loop_drop(watchdog->loop, &watchdog->timer);
	sp_loop_forget(watchdog->loop, &watchdog->folder);
	sp_closep(&watchdog->folder.fd);
	watchdog->folder.fd = -1;
}
