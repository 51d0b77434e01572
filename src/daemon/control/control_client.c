/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One client: read lines and texts, write replies. A client is dropped in one place
 * (sp_client_drop), and freed only at the end of a round of the loop, when nothing refers to it any
 * more. */
#include "daemon/control/control_client.h"

#include <errno.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "base/text.h"
#include "io/loop/clock.h"
#include "json/own.h"

void sp_client_free(struct sp_client *client)
{
	json_decrefp(&client->pending);
	json_decrefp(&client->id);
	free(client->line);
	free(client->text);
	sp_buf_done(&client->out);
	sp_buf_done(&client->held);
	free(client);
}

static void client_end_text(struct sp_client *client)
{
	client->control->text_bytes -= client->text_size;
	client->text_len = client->text_size = 0;
	free(SP_TAKE_PTR(client->text));
	json_decrefp(&client->pending);
}

void sp_client_drop(struct sp_client *client)
{
	struct sp_control *control = client->control;

	if (client->is_dead)
		return;
	client->is_dead = true;
	client_end_text(client);
	sp_listing_free(client->listing);
	sp_loop_forget(control->loop, &client->source);
	sp_loop_drop(control->loop, &client->idle);
	sp_loop_drop(control->loop, &client->again);
	close(client->source.fd);
	client->source.fd = -1;
	control->client_count--;
	control->handler.gone(control->handler.arg, client);
	sp_loop_in(control->loop, &control->reaper, 0);
}

/* The events to wait for: room in the socket while replies wait; requests while none is under way.
 * A hang-up is reported in any case. */
static void client_rewatch(struct sp_client *client)
{
	uint32_t events = 0;

	if (client->is_dead)
		return;
	if (!client->is_busy && !client->is_leaving && !client->is_at_end)
		events |= EPOLLIN;
	if (client->out_sent < client->out.len)
		events |= EPOLLOUT;
	if (sp_loop_watch(client->control->loop, &client->source, events) < 0)
		sp_client_drop(client);
}

static void client_rest(struct sp_client *client)
{
	struct sp_loop *loop = client->control->loop;

	if (client->is_dead)
		return;
	if ((client->is_busy || client->is_watching) && client->out_sent >= client->out.len)
		sp_loop_drop(loop, &client->idle);
	else
		sp_loop_in(loop, &client->idle, SP_CONTROL_IDLE_NS);
}

static void client_write(struct sp_client *client)
{
	while (client->out_sent < client->out.len) {
		ssize_t sent =
			send(client->source.fd, client->out.data + client->out_sent,
			     client->out.len - client->out_sent, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (sent < 0 && errno == EINTR)
			continue;
		if (sent < 0 && errno == EAGAIN)
			break;
		if (sent < 0) {
			sp_client_drop(client);
			return;
		}
		client->out_sent += (size_t)sent;
	}
	if (client->out_sent >= client->out.len) {
		sp_buf_done(&client->out);
		client->out_sent = 0;
		if (client->is_leaving)
			sp_client_drop(client);
		client_rest(client);
	} else if (!client->idle.due_ns) {
		sp_loop_in(client->control->loop, &client->idle, SP_CONTROL_IDLE_NS);
	}
	client_rewatch(client);
}

/* Queue bytes, and send as much as the socket takes. */
static int client_put_bytes(struct sp_client *client, const char *bytes, size_t len)
{
	if (client->is_dead)
		return -EPIPE;
	if (client->out.len - client->out_sent > SP_CONTROL_QUEUE_MAX ||
	    sp_buf_put_bytes(&client->out, bytes, len) < 0) {
		sp_client_drop(client);
		return -EPIPE;
	}
	client_write(client);
	return client->is_dead ? -EPIPE : 0;
}

static int client_put(struct sp_client *client, struct sp_buf *line)
{
	if (sp_buf_put_char(line, '\n') == 0)
		return client_put_bytes(client, line->data, line->len);
	sp_client_drop(client);
	return -EPIPE;
}

/* The reply is written: the next request may come. */
static void client_end_reply(struct sp_client *client)
{
	client->is_busy = false;
	client_rest(client);
	client_rewatch(client);
	if (!client->is_dead && (client->line_len || client->is_at_end))
		sp_loop_in(client->control->loop, &client->again, 0);
}

void sp_client_put_part(struct sp_client *client, const char *bytes, size_t len, bool is_last)
{
	__sp_buf struct sp_buf tail = SP_BUF_INIT;

	if (client_put_bytes(client, bytes, len) < 0 || !is_last)
		return;
	client->is_busy = false;
	sp_buf_put_char(&tail, '\n');
	sp_buf_put_bytes(&tail, sp_buf_get(&client->held), client->held.len);
	sp_buf_done(&client->held);
	if (tail.error < 0)
		sp_client_drop(client);
	else if (client_put_bytes(client, tail.data, tail.len) == 0)
		client_end_reply(client);
}

/* @reply: NULL: there was no memory for it. */
static void client_send(struct sp_client *client, const json_t *reply)
{
	__sp_buf struct sp_buf shown = SP_BUF_SECRET;
	char *text = reply ? json_dumps(reply, JSON_COMPACT) : NULL;
	int r = text ? sp_text_put_json(&shown, text, strlen(text)) : -ENOMEM;

	sp_free_wiped(text);
	if (r < 0) {
		sp_client_drop(client);
		return;
	}
	client->is_busy = false;
	client_put(client, &shown);
	client_end_reply(client);
}

void sp_client_reply(struct sp_client *client, json_t *fields)
{
	__sp_json json_t *reply = json_pack("{s:i, s:O?, s:b}", "v", 1, "id", client->id, "ok", 1);
	__sp_json json_t *taken = fields;

	if (reply && taken)
		json_object_update(reply, taken);
	client_send(client, reply);
}

void sp_client_fail(struct sp_client *client, const char *code, int exit_code, json_t *details,
		    const char *format, ...)
{
	__sp_json json_t *reply = NULL, *taken = details;
	__sp_free char *message = NULL;
	json_t *error;
	va_list args;

	va_start(args, format);
	if (vasprintf(&message, format, args) < 0)
		message = NULL;
	va_end(args);
	error = json_pack("{s:s, s:s, s:i}", "code", code, "message", message ? message : code,
			  "exit", exit_code);
	if (!error) /* the message is not UTF-8 */
		error = json_pack("{s:s, s:s, s:i}", "code", code, "message", code, "exit",
				  exit_code);
	if (error && taken)
		json_object_update(error, taken);
	reply = json_pack("{s:i, s:O?, s:b, s:o}", "v", 1, "id", client->id, "ok", 0, "error",
			  error);
	client_send(client, reply);
}

void sp_client_watch(struct sp_client *client)
{
	client->is_watching = true;
	client_rest(client);
}

/* Keep an event until the reply that is being made is over. */
static int client_hold(struct sp_client *client, struct sp_buf *line)
{
	sp_buf_put_char(line, '\n');
	if (line->error < 0 || client->held.len > SP_CONTROL_QUEUE_MAX ||
	    sp_buf_put_bytes(&client->held, line->data, line->len) < 0) {
		sp_client_drop(client);
		return -EPIPE;
	}
	return 0;
}

int sp_client_event(struct sp_client *client, const char *json_text, size_t len)
{
	__sp_buf struct sp_buf line = SP_BUF_INIT;
	char *id = json_dumps(client->id, JSON_ENCODE_ANY);

	sp_buf_printf(&line, "{\"v\":1,\"id\":%s,\"event\":", id ? id : "null");
	free(id);
	sp_buf_put_bytes(&line, json_text, len);
	sp_buf_put_char(&line, '}');
	return client->listing ? client_hold(client, &line) : client_put(client, &line);
}

bool sp_client_is_portal(const struct sp_client *client)
{
	return client->is_portal;
}

const char *sp_client_who(const struct sp_client *client)
{
	return client->who;
}

void sp_client_set_data(struct sp_client *client, void *data)
{
	client->data = data;
}

void *sp_client_get_data(const struct sp_client *client)
{
	return client->data;
}

/* Tell the client what was wrong, then drop it. */
static void client_refuse(struct sp_client *client, const char *why)
{
	client->is_leaving = true;
	client->line_len = 0;
	sp_client_fail(client, "bad-request", 2, NULL, "%s", why);
}

static void client_hand_over(struct sp_client *client, const json_t *json, const char *text,
			     size_t text_len)
{
	struct sp_control *control = client->control;
	struct sp_request request = {
		.json = json,
		.text = text,
		.text_len = text_len,
		.read_ns = sp_clock_boottime_ns(),
	};

	client->is_busy = true;
	sp_loop_drop(control->loop, &client->idle);
	control->handler.request(control->handler.arg, client, &request);
	client_rewatch(client);
}

/* Promise room for a text; the bytes come next. Returns false when the client was refused. */
static bool client_expect_text(struct sp_client *client, json_t *json, json_int_t bytes)
{
	struct sp_control *control = client->control;

	if (bytes < 0 || bytes > (json_int_t)SP_CONTROL_TEXT_MAX) {
		client_refuse(client, "text_bytes is out of range (0 to 16777216)");
		return false;
	}
	if (control->text_bytes + (size_t)bytes > SP_CONTROL_TEXTS_MAX) {
		client->is_leaving = true;
		sp_client_fail(client, "busy", 1, NULL, "other clients are sending policies");
		return false;
	}
	client->text = malloc((size_t)bytes + 1);
	if (!client->text) {
		sp_client_drop(client);
		return false;
	}
	client->text_size = (size_t)bytes;
	client->text_len = 0;
	client->pending = json_incref(json);
	control->text_bytes += client->text_size;
	return true;
}

/* The pending text is whole. */
static void client_take_text(struct sp_client *client)
{
	__sp_json json_t *json = SP_TAKE_PTR(client->pending);
	char *text = SP_TAKE_PTR(client->text);
	size_t len = client->text_size;

	client_end_text(client);
	text[len] = '\0';
	client_hand_over(client, json, text, len);
	free(text);
}

static void client_take_line(struct sp_client *client, const char *line, size_t len)
{
	__sp_json json_t *json = json_loadb(line, len, JSON_REJECT_DUPLICATES, NULL);
	json_t *id, *bytes, *text;

	json_decrefp(&client->id);
	if (!json_is_object(json)) {
		client_refuse(client, "a request is one JSON object in one line");
		return;
	}
	id = json_object_get(json, "id");
	client->id = json_is_integer(id) ? json_incref(id) : NULL;
	bytes = json_object_get(json, "text_bytes");
	text = json_object_get(json, "text");
	if (!client->id || !json_is_string(json_object_get(json, "op")) ||
	    json_integer_value(json_object_get(json, "v")) != 1) {
		client_refuse(client, "a request has \"v\":1, an integer \"id\" and an \"op\"");
	} else if (bytes && (text || !json_is_integer(bytes))) {
		client_refuse(client, "text_bytes is an integer, and stands instead of text");
	} else if (bytes) {
		if (client_expect_text(client, json, json_integer_value(bytes)) &&
		    client->text_size == 0)
			client_take_text(client);
	} else {
		client_hand_over(client, json, json_string_value(text),
				 json_is_string(text) ? json_string_length(text) : 0);
	}
}

static void client_leave(struct sp_client *client)
{
	if (client->is_watching)
		return; /* a follower may close its sending side */
	client->is_leaving = true;
	client_write(client);
}

/* Take one request from the bytes read. The rest of the buffer waits for the next round. */
static void client_advance(struct sp_client *client)
{
	char *newline;
	size_t used;

	if (client->is_dead || client->is_busy || client->is_leaving)
		return;
	if (client->pending) {
		used = client->text_size - client->text_len;
		if (used > client->line_len)
			used = client->line_len;
		memcpy(client->text + client->text_len, client->line, used);
		client->text_len += used;
		client->line_len -= used;
		memmove(client->line, client->line + used, client->line_len);
		if (client->text_len == client->text_size)
			client_take_text(client);
	} else if ((newline = memchr(client->line, '\n', client->line_len))) {
		__sp_free char *line = NULL;

		used = (size_t)(newline - client->line);
		line = malloc(used + 1);
		if (!line) {
			sp_client_drop(client);
			return;
		}
		memcpy(line, client->line, used);
		client->line_len -= used + 1;
		memmove(client->line, newline + 1, client->line_len);
		client_take_line(client, line, used);
	} else if (client->line_len == SP_CONTROL_LINE_MAX) {
		client->is_leaving = true;
		client->line_len = 0;
		sp_client_fail(client, "bad-request", 2, NULL, "a request is at most %u bytes long",
			       SP_CONTROL_LINE_MAX);
		return;
	} else {
		if (client->is_at_end)
			client_leave(client);
		return;
	}
	if (client->is_at_end && !client->line_len && !client->is_dead && !client->is_busy)
		client_leave(client);
	else if (!client->is_dead && !client->is_busy && client->line_len)
		sp_loop_in(client->control->loop, &client->again, 0);
}

static void client_again(void *arg)
{
	client_advance(arg);
}

static void client_read(struct sp_client *client)
{
	ssize_t got = recv(client->source.fd, client->line + client->line_len,
			   SP_CONTROL_LINE_MAX - client->line_len, MSG_DONTWAIT);

	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (got < 0) {
		sp_client_drop(client);
		return;
	}
	client->is_at_end = got == 0;
	client->line_len += (size_t)got;
	if (client->pending && got > 0)
		client_rest(client); /* a text may take long as long as bytes keep coming */
	client_advance(client);
}

static void client_ready(void *arg, uint32_t events)
{
	struct sp_client *client = arg;

	if (events & EPOLLOUT)
		client_write(client);
	if (client->is_dead)
		return;
	if (events & EPOLLIN) {
		if (client->line_len < SP_CONTROL_LINE_MAX)
			client_read(client);
	} else if (events & (EPOLLERR | EPOLLHUP)) {
		sp_client_drop(client);
	}
	client_rewatch(client);
}

static void client_bored(void *arg)
{
	sp_client_drop(arg);
}

static void name_peer(struct sp_client *client)
{
	const struct passwd *user = getpwuid(client->uid);

	if (client->is_portal)
		strcpy(client->who, "portal");
	else if (user)
		snprintf(client->who, sizeof(client->who), "%.40s (uid %u)", user->pw_name,
			 client->uid);
	else
		snprintf(client->who, sizeof(client->who), "uid %u", client->uid);
}

int sp_client_new(struct sp_control *control, int fd, uid_t uid)
{
	struct sp_client *client = calloc(1, sizeof(*client));

	if (!client || !(client->line = malloc(SP_CONTROL_LINE_MAX))) {
		free(client);
		return -ENOMEM;
	}
	client->control = control;
	client->uid = uid;
	client->out.is_secret = true; /* replies may hold keys */
	client->is_portal = uid == control->access.portal_uid;
	client->source = (struct sp_source){ .fd = fd, .ready = client_ready, .arg = client };
	client->idle = (struct sp_timer){ .fire = client_bored, .arg = client };
	client->again = (struct sp_timer){ .fire = client_again, .arg = client };
	name_peer(client);
	client->next = control->clients;
	control->clients = client;
	control->client_count++;
	client_rest(client);
	client_rewatch(client);
	return 0;
}
