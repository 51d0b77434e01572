/* SPDX-License-Identifier: GPL-3.0-or-later */
/* OpenID Connect, our side of it, without any I/O: a provider (its discovery document and keys) and
 * flows through it (device authorization now; refresh). Each says what to fetch next and takes what
 * came; the caller carries it out (io/fetch/fetch.h), several at once.
 * Sources: OpenID Connect Core 1.0 and Discovery 1.0; RFC 8628; RFC 6749, 6; RFC 7517. */
#ifndef SALLYPORT_IDENTITY_OIDC_H
#define SALLYPORT_IDENTITY_OIDC_H

#include "identity/http/http.h"
#include "identity/idp_flow.h"
#include "identity/tokens/id_token.h"
#include "identity/provider.h"
#include "identity/refusal.h"

struct sp_discovery;
struct sp_oidc; /* a provider as far as it is known */

/* @idp is borrowed and outlives it. @client_secret: NULL for a public client; copied, wiped at the
 * end. */
int sp_oidc_new(const struct sp_idp *idp, const char *client_secret, struct sp_oidc **ret_oidc);
void sp_oidc_free(struct sp_oidc *oidc); /* its flows are gone before it */

/* What the provider itself needs: discovery (again each hour), keys (each 10 minutes, and when a
 * token names an unknown one, at most once a minute for that). FETCH (at most one at a time), else
 * WAIT: with a due time when a document ages or a failed fetch is tried again (10 s, doubling to 5
 * min). What is there stays until something better comes, keys for a day at most. Ask again after
 * every call of a flow, which may have made a fetch due. */
enum sp_idp_step sp_oidc_next(struct sp_oidc *oidc, const struct sp_idp_time *now,
			      struct sp_http_request *ret_request, uint64_t *ret_due_ns);
void sp_oidc_take(struct sp_oidc *oidc, const struct sp_idp_time *now,
		  const struct sp_http_reply *reply);
/* NULL while all is well; else why its last fetch could not be used, for `status` and `idp
 * test`. */
const struct sp_finding *sp_oidc_trouble(const struct sp_oidc *oidc);
bool sp_oidc_is_ready(const struct sp_oidc *oidc); /* discovery and keys are there */
/* NULL until it was read. */
const struct sp_discovery *sp_oidc_get_discovery(const struct sp_oidc *oidc);

/* Flows through it, gone before it is. Name and groups that are not in the id_token are userinfo's,
 * if the provider has that; a refresh without a new id_token has all its claims from there, and no
 * times. */

/* Begin a device authorization. Returns 0; -ENOMEM. */
int sp_oidc_flow_device(struct sp_oidc *oidc, struct sp_idp_flow **ret_flow);
/* Ask again with a refresh token whether @subject is still who they were, and in which groups. Both
 * are copied. Returns 0; -ENOMEM. */
int sp_oidc_flow_refresh(struct sp_oidc *oidc, const char *refresh_token, const char *subject,
			 struct sp_idp_flow **ret_flow);

#endif
