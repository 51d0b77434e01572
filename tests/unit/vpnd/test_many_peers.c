/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Peers come and go by thousands beside one that talks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../wg/lab.h"
#include "base/str.h"
#include "fake_device.h"
#include "io/uapi/uapi.h"

#define MANY 10000

/* A name for the @i-th of many peers. */
static void put_key(struct sp_buf *buf, int i)
{
	sp_buf_printf(buf, "public_key=%08x%056x\n", i * 2654435761u, i + 1);
}

static char *add_many(void)
{
	struct sp_buf buf = SP_BUF_INIT;
	char *text;

	sp_buf_put(&buf, "set=1\n");
	for (int i = 0; i < MANY; i++) {
		put_key(&buf, i);
		sp_buf_printf(&buf,
			      "preshared_key=%064x\nreplace_allowed_ips=true\n"
			      "allowed_ip=10.%d.%d.%d/32\nallowed_ip=fd00::%x/128\n",
			      i, 100 + (i >> 16), i >> 8 & 255, i & 255, i + 1);
	}
	sp_buf_put(&buf, "\n");
	assert_int_equal(sp_buf_take(&buf, &text), 0);
	return text;
}

static char *remove_many(void)
{
	struct sp_buf buf = SP_BUF_INIT;
	char *text;

	sp_buf_put(&buf, "set=1\n");
	for (int i = MANY - 1; i >= 0; i--) {
		put_key(&buf, i);
		sp_buf_put(&buf, "remove=true\n");
	}
	sp_buf_put(&buf, "\n");
	assert_int_equal(sp_buf_take(&buf, &text), 0);
	return text;
}

static void they_leave_a_session_alone(void **state)
{
	struct lab lab;
	struct fake_device fake;
	__sp_free char *add = add_many(), *remove = remove_many();
	struct sp_wg_keypair *keypair, before;
	uint64_t rx_bytes, tx_bytes, real_ns;

	(void)state;
	lab_start(&lab);
	lab_connect(&lab);
	fake_start(&fake, lab.a.core);
	assert_int_equal(engine_send(&lab.a, 100), SP_WG_DROP_NONE);
	lab_settle(&lab);
	keypair = lab.a.other->current;
	before = *keypair;
	rx_bytes = lab.a.other->rx_bytes;
	tx_bytes = lab.a.other->tx_bytes;
	real_ns = lab.a.other->last_handshake_real_ns;
	for (int round = 0; round < 3; round++) {
		fake_expect(&fake, add, "errno=0\n\n");
		assert_int_equal(sp_wg_engine_peer_count(lab.a.core), MANY + 1);
		fake_expect(&fake, add, "errno=0\n\n"); /* and once more what is there */
		fake_expect(&fake, remove, "errno=0\n\n");
		assert_int_equal(sp_wg_engine_peer_count(lab.a.core), 1);
	}
	assert_ptr_equal(lab.a.other->current, keypair);
	assert_memory_equal(keypair, &before, offsetof(struct sp_wg_keypair, entry));
	assert_int_equal(lab.a.other->rx_bytes, rx_bytes);
	assert_int_equal(lab.a.other->tx_bytes, tx_bytes);
	assert_int_equal(lab.a.other->last_handshake_real_ns, real_ns);
	assert_null(wire_take(&lab.a)); /* nothing was said because of it */
	/* its own settings, set anew, neither */
	fake_set(&fake, "");
	for (int i = 0; i < 5; i++) {
		assert_int_equal(engine_send(&lab.a, 100), SP_WG_DROP_NONE);
		lab_settle(&lab);
		assert_int_equal(engine_send(&lab.b, 100), SP_WG_DROP_NONE);
		lab_settle(&lab);
	}
	assert_int_equal(lab.a.delivered, 5);
	assert_int_equal(lab.b.delivered, 6);
	assert_ptr_equal(lab.a.other->current, keypair);
	lab_done(&lab);
}

static void a_peers_new_settings_leave_its_session_alone(void **state)
{
	struct lab lab;
	struct fake_device fake;
	__sp_free char *lines = NULL;
	char hex[SP_WG_KEY_HEX];
	struct sp_wg_keypair *keypair;
	struct sp_wg_key key;
	uint64_t counter;

	(void)state;
	lab_start(&lab);
	lab_connect(&lab);
	fake_start(&fake, lab.a.core);
	memcpy(key.bytes, lab.a.other->remote.public_key, sizeof(key.bytes));
	sp_wg_key_to_hex(&key, hex);
	keypair = lab.a.other->current;
	counter = keypair->sending_counter;
	assert_int_equal(
		sp_str_format(&lines,
			      "public_key=%s\npreshared_key=%064x\nendpoint=192.0.2.2:51820\n"
			      "persistent_keepalive_interval=0\nreplace_allowed_ips=true\n"
			      "allowed_ip=10.9.0.2/32\nallowed_ip=10.9.0.3/32\n",
			      hex, 5),
		0);
	fake_set(&fake, lines);
	assert_ptr_equal(lab.a.other->current, keypair);
	assert_int_equal(keypair->sending_counter, counter);
	assert_int_equal(engine_send(&lab.a, 100), SP_WG_DROP_NONE);
	lab_settle(&lab);
	assert_int_equal(lab.b.delivered, 1);
	/* a removed one's next packet is refused, whatever it was given before */
	assert_int_equal(engine_send(&lab.b, 100), SP_WG_DROP_NONE);
	free(SP_TAKE_PTR(lines));
	assert_int_equal(sp_str_format(&lines, "public_key=%s\nremove=true\n", hex), 0);
	fake_set(&fake, lines);
	lab_settle(&lab);
	assert_int_equal(lab.a.drop, SP_WG_DROP_INDEX);
	assert_int_equal(lab.a.delivered, 0);
	lab_done(&lab);
}

static void a_new_private_key_costs_nothing_until_it_is_used(void **state)
{
	struct lab lab;
	struct fake_device fake;
	__sp_free char *add = add_many();
	const struct sp_wg_identity *identity;

	(void)state;
	lab_start(&lab);
	lab_connect(&lab);
	fake_start(&fake, lab.a.core);
	fake_expect(&fake, add, "errno=0\n\n");
	for (struct sp_wg_engine_peer *peer = NULL;
	     (peer = sp_wg_engine_peer_next(lab.a.core, peer));)
		assert_int_equal(peer->is_remote_ready, peer == lab.a.other);
	fake_set(&fake,
		 "private_key=e84b5a6d2717c1003a13b431570353dbaca9146cf150c5f8575680feba52027a\n");
	assert_null(lab.a.other->current);
	assert_false(lab.a.other->is_remote_ready);
	identity = sp_wg_engine_get_identity(lab.a.core);
	sp_wg_engine_peer_remove(lab.b.other);
	assert_int_equal(sp_wg_engine_peer_add(lab.b.core, identity->public_key, &lab.b.other), 0);
	lab_connect(&lab); /* with the new one */
	lab_done(&lab);
}

/* Endless stream of seconds would mean a square somewhere. */
static void a_hundred_thousand_take_no_square_of_time(void **state)
{
	struct fake_device fake;
	struct sp_buf buf = SP_BUF_INIT;
	__sp_free char *answer = NULL, *request = NULL;
	__sp_wg_device struct sp_wg_device device = { 0 };

	(void)state;
	fake_start(&fake, NULL);
	sp_buf_put(&buf, "set=1\nreplace_peers=true\n");
	for (int i = 0; i < 10 * MANY; i++) {
		put_key(&buf, i);
		sp_buf_printf(&buf, "allowed_ip=10.%d.%d.%d/32\n", i >> 16, i >> 8 & 255, i & 255);
	}
	sp_buf_put(&buf, "\n");
	assert_int_equal(sp_buf_take(&buf, &request), 0);
	fake_expect(&fake, request, "errno=0\n\n");
	answer = fake_answer(&fake, "get=1\n\n");
	assert_int_equal(sp_uapi_parse_get(answer, strlen(answer), &device), 0);
	assert_int_equal(device.peer_count, 10 * MANY);
	fake_set(&fake, "replace_peers=true\n");
	assert_int_equal(fake.removed, 10 * MANY);
	fake_expect_state(&fake, "");
	fake_done(&fake);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(they_leave_a_session_alone),
		cmocka_unit_test(a_peers_new_settings_leave_its_session_alone),
		cmocka_unit_test(a_new_private_key_costs_nothing_until_it_is_used),
		cmocka_unit_test(a_hundred_thousand_take_no_square_of_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
