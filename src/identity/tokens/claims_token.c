/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The claims about the token itself: issuer, audience, times. */
#include <errno.h>
#include <openssl/evp.h>
#include <sodium.h>

#include "identity/tokens/claims.h"

#define TIME_MAX 253402300799ll /* 9999-12-31T23:59:59Z: sums with our margins do not overflow */

/* Google names itself with or without the scheme (OpenID Connect Core 1.0, 15.6.2). */
static bool is_googles(const char *iss, const char *issuer)
{
	return strcmp(iss, "accounts.google.com") == 0 &&
	       strcmp(issuer, "https://accounts.google.com") == 0;
}

static int check_issuer(const json_t *object, const char *issuer, struct sp_finding *finding)
{
	const char *iss = sp_strict_json_text(object, "iss");
	char shown[80];

	if (!iss)
		return sp_find(finding, SP_REFUSAL_WRONG_ISSUER, "iss is %s, no text",
			       sp_strict_json_show(sp_strict_json_value(object, "iss"), shown,
						   sizeof(shown)));
	if (strcmp(iss, issuer) != 0 && !is_googles(iss, issuer))
		return sp_find_issuer(finding, SP_REFUSAL_WRONG_ISSUER, "iss is", iss, issuer);
	return 0;
}

/* @ret_others: whether it names other audiences, too. */
static bool is_among(const json_t *audiences, const char *client_id, bool *ret_others)
{
	const json_t *item;
	bool found = false, others = false;
	size_t i;

	json_array_foreach(audiences, i, item) {
		if (!json_is_string(item))
			return false; /* a list with anything but texts names nobody */
		if (strcmp(json_string_value(item), client_id) == 0)
			found = true;
		else
			others = true;
	}
	*ret_others = others;
	return found;
}

static bool is_empty(const json_t *text)
{
	return json_is_string(text) && json_string_length(text) == 0;
}

static int check_audience(const json_t *object, const char *client_id, struct sp_finding *finding)
{
	const json_t *aud = json_object_get(object, "aud"),
		     *azp = sp_strict_json_value(object, "azp");
	char shown[100];
	bool others = false;
	bool is_ours = json_is_string(aud) ? strcmp(json_string_value(aud), client_id) == 0
					   : is_among(aud, client_id, &others);

	if (!is_ours)
		return sp_find(finding, SP_REFUSAL_WRONG_AUDIENCE,
			       "aud is %s and does not name \"%.70s\", the client-id here",
			       sp_strict_json_show(aud, shown, sizeof(shown)), client_id);
	if (is_empty(azp))
		azp = NULL;
	if (!azp && others)
		return sp_find(finding, SP_REFUSAL_WRONG_PARTY,
			       "aud is %s, and azp does not say who may use it",
			       sp_strict_json_show(aud, shown, sizeof(shown)));
	if (azp && (!json_is_string(azp) || strcmp(json_string_value(azp), client_id) != 0))
		return sp_find(finding, SP_REFUSAL_WRONG_PARTY,
			       "azp is %s, not \"%.70s\", the client-id here",
			       sp_strict_json_show(azp, shown, sizeof(shown)), client_id);
	return 0;
}

/* Read a whole number of seconds. If it is missing and not @is_required, @ret_s stays as it was. */
static int read_time(const json_t *object, const char *name, bool is_required, int64_t *ret_s,
		     struct sp_finding *finding)
{
	const json_t *value = sp_strict_json_value(object, name);
	char shown[60];

	if (!value && !is_required)
		return 0;
	if (!value)
		return sp_find(finding, SP_REFUSAL_BAD_TIME, "%s is missing", name);
	if (!json_is_integer(value) || json_integer_value(value) < 0 ||
	    json_integer_value(value) > TIME_MAX)
		return sp_find(finding, SP_REFUSAL_BAD_TIME,
			       "%s is %s, no whole number of seconds since 1970", name,
			       sp_strict_json_show(value, shown, sizeof(shown)));
	*ret_s = json_integer_value(value);
	return 0;
}

/* auth_time was not requested, and some providers write it in their own way (ADFS: as a date). It
 * is passed on if it can be read. */
static int64_t read_auth_time(const json_t *object)
{
	struct sp_finding finding;
	int64_t time_s = 0;

	return read_time(object, "auth_time", false, &time_s, &finding) == 0 ? time_s : 0;
}

static int check_times(const json_t *object, const struct sp_id_token_want *want,
		       struct sp_claims *claims, struct sp_finding *finding)
{
	const int64_t now_s = want->now_s;
	int64_t nbf_s = 0;
	int r = read_time(object, "exp", true, &claims->expires_s, finding);

	if (r == 0)
		r = read_time(object, "iat", true, &claims->issued_s, finding);
	if (r == 0)
		r = read_time(object, "nbf", false, &nbf_s, finding);
	if (r < 0)
		return r;
	claims->auth_time_s = read_auth_time(object);
	if (now_s > claims->expires_s + SP_CLOCK_SKEW_S)
		return sp_find(finding, SP_REFUSAL_EXPIRED, "it ended %lld s ago",
			       (long long)(now_s - claims->expires_s));
	if (claims->issued_s > now_s + SP_CLOCK_SKEW_S)
		return sp_find(finding, SP_REFUSAL_NOT_YET_VALID,
			       "iat is %lld s ahead; compare the clocks",
			       (long long)(claims->issued_s - now_s));
	if (nbf_s > now_s + SP_CLOCK_SKEW_S)
		return sp_find(finding, SP_REFUSAL_NOT_YET_VALID, "nbf is %lld s ahead",
			       (long long)(nbf_s - now_s));
	if (want->max_age_s && now_s > claims->issued_s + want->max_age_s + SP_CLOCK_SKEW_S)
		return sp_find(finding, SP_REFUSAL_TOO_OLD,
			       "it was made %lld s ago, at most %lld are taken",
			       (long long)(now_s - claims->issued_s), (long long)want->max_age_s);
	return 0;
}

/* The left half of the access token's hash (OpenID Connect Core 1.0, 3.1.3.6), by the hash the
 * signature used: Ed25519's is SHA-512. */
static int check_hash(const json_t *object, const char *access_token,
		      enum sp_jws_algorithm algorithm, struct sp_finding *finding)
{
	const json_t *at_hash = sp_strict_json_value(object, "at_hash");
	const EVP_MD *hash = algorithm == SP_JWS_EDDSA ? EVP_sha512() : EVP_sha256();
	char text[sodium_base64_ENCODED_LEN(EVP_MAX_MD_SIZE / 2,
					    sodium_base64_VARIANT_URLSAFE_NO_PADDING)];
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned int len;

	if (!at_hash || !access_token)
		return 0;
	if (EVP_Digest(access_token, strlen(access_token), digest, &len, hash, NULL) != 1)
		return -ENOMEM;
	sodium_bin2base64(text, sizeof(text), digest, len / 2,
			  sodium_base64_VARIANT_URLSAFE_NO_PADDING);
	if (!json_is_string(at_hash) || strcmp(json_string_value(at_hash), text) != 0)
		return sp_find(finding, SP_REFUSAL_WRONG_HASH, "at_hash is not the access token's");
	return 0;
}

static int check_nonce(const json_t *object, const char *nonce, struct sp_finding *finding)
{
	const char *said = sp_strict_json_text(object, "nonce");

	if (nonce && (!said || strcmp(said, nonce) != 0))
		return sp_find(finding, SP_REFUSAL_WRONG_NONCE, "nonce is %s",
			       said ? "another sign-in's" : "missing");
	return 0;
}

int sp_claims_check_token(const json_t *object, const struct sp_id_token_want *want,
			  enum sp_jws_algorithm algorithm, struct sp_claims *claims,
			  struct sp_finding *finding)
{
	int r;

	if (sp_strict_json_value(object, "events"))
		return sp_find(finding, SP_REFUSAL_WRONG_TYPE, "it has events: a logout token");
	r = check_issuer(object, want->issuer, finding);
	if (r == 0)
		r = check_audience(object, want->client_id, finding);
	if (r == 0)
		r = check_times(object, want, claims, finding);
	if (r == 0)
		r = check_nonce(object, want->nonce, finding);
	if (r == 0)
		r = check_hash(object, want->access_token, algorithm, finding);
	return r;
}
