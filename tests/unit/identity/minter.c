/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "minter.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/hmac.h>
#include <openssl/rsa.h>
#include <sodium.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

static EVP_PKEY *keys[MINTER_KEY_COUNT];

static void must(bool holds)
{
	if (!holds)
		abort();
}

void minter_start(void)
{
	must(sodium_init() >= 0);
	keys[MINTER_RSA] = EVP_RSA_gen(2048);
	keys[MINTER_RSA_OTHER] = EVP_RSA_gen(2048);
	keys[MINTER_RSA_SHORT] = EVP_RSA_gen(1024);
	keys[MINTER_EC] = EVP_EC_gen("P-256");
	keys[MINTER_EC384] = EVP_EC_gen("P-384");
	keys[MINTER_ED] = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	for (int i = 0; i < MINTER_KEY_COUNT; i++)
		must(keys[i] != NULL);
}

void minter_stop(void)
{
	for (int i = 0; i < MINTER_KEY_COUNT; i++)
		EVP_PKEY_free(keys[i]);
}

EVP_PKEY *minter_key(enum minter_key which)
{
	return keys[which];
}

char *minter_base64url(const void *bytes, size_t len)
{
	const size_t size =
		sodium_base64_encoded_len(len, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
	char *text = malloc(size);

	must(text != NULL);
	return sodium_bin2base64(text, size, bytes, len, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
}

static void put_number(json_t *jwk, const char *member, EVP_PKEY *key, const char *param, int size)
{
	unsigned char bytes[1024];
	BIGNUM *number = NULL;
	__sp_free char *text = NULL;
	int len;

	must(EVP_PKEY_get_bn_param(key, param, &number) == 1);
	len = size ? BN_bn2binpad(number, bytes, size) : BN_bn2bin(number, bytes);
	must(len > 0);
	text = minter_base64url(bytes, (size_t)len);
	json_object_set_new(jwk, member, json_string(text));
	BN_free(number);
}

json_t *minter_jwk(enum minter_key which, const char *kid, const char *alg, const char *use)
{
	EVP_PKEY *key = keys[which];
	json_t *jwk = json_object();
	unsigned char raw[32];
	size_t len = sizeof(raw);

	if (EVP_PKEY_is_a(key, "RSA")) {
		json_object_set_new(jwk, "kty", json_string("RSA"));
		put_number(jwk, "n", key, OSSL_PKEY_PARAM_RSA_N, 0);
		put_number(jwk, "e", key, OSSL_PKEY_PARAM_RSA_E, 0);
	} else if (EVP_PKEY_is_a(key, "EC")) {
		const bool is_p256 = which == MINTER_EC;

		json_object_set_new(jwk, "kty", json_string("EC"));
		json_object_set_new(jwk, "crv", json_string(is_p256 ? "P-256" : "P-384"));
		put_number(jwk, "x", key, OSSL_PKEY_PARAM_EC_PUB_X, is_p256 ? 32 : 48);
		put_number(jwk, "y", key, OSSL_PKEY_PARAM_EC_PUB_Y, is_p256 ? 32 : 48);
	} else {
		__sp_free char *text = NULL;

		must(EVP_PKEY_get_raw_public_key(key, raw, &len) == 1);
		text = minter_base64url(raw, len);
		json_object_set_new(jwk, "kty", json_string("OKP"));
		json_object_set_new(jwk, "crv", json_string("Ed25519"));
		json_object_set_new(jwk, "x", json_string(text));
	}
	if (kid)
		json_object_set_new(jwk, "kid", json_string(kid));
	if (alg)
		json_object_set_new(jwk, "alg", json_string(alg));
	if (use)
		json_object_set_new(jwk, "use", json_string(use));
	return jwk;
}

char *minter_set(json_t *list)
{
	json_t *set = json_pack("{s:o}", "keys", list);
	char *text = json_dumps(set, JSON_COMPACT);

	must(text != NULL);
	json_decref(set);
	return text;
}

char *minter_jwks(void)
{
	return minter_set(json_pack("[o, o, o]", minter_jwk(MINTER_RSA, "rsa", NULL, "sig"),
				    minter_jwk(MINTER_EC, "ec", "ES256", NULL),
				    minter_jwk(MINTER_ED, "ed", "EdDSA", "sig")));
}

/* DER to the two numbers side by side, which is what JOSE wants (RFC 7518, 3.4). */
static size_t flatten(unsigned char *signature, size_t len, int number_len)
{
	const unsigned char *der = signature;
	ECDSA_SIG *pair = d2i_ECDSA_SIG(NULL, &der, (long)len);

	must(pair != NULL);
	must(BN_bn2binpad(ECDSA_SIG_get0_r(pair), signature, number_len) == number_len);
	must(BN_bn2binpad(ECDSA_SIG_get0_s(pair), signature + number_len, number_len) ==
	     number_len);
	ECDSA_SIG_free(pair);
	return 2 * (size_t)number_len;
}

static size_t sign(const char *input, const char *alg, EVP_PKEY *key, unsigned char signature[1024])
{
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	EVP_PKEY_CTX *options;
	size_t len = 1024;
	const bool is_ed = strcmp(alg, "EdDSA") == 0;

	must(EVP_DigestSignInit(context, &options, is_ed ? NULL : EVP_sha256(), NULL, key) == 1);
	if (strcmp(alg, "PS256") == 0)
		must(EVP_PKEY_CTX_set_rsa_padding(options, RSA_PKCS1_PSS_PADDING) == 1 &&
		     EVP_PKEY_CTX_set_rsa_pss_saltlen(options, RSA_PSS_SALTLEN_DIGEST) == 1);
	must(EVP_DigestSign(context, signature, &len, (const unsigned char *)input,
			    strlen(input)) == 1);
	EVP_MD_CTX_free(context);
	if (EVP_PKEY_is_a(key, "EC"))
		len = flatten(signature, len, (EVP_PKEY_get_bits(key) + 7) / 8);
	return len;
}

char *minter_sign(const char *header, const char *payload, size_t payload_len, const char *alg,
		  enum minter_key key, const char *secret)
{
	__sp_free char *head = minter_base64url(header, strlen(header));
	__sp_free char *body = minter_base64url(payload, payload_len);
	__sp_free char *input = NULL, *tail = NULL;
	unsigned char signature[1024];
	unsigned int hmac_len;
	size_t len = 0;
	char *token;

	must(asprintf(&input, "%s.%s", head, body) > 0);
	if (strcmp(alg, "HS256") == 0) {
		must(HMAC(EVP_sha256(), secret, (int)strlen(secret), (unsigned char *)input,
			  strlen(input), signature, &hmac_len) != NULL);
		len = hmac_len;
	} else if (strcmp(alg, "none") != 0) {
		len = sign(input, alg, keys[key], signature);
	}
	tail = minter_base64url(signature, len);
	must(asprintf(&token, "%s.%s", input, tail) > 0);
	return token;
}
