/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "crypto/key_proof.h"

#include <string.h>

#include "base/bytes.h"
#include "base/cleanup.h"
#include "crypto/blake2s.h"

static const char label[] = "Sallyport device key proof v1";

/* Add the length of a text before the text, so that no two lists of texts give the same bytes. */
static void add_text(struct sp_blake2s *hash, const char *text)
{
	uint8_t len_be[4];

	sp_put_be32(len_be, (uint32_t)strlen(text));
	sp_blake2s_update(hash, len_be, sizeof(len_be));
	sp_blake2s_update(hash, text, strlen(text));
}

int sp_key_proof_make(uint8_t ret_proof[SP_KEY_PROOF_LEN], const uint8_t private_key[SP_X25519_LEN],
		      bool is_device, const struct sp_key_proof *of)
{
	uint8_t shared[3 * SP_X25519_LEN], key[SP_BLAKE2S_LEN], digest[SP_BLAKE2S_LEN];
	struct sp_blake2s hash;
	int r = sp_x25519(shared, private_key, is_device ? of->gateway_key : of->device_key);

	if (r < 0)
		return r;
	memcpy(shared + SP_X25519_LEN, of->device_key, SP_X25519_LEN);
	memcpy(shared + 2 * SP_X25519_LEN, of->gateway_key, SP_X25519_LEN);
	sp_hmac_blake2s(key, label, sizeof(label) - 1, shared, sizeof(shared), NULL, 0);
	sp_blake2s_init(&hash, SP_BLAKE2S_LEN, NULL, 0);
	add_text(&hash, of->challenge);
	add_text(&hash, of->audience);
	add_text(&hash, of->purpose);
	sp_blake2s_final(&hash, digest);
	sp_hmac_blake2s(ret_proof, key, sizeof(key), digest, sizeof(digest), NULL, 0);
	sp_wipe(shared, sizeof(shared));
	sp_wipe(key, sizeof(key));
	return 0;
}

bool sp_x25519_is_public(const uint8_t key[SP_X25519_LEN])
{
	/* any number will do, because the clamped one is a multiple of 8 */
	static const uint8_t scalar[SP_X25519_LEN] = { 9 };
	uint8_t product[SP_X25519_LEN];
	bool is_over = key[31] == 0x7f && key[0] >= 0xed;

	for (int i = 1; i < 31; i++)
		is_over &= key[i] == 0xff;
	return !(key[31] & 0x80) && !is_over && sp_x25519(product, scalar, key) == 0;
}
