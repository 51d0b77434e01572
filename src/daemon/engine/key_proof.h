/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Who has the private key of a device: what sallyportd asks, and whether the answer is right.
 *
 * A challenge is 32 bytes, nothing of which is kept: when it was made, eight random bytes, and a
 * tag only we can make. It is answered under a key made of the tunnel's, so one asked for before a
 * restart holds after it. Whoever read an answer can show it again for as long as the challenge
 * lasts, and gains nothing by it: the key belongs to who proved it first. */
#ifndef SALLYPORT_DAEMON_KEY_PROOF_H
#define SALLYPORT_DAEMON_KEY_PROOF_H

#include "daemon/access/sessions.h"

struct sp_engine;

#define SP_CHALLENGE_S 2400 /* as long as a sign-in may take, and a little */

/* Is @sign_in's proof right for its key, its challenge and its provider? Returns 0; -EACCES
 * @refusal. */
int sp_key_proof_check(const struct sp_engine *engine, const struct sp_sign_in *sign_in,
		       struct sp_refusal *refusal);
/* Make a challenge, and the public key under which it is to be answered. Returns 0; -ENOENT the
 * gateway has no portal or no tunnel key; -errno of the random bytes. */
int sp_key_proof_challenge(const struct sp_engine *engine, struct sp_wg_key *ret_challenge,
			   uint8_t ret_public[32]);

#endif
