/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "wg/noise/symmetric.h"

#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "crypto/aead/aead.h"
#include "crypto/blake2s.h"
#include "crypto/x25519/x25519.h"

void sp_wg_symmetric_init(struct sp_wg_symmetric *state, const char *protocol, const void *prologue,
			  size_t prologue_len)
{
	sp_blake2s_of(state->hash, protocol, strlen(protocol), NULL, 0);
	memcpy(state->chaining_key, state->hash, sizeof(state->hash));
	memset(state->key, 0, sizeof(state->key));
	sp_wg_mix_hash(state, prologue, prologue_len);
}

void sp_wg_mix_hash(struct sp_wg_symmetric *state, const void *bytes, size_t len)
{
	sp_blake2s_of(state->hash, state->hash, sizeof(state->hash), bytes, len);
}

void sp_wg_mix_key(struct sp_wg_symmetric *state, const uint8_t *input, size_t len)
{
	sp_kdf(state->chaining_key, state->key, NULL, state->chaining_key,
	       sizeof(state->chaining_key), input, len);
}

void sp_wg_mix_chaining_key(struct sp_wg_symmetric *state, const uint8_t *input, size_t len)
{
	sp_kdf(state->chaining_key, NULL, NULL, state->chaining_key, sizeof(state->chaining_key),
	       input, len);
}

void sp_wg_mix_psk(struct sp_wg_symmetric *state, const uint8_t psk[SP_WG_KEY_LEN])
{
	uint8_t middle[SP_WG_HASH_LEN];

	sp_kdf(state->chaining_key, middle, state->key, state->chaining_key,
	       sizeof(state->chaining_key), psk, SP_WG_KEY_LEN);
	sp_wg_mix_hash(state, middle, sizeof(middle));
	sp_wipe(middle, sizeof(middle));
}

int sp_wg_mix_dh(struct sp_wg_symmetric *state, const uint8_t private_key[SP_WG_KEY_LEN],
		 const uint8_t public_key[SP_WG_KEY_LEN])
{
	uint8_t secret[SP_X25519_LEN];
	int r = sp_x25519(secret, private_key, public_key);

	if (r == 0) {
		sp_wg_mix_key(state, secret, sizeof(secret));
		sp_wipe(secret, sizeof(secret));
	}
	return r;
}

void sp_wg_encrypt_and_hash(struct sp_wg_symmetric *state, const uint8_t *text, size_t len,
			    uint8_t *ret_sealed)
{
	sp_chachapoly_seal(state->key, 0, state->hash, sizeof(state->hash), text, len, ret_sealed);
	sp_wg_mix_hash(state, ret_sealed, len + SP_WG_TAG_LEN);
}

int sp_wg_decrypt_and_hash(struct sp_wg_symmetric *state, const uint8_t *sealed, size_t len,
			   uint8_t *ret_text)
{
	int r = sp_chachapoly_open(state->key, 0, state->hash, sizeof(state->hash), sealed, len,
				   ret_text);

	if (r == 0)
		sp_wg_mix_hash(state, sealed, len + SP_WG_TAG_LEN);
	return r;
}

void sp_wg_split(const struct sp_wg_symmetric *state, uint8_t ret_first[SP_WG_KEY_LEN],
		 uint8_t ret_second[SP_WG_KEY_LEN])
{
	sp_kdf(ret_first, ret_second, NULL, state->chaining_key, sizeof(state->chaining_key), NULL,
	       0);
}
