/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "daemon/engine/key_proof.h"

#include <string.h>

#include "base/bytes.h"
#include "base/cleanup.h"
#include "config/machine.h"
#include "crypto/blake2s.h"
#include "crypto/key_proof.h"
#include "daemon/engine/engine.h"
#include "io/loop/clock.h"
#include "io/wireguard/wg_key.h"

#define STAMPED_LEN 16 /* the time, and random bytes */
#define TAG_LEN 16

/* Derive a secret for one use from the tunnel's private key. */
static void derive(const struct sp_engine *engine, const char *use, uint8_t ret_secret[32])
{
	sp_hmac_blake2s(ret_secret, engine->private_key.bytes, 32, use, strlen(use), NULL, 0);
}

static void make_tag(const struct sp_engine *engine, const uint8_t stamped[STAMPED_LEN],
		     uint8_t ret_tag[TAG_LEN])
{
	uint8_t secret[32];

	derive(engine, "Sallyport challenge v1", secret);
	sp_blake2s_keyed(ret_tag, TAG_LEN, secret, sizeof(secret), stamped, STAMPED_LEN);
	sp_wipe(secret, sizeof(secret));
}

static void proving_key(const struct sp_engine *engine, uint8_t ret_private[32],
			uint8_t ret_public[32])
{
	derive(engine, "Sallyport proving key v1", ret_private);
	sp_x25519_public(ret_public, ret_private);
}

static bool is_fresh(const struct sp_engine *engine, const char *text)
{
	const int64_t now_s = sp_clock_realtime_s();
	struct sp_wg_key challenge, expected;
	int64_t made_s;

	if (sp_wg_key_from_base64(text, &challenge) < 0)
		return false;
	expected = challenge;
	make_tag(engine, challenge.bytes, expected.bytes + STAMPED_LEN);
	made_s = (int64_t)sp_get_be64(challenge.bytes);
	return sp_wg_key_equal(&expected, &challenge) && made_s <= now_s + 60 &&
	       made_s + SP_CHALLENGE_S >= now_s;
}

static bool is_right(const struct sp_engine *engine, const struct sp_sign_in *sign_in)
{
	uint8_t private_key[32], public_key[32];
	const struct sp_key_proof of = {
		.device_key = sign_in->public_key,
		.gateway_key = public_key,
		.challenge = sign_in->challenge,
		.audience = (*engine->machine)->portal_url,
		.purpose = sign_in->idp,
	};
	struct sp_wg_key given, expected;
	int r;

	proving_key(engine, private_key, public_key);
	r = sp_key_proof_make(expected.bytes, private_key, false, &of);
	sp_wipe(private_key, sizeof(private_key));
	return r == 0 && sp_wg_key_from_base64(sign_in->proof, &given) == 0 &&
	       sp_wg_key_equal(&given, &expected);
}

static bool can_prove(const struct sp_engine *engine)
{
	return engine->has_key && (*engine->machine)->portal_url;
}

int sp_key_proof_check(const struct sp_engine *engine, const struct sp_sign_in *sign_in,
		       struct sp_refusal *refusal)
{
	if (!can_prove(engine))
		return sp_refuse_login(refusal, -EACCES, SP_REFUSAL_KEY_PROOF,
				       "this gateway gave no challenge: it has no portal, or its "
				       "key cannot be read");
	if (!is_fresh(engine, sign_in->challenge))
		return sp_refuse_login(
			refusal, -EACCES, SP_REFUSAL_KEY_PROOF,
			"the challenge is not one of this gateway's, or older than %d s",
			SP_CHALLENGE_S);
	if (!is_right(engine, sign_in))
		return sp_refuse_login(
			refusal, -EACCES, SP_REFUSAL_KEY_PROOF,
			"the proof is not one of who has this public key's private half");
	return 0;
}

int sp_key_proof_challenge(const struct sp_engine *engine, struct sp_wg_key *ret_challenge,
			   uint8_t ret_public[32])
{
	uint8_t private_key[32];
	int r = can_prove(engine) ? sp_wg_preshared_make(ret_challenge) : -ENOENT;

	if (r < 0)
		return r;
	sp_put_be64(ret_challenge->bytes, (uint64_t)sp_clock_realtime_s());
	make_tag(engine, ret_challenge->bytes, ret_challenge->bytes + STAMPED_LEN);
	proving_key(engine, private_key, ret_public);
	sp_wipe(private_key, sizeof(private_key));
	return 0;
}
