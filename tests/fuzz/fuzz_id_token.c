/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Any bytes as a token: no crash, no leak, and whoever is let in has a name that can be used.
 * The first byte says what the rest is: `t` a token, a newline, a set of keys; `h` a header and, behind a
 * newline, a payload, which get a good signature; else a payload under a good header and signature. */
#include <errno.h>

#include "base/text.h"
#include "identity/tokens/claims.h"
#include "identity_key.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct sp_id_token_want want = {
	.issuer = "https://op.test",
	.client_id = "gate",
	.groups_claim = "groups",
	.access_token = "at",
	.algorithms = (1u << SP_JWS_COUNT) - 1,
	.now_s = 1700000000,
	.max_age_s = 600,
};

static void check_finding(int r, const struct sp_finding *finding)
{
	identity_check(r == -EACCES && finding->reason > SP_REFUSAL_NONE &&
		       finding->reason < SP_REFUSAL_COUNT);
	identity_check(finding->detail[0] &&
		       memchr(finding->detail, '\0', sizeof(finding->detail)));
	identity_check(sp_text_is_printable(finding->detail, strlen(finding->detail)));
}

static void check_claims(const struct sp_claims *claims)
{
	identity_check(strlen(claims->subject) >= 1 && strlen(claims->subject) <= SP_SUBJECT_MAX);
	identity_check(strlen(claims->user) >= 1 && strlen(claims->user) <= SP_USER_MAX);
	identity_check(!strchr(claims->user, '/') && !strchr(claims->user, '\n'));
	identity_check(claims->group_count <= SP_GROUPS_MAX &&
		       (claims->has_groups || !claims->group_count));
	for (size_t i = 0; i < claims->group_count; i++)
		identity_check(*claims->groups[i] &&
			       strlen(claims->groups[i]) <= SP_GROUP_TEXT_MAX);
	identity_check(claims->expires_s >= want.now_s - SP_CLOCK_SKEW_S);
	identity_check(claims->issued_s <= want.now_s + SP_CLOCK_SKEW_S);
}

static void try_token(const char *token, size_t len, const struct sp_jwks *keys)
{
	struct sp_claims claims = { 0 };
	struct sp_finding finding = { 0 };
	int r = sp_id_token_check(token, len, keys, &want, &claims, &finding);

	if (r < 0)
		check_finding(r, &finding);
	else
		check_claims(&claims);
	sp_claims_done(&claims);
}

static void try_raw(const char *text, size_t len)
{
	const char *newline = memchr(text, '\n', len);
	const size_t token_len = newline ? (size_t)(newline - text) : len;
	struct sp_jwks *keys = NULL;
	struct sp_finding finding = { 0 };
	int r = newline ? sp_jwks_parse(newline + 1, len - token_len - 1, &keys, &finding)
			: -EACCES;

	if (r < 0)
		r = sp_jwks_parse(IDENTITY_KEYS, strlen(IDENTITY_KEYS), &keys, &finding);
	identity_check(r == 0);
	try_token(text, token_len, keys);
	sp_jwks_free(keys);
}

static void try_signed(const char *header, const char *payload, size_t len)
{
	struct sp_jwks *keys = NULL;
	struct sp_finding finding = { 0 };
	char *token = identity_sign(header, payload, len);

	identity_check(sp_jwks_parse(IDENTITY_KEYS, strlen(IDENTITY_KEYS), &keys, &finding) == 0);
	try_token(token, strlen(token), keys);
	sp_jwks_free(keys);
	free(token);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *exact, *newline;

	if (size < 1)
		return 0;
	exact = malloc(size); /* so that a read behind the end is seen */
	identity_check(exact != NULL);
	memcpy(exact, data + 1, size - 1);
	newline = memchr(exact, '\n', size - 1);
	if (data[0] == 't') {
		try_raw(exact, size - 1);
	} else if (data[0] == 'h' && newline) {
		*newline = '\0';
		try_signed(exact, newline + 1, size - 1 - (size_t)(newline + 1 - exact));
	} else {
		try_signed(IDENTITY_HEADER, exact, size - 1);
	}
	free(exact);
	return 0;
}
