/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The control socket's client, against a scripted sallyportd in the same loop. */
#include "portal/gate/gate.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "../../io/scratch.h"
#include "base/cleanup.h"

static char path[100];
static struct sp_loop *loop;
static struct sp_gate *gate;
static int listener, served;
static bool is_there;
static unsigned int changes;

static void changed(void *arg, bool there)
{
	(void)arg;
	is_there = there;
	changes++;
}

static void listen_now(void)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	strcpy(address.sun_path, path);
	listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_true(listener >= 0);
	assert_int_equal(bind(listener, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(listener, 4), 0);
}

static int setup(void **state)
{
	if (scratch_make(state) < 0)
		return -1;
	snprintf(path, sizeof(path), "%s", scratch_path(state, "s"));
	listener = served = -1;
	is_there = false;
	changes = 0;
	assert_int_equal(sp_loop_new(&loop), 0);
	return sp_gate_new(loop, path, changed, NULL, &gate);
}

static int teardown(void **state)
{
	sp_gate_free(gate);
	sp_loop_free(loop);
	sp_closep(&listener);
	sp_closep(&served);
	return scratch_remove(state);
}

/* Until @what is so, for at most 5 s. */
static void run_until(const bool *what, bool wanted)
{
	for (int i = 0; i < 500 && *what != wanted; i++)
		assert_int_equal(sp_loop_round(loop, 10 * SP_MS_NS), 0);
	assert_int_equal(*what, wanted);
}

static void connect_gate(void)
{
	listen_now();
	run_until(&is_there, true);
	served = accept(listener, NULL, NULL);
	assert_true(served >= 0);
}

/* The request that comes next: its op; the loop turns meanwhile. */
static json_t *serve(void)
{
	struct pollfd poll_fd = { .fd = served, .events = POLLIN };
	char line[65536];
	size_t len = 0;

	for (int i = 0; i < 500; i++) {
		assert_int_equal(sp_loop_round(loop, 10 * SP_MS_NS), 0);
		if (poll(&poll_fd, 1, 0) < 1)
			continue;
		while (len == 0 || line[len - 1] != '\n') {
			ssize_t got = recv(served, line + len, sizeof(line) - len, 0);

			assert_true(got > 0);
			len += (size_t)got;
		}
		assert_ptr_equal(memchr(line, '\n', len), line + len - 1); /* one at a time */
		return json_loadb(line, len, 0, NULL);
	}
	fail_msg("nothing is asked");
	return NULL;
}

static void reply_to(json_t *request, const char *members)
{
	char line[512];
	int len = snprintf(line, sizeof(line), "{\"v\":1,\"id\":%lld,\"ok\":true%s}\n",
			   json_integer_value(json_object_get(request, "id")), members);

	assert_int_equal(send(served, line, (size_t)len, MSG_NOSIGNAL), len);
	json_decref(request);
}

struct question {
	struct sp_gate_request ask; /* first */
	bool is_done, is_answered;
	int64_t session;
	unsigned int order;
};

static unsigned int order;

static void done(struct sp_gate_request *ask, const json_t *reply)
{
	struct question *question = (struct question *)ask;

	question->is_done = true;
	question->is_answered = reply != NULL;
	question->session = json_integer_value(json_object_get(reply, "session"));
	question->order = ++order;
}

static void ask(struct question *question, const char *op, bool can_wait)
{
	*question = (struct question){ .ask = { .request = json_pack("{s:s}", "op", op),
						.done = done,
						.can_wait = can_wait } };
	sp_gate_ask(gate, &question->ask);
	assert_false(question->is_done); /* never from within the call */
}

static bool asks(json_t *request, const char *op)
{
	return strcmp(json_string_value(json_object_get(request, "op")), op) == 0;
}

static void without_a_gateway_the_answer_is_none_and_soon(void **state)
{
	struct question question;

	(void)state;
	ask(&question, "a", false);
	run_until(&question.is_done, true);
	assert_false(question.is_answered);
}

static void one_at_a_time_and_people_first(void **state)
{
	struct question first, record, person;
	json_t *request;

	(void)state;
	connect_gate();
	ask(&first, "first", true);
	ask(&record, "record", true);
	ask(&person, "person", false);
	request = serve();
	assert_true(asks(request, "first"));
	reply_to(request, "");
	request = serve();
	assert_true(asks(request, "person"));
	reply_to(request, ",\"session\":7");
	request = serve();
	assert_true(asks(request, "record"));
	reply_to(request, "");
	run_until(&record.is_done, true);
	assert_true(first.is_answered && person.is_answered && record.is_answered);
	assert_int_equal(person.session, 7);
}

static void one_that_was_dropped_is_not_called_back(void **state)
{
	struct question under_way, waiting, after;
	json_t *request;

	(void)state;
	connect_gate();
	ask(&under_way, "under-way", false);
	ask(&waiting, "waiting", false);
	ask(&after, "after", false);
	request = serve();
	sp_gate_drop(gate, &under_way.ask);
	sp_gate_drop(gate, &waiting.ask);
	reply_to(request, ",\"session\":1");
	request = serve();
	assert_true(asks(request, "after")); /* and it gets its own reply */
	reply_to(request, ",\"session\":2");
	run_until(&after.is_done, true);
	assert_int_equal(after.session, 2);
	assert_false(under_way.is_done || waiting.is_done);
}

static void a_gateway_that_dies_and_comes_back(void **state)
{
	struct question under_way, waiting, after;
	json_t *request;

	(void)state;
	connect_gate();
	ask(&under_way, "a", false);
	ask(&waiting, "b", true);
	json_decref(serve());
	close(listener);
	unlink(path);
	close(served);
	run_until(&is_there, false);
	run_until(&waiting.is_done, true);
	assert_false(under_way.is_answered || waiting.is_answered);
	connect_gate();
	assert_int_equal(changes, 3);
	ask(&after, "c", false);
	request = serve();
	reply_to(request, "");
	run_until(&after.is_done, true);
	assert_true(after.is_answered);
}

static void nonsense_ends_the_connection(void **state)
{
	static const char *const lines[] = { "nonsense\n", "[]\n", "{\"id\":99,\"ok\":true}\n",
					     "{\"ok\":false,\"error\":{\"message\":\"no\"}}\n" };

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		struct question question;

		connect_gate();
		ask(&question, "a", false);
		json_decref(serve());
		assert_true(send(served, lines[i], strlen(lines[i]), MSG_NOSIGNAL) > 0);
		run_until(&question.is_done, true);
		assert_false(question.is_answered);
		run_until(&is_there, false);
		close(listener);
		unlink(path);
		close(served);
	}
	listener = served = -1;
}

/* session.list of every session there can be is longer than a socket's buffer. */
static void a_long_reply_comes_whole(void **state)
{
	__sp_free char *line = malloc(3000000);
	struct question question;
	json_t *request;
	size_t len, sent = 0;

	(void)state;
	connect_gate();
	ask(&question, "a", false);
	request = serve();
	len = (size_t)sprintf(line, "{\"v\":1,\"id\":%lld,\"ok\":true,\"session\":5,\"x\":\"",
			      json_integer_value(json_object_get(request, "id")));
	json_decref(request);
	memset(line + len, 'x', 2900000);
	len += 2900000;
	len += (size_t)sprintf(line + len, "\"}\n");
	while (sent < len) {
		ssize_t put = send(served, line + sent, len - sent, MSG_NOSIGNAL | MSG_DONTWAIT);

		sent += put > 0 ? (size_t)put : 0;
		assert_int_equal(sp_loop_round(loop, SP_MS_NS), 0);
	}
	run_until(&question.is_done, true);
	assert_int_equal(question.session, 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(without_a_gateway_the_answer_is_none_and_soon),
		T(one_at_a_time_and_people_first),
		T(one_that_was_dropped_is_not_called_back),
		T(a_gateway_that_dies_and_comes_back),
		T(nonsense_ends_the_connection),
		T(a_long_reply_comes_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
