/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tokens: refresh them, check the id_token, ask userinfo for claims that the id_token lacks.
 * Sources: RFC 6749, 5.1 and 6; OpenID Connect Core 1.0, 5.3 and 12.2. */
#include <errno.h>
#include <strings.h>

#include "base/array.h"
#include "base/bounds.h"
#include "identity/oidc/oidc_flow.h"

#define KEY_WAITS_MAX 2u

static const char what_token[] = "the token request", what_refresh[] = "the refresh",
		  what_userinfo[] = "userinfo";

/* ---- a token answer ---- */

/* Here the id_token only has to be a text. sp_id_token_check finds any other fault. */
static int take_id_token(struct sp_oidc_flow *flow, const json_t *object)
{
	const json_t *id_token = sp_strict_json_value(object, "id_token");

	if (!id_token && flow->subject)
		return 0; /* a refresh may do without */
	if (!json_is_string(id_token))
		return sp_find(&flow->finding, SP_REFUSAL_BAD_ANSWER,
			       "%s: id_token is missing or no text; is openid among the scopes?",
			       what_token);
	flow->id_token = strdup(json_string_value(id_token));
	return flow->id_token ? 0 : -ENOMEM;
}

int sp_oidc_flow_take_tokens(struct sp_oidc_flow *flow, const json_t *object)
{
	const char *type = sp_strict_json_text(object, "token_type");
	int r;

	/* Take the refresh token first: once the provider sent a new one, the old one is used
	 * up. */
	r = sp_reply_take_optional(object, "refresh_token", SP_PROVIDER_TOKEN_MAX, what_token,
				   &flow->refresh_token, &flow->finding);
	flow->is_token_settled = r == 0;
	if (r == 0)
		r = sp_reply_take_text(object, "access_token", SP_PROVIDER_TOKEN_MAX, what_token,
				       &flow->access_token, &flow->finding);
	if (r < 0)
		return r;
	if (!type || strcasecmp(type, "Bearer") != 0)
		return sp_find(&flow->finding, SP_REFUSAL_BAD_ANSWER,
			       "%s: token_type is \"%.40s\", not Bearer", what_token,
			       type ? type : "");
	r = take_id_token(flow, object);
	if (r < 0)
		return r;
	if (!flow->id_token && !flow->oidc->discovery.userinfo_endpoint)
		return sp_find(&flow->finding, SP_REFUSAL_BAD_ANSWER,
			       "%s: no id_token, and the provider has no userinfo to ask instead",
			       what_token);
	flow->stage = flow->id_token ? SP_OIDC_STAGE_TOKEN : SP_OIDC_STAGE_USERINFO;
	return 0;
}

/* ---- asking with a refresh token ---- */

enum sp_idp_step sp_oidc_refresh_next(struct sp_oidc_flow *flow, const struct sp_idp_time *now,
				      struct sp_http_request *ret_request, uint64_t *ret_due_ns)
{
	const struct sp_form_field fields[] = {
		{ "grant_type", "refresh_token" },
		{ "refresh_token", flow->used_refresh_token },
	};
	enum sp_idp_step step;

	if (!sp_oidc_flow_has_provider(flow, now, ret_due_ns, &step))
		return step;
	return sp_oidc_flow_post(flow, flow->oidc->discovery.token_endpoint, fields, 2,
				 ret_request);
}

/* The person cannot be asked for by this token any more: it was revoked, or they would have to be
 * there themselves (OpenID Connect Core 1.0, 3.1.2.6; Entra ID after a change of its rules). Dex
 * says invalid_request and explains it. */
static bool is_grant_over(const json_t *object, const char *error)
{
	static const char *const words[] = { "invalid_grant", "access_denied",
					     "interaction_required", "login_required",
					     "consent_required" };
	const char *explanation = sp_strict_json_text(object, "error_description");

	for (size_t i = 0; i < SP_ARRAY_LEN(words); i++)
		if (strcmp(error, words[i]) == 0)
			return true;
	return strcmp(error, "invalid_request") == 0 && explanation &&
	       strcasestr(explanation, "refresh token");
}

int sp_oidc_refresh_take(struct sp_oidc_flow *flow, const struct sp_idp_time *now,
			 const struct sp_http_reply *reply)
{
	__sp_json json_t *object = NULL;
	const char *error, *explanation;
	int r = sp_oauth_reply_read(reply, what_refresh, &object, &error, &flow->finding);

	(void)now;
	if (r < 0)
		return r; /* the token endpoint may have acted, or not */
	explanation = sp_strict_json_text(object, "error_description");
	flow->is_token_settled = error != NULL;
	if (error && is_grant_over(object, error))
		return sp_find(&flow->finding, SP_REFUSAL_GRANT_REVOKED,
			       "%s: %.40s: the provider takes the refresh token no more%s%.90s",
			       what_refresh, error, explanation ? ": " : "",
			       explanation ? explanation : "");
	if (error)
		return sp_oauth_refused(object, error, what_refresh, &flow->finding);
	return sp_oidc_flow_take_tokens(flow, object);
}

/* ---- checking the id_token ---- */

/* Fresh keys may make an unknown one known, and a bad signature a good one where a provider keeps the
 * name of a key it changes: for that nobody waits, they are fetched once. A person at the door is told at once when they were
 * fetched for that reason less than a minute ago; a refresh, which a wrong answer would cost a live
 * session, waits. */
static bool may_wait_for_keys(struct sp_oidc_flow *flow, const struct sp_idp_time *now)
{
	const bool is_unknown = flow->finding.reason == SP_REFUSAL_UNKNOWN_KEY;
	const bool is_bad = flow->finding.reason == SP_REFUSAL_BAD_SIGNATURE;
	uint64_t wait_ns;

	if (!is_unknown && !is_bad)
		return false;
	if (flow->key_waits == (is_bad ? 1 : KEY_WAITS_MAX))
		return false;
	wait_ns = sp_oidc_want_keys(flow->oidc, now);
	if (wait_ns > 0 && (is_bad || !flow->subject))
		return false;
	flow->key_waits++;
	flow->key_answers = flow->oidc->documents[SP_OIDC_KEYS].answers;
	flow->key_due_ns = wait_ns ? now->boot_ns + wait_ns : 0;
	flow->stage = SP_OIDC_STAGE_KEYS;
	return true;
}

enum sp_idp_step sp_oidc_keys_next(struct sp_oidc_flow *flow, const struct sp_idp_time *now,
				   struct sp_http_request *ret_request, uint64_t *ret_due_ns)
{
	const struct sp_oidc_fetching *keys = &flow->oidc->documents[SP_OIDC_KEYS];

	(void)ret_request;
	if (keys->answers != flow->key_answers) {
		flow->stage = SP_OIDC_STAGE_TOKEN;
		if (keys->trouble.reason == SP_REFUSAL_NONE)
			return SP_IDP_WAIT;
		if (flow->finding.reason == SP_REFUSAL_UNKNOWN_KEY)
			flow->finding = keys->trouble;
		return sp_oidc_flow_refuse(flow, -EACCES);
	}
	if (flow->key_due_ns && now->boot_ns >= flow->key_due_ns) {
		const uint64_t wait_ns = sp_oidc_want_keys(flow->oidc, now);

		flow->key_due_ns = wait_ns ? now->boot_ns + wait_ns : 0;
	}
	*ret_due_ns = flow->key_due_ns ? flow->key_due_ns : UINT64_MAX;
	return SP_IDP_WAIT;
}

/* Enough is known, or userinfo is asked for the rest. */
static enum sp_idp_step settle(struct sp_oidc_flow *flow, bool may_ask)
{
	const char *user_claim = flow->oidc->idp->user_claim;
	int r;

	if (may_ask && (!flow->claims.user || !flow->claims.has_groups)) {
		flow->stage = SP_OIDC_STAGE_USERINFO;
		return SP_IDP_WAIT;
	}
	r = sp_claims_settle_user(user_claim, &flow->claims, &flow->finding);
	if (r < 0)
		return sp_oidc_flow_refuse(flow, r);
	flow->stage = SP_OIDC_STAGE_DONE;
	return SP_IDP_WAIT;
}

enum sp_idp_step sp_oidc_token_next(struct sp_oidc_flow *flow, const struct sp_idp_time *now,
				    struct sp_http_request *ret_request, uint64_t *ret_due_ns)
{
	const struct sp_oidc *oidc = flow->oidc;
	const bool has_userinfo = oidc->discovery.userinfo_endpoint != NULL;
	const struct sp_id_token_want want = {
		.issuer = oidc->idp->issuer,
		.client_id = oidc->idp->client_id,
		.access_token = flow->access_token,
		.subject = flow->subject,
		.groups_claim = oidc->idp->groups_claim,
		.user_claim = oidc->idp->user_claim,
		.user_may_be_elsewhere = has_userinfo,
		.algorithms = oidc->idp->algorithms,
		.now_s = now->now_s,
		.max_age_s = SP_ID_TOKEN_AGE_MAX_S,
	};
	enum sp_idp_step step;
	int r;

	/* Keys are missing here only if they were a day old and dropped meanwhile. */
	if (!sp_oidc_flow_has_provider(flow, now, ret_due_ns, &step))
		return step;
	(void)ret_request;
	r = sp_id_token_check(flow->id_token, strlen(flow->id_token), oidc->keys, &want,
			      &flow->claims, &flow->finding);
	if (r == -EACCES && may_wait_for_keys(flow, now))
		return SP_IDP_WAIT;
	if (r < 0)
		return sp_oidc_flow_refuse(flow, r);
	return settle(flow, has_userinfo);
}

/* ---- userinfo ---- */

enum sp_idp_step sp_oidc_userinfo_next(struct sp_oidc_flow *flow, const struct sp_idp_time *now,
				       struct sp_http_request *ret_request, uint64_t *ret_due_ns)
{
	struct sp_http_request request = { .body_max = SP_OAUTH_REPLY_MAX };

	(void)now, (void)ret_due_ns;
	if (!flow->oidc->discovery
		     .userinfo_endpoint) /* a newer discovery document came meanwhile */
		return sp_oidc_flow_refuse(
			flow, sp_find(&flow->finding, SP_REFUSAL_BAD_ANSWER,
				      "discovery: the provider has no userinfo any more"));
	request.url = strdup(flow->oidc->discovery.userinfo_endpoint);
	request.bearer = strdup(flow->access_token);
	if (!request.url || !request.bearer) {
		sp_http_request_done(&request);
		return sp_oidc_flow_refuse(flow, -ENOMEM);
	}
	*ret_request = request;
	return SP_IDP_FETCH;
}

int sp_oidc_userinfo_take(struct sp_oidc_flow *flow, const struct sp_idp_time *now,
			  const struct sp_http_reply *reply)
{
	const struct sp_idp *idp = flow->oidc->idp;
	struct sp_claims *claims = &flow->claims;
	__sp_json json_t *object = NULL;
	__sp_free char *subject = strdup(claims->subject ? claims->subject : flow->subject);
	int r;

	(void)now;
	if (!subject)
		return -ENOMEM;
	r = sp_reply_read(reply, what_userinfo, SP_OAUTH_REPLY_MAX, &object, &flow->finding);
	if (r == 0)
		r = sp_claims_read_subject(object, subject, claims, &flow->finding);
	if (r == 0 && !claims->user)
		r = sp_claims_read_user(object, idp->user_claim, claims, &flow->finding);
	if (r == 0 && !claims->has_groups)
		r = sp_claims_read_groups(object, idp->groups_claim, claims, &flow->finding);
	if (r < 0)
		return r;
	settle(flow, false);
	return 0;
}
