/* SPDX-License-Identifier: GPL-3.0-or-later */
/* BLAKE2s (RFC 7693), keyed or not, with digests of 1 to 32 bytes; HMAC over it (RFC 2104) and the
 * key derivation WireGuard and Noise make of that (Noise 4.3 "HKDF", WireGuard paper 5.4 "KDF_n").
 * Behind it stands libb2, the BLAKE2 authors' own library.
 */
#ifndef SALLYPORT_CRYPTO_BLAKE2S_H
#define SALLYPORT_CRYPTO_BLAKE2S_H

#include <stddef.h>
#include <stdint.h>

#include <blake2.h>

#define SP_BLAKE2S_LEN 32 /* the full digest, the longest key */
#define SP_BLAKE2S_BLOCK 64

struct sp_blake2s {
	blake2s_state state;
	size_t len;
};

/* @len 1..32; @key NULL with @key_len 0, or 1..32 bytes. Out of range is a programming error:
 * abort. */
void sp_blake2s_init(struct sp_blake2s *hash, size_t len, const void *key, size_t key_len);
/* Append @len bytes. Any number of calls between _init and _final. */
void sp_blake2s_update(struct sp_blake2s *hash, const void *bytes, size_t len);
/* Writes the @len bytes asked for and wipes the state. */
void sp_blake2s_final(struct sp_blake2s *hash, uint8_t *ret_digest);

/* A digest of @a then @b (either may be NULL with length 0). @ret_digest may be @a or @b. */
void sp_blake2s_of(uint8_t ret_digest[SP_BLAKE2S_LEN], const void *a, size_t a_len, const void *b,
		   size_t b_len);
/* A keyed digest of @digest_len bytes: WireGuard's MAC() with 16. */
void sp_blake2s_keyed(uint8_t *ret_digest, size_t digest_len, const void *key, size_t key_len,
		      const void *bytes, size_t len);

/* HMAC-BLAKE2s of @a then @b; the key of any length. @ret_mac may be any of the inputs. */
void sp_hmac_blake2s(uint8_t ret_mac[SP_BLAKE2S_LEN], const void *key, size_t key_len,
		     const void *a, size_t a_len, const void *b, size_t b_len);

/* KDF_1, KDF_2, KDF_3: outputs that are NULL are not wanted, and those after the first NULL not
 * computed.
 * @ret_first may be @key. */
void sp_kdf(uint8_t ret_first[SP_BLAKE2S_LEN], uint8_t *ret_second, uint8_t *ret_third,
	    const uint8_t *key, size_t key_len, const void *input, size_t input_len);

#endif
