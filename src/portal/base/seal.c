/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "portal/base/seal.h"

#include <errno.h>
#include <sodium.h>
#include <string.h>

#include "base/cleanup.h"

#define VARIANT sodium_base64_VARIANT_URLSAFE_NO_PADDING
#define TAG_LEN crypto_aead_xchacha20poly1305_ietf_ABYTES
#define NONCE_LEN crypto_aead_xchacha20poly1305_ietf_NPUBBYTES
#define OVERHEAD (NONCE_LEN + TAG_LEN)

static int seal_bytes(const struct sp_sealer *sealer, const char *purpose, const char *text,
		      size_t len, char **ret_sealed)
{
	const size_t total = len + OVERHEAD, room = sodium_base64_ENCODED_LEN(total, VARIANT);
	__sp_free uint8_t *bytes = NULL;
	__sp_free char *sealed = NULL;

	if (room > SP_SEALED_MAX)
		return -E2BIG;
	bytes = malloc(total);
	sealed = malloc(room);
	if (!bytes || !sealed)
		return -ENOMEM;
	sealer->random(sealer->arg, bytes, NONCE_LEN);
	crypto_aead_xchacha20poly1305_ietf_encrypt(bytes + NONCE_LEN, NULL, (const uint8_t *)text,
						   len, (const uint8_t *)purpose, strlen(purpose),
						   NULL, bytes, sealer->key);
	sodium_bin2base64(sealed, room, bytes, total, VARIANT);
	*ret_sealed = SP_TAKE_PTR(sealed);
	return 0;
}

int sp_seal(const struct sp_sealer *sealer, const char *purpose, const json_t *value,
	    char **ret_sealed)
{
	char *text = json_dumps(value, JSON_COMPACT);
	size_t len;
	int r;

	if (!text)
		return -ENOMEM;
	len = strlen(text);
	r = seal_bytes(sealer, purpose, text, len, ret_sealed);
	sp_wipe(text, len);
	free(text);
	return r;
}

int sp_unseal(const struct sp_sealer *sealer, const char *purpose, const char *sealed,
	      json_t **ret_value)
{
	const size_t sealed_len = strnlen(sealed, SP_SEALED_MAX + 1);
	__sp_free uint8_t *bytes = NULL;
	json_t *value;
	size_t len;

	if (sealed_len > SP_SEALED_MAX)
		return -EBADMSG;
	bytes = malloc(sealed_len + 1);
	if (!bytes)
		return -ENOMEM;
	if (sodium_base642bin(bytes, sealed_len + 1, sealed, sealed_len, NULL, &len, NULL,
			      VARIANT) != 0 ||
	    len < OVERHEAD)
		return -EBADMSG;
	if (crypto_aead_xchacha20poly1305_ietf_decrypt(
		    bytes + NONCE_LEN, NULL, NULL, bytes + NONCE_LEN, len - NONCE_LEN,
		    (const uint8_t *)purpose, strlen(purpose), bytes, sealer->key) != 0)
		return -EBADMSG;
	value = json_loadb((const char *)bytes + NONCE_LEN, len - OVERHEAD, JSON_REJECT_DUPLICATES,
			   NULL);
	sp_wipe(bytes, len);
	if (!value)
		return -EBADMSG;
	*ret_value = value;
	return 0;
}
