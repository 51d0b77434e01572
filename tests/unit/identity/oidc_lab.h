/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A provider and what it answers, stepped message by message: no socket, no clock. */
#ifndef SALLYPORT_TEST_OIDC_LAB_H
#define SALLYPORT_TEST_OIDC_LAB_H

#include <stdint.h>

#include "identity/oidc/oidc.h"
#include "minter.h"

#define LAB_ISSUER "https://op.example.test"
#define LAB_DISCOVERY                                                                              \
	"{\"issuer\":\"" LAB_ISSUER "\",\"jwks_uri\":\"" LAB_ISSUER                                \
	"/jwks\",\"token_endpoint\":\"" LAB_ISSUER                                                 \
	"/token\",\"device_authorization_endpoint\":\"" LAB_ISSUER                                 \
	"/device\",\"userinfo_endpoint\":\"" LAB_ISSUER "/me\"}"
#define LAB_CODE                                                                                   \
	"{\"device_code\":\"dc\",\"user_code\":\"ABCD-EFGH\",\"verification_uri\":\"" LAB_ISSUER   \
	"/go\",\"expires_in\":600,\"interval\":5}"

extern struct sp_idp_time lab_now;
extern struct sp_idp lab_idp;
extern char *lab_keys; /* rsa, ec and ed; see minter.h */

int lab_start(void **state); /* the keys are made */
int lab_stop(void **state);

void lab_pass(unsigned seconds);

/* An answer as JSON. */
struct sp_http_reply lab_json(int status, const char *body);
/* No answer at all. */
struct sp_http_reply lab_silence(const char *why);

/* The provider's next fetch is for @url; it gets @reply. */
void lab_provider(struct sp_oidc *oidc, const char *url, const struct sp_http_reply *reply);
/* The provider has nothing to fetch now. Gives when it will, in seconds from now. */
uint64_t lab_provider_waits(struct sp_oidc *oidc);
/* A provider that is ready. */
struct sp_oidc *lab_ready(const char *discovery, const char *secret);

/* The flow's next fetch is for @url; caller looks at the request and runs _done. */
void lab_asks(struct sp_idp_flow *flow, const char *url, struct sp_http_request *ret_request);
/* The same, and it gets this answer at once. */
void lab_answer(struct sp_idp_flow *flow, const char *url, int status, const char *body);
/* The flow waits. Gives for how many seconds; UINT64_MAX: for something to happen. */
uint64_t lab_waits(struct sp_idp_flow *flow);
/* The flow is refused for @reason. */
void lab_refused(struct sp_idp_flow *flow, enum sp_refusal_reason reason);
void lab_done(struct sp_idp_flow *flow);

/* A token answer. @claims: JSON members set in what a good id_token has, null: left out; NULL: as it is.
 * @kid, @key  who signs it. @more: more members of the answer, JSON, or NULL. Malloc'ed. */
char *lab_tokens(const char *claims, const char *kid, enum minter_key key, const char *more);

#endif
