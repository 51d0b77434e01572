/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "identity/tokens/id_token.h"

#include <errno.h>

#include "identity/tokens/claims.h"
#include "identity/tokens/jwks.h"
#include "identity/tokens/jws.h"

/* Look at the claims only after the signature proved good: until then the payload is a stranger's
 * bytes. */
static int read_payload(const struct sp_jws *jws, const struct sp_id_token_want *want,
			struct sp_claims *claims, struct sp_finding *finding)
{
	__sp_json json_t *object = NULL;
	char why[80];
	int r;

	r = sp_strict_json_load((const char *)jws->payload, jws->payload_len, &object, why);
	if (r < 0)
		return sp_find(finding, SP_REFUSAL_MALFORMED, "the payload is %s", why);
	r = sp_claims_check_token(object, want, jws->algorithm, claims, finding);
	if (r == 0)
		r = sp_claims_read_subject(object, want->subject, claims, finding);
	if (r == 0)
		r = sp_claims_read_user(object, want->user_claim, claims, finding);
	if (r == 0 && !want->user_may_be_elsewhere)
		r = sp_claims_settle_user(want->user_claim, claims, finding);
	if (r == 0)
		r = sp_claims_read_groups(object, want->groups_claim, claims, finding);
	return r;
}

/* Verify with each key that may have signed, from @key on: some key sets have a kid twice, or none.
 * If no key has the kid, it may be a new key. */
static int verify(const struct sp_jws *jws, const struct sp_jwks *keys, const struct sp_jwk *key,
		  struct sp_finding *finding)
{
	size_t tried = 0;
	int r;

	do {
		r = sp_jws_verify(jws, key);
		tried++;
		key = sp_jwks_next(keys, jws->kid, jws->algorithm, key);
	} while (r == -EBADMSG && key);
	if (r != -EBADMSG)
		return r;
	if (!jws->kid && tried > 1)
		return sp_find(
			finding, SP_REFUSAL_UNKNOWN_KEY,
			"the token names no key, and none of the provider's %zu for %s signed it",
			tried, sp_jws_algorithm_name(jws->algorithm));
	return sp_find(finding, SP_REFUSAL_BAD_SIGNATURE,
		       "the signature is not the provider's%s%.80s", jws->kid ? " key " : "",
		       jws->kid ? jws->kid : "");
}

int sp_id_token_check(const char *token, size_t len, const struct sp_jwks *keys,
		      const struct sp_id_token_want *want, struct sp_claims *ret_claims,
		      struct sp_finding *finding)
{
	__sp_jws struct sp_jws jws = { 0 };
	__sp_claims struct sp_claims claims = { 0 };
	const struct sp_jwk *key;
	int r;

	r = sp_jws_parse(token, len, want->algorithms, &jws, finding);
	if (r < 0)
		return r;
	r = sp_jwks_find(keys, jws.kid, jws.algorithm, &key, finding);
	if (r < 0)
		return r;
	r = verify(&jws, keys, key, finding);
	if (r < 0)
		return r;
	r = read_payload(&jws, want, &claims, finding);
	if (r < 0)
		return r;
	*ret_claims = claims;
	claims = (struct sp_claims){ 0 };
	return 0;
}
