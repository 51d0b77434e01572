/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The signature itself: by cjose, and by OpenSSL for Ed25519, which cjose does not know. The caller
 * has matched algorithm and key; cjose would not. */
#include <cjose/jws.h>
#include <errno.h>
#include <openssl/err.h>

#include "identity/tokens/jwks.h"
#include "identity/tokens/jws.h"

static int verify_by_cjose(const struct sp_jws *jws, cjose_jwk_t *key)
{
	cjose_jws_t *parsed = cjose_jws_import(jws->token, jws->token_len, NULL);
	const bool is_good = parsed && cjose_jws_verify(parsed, key, NULL);

	cjose_jws_release(parsed);
	return is_good ? 0 : -EBADMSG;
}

static int verify_by_openssl(const struct sp_jws *jws, EVP_PKEY *key)
{
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	bool is_good;

	if (!context)
		return -ENOMEM;
	is_good = EVP_DigestVerifyInit(context, NULL, NULL, NULL, key) == 1 &&
		  EVP_DigestVerify(context, jws->signature, jws->signature_len,
				   (const uint8_t *)jws->token, jws->signed_len) == 1;
	EVP_MD_CTX_free(context);
	return is_good ? 0 : -EBADMSG;
}

int sp_jws_verify(const struct sp_jws *jws, const struct sp_jwk *key)
{
	int r;

	/* A signature is accepted in one form only: cjose takes an RSA signature without its
	 * leading zeros, and splits an ECDSA signature of any length in halves. */
	if (jws->signature_len != key->signature_len)
		return -EBADMSG;
	r = key->evp ? verify_by_openssl(jws, key->evp) : verify_by_cjose(jws, key->jose);
	/* Leave no error in OpenSSL's queue: the next user of OpenSSL would take it for its own */
	ERR_clear_error();
	return r;
}
