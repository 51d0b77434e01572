/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>

#include <cmocka.h>

#include "base/array.h"
#include "io/uapi/uapi.h"
#include "net/addr.h"
#include "../scratch.h"

#define KEY_A "a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1"
#define KEY_B "b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2"
#define KEY_C "c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3"
#define ZEROS "0000000000000000000000000000000000000000000000000000000000000000"

static struct sp_wg_key key(const char *hex)
{
	struct sp_wg_key parsed;

	assert_int_equal(sp_wg_key_from_hex(hex, &parsed), 0);
	return parsed;
}

static struct sp_prefix prefix(const char *text)
{
	struct sp_prefix parsed;

	assert_int_equal(sp_prefix_parse(text, &parsed), 0);
	return parsed;
}

/* ---- text ---- */

static const char full_reply[] = "private_key=" KEY_A "\n"
				 "listen_port=51820\n"
				 "fwmark=4294967295\n"
				 "public_key=" KEY_B "\n"
				 "preshared_key=" KEY_C "\n"
				 "protocol_version=1\n"
				 "endpoint=192.0.2.9:40000\n"
				 "last_handshake_time_sec=1795230600\n"
				 "last_handshake_time_nsec=123456789\n"
				 "tx_bytes=18446744073709551615\n"
				 "rx_bytes=7\n"
				 "persistent_keepalive_interval=25\n"
				 "allowed_ip=100.64.0.7/32\n"
				 "allowed_ip=fd00:64::7/128\n"
				 "public_key=" KEY_C "\n"
				 "preshared_key=" ZEROS "\n"
				 "endpoint=[fe80::1%wan0]:51820\n"
				 "some_later_key=whatever\n"
				 "errno=0\n\n";

static void full_reply_is_read(void **state)
{
	__sp_wg_device struct sp_wg_device device = { 0 };
	const struct sp_wg_peer *peer;
	struct sp_wg_key wanted = key(KEY_B);
	char text[SP_ADDR_TEXT_MAX];

	(void)state;
	assert_int_equal(sp_uapi_parse_get(full_reply, strlen(full_reply), &device), 0);
	assert_true(device.has_private_key);
	assert_int_equal(device.listen_port, 51820);
	assert_int_equal(device.fwmark, 0xffffffff);
	assert_int_equal(device.peer_count, 2);
	peer = &device.peers[0];
	assert_true(sp_wg_key_equal(&peer->public_key, &wanted));
	assert_int_equal(peer->preshared_key.bytes[31], 0xc3);
	assert_true(peer->has_endpoint);
	assert_string_equal(sp_addr_format(&peer->endpoint, text), "192.0.2.9");
	assert_int_equal(peer->endpoint_port, 40000);
	assert_true(peer->last_handshake_ns == 1795230600123456789);
	assert_true(peer->tx_bytes == UINT64_MAX && peer->rx_bytes == 7);
	assert_int_equal(peer->keepalive_s, 25);
	assert_int_equal(peer->allowed_ip_count, 2);
	assert_int_equal(peer->allowed_ips[0].prefix_len, 128);
	peer = &device.peers[1];
	assert_string_equal(peer->endpoint_scope, "wan0");
	assert_true(sp_wg_key_is_zero(&peer->preshared_key));
	assert_true(peer->last_handshake_ns == 0);
}

static void endpoints_of_both_families_are_read(void **state)
{
	static const struct {
		const char *text, *addr;
	} rows[] = {
		{ "198.51.100.1:1", "198.51.100.1" },
		{ "[2001:db8::1]:65535", "2001:db8::1" },
		{ "[::ffff:198.51.100.1]:1", "198.51.100.1" },
	};

	(void)state;
	for (size_t i = 0; i < SP_ARRAY_LEN(rows); i++) {
		__sp_wg_device struct sp_wg_device device = { 0 };
		char reply[256], text[SP_ADDR_TEXT_MAX];

		snprintf(reply, sizeof(reply), "public_key=" KEY_B "\nendpoint=%s\nerrno=0\n\n",
			 rows[i].text);
		assert_int_equal(sp_uapi_parse_get(reply, strlen(reply), &device), 0);
		assert_string_equal(sp_addr_format(&device.peers[0].endpoint, text), rows[i].addr);
	}
}

/* Five of these are more nanoseconds than there are numbers for. */
#define SECONDS "\nlast_handshake_time_sec=2300000000"

static void replies_that_are_none_are_refused(void **state)
{
	static const char *const rows[] = {
		"",
		"\n",
		"errno=0\n",
		"errno=0",
		"errno=\n\n",
		"errno=x\n\n",
		"errno=99999\n\n",
		"errno=0\n\nmore=1\n",
		"errno=0\nlisten_port=1\n\n",
		"listen_port=1\n\n",
		"listen_port\nerrno=0\n\n",
		"listen_port=65536\nerrno=0\n\n",
		"listen_port=+1\nerrno=0\n\n",
		"listen_port=01\nerrno=0\n\n",
		"listen_port=-1\nerrno=0\n\n",
		"private_key=" KEY_A "00\nerrno=0\n\n",
		"private_key=xyz\nerrno=0\n\n",
		"allowed_ip=10.0.0.0/8\nerrno=0\n\n",
		"preshared_key=" KEY_A "\nerrno=0\n\n",
		"public_key=1234\nerrno=0\n\n",
		"public_key=" KEY_A "\npublic_key=" KEY_A "\nerrno=0\n\n",
		"public_key=" KEY_A "\nallowed_ip=10.0.0.1/8\nerrno=0\n\n",
		"public_key=" KEY_A "\nallowed_ip=10.0.0.0\nerrno=0\n\n",
		"public_key=" KEY_A "\nallowed_ip=10.0.0.0/33\nerrno=0\n\n",
		"public_key=" KEY_A "\nendpoint=1.2.3.4\nerrno=0\n\n",
		"public_key=" KEY_A "\nendpoint=1.2.3.4:0\nerrno=0\n\n",
		"public_key=" KEY_A "\nendpoint=2001:db8::1:80\nerrno=0\n\n",
		"public_key=" KEY_A "\nendpoint=[2001:db8::1:80\nerrno=0\n\n",
		"public_key=" KEY_A "\nendpoint=[fe80::1%]:80\nerrno=0\n\n",
		"public_key=" KEY_A "\nendpoint=:80\nerrno=0\n\n",
		"public_key=" KEY_A "\nlast_handshake_time_nsec=1000000000\nerrno=0\n\n",
		"public_key=" KEY_A "\nlast_handshake_time_sec=9223372036854775807\nerrno=0\n\n",
		"public_key=" KEY_A "\nrx_bytes=18446744073709551616\nerrno=0\n\n",
		"public_key=" KEY_A SECONDS SECONDS SECONDS SECONDS SECONDS "\nerrno=0\n\n",
	};
	struct sp_wg_device device = { .listen_port = 7 };

	(void)state;
	for (size_t i = 0; i < SP_ARRAY_LEN(rows); i++)
		assert_int_equal(sp_uapi_parse_get(rows[i], strlen(rows[i]), &device), -EBADMSG);
	assert_int_equal(device.listen_port, 7);
	assert_int_equal(sp_uapi_parse_get("errno=1\n\n", 9, &device), -EPERM);
	assert_int_equal(sp_uapi_parse_get("errno=-22\n\n", 11, &device), -EINVAL);
	assert_int_equal(sp_uapi_parse_set("errno=0\n\n", 9), 0);
	assert_int_equal(sp_uapi_parse_set("errno=98\n\n", 10), -EADDRINUSE);
	assert_int_equal(sp_uapi_parse_set("errno=0\n", 8), -EBADMSG);
	assert_int_equal(sp_uapi_parse_set("\n\n", 2), -EBADMSG);
	assert_int_equal(sp_uapi_parse_set("errno=0\n\nx", 10), -EBADMSG);
	assert_int_equal(sp_uapi_parse_set("", 0), -EBADMSG);
}

static void reply_cut_anywhere_is_refused(void **state)
{
	(void)state;
	for (size_t len = 0; len < strlen(full_reply); len++) {
		struct sp_wg_device device = { 0 };

		assert_int_equal(sp_uapi_parse_get(full_reply, len, &device), -EBADMSG);
		assert_false(sp_uapi_is_complete(full_reply, len));
	}
	assert_true(sp_uapi_is_complete(full_reply, strlen(full_reply)));
}

static void requests_have_the_lines_of_the_protocol(void **state)
{
	__sp_uapi_set struct sp_uapi_set set = { 0 };
	struct sp_prefix prefixes[] = { prefix("100.64.0.7/32"), prefix("fd00:64::7/128"),
					prefix("0.0.0.0/0"), prefix("::/0") };
	struct sp_wg_peer peer = {
		.public_key = key(KEY_B),
		.preshared_key = key(KEY_C),
		.has_endpoint = true,
		.endpoint_port = 51820,
		.endpoint_scope = "wan0",
		.keepalive_s = 25,
		.allowed_ips = prefixes,
		.allowed_ip_count = SP_ARRAY_LEN(prefixes),
	};
	struct sp_wg_key private_key = key(KEY_A);
	static const char expected[] = "set=1\n"
				       "private_key=" KEY_A "\n"
				       "listen_port=51820\n"
				       "replace_peers=true\n"
				       "public_key=" KEY_B "\n"
				       "preshared_key=" KEY_C "\n"
				       "endpoint=[fe80::2%wan0]:51820\n"
				       "persistent_keepalive_interval=25\n"
				       "replace_allowed_ips=true\n"
				       "allowed_ip=100.64.0.7/32\n"
				       "allowed_ip=fd00:64::7/128\n"
				       "allowed_ip=0.0.0.0/0\n"
				       "allowed_ip=::/0\n"
				       "public_key=" KEY_B "\n"
				       "update_only=true\n"
				       "preshared_key=" KEY_C "\n"
				       "persistent_keepalive_interval=25\n"
				       "replace_allowed_ips=true\n"
				       "public_key=" KEY_B "\n"
				       "remove=true\n"
				       "\n";

	(void)state;
	assert_int_equal(sp_addr_parse("fe80::2", &peer.endpoint), 0);
	sp_uapi_set_init(&set);
	sp_uapi_set_private_key(&set, &private_key);
	sp_uapi_set_listen_port(&set, 51820);
	sp_uapi_set_replace_peers(&set);
	sp_uapi_set_peer(&set, &peer, SP_WG_PUT);
	peer.has_endpoint = false;
	peer.allowed_ip_count = 0;
	sp_uapi_set_peer(&set, &peer, SP_WG_UPDATE);
	sp_uapi_set_peer(&set, &peer, SP_WG_REMOVE);
	assert_int_equal(sp_uapi_set_finish(&set), 0);
	assert_int_equal(sp_uapi_set_finish(&set), 0);
	assert_int_equal(set.text.len, strlen(expected));
	assert_memory_equal(set.text.data, expected, strlen(expected));
}

static void nothing_can_be_slipped_into_a_request(void **state)
{
	__sp_uapi_set struct sp_uapi_set comment = { 0 }, scope = { 0 };
	struct sp_wg_peer peer = { .has_endpoint = true,
				   .endpoint_port = 1,
				   .endpoint_scope = "a]\nremove=t" };

	(void)state;
	assert_int_equal(sp_addr_parse("fe80::2", &peer.endpoint), 0);
	sp_uapi_set_init(&scope);
	sp_uapi_set_peer(&scope, &peer, SP_WG_PUT);
	assert_int_equal(sp_uapi_set_finish(&scope), -EINVAL);
	sp_uapi_set_init(&comment);
	sp_uapi_set_comment(&comment, "x\nprivate_key=" KEY_A);
	assert_int_equal(sp_uapi_set_finish(&comment), -EINVAL);
}

/* ---- transactions, against engines of every temper ---- */

enum temper { ANSWERS, SILENT, DRIBBLES, CLOSES, FLOODS, DEAF, CUTS };

struct engine {
	enum temper temper;
	const char *reply;
	char path[108];
	int listener, stop[2];
	char request[4096];
	pthread_t thread;
};

static bool is_stopped(struct engine *engine, int wait_ms)
{
	struct pollfd stop = { .fd = engine->stop[0], .events = POLLIN };

	return poll(&stop, 1, wait_ms) > 0;
}

static void misbehave(struct engine *engine, int fd)
{
	static char flood[65536];

	switch (engine->temper) {
	case DRIBBLES:
		while (!is_stopped(engine, 5) && send(fd, "x", 1, MSG_NOSIGNAL) == 1)
			;
		break;
	case FLOODS:
		memset(flood, 'x', sizeof(flood));
		while (!is_stopped(engine, 0) && send(fd, flood, sizeof(flood), MSG_NOSIGNAL) > 0)
			;
		break;
	case CUTS:
		send(fd, engine->reply, strlen(engine->reply) - 1, MSG_NOSIGNAL);
		break;
	case SILENT:
		is_stopped(engine, -1);
		break;
	default:
		break;
	}
}

static void *run_engine(void *arg)
{
	struct engine *engine = arg;
	struct pollfd ready[] = { { .fd = engine->listener, .events = POLLIN },
				  { .fd = engine->stop[0], .events = POLLIN } };

	if (engine->temper == DEAF)
		return NULL;
	while (poll(ready, 2, -1) > 0 && !ready[1].revents) {
		int fd = accept(engine->listener, NULL, NULL);
		size_t len = 0;
		ssize_t got = 1;

		while (engine->temper == ANSWERS && !sp_uapi_is_complete(engine->request, len) &&
		       got > 0) {
			got = read(fd, engine->request + len, sizeof(engine->request) - 1 - len);
			len += got > 0 ? (size_t)got : 0;
		}
		engine->request[len] = '\0';
		if (engine->temper == ANSWERS)
			send(fd, engine->reply, strlen(engine->reply), MSG_NOSIGNAL);
		else
			misbehave(engine, fd);
		close(fd);
	}
	return NULL;
}

static void start_engine(struct engine *engine, void **state, enum temper temper, const char *reply)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	*engine = (struct engine){ .temper = temper, .reply = reply };
	snprintf(engine->path, sizeof(engine->path), "%s/e%d.sock", (const char *)*state, temper);
	strcpy(address.sun_path, engine->path);
	unlink(engine->path);
	engine->listener = socket(AF_UNIX, SOCK_STREAM, 0);
	assert_int_equal(bind(engine->listener, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(engine->listener, 0), 0);
	assert_int_equal(pipe(engine->stop), 0);
	assert_int_equal(pthread_create(&engine->thread, NULL, run_engine, engine), 0);
}

static void stop_engine(struct engine *engine)
{
	assert_int_equal(write(engine->stop[1], "x", 1), 1);
	pthread_join(engine->thread, NULL);
	close(engine->stop[0]);
	close(engine->stop[1]);
	close(engine->listener);
}

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void engine_that_answers_is_heard(void **state)
{
	__sp_wg_device struct sp_wg_device device = { 0 };
	struct engine engine;

	start_engine(&engine, state, ANSWERS, full_reply);
	assert_int_equal(sp_uapi_get(engine.path, 1000, &device), 0);
	assert_int_equal(device.peer_count, 2);
	assert_string_equal(engine.request, "get=1\n\n");
	stop_engine(&engine);
}

static void engine_s_refusal_is_its_errno(void **state)
{
	__sp_uapi_set struct sp_uapi_set set = { 0 }, unfinished = { 0 };
	struct engine engine;

	sp_uapi_set_init(&set);
	sp_uapi_set_listen_port(&set, 53);
	assert_int_equal(sp_uapi_set_finish(&set), 0);
	start_engine(&engine, state, ANSWERS, "errno=98\n\n");
	assert_int_equal(sp_uapi_send(engine.path, 1000, &set), -EADDRINUSE);
	assert_string_equal(engine.request, "set=1\nlisten_port=53\n\n");
	sp_uapi_set_init(&unfinished);
	assert_int_equal(sp_uapi_send(engine.path, 1000, &unfinished), -EINVAL);
	stop_engine(&engine);
}

static void no_engine_never_holds_its_caller(void **state)
{
	static const struct {
		enum temper temper;
		int expected;
	} rows[] = {
		{ SILENT, -ETIMEDOUT }, { DRIBBLES, -ETIMEDOUT }, { DEAF, -ETIMEDOUT },
		{ CLOSES, -EBADMSG },   { CUTS, -EBADMSG },
	};

	for (size_t i = 0; i < SP_ARRAY_LEN(rows); i++) {
		struct sp_wg_device device = { 0 };
		struct engine engine;
		int64_t before_ms;
		int r;

		start_engine(&engine, state, rows[i].temper, full_reply);
		if (rows[i].temper == DEAF) /* fill its queue */
			assert_int_equal(sp_uapi_get(engine.path, 50, &device), -ETIMEDOUT);
		before_ms = now_ms();
		r = sp_uapi_get(engine.path, 150, &device);
		assert_int_equal(r, rows[i].expected);
		assert_in_range(now_ms() - before_ms, r == -ETIMEDOUT ? 140 : 0, 30000);
		stop_engine(&engine);
	}
}

static void flood_of_an_engine_is_bounded(void **state)
{
	struct sp_wg_device device = { 0 };
	struct engine engine;
	int64_t before_ms = now_ms();
	int r;

	start_engine(&engine, state, FLOODS, "");
	r = sp_uapi_get(engine.path, 1000, &device);
	assert_true(r == -EMSGSIZE || r == -ETIMEDOUT);
	assert_in_range(now_ms() - before_ms, 0, 30000); /* bounded; how fast is not judged */
	stop_engine(&engine);
}

static void absent_engine_is_named(void **state)
{
	struct sp_wg_device device = { 0 };
	char long_path[200];

	assert_int_equal(sp_uapi_get(scratch_path(state, "none.sock"), 100, &device), -ENOENT);
	memset(long_path, 'x', sizeof(long_path) - 1);
	long_path[sizeof(long_path) - 1] = '\0';
	assert_int_equal(sp_uapi_get(long_path, 100, &device), -ENAMETOOLONG);
}

static void socket_left_by_a_dead_engine_refuses(void **state)
{
	struct sp_wg_device device = { 0 };
	struct engine engine;

	start_engine(&engine, state, ANSWERS, full_reply);
	stop_engine(&engine);
	assert_int_equal(sp_uapi_get(engine.path, 100, &device), -ECONNREFUSED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(full_reply_is_read),
		cmocka_unit_test(endpoints_of_both_families_are_read),
		cmocka_unit_test(replies_that_are_none_are_refused),
		cmocka_unit_test(reply_cut_anywhere_is_refused),
		cmocka_unit_test(requests_have_the_lines_of_the_protocol),
		cmocka_unit_test(nothing_can_be_slipped_into_a_request),
		cmocka_unit_test(engine_that_answers_is_heard),
		cmocka_unit_test(engine_s_refusal_is_its_errno),
		cmocka_unit_test(no_engine_never_holds_its_caller),
		cmocka_unit_test(flood_of_an_engine_is_bounded),
		cmocka_unit_test(absent_engine_is_named),
		cmocka_unit_test(socket_left_by_a_dead_engine_refuses),
	};

	return cmocka_run_group_tests_name("io/uapi", tests, scratch_make, scratch_remove);
}
