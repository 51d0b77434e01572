/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Requests to an engine and their replies. One deadline covers connect, send and receive. */
#include "io/uapi/uapi.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "base/err.h"

#define NS_PER_MS 1000000ll
#define RETRY_MS 5

static int64_t monotonic_ns(void)
{
	struct timespec now = { 0 };

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* Returns 0 when @fd is ready for @events or broken, -ETIMEDOUT at the deadline. */
static int wait_for(int fd, short events, int64_t deadline_ns)
{
	struct pollfd ready = { .fd = fd, .events = events };

	for (;;) {
		int64_t left_ns = deadline_ns - monotonic_ns();
		int r;

		if (left_ns <= 0)
			return -ETIMEDOUT;
		r = poll(&ready, 1, (int)((left_ns + NS_PER_MS - 1) / NS_PER_MS));
		if (r > 0)
			return 0;
		if (r < 0 && errno != EINTR)
			return sp_errno();
	}
}

static int connect_by(const char *socket_path, int64_t deadline_ns, int *ret_fd)
{
	__sp_close int fd = -1;
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	size_t len = strlen(socket_path);

	if (len >= sizeof(address.sun_path))
		return -ENAMETOOLONG;
	memcpy(address.sun_path, socket_path, len);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return sp_errno();
	while (connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0) {
		if (errno == EINTR)
			continue;
		/* EAGAIN: the engine's queue is full, for which poll cannot wait */
		if (errno != EAGAIN)
			return sp_errno();
		if (monotonic_ns() >= deadline_ns)
			return -ETIMEDOUT;
		poll(NULL, 0, RETRY_MS);
	}
	*ret_fd = SP_TAKE_FD(fd);
	return 0;
}

/* Send a request. -EPIPE: the engine closed early, perhaps with a reply that says why, so the
 * caller still reads. */
static int send_by(int fd, const char *data, size_t len, int64_t deadline_ns)
{
	while (len > 0) {
		ssize_t sent = send(fd, data, len, MSG_NOSIGNAL);
		int r;

		if (sent >= 0) {
			data += sent;
			len -= (size_t)sent;
			continue;
		}
		if (errno == EINTR)
			continue;
		if (errno != EAGAIN)
			return sp_errno();
		r = wait_for(fd, POLLOUT, deadline_ns);
		if (r < 0)
			return r;
	}
	return 0;
}

static int receive_by(int fd, int64_t deadline_ns, struct sp_secret_buf *reply)
{
	while (!sp_uapi_is_complete(reply->data, reply->len)) {
		ssize_t got;
		int r = wait_for(fd, POLLIN, deadline_ns);

		if (r == 0 && reply->len >= SP_UAPI_REPLY_MAX)
			r = -EMSGSIZE;
		if (r == 0)
			r = sp_secret_buf_reserve(reply, reply->len ? reply->len : 4096);
		if (r < 0)
			return r;
		got = recv(fd, reply->data + reply->len, reply->size - reply->len, 0);
		if (got == 0 || (got < 0 && errno == ECONNRESET))
			return -EBADMSG; /* ended before the empty line */
		if (got < 0 && errno != EAGAIN && errno != EINTR)
			return sp_errno();
		if (got > 0)
			reply->len += (size_t)got;
	}
	return 0;
}

int sp_uapi_transact(const char *socket_path, int timeout_ms, const char *request, size_t len,
		     struct sp_secret_buf *reply)
{
	__sp_close int fd = -1;
	int64_t deadline_ns;
	int r;

	if (timeout_ms < 1 || timeout_ms > SP_UAPI_TIMEOUT_MAX_MS)
		timeout_ms = SP_UAPI_TIMEOUT_MAX_MS;
	deadline_ns = monotonic_ns() + timeout_ms * NS_PER_MS;
	r = connect_by(socket_path, deadline_ns, &fd);
	if (r < 0)
		return r;
	r = send_by(fd, request, len, deadline_ns);
	if (r < 0 && r != -EPIPE)
		return r;
	return receive_by(fd, deadline_ns, reply);
}

int sp_uapi_get(const char *socket_path, int timeout_ms, struct sp_wg_device *ret_device)
{
	static const char request[] = "get=1\n\n";
	__sp_secret_buf struct sp_secret_buf reply = { 0 };
	int r = sp_uapi_transact(socket_path, timeout_ms, request, strlen(request), &reply);

	return r < 0 ? r : sp_uapi_parse_get(reply.data, reply.len, ret_device);
}

int sp_uapi_send(const char *socket_path, int timeout_ms, const struct sp_uapi_set *set)
{
	__sp_secret_buf struct sp_secret_buf reply = { 0 };
	int r;

	if (set->error || !set->is_finished)
		return set->error ? set->error : -EINVAL;
	r = sp_uapi_transact(socket_path, timeout_ms, set->text.data, set->text.len, &reply);
	return r < 0 ? r : sp_uapi_parse_set(reply.data, reply.len);
}

int sp_uapi_change(const char *socket_path, int timeout_ms, const struct sp_wg_change *change)
{
	__sp_uapi_set struct sp_uapi_set set;
	int r;

	sp_uapi_set_init(&set);
	sp_uapi_set_change(&set, change);
	r = sp_uapi_set_finish(&set);
	return r < 0 ? r : sp_uapi_send(socket_path, timeout_ms, &set);
}
