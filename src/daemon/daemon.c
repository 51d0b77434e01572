/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Start in the one safe order, serve, stop. After a stop the kernel goes on judging without the
 * daemon. */
#include "daemon/daemon.h"

#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/err.h"
#include "base/str.h"
#include "daemon/access/deadlines.h"
#include "daemon/access/people_load.h"
#include "daemon/apply/apply.h"
#include "daemon/apply/detach.h"
#include "daemon/apply/edges.h"
#include "daemon/apply/reload.h"
#include "daemon/rights.h"
#include "io/files/files.h"
#include "io/process/namespace.h"
#include "io/process/notify.h"
#include "io/process/process.h"
#include "io/process/rights.h"

#define RETRY_TICKS 30 /* a revision that failed */
#define FORGET_TICKS 3600
#define KEEP_NS (30ll * 86400 * SP_NS_PER_S) /* closed sessions, for names in old records */
#define EXIT_FAILED 1
#define EXIT_USAGE 2
#define EXIT_INVALID 3

/* ---- before anything is touched ---- */

static int read_machine(struct sp_daemon *daemon)
{
	int r = sp_reload_read_first(&daemon->paths, daemon->options.planes, &daemon->machine);

	return r == 0 ? 0 : r == -EINVAL ? EXIT_INVALID : EXIT_FAILED;
}

static int take_root(struct sp_daemon *daemon)
{
	const char *failed = NULL;
	pid_t holder = 0;
	int r = sp_paths_make_dirs(&daemon->paths, &failed);

	if (r < 0) {
		sp_log_error("cannot make %s: %s", failed ? failed : "a folder", sp_err_text(r));
		return r;
	}
	r = sp_lock_take(daemon->paths.lock_file, &daemon->lock_fd, &holder);
	if (r == -EWOULDBLOCK)
		sp_log_error("another sallyportd (pid %d) serves %s; there is one a root",
			     (int)holder, daemon->paths.root[0] ? daemon->paths.root : "/");
	else if (r < 0)
		sp_log_error("cannot lock %s: %s", daemon->paths.lock_file, sp_err_text(r));
	return r;
}

/* One gateway for each network namespace, whatever their roots: two would undo each other's hooks,
 * lock and routes. If a process without our rights holds the name, that is a nuisance and no
 * gateway. */
static int take_namespace(struct sp_daemon *daemon)
{
	struct sp_namespace_holder holder = { 0 };
	int r = sp_namespace_claim("sallyport-gateway", &daemon->namespace_fd, &holder);

	if (r == -EADDRINUSE && holder.uid != SP_NAMESPACE_UID_UNKNOWN && holder.uid != 0 &&
	    holder.uid != geteuid()) {
		sp_warnings_raise(&daemon->warnings, "namespace-name-taken",
				  "process %d of uid %u holds the name by which gateways of this "
				  "network namespace know each other: a second one would not be "
				  "refused",
				  (int)holder.pid, holder.uid);
		return 0;
	}
	if (r == -EADDRINUSE && holder.pid)
		sp_log_error("another gateway (sallyportd, pid %d) runs in this network namespace: "
			     "there is one each, whatever their --root",
			     (int)holder.pid);
	else if (r == -EADDRINUSE)
		sp_log_error("another gateway runs in this network namespace: there is one each, "
			     "whatever their --root");
	else if (r < 0)
		sp_log_error("holding this network namespace: %s", sp_err_text(r));
	return r;
}

static int open_store(struct sp_daemon *daemon, bool *ret_is_new)
{
	__sp_free char *moved = NULL;
	char error[256] = "";
	int r = sp_store_open(daemon->paths.db_file, &daemon->store, &moved, ret_is_new, error);

	if (r < 0) {
		sp_log_error("database %s: %s", daemon->paths.db_file,
			     error[0] ? error : sp_err_text(r));
		return r;
	}
	if (moved)
		sp_warnings_raise(
			&daemon->warnings, "database-moved",
			"the database was damaged (%.80s): moved to %s; sessions and devices "
			"in it are gone until it is put back, and all sessions have ended",
			error, moved);
	return 0;
}

/* ---- the kernel ---- */

static void plane_step(void *arg, const char *step)
{
	sp_apply_passed(arg, step);
}

/* Open the plane that sallyport.yaml names, or the first one that opens. */
static int open_one_of(struct sp_daemon *daemon, const struct sp_plane_options *options,
		       struct sp_plane_error *error)
{
	const struct sp_plane_list planes = daemon->options.planes;
	const struct sp_plane_ops *named = sp_plane_find(planes, daemon->machine->plane);
	int r = -ENOENT;

	if (named)
		return named->open(options, &daemon->plane, error);
	for (size_t i = 0; r < 0 && i < planes.count; i++)
		r = planes.items[i]->open(options, &daemon->plane, error);
	return r;
}

static int open_plane(struct sp_daemon *daemon)
{
	const struct sp_plane_options options = {
		.paths = &daemon->paths,
		.flows_max = daemon->options.flows_max,
		.step = plane_step,
		.step_arg = &daemon->applies,
	};
	struct sp_plane_error error = { 0 };
	int r = open_one_of(daemon, &options, &error);

	if (r < 0)
		sp_log_error("the plane: %s", error.text[0] ? error.text : sp_err_text(r));
	else if (error.text[0])
		sp_warnings_raise(&daemon->warnings, "pins-private", "%.250s", error.text);
	sp_daemon_lend_plane(daemon);
	return r;
}

/* A running revision goes on. Without one, nothing is forwarded until there is one. */
static int revision_adopt(struct sp_daemon *daemon)
{
	const uint64_t running = sp_plane_running_revision(daemon->plane);
	struct sp_plane_error error = { 0 };
	int r;

	daemon->is_lock_open = daemon->network.is_forwarding_ours = running != 0;
	if (running)
		sp_watch_start(&daemon->watch);
	r = sp_network_lock(&daemon->network, daemon->is_lock_open, &error);
	if (r < 0) {
		sp_log_error("second lock: %s", error.text[0] ? error.text : sp_err_text(r));
		return r;
	}
	if (running) /* changes made while no sallyportd ran */
		sp_watch_look(&daemon->watch);
	if (running)
		sp_log_note("the kernel runs revision %llu: adopted, nothing flushed",
			    (unsigned long long)running);
	sp_confirming_resume(&daemon->applies);
	sp_confirming_look(&daemon->applies);
	/* A third revision has no room while one may return: it is resumed once that has ended. */
	if (sp_confirming_blocks(&daemon->applies) || daemon->applies.under_way)
		return 0;
	r = sp_apply_resume(&daemon->applies);
	if (r == -ENOENT && !running)
		sp_log_note("no policy yet: nothing is attached, nothing forwarded "
			    "(sallyport apply FILE)");
	return 0; /* any other failure was logged, and status shows it */
}

static int open_network(struct sp_daemon *daemon)
{
	bool is_changed;
	int r = sp_netlink_open(&daemon->netlink);

	sp_daemon_lend(daemon);
	if (r == 0)
		r = sp_tunnel_ensure(&daemon->network);
	if (r == 0)
		r = sp_homes_read(&daemon->homes);
	if (r == 0)
		r = sp_network_read(&daemon->network, &is_changed);
	if (r < 0)
		sp_log_error("the network: %s", sp_err_text(r));
	return r;
}

static int load_people(struct sp_daemon *daemon, bool is_new_store)
{
	int r = sp_people_load(&daemon->people, is_new_store);

	if (r < 0)
		sp_log_error("reading devices and sessions: %s; %s", sp_err_text(r),
			     sp_store_error(daemon->store));
	return r;
}

static int load_hits(struct sp_daemon *daemon)
{
	int r = sp_hits_load(&daemon->hits);

	if (r < 0)
		sp_log_error("reading which rules decided: %s; %s", sp_err_text(r),
			     sp_store_error(daemon->store));
	return r;
}

static int load_bans(struct sp_daemon *daemon, bool is_new_store)
{
	int r = sp_bans_load(&daemon->bans, is_new_store);

	if (r < 0)
		sp_log_error("reading the bans: %s; %s", sp_err_text(r),
			     sp_store_error(daemon->store));
	return r;
}

static void open_marks(struct sp_daemon *daemon)
{
	__sp_free char *path = NULL;
	int r = sp_str_format(&path, "%s/accounted", daemon->paths.run_dir);

	if (r == 0)
		r = sp_marks_open(&daemon->marks, path, daemon->people.birth);
	if (r < 0)
		sp_log_error("%s: %s; counts may be recorded twice after a restart",
			     path ? path : "marks", sp_err_text(r));
}

/* ---- crashes on purpose ---- */

void sp_daemon_passed(struct sp_daemon *daemon, const char *step)
{
	const char *kill_at = daemon->options.kill_at;

	if (!kill_at || strcmp(kill_at, step) != 0)
		return;
	sp_log_note("--kill-at %s", step);
	raise(SIGKILL);
}

/* ---- serving ---- */

static void daemon_tick(void *arg)
{
	struct sp_daemon *daemon = arg;

	sp_people_tick(&daemon->people);
	sp_portal_tick(&daemon->portal);
	sp_confirming_look(&daemon->applies);
	if (daemon->namespace_fd >= 0)
		sp_namespace_dismiss(daemon->namespace_fd);
	if (++daemon->ticks % RETRY_TICKS == 0)
		sp_apply_retry(&daemon->applies);
	if (daemon->ticks % FORGET_TICKS == 0)
		sp_store_forget(daemon->store, sp_clock_realtime_ns() - KEEP_NS);
	sp_hits_tick(&daemon->hits);
	sp_notify_watchdog();
	sp_edges_tick(&daemon->applies);
	sp_loop_in(daemon->loop, &daemon->tick_timer, SP_SECOND_NS);
}

static void clock_stepped(void *arg, uint32_t events)
{
	struct sp_daemon *daemon = arg;

	(void)events;
	if (sp_clock_step_ack(daemon->clock_source.fd) < 0)
		sp_loop_forget(daemon->loop, &daemon->clock_source);
	sp_log_note("the clock was set: deadlines are projected again");
	sp_people_reproject(&daemon->people);
	sp_edges_clock_stepped(&daemon->applies);
	sp_bans_reproject(&daemon->bans);
}

static void signal_came(void *arg, uint32_t events)
{
	struct sp_daemon *daemon = arg;
	struct signalfd_siginfo info;

	(void)events;
	if (read(daemon->signal_source.fd, &info, sizeof(info)) != sizeof(info))
		return;
	if (info.ssi_signo == SIGHUP)
		sp_reload_by_signal(&daemon->applies);
	else
		daemon->is_stopping = true;
}

static int watch_signals(struct sp_daemon *daemon)
{
	sigset_t set;
	int fd;

	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
		return sp_errno();
	fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (fd < 0)
		return sp_errno();
	daemon->signal_source = (struct sp_source){ .fd = fd, .ready = signal_came, .arg = daemon };
	return sp_loop_watch(daemon->loop, &daemon->signal_source, EPOLLIN);
}

static int watch_clock(struct sp_daemon *daemon)
{
	int fd, r = sp_clock_watch(&fd);

	if (r < 0)
		return r;
	daemon->clock_source =
		(struct sp_source){ .fd = fd, .ready = clock_stepped, .arg = daemon };
	return sp_loop_watch(daemon->loop, &daemon->clock_source, EPOLLIN);
}

static int open_control(struct sp_daemon *daemon)
{
	const struct sp_control_handler handler = {
		.request = sp_ops_request,
		.gone = sp_ops_gone,
		.arg = &daemon->ops,
	};
	const struct group *group = getgrnam("sallyport");
	const struct sp_control_access access = {
		.gid = group ? group->gr_gid : getegid(),
		.portal_uid = daemon->portal.user.uid,
	};
	int r = sp_control_open(daemon->loop, daemon->paths.control_socket, &access, &handler,
				&daemon->control);

	if (r < 0)
		sp_log_error("cannot listen at %s: %s", daemon->paths.control_socket,
			     sp_err_text(r));
	return r;
}

/* Follow a new interface at once. Other hosts on the links can make us see new routes and
 * addresses, so those wait. */
static void machine_changed(void *arg, bool has_other_hooks)
{
	struct sp_daemon *daemon = arg;

	if (has_other_hooks)
		sp_apply_restage_soon(&daemon->applies, "the network changed");
	else
		sp_apply_restage_paced(&daemon->applies, "the network changed");
}

static int machine_watch(struct sp_daemon *daemon)
{
	int r = sp_network_watch(&daemon->network, machine_changed, daemon);

	if (r == 0)
		r = sp_watch_open(&daemon->watch);
	if (r == 0)
		r = watch_clock(daemon);
	if (r < 0) {
		sp_log_error("watching the machine: %s", sp_err_text(r));
		return r;
	}
	daemon->tick_timer = (struct sp_timer){ .fire = daemon_tick, .arg = daemon };
	sp_loop_in(daemon->loop, &daemon->tick_timer, 0);
	sp_events_start(&daemon->events);
	sp_people_changed(&daemon->people, NULL);
	return open_control(daemon);
}

static int give_up_rights(void)
{
	int r = sp_daemon_give_up_rights();

	if (r < 0)
		sp_log_error("cannot give up rights: %s", sp_err_text(r));
	return r;
}

/* In this order: own the root, learn who is who, own the kernel's state, then policy, then people.
 * With everything opened that takes rights, give up the rights. */
static int daemon_start(struct sp_daemon *daemon)
{
	bool is_new_store = false;
	int r = take_root(daemon);

	if (r == 0)
		r = take_namespace(daemon);
	if (r == 0)
		r = open_store(daemon, &is_new_store);
	if (r == 0)
		r = sp_engine_find_user(&daemon->engine, daemon->options.engine_user);
	if (r == 0)
		r = open_network(daemon);
	if (r == 0)
		r = open_plane(daemon);
	if (r < 0)
		return r;
	sp_recorder_open(&daemon->recorder);
	r = load_people(daemon, is_new_store);
	if (r == 0)
		r = load_bans(daemon, is_new_store);
	if (r == 0)
		r = load_hits(daemon);
	if (r < 0)
		return r;
	open_marks(daemon);
	sp_portal_open(&daemon->portal);
	sp_targets_open(&daemon->targets);
	sp_farewell_open(&daemon->farewell);
	r = sp_engine_open(&daemon->engine);
	if (r < 0) {
		sp_log_error("the tunnel engine: %s", sp_err_text(r));
		return r;
	}
	r = revision_adopt(daemon);
	if (r == 0)
		r = machine_watch(daemon);
	return r < 0 ? r : give_up_rights();
}

static int daemon_serve(struct sp_daemon *daemon)
{
	sp_notify_ready("serving");
	sp_log_note("ready: %s", daemon->paths.control_socket);
	while (!daemon->is_stopping) {
		int r = sp_loop_round(daemon->loop, 60 * SP_SECOND_NS);

		if (r < 0) {
			sp_log_error("the loop: %s", sp_err_text(r));
			return EXIT_FAILED;
		}
	}
	sp_notify_stopping();
	if (daemon->is_detached)
		return SP_DAEMON_DETACHED;
	sp_log_note("stopping; the kernel goes on enforcing");
	return 0;
}

static void daemon_stop(struct sp_daemon *daemon)
{
	sp_control_close(daemon->control);
	if (daemon->plane)
		sp_hits_look(&daemon->hits);
	sp_hits_done(&daemon->hits);
	sp_apply_drop(&daemon->applies);
	sp_again_done(&daemon->applies);
	sp_origins_done(&daemon->origins);
	sp_works_end(&daemon->works);
	sp_recorder_close(&daemon->recorder);
	sp_engine_close(&daemon->engine);
	sp_farewell_close(&daemon->farewell);
	sp_targets_close(&daemon->targets);
	sp_revisions_done(&daemon->revisions);
	sp_portal_close(&daemon->portal);
	sp_watch_close(&daemon->watch);
	sp_drops_close(&daemon->drops);
	sp_bans_done(&daemon->bans);
	sp_people_done(&daemon->people);
	sp_marks_close(&daemon->marks);
	if (daemon->plane)
		sp_plane_close(daemon->plane);
	sp_host_done(&daemon->host);
	sp_homes_close(&daemon->homes);
	sp_network_close(&daemon->network);
	if (daemon->netlink)
		sp_netlink_close(daemon->netlink);
	sp_store_close(daemon->store);
	sp_loop_free(daemon->loop);
	if (daemon->clock_source.ready)
		close(daemon->clock_source.fd);
	if (daemon->signal_source.ready)
		close(daemon->signal_source.fd);
	if (daemon->namespace_fd >= 0)
		close(daemon->namespace_fd);
	if (daemon->lock_fd >= 0)
		close(daemon->lock_fd);
	sp_machine_free(daemon->machine);
	sp_paths_done(&daemon->paths);
}

/* Open its files and take its name. Returns 0 or an exit code. */
static int find_itself(struct sp_daemon *daemon)
{
	int r = sp_paths_init(&daemon->paths, daemon->options.root);

	if (r < 0) {
		sp_log_error("--root: %s", sp_err_text(r));
		return EXIT_FAILED;
	}
	if (daemon->options.gateway_name)
		snprintf(daemon->gateway_name, sizeof(daemon->gateway_name), "%s",
			 daemon->options.gateway_name);
	else if (gethostname(daemon->gateway_name, sizeof(daemon->gateway_name) - 1) < 0)
		strcpy(daemon->gateway_name, "gateway");
	return 0;
}

static int daemon_prepare(struct sp_daemon *daemon)
{
	int r = find_itself(daemon);

	if (r == 0)
		r = read_machine(daemon);
	if (r)
		return r;
	daemon->started_ns = sp_clock_realtime_ns();
	r = sp_loop_new(&daemon->loop);
	if (r == 0)
		r = watch_signals(daemon);
	if (r < 0)
		sp_log_error("the loop: %s", sp_err_text(r));
	return r < 0 ? EXIT_FAILED : 0;
}

static struct sp_daemon *daemon_new(const struct sp_daemon_options *options)
{
	struct sp_daemon *daemon = calloc(1, sizeof(*daemon));

	if (!daemon)
		return NULL;
	daemon->options = *options;
	daemon->lock_fd = daemon->namespace_fd = -1;
	sp_process_begin();
	json_set_alloc_funcs(malloc, sp_free_wiped); /* JSON texts held keys */
	sp_log_init("sallyportd", options->is_verbose);
	return daemon;
}

int sp_daemon_run(const struct sp_daemon_options *options)
{
	__sp_free struct sp_daemon *daemon = daemon_new(options);
	int code;

	if (!daemon)
		return EXIT_FAILED;
	/* memory holds keys; and before Linux 5.11 maps count against the limit that this lifts */
	daemon->is_memory_locked = sp_rights_protect_memory();
	code = daemon_prepare(daemon);
	if (code == 0)
		code = daemon_start(daemon) < 0 ? EXIT_FAILED : daemon_serve(daemon);
	daemon_stop(daemon);
	return code;
}

/* ---- without serving ---- */

static int daemon_unload(struct sp_daemon *daemon)
{
	struct sp_plane_error error = { 0 };
	int r = sp_unload(&daemon->applies, &error);

	if (r < 0)
		sp_log_error("not all is unloaded: %s",
			     error.text[0] ? error.text : sp_err_text(r));
	else
		sp_log_note("unloaded: no packet is judged any more");
	return r < 0 ? EXIT_FAILED : 0;
}

int sp_daemon_unload(const struct sp_daemon_options *options, bool is_confirmed)
{
	__sp_free struct sp_daemon *daemon = daemon_new(options);
	int code;

	if (!daemon)
		return EXIT_FAILED;
	code = find_itself(daemon);
	if (code == 0 && (take_root(daemon) < 0 || take_namespace(daemon) < 0)) {
		sp_log_note("one that runs is taken down by: sallyport detach");
		code = EXIT_FAILED;
	}
	if (code == 0) {
		/* a wrong sallyport.yaml is no reason to refuse: the tunnel is left as it is
		 * then */
		(void)read_machine(daemon);
		sp_daemon_lend(daemon);
		if (!is_confirmed)
			sp_unload_say(&daemon->applies);
		code = is_confirmed ? daemon_unload(daemon) : EXIT_USAGE;
	}
	daemon_stop(daemon);
	return code;
}
