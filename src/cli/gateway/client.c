/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cli/gateway/client.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "io/files/paths.h"
#include "json/own.h"

#define REPLY_TIMEOUT_S 120 /* an apply compiles, loads and tests */

static int open_socket(const char *path, int *ret_fd)
{
	const struct timeval timeout = { .tv_sec = REPLY_TIMEOUT_S };
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	__sp_close int fd = -1;

	if (strlen(path) >= sizeof(address.sun_path))
		return -ENAMETOOLONG;
	strcpy(address.sun_path, path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return sp_errno();
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout));
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		return sp_errno();
	*ret_fd = SP_TAKE_FD(fd);
	return 0;
}

static int fail_unreachable(const char *path, int r)
{
	if (r == -EACCES || r == -EPERM)
		return sp_cli_fail(
			SP_EXIT_NOT_PERMITTED,
			"not permitted to use %s: run as root or as a member of its group", path);
	return sp_cli_fail(
		SP_EXIT_UNREACHABLE, "sallyportd does not answer at %s: %s%s", path, sp_err_text(r),
		r == -ENOENT || r == -ECONNREFUSED ? " (start it: systemctl start sallyportd; one "
						     "with a root of its own: --root)"
						   : "");
}

static int connect_daemon(const struct sp_cli *cli, int *ret_fd)
{
	__sp_paths struct sp_paths paths = { 0 };
	int r;

	r = sp_paths_init(&paths, cli->root);
	if (r < 0)
		return sp_cli_fail(SP_EXIT_USAGE, "--root %s: %s", cli->root ? cli->root : "/",
				   sp_err_text(r));
	r = open_socket(paths.control_socket, ret_fd);
	return r < 0 ? fail_unreachable(paths.control_socket, r) : SP_EXIT_OK;
}

static int send_all(int fd, const char *bytes, size_t len)
{
	while (len) {
		const ssize_t sent = send(fd, bytes, len, MSG_NOSIGNAL);

		if (sent < 0 && errno == EINTR)
			continue;
		if (sent < 0)
			return sp_errno();
		bytes += sent;
		len -= sent;
	}
	return 0;
}

static int send_request(int fd, const char *op, json_t *fields, const char *text, size_t text_len)
{
	__sp_free char *line = NULL;
	int r;

	json_object_set_new(fields, "v", json_integer(1));
	json_object_set_new(fields, "id", json_integer(1));
	json_object_set_new(fields, "op", json_string(op));
	if (text)
		json_object_set_new(fields, "text_bytes", json_integer(text_len));
	line = json_dumps(fields, JSON_COMPACT);
	if (!line)
		return -ENOMEM;
	r = send_all(fd, line, strlen(line));
	if (r >= 0)
		r = send_all(fd, "\n", 1);
	if (r >= 0 && text)
		r = send_all(fd, text, text_len);
	return r;
}

static sp_client_interrupt_fn on_interrupt;

void sp_client_on_interrupt(sp_client_interrupt_fn take)
{
	on_interrupt = take;
}

/* Read one line as JSON. NULL with errno 0: the daemon closed the connection. */
static json_t *read_reply(FILE *stream)
{
	__sp_free char *line = NULL;
	size_t size = 0;

	errno = 0;
	while (getline(&line, &size, stream) < 0) {
		if (errno != EINTR || !on_interrupt || !on_interrupt())
			return NULL;
		clearerr(stream);
		errno = 0;
	}
	errno = EBADMSG;
	return json_loads(line, 0, NULL);
}

static const char *error_text(json_t *reply, const char *key)
{
	const char *text = json_string_value(json_object_get(json_object_get(reply, "error"), key));

	return text ? text : "";
}

static int reply_exit(json_t *reply)
{
	json_t *exit_code = json_object_get(json_object_get(reply, "error"), "exit");

	if (json_is_true(json_object_get(reply, "ok")))
		return SP_EXIT_OK;
	return json_is_integer(exit_code) ? (int)json_integer_value(exit_code) : SP_EXIT_FAILED;
}

static int fail_no_reply(void)
{
	if (errno == EINTR)
		return SP_EXIT_UNREACHABLE; /* a caller that catches signals prints it itself */
	if (errno == EAGAIN)
		return sp_cli_fail(SP_EXIT_UNREACHABLE, "sallyportd did not answer within %d s",
				   REPLY_TIMEOUT_S);
	return sp_cli_fail(SP_EXIT_UNREACHABLE,
			   "sallyportd closed the connection without an answer");
}

static int exchange_once(const struct sp_cli *cli, const char *op, json_t *fields, const char *text,
			 size_t text_len, FILE **ret_stream, json_t **ret_reply)
{
	__sp_json json_t *taken = fields;
	__sp_fclose FILE *stream = NULL;
	__sp_close int fd = -1;
	int r;

	r = connect_daemon(cli, &fd);
	if (r != SP_EXIT_OK)
		return r;
	/* A daemon that refuses a request midway (too long, not permitted) has sent the reason
	 * before it closed. */
	send_request(fd, op, taken, text, text_len);
	stream = fdopen(fd, "r");
	if (!stream)
		return sp_cli_fail(SP_EXIT_FAILED, "out of memory");
	SP_TAKE_FD(fd);
	*ret_reply = read_reply(stream);
	if (!*ret_reply)
		return fail_no_reply();
	*ret_stream = SP_TAKE_PTR(stream);
	return reply_exit(*ret_reply);
}

int sp_client_call_with_text(const struct sp_cli *cli, const char *op, json_t *fields,
			     const char *text, size_t text_len, json_t **ret_reply)
{
	__sp_fclose FILE *stream = NULL;
	int r;

	*ret_reply = NULL;
	r = exchange_once(cli, op, fields, text, text_len, &stream, ret_reply);
	if (r != SP_EXIT_OK && *ret_reply) {
		const char *code = error_text(*ret_reply, "code");

		if (strcmp(code, "policy-invalid") && strcmp(code, "tests-failed"))
			sp_cli_fail_as(r, code, error_text(*ret_reply, "message"));
	}
	return r;
}

int sp_client_call(const struct sp_cli *cli, const char *op, json_t *fields, json_t **ret_reply)
{
	__sp_fclose FILE *stream = NULL;
	__sp_json json_t *reply = NULL;
	int r;

	r = exchange_once(cli, op, fields, NULL, 0, &stream, &reply);
	if (r == SP_EXIT_OK) {
		*ret_reply = SP_TAKE_PTR(reply);
		return r;
	}
	if (reply)
		sp_cli_fail_as(r, error_text(reply, "code"), error_text(reply, "message"));
	return r;
}

json_t *sp_client_try(const struct sp_cli *cli, const char *op)
{
	__sp_json json_t *fields = json_object();
	__sp_paths struct sp_paths paths = { 0 };
	__sp_fclose FILE *stream = NULL;
	__sp_close int fd = -1;

	if (sp_paths_init(&paths, cli->root) < 0 || open_socket(paths.control_socket, &fd) < 0 ||
	    send_request(fd, op, fields, NULL, 0) < 0)
		return NULL;
	stream = fdopen(fd, "r");
	if (!stream)
		return NULL;
	SP_TAKE_FD(fd);
	return read_reply(stream);
}

int sp_client_follow(const struct sp_cli *cli, const char *op, json_t *fields,
		     sp_client_event_fn take_first, sp_client_event_fn take, void *arg)
{
	const struct timeval forever = { 0 };
	__sp_fclose FILE *stream = NULL;
	__sp_json json_t *reply = NULL;
	int r;

	r = exchange_once(cli, op, fields, NULL, 0, &stream, &reply);
	if (r == SP_EXIT_OK)
		r = take_first(arg, reply);
	else if (reply)
		sp_cli_fail_as(r, error_text(reply, "code"), error_text(reply, "message"));
	if (stream)
		setsockopt(fileno(stream), SOL_SOCKET, SO_RCVTIMEO, &forever, sizeof(forever));
	while (r == SP_EXIT_OK) {
		__sp_json json_t *line = read_reply(stream);

		if (!line)
			return SP_CLIENT_CLOSED;
		r = take(arg, json_object_get(line, "event"));
	}
	return r;
}

int sp_client_add_duration(const char *option, const char *text, json_t *fields, const char *key)
{
	char *end;
	long long seconds, unit;

	errno = 0;
	seconds = strtoll(text, &end, 10);
	unit = !*end || !strcmp(end, "s") ? 1
	       : !strcmp(end, "m")        ? 60
	       : !strcmp(end, "h")        ? 3600
	       : !strcmp(end, "d")        ? 86400
					  : 0;
	if (end == text || errno || !unit || seconds < 0 || seconds > 366LL * 86400 / unit)
		return sp_cli_fail(SP_EXIT_USAGE,
				   "--%s %s: write 90s, 30m, 10h or 7d (at most a year)", option,
				   text);
	json_object_set_new(fields, key, json_integer(seconds * unit));
	return SP_EXIT_OK;
}
