/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "identity/idp_flow.h"

void sp_idp_flow_free(struct sp_idp_flow *flow)
{
	if (flow)
		flow->ops->free(flow);
}

enum sp_idp_step sp_idp_flow_next(struct sp_idp_flow *flow, const struct sp_idp_time *now,
				  struct sp_http_request *ret_request, uint64_t *ret_due_ns)
{
	return flow->ops->next(flow, now, ret_request, ret_due_ns);
}

void sp_idp_flow_take(struct sp_idp_flow *flow, const struct sp_idp_time *now,
		      const struct sp_http_reply *reply)
{
	flow->ops->take(flow, now, reply);
}

const struct sp_idp_prompt *sp_idp_flow_prompt(const struct sp_idp_flow *flow)
{
	return flow->ops->prompt(flow);
}

const struct sp_claims *sp_idp_flow_claims(const struct sp_idp_flow *flow)
{
	return flow->ops->claims(flow);
}

const char *sp_idp_flow_refresh_token(const struct sp_idp_flow *flow)
{
	return flow->ops->refresh_token(flow);
}

bool sp_idp_flow_is_token_settled(const struct sp_idp_flow *flow)
{
	return flow->ops->is_token_settled(flow);
}

const struct sp_finding *sp_idp_flow_finding(const struct sp_idp_flow *flow)
{
	return flow->ops->finding(flow);
}
