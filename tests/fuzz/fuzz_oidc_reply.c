/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Any answers of a provider, to the provider's own fetches, a sign-in and a refresh, in any order and at any
 * time: no crash, no leak; each fetch is https; a flow that has ended stays so; and a second sign-in, which
 * is answered well, goes through whatever the others got.
 *
 * The input is a list of answers: a line `TARGET STATUS SECONDS LENGTH`, then LENGTH bytes of body. TARGET:
 * p the provider, d the sign-in, r the refresh; a capital gives another content type. SECONDS pass before.
 * `$` in a body becomes a good id_token. */
#include <stdio.h>
#include <strings.h>

#include "base/units.h"
#include "identity/oidc/oidc.h"
#include "identity_key.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define ISSUER "https://op.test"
#define DISCOVERY                                                                                  \
	"{\"issuer\":\"" ISSUER "\",\"jwks_uri\":\"" ISSUER "/k\",\"token_endpoint\":\"" ISSUER    \
	"/t\",\"device_authorization_endpoint\":\"" ISSUER "/d\",\"userinfo_endpoint\":\"" ISSUER  \
	"/u\"}"
#define CODE                                                                                       \
	"{\"device_code\":\"dc\",\"user_code\":\"AB\",\"verification_uri\":\"" ISSUER              \
	"/go\",\"expires_in\":600,\"interval\":5}"
#define TOKENS "{\"access_token\":\"at\",\"token_type\":\"Bearer\",\"id_token\":\"$\"}"

static struct sp_idp_time now;

static void pass(unsigned seconds)
{
	now.now_s += seconds;
	now.boot_ns += seconds * (uint64_t)SP_NS_PER_S;
}

static char *make_id_token(void)
{
	char payload[256];

	snprintf(payload, sizeof(payload),
		 "{\"iss\":\"" ISSUER
		 "\",\"sub\":\"ana-1\",\"aud\":\"gate\",\"exp\":%lld,\"iat\":%lld,"
		 "\"preferred_username\":\"ana\",\"groups\":[\"eng\"]}",
		 (long long)now.now_s + 300, (long long)now.now_s);
	return identity_sign(IDENTITY_HEADER, payload, strlen(payload));
}

/* @body with the first `$` replaced; malloc'ed and as long as it has to be. */
static char *fill_in(const char *body, size_t len, size_t *ret_len)
{
	const char *mark = memchr(body, '$', len);
	char *token = mark ? make_id_token() : NULL;
	const size_t token_len = token ? strlen(token) : 0,
		     head = mark ? (size_t)(mark - body) : len;
	char *whole = malloc(len + token_len + 1);

	identity_check(whole != NULL);
	memcpy(whole, body, head);
	*ret_len = head;
	if (mark) {
		memcpy(whole + head, token, token_len);
		memcpy(whole + head + token_len, mark + 1, len - head - 1);
		*ret_len = len - 1 + token_len;
	}
	whole[*ret_len] = '\0';
	free(token);
	return whole;
}

static void check_request(struct sp_http_request *request)
{
	identity_check(strncasecmp(request->url, "https://", 8) == 0);
	identity_check(request->body_max > 0 && request->body_max <= 262144);
	sp_http_request_done(request);
}

/* One answer to what @flow, or the provider when that is NULL, asks for; if it asks for something. */
static bool answer(struct sp_oidc *oidc, struct sp_idp_flow *flow,
		   const struct sp_http_reply *reply)
{
	struct sp_http_request request;
	uint64_t due_ns = 0;
	enum sp_idp_step step = flow ? sp_idp_flow_next(flow, &now, &request, &due_ns)
				     : sp_oidc_next(oidc, &now, &request, &due_ns);

	if (step != SP_IDP_FETCH) {
		identity_check(step != SP_IDP_WAIT || due_ns > now.boot_ns);
		return false;
	}
	check_request(&request);
	if (flow)
		sp_idp_flow_take(flow, &now, reply);
	else
		sp_oidc_take(oidc, &now, reply);
	return true;
}

static bool answer_text(struct sp_oidc *oidc, struct sp_idp_flow *flow, int status,
			const char *type, const char *text, size_t len)
{
	struct sp_http_reply reply = { .status = status, .content_type = type };
	char *body = fill_in(text, len, &reply.body_len);
	bool asked;

	reply.body = body;
	if (status == 0)
		reply = (struct sp_http_reply){ .failure = body };
	asked = answer(oidc, flow, &reply);
	free(body);
	return asked;
}

static bool answer_well(struct sp_oidc *oidc, struct sp_idp_flow *flow, const char *text)
{
	return answer_text(oidc, flow, 200, "application/json", text, strlen(text));
}

static enum sp_idp_step step_of(struct sp_idp_flow *flow)
{
	struct sp_http_request request;
	uint64_t due_ns;
	enum sp_idp_step step = sp_idp_flow_next(flow, &now, &request, &due_ns);

	if (step == SP_IDP_FETCH)
		sp_http_request_done(&request);
	return step;
}

static void check_end(struct sp_idp_flow *flow)
{
	const enum sp_idp_step step = step_of(flow);

	identity_check(step_of(flow) == step || step == SP_IDP_FETCH);
	if (step == SP_IDP_DONE)
		identity_check(sp_idp_flow_claims(flow)->subject && sp_idp_flow_claims(flow)->user);
	if (step == SP_IDP_REFUSED)
		identity_check(sp_idp_flow_finding(flow)->reason != SP_REFUSAL_NONE);
}

/* One line and its body. Returns what is behind it; NULL: nothing more that can be read. */
static const char *run_line(const char *at, const char *end, struct sp_oidc *oidc,
			    struct sp_idp_flow *sign_in, struct sp_idp_flow *refresh)
{
	const char *newline = memchr(at, '\n', (size_t)(end - at));
	char line[64] = { 0 }, target;
	unsigned status, seconds, len;

	if (!newline || (size_t)(newline - at) >= sizeof(line))
		return NULL;
	memcpy(line, at, (size_t)(newline - at));
	if (sscanf(line, "%c %3u %5u %6u", &target, &status, &seconds, &len) != 4)
		return NULL;
	if (len > (size_t)(end - newline - 1))
		len = (unsigned)(end - newline - 1);
	pass(seconds);
	answer_text(oidc,
		    target == 'p' || target == 'P'   ? NULL
		    : target == 'r' || target == 'R' ? refresh
						     : sign_in,
		    (int)status, target >= 'a' ? "application/json" : "text/html", newline + 1,
		    len);
	return newline + 1 + len;
}

/* Somebody else, at the same provider, with good answers. */
static void check_other_sign_in(struct sp_oidc *oidc)
{
	struct sp_idp_flow *flow = NULL;

	identity_check(sp_oidc_flow_device(oidc, &flow) == 0);
	pass(90000); /* every document is old by now */
	identity_check(answer_well(oidc, NULL, DISCOVERY));
	identity_check(answer_well(oidc, NULL, IDENTITY_KEYS));
	identity_check(sp_oidc_is_ready(oidc) && !sp_oidc_trouble(oidc));
	identity_check(answer_well(oidc, flow, CODE));
	identity_check(sp_idp_flow_prompt(flow) != NULL);
	pass(5);
	identity_check(answer_well(oidc, flow, TOKENS));
	identity_check(step_of(flow) == SP_IDP_DONE);
	identity_check(strcmp(sp_idp_flow_claims(flow)->user, "ana") == 0);
	sp_idp_flow_free(flow);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct sp_idp idp = {
		.name = "op",
		.type = SP_IDP_OIDC,
		.issuer = ISSUER,
		.client_id = "gate",
		.groups_claim = "groups",
		.algorithms = (1u << SP_JWS_COUNT) - 1,
	};
	const char *at = (const char *)data, *end = at + size;
	struct sp_oidc *oidc = NULL;
	struct sp_idp_flow *sign_in = NULL, *refresh = NULL;

	now = (struct sp_idp_time){ 1700000000, 1000 * (uint64_t)SP_NS_PER_S };
	identity_check(sp_oidc_new(&idp, NULL, &oidc) == 0);
	if (size > 0 && *at == '+') { /* a provider that is well, so that the flows get further */
		at++;
		answer_well(oidc, NULL, DISCOVERY);
		answer_well(oidc, NULL, IDENTITY_KEYS);
	}
	identity_check(sp_oidc_flow_device(oidc, &sign_in) == 0);
	identity_check(sp_oidc_flow_refresh(oidc, "rt", "ana-1", &refresh) == 0);
	while (at && at < end)
		at = run_line(at, end, oidc, sign_in, refresh);
	check_end(sign_in);
	check_end(refresh);
	check_other_sign_in(oidc);
	sp_idp_flow_free(sign_in);
	sp_idp_flow_free(refresh);
	sp_oidc_free(oidc);
	return 0;
}
