/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "portal/server.h"

#include <errno.h>
#include <malloc.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "io/clock.h"
#include "io/log.h"
#include "portal/exchange.h"

#define REQUEST_NS (10 * SP_SECOND_NS) /* first byte (or connect, or the last answer) to last byte */
#define HURRY_NS (2 * SP_SECOND_NS)    /* the same when connections are scarce */
#define ANSWER_NS (10 * SP_SECOND_NS)  /* for the client to take it */
#define THINK_NS (60 * SP_SECOND_NS)   /* longer than any exchange waits */
#define SWEEP_NS (250 * SP_MS_NS)
#define SCARCE (SP_CONNECTIONS_MAX * 3 / 4)
#define POOL_BYTES 16384u              /* headers and reading, of each connection */
#define OVERLONG_MAX (1u << 20)        /* of a body without a length: read to its end for an answer */

struct connection {
	struct sp_server *server;
	int fd;
	struct sp_addr from;
	uint64_t due_ns;
	struct connection *next, *previous;
};

/* A request on its way in or being answered. */
struct call {
	struct sp_exchange exchange; /* first: its callback gets the call by it */
	struct connection *connection;
	struct MHD_Connection *mhd;
	bool is_begun;
	bool is_suspended;
	size_t body_len;
	char *body; /* SP_BODY_MAX bytes once there is one */
	struct call *next, *previous;
};

struct sp_server {
	struct sp_loop *loop;
	struct sp_portal *portal;
	struct MHD_Daemon *daemon;
	struct sp_source source; /* libmicrohttpd's epoll */
	struct sp_timer sweep;
	struct connection *connections;
	struct call *calls;
	size_t connection_count;
};

/* ---- connections ---- */

static struct sp_addr address_of(const struct sockaddr *address)
{
	struct sp_addr from = { 0 };

	if (address->sa_family == AF_INET)
		return sp_addr_from_v4((const uint8_t *)&((const struct sockaddr_in *)address)->sin_addr);
	if (address->sa_family == AF_INET6)
		memcpy(from.b, &((const struct sockaddr_in6 *)address)->sin6_addr, sizeof(from.b));
	return from;
}

static bool are_neighbours(const struct sp_addr *a, const struct sp_addr *b)
{
	return memcmp(a->b, b->b, sp_addr_is_v4(a) ? sizeof(a->b) : 8) == 0;
}

static enum MHD_Result may_connect(void *arg, const struct sockaddr *address, socklen_t len)
{
	const struct sp_server *server = arg;
	const struct sp_addr from = address_of(address);
	size_t count = 0;

	(void)len;
	for (const struct connection *one = server->connections; one; one = one->next)
		count += are_neighbours(&from, &one->from);
	return count < SP_CONNECTIONS_PER_ADDRESS ? MHD_YES : MHD_NO;
}

static void set_due(struct connection *connection, uint64_t delay_ns)
{
	connection->due_ns = sp_clock_boottime_ns() + delay_ns;
}

/* It is to bring a request. */
static void expect_request(struct connection *connection)
{
	set_due(connection, connection->server->connection_count > SCARCE ? HURRY_NS : REQUEST_NS);
}

static void connect_one(struct sp_server *server, struct MHD_Connection *mhd, void **socket_context)
{
	struct connection *connection = calloc(1, sizeof(*connection));

	*socket_context = connection;
	if (!connection)
		return; /* requests on it are refused */
	connection->server = server;
	connection->fd = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
	connection->from = address_of(MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CLIENT_ADDRESS)->client_addr);
	connection->next = server->connections;
	if (connection->next)
		connection->next->previous = connection;
	server->connections = connection;
	server->connection_count++;
	expect_request(connection);
}

static void disconnect_one(struct sp_server *server, struct connection *connection)
{
	*(connection->previous ? &connection->previous->next : &server->connections) = connection->next;
	if (connection->next)
		connection->next->previous = connection->previous;
	server->connection_count--;
	free(connection);
}

static void connection_changed(void *arg, struct MHD_Connection *mhd, void **socket_context,
			       enum MHD_ConnectionNotificationCode code)
{
	if (code == MHD_CONNECTION_NOTIFY_STARTED)
		connect_one(arg, mhd, socket_context);
	else if (*socket_context)
		disconnect_one(arg, *socket_context);
}

/* libmicrohttpd notices an end of its peer, whoever made it. */
static void sweep(void *arg)
{
	struct sp_server *server = arg;
	const uint64_t now_ns = sp_clock_boottime_ns();

	for (struct connection *connection = server->connections; connection; connection = connection->next) {
		if (connection->due_ns > now_ns)
			continue;
		(void)shutdown(connection->fd, SHUT_RDWR);
		connection->due_ns = UINT64_MAX;
	}
	sp_loop_in(server->loop, &server->sweep, SWEEP_NS);
}

/* ---- answers ---- */

static void free_wiped(void *text)
{
	if (text)
		sp_wipe(text, malloc_usable_size(text));
	free(text);
}

static enum MHD_Result send_response(struct MHD_Connection *mhd, struct sp_response *response)
{
	struct MHD_Response *reply;
	enum MHD_Result result;
	char number[24];

	reply = MHD_create_response_from_buffer_with_free_callback(response->len, SP_TAKE_PTR(response->body),
								   free_wiped);
	if (!reply)
		return MHD_NO;
	MHD_add_response_header(reply, "Content-Type", "application/json");
	MHD_add_response_header(reply, "Cache-Control", "no-store");
	MHD_add_response_header(reply, "X-Content-Type-Options", "nosniff");
	if (response->allow)
		MHD_add_response_header(reply, "Allow", response->allow);
	if (response->closes)
		MHD_add_response_header(reply, "Connection", "close");
	if (response->retry_after_s > 0) {
		snprintf(number, sizeof(number), "%lld", (long long)response->retry_after_s);
		MHD_add_response_header(reply, "Retry-After", number);
	}
	result = MHD_queue_response(mhd, (unsigned int)response->status, reply);
	MHD_destroy_response(reply);
	return result;
}

static enum MHD_Result answer(struct call *call)
{
	set_due(call->connection, ANSWER_NS);
	return send_response(call->mhd, &call->exchange.response);
}

static void answered(struct sp_exchange *exchange)
{
	struct call *call = (struct call *)exchange;

	if (!call->is_suspended)
		return;
	call->is_suspended = false;
	MHD_resume_connection(call->mhd); /* asks us again, and gets the answer */
}

/* ---- requests ---- */


static enum MHD_Result see_header(void *arg, enum MHD_ValueKind kind, const char *key, const char *value)
{
	struct sp_portal_request *request = arg;

	(void)kind;
	if (strcasecmp(key, "Host") == 0) {
		request->host_count++;
	} else if (strcasecmp(key, "Content-Length") == 0) {
		request->length_count++;
		request->content_length = value ? value : "";
	} else if (strcasecmp(key, "Transfer-Encoding") == 0) {
		request->coding_count++;
	} else if (strcasecmp(key, "Content-Type") == 0) {
		request->content_type = value;
	} else if (strcasecmp(key, "Authorization") == 0) {
		request->authorization = value;
	}
	return MHD_YES;
}

static void read_headers(struct call *call, struct sp_portal_request *request)
{
	MHD_get_connection_values(call->mhd, MHD_HEADER_KIND, see_header, request);
	request->header_bytes =
		MHD_get_connection_info(call->mhd, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE)->header_size;
	request->from = call->connection->from;
}

static struct call *call_new(struct sp_server *server, struct MHD_Connection *mhd)
{
	const union MHD_ConnectionInfo *info = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
	struct call *call = info->socket_context ? calloc(1, sizeof(*call)) : NULL;

	if (!call)
		return NULL;
	call->connection = info->socket_context;
	call->mhd = mhd;
	call->exchange.answered = answered;
	call->next = server->calls;
	if (call->next)
		call->next->previous = call;
	server->calls = call;
	return call;
}

/* The headers are there. What they alone refuse is answered before any of the body. */
static enum MHD_Result take_headers(struct call *call, struct sp_portal_request *request)
{
	read_headers(call, request);
	if (sp_request_check_form(request, &call->exchange.response) < 0)
		return answer(call);
	return MHD_YES;
}

static enum MHD_Result take_body(struct call *call, const char *bytes, size_t len)
{
	if (!call->body)
		call->body = malloc(SP_BODY_MAX);
	if (!call->body)
		return MHD_NO;
	if (call->body_len + len <= SP_BODY_MAX)
		memcpy(call->body + call->body_len, bytes, len);
	call->body_len += len;
	return call->body_len > OVERLONG_MAX ? MHD_NO : MHD_YES;
}

static enum MHD_Result begin(struct call *call, struct sp_portal *portal, struct sp_portal_request *request)
{
	call->is_begun = true;
	set_due(call->connection, THINK_NS);
	read_headers(call, request);
	if (call->body_len > SP_BODY_MAX) {
		sp_respond_error(&call->exchange.response, 413, "too-large", 0, "a body has at most 16384 bytes");
		call->exchange.response.closes = true;
		return answer(call);
	}
	request->body = call->body;
	request->body_len = call->body_len;
	portal->now = (struct sp_oidc_time){ sp_clock_realtime_s(), sp_clock_boottime_ns() };
	sp_exchange_begin(&call->exchange, portal, request);
	if (call->body)
		sp_wipe(call->body, call->body_len);
	if (call->exchange.is_answered)
		return answer(call);
	call->is_suspended = true;
	MHD_suspend_connection(call->mhd);
	return MHD_YES;
}

/* Called with the headers, with each piece of the body, at its end, and after a resumption. */
static enum MHD_Result handle(void *arg, struct MHD_Connection *mhd, const char *url, const char *method,
			      const char *version, const char *bytes, size_t *len, void **context)
{
	struct sp_portal_request request = { .method = method, .path = url, .version = version };
	struct sp_server *server = arg;
	struct call *call = *context;

	if (!call) {
		*context = call = call_new(server, mhd);
		return call ? take_headers(call, &request) : MHD_NO;
	}
	if (*len) {
		const size_t taken = *len;

		*len = 0;
		return take_body(call, bytes, taken);
	}
	if (!call->is_begun)
		return begin(call, server->portal, &request);
	return call->exchange.is_answered ? answer(call) : MHD_YES;
}

static void completed(void *arg, struct MHD_Connection *mhd, void **context,
		      enum MHD_RequestTerminationCode code)
{
	struct sp_server *server = arg;
	struct call *call = *context;

	(void)mhd;
	(void)code;
	if (!call)
		return;
	expect_request(call->connection);
	*(call->previous ? &call->previous->next : &server->calls) = call->next;
	if (call->next)
		call->next->previous = call->previous;
	sp_exchange_done(&call->exchange);
	free(call->body);
	free(call);
	*context = NULL;
}

/* ---- the server ---- */

/* No address here has an escape in it: one that has is another address. */
static size_t keep_escapes(void *arg, struct MHD_Connection *mhd, char *text)
{
	(void)arg;
	(void)mhd;
	return strlen(text);
}

static void log_line(void *arg, const char *format, va_list args)
{
	char line[512];

	(void)arg;
	vsnprintf(line, sizeof(line), format, args);
	sp_log_detail("https: %s", line);
}

static void ready(void *arg, uint32_t events)
{
	struct sp_server *server = arg;

	(void)events;
	MHD_run(server->daemon);
}

static int start(struct sp_server *server, int listen_fd, const char *cert, const char *key)
{
	const unsigned int flags = MHD_USE_EPOLL | MHD_USE_TLS | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG;

	server->daemon = MHD_start_daemon(
		flags, 0, may_connect, server, handle, server, MHD_OPTION_EXTERNAL_LOGGER, log_line, NULL,
		MHD_OPTION_UNESCAPE_CALLBACK, keep_escapes, NULL, MHD_OPTION_LISTEN_SOCKET, listen_fd,
		MHD_OPTION_HTTPS_MEM_CERT, cert, MHD_OPTION_HTTPS_MEM_KEY, key,
		MHD_OPTION_HTTPS_PRIORITIES, "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2",
		MHD_OPTION_CONNECTION_LIMIT, SP_CONNECTIONS_MAX, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
		(size_t)POOL_BYTES, MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_NOTIFY_CONNECTION,
		connection_changed, server, MHD_OPTION_NOTIFY_COMPLETED, completed, server, MHD_OPTION_END);
	if (!server->daemon) {
		close(listen_fd);
		return -EINVAL;
	}
	server->source = (struct sp_source){
		.fd = MHD_get_daemon_info(server->daemon, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd,
		.ready = ready,
		.arg = server,
	};
	return sp_loop_watch(server->loop, &server->source, EPOLLIN);
}

SP_DEFINE_CLEANUP(struct sp_server *, sp_server_free);

int sp_server_new(struct sp_loop *loop, struct sp_portal *portal, int listen_fd, const char *cert,
		  const char *key, struct sp_server **ret_server)
{
	__sp_cleanup(sp_server_freep) struct sp_server *server = calloc(1, sizeof(*server));
	int r;

	if (!server) {
		close(listen_fd);
		return -ENOMEM;
	}
	server->loop = loop;
	server->portal = portal;
	server->sweep = (struct sp_timer){ .fire = sweep, .arg = server };
	r = start(server, listen_fd, cert, key);
	if (r < 0)
		return r;
	sp_loop_in(loop, &server->sweep, SWEEP_NS);
	*ret_server = SP_TAKE_PTR(server);
	return 0;
}

void sp_server_free(struct sp_server *server)
{
	if (!server)
		return;
	sp_loop_forget(server->loop, &server->source);
	sp_loop_drop(server->loop, &server->sweep);
	for (struct call *call = server->calls; call; call = call->next)
		if (call->is_suspended)
			MHD_resume_connection(call->mhd); /* it cannot be stopped otherwise */
	if (server->daemon)
		MHD_stop_daemon(server->daemon);
	free(server);
}

uint64_t sp_server_run(struct sp_server *server)
{
	MHD_UNSIGNED_LONG_LONG wait_ms;

	MHD_run(server->daemon);
	if (MHD_get_timeout(server->daemon, &wait_ms) == MHD_NO || wait_ms > 1000)
		return SP_SECOND_NS;
	return wait_ms * SP_MS_NS;
}
