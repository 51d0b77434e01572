/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The handshake against two foreign computations: the Noise vectors of flynn/noise through
 * symmetric.h, and a whole WireGuard handshake of vectors/make_handshake.py through noise.h and
 * cookie.h. */
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
#include "base/cleanup.h"
#include "crypto/aead/aead.h"
#include "crypto/x25519/x25519.h"
#include "wg/noise/cookie.h"
#include "wg/noise/noise.h"

struct bytes {
	uint8_t b[256];
	size_t len;
};

struct noise_vector {
	struct bytes init_static, resp_static, gen_init_ephemeral, gen_resp_ephemeral,
		preshared_key, prologue;
	struct bytes payload[4], ciphertext[4];
};

static struct bytes from_hex(const char *text)
{
	struct bytes bytes = { 0 };

	if (sodium_hex2bin(bytes.b, sizeof(bytes.b), text, strcspn(text, "\n"), NULL, &bytes.len,
			   NULL) != 0)
		fail_msg("not hexadecimal: %s", text);
	return bytes;
}

static void read_field(struct noise_vector *vector, const char *line)
{
	const struct {
		const char *name;
		struct bytes *into;
	} fields[] = {
		{ "init_static=", &vector->init_static },
		{ "resp_static=", &vector->resp_static },
		{ "gen_init_ephemeral=", &vector->gen_init_ephemeral },
		{ "gen_resp_ephemeral=", &vector->gen_resp_ephemeral },
		{ "preshared_key=", &vector->preshared_key },
		{ "prologue=", &vector->prologue },
		{ "msg_0_payload=", &vector->payload[0] },
		{ "msg_1_payload=", &vector->payload[1] },
		{ "msg_2_payload=", &vector->payload[2] },
		{ "msg_3_payload=", &vector->payload[3] },
		{ "msg_0_ciphertext=", &vector->ciphertext[0] },
		{ "msg_1_ciphertext=", &vector->ciphertext[1] },
		{ "msg_2_ciphertext=", &vector->ciphertext[2] },
		{ "msg_3_ciphertext=", &vector->ciphertext[3] },
	};

	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
		if (strncmp(line, fields[i].name, strlen(fields[i].name)) == 0) {
			*fields[i].into = from_hex(line + strlen(fields[i].name));
			return;
		}
	}
	if (strncmp(line, "handshake=", 10) != 0)
		fail_msg("unknown field: %s", line);
}

/* Noise's IKpsk2 from the initiator's side, through the functions the engine is made of. */
static void check_noise_vector(const struct noise_vector *v)
{
	uint8_t e_i[32], e_r[32], s_i[32], s_r[32], out[256], first[32], second[32], text[256];
	struct sp_wg_symmetric state;
	uint8_t *next = out;

	sp_x25519_public(e_i, v->gen_init_ephemeral.b);
	sp_x25519_public(e_r, v->gen_resp_ephemeral.b);
	sp_x25519_public(s_i, v->init_static.b);
	sp_x25519_public(s_r, v->resp_static.b);
	sp_wg_symmetric_init(&state, "Noise_IKpsk2_25519_ChaChaPoly_BLAKE2s", v->prologue.b,
			     v->prologue.len);
	sp_wg_mix_hash(&state, s_r, 32);

	memcpy(next, e_i, 32);
	sp_wg_mix_hash(&state, e_i, 32);
	sp_wg_mix_chaining_key(&state, e_i, 32);
	assert_int_equal(sp_wg_mix_dh(&state, v->gen_init_ephemeral.b, s_r), 0);
	sp_wg_encrypt_and_hash(&state, s_i, 32, next += 32);
	assert_int_equal(sp_wg_mix_dh(&state, v->init_static.b, s_r), 0);
	sp_wg_encrypt_and_hash(&state, v->payload[0].b, v->payload[0].len, next += 48);
	assert_int_equal(v->ciphertext[0].len, 32 + 48 + 16 + v->payload[0].len);
	assert_memory_equal(out, v->ciphertext[0].b, v->ciphertext[0].len);

	/* the response, read by the initiator */
	assert_memory_equal(v->ciphertext[1].b, e_r, 32);
	sp_wg_mix_hash(&state, e_r, 32);
	sp_wg_mix_chaining_key(&state, e_r, 32);
	assert_int_equal(sp_wg_mix_dh(&state, v->gen_init_ephemeral.b, e_r), 0);
	assert_int_equal(sp_wg_mix_dh(&state, v->init_static.b, e_r), 0);
	sp_wg_mix_psk(&state, v->preshared_key.b);
	assert_int_equal(
		sp_wg_decrypt_and_hash(&state, v->ciphertext[1].b + 32, v->payload[1].len, text),
		0);
	assert_memory_equal(text, v->payload[1].b, v->payload[1].len);

	sp_wg_split(&state, first, second);
	sp_chachapoly_seal(first, 0, NULL, 0, v->payload[2].b, v->payload[2].len, out);
	assert_memory_equal(out, v->ciphertext[2].b, v->ciphertext[2].len);
	sp_chachapoly_seal(second, 0, NULL, 0, v->payload[3].b, v->payload[3].len, out);
	assert_memory_equal(out, v->ciphertext[3].b, v->ciphertext[3].len);
}

static void noise_vectors(void **state)
{
	struct noise_vector vector = { 0 };
	FILE *file = fopen(VECTORS "/noise_ikpsk2.txt", "re");
	char line[1024];
	size_t count = 0;
	bool has_fields = false, more;

	(void)state;
	assert_non_null(file);
	do {
		more = fgets(line, sizeof(line), file) != NULL;
		if (more && line[0] != '#' && line[0] != '\n') {
			read_field(&vector, line);
			has_fields = true;
		} else if (has_fields) {
			check_noise_vector(&vector);
			memset(&vector, 0, sizeof(vector));
			has_fields = false;
			count++;
		}
	} while (more);
	fclose(file);
	assert_int_equal(count, 4);
}

static struct bytes field(const char *name)
{
	FILE *file = fopen(VECTORS "/handshake.txt", "re");
	char line[1024];
	struct bytes bytes = { 0 };

	assert_non_null(file);
	while (fgets(line, sizeof(line), file))
		if (strncmp(line, name, strlen(name)) == 0 && line[strlen(name)] == ' ')
			bytes = from_hex(line + strlen(name) + 1);
	fclose(file);
	assert_true(bytes.len > 0);
	return bytes;
}

struct side {
	struct sp_wg_identity identity;
	struct sp_wg_remote remote;
	struct sp_wg_handshake handshake;
	struct sp_wg_cookie_checker checker;
	struct sp_wg_cookie_jar jar;
};

static void make_sides(struct side *i, struct side *r)
{
	memset(i, 0, sizeof(*i));
	memset(r, 0, sizeof(*r));
	sp_wg_identity_init(&i->identity, field("s_i").b);
	sp_wg_identity_init(&r->identity, field("s_r").b);
	for (struct side *side = i;; side = r) {
		const struct side *other = side == i ? r : i;

		memcpy(side->remote.public_key, other->identity.public_key, 32);
		memcpy(side->remote.preshared_key, field("q").b, 32);
		sp_wg_remote_precompute(&side->remote, &side->identity);
		sp_wg_cookie_checker_init(&side->checker, side->identity.public_key);
		sp_wg_cookie_jar_init(&side->jar, other->identity.public_key);
		if (side == r)
			break;
	}
}

static void the_known_handshake(void **state)
{
	struct sp_wg_opened_initiation opened;
	struct sp_wg_transport_keys i_keys, r_keys;
	struct sp_wg_initiation initiation;
	struct sp_wg_response response;
	uint8_t stamp[SP_WG_STAMP_LEN], tag[16];
	struct side i, r;

	(void)state;
	make_sides(&i, &r);
	assert_int_equal(sp_wg_initiation_create(&i.handshake, &i.identity, &i.remote,
						 field("e_i").b, 0x11223344, field("timestamp").b,
						 &initiation),
			 0);
	sp_wg_macs_add(&i.jar, (uint8_t *)&initiation, sizeof(initiation), 1);
	assert_int_equal(field("initiation").len, sizeof(initiation));
	assert_memory_equal(&initiation, field("initiation").b, sizeof(initiation));

	assert_true(sp_wg_mac1_check(&r.checker, (uint8_t *)&initiation, sizeof(initiation)));
	assert_int_equal(sp_wg_initiation_open(&r.identity, &initiation, &opened), 0);
	assert_memory_equal(opened.remote_static, i.identity.public_key, 32);
	assert_int_equal(sp_wg_initiation_finish(&opened, &r.remote, &initiation, stamp), 0);
	assert_memory_equal(stamp, field("timestamp").b, sizeof(stamp));
	r.handshake = opened.handshake;
	assert_int_equal(sp_wg_response_create(&r.handshake, &r.remote, field("e_r").b, 0xaabbccdd,
					       &response),
			 0);
	memcpy(r.jar.cookie, field("cookie").b, SP_WG_COOKIE_LEN);
	r.jar.has_cookie = true;
	sp_wg_macs_add(&r.jar, (uint8_t *)&response, sizeof(response), 1);
	assert_memory_equal(&response, field("response").b, sizeof(response));

	assert_true(sp_wg_mac1_check(&i.checker, (uint8_t *)&response, sizeof(response)));
	assert_int_equal(sp_wg_response_consume(&i.handshake, &i.identity, &i.remote, &response),
			 0);
	assert_int_equal(sp_wg_handshake_finish(&i.handshake, &i_keys), 0);
	assert_int_equal(sp_wg_handshake_finish(&r.handshake, &r_keys), 0);
	assert_memory_equal(i_keys.sending, field("to_responder").b, 32);
	assert_memory_equal(r_keys.receiving, field("to_responder").b, 32);
	assert_memory_equal(i_keys.receiving, field("to_initiator").b, 32);
	assert_memory_equal(r_keys.sending, field("to_initiator").b, 32);
	assert_true(i_keys.is_initiator && !r_keys.is_initiator);
	assert_int_equal(i_keys.remote_index, 0xaabbccdd);
	assert_int_equal(r_keys.remote_index, 0x11223344);
	sp_chachapoly_seal(i_keys.sending, 0, NULL, 0, NULL, 0, tag);
	assert_memory_equal(tag, field("data").b + 16, sizeof(tag));
	assert_true(sodium_is_zero((uint8_t *)&i.handshake, sizeof(i.handshake)));
	assert_int_equal(sp_wg_handshake_finish(&i.handshake, &i_keys), -EPROTO);
}

/* Any flipped bit is refused, by the mac or by the handshake, and leaves the state as it was. */
static void damaged_messages_change_nothing(void **state)
{
	struct bytes initiation = field("initiation"), response = field("response");
	struct sp_wg_handshake before;
	struct side i, r;

	(void)state;
	make_sides(&i, &r);
	for (size_t bit = 64; bit < 8 * 116;
	     bit += 5) { /* behind type and index, which noise does not cover */
		struct sp_wg_opened_initiation opened;
		struct sp_wg_initiation message;
		uint8_t stamp[SP_WG_STAMP_LEN];
		int result;

		memcpy(&message, initiation.b, sizeof(message));
		((uint8_t *)&message)[bit / 8] ^= 1u << bit % 8;
		assert_false(sp_wg_mac1_check(&r.checker, (uint8_t *)&message, sizeof(message)));
		result = sp_wg_initiation_open(&r.identity, &message, &opened);
		if (result == 0)
			result = sp_wg_initiation_finish(&opened, &r.remote, &message, stamp);
		if (bit / 8 == 39 &&
		    bit % 8 == 7) /* X25519 does not read this bit, the hash does */
			assert_int_equal(result, -EBADMSG);
		assert_true(result == -EBADMSG || result == -EKEYREJECTED);
	}
	assert_int_equal(sp_wg_initiation_create(&i.handshake, &i.identity, &i.remote,
						 field("e_i").b, 0x11223344, field("timestamp").b,
						 (struct sp_wg_initiation *)initiation.b),
			 0);
	before = i.handshake;
	for (size_t bit = 96; bit < 8 * 60; bit += 3) {
		struct sp_wg_response message;

		memcpy(&message, response.b, sizeof(message));
		((uint8_t *)&message)[bit / 8] ^= 1u << bit % 8;
		assert_true(sp_wg_response_consume(&i.handshake, &i.identity, &i.remote, &message) <
			    0);
		assert_memory_equal(&i.handshake, &before, sizeof(before));
	}
	assert_int_equal(sp_wg_response_consume(&i.handshake, &i.identity, &i.remote,
						(struct sp_wg_response *)response.b),
			 0);
	assert_int_equal(sp_wg_response_consume(&i.handshake, &i.identity, &i.remote,
						(struct sp_wg_response *)response.b),
			 -EPROTO);
}

static void wrong_preshared_key_fails_at_the_response(void **state)
{
	struct bytes response = field("response"), initiation = field("initiation");
	struct side i, r;

	(void)state;
	make_sides(&i, &r);
	i.remote.preshared_key[31] ^= 1;
	assert_int_equal(sp_wg_initiation_create(&i.handshake, &i.identity, &i.remote,
						 field("e_i").b, 0x11223344, field("timestamp").b,
						 (struct sp_wg_initiation *)initiation.b),
			 0);
	assert_int_equal(sp_wg_response_consume(&i.handshake, &i.identity, &i.remote,
						(struct sp_wg_response *)response.b),
			 -EBADMSG);
}

static void low_order_keys_are_refused_everywhere(void **state)
{
	struct bytes initiation = field("initiation"), response = field("response");
	struct sp_wg_opened_initiation opened;
	struct sp_wg_initiation message;
	struct sp_wg_response answer;
	uint8_t stamp[SP_WG_STAMP_LEN];
	struct side i, r;

	(void)state;
	make_sides(&i, &r);
	memset(i.remote.public_key, 0, 32);
	sp_wg_remote_precompute(&i.remote, &i.identity);
	assert_false(i.remote.has_static_static);
	assert_int_equal(sp_wg_initiation_create(&i.handshake, &i.identity, &i.remote,
						 field("e_i").b, 1, field("timestamp").b, &message),
			 -EKEYREJECTED);
	assert_int_equal(i.handshake.state, SP_WG_HANDSHAKE_NONE);

	assert_int_equal(sp_wg_initiation_open(&r.identity, (struct sp_wg_initiation *)initiation.b,
					       &opened),
			 0);
	r.remote.has_static_static = false;
	assert_int_equal(sp_wg_initiation_finish(&opened, &r.remote,
						 (struct sp_wg_initiation *)initiation.b, stamp),
			 -EKEYREJECTED);
	assert_int_equal(sp_wg_response_create(&r.handshake, &r.remote, field("e_r").b, 7, &answer),
			 -EPROTO);
	memset(initiation.b + 8, 0, 32);
	assert_int_equal(sp_wg_initiation_open(&r.identity, (struct sp_wg_initiation *)initiation.b,
					       &opened),
			 -EKEYREJECTED);
	make_sides(&i, &r);
	assert_int_equal(sp_wg_initiation_create(&i.handshake, &i.identity, &i.remote,
						 field("e_i").b, 0x11223344, field("timestamp").b,
						 &message),
			 0);
	memset(response.b + 12, 0, 32);
	assert_int_equal(sp_wg_response_consume(&i.handshake, &i.identity, &i.remote,
						(struct sp_wg_response *)response.b),
			 -EKEYREJECTED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(noise_vectors),
		cmocka_unit_test(the_known_handshake),
		cmocka_unit_test(damaged_messages_change_nothing),
		cmocka_unit_test(wrong_preshared_key_fails_at_the_response),
		cmocka_unit_test(low_order_keys_are_refused_everywhere),
	};

	return sodium_init() < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
