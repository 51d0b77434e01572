/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Every implementation against published vectors, against each other, and against forgeries. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <sodium.h>

#include "base/array.h"
#include "base/bytes.h"
#include "crypto/aead/aead.h"
#include "crypto/aead/aead_ifma.h"

#define TEXT_MAX 2048

struct vector {
	uint8_t key[32], nonce[24], ad[512], text[TEXT_MAX], sealed[TEXT_MAX + SP_AEAD_TAG_LEN];
	size_t nonce_len, ad_len, text_len;
};

static size_t hex(const char *text, uint8_t *bytes, size_t size)
{
	size_t len;

	if (strcmp(text, "-") == 0)
		return 0;
	if (sodium_hex2bin(bytes, size, text, strlen(text), NULL, &len, NULL) != 0)
		fail_msg("not hexadecimal: %s", text);
	return len;
}

/* Calls @check for every vector whose nonce has @nonce_len bytes; returns how many there were. */
static size_t for_each_vector(size_t nonce_len, void (*check)(const struct vector *, void *),
			      void *arg)
{
	static char key[80], nonce[64], ad[1024], text[2 * TEXT_MAX], sealed[2 * TEXT_MAX + 64];
	char *line = NULL;
	size_t size = 0, count = 0;
	FILE *file = fopen(VECTORS "/chacha20poly1305.txt", "re");

	assert_non_null(file);
	while (getline(&line, &size, file) > 0) {
		struct vector *vector = test_calloc(1, sizeof(*vector));

		if (line[0] != '#') {
			assert_int_equal(sscanf(line, "%79s %63s %1023s %4095s %4159s", key, nonce,
						ad, text, sealed),
					 5);
			assert_int_equal(hex(key, vector->key, sizeof(vector->key)), 32);
			vector->nonce_len = hex(nonce, vector->nonce, sizeof(vector->nonce));
			vector->ad_len = hex(ad, vector->ad, sizeof(vector->ad));
			vector->text_len = hex(text, vector->text, sizeof(vector->text));
			assert_int_equal(hex(sealed, vector->sealed, sizeof(vector->sealed)),
					 vector->text_len + SP_AEAD_TAG_LEN);
			if (vector->nonce_len == nonce_len) {
				check(vector, arg);
				count++;
			}
		}
		test_free(vector);
	}
	free(line);
	fclose(file);
	return count;
}

static struct sp_aead_op op_of(const struct vector *vector, const uint8_t *src, uint8_t *dst)
{
	return (struct sp_aead_op){
		.key = vector->key,
		.constant = sp_get_le32(vector->nonce),
		.counter = sp_get_le64(vector->nonce + 4),
		.ad = vector->ad,
		.ad_len = (uint32_t)vector->ad_len,
		.src = src,
		.dst = dst,
		.len = (uint32_t)vector->text_len,
	};
}

static void check_vector(const struct vector *vector, void *arg)
{
	struct sp_aead *aead = arg;
	uint8_t buf[TEXT_MAX + SP_AEAD_TAG_LEN];
	struct sp_aead_op op = op_of(vector, vector->text, buf);

	assert_int_equal(sp_aead_seal(aead, &op, 1), 0);
	assert_memory_equal(buf, vector->sealed, vector->text_len + SP_AEAD_TAG_LEN);
	op = op_of(vector, buf, buf);
	assert_int_equal(sp_aead_open(aead, &op, 1), 0);
	assert_memory_equal(buf, vector->text, vector->text_len);
	for (size_t bit = 0; bit < 8 * (vector->text_len + SP_AEAD_TAG_LEN); bit += 61) {
		uint8_t zeros[TEXT_MAX] = { 0 };

		memcpy(buf, vector->sealed, vector->text_len + SP_AEAD_TAG_LEN);
		buf[bit / 8] ^= 1u << bit % 8;
		op = op_of(vector, buf, buf);
		assert_int_equal(sp_aead_open(aead, &op, 1), -EBADMSG);
		assert_memory_equal(buf, zeros, vector->text_len);
	}
	if (vector->ad_len) {
		memcpy(buf, vector->sealed, vector->text_len + SP_AEAD_TAG_LEN);
		op = op_of(vector, buf, buf);
		op.ad_len--;
		assert_int_equal(sp_aead_open(aead, &op, 1), -EBADMSG);
	}
}

static void every_backend_computes_the_published_vectors(void **state)
{
	size_t backends = 0;

	(void)state;
	for (size_t i = 0; sp_aead_backends[i]; i++) {
		__sp_cleanup(sp_aead_freep) struct sp_aead *aead = NULL;
		int r = sp_aead_new(sp_aead_backends[i]->name, &aead);

		if (r == -EOPNOTSUPP && (strcmp(sp_aead_backends[i]->name, "ifma") == 0 ||
					 strcmp(sp_aead_backends[i]->name, "ipsec-mb") == 0))
			continue; /* a processor without what it needs */
		assert_int_equal(r, 0);
		assert_string_equal(sp_aead_name(aead), sp_aead_backends[i]->name);
		assert_true(for_each_vector(12, check_vector, aead) >= 80);
		backends++;
	}
	assert_true(backends >= 2);
}

static void check_xchacha(const struct vector *vector, void *arg)
{
	uint8_t buf[TEXT_MAX + SP_AEAD_TAG_LEN], opened[TEXT_MAX];

	(void)arg;
	sp_xchachapoly_seal(vector->key, vector->nonce, vector->ad, vector->ad_len, vector->text,
			    vector->text_len, buf);
	assert_memory_equal(buf, vector->sealed, vector->text_len + SP_AEAD_TAG_LEN);
	assert_int_equal(sp_xchachapoly_open(vector->key, vector->nonce, vector->ad, vector->ad_len,
					     buf, vector->text_len, opened),
			 0);
	assert_memory_equal(opened, vector->text, vector->text_len);
	buf[vector->text_len] ^= 1;
	memset(opened, 0x5a, sizeof(opened));
	assert_int_equal(sp_xchachapoly_open(vector->key, vector->nonce, vector->ad, vector->ad_len,
					     buf, vector->text_len, opened),
			 -EBADMSG);
	assert_int_equal(opened[0], 0x5a);
}

static void xchacha_computes_the_published_vectors(void **state)
{
	(void)state;
	assert_true(for_each_vector(24, check_xchacha, NULL) >= 30);
}

static void check_single(const struct vector *vector, void *arg)
{
	uint8_t buf[TEXT_MAX + SP_AEAD_TAG_LEN], opened[TEXT_MAX];
	size_t *used = arg;

	if (sp_get_le32(vector->nonce) != 0)
		return;
	sp_chachapoly_seal(vector->key, sp_get_le64(vector->nonce + 4), vector->ad, vector->ad_len,
			   vector->text, vector->text_len, buf);
	assert_memory_equal(buf, vector->sealed, vector->text_len + SP_AEAD_TAG_LEN);
	assert_int_equal(sp_chachapoly_open(vector->key, sp_get_le64(vector->nonce + 4), vector->ad,
					    vector->ad_len, buf, vector->text_len, opened),
			 0);
	assert_memory_equal(opened, vector->text, vector->text_len);
	(*used)++;
}

/* The vectors with a constant of zero are few: one batch implementation stands in for the rest. */
static void single_messages_equal_the_batch(void **state)
{
	__sp_cleanup(sp_aead_freep) struct sp_aead *aead = NULL;
	uint8_t key[32], text[300], sealed[316], other[316];
	size_t used = 0;

	(void)state;
	for_each_vector(12, check_single, &used);
	assert_int_equal(sp_aead_new("openssl", &aead), 0);
	randombytes_buf_deterministic(text, sizeof(text), (uint8_t[32]){ 1 });
	memcpy(key, text + 77, sizeof(key));
	for (uint32_t len = 0; len <= sizeof(text); len++) {
		struct sp_aead_op op = { .key = key,
					 .counter = ~0ull - len,
					 .ad = text,
					 .ad_len = len / 3,
					 .src = text,
					 .dst = sealed,
					 .len = len };

		assert_int_equal(sp_aead_seal(aead, &op, 1), 0);
		sp_chachapoly_seal(key, ~0ull - len, text, len / 3, text, len, other);
		assert_memory_equal(sealed, other, len + SP_AEAD_TAG_LEN);
		assert_int_equal(
			sp_chachapoly_open(key, ~0ull - len, text, len / 3, sealed, len, other), 0);
		assert_memory_equal(other, text, len);
		memset(other, 0x5a, sizeof(other));
		sealed[len] ^= 0x80;
		assert_int_equal(
			sp_chachapoly_open(key, ~0ull - len, text, len / 3, sealed, len, other),
			-EBADMSG);
		assert_int_equal(other[0], 0x5a);
	}
}

/* 64 messages of every size and key in one call: each result belongs to its own message. */
static void a_batch_gives_each_message_its_own_result(void **state)
{
	enum { N = 64 };
	static uint8_t text[N][1504], sealed[2][N][1504 + SP_AEAD_TAG_LEN], key[N][32];
	struct sp_aead_op ops[N];

	(void)state;
	randombytes_buf_deterministic(text, sizeof(text), (uint8_t[32]){ 2 });
	randombytes_buf_deterministic(key, sizeof(key), (uint8_t[32]){ 3 });
	for (size_t i = 0; sp_aead_backends[i]; i++) {
		__sp_cleanup(sp_aead_freep) struct sp_aead *aead = NULL;
		uint8_t(*out)[1504 + SP_AEAD_TAG_LEN] = sealed[i > 0];

		if (sp_aead_new(sp_aead_backends[i]->name, &aead) < 0)
			continue;
		for (size_t j = 0; j < N; j++)
			ops[j] = (struct sp_aead_op){ .key = key[j],
						      .counter = j,
						      .src = text[j],
						      .dst = out[j],
						      .len = (uint32_t)(j * 1504 / N) };
		assert_int_equal(sp_aead_seal(aead, ops, N), 0);
		if (i > 0)
			assert_memory_equal(sealed[0], sealed[1], sizeof(sealed[0]));
	}
	for (size_t i = 0; sp_aead_backends[i]; i++) {
		__sp_cleanup(sp_aead_freep) struct sp_aead *aead = NULL;
		static uint8_t opened[N][1504 + SP_AEAD_TAG_LEN];

		if (sp_aead_new(sp_aead_backends[i]->name, &aead) < 0)
			continue;
		memcpy(opened, sealed[0], sizeof(opened));
		opened[5][3] ^= 1;
		opened[40][ops[40].len + 15] ^= 1;
		for (size_t j = 0; j < N; j++)
			ops[j].src = ops[j].dst = opened[j];
		ops[63].counter++;
		assert_int_equal(sp_aead_open(aead, ops, N), -EBADMSG);
		ops[63].counter--;
		for (size_t j = 0; j < N; j++) {
			bool forged = j == 5 || j == 40 || j == 63;

			assert_int_equal(ops[j].result, forged ? -EBADMSG : 0);
			if (!forged)
				assert_memory_equal(opened[j], text[j], ops[j].len);
		}
	}
}

/* Messages together, alone and with additional data: the room they were computed in is empty. */
static void our_own_implementation_leaves_nothing_behind(void **state)
{
	static const size_t batches[] = { 64, 8, 1, 3 };
	static uint8_t text[64][1504], key[32];
	struct sp_aead_op ops[64];

	(void)state;
	randombytes_buf_deterministic(key, sizeof(key), (uint8_t[32]){ 5 });
	for (size_t i = 0; sp_aead_backends[i]; i++) {
		uint8_t *room;

		if (strcmp(sp_aead_backends[i]->name, "ifma") != 0)
			continue;
		room = sp_aead_backends[i]->context_new();
		if (!room)
			continue;
		memset(room, 0, SP_AEAD_IFMA_ROOM);
		for (size_t j = 0; j < SP_ARRAY_LEN(batches) * 2; j++) {
			size_t count = batches[j / 2];

			for (size_t k = 0; k < count; k++)
				ops[k] = (struct sp_aead_op){ .key = key,
							      .counter = k,
							      .ad = key,
							      .ad_len = j % 2,
							      .src = text[k],
							      .dst = text[k],
							      .len = (uint32_t)(k * 23) };
			sp_aead_backends[i]->seal(room, ops, count);
			assert_true(sodium_is_zero(room, SP_AEAD_IFMA_ROOM));
			sp_aead_backends[i]->open(room, ops, count);
			assert_true(sodium_is_zero(room, SP_AEAD_IFMA_ROOM));
		}
		sp_aead_backends[i]->context_free(room);
	}
}

static void seal_and_add_one(void *context, struct sp_aead_op *ops, size_t n)
{
	sp_aead_backends[0]->seal(context, ops, n);
	for (size_t i = 0; i < n; i++)
		if (ops[i].len == 1437)
			ops[i].dst[1000]++;
}

static void open_anything(void *context, struct sp_aead_op *ops, size_t n)
{
	sp_aead_backends[0]->open(context, ops, n);
	for (size_t i = 0; i < n; i++)
		ops[i].result = 0;
}

static void the_self_test_refuses_what_computes_otherwise(void **state)
{
	struct sp_aead_backend wrong = *sp_aead_backends[0], credulous = *sp_aead_backends[0];
	void *context = wrong.context_new();

	(void)state;
	assert_non_null(context);
	assert_int_equal(sp_aead_self_test(&wrong, context), 0);
	wrong.seal = seal_and_add_one;
	assert_int_equal(sp_aead_self_test(&wrong, context), -EBADMSG);
	credulous.open = open_anything;
	assert_int_equal(sp_aead_self_test(&credulous, context), -EBADMSG);
	wrong.context_free(context);
}

static void an_unknown_backend_is_refused(void **state)
{
	struct sp_aead *aead = NULL;

	(void)state;
	assert_int_equal(sp_aead_new("rot13", &aead), -ENOENT);
	assert_null(aead);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_backend_computes_the_published_vectors),
		cmocka_unit_test(xchacha_computes_the_published_vectors),
		cmocka_unit_test(single_messages_equal_the_batch),
		cmocka_unit_test(a_batch_gives_each_message_its_own_result),
		cmocka_unit_test(our_own_implementation_leaves_nothing_behind),
		cmocka_unit_test(the_self_test_refuses_what_computes_otherwise),
		cmocka_unit_test(an_unknown_backend_is_refused),
	};

	return sodium_init() < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
