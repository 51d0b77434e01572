/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A JWK becomes a key. We look at every member ourselves and hand cjose bare numbers: its own reader
 * takes short keys, keys for encryption and private ones. */
#include <errno.h>
#include <openssl/err.h>
#include <sodium.h>

#include "identity/base64url.h"
#include "identity/jwks.h"
#include "identity/jws.h"

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

/* Give up on a key: none of ours may be left in OpenSSL's queue for the next one who looks there. */
static int unusable(const char **ret_why, const char *why)
{
	ERR_clear_error();
	*ret_why = why;
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

static int read_rsa(const json_t *object, struct sp_jwk *key, const char **ret_why)
{
	__sp_free uint8_t *n = NULL, *e = NULL;
	size_t n_len, e_len, zeros = 0;
	cjose_jwk_rsa_keyspec spec = { 0 };
	int r;

	r = read_bytes(object, "n", &n, &n_len);
	if (r == 0)
		r = read_bytes(object, "e", &e, &e_len);
	if (r < 0)
		return r == -EBADMSG ? unusable(ret_why, "n or e is missing or broken") : r;
	while (zeros < n_len && n[zeros] == 0) /* some write a sign byte; it is none of the number */
		zeros++;
	if (n_len - zeros < RSA_BYTES_MIN || (n_len - zeros == RSA_BYTES_MIN && n[zeros] < 0x80))
		return unusable(ret_why, "an RSA key of less than 2048 bits");
	if (n_len - zeros > RSA_BYTES_MAX)
		return unusable(ret_why, "an RSA key of more than 8192 bits");
	if (!(n[n_len - 1] & 1))
		return unusable(ret_why, "an even RSA modulus");
	if (e_len < 1 || e_len > RSA_EXPONENT_BYTES_MAX || !(e[e_len - 1] & 1) ||
	    (e[e_len - 1] == 1 && sodium_is_zero(e, e_len - 1)))
		return unusable(ret_why, "an RSA exponent that is even, 1 or too long");
	spec.n = n + zeros;
	spec.nlen = n_len - zeros;
	spec.e = e;
	spec.elen = e_len;
	key->jose = cjose_jwk_create_RSA_spec(&spec, NULL);
	if (!key->jose)
		return unusable(ret_why, "an RSA key that cannot be used");
	key->signature_len = spec.nlen;
	key->algorithms = BIT(RS256) | BIT(PS256);
	return 0;
}

static int read_ec(const json_t *object, struct sp_jwk *key, const char **ret_why)
{
	const char *curve = sp_strict_json_text(object, "crv");
	__sp_free uint8_t *x = NULL, *y = NULL;
	size_t x_len, y_len;
	cjose_jwk_ec_keyspec spec = { .crv = CJOSE_JWK_EC_P_256 };
	int r;

	if (!curve || strcmp(curve, "P-256") != 0)
		return unusable(ret_why, "a curve other than P-256");
	r = read_bytes(object, "x", &x, &x_len);
	if (r == 0)
		r = read_bytes(object, "y", &y, &y_len);
	if (r < 0)
		return r == -EBADMSG ? unusable(ret_why, "x or y is missing or broken") : r;
	if (x_len != P256_BYTES || y_len != P256_BYTES)
		return unusable(ret_why, "a coordinate that is not 32 bytes");
	spec.x = x;
	spec.xlen = x_len;
	spec.y = y;
	spec.ylen = y_len;
	key->jose = cjose_jwk_create_EC_spec(&spec, NULL); /* refuses what is not on the curve */
	if (!key->jose)
		return unusable(ret_why, "a point that is not on its curve");
	key->signature_len = 2 * P256_BYTES;
	key->algorithms = BIT(ES256);
	return 0;
}

static int read_okp(const json_t *object, struct sp_jwk *key, const char **ret_why)
{
	const char *curve = sp_strict_json_text(object, "crv");
	__sp_free uint8_t *x = NULL;
	size_t x_len;
	int r;

	if (!curve || strcmp(curve, "Ed25519") != 0)
		return unusable(ret_why, "a curve other than Ed25519");
	r = read_bytes(object, "x", &x, &x_len);
	if (r < 0)
		return r == -EBADMSG ? unusable(ret_why, "x is missing or broken") : r;
	/* OpenSSL takes any 32 bytes; points of small order verify signatures nobody made. */
	if (x_len != ED25519_BYTES || !crypto_core_ed25519_is_valid_point(x))
		return unusable(ret_why, "a point that is not on its curve");
	key->evp = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, x, x_len);
	if (!key->evp)
		return unusable(ret_why, "an Ed25519 key that cannot be used");
	key->signature_len = 64;
	key->algorithms = BIT(EDDSA);
	return 0;
}

/* `use`, `key_ops` and `alg` narrow what the key is for. Returns NULL or why it is of no use here. */
static const char *read_purpose(const json_t *object, struct sp_jwk *key)
{
	const json_t *use = json_object_get(object, "use"), *ops = json_object_get(object, "key_ops");
	const json_t *alg = json_object_get(object, "alg"), *op;
	enum sp_jws_algorithm algorithm;
	bool may_verify = false;
	size_t i;

	if (use && (!json_is_string(use) || strcmp(json_string_value(use), "sig") != 0))
		return "its use is not sig";
	json_array_foreach(ops, i, op)
		may_verify |= json_is_string(op) && strcmp(json_string_value(op), "verify") == 0;
	if (ops && !may_verify)
		return "its key_ops are not verify";
	if (!alg)
		return NULL;
	if (!json_is_string(alg) || sp_jws_algorithm_find(json_string_value(alg), &algorithm) < 0 ||
	    !(key->algorithms & (1u << algorithm)))
		return "its alg is none of ours, or another key type's";
	key->algorithms = 1u << algorithm;
	return NULL;
}

static int read_kid(const json_t *object, struct sp_jwk *key, const char **ret_why)
{
	const json_t *kid = json_object_get(object, "kid");

	if (!kid)
		return 0;
	if (!json_is_string(kid) || json_string_length(kid) > SP_JWS_KID_MAX)
		return unusable(ret_why, "its kid is no text of at most 255 bytes");
	key->kid = strdup(json_string_value(kid));
	return key->kid ? 0 : -ENOMEM;
}

int sp_jwk_read(const void *json_object, struct sp_jwk *ret_key, const char **ret_why)
{
	__sp_cleanup(sp_jwk_done) struct sp_jwk key = { 0 };
	const json_t *object = json_object;
	const char *kty = sp_strict_json_text(object, "kty"), *why;
	int r;

	if (!kty)
		return unusable(ret_why, "no kty");
	if (strcmp(kty, "RSA") == 0)
		r = read_rsa(object, &key, ret_why);
	else if (strcmp(kty, "EC") == 0)
		r = read_ec(object, &key, ret_why);
	else if (strcmp(kty, "OKP") == 0)
		r = read_okp(object, &key, ret_why);
	else
		r = unusable(ret_why, "a kind of key that signs no tokens here");
	if (r < 0)
		return r;
	why = read_purpose(object, &key);
	if (why)
		return unusable(ret_why, why);
	r = read_kid(object, &key, ret_why);
	if (r < 0)
		return r;
	*ret_key = key;
	key = (struct sp_jwk){ 0 };
	return 0;
}
