/* SPDX-License-Identifier: GPL-3.0-or-later */
/* intel-ipsec-mb's job interface: twice OpenSSL at 1420 bytes with AVX-512-IFMA. A
 * ChaCha20-Poly1305 job is done when submit returns, so there is nothing to flush. It hands out the
 * tag and compares nothing: the comparison on opening is here. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <intel-ipsec-mb.h>
#include <openssl/crypto.h>

#include "crypto/aead/aead_backends.h"

static void context_free(void *context)
{
	free_mb_mgr(context);
}

static void *context_new(void)
{
	IMB_MGR *manager = alloc_mb_mgr(0);
	IMB_ARCH arch;

	if (!manager)
		return NULL;
	init_mb_mgr_auto(manager, &arch);
	if (imb_get_errno(manager) != 0 || arch == IMB_ARCH_NONE) {
		free_mb_mgr(manager);
		return NULL;
	}
	return manager;
}

/* Run one job. Returns true: @tag holds the tag of @op's text. */
static bool run(IMB_MGR *manager, const struct sp_aead_op *op, IMB_CIPHER_DIRECTION direction,
		uint8_t tag[SP_AEAD_TAG_LEN])
{
	uint8_t nonce[SP_AEAD_NONCE_LEN];
	IMB_JOB *job = IMB_GET_NEXT_JOB(manager);

	sp_aead_nonce(op, nonce);
	job->cipher_mode = IMB_CIPHER_CHACHA20_POLY1305;
	job->hash_alg = IMB_AUTH_CHACHA20_POLY1305;
	job->cipher_direction = direction;
	job->chain_order =
		direction == IMB_DIR_ENCRYPT ? IMB_ORDER_CIPHER_HASH : IMB_ORDER_HASH_CIPHER;
	job->enc_keys = op->key;
	job->dec_keys = op->key;
	job->key_len_in_bytes = SP_AEAD_KEY_LEN;
	job->iv = nonce;
	job->iv_len_in_bytes = SP_AEAD_NONCE_LEN;
	job->u.CHACHA20_POLY1305.aad = op->ad_len ? op->ad : nonce;
	job->u.CHACHA20_POLY1305.aad_len_in_bytes = op->ad_len;
	job->src = op->src;
	job->dst = op->dst;
	job->cipher_start_src_offset_in_bytes = 0;
	job->msg_len_to_cipher_in_bytes = op->len;
	job->hash_start_src_offset_in_bytes = 0;
	job->msg_len_to_hash_in_bytes = op->len;
	job->auth_tag_output = tag;
	job->auth_tag_output_len_in_bytes = SP_AEAD_TAG_LEN;
	job = IMB_SUBMIT_JOB_NOCHECK(manager);
	return job && job->status == IMB_STATUS_COMPLETED;
}

static void seal(void *context, struct sp_aead_op *ops, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct sp_aead_op *op = &ops[i];

		op->result = 0;
		if (!run(context, op, IMB_DIR_ENCRYPT, op->dst + op->len)) {
			sp_wipe(op->dst, op->len + SP_AEAD_TAG_LEN);
			op->result = -EIO;
		}
	}
}

static void open_each(void *context, struct sp_aead_op *ops, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct sp_aead_op *op = &ops[i];
		uint8_t tag[SP_AEAD_TAG_LEN];

		op->result = 0;
		if (!run(context, op, IMB_DIR_DECRYPT, tag))
			op->result = -EIO;
		else if (CRYPTO_memcmp(tag, op->src + op->len, SP_AEAD_TAG_LEN) != 0)
			op->result = -EBADMSG;
		if (op->result != 0)
			sp_wipe(op->dst, op->len);
	}
}

const struct sp_aead_backend sp_aead_ipsec_mb = {
	.name = "ipsec-mb",
	.context_new = context_new,
	.context_free = context_free,
	.seal = seal,
	.open = open_each,
};
