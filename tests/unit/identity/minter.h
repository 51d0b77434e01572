/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A provider of our own that signs whatever it is told to, well or badly. Keys are made at the start. */
#ifndef SALLYPORT_TEST_MINTER_H
#define SALLYPORT_TEST_MINTER_H

#include <jansson.h>
#include <openssl/evp.h>
#include <stddef.h>

enum minter_key {
	MINTER_RSA,       /* kid rsa */
	MINTER_RSA_OTHER, /* not in the set */
	MINTER_RSA_SHORT, /* 1024 bits */
	MINTER_EC,        /* kid ec */
	MINTER_EC384,
	MINTER_ED, /* kid ed */
	MINTER_KEY_COUNT,
};

void minter_start(void);
void minter_stop(void);
EVP_PKEY *minter_key(enum minter_key which);

/* A JWK of the public key; NULL members are left out. */
json_t *minter_jwk(enum minter_key which, const char *kid, const char *alg, const char *use);
/* A set of rsa, ec and ed; malloc'ed. */
char *minter_jwks(void);
/* {"keys": @keys} as text, malloc'ed; takes the reference. */
char *minter_set(json_t *keys);

/* base64url, malloc'ed. */
char *minter_base64url(const void *bytes, size_t len);
/* Any header and payload, signed by @key as @alg says: RS256 PS256 ES256 EdDSA; "none": an empty
 * signature; "HS256": with @secret. Malloc'ed. */
char *minter_sign(const char *header, const char *payload, size_t payload_len, const char *alg,
		  enum minter_key key, const char *secret);

#endif
