/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "crypto/blake2s.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

void sp_blake2s_init(struct sp_blake2s *hash, size_t len, const void *key, size_t key_len)
{
	int r = key_len ? blake2s_init_key(&hash->state, len, key, key_len)
			: blake2s_init(&hash->state, len);

	if (r < 0)
		abort();
	hash->len = len;
}

void sp_blake2s_update(struct sp_blake2s *hash, const void *bytes, size_t len)
{
	if (len)
		blake2s_update(&hash->state, bytes, len);
}

void sp_blake2s_final(struct sp_blake2s *hash, uint8_t *ret_digest)
{
	blake2s_final(&hash->state, ret_digest, hash->len);
	sp_wipe(hash, sizeof(*hash));
}

void sp_blake2s_of(uint8_t ret_digest[SP_BLAKE2S_LEN], const void *a, size_t a_len, const void *b,
		   size_t b_len)
{
	struct sp_blake2s hash;

	sp_blake2s_init(&hash, SP_BLAKE2S_LEN, NULL, 0);
	sp_blake2s_update(&hash, a, a_len);
	sp_blake2s_update(&hash, b, b_len);
	sp_blake2s_final(&hash, ret_digest);
}

void sp_blake2s_keyed(uint8_t *ret_digest, size_t digest_len, const void *key, size_t key_len,
		      const void *bytes, size_t len)
{
	struct sp_blake2s hash;

	sp_blake2s_init(&hash, digest_len, key, key_len);
	sp_blake2s_update(&hash, bytes, len);
	sp_blake2s_final(&hash, ret_digest);
}

/* One half of HMAC: hash the key's block with @pad, then @a and @b. */
static void hmac_half(uint8_t ret_digest[SP_BLAKE2S_LEN], const uint8_t block[SP_BLAKE2S_BLOCK],
		      uint8_t pad, const void *a, size_t a_len, const void *b, size_t b_len)
{
	uint8_t padded[SP_BLAKE2S_BLOCK];
	struct sp_blake2s hash;

	for (size_t i = 0; i < sizeof(padded); i++)
		padded[i] = block[i] ^ pad;
	sp_blake2s_init(&hash, SP_BLAKE2S_LEN, NULL, 0);
	sp_blake2s_update(&hash, padded, sizeof(padded));
	sp_blake2s_update(&hash, a, a_len);
	sp_blake2s_update(&hash, b, b_len);
	sp_blake2s_final(&hash, ret_digest);
	sp_wipe(padded, sizeof(padded));
}

void sp_hmac_blake2s(uint8_t ret_mac[SP_BLAKE2S_LEN], const void *key, size_t key_len,
		     const void *a, size_t a_len, const void *b, size_t b_len)
{
	uint8_t block[SP_BLAKE2S_BLOCK] = { 0 };
	uint8_t inner[SP_BLAKE2S_LEN];

	if (key_len > sizeof(block))
		sp_blake2s_of(block, key, key_len, NULL, 0);
	else if (key_len)
		memcpy(block, key, key_len);
	hmac_half(inner, block, 0x36, a, a_len, b, b_len);
	hmac_half(ret_mac, block, 0x5c, inner, sizeof(inner), NULL, 0);
	sp_wipe(block, sizeof(block));
	sp_wipe(inner, sizeof(inner));
}

void sp_kdf(uint8_t ret_first[SP_BLAKE2S_LEN], uint8_t *ret_second, uint8_t *ret_third,
	    const uint8_t *key, size_t key_len, const void *input, size_t input_len)
{
	uint8_t *outputs[] = { ret_first, ret_second, ret_third };
	uint8_t secret[SP_BLAKE2S_LEN], previous[SP_BLAKE2S_LEN];

	sp_hmac_blake2s(secret, key, key_len, input, input_len, NULL, 0);
	for (uint8_t i = 0; i < 3 && outputs[i]; i++) {
		uint8_t number = i + 1;

		sp_hmac_blake2s(previous, secret, sizeof(secret), previous,
				i ? sizeof(previous) : 0, &number, 1);
		memcpy(outputs[i], previous, sizeof(previous));
	}
	sp_wipe(secret, sizeof(secret));
	sp_wipe(previous, sizeof(previous));
}
