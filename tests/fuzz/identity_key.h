/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A provider's key for fuzzers: the one of RFC 8037, A.1, so that what lies behind a good signature is
 * reached, too. */
#ifndef SALLYPORT_FUZZ_IDENTITY_KEY_H
#define SALLYPORT_FUZZ_IDENTITY_KEY_H

#include <sodium.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define IDENTITY_KEYS                                                                              \
	"{\"keys\":[{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"kid\":\"k\","                           \
	"\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}]}"
#define IDENTITY_HEADER "{\"alg\":\"EdDSA\",\"kid\":\"k\"}"

static inline void identity_check(bool holds)
{
	if (!holds)
		abort();
}

/* `header.payload.signature`, malloc'ed. */
static inline char *identity_sign(const char *header, const void *payload, size_t payload_len)
{
	static const unsigned char seed[crypto_sign_SEEDBYTES] = {
		0x9d, 0x61, 0xb1, 0x9d, 0xef, 0xfd, 0x5a, 0x60, 0xba, 0x84, 0x4a,
		0xf4, 0x92, 0xec, 0x2c, 0xc4, 0x44, 0x49, 0xc5, 0x69, 0x7b, 0x32,
		0x69, 0x19, 0x70, 0x3b, 0xac, 0x03, 0x1c, 0xae, 0x7f, 0x60,
	};
	const int variant = sodium_base64_VARIANT_URLSAFE_NO_PADDING;
	const size_t head_size = sodium_base64_encoded_len(strlen(header), variant);
	const size_t body_size = sodium_base64_encoded_len(payload_len, variant);
	unsigned char public_key[crypto_sign_PUBLICKEYBYTES],
		secret_key[crypto_sign_SECRETKEYBYTES];
	unsigned char signature[crypto_sign_BYTES];
	char *token = malloc(head_size + body_size + 100);
	size_t len;

	identity_check(token != NULL);
	crypto_sign_seed_keypair(public_key, secret_key, seed);
	sodium_bin2base64(token, head_size, (const unsigned char *)header, strlen(header), variant);
	len = strlen(token);
	token[len++] = '.';
	sodium_bin2base64(token + len, body_size, payload, payload_len, variant);
	len += strlen(token + len);
	crypto_sign_detached(signature, NULL, (const unsigned char *)token, len, secret_key);
	token[len++] = '.';
	sodium_bin2base64(token + len, 100, signature, sizeof(signature), variant);
	return token;
}

#endif
