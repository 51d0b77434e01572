/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The checks of an id_token: form, signature, and every claim a sign-in rests on. The same code
 * runs in a sign-in, a refresh and `sallyport idp verify`. Sources: OpenID Connect Core 1.0,
 * 3.1.3.7; RFC 7515, 7518, 7519, 8725. */
#ifndef SALLYPORT_IDENTITY_ID_TOKEN_H
#define SALLYPORT_IDENTITY_ID_TOKEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bounds.h"
#include "identity/refusal.h"

struct sp_jwks; /* a provider's keys */

#define SP_ID_TOKEN_MAX 16384u
#define SP_JWKS_MAX 131072u /* bytes */
#define SP_JWKS_KEYS_MAX 32u
#define SP_CLOCK_SKEW_S 60
/* one comes fresh from the provider, or it is an old one shown again */
#define SP_ID_TOKEN_AGE_MAX_S 600

/* Read a JWK set. Keys that cannot be used (`use` not sig, RSA under 2048 bits or with an even
 * exponent, points off the curve, unknown kinds) are left out; a set with none left is refused, as
 * is one too large or with too many keys. A `kid` may be there twice: each is tried. Returns 0;
 * -EACCES @finding says why; -ENOMEM. */
int sp_jwks_parse(const char *text, size_t len, struct sp_jwks **ret_keys,
		  struct sp_finding *finding);
void sp_jwks_free(struct sp_jwks *keys);
size_t sp_jwks_count(const struct sp_jwks *keys);

struct sp_id_token_want {
	const char *issuer; /* byte for byte */
	const char *client_id;
	const char *nonce;        /* NULL: none was sent, none is asked for */
	const char *access_token; /* NULL: at_hash is not compared */
	const char *subject;      /* NULL: anybody (sign-in); else who it must be (refresh) */
	const char *groups_claim;
	const char *user_claim; /* NULL: preferred_username, email, sub */
	/* userinfo will be asked: without a claim that names them, user stays NULL */
	bool user_may_be_elsewhere;
	uint32_t algorithms; /* bits of enum sp_jws_algorithm */
	int64_t now_s;       /* Unix */
	int64_t max_age_s;   /* of iat; 0: any */
};

struct sp_claims {
	char *subject; /* 1..255 printable ASCII characters */
	char *user;    /* 1..255 bytes, printable, no `/`, no space at its ends */
	char **groups; /* as they came: nothing trimmed, nothing folded */
	size_t group_count;
	/* an address was there that the provider does not vouch for: not taken */
	bool is_email_unverified;
	size_t odd_group_count; /* left out: no text that a role could name */
	char odd_group[64];     /* the first of them, as sp_text_show shows it */
	bool has_groups;        /* the claim was there (an empty list is there) */
	int64_t issued_s, expires_s;
	int64_t auth_time_s; /* 0: not said */
};

/* Free the texts; empty afterwards. */
void sp_claims_done(struct sp_claims *claims);

/* @token,@len as it came, surrounding white space and all (which is refused). Returns 0 with
 * *@ret_claims (caller runs _done); -EACCES with @finding: SP_REFUSAL_UNKNOWN_KEY asks for fresh
 * keys; -ENOMEM. */
int sp_id_token_check(const char *token, size_t len, const struct sp_jwks *keys,
		      const struct sp_id_token_want *want, struct sp_claims *ret_claims,
		      struct sp_finding *finding);

#endif
