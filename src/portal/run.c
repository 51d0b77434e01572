/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One loop for connections, the gateway, providers and timers. What needs rights is done first
 * (prepare.c), then the rights are dropped, then clients are served. */
#include "portal/run.h"

#include <errno.h>
#include <signal.h>
#include <sodium.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "io/loop/clock.h"
#include "io/log/log.h"
#include "io/loop/loop.h"
#include "io/process/notify.h"
#include "io/process/process.h"
#include "io/process/rights.h"
#include "portal/gate/gate.h"
#include "portal/providers/idp_dir.h"
#include "portal/signin/passwords.h"
#include "portal/portal.h"
#include "portal/server/prepare.h"
#include "portal/rights.h"
#include "portal/routes.h"
#include "portal/providers/report.h"
#include "portal/server/server.h"
#include "portal/server/shown.h"

struct certificate_ask {
	struct sp_gate_request ask; /* first member: the reply's callback casts it back */
	struct process *process;
	bool is_asked;
};

struct process {
	struct certificate_ask certificate;
	struct sp_prepared prepared;
	char gateway[256];
	struct sp_loop *loop;
	struct sp_portal *portal;
	struct sp_gate *gate;
	struct sp_fetcher *fetcher;
	struct sp_passwords *passwords;
	struct sp_server *server;
	struct sp_idp_dir *idp_dir;
	struct sp_source fetcher_source, signal_source;
	struct sp_timer report_timer;
	sigset_t signals;
	const char *kill_at;
	bool is_memory_locked, is_stopping;
};

/* ---- what the portal has done for it ---- */

static void do_ask(void *arg, struct sp_gate_request *ask)
{
	sp_gate_ask(((struct process *)arg)->gate, ask);
}

static void do_drop(void *arg, struct sp_gate_request *ask)
{
	sp_gate_drop(((struct process *)arg)->gate, ask);
}

static int do_check(void *arg, struct sp_password_check *check)
{
	return sp_passwords_check(((struct process *)arg)->passwords, check);
}

static int do_fetch(void *arg, struct sp_http_request *request, const struct sp_fetch_trust *trust,
		    sp_fetched_fn done, void *done_arg, uint64_t *ret_id)
{
	return sp_fetcher_begin(((struct process *)arg)->fetcher, request, trust, done, done_arg,
				ret_id);
}

static void do_cancel(void *arg, uint64_t id)
{
	sp_fetcher_cancel(((struct process *)arg)->fetcher, id);
}

static void do_random(void *arg, void *bytes, size_t len)
{
	(void)arg;
	randombytes_buf(bytes, len);
}

static const struct sp_outside outside = {
	.ask = do_ask,
	.drop = do_drop,
	.check = do_check,
	.fetch = do_fetch,
	.cancel = do_cancel,
	.random = do_random,
};

static void process_set_now(struct process *process)
{
	process->portal->now =
		(struct sp_idp_time){ sp_clock_realtime_s(), sp_clock_boottime_ns() };
}

static void gate_changed(void *arg, bool is_there)
{
	struct process *process = arg;

	process_set_now(process);
	sp_portal_set_gate(process->portal, is_there);
	(void)sp_notify_status(is_there ? "serving" : "waiting for sallyportd");
}

/* ---- signals ---- */

/* Show the certificate to new connections; existing connections, sign-ins and sessions go on. @tls
 * is taken over. */
static void show_certificate(struct process *process, struct sp_tls *tls)
{
	/* the portal reports the fingerprint of this one */
	struct sp_tls *shown = &process->prepared.tls;
	int r = strcmp(tls->fingerprint, shown->fingerprint) ? sp_shown_set(tls->cert, tls->key)
							     : -EALREADY;

	if (r < 0) {
		if (r != -EALREADY)
			sp_log_error("the new certificate cannot be used: %s; the former one stays",
				     sp_err_text(r));
		sp_tls_done(tls);
		return;
	}
	sp_tls_done(shown);
	*shown = *tls;
	process->portal->is_report_due = true;
	sp_log_note("new connections are shown certificate %.16s…", shown->fingerprint);
}

static void told_certificate(struct sp_gate_request *ask, const json_t *reply)
{
	struct certificate_ask *certificate = (struct certificate_ask *)ask;
	const char *cert, *key, *failed = "sallyportd did not give it to us";
	struct sp_tls tls = { 0 };

	certificate->is_asked = false;
	if (json_unpack((json_t *)reply, "{s:s, s:s}", "cert", &cert, "key", &key) == 0 &&
	    sp_tls_parse(cert, key, &tls, &failed) == 0)
		show_certificate(certificate->process, &tls);
	else
		sp_log_error("the certificate: we may not read it, and %s; the former one stays",
			     failed);
}

/* If root alone may read the key, as certbot leaves it, sallyportd reads it for the portal. */
static void ask_certificate(struct process *process)
{
	struct certificate_ask *certificate = &process->certificate;

	if (certificate->is_asked)
		return;
	*certificate = (struct certificate_ask){
		.ask = { .request = json_pack("{s:s}", "op", "portal.certificate"),
			 .done = told_certificate },
		.process = process,
		.is_asked = true,
	};
	sp_gate_ask(process->gate, &certificate->ask);
}

static void process_reload(struct process *process)
{
	struct sp_tls tls = { 0 };
	int r;

	(void)sp_notify_reloading();
	sp_idp_dir_reload(process->idp_dir);
	r = sp_prepare_tls(&process->prepared, &tls);
	if (r == 0)
		show_certificate(process, &tls);
	else if (r == -EACCES)
		ask_certificate(process);
	(void)sp_notify_ready("serving");
}

static void take_signal(void *arg, uint32_t events)
{
	struct process *process = arg;
	struct signalfd_siginfo info;

	(void)events;
	while (read(process->signal_source.fd, &info, sizeof(info)) == sizeof(info)) {
		if (info.ssi_signo == SIGHUP)
			process_reload(process);
		else
			process->is_stopping = true;
	}
}

static int block_signals(struct process *process)
{
	sigemptyset(&process->signals);
	sigaddset(&process->signals, SIGTERM);
	sigaddset(&process->signals, SIGINT);
	sigaddset(&process->signals, SIGHUP);
	if (sigprocmask(SIG_BLOCK, &process->signals, NULL) < 0 ||
	    signal(SIGPIPE, SIG_IGN) == SIG_ERR)
		return sp_errno();
	process->signal_source = (struct sp_source){
		.fd = signalfd(-1, &process->signals, SFD_CLOEXEC | SFD_NONBLOCK),
		.ready = take_signal,
		.arg = process,
	};
	return process->signal_source.fd < 0 ? sp_errno() : 0;
}

/* ---- the start ---- */

static int give_up_rights(const struct process *process)
{
	const struct sp_prepared *prepared = &process->prepared;
	int r = sp_rights_drop(prepared->becomes_user ? &prepared->user : NULL, NULL, 0);

	if (r == 0)
		r = sp_portal_restrict();
	if (r < 0)
		sp_log_error("cannot give up rights: %s", sp_err_text(r));
	return r;
}

static void fetcher_ready(void *arg, uint32_t events)
{
	struct process *process = arg;

	(void)events;
	process_set_now(process);
	sp_fetcher_run(process->fetcher);
}

static int make_portal(struct process *process)
{
	struct sp_portal_config config = {
		.gateway = process->gateway,
		.url = process->prepared.machine->portal_url,
		.fingerprint = process->prepared.tls.fingerprint,
		.kill_at = process->kill_at,
		.pool = process->prepared.machine->gateway.pool,
		.pool_count = process->prepared.machine->gateway.pool_count,
		.routes = &sp_web_routes,
		.outside = &outside,
		.outside_arg = process,
	};
	const struct sp_idp_time now = { sp_clock_realtime_s(), sp_clock_boottime_ns() };
	int r;

	memcpy(config.seal_key, process->prepared.seal_key, sizeof(config.seal_key));
	r = sp_portal_new(&config, &now, &process->portal);
	sp_wipe(config.seal_key, sizeof(config.seal_key));
	if (r == 0)
		process->portal->is_memory_locked = process->is_memory_locked;
	return r;
}

static int process_start(struct process *process)
{
	struct sp_prepared *prepared = &process->prepared;
	int r = sp_loop_new(&process->loop);

	if (r == 0)
		r = sp_loop_watch(process->loop, &process->signal_source, EPOLLIN);
	if (r == 0)
		r = sp_fetcher_new(&process->fetcher);
	if (r == 0) {
		process->fetcher_source = (struct sp_source){ .fd = sp_fetcher_fd(process->fetcher),
							      .ready = fetcher_ready,
							      .arg = process };
		r = sp_loop_watch(process->loop, &process->fetcher_source, EPOLLIN);
	}
	if (r == 0)
		r = sp_passwords_new(process->loop, &process->passwords);
	if (r == 0)
		r = make_portal(process);
	if (r == 0)
		r = sp_gate_new(process->loop, prepared->paths.control_socket, gate_changed,
				process, &process->gate);
	if (r == 0)
		r = sp_idp_dir_new(process->loop, process->portal, prepared->paths.idp_dir,
				   &process->idp_dir);
	if (r == 0)
		r = sp_server_new(process->loop, process->portal, SP_TAKE_FD(prepared->listen_fd),
				  prepared->tls.cert, prepared->tls.key, &process->server);
	if (r < 0)
		sp_log_error("cannot start: %s", sp_err_text(r));
	return r;
}

/* ---- serving ---- */

static uint64_t how_long(const struct process *process, uint64_t wait_ns)
{
	const int fetcher_ms = sp_fetcher_timeout_ms(process->fetcher);
	const uint64_t due_ns = sp_portal_due_ns(process->portal), now_ns = sp_clock_boottime_ns();

	if (fetcher_ms >= 0 && (uint64_t)fetcher_ms * SP_MS_NS < wait_ns)
		wait_ns = (uint64_t)fetcher_ms * SP_MS_NS;
	if (due_ns <= now_ns)
		return 0;
	return due_ns - now_ns < wait_ns ? due_ns - now_ns : wait_ns;
}

static void report_again(void *arg)
{
	struct process *process = arg;

	process->portal->is_report_due = true;
	sp_loop_in(process->loop, &process->report_timer, SP_REPORT_EVERY_S * SP_SECOND_NS);
}

static int process_serve(struct process *process)
{
	int r = 0;

	process->report_timer = (struct sp_timer){ .fire = report_again, .arg = process };
	sp_loop_in(process->loop, &process->report_timer, SP_REPORT_EVERY_S * SP_SECOND_NS);

	sp_log_note("serving %s (certificate %.16s…)", process->portal->url,
		    process->portal->fingerprint);
	(void)sp_notify_ready("serving");
	while (r == 0 && !process->is_stopping) {
		uint64_t wait_ns;

		process_set_now(process);
		sp_portal_run(process->portal);
		sp_fetcher_run(process->fetcher);
		wait_ns = sp_server_run(process->server);
		r = sp_loop_round(process->loop, how_long(process, wait_ns));
	}
	if (r < 0)
		sp_log_error("cannot wait: %s", sp_err_text(r));
	return r;
}

static void process_stop(struct process *process)
{
	(void)sp_notify_stopping();
	sp_server_free(process->server);
	sp_idp_dir_free(process->idp_dir);
	sp_portal_free(process->portal);
	sp_gate_free(process->gate);
	sp_passwords_free(process->passwords);
	sp_fetcher_free(process->fetcher);
	sp_loop_free(process->loop);
	sp_closep(&process->signal_source.fd);
	sp_prepared_done(&process->prepared);
}

int sp_portal_main(const struct sp_portal_options *options)
{
	struct process process = { .signal_source.fd = -1, .kill_at = options->kill_at };
	int code;

	sp_process_begin();
	sp_log_init("sallyport-portal", options->is_verbose);
	process.is_memory_locked = sp_rights_protect_memory();
	if (!process.is_memory_locked)
		sp_log_note("memory that holds keys may be swapped out: the limit on locked memory "
			    "forbids more");
	json_set_alloc_funcs(malloc, sp_free_wiped); /* JSON texts held passwords and tokens */
	if (sodium_init() < 0) {
		sp_log_error("libsodium cannot be used here");
		return EXIT_FAILURE;
	}
	if (gethostname(process.gateway, sizeof(process.gateway) - 1) < 0)
		strcpy(process.gateway, "gateway");
	code = sp_prepare(options->root, options->user, &process.prepared);
	if (code == 0 && (block_signals(&process) < 0 || give_up_rights(&process) < 0 ||
			  process_start(&process) < 0 || process_serve(&process) < 0))
		code = EXIT_FAILURE;
	process_stop(&process);
	return code;
}
