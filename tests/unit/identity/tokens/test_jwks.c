/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Sets of keys: which are taken, which are left out, what makes a whole set useless (row O14 of the attacks,
 * and O4's key that is there twice); and the signatures of the RFCs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "identity/tokens/base64url.h"
#include "identity/tokens/id_token.h"
#include "identity/tokens/jwks.h"
#include "identity/tokens/jws.h"
#include "../minter.h"

SP_DEFINE_CLEANUP(struct sp_jwks *, sp_jwks_free);

#define ALL_ALGORITHMS ((1u << SP_JWS_COUNT) - 1)

/* What is said about a set that is refused; NULL: it is taken, with *@ret_count keys. */
static const char *try_set(const char *text, size_t len, size_t *ret_count)
{
	static struct sp_finding finding;
	__sp_cleanup(sp_jwks_freep) struct sp_jwks *keys = NULL;
	int r = sp_jwks_parse(text, len, &keys, &finding);

	if (r < 0) {
		assert_int_equal(r, -EACCES);
		assert_int_equal(finding.reason, SP_REFUSAL_BAD_KEYS);
		return finding.detail;
	}
	*ret_count = sp_jwks_count(keys);
	return NULL;
}

/* A good RSA key beside it, so that what happens to @jwk alone shows in the count. Takes the reference. */
static bool is_taken(json_t *jwk, const char **ret_said)
{
	__sp_free char *alone = minter_set(json_pack("[O]", jwk));
	__sp_free char *both = minter_set(
		json_pack("[o, o]", jwk, minter_jwk(MINTER_RSA_OTHER, "beside", NULL, NULL)));
	size_t count = 0, alone_count = 0;

	assert_null(try_set(both, strlen(both), &count));
	*ret_said = try_set(alone, strlen(alone), &alone_count);
	assert_int_equal(count, *ret_said ? 1 : 2);
	return !*ret_said;
}

static void only_keys_that_can_be_used_are_taken(void **state)
{
	static const struct {
		const char *name;
		bool taken;
		enum minter_key key;
		const char *set; /* members to set; null: left out */
	} cases[] = {
		{ "RSA", true, MINTER_RSA, "{}" },
		{ "EC", true, MINTER_EC, "{}" },
		{ "Ed25519", true, MINTER_ED, "{}" },
		{ "use sig", true, MINTER_RSA, "{\"use\":\"sig\"}" },
		{ "use enc", false, MINTER_RSA, "{\"use\":\"enc\"}" },
		{ "use a list", false, MINTER_RSA, "{\"use\":[\"sig\"]}" },
		{ "key_ops verify", true, MINTER_RSA, "{\"key_ops\":[\"verify\"]}" },
		{ "key_ops encrypt", false, MINTER_RSA, "{\"key_ops\":[\"encrypt\"]}" },
		{ "alg PS256", true, MINTER_RSA, "{\"alg\":\"PS256\"}" },
		{ "alg of another kind", false, MINTER_RSA, "{\"alg\":\"ES256\"}" },
		{ "alg RSA-OAEP", false, MINTER_RSA, "{\"alg\":\"RSA-OAEP\"}" },
		{ "alg HS256", false, MINTER_RSA, "{\"alg\":\"HS256\"}" },
		{ "no kid", true, MINTER_RSA, "{\"kid\":null}" },
		{ "kid a number", false, MINTER_RSA, "{\"kid\":7}" },
		{ "a certificate nobody looks at", true, MINTER_RSA,
		  "{\"x5c\":[\"MIIB\"],\"x5u\":\"https://x\"}" },
		{ "1024 bits", false, MINTER_RSA_SHORT, "{}" },
		{ "n missing", false, MINTER_RSA, "{\"n\":null}" },
		{ "n empty", false, MINTER_RSA, "{\"n\":\"\"}" },
		{ "n a number", false, MINTER_RSA, "{\"n\":65537}" },
		{ "n of 512 bits", false, MINTER_RSA,
		  "{\"n\":"
		  "\"u0lAlDdLMvaGYYkhqbGa6JPs4v0ztXDnAuF4ZqHyYwM1Zx1yY9vB0h4cLhM4rRkq5TqD2w9S4sYw0C"
		  "0f6xv3ew\"}" },
		{ "e missing", false, MINTER_RSA, "{\"e\":null}" },
		{ "e even", false, MINTER_RSA, "{\"e\":\"AQAA\"}" },
		{ "e 1", false, MINTER_RSA, "{\"e\":\"AQ\"}" },
		{ "e 1 with zeros", false, MINTER_RSA, "{\"e\":\"AAAB\"}" },
		{ "e 3", true, MINTER_RSA, "{\"e\":\"Aw\"}" },
		{ "e padded", false, MINTER_RSA, "{\"e\":\"AQAB=\"}" },
		{ "e as long as n", false, MINTER_RSA, "{\"e\":\"AQABAQABAQABAQAB\"}" },
		{ "P-384", false, MINTER_EC384, "{}" },
		{ "P-384 that says P-256", false, MINTER_EC384, "{\"crv\":\"P-256\"}" },
		{ "no curve", false, MINTER_EC, "{\"crv\":null}" },
		{ "off the curve", false, MINTER_EC,
		  "{\"y\":\"AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE\"}" },
		{ "the point 0, 0", false, MINTER_EC,
		  "{\"x\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\",\"y\":"
		  "\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"}" },
		{ "x too short", false, MINTER_EC, "{\"x\":\"AQAB\"}" },
		{ "y missing", false, MINTER_EC, "{\"y\":null}" },
		{ "Ed25519 of small order", false, MINTER_ED,
		  "{\"x\":\"AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"}" },
		{ "Ed25519 off the curve", false, MINTER_ED,
		  "{\"x\":\"AgAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"}" },
		{ "Ed25519 of 31 bytes", false, MINTER_ED,
		  "{\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHUQ\"}" },
		{ "X25519", false, MINTER_ED, "{\"crv\":\"X25519\"}" },
		{ "a shared secret", false, MINTER_RSA, "{\"kty\":\"oct\",\"k\":\"c2VjcmV0\"}" },
		{ "no kty", false, MINTER_RSA, "{\"kty\":null}" },
		{ "kty rsa", false, MINTER_RSA, "{\"kty\":\"rsa\"}" },
	};

	(void)state;
	for (size_t i = 0; i < SP_ARRAY_LEN(cases); i++) {
		json_t *jwk = minter_jwk(cases[i].key, "k", NULL, NULL);
		json_t *set = json_loads(cases[i].set, 0, NULL), *value;
		const char *member, *said = NULL;

		assert_non_null(set);
		json_object_foreach(set, member, value) {
			if (json_is_null(value))
				json_object_del(jwk, member);
			else
				json_object_set(jwk, member, value);
		}
		json_decref(set);
		if (is_taken(jwk, &said) != cases[i].taken)
			fail_msg("%s: %s", cases[i].name, said ? said : "taken");
	}
}

/* Some providers write n with the sign byte of ASN.1: the same key, and no bits gained by zeros. */
static void a_leading_zero_is_none_of_the_number(void **state)
{
	static const struct {
		enum minter_key key;
		bool taken;
	} cases[] = { { MINTER_RSA, true }, { MINTER_RSA_SHORT, false } };

	(void)state;
	for (size_t i = 0; i < SP_ARRAY_LEN(cases); i++) {
		json_t *jwk = minter_jwk(cases[i].key, "k", NULL, NULL);
		const char *n = json_string_value(json_object_get(jwk, "n")), *said;
		__sp_free uint8_t *bytes = NULL, *zeros = calloc(1, 2048);
		__sp_free char *text = NULL;
		size_t len;

		assert_non_null(zeros);
		assert_int_equal(sp_base64url_decode(n, strlen(n), &bytes, &len), 0);
		memcpy(zeros + 1024, bytes, len);
		text = minter_base64url(zeros + 1023, len + 1);
		json_object_set_new(jwk, "n", json_string(text));
		free(text);
		assert_int_equal(is_taken(json_incref(jwk), &said), cases[i].taken);
		text = minter_base64url(zeros, len + 1024);
		json_object_set_new(jwk, "n", json_string(text));
		assert_int_equal(is_taken(jwk, &said), cases[i].taken);
	}
}

static void sets_that_cannot_be_used_are_refused(void **state)
{
	static const char *const texts[] = {
		"",
		"[]",
		"null",
		"{}",
		"{\"keys\":{}}",
		"{\"keys\":null}",
		"{\"keys\":[]}",
		"{\"keys\":[1]}",
		"{\"keys\":[{}]}",
		"{\"keys\":[],\"keys\":[]}",
		"{\"keys\":[",
		"<html>",
		"{\"keys\":[{\"kty\":\"RSA\",\"kty\":\"EC\"}]}",
	};
	size_t count;

	(void)state;
	for (size_t i = 0; i < SP_ARRAY_LEN(texts); i++)
		if (!try_set(texts[i], strlen(texts[i]), &count))
			fail_msg("taken: %s", texts[i]);
}

static void a_kid_may_be_there_twice(void **state)
{
	__sp_free char *twice =
		minter_set(json_pack("[o, o]", minter_jwk(MINTER_RSA, "k", NULL, NULL),
				     minter_jwk(MINTER_RSA_OTHER, "k", NULL, NULL)));
	/* One for encryption is none of ours, whatever it is called. */
	__sp_free char *other_use =
		minter_set(json_pack("[o, o]", minter_jwk(MINTER_RSA, "k", NULL, "sig"),
				     minter_jwk(MINTER_RSA_OTHER, "k", NULL, "enc")));
	size_t count = 0;

	(void)state;
	assert_null(try_set(twice, strlen(twice), &count));
	assert_int_equal(count, 2);
	assert_null(try_set(other_use, strlen(other_use), &count));
	assert_int_equal(count, 1);
}

static void sets_are_bounded(void **state)
{
	static const size_t counts[] = { SP_JWKS_KEYS_MAX, SP_JWKS_KEYS_MAX + 1 };
	__sp_free char *large = malloc(10u << 20);
	size_t count = 0;

	(void)state;
	for (size_t i = 0; i < SP_ARRAY_LEN(counts); i++) {
		json_t *list = json_array();
		__sp_free char *text = NULL;

		for (size_t n = 0; n < counts[i]; n++) {
			char kid[32];

			snprintf(kid, sizeof(kid), "k%zu", n);
			json_array_append_new(list, minter_jwk(MINTER_ED, kid, NULL, NULL));
		}
		text = minter_set(list);
		assert_int_equal(!try_set(text, strlen(text), &count),
				 counts[i] <= SP_JWKS_KEYS_MAX);
	}
	assert_non_null(large);
	memset(large, ' ', 10u << 20);
	assert_non_null(try_set(large, 10u << 20, &count));
}

static void each_key_that_fits_is_tried(void **state)
{
	static const struct {
		const char *name, *kids[2], *kid;
		enum minter_key keys[2];
		size_t count; /* for RS256 */
	} cases[] = {
		{ "one RSA beside an EC", { "a", "b" }, NULL, { MINTER_RSA, MINTER_EC }, 1 },
		{ "two RSA", { "a", "b" }, NULL, { MINTER_RSA, MINTER_RSA_OTHER }, 2 },
		{ "none", { "a", "b" }, NULL, { MINTER_EC, MINTER_ED }, 0 },
		{ "named", { "a", "b" }, "b", { MINTER_RSA, MINTER_RSA_OTHER }, 1 },
		{ "a kid there twice", { "a", "a" }, "a", { MINTER_RSA, MINTER_RSA_OTHER }, 2 },
		{ "a kid there twice, of two kinds",
		  { "a", "a" },
		  "a",
		  { MINTER_EC, MINTER_RSA },
		  1 },
	};

	(void)state;
	for (size_t i = 0; i < SP_ARRAY_LEN(cases); i++) {
		__sp_free char *text = minter_set(json_pack(
			"[o, o]", minter_jwk(cases[i].keys[0], cases[i].kids[0], NULL, NULL),
			minter_jwk(cases[i].keys[1], cases[i].kids[1], NULL, NULL)));
		__sp_cleanup(sp_jwks_freep) struct sp_jwks *keys = NULL;
		struct sp_finding finding = { 0 };
		const struct sp_jwk *key = NULL;

		assert_int_equal(sp_jwks_parse(text, strlen(text), &keys, &finding), 0);
		sp_jwks_find(keys, cases[i].kid, SP_JWS_RS256, &key, &finding);
		assert_int_equal(finding.reason,
				 cases[i].count ? SP_REFUSAL_NONE : SP_REFUSAL_UNKNOWN_KEY);
		for (size_t n = 0; n < cases[i].count; n++) {
			assert_non_null(key);
			key = sp_jwks_next(keys, cases[i].kid, SP_JWS_RS256, key);
		}
		assert_null(key);
	}
}

/* RFC 7515, A.2 and A.3; RFC 8037, A.4. Their A.1 (a shared secret) and A.5 (none) are no signatures here. */
static void the_signatures_of_the_rfcs_are_good(void **state)
{
	static const struct {
		const char *source, *jwk, *token;
		enum sp_refusal_reason reason;
	} vectors[] = {
		{ "RFC 7515, A.2",
		  "{\"kty\":\"RSA\",\"n\":\"ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_"
		  "wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJ"
		  "PMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_"
		  "7OMg0LOL-bSf63kpaSHSXndS5z5re"
		  "xMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_"
		  "I5IhlJH7aGhyxXFvUK-DWNmoud"
		  "F8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ\",\"e\":\"AQAB\"}",
		  "eyJhbGciOiJSUzI1NiJ9."
		  "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19y"
		  "b290"
		  "Ijp0cnVlfQ.cC4hiUPoj9Eetdgtv3hF80EGrhuB__"
		  "dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5ju"
		  "jGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_"
		  "nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB"
		  "_eSN9383LcOLn6_dO--xi12jzDwusC-"
		  "eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXL"
		  "IhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw",
		  SP_REFUSAL_NONE },
		{ "RFC 7515, A.3",
		  "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":"
		  "\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\","
		  "\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\"}",
		  "eyJhbGciOiJFUzI1NiJ9."
		  "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19y"
		  "b290"
		  "Ijp0cnVlfQ.DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-"
		  "F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q",
		  SP_REFUSAL_NONE },
		{ "RFC 8037, A.4",
		  "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"11qYAYKxCrfVS_"
		  "7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}",
		  "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.hgyY0il_"
		  "MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhi"
		  "jcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg",
		  SP_REFUSAL_NONE },
		{ "RFC 7515, A.1",
		  "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"11qYAYKxCrfVS_"
		  "7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}",
		  "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9."
		  "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFt"
		  "cGxlLmNvbS9pc19yb290Ijp0cnVlfQ.dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk",
		  SP_REFUSAL_BAD_ALGORITHM },
		{ "RFC 7515, A.5",
		  "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"11qYAYKxCrfVS_"
		  "7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}",
		  "eyJhbGciOiJub25lIn0."
		  "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19y"
		  "b290"
		  "Ijp0cnVlfQ.",
		  SP_REFUSAL_BAD_ALGORITHM },
	};

	(void)state;
	for (size_t i = 0; i < SP_ARRAY_LEN(vectors); i++) {
		__sp_cleanup(sp_jwks_freep) struct sp_jwks *keys = NULL;
		__sp_jws struct sp_jws jws = { 0 };
		__sp_free char *set = NULL;
		struct sp_finding finding = { 0 };
		const struct sp_jwk *key = NULL;
		int r;

		assert_true(asprintf(&set, "{\"keys\":[%s]}", vectors[i].jwk) > 0);
		assert_int_equal(sp_jwks_parse(set, strlen(set), &keys, &finding), 0);
		r = sp_jws_parse(vectors[i].token, strlen(vectors[i].token), ALL_ALGORITHMS, &jws,
				 &finding);
		assert_int_equal(finding.reason, vectors[i].reason);
		if (r < 0)
			continue;
		assert_int_equal(sp_jwks_find(keys, jws.kid, jws.algorithm, &key, &finding), 0);
		if (sp_jws_verify(&jws, key) != 0)
			fail_msg("%s", vectors[i].source);
		jws.signature[9] ^=
			1; /* Ed25519 is verified from here, the others from the token itself */
		if (jws.algorithm == SP_JWS_EDDSA)
			assert_int_equal(sp_jws_verify(&jws, key), -EBADMSG);
	}
}

static int start(void **state)
{
	(void)state;
	minter_start();
	return 0;
}

static int stop(void **state)
{
	(void)state;
	minter_stop();
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_keys_that_can_be_used_are_taken),
		cmocka_unit_test(a_leading_zero_is_none_of_the_number),
		cmocka_unit_test(sets_that_cannot_be_used_are_refused),
		cmocka_unit_test(a_kid_may_be_there_twice),
		cmocka_unit_test(sets_are_bounded),
		cmocka_unit_test(each_key_that_fits_is_tried),
		cmocka_unit_test(the_signatures_of_the_rfcs_are_good),
	};

	return cmocka_run_group_tests_name("identity-jwks", tests, start, stop);
}
