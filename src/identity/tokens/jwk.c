/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Turn a JWK into a key. Every member is checked here and cjose gets bare numbers only: its own
 * reader accepts short keys, encryption keys and private keys. */
#include <errno.h>
#include <openssl/err.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>

#include "identity/tokens/base64url.h"
#include "identity/tokens/jwks.h"
#include "identity/tokens/jws.h"

#define RSA_BYTES_MIN 256u
#define RSA_BYTES_MAX 1024u
#define RSA_EXPONENT_BYTES_MAX 8u
#define P256_BYTES 32u
#define ED25519_BYTES 32u

#define BIT(algorithm) (1u << SP_JWS_##algorithm)

void sp_jwk_done(struct sp_jwk *key)
{
	free(key->kid);
	cjose_jwk_release(key->jose);
	EVP_PKEY_free(key->evp);
	*key = (struct sp_jwk){ 0 };
}

/* Refuse a key. Take our errors off OpenSSL's queue, or its next user finds them. */
static int __attribute__((format(printf, 2, 3))) unusable(char why[SP_JWK_WHY_MAX],
							  const char *format, ...)
{
	va_list args;

	ERR_clear_error();
	va_start(args, format);
	vsnprintf(why, SP_JWK_WHY_MAX, format, args);
	va_end(args);
	return -ENOENT;
}

/* The bytes of member @name. Returns 0; -EBADMSG missing or no base64url; -ENOMEM. */
static int read_bytes(const json_t *object, const char *name, uint8_t **ret_bytes, size_t *ret_len)
{
	const json_t *value = json_object_get(object, name);

	if (!json_is_string(value))
		return -EBADMSG;
	return sp_base64url_decode(json_string_value(value), json_string_length(value), ret_bytes,
				   ret_len);
}

static int read_rsa(const json_t *object, struct sp_jwk *key, char why[SP_JWK_WHY_MAX])
{
	__sp_free uint8_t *n = NULL, *e = NULL;
	size_t n_len, e_len, zeros = 0;
	cjose_jwk_rsa_keyspec spec = { 0 };
	int r;

	r = read_bytes(object, "n", &n, &n_len);
	if (r == 0)
		r = read_bytes(object, "e", &e, &e_len);
	if (r < 0)
		return r == -EBADMSG ? unusable(why, "n or e is missing or broken") : r;
	while (zeros < n_len &&
	       n[zeros] == 0) /* some write a leading sign byte, which is not part of the number */
		zeros++;
	if (n_len - zeros < RSA_BYTES_MIN || (n_len - zeros == RSA_BYTES_MIN && n[zeros] < 0x80))
		return unusable(why, "an RSA key of less than 2048 bits");
	if (n_len - zeros > RSA_BYTES_MAX)
		return unusable(why, "an RSA key of more than 8192 bits");
	if (!(n[n_len - 1] & 1))
		return unusable(why, "an even RSA modulus");
	if (e_len < 1 || e_len > RSA_EXPONENT_BYTES_MAX || !(e[e_len - 1] & 1) ||
	    (e[e_len - 1] == 1 && sodium_is_zero(e, e_len - 1)))
		return unusable(why, "an RSA exponent that is even, 1 or too long");
	spec.n = n + zeros;
	spec.nlen = n_len - zeros;
	spec.e = e;
	spec.elen = e_len;
	key->jose = cjose_jwk_create_RSA_spec(&spec, NULL);
	if (!key->jose)
		return unusable(why, "an RSA key that cannot be used");
	key->signature_len = spec.nlen;
	key->algorithms = BIT(RS256) | BIT(PS256);
	return 0;
}

static int read_ec(const json_t *object, struct sp_jwk *key, char why[SP_JWK_WHY_MAX])
{
	const char *curve = sp_strict_json_text(object, "crv");
	__sp_free uint8_t *x = NULL, *y = NULL;
	size_t x_len, y_len;
	cjose_jwk_ec_keyspec spec = { .crv = CJOSE_JWK_EC_P_256 };
	int r;

	if (!curve || strcmp(curve, "P-256") != 0)
		return unusable(why, "the curve \"%.16s\"; of EC P-256 is taken",
				curve ? curve : "");
	r = read_bytes(object, "x", &x, &x_len);
	if (r == 0)
		r = read_bytes(object, "y", &y, &y_len);
	if (r < 0)
		return r == -EBADMSG ? unusable(why, "x or y is missing or broken") : r;
	if (x_len != P256_BYTES || y_len != P256_BYTES)
		return unusable(why, "a coordinate that is not 32 bytes");
	spec.x = x;
	spec.xlen = x_len;
	spec.y = y;
	spec.ylen = y_len;
	/* Refuses a point that is not on the curve */
	key->jose = cjose_jwk_create_EC_spec(&spec, NULL);
	if (!key->jose)
		return unusable(why, "a point that is not on its curve");
	key->signature_len = 2 * P256_BYTES;
	key->algorithms = BIT(ES256);
	return 0;
}

static int read_okp(const json_t *object, struct sp_jwk *key, char why[SP_JWK_WHY_MAX])
{
	const char *curve = sp_strict_json_text(object, "crv");
	__sp_free uint8_t *x = NULL;
	size_t x_len;
	int r;

	if (!curve || strcmp(curve, "Ed25519") != 0)
		return unusable(why, "the curve \"%.16s\"; of OKP Ed25519 is taken",
				curve ? curve : "");
	r = read_bytes(object, "x", &x, &x_len);
	if (r < 0)
		return r == -EBADMSG ? unusable(why, "x is missing or broken") : r;
	/* OpenSSL takes any 32 bytes as a key. With a point of small order, signatures verify that
	 * nobody made. */
	if (x_len != ED25519_BYTES || !crypto_core_ed25519_is_valid_point(x))
		return unusable(why, "a point that is not on its curve");
	key->evp = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, x, x_len);
	if (!key->evp)
		return unusable(why, "an Ed25519 key that cannot be used");
	key->signature_len = 64;
	key->algorithms = BIT(EDDSA);
	return 0;
}

/* `use` and `key_ops` say what the key may be used for. */
static int check_use(const json_t *object, char why[SP_JWK_WHY_MAX])
{
	const json_t *use = sp_strict_json_value(object, "use"),
		     *ops = sp_strict_json_value(object, "key_ops"), *op;
	bool may_verify = false;
	size_t i;

	if (use && (!json_is_string(use) || strcmp(json_string_value(use), "sig") != 0))
		return unusable(why, "its use is not sig");
	json_array_foreach(ops, i, op)
		may_verify |= json_is_string(op) && strcmp(json_string_value(op), "verify") == 0;
	return ops && !may_verify ? unusable(why, "its key_ops are not verify") : 0;
}

/* `alg` narrows the algorithms the key verifies. */
static int read_algorithm(const json_t *object, uint32_t *ret_algorithms, char why[SP_JWK_WHY_MAX])
{
	const json_t *alg = sp_strict_json_value(object, "alg");
	enum sp_jws_algorithm algorithm;
	char taken[SP_JWS_LIST_MAX];

	*ret_algorithms = UINT32_MAX;
	if (!alg)
		return 0;
	if (!json_is_string(alg) || sp_jws_algorithm_find(json_string_value(alg), &algorithm) < 0)
		return unusable(why, "its alg is \"%.16s\"; taken are %s",
				json_is_string(alg) ? json_string_value(alg) : "(no text)",
				sp_jws_algorithm_list(UINT32_MAX, taken, sizeof(taken)));
	*ret_algorithms = 1u << algorithm;
	return 0;
}

static int read_kid(const json_t *object, struct sp_jwk *key, char why[SP_JWK_WHY_MAX])
{
	const json_t *kid = sp_strict_json_value(object, "kid");

	if (!kid)
		return 0;
	if (!json_is_string(kid) || json_string_length(kid) > SP_JWS_KID_MAX)
		return unusable(why, "its kid is no text of at most 255 bytes");
	key->kid = strdup(json_string_value(kid));
	return key->kid ? 0 : -ENOMEM;
}

static int read_kind(const json_t *object, struct sp_jwk *key, char why[SP_JWK_WHY_MAX])
{
	const char *kty = sp_strict_json_text(object, "kty");

	if (!kty)
		return unusable(why, "no kty");
	if (strcmp(kty, "RSA") == 0)
		return read_rsa(object, key, why);
	if (strcmp(kty, "EC") == 0)
		return read_ec(object, key, why);
	if (strcmp(kty, "OKP") == 0)
		return read_okp(object, key, why);
	return unusable(why, "its kty is \"%.16s\"; taken are RSA, EC, OKP", kty);
}

int sp_jwk_read(const void *json_object, struct sp_jwk *ret_key, char why[SP_JWK_WHY_MAX])
{
	__sp_cleanup(sp_jwk_done) struct sp_jwk key = { 0 };
	const json_t *object = json_object;
	uint32_t algorithms = UINT32_MAX;
	int r = check_use(object, why);

	if (r == 0)
		r = read_algorithm(object, &algorithms, why);
	if (r == 0)
		r = read_kind(object, &key, why);
	if (r < 0)
		return r;
	key.algorithms &= algorithms;
	if (!key.algorithms)
		return unusable(why, "its alg is another key type's");
	r = read_kid(object, &key, why);
	if (r < 0)
		return r;
	*ret_key = key;
	key = (struct sp_jwk){ 0 };
	return 0;
}
