/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The checks of an id_token, on tokens a provider of our own signs: rows O1-O7, O12, O13 and O17 of the
 * attacks, each with the very reason it is refused for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "identity/provider.h"
#include "identity/tokens/claims.h"
#include "identity/tokens/id_token.h"
#include "../minter.h"

#define NOW 1700000000
#define ALL_ALGORITHMS ((1u << SP_JWS_COUNT) - 1)

static struct sp_jwks *keys;

static const struct sp_id_token_want want = {
	.issuer = "https://op.example.test",
	.client_id = "gate",
	.groups_claim = "groups",
	.algorithms = ALL_ALGORITHMS,
	.now_s = NOW,
	.max_age_s = 600,
};

/* A token, from what a good one has: members set, one dropped, or all of it as it is. */
struct change {
	const char *name;
	enum sp_refusal_reason reason; /* SP_REFUSAL_NONE: accepted */
	const char *claims;            /* members to set */
	const char *drop;              /* a member to leave out */
	const char *header;            /* all of it; NULL: as the algorithm has it */
	const char *alg;               /* NULL: RS256 */
	enum minter_key key;
	const char *payload; /* all of it */
};

static char *payload_of(const struct change *change)
{
	json_t *claims, *more;
	char *text;

	if (change->payload)
		return strdup(change->payload);
	claims = json_pack("{s:s, s:s, s:s, s:I, s:I, s:s, s:[s,s]}", "iss", want.issuer, "sub",
			   "ana-1", "aud", "gate", "exp", (json_int_t)NOW + 300, "iat",
			   (json_int_t)NOW, "preferred_username", "ana", "groups", "eng", "dba");
	if (change->claims) {
		more = json_loads(change->claims, JSON_ALLOW_NUL, NULL);
		assert_non_null(more);
		json_object_update(claims, more);
		json_decref(more);
	}
	if (change->drop)
		assert_int_equal(json_object_del(claims, change->drop), 0);
	text = json_dumps(claims, JSON_COMPACT);
	json_decref(claims);
	return text;
}

static char *mint(const struct change *change)
{
	const char *alg = change->alg ? change->alg : "RS256";
	const char *kid = strcmp(alg, "ES256") == 0   ? "ec"
			  : strcmp(alg, "EdDSA") == 0 ? "ed"
						      : "rsa";
	__sp_free char *payload = payload_of(change);
	char header[128];

	snprintf(header, sizeof(header), "{\"alg\":\"%s\",\"kid\":\"%s\"}", alg, kid);
	return minter_sign(change->header ? change->header : header, payload, strlen(payload), alg,
			   change->key, "secret");
}

/* What is wrong with it, under @as; accepted claims go to @ret_claims unless that is NULL. */
static enum sp_refusal_reason judge(const char *token, size_t len,
				    const struct sp_id_token_want *as, struct sp_claims *ret_claims,
				    struct sp_finding *finding)
{
	struct sp_claims claims;
	int r = sp_id_token_check(token, len, keys, as, &claims, finding);

	if (r < 0) {
		assert_int_equal(r, -EACCES);
		assert_int_not_equal(finding->reason, SP_REFUSAL_NONE);
		return finding->reason;
	}
	if (ret_claims)
		*ret_claims = claims;
	else
		sp_claims_done(&claims);
	return SP_REFUSAL_NONE;
}

static void try_changes(const struct change *changes, size_t count,
			const struct sp_id_token_want *as)
{
	for (size_t i = 0; i < count; i++) {
		__sp_free char *token = mint(&changes[i]);
		struct sp_finding finding = { 0 };
		enum sp_refusal_reason reason = judge(token, strlen(token), as, NULL, &finding);

		if (reason != changes[i].reason)
			fail_msg("%s: %s (%s), expected %s", changes[i].name,
				 sp_refusal_word(reason), finding.detail,
				 sp_refusal_word(changes[i].reason));
	}
}

static void a_good_token_says_who_it_is(void **state)
{
	static const struct {
		const char *alg;
		enum minter_key key;
	} signers[] = {
		{ "RS256", MINTER_RSA },
		{ "PS256", MINTER_RSA },
		{ "ES256", MINTER_EC },
		{ "EdDSA", MINTER_ED },
	};

	(void)state;
	for (size_t i = 0; i < SP_ARRAY_LEN(signers); i++) {
		struct change change = { .alg = signers[i].alg,
					 .key = signers[i].key,
					 .claims = "{\"auth_time\": 1699999000}" };
		__sp_free char *token = mint(&change);
		struct sp_finding finding = { 0 };
		struct sp_claims claims = { 0 };

		if (judge(token, strlen(token), &want, &claims, &finding) != SP_REFUSAL_NONE)
			fail_msg("%s: %s", signers[i].alg, finding.detail);
		assert_string_equal(claims.subject, "ana-1");
		assert_string_equal(claims.user, "ana");
		assert_true(claims.has_groups);
		assert_int_equal(claims.group_count, 2);
		assert_string_equal(claims.groups[0], "eng");
		assert_string_equal(claims.groups[1], "dba");
		assert_int_equal(claims.issued_s, NOW);
		assert_int_equal(claims.expires_s, NOW + 300);
		assert_int_equal(claims.auth_time_s, 1699999000);
		sp_claims_done(&claims);
	}
}

/* O1-O4 and what else a header can say. */
static void headers_are_judged(void **state)
{
	static const struct change changes[] = {
		{ "typ JWT", SP_REFUSAL_NONE,
		  .header = "{\"alg\":\"RS256\",\"kid\":\"rsa\",\"typ\":\"JWT\"}" },
		{ "typ jwt", SP_REFUSAL_NONE,
		  .header = "{\"alg\":\"RS256\",\"kid\":\"rsa\",\"typ\":\"jwt\"}" },
		{ "typ in full", SP_REFUSAL_NONE,
		  .header = "{\"alg\":\"RS256\",\"kid\":\"rsa\",\"typ\":\"application/JWT\"}" },
		{ "typ null", SP_REFUSAL_NONE,
		  .header = "{\"alg\":\"RS256\",\"kid\":\"rsa\",\"typ\":null,\"crit\":null}" },
		{ "kid null, one RSA key", SP_REFUSAL_NONE,
		  .header = "{\"alg\":\"RS256\",\"kid\":null}" },
		{ "Ed25519", SP_REFUSAL_NONE, .alg = "EdDSA", .key = MINTER_ED,
		  .header = "{\"alg\":\"Ed25519\",\"kid\":\"ed\"}" },
		{ "Ed448", SP_REFUSAL_BAD_ALGORITHM,
		  .header = "{\"alg\":\"Ed448\",\"kid\":\"ed\"}" },
		{ "no kid, one RSA key", SP_REFUSAL_NONE, .header = "{\"alg\":\"RS256\"}" },
		{ "none", SP_REFUSAL_BAD_ALGORITHM, .alg = "none" },
		{ "none with a signature", SP_REFUSAL_BAD_ALGORITHM,
		  .header = "{\"alg\":\"none\",\"kid\":\"rsa\"}" },
		{ "NoNe", SP_REFUSAL_BAD_ALGORITHM, .alg = "none", .header = "{\"alg\":\"NoNe\"}" },
		{ "rs256", SP_REFUSAL_BAD_ALGORITHM,
		  .header = "{\"alg\":\"rs256\",\"kid\":\"rsa\"}" },
		{ "no alg", SP_REFUSAL_BAD_ALGORITHM, .header = "{\"kid\":\"rsa\"}" },
		{ "alg a number", SP_REFUSAL_BAD_ALGORITHM,
		  .header = "{\"alg\":256,\"kid\":\"rsa\"}" },
		{ "alg a list", SP_REFUSAL_BAD_ALGORITHM,
		  .header = "{\"alg\":[\"RS256\"],\"kid\":\"rsa\"}" },
		{ "HS256", SP_REFUSAL_BAD_ALGORITHM, .alg = "HS256" },
		{ "RS512", SP_REFUSAL_BAD_ALGORITHM,
		  .header = "{\"alg\":\"RS512\",\"kid\":\"rsa\"}" },
		{ "ES256 with the RSA key", SP_REFUSAL_BAD_ALGORITHM,
		  .header = "{\"alg\":\"ES256\",\"kid\":\"rsa\"}" },
		{ "RS256 with the EC key", SP_REFUSAL_BAD_ALGORITHM,
		  .header = "{\"alg\":\"RS256\",\"kid\":\"ec\"}" },
		{ "EdDSA with the EC key", SP_REFUSAL_BAD_ALGORITHM,
		  .header = "{\"alg\":\"EdDSA\",\"kid\":\"ec\"}" },
		{ "PS256 said, RS256 done", SP_REFUSAL_BAD_SIGNATURE,
		  .header = "{\"alg\":\"PS256\",\"kid\":\"rsa\"}" },
		{ "another's key", SP_REFUSAL_BAD_SIGNATURE, .key = MINTER_RSA_OTHER },
		{ "ES256 by a P-384 key", SP_REFUSAL_BAD_SIGNATURE, .alg = "ES256",
		  .key = MINTER_EC384 },
		{ "no signature", SP_REFUSAL_BAD_SIGNATURE, .alg = "none",
		  .header = "{\"alg\":\"RS256\",\"kid\":\"rsa\"}" },
		{ "a jwk of its own", SP_REFUSAL_UNKNOWN_KEY, .key = MINTER_RSA_OTHER,
		  .header = "{\"alg\":\"RS256\",\"kid\":\"mine\",\"jwk\":{\"kty\":\"RSA\",\"n\":"
			    "\"AQAB\",\"e\":\"AQAB\"}}" },
		{ "jku", SP_REFUSAL_BAD_SIGNATURE, .key = MINTER_RSA_OTHER,
		  .header = "{\"alg\":\"RS256\",\"kid\":\"rsa\",\"jku\":\"https://evil.example/"
			    "k\"}" },
		{ "x5u and x5c", SP_REFUSAL_BAD_SIGNATURE, .key = MINTER_RSA_OTHER,
		  .header = "{\"alg\":\"RS256\",\"kid\":\"rsa\",\"x5u\":\"https://evil.example/"
			    "c\",\"x5c\":[\"MIIB\"]}" },
		{ "jku on a good one", SP_REFUSAL_NONE,
		  .header = "{\"alg\":\"RS256\",\"kid\":\"rsa\",\"jku\":\"https://evil.example/"
			    "k\"}" },
		{ "kid unknown", SP_REFUSAL_UNKNOWN_KEY,
		  .header = "{\"alg\":\"RS256\",\"kid\":\"new\"}" },
		{ "kid a path", SP_REFUSAL_UNKNOWN_KEY,
		  .header = "{\"alg\":\"RS256\",\"kid\":\"../../dev/null\"}" },
		{ "kid SQL", SP_REFUSAL_UNKNOWN_KEY,
		  .header = "{\"alg\":\"RS256\",\"kid\":\"' or 1=1 --\"}" },
		{ "kid empty", SP_REFUSAL_UNKNOWN_KEY,
		  .header = "{\"alg\":\"RS256\",\"kid\":\"\"}" },
		{ "kid a number", SP_REFUSAL_MALFORMED, .header = "{\"alg\":\"RS256\",\"kid\":1}" },
		{ "crit", SP_REFUSAL_CRITICAL_HEADER,
		  .header = "{\"alg\":\"RS256\",\"kid\":\"rsa\",\"crit\":[\"exp\"]}" },
		{ "crit empty", SP_REFUSAL_CRITICAL_HEADER,
		  .header = "{\"alg\":\"RS256\",\"kid\":\"rsa\",\"crit\":[]}" },
		{ "b64 false", SP_REFUSAL_CRITICAL_HEADER,
		  .header = "{\"alg\":\"RS256\",\"kid\":\"rsa\",\"b64\":false}" },
		{ "an access token", SP_REFUSAL_WRONG_TYPE,
		  .header = "{\"alg\":\"RS256\",\"kid\":\"rsa\",\"typ\":\"at+jwt\"}" },
		{ "an access token, long", SP_REFUSAL_WRONG_TYPE,
		  .header = "{\"alg\":\"RS256\",\"kid\":\"rsa\",\"typ\":\"application/at+jwt\"}" },
		{ "a logout token", SP_REFUSAL_WRONG_TYPE,
		  .header = "{\"alg\":\"RS256\",\"kid\":\"rsa\",\"typ\":\"logout+jwt\"}" },
		{ "typ a number", SP_REFUSAL_WRONG_TYPE,
		  .header = "{\"alg\":\"RS256\",\"kid\":\"rsa\",\"typ\":1}" },
		{ "alg twice", SP_REFUSAL_MALFORMED,
		  .header = "{\"alg\":\"none\",\"alg\":\"RS256\",\"kid\":\"rsa\"}" },
		{ "a list", SP_REFUSAL_MALFORMED, .header = "[\"RS256\"]" },
		{ "empty", SP_REFUSAL_MALFORMED, .header = "" },
		{ "something behind it", SP_REFUSAL_MALFORMED,
		  .header = "{\"alg\":\"RS256\",\"kid\":\"rsa\"}x" },
	};

	(void)state;
	try_changes(changes, SP_ARRAY_LEN(changes), &want);
}

/* O5, O6, O12. */
static void a_token_for_another_is_refused(void **state)
{
	static const struct change changes[] = {
		{ "aud other", SP_REFUSAL_WRONG_AUDIENCE, "{\"aud\":\"other\"}" },
		{ "aud missing", SP_REFUSAL_WRONG_AUDIENCE, .drop = "aud" },
		{ "aud a number", SP_REFUSAL_WRONG_AUDIENCE, "{\"aud\":1}" },
		{ "aud a prefix", SP_REFUSAL_WRONG_AUDIENCE, "{\"aud\":\"gate2\"}" },
		{ "aud an object", SP_REFUSAL_WRONG_AUDIENCE, "{\"aud\":{\"gate\":\"gate\"}}" },
		{ "aud empty", SP_REFUSAL_WRONG_AUDIENCE, "{\"aud\":[]}" },
		{ "aud a list of us", SP_REFUSAL_NONE, "{\"aud\":[\"gate\"]}" },
		{ "aud a list with a number", SP_REFUSAL_WRONG_AUDIENCE,
		  "{\"aud\":[\"gate\",1],\"azp\":\"gate\"}" },
		{ "aud a list of others", SP_REFUSAL_WRONG_AUDIENCE,
		  "{\"aud\":[\"a\",\"b\"],\"azp\":\"gate\"}" },
		{ "aud a list of us, twice", SP_REFUSAL_NONE, "{\"aud\":[\"gate\",\"gate\"]}" },
		{ "aud several, no azp", SP_REFUSAL_WRONG_PARTY, "{\"aud\":[\"gate\",\"other\"]}" },
		{ "aud several, azp us", SP_REFUSAL_NONE,
		  "{\"aud\":[\"other\",\"gate\"],\"azp\":\"gate\"}" },
		{ "aud several, azp other", SP_REFUSAL_WRONG_PARTY,
		  "{\"aud\":[\"gate\",\"other\"],\"azp\":\"other\"}" },
		{ "azp us", SP_REFUSAL_NONE, "{\"azp\":\"gate\"}" },
		{ "azp other", SP_REFUSAL_WRONG_PARTY, "{\"azp\":\"other\"}" },
		{ "azp null", SP_REFUSAL_NONE, "{\"azp\":null}" },
		{ "azp empty", SP_REFUSAL_NONE, "{\"azp\":\"\"}" },
		{ "aud several, azp empty", SP_REFUSAL_WRONG_PARTY,
		  "{\"aud\":[\"gate\",\"other\"],\"azp\":\"\"}" },
		{ "azp a list", SP_REFUSAL_WRONG_PARTY, "{\"azp\":[\"gate\"]}" },
		{ "aud several, azp null", SP_REFUSAL_WRONG_PARTY,
		  "{\"aud\":[\"gate\",\"other\"],\"azp\":null}" },
		{ "iss other", SP_REFUSAL_WRONG_ISSUER, "{\"iss\":\"https://evil.example\"}" },
		{ "iss with a slash", SP_REFUSAL_WRONG_ISSUER,
		  "{\"iss\":\"https://op.example.test/\"}" },
		{ "iss in capitals", SP_REFUSAL_WRONG_ISSUER,
		  "{\"iss\":\"https://OP.example.test\"}" },
		{ "iss of another tenant", SP_REFUSAL_WRONG_ISSUER,
		  "{\"iss\":\"https://op.example.test/other\"}" },
		{ "iss missing", SP_REFUSAL_WRONG_ISSUER, .drop = "iss" },
		{ "iss without its scheme", SP_REFUSAL_WRONG_ISSUER,
		  "{\"iss\":\"op.example.test\"}" },
		{ "iss a list", SP_REFUSAL_WRONG_ISSUER,
		  "{\"iss\":[\"https://op.example.test\"]}" },
		{ "a logout token's events", SP_REFUSAL_WRONG_TYPE,
		  "{\"events\":{\"http://schemas.openid.net/event/backchannel-logout\":{}}}" },
		{ "events null", SP_REFUSAL_NONE, "{\"events\":null}" },
	};

	(void)state;
	try_changes(changes, SP_ARRAY_LEN(changes), &want);
}

/* O7. The skew of 60 s counts on both sides, its edges included. */
static void times_are_whole_numbers_within_the_skew(void **state)
{
	static const struct change changes[] = {
		{ "ended 60 s ago", SP_REFUSAL_NONE, "{\"exp\":1699999940}" },
		{ "ended 61 s ago", SP_REFUSAL_EXPIRED, "{\"exp\":1699999939}" },
		{ "no exp", SP_REFUSAL_BAD_TIME, .drop = "exp" },
		{ "exp a float", SP_REFUSAL_BAD_TIME, "{\"exp\":1700000300.5}" },
		{ "exp a whole float", SP_REFUSAL_BAD_TIME, "{\"exp\":1700000300.0}" },
		{ "exp a text", SP_REFUSAL_BAD_TIME, "{\"exp\":\"1700000300\"}" },
		{ "exp negative", SP_REFUSAL_BAD_TIME, "{\"exp\":-1}" },
		{ "exp null", SP_REFUSAL_BAD_TIME, "{\"exp\":null}" },
		{ "exp huge", SP_REFUSAL_BAD_TIME, "{\"exp\":9223372036854775807}" },
		{ "iat 60 s ahead", SP_REFUSAL_NONE, "{\"iat\":1700000060}" },
		{ "iat 61 s ahead", SP_REFUSAL_NOT_YET_VALID, "{\"iat\":1700000061}" },
		{ "no iat", SP_REFUSAL_BAD_TIME, .drop = "iat" },
		{ "iat a text", SP_REFUSAL_BAD_TIME, "{\"iat\":\"1700000000\"}" },
		{ "made 660 s ago", SP_REFUSAL_NONE, "{\"iat\":1699999340}" },
		{ "made 661 s ago", SP_REFUSAL_TOO_OLD, "{\"iat\":1699999339}" },
		{ "nbf 60 s ahead", SP_REFUSAL_NONE, "{\"nbf\":1700000060}" },
		{ "nbf 61 s ahead", SP_REFUSAL_NOT_YET_VALID, "{\"nbf\":1700000061}" },
		{ "nbf a text", SP_REFUSAL_BAD_TIME, "{\"nbf\":\"0\"}" },
		{ "nbf null", SP_REFUSAL_NONE, "{\"nbf\":null}" },
		/* nobody asks for it */
		{ "auth_time a date", SP_REFUSAL_NONE,
		  "{\"auth_time\":\"2026-11-24T12:17:06.060Z\"}" },
		{ "auth_time null", SP_REFUSAL_NONE, "{\"auth_time\":null}" },
		{ "auth_time negative", SP_REFUSAL_NONE, "{\"auth_time\":-1}" },
		{ "what nobody knows", SP_REFUSAL_NONE,
		  "{\"amr\":null,\"acr\":7,\"sid\":[],\"address\":{\"x\":[null]},\"profile\":\"\","
		  "\"wids\":\"\",\"nonce\":null}" },
	};

	(void)state;
	try_changes(changes, SP_ARRAY_LEN(changes), &want);
}

/* Google's tokens may leave the scheme out; nobody else's. */
static void google_names_itself_in_two_ways(void **state)
{
	static const struct change changes[] = {
		{ "whole", SP_REFUSAL_NONE, "{\"iss\":\"https://accounts.google.com\"}" },
		{ "without its scheme", SP_REFUSAL_NONE, "{\"iss\":\"accounts.google.com\"}" },
		{ "another scheme", SP_REFUSAL_WRONG_ISSUER,
		  "{\"iss\":\"http://accounts.google.com\"}" },
		{ "another", SP_REFUSAL_WRONG_ISSUER, "{\"iss\":\"accounts.google.com.example\"}" },
	};
	struct sp_id_token_want google = want;

	(void)state;
	google.issuer = "https://accounts.google.com";
	try_changes(changes, SP_ARRAY_LEN(changes), &google);
}

/* A number the parser has no room for costs nobody their sign-in, unless it is one that counts. */
static void numbers_beyond_63_bits_are_no_numbers(void **state)
{
	static const struct change changes[] = {
		{ "where nobody looks", SP_REFUSAL_NONE,
		  .payload =
			  "{\"iss\":\"https://"
			  "op.example.test\",\"sub\":\"ana-1\",\"aud\":\"gate\",\"exp\":1700000300,"
			  "\"iat\":1700000000,\"preferred_username\":\"12345678901234567890123\","
			  "\"groups\":[\"eng\"],"
			  "\"x\":[98765432109876543210987654321,-98765432109876543210,1."
			  "98765432109876543210]}" },
		{ "exp", SP_REFUSAL_BAD_TIME,
		  .payload = "{\"iss\":\"https://"
			     "op.example.test\",\"sub\":\"ana-1\",\"aud\":\"gate\",\"exp\":"
			     "99999999999999999999,"
			     "\"iat\":1700000000}" },
		{ "sub", SP_REFUSAL_BAD_SUBJECT,
		  .payload = "{\"iss\":\"https://"
			     "op.example.test\",\"sub\":117000000000000000001,\"aud\":\"gate\","
			     "\"exp\":1700000300,"
			     "\"iat\":1700000000}" },
		{ "and no JSON besides", SP_REFUSAL_MALFORMED,
		  .payload = "{\"x\":99999999999999999999," },
		{ "twice", SP_REFUSAL_MALFORMED,
		  .payload = "{\"x\":99999999999999999999,\"x\":1}" },
	};
	__sp_free char *token = mint(&changes[0]);
	struct sp_claims claims = { 0 };
	struct sp_finding finding = { 0 };

	(void)state;
	try_changes(changes, SP_ARRAY_LEN(changes), &want);
	assert_int_equal(judge(token, strlen(token), &want, &claims, &finding), SP_REFUSAL_NONE);
	assert_string_equal(claims.user, "12345678901234567890123");
	sp_claims_done(&claims);
}

/* O13. */
static void payloads_that_can_be_read_two_ways_are_refused(void **state)
{
	static const struct change changes[] = {
		{ "sub twice", SP_REFUSAL_MALFORMED, .payload = "{\"sub\":\"a\",\"sub\":\"b\"}" },
		{ "no JSON", SP_REFUSAL_MALFORMED, .payload = "sub=ana" },
		{ "empty", SP_REFUSAL_MALFORMED, .payload = "" },
		{ "a list", SP_REFUSAL_MALFORMED, .payload = "[]" },
		{ "no UTF-8", SP_REFUSAL_MALFORMED, .payload = "{\"sub\":\"\xff\xfe\"}" },
		{ "overlong UTF-8", SP_REFUSAL_MALFORMED, .payload = "{\"sub\":\"\xc0\xaf\"}" },
		{ "a lone surrogate", SP_REFUSAL_MALFORMED, .payload = "{\"sub\":\"\\ud800\"}" },
		{ "a NUL in sub", SP_REFUSAL_MALFORMED, .payload = "{\"sub\":\"ana\\u0000bob\"}" },
		{ "a NUL in a key", SP_REFUSAL_MALFORMED, .payload = "{\"sub\\u0000\":\"ana\"}" },
		{ "two objects", SP_REFUSAL_MALFORMED, .payload = "{}{}" },
		{ "a comment", SP_REFUSAL_MALFORMED, .payload = "{}//" },
	};

	(void)state;
	try_changes(changes, SP_ARRAY_LEN(changes), &want);
}

static void deep_nesting_is_refused(void **state)
{
	static const size_t depths[] = { 32, 33, 5000 };

	(void)state;
	for (size_t i = 0; i < SP_ARRAY_LEN(depths); i++) {
		/* The object itself is one level. */
		const size_t lists = depths[i] - 1;
		__sp_free char *text = malloc(2 * lists + 16);
		struct change change = { .name = "deep" };
		__sp_free char *token = NULL;
		struct sp_finding finding = { 0 };
		char *c = text;

		assert_non_null(text);
		c = stpcpy(c, "{\"x\":");
		memset(c, '[', lists);
		memset(c + lists, ']', lists);
		strcpy(c + 2 * lists, "}");
		change.payload = text;
		token = mint(&change);
		/* What is not too deep is read, and then has no iss. */
		assert_int_equal(judge(token, strlen(token), &want, NULL, &finding),
				 depths[i] == 32 ? SP_REFUSAL_WRONG_ISSUER : SP_REFUSAL_MALFORMED);
	}
}

/* One good token, its text bent. */
static void one_token_has_one_text(void **state)
{
	static const struct change good = { .name = "good" };
	__sp_free char *token = mint(&good);
	const size_t len = strlen(token);
	static const struct {
		const char *name, *before, *after;
		enum sp_refusal_reason reason;
	} cases[] = {
		{ "as it is", "", "", SP_REFUSAL_NONE },
		{ "a newline behind it", "", "\n", SP_REFUSAL_MALFORMED },
		{ "a space before it", " ", "", SP_REFUSAL_MALFORMED },
		{ "padding", "", "=", SP_REFUSAL_MALFORMED },
		{ "padding twice", "", "==", SP_REFUSAL_MALFORMED },
		{ "a fourth part", "", ".x", SP_REFUSAL_MALFORMED },
		{ "an empty fourth part", "", ".", SP_REFUSAL_MALFORMED },
		{ "a part in front", "x.", "", SP_REFUSAL_MALFORMED },
		{ "base64's own letters", "", "+/", SP_REFUSAL_MALFORMED },
		{ "four letters more", "", "AAAA", SP_REFUSAL_BAD_SIGNATURE },
	};
	struct sp_finding finding = { 0 };

	(void)state;
	for (size_t i = 0; i < SP_ARRAY_LEN(cases); i++) {
		__sp_free char *bent = NULL;

		assert_true(asprintf(&bent, "%s%s%s", cases[i].before, token, cases[i].after) > 0);
		if (judge(bent, strlen(bent), &want, NULL, &finding) != cases[i].reason)
			fail_msg("%s: %s", cases[i].name, finding.detail);
	}
	/* 256 bytes are 342 letters, so the last one has four bits too many: all 0 in the only good text. */
	for (int bits = 1; bits < 16; bits++) {
		static const char letters[] =
			"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
		__sp_free char *bent = strdup(token);

		assert_non_null(bent);
		bent[len - 1] =
			letters[(size_t)(strchr(letters, bent[len - 1]) - letters) + (size_t)bits];
		assert_int_equal(judge(bent, len, &want, NULL, &finding), SP_REFUSAL_MALFORMED);
	}
	for (size_t shorter = 0; shorter < len; shorter++)
		assert_int_not_equal(judge(token, shorter, &want, NULL, &finding), SP_REFUSAL_NONE);
	/* A NUL inside is a byte like any other that does not belong there. */
	token[len / 2] = '\0';
	assert_int_equal(judge(token, len, &want, NULL, &finding), SP_REFUSAL_MALFORMED);
}

static void every_changed_letter_is_noticed(void **state)
{
	static const struct change good = { .name = "good", .alg = "ES256", .key = MINTER_EC };
	__sp_free char *token = mint(&good);
	struct sp_finding finding = { 0 };

	(void)state;
	for (size_t i = 0; i < strlen(token); i++) {
		const char kept = token[i];

		token[i] = kept == 'A' ? 'B' : 'A';
		if (judge(token, strlen(token), &want, NULL, &finding) == SP_REFUSAL_NONE)
			fail_msg("letter %zu may be changed", i);
		token[i] = kept;
	}
	assert_int_equal(judge(token, strlen(token), &want, NULL, &finding), SP_REFUSAL_NONE);
}

static void a_large_token_is_not_read(void **state)
{
	static const size_t sizes[] = { SP_ID_TOKEN_MAX, SP_ID_TOKEN_MAX + 1, 2u << 20 };

	(void)state;
	for (size_t i = 0; i < SP_ARRAY_LEN(sizes); i++) {
		__sp_free char *text = malloc(sizes[i]);
		struct sp_finding finding = { 0 };

		assert_non_null(text);
		memset(text, 'A', sizes[i]);
		assert_int_equal(judge(text, sizes[i], &want, NULL, &finding),
				 sizes[i] > SP_ID_TOKEN_MAX ? SP_REFUSAL_TOO_LARGE
							    : SP_REFUSAL_MALFORMED);
	}
}

static void an_algorithm_left_out_is_refused(void **state)
{
	static const struct change changes[] = {
		{ "RS256", SP_REFUSAL_BAD_ALGORITHM },
		{ "ES256", SP_REFUSAL_NONE, .alg = "ES256", .key = MINTER_EC },
		{ "EdDSA", SP_REFUSAL_BAD_ALGORITHM, .alg = "EdDSA", .key = MINTER_ED },
	};
	struct sp_id_token_want strict = want;

	(void)state;
	strict.algorithms = 1u << SP_JWS_ES256;
	try_changes(changes, SP_ARRAY_LEN(changes), &strict);
}

static void a_nonce_asked_for_must_be_there(void **state)
{
	static const struct change asked[] = {
		{ "missing", SP_REFUSAL_WRONG_NONCE },
		{ "right", SP_REFUSAL_NONE, "{\"nonce\":\"n1\"}" },
		{ "another's", SP_REFUSAL_WRONG_NONCE, "{\"nonce\":\"n2\"}" },
		{ "a number", SP_REFUSAL_WRONG_NONCE, "{\"nonce\":1}" },
	};
	static const struct change unasked[] = { { "there", SP_REFUSAL_NONE,
						   "{\"nonce\":\"n2\"}" } };
	struct sp_id_token_want with_nonce = want;

	(void)state;
	with_nonce.nonce = "n1";
	try_changes(asked, SP_ARRAY_LEN(asked), &with_nonce);
	try_changes(unasked, SP_ARRAY_LEN(unasked), &want);
}

/* OpenID Connect Core 1.0, A.3 has this access token with this at_hash. Ed25519's goes by SHA-512:
 * `printf %s TOKEN | openssl dgst -sha512 -binary | head -c32 | basenc --base64url`. */
static void at_hash_is_the_access_tokens(void **state)
{
	static const char access_token[] = "jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y";
	static const struct change changes[] = {
		{ "none", SP_REFUSAL_NONE },
		{ "right", SP_REFUSAL_NONE, "{\"at_hash\":\"77QmUPtjPfzWtF2AnpK9RQ\"}" },
		{ "other", SP_REFUSAL_WRONG_HASH, "{\"at_hash\":\"77QmUPtjPfzWtF2AnpK9RA\"}" },
		{ "longer", SP_REFUSAL_WRONG_HASH, "{\"at_hash\":\"77QmUPtjPfzWtF2AnpK9RQA\"}" },
		{ "empty", SP_REFUSAL_WRONG_HASH, "{\"at_hash\":\"\"}" },
		{ "null", SP_REFUSAL_NONE, "{\"at_hash\":null}" },
		{ "other beside a sid", SP_REFUSAL_WRONG_HASH,
		  "{\"at_hash\":\"x\",\"sid\":\"s\"}" },
		{ "Ed25519's by SHA-256", SP_REFUSAL_WRONG_HASH,
		  "{\"at_hash\":\"77QmUPtjPfzWtF2AnpK9RQ\"}", .alg = "EdDSA", .key = MINTER_ED },
		{ "Ed25519's", SP_REFUSAL_NONE,
		  "{\"at_hash\":\"q7nS86GgvvFaZkzALLWqJYaJIKw2wCDAVfCAsm5CrBM\"}", .alg = "EdDSA",
		  .key = MINTER_ED },
	};
	struct sp_id_token_want with_token = want;

	(void)state;
	with_token.access_token = access_token;
	try_changes(changes, SP_ARRAY_LEN(changes), &with_token);
}

static void subjects_are_short_printable_and_the_same(void **state)
{
	static const struct change changes[] = {
		{ "missing", SP_REFUSAL_BAD_SUBJECT, .drop = "sub" },
		{ "empty", SP_REFUSAL_BAD_SUBJECT, "{\"sub\":\"\"}" },
		{ "a number", SP_REFUSAL_BAD_SUBJECT, "{\"sub\":1}" },
		{ "a newline", SP_REFUSAL_BAD_SUBJECT, "{\"sub\":\"ana\\nbob\"}" },
		{ "not ASCII", SP_REFUSAL_BAD_SUBJECT, "{\"sub\":\"an\\u00e1\"}" },
	};
	static const struct change same[] = {
		{ "same", SP_REFUSAL_NONE },
		{ "other", SP_REFUSAL_OTHER_SUBJECT, "{\"sub\":\"bob-1\"}" },
		{ "other case", SP_REFUSAL_OTHER_SUBJECT, "{\"sub\":\"Ana-1\"}" },
	};
	struct sp_id_token_want refresh = want;

	(void)state;
	try_changes(changes, SP_ARRAY_LEN(changes), &want);
	refresh.subject = "ana-1";
	try_changes(same, SP_ARRAY_LEN(same), &refresh);
	for (size_t len = 255; len <= 256; len++) {
		char claims[300];
		struct change change = { "long",
					 len > 255 ? SP_REFUSAL_BAD_SUBJECT : SP_REFUSAL_NONE,
					 claims };

		snprintf(claims, sizeof(claims), "{\"sub\":\"%0*d\"}", (int)len, 0);
		try_changes(&change, 1, &want);
	}
}

static void names_can_be_used_or_are_refused(void **state)
{
	static const struct {
		const char *claims, *user_claim, *user; /* NULL: bad-user */
	} cases[] = {
		{ "{}", NULL, "ana" },
		{ "{\"preferred_username\":null,\"email\":\"ana@x.test\"}", NULL, "ana@x.test" },
		{ "{\"preferred_username\":null,\"email\":\"a@x.test\",\"email_verified\":true}",
		  NULL, "a@x.test" },
		{ "{\"preferred_username\":null,\"email\":\"a@x.test\",\"email_verified\":false}",
		  NULL, "ana-1" },
		{ "{\"preferred_username\":null,\"email\":\"a@x.test\",\"email_verified\":"
		  "\"true\"}",
		  NULL, "a@x.test" },
		{ "{\"preferred_username\":null,\"email\":\"a@x.test\",\"email_verified\":"
		  "\"false\"}",
		  NULL, "ana-1" },
		{ "{\"preferred_username\":null,\"email\":\"a@x.test\",\"email_verified\":\"yes\"}",
		  NULL, "ana-1" },
		{ "{\"preferred_username\":null,\"email\":\"a@x.test\",\"email_verified\":null}",
		  NULL, "a@x.test" },
		{ "{\"preferred_username\":\"\",\"email\":\"\"}", NULL, "ana-1" },
		{ "{\"email\":\"a@x.test\",\"email_verified\":\"True\"}", "email", "a@x.test" },
		{ "{\"preferred_username\":null}", NULL, "ana-1" },
		{ "{\"preferred_username\":null,\"sub\":\"urn/x\"}", NULL, NULL },
		{ "{\"preferred_username\":\"a/b\",\"email\":\"ana@x.test\"}", NULL, NULL },
		{ "{\"preferred_username\":\"\"}", NULL, "ana-1" },
		{ "{\"upn\":\"\"}", "upn", NULL },
		{ "{\"preferred_username\":\" ana\"}", NULL, NULL },
		{ "{\"preferred_username\":\"a\\u001b[2Jb\"}", NULL, NULL },
		{ "{\"preferred_username\":\"a\\u009b2Jb\"}", NULL, NULL },
		{ "{\"preferred_username\":1}", NULL, NULL },
		{ "{\"preferred_username\":[\"ana\"]}", NULL, NULL },
		{ "{\"preferred_username\":\"Ana M\\u00fcller\"}", NULL, "Ana M\xc3\xbcller" },
		{ "{\"upn\":\"ana@corp\"}", "upn", "ana@corp" },
		{ "{}", "upn", NULL },
		{ "{}", "sub", "ana-1" },
		{ "{\"email\":\"a@x.test\",\"email_verified\":false}", "email", NULL },
	};

	(void)state;
	for (size_t i = 0; i < SP_ARRAY_LEN(cases); i++) {
		struct change change = { .claims = cases[i].claims };
		__sp_free char *token = mint(&change);
		struct sp_id_token_want as = want;
		struct sp_finding finding = { 0 };
		struct sp_claims claims = { 0 };
		enum sp_refusal_reason reason;

		as.user_claim = cases[i].user_claim;
		reason = judge(token, strlen(token), &as, &claims, &finding);
		if (reason != (cases[i].user ? SP_REFUSAL_NONE : SP_REFUSAL_BAD_USER))
			fail_msg("%s: %s %s", cases[i].claims, sp_refusal_word(reason),
				 finding.detail);
		if (cases[i].user)
			assert_string_equal(claims.user, cases[i].user);
		sp_claims_done(&claims);
	}
}

/* As long as a mail address may be, in any script. */
static void names_have_255_bytes(void **state)
{
	static const struct {
		size_t count;
		const char *letter;
		bool is_taken;
	} cases[] = {
		{ 255, "x", true },
		{ 256, "x", false },
		{ 85, "\xe5\x90\x8d", true },
		{ 86, "\xe5\x90\x8d", false },
	};

	(void)state;
	for (size_t i = 0; i < SP_ARRAY_LEN(cases); i++) {
		struct change change = { "long", cases[i].is_taken ? SP_REFUSAL_NONE
								   : SP_REFUSAL_BAD_USER };
		char claims[400] = "{\"preferred_username\":\"";

		for (size_t n = 0; n < cases[i].count; n++)
			strcat(claims, cases[i].letter);
		change.claims = strcat(claims, "\"}");
		try_changes(&change, 1, &want);
	}
}

/* What a person can do about it, or their administrator. */
static void a_refusal_names_what_came_and_what_is_taken(void **state)
{
	static const struct {
		struct change change;
		const char *user_claim, *groups_claim, *said;
	} cases[] = {
		{ { .header = "{\"alg\":\"RS512\",\"kid\":\"rsa\"}" },
		  NULL,
		  NULL,
		  "it is signed by alg \"RS512\"; taken are RS256, PS256, ES256, EdDSA" },
		{ { .header = "{\"alg\":\"RS256\",\"kid\":\"new\"}" },
		  NULL,
		  NULL,
		  "no key has kid \"new\"; there are \"rsa\"" },
		{ { .claims = "{\"email\":\"a@x.test\",\"email_verified\":false}" },
		  "email",
		  NULL,
		  "not verified" },
		{ { .claims = "{\"groups\":\"eng\"}" }, NULL, NULL, "is a text, no list" },
		{ { .claims = "{\"realm_access\":{\"roles\":7}}" },
		  NULL,
		  "realm_access.roles",
		  "\"realm_access.roles\" is a number" },
		{ { .claims = "{\"iss\":\"https://op.example.test/\"}" },
		  NULL,
		  NULL,
		  "write it with the slash at its end" },
		{ { .claims = "{\"iss\":7}" }, NULL, NULL, "iss is 7, no text" },
		{ { .claims = "{\"aud\":[\"a\",7]}" },
		  NULL,
		  NULL,
		  "aud is [\"a\",7] and does not name \"gate\", the client-id here" },
		{ { .drop = "aud" }, NULL, NULL, "aud is missing" },
		{ { .claims = "{\"aud\":[\"gate\",\"b\"]}" },
		  NULL,
		  NULL,
		  "aud is [\"gate\",\"b\"], and azp does not say" },
		{ { .claims = "{\"azp\":[\"gate\"]}" },
		  NULL,
		  NULL,
		  "azp is [\"gate\"], not \"gate\"" },
		{ { .claims = "{\"exp\":\"soon\"}" },
		  NULL,
		  NULL,
		  "exp is \"soon\", no whole number" },
		{ { .claims = "{\"sub\":7}" }, NULL, NULL, "sub is 7, no text of 1 to 255" },
		{ { .claims = "{\"preferred_username\":7}" },
		  NULL,
		  NULL,
		  "preferred_username is 7, no text; name another claim" },
	};

	(void)state;
	for (size_t i = 0; i < SP_ARRAY_LEN(cases); i++) {
		__sp_free char *token = mint(&cases[i].change);
		struct sp_id_token_want as = want;
		struct sp_finding finding = { 0 };

		as.user_claim = cases[i].user_claim;
		if (cases[i].groups_claim)
			as.groups_claim = cases[i].groups_claim;
		assert_int_not_equal(judge(token, strlen(token), &as, NULL, &finding),
				     SP_REFUSAL_NONE);
		if (!strstr(finding.detail, cases[i].said))
			fail_msg("%s, not: %s", finding.detail, cases[i].said);
	}
}

/* Keycloak's roles are in an object, Zitadel's are the keys of one; a name with dots may be a name. */
static void groups_are_found_where_providers_put_them(void **state)
{
	static const struct {
		const char *claim, *claims;
		bool has_groups;
	} cases[] = {
		{ "realm_access.roles", "{\"realm_access\":{\"roles\":[\"eng\"]}}", true },
		{ "resource_access.gate.roles",
		  "{\"resource_access\":{\"gate\":{\"roles\":[\"eng\"]}}}", true },
		{ "https://x.example/groups", "{\"https://x.example/groups\":[\"eng\"]}", true },
		{ "urn:zitadel:iam:org:project:roles",
		  "{\"urn:zitadel:iam:org:project:roles\":{\"eng\":{\"1\":\"x.example.org\"}}}",
		  true },
		{ "realm_access.roles", "{\"realm_access\":{\"role\":[\"eng\"]}}", false },
		{ "realm_access.roles", "{\"realm_access\":\"roles\"}", false },
		/* one text, of a claim somebody chose: Google, AD FS */
		{ "hd", "{\"hd\":\"eng\"}", true },
		{ "realm_access.role", "{\"realm_access\":{\"role\":\"eng\"}}", true },
		{ ".", "{\"\":[\"eng\"]}", false },
		{ "a..b", "{\"a\":{\"\":{\"b\":[\"eng\"]}}}", false },
	};

	(void)state;
	for (size_t i = 0; i < SP_ARRAY_LEN(cases); i++) {
		struct change change = { .claims = cases[i].claims };
		__sp_free char *token = mint(&change);
		struct sp_id_token_want as = want;
		struct sp_finding finding = { 0 };
		struct sp_claims claims = { 0 };

		as.groups_claim = cases[i].claim;
		if (judge(token, strlen(token), &as, &claims, &finding) != SP_REFUSAL_NONE)
			fail_msg("%s: %s", cases[i].claims, finding.detail);
		assert_int_equal(claims.has_groups, cases[i].has_groups);
		assert_int_equal(claims.group_count, cases[i].has_groups);
		if (claims.group_count)
			assert_string_equal(claims.groups[0], "eng");
		sp_claims_done(&claims);
	}
}

/* O17: groups that cannot be read are never "no groups". */
static void groups_are_a_list_of_texts_or_refused(void **state)
{
	static const struct change changes[] = {
		{ "a text", SP_REFUSAL_BAD_GROUPS, "{\"groups\":\"eng\"}" },
		{ "a list of numbers", SP_REFUSAL_BAD_GROUPS, "{\"groups\":[1,2]}" },
		{ "a number beside a text", SP_REFUSAL_NONE, "{\"groups\":[\"eng\",1]}" },
		{ "a list in a list", SP_REFUSAL_BAD_GROUPS, "{\"groups\":[[\"eng\"]]}" },
		{ "null", SP_REFUSAL_NONE, "{\"groups\":null}" },
		{ "null inside", SP_REFUSAL_BAD_GROUPS, "{\"groups\":[null]}" },
		{ "an object", SP_REFUSAL_BAD_GROUPS, "{\"groups\":{\"eng\":true}}" },
		{ "overage", SP_REFUSAL_GROUPS_ELSEWHERE,
		  "{\"_claim_names\":{\"groups\":\"src1\"},\"_claim_sources\":{\"src1\":{"
		  "\"endpoint\":\"https://x\"}}}",
		  .drop = "groups" },
		{ "overage beside a list", SP_REFUSAL_GROUPS_ELSEWHERE,
		  "{\"_claim_names\":{\"groups\":\"src1\"}}" },
		{ "overage as a flag", SP_REFUSAL_GROUPS_ELSEWHERE, "{\"hasgroups\":true}",
		  .drop = "groups" },
		{ "overage of null", SP_REFUSAL_NONE, "{\"_claim_names\":{\"groups\":null}}" },
		{ "not the flag", SP_REFUSAL_NONE, "{\"hasgroups\":\"\"}" },
		{ "another claim elsewhere", SP_REFUSAL_NONE,
		  "{\"_claim_names\":{\"address\":\"src1\"}}" },
		{ "none", SP_REFUSAL_NONE, "{\"groups\":[]}" },
		{ "missing", SP_REFUSAL_NONE, .drop = "groups" },
	};

	(void)state;
	try_changes(changes, SP_ARRAY_LEN(changes), &want);
}

static void groups_are_kept_as_they_came(void **state)
{
	static const struct {
		const char *claims, *drop;
		bool has_groups;
		const char *groups[3];
	} cases[] = {
		{ "{\"groups\":[]}", NULL, true, { NULL } },
		{ NULL, "groups", false, { NULL } },
		{ "{\"groups\":[\"Eng\",\"eng\",\"/eng/core\"]}",
		  NULL,
		  true,
		  { "Eng", "eng", "/eng/core" } },
		/* a Cyrillic letter that looks like a Latin one */
		{ "{\"groups\":[\"\\u0435ng\"]}", NULL, true, { "\xd0\xb5ng" } },
	};

	(void)state;
	for (size_t i = 0; i < SP_ARRAY_LEN(cases); i++) {
		struct change change = { .claims = cases[i].claims, .drop = cases[i].drop };
		__sp_free char *token = mint(&change);
		struct sp_finding finding = { 0 };
		struct sp_claims claims = { 0 };
		size_t count = 0;

		assert_int_equal(judge(token, strlen(token), &want, &claims, &finding),
				 SP_REFUSAL_NONE);
		assert_int_equal(claims.has_groups, cases[i].has_groups);
		for (; count < 3 && cases[i].groups[count]; count++)
			assert_string_equal(claims.groups[count], cases[i].groups[count]);
		assert_int_equal(claims.group_count, count);
		sp_claims_done(&claims);
	}
}

/* One that no role can name spoils neither the list nor what the log shows of it. */
static void groups_no_role_can_name_are_left_out(void **state)
{
	static const struct {
		const char *text, *shown;
	} cases[] = {
		{ "\"\"", "" },
		{ "\" eng\"", " eng" },
		{ "1", "1" },
		{ "null", "null" },
		{ "{\"name\":\"eng\"}", "{\"name\":\"eng\"}" },
		{ "\"eng \"", "eng " },
		{ "\"Old\\tTeam\"", "Old\\x09Team" },
		{ "\"en\\u200bg\"", "en\\u200bg" },
		{ "\"\\u202egne\"", "\\u202egne" },
		{ "\"\\u001b[2J\"", "\\x1b[2J" },
		{ "\"a\\u0085b\"", "a\\x85b" },
	};

	(void)state;
	for (size_t i = 0; i < SP_ARRAY_LEN(cases); i++) {
		struct change change = { 0 };
		struct sp_finding finding = { 0 };
		struct sp_claims claims = { 0 };
		__sp_free char *token = NULL;
		char text[96];

		snprintf(text, sizeof(text), "{\"groups\":[\"eng\",%s,%s]}", cases[i].text,
			 cases[i].text);
		change.claims = text;
		token = mint(&change);
		assert_int_equal(judge(token, strlen(token), &want, &claims, &finding),
				 SP_REFUSAL_NONE);
		assert_int_equal(claims.group_count, 1);
		assert_string_equal(claims.groups[0], "eng");
		assert_int_equal(claims.odd_group_count, 2);
		assert_string_equal(claims.odd_group, cases[i].shown);
		sp_claims_done(&claims);
	}
}

static void groups_are_bounded(void **state)
{
	static const struct {
		size_t count, len;
		enum sp_refusal_reason reason;
	} cases[] = {
		{ SP_GROUPS_MAX, 5, SP_REFUSAL_NONE },
		{ SP_GROUPS_MAX + 1, 5, SP_REFUSAL_BAD_GROUPS },
		{ 1, SP_GROUP_TEXT_MAX, SP_REFUSAL_NONE },
		{ 1, SP_GROUP_TEXT_MAX + 1, SP_REFUSAL_NONE },
		{ 10000, 5, SP_REFUSAL_TOO_LARGE },
	};

	(void)state;
	for (size_t i = 0; i < SP_ARRAY_LEN(cases); i++) {
		json_t *groups = json_array(), *claims = json_pack("{s:o}", "groups", groups);
		__sp_free char *text = NULL;
		struct change change = { "bounds", cases[i].reason };

		for (size_t n = 0; n < cases[i].count; n++) {
			char group[SP_GROUP_TEXT_MAX + 2];

			snprintf(group, sizeof(group), "%0*zu", (int)cases[i].len, n);
			json_array_append_new(groups, json_string(group));
		}
		text = json_dumps(claims, JSON_COMPACT);
		change.claims = text;
		json_decref(claims);
		try_changes(&change, 1, &want);
	}
}

static int start(void **state)
{
	struct sp_finding finding;
	__sp_free char *text = NULL;

	(void)state;
	minter_start();
	text = minter_jwks();
	return sp_jwks_parse(text, strlen(text), &keys, &finding);
}

static int stop(void **state)
{
	(void)state;
	sp_jwks_free(keys);
	minter_stop();
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_good_token_says_who_it_is),
		cmocka_unit_test(headers_are_judged),
		cmocka_unit_test(a_token_for_another_is_refused),
		cmocka_unit_test(times_are_whole_numbers_within_the_skew),
		cmocka_unit_test(google_names_itself_in_two_ways),
		cmocka_unit_test(numbers_beyond_63_bits_are_no_numbers),
		cmocka_unit_test(payloads_that_can_be_read_two_ways_are_refused),
		cmocka_unit_test(deep_nesting_is_refused),
		cmocka_unit_test(one_token_has_one_text),
		cmocka_unit_test(every_changed_letter_is_noticed),
		cmocka_unit_test(a_large_token_is_not_read),
		cmocka_unit_test(an_algorithm_left_out_is_refused),
		cmocka_unit_test(a_nonce_asked_for_must_be_there),
		cmocka_unit_test(at_hash_is_the_access_tokens),
		cmocka_unit_test(subjects_are_short_printable_and_the_same),
		cmocka_unit_test(names_can_be_used_or_are_refused),
		cmocka_unit_test(names_have_255_bytes),
		cmocka_unit_test(a_refusal_names_what_came_and_what_is_taken),
		cmocka_unit_test(groups_are_found_where_providers_put_them),
		cmocka_unit_test(groups_are_a_list_of_texts_or_refused),
		cmocka_unit_test(groups_are_kept_as_they_came),
		cmocka_unit_test(groups_no_role_can_name_are_left_out),
		cmocka_unit_test(groups_are_bounded),
	};

	return cmocka_run_group_tests_name("identity-id-token", tests, start, stop);
}
