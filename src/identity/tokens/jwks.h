/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One key of a provider, ready to verify with. The set itself: id_token.h.
 * Sources: RFC 7517, 4; RFC 7518, 6; RFC 8037, 2. */
#ifndef SALLYPORT_IDENTITY_JWKS_H
#define SALLYPORT_IDENTITY_JWKS_H

#include <cjose/jwk.h>
#include <openssl/evp.h>
#include <stddef.h>
#include <stdint.h>

#include "identity/tokens/id_token.h"

struct sp_jwk {
	char *kid;            /* NULL: none */
	uint32_t algorithms;  /* bits of enum sp_jws_algorithm: what it may verify */
	size_t signature_len; /* of each signature it makes */
	cjose_jwk_t *jose;    /* RSA, EC */
	EVP_PKEY *evp;        /* Ed25519, which cjose does not know */
};

/* The first key @kid names, or without a kid the first there is, that fits the algorithm. Returns
 * 0, borrowed; -EACCES @finding: SP_REFUSAL_UNKNOWN_KEY, or SP_REFUSAL_BAD_ALGORITHM the key is not
 * for that algorithm. */
int sp_jwks_find(const struct sp_jwks *keys, const char *kid, unsigned algorithm,
		 const struct sp_jwk **ret_key, struct sp_finding *finding);

/* The next key after @key that fits; NULL: there is none. A set may have a kid twice. */
const struct sp_jwk *sp_jwks_next(const struct sp_jwks *keys, const char *kid, unsigned algorithm,
				  const struct sp_jwk *key);

/* ---- between jwks.c and jwk.c ---- */

#define SP_JWK_WHY_MAX 96

/* Make a key of a JWK (a json_t object). Returns 0; -ENOENT it cannot be used (@why says why);
 * -ENOMEM. */
int sp_jwk_read(const void *json_object, struct sp_jwk *ret_key, char why[SP_JWK_WHY_MAX]);
/* Free what it holds; empty afterwards. */
void sp_jwk_done(struct sp_jwk *key);

#endif
