/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Over the loopback, both families, with and without what the kernel may lack. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "io/packets/udp.h"
#include "net/addr.h"

static const uint8_t loopback4[4] = { 127, 0, 0, 1 };
static const struct sp_addr loopback6 = { .b = { [15] = 1 } };

struct pair {
	struct sp_udp_socket sender, receiver;
	struct sp_udp_receiver *buffers;
	uint8_t got[1 << 20]; /* all that came, one datagram behind the other */
	size_t got_len, lens[4096], count;
	struct sp_udp_received last;
};

static struct sp_wg_endpoint endpoint(const struct pair *pair, bool is_v6)
{
	struct sp_wg_endpoint to = { .addr = is_v6 ? loopback6 : sp_addr_from_v4(loopback4) };

	to.port = sp_udp_get_port(&pair->receiver);
	return to;
}

static int set_up(void **state)
{
	struct pair *pair = calloc(1, sizeof(*pair));

	assert_int_equal(sp_udp_open(&pair->sender), 0);
	assert_int_equal(sp_udp_open(&pair->receiver), 0);
	assert_int_equal(sp_udp_get_port(&pair->receiver), 0);
	assert_int_equal(sp_udp_bind(&pair->sender, 0, 0, false), 0);
	assert_int_equal(sp_udp_bind(&pair->receiver, 0, 0, false), 0);
	assert_int_equal(sp_udp_receiver_new(&pair->buffers), 0);
	*state = pair;
	return 0;
}

static int tear_down(void **state)
{
	struct pair *pair = *state;

	sp_udp_receiver_free(pair->buffers);
	close(pair->sender.fd);
	close(pair->receiver.fd);
	free(pair);
	return 0;
}

/* Take @count datagrams, however they come. */
static void receive(struct pair *pair, size_t count)
{
	struct sp_udp_received received[SP_UDP_BUFFERS];

	pair->got_len = pair->count = 0;
	while (pair->count < count) {
		int messages = sp_udp_receive(&pair->receiver, pair->buffers, received);

		assert_true(messages > 0);
		for (int i = 0; i < messages; i++) {
			const struct sp_udp_received *message = &received[i];

			for (size_t at = 0; at < message->len; at += message->segment_len) {
				size_t left = message->len - at;

				pair->lens[pair->count++] =
					left < message->segment_len ? left : message->segment_len;
			}
			memcpy(pair->got + pair->got_len, message->bytes, message->len);
			pair->got_len += message->len;
			pair->last = *message;
		}
	}
	assert_int_equal(pair->count, count);
}

static void send_one(struct pair *pair, struct sp_udp_message *message)
{
	sp_udp_send(&pair->sender, message, 1);
	assert_int_equal(message->result, 0);
}

static void a_datagram_arrives_with_where_it_came_from_and_to(void **state)
{
	struct pair *pair = *state;

	for (int is_v6 = 0; is_v6 < 2; is_v6++) {
		struct sp_udp_message message = { .bytes = (const uint8_t *)"sally",
						  .len = 5,
						  .to = endpoint(pair, is_v6) };

		send_one(pair, &message);
		receive(pair, 1);
		assert_int_equal(pair->lens[0], 5);
		assert_memory_equal(pair->got, "sally", 5);
		assert_memory_equal(&pair->last.from.addr, &message.to.addr, 16);
		assert_memory_equal(&pair->last.from.local, &message.to.addr, 16);
		assert_int_equal(pair->last.from.port, sp_udp_get_port(&pair->sender));
		assert_true(pair->last.from.local_ifindex > 0);
	}
}

static void the_ecn_bits_of_the_traffic_class_arrive(void **state)
{
	struct pair *pair = *state;
	static const uint8_t classes[] = { 0, 1, 2, 3, 0x88 };

	for (int is_v6 = 0; is_v6 < 2; is_v6++) {
		for (size_t i = 0; i < sizeof(classes); i++) {
			struct sp_udp_message message = { .bytes = classes,
							  .len = 1,
							  .to = endpoint(pair, is_v6),
							  .traffic_class = classes[i] };

			send_one(pair, &message);
			receive(pair, 1);
			assert_int_equal(pair->last.ecn, classes[i] & 3);
		}
	}
}

/* 40 datagrams of 1000 bytes and a short one. */
static void check_segments(struct pair *pair, bool is_v6)
{
	static uint8_t bytes[40 * 1000 + 77];
	struct sp_udp_message message = { .bytes = bytes,
					  .len = sizeof(bytes),
					  .segment_len = 1000,
					  .to = endpoint(pair, is_v6) };

	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(i * 7 + i / 1000);
	send_one(pair, &message);
	receive(pair, 41);
	for (size_t i = 0; i < 40; i++)
		assert_int_equal(pair->lens[i], 1000);
	assert_int_equal(pair->lens[40], 77);
	assert_int_equal(pair->got_len, sizeof(bytes));
	assert_memory_equal(pair->got, bytes, sizeof(bytes));
}

static void a_message_of_segments_arrives_as_datagrams(void **state)
{
	check_segments(*state, false);
	check_segments(*state, true);
}

static void without_segmentation_the_same_datagrams_arrive(void **state)
{
	struct pair *pair = *state;

	atomic_store(&pair->sender.can_segment, false);
	check_segments(pair, false);
	check_segments(pair, true);
}

static void a_message_the_kernel_refuses_whole_goes_in_pieces(void **state)
{
	struct pair *pair = *state;
	static uint8_t bytes[200];
	/* 200 segments of one byte: more than any kernel cuts at once */
	struct sp_udp_message message = {
		.bytes = bytes, .len = sizeof(bytes), .segment_len = 1, .to = endpoint(pair, false)
	};

	send_one(pair, &message);
	receive(pair, 200);
	assert_int_equal(pair->got_len, 200);
	assert_true(atomic_load(&pair->sender.can_segment));
}

static void it_leaves_from_the_address_asked_for(void **state)
{
	struct pair *pair = *state;
	static const uint8_t other[4] = { 127, 9, 8, 7 };
	struct sp_udp_message message = { .bytes = other, .len = 4, .to = endpoint(pair, false) };

	message.to.local = sp_addr_from_v4(other);
	send_one(pair, &message);
	receive(pair, 1);
	assert_false(message.is_local_stale);
	assert_memory_equal(&pair->last.from.addr, &message.to.local, 16);
}

static void an_address_that_is_no_longer_ours_is_named_and_another_taken(void **state)
{
	struct pair *pair = *state;
	static const uint8_t gone[4] = { 192, 0, 2, 77 };
	struct sp_udp_message message = { .bytes = gone, .len = 4, .to = endpoint(pair, false) };

	message.to.local = sp_addr_from_v4(gone);
	send_one(pair, &message);
	receive(pair, 1);
	assert_true(message.is_local_stale);
	assert_memory_equal(&pair->last.from.addr, &message.to.addr, 16);
}

static void one_that_cannot_be_sent_does_not_hold_up_the_others(void **state)
{
	struct pair *pair = *state;
	static uint8_t huge[70000];
	struct sp_udp_message messages[] = {
		{ .bytes = huge, .len = 10, .to = endpoint(pair, false) },
		{ .bytes = huge, .len = sizeof(huge), .to = endpoint(pair, false) },
		{ .bytes = huge, .len = 11, .to = endpoint(pair, true) },
	};

	sp_udp_send(&pair->sender, messages, 3);
	assert_int_equal(messages[0].result, 0);
	assert_int_equal(messages[1].result, -EMSGSIZE);
	assert_int_equal(messages[2].result, 0);
	receive(pair, 2);
	assert_int_equal(pair->lens[0], 10);
	assert_int_equal(pair->lens[1], 11);
}

static void a_port_in_use_leaves_the_old_one(void **state)
{
	struct pair *pair = *state;
	const uint16_t port = sp_udp_get_port(&pair->receiver);
	struct sp_udp_message message = { .bytes = (const uint8_t *)"x", .len = 1 };

	assert_int_equal(sp_udp_bind(&pair->receiver, sp_udp_get_port(&pair->sender), 0, false),
			 -EADDRINUSE);
	assert_int_equal(sp_udp_get_port(&pair->receiver), port);
	message.to = endpoint(pair, false);
	send_one(pair, &message);
	receive(pair, 1);
}

static void *wait_for_replacement(void *arg)
{
	struct pair *pair = arg;
	struct sp_udp_received received[SP_UDP_BUFFERS];

	return (void *)(intptr_t)sp_udp_receive(&pair->receiver, pair->buffers, received);
}

static void a_new_port_wakes_the_reader_and_works(void **state)
{
	struct pair *pair = *state;
	const uint16_t port = sp_udp_get_port(&pair->receiver);
	struct sp_udp_message message = { .bytes = (const uint8_t *)"y", .len = 1 };
	pthread_t reader;
	void *result;

	pthread_create(&reader, NULL, wait_for_replacement, pair);
	usleep(50000);
	assert_int_equal(sp_udp_bind(&pair->receiver, 0, 0, false), 0);
	pthread_join(reader, &result);
	assert_int_equal((intptr_t)result, 0);
	assert_int_not_equal(sp_udp_get_port(&pair->receiver), port);
	message.to = endpoint(pair, true);
	send_one(pair, &message);
	receive(pair, 1);
}

static void unbound_it_has_no_port_and_can_have_one_again(void **state)
{
	struct pair *pair = *state;

	assert_int_equal(sp_udp_unbind(&pair->receiver), 0);
	assert_int_equal(sp_udp_get_port(&pair->receiver), 0);
	assert_int_equal(sp_udp_bind(&pair->receiver, 0, 0, false), 0);
	check_segments(pair, true);
}

static void a_kept_socket_is_taken_back_with_its_port(void **state)
{
	struct pair *pair = *state;
	const uint16_t port = sp_udp_get_port(&pair->receiver);
	struct sp_udp_socket again;
	int kept = dup(pair->receiver.fd);

	close(pair->receiver.fd);
	assert_int_equal(sp_udp_adopt(kept, &again), 0);
	memcpy(&pair->receiver, &again, sizeof(again));
	assert_int_equal(sp_udp_get_port(&pair->receiver), port);
	check_segments(pair, false);
}

static void what_is_no_bound_udp_socket_is_not_taken(void **state)
{
	struct sp_udp_socket udp;
	int wrong[] = { socket(AF_INET, SOCK_STREAM, 0), socket(AF_INET6, SOCK_DGRAM, 0),
			socket(AF_UNIX, SOCK_DGRAM, 0), open("/dev/null", O_RDWR) };

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		assert_int_equal(sp_udp_adopt(wrong[i], &udp), -EINVAL);
		close(wrong[i]);
	}
}

#define WITH_PAIR(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_PAIR(a_datagram_arrives_with_where_it_came_from_and_to),
		WITH_PAIR(the_ecn_bits_of_the_traffic_class_arrive),
		WITH_PAIR(a_message_of_segments_arrives_as_datagrams),
		WITH_PAIR(without_segmentation_the_same_datagrams_arrive),
		WITH_PAIR(a_message_the_kernel_refuses_whole_goes_in_pieces),
		WITH_PAIR(it_leaves_from_the_address_asked_for),
		WITH_PAIR(an_address_that_is_no_longer_ours_is_named_and_another_taken),
		WITH_PAIR(one_that_cannot_be_sent_does_not_hold_up_the_others),
		WITH_PAIR(a_port_in_use_leaves_the_old_one),
		WITH_PAIR(a_new_port_wakes_the_reader_and_works),
		WITH_PAIR(unbound_it_has_no_port_and_can_have_one_again),
		WITH_PAIR(a_kept_socket_is_taken_back_with_its_port),
		cmocka_unit_test(what_is_no_bound_udp_socket_is_not_taken),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
