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
/* NULL when @hash is an Argon2id hash of bearable cost (at most 256 MiB, 10 passes, 16 lanes), else
 * what is wrong with it, for the diagnostic of the file it stands in: "is no Argon2id hash". */
const char *sp_password_hash_fault(const char *hash);
/* How much memory comparing with @hash takes, in KiB. NULL: nobody's. */
size_t sp_password_cost_kib(const char *hash);
/* Compare. @hash NULL: the time is spent on a hash of nobody's, which has our own cost. Takes tens
 * of milliseconds and the memory of its cost: not for an event loop. */
bool sp_password_is_right(const char *hash, const char *password, size_t len);

/* ---- guessing ---- */

/* A bucket of wrong tries for each (account, address) pair, each address (IPv6:
 * its /64) and each account. The first tries are free (5, 20, 20); each further one doubles a delay
 * from a second to a minute; a try is forgotten after a while (5 min, 30 s, 30 s). Memory is fixed,
 * 2.5 MiB, and forgets at the end of the process.
 *
 * What a stranger can do to a person:
 * - From another address than an account has signed in from: nothing. Such a known pair answers
 *   for its own wrong tries alone, whatever comes from elsewhere.
 * - To the person at an address new to the account: one address that guesses slows them not at all
 *   (it gets a try a minute, and an account forgets two). Several at once make them wait at most a
 *   minute at a time, competing for the account's two tries a minute.
 * - At the very address the person uses: as long as it is new to the account, the same; once it is
 *   known, only by guessing at that very account, which makes both wait at most a minute at a time.
 * One account guessed at from any number of addresses new to it: 20 tries and about two a
 * minute. */
struct sp_throttle;
/* @hash_key: 16 random bytes, copied: which names share a bucket cannot be guessed. Returns 0;
 * -ENOMEM. */
int sp_throttle_new(const uint8_t hash_key[16], struct sp_throttle **ret_throttle);
/* NULL is allowed. */
void sp_throttle_free(struct sp_throttle *throttle);
/* May this be tried now? Returns 0, and it counts as wrong until told otherwise, so that tries made
 * at the same time do not slip through together; or the nanoseconds to wait. */
uint64_t sp_throttle_ask(struct sp_throttle *throttle, const char *idp, const char *user,
			 const struct sp_addr *from, uint64_t now_ns);
/* The same question, and nothing counts: for who does not get a try yet. */
uint64_t sp_throttle_wait_ns(struct sp_throttle *throttle, const char *idp, const char *user,
			     const struct sp_addr *from, uint64_t now_ns);
/* The try that sp_throttle_ask allowed was made, and the password was right or wrong. A right one
 * clears its pair and makes it known. */
void sp_throttle_tell(struct sp_throttle *throttle, const char *idp, const char *user,
		      const struct sp_addr *from, uint64_t now_ns, bool was_right);
/* @user has signed in from the address @from, by any kind of proof: the pair is known from now on,
 * and so is the address, for every account. */
void sp_throttle_welcome(struct sp_throttle *throttle, const char *idp, const char *user,
			 const struct sp_addr *from, uint64_t now_ns);
/* Was @user let in from this very address (IPv6: from its /64), as far as it is remembered? */
bool sp_throttle_knows(struct sp_throttle *throttle, const char *idp, const char *user,
		       const struct sp_addr *from);
/* Was anybody let in from there, as far as it is remembered? */
bool sp_throttle_knows_place(struct sp_throttle *throttle, const struct sp_addr *from);

#endif
