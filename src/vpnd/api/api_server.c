/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "vpnd/api/api_server.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/err.h"
#include "io/files/files.h"
#include "io/loop/clock.h"
#include "vpnd/api/api.h"

#define NS_PER_MS 1000000ull
/* how many bytes one client sends or gets before it is another client's turn */
#define TURN_MAX (256u << 10)
#define CHUNK (64u << 10)
#define PAUSE_MS 1000 /* when the process has no descriptor left for a client */

struct client {
	int fd; /* -1: free */
	struct sp_api_talk *talk;
	uint64_t idle_ns;       /* how long it may be silent */
	uint64_t idle_until_ns; /* boot time */
	uint32_t events;        /* asked of epoll */
	struct sp_secret_buf out;
	size_t told; /* of out */
};

struct sp_api_server {
	const struct sp_api_device *device;
	int epoll_fd, listen_fd, timer_fd, watch_fd;
	/* whether it is in epoll; it is not while there is no room for clients */
	bool is_listening;
	uint64_t listen_again_ns, idle_ns;
	char path[sizeof(((struct sockaddr_un *)0)->sun_path)];
	dev_t dev; /* of the socket's name */
	ino_t ino;
	struct client clients[SP_API_CLIENTS_MAX];
	char in[CHUNK];
};

/* ---- the socket's name ---- */

/* Returns 0: at the path is a socket that nobody listens on, or nothing; -EADDRINUSE; -EEXIST;
 * -errno. */
static int clear_stale(const struct sockaddr_un *address)
{
	__sp_close int fd = -1;
	struct stat st;

	if (lstat(address->sun_path, &st) < 0)
		return errno == ENOENT ? 0 : sp_errno();
	if (!S_ISSOCK(st.st_mode))
		return -EEXIST;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return sp_errno();
	if (connect(fd, (const struct sockaddr *)address, sizeof(*address)) == 0 ||
	    errno != ECONNREFUSED)
		return -EADDRINUSE;
	return unlink(address->sun_path) < 0 && errno != ENOENT ? sp_errno() : 0;
}

/* The name must always stand for a socket that is listened on: wg(8) takes a socket that refuses a
 * connection for left behind and removes it, and we end when the name is removed. So bind under
 * another name, which wg(8) does not read, and rename. */
static int listen_at(struct sp_api_server *server, const struct sockaddr_un *address)
{
	struct sockaddr_un bound = *address;
	struct stat st;
	int r = 0;

	strcat(bound.sun_path, "~");
	r = clear_stale(&bound);
	if (r < 0)
		return r;
	server->listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	/* set the mode on the descriptor: the name never has another one */
	if (server->listen_fd < 0 || fchmod(server->listen_fd, 0600) < 0 ||
	    bind(server->listen_fd, (const struct sockaddr *)&bound, sizeof(bound)) < 0)
		return sp_errno();
	if (lstat(bound.sun_path, &st) < 0 || listen(server->listen_fd, SP_API_CLIENTS_MAX) < 0 ||
	    link(bound.sun_path, address->sun_path) < 0)
		r = sp_errno();
	unlink(bound.sun_path);
	if (r < 0)
		return r;
	strcpy(server->path, address->sun_path); /* from here on the socket is ours to remove */
	server->dev = st.st_dev;
	server->ino = st.st_ino;
	return 0;
}

static bool is_still_ours(const struct sp_api_server *server)
{
	struct stat st;

	return *server->path && lstat(server->path, &st) == 0 && st.st_dev == server->dev &&
	       st.st_ino == server->ino;
}

/* Know when the name goes. */
static int watch_folder(struct sp_api_server *server)
{
	char folder[sizeof(server->path)];
	char *slash;

	strcpy(folder, server->path);
	slash = strrchr(folder, '/');
	if (slash)
		slash[slash == folder] = '\0';
	server->watch_fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	if (server->watch_fd < 0 ||
	    inotify_add_watch(server->watch_fd, slash ? folder : ".",
			      IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | IN_DELETE_SELF) < 0)
		return sp_errno();
	return 0;
}

/* ---- epoll ---- */

static int server_watch(struct sp_api_server *server, int fd, uint32_t events)
{
	struct epoll_event event = { .events = events, .data.fd = fd };

	if (epoll_ctl(server->epoll_fd, EPOLL_CTL_ADD, fd, &event) == 0)
		return 0;
	if (errno != EEXIST || epoll_ctl(server->epoll_fd, EPOLL_CTL_MOD, fd, &event) < 0)
		return sp_errno();
	return 0;
}

static int open_waits(struct sp_api_server *server)
{
	int r;

	server->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	server->timer_fd = timerfd_create(CLOCK_BOOTTIME, TFD_NONBLOCK | TFD_CLOEXEC);
	if (server->epoll_fd < 0 || server->timer_fd < 0)
		return sp_errno();
	r = watch_folder(server);
	if (r == 0)
		r = server_watch(server, server->watch_fd, EPOLLIN);
	if (r == 0)
		r = server_watch(server, server->timer_fd, EPOLLIN);
	if (r == 0)
		r = server_watch(server, server->listen_fd, EPOLLIN);
	server->is_listening = r == 0;
	return r;
}

int sp_api_server_new(const char *socket_path, const struct sp_api_device *device,
		      unsigned int idle_ms, struct sp_api_server **ret_server)
{
	__sp_cleanup(sp_api_server_freep) struct sp_api_server *server = NULL;
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int r;

	if (strlen(socket_path) + strlen("~") >= sizeof(address.sun_path))
		return -ENAMETOOLONG;
	strcpy(address.sun_path, socket_path);
	server = calloc(1, sizeof(*server));
	if (!server)
		return -ENOMEM;
	server->device = device;
	server->idle_ns = idle_ms * NS_PER_MS;
	server->epoll_fd = server->listen_fd = server->timer_fd = server->watch_fd = -1;
	for (size_t i = 0; i < SP_API_CLIENTS_MAX; i++)
		server->clients[i].fd = -1;
	r = sp_dir_make_parent(socket_path, 0755);
	if (r == 0)
		r = clear_stale(&address);
	if (r == 0)
		r = listen_at(server, &address);
	if (r == 0)
		r = open_waits(server);
	if (r < 0)
		return r;
	*ret_server = SP_TAKE_PTR(server);
	return 0;
}

static void hang_up(struct client *client)
{
	sp_api_talk_free(client->talk);
	sp_secret_buf_done(&client->out);
	close(client->fd); /* closing also removes it from epoll */
	*client = (struct client){ .fd = -1 };
}

void sp_api_server_unlink(const struct sp_api_server *server)
{
	if (is_still_ours(server))
		unlink(server->path);
}

void sp_api_server_free(struct sp_api_server *server)
{
	if (!server)
		return;
	for (size_t i = 0; i < SP_API_CLIENTS_MAX; i++)
		if (server->clients[i].fd >= 0)
			hang_up(&server->clients[i]);
	sp_api_server_unlink(server);
	sp_closep(&server->listen_fd);
	sp_closep(&server->watch_fd);
	sp_closep(&server->timer_fd);
	sp_closep(&server->epoll_fd);
	sp_wipe(server, sizeof(*server));
	free(server);
}

int sp_api_server_fd(const struct sp_api_server *server)
{
	return server->epoll_fd;
}

/* ---- one client ---- */

static void note_progress(struct client *client)
{
	client->idle_until_ns = sp_clock_boottime_ns() + client->idle_ns;
}

/* Send what is pending. Returns 1: all was sent; 0: the client takes no more now; -errno: it is
 * gone. */
static int send_out(struct client *client)
{
	while (client->told < client->out.len) {
		ssize_t sent = send(client->fd, client->out.data + client->told,
				    client->out.len - client->told, MSG_NOSIGNAL);

		if (sent < 0 && errno == EINTR)
			continue;
		if (sent < 0)
			return errno == EAGAIN ? 0 : sp_errno();
		client->told += (size_t)sent;
		note_progress(client);
	}
	sp_wipe(client->out.data ? client->out.data : "", client->out.len);
	client->out.len = client->told = 0;
	return 1;
}

/* Produce answers and send them until the client takes no more, or its turn is over. Returns as
 * send_out. */
static int client_tell(struct client *client, size_t *turn)
{
	int r = send_out(client);

	while (r == 1 && sp_api_talk_has_answer(client->talk) && *turn < TURN_MAX) {
		r = sp_api_talk_tell(client->talk, CHUNK, &client->out);
		*turn += client->out.len;
		if (r == 0)
			r = send_out(client);
	}
	return r;
}

/* Read one piece. Bytes after a whole request stay in the socket until the request is answered.
 * Returns 1: something was read; 0: nothing now; -errno. */
static int client_hear(struct sp_api_server *server, struct client *client, size_t *turn)
{
	ssize_t got = recv(client->fd, server->in, sizeof(server->in), MSG_PEEK);
	size_t used;

	if (got < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : sp_errno();
	if (got == 0) {
		sp_api_talk_hear_end(client->talk);
		return 1;
	}
	used = sp_api_talk_hear(client->talk, server->in, (size_t)got);
	sp_wipe(server->in, (size_t)got);
	*turn += used;
	note_progress(client);
	got = used ? recv(client->fd, server->in, used, 0) : 0; /* now for good */
	sp_wipe(server->in, used);
	return got < 0 ? sp_errno() : 1;
}

/* Returns 0; -errno: disconnect the client. */
static int client_serve(struct sp_api_server *server, struct client *client)
{
	size_t turn = 0;
	uint32_t events;
	int r = 1;

	while (r == 1 && turn < TURN_MAX) {
		r = client_tell(client, &turn);
		if (r < 0)
			return r;
		if (r == 0 || sp_api_talk_has_answer(client->talk))
			break;
		if (sp_api_talk_is_over(client->talk))
			return -ENOTCONN;
		r = client_hear(server, client, &turn);
	}
	if (r < 0)
		return r;
	events = client->out.len || sp_api_talk_has_answer(client->talk) ? EPOLLOUT : EPOLLIN;
	if (events == client->events)
		return 0;
	client->events = events;
	return server_watch(server, client->fd, events);
}

/* ---- all of them ---- */

static struct client *find_client(struct sp_api_server *server, int fd)
{
	for (size_t i = 0; i < SP_API_CLIENTS_MAX; i++)
		if (server->clients[i].fd == fd)
			return &server->clients[i];
	return NULL;
}

static int stop_listening(struct sp_api_server *server, uint64_t pause_ns)
{
	server->is_listening = false;
	server->listen_again_ns = sp_clock_boottime_ns() + pause_ns;
	return epoll_ctl(server->epoll_fd, EPOLL_CTL_DEL, server->listen_fd, NULL) < 0 ? sp_errno()
										       : 0;
}

static int accept_one(struct sp_api_server *server)
{
	struct client *client = find_client(server, -1);
	int r;

	if (!client)
		return stop_listening(server, 0); /* until somebody goes */
	client->fd = accept4(server->listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (client->fd < 0) /* no descriptor is left, or the caller went */
		return errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS
			       ? stop_listening(server, PAUSE_MS * NS_PER_MS)
			       : 0;
	client->idle_ns = server->idle_ns;
	note_progress(client);
	client->events = EPOLLIN;
	r = sp_api_talk_new(server->device, &client->talk);
	if (r == 0)
		r = server_watch(server, client->fd, EPOLLIN);
	if (r < 0)
		hang_up(client);
	return 0;
}

static void end_idle(struct sp_api_server *server)
{
	const uint64_t now_ns = sp_clock_boottime_ns();
	uint64_t fired;

	while (read(server->timer_fd, &fired, sizeof(fired)) > 0)
		;
	for (size_t i = 0; i < SP_API_CLIENTS_MAX; i++)
		if (server->clients[i].fd >= 0 && server->clients[i].idle_until_ns <= now_ns)
			hang_up(&server->clients[i]);
}

static int listen_again(struct sp_api_server *server)
{
	int r;

	if (server->is_listening || !find_client(server, -1) ||
	    sp_clock_boottime_ns() < server->listen_again_ns)
		return 0;
	r = server_watch(server, server->listen_fd, EPOLLIN);
	server->is_listening = r == 0;
	return r;
}

/* For the next idle client, or to listen again after a pause. */
static int set_timer(struct sp_api_server *server)
{
	struct itimerspec when = { 0 };
	uint64_t next_ns = UINT64_MAX;

	if (!server->is_listening && find_client(server, -1))
		next_ns = server->listen_again_ns;
	for (size_t i = 0; i < SP_API_CLIENTS_MAX; i++)
		if (server->clients[i].fd >= 0 && server->clients[i].idle_until_ns < next_ns)
			next_ns = server->clients[i].idle_until_ns;
	if (next_ns != UINT64_MAX) {
		when.it_value.tv_sec = (time_t)(next_ns / 1000000000u);
		when.it_value.tv_nsec = (long)(next_ns % 1000000000u);
	}
	return timerfd_settime(server->timer_fd, TFD_TIMER_ABSTIME, &when, NULL) < 0 ? sp_errno()
										     : 0;
}

static int look_at_folder(struct sp_api_server *server)
{
	char events[sizeof(struct inotify_event) + NAME_MAX + 1]
		__attribute__((aligned(__alignof__(struct inotify_event))));

	while (read(server->watch_fd, events, sizeof(events)) > 0)
		;
	return is_still_ours(server) ? 0 : -EIDRM;
}

static int fd_handle(struct sp_api_server *server, int fd)
{
	struct client *client;

	if (fd == server->listen_fd)
		return accept_one(server);
	if (fd == server->watch_fd)
		return look_at_folder(server);
	client = fd == server->timer_fd ? NULL : find_client(server, fd);
	if (client && client_serve(server, client) < 0)
		hang_up(client);
	return 0;
}

int sp_api_server_step(struct sp_api_server *server)
{
	struct epoll_event events[SP_API_CLIENTS_MAX + 3];
	int count = epoll_wait(server->epoll_fd, events, SP_API_CLIENTS_MAX + 3, 0);
	int r = 0;

	if (count < 0)
		return errno == EINTR ? 0 : sp_errno();
	for (int i = 0; i < count && r == 0; i++)
		r = fd_handle(server, events[i].data.fd);
	if (r < 0)
		return r;
	end_idle(server);
	r = listen_again(server);
	return r < 0 ? r : set_timer(server);
}
