/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Two engines, message by message: handshakes through loss, repetition, disorder and simultaneity;
 * sessions from birth to erasure; what may and may not come out of a data message. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <sodium.h>

#include "base/array.h"
#include "base/bytes.h"
#include "lab.h"
#include "net/addr.h"
#include "wg/inner.h"
#include "wg/state.h"

#define SECOND SP_NS_PER_S

static int start(void **state)
{
	struct lab *lab = test_calloc(1, sizeof(*lab));

	lab_start(lab);
	*state = lab;
	return 0;
}

static int stop(void **state)
{
	struct lab *lab = *state;

	lab_done(lab);
	test_free(lab);
	return 0;
}

/* ---- handshakes ---- */

static void a_packet_waits_for_the_handshake_it_begins(void **state)
{
	struct lab *lab = *state;

	assert_int_equal(engine_send(&lab->a, 100), SP_WG_DROP_NONE);
	assert_int_equal(engine_send(&lab->a, 101), SP_WG_DROP_NONE);
	assert_int_equal(lab->a.other->staged_count, 2);
	wire_pass(&lab->a, &lab->b, SP_WG_INITIATION);
	wire_pass(&lab->b, &lab->a, SP_WG_RESPONSE);
	assert_int_equal(lab->a.other->staged_count, 0);
	wire_pass(&lab->a, &lab->b, SP_WG_DATA);
	assert_int_equal(lab->b.packet_len, 100);
	wire_pass(&lab->a, &lab->b, SP_WG_DATA);
	assert_int_equal(lab->b.packet_len, 101);
	assert_null(wire_take(&lab->a));
	assert_int_equal(engine_send(&lab->b, 60), SP_WG_DROP_NONE);
	wire_pass(&lab->b, &lab->a, SP_WG_DATA);
	assert_int_equal(lab->a.packet_len, 60);
	assert_true(lab->a.other->last_handshake_real_ns > 0);
	assert_int_equal(lab->a.other->last_handshake_real_ns,
			 lab->b.other->last_handshake_real_ns);
	assert_int_equal(lab->a.other->tx_bytes, lab->b.other->rx_bytes);
	assert_int_equal(lab->b.other->tx_bytes, lab->a.other->rx_bytes);
}

static void the_responder_waits_for_the_first_message(void **state)
{
	struct lab *lab = *state;
	struct sp_wg_time now = lab_time(lab, &lab->a);

	sp_wg_engine_peer_handshake(lab->a.other, &now);
	wire_pass(&lab->a, &lab->b, SP_WG_INITIATION);
	assert_null(lab->b.other->current);
	assert_non_null(lab->b.other->next);
	assert_int_equal(engine_send(&lab->b, 80), SP_WG_DROP_NONE);
	assert_int_equal(lab->b.other->staged_count, 1);
	wire_pass(&lab->b, &lab->a, SP_WG_RESPONSE);
	assert_null(wire_take(&lab->b)); /* no initiation of its own: it has just sent a response */
	wire_pass(&lab->a, &lab->b, SP_WG_DATA);
	assert_non_null(lab->b.other->current);
	assert_null(lab->b.other->next);
	wire_pass(&lab->b, &lab->a, SP_WG_DATA);
	assert_int_equal(lab->a.packet_len, 80);
}

static void lost_initiations_are_repeated_for_ninety_seconds(void **state)
{
	struct lab *lab = *state;
	uint64_t begun_ns = lab->now_ns, last_ns = 0;
	size_t count = 0;

	engine_send(&lab->a, 100);
	while (sp_wg_next_deadline(lab->a.core) != SP_WG_NEVER &&
	       lab->now_ns < begun_ns + 200 * SECOND) {
		while (wire_lose(&lab->a)) {
			count++;
			if (last_ns)
				assert_in_range(lab->now_ns - last_ns, 5 * SECOND,
						5 * SECOND + SECOND / 3);
			last_ns = lab->now_ns;
		}
		lab->now_ns = sp_wg_next_deadline(lab->a.core);
		lab_tick(lab);
	}
	assert_in_range(count, 18, 20);
	assert_in_range(last_ns - begun_ns, 90 * SECOND, 102 * SECOND);
	assert_int_equal(lab->a.other->staged_count, 0);
	assert_int_equal(lab->a.other->drops[SP_WG_DROP_UNANSWERED], 1);
	lab_wait(lab, 600 * SECOND);
	lab_tick(lab);
	assert_int_equal(lab->a.other->handshake.state, SP_WG_HANDSHAKE_NONE);
	engine_send(&lab->a, 100); /* and traffic begins anew */
	lab_settle(lab);
	assert_int_equal(lab->b.delivered, 1);
}

static void a_lost_response_is_made_good(void **state)
{
	struct lab *lab = *state;

	engine_send(&lab->a, 100);
	wire_pass(&lab->a, &lab->b, SP_WG_INITIATION);
	assert_int_equal(wire_lose(&lab->b), 1);
	lab_run(lab, 6 * SECOND);
	assert_int_equal(lab->b.delivered, 1);
	assert_null(lab->b.other->next);
}

static void a_replayed_initiation_is_refused(void **state)
{
	struct lab *lab = *state;
	struct wire_item *first, *second;

	engine_send(&lab->a, 100);
	first = wire_expect(&lab->a, SP_WG_INITIATION);
	assert_int_equal(wire_give(&lab->b, first), SP_WG_DROP_NONE);
	assert_int_equal(wire_give(&lab->b, first), SP_WG_DROP_STALE);
	assert_int_equal(wire_lose(&lab->b), 1);
	lab_wait(lab, 6 * SECOND);
	lab_tick(lab);
	second = wire_expect(&lab->a, SP_WG_INITIATION);
	assert_int_equal(wire_give(&lab->b, second), SP_WG_DROP_NONE);
	wire_pass(&lab->b, &lab->a, SP_WG_RESPONSE);
	lab_settle(lab);
	assert_int_equal(lab->b.delivered, 1);
	lab_wait(lab, 60 * SECOND);
	assert_int_equal(wire_give(&lab->b, first), SP_WG_DROP_STALE);
	assert_int_equal(wire_give(&lab->b, second), SP_WG_DROP_STALE);
	assert_int_equal(lab->b.other->drops[SP_WG_DROP_STALE], 3);
	assert_int_equal(wire_lose(&lab->b), 0);
	engine_send(&lab->a, 100);
	lab_settle(lab);
	assert_int_equal(lab->b.delivered, 2); /* the session never noticed */
	test_free(first);
	test_free(second);
}

static void a_replayed_response_is_refused(void **state)
{
	struct lab *lab = *state;
	struct wire_item *response;

	engine_send(&lab->a, 100);
	wire_pass(&lab->a, &lab->b, SP_WG_INITIATION);
	response = wire_expect(&lab->b, SP_WG_RESPONSE);
	assert_int_equal(wire_give(&lab->a, response), SP_WG_DROP_NONE);
	assert_int_equal(wire_give(&lab->a, response), SP_WG_DROP_INDEX);
	lab_settle(lab);
	assert_int_equal(lab->b.delivered, 1);
	test_free(response);
}

static void both_may_begin_at_once(void **state)
{
	struct lab *lab = *state;
	struct wire_item *from_a, *from_b;

	sp_wg_engine_peer_set_endpoint(lab->b.other, &lab->a.here);
	engine_send(&lab->a, 100);
	engine_send(&lab->b, 200);
	from_a = wire_expect(&lab->a, SP_WG_INITIATION);
	from_b = wire_expect(&lab->b, SP_WG_INITIATION);
	assert_int_equal(wire_give(&lab->b, from_a), SP_WG_DROP_NONE);
	assert_int_equal(wire_give(&lab->a, from_b), SP_WG_DROP_NONE);
	lab_settle(lab);
	lab_run(lab, 15 * SECOND);
	assert_int_equal(lab->b.delivered, 1);
	assert_int_equal(lab->a.delivered, 1);
	engine_send(&lab->a, 100);
	engine_send(&lab->b, 200);
	lab_settle(lab);
	assert_int_equal(lab->b.delivered, 2);
	assert_int_equal(lab->a.delivered, 2);
	test_free(from_a);
	test_free(from_b);
}

static void initiations_within_twenty_milliseconds_are_a_flood(void **state)
{
	struct lab *lab = *state;
	struct sp_wg_time now;

	lab_connect(lab);
	lab_wait(lab, 10 * SECOND);
	now = lab_time(lab, &lab->a);
	sp_wg_engine_peer_handshake(lab->a.other, &now);
	wire_pass(&lab->a, &lab->b, SP_WG_INITIATION);
	lab->a.other->handshake_sent_ns = 0; /* a peer that does not keep to five seconds */
	lab_wait(lab, SECOND / 50 - 1);
	now = lab_time(lab, &lab->a);
	sp_wg_engine_peer_handshake(lab->a.other, &now);
	struct wire_item *item = wire_expect(&lab->a, SP_WG_INITIATION);
	assert_int_equal(wire_give(&lab->b, item), SP_WG_DROP_FLOOD);
	lab_wait(lab, 1);
	assert_int_equal(wire_give(&lab->b, item), SP_WG_DROP_NONE);
	test_free(item);
}

static void a_wall_clock_set_back_does_not_lock_us_out(void **state)
{
	struct lab *lab = *state;

	sp_wg_engine_peer_set_endpoint(lab->b.other, &lab->a.here);
	engine_send(&lab->b, 100);
	lab_settle(lab);
	assert_int_equal(lab->a.delivered, 1);
	lab->skew_ns = -3600 * (int64_t)SECOND;
	lab_wait(lab, 200 * SECOND);
	engine_send(&lab->b, 100);
	lab_settle(lab);
	assert_int_equal(lab->a.delivered, 2);
	assert_int_equal(lab->a.other->drops[SP_WG_DROP_STALE], 0);
}

static void strangers_and_wrong_keys_get_no_answer(void **state)
{
	struct lab *lab = *state;
	uint8_t private_key[32];
	struct wire_item *item;

	engine_send(&lab->a, 100);
	item = wire_expect(&lab->a, SP_WG_INITIATION);
	sp_wg_engine_peer_remove(lab->b.other);
	assert_int_equal(wire_give(&lab->b, item), SP_WG_DROP_UNKNOWN);
	item->bytes[20] ^= 1;
	assert_int_equal(wire_give(&lab->b, item), SP_WG_DROP_MAC1);
	memset(private_key, 0x42, sizeof(private_key));
	engine_set_key(&lab->b, private_key);
	item->bytes[20] ^= 1;
	assert_int_equal(wire_give(&lab->b, item), SP_WG_DROP_MAC1);
	sp_wg_engine_set_identity(lab->b.core, NULL);
	assert_int_equal(wire_give(&lab->b, item), SP_WG_DROP_MAC1);
	assert_int_equal(wire_lose(&lab->b), 0);
	assert_int_equal(sp_wg_engine_get_drops(lab->b.core, SP_WG_DROP_MAC1), 3);
	test_free(item);
}

static void preshared_keys_must_agree(void **state)
{
	struct lab *lab = *state;
	uint8_t psk[32] = { 1, 2, 3 };
	struct wire_item *item;

	sp_wg_engine_peer_set_preshared_key(lab->a.other, psk);
	engine_send(&lab->a, 100);
	wire_pass(&lab->a, &lab->b, SP_WG_INITIATION);
	item = wire_expect(&lab->b, SP_WG_RESPONSE);
	assert_int_equal(wire_give(&lab->a, item), SP_WG_DROP_HANDSHAKE);
	sp_wg_engine_peer_set_preshared_key(lab->b.other, psk);
	lab_run(lab, 6 * SECOND);
	assert_int_equal(lab->b.delivered, 1);
	test_free(item);
}

static void a_low_order_peer_key_never_handshakes(void **state)
{
	struct lab *lab = *state;
	uint8_t public_key[32] = { 1 };
	struct sp_prefix prefix;
	struct sp_wg_engine_peer *peer;
	uint8_t packet[64];

	assert_int_equal(sp_wg_engine_peer_add(lab->a.core, public_key, &peer), 0);
	assert_int_equal(sp_prefix_parse("10.66.0.0/16", &prefix), 0);
	assert_int_equal(sp_wg_engine_peer_allow(peer, &prefix), 0);
	sp_wg_engine_peer_set_endpoint(peer, &lab->b.here);
	inner_packet(packet, sizeof(packet), "10.9.0.1", "10.66.0.1");
	assert_int_equal(engine_send_packet(&lab->a, packet, sizeof(packet)), SP_WG_DROP_NONE);
	assert_int_equal(peer->staged_count, 1);
	lab_run(lab, 200 * SECOND);
	assert_int_equal(peer->staged_count, 0);
	assert_int_equal(peer->tx_bytes, 0);
	assert_int_equal(lab->b.delivered, 0);
}

static void without_random_bytes_nothing_is_sent(void **state)
{
	struct lab *lab = *state;

	lab->a.random_fails = true;
	engine_send(&lab->a, 100);
	assert_null(wire_take(&lab->a));
	assert_true(sp_wg_engine_get_drops(lab->a.core, SP_WG_DROP_NO_RANDOM) > 0);
	lab->a.random_fails = false;
	lab_run(lab, 6 * SECOND);
	assert_int_equal(lab->b.delivered, 1);
}

/* ---- under load ---- */

static void under_load_a_cookie_comes_first(void **state)
{
	struct lab *lab = *state;
	struct wire_item *item;

	lab->b.core->under_load_until_ns = lab->now_ns + 60 * SECOND;
	engine_send(&lab->a, 100);
	item = wire_expect(&lab->a, SP_WG_INITIATION);
	assert_int_equal(wire_give(&lab->b, item), SP_WG_DROP_COOKIE);
	test_free(item);
	wire_pass(&lab->b, &lab->a, SP_WG_COOKIE_REPLY);
	assert_null(wire_take(&lab->a)); /* the cookie is for the next try */
	lab_wait(lab, 6 * SECOND);
	lab_tick(lab);
	item = wire_expect(&lab->a, SP_WG_INITIATION);
	item->from.port++;
	assert_int_equal(wire_give(&lab->b, item),
			 SP_WG_DROP_COOKIE); /* not from where the cookie went */
	wire_lose(&lab->b);
	item->from.port--;
	assert_int_equal(wire_give(&lab->b, item), SP_WG_DROP_NONE);
	wire_pass(&lab->b, &lab->a, SP_WG_RESPONSE);
	lab_settle(lab);
	assert_int_equal(lab->b.delivered, 1);
	for (int i = 0; i < 4; i++)
		assert_int_equal(wire_give(&lab->b, item), SP_WG_DROP_STALE);
	assert_int_equal(wire_give(&lab->b, item), SP_WG_DROP_RATE);
	test_free(item);
}

/* Junk with a right mac1 costs a DH each until the tokens are gone; then it costs a hash, and the
 * peer that can show a cookie still gets through. */
static void a_flood_brings_load_and_load_goes_away(void **state)
{
	struct lab *lab = *state;
	size_t worked = 0, refused = 0;
	struct wire_item *item;

	engine_send(&lab->a, 100);
	item = wire_expect(&lab->a, SP_WG_INITIATION);
	for (int i = 0; i < 1000; i++) {
		struct wire_item junk = *item;
		struct sp_wg_cookie_jar jar;

		sp_wg_cookie_jar_init(&jar, sp_wg_engine_get_identity(lab->b.core)->public_key);
		junk.bytes[60] = (uint8_t)i;
		junk.bytes[61] = (uint8_t)(i >> 8) ^ 0x55;
		sp_wg_macs_add(&jar, junk.bytes, junk.len, lab->now_ns);
		junk.from.addr.b[14] = (uint8_t)i;
		wire_give(&lab->b, &junk);
		worked += lab->b.drop == SP_WG_DROP_HANDSHAKE;
		refused += lab->b.drop == SP_WG_DROP_COOKIE;
	}
	assert_int_equal(worked, 250);
	assert_int_equal(refused, 750);
	assert_true(sp_wg_engine_is_under_load(lab->b.core));
	assert_int_equal(wire_lose(&lab->b), 750);
	assert_int_equal(wire_give(&lab->b, item), SP_WG_DROP_COOKIE);
	test_free(item);
	wire_pass(&lab->b, &lab->a, SP_WG_COOKIE_REPLY);
	lab_wait(lab, 6 * SECOND);
	lab->b.core->under_load_until_ns = lab->now_ns + SECOND;
	lab_tick(lab);
	wire_pass(&lab->a, &lab->b, SP_WG_INITIATION);
	wire_pass(&lab->b, &lab->a, SP_WG_RESPONSE);
	lab_settle(lab);
	assert_int_equal(lab->b.delivered, 1);
	lab_wait(lab, 2 * SECOND);
	lab_tick(lab);
	assert_false(sp_wg_engine_is_under_load(lab->b.core));
}

/* ---- data ---- */

static void each_message_is_taken_once_in_any_order(void **state)
{
	enum { N = 600 };
	struct lab *lab = *state;
	struct wire_item *items[N];

	lab_connect(lab);
	for (size_t i = 0; i < N; i++) {
		assert_int_equal(engine_send(&lab->a, 28 + i), SP_WG_DROP_NONE);
		items[i] = wire_expect(&lab->a, SP_WG_DATA);
	}
	for (size_t i = 0; i < N; i++) { /* a permutation: 257 and 600 have no common factor */
		size_t j = i * 257 % N;

		assert_int_equal(wire_give(&lab->b, items[j]), SP_WG_DROP_NONE);
		assert_int_equal(lab->b.packet_len, 28 + j);
		assert_int_equal(wire_give(&lab->b, items[j]), SP_WG_DROP_REPLAY);
	}
	assert_int_equal(lab->b.delivered, N);
	assert_int_equal(lab->b.other->drops[SP_WG_DROP_REPLAY], N);
	for (size_t i = 0; i < N; i++)
		test_free(items[i]);
}

static void a_damaged_message_is_refused_and_its_counter_stays_free(void **state)
{
	struct lab *lab = *state;
	struct wire_item *item;

	lab_connect(lab);
	engine_send(&lab->a, 100);
	item = wire_expect(&lab->a, SP_WG_DATA);
	for (size_t bit = 0; bit < 8 * item->len; bit += 11) {
		item->bytes[bit / 8] ^= 1u << bit % 8;
		assert_int_not_equal(wire_give(&lab->b, item), SP_WG_DROP_NONE);
		assert_int_equal(lab->b.packet_len, 0);
		item->bytes[bit / 8] ^= 1u << bit % 8;
	}
	assert_int_equal(wire_give(&lab->b, item), SP_WG_DROP_NONE);
	assert_int_equal(lab->b.packet_len, 100);
	test_free(item);
}

static void lengths_and_types_are_checked_first(void **state)
{
	struct lab *lab = *state;
	struct wire_item item = { .from = lab->a.here };

	lab_connect(lab);
	for (uint32_t type = 0; type < 6; type++) {
		for (item.len = 0; item.len < 200; item.len++) {
			enum sp_wg_drop drop;
			bool fits = type == 1   ? item.len == 148
				    : type == 2 ? item.len == 92
				    : type == 3 ? item.len == 64
						: type == 4 && item.len >= 32;

			sp_put_le32(item.bytes, type);
			drop = wire_give(&lab->b, &item);
			assert_int_equal(drop == SP_WG_DROP_JUNK, !fits);
			assert_int_not_equal(drop, SP_WG_DROP_NONE);
			item.bytes[2] = 1; /* a reserved byte */
			assert_int_equal(wire_give(&lab->b, &item), SP_WG_DROP_JUNK);
			item.bytes[2] = 0;
		}
	}
	assert_int_equal(wire_lose(&lab->b), 0);
}

static void only_the_peer_s_own_sources_come_out(void **state)
{
	struct lab *lab = *state;
	uint8_t packet[200];
	struct sp_prefix prefix;

	lab_connect(lab);
	inner_packet(packet, 100, "10.9.0.77", "10.9.0.2");
	assert_int_equal(engine_send_packet(&lab->a, packet, 100), SP_WG_DROP_NONE);
	struct wire_item *item = wire_expect(&lab->a, SP_WG_DATA);
	assert_int_equal(wire_give(&lab->b, item), SP_WG_DROP_ALLOWED_IPS);
	assert_int_equal(lab->b.packet_len, 0);
	test_free(item);
	assert_int_equal(lab->b.other->drops[SP_WG_DROP_ALLOWED_IPS], 1);
	inner_packet(packet, 100, "10.9.0.1", "10.1.1.1");
	assert_int_equal(engine_send_packet(&lab->a, packet, 100), SP_WG_DROP_UNROUTED);
	assert_int_equal(sp_prefix_parse("10.1.0.0/16", &prefix), 0);
	assert_int_equal(sp_wg_engine_peer_allow(lab->a.other, &prefix), 0);
	assert_int_equal(engine_send_packet(&lab->a, packet, 100), SP_WG_DROP_NONE);
	wire_pass(&lab->a, &lab->b, SP_WG_DATA);
	packet[0] = 0x55;
	assert_int_equal(engine_send_packet(&lab->a, packet, 100), SP_WG_DROP_INNER);
	assert_int_equal(engine_send_packet(&lab->a, packet, 0), SP_WG_DROP_INNER);
}

/* An authentic message may hold anything: what a peer with other software might seal. */
static enum sp_wg_drop give_sealed(struct lab *lab, const uint8_t *text, size_t len)
{
	struct sp_wg_keypair *keypair = lab->a.other->current;
	struct wire_item item = { .from = lab->a.here, .len = len + SP_WG_DATA_OVERHEAD };

	sp_put_le32(item.bytes, SP_WG_DATA);
	sp_put_le32(item.bytes + 4, keypair->remote_index);
	sp_put_le64(item.bytes + 8, keypair->sending_counter);
	sp_chachapoly_seal(keypair->sending_key, keypair->sending_counter++, NULL, 0, text, len,
			   item.bytes + 16);
	return wire_give(&lab->b, &item);
}

static void what_is_inside_must_be_whole_packets(void **state)
{
	struct lab *lab = *state;
	struct sp_wg_inner inner;
	uint8_t v4[48], v6[48] = { 0x60, 0, 0, 0, 0, 8 };

	lab_connect(lab);
	inner_packet(v4, 40, "10.9.0.1", "10.9.0.2");
	assert_int_equal(give_sealed(lab, v4, 40), SP_WG_DROP_NONE);
	assert_int_equal(give_sealed(lab, v4, 39), SP_WG_DROP_INNER);
	assert_int_equal(give_sealed(lab, v4, 19), SP_WG_DROP_INNER);
	assert_int_equal(give_sealed(lab, v4, 1), SP_WG_DROP_INNER);
	sp_put_be16(v4 + 2, 19);
	assert_int_equal(give_sealed(lab, v4, 40), SP_WG_DROP_INNER);
	v4[0] = 0;
	assert_int_equal(give_sealed(lab, v4, 40), SP_WG_DROP_INNER);
	assert_int_equal(lab->b.other->drops[SP_WG_DROP_INNER], 5);

	v6[8] = v6[24] = 0xfd;
	assert_int_equal(sp_wg_inner_parse(v6, 48, &inner), 0);
	assert_int_equal(inner.len, 48);
	assert_int_equal(sp_wg_inner_parse(v6, 47, &inner), -EBADMSG);
	assert_int_equal(sp_wg_inner_parse(v6, 39, &inner), -EBADMSG);
	v6[8] = 0; /* ::ffff:10.9.0.1 is not 10.9.0.1 */
	memcpy(v6 + 18, "\xff\xff\x0a\x09\x00\x01", 6);
	assert_int_equal(sp_wg_inner_parse(v6, 48, &inner), -EBADMSG);
	assert_int_equal(give_sealed(lab, v6, 48), SP_WG_DROP_INNER);
}

static void padding_ends_at_the_mtu(void **state)
{
	static const struct {
		uint32_t mtu;
		size_t len, padded;
	} rows[] = {
		{ 1420, 28, 32 },     { 1420, 32, 32 },     { 1420, 33, 48 },
		{ 1420, 1407, 1408 }, { 1420, 1408, 1408 }, { 1420, 1409, 1420 },
		{ 1420, 1420, 1420 }, { 1421, 1409, 1421 }, { 1280, 1280, 1280 },
		{ 1280, 1281, 1296 }, { 0, 1420, 1420 },    { 9000, 1420, 1424 },
	};
	struct lab *lab = *state;

	lab_connect(lab);
	for (size_t i = 0; i < SP_ARRAY_LEN(rows); i++) {
		struct wire_item *item;

		sp_wg_engine_set_mtu(lab->a.core, rows[i].mtu);
		assert_int_equal(engine_send(&lab->a, rows[i].len), SP_WG_DROP_NONE);
		item = wire_expect(&lab->a, SP_WG_DATA);
		assert_int_equal(item->len, rows[i].padded + 32);
		assert_int_equal(wire_give(&lab->b, item), SP_WG_DROP_NONE);
		assert_int_equal(lab->b.packet_len, rows[i].len);
		test_free(item);
	}
}

/* A route to the peer's endpoint that leads into the tunnel to it. */
static void our_own_message_does_not_go_round(void **state)
{
	struct lab *lab = *state;
	uint8_t v4[1400], v6[1400] = { 0x60 }, *const udp4 = v4 + 20, *const udp6 = v6 + 40;
	struct wire_item *sent;

	lab_connect(lab);
	lab_settle(lab);
	engine_send(&lab->a, 100);
	sent = wire_expect(&lab->a, SP_WG_DATA);
	inner_packet(v4, sizeof(v4), "10.9.0.1", "10.9.0.2");
	v4[6] = v4[7] = 0;
	v4[9] = 17;
	memcpy(udp4 + 8, sent->bytes, 100);
	assert_int_equal(engine_send_packet(&lab->a, v4, 28 + 100),
			 SP_WG_DROP_INNER); /* says 1400 */
	assert_int_equal(engine_send_packet(&lab->a, v4, sizeof(v4)), SP_WG_DROP_LOOP);
	v4[6] = 0x20; /* the first fragment */
	assert_int_equal(engine_send_packet(&lab->a, v4, sizeof(v4)), SP_WG_DROP_LOOP);
	v4[7] = 1; /* a later one: no header to look at */
	assert_int_equal(engine_send_packet(&lab->a, v4, sizeof(v4)), SP_WG_DROP_NONE);
	v4[6] = v4[7] = 0;
	udp4[8 + 4] ^= 1; /* somebody else's tunnel */
	assert_int_equal(engine_send_packet(&lab->a, v4, sizeof(v4)), SP_WG_DROP_NONE);
	udp4[8 + 4] ^= 1;
	v4[9] = 6;
	assert_int_equal(engine_send_packet(&lab->a, v4, sizeof(v4)), SP_WG_DROP_NONE);
	assert_int_equal(wire_lose(&lab->a), 3);

	assert_false(sp_wg_inner_is_message_to(v6, 40, 7));
	v6[6] = 17;
	udp6[8] = 4;
	udp6[8 + 4] = 7;
	assert_true(sp_wg_inner_is_message_to(v6, 40 + 8 + 16, 7));
	assert_false(sp_wg_inner_is_message_to(v6, 40 + 8 + 15, 7));
	assert_false(sp_wg_inner_is_message_to(v6, 40 + 8 + 16, 8));
	test_free(sent);
}

static void a_peer_that_moves_is_followed_once_it_proves_itself(void **state)
{
	struct lab *lab = *state;
	struct wire_item *item;

	lab_connect(lab);
	engine_send(&lab->a, 100);
	item = wire_expect(&lab->a, SP_WG_DATA);
	item->from.port = 7;
	item->bytes[40] ^= 1;
	assert_int_equal(wire_give(&lab->b, item), SP_WG_DROP_AUTH);
	assert_int_equal(lab->b.other->endpoint.port, 51820);
	item->bytes[40] ^= 1;
	assert_int_equal(wire_give(&lab->b, item), SP_WG_DROP_NONE);
	assert_true(lab->b.has_roamed);
	assert_int_equal(lab->b.other->endpoint.port, 7);
	item->from.port = 8; /* a replay from elsewhere must not take the tunnel along */
	assert_int_equal(wire_give(&lab->b, item), SP_WG_DROP_REPLAY);
	assert_int_equal(lab->b.other->endpoint.port, 7);
	test_free(item);
	engine_send(&lab->b, 100);
	item = wire_expect(&lab->b, SP_WG_DATA);
	assert_int_equal(item->to.port, 7);
	test_free(item);
}

static void a_removed_peer_s_next_packet_is_refused(void **state)
{
	struct lab *lab = *state;
	struct sp_wg_time now = lab_time(lab, &lab->b);
	struct wire_item *item, *second;
	struct sp_wg_incoming incoming;
	struct sp_aead_op op;

	lab_connect(lab);
	engine_send(&lab->a, 100);
	engine_send(&lab->a, 100);
	item = wire_expect(&lab->a, SP_WG_DATA);
	second = wire_expect(&lab->a, SP_WG_DATA);
	incoming = (struct sp_wg_incoming){ .message = item->bytes,
					    .len = item->len,
					    .from = item->from };
	assert_int_equal(sp_wg_receive_begin(lab->b.core, &incoming, 1, &now, &op), 1);
	sp_wg_engine_peer_remove(lab->b.other); /* while one is being opened */
	assert_int_equal(sp_aead_open(lab->aead, &op, 1), 0);
	sp_wg_receive_end(lab->b.core, &incoming, 1, &now);
	assert_int_equal(incoming.drop, SP_WG_DROP_INDEX);
	assert_null(incoming.packet);
	assert_true(sodium_is_zero(item->bytes + 16, item->len - 16));
	assert_int_equal(wire_give(&lab->b, second), SP_WG_DROP_INDEX);
	assert_int_equal(sp_wg_engine_peer_count(lab->b.core), 0);
	test_free(item);
	test_free(second);
}

static void congestion_marks_cross_the_tunnel(void **state)
{
	/* RFC 6040, 4.2: inner, outer, result; -1: dropped */
	static const struct {
		uint8_t inner, outer;
		int result;
	} rows[] = {
		{ 0, 0, 0 }, { 0, 1, 0 }, { 0, 2, 0 }, { 0, 3, -1 }, { 2, 0, 2 }, { 2, 1, 1 },
		{ 2, 2, 2 }, { 2, 3, 3 }, { 1, 0, 1 }, { 1, 1, 1 },  { 1, 2, 1 }, { 1, 3, 3 },
		{ 3, 0, 3 }, { 3, 1, 3 }, { 3, 2, 3 }, { 3, 3, 3 },
	};
	struct lab *lab = *state;

	lab_connect(lab);
	for (size_t i = 0; i < SP_ARRAY_LEN(rows); i++) {
		uint8_t packet[64], message[128];
		struct sp_wg_outgoing out = { .packet = packet,
					      .len = sizeof(packet),
					      .message = message };
		struct sp_wg_incoming in = { .message = message,
					     .from = lab->a.here,
					     .outer_ecn = rows[i].outer };
		struct sp_wg_time now = lab_time(lab, &lab->a);
		struct sp_aead_op op;
		uint32_t sum = 0;

		inner_packet(packet, sizeof(packet), "10.9.0.1", "10.9.0.2");
		packet[1] = 0xb8 | rows[i].inner;
		sp_put_be16(packet + 10, 0);
		for (int j = 0; j < 20; j += 2)
			sum += sp_get_be16(packet + j);
		sum = (sum & 0xffff) + (sum >> 16);
		sp_put_be16(packet + 10, (uint16_t)~(sum + (sum >> 16)));
		assert_int_equal(sp_wg_send_begin(lab->a.core, &out, 1, &now, &op), 1);
		assert_int_equal(out.outer_ecn, rows[i].inner);
		sp_aead_seal(lab->aead, &op, 1);
		sp_wg_send_end(lab->a.core, &out, 1);
		in.len = out.message_len;
		assert_int_equal(sp_wg_receive_begin(lab->b.core, &in, 1, &now, &op), 1);
		sp_aead_open(lab->aead, &op, 1);
		sp_wg_receive_end(lab->b.core, &in, 1, &now);
		if (rows[i].result < 0) {
			assert_int_equal(in.drop, SP_WG_DROP_ECN);
			continue;
		}
		assert_int_equal(in.drop, SP_WG_DROP_NONE);
		assert_int_equal(in.packet[1], 0xb8 | rows[i].result);
		sum = 0;
		for (int j = 0; j < 20; j += 2)
			sum += sp_get_be16(in.packet + j);
		sum = (sum & 0xffff) + (sum >> 16);
		assert_int_equal((sum & 0xffff) + (sum >> 16), 0xffff);
	}
}

static void what_waits_is_bounded_and_the_oldest_gives_way(void **state)
{
	struct lab *lab = *state;

	for (size_t i = 0; i < 200; i++)
		assert_int_equal(engine_send(&lab->a, 100 + i), SP_WG_DROP_NONE);
	assert_int_equal(lab->a.other->staged_count, SP_WG_STAGED_MAX);
	assert_int_equal(lab->a.other->drops[SP_WG_DROP_STAGED_FULL], 200 - SP_WG_STAGED_MAX);
	wire_pass(&lab->a, &lab->b, SP_WG_INITIATION);
	wire_pass(&lab->b, &lab->a, SP_WG_RESPONSE);
	wire_pass(&lab->a, &lab->b, SP_WG_DATA);
	assert_int_equal(lab->b.packet_len, 100 + 200 - SP_WG_STAGED_MAX);
	lab_settle(lab);
	assert_int_equal(lab->b.delivered, SP_WG_STAGED_MAX);
}

int main(void)
{
#define T(test) cmocka_unit_test_setup_teardown(test, start, stop)
	const struct CMUnitTest tests[] = {
		T(a_packet_waits_for_the_handshake_it_begins),
		T(the_responder_waits_for_the_first_message),
		T(lost_initiations_are_repeated_for_ninety_seconds),
		T(a_lost_response_is_made_good),
		T(a_replayed_initiation_is_refused),
		T(a_replayed_response_is_refused),
		T(both_may_begin_at_once),
		T(initiations_within_twenty_milliseconds_are_a_flood),
		T(a_wall_clock_set_back_does_not_lock_us_out),
		T(strangers_and_wrong_keys_get_no_answer),
		T(preshared_keys_must_agree),
		T(a_low_order_peer_key_never_handshakes),
		T(without_random_bytes_nothing_is_sent),
		T(under_load_a_cookie_comes_first),
		T(a_flood_brings_load_and_load_goes_away),
		T(each_message_is_taken_once_in_any_order),
		T(a_damaged_message_is_refused_and_its_counter_stays_free),
		T(lengths_and_types_are_checked_first),
		T(only_the_peer_s_own_sources_come_out),
		T(what_is_inside_must_be_whole_packets),
		T(padding_ends_at_the_mtu),
		T(our_own_message_does_not_go_round),
		T(a_peer_that_moves_is_followed_once_it_proves_itself),
		T(a_removed_peer_s_next_packet_is_refused),
		T(congestion_marks_cross_the_tunnel),
		T(what_waits_is_bounded_and_the_oldest_gives_way),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
