/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ChaCha20-Poly1305 (RFC 8439) in batches: an array of independent operations, each with a key of
 * its own, goes to whichever implementation this processor runs fastest.
 *
 *	struct sp_aead *aead = NULL;
 *	r = sp_aead_new(NULL, &aead);		the best that passes its self-test
 *	sp_aead_seal(aead, ops, n);
 *
 * Several operations of a batch are computed at once: what one writes must be apart from what the
 * others read and write.
 *
 * One `struct sp_aead` belongs to one thread. Nothing here allocates after sp_aead_new. Tags are
 * compared in constant time.
 */
#ifndef SALLYPORT_CRYPTO_AEAD_H
#define SALLYPORT_CRYPTO_AEAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"

#define SP_AEAD_KEY_LEN 32
#define SP_AEAD_TAG_LEN 16
#define SP_AEAD_LEN_MAX (1u << 30) /* far below RFC 8439's 256 GB, above any message */

struct sp_aead_op {
	const uint8_t *key; /* SP_AEAD_KEY_LEN bytes, borrowed until the call returns */
	uint64_t counter;   /* the nonce: never twice with one key when sealing */
	uint32_t constant;  /* RFC 8439 2.8: the four bytes before it, little-endian; 0 here */
	uint32_t ad_len;
	const uint8_t *ad;  /* NULL when ad_len is 0 */
	const uint8_t *src; /* seal: len bytes; open: len + SP_AEAD_TAG_LEN */
	uint8_t *dst; /* seal: len + SP_AEAD_TAG_LEN; open: len. @src itself, or apart from it */
	uint32_t len; /* of the plain text, both ways; at most SP_AEAD_LEN_MAX */
	int result;   /* 0; open: -EBADMSG wrong tag; -EIO the library failed; then @dst is wiped */
};

struct sp_aead;

/* What an implementation offers. @seal and @open fill every operation's result. */
struct sp_aead_backend {
	const char *name;
	void *(*context_new)(void); /* NULL: no memory, or the processor cannot */
	void (*context_free)(void *context);
	void (*seal)(void *context, struct sp_aead_op *ops, size_t n);
	void (*open)(void *context, struct sp_aead_op *ops, size_t n);
};

/* Every implementation compiled in, best first, ended by NULL. */
extern const struct sp_aead_backend *const sp_aead_backends[];

/* @name NULL: the first of sp_aead_backends that this processor can run and that passes the
 * self-test.
 * Returns 0; -ENOENT no such name; -EOPNOTSUPP it cannot run here or failed its self-test. */
int sp_aead_new(const char *name, struct sp_aead **ret_aead);
/* NULL is allowed. */
void sp_aead_free(struct sp_aead *aead);
SP_DEFINE_CLEANUP(struct sp_aead *, sp_aead_free);
/* The implementation's name, a constant text. */
const char *sp_aead_name(const struct sp_aead *aead);

/* Run @n operations; each says in its result how it went. Returns 0, or the first result that is
 * not. */
int sp_aead_seal(struct sp_aead *aead, struct sp_aead_op *ops, size_t n);
int sp_aead_open(struct sp_aead *aead, struct sp_aead_op *ops, size_t n);

/* RFC 8439 A.5's message and a forged one, every length class up to 1500, in place and apart, in
 * batches of one and of many, against bytes computed in advance. Returns 0; -EBADMSG it computes
 * something else. */
int sp_aead_self_test(const struct sp_aead_backend *backend, void *context);

/* Both are for the single small messages of a handshake (libsodium): the same cipher without a
 * context.
 * @dst has @len + SP_AEAD_TAG_LEN bytes; for open @src has them. Counter nonce, constant 0.
 * Open returns 0; -EBADMSG wrong tag, @dst untouched. */
void sp_chachapoly_seal(const uint8_t key[SP_AEAD_KEY_LEN], uint64_t counter, const uint8_t *ad,
			size_t ad_len, const uint8_t *src, size_t len, uint8_t *dst);
int sp_chachapoly_open(const uint8_t key[SP_AEAD_KEY_LEN], uint64_t counter, const uint8_t *ad,
		       size_t ad_len, const uint8_t *src, size_t len, uint8_t *dst);

#define SP_XCHACHAPOLY_NONCE_LEN 24
/* Both are XChaCha20-Poly1305 with a random 24-byte nonce (draft-irtf-cfrg-xchacha), as cookies use
 * it; the lengths and the return are those of sp_chachapoly_seal and _open. */
void sp_xchachapoly_seal(const uint8_t key[SP_AEAD_KEY_LEN],
			 const uint8_t nonce[SP_XCHACHAPOLY_NONCE_LEN], const uint8_t *ad,
			 size_t ad_len, const uint8_t *src, size_t len, uint8_t *dst);
int sp_xchachapoly_open(const uint8_t key[SP_AEAD_KEY_LEN],
			const uint8_t nonce[SP_XCHACHAPOLY_NONCE_LEN], const uint8_t *ad,
			size_t ad_len, const uint8_t *src, size_t len, uint8_t *dst);

#endif
