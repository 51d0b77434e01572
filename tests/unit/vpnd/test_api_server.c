/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "../io/scratch.h"
#include "base/cleanup.h"
#include "base/str.h"
#include "fake_device.h"
#include "io/uapi/uapi.h"
#include "io/uapi/uapi_stats.h"
#include "vpnd/api/api_server.h"

#define KEY_A "b85996fecc9c7f1fc6d2572a76eda11d59bcd20be8e543b15ce4bd85a8e75a33"

static struct fake_device fake;
static struct sp_api_server *server;
static const char *path;

static int setup(void **state)
{
	if (scratch_make(state) < 0)
		return -1;
	fake_start(&fake, NULL);
	path = scratch_path(state, "run/wireguard/wg0.sock");
	return sp_api_server_new(path, &fake.api, SP_API_IDLE_MS, &server);
}

static int teardown(void **state)
{
	sp_api_server_free(server);
	server = NULL;
	fake_done(&fake);
	return scratch_remove(state);
}

static int dial_at(const char *where)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	assert_true(fd >= 0);
	strcpy(address.sun_path, where);
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0)
		return fd;
	close(fd);
	return -1;
}

static int dial(void)
{
	int fd = dial_at(path);

	assert_true(fd >= 0);
	return fd;
}

/* Let the server do whatever it has to do now. */
static int settle(void)
{
	struct pollfd ready = { .fd = sp_api_server_fd(server), .events = POLLIN };
	int r = 0;

	for (int i = 0; i < 1000 && r == 0 && poll(&ready, 1, 0) > 0; i++)
		r = sp_api_server_step(server);
	return r;
}

static void say(int fd, const char *text)
{
	assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

/* What has been answered so far; "" nothing, NULL it hung up. */
static const char *hear(int fd)
{
	static char text[4096];
	ssize_t got;

	assert_int_equal(settle(), 0);
	got = recv(fd, text, sizeof(text) - 1, 0);
	if (got == 0 || (got < 0 && errno == ECONNRESET))
		return NULL;
	text[got < 0 ? 0 : got] = '\0';
	return text;
}

static void the_socket_is_its_owners_alone(void **state)
{
	struct stat st;

	(void)state;
	assert_int_equal(lstat(path, &st), 0);
	assert_int_equal(st.st_mode, S_IFSOCK | 0600);
}

/* What stands under awaited_name when a socket begins to listen. */
static const char *awaited_name;
static bool was_named_before;

int __real_listen(int fd, int backlog);
int __wrap_listen(int fd, int backlog);
int __wrap_listen(int fd, int backlog)
{
	was_named_before = awaited_name && access(awaited_name, F_OK) == 0;
	return __real_listen(fd, backlog);
}

/* wg(8) removes a name whose socket refuses it, and that would end us. */
static void the_name_comes_with_listening(void **state)
{
	struct sp_api_server *second = NULL;
	const char *name = scratch_path(state, "second/wg1.sock");

	awaited_name = name;
	was_named_before = true;
	assert_int_equal(sp_api_server_new(name, &fake.api, SP_API_IDLE_MS, &second), 0);
	awaited_name = NULL;
	assert_false(was_named_before);
	close(dial_at(name));
	assert_int_equal(access(scratch_path(state, "second/wg1.sock~"), F_OK), -1);
	sp_api_server_free(second);
}

static void requests_follow_each_other(void **state)
{
	__sp_close int fd = dial();

	(void)state;
	say(fd, "set=1\nlisten_port=51820\n");
	assert_string_equal(hear(fd), "");
	say(fd, "\nget=1\n\nget=");
	assert_string_equal(hear(fd), "errno=0\n\nlisten_port=51820\nerrno=0\n\n");
	say(fd, "1\n\n");
	assert_string_equal(hear(fd), "listen_port=51820\nerrno=0\n\n");
	say(fd, "set=1\nnonsense\n");
	assert_string_equal(hear(fd), "");
	say(fd, "more\n\n");
	assert_string_equal(hear(fd), "errno=-71\n\n");
	say(fd, "get=1\n\n");
	assert_string_equal(hear(fd), "listen_port=51820\nerrno=0\n\n");
	assert_int_equal(shutdown(fd, SHUT_WR), 0);
	assert_null(hear(fd));
}

static void a_request_cut_off_is_answered(void **state)
{
	__sp_close int fd = dial();

	(void)state;
	say(fd, "set=1\nlisten_port=51820\n");
	assert_int_equal(shutdown(fd, SHUT_WR), 0);
	assert_string_equal(hear(fd), "errno=-71\n\n");
	assert_null(hear(fd));
}

static void a_line_without_end_ends_it(void **state)
{
	__sp_close int fd = dial();
	char line[1000];

	(void)state;
	memset(line, 'x', sizeof(line) - 1);
	line[sizeof(line) - 1] = '\0';
	say(fd, line);
	assert_string_equal(hear(fd), "errno=22\n\n");
	assert_null(hear(fd));
}

static void silence_ends_after_its_limit(void **state)
{
	struct pollfd ready = { .events = POLLIN };
	int silent, talking, fds[2];

	(void)state;
	sp_api_server_free(server);
	assert_int_equal(sp_api_server_new(path, &fake.api, 1500, &server), 0);
	ready.fd = sp_api_server_fd(server);
	fds[0] = silent = dial();
	fds[1] = talking = dial();
	say(silent, "set=1\nfwmark=7\n");
	for (int i = 0; i < 18; i++) {
		say(talking, "get=1\n\n");
		assert_non_null(hear(talking));
		poll(NULL, 0, 100);
	}
	assert_null(hear(silent));
	say(talking, "get=1\n\n");
	assert_string_equal(hear(talking), "fwmark=7\nerrno=0\n\n");
	/* its descriptor says by itself when the last one's time has come */
	assert_int_equal(poll(&ready, 1, 60000), 1);
	assert_null(hear(talking));
	assert_int_equal(poll(&ready, 1, 0), 0);
	close(fds[0]);
	close(fds[1]);
}

static void sixteen_talk_and_the_next_waits(void **state)
{
	int fds[SP_API_CLIENTS_MAX + 1];

	(void)state;
	for (int i = 0; i <= SP_API_CLIENTS_MAX; i++) {
		fds[i] = dial();
		say(fds[i], "set=1\n"); /* and no more */
		assert_int_equal(settle(), 0);
	}
	say(fds[SP_API_CLIENTS_MAX], "\n");
	assert_string_equal(hear(fds[SP_API_CLIENTS_MAX]), "");
	say(fds[3], "\n");
	assert_string_equal(hear(fds[3]), "errno=0\n\n"); /* nobody held it up */
	close(fds[3]);
	assert_string_equal(hear(fds[SP_API_CLIENTS_MAX]), "errno=0\n\n");
	for (int i = 0; i <= SP_API_CLIENTS_MAX; i++)
		if (i != 3)
			close(fds[i]);
	assert_int_equal(settle(), 0);
}

static void many_peers(int count)
{
	for (int i = 0; i < count; i++) {
		uint8_t key[SP_WG_KEY_LEN] = { 1, (uint8_t)i, (uint8_t)(i >> 8) };
		struct sp_wg_engine_peer *peer;

		assert_int_equal(sp_wg_engine_peer_add(fake.api.engine, key, &peer), 0);
	}
}

static void one_that_does_not_read_holds_nobody_up(void **state)
{
	int stuck = dial(), other = dial();
	char *answer = malloc(8 << 20);
	__sp_wg_device struct sp_wg_device device = { 0 };
	size_t len = 0;
	ssize_t got;

	(void)state;
	many_peers(10000); /* 3 MB, more than a socket holds */
	say(stuck, "get=1\n\nget=1\n\n");
	assert_int_equal(settle(), 0);
	say(other, "set=1\nfwmark=9\n\n");
	assert_string_equal(hear(other), "errno=0\n\n");
	/* what it has not read yet is told by and by */
	while (len < 9 || memcmp(answer + len - 9, "errno=0\n\n", 9) != 0) {
		got = recv(stuck, answer + len, 1000, 0);
		assert_true(got > 0 || errno == EAGAIN);
		len += got > 0 ? (size_t)got : 0;
		assert_int_equal(settle(), 0);
		assert_true(len < (8u << 20) - 1000);
		if (got > 0 && (sp_uapi_is_complete(answer, len)))
			break;
	}
	/* the second answer may have begun in the same piece */
	for (size_t i = 2; i <= len; i++)
		if (sp_uapi_is_complete(answer, i)) {
			len = i;
			break;
		}
	assert_int_equal(sp_uapi_parse_get(answer, len, &device), 0);
	assert_int_equal(device.peer_count, 10000);
	free(answer);
	close(stuck); /* in the middle of the second */
	assert_int_equal(settle(), 0);
	say(other, "set=1\nreplace_peers=true\n\n");
	assert_string_equal(hear(other), "errno=0\n\n");
	close(other);
}

static void an_address_in_use_is_left_alone(void **state)
{
	struct sp_api_server *second = NULL;
	const char *file = scratch_path(state, "file");
	char far[300];
	FILE *made = fopen(file, "w");

	assert_int_equal(sp_api_server_new(path, &fake.api, SP_API_IDLE_MS, &second), -EADDRINUSE);
	assert_int_equal(settle(), 0);
	requests_follow_each_other(state);
	assert_non_null(made);
	fclose(made);
	assert_int_equal(sp_api_server_new(file, &fake.api, SP_API_IDLE_MS, &second), -EEXIST);
	assert_int_equal(access(file, F_OK), 0);
	memset(far, 'a', sizeof(far) - 1);
	far[sizeof(far) - 1] = '\0';
	assert_int_equal(sp_api_server_new(far, &fake.api, SP_API_IDLE_MS, &second), -ENAMETOOLONG);
	assert_null(second);
}

static void a_socket_left_behind_is_replaced(void **state)
{
	struct sp_api_server *second = NULL;
	const char *stale = scratch_path(state, "stale.sock");
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	strcpy(address.sun_path, stale);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(fd, 1), 0);
	close(fd);
	assert_int_equal(sp_api_server_new(stale, &fake.api, SP_API_IDLE_MS, &second), 0);
	fd = dial_at(stale);
	assert_true(fd >= 0);
	close(fd);
	sp_api_server_free(second);
	assert_int_equal(access(stale, F_OK), -1); /* it takes its name with it */
}

static void a_socket_taken_away_ends_it(void **state)
{
	struct sp_api_server *first = NULL, *second = NULL;
	const char *name = scratch_path(state, "third/wg1.sock");
	const char *beside = scratch_path(state, "third/wg2.sock");
	FILE *made;

	assert_int_equal(sp_api_server_new(name, &fake.api, SP_API_IDLE_MS, &first), 0);
	made = fopen(beside, "w"); /* what happens beside it is nothing to it */
	fclose(made);
	unlink(beside);
	assert_int_equal(sp_api_server_step(first), 0);
	unlink(name);
	assert_int_equal(sp_api_server_new(name, &fake.api, SP_API_IDLE_MS, &second), 0);
	assert_int_equal(sp_api_server_step(first), -EIDRM);
	sp_api_server_free(first); /* the name is another's now */
	assert_int_equal(access(name, F_OK), 0);
	assert_int_equal(sp_api_server_step(second), 0);
	unlink(name);
	assert_int_equal(sp_api_server_step(second), -EIDRM);
	sp_api_server_free(second);
}

static void *serve(void *arg)
{
	struct pollfd ready = { .fd = sp_api_server_fd(server), .events = POLLIN };
	volatile bool *should_end = arg;

	while (!*should_end)
		if (poll(&ready, 1, 20) > 0 && sp_api_server_step(server) < 0)
			return arg;
	return NULL;
}

static void our_own_client_talks_to_it(void **state)
{
	__sp_wg_device struct sp_wg_device device = { 0 };
	__sp_uapi_stats struct sp_uapi_stats stats = { 0 };
	__sp_uapi_set struct sp_uapi_set set;
	struct sp_wg_peer peer = { .keepalive_s = 5 };
	volatile bool should_end = false;
	pthread_t thread;
	void *failed;

	(void)state;
	assert_int_equal(pthread_create(&thread, NULL, serve, (void *)&should_end), 0);
	assert_int_equal(sp_wg_key_from_hex(KEY_A, &peer.public_key), 0);
	sp_uapi_set_init(&set);
	sp_uapi_set_peer(&set, &peer, SP_WG_PUT);
	assert_int_equal(sp_uapi_set_finish(&set), 0);
	assert_int_equal(sp_uapi_send(path, 1000, &set), 0);
	assert_int_equal(sp_uapi_get(path, 1000, &device), 0);
	assert_int_equal(device.peer_count, 1);
	assert_int_equal(device.peers[0].keepalive_s, 5);
	assert_memory_equal(&device.peers[0].public_key, &peer.public_key, SP_WG_KEY_LEN);
	assert_int_equal(sp_uapi_stats(path, 1000, &stats), 0);
	assert_int_equal(stats.fact_count, 2);
	should_end = true;
	assert_int_equal(pthread_join(thread, &failed), 0);
	assert_null(failed);
}

/* An engine that does not know the request: one that says so, one that hangs up. */
static void *answer_once(void *arg)
{
	const int listen_fd = *(int *)arg;
	char text[64];

	for (int i = 0; i < 2; i++) {
		int fd = accept(listen_fd, NULL, NULL);
		ssize_t got = recv(fd, text, sizeof(text), 0);

		if (i == 0 && got > 0)
			got = send(fd, "errno=22\n\n", 10, MSG_NOSIGNAL);
		close(fd);
	}
	return NULL;
}

static void other_engines_have_no_stats(void **state)
{
	struct sp_uapi_stats stats;
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	pthread_t thread;

	strcpy(address.sun_path, scratch_path(state, "other.sock"));
	assert_int_equal(sp_uapi_stats(address.sun_path, 1000, &stats), -ENOENT);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(fd, 2), 0);
	assert_int_equal(pthread_create(&thread, NULL, answer_once, &fd), 0);
	assert_int_equal(sp_uapi_stats(address.sun_path, 1000, &stats), -EOPNOTSUPP);
	assert_int_equal(sp_uapi_stats(address.sun_path, 1000, &stats), -EOPNOTSUPP);
	assert_int_equal(pthread_join(thread, NULL), 0);
	close(fd);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_socket_is_its_owners_alone),  TEST(the_name_comes_with_listening),
		TEST(requests_follow_each_other),      TEST(a_request_cut_off_is_answered),
		TEST(a_line_without_end_ends_it),      TEST(silence_ends_after_its_limit),
		TEST(sixteen_talk_and_the_next_waits), TEST(one_that_does_not_read_holds_nobody_up),
		TEST(an_address_in_use_is_left_alone), TEST(a_socket_left_behind_is_replaced),
		TEST(a_socket_taken_away_ends_it),     TEST(our_own_client_talks_to_it),
		TEST(other_engines_have_no_stats),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
