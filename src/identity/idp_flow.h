/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One sign-in at a provider, or one asking again, whatever the provider speaks. Without any I/O: it
 * says what to fetch next and takes what came; the caller carries it out (io/fetch/fetch.h). Which
 * flows there are is each protocol's to say (oidc.h); a local user has none: a password is
 * compared. */
#ifndef SALLYPORT_IDENTITY_IDP_FLOW_H
#define SALLYPORT_IDENTITY_IDP_FLOW_H

#include <stdbool.h>
#include <stdint.h>

struct sp_claims;
struct sp_finding;
struct sp_http_reply;
struct sp_http_request;
struct sp_idp_flow;

/* Seconds of both clocks: tokens are dated by the first, waiting is done by the second. */
struct sp_idp_time {
	int64_t now_s;    /* Unix */
	uint64_t boot_ns; /* CLOCK_BOOTTIME */
};

enum sp_idp_step {
	SP_IDP_FETCH, /* carry out *ret_request and _take the reply */
	/* nothing before *ret_due_ns (UINT64_MAX: until the provider or a reply moves it) */
	SP_IDP_WAIT,
	SP_IDP_DONE,
	SP_IDP_REFUSED, /* _finding says why */
};

/* What the person needs to go on at the provider. Texts are malloc'ed and the flow's. */
struct sp_idp_prompt {
	char *user_code;
	char *verification_uri;
	char *verification_uri_complete; /* NULL: none */
	int64_t expires_s;               /* Unix */
};

/* The functions of a protocol for its flows: each does what the function of that name below says.
 * None is NULL. */
struct sp_idp_flow_ops {
	void (*free)(struct sp_idp_flow *flow);
	enum sp_idp_step (*next)(struct sp_idp_flow *flow, const struct sp_idp_time *now,
				 struct sp_http_request *ret_request, uint64_t *ret_due_ns);
	void (*take)(struct sp_idp_flow *flow, const struct sp_idp_time *now,
		     const struct sp_http_reply *reply);
	const struct sp_idp_prompt *(*prompt)(const struct sp_idp_flow *flow);
	const struct sp_claims *(*claims)(const struct sp_idp_flow *flow);
	const char *(*refresh_token)(const struct sp_idp_flow *flow);
	bool (*is_token_settled)(const struct sp_idp_flow *flow);
	const struct sp_finding *(*finding)(const struct sp_idp_flow *flow);
};

/* The first member of the struct of each protocol. */
struct sp_idp_flow {
	const struct sp_idp_flow_ops *ops;
};

/* End the flow, at any step. Wipes codes and tokens. NULL is allowed. */
void sp_idp_flow_free(struct sp_idp_flow *flow);

/* What to do now. *@ret_request: the caller's on FETCH, for sp_http_request_done; *@ret_due_ns:
 * CLOCK_BOOTTIME. At most one fetch is under way per flow. A flow that lacks the documents of the
 * provider WAITs without a due time until they came, or is REFUSED with the reason why they did
 * not. A refresh whose provider does not answer is REFUSED with SP_REFUSAL_UNREACHABLE, a refresh
 * whose grant is gone with SP_REFUSAL_GRANT_REVOKED: the first leaves a session to its deadline,
 * the second ends it. */
enum sp_idp_step sp_idp_flow_next(struct sp_idp_flow *flow, const struct sp_idp_time *now,
				  struct sp_http_request *ret_request, uint64_t *ret_due_ns);
/* Take the reply of the fetch, which is borrowed during the call. If no fetch is under way, nothing
 * happens. */
void sp_idp_flow_take(struct sp_idp_flow *flow, const struct sp_idp_time *now,
		      const struct sp_http_reply *reply);

/* Borrowed; NULL until the provider has answered. */
const struct sp_idp_prompt *sp_idp_flow_prompt(const struct sp_idp_flow *flow);
/* When DONE. Borrowed. */
const struct sp_claims *sp_idp_flow_claims(const struct sp_idp_flow *flow);
/* Borrowed. NULL: the provider gave none (a refresh: the one that was used stays good). A refresh
 * that was REFUSED after the provider had given a new token returns the new token too, because the
 * old one is no longer good. */
const char *sp_idp_flow_refresh_token(const struct sp_idp_flow *flow);
/* Of a refresh: whether the provider gave an answer that tells which refresh token is good from now
 * on: tokens, or a refusal. False after silence and after what could not be read: it may have given
 * a new one. */
bool sp_idp_flow_is_token_settled(const struct sp_idp_flow *flow);
/* When REFUSED. Borrowed. */
const struct sp_finding *sp_idp_flow_finding(const struct sp_idp_flow *flow);

#endif
