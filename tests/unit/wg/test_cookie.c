/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <sodium.h>

#include "net/addr.h"
#include "wg/noise/cookie.h"

#define START_NS (1000 * SP_NS_PER_S)

struct round {
	struct sp_wg_cookie_checker checker;
	struct sp_wg_cookie_jar jar;
	struct sp_addr source;
	uint8_t message[148], nonce[24], secret[32];
	struct sp_wg_cookie_reply reply;
};

/* A message with mac1, answered by a cookie that the sender has taken. */
static void begin(struct round *round)
{
	static const uint8_t responder_public[32] = { 9, 8, 7 };

	memset(round, 0, sizeof(*round));
	sp_wg_cookie_checker_init(&round->checker, responder_public);
	sp_wg_cookie_jar_init(&round->jar, responder_public);
	assert_int_equal(sp_addr_parse("192.0.2.1", &round->source), 0);
	memset(round->message, 0xa5, sizeof(round->message));
	memset(round->nonce, 0x11, sizeof(round->nonce));
	memset(round->secret, 0x22, sizeof(round->secret));
	sp_wg_macs_add(&round->jar, round->message, sizeof(round->message), START_NS);
	assert_int_equal(sp_wg_cookie_reply_create(&round->checker, round->message, 148,
						   &round->source, 1000, round->nonce, START_NS,
						   &round->reply),
			 -ESTALE);
	sp_wg_cookie_secret_set(&round->checker, round->secret, START_NS);
	assert_int_equal(sp_wg_cookie_reply_create(&round->checker, round->message, 148,
						   &round->source, 1000, round->nonce, START_NS,
						   &round->reply),
			 0);
}

static bool mac2_ok(struct round *round, uint16_t port, uint64_t now_ns)
{
	return sp_wg_mac2_check(&round->checker, round->message, sizeof(round->message),
				&round->source, port, now_ns);
}

static void a_cookie_makes_the_next_mac2_right(void **state)
{
	struct round round;

	(void)state;
	begin(&round);
	assert_true(sp_wg_mac1_check(&round.checker, round.message, sizeof(round.message)));
	assert_false(mac2_ok(&round, 1000, START_NS));
	assert_int_equal(sp_wg_cookie_reply_consume(&round.jar, &round.reply, START_NS), 0);
	sp_wg_macs_add(&round.jar, round.message, sizeof(round.message), START_NS);
	assert_true(sp_wg_mac1_check(&round.checker, round.message, sizeof(round.message)));
	assert_true(mac2_ok(&round, 1000, START_NS));
	assert_false(mac2_ok(&round, 1001, START_NS));
	round.source.b[15] ^= 1;
	assert_false(mac2_ok(&round, 1000, START_NS));
	round.source.b[15] ^= 1;
	round.message[3] ^= 1;
	assert_false(mac2_ok(&round, 1000, START_NS));
	assert_false(sp_wg_mac1_check(&round.checker, round.message, sizeof(round.message)));
}

static void cookies_and_secrets_grow_old(void **state)
{
	struct round round;
	uint64_t limit_ns = START_NS + 115 * SP_NS_PER_S;

	(void)state;
	begin(&round);
	assert_int_equal(sp_wg_cookie_reply_consume(&round.jar, &round.reply, START_NS), 0);
	sp_wg_macs_add(&round.jar, round.message, sizeof(round.message), limit_ns - 1);
	assert_true(mac2_ok(&round, 1000, limit_ns - 1));
	assert_true(mac2_ok(&round, 1000, START_NS + 120 * SP_NS_PER_S - 1));
	assert_false(mac2_ok(&round, 1000, START_NS + 120 * SP_NS_PER_S));
	assert_true(sp_wg_cookie_secret_is_stale(&round.checker, START_NS + 120 * SP_NS_PER_S));
	sp_wg_macs_add(&round.jar, round.message, sizeof(round.message), limit_ns);
	assert_true(sodium_is_zero(round.message + 132, 16));
	assert_false(round.jar.has_cookie);
	assert_true(sodium_is_zero(round.jar.cookie, sizeof(round.jar.cookie)));
}

static void only_one_answer_to_our_own_message_is_taken(void **state)
{
	struct round round;

	(void)state;
	begin(&round);
	for (size_t bit = 8 * 8; bit < 8 * sizeof(round.reply); bit += 7) {
		struct sp_wg_cookie_reply damaged = round.reply;

		((uint8_t *)&damaged)[bit / 8] ^= 1u << bit % 8;
		assert_int_equal(sp_wg_cookie_reply_consume(&round.jar, &damaged, START_NS),
				 -EBADMSG);
	}
	round.message[0] ^= 1; /* another message has been sent since */
	sp_wg_macs_add(&round.jar, round.message, sizeof(round.message), START_NS);
	assert_int_equal(sp_wg_cookie_reply_consume(&round.jar, &round.reply, START_NS), -EBADMSG);
	begin(&round);
	assert_int_equal(sp_wg_cookie_reply_consume(&round.jar, &round.reply, START_NS), 0);
	assert_int_equal(sp_wg_cookie_reply_consume(&round.jar, &round.reply, START_NS), -EPROTO);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_cookie_makes_the_next_mac2_right),
		cmocka_unit_test(cookies_and_secrets_grow_old),
		cmocka_unit_test(only_one_answer_to_our_own_message_is_taken),
	};

	return sodium_init() < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
