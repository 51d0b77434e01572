/* SPDX-License-Identifier: GPL-3.0-or-later */
/* From options to running threads, and the end. What needs rights is done first: the interface,
 * large socket buffers, the API's socket. Then the rights are dropped, and only then are threads
 * made. */
#include "vpnd/run.h"

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "io/files/paths.h"
#include "io/loop/clock.h"
#include "io/loop/loop.h"
#include "io/packets/tun.h"
#include "io/process/notify.h"
#include "io/process/process.h"
#include "io/process/rights.h"
#include "vpnd/api/api_host.h"
#include "vpnd/api/api_server.h"
#include "vpnd/control.h"
#include "vpnd/kept.h"
#include "vpnd/log.h"
#include "vpnd/managed.h"
#include "vpnd/rights.h"
#include "vpnd/starts.h"

#define DEFAULT_MTU 1420
#define DEFAULT_QUEUES_MAX 4
#define LOOK_AGAIN_MS 100

struct process {
	const struct sp_vpnd_options *options;
	struct sp_vpnd vpnd;
	struct sp_vpnd_control control;
	struct sp_api_device api;
	struct sp_api_server *server;
	struct sp_vpnd_worker workers[SP_VPND_QUEUES_MAX];
	struct sp_paths paths;
	struct sp_vpnd_starts *starts; /* NULL: not counted */
	char *socket_path;             /* of the userspace API */
	sigset_t signals;
};

/* ---- the engine and what it is driven by ---- */

static int fill_random(void *arg, uint8_t *ret_bytes, size_t len)
{
	(void)arg;
	return getrandom(ret_bytes, len, 0) == (ssize_t)len ? 0 : -EIO;
}

/* Each thread opens its own log; this one checks that there is one, and names it. */
static int name_aead(struct sp_vpnd *vpnd)
{
	__sp_cleanup(sp_aead_freep) struct sp_aead *aead = NULL;
	int r = sp_aead_new(NULL, &aead);

	if (r < 0)
		sp_vpnd_log("no implementation of ChaCha20-Poly1305 here passes its self-test");
	else
		vpnd->aead_name = sp_aead_name(aead);
	return r;
}

static int make_engine(struct sp_vpnd *vpnd)
{
	const struct sp_wg_config config = { .random = fill_random, .mtu = DEFAULT_MTU };
	int r;

	pthread_mutex_init(&vpnd->lock, NULL);
	pthread_mutex_init(&vpnd->device_lock, NULL);
	vpnd->armed_ns = SP_WG_NEVER;
	atomic_store(&vpnd->mtu, DEFAULT_MTU);
	vpnd->timer_fd = timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK);
	vpnd->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (vpnd->timer_fd < 0 || vpnd->stop_fd < 0)
		return sp_errno();
	r = name_aead(vpnd);
	if (r == 0)
		r = sp_wg_engine_new(&config, &vpnd->engine);
	if (r == 0)
		sp_wg_engine_pause(vpnd->engine); /* until the interface is up */
	return r;
}

/* ---- interface and sockets ---- */

static size_t choose_queue_count(const struct sp_vpnd_options *options)
{
	long processors = sysconf(_SC_NPROCESSORS_ONLN) / 2;

	if (options->queue_count)
		return options->queue_count;
	/* sallyportd makes vpn0 with one queue, so that any engine can use it. */
	if (options->is_managed)
		return 1;
	return processors < 1                    ? 1
	       : processors > DEFAULT_QUEUES_MAX ? DEFAULT_QUEUES_MAX
						 : (size_t)processors;
}

static int open_tun(struct process *process, size_t queue)
{
	struct sp_vpnd *vpnd = &process->vpnd;
	int fd = sp_vpnd_kept_take("tun", queue);

	if (fd >= 0 && sp_tun_queue_adopt(fd, vpnd->name, &vpnd->tuns[queue]) == 0)
		return 0;
	sp_closep(&fd);
	if (process->options->is_managed)
		return sp_vpnd_attach(vpnd->name, process->socket_path, &vpnd->tuns[queue]);
	return sp_tun_queue_open(vpnd->name, SP_TUN_MAKE, vpnd->queue_count > 1, &vpnd->tuns[queue],
				 vpnd->name);
}

static int open_udp(struct sp_vpnd *vpnd, size_t queue)
{
	int fd = sp_vpnd_kept_take("udp", queue);

	if (fd >= 0 && sp_udp_adopt(fd, &vpnd->sockets[queue]) == 0)
		return 0;
	sp_closep(&fd);
	return sp_udp_open(&vpnd->sockets[queue]);
}

static int say_tun_error(const struct sp_vpnd *vpnd, int r)
{
	if (r == -EPERM && if_nametoindex(vpnd->name))
		sp_vpnd_log("cannot open the interface: it belongs to another user, and we lack "
			    "CAP_NET_ADMIN");
	else if (r == -EPERM)
		sp_vpnd_log("cannot make the interface: that takes CAP_NET_ADMIN; run it as root");
	else if (r == -EBUSY)
		sp_vpnd_log("cannot open the interface: another program has it");
	else if (r == -ENOENT)
		sp_vpnd_log("cannot open the interface: there is no /dev/net/tun");
	else if (r == -EINVAL)
		sp_vpnd_log("cannot open the interface: \"%s\" is no name for one, or one of "
			    "another kind has it",
			    vpnd->name);
	else if (r != -ECANCELED)
		sp_vpnd_log("cannot open the interface: %s", sp_err_text(r));
	return r;
}

static int open_queues(struct process *process)
{
	struct sp_vpnd *vpnd = &process->vpnd;
	int r = 0;

	vpnd->queue_count = choose_queue_count(process->options);
	for (size_t i = 0; i < vpnd->queue_count && r == 0; i++) {
		r = open_tun(process, i);
		if (r < 0)
			return say_tun_error(vpnd, r);
		r = open_udp(vpnd, i);
		if (r < 0)
			sp_vpnd_log("cannot make a UDP socket: %s", sp_err_text(r));
	}
	sp_notify_close_kept();
	return r;
}

static int open_link(struct process *process)
{
	struct sp_vpnd_control *control = &process->control;
	int r = sp_netlink_open(&control->netlink);

	if (r == 0)
		r = sp_netlink_monitor_open(&control->monitor);
	if (r == 0 && !process->options->is_managed) {
		(void)sp_netlink_set_mtu(control->netlink, if_nametoindex(process->vpnd.name),
					 DEFAULT_MTU);
		sp_tun_leave_link_local_out(process->vpnd.name);
	}
	if (r < 0)
		sp_vpnd_log("cannot ask about the interface: %s", sp_err_text(r));
	return r;
}

/* ---- the userspace API ---- */

/* Read the interface's name once it is made: the kernel may have chosen it. */
static int find_socket(struct process *process)
{
	int r = sp_paths_engine_socket(&process->paths, process->vpnd.name, &process->socket_path);

	if (r < 0)
		sp_vpnd_log("cannot name the API's socket: %s", sp_err_text(r));
	return r;
}

static int open_api(struct process *process)
{
	const char *path = process->socket_path;
	int r;

	sp_vpnd_fill_api(&process->vpnd, &process->api);
	r = sp_api_server_new(path, &process->api, SP_API_IDLE_MS, &process->server);
	if (r == -EADDRINUSE)
		sp_vpnd_log("%s answers already: another engine serves this interface", path);
	else if (r < 0)
		sp_vpnd_log("cannot serve %s: %s", path, sp_err_text(r));
	return r;
}

static void *serve_api(void *arg)
{
	struct process *process = arg;
	struct pollfd source = { sp_api_server_fd(process->server), POLLIN, 0 };
	int r = 0;

	while (r == 0)
		if (poll(&source, 1, -1) > 0)
			r = sp_api_server_step(process->server);
	if (r != -EIDRM)
		sp_vpnd_log("the API's socket: %s", sp_err_text(r));
	sp_vpnd_stop(&process->vpnd);
	return NULL;
}

/* ---- threads ---- */

static void *run_worker(struct sp_vpnd_worker *worker, int (*body)(struct sp_vpnd_worker *worker),
			const char *what)
{
	int r = body(worker);

	if (r == -EBADFD)
		sp_vpnd_log("the interface is gone");
	else
		sp_vpnd_log("%s stopped: %s", what, sp_err_text(r));
	sp_vpnd_stop(worker->vpnd);
	return NULL;
}

static void *run_transmit(void *arg)
{
	return run_worker(arg, sp_vpnd_transmit, "sending");
}

static void *run_receive(void *arg)
{
	return run_worker(arg, sp_vpnd_receive, "receiving");
}

static int start_thread(void *(*body)(void *arg), void *arg)
{
	pthread_attr_t attributes;
	pthread_t thread;
	int r;

	pthread_attr_init(&attributes);
	pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
	pthread_attr_setstacksize(&attributes, 256 * 1024);
	r = -pthread_create(&thread, &attributes, body, arg);
	pthread_attr_destroy(&attributes);
	return r;
}

static int start_threads(struct process *process)
{
	int r = start_thread(serve_api, process);

	for (size_t i = 0; i < process->vpnd.queue_count && r == 0; i++) {
		process->workers[i] = (struct sp_vpnd_worker){ &process->vpnd, i };
		r = start_thread(run_transmit, &process->workers[i]);
		if (r == 0)
			r = start_thread(run_receive, &process->workers[i]);
	}
	if (r < 0)
		sp_vpnd_log("cannot start a thread: %s", sp_err_text(r));
	return r;
}

/* ---- the process ---- */

/* Become a daemon. @ret_parent: whether this process is the one that returns to the caller's
 * shell. */
static int go_into_background(bool *ret_parent)
{
	__sp_close int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	pid_t pid;

	if (null < 0)
		return sp_errno();
	pid = fork();
	if (pid < 0)
		return sp_errno();
	*ret_parent = pid > 0;
	if (pid > 0)
		return 0;
	(void)setsid();
	if (chdir("/") < 0 || dup2(null, 0) < 0 || dup2(null, 1) < 0 || dup2(null, 2) < 0)
		return sp_errno();
	return 0;
}

static int give_up_rights(const struct sp_vpnd_options *options)
{
	struct sp_user user;
	int r = options->user ? sp_user_find(options->user, &user) : 0;

	if (r == -ENOENT)
		sp_vpnd_log("there is no user \"%s\"", options->user);
	if (r < 0)
		return r;
	/* standing alone, `wg set` may ask for a mark or a low port at any time */
	r = sp_vpnd_drop_rights(options->user ? &user : NULL,
				options->keeps_fwmark || (!options->is_managed && !options->user));
	if (r == 0)
		r = sp_vpnd_restrict_calls();
	if (r < 0)
		sp_vpnd_log("cannot give up rights: %s", sp_err_text(r));
	return r;
}

static int block_signals(struct process *process)
{
	sigemptyset(&process->signals);
	sigaddset(&process->signals, SIGTERM);
	sigaddset(&process->signals, SIGINT);
	sigaddset(&process->signals, SIGHUP);
	if (sigprocmask(SIG_BLOCK, &process->signals, NULL) < 0)
		return sp_errno();
	process->control.signal_fd = signalfd(-1, &process->signals, SFD_CLOEXEC | SFD_NONBLOCK);
	return process->control.signal_fd < 0 ? sp_errno() : 0;
}

/* An engine that ended again and again pauses, so that it does not keep the machine busy. */
static int process_wait(struct process *process)
{
	uint64_t now_ns = sp_clock_boottime_ns(), wait_ns;
	char status[120];

	process->starts = sp_vpnd_starts_open();
	wait_ns = process->starts ? sp_vpnd_starts_note(process->starts, now_ns) : 0;
	if (!wait_ns)
		return 0;
	snprintf(status, sizeof(status),
		 "ended %u times in a row, each within a minute: goes on in %.1f s",
		 process->starts->count, (double)wait_ns / SP_SECOND_NS);
	sp_vpnd_log("%s", status);
	(void)sp_notify_status(status);
	for (wait_ns += now_ns; now_ns < wait_ns; now_ns = sp_clock_boottime_ns()) {
		if (sp_vpnd_is_asked_to_end())
			return -ECANCELED;
		poll(NULL, 0, LOOK_AGAIN_MS);
	}
	return 0;
}

static int check_name(const char *name)
{
	if (strlen(name) < IFNAMSIZ)
		return 0;
	sp_vpnd_log("\"%s\" has %zu bytes, and the name of an interface at most %d", name,
		    strlen(name), IFNAMSIZ - 1);
	return -EINVAL;
}

/* Do everything that can fail through the caller's fault while the caller still reads our
 * messages. */
static int open_all(struct process *process)
{
	const bool is_managed = process->options->is_managed;
	int r = block_signals(process);

	if (r == 0)
		r = process_wait(process);
	if (r == 0)
		r = check_name(process->options->name);
	if (r == 0)
		r = sp_paths_init(&process->paths, is_managed ? process->options->root : "/");
	if (r == 0 && is_managed)
		r = find_socket(process);
	if (r == 0)
		r = make_engine(&process->vpnd);
	if (r == 0)
		r = open_queues(process);
	if (r == 0 && !is_managed)
		r = find_socket(process);
	if (r == 0)
		r = open_link(process);
	if (r == 0)
		r = open_api(process);
	if (r == 0 && is_managed)
		r = sp_vpnd_peers_new(process->paths.peers_file, &process->api,
				      &process->vpnd.peers);
	return r;
}

static int carry_packets(struct process *process)
{
	struct sp_vpnd_control *control = &process->control;
	int r = 0;

	control->vpnd = &process->vpnd;
	if (process->vpnd.peers)
		sp_vpnd_control_load_peers(control);
	if (process->options->is_managed)
		r = sp_vpnd_wait_for_programs(process->vpnd.name, process->server);
	if (r == 0)
		sp_vpnd_control_look(control);
	if (r == 0)
		r = give_up_rights(process->options);
	if (r == 0 && process->vpnd.peers)
		sp_vpnd_call_peers(&process->vpnd);
	if (r == 0 && process->starts) /* before a thread reads a packet that may end us */
		sp_vpnd_starts_carry(process->starts);
	if (r == 0)
		r = start_threads(process);
	if (r < 0)
		return r;
	sp_vpnd_keep_descriptors(&process->vpnd);
	(void)sp_notify_ready("carrying packets");
	return sp_vpnd_control_run(control);
}

/* The threads still run. The engine stays locked for good, so that no thread reads what is being
 * wiped. */
static void process_end(struct process *process, int r)
{
	(void)sp_notify_stopping();
	if (process->vpnd.engine) {
		pthread_mutex_lock(&process->vpnd.lock);
		sp_wg_engine_free(process->vpnd.engine);
	}
	if (process->server)
		sp_api_server_unlink(process->server);
	if (process->starts && (r == 0 || r == -ECANCELED))
		sp_vpnd_starts_forget(process->starts);
}

int sp_vpnd_run(const struct sp_vpnd_options *options)
{
	static struct process process; /* the threads' until the end of the process */
	bool is_parent = false;
	int r;

	sp_process_begin();
	process.options = options;
	snprintf(process.vpnd.name, sizeof(process.vpnd.name), "%s", options->name);
	sp_vpnd_log_init(process.vpnd.name);
	process.vpnd.is_memory_locked = sp_rights_protect_memory();
	r = open_all(&process);
	if (r == 0 && !options->is_foreground)
		r = go_into_background(&is_parent);
	if (is_parent)
		_exit(EXIT_SUCCESS);
	if (!options->is_foreground) /* memory that the parent locked is not locked in a child */
		process.vpnd.is_memory_locked = sp_rights_protect_memory();
	if (r == 0)
		r = carry_packets(&process);
	process_end(&process, r);
	_exit(r == 0 || r == -ECANCELED ? EXIT_SUCCESS : EXIT_FAILURE);
}
