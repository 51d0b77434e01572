/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The control socket under clients that behave and clients that do not: each case ends by asking
 * whether another client is still served. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "../../../support/folder.h"
#include "daemon/control/control.h"
#include "daemon/control/listing.h"
#include "io/loop/clock.h"

struct fixture {
	char dir[TEST_FOLDER_SIZE], path[96];
	struct sp_loop *loop;
	struct sp_control *control;
	unsigned int requests, gone, freed;
	size_t text_len;
	struct sp_client *held; /* of the op "hold" */
	struct sp_client *watcher;
};

/* Of the ops "list", and "list-fails" after some items. */
struct numbers {
	struct sp_listing listing;
	struct fixture *fixture;
	int at, end, fails_at;
};

static int next_number(void *arg, struct sp_buf *out)
{
	struct numbers *numbers = arg;

	if (numbers->at == numbers->fails_at)
		return -EIO;
	if (numbers->at == numbers->end)
		return 0;
	if (numbers->at++ % 2) /* every other one is not listed */
		sp_listing_put(out, json_pack("{s:i}", "number", numbers->at));
	return 1;
}

static json_t *rest_of_numbers(void *arg)
{
	return json_pack("{s:i}", "end", ((const struct numbers *)arg)->end);
}

static void fail_numbers(void *arg, int r)
{
	const struct numbers *numbers = arg;

	sp_client_fail(numbers->listing.client, "failed", 1, NULL, "%s", strerror(-r));
}

static void free_numbers(void *arg)
{
	struct numbers *numbers = arg;

	numbers->fixture->freed++;
	free(numbers);
}

static void list_numbers(struct fixture *fixture, struct sp_client *client, int end, int fails_at)
{
	struct numbers *numbers = calloc(1, sizeof(*numbers));

	*numbers = (struct numbers){ .fixture = fixture,
				     .end = end,
				     .fails_at = fails_at,
				     .listing = { .client = client,
						  .name = "numbers",
						  .next = next_number,
						  .rest = rest_of_numbers,
						  .fail = fail_numbers,
						  .free = free_numbers,
						  .arg = numbers } };
	sp_listing_start(&numbers->listing);
}

static void answer(void *arg, struct sp_client *client, const struct sp_request *request)
{
	struct fixture *fixture = arg;
	const char *op = json_string_value(json_object_get(request->json, "op"));

	fixture->requests++;
	fixture->text_len = request->text_len;
	if (!strcmp(op, "hold")) {
		fixture->held = client;
	} else if (!strcmp(op, "fail")) {
		sp_client_fail(client, "failed", 1, json_pack("{s:i}", "extra", 5), "because of %s",
			       "that");
	} else if (!strcmp(op, "big")) {
		char *text = calloc(1, 200001);

		memset(text, 'x', 200000);
		sp_client_reply(client, json_pack("{s:s}", "text", text));
		free(text);
	} else if (!strncmp(op, "list", 4)) {
		int end = 0, fails_at = -1;

		assert_int_equal(json_unpack((json_t *)request->json, "{s:i, s?i}", "end", &end,
					     "fails_at", &fails_at),
				 0);
		if (!strcmp(op, "list-watch")) {
			fixture->watcher = client;
			sp_client_watch(client);
		}
		list_numbers(fixture, client, end, fails_at);
	} else if (!strcmp(op, "watch")) {
		fixture->watcher = client;
		sp_client_watch(client);
		sp_client_reply(client, NULL);
	} else {
		sp_client_reply(client, json_pack("{s:s}", "op", op));
	}
}

static void forget(void *arg, struct sp_client *client)
{
	struct fixture *fixture = arg;

	fixture->gone++;
	if (fixture->held == client)
		fixture->held = NULL;
	if (fixture->watcher == client)
		fixture->watcher = NULL;
}

static int setup(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));
	struct sp_control_handler handler = { answer, forget, fixture };
	const struct sp_control_access access = { .gid = getegid(), .portal_uid = SP_UID_NONE };

	assert_non_null(test_folder_make(fixture->dir));
	snprintf(fixture->path, sizeof(fixture->path), "%s/control.sock", fixture->dir);
	assert_int_equal(sp_loop_new(&fixture->loop), 0);
	assert_int_equal(
		sp_control_open(fixture->loop, fixture->path, &access, &handler, &fixture->control),
		0);
	*state = fixture;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *fixture = *state;

	sp_control_close(fixture->control);
	sp_loop_free(fixture->loop);
	assert_int_not_equal(access(fixture->path, F_OK), 0);
	rmdir(fixture->dir);
	free(fixture);
	return 0;
}

static void run(struct fixture *fixture, int rounds)
{
	for (int i = 0; i < rounds; i++)
		assert_int_equal(sp_loop_round(fixture->loop, 200000), 0);
}

static int dial(struct fixture *fixture)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	strcpy(address.sun_path, fixture->path);
	assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	run(fixture, 2);
	return fd;
}

static void send_line(int fd, const char *text)
{
	assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), (ssize_t)strlen(text));
}

static void say(struct fixture *fixture, int fd, const char *text)
{
	send_line(fd, text);
	run(fixture, 4);
}

/* What was answered so far; *@ret_is_closed: and that was all. */
static json_t *hear(struct fixture *fixture, int fd, bool *ret_is_closed)
{
	static char buffer[300000];
	size_t len = 0;
	ssize_t got = 0;
	json_t *json;

	for (int tries = 0; tries < 50 && !memchr(buffer, '\n', len); tries++) {
		run(fixture, 2);
		got = recv(fd, buffer + len, sizeof(buffer) - 1 - len, MSG_DONTWAIT);
		if (got == 0)
			break;
		if (got > 0)
			len += (size_t)got;
	}
	run(fixture, 2);
	if (ret_is_closed)
		*ret_is_closed = got == 0 || recv(fd, buffer + len, 1, MSG_DONTWAIT) == 0;
	json = json_loadb(buffer, len, 0, NULL);
	memset(buffer, 0, len);
	return json;
}

static void assert_code(json_t *reply, const char *code)
{
	assert_non_null(reply);
	assert_true(json_is_false(json_object_get(reply, "ok")));
	assert_string_equal(
		json_string_value(json_object_get(json_object_get(reply, "error"), "code")), code);
	json_decref(reply);
}

static void assert_served(struct fixture *fixture)
{
	int fd = dial(fixture);
	json_t *reply;

	say(fixture, fd, "{\"v\":1,\"id\":42,\"op\":\"ping\"}\n");
	reply = hear(fixture, fd, NULL);
	assert_non_null(reply);
	assert_true(json_is_true(json_object_get(reply, "ok")));
	assert_int_equal(json_integer_value(json_object_get(reply, "id")), 42);
	assert_string_equal(json_string_value(json_object_get(reply, "op")), "ping");
	json_decref(reply);
	close(fd);
	run(fixture, 4);
}

static void the_socket_is_for_its_owner_and_group_only(void **state)
{
	struct fixture *fixture = *state;
	struct stat st;

	assert_int_equal(stat(fixture->path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0660);
	assert_int_equal(st.st_gid, getegid());
	assert_served(fixture);
}

static void several_requests_of_one_write_are_answered_in_order(void **state)
{
	struct fixture *fixture = *state;
	int fd = dial(fixture);
	char lines[256];
	ssize_t got;

	say(fixture, fd,
	    "{\"v\":1,\"id\":1,\"op\":\"a\"}\n{\"v\":1,\"id\":2,\"op\":\"b\"}\n{\"v\":1,");
	say(fixture, fd, "\"id\":3,\"op\":\"c\"}\n");
	run(fixture, 10);
	got = recv(fd, lines, sizeof(lines) - 1, MSG_DONTWAIT);
	assert_true(got > 0);
	lines[got] = '\0';
	assert_string_equal(lines, "{\"v\":1,\"id\":1,\"ok\":true,\"op\":\"a\"}\n"
				   "{\"v\":1,\"id\":2,\"ok\":true,\"op\":\"b\"}\n"
				   "{\"v\":1,\"id\":3,\"ok\":true,\"op\":\"c\"}\n");
	close(fd);
}

static void an_error_carries_code_message_exit_and_details(void **state)
{
	struct fixture *fixture = *state;
	int fd = dial(fixture);
	json_t *reply, *error;

	say(fixture, fd, "{\"v\":1,\"id\":9,\"op\":\"fail\"}\n");
	reply = hear(fixture, fd, NULL);
	error = json_object_get(reply, "error");
	assert_string_equal(json_string_value(json_object_get(error, "message")),
			    "because of that");
	assert_int_equal(json_integer_value(json_object_get(error, "exit")), 1);
	assert_int_equal(json_integer_value(json_object_get(error, "extra")), 5);
	assert_code(reply, "failed");
	close(fd);
}

static void garbage_gets_one_error_and_the_door(void **state)
{
	static const char *const garbage[] = {
		"hello\n",
		"[1,2]\n",
		"{\"v\":1}\n",
		"{\"v\":2,\"id\":1,\"op\":\"ping\"}\n",
		"\n",
		"{\"v\":1,\"id\":1,\"op\":\"ping\",\"op\":\"pong\"}\n",
		"\xff\xfe\x01\n",
		"{\"v\":1,\"id\":\"x\",\"op\":\"ping\"}\n",
		"{\"v\":1,\"id\":1,\"op\":7}\n",
		"{\"v\":1,\"id\":1,\"op\":\"apply\",\"text_bytes\":-1}\n",
		"{\"v\":1,\"id\":1,\"op\":\"apply\",\"text_bytes\":99999999}\n",
		"{\"v\":1,\"id\":1,\"op\":\"apply\",\"text_bytes\":4,\"text\":\"x\"}\n",
		"{\"v\":1,\"id\":1,\"op\":\"ping\"} trailing\n",
	};
	struct fixture *fixture = *state;

	for (size_t i = 0; i < sizeof(garbage) / sizeof(garbage[0]); i++) {
		int fd = dial(fixture);
		bool is_closed = false;

		say(fixture, fd, garbage[i]);
		assert_code(hear(fixture, fd, &is_closed), "bad-request");
		assert_true(is_closed);
		close(fd);
	}
	assert_int_equal(fixture->requests, 0);
	assert_served(fixture);
}

static void a_line_without_end_is_cut(void **state)
{
	struct fixture *fixture = *state;
	int fd = dial(fixture);
	bool is_closed = false;
	char block[4096];

	memset(block, 'a', sizeof(block));
	for (size_t sent = 0; sent <= SP_CONTROL_LINE_MAX; sent += sizeof(block)) {
		if (send(fd, block, sizeof(block), MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
			break;
		run(fixture, 2);
	}
	assert_code(hear(fixture, fd, &is_closed), "bad-request");
	assert_true(is_closed);
	close(fd);
	assert_served(fixture);
}

static void a_text_follows_its_line(void **state)
{
	struct fixture *fixture = *state;
	int fd = dial(fixture);
	char *text = malloc(300000);
	size_t sent = 0;
	json_t *reply;

	memset(text, '\n', 300000); /* its bytes are not looked at */
	say(fixture, fd, "{\"v\":1,\"id\":1,\"op\":\"apply\",\"text_bytes\":300000}\n");
	while (sent < 300000) {
		ssize_t n = send(fd, text + sent, 300000 - sent, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n > 0)
			sent += (size_t)n;
		run(fixture, 3);
	}
	reply = hear(fixture, fd, NULL);
	assert_true(json_is_true(json_object_get(reply, "ok")));
	assert_int_equal(fixture->text_len, 300000);
	json_decref(reply);
	say(fixture, fd, "{\"v\":1,\"id\":2,\"op\":\"apply\",\"text\":\"abc\"}\n");
	json_decref(hear(fixture, fd, NULL));
	assert_int_equal(fixture->text_len, 3);
	say(fixture, fd, "{\"v\":1,\"id\":2,\"op\":\"apply\",\"text_bytes\":0}\n");
	json_decref(hear(fixture, fd, NULL));
	assert_int_equal(fixture->text_len, 0);
	assert_int_equal(fixture->requests, 3);
	free(text);
	close(fd);
}

static void a_request_under_way_holds_up_only_its_own_client(void **state)
{
	struct fixture *fixture = *state;
	int fd = dial(fixture);
	json_t *reply;

	say(fixture, fd,
	    "{\"v\":1,\"id\":1,\"op\":\"hold\"}\n{\"v\":1,\"id\":2,\"op\":\"next\"}\n");
	assert_non_null(fixture->held);
	assert_int_equal(fixture->requests, 1);
	assert_served(fixture);
	sp_client_reply(fixture->held, NULL);
	reply = hear(fixture, fd, NULL);
	json_decref(reply);
	run(fixture, 4);
	assert_int_equal(fixture->requests, 3); /* the served one, and "next" */
	close(fd);
}

static void a_client_that_hangs_up_while_it_waits_is_told_to_the_handler(void **state)
{
	struct fixture *fixture = *state;
	int fd = dial(fixture);

	say(fixture, fd, "{\"v\":1,\"id\":1,\"op\":\"hold\"}\n");
	assert_non_null(fixture->held);
	close(fd);
	run(fixture, 4);
	assert_null(fixture->held);
	assert_int_equal(fixture->gone, 1);
	assert_served(fixture);
}

static void who_only_closes_its_sending_side_gets_its_answer(void **state)
{
	struct fixture *fixture = *state;
	int fd = dial(fixture);
	bool is_closed = false;
	json_t *reply;

	assert_true(send(fd, "{\"v\":1,\"id\":1,\"op\":\"big\"}\n", 26, 0) > 0);
	shutdown(fd, SHUT_WR);
	reply = hear(fixture, fd, &is_closed);
	assert_int_equal(json_string_length(json_object_get(reply, "text")), 200000);
	assert_true(is_closed);
	json_decref(reply);
	close(fd);
	assert_served(fixture);
}

static void one_that_does_not_read_is_dropped(void **state)
{
	struct fixture *fixture = *state;
	int fd = dial(fixture);

	/* each answer is 200 KB: past the queue's bound it goes */
	for (int i = 0; i < 40 && fixture->gone == 0; i++) {
		if (send(fd, "{\"v\":1,\"id\":1,\"op\":\"big\"}\n", 26,
			 MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
			break;
		run(fixture, 3);
	}
	assert_int_equal(fixture->gone, 1);
	close(fd);
	assert_served(fixture);
}

static void the_65th_client_is_told_to_try_again(void **state)
{
	struct fixture *fixture = *state;
	int fds[SP_CONTROL_CLIENTS_MAX], late;
	bool is_closed = false;

	for (size_t i = 0; i < SP_CONTROL_CLIENTS_MAX; i++)
		fds[i] = dial(fixture);
	assert_int_equal(sp_control_client_count(fixture->control), SP_CONTROL_CLIENTS_MAX);
	late = dial(fixture);
	assert_code(hear(fixture, late, &is_closed), "busy");
	assert_true(is_closed);
	close(late);
	for (size_t i = 0; i < SP_CONTROL_CLIENTS_MAX; i++)
		close(fds[i]);
	run(fixture, 10);
	assert_int_equal(sp_control_client_count(fixture->control), 0);
	assert_served(fixture);
}

static void a_watcher_gets_events_with_its_id(void **state)
{
	struct fixture *fixture = *state;
	int fd = dial(fixture);
	json_t *event;

	say(fixture, fd, "{\"v\":1,\"id\":77,\"op\":\"watch\"}\n");
	json_decref(hear(fixture, fd, NULL));
	assert_int_equal(sp_client_event(fixture->watcher, "{\"n\":5}", 7), 0);
	event = hear(fixture, fd, NULL);
	assert_int_equal(json_integer_value(json_object_get(event, "id")), 77);
	assert_int_equal(json_integer_value(json_object_get(json_object_get(event, "event"), "n")),
			 5);
	json_decref(event);
	close(fd);
}

static void a_watcher_that_does_not_read_is_dropped(void **state)
{
	struct fixture *fixture = *state;
	int fd = dial(fixture), r = 0;
	char text[20001];

	memset(text, '1', 20000);
	say(fixture, fd, "{\"v\":1,\"id\":77,\"op\":\"watch\"}\n");
	for (int i = 0; i < 200 && r == 0; i++)
		r = sp_client_event(fixture->watcher, text, 20000);
	assert_int_equal(r, -EPIPE);
	run(fixture, 2);
	assert_null(fixture->watcher);
	close(fd);
	assert_served(fixture);
}

/* Ten seconds pass for everybody at once: the silent, the one in the middle of a line, the one that
 * drips, and one with a request under way. Only the last is still there. */
static void the_silent_and_the_slow_are_dropped_after_ten_seconds(void **state)
{
	struct fixture *fixture = *state;
	int silent = dial(fixture), half = dial(fixture), drip = dial(fixture),
	    busy = dial(fixture);
	const uint64_t end_ns = sp_clock_boottime_ns() + 10 * SP_CONTROL_IDLE_NS;

	say(fixture, half, "{\"v\":1,");
	say(fixture, busy, "{\"v\":1,\"id\":1,\"op\":\"hold\"}\n");
	while (fixture->gone < 3 && sp_clock_boottime_ns() < end_ns) {
		send(drip, "{", 1, MSG_NOSIGNAL | MSG_DONTWAIT);
		assert_int_equal(sp_loop_round(fixture->loop, 100 * SP_MS_NS), 0);
		usleep(100000);
	}
	assert_int_equal(fixture->gone, 3);
	assert_int_equal(sp_control_client_count(fixture->control), 1);
	assert_non_null(fixture->held);
	sp_client_reply(fixture->held, NULL);
	close(silent);
	close(half);
	close(drip);
	close(busy);
	assert_served(fixture);
}

/* Here we are it ourselves. */
static void the_portal_cannot_take_every_place(void **state)
{
	struct fixture *fixture = *state;
	struct sp_control_handler handler = { answer, forget, fixture };
	const struct sp_control_access access = { .gid = getegid(), .portal_uid = geteuid() };
	int fds[SP_CONTROL_PORTAL_MAX];

	sp_control_close(fixture->control);
	assert_int_equal(
		sp_control_open(fixture->loop, fixture->path, &access, &handler, &fixture->control),
		0);
	for (unsigned int i = 0; i < SP_CONTROL_PORTAL_MAX; i++)
		fds[i] = dial(fixture);
	assert_int_equal(sp_control_client_count(fixture->control), SP_CONTROL_PORTAL_MAX);
	close(fds[0]);
	run(fixture, 4);
	fds[0] = dial(fixture); /* a place that was left is free again */
	say(fixture, fds[0], "{\"v\":1,\"id\":1,\"op\":\"hold\"}\n");
	assert_non_null(fixture->held);
	assert_true(sp_client_is_portal(fixture->held));
	assert_string_equal(sp_client_who(fixture->held), "portal");
	assert_code(hear(fixture, dial(fixture), NULL), "busy");
	for (unsigned int i = 0; i < SP_CONTROL_PORTAL_MAX; i++)
		close(fds[i]);
}

static void a_list_has_every_item_and_the_rest_of_the_reply(void **state)
{
	struct fixture *fixture = *state;
	int fd = dial(fixture);
	json_t *reply;

	for (int end = 0; end <= 4000; end += 2000) {
		char line[96];

		snprintf(line, sizeof(line), "{\"v\":1,\"id\":7,\"op\":\"list\",\"end\":%d}\n",
			 end);
		say(fixture, fd, line);
		reply = hear(fixture, fd, NULL);
		assert_true(json_is_true(json_object_get(reply, "ok")));
		assert_int_equal(json_integer_value(json_object_get(reply, "id")), 7);
		assert_int_equal(json_array_size(json_object_get(reply, "numbers")), end / 2);
		assert_int_equal(json_integer_value(json_object_get(reply, "end")), end);
		json_decref(reply);
	}
	assert_int_equal(fixture->freed, 3);
	close(fd);
}

static void a_list_is_made_as_its_client_reads_and_goes_with_it(void **state)
{
	struct fixture *fixture = *state;
	int fd = dial(fixture), other = dial(fixture);
	json_t *reply;

	say(fixture, fd, "{\"v\":1,\"id\":1,\"op\":\"list\",\"end\":1000000000}\n");
	run(fixture, 200);
	assert_int_equal(fixture->freed, 0);
	say(fixture, other, "{\"v\":1,\"id\":2,\"op\":\"list\",\"end\":20}\n");
	reply = hear(fixture, other, NULL);
	assert_int_equal(json_array_size(json_object_get(reply, "numbers")), 10);
	json_decref(reply);
	close(fd);
	run(fixture, 10);
	assert_int_equal(fixture->freed, 2);
	assert_int_equal(sp_control_client_count(fixture->control), 1);
	close(other);
}

static void a_list_that_fails_is_an_error_or_the_end_of_the_client(void **state)
{
	struct fixture *fixture = *state;
	int fd = dial(fixture);
	bool is_closed = false;
	json_t *reply;

	say(fixture, fd, "{\"v\":1,\"id\":1,\"op\":\"list\",\"end\":9,\"fails_at\":0}\n");
	reply = hear(fixture, fd, NULL);
	assert_code(reply, "failed");
	say(fixture, fd, "{\"v\":1,\"id\":2,\"op\":\"list\",\"end\":500000,\"fails_at\":400000}\n");
	for (int tries = 0; tries < 20000 && !is_closed; tries++) {
		char some[65536];

		run(fixture, 1);
		is_closed = recv(fd, some, sizeof(some), MSG_DONTWAIT) == 0;
	}
	assert_true(is_closed);
	assert_int_equal(fixture->freed, 2);
	close(fd);
}

static void events_come_behind_the_list(void **state)
{
	struct fixture *fixture = *state;
	static char all[300000];
	int fd = dial(fixture);
	size_t len = 0;
	char *list, *event;

	send_line(fd, "{\"v\":1,\"id\":1,\"op\":\"list-watch\",\"end\":4000}\n");
	for (int tries = 0; tries < 100 && !fixture->watcher; tries++)
		run(fixture, 1);
	assert_int_equal(sp_client_event(fixture->watcher, "5", 1), 0);
	for (int tries = 0; tries < 1000 && !strstr(all, "\"event\":5}\n"); tries++) {
		ssize_t got = recv(fd, all + len, sizeof(all) - 1 - len, MSG_DONTWAIT);

		len += got > 0 ? (size_t)got : 0;
		run(fixture, 1);
	}
	list = strstr(all, "\"end\":4000}\n");
	event = strstr(all, "\"event\":5}\n");
	assert_non_null(list);
	assert_non_null(event);
	assert_true(event > list);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		TEST(the_socket_is_for_its_owner_and_group_only),
		TEST(several_requests_of_one_write_are_answered_in_order),
		TEST(an_error_carries_code_message_exit_and_details),
		TEST(garbage_gets_one_error_and_the_door),
		TEST(a_line_without_end_is_cut),
		TEST(a_text_follows_its_line),
		TEST(a_request_under_way_holds_up_only_its_own_client),
		TEST(a_client_that_hangs_up_while_it_waits_is_told_to_the_handler),
		TEST(who_only_closes_its_sending_side_gets_its_answer),
		TEST(one_that_does_not_read_is_dropped),
		TEST(the_65th_client_is_told_to_try_again),
		TEST(a_watcher_gets_events_with_its_id),
		TEST(a_watcher_that_does_not_read_is_dropped),
		TEST(the_portal_cannot_take_every_place),
		TEST(a_list_has_every_item_and_the_rest_of_the_reply),
		TEST(a_list_is_made_as_its_client_reads_and_goes_with_it),
		TEST(a_list_that_fails_is_an_error_or_the_end_of_the_client),
		TEST(events_come_behind_the_list),
		TEST(the_silent_and_the_slow_are_dropped_after_ten_seconds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
