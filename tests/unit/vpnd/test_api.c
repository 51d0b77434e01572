/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/array.h"
#include "base/str.h"
#include "fake_device.h"
#include "io/uapi/uapi.h"
#include "io/uapi/uapi_stats.h"
#include "net/addr.h"
#include "wg/noise/messages.h"

/* The private key of this public one, both as wireguard.com/xplatform shows them. */
#define PRIVATE "e84b5a6d2717c1003a13b431570353dbaca9146cf150c5f8575680feba52027a"
#define KEY_A "b85996fecc9c7f1fc6d2572a76eda11d59bcd20be8e543b15ce4bd85a8e75a33"
#define KEY_B "58402e695ba1772b1cc9309755f043251ea77fdcf10fbe63989ceb7e19321376"
#define KEY_C "662e14fd594556f522604703340351258903b64f35553763f19426ab2a515c58"
#define PSK "188515093e952f5f22e865cef3012e72f8b5f0b598ac0309d5dacce3b70fcf52"
#define ZEROS "0000000000000000000000000000000000000000000000000000000000000000"
#define QUIET "last_handshake_time_sec=0\nlast_handshake_time_nsec=0\ntx_bytes=0\nrx_bytes=0\n"
#define PEER(key, psk, endpoint, keepalive)                                                        \
	"public_key=" key "\npreshared_key=" psk "\nprotocol_version=1\n" endpoint QUIET           \
	"persistent_keepalive_interval=" keepalive "\n"
#define BARE(key) PEER(key, ZEROS, "", "0")

static void what_is_set_is_told(void **state)
{
	static const struct {
		const char *set, *told;
	} cases[] = {
		{ "", "" },
		{ "listen_port=12912\n", "listen_port=12912\n" },
		{ "listen_port=12912\nlisten_port=0\n", "" },
		{ "fwmark=4294967295\n", "fwmark=4294967295\n" },
		{ "fwmark=1\nfwmark=0\n", "" },
		{ "private_key=" PRIVATE "\n",
		  "private_key="
		  "e84b5a6d2717c1003a13b431570353dbaca9146cf150c5f8575680feba52027a\n" },
		/* what a key has of no use is cleared */
		{ "private_key=ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff\n",
		  "private_key="
		  "f8ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f\n" },
		{ "private_key=" PRIVATE "\nprivate_key=" ZEROS "\n", "" },
		{ "public_key=" KEY_A "\n", BARE(KEY_A) },
		{ "public_key=" KEY_A "\npublic_key=" KEY_A "\n", BARE(KEY_A) },
		{ "public_key=" KEY_A "\npreshared_key=" PSK "\n", PEER(KEY_A, PSK, "", "0") },
		{ "public_key=" KEY_A "\npreshared_key=" PSK "\npreshared_key=" ZEROS "\n",
		  BARE(KEY_A) },
		{ "public_key=" KEY_A "\nendpoint=192.0.2.7:1\n",
		  PEER(KEY_A, ZEROS, "endpoint=192.0.2.7:1\n", "0") },
		{ "public_key=" KEY_A "\nendpoint=[2001:db8::1]:65535\n",
		  PEER(KEY_A, ZEROS, "endpoint=[2001:db8::1]:65535\n", "0") },
		{ "public_key=" KEY_A "\nendpoint=[::ffff:192.0.2.7]:51820\n",
		  PEER(KEY_A, ZEROS, "endpoint=192.0.2.7:51820\n", "0") },
		{ "public_key=" KEY_A "\nendpoint=[fe80::1%lo]:7\n",
		  PEER(KEY_A, ZEROS, "endpoint=[fe80::1%lo]:7\n", "0") },
		{ "public_key=" KEY_A "\nendpoint=[fe80::1%1]:7\n",
		  PEER(KEY_A, ZEROS, "endpoint=[fe80::1%lo]:7\n", "0") },
		{ "public_key=" KEY_A "\nendpoint=[fe80::1%99999]:7\n",
		  PEER(KEY_A, ZEROS, "endpoint=[fe80::1%99999]:7\n", "0") },
		/* elsewhere a zone means nothing */
		{ "public_key=" KEY_A "\nendpoint=[2001:db8::1%lo]:7\n",
		  PEER(KEY_A, ZEROS, "endpoint=[2001:db8::1]:7\n", "0") },
		{ "public_key=" KEY_A "\nendpoint=[2a80::1%lo]:7\n",
		  PEER(KEY_A, ZEROS, "endpoint=[2a80::1]:7\n", "0") },
		{ "public_key=" KEY_A "\npersistent_keepalive_interval=65535\n",
		  PEER(KEY_A, ZEROS, "", "65535") },
		{ "public_key=" KEY_A "\npersistent_keepalive_interval=5\n"
		  "persistent_keepalive_interval=0\n",
		  BARE(KEY_A) },
		{ "public_key=" KEY_A "\nprotocol_version=1\n", BARE(KEY_A) },
		{ "public_key=" KEY_A "\nallowed_ip=10.1.0.0/16\n",
		  BARE(KEY_A) "allowed_ip=10.1.0.0/16\n" },
		{ "public_key=" KEY_A "\nallowed_ip=10.1.2.3/16\nallowed_ip=::/0\n",
		  BARE(KEY_A) "allowed_ip=10.1.0.0/16\nallowed_ip=::/0\n" },
		/* an address given again keeps its place */
		{ "public_key=" KEY_A "\nallowed_ip=10.1.0.0/16\nallowed_ip=10.2.0.0/16\n"
		  "allowed_ip=10.1.0.0/16\n",
		  BARE(KEY_A) "allowed_ip=10.1.0.0/16\nallowed_ip=10.2.0.0/16\n" },
		{ "public_key=" KEY_A "\nallowed_ip=0.0.0.0/0\nallowed_ip=fd00::1/128\n",
		  BARE(KEY_A) "allowed_ip=0.0.0.0/0\nallowed_ip=fd00::1/128\n" },
		{ "public_key=" KEY_A "\nallowed_ip=10.1.2.3/32\nallowed_ip=10.2.0.0/16\n"
		  "replace_allowed_ips=true\nallowed_ip=10.3.0.0/16\n",
		  BARE(KEY_A) "allowed_ip=10.3.0.0/16\n" },
		{ "public_key=" KEY_A "\nallowed_ip=10.1.0.0/16\nallowed_ip=10.2.0.0/16\n"
		  "allowed_ip=-10.1.0.0/16\nallowed_ip=-10.9.0.0/16\n",
		  BARE(KEY_A) "allowed_ip=10.2.0.0/16\n" },
		{ "public_key=" KEY_A "\nallowed_ip=-10.1.0.0/16\nallowed_ip=10.1.0.0/16\n",
		  BARE(KEY_A) "allowed_ip=10.1.0.0/16\n" },
		{ "public_key=" KEY_A "\nallowed_ip=10.1.0.0/16\npublic_key=" KEY_B
		  "\nallowed_ip=10.1.0.0/16\n",
		  BARE(KEY_A) BARE(KEY_B) "allowed_ip=10.1.0.0/16\n" },
		/* taking off what is another's changes nothing */
		{ "public_key=" KEY_A "\nallowed_ip=10.1.0.0/16\npublic_key=" KEY_B
		  "\nallowed_ip=-10.1.0.0/16\n",
		  BARE(KEY_A) "allowed_ip=10.1.0.0/16\n" BARE(KEY_B) },
		{ "public_key=" KEY_A "\npublic_key=" KEY_B "\npublic_key=" KEY_A "\nremove=true\n",
		  BARE(KEY_B) },
		{ "public_key=" KEY_A "\nremove=true\nallowed_ip=10.0.0.0/8\n", "" },
		{ "public_key=" KEY_A "\nallowed_ip=10.0.0.0/8\npersistent_keepalive_interval=1\n"
		  "remove=true\n",
		  "" },
		{ "public_key=" KEY_A "\nupdate_only=true\npreshared_key=" PSK
		  "\nallowed_ip=10.0.0.0/8\n",
		  "" },
		{ "public_key=" KEY_A "\npreshared_key=" PSK
		  "\nupdate_only=true\nallowed_ip=10.0.0.0/8\n",
		  "" },
		{ "public_key=" KEY_A "\npublic_key=" KEY_A "\nupdate_only=true\npreshared_key=" PSK
		  "\n",
		  PEER(KEY_A, PSK, "", "0") },
		{ "public_key=" KEY_A "\n\nset=1\nreplace_peers=true\npublic_key=" KEY_B "\n",
		  BARE(KEY_B) },
	};

	(void)state;
	for (size_t i = 0; i < SP_ARRAY_LEN(cases); i++) {
		struct fake_device fake;
		__sp_free char *request = NULL, *answer = NULL;

		fake_start(&fake, NULL);
		assert_int_equal(sp_str_format(&request, "set=1\n%s\n", cases[i].set), 0);
		answer = fake_answer(&fake, request);
		assert_int_equal(strncmp(answer, "errno=0\n\n", 9), 0);
		fake_expect_state(&fake, cases[i].told);
		assert_int_equal(fake.removed > 0, strstr(request, "remove=true") ||
							   strstr(request, "replace_peers") ||
							   strstr(request, "update_only=true\na"));
		fake_done(&fake);
	}
}

#define BEFORE "listen_port=7\npublic_key=" KEY_A "\nallowed_ip=10.1.0.0/16\n"
#define STAYS "listen_port=7\n" BARE(KEY_A) "allowed_ip=10.1.0.0/16\n"

static void a_bad_line_is_refused_and_what_came_before_stays(void **state)
{
	static const struct {
		const char *lines;
		int error;
		const char *told;
	} cases[] = {
		{ "nonsense\n", EPROTO, "" },
		{ "unknown=1\n", EINVAL, "" },
		{ "=\n", EINVAL, "" },
		{ "private_key=\n", EINVAL, "" },
		{ "private_key=" PRIVATE "0\n", EINVAL, "" },
		{ "private_key=zz4b5a6d2717c1003a13b431570353dbaca9146cf150c5f8575680feba52027a\n",
		  EINVAL, "" },
		{ "listen_port=65536\n", EINVAL, "" },
		{ "listen_port=-1\n", EINVAL, "" },
		{ "listen_port=\n", EINVAL, "" },
		{ "listen_port=7 \n", EINVAL, "" },
		{ "fwmark=4294967296\n", EINVAL, "" },
		{ "fwmark=0x10\n", EINVAL, "" },
		{ "replace_peers=false\n", EINVAL, "" },
		{ "replace_peers=1\n", EINVAL, "" },
		/* a peer's lines without one, the device's lines behind one */
		{ "preshared_key=" PSK "\n", EINVAL, "" },
		{ "allowed_ip=10.0.0.0/8\n", EINVAL, "" },
		{ "remove=true\n", EINVAL, "" },
		{ BEFORE "listen_port=8\n", EINVAL, STAYS },
		{ BEFORE "private_key=" PRIVATE "\n", EINVAL, STAYS },
		{ BEFORE "replace_peers=true\n", EINVAL, STAYS },
		{ "public_key=" KEY_A "0\n", EINVAL, "" },
		{ BEFORE "public_key=1234\nallowed_ip=10.1.0.0/16\n", EINVAL, STAYS },
		{ BEFORE "preshared_key=12\n", EINVAL, STAYS },
		{ BEFORE "remove=yes\n", EINVAL, STAYS },
		{ BEFORE "update_only=\n", EINVAL, STAYS },
		{ BEFORE "replace_allowed_ips=false\n", EINVAL, STAYS },
		{ BEFORE "protocol_version=2\n", EINVAL, STAYS },
		{ BEFORE "persistent_keepalive_interval=65536\n", EINVAL, STAYS },
		{ BEFORE "persistent_keepalive_interval=off\n", EINVAL, STAYS },
		{ BEFORE "endpoint=192.0.2.1\n", EINVAL, STAYS },
		{ BEFORE "endpoint=192.0.2.1:0\n", EINVAL, STAYS },
		{ BEFORE "endpoint=192.0.2.1:65536\n", EINVAL, STAYS },
		{ BEFORE "endpoint=2001:db8::1:7\n", EINVAL, STAYS },
		{ BEFORE "endpoint=[2001:db8::1]\n", EINVAL, STAYS },
		{ BEFORE "endpoint=gateway.example:7\n", EINVAL, STAYS },
		{ BEFORE "endpoint=[fe80::1%no-such-if]:7\n", ENODEV, STAYS },
		{ BEFORE "endpoint=\n", EINVAL, STAYS },
		{ BEFORE "allowed_ip=10.0.0.0\n", EINVAL, STAYS },
		{ BEFORE "allowed_ip=10.0.0.0/33\n", EINVAL, STAYS },
		{ BEFORE "allowed_ip=fd00::/129\n", EINVAL, STAYS },
		{ BEFORE "allowed_ip=10.0.0/8\n", EINVAL, STAYS },
		{ BEFORE "allowed_ip=-\n", EINVAL, STAYS },
		{ BEFORE "allowed_ip=--10.0.0.0/8\n", EINVAL, STAYS },
		{ BEFORE "allowed_ip=\n", EINVAL, STAYS },
		/* also where nobody would get it */
		{ BEFORE "public_key=" KEY_B "\nremove=true\nendpoint=x\n", EINVAL, STAYS },
		/* and what follows is not looked at */
		{ BEFORE "protocol_version=2\nallowed_ip=10.2.0.0/16\npublic_key=" KEY_A
			 "\nremove=true\n",
		  EINVAL, STAYS },
	};

	(void)state;
	for (size_t i = 0; i < SP_ARRAY_LEN(cases); i++) {
		struct fake_device fake;
		__sp_free char *request = NULL, *expected = NULL;

		fake_start(&fake, NULL);
		assert_int_equal(sp_str_format(&request, "set=1\n%s\nset=1\n\n", cases[i].lines),
				 0);
		assert_int_equal(
			sp_str_format(&expected, "errno=-%d\n\nerrno=0\n\n", cases[i].error), 0);
		fake_expect(&fake, request, expected);
		fake_expect_state(&fake, cases[i].told);
		fake_done(&fake);
	}
}

static void requests_that_are_none_are_answered(void **state)
{
	static const struct {
		const char *request, *answer;
	} cases[] = {
		{ "", "" },
		{ "\n", "errno=22\n\n" },
		{ "get=2\n\n", "errno=22\n\n" },
		{ "get\n\n", "errno=22\n\n" },
		{ "GET / HTTP/1.1\nHost: localhost\n\n", "errno=22\n\n" },
		{ "get=1\nlisten_port=1\n\n", "errno=22\n\n" },
		{ "stats=1\nset=1\n\n", "errno=22\n\n" },
		{ "get=1\n\nget=1\n\n", "errno=0\n\nerrno=0\n\n" },
		{ "set=1\n\nget=1\n\nset=1\nx\n\n", "errno=0\n\nerrno=0\n\nerrno=-71\n\n" },
		/* cut off */
		{ "get=1\n", "errno=71\n\n" },
		{ "set=1\nlisten_port=1\n", "errno=-71\n\n" },
		{ "set=1\nlisten_port=1", "errno=-71\n\n" },
		{ "se", "errno=71\n\n" },
	};

	(void)state;
	for (size_t i = 0; i < SP_ARRAY_LEN(cases); i++) {
		struct fake_device fake;
		__sp_free char *answer = NULL;
		__sp_secret_buf struct sp_secret_buf reply = { 0 };

		fake_start(&fake, NULL);
		assert_int_equal(sp_api_answer(&fake.api, cases[i].request,
					       strlen(cases[i].request), &reply),
				 0);
		assert_int_equal(reply.len, strlen(cases[i].answer));
		assert_memory_equal(reply.len ? reply.data : "", cases[i].answer, reply.len);
		fake_done(&fake);
	}
}

static void a_port_that_is_taken_is_said_so(void **state)
{
	struct fake_device fake;

	(void)state;
	fake_start(&fake, NULL);
	fake.port_error = -EADDRINUSE;
	fake_expect(&fake, "set=1\nfwmark=3\nlisten_port=80\nfwmark=4\n\n", "errno=-98\n\n");
	fake_expect_state(&fake, "fwmark=3\n");
	fake_done(&fake);
}

static void our_own_key_is_no_peer(void **state)
{
	struct fake_device fake;
	struct sp_wg_key private_key, public_key;
	char hex[SP_WG_KEY_HEX];
	__sp_free char *lines = NULL;

	(void)state;
	fake_start(&fake, NULL);
	assert_int_equal(sp_wg_key_from_hex(PRIVATE, &private_key), 0);
	assert_int_equal(sp_wg_public_of(&private_key, &public_key), 0);
	sp_wg_key_to_hex(&public_key, hex);
	assert_int_equal(sp_str_format(&lines,
				       "public_key=%s\nallowed_ip=10.0.0.0/8\n"
				       "persistent_keepalive_interval=1\n",
				       hex),
			 0);
	fake_set(&fake, lines);
	assert_non_null(fake_peer(&fake, hex));
	fake_set(&fake, "private_key=" PRIVATE "\n"); /* it goes when it becomes ours */
	assert_null(fake_peer(&fake, hex));
	fake_set(&fake, lines); /* and is silently not taken */
	fake_expect_state(&fake, "private_key=" PRIVATE "\n");
	fake_done(&fake);
}

static size_t count_datagrams(struct fake_device *fake)
{
	struct sp_wg_datagram *datagram;
	size_t count = 0;

	while ((datagram = sp_wg_take_datagram(fake->api.engine))) {
		free(datagram);
		count++;
	}
	return count;
}

static void keepalive_turned_on_sends_one_at_once(void **state)
{
	struct fake_device fake;
	size_t changed;

	(void)state;
	fake_start(&fake, NULL);
	fake_set(&fake, "private_key=" PRIVATE "\npublic_key=" KEY_A "\n");
	assert_int_equal(count_datagrams(&fake), 0);
	changed = fake.changed;
	/* the endpoint may come behind it */
	fake_set(&fake, "public_key=" KEY_A "\npersistent_keepalive_interval=25\n"
			"endpoint=192.0.2.1:7\n");
	assert_true(fake.changed > changed);
	assert_int_equal(count_datagrams(&fake), 1);
	fake.now.now_ns += 20000000000;
	fake_set(&fake, "public_key=" KEY_A "\npersistent_keepalive_interval=26\n");
	assert_int_equal(count_datagrams(&fake), 0); /* it was on */
	/* paused, when it resumes */
	fake_set(&fake, "public_key=" KEY_A "\npersistent_keepalive_interval=0\n");
	sp_wg_engine_pause(fake.api.engine);
	fake_set(&fake, "public_key=" KEY_A "\npersistent_keepalive_interval=25\n");
	assert_int_equal(count_datagrams(&fake), 0);
	sp_wg_engine_resume(fake.api.engine, &fake.now);
	assert_int_equal(count_datagrams(&fake), 1);
	/* and set all the same when a later line is bad */
	fake_expect(&fake,
		    "set=1\npublic_key=" KEY_B
		    "\nendpoint=192.0.2.2:7\npersistent_keepalive_interval=25\nx=\n\n",
		    "errno=-22\n\n");
	assert_int_equal(count_datagrams(&fake), 1);
	fake_done(&fake);
}

static void setting_an_endpoint_forgets_our_own_address(void **state)
{
	struct fake_device fake;
	struct sp_wg_engine_peer *peer;

	(void)state;
	fake_start(&fake, NULL);
	fake_set(&fake, "public_key=" KEY_A "\nendpoint=192.0.2.1:7\n");
	peer = fake_peer(&fake, KEY_A);
	peer->endpoint.local = sp_addr_from_v4((const uint8_t[]){ 192, 0, 2, 9 });
	peer->endpoint.local_ifindex = 3;
	sp_wg_engine_peer_forget_local(peer);
	assert_int_equal(peer->endpoint.local_ifindex, 0);
	assert_int_equal(peer->endpoint.port, 7);
	peer->endpoint.local_ifindex = 3;
	fake_set(&fake, "public_key=" KEY_A "\nendpoint=192.0.2.1:7\n");
	assert_int_equal(peer->endpoint.local_ifindex, 0);
	fake_done(&fake);
}

#define WHOLE                                                                                      \
	"set=1\nprivate_key=" PRIVATE "\nlisten_port=12912\nfwmark=5\nreplace_peers=true\n"        \
	"public_key=" KEY_A "\npreshared_key=" PSK "\nreplace_allowed_ips=true\n"                  \
	"allowed_ip=192.168.4.4/32\nendpoint=[abcd:23::33]:51820\n"                                \
	"public_key=" KEY_B "\nreplace_allowed_ips=true\nallowed_ip=192.168.4.6/32\n"              \
	"persistent_keepalive_interval=111\nendpoint=182.122.22.19:3233\n"                         \
	"public_key=" KEY_C "\nendpoint=5.152.198.39:51820\nreplace_allowed_ips=true\n"            \
	"allowed_ip=192.168.4.10/32\nallowed_ip=192.168.4.11/32\n\nget=1\n\nset=1\nnonsense\n\n"

static void pieces_of_any_size_make_the_same_conversation(void **state)
{
	struct fake_device fake;
	__sp_free char *whole = NULL;

	(void)state;
	fake_start(&fake, NULL);
	whole = fake_answer(&fake, WHOLE);
	assert_non_null(strstr(whole, "endpoint=182.122.22.19:3233\n"));
	fake_done(&fake);
	for (size_t size = 1; size < 200; size++) {
		__sp_cleanup(sp_api_talk_freep) struct sp_api_talk *talk = NULL;
		__sp_secret_buf struct sp_secret_buf reply = { 0 };
		const char *at = WHOLE, *end = at + strlen(WHOLE);

		fake_start(&fake, NULL);
		assert_int_equal(sp_api_talk_new(&fake.api, &talk), 0);
		while (at < end) {
			const size_t piece = (size_t)(end - at) < size ? (size_t)(end - at) : size;

			at += sp_api_talk_hear(talk, at, piece);
			while (sp_api_talk_has_answer(talk))
				assert_int_equal(sp_api_talk_tell(talk, size, &reply), 0);
		}
		assert_int_equal(reply.len, strlen(whole));
		assert_memory_equal(reply.data, whole, reply.len);
		sp_api_talk_free(SP_TAKE_PTR(talk));
		fake_done(&fake);
	}
}

static void our_own_client_understands_it(void **state)
{
	struct fake_device fake;
	__sp_wg_device struct sp_wg_device device = { 0 };
	__sp_free char *answer = NULL, *get = NULL;

	(void)state;
	fake_start(&fake, NULL);
	answer = fake_answer(&fake, WHOLE);
	get = fake_answer(&fake, "get=1\n\n");
	assert_int_equal(sp_uapi_parse_get(get, strlen(get), &device), 0);
	assert_true(device.has_private_key);
	assert_int_equal(device.listen_port, 12912);
	assert_int_equal(device.fwmark, 5);
	assert_int_equal(device.peer_count, 3);
	assert_int_equal(device.peers[1].keepalive_s, 111);
	assert_int_equal(device.peers[2].allowed_ip_count, 2);
	assert_true(device.peers[0].has_endpoint);
	/* what a bad request answers is an error to it, whichever the request was */
	assert_int_equal(sp_uapi_parse_set("errno=-22\n\n", 11), -EINVAL);
	fake_done(&fake);
}

static void a_line_without_end_and_a_request_too_long_end_it(void **state)
{
	static char piece[64 * 1024];
	struct fake_device fake;
	struct sp_api_talk *talk;
	__sp_secret_buf struct sp_secret_buf reply = { 0 };
	size_t heard = 0;

	(void)state;
	fake_start(&fake, NULL);
	assert_int_equal(sp_api_talk_new(&fake.api, &talk), 0);
	memset(piece, 'a', sizeof(piece));
	assert_int_equal(sp_api_talk_hear(talk, piece, 600), 600);
	assert_true(sp_api_talk_is_over(talk));
	assert_int_equal(sp_api_talk_tell(talk, 1, &reply), 0);
	assert_memory_equal(reply.data, "errno=22\n\n", reply.len);
	sp_api_talk_free(talk);

	assert_int_equal(sp_api_talk_new(&fake.api, &talk), 0);
	for (size_t i = 0; i < sizeof(piece); i += 8)
		memcpy(piece + i, i ? "fwmark=3" : "set=1\nfw", 8);
	for (size_t i = 15; i < sizeof(piece); i += 8)
		memcpy(piece + i - 7, "fwmark=\n", 8); /* refused, and read on and on */
	while (!sp_api_talk_has_answer(talk))
		heard += sp_api_talk_hear(talk, piece, sizeof(piece));
	assert_true(heard >= SP_API_REQUEST_MAX && heard <= SP_API_REQUEST_MAX + sizeof(piece));
	assert_true(sp_api_talk_is_over(talk));
	sp_api_talk_free(talk);

	/* many short ones are none */
	assert_int_equal(sp_api_talk_new(&fake.api, &talk), 0);
	memset(piece, 'a', sizeof(piece));
	for (size_t i = 99; i < sizeof(piece); i += 100)
		piece[i] = '\n';
	memcpy(piece + sizeof(piece) - 2, "\n\n", 2);
	for (heard = 0; heard < SP_API_REQUEST_MAX + 3 * sizeof(piece);) {
		heard += sp_api_talk_hear(talk, piece, sizeof(piece));
		reply.len = 0;
		assert_int_equal(sp_api_talk_tell(talk, 100, &reply), 0);
		assert_memory_equal(reply.data, "errno=22\n\n", 10);
		assert_false(sp_api_talk_is_over(talk));
	}
	sp_api_talk_free(talk);
	fake_done(&fake);
}

static void a_walk_goes_on_behind_what_was_removed(void **state)
{
	struct fake_device fake;
	struct sp_wg_engine *engine;
	struct sp_wg_engine_peer *a, *c;
	struct sp_wg_peer_cursor peers, other;
	struct sp_wg_allowed_cursor allowed;
	struct sp_prefix prefix;

	(void)state;
	fake_start(&fake, NULL);
	engine = fake.api.engine;
	fake_set(&fake, "public_key=" KEY_A "\nallowed_ip=10.1.0.0/16\nallowed_ip=10.2.0.0/16\n"
			"allowed_ip=10.3.0.0/16\nallowed_ip=10.4.0.0/16\npublic_key=" KEY_B
			"\npublic_key=" KEY_C "\n");
	a = fake_peer(&fake, KEY_A);
	c = fake_peer(&fake, KEY_C);
	sp_wg_peer_cursor_open(engine, &peers);
	sp_wg_peer_cursor_open(engine, &other);
	assert_ptr_equal(sp_wg_peer_cursor_next(&peers), a);
	sp_wg_engine_peer_remove(fake_peer(&fake, KEY_B));
	assert_ptr_equal(sp_wg_peer_cursor_next(&peers), c);
	assert_null(sp_wg_peer_cursor_next(&peers));

	sp_wg_engine_peer_allowed_open(a, &allowed);
	assert_true(sp_wg_allowed_cursor_next(&allowed, &prefix));
	assert_int_equal(prefix.addr[13], 1);
	/* the next one goes to somebody else, the one behind it goes for good */
	fake_set(&fake, "public_key=" KEY_C "\nallowed_ip=10.2.0.0/16\npublic_key=" KEY_A
			"\nallowed_ip=-10.3.0.0/16\n");
	assert_true(sp_wg_allowed_cursor_next(&allowed, &prefix));
	assert_int_equal(prefix.addr[13], 4);
	assert_false(sp_wg_allowed_cursor_next(&allowed, &prefix));
	sp_wg_engine_allowed_close(engine, &allowed);
	sp_wg_engine_peer_allowed_open(a, &allowed);
	sp_wg_engine_peer_remove(a);
	assert_false(sp_wg_allowed_cursor_next(&allowed, &prefix));
	sp_wg_engine_allowed_close(engine, &allowed);
	sp_wg_peer_cursor_close(engine, &peers); /* not the one opened last */
	assert_ptr_equal(sp_wg_peer_cursor_next(&other), c);
	sp_wg_peer_cursor_close(engine, &other);
	fake_done(&fake);
}

static void a_peer_that_goes_during_the_answer_disturbs_nobody(void **state)
{
	struct fake_device fake;
	struct sp_api_talk *talk;
	__sp_secret_buf struct sp_secret_buf reply = { 0 };
	__sp_wg_device struct sp_wg_device device = { 0 };
	struct sp_wg_engine_peer *peer;
	const size_t count = 500;
	size_t told = 0;

	(void)state;
	fake_start(&fake, NULL);
	for (size_t i = 0; i < count; i++) {
		uint8_t key[SP_WG_KEY_LEN] = { 1, (uint8_t)i, (uint8_t)(i >> 8) };

		assert_int_equal(sp_wg_engine_peer_add(fake.api.engine, key, &peer), 0);
		for (uint8_t j = 0; j < 200; j++)
			sp_wg_engine_peer_allow(
				peer, &(struct sp_prefix){
					      128, { 0xfd, 0, j, (uint8_t)i, (uint8_t)(i >> 8) } });
	}
	assert_int_equal(sp_api_talk_new(&fake.api, &talk), 0);
	assert_int_equal(sp_api_talk_hear(talk, "get=1\n\n", 7), 7);
	for (size_t i = 0; sp_api_talk_has_answer(talk); i++) {
		assert_int_equal(sp_api_talk_tell(talk, 2500, &reply), 0);
		/* the next to be told, and the one being told */
		peer = sp_wg_engine_peer_next(fake.api.engine, NULL);
		for (size_t j = 0; peer && j < i / 4; j++)
			peer = sp_wg_engine_peer_next(fake.api.engine, peer);
		if (peer && i % 3)
			sp_wg_engine_peer_disallow_some(peer, 70);
		if (peer && i % 3 == 2)
			sp_wg_engine_peer_remove(peer);
	}
	sp_api_talk_free(talk);
	assert_int_equal(sp_uapi_parse_get(reply.data, reply.len, &device), 0);
	for (peer = sp_wg_engine_peer_next(fake.api.engine, NULL); peer;
	     peer = sp_wg_engine_peer_next(fake.api.engine, peer)) {
		size_t i = 0;

		while (i < device.peer_count && memcmp(device.peers[i].public_key.bytes,
						       peer->remote.public_key, SP_WG_KEY_LEN) != 0)
			i++;
		assert_true(i < device.peer_count); /* once: its reader checks */
		told++;
	}
	assert_true(told < count - 50 && told > 0);
	/* half an answer leaves nothing behind */
	assert_int_equal(sp_api_talk_new(&fake.api, &talk), 0);
	sp_api_talk_hear(talk, "get=1\n\n", 7);
	assert_int_equal(sp_api_talk_tell(talk, 3000, &reply), 0);
	assert_true(sp_api_talk_has_answer(talk));
	sp_api_talk_free(talk);
	while ((peer = sp_wg_engine_peer_next(fake.api.engine, NULL)))
		sp_wg_engine_peer_remove(peer);
	fake_done(&fake);
}

static void a_peer_removed_between_two_lines_stays_removed(void **state)
{
	struct fake_device fake;
	struct sp_api_talk *talk;
	__sp_secret_buf struct sp_secret_buf reply = { 0 };
	static const char first[] = "set=1\npublic_key=" KEY_A "\npreshared_key=" PSK "\n",
			  second[] = "allowed_ip=10.0.0.0/8\npersistent_keepalive_interval=3\n\n";

	(void)state;
	fake_start(&fake, NULL);
	assert_int_equal(sp_api_talk_new(&fake.api, &talk), 0);
	sp_api_talk_hear(talk, first, strlen(first));
	sp_wg_engine_peer_remove(fake_peer(&fake, KEY_A)); /* its deadline came */
	sp_api_talk_hear(talk, second, strlen(second));
	assert_int_equal(sp_api_talk_tell(talk, 100, &reply), 0);
	assert_memory_equal(reply.data, "errno=0\n\n", reply.len);
	assert_null(fake_peer(&fake, KEY_A));
	sp_api_talk_free(talk);
	fake_done(&fake);
}

static void many_allowed_addresses_are_replaced_and_removed_a_few_at_a_time(void **state)
{
	struct fake_device fake;
	__sp_buf struct sp_buf request = SP_BUF_INIT;
	struct sp_wg_engine_peer *peer;
	__sp_wg_device struct sp_wg_device device = { 0 };
	__sp_free char *get = NULL;
	const int count = 20000;
	size_t locked;

	(void)state;
	fake_start(&fake, NULL);
	sp_buf_put(&request, "set=1\npublic_key=" KEY_A "\n");
	for (int i = 0; i < count; i++)
		sp_buf_printf(&request, "allowed_ip=10.%d.%d.%d/32\n", i >> 14, i >> 6 & 255,
			      i & 63);
	sp_buf_put(&request, "\n");
	fake_expect(&fake, sp_buf_get(&request), "errno=0\n\n");
	peer = fake_peer(&fake, KEY_A);
	assert_int_equal(peer->allowed_ips.count, count);
	get = fake_answer(&fake, "get=1\n\n");
	assert_int_equal(sp_uapi_parse_get(get, strlen(get), &device), 0);
	assert_int_equal(device.peers[0].allowed_ip_count, count);
	assert_memory_equal(&device.peers[0].allowed_ips[count - 1].addr[12],
			    ((uint8_t[]){ 10, 1, 56, 31 }), 4);
	locked = fake.locked;
	fake_set(&fake, "public_key=" KEY_A "\nreplace_allowed_ips=true\nallowed_ip=10.0.0.1/32\n");
	assert_int_equal(peer->allowed_ips.count, 1);
	assert_true(fake.locked - locked > (size_t)count / 300);
	fake_expect(&fake, sp_buf_get(&request), "errno=0\n\n");
	locked = fake.locked;
	fake_set(&fake, "public_key=" KEY_A "\nremove=true\n");
	assert_true(fake.locked - locked > (size_t)count / 300);
	fake_expect_state(&fake, "");
	fake_done(&fake);
}

static void replacing_an_address_by_itself_never_takes_it_off(void **state)
{
	struct fake_device fake;
	struct sp_api_talk *talk;
	static const char lines[] =
		"set=1\npublic_key=" KEY_A "\nreplace_allowed_ips=true\nallowed_ip=10.1.0.0/16\n"
		"allowed_ip=10.2.0.0/16\n\n";

	(void)state;
	fake_start(&fake, NULL);
	fake_set(&fake, "public_key=" KEY_A "\nallowed_ip=10.1.0.0/16\nallowed_ip=10.3.0.0/16\n");
	assert_int_equal(sp_api_talk_new(&fake.api, &talk), 0);
	for (size_t i = 0; i < strlen(lines); i++) {
		assert_true(fake_peer(&fake, KEY_A)->allowed_ips.count >= 2);
		sp_api_talk_hear(talk, lines + i, 1);
	}
	sp_api_talk_free(talk);
	fake_expect_state(&fake, BARE(KEY_A) "allowed_ip=10.1.0.0/16\nallowed_ip=10.2.0.0/16\n");
	fake_done(&fake);
}

static void stats_tell_drops_and_roams(void **state)
{
	struct fake_device fake;
	struct sp_wg_engine_peer *peer;
	__sp_uapi_stats struct sp_uapi_stats stats = { 0 };
	__sp_free char *answer = NULL;

	(void)state;
	fake_start(&fake, NULL);
	fake_set(&fake, "public_key=" KEY_A "\npublic_key=" KEY_B "\npublic_key=" KEY_C "\n");
	fake_expect(&fake, "stats=1\n\n", "aead=openssl\noffload=udp-gro:on\nerrno=0\n\n");
	peer = fake_peer(&fake, KEY_B);
	peer->drops[SP_WG_DROP_ALLOWED_IPS] = 12;
	peer->drops[SP_WG_DROP_REPLAY] = UINT64_MAX;
	fake_peer(&fake, KEY_C)->roams = 3;
	sp_wg_receive_begin(fake.api.engine,
			    &(struct sp_wg_incoming){ .message = (uint8_t[]){ 9 }, .len = 1 }, 1,
			    &fake.now, NULL);
	answer = fake_answer(&fake, "stats=1\n\n");
	assert_string_equal(answer, "aead=openssl\noffload=udp-gro:on\ndrop=junk:1\n"
				    "public_key=" KEY_B "\ndrop=replay:18446744073709551615\n"
				    "drop=allowed-ips:12\nroams=0\npublic_key=" KEY_C
				    "\nroams=3\nerrno=0\n\n");
	assert_int_equal(sp_uapi_parse_stats(answer, strlen(answer), &stats), 0);
	assert_int_equal(stats.fact_count, 2);
	assert_string_equal(stats.facts[1].name, "offload");
	assert_string_equal(stats.facts[1].value, "udp-gro:on");
	assert_int_equal(stats.drop_count, 1);
	assert_string_equal(stats.drops[0].word, "junk");
	assert_int_equal(stats.peer_count, 2);
	assert_int_equal(stats.peers[0].drop_count, 2);
	assert_int_equal(stats.peers[0].drops[1].count, 12);
	assert_int_equal(stats.peers[1].roams, 3);
	fake_done(&fake);
}

static void stats_that_are_none_are_refused(void **state)
{
	static const struct {
		const char *text;
		int r;
	} cases[] = {
		{ "errno=0\n\n", 0 },
		{ "x=y\npublic_key=" KEY_A "\nunknown=3\nroams=1\nerrno=0\n\n", 0 },
		{ "errno=22\n\n", -EINVAL },
		{ "", -EBADMSG },
		{ "\n\n", -EBADMSG },
		{ "a=b\n\n", -EBADMSG },
		{ "errno=0\n", -EBADMSG },
		{ "x\nerrno=0\n\n", -EBADMSG },
		{ "=y\nerrno=0\n\n", -EBADMSG },
		{ "x=\nerrno=0\n\n", -EBADMSG },
		{ "x=\033[31m\nerrno=0\n\n", -EBADMSG },
		{ "drop=junk\nerrno=0\n\n", -EBADMSG },
		{ "drop=junk:-1\nerrno=0\n\n", -EBADMSG },
		{ "drop=:1\nerrno=0\n\n", -EBADMSG },
		{ "public_key=12\nerrno=0\n\n", -EBADMSG },
		{ "public_key=" KEY_A "\nroams=x\nerrno=0\n\n", -EBADMSG },
		{ "errno=0\nx=y\n\n", -EBADMSG },
		{ "errno=0\n\nx=y\n\n", -EBADMSG },
	};

	(void)state;
	for (size_t i = 0; i < SP_ARRAY_LEN(cases); i++) {
		__sp_uapi_stats struct sp_uapi_stats stats = { 0 };

		assert_int_equal(sp_uapi_parse_stats(cases[i].text, strlen(cases[i].text), &stats),
				 cases[i].r);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_set_is_told),
		cmocka_unit_test(a_bad_line_is_refused_and_what_came_before_stays),
		cmocka_unit_test(requests_that_are_none_are_answered),
		cmocka_unit_test(a_port_that_is_taken_is_said_so),
		cmocka_unit_test(our_own_key_is_no_peer),
		cmocka_unit_test(keepalive_turned_on_sends_one_at_once),
		cmocka_unit_test(setting_an_endpoint_forgets_our_own_address),
		cmocka_unit_test(pieces_of_any_size_make_the_same_conversation),
		cmocka_unit_test(our_own_client_understands_it),
		cmocka_unit_test(a_line_without_end_and_a_request_too_long_end_it),
		cmocka_unit_test(a_walk_goes_on_behind_what_was_removed),
		cmocka_unit_test(a_peer_that_goes_during_the_answer_disturbs_nobody),
		cmocka_unit_test(a_peer_removed_between_two_lines_stays_removed),
		cmocka_unit_test(many_allowed_addresses_are_replaced_and_removed_a_few_at_a_time),
		cmocka_unit_test(replacing_an_address_by_itself_never_takes_it_off),
		cmocka_unit_test(stats_tell_drops_and_roams),
		cmocka_unit_test(stats_that_are_none_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
