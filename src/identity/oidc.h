/* SPDX-License-Identifier: GPL-3.0-or-later */
/* OpenID Connect, our side of it, without any I/O: a provider (its discovery document and keys) and
 * flows through it (device authorization now; refresh). Each says what to fetch next and takes what
 * came; the caller carries it out (io/fetch.h), several at once.
 * Sources: OpenID Connect Core 1.0 and Discovery 1.0; RFC 8628; RFC 6749, 6; RFC 7517. */
#ifndef SALLYPORT_IDENTITY_OIDC_H
#define SALLYPORT_IDENTITY_OIDC_H

#include "identity/http.h"
#include "identity/id_token.h"
#include "identity/provider.h"
#include "identity/refusal.h"

struct sp_discovery;
struct sp_oidc;      /* a provider as far as it is known */
struct sp_oidc_flow; /* one sign-in or refresh */

/* Seconds of both clocks: tokens are dated by the first, waiting is done by the second. */
struct sp_oidc_time {
	int64_t now_s;    /* Unix */
	uint64_t boot_ns; /* CLOCK_BOOTTIME */
};

enum sp_oidc_step {
	SP_OIDC_FETCH,   /* carry out *ret_request and _take the reply */
	SP_OIDC_WAIT,    /* nothing before *ret_due_ns (UINT64_MAX: until the provider or a reply moves it) */
	SP_OIDC_DONE,
	SP_OIDC_REFUSED, /* _finding says why */
};

/* @idp is borrowed and outlives it. @client_secret: NULL for a public client; copied, wiped at the
 * end. */
int sp_oidc_new(const struct sp_idp *idp, const char *client_secret, struct sp_oidc **ret_oidc);
void sp_oidc_free(struct sp_oidc *oidc); /* its flows are gone before it */

/* What the provider itself needs: discovery (again each hour), keys (each 10 minutes, and when a
 * token names an unknown one, at most once a minute for that). FETCH (at most one at a time), else
 * WAIT: with a due time when a document ages or a failed fetch is tried again (10 s, doubling to 5
 * min). What is there stays until something better comes, keys for a day at most. Ask again after
 * every call of a flow, which may have made a fetch due. */
enum sp_oidc_step sp_oidc_next(struct sp_oidc *oidc, const struct sp_oidc_time *now,
			       struct sp_http_request *ret_request, uint64_t *ret_due_ns);
void sp_oidc_take(struct sp_oidc *oidc, const struct sp_oidc_time *now, const struct sp_http_reply *reply);
/* NULL while all is well; else why its last fetch could not be used, for `status` and `idp
 * test`. */
const struct sp_finding *sp_oidc_trouble(const struct sp_oidc *oidc);
bool sp_oidc_is_ready(const struct sp_oidc *oidc); /* discovery and keys are there */
/* NULL until it was read. */
const struct sp_discovery *sp_oidc_get_discovery(const struct sp_oidc *oidc);

/* Begin a device authorization. */
int sp_oidc_flow_device(struct sp_oidc *oidc, struct sp_oidc_flow **ret_flow);
/* Ask again with a refresh token whether @subject is still who they were, and in which groups. */
int sp_oidc_flow_refresh(struct sp_oidc *oidc, const char *refresh_token, const char *subject,
			 struct sp_oidc_flow **ret_flow);
void sp_oidc_flow_free(struct sp_oidc_flow *flow); /* wipes codes and tokens */

/* A flow that lacks discovery or keys WAITs without a due time until sp_oidc_take brought them (or
 * is REFUSED with what sp_oidc_trouble says, once that failed). At most one fetch under way per
 * flow. A refresh whose provider does not answer is REFUSED with SP_REFUSAL_UNREACHABLE, one whose
 * grant is gone with SP_REFUSAL_GRANT_REVOKED: the caller treats them very differently. */
enum sp_oidc_step sp_oidc_flow_next(struct sp_oidc_flow *flow, const struct sp_oidc_time *now,
				    struct sp_http_request *ret_request, uint64_t *ret_due_ns);
/* The reply to the request that _next handed out; without one under way it is ignored. @reply is
 * borrowed. */
void sp_oidc_flow_take(struct sp_oidc_flow *flow, const struct sp_oidc_time *now,
		       const struct sp_http_reply *reply);

struct sp_oidc_prompt {
	char *user_code;
	char *verification_uri;
	char *verification_uri_complete; /* NULL: none */
	int64_t expires_s;               /* Unix */
};
/* What the person needs to sign in; NULL until the provider has answered. Borrowed from the
 * flow. */
const struct sp_oidc_prompt *sp_oidc_flow_prompt(const struct sp_oidc_flow *flow);

/* When DONE. Borrowed. Name and groups that are not in the id_token are userinfo's, if the provider
 * has that; a refresh without a new id_token has all its claims from there, and no times. */
const struct sp_claims *sp_oidc_flow_claims(const struct sp_oidc_flow *flow);
/* NULL: the provider gave none (a refresh: the one that was used stays good). A refresh that was
 * REFUSED after the provider had already given a new one has it, too: the old one is worth nothing
 * by then. */
const char *sp_oidc_flow_refresh_token(const struct sp_oidc_flow *flow);
/* Of a refresh: whether the token endpoint gave an answer that tells which refresh token is good
 * from now on: tokens, or a refusal. False after silence and after what could not be read: it may
 * have given a new one. */
bool sp_oidc_flow_is_token_settled(const struct sp_oidc_flow *flow);
/* When REFUSED. */
const struct sp_finding *sp_oidc_flow_finding(const struct sp_oidc_flow *flow);

#endif
