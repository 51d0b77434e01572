/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A signed token in compact form, taken apart and its header judged; nothing in it is believed yet.
 * What a header says about where keys are (jku, jwk, x5u, x5c) is not even looked at.
 * Sources: RFC 7515, 3.1, 4.1, 7.1; RFC 8725. */
#ifndef SALLYPORT_IDENTITY_JWS_H
#define SALLYPORT_IDENTITY_JWS_H

#include <stddef.h>
#include <stdint.h>

#include "identity/provider.h"
#include "identity/refusal.h"
#include "json/strict.h"

struct sp_jwk;

#define SP_JWS_KID_MAX 255u

struct sp_jws {
	const char *token; /* borrowed */
	size_t token_len;
	size_t signed_len; /* of @token: header and payload, which is what was signed */
	json_t *header;
	enum sp_jws_algorithm algorithm;
	const char *kid;  /* in @header; NULL: none */
	uint8_t *payload; /* a NUL behind it */
	size_t payload_len;
	uint8_t *signature;
	size_t signature_len;
};

/* Free what it holds; empty afterwards. */
void sp_jws_done(struct sp_jws *jws);
#define __sp_jws __sp_cleanup(sp_jws_done)

/* @algorithms  bits of enum sp_jws_algorithm: what may have signed it. @token outlives @ret_jws.
 * Returns 0, caller runs _done; -EACCES @finding says why; -ENOMEM. */
int sp_jws_parse(const char *token, size_t len, uint32_t algorithms, struct sp_jws *ret_jws,
		 struct sp_finding *finding);

/* "RS256"; NULL for none of ours. */
const char *sp_jws_algorithm_name(enum sp_jws_algorithm algorithm);
#define SP_JWS_LIST_MAX 40
/* "RS256, ES256" for those bits, in @buf of @size (SP_JWS_LIST_MAX is enough for all). Returns
 * @buf. */
char *sp_jws_algorithm_list(uint32_t algorithms, char *buf, size_t size);
/* Returns 0; -ENOENT none of ours (they are case-sensitive). "Ed25519" is EdDSA (RFC 9864). */
int sp_jws_algorithm_find(const char *name, enum sp_jws_algorithm *ret_algorithm);

/* Whether @key, which fits the algorithm (jwks.h), made this signature.
 * Returns 0; -EBADMSG it did not; -ENOMEM. */
int sp_jws_verify(const struct sp_jws *jws, const struct sp_jwk *key);

#endif
