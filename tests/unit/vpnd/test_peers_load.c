/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "../io/scratch.h"
#include "base/array.h"
#include "base/str.h"
#include "base/units.h"
#include "fake_device.h"
#include "io/files/files.h"
#include "io/loop/clock.h"
#include "vpnd/api/peers_load.h"

#define PRIVATE "e84b5a6d2717c1003a13b431570353dbaca9146cf150c5f8575680feba52027a"
#define KEY_A "b85996fecc9c7f1fc6d2572a76eda11d59bcd20be8e543b15ce4bd85a8e75a33"
#define KEY_B "58402e695ba1772b1cc9309755f043251ea77fdcf10fbe63989ceb7e19321376"
#define KEY_C "662e14fd594556f522604703340351258903b64f35553763f19426ab2a515c58"
#define PSK "188515093e952f5f22e865cef3012e72f8b5f0b598ac0309d5dacce3b70fcf52"
#define HEAD "set=1\nprivate_key=" PRIVATE "\nlisten_port=51820\nreplace_peers=true\n"
#define ENTRY(key, expires, ip)                                                                    \
	"# expires=" expires " name=ana/laptop\npublic_key=" key "\npreshared_key=" PSK            \
	"\npersistent_keepalive_interval=0\nreplace_allowed_ips=true\nallowed_ip=" ip "\n"
#define NOW 1700000000

static struct fake_device fake;
static struct sp_vpnd_peers *peers;
static const char *path;

static int setup(void **state)
{
	if (scratch_make(state) < 0)
		return -1;
	fake_start(&fake, NULL);
	path = scratch_path(state, "peers.conf");
	return sp_vpnd_peers_new(path, &fake.api, &peers);
}

static int teardown(void **state)
{
	sp_vpnd_peers_free(peers);
	fake_done(&fake);
	return scratch_remove(state);
}

static void replace_file(const char *text, mode_t mode)
{
	assert_int_equal(sp_file_replace(path, text, strlen(text), mode, SP_UID_KEEP, SP_GID_KEEP),
			 0);
}

/* The file as it was written at @written_ns (CLOCK_REALTIME). */
static int take_at(const char *text, int64_t written_ns, int64_t now_s)
{
	const struct timespec written = { .tv_sec = written_ns / SP_NS_PER_S,
					  .tv_nsec = written_ns % SP_NS_PER_S };

	replace_file(text, 0600);
	assert_int_equal(utimensat(AT_FDCWD, path, (struct timespec[]){ written, written }, 0), 0);
	return sp_vpnd_peers_load(peers, now_s, NULL);
}

static void take(const char *text)
{
	assert_int_equal(take_at(text, sp_clock_realtime_ns(), NOW), 0);
}

static bool has(const char *hex)
{
	return fake_peer(&fake, hex) != NULL;
}

static void what_the_file_says_is_in_the_engine(void **state)
{
	struct sp_wg_engine_peer *peer;

	(void)state;
	take(HEAD ENTRY(KEY_A, "0", "10.1.0.1/32") ENTRY(KEY_B, "1700000001", "10.1.0.2/32") "\n");
	assert_int_equal(fake.listen_port, 51820);
	assert_non_null(sp_wg_engine_get_identity(fake.api.engine));
	assert_int_equal(sp_wg_engine_peer_count(fake.api.engine), 2);
	peer = fake_peer(&fake, KEY_A);
	assert_int_equal(peer->remote.preshared_key[0], 0x18);
	assert_int_equal(peer->allowed_ips.count, 1);
	assert_int_equal(sp_vpnd_peers_next_deadline_s(peers), NOW + 1);
}

static void what_it_does_not_say_changes_nothing(void **state)
{
	(void)state;
	fake.listen_port = 7;
	fake_set(&fake, "private_key=" PRIVATE "\n");
	take("set=1\nreplace_peers=true\n\n");
	assert_int_equal(fake.listen_port, 7);
	assert_non_null(sp_wg_engine_get_identity(fake.api.engine));
	assert_int_equal(sp_vpnd_peers_next_deadline_s(peers), INT64_MAX);
}

static void each_peer_ends_at_its_second(void **state)
{
	(void)state;
	take(HEAD ENTRY(KEY_A, "1700000010", "10.1.0.1/32") ENTRY(
		KEY_B, "1700000020", "10.1.0.2/32") ENTRY(KEY_C, "0", "10.1.0.3/32") "\n");
	assert_int_equal(sp_vpnd_peers_next_deadline_s(peers), NOW + 10);
	assert_int_equal(sp_vpnd_peers_expire(peers, NOW + 9), 0);
	assert_true(has(KEY_A) && has(KEY_B) && has(KEY_C));
	assert_int_equal(sp_vpnd_peers_expire(peers, NOW + 10), 1);
	assert_true(!has(KEY_A) && has(KEY_B) && has(KEY_C));
	assert_int_equal(sp_vpnd_peers_next_deadline_s(peers), NOW + 20);
	/* the clock set back brings nobody back, set forth it ends them */
	assert_int_equal(sp_vpnd_peers_expire(peers, NOW - 1000), 0);
	assert_int_equal(sp_vpnd_peers_expire(peers, NOW + 100000), 1);
	assert_true(!has(KEY_A) && !has(KEY_B) && has(KEY_C));
	assert_int_equal(sp_vpnd_peers_next_deadline_s(peers), INT64_MAX);
	assert_int_equal(sp_vpnd_peers_expire(peers, INT64_MAX - 1), 0);
	assert_int_equal(fake.removed, 0); /* what a deadline removed, the socket did not */
}

static void one_that_is_over_is_not_taken_in(void **state)
{
	(void)state;
	fake_set(&fake, "public_key=" KEY_B "\n");
	take(HEAD ENTRY(KEY_A, "1700000000", "10.1.0.1/32") ENTRY(KEY_B, "5", "10.1.0.2/32") "\n");
	assert_true(!has(KEY_A) && !has(KEY_B));
	assert_int_equal(sp_vpnd_peers_next_deadline_s(peers), INT64_MAX);
	/* until it is given more time */
	take(HEAD ENTRY(KEY_A, "1700000001", "10.1.0.1/32") ENTRY(KEY_B, "5", "10.1.0.2/32") "\n");
	assert_true(has(KEY_A) && !has(KEY_B));
	assert_int_equal(sp_vpnd_peers_expire(peers, NOW + 1), 1);
	take(HEAD ENTRY(KEY_A, "1700000009", "10.1.0.1/32") ENTRY(KEY_B, "0", "10.1.0.2/32") "\n");
	assert_true(has(KEY_A) && has(KEY_B));
}

static void a_new_file_moves_deadlines_and_nothing_else(void **state)
{
	struct sp_wg_engine_peer *peer;

	(void)state;
	take(HEAD ENTRY(KEY_A, "1700000020", "10.1.0.1/32")
		     ENTRY(KEY_B, "1700000030", "10.1.0.2/32") "\n");
	peer = fake_peer(&fake, KEY_A);
	peer->rx_bytes = 77;
	peer->drops[SP_WG_DROP_REPLAY] = 3;
	peer->endpoint.port = 9; /* heard of since */
	take(HEAD ENTRY(KEY_A, "1700000500", "10.1.0.1/32")
		     ENTRY(KEY_C, "1700000040", "10.1.0.3/32") "\n");
	assert_ptr_equal(fake_peer(&fake, KEY_A), peer);
	assert_int_equal(peer->rx_bytes, 77);
	assert_int_equal(peer->drops[SP_WG_DROP_REPLAY], 3);
	assert_int_equal(peer->endpoint.port, 9);
	assert_true(!has(KEY_B) && has(KEY_C));
	assert_int_equal(sp_vpnd_peers_next_deadline_s(peers), NOW + 40);
	assert_int_equal(sp_vpnd_peers_expire(peers, NOW + 499), 1);
	assert_true(has(KEY_A) && !has(KEY_C));
	/* addresses may change hands, keys of the peer stay */
	take(HEAD ENTRY(KEY_A, "1700000500", "10.1.0.7/32") ENTRY(KEY_B, "0", "10.1.0.1/32") "\n");
	assert_ptr_equal(fake_peer(&fake, KEY_A), peer);
	assert_int_equal(peer->allowed_ips.count, 1);
	assert_int_equal(fake_peer(&fake, KEY_B)->allowed_ips.count, 1);
}

static void an_endpoint_in_the_file_is_for_the_first_time(void **state)
{
	static const char text[] =
		HEAD "# expires=0 name=site\npublic_key=" KEY_A "\npreshared_key=" PSK
		     "\nendpoint=192.0.2.1:7\npersistent_keepalive_interval=25\n"
		     "replace_allowed_ips=true\n\n";
	struct sp_wg_engine_peer *peer;

	(void)state;
	take(text);
	peer = fake_peer(&fake, KEY_A);
	assert_int_equal(peer->endpoint.port, 7);
	assert_int_equal(peer->persistent_keepalive_s, 25);
	peer->endpoint.port = 9;
	take(text);
	assert_int_equal(peer->endpoint.port, 9);
}

static void peers_of_the_socket_alone_are_left_alone(void **state)
{
	(void)state;
	take(HEAD ENTRY(KEY_A, "1700000020", "10.1.0.1/32") "\n");
	fake_set(&fake, "public_key=" KEY_B "\nallowed_ip=10.1.0.2/32\n");
	take(HEAD ENTRY(KEY_A, "1700000020", "10.1.0.1/32") "\n");
	take("set=1\nreplace_peers=true\n\n");
	assert_true(!has(KEY_A) && has(KEY_B));
	assert_int_equal(sp_vpnd_peers_expire(peers, INT64_MAX - 1), 0);
	assert_true(has(KEY_B));
	/* named by the file, it has one */
	take(HEAD ENTRY(KEY_B, "1700000020", "10.1.0.2/32") "\n");
	assert_int_equal(sp_vpnd_peers_expire(peers, NOW + 20), 1);
	assert_false(has(KEY_B));
}

static void remove_by_socket(const char *hex)
{
	struct sp_wg_key key;
	__sp_free char *lines = NULL;

	assert_int_equal(sp_str_format(&lines, "public_key=%s\nremove=true\n", hex), 0);
	fake_set(&fake, lines);
	assert_int_equal(sp_wg_key_from_hex(hex, &key), 0);
	sp_vpnd_peers_removed(peers, key.bytes);
}

static void what_the_socket_removed_an_older_file_does_not_bring_back(void **state)
{
	static const char text[] = HEAD ENTRY(KEY_A, "0", "10.1.0.1/32")
		ENTRY(KEY_B, "0", "10.1.0.2/32") ENTRY(KEY_C, "0", "10.1.0.3/32") "\n";
	const int64_t before_ns = sp_clock_realtime_ns() - SP_NS_PER_S;

	(void)state;
	take_at(HEAD ENTRY(KEY_A, "0", "10.1.0.1/32") "\n", before_ns, NOW);
	remove_by_socket(KEY_A); /* in the file before and after */
	remove_by_socket(KEY_B); /* new in a file that was written before */
	assert_int_equal(take_at(text, before_ns, NOW), 0);
	assert_true(!has(KEY_A) && !has(KEY_B) && has(KEY_C));
	/* a file that names them again as new ones, written later, does */
	assert_int_equal(take_at(HEAD "\n", sp_clock_realtime_ns(), NOW), 0);
	assert_int_equal(take_at(text, sp_clock_realtime_ns() + 1, NOW), 0);
	assert_true(has(KEY_A) && has(KEY_B) && has(KEY_C));
	/* too many to remember: nothing that is older comes back */
	assert_int_equal(take_at(HEAD "\n", sp_clock_realtime_ns(), NOW), 0);
	for (int i = 0; i < 70000; i++)
		sp_vpnd_peers_removed(peers,
				      (uint8_t[SP_WG_KEY_LEN]){ 1, (uint8_t)i, (uint8_t)(i >> 8) });
	assert_int_equal(take_at(text, before_ns, NOW), 0);
	assert_int_equal(sp_wg_engine_peer_count(fake.api.engine), 0);
}

static void a_damaged_file_is_refused_whole(void **state)
{
	static const struct {
		const char *text;
		size_t line;
	} cases[] = {
		{ "", 0 },
		{ HEAD ENTRY(KEY_B, "0", "10.1.0.2/32"), 10 },
		{ HEAD ENTRY(KEY_B, "0", "10.1.0.2/32") "\nx", 11 },
		{ HEAD ENTRY(KEY_B, "0", "10.1.0.2/32") ENTRY(KEY_B, "0", "10.1.0.3/32") "\n", 17 },
		{ HEAD ENTRY(KEY_B, "0", "10.1.0.2/32") ENTRY(KEY_C, "soon", "10.1.0.3/32") "\n",
		  11 },
		{ HEAD ENTRY(KEY_B, "0", "10.1.0.2/32") ENTRY(KEY_C, "0", "10.1.0.3/22") "\n", 16 },
		{ HEAD "listen_port=1\n\n", 5 },
	};

	(void)state;
	take(HEAD ENTRY(KEY_A, "1700000020", "10.1.0.1/32") "\n");
	for (size_t i = 0; i < SP_ARRAY_LEN(cases); i++) {
		struct sp_peers_error error = { 0 };

		replace_file(cases[i].text, 0600);
		assert_int_equal(sp_vpnd_peers_load(peers, NOW, &error), -EBADMSG);
		assert_int_equal(error.line, cases[i].line);
		assert_non_null(error.text);
		assert_int_equal(sp_wg_engine_peer_count(fake.api.engine), 1);
		assert_true(has(KEY_A));
		assert_int_equal(sp_vpnd_peers_next_deadline_s(peers), NOW + 20);
	}
}

static void a_port_in_use_refuses_all_of_it(void **state)
{
	(void)state;
	fake.port_error = -EADDRINUSE;
	assert_int_equal(take_at(HEAD ENTRY(KEY_A, "0", "10.1.0.1/32") "\n", 1, NOW), -EADDRINUSE);
	assert_null(sp_wg_engine_get_identity(fake.api.engine));
	assert_false(has(KEY_A));
	fake.listen_port = 51820; /* it has that one already */
	assert_int_equal(take_at(HEAD ENTRY(KEY_A, "0", "10.1.0.1/32") "\n", 1, NOW), 0);
	assert_true(has(KEY_A));
}

/* Wait for its descriptor, then step. */
static int step(int timeout_ms, size_t *ret_expired)
{
	struct pollfd ready = { .fd = sp_vpnd_peers_fd(peers), .events = POLLIN };
	struct sp_peers_error error;

	assert_int_equal(poll(&ready, 1, timeout_ms), 1);
	return sp_vpnd_peers_step(peers, &error, ret_expired);
}

static void a_file_replaced_is_read(void **state)
{
	struct pollfd ready = { .fd = sp_vpnd_peers_fd(peers), .events = POLLIN };
	size_t expired;

	assert_int_equal(sp_vpnd_peers_load(peers, NOW, NULL), -ENOENT);
	replace_file(HEAD ENTRY(KEY_A, "0", "10.1.0.1/32") "\n", 0600);
	assert_int_equal(step(60000, &expired), 0);
	assert_true(has(KEY_A));
	assert_int_equal(expired, 0);
	replace_file(HEAD ENTRY(KEY_B, "0", "10.1.0.1/32") "\n", 0600);
	assert_int_equal(step(60000, &expired), 0);
	assert_true(!has(KEY_A) && has(KEY_B));
	replace_file(HEAD ENTRY(KEY_B, "0", "10.1.0.1/32"), 0600);
	assert_int_equal(step(60000, &expired), -EBADMSG);
	replace_file(HEAD "\n", 0644); /* anybody could have read the keys */
	assert_int_equal(step(60000, &expired), -EACCES);
	assert_true(has(KEY_B));
	assert_int_equal(poll(&ready, 1, 0), 0);
	/* what happens beside it is nothing to it */
	assert_int_equal(sp_file_replace(scratch_path(state, "other"), "x", 1, 0600, SP_UID_KEEP,
					 SP_GID_KEEP),
			 0);
	assert_int_equal(step(60000, &expired), 0);
	assert_true(has(KEY_B));
}

static void a_deadline_comes_by_itself(void **state)
{
	__sp_free char *text = NULL;
	size_t expired;

	(void)state;
	assert_int_equal(sp_str_format(&text, HEAD ENTRY(KEY_A, "%lld", "10.1.0.1/32") "\n",
				       (long long)sp_clock_realtime_s() + 3),
			 0);
	assert_int_equal(take_at(text, sp_clock_realtime_ns(), sp_clock_realtime_s()), 0);
	assert_true(has(KEY_A));
	assert_int_equal(step(60000, &expired), 0); /* the file was replaced */
	assert_int_equal(expired, 0);
	assert_int_equal(step(60000, &expired), 0);
	assert_int_equal(expired, 1);
	assert_false(has(KEY_A));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_the_file_says_is_in_the_engine),
		TEST(what_it_does_not_say_changes_nothing),
		TEST(each_peer_ends_at_its_second),
		TEST(one_that_is_over_is_not_taken_in),
		TEST(a_new_file_moves_deadlines_and_nothing_else),
		TEST(an_endpoint_in_the_file_is_for_the_first_time),
		TEST(peers_of_the_socket_alone_are_left_alone),
		TEST(what_the_socket_removed_an_older_file_does_not_bring_back),
		TEST(a_damaged_file_is_refused_whole),
		TEST(a_port_in_use_refuses_all_of_it),
		TEST(a_file_replaced_is_read),
		TEST(a_deadline_comes_by_itself),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
