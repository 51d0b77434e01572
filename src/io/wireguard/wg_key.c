/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "io/wireguard/wg_key.h"

#include <errno.h>
#include <sodium.h>
#include <string.h>

_Static_assert(SP_WG_KEY_LEN == crypto_scalarmult_curve25519_BYTES, "Curve25519");

char *sp_wg_key_to_base64(const struct sp_wg_key *key, char buf[SP_WG_KEY_BASE64])
{
	return sodium_bin2base64(buf, SP_WG_KEY_BASE64, key->bytes, sizeof(key->bytes),
				 sodium_base64_VARIANT_ORIGINAL);
}

char *sp_wg_key_to_hex(const struct sp_wg_key *key, char buf[SP_WG_KEY_HEX])
{
	return sodium_bin2hex(buf, SP_WG_KEY_HEX, key->bytes, sizeof(key->bytes));
}

int sp_wg_key_from_base64(const char *text, struct sp_wg_key *ret_key)
{
	struct sp_wg_key key;
	size_t len;
	int r;

	if (strnlen(text, SP_WG_KEY_BASE64) != SP_WG_KEY_BASE64 - 1)
		return -EINVAL;
	/* sodium refuses stray bits at the end and wrong padding, so each key has one text only. */
	r = sodium_base642bin(key.bytes, sizeof(key.bytes), text, SP_WG_KEY_BASE64 - 1, NULL, &len,
			      NULL, sodium_base64_VARIANT_ORIGINAL);
	if (r == 0 && len == sizeof(key.bytes))
		*ret_key = key;
	else
		r = -EINVAL;
	sp_wg_key_wipe(&key);
	return r;
}

int sp_wg_key_from_hex(const char *text, struct sp_wg_key *ret_key)
{
	struct sp_wg_key key;
	size_t len;
	int r;

	if (strnlen(text, SP_WG_KEY_HEX) != SP_WG_KEY_HEX - 1)
		return -EINVAL;
	r = sodium_hex2bin(key.bytes, sizeof(key.bytes), text, SP_WG_KEY_HEX - 1, NULL, &len, NULL);
	if (r == 0 && len == sizeof(key.bytes))
		*ret_key = key;
	else
		r = -EINVAL;
	sp_wg_key_wipe(&key);
	return r;
}

int sp_wg_public_from_base64(const char *text, struct sp_wg_key *ret_key)
{
	const int r = sp_wg_key_from_base64(text, ret_key);

	if (r == 0)
		ret_key->bytes[SP_WG_KEY_LEN - 1] &= 0x7f;
	return r;
}

bool sp_wg_key_is_zero(const struct sp_wg_key *key)
{
	return sodium_is_zero(key->bytes, sizeof(key->bytes)) == 1;
}

bool sp_wg_key_equal(const struct sp_wg_key *a, const struct sp_wg_key *b)
{
	return sodium_memcmp(a->bytes, b->bytes, sizeof(a->bytes)) == 0;
}

void sp_wg_key_wipe(struct sp_wg_key *key)
{
	sodium_memzero(key->bytes, sizeof(key->bytes));
}

int sp_wg_keypair_make(struct sp_wg_key *ret_private, struct sp_wg_key *ret_public)
{
	struct sp_wg_key private_key;
	int r = sp_wg_preshared_make(&private_key);

	if (r < 0)
		return r;
	private_key.bytes[0] &= 248; /* clamped: wireguard.com/papers/wireguard.pdf, 5.4 */
	private_key.bytes[31] = (uint8_t)((private_key.bytes[31] & 127) | 64);
	r = sp_wg_public_of(&private_key, ret_public);
	if (r == 0)
		*ret_private = private_key;
	sp_wg_key_wipe(&private_key);
	return r;
}

int sp_wg_public_of(const struct sp_wg_key *private_key, struct sp_wg_key *ret_public)
{
	struct sp_wg_key public_key;

	if (sodium_init() < 0 ||
	    crypto_scalarmult_curve25519_base(public_key.bytes, private_key->bytes) != 0)
		return -EIO;
	*ret_public = public_key;
	return 0;
}

int sp_wg_preshared_make(struct sp_wg_key *ret_key)
{
	if (sodium_init() < 0)
		return -EIO;
	randombytes_buf(ret_key->bytes, sizeof(ret_key->bytes));
	return 0;
}
