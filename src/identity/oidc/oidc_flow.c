/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The life of a flow: it is at one stage at a time. Each stage says what to fetch and takes the
 * answer. */
#include "identity/oidc/oidc_flow.h"

#include <errno.h>

#include "base/array.h"

static enum sp_idp_step done_next(struct sp_oidc_flow *flow, const struct sp_idp_time *now,
				  struct sp_http_request *ret_request, uint64_t *ret_due_ns)
{
	(void)now, (void)ret_request, (void)ret_due_ns;
	return flow->stage == SP_OIDC_STAGE_DONE ? SP_IDP_DONE : SP_IDP_REFUSED;
}

static const struct {
	sp_oidc_stage_next_fn next;
	sp_oidc_stage_take_fn take;
} stages[SP_OIDC_STAGE_COUNT] = {
	[SP_OIDC_STAGE_DEVICE] = { sp_oidc_device_next, sp_oidc_device_take },
	[SP_OIDC_STAGE_POLL] = { sp_oidc_poll_next, sp_oidc_poll_take },
	[SP_OIDC_STAGE_REFRESH] = { sp_oidc_refresh_next, sp_oidc_refresh_take },
	[SP_OIDC_STAGE_TOKEN] = { sp_oidc_token_next, NULL },
	[SP_OIDC_STAGE_KEYS] = { sp_oidc_keys_next, NULL },
	[SP_OIDC_STAGE_USERINFO] = { sp_oidc_userinfo_next, sp_oidc_userinfo_take },
	[SP_OIDC_STAGE_DONE] = { done_next, NULL },
	[SP_OIDC_STAGE_REFUSED] = { done_next, NULL },
};

/* ---- for the stages ---- */

enum sp_idp_step sp_oidc_flow_refuse(struct sp_oidc_flow *flow, int r)
{
	if (r == -ENOMEM)
		sp_find(&flow->finding, SP_REFUSAL_GATEWAY, "out of memory");
	flow->stage = SP_OIDC_STAGE_REFUSED;
	return SP_IDP_WAIT;
}

static int authenticate(const struct sp_oidc *oidc, struct sp_http_request *request)
{
	request->basic_user = sp_form_escape(oidc->idp->client_id);
	request->basic_password = sp_form_escape(oidc->client_secret);
	return request->basic_user && request->basic_password ? 0 : -ENOMEM;
}

enum sp_idp_step sp_oidc_flow_post(struct sp_oidc_flow *flow, const char *url,
				   const struct sp_form_field *fields, size_t count,
				   struct sp_http_request *ret_request)
{
	const struct sp_oidc *oidc = flow->oidc;
	const bool is_secret_in_body = oidc->client_secret && oidc->discovery.wants_secret_in_body;
	const bool is_basic = oidc->client_secret && !is_secret_in_body;
	struct sp_form_field all[6] = {
		{ "client_id", is_basic ? NULL : oidc->idp->client_id },
		{ "client_secret", is_secret_in_body ? oidc->client_secret : NULL },
	};
	struct sp_http_request request = { .body_max = SP_OAUTH_REPLY_MAX,
					   .body_type = "application/x-www-form-urlencoded" };

	for (size_t i = 0; i < count && i + 2 < SP_ARRAY_LEN(all); i++)
		all[i + 2] = fields[i];
	request.url = strdup(url);
	request.body = sp_form_encode(all, SP_ARRAY_LEN(all));
	if (!request.url || !request.body || (is_basic && authenticate(oidc, &request) < 0)) {
		sp_http_request_done(&request);
		return sp_oidc_flow_refuse(flow, -ENOMEM);
	}
	*ret_request = request;
	return SP_IDP_FETCH;
}

bool sp_oidc_flow_has_provider(struct sp_oidc_flow *flow, const struct sp_idp_time *now,
			       uint64_t *ret_due_ns, enum sp_idp_step *ret_step)
{
	int r = sp_oidc_want(flow->oidc, now, &flow->finding);

	if (r == 0)
		return true;
	*ret_due_ns = UINT64_MAX;
	*ret_step = r == -EAGAIN ? SP_IDP_WAIT : sp_oidc_flow_refuse(flow, r);
	return false;
}

/* ---- from the outside ---- */

static struct sp_oidc_flow *oidc_flow_of(struct sp_idp_flow *flow)
{
	return (struct sp_oidc_flow *)flow;
}

static const struct sp_oidc_flow *const_oidc_flow_of(const struct sp_idp_flow *flow)
{
	return (const struct sp_oidc_flow *)flow;
}

static void flow_free(struct sp_idp_flow *base)
{
	struct sp_oidc_flow *flow = oidc_flow_of(base);

	sp_secret_free(flow->device_code);
	sp_secret_free(flow->prompt.user_code);
	sp_secret_free(flow->prompt.verification_uri_complete); /* holds the code */
	free(flow->prompt.verification_uri);
	sp_secret_free(flow->used_refresh_token);
	free(flow->subject);
	sp_secret_free(flow->access_token);
	sp_secret_free(flow->id_token);
	sp_secret_free(flow->refresh_token);
	sp_claims_done(&flow->claims);
	free(flow);
}

static enum sp_idp_step flow_next(struct sp_idp_flow *base, const struct sp_idp_time *now,
				  struct sp_http_request *ret_request, uint64_t *ret_due_ns)
{
	struct sp_oidc_flow *flow = oidc_flow_of(base);
	enum sp_oidc_stage stage;
	enum sp_idp_step step;

	*ret_due_ns = UINT64_MAX;
	if (flow->is_asking)
		return SP_IDP_WAIT;
	do {
		stage = flow->stage;
		step = stages[stage].next(flow, now, ret_request, ret_due_ns);
	} while (flow->stage != stage);
	flow->is_asking = step == SP_IDP_FETCH;
	return step;
}

static void flow_take(struct sp_idp_flow *base, const struct sp_idp_time *now,
		      const struct sp_http_reply *reply)
{
	struct sp_oidc_flow *flow = oidc_flow_of(base);
	int r;

	if (!flow->is_asking)
		return;
	flow->is_asking = false;
	r = stages[flow->stage].take(flow, now, reply);
	if (r < 0)
		sp_oidc_flow_refuse(flow, r);
}

static const struct sp_idp_prompt *flow_prompt(const struct sp_idp_flow *base)
{
	const struct sp_oidc_flow *flow = const_oidc_flow_of(base);

	return flow->expires_ns ? &flow->prompt : NULL;
}

static const struct sp_claims *flow_claims(const struct sp_idp_flow *base)
{
	return &const_oidc_flow_of(base)->claims;
}

static const char *flow_refresh_token(const struct sp_idp_flow *base)
{
	return const_oidc_flow_of(base)->refresh_token;
}

static bool flow_is_token_settled(const struct sp_idp_flow *base)
{
	return const_oidc_flow_of(base)->is_token_settled;
}

static const struct sp_finding *flow_finding(const struct sp_idp_flow *base)
{
	return &const_oidc_flow_of(base)->finding;
}

static const struct sp_idp_flow_ops ops = {
	.free = flow_free,
	.next = flow_next,
	.take = flow_take,
	.prompt = flow_prompt,
	.claims = flow_claims,
	.refresh_token = flow_refresh_token,
	.is_token_settled = flow_is_token_settled,
	.finding = flow_finding,
};

static struct sp_oidc_flow *flow_new(struct sp_oidc *oidc, enum sp_oidc_stage stage)
{
	struct sp_oidc_flow *flow = calloc(1, sizeof(*flow));

	if (flow) {
		flow->base.ops = &ops;
		flow->oidc = oidc;
		flow->stage = stage;
	}
	return flow;
}

int sp_oidc_flow_device(struct sp_oidc *oidc, struct sp_idp_flow **ret_flow)
{
	struct sp_oidc_flow *flow = flow_new(oidc, SP_OIDC_STAGE_DEVICE);

	if (!flow)
		return -ENOMEM;
	*ret_flow = &flow->base;
	return 0;
}

int sp_oidc_flow_refresh(struct sp_oidc *oidc, const char *refresh_token, const char *subject,
			 struct sp_idp_flow **ret_flow)
{
	struct sp_oidc_flow *flow = flow_new(oidc, SP_OIDC_STAGE_REFRESH);

	if (!flow)
		return -ENOMEM;
	flow->used_refresh_token = strdup(refresh_token);
	flow->subject = strdup(subject);
	if (!flow->used_refresh_token || !flow->subject) {
		flow_free(&flow->base);
		return -ENOMEM;
	}
	*ret_flow = &flow->base;
	return 0;
}
