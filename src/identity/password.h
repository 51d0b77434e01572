/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Local passwords (Argon2id, by libsodium), and what slows guessing down. */
#ifndef SALLYPORT_IDENTITY_PASSWORD_H
#define SALLYPORT_IDENTITY_PASSWORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "net/addr.h"

#define SP_PASSWORD_MIN 8u
#define SP_PASSWORD_MAX 1024u /* bytes */
#define SP_PASSWORD_HASH_MAX 128u

/* Our own cost: 19 MiB, 2 passes. Returns 0; -ENOMEM. The salt is libsodium's. */
int sp_password_hash(const char *password, size_t len, char ret_hash[SP_PASSWORD_HASH_MAX]);
/* NULL when @hash is an Argon2id hash of bearable cost (at most 256 MiB, 10 passes), else what is wrong
 * with it, for the diagnostic of the file it stands in. */
const char *sp_password_hash_fault(const char *hash);
/* Compare. @hash NULL (no such user): the same time is spent on a hash of nobody's. Takes tens of
 * milliseconds: not for an event loop. */
bool sp_password_is_right(const char *hash, const char *password, size_t len);

/* ---- guessing ----
 * A bucket for each address (IPv6: its /64) and one for each (account, address) pair, so that a stranger
 * slows himself down, not the person whose name he tries; and one for each account that only slows (never
 * locks) what comes from addresses that account has never signed in from. Fixed memory: hashed buckets
 * that decay with time. */
struct sp_throttle;
int sp_throttle_new(const uint8_t hash_key[16], struct sp_throttle **ret_throttle);
void sp_throttle_free(struct sp_throttle *throttle);
/* May this be tried now? Returns 0, or the nanoseconds to wait. */
uint64_t sp_throttle_ask(struct sp_throttle *throttle, const char *idp, const char *user,
			 const struct sp_addr *from, uint64_t now_ns);
/* It was tried, and was right or wrong. */
void sp_throttle_tell(struct sp_throttle *throttle, const char *idp, const char *user,
		      const struct sp_addr *from, uint64_t now_ns, bool was_right);

#endif
