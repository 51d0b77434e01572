/* SPDX-License-Identifier: GPL-3.0-or-later */
/* An engine without an interface behind a socket, for whoever speaks the userspace API: serves
 * until its standard input ends. Port 666 is in use. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/err.h"
#include "io/loop/clock.h"
#include "vpnd/api/api_server.h"

struct process {
	struct sp_api_device api;
	uint16_t listen_port;
	uint32_t fwmark;
};

static int draw(void *arg, uint8_t *ret_bytes, size_t len)
{
	(void)arg;
	return getrandom(ret_bytes, len, 0) == (ssize_t)len ? 0 : -EIO;
}

static void nothing(void *arg)
{
	(void)arg; /* one thread */
}

static void now(void *arg, struct sp_wg_time *ret_now)
{
	(void)arg;
	ret_now->now_ns = sp_clock_boottime_ns();
	ret_now->real_ns = (uint64_t)sp_clock_realtime_ns();
}

static void changed(void *arg)
{
	struct process *process = arg;
	struct sp_wg_datagram *datagram;

	while ((datagram = sp_wg_take_datagram(process->api.engine)))
		free(datagram);
}

static uint16_t get_listen_port(void *arg)
{
	return ((struct process *)arg)->listen_port;
}

static int set_listen_port(void *arg, uint16_t port)
{
	if (port == 666)
		return -EADDRINUSE;
	((struct process *)arg)->listen_port = port;
	return 0;
}

static uint32_t get_fwmark(void *arg)
{
	return ((struct process *)arg)->fwmark;
}

static int set_fwmark(void *arg, uint32_t fwmark)
{
	((struct process *)arg)->fwmark = fwmark;
	return 0;
}

static int write_stats(void *arg, struct sp_secret_buf *reply)
{
	(void)arg;
	(void)reply;
	return 0;
}

static int serve(struct sp_api_server *server)
{
	struct pollfd sources[] = { { sp_api_server_fd(server), POLLIN, 0 }, { 0, POLLIN, 0 } };
	int r = 0;

	while (r == 0) {
		if (poll(sources, 2, -1) < 0)
			return sp_errno();
		if (sources[1].revents)
			return 0;
		if (sources[0].revents)
			r = sp_api_server_step(server);
	}
	return r;
}

int main(int argc, char **argv)
{
	struct process process = { 0 };
	const struct sp_wg_config config = { .random = draw };
	struct sp_api_server *server = NULL;
	int r = argc == 2 ? sp_wg_engine_new(&config, &process.api.engine) : -EINVAL;

	process.api = (struct sp_api_device){
		process.api.engine, &process,        nothing,    nothing,    now,         changed,
		get_listen_port,    set_listen_port, get_fwmark, set_fwmark, write_stats, NULL,
	};
	if (r == 0)
		r = sp_api_server_new(argv[1], &process.api, SP_API_IDLE_MS, &server);
	if (r == 0) {
		printf("ready\n");
		fflush(stdout);
		r = serve(server);
	}
	if (r < 0)
		fprintf(stderr, "serve_engine: %s\n", sp_err_text(r));
	sp_api_server_free(server);
	sp_wg_engine_free(process.api.engine);
	return r < 0;
}
