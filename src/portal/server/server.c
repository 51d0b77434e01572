/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "portal/server/server.h"

#include <errno.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "io/log/log.h"
#include "io/loop/clock.h"
#include "portal/base/shares.h"
#include "portal/exchange.h"
#include "portal/server/headers.h"
#include "portal/server/shown.h"
#include "portal/web/body.h"

#define REQUEST_NS                                                                                 \
	(10 * SP_SECOND_NS)           /* first byte (or connect, or the last answer) to last byte */
#define HURRY_NS (2 * SP_SECOND_NS)   /* the same while connections are scarce */
#define ANSWER_NS (10 * SP_SECOND_NS) /* for the client to take the answer */
#define THINK_NS (60 * SP_SECOND_NS)  /* longer than any exchange waits */
#define SWEEP_NS (250 * SP_MS_NS)
#define SCARCE (SP_CONNECTIONS_MAX * 3 / 4)
#define KNOWN_ROOM 64u  /* beyond SP_CONNECTIONS_MAX, for addresses where a person signed in */
#define LEAVING_MAX 64u /* dropped connections that are not closed yet */
#define SOCKETS_MAX (SP_CONNECTIONS_MAX + KNOWN_ROOM + LEAVING_MAX)
#define POOL_BYTES 16384u /* headers and reading, of each connection */
/* a body without a length is read up to here, so that an answer can be sent */
#define OVERLONG_MAX (1u << 20)

struct connection {
	struct sp_server *server;
	int fd;
	struct sp_addr from;
	struct sp_holding holding;
	uint64_t due_ns;
	bool is_known;   /* a person signed in from there, or it is a device in the tunnel */
	bool is_busy;    /* has brought a whole request */
	bool is_leaving; /* was dropped */
	struct connection *next, *previous; /* newest first */
};

/* A request that is being read or answered. */
struct call {
	/* first member: the exchange's callback casts it back to the call */
	struct sp_exchange exchange;
	struct connection *connection;
	struct MHD_Connection *mhd;
	/* the target as it came, because libmicrohttpd takes the query apart in place */
	char *target;
	bool is_checked; /* its headers */
	bool is_begun;
	bool is_suspended;
	struct sp_body body;
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
	struct sp_shares shares;
	size_t connection_count, leaving_count;
};

/* ---- connections ---- */

static struct sp_addr address_of(const struct sockaddr *address)
{
	struct sp_addr from = { 0 };

	if (address->sa_family == AF_INET)
		return sp_addr_from_v4(
			(const uint8_t *)&((const struct sockaddr_in *)address)->sin_addr);
	if (address->sa_family == AF_INET6)
		memcpy(from.b, &((const struct sockaddr_in6 *)address)->sin6_addr, sizeof(from.b));
	return from;
}

static bool is_known(const struct sp_server *server, const struct sp_addr *from)
{
	return sp_portal_is_inside(server->portal, from) ||
	       sp_throttle_knows_place(server->portal->throttle, from);
}

/* shutdown() is enough: libmicrohttpd then closes the connection. */
static void connection_end(struct connection *connection)
{
	(void)shutdown(connection->fd, SHUT_RDWR);
	connection->due_ns = UINT64_MAX;
	if (!connection->is_leaving)
		connection->server->leaving_count++;
	connection->is_leaving = true;
}

/* Which of two connections that wait for a request is dropped first: an unknown client's before a
 * known one's, then the one whose address or site has more connections, then the older one. */
static bool gives_way_before(const struct sp_server *server, const struct connection *one,
			     const struct connection *other)
{
	const size_t weight = sp_shares_weight(&server->shares, &one->holding),
		     other_weight = sp_shares_weight(&server->shares, &other->holding);

	if (one->is_known != other->is_known)
		return other->is_known;
	return weight >= other_weight; /* met later: older */
}

/* Find a connection without a whole request to drop for a newcomer with @weight connections, known
 * or not. NULL: no connection has less right to its place. */
static struct connection *find_idle(const struct sp_server *server, size_t weight, bool is_known)
{
	struct connection *found = NULL;

	for (struct connection *one = server->connections; one; one = one->next)
		if (!one->is_busy && !one->is_leaving &&
		    (!found || gives_way_before(server, one, found)))
			found = one;
	if (!found || (found->is_known && !is_known))
		return NULL;
	return found->is_known == is_known &&
			       sp_shares_weight(&server->shares, &found->holding) <= weight
		       ? NULL
		       : found;
}

/* How many connections one address may have: fewer the fewer are left. */
static size_t share_of(const struct sp_server *server, bool is_known)
{
	const size_t used = server->connection_count - server->leaving_count;
	const size_t left = used < SP_CONNECTIONS_MAX ? SP_CONNECTIONS_MAX - used : 0;
	const size_t part = left / 8 ? left / 8 : 1;

	return used < SCARCE || is_known || part > SP_CONNECTIONS_PER_ADDRESS
		       ? SP_CONNECTIONS_PER_ADDRESS
		       : part;
}

/* A client refused here sees no answer: MHD closes the connection. When the table is full, a
 * connection that waits for a request and has less right to its place is dropped. */
static enum MHD_Result may_connect(void *arg, const struct sockaddr *address, socklen_t len)
{
	struct sp_server *server = arg;
	const struct sp_addr from = address_of(address);
	const bool is_here_known = is_known(server, &from);
	const size_t weight = sp_shares_weight_of(&server->shares, &from);
	struct connection *idle = NULL;

	(void)len;
	if (weight >= share_of(server, is_here_known)) {
		server->portal->turned_away++;
		return MHD_NO;
	}
	if (server->connection_count - server->leaving_count <
	    SP_CONNECTIONS_MAX + (is_here_known ? KNOWN_ROOM : 0))
		return MHD_YES;
	if (server->leaving_count < LEAVING_MAX)
		idle = find_idle(server, weight, is_here_known);
	if (!idle) {
		server->portal->turned_away++;
		return MHD_NO;
	}
	connection_end(idle);
	server->portal->gave_way++;
	return MHD_YES;
}

static void connection_set_due(struct connection *connection, uint64_t delay_ns)
{
	connection->due_ns = sp_clock_boottime_ns() + delay_ns;
}

/* The connection is expected to bring a request from now on. */
static void connection_expect_request(struct connection *connection)
{
	connection->is_busy = false;
	connection_set_due(connection,
			   connection->server->connection_count > SCARCE ? HURRY_NS : REQUEST_NS);
}

static void connection_new(struct sp_server *server, struct MHD_Connection *mhd,
			   void **socket_context)
{
	struct connection *connection = calloc(1, sizeof(*connection));

	*socket_context = connection;
	if (!connection)
		return; /* further requests on it are refused */
	connection->server = server;
	connection->fd =
		MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
	connection->from = address_of(
		MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CLIENT_ADDRESS)->client_addr);
	connection->is_known = is_known(server, &connection->from);
	connection->holding = sp_shares_take(&server->shares, &connection->from);
	connection->next = server->connections;
	if (connection->next)
		connection->next->previous = connection;
	server->connections = connection;
	server->connection_count++;
	connection_expect_request(connection);
}

static void connection_free(struct sp_server *server, struct connection *connection)
{
	*(connection->previous ? &connection->previous->next : &server->connections) =
		connection->next;
	if (connection->next)
		connection->next->previous = connection->previous;
	server->connection_count--;
	server->leaving_count -= connection->is_leaving;
	sp_shares_drop(&server->shares, &connection->holding);
	free(connection);
}

static void connection_changed(void *arg, struct MHD_Connection *mhd, void **socket_context,
			       enum MHD_ConnectionNotificationCode code)
{
	if (code == MHD_CONNECTION_NOTIFY_STARTED)
		connection_new(arg, mhd, socket_context);
	else if (*socket_context)
		connection_free(arg, *socket_context);
}

static void server_sweep(void *arg)
{
	struct sp_server *server = arg;
	const uint64_t now_ns = sp_clock_boottime_ns();

	for (struct connection *connection = server->connections; connection;
	     connection = connection->next) {
		if (connection->due_ns <= now_ns)
			connection_end(connection);
	}
	server->portal->is_crowded = server->connection_count > SCARCE;
	sp_loop_in(server->loop, &server->sweep, SWEEP_NS);
}

/* ---- answers ---- */

static struct MHD_Response *make_reply(struct sp_response *response)
{
	if (response->lasting_body)
		return MHD_create_response_from_buffer(
			response->len, (void *)response->lasting_body, MHD_RESPMEM_PERSISTENT);
	return MHD_create_response_from_buffer_with_free_callback(
		response->len, SP_TAKE_PTR(response->body), sp_free_wiped);
}

struct reply_headers {
	struct MHD_Response *reply;
	bool is_complete;
};

static void add_header(void *arg, const char *name, const char *value)
{
	struct reply_headers *headers = arg;

	if (MHD_add_response_header(headers->reply, name, value) != MHD_YES)
		headers->is_complete = false;
}

/* A response is not sent without any one of its headers. */
static enum MHD_Result send_response(struct MHD_Connection *mhd, struct sp_response *response)
{
	struct MHD_Response *reply = make_reply(response);
	struct reply_headers headers = { reply, true };
	enum MHD_Result result;

	if (!reply)
		return MHD_NO;
	sp_headers_visit(response, add_header, &headers);
	if (response->closes)
		add_header(&headers, "Connection", "close");
	if (!headers.is_complete) {
		MHD_destroy_response(reply);
		return MHD_NO;
	}
	result = MHD_queue_response(mhd, (unsigned int)response->status, reply);
	MHD_destroy_response(reply);
	return result;
}

static enum MHD_Result call_send(struct call *call)
{
	connection_set_due(call->connection, ANSWER_NS);
	return send_response(call->mhd, &call->exchange.response);
}

static void call_answered(struct sp_exchange *exchange)
{
	struct call *call = (struct call *)exchange;

	if (!call->is_suspended)
		return;
	call->is_suspended = false;
	MHD_resume_connection(call->mhd); /* asks us again, and gets the answer */
}

/* ---- requests ---- */

/* Headers that may appear once. If one appears twice, two readers could use different values. */
static const struct {
	const char *name;
	size_t at; /* in struct sp_portal_request */
} single_headers[] = {
	{ "Authorization", offsetof(struct sp_portal_request, authorization) },
	{ "Content-Type", offsetof(struct sp_portal_request, content_type) },
	{ "Cookie", offsetof(struct sp_portal_request, cookie) },
	{ "If-None-Match", offsetof(struct sp_portal_request, if_none_match) },
	{ "Origin", offsetof(struct sp_portal_request, origin) },
	{ "Sec-Fetch-Site", offsetof(struct sp_portal_request, fetch_site) },
};

static void see_single_header(struct sp_portal_request *request, const char *key, const char *value)
{
	for (size_t i = 0; i < SP_ARRAY_LEN(single_headers); i++) {
		const char **text = (const char **)((char *)request + single_headers[i].at);

		if (strcasecmp(key, single_headers[i].name) != 0)
			continue;
		if (*text)
			request->repeated = single_headers[i].name;
		*text = value ? value : "";
	}
}

static enum MHD_Result see_header(void *arg, enum MHD_ValueKind kind, const char *key,
				  const char *value)
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
	} else {
		see_single_header(request, key, value);
	}
	return MHD_YES;
}

static void read_headers(struct call *call, struct sp_portal_request *request)
{
	MHD_get_connection_values(call->mhd, MHD_HEADER_KIND, see_header, request);
	request->header_bytes =
		MHD_get_connection_info(call->mhd, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE)
			->header_size;
	request->from = call->connection->from;
	request->target = call->target;
	request->query = strchr(call->target, '?');
	if (request->query)
		request->query++;
}

static struct call *call_new(struct sp_server *server, struct MHD_Connection *mhd,
			     const char *target)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
	struct call *call = info->socket_context ? calloc(1, sizeof(*call)) : NULL;

	if (!call)
		return NULL;
	call->target = strdup(target);
	if (!call->target) {
		free(call);
		return NULL;
	}
	call->connection = info->socket_context;
	call->mhd = mhd;
	call->exchange.answered = call_answered;
	call->next = server->calls;
	if (call->next)
		call->next->previous = call;
	server->calls = call;
	return call;
}

/* Called once the headers are complete. A request that its headers alone refuse is answered before
 * its body is read. */
static enum MHD_Result call_take_headers(struct call *call, const struct sp_portal *portal,
					 struct sp_portal_request *request)
{
	call->is_checked = true;
	read_headers(call, request);
	if (sp_exchange_check_form(&call->exchange, portal, request) < 0)
		return call_send(call);
	return MHD_YES;
}

static enum MHD_Result call_take_body(struct call *call, const char *bytes, size_t len)
{
	const size_t max = sp_web_body_max(call->exchange.response.kind);

	if (sp_body_take(&call->body, max, bytes, len) < 0)
		return MHD_NO;
	return call->body.len > OVERLONG_MAX ? MHD_NO : MHD_YES;
}

static enum MHD_Result call_begin(struct call *call, struct sp_portal *portal,
				  struct sp_portal_request *request)
{
	call->is_begun = true;
	call->connection->is_busy = true;
	connection_set_due(call->connection, THINK_NS);
	read_headers(call, request);
	if (call->body.len > sp_web_body_max(call->exchange.response.kind)) {
		sp_request_refuse_body(&call->exchange.response);
		return call_send(call);
	}
	request->body = call->body.bytes;
	request->body_len = call->body.len;
	portal->now = (struct sp_idp_time){ sp_clock_realtime_s(), sp_clock_boottime_ns() };
	sp_exchange_begin(&call->exchange, portal, request);
	sp_body_done(&call->body);
	if (call->exchange.is_answered)
		return call_send(call);
	call->is_suspended = true;
	MHD_suspend_connection(call->mhd);
	return MHD_YES;
}

/* libmicrohttpd calls this with the target of the request line, before it takes the target
 * apart. The result becomes the context of the request. */
static void *take_target(void *arg, const char *target, struct MHD_Connection *mhd)
{
	return call_new(arg, mhd, target);
}

/* Called with the headers, with each piece of the body, at its end, and after a resumption. */
static enum MHD_Result handle_request(void *arg, struct MHD_Connection *mhd, const char *url,
				      const char *method, const char *version, const char *bytes,
				      size_t *len, void **context)
{
	struct sp_portal_request request = { .method = method, .path = url, .version = version };
	struct sp_server *server = arg;
	struct call *call = *context;

	(void)mhd;
	if (!call)
		return MHD_NO;
	if (!call->is_checked)
		return call_take_headers(call, server->portal, &request);
	if (*len) {
		const size_t taken = *len;

		*len = 0;
		return call_take_body(call, bytes, taken);
	}
	if (!call->is_begun)
		return call_begin(call, server->portal, &request);
	return call->exchange.is_answered ? call_send(call) : MHD_YES;
}

static void call_completed(void *arg, struct MHD_Connection *mhd, void **context,
			   enum MHD_RequestTerminationCode code)
{
	struct sp_server *server = arg;
	struct call *call = *context;

	(void)mhd;
	(void)code;
	if (!call)
		return;
	connection_expect_request(call->connection);
	*(call->previous ? &call->previous->next : &server->calls) = call->next;
	if (call->next)
		call->next->previous = call->previous;
	sp_exchange_done(&call->exchange);
	sp_body_done(&call->body);
	sp_wipe(call->target, strlen(call->target)); /* the query of a callback holds a code */
	free(call->target);
	free(call);
	*context = NULL;
}

/* ---- the server ---- */

/* Do not unescape: no route contains %XX, so an escaped path matches none. */
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

static void daemon_ready(void *arg, uint32_t events)
{
	struct sp_server *server = arg;

	(void)events;
	MHD_run(server->daemon);
}

static int server_start(struct sp_server *server, int listen_fd)
{
	const unsigned int flags =
		MHD_USE_EPOLL | MHD_USE_TLS | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG;

	server->daemon = MHD_start_daemon(
		flags, 0, may_connect, server, handle_request, server, MHD_OPTION_EXTERNAL_LOGGER,
		log_line, NULL, MHD_OPTION_URI_LOG_CALLBACK, take_target, server,
		MHD_OPTION_UNESCAPE_CALLBACK, keep_escapes, NULL, MHD_OPTION_LISTEN_SOCKET,
		listen_fd, MHD_OPTION_HTTPS_CERT_CALLBACK, sp_shown_get,
		MHD_OPTION_HTTPS_PRIORITIES, "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2",
		MHD_OPTION_CONNECTION_LIMIT, SOCKETS_MAX, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
		(size_t)POOL_BYTES, MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_NOTIFY_CONNECTION,
		connection_changed, server, MHD_OPTION_NOTIFY_COMPLETED, call_completed, server,
		MHD_OPTION_END);
	if (!server->daemon) {
		close(listen_fd);
		return -EINVAL;
	}
	server->source = (struct sp_source){
		.fd = MHD_get_daemon_info(server->daemon, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd,
		.ready = daemon_ready,
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
	server->sweep = (struct sp_timer){ .fire = server_sweep, .arg = server };
	r = sp_shown_set(cert, key);
	if (r == 0)
		r = sp_shares_init(&server->shares, SOCKETS_MAX);
	if (r < 0)
		close(listen_fd);
	else
		r = server_start(server, listen_fd);
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
			/* libmicrohttpd cannot be stopped while a request is suspended */
			MHD_resume_connection(call->mhd);
	if (server->daemon)
		MHD_stop_daemon(server->daemon);
	sp_shown_forget();
	sp_shares_done(&server->shares);
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
