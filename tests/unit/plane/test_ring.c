/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The reader of the event ring takes records of other builds, shorter or longer than this build's. The ring is memory
 * of the shape the kernel gives (Documentation/bpf/ringbuf.rst); the reader is compiled in, to see that shape. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/array.h"

#include "../../../src/plane/ebpf/seen.c"

#define RING_BYTES 4096u

struct fixture {
	struct sp_ebpf plane;
	struct sp_ebpf_ring ring;
	unsigned long consumer, producer;
	char data[2 * RING_BYTES]; /* the kernel maps it twice in a row */
	struct sp_event taken[16];
	size_t count;
	size_t room; /* taking the next one fails when this many were taken; 0: never */
};

static int setup(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));

	assert_non_null(fixture);
	fixture->ring = (struct sp_ebpf_ring){ .size = RING_BYTES,
					       .consumer = &fixture->consumer,
					       .producer = &fixture->producer,
					       .data = fixture->data };
	fixture->plane.ring = &fixture->ring;
	*state = fixture;
	return 0;
}

static int teardown(void **state)
{
	free(*state);
	return 0;
}

static void put_byte(struct fixture *fixture, unsigned long position, char byte)
{
	const unsigned long at = position % RING_BYTES;

	fixture->data[at] = fixture->data[at + RING_BYTES] = byte;
}

/* A record of @len bytes, all of them @byte, with these flags beside its length. */
static void put(struct fixture *fixture, uint32_t len, char byte, uint32_t flags)
{
	const uint32_t header[2] = { len | flags, 0 };
	const unsigned long whole = (len + sizeof(header) + 7) & ~7ul;

	for (unsigned long i = 0; i < whole; i++)
		put_byte(fixture, fixture->producer + i,
			 i < sizeof(header)         ? ((const char *)header)[i]
			 : i < len + sizeof(header) ? byte
						    : 0x55);
	fixture->producer += whole;
}

static int take(void *arg, const struct sp_event *event)
{
	struct fixture *fixture = arg;

	if (fixture->room && fixture->count == fixture->room)
		return -ENOSPC;
	fixture->taken[fixture->count++] = *event;
	return 0;
}

static int take_all(struct fixture *fixture)
{
	fixture->count = 0;
	return sp_ebpf_take_events(&fixture->plane, SP_ARRAY_LEN(fixture->taken), take, fixture);
}

/* Its first @len bytes are @byte, and the rest zero. */
static void assert_event(const struct sp_event *event, size_t len, char byte)
{
	const char *bytes = (const char *)event;

	for (size_t i = 0; i < sizeof(*event); i++)
		assert_int_equal(bytes[i], i < len ? byte : 0);
}

static void records_of_other_builds_are_taken_as_far_as_both_know_them(void **state)
{
	struct fixture *fixture = *state;

	put(fixture, SP_EVENT_LEAST, 1, 0);
	put(fixture, sizeof(struct sp_event), 2, 0);
	put(fixture, sizeof(struct sp_event) + 40, 3, 0);
	put(fixture, sizeof(struct sp_event), 4, 0);
	assert_int_equal(take_all(fixture), 4);
	assert_event(&fixture->taken[0], SP_EVENT_LEAST, 1);
	for (char i = 1; i < 4; i++)
		assert_event(&fixture->taken[(int)i], sizeof(struct sp_event), (char)(i + 1));
	assert_int_equal(fixture->consumer, fixture->producer);
}

static void what_no_build_made_is_passed_over(void **state)
{
	struct fixture *fixture = *state;

	put(fixture, SP_EVENT_LEAST - 1, 1, 0);
	put(fixture, 0, 1, 0);
	put(fixture, SP_EVENT_LEAST, 2, BPF_RINGBUF_DISCARD_BIT);
	put(fixture, SP_EVENT_LEAST, 3, 0);
	put(fixture, SP_EVENT_LEAST, 4,
	    BPF_RINGBUF_BUSY_BIT); /* is being written: the reader waits */
	put(fixture, SP_EVENT_LEAST, 5, 0);
	assert_int_equal(take_all(fixture), 1);
	assert_event(&fixture->taken[0], SP_EVENT_LEAST, 3);
	assert_int_equal(take_all(fixture), 0);
}

static void one_that_is_not_taken_stays_whichever_its_length(void **state)
{
	struct fixture *fixture = *state;

	for (char i = 0; i < 100; i++) { /* several times around */
		const uint32_t len = SP_EVENT_LEAST + 8u * (uint32_t)(i % 5);

		put(fixture, len, (char)(i + 1), 0);
		put(fixture, len, (char)(i + 1), 0);
		fixture->room = 1;
		assert_int_equal(take_all(fixture), -ENOSPC);
		fixture->room = 0;
		assert_int_equal(take_all(fixture), 1);
		assert_event(&fixture->taken[0], len, (char)(i + 1));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		TEST(records_of_other_builds_are_taken_as_far_as_both_know_them),
		TEST(what_no_build_made_is_passed_over),
		TEST(one_that_is_not_taken_stays_whichever_its_length),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
