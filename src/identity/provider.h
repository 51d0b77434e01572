/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A file of idp.d: one provider, named as the file. Same strictness, same diagnostics as the policy
 * (policy/load.h). No I/O: secrets the file points at are read by the caller. */
#ifndef SALLYPORT_IDENTITY_PROVIDER_H
#define SALLYPORT_IDENTITY_PROVIDER_H

#include "yaml/diagnostics.h"

#define SP_IDP_BYTES_MAX (1u << 20) /* of a file */

enum sp_idp_type { SP_IDP_LOCAL, SP_IDP_OIDC };

/* X(NAME, "alg"): what may sign a token. */
#define SP_JWS_ALGORITHMS(X) X(RS256, "RS256") X(PS256, "PS256") X(ES256, "ES256") X(EDDSA, "EdDSA")
enum sp_jws_algorithm {
#define X(name, text) SP_JWS_##name,
	SP_JWS_ALGORITHMS(X)
#undef X
		SP_JWS_COUNT
};

struct sp_local_user {
	char *name;
	char *password; /* passes sp_password_hash_fault; NULL: may not sign in */
	char **groups;
	size_t group_count;
	struct sp_place place;
};

struct sp_idp {
	char *name; /* the file's, without .yaml */
	enum sp_idp_type type;
	/* local */
	struct sp_local_user *users; /* by name */
	size_t user_count;
	/* oidc */
	char *issuer; /* byte for byte what tokens and discovery must say */
	char *client_id;
	char *client_secret_file; /* NULL: a public client; relative: to idp.d */
	/* openid first; default openid, profile, groups, offline_access */
	char **scopes;
	size_t scope_count;
	char *groups_claim;  /* default "groups" */
	char *user_claim;    /* NULL: preferred_username, else email, else sub */
	char *ca;            /* PEM file; NULL: the system's; relative: to idp.d */
	uint32_t algorithms; /* bit of enum sp_jws_algorithm; default all four */
	int64_t refresh_s;   /* how often groups are asked for again, 1..86400; default 300 */
};

/* @path for diagnostics; its last part without .yaml is the name.
 * Returns 0; -EINVAL there are errors; -ENOMEM. */
int sp_idp_load(const char *path, const char *text, size_t len, struct sp_idp **ret_idp,
		struct sp_diagnostics *diagnostics);
/* NULL is allowed. */
void sp_idp_free(struct sp_idp *idp);
static inline void sp_idp_freep(struct sp_idp **idp)
{
	sp_idp_free(*idp);
}

/* The user of that very name, or NULL. */
const struct sp_local_user *sp_idp_user(const struct sp_idp *idp, const char *name);

#endif
