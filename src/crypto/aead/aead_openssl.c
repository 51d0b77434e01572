/* SPDX-License-Identifier: GPL-3.0-or-later */
/* OpenSSL's EVP: present everywhere and fast for long texts. EVP itself costs some 400 ns a
 * packet. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

#include "crypto/aead/aead_backends.h"

struct context {
	EVP_CIPHER *cipher;
	EVP_CIPHER_CTX *evp;
};

static void context_free(void *opaque)
{
	struct context *context = opaque;

	EVP_CIPHER_CTX_free(context->evp); /* wipes the key schedule */
	EVP_CIPHER_free(context->cipher);
	free(context);
}

static void *context_new(void)
{
	struct context *context = calloc(1, sizeof(*context));

	if (!context)
		return NULL;
	context->cipher = EVP_CIPHER_fetch(NULL, "ChaCha20-Poly1305", NULL);
	context->evp = EVP_CIPHER_CTX_new();
	if (!context->cipher || !context->evp ||
	    EVP_CipherInit_ex2(context->evp, context->cipher, NULL, NULL, 1, NULL) != 1) {
		context_free(context);
		return NULL;
	}
	return context;
}

/* Do everything except for the tag. */
static bool run(EVP_CIPHER_CTX *evp, const struct sp_aead_op *op, int encrypt)
{
	uint8_t nonce[SP_AEAD_NONCE_LEN], nothing[1];
	int len = 0;

	sp_aead_nonce(op, nonce);
	if (EVP_CipherInit_ex2(evp, NULL, op->key, nonce, encrypt, NULL) != 1)
		return false;
	if (!encrypt && EVP_CIPHER_CTX_ctrl(evp, EVP_CTRL_AEAD_SET_TAG, SP_AEAD_TAG_LEN,
					    (void *)(op->src + op->len)) != 1)
		return false;
	if (op->ad_len && EVP_CipherUpdate(evp, NULL, &len, op->ad, (int)op->ad_len) != 1)
		return false;
	return op->len == 0 ? EVP_CipherUpdate(evp, nothing, &len, nothing, 0) == 1
			    : EVP_CipherUpdate(evp, op->dst, &len, op->src, (int)op->len) == 1;
}

static void seal(void *opaque, struct sp_aead_op *ops, size_t n)
{
	struct context *context = opaque;

	for (size_t i = 0; i < n; i++) {
		struct sp_aead_op *op = &ops[i];
		uint8_t rest[SP_AEAD_TAG_LEN];
		int len = 0;

		op->result = 0;
		if (!run(context->evp, op, 1) ||
		    EVP_CipherFinal_ex(context->evp, rest, &len) != 1 ||
		    EVP_CIPHER_CTX_ctrl(context->evp, EVP_CTRL_AEAD_GET_TAG, SP_AEAD_TAG_LEN,
					op->dst + op->len) != 1) {
			sp_wipe(op->dst, op->len + SP_AEAD_TAG_LEN);
			op->result = -EIO;
		}
	}
}

static void open_each(void *opaque, struct sp_aead_op *ops, size_t n)
{
	struct context *context = opaque;

	for (size_t i = 0; i < n; i++) {
		struct sp_aead_op *op = &ops[i];
		uint8_t rest[SP_AEAD_TAG_LEN];
		int len = 0;

		op->result = 0;
		if (!run(context->evp, op, 0))
			op->result = -EIO;
		else if (EVP_CipherFinal_ex(context->evp, rest, &len) !=
			 1) /* CRYPTO_memcmp on the tag */
			op->result = -EBADMSG;
		if (op->result != 0)
			sp_wipe(op->dst, op->len);
	}
}

const struct sp_aead_backend sp_aead_openssl = {
	.name = "openssl",
	.context_new = context_new,
	.context_free = context_free,
	.seal = seal,
	.open = open_each,
};
