/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The implementations behind aead.h; only aead.c needs them by name. */
#ifndef SALLYPORT_CRYPTO_AEAD_BACKENDS_H
#define SALLYPORT_CRYPTO_AEAD_BACKENDS_H

#include "base/bytes.h"
#include "crypto/aead/aead.h"

#define SP_AEAD_NONCE_LEN 12

extern const struct sp_aead_backend sp_aead_ifma; /* x86-64 */
extern const struct sp_aead_backend
	sp_aead_ipsec_mb; /* intel-ipsec-mb, where it was there to build with */
extern const struct sp_aead_backend sp_aead_openssl;
extern const struct sp_aead_backend sp_aead_sodium;

static inline void sp_aead_nonce(const struct sp_aead_op *op, uint8_t nonce[SP_AEAD_NONCE_LEN])
{
	sp_put_le32(nonce, op->constant);
	sp_put_le64(nonce + 4, op->counter);
}

#endif
