/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "portal/gate/gate.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/err.h"
#include "base/str.h"
#include "io/files/secret_buf.h"
#include "io/log/log.h"
#include "json/own.h"

#define RETRY_FIRST_NS (100 * SP_MS_NS)
#define RETRY_MAX_NS (2 * SP_SECOND_NS)
#define REPLY_NS (10 * SP_SECOND_NS)
#define READ_ROOM 65536u

struct queue {
	struct sp_gate_request *first, **last;
	size_t count;
};

struct sp_gate {
	struct sp_loop *loop;
	const char *path;
	void (*changed)(void *arg, bool is_there);
	void *arg;
	struct sp_source source; /* fd -1: not connected */
	struct sp_timer retry, reply_due, later;
	uint64_t retry_ns;
	struct queue urgent, waiting, failed;
	/* the request under way; NULL: none, or its asker is gone */
	struct sp_gate_request *current;
	bool is_busy;
	bool is_named; /* the log already says that sallyportd cannot be reached */
	json_int_t last_id;
	struct sp_secret_buf out, in; /* refresh tokens and keys pass through */
	size_t out_sent, in_seen;
};

/* ---- queues ---- */

static void queue_init(struct queue *queue)
{
	*queue = (struct queue){ .last = &queue->first };
}

static void queue_push(struct queue *queue, struct sp_gate_request *ask)
{
	ask->next = NULL;
	*queue->last = ask;
	queue->last = &ask->next;
	queue->count++;
}

static struct sp_gate_request *queue_pop(struct queue *queue)
{
	struct sp_gate_request *ask = queue->first;

	if (!ask)
		return NULL;
	queue->first = ask->next;
	if (!queue->first)
		queue->last = &queue->first;
	queue->count--;
	ask->next = NULL;
	return ask;
}

static bool queue_take_out(struct queue *queue, struct sp_gate_request *ask)
{
	for (struct sp_gate_request **at = &queue->first; *at; at = &(*at)->next) {
		if (*at != ask)
			continue;
		*at = ask->next;
		if (!*at)
			queue->last = at;
		queue->count--;
		return true;
	}
	return false;
}

static void fail_all(struct sp_gate *gate, struct queue *queue)
{
	struct sp_gate_request *ask;

	while ((ask = queue_pop(queue)))
		queue_push(&gate->failed, ask);
	if (gate->failed.first)
		sp_loop_in(gate->loop, &gate->later, 0);
}

static void request_answer(struct sp_gate_request *ask, const json_t *reply)
{
	ask->is_under_way = false;
	json_decrefp(&ask->request);
	ask->done(ask, reply);
}

static void tell_failed(void *arg)
{
	struct sp_gate *gate = arg;
	struct sp_gate_request *ask;

	while ((ask = queue_pop(&gate->failed)))
		request_answer(ask, NULL);
}

/* ---- the connection ---- */

static void gate_disconnect(struct sp_gate *gate, const char *why)
{
	struct sp_gate_request *current = SP_TAKE_PTR(gate->current);

	if (gate->source.fd < 0)
		return;
	sp_log_error("sallyportd at %s: %s", gate->path, why);
	sp_loop_forget(gate->loop, &gate->source);
	close(gate->source.fd);
	gate->source.fd = -1;
	gate->is_busy = false;
	gate->is_named = true;
	gate->out_sent = gate->in_seen = 0;
	sp_secret_buf_done(&gate->out);
	sp_secret_buf_done(&gate->in);
	sp_loop_drop(gate->loop, &gate->reply_due);
	if (current)
		queue_push(&gate->failed, current);
	fail_all(gate, &gate->urgent);
	fail_all(gate, &gate->waiting);
	gate->retry_ns = RETRY_FIRST_NS;
	sp_loop_in(gate->loop, &gate->retry, gate->retry_ns);
	gate->changed(gate->arg, false);
}

static int write_out(struct sp_gate *gate)
{
	while (gate->out_sent < gate->out.len) {
		const ssize_t sent =
			send(gate->source.fd, gate->out.data + gate->out_sent,
			     gate->out.len - gate->out_sent, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (sent < 0 && errno == EINTR)
			continue;
		if (sent < 0 && errno == EAGAIN)
			return sp_loop_watch(gate->loop, &gate->source, EPOLLIN | EPOLLOUT);
		if (sent < 0)
			return sp_errno();
		gate->out_sent += (size_t)sent;
	}
	sp_secret_buf_done(&gate->out);
	gate->out_sent = 0;
	return sp_loop_watch(gate->loop, &gate->source, EPOLLIN);
}

static int put_request(struct sp_gate *gate, json_t *request)
{
	char *line;
	size_t len;
	int r;

	json_object_set_new(request, "v", json_integer(1));
	json_object_set_new(request, "id", json_integer(++gate->last_id));
	line = json_dumps(request, JSON_COMPACT);
	if (!line)
		return -ENOMEM;
	len = strlen(line);
	r = sp_secret_buf_put(&gate->out, line, len);
	if (r == 0)
		r = sp_secret_buf_put(&gate->out, "\n", 1);
	sp_wipe(line, len);
	free(line);
	return r;
}

static void gate_send_next(struct sp_gate *gate)
{
	struct sp_gate_request *ask;
	int r;

	if (gate->is_busy || gate->source.fd < 0)
		return;
	ask = queue_pop(&gate->urgent);
	if (!ask)
		ask = queue_pop(&gate->waiting);
	if (!ask)
		return;
	gate->current = ask;
	gate->is_busy = true;
	sp_loop_in(gate->loop, &gate->reply_due, REPLY_NS);
	r = put_request(gate, ask->request);
	if (r == 0)
		r = write_out(gate);
	if (r < 0)
		gate_disconnect(gate, sp_err_text(r));
}

static void take_line(struct sp_gate *gate, const char *line, size_t len)
{
	__sp_json json_t *reply = json_loadb(line, len, JSON_REJECT_DUPLICATES, NULL);
	struct sp_gate_request *current = SP_TAKE_PTR(gate->current);

	if (!gate->is_busy || !json_is_object(reply) ||
	    json_integer_value(json_object_get(reply, "id")) != gate->last_id) {
		json_t *message = json_object_get(json_object_get(reply, "error"), "message");

		gate->current = current;
		gate_disconnect(gate, json_is_string(message) ? json_string_value(message)
							      : "it answers what was not asked");
		return;
	}
	gate->is_busy = false;
	sp_loop_drop(gate->loop, &gate->reply_due);
	if (current)
		request_answer(current, reply);
	gate_send_next(gate);
}

static int read_in(struct sp_gate *gate)
{
	ssize_t got;

	if (sp_secret_buf_reserve(&gate->in, READ_ROOM) < 0)
		return -ENOMEM;
	got = recv(gate->source.fd, gate->in.data + gate->in.len, READ_ROOM, MSG_DONTWAIT);
	if (got < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : sp_errno();
	if (got == 0)
		return -ECONNRESET;
	gate->in.len += (size_t)got;
	return gate->in.len > SP_GATE_REPLY_MAX ? -EMSGSIZE : 0;
}

static void take_lines(struct sp_gate *gate)
{
	char *newline;

	while (gate->source.fd >= 0 && gate->in.len > gate->in_seen &&
	       (newline = memchr(gate->in.data + gate->in_seen, '\n',
				 gate->in.len - gate->in_seen))) {
		struct sp_secret_buf rest = { 0 }, whole = gate->in;
		const size_t used = (size_t)(newline - whole.data) + 1;

		/* move the rest aside first: the answer's callback may change anything here */
		if (used < whole.len &&
		    sp_secret_buf_put(&rest, whole.data + used, whole.len - used) < 0) {
			gate_disconnect(gate, "out of memory");
			return;
		}
		gate->in = rest;
		gate->in_seen = 0;
		take_line(gate, whole.data, used - 1);
		sp_secret_buf_done(&whole);
	}
	gate->in_seen = gate->in.len;
}

static void gate_ready(void *arg, uint32_t events)
{
	struct sp_gate *gate = arg;
	int r = 0;

	if (events & EPOLLOUT)
		r = write_out(gate);
	if (r == 0 && events & (EPOLLIN | EPOLLHUP | EPOLLERR))
		r = read_in(gate);
	take_lines(gate);
	if (r < 0)
		gate_disconnect(gate,
				r == -ECONNRESET ? "it closed the connection" : sp_err_text(r));
}

static int open_socket(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	__sp_close int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return sp_errno();
	strncpy(address.sun_path, path,
		sizeof(address.sun_path) - 1); /* io/paths.h made sure that the path fits */
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		return sp_errno();
	return SP_TAKE_FD(fd);
}

static void try_to_connect(void *arg)
{
	struct sp_gate *gate = arg;
	int fd = open_socket(gate->path);

	if (fd >= 0) {
		gate->source.fd = fd;
		if (sp_loop_watch(gate->loop, &gate->source, EPOLLIN) < 0) {
			close(fd);
			gate->source.fd = fd = -1;
		}
	}
	if (fd < 0) {
		if (!gate->is_named)
			sp_log_note("waiting for sallyportd at %s: %s", gate->path,
				    sp_err_text(fd));
		gate->is_named = true;
		gate->retry_ns =
			gate->retry_ns * 2 < RETRY_MAX_NS ? gate->retry_ns * 2 : RETRY_MAX_NS;
		sp_loop_in(gate->loop, &gate->retry, gate->retry_ns);
		return;
	}
	sp_log_note("sallyportd is there");
	gate->is_named = false;
	gate->changed(gate->arg, true);
}

static void give_up_waiting(void *arg)
{
	gate_disconnect(arg, "no reply within 10 s");
}

/* ---- asking ---- */

void sp_gate_ask(struct sp_gate *gate, struct sp_gate_request *ask)
{
	ask->is_under_way = true;
	if (gate->source.fd < 0 || gate->urgent.count + gate->waiting.count >= SP_GATE_QUEUE_MAX) {
		queue_push(&gate->failed, ask);
		sp_loop_in(gate->loop, &gate->later, 0);
		return;
	}
	queue_push(ask->can_wait ? &gate->waiting : &gate->urgent, ask);
	gate_send_next(gate);
}

void sp_gate_drop(struct sp_gate *gate, struct sp_gate_request *ask)
{
	if (gate->current == ask)
		gate->current = NULL; /* nobody is left to take the reply */
	else if (!queue_take_out(&gate->urgent, ask) && !queue_take_out(&gate->waiting, ask))
		queue_take_out(&gate->failed, ask);
	ask->is_under_way = false;
	json_decrefp(&ask->request);
}

int sp_gate_new(struct sp_loop *loop, const char *path, void (*changed)(void *arg, bool is_there),
		void *arg, struct sp_gate **ret_gate)
{
	struct sp_gate *gate = calloc(1, sizeof(*gate));

	if (!gate)
		return -ENOMEM;
	gate->loop = loop;
	gate->path = path;
	gate->changed = changed;
	gate->arg = arg;
	gate->source = (struct sp_source){ .fd = -1, .ready = gate_ready, .arg = gate };
	gate->retry = (struct sp_timer){ .fire = try_to_connect, .arg = gate };
	gate->reply_due = (struct sp_timer){ .fire = give_up_waiting, .arg = gate };
	gate->later = (struct sp_timer){ .fire = tell_failed, .arg = gate };
	gate->retry_ns = RETRY_FIRST_NS;
	queue_init(&gate->urgent);
	queue_init(&gate->waiting);
	queue_init(&gate->failed);
	sp_loop_in(loop, &gate->retry, 0);
	*ret_gate = gate;
	return 0;
}

void sp_gate_free(struct sp_gate *gate)
{
	if (!gate)
		return;
	sp_loop_forget(gate->loop, &gate->source);
	sp_loop_drop(gate->loop, &gate->retry);
	sp_loop_drop(gate->loop, &gate->reply_due);
	sp_loop_drop(gate->loop, &gate->later);
	sp_closep(&gate->source.fd);
	sp_secret_buf_done(&gate->out);
	sp_secret_buf_done(&gate->in);
	free(gate);
}
