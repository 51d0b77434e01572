/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Texts that only this portal can read again: tokens its clients keep, refresh tokens sallyportd
 * keeps. XChaCha20-Poly1305; the purpose of a text is associated data, so that no text opens for
 * another purpose. As text: base64url without padding. Source: libsodium,
 * crypto_aead_xchacha20poly1305_ietf. */
#ifndef SALLYPORT_PORTAL_SEAL_H
#define SALLYPORT_PORTAL_SEAL_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bounds.h"

#define SP_SEAL_KEY_LEN 32u

/* What sealing needs: the key, and a source of nonces. */
struct sp_sealer {
	uint8_t key[SP_SEAL_KEY_LEN];
	void (*random)(void *arg, void *bytes, size_t len);
	void *arg;
};

/* Seal @value as JSON. @purpose: a literal; the text opens for no other.
 * Returns 0, *@ret_sealed malloc'ed; -E2BIG the text would be longer than SP_SEALED_MAX;
 * -ENOMEM. */
int sp_seal(const struct sp_sealer *sealer, const char *purpose, const json_t *value,
	    char **ret_sealed);
/* Returns 0, *@ret_value the caller's reference; -EBADMSG not sealed by this key for this purpose;
 * -ENOMEM. */
int sp_unseal(const struct sp_sealer *sealer, const char *purpose, const char *sealed,
	      json_t **ret_value);

#endif
