/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "watchdog/run.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <time.h>

#include "base/err.h"
#include "io/files/files.h"
#include "io/log/log.h"
#include "io/process/notify.h"
#include "io/process/rights.h"
#include "plane/planes.h"
#include "watchdog/rights.h"
#include "watchdog/watchdog.h"

struct process {
	struct sp_paths paths;
	struct sp_loop *loop;
	struct sp_watchdog watchdog;
	struct sp_source signals;
	int lock_fd;
	const char *kill_at; /* for tests of crashes; NULL: nowhere */
	bool is_stopping;
};

/* Whichever plane has kept one: sallyport.yaml, which names the plane, is not needed for it. */
static int return_former(void *arg, struct sp_plane_error *error)
{
	const struct process *process = arg;
	const struct sp_plane_options options = { .paths = &process->paths };
	int result = 1;

	for (size_t i = 0; i < sp_planes.count; i++) {
		const struct sp_plane_ops *ops = sp_planes.items[i];
		int r = ops->return_former ? ops->return_former(&options, error) : 1;

		if (r < 0)
			return r;
		result = r == 0 ? 0 : result;
	}
	return result;
}

static void passed(void *arg, const char *step)
{
	const struct process *process = arg;

	if (process->kill_at && strcmp(process->kill_at, step) == 0)
		raise(SIGKILL);
}

static void take_signal(void *arg, uint32_t events)
{
	struct process *process = arg;
	struct signalfd_siginfo info;

	(void)events;
	while (read(process->signals.fd, &info, sizeof(info)) == sizeof(info))
		process->is_stopping = true;
}

static int watch_signals(struct process *process)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigprocmask(SIG_BLOCK, &set, NULL);
	process->signals = (struct sp_source){
		.fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK),
		.ready = take_signal,
		.arg = process,
	};
	return process->signals.fd < 0 ? sp_errno()
				       : sp_loop_watch(process->loop, &process->signals, EPOLLIN);
}

/* sallyportd, which looks whether we run, may have it for an instant. */
static int take_lock(struct process *process)
{
	const struct timespec instant = { .tv_nsec = 20000000 };
	pid_t holder = 0;
	int r = -EWOULDBLOCK;

	for (int tries = 0; tries < 5 && r == -EWOULDBLOCK; tries++) {
		if (tries)
			nanosleep(&instant, NULL);
		r = sp_lock_take(process->paths.watchdog_lock, &process->lock_fd, &holder);
	}
	if (r == -EWOULDBLOCK)
		sp_log_error("another sallyport-watchdog runs (pid %d): end that one first",
			     (int)holder);
	else if (r < 0)
		sp_log_error("%s: %s", process->paths.watchdog_lock, sp_err_text(r));
	return r;
}

static int begin(struct process *process)
{
	int r = sp_dir_make(process->paths.run_dir, 0755);

	if (r < 0)
		sp_log_error("%s: %s", process->paths.run_dir, sp_err_text(r));
	if (r == 0)
		r = take_lock(process);
	if (r < 0)
		return r;
	r = sp_loop_new(&process->loop);
	if (r == 0)
		r = watch_signals(process);
	process->watchdog = (struct sp_watchdog){
		.loop = process->loop,
		.paths = &process->paths,
		.return_former = return_former,
		.passed = passed,
		.arg = process,
	};
	if (r == 0)
		r = sp_watchdog_begin(&process->watchdog);
	if (r == 0)
		r = sp_watchdog_give_up_rights();
	if (r < 0)
		sp_log_error("it cannot begin: %s", sp_err_text(r));
	return r;
}

static int serve(struct process *process)
{
	const uint64_t sign_ns = sp_notify_watchdog_interval_ns();
	int r = 0;

	(void)sp_notify_ready("waiting");
	while (r == 0 && !process->is_stopping) {
		r = sp_loop_round(process->loop,
				  sign_ns && sign_ns < SP_SECOND_NS ? sign_ns : SP_SECOND_NS);
		(void)sp_notify_watchdog();
	}
	(void)sp_notify_stopping();
	if (r < 0)
		sp_log_error("it cannot wait: %s", sp_err_text(r));
	return r;
}

static void end(struct process *process)
{
	if (process->watchdog.loop)
		sp_watchdog_end(&process->watchdog);
	sp_closep(&process->signals.fd);
	sp_loop_free(process->loop);
	sp_closep(&process->lock_fd);
	sp_paths_done(&process->paths);
}

int sp_watchdog_run(const char *root, const char *kill_at)
{
	struct process process = { .lock_fd = -1, .signals.fd = -1, .kill_at = kill_at };
	int r;

	/* It must not wait for a disk when it has to act. */
	(void)sp_rights_protect_memory();
	r = sp_paths_init(&process.paths, root);
	if (r < 0) {
		sp_log_error("--root: %s", sp_err_text(r));
		return 2;
	}
	r = begin(&process);
	if (r == 0)
		r = serve(&process);
	end(&process);
	return r < 0;
}
