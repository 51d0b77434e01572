/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Sessions in time: when they are renewed, when they end, when their keys are erased, and a day of
 * it. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "lab.h"

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

static uint64_t age(const struct lab *lab)
{
	return lab->now_ns - lab->a.other->current->born_ns;
}

static void the_initiator_renews_after_two_minutes_of_use(void **state)
{
	struct lab *lab = *state;
	struct sp_wg_keypair *first;

	lab_connect(lab);
	first = lab->a.other->current;
	lab_wait(lab, 120 * SECOND - 1);
	engine_send(&lab->a, 100);
	wire_pass(&lab->a, &lab->b, SP_WG_DATA);
	assert_null(wire_take(&lab->a));
	lab_wait(lab, 1);
	engine_send(&lab->b, 100); /* the responder leaves it to the initiator */
	wire_pass(&lab->b, &lab->a, SP_WG_DATA);
	assert_null(wire_take(&lab->b));
	engine_send(&lab->a, 100);
	wire_pass(&lab->a, &lab->b, SP_WG_DATA);
	wire_pass(&lab->a, &lab->b, SP_WG_INITIATION);
	wire_pass(&lab->b, &lab->a, SP_WG_RESPONSE);
	assert_ptr_equal(lab->a.other->previous, first);
	assert_ptr_not_equal(lab->a.other->current, first);
	assert_int_equal(age(lab), 0);
	engine_send(&lab->b, 100); /* still under the old key: the new one is not confirmed */
	wire_pass(&lab->b, &lab->a, SP_WG_DATA);
	lab_settle(lab);
	assert_null(lab->b.other->next);
	assert_int_equal(lab->b.delivered, 2);
	assert_int_equal(lab->a.delivered, 2);
}

static void messages_on_their_way_survive_a_renewal(void **state)
{
	struct lab *lab = *state;
	struct wire_item *late;

	lab_connect(lab);
	lab_wait(lab, 121 * SECOND);
	engine_send(&lab->b, 77);
	late = wire_expect(&lab->b, SP_WG_DATA);
	engine_send(&lab->a, 100);
	lab_settle(lab);
	assert_int_equal(age(lab), 0);
	assert_int_equal(wire_give(&lab->a, late), SP_WG_DROP_NONE);
	assert_int_equal(lab->a.packet_len, 77);
	test_free(late);
}

static void the_responder_still_opens_what_the_old_key_sealed(void **state)
{
	struct lab *lab = *state;
	struct wire_item *late;

	lab_connect(lab);
	engine_send(&lab->a, 77);
	late = wire_expect(&lab->a, SP_WG_DATA);
	lab_wait(lab, 121 * SECOND);
	engine_send(&lab->a, 100);
	lab_settle(lab);
	assert_int_equal(age(lab), 0);
	assert_null(lab->b.other->next);
	assert_int_equal(wire_give(&lab->b, late), SP_WG_DROP_NONE);
	assert_int_equal(lab->b.packet_len, 77);
	test_free(late);
}

static void a_used_up_counter_renews_and_then_rejects(void **state)
{
	struct lab *lab = *state;
	struct sp_wg_keypair *first;

	lab_connect(lab);
	lab_wait(lab, 10 * SECOND);
	first = lab->a.other->current;
	first->sending_counter = SP_WG_REKEY_AFTER_MESSAGES - 1;
	engine_send(&lab->a, 100);
	wire_pass(&lab->a, &lab->b, SP_WG_DATA);
	assert_null(wire_take(&lab->a));
	engine_send(&lab->a, 100);
	wire_pass(&lab->a, &lab->b, SP_WG_DATA);
	wire_lose(&lab->a);
	first->sending_counter = SP_WG_REJECT_AFTER_MESSAGES - 1;
	engine_send(&lab->a, 100);
	wire_pass(&lab->a, &lab->b, SP_WG_DATA); /* the last there is */
	assert_int_equal(lab->b.packet_len, 100);
	engine_send(&lab->a, 100);
	assert_int_equal(lab->a.other->staged_count, 1);
	assert_false(first->sending_is_valid);
	assert_int_equal(first->sending_counter, SP_WG_REJECT_AFTER_MESSAGES);
	lab_run(lab, 12 * SECOND);
	assert_int_equal(lab->a.other->staged_count, 0);
	assert_ptr_not_equal(lab->a.other->current, first);
	assert_int_equal(lab->b.delivered, 4);
}

static void the_responder_too_renews_by_messages(void **state)
{
	struct lab *lab = *state;

	lab_connect(lab);
	lab_wait(lab, 10 * SECOND);
	lab->b.other->current->sending_counter = SP_WG_REKEY_AFTER_MESSAGES + 1;
	engine_send(&lab->b, 100);
	wire_pass(&lab->b, &lab->a, SP_WG_DATA);
	wire_pass(&lab->b, &lab->a, SP_WG_INITIATION);
	lab_settle(lab);
	assert_true(lab->b.other->current->is_initiator);
	assert_int_equal(age(lab), 0);
}

static void three_minutes_are_the_end_in_both_directions(void **state)
{
	struct lab *lab = *state;
	struct wire_item *early, *late;

	lab_connect(lab);
	engine_send(&lab->a, 100);
	early = wire_expect(&lab->a, SP_WG_DATA);
	engine_send(&lab->a, 100);
	late = wire_expect(&lab->a, SP_WG_DATA);
	lab_wait(lab, 180 * SECOND - 1);
	assert_int_equal(wire_give(&lab->b, early), SP_WG_DROP_NONE);
	wire_lose(&lab->b);
	lab_wait(lab, 1);
	assert_int_equal(wire_give(&lab->b, late), SP_WG_DROP_EXPIRED);
	assert_int_equal(lab->b.other->drops[SP_WG_DROP_EXPIRED], 1);
	engine_send(&lab->a, 100);
	assert_int_equal(lab->a.other->staged_count, 1);
	wire_pass(&lab->a, &lab->b, SP_WG_INITIATION);
	lab_settle(lab);
	assert_int_equal(lab->b.delivered, 2);
	test_free(early);
	test_free(late);
}

static void a_listening_initiator_renews_before_the_end(void **state)
{
	struct lab *lab = *state;

	lab_connect(lab);
	lab_wait(lab, 165 * SECOND - 1);
	engine_send(&lab->b, 100);
	wire_pass(&lab->b, &lab->a, SP_WG_DATA);
	assert_null(wire_take(&lab->a));
	lab_wait(lab, 1);
	engine_send(&lab->b, 100);
	wire_pass(&lab->b, &lab->a, SP_WG_DATA);
	assert_int_equal(wire_lose(&lab->a), 1);
	lab_wait(lab, 6 * SECOND); /* once a session is enough: the retry is its timer's */
	engine_send(&lab->b, 100);
	wire_pass(&lab->b, &lab->a, SP_WG_DATA);
	assert_null(wire_take(&lab->a));
	lab_tick(lab);
	wire_pass(&lab->a, &lab->b, SP_WG_INITIATION);
	lab_settle(lab);
	assert_int_equal(age(lab), 0);
	lab_wait(lab, 170 * SECOND); /* and the next session has its own */
	engine_send(&lab->b, 100);
	wire_pass(&lab->b, &lab->a, SP_WG_DATA);
	wire_pass(&lab->a, &lab->b, SP_WG_INITIATION);
}

static void keys_are_erased_nine_minutes_after_the_last(void **state)
{
	struct lab *lab = *state;

	lab_connect(lab);
	engine_send(&lab->a, 100);
	lab_settle(lab);
	lab->a.other->persistent_keepalive_s = 0;
	lab_wait(lab, 540 * SECOND - 1);
	lab_tick(lab);
	wire_lose(&lab->a);
	wire_lose(&lab->b);
	assert_non_null(lab->a.other->current);
	lab_wait(lab, 1);
	lab_tick(lab);
	assert_null(lab->a.other->current);
	assert_null(lab->a.other->previous);
	assert_null(lab->b.other->current);
	assert_null(lab->b.other->next);
	assert_int_equal(lab->b.other->handshake.state, SP_WG_HANDSHAKE_NONE);
}

static void a_keepalive_answers_data_after_ten_seconds_of_silence(void **state)
{
	struct lab *lab = *state;
	struct wire_item *item;

	lab_connect(lab);
	engine_send(&lab->a, 100);
	wire_pass(&lab->a, &lab->b, SP_WG_DATA);
	lab_wait(lab, 10 * SECOND - 1);
	lab_tick(lab);
	assert_null(wire_take(&lab->b));
	lab_wait(lab, 1);
	lab_tick(lab);
	item = wire_expect(&lab->b, SP_WG_DATA);
	assert_int_equal(item->len, 32);
	assert_int_equal(wire_give(&lab->a, item), SP_WG_DROP_NONE);
	assert_int_equal(lab->a.packet_len, 0);
	test_free(item);
	assert_null(wire_take(&lab->b)); /* one is enough, and is itself not answered */
	lab_run(lab, 60 * SECOND);
	assert_null(wire_take(&lab->a));
	assert_int_equal(lab->a.other->tx_bytes, 148 + 32 + (112 + 32));
}

static void data_sent_makes_the_keepalive_needless(void **state)
{
	struct lab *lab = *state;

	lab_connect(lab);
	engine_send(&lab->a, 100);
	wire_pass(&lab->a, &lab->b, SP_WG_DATA);
	lab_wait(lab, 5 * SECOND);
	engine_send(&lab->b, 100);
	wire_pass(&lab->b, &lab->a, SP_WG_DATA);
	lab_wait(lab, 5 * SECOND);
	lab_tick(lab);
	assert_null(wire_take(&lab->b));
}

static void data_after_data_is_answered_by_another_keepalive(void **state)
{
	struct lab *lab = *state;

	lab_connect(lab);
	engine_send(&lab->a, 100);
	wire_pass(&lab->a, &lab->b, SP_WG_DATA);
	lab_wait(lab, 5 * SECOND);
	engine_send(&lab->a, 100);
	wire_pass(&lab->a, &lab->b, SP_WG_DATA);
	for (int i = 0; i < 2; i++) {
		lab_wait(lab, i ? 10 * SECOND : 5 * SECOND);
		lab_tick(lab);
		wire_pass(&lab->b, &lab->a, SP_WG_DATA);
		assert_null(wire_take(&lab->b));
	}
	lab_wait(lab, 10 * SECOND);
	lab_tick(lab);
	assert_null(wire_take(&lab->b));
}

static void a_retry_asks_the_kernel_for_a_source_again(void **state)
{
	struct lab *lab = *state;

	lab->a.other->endpoint.local.b[15] = 1;
	lab->a.other->endpoint.local_ifindex = 7;
	engine_send(&lab->a, 100);
	struct wire_item *item = wire_expect(&lab->a, SP_WG_INITIATION);
	assert_int_equal(item->to.local_ifindex, 7);
	test_free(item);
	lab_wait(lab, 6 * SECOND);
	lab_tick(lab);
	item = wire_expect(&lab->a, SP_WG_INITIATION);
	assert_int_equal(item->to.local_ifindex, 0);
	assert_int_equal(item->to.local.b[15], 0);
	test_free(item);
}

static void a_clock_that_goes_back_stands_still(void **state)
{
	struct lab *lab = *state;

	lab_connect(lab);
	lab->now_ns -= 60 * SECOND;
	engine_send(&lab->a, 100);
	wire_pass(&lab->a, &lab->b, SP_WG_DATA);
	assert_int_equal(lab->b.packet_len, 100);
}

static void silence_after_data_begins_a_handshake(void **state)
{
	struct lab *lab = *state;

	lab_connect(lab);
	lab_wait(lab, 6 * SECOND);
	engine_send(&lab->a, 100);
	assert_int_equal(wire_lose(&lab->a), 1);
	lab_wait(lab, 15 * SECOND - 1);
	lab_tick(lab);
	assert_null(wire_take(&lab->a));
	lab_wait(lab, SECOND / 3 + 1);
	lab_tick(lab);
	wire_pass(&lab->a, &lab->b, SP_WG_INITIATION);
}

static void persistent_keepalives_come_in_their_interval(void **state)
{
	struct lab *lab = *state;
	struct sp_wg_time now = lab_time(lab, &lab->a);
	uint64_t begun_ns = lab->now_ns;
	size_t count = 0;

	sp_wg_engine_peer_set_keepalive(lab->a.other, 25, &now);
	wire_pass(&lab->a, &lab->b, SP_WG_INITIATION);
	wire_pass(&lab->b, &lab->a, SP_WG_RESPONSE);
	wire_pass(&lab->a, &lab->b, SP_WG_DATA);
	for (; lab->now_ns < begun_ns + 100 * SECOND;
	     lab->now_ns = sp_wg_next_deadline(lab->a.core)) {
		struct wire_item *item;

		lab_tick(lab);
		while ((item = wire_take(&lab->a))) {
			assert_int_equal((lab->now_ns - begun_ns) % (25 * SECOND), 0);
			assert_int_equal(item->len, 32);
			wire_give(&lab->b, item);
			test_free(item);
			count++;
		}
		assert_null(wire_take(&lab->b));
	}
	assert_int_equal(count, 3);
}

static void what_is_received_puts_persistent_keepalives_off(void **state)
{
	struct lab *lab = *state;
	struct sp_wg_time now;

	lab_connect(lab);
	now = lab_time(lab, &lab->a);
	sp_wg_engine_peer_set_keepalive(lab->a.other, 5, &now);
	wire_pass(&lab->a, &lab->b, SP_WG_DATA);
	lab_wait(lab, 4 * SECOND);
	engine_send(&lab->b, 100);
	wire_pass(&lab->b, &lab->a, SP_WG_DATA);
	lab_wait(lab, 4 * SECOND);
	lab_tick(lab);
	assert_null(wire_take(&lab->a));
	lab_wait(lab, SECOND);
	lab_tick(lab);
	wire_pass(&lab->a, &lab->b, SP_WG_DATA);
}

/* The interface is up a moment before its engine hears of it, and its first packet comes in between. */
static void what_came_while_paused_goes_out_on_resuming(void **state)
{
	struct lab *lab = *state;
	struct sp_wg_time now;

	lab_connect(lab);
	engine_send(&lab->a, 60);
	wire_pass(&lab->a, &lab->b, SP_WG_DATA);
	sp_wg_engine_pause(lab->a.core);
	assert_null(lab->a.other->current);
	engine_send(&lab->a, 100);
	assert_null(wire_take(&lab->a));
	lab_wait(lab, SECOND);
	now = lab_time(lab, &lab->a);
	sp_wg_engine_resume(lab->a.core, &now);
	wire_pass(&lab->a, &lab->b, SP_WG_INITIATION);
	wire_pass(&lab->b, &lab->a, SP_WG_RESPONSE);
	wire_pass(&lab->a, &lab->b, SP_WG_DATA);
	assert_int_equal(lab->b.packet_len, 100);
}

static void a_new_private_key_ends_every_session(void **state)
{
	struct lab *lab = *state;
	uint8_t private_key[32];

	lab_connect(lab);
	memset(private_key, 0x33, sizeof(private_key));
	engine_set_key(&lab->a, private_key);
	assert_null(lab->a.other->current);
	engine_send(&lab->a, 100);
	lab_settle(lab);
	assert_int_equal(lab->b.delivered, 0);
	assert_true(sp_wg_engine_get_drops(lab->b.core, SP_WG_DROP_UNKNOWN) > 0);
}

static void nobody_is_a_peer_of_itself(void **state)
{
	struct lab *lab = *state;
	struct sp_wg_identity identity;
	struct sp_wg_engine_peer *peer;
	uint8_t private_key[32];

	memset(private_key, 0x44, sizeof(private_key));
	sp_wg_identity_init(&identity, private_key);
	assert_int_equal(sp_wg_engine_peer_add(lab->a.core, identity.public_key, &peer), 0);
	sp_wg_engine_set_identity(lab->a.core, &identity);
	assert_null(sp_wg_engine_peer_find(lab->a.core, identity.public_key));
	assert_int_equal(sp_wg_engine_peer_count(lab->a.core), 1);
	assert_int_equal(sp_wg_engine_peer_add(lab->a.core, identity.public_key, &peer), -EEXIST);
}

/* Adding, removing or re-keying one peer leaves another's keys and counters alone. */
static void others_come_and_go_unnoticed(void **state)
{
	struct lab *lab = *state;
	struct sp_wg_keypair *keypair;

	lab_connect(lab);
	keypair = lab->a.other->current;
	for (uint32_t i = 0; i < 3000; i++) {
		uint8_t public_key[32] = { 9, 9 };
		struct sp_prefix prefix = { .prefix_len = 128, .addr = { 0xfd, 1 } };
		struct sp_wg_engine_peer *peer;

		sp_put_be32(public_key + 4, i);
		sp_put_be32(prefix.addr + 12, i);
		assert_int_equal(sp_wg_engine_peer_add(lab->a.core, public_key, &peer), 0);
		assert_int_equal(sp_wg_engine_peer_add(lab->a.core, public_key, &peer), -EEXIST);
		assert_int_equal(sp_wg_engine_peer_allow(peer, &prefix), 0);
		if (i >= 100) {
			sp_put_be32(public_key + 4, i - 100);
			sp_wg_engine_peer_remove(sp_wg_engine_peer_find(lab->a.core, public_key));
			assert_null(sp_wg_engine_peer_find(lab->a.core, public_key));
		}
		if (i % 100 == 0) {
			engine_send(&lab->a, 100);
			wire_pass(&lab->a, &lab->b, SP_WG_DATA);
		}
	}
	assert_int_equal(sp_wg_engine_peer_count(lab->a.core), 101);
	assert_ptr_equal(lab->a.other->current, keypair);
	assert_int_equal(keypair->sending_counter, 31);
}

/* Twenty-four hours: bursts and pauses in both directions, a wire that loses, repeats and reorders,
 * a wall clock that jumps. Whatever is lost, nothing comes out twice, and after every pause the
 * tunnel works. */
static void disturbed_exchange(struct lab *lab, struct engine *from, struct engine *to)
{
	struct wire_item *kept = NULL, *item;

	while ((item = wire_take(from))) {
		long luck = random() % 100;

		if (luck < 5) {
			test_free(item);
			continue;
		}
		if (luck < 10 && !kept) {
			kept = item;
			continue;
		}
		wire_give(to, item);
		if (luck < 20 && sp_get_le32(item->bytes) == SP_WG_DATA) {
			assert_int_not_equal(wire_give(to, item), SP_WG_DROP_NONE);
			assert_int_equal(to->packet_len, 0);
		}
		test_free(item);
	}
	if (kept) {
		wire_give(to, kept);
		test_free(kept);
	}
	(void)lab;
}

static void a_day(void **state)
{
	struct lab *lab = *state;
	uint64_t end_ns = lab->now_ns + 86400 * SECOND;
	size_t rounds = 0, sent = 0, handshakes = 0;
	uint64_t last_handshake_ns = 0;

	srandom(4);
	while (lab->now_ns < end_ns) {
		struct engine *sender = random() % 2 ? &lab->a : &lab->b;
		size_t burst = (size_t)random() % 8;

		for (size_t i = 0; i < burst; i++)
			sent += engine_send(sender, 28 + (size_t)random() % 1392) ==
				SP_WG_DROP_NONE;
		for (int i = 0; i < 6; i++) {
			disturbed_exchange(lab, &lab->a, &lab->b);
			disturbed_exchange(lab, &lab->b, &lab->a);
		}
		if (lab->a.other->last_handshake_real_ns != last_handshake_ns) {
			last_handshake_ns = lab->a.other->last_handshake_real_ns;
			handshakes++;
		}
		if (random() % 200 == 0)
			lab->skew_ns = (random() % 7200 - 3600) * (int64_t)SECOND;
		lab_wait(lab, (uint64_t)(random() % 100 ? random() % 20000 : random() % 1200000) *
				      SP_NS_PER_MS);
		lab_tick(lab);
		assert_true(lab->a.other->staged_count <= SP_WG_STAGED_MAX);
		rounds++;
	}
	assert_true(rounds > 4000);
	assert_true(handshakes > 300);
	assert_true(lab->a.delivered + lab->b.delivered > sent * 80 / 100);
	assert_true(lab->a.delivered + lab->b.delivered <= sent);
	lab_run(lab, 30 * SECOND);
	lab->a.delivered = lab->b.delivered = 0;
	engine_send(&lab->a, 100);
	engine_send(&lab->b, 100);
	lab_run(lab, 12 * SECOND);
	assert_int_equal(lab->a.delivered, 1);
	assert_int_equal(lab->b.delivered, 1);
}

/* Nobody says anything for a day: both ends forget, and wake nobody. */
static void an_idle_day_costs_no_wakeups(void **state)
{
	struct lab *lab = *state;

	lab_connect(lab);
	engine_send(&lab->a, 100);
	lab_settle(lab);
	assert_true(lab_run(lab, 86400 * SECOND) < 40);
	assert_int_equal(sp_wg_next_deadline(lab->a.core), SP_WG_NEVER);
	assert_int_equal(sp_wg_next_deadline(lab->b.core), SP_WG_NEVER);
	assert_null(lab->a.other->current);
}

int main(void)
{
#define T(test) cmocka_unit_test_setup_teardown(test, start, stop)
	const struct CMUnitTest tests[] = {
		T(the_initiator_renews_after_two_minutes_of_use),
		T(messages_on_their_way_survive_a_renewal),
		T(the_responder_still_opens_what_the_old_key_sealed),
		T(a_used_up_counter_renews_and_then_rejects),
		T(the_responder_too_renews_by_messages),
		T(three_minutes_are_the_end_in_both_directions),
		T(a_listening_initiator_renews_before_the_end),
		T(keys_are_erased_nine_minutes_after_the_last),
		T(a_keepalive_answers_data_after_ten_seconds_of_silence),
		T(data_sent_makes_the_keepalive_needless),
		T(data_after_data_is_answered_by_another_keepalive),
		T(a_retry_asks_the_kernel_for_a_source_again),
		T(a_clock_that_goes_back_stands_still),
		T(silence_after_data_begins_a_handshake),
		T(persistent_keepalives_come_in_their_interval),
		T(what_is_received_puts_persistent_keepalives_off),
		T(what_came_while_paused_goes_out_on_resuming),
		T(a_new_private_key_ends_every_session),
		T(nobody_is_a_peer_of_itself),
		T(others_come_and_go_unnoticed),
		T(a_day),
		T(an_idle_day_costs_no_wakeups),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
