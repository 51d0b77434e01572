/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "crypto/x25519.h"

#include <errno.h>
#include <string.h>

#include <sodium.h>

#include "base/cleanup.h"

int sp_x25519(uint8_t ret_secret[SP_X25519_LEN], const uint8_t private_key[SP_X25519_LEN],
	      const uint8_t public_key[SP_X25519_LEN])
{
	uint8_t secret[SP_X25519_LEN];
	int r = 0;

	/* libsodium refuses the low-order points it lists before it computes; the second look does
	 * not depend on that list. */
	if (crypto_scalarmult_curve25519(secret, private_key, public_key) != 0 ||
	    sodium_is_zero(secret, sizeof(secret)))
		r = -EKEYREJECTED;
	else
		memcpy(ret_secret, secret, sizeof(secret));
	sp_wipe(secret, sizeof(secret));
	return r;
}

void sp_x25519_public(uint8_t ret_public[SP_X25519_LEN], const uint8_t private_key[SP_X25519_LEN])
{
	crypto_scalarmult_curve25519_base(ret_public, private_key);
}
