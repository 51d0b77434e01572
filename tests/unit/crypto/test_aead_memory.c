/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Every implementation against libsodium at every length, with every buffer against a page that
 * faults: at its last byte, or before its first. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>
#include <sodium.h>

#include "base/array.h"
#include "base/bytes.h"
#include "crypto/aead/aead.h"

#define LEN_MAX 65535
#define MESSAGES 64 /* in a batch */
#define CANARY 0xa7

/* Pages of memory between two that fault. */
struct fence {
	uint8_t *base; /* of the memory itself */
	size_t size;
};

static size_t page_size(void)
{
	return (size_t)sysconf(_SC_PAGESIZE);
}

static void fence_init(struct fence *fence, size_t room)
{
	size_t page = page_size(), size = (room + page - 1) / page * page;
	uint8_t *all = mmap(NULL, size + 2 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	assert_ptr_not_equal(all, MAP_FAILED);
	assert_int_equal(mprotect(all + page, size, PROT_READ | PROT_WRITE), 0);
	fence->base = all + page;
	fence->size = size;
}

static void fence_done(struct fence *fence)
{
	munmap(fence->base - page_size(), fence->size + 2 * page_size());
}

/* @len bytes that end, or begin, where the fence does; canaries on their other side. */
static uint8_t *fence_place(struct fence *fence, size_t len, bool at_end)
{
	size_t other = fence->size - len < 64 ? fence->size - len : 64;
	uint8_t *bytes = at_end ? fence->base + fence->size - len : fence->base;

	memset(at_end ? bytes - other : bytes + len, CANARY, other);
	return bytes;
}

static void fence_check(const struct fence *fence, const uint8_t *bytes, size_t len)
{
	size_t other = fence->size - len < 64 ? fence->size - len : 64;
	const uint8_t *canaries = bytes == fence->base ? bytes + len : bytes - other;

	for (size_t i = 0; i < other; i++)
		assert_int_equal(canaries[i], CANARY);
}

struct message {
	struct fence key, ad, src, dst;
	uint8_t *text, *sealed; /* what libsodium says */
	struct sp_aead_op op;
};

/* What one call is about. */
struct round {
	size_t count;
	bool in_place, at_end;
};

struct world {
	struct message messages[MESSAGES];
	uint8_t *noise; /* LEN_MAX bytes of it and more */
	uint64_t random;
};

static void world_init(struct world *world, size_t len_max)
{
	for (size_t i = 0; i < MESSAGES; i++) {
		struct message *message = &world->messages[i];

		fence_init(&message->key, SP_AEAD_KEY_LEN);
		fence_init(&message->ad, 256);
		fence_init(&message->src, len_max + SP_AEAD_TAG_LEN);
		fence_init(&message->dst, len_max + SP_AEAD_TAG_LEN);
		message->text = test_malloc(len_max + SP_AEAD_TAG_LEN);
		message->sealed = test_malloc(len_max + SP_AEAD_TAG_LEN);
	}
	world->noise = test_malloc(2 * LEN_MAX);
	randombytes_buf_deterministic(world->noise, 2 * LEN_MAX, (uint8_t[32]){ 4 });
	world->random = 0x9e3779b97f4a7c15;
}

static void world_done(struct world *world)
{
	for (size_t i = 0; i < MESSAGES; i++) {
		struct message *message = &world->messages[i];

		fence_done(&message->key);
		fence_done(&message->ad);
		fence_done(&message->src);
		fence_done(&message->dst);
		test_free(message->text);
		test_free(message->sealed);
	}
	test_free(world->noise);
}

/* xorshift64: the same numbers in every run. */
static uint64_t random_below(struct world *world, uint64_t limit)
{
	world->random ^= world->random << 13;
	world->random ^= world->random >> 7;
	world->random ^= world->random << 17;
	return world->random % limit;
}

/* A message of @len bytes of noise (or all of @fill, if that is not negative), its own key. */
static void compose(struct world *world, size_t i, uint32_t len, uint32_t ad_len, int fill)
{
	struct message *message = &world->messages[i];
	struct sp_aead_op *op = &message->op;
	uint8_t *key = fence_place(&message->key, SP_AEAD_KEY_LEN, true), nonce[12];
	uint8_t *ad = fence_place(&message->ad, ad_len, true);

	memcpy(key, world->noise + random_below(world, LEN_MAX), SP_AEAD_KEY_LEN);
	memcpy(ad, world->noise + random_below(world, LEN_MAX), ad_len);
	if (fill < 0)
		memcpy(message->text, world->noise + random_below(world, LEN_MAX), len);
	else
		memset(message->text, fill, len);
	*op = (struct sp_aead_op){
		.key = key, .ad = ad_len ? ad : NULL, .ad_len = ad_len, .len = len
	};
	op->counter = random_below(world, 4) ? ~random_below(world, 1u << 20) : 1ull << (len % 64);
	op->constant = random_below(world, 2) ? 0 : 0xfffffffeu;
	sp_put_le32(nonce, op->constant);
	sp_put_le64(nonce + 4, op->counter);
	crypto_aead_chacha20poly1305_ietf_encrypt(message->sealed, NULL, message->text, len, ad,
						  ad_len, NULL, nonce, key);
}

/* @bytes to the source, and the destination either there or apart. */
static void place(struct message *message, const struct round *round, const uint8_t *bytes,
		  size_t src_len, size_t dst_len)
{
	size_t room = round->in_place && dst_len > src_len ? dst_len : src_len;
	uint8_t *src = fence_place(&message->src, room, round->at_end);

	memcpy(src, bytes, src_len);
	message->op.src = src;
	message->op.dst = src;
	if (!round->in_place)
		message->op.dst = fence_place(&message->dst, dst_len, round->at_end);
	message->op.result = 1;
}

static void check_fences(const struct message *message, const struct round *round, size_t src_len,
			 size_t dst_len)
{
	size_t room = round->in_place && dst_len > src_len ? dst_len : src_len;

	fence_check(&message->src, message->op.src, room);
	if (!round->in_place)
		fence_check(&message->dst, message->op.dst, dst_len);
}

static void seal_round(struct world *world, struct sp_aead *aead, const struct round *round)
{
	struct sp_aead_op ops[MESSAGES];

	for (size_t i = 0; i < round->count; i++) {
		struct message *message = &world->messages[i];

		place(message, round, message->text, message->op.len,
		      message->op.len + SP_AEAD_TAG_LEN);
		ops[i] = message->op;
	}
	assert_int_equal(sp_aead_seal(aead, ops, round->count), 0);
	for (size_t i = 0; i < round->count; i++) {
		const struct message *message = &world->messages[i];
		uint32_t len = ops[i].len;

		assert_int_equal(ops[i].result, 0);
		assert_memory_equal(ops[i].dst, message->sealed, len + SP_AEAD_TAG_LEN);
		if (!round->in_place)
			assert_memory_equal(ops[i].src, message->text, len);
		check_fences(message, round, len, len + SP_AEAD_TAG_LEN);
	}
}

static void open_round(struct world *world, struct sp_aead *aead, const struct round *round)
{
	struct sp_aead_op ops[MESSAGES];

	for (size_t i = 0; i < round->count; i++) {
		struct message *message = &world->messages[i];

		place(message, round, message->sealed, message->op.len + SP_AEAD_TAG_LEN,
		      message->op.len);
		ops[i] = message->op;
	}
	assert_int_equal(sp_aead_open(aead, ops, round->count), 0);
	for (size_t i = 0; i < round->count; i++) {
		const struct message *message = &world->messages[i];
		uint32_t len = ops[i].len;

		assert_int_equal(ops[i].result, 0);
		assert_memory_equal(ops[i].dst, message->text, len);
		assert_memory_equal(ops[i].src + len, message->sealed + len, SP_AEAD_TAG_LEN);
		check_fences(message, round, len + SP_AEAD_TAG_LEN, len);
	}
}

/* Both ways, in place and apart, against either side of the fence. */
static void every_round(struct world *world, struct sp_aead *aead, size_t count)
{
	for (unsigned int i = 0; i < 4; i++) {
		struct round round = { .count = count, .in_place = i & 1, .at_end = i & 2 };

		seal_round(world, aead, &round);
		open_round(world, aead, &round);
	}
}

/* Calls @check with every implementation that runs here. */
static void for_each_backend(size_t len_max, void (*check)(struct world *, struct sp_aead *))
{
	struct world *world = test_calloc(1, sizeof(*world));
	size_t backends = 0;

	world_init(world, len_max);
	for (size_t i = 0; sp_aead_backends[i]; i++) {
		__sp_cleanup(sp_aead_freep) struct sp_aead *aead = NULL;

		if (sp_aead_new(sp_aead_backends[i]->name, &aead) < 0)
			continue;
		check(world, aead);
		backends++;
	}
	world_done(world);
	test_free(world);
	assert_true(backends >= 2);
}

/* Alone, as eight alike, and as eleven of unlike lengths. */
static void check_every_length(struct world *world, struct sp_aead *aead)
{
	for (uint32_t len = 0; len <= 2200; len++) {
		for (size_t i = 0; i < 8; i++)
			compose(world, i, len, 0, -1);
		every_round(world, aead, 1);
		every_round(world, aead, 8);
		if (len % 4)
			continue;
		for (size_t i = 1; i < 11; i++)
			compose(world, i, (uint32_t)random_below(world, len + 1), 0, -1);
		every_round(world, aead, 11);
	}
}

static void every_length_equals_libsodium_inside_its_buffers(void **state)
{
	(void)state;
	for_each_backend(2200, check_every_length);
}

static void check_random_batches(struct world *world, struct sp_aead *aead)
{
	for (size_t turn = 0; turn < 60; turn++) {
		size_t count = 1 + random_below(world, MESSAGES);
		uint64_t limit = 1ull << (1 + random_below(world, 16));

		for (size_t i = 0; i < count; i++)
			compose(world, i, (uint32_t)random_below(world, limit),
				(uint32_t)(turn % 3 ? 0 : random_below(world, 257)), -1);
		every_round(world, aead, count);
	}
}

static void random_batches_up_to_65535_bytes_equal_libsodium(void **state)
{
	(void)state;
	for_each_backend(LEN_MAX, check_random_batches);
}

/* The text whose cipher text is all ones: the largest numbers Poly1305 can be given. */
static void compose_ones(struct world *world, size_t i, uint32_t len)
{
	struct message *message = &world->messages[i];
	uint8_t nonce[12];

	compose(world, i, len, 0, 0);
	sp_put_le32(nonce, message->op.constant);
	sp_put_le64(nonce + 4, message->op.counter);
	for (size_t j = 0; j < len; j++)
		message->text[j] = (uint8_t)~message->sealed[j];
	crypto_aead_chacha20poly1305_ietf_encrypt(message->sealed, NULL, message->text, len, NULL,
						  0, NULL, nonce, message->op.key);
	assert_true(len == 0 || message->sealed[len - 1] == 0xff);
}

static void check_ones(struct world *world, struct sp_aead *aead)
{
	for (uint32_t len = 0; len <= 2200; len += 1 + len / 40) {
		for (size_t i = 0; i < 8; i++)
			compose_ones(world, i, len);
		every_round(world, aead, 1);
		every_round(world, aead, 8);
		for (size_t i = 0; i < 8; i++)
			compose(world, i, len, 0, 0xff);
		every_round(world, aead, 8);
	}
}

static void texts_of_all_ones_equal_libsodium(void **state)
{
	(void)state;
	for_each_backend(2200, check_ones);
}

/* One bit of message @forged is flipped at @at: that one is refused and wiped, the others open. */
static void open_forged(struct world *world, struct sp_aead *aead, size_t count, size_t forged,
			size_t at)
{
	struct round round = { .count = count, .in_place = at & 1, .at_end = true };
	struct sp_aead_op ops[MESSAGES];

	for (size_t i = 0; i < count; i++) {
		struct message *message = &world->messages[i];

		place(message, &round, message->sealed, message->op.len + SP_AEAD_TAG_LEN,
		      message->op.len);
		if (i == forged)
			((uint8_t *)message->op.src)[at] ^= (uint8_t)(1u << at % 8);
		ops[i] = message->op;
	}
	assert_int_equal(sp_aead_open(aead, ops, count), -EBADMSG);
	for (size_t i = 0; i < count; i++) {
		assert_int_equal(ops[i].result, i == forged ? -EBADMSG : 0);
		if (i == forged)
			assert_true(sodium_is_zero(ops[i].dst, ops[i].len));
		else
			assert_memory_equal(ops[i].dst, world->messages[i].text, ops[i].len);
		check_fences(&world->messages[i], &round, ops[i].len + SP_AEAD_TAG_LEN, ops[i].len);
	}
}

static void check_forged(struct world *world, struct sp_aead *aead)
{
	static const uint32_t lengths[] = { 0, 1, 16, 63, 64, 200, 320, 1420 };

	for (size_t i = 0; i < SP_ARRAY_LEN(lengths); i++) {
		for (size_t j = 0; j < 9; j++)
			compose(world, j, lengths[i], 0, -1);
		for (size_t at = 0; at < lengths[i] + SP_AEAD_TAG_LEN; at++) {
			open_forged(world, aead, 1, 0, at);
			open_forged(world, aead, 9, at % 9, at);
		}
	}
}

static void a_forgery_at_any_byte_is_refused_alone(void **state)
{
	(void)state;
	for_each_backend(1420, check_forged);
}

/* The same, among additional data of every length and with its bytes forged. */
static void check_additional_data(struct world *world, struct sp_aead *aead)
{
	for (uint32_t ad_len = 0; ad_len <= 200; ad_len++) {
		for (size_t i = 0; i < 10; i++)
			compose(world, i, ad_len * 5, i % 3 ? ad_len : (uint32_t)i, -1);
		every_round(world, aead, 1);
		every_round(world, aead, 10);
		if (ad_len == 0)
			continue;
		((uint8_t *)world->messages[1].op.ad)[ad_len - 1] ^= 1;
		for (unsigned int in_place = 0; in_place < 2; in_place++) {
			struct message *message = &world->messages[1];
			struct round round = { .count = 1, .in_place = in_place, .at_end = true };

			place(message, &round, message->sealed, message->op.len + SP_AEAD_TAG_LEN,
			      message->op.len);
			assert_int_equal(sp_aead_open(aead, &message->op, 1), -EBADMSG);
		}
	}
}

static void additional_data_of_every_length_is_authenticated(void **state)
{
	(void)state;
	for_each_backend(1000, check_additional_data);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_length_equals_libsodium_inside_its_buffers),
		cmocka_unit_test(random_batches_up_to_65535_bytes_equal_libsodium),
		cmocka_unit_test(texts_of_all_ones_equal_libsodium),
		cmocka_unit_test(a_forgery_at_any_byte_is_refused_alone),
		cmocka_unit_test(additional_data_of_every_length_is_authenticated),
	};

	return sodium_init() < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
