/* SPDX-License-Identifier: GPL-3.0-or-later */
/* WireGuard keys: 32 bytes, base64 (44 characters) for people and files, hex (64) for the userspace
 * API. Conversions run in constant time; wipe private and pre-shared ones with sp_wg_key_wipe.
 */
#ifndef SALLYPORT_IO_WG_KEY_H
#define SALLYPORT_IO_WG_KEY_H

#include <stdbool.h>
#include <stdint.h>

#define SP_WG_KEY_LEN 32
#define SP_WG_KEY_BASE64 45 /* with the NUL */
#define SP_WG_KEY_HEX 65

struct sp_wg_key {
	uint8_t bytes[SP_WG_KEY_LEN];
};

/* Both write a NUL-terminated text. Returns @buf. */
char *sp_wg_key_to_base64(const struct sp_wg_key *key, char buf[SP_WG_KEY_BASE64]);
char *sp_wg_key_to_hex(const struct sp_wg_key *key, char buf[SP_WG_KEY_HEX]);
/* Both read a whole text: 44 characters of canonical base64, or 64 of hex. Returns 0; -EINVAL,
 * @ret_key untouched. */
int sp_wg_key_from_base64(const char *text, struct sp_wg_key *ret_key);
int sp_wg_key_from_hex(const char *text, struct sp_wg_key *ret_key);

/* A public key in its one form: X25519 ignores the top bit, so two texts could name one key. */
int sp_wg_public_from_base64(const char *text, struct sp_wg_key *ret_key);

bool sp_wg_key_is_zero(const struct sp_wg_key *key);                        /* constant time */
bool sp_wg_key_equal(const struct sp_wg_key *a, const struct sp_wg_key *b); /* constant time */
void sp_wg_key_wipe(struct sp_wg_key *key);                                 /* fits __sp_cleanup */

/* Each makes a key: a new private one (clamped) with its public key; the public key of a private
 * one; a new pre-shared key. Returns 0; -EIO libsodium does not start, or the key is none. */
int sp_wg_keypair_make(struct sp_wg_key *ret_private, struct sp_wg_key *ret_public);
int sp_wg_public_of(const struct sp_wg_key *private_key, struct sp_wg_key *ret_public);
int sp_wg_preshared_make(struct sp_wg_key *ret_key);

#endif
