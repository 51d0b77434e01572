/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One flow from the inside: its stages, and what the files of oidc_flow*.c hand to each other. */
#ifndef SALLYPORT_IDENTITY_OIDC_FLOW_H
#define SALLYPORT_IDENTITY_OIDC_FLOW_H

#include "identity/http/form.h"
#include "identity/oidc/oauth_reply.h"
#include "identity/oidc/oidc_provider.h"
#include "identity/tokens/claims.h"

enum sp_oidc_stage {
	SP_OIDC_STAGE_DEVICE,   /* ask for a code */
	SP_OIDC_STAGE_POLL,     /* ask whether it was entered */
	SP_OIDC_STAGE_REFRESH,  /* ask with a refresh token */
	SP_OIDC_STAGE_TOKEN,    /* check the id_token that came */
	SP_OIDC_STAGE_KEYS,     /* the token names an unknown key: wait for fresh keys */
	SP_OIDC_STAGE_USERINFO, /* ask for claims that the token lacks */
	SP_OIDC_STAGE_DONE,
	SP_OIDC_STAGE_REFUSED,
	SP_OIDC_STAGE_COUNT,
};

struct sp_oidc_flow {
	struct sp_idp_flow base; /* first */
	struct sp_oidc *oidc;
	enum sp_oidc_stage stage;
	bool is_asking; /* a fetch of ours is under way */
	struct sp_finding finding;
	/* device authorization */
	char *device_code;
	struct sp_idp_prompt prompt;
	uint64_t interval_s;
	uint64_t poll_ns, expires_ns; /* expires_ns 0: no code was given yet */
	unsigned silences;            /* polls in a row that nobody answered */
	/* refresh */
	char *used_refresh_token;
	char *subject;         /* who it must be; NULL: a sign-in */
	bool is_token_settled; /* the token endpoint said what became of the refresh token */
	/* what came */
	char *access_token, *id_token, *refresh_token;
	struct sp_claims claims;
	/* waiting for keys */
	unsigned key_waits;
	uint64_t key_answers; /* of the provider's keys when waiting began */
	uint64_t key_due_ns;  /* when they may be asked for; 0: they have been */
};

/* A stage's turn: what to do now. To go on at another stage it sets that and gives SP_IDP_WAIT. */
typedef enum sp_idp_step (*sp_oidc_stage_next_fn)(struct sp_oidc_flow *flow,
						  const struct sp_idp_time *now,
						  struct sp_http_request *ret_request,
						  uint64_t *ret_due_ns);
/* Take the reply of the fetch. Returns 0; -EACCES, the flow's finding filled; -ENOMEM. */
typedef int (*sp_oidc_stage_take_fn)(struct sp_oidc_flow *flow, const struct sp_idp_time *now,
				     const struct sp_http_reply *reply);

/* End the flow: @r is -EACCES with the finding filled, or -ENOMEM. Gives SP_IDP_WAIT. */
enum sp_idp_step sp_oidc_flow_refuse(struct sp_oidc_flow *flow, int r);
/* A POST to an OAuth endpoint, the client's authentication added. @fields: at most 4. */
enum sp_idp_step sp_oidc_flow_post(struct sp_oidc_flow *flow, const char *url,
				   const struct sp_form_field *fields, size_t count,
				   struct sp_http_request *ret_request);
/* Discovery and keys are there: true; else *@ret_step says what this flow does about it. */
bool sp_oidc_flow_has_provider(struct sp_oidc_flow *flow, const struct sp_idp_time *now,
			       uint64_t *ret_due_ns, enum sp_idp_step *ret_step);

/* oidc_flow_device.c: the turns (sp_oidc_stage_next_fn) and fetches (sp_oidc_stage_take_fn) of each
 * stage. */
enum sp_idp_step sp_oidc_device_next(struct sp_oidc_flow *, const struct sp_idp_time *,
				     struct sp_http_request *, uint64_t *);
int sp_oidc_device_take(struct sp_oidc_flow *, const struct sp_idp_time *,
			const struct sp_http_reply *);
enum sp_idp_step sp_oidc_poll_next(struct sp_oidc_flow *, const struct sp_idp_time *,
				   struct sp_http_request *, uint64_t *);
int sp_oidc_poll_take(struct sp_oidc_flow *, const struct sp_idp_time *,
		      const struct sp_http_reply *);

/* oidc_flow_token.c: the same for each stage after the device's. */
enum sp_idp_step sp_oidc_refresh_next(struct sp_oidc_flow *, const struct sp_idp_time *,
				      struct sp_http_request *, uint64_t *);
int sp_oidc_refresh_take(struct sp_oidc_flow *, const struct sp_idp_time *,
			 const struct sp_http_reply *);
enum sp_idp_step sp_oidc_token_next(struct sp_oidc_flow *, const struct sp_idp_time *,
				    struct sp_http_request *, uint64_t *);
enum sp_idp_step sp_oidc_keys_next(struct sp_oidc_flow *, const struct sp_idp_time *,
				   struct sp_http_request *, uint64_t *);
enum sp_idp_step sp_oidc_userinfo_next(struct sp_oidc_flow *, const struct sp_idp_time *,
				       struct sp_http_request *, uint64_t *);
int sp_oidc_userinfo_take(struct sp_oidc_flow *, const struct sp_idp_time *,
			  const struct sp_http_reply *);
/* Take @object, a token answer. The caller has checked that it is none of OAuth's refusals. */
int sp_oidc_flow_take_tokens(struct sp_oidc_flow *flow, const json_t *object);

#endif
