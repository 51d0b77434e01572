/* SPDX-License-Identifier: GPL-3.0-or-later */
/* libsodium: tests compare with it, handshakes use it, and it is the last choice for packets. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "crypto/aead/aead_backends.h"

static char no_state; /* libsodium needs no context, but a context must not be NULL */

static void *context_new(void)
{
	return sodium_init() < 0 ? NULL : &no_state;
}

static void context_free(void *context)
{
	(void)context;
}

static void seal(void *context, struct sp_aead_op *ops, size_t n)
{
	(void)context;
	for (size_t i = 0; i < n; i++) {
		struct sp_aead_op *op = &ops[i];
		uint8_t nonce[SP_AEAD_NONCE_LEN];

		sp_aead_nonce(op, nonce);
		crypto_aead_chacha20poly1305_ietf_encrypt(op->dst, NULL, op->src, op->len, op->ad,
							  op->ad_len, NULL, nonce, op->key);
		op->result = 0;
	}
}

static void open_each(void *context, struct sp_aead_op *ops, size_t n)
{
	(void)context;
	for (size_t i = 0; i < n; i++) {
		struct sp_aead_op *op = &ops[i];
		uint8_t nonce[SP_AEAD_NONCE_LEN];

		sp_aead_nonce(op, nonce);
		op->result = 0;
		if (crypto_aead_chacha20poly1305_ietf_decrypt(
			    op->dst, NULL, NULL, op->src,
			    (unsigned long long)op->len + SP_AEAD_TAG_LEN, op->ad, op->ad_len,
			    nonce, op->key) != 0) {
			sp_wipe(op->dst, op->len);
			op->result = -EBADMSG;
		}
	}
}

const struct sp_aead_backend sp_aead_sodium = {
	.name = "libsodium",
	.context_new = context_new,
	.context_free = context_free,
	.seal = seal,
	.open = open_each,
};

void sp_chachapoly_seal(const uint8_t key[SP_AEAD_KEY_LEN], uint64_t counter, const uint8_t *ad,
			size_t ad_len, const uint8_t *src, size_t len, uint8_t *dst)
{
	uint8_t nonce[SP_AEAD_NONCE_LEN] = { 0 };

	sp_put_le64(nonce + 4, counter);
	crypto_aead_chacha20poly1305_ietf_encrypt(dst, NULL, src, len, ad, ad_len, NULL, nonce,
						  key);
}

int sp_chachapoly_open(const uint8_t key[SP_AEAD_KEY_LEN], uint64_t counter, const uint8_t *ad,
		       size_t ad_len, const uint8_t *src, size_t len, uint8_t *dst)
{
	uint8_t nonce[SP_AEAD_NONCE_LEN] = { 0 };

	/* libsodium checks the tag first, and wipes the output if the tag is wrong: prevent
	 * that. */
	sp_put_le64(nonce + 4, counter);
	if (crypto_aead_chacha20poly1305_ietf_decrypt_detached(NULL, NULL, src, len, src + len, ad,
							       ad_len, nonce, key) != 0 ||
	    crypto_aead_chacha20poly1305_ietf_decrypt_detached(dst, NULL, src, len, src + len, ad,
							       ad_len, nonce, key) != 0)
		return -EBADMSG;
	return 0;
}

void sp_xchachapoly_seal(const uint8_t key[SP_AEAD_KEY_LEN],
			 const uint8_t nonce[SP_XCHACHAPOLY_NONCE_LEN], const uint8_t *ad,
			 size_t ad_len, const uint8_t *src, size_t len, uint8_t *dst)
{
	crypto_aead_xchacha20poly1305_ietf_encrypt(dst, NULL, src, len, ad, ad_len, NULL, nonce,
						   key);
}

int sp_xchachapoly_open(const uint8_t key[SP_AEAD_KEY_LEN],
			const uint8_t nonce[SP_XCHACHAPOLY_NONCE_LEN], const uint8_t *ad,
			size_t ad_len, const uint8_t *src, size_t len, uint8_t *dst)
{
	if (crypto_aead_xchacha20poly1305_ietf_decrypt_detached(NULL, NULL, src, len, src + len, ad,
								ad_len, nonce, key) != 0 ||
	    crypto_aead_xchacha20poly1305_ietf_decrypt_detached(dst, NULL, src, len, src + len, ad,
								ad_len, nonce, key) != 0)
		return -EBADMSG;
	return 0;
}
