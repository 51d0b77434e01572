/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Project Wycheproof's vectors (vectors/wycheproof/README.md): all of them, counted. */
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

#include "base/bytes.h"
#include "crypto/aead/aead.h"
#include "crypto/x25519/x25519.h"

#define TEXT_MAX 600
#define FIELDS_MAX 6
#define BATCH_MAX 400

struct value {
	uint8_t bytes[TEXT_MAX + SP_AEAD_TAG_LEN];
	size_t len;
};

struct vector {
	unsigned int number;
	bool valid; /* or merely "acceptable" */
	struct value values[FIELDS_MAX];
};

enum { KEY, IV, AD, TEXT, SEALED, TAG };
enum { PRIVATE, PUBLIC, SHARED };

static void parse(char *line, size_t fields, struct vector *ret_vector)
{
	char *rest = line, *word = strsep(&rest, " \n");

	ret_vector->number = (unsigned int)strtoul(word, NULL, 10);
	word = strsep(&rest, " \n");
	assert_non_null(word);
	ret_vector->valid = strcmp(word, "invalid") != 0;
	for (size_t i = 0; i < fields; i++) {
		struct value *value = &ret_vector->values[i];

		word = strsep(&rest, " \n");
		assert_non_null(word);
		value->len = 0;
		if (strcmp(word, "-") == 0)
			continue;
		assert_int_equal(sodium_hex2bin(value->bytes, sizeof(value->bytes), word,
						strlen(word), NULL, &value->len, NULL),
				 0);
	}
}

/* Returns how many vectors the file has. */
static size_t for_each_vector(const char *path, size_t fields,
			      void (*check)(const struct vector *, void *), void *arg)
{
	struct vector *vector = test_calloc(1, sizeof(*vector));
	FILE *file = fopen(path, "re");
	char *line = NULL;
	size_t size = 0, count = 0;

	assert_non_null(file);
	while (getline(&line, &size, file) > 0) {
		if (line[0] == '#')
			continue;
		parse(line, fields, vector);
		check(vector, arg);
		count++;
	}
	free(line);
	fclose(file);
	test_free(vector);
	return count;
}

/* The text sealed with its tag behind it. */
static size_t sealed_of(const struct vector *vector, uint8_t *sealed)
{
	const struct value *text = &vector->values[SEALED], *tag = &vector->values[TAG];

	assert_int_equal(tag->len, SP_AEAD_TAG_LEN);
	assert_true(text->len <= TEXT_MAX);
	memcpy(sealed, text->bytes, text->len);
	memcpy(sealed + text->len, tag->bytes, SP_AEAD_TAG_LEN);
	return text->len + SP_AEAD_TAG_LEN;
}

struct tally {
	struct sp_aead *aead;
	size_t sealed_and_opened, refused, other_nonce_lengths;
};

static struct sp_aead_op op_of(const struct vector *vector)
{
	return (struct sp_aead_op){
		.key = vector->values[KEY].bytes,
		.constant = sp_get_le32(vector->values[IV].bytes),
		.counter = sp_get_le64(vector->values[IV].bytes + 4),
		.ad = vector->values[AD].bytes,
		.ad_len = (uint32_t)vector->values[AD].len,
		.src = vector->values[TEXT].bytes,
		.len = (uint32_t)vector->values[SEALED].len,
	};
}

static void check_aead(const struct vector *vector, void *arg)
{
	uint8_t sealed[TEXT_MAX + SP_AEAD_TAG_LEN], out[TEXT_MAX + SP_AEAD_TAG_LEN];
	size_t sealed_len;
	struct sp_aead_op op = op_of(vector);
	struct tally *tally = arg;

	if (vector->values[IV].len != 12) {
		assert_false(vector->valid);
		tally->other_nonce_lengths++; /* there is no way to ask for one */
		return;
	}
	assert_int_equal(vector->values[KEY].len, SP_AEAD_KEY_LEN);
	sealed_len = sealed_of(vector, sealed);
	op.dst = out;
	if (vector->valid) {
		assert_int_equal(sp_aead_seal(tally->aead, &op, 1), 0);
		assert_memory_equal(out, sealed, sealed_len);
		op.src = sealed;
		assert_int_equal(sp_aead_open(tally->aead, &op, 1), 0);
		assert_memory_equal(out, vector->values[TEXT].bytes, op.len);
		tally->sealed_and_opened++;
	} else {
		op.src = sealed;
		assert_int_equal(sp_aead_open(tally->aead, &op, 1), -EBADMSG);
		assert_int_equal(op.result, -EBADMSG);
		tally->refused++;
	}
}

static void every_backend_agrees_with_every_vector(void **state)
{
	size_t backends = 0;

	(void)state;
	for (size_t i = 0; sp_aead_backends[i]; i++) {
		__sp_cleanup(sp_aead_freep) struct sp_aead *aead = NULL;
		struct tally tally = { 0 };

		if (sp_aead_new(sp_aead_backends[i]->name, &aead) < 0)
			continue;
		tally.aead = aead;
		assert_int_equal(for_each_vector(VECTORS "/wycheproof/chacha20_poly1305.txt", 6,
						 check_aead, &tally),
				 325);
		assert_int_equal(tally.sealed_and_opened, 256);
		assert_int_equal(tally.refused, 60);
		assert_int_equal(tally.other_nonce_lengths, 9);
		backends++;
	}
	assert_true(backends >= 2);
}

struct batch {
	struct vector *vectors;
	size_t count;
};

static void collect(const struct vector *vector, void *arg)
{
	struct batch *batch = arg;

	if (vector->values[IV].len != 12)
		return;
	assert_true(batch->count < BATCH_MAX);
	batch->vectors[batch->count++] = *vector;
}

/* All keys, lengths and additional data in one call, the forged among them. */
static void every_backend_opens_all_vectors_in_one_batch(void **state)
{
	struct batch batch = { .vectors = test_calloc(BATCH_MAX, sizeof(struct vector)) };
	struct sp_aead_op *ops = test_calloc(BATCH_MAX, sizeof(*ops));
	uint8_t(*out)[TEXT_MAX + SP_AEAD_TAG_LEN] = test_calloc(BATCH_MAX, sizeof(*out));

	(void)state;
	for_each_vector(VECTORS "/wycheproof/chacha20_poly1305.txt", 6, collect, &batch);
	assert_int_equal(batch.count, 316);
	for (size_t i = 0; sp_aead_backends[i]; i++) {
		__sp_cleanup(sp_aead_freep) struct sp_aead *aead = NULL;

		if (sp_aead_new(sp_aead_backends[i]->name, &aead) < 0)
			continue;
		for (size_t j = 0; j < batch.count; j++) {
			sealed_of(&batch.vectors[j], out[j]);
			ops[j] = op_of(&batch.vectors[j]);
			ops[j].src = ops[j].dst = out[j];
		}
		assert_int_equal(sp_aead_open(aead, ops, batch.count), -EBADMSG);
		for (size_t j = 0; j < batch.count; j++) {
			const struct vector *vector = &batch.vectors[j];

			assert_int_equal(ops[j].result, vector->valid ? 0 : -EBADMSG);
			if (vector->valid)
				assert_memory_equal(out[j], vector->values[TEXT].bytes, ops[j].len);
			else
				assert_true(sodium_is_zero(out[j], ops[j].len));
		}
	}
	test_free(out);
	test_free(ops);
	test_free(batch.vectors);
}

static void check_xchacha(const struct vector *vector, void *arg)
{
	uint8_t sealed[TEXT_MAX + SP_AEAD_TAG_LEN], out[TEXT_MAX + SP_AEAD_TAG_LEN];
	size_t sealed_len, len = vector->values[SEALED].len;
	const struct value *values = vector->values;
	struct tally *tally = arg;

	if (values[IV].len != SP_XCHACHAPOLY_NONCE_LEN) {
		assert_false(vector->valid);
		tally->other_nonce_lengths++;
		return;
	}
	sealed_len = sealed_of(vector, sealed);
	if (vector->valid) {
		sp_xchachapoly_seal(values[KEY].bytes, values[IV].bytes, values[AD].bytes,
				    values[AD].len, values[TEXT].bytes, len, out);
		assert_memory_equal(out, sealed, sealed_len);
		assert_int_equal(sp_xchachapoly_open(values[KEY].bytes, values[IV].bytes,
						     values[AD].bytes, values[AD].len, sealed, len,
						     out),
				 0);
		assert_memory_equal(out, values[TEXT].bytes, len);
		tally->sealed_and_opened++;
	} else {
		assert_int_equal(sp_xchachapoly_open(values[KEY].bytes, values[IV].bytes,
						     values[AD].bytes, values[AD].len, sealed, len,
						     out),
				 -EBADMSG);
		tally->refused++;
	}
}

static void xchacha_agrees_with_every_vector(void **state)
{
	struct tally tally = { 0 };

	(void)state;
	assert_int_equal(for_each_vector(VECTORS "/wycheproof/xchacha20_poly1305.txt", 6,
					 check_xchacha, &tally),
			 315);
	assert_int_equal(tally.sealed_and_opened, 246);
	assert_int_equal(tally.refused, 60);
	assert_int_equal(tally.other_nonce_lengths, 9);
}

/* Products that are zero are "acceptable" in the source; here they are refused (RFC 7748, 6.1). */
static void check_x25519(const struct vector *vector, void *arg)
{
	uint8_t secret[SP_X25519_LEN], untouched[SP_X25519_LEN];
	const struct value *values = vector->values;
	size_t *zero = arg;

	for (size_t i = PRIVATE; i <= SHARED; i++)
		assert_int_equal(values[i].len, SP_X25519_LEN);
	memset(secret, 0x5a, sizeof(secret));
	memcpy(untouched, secret, sizeof(secret));
	if (sodium_is_zero(values[SHARED].bytes, SP_X25519_LEN)) {
		assert_int_equal(sp_x25519(secret, values[PRIVATE].bytes, values[PUBLIC].bytes),
				 -EKEYREJECTED);
		assert_memory_equal(secret, untouched, sizeof(secret));
		(*zero)++;
	} else {
		assert_int_equal(sp_x25519(secret, values[PRIVATE].bytes, values[PUBLIC].bytes), 0);
		assert_memory_equal(secret, values[SHARED].bytes, sizeof(secret));
	}
}

static void x25519_agrees_with_every_vector(void **state)
{
	size_t zero = 0;

	(void)state;
	assert_int_equal(for_each_vector(VECTORS "/wycheproof/x25519.txt", 3, check_x25519, &zero),
			 518);
	assert_int_equal(zero, 31);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_backend_agrees_with_every_vector),
		cmocka_unit_test(every_backend_opens_all_vectors_in_one_batch),
		cmocka_unit_test(xchacha_agrees_with_every_vector),
		cmocka_unit_test(x25519_agrees_with_every_vector),
	};

	return sodium_init() < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
