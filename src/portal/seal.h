/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Texts that only this portal can read again: tokens its clients keep, refresh tokens sallyportd keeps.
 * XChaCha20-Poly1305; what one was sealed for is associated data, so that none stands for another.
 * As text: base64url without padding. Source: libsodium, crypto_aead_xchacha20poly1305_ietf. */
#ifndef SALLYPORT_PORTAL_SEAL_H
#define SALLYPORT_PORTAL_SEAL_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#define SP_SEAL_KEY_LEN 32u
#define SP_SEAL_NONCE_LEN 24u
#define SP_SEALED_MAX 8192u /* as text */

/* @purpose: a literal. @nonce: random. Returns 0, *@ret_sealed malloc'ed; -E2BIG the text would be longer
 * than SP_SEALED_MAX; -ENOMEM. */
int sp_seal(const uint8_t key[SP_SEAL_KEY_LEN], const char *purpose,
	    const uint8_t nonce[SP_SEAL_NONCE_LEN], const json_t *value, char **ret_sealed);
/* Returns 0; -EBADMSG not sealed by this key for this purpose; -ENOMEM. */
int sp_unseal(const uint8_t key[SP_SEAL_KEY_LEN], const char *purpose, const char *sealed,
	      json_t **ret_value);

#endif
