/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "oidc_lab.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/units.h"

struct sp_idp_time lab_now;
char *lab_keys;

static char *scopes[] = { "openid", "profile", "groups", "offline_access" };
struct sp_idp lab_idp = {
	.name = "corp",
	.type = SP_IDP_OIDC,
	.issuer = LAB_ISSUER,
	.client_id = "gate",
	.scopes = scopes,
	.scope_count = 4,
	.groups_claim = "groups",
	.algorithms = (1u << SP_JWS_COUNT) - 1,
	.refresh_s = 300,
};

int lab_start(void **state)
{
	(void)state;
	minter_start();
	lab_keys = minter_jwks();
	return 0;
}

int lab_stop(void **state)
{
	(void)state;
	free(lab_keys);
	minter_stop();
	return 0;
}

void lab_pass(unsigned seconds)
{
	lab_now.now_s += seconds;
	lab_now.boot_ns += seconds * (uint64_t)SP_NS_PER_S;
}

struct sp_http_reply lab_json(int status, const char *body)
{
	return (struct sp_http_reply){ .status = status,
				       .content_type = "application/json; charset=utf-8",
				       .body = body,
				       .body_len = strlen(body) };
}

struct sp_http_reply lab_silence(const char *why)
{
	return (struct sp_http_reply){ .failure = why };
}

void lab_provider(struct sp_oidc *oidc, const char *url, const struct sp_http_reply *reply)
{
	struct sp_http_request request;
	uint64_t due_ns;

	assert_int_equal(sp_oidc_next(oidc, &lab_now, &request, &due_ns), SP_IDP_FETCH);
	assert_string_equal(request.url, url);
	assert_null(request.body);
	sp_http_request_done(&request);
	/* One at a time. */
	assert_int_equal(sp_oidc_next(oidc, &lab_now, &request, &due_ns), SP_IDP_WAIT);
	sp_oidc_take(oidc, &lab_now, reply);
}

uint64_t lab_provider_waits(struct sp_oidc *oidc)
{
	struct sp_http_request request;
	uint64_t due_ns;

	assert_int_equal(sp_oidc_next(oidc, &lab_now, &request, &due_ns), SP_IDP_WAIT);
	return (due_ns - lab_now.boot_ns) / (uint64_t)SP_NS_PER_S;
}

struct sp_oidc *lab_ready(const char *discovery, const char *secret)
{
	const struct sp_http_reply document = lab_json(200, discovery),
				   keys = lab_json(200, lab_keys);
	struct sp_oidc *oidc;

	lab_now = (struct sp_idp_time){ 1700000000, 1000 * (uint64_t)SP_NS_PER_S };
	assert_int_equal(sp_oidc_new(&lab_idp, secret, &oidc), 0);
	lab_provider(oidc, LAB_ISSUER "/.well-known/openid-configuration", &document);
	lab_provider(oidc, LAB_ISSUER "/jwks", &keys);
	assert_true(sp_oidc_is_ready(oidc));
	assert_null(sp_oidc_trouble(oidc));
	return oidc;
}

void lab_asks(struct sp_idp_flow *flow, const char *url, struct sp_http_request *ret_request)
{
	struct sp_http_request again;
	uint64_t due_ns;
	enum sp_idp_step step = sp_idp_flow_next(flow, &lab_now, ret_request, &due_ns);

	if (step != SP_IDP_FETCH)
		fail_msg("step %d instead of asking %s: %s", step, url,
			 sp_idp_flow_finding(flow)->detail);
	assert_string_equal(ret_request->url, url);
	assert_int_equal(ret_request->body_max, 65536);
	assert_int_equal(sp_idp_flow_next(flow, &lab_now, &again, &due_ns), SP_IDP_WAIT);
	assert_true(due_ns == UINT64_MAX);
}

void lab_answer(struct sp_idp_flow *flow, const char *url, int status, const char *body)
{
	const struct sp_http_reply reply = lab_json(status, body);
	struct sp_http_request request;

	lab_asks(flow, url, &request);
	sp_http_request_done(&request);
	sp_idp_flow_take(flow, &lab_now, &reply);
}

uint64_t lab_waits(struct sp_idp_flow *flow)
{
	struct sp_http_request request;
	uint64_t due_ns;
	enum sp_idp_step step = sp_idp_flow_next(flow, &lab_now, &request, &due_ns);

	if (step != SP_IDP_WAIT)
		fail_msg("step %d instead of waiting: %s", step, sp_idp_flow_finding(flow)->detail);
	return due_ns == UINT64_MAX ? UINT64_MAX
				    : (due_ns - lab_now.boot_ns) / (uint64_t)SP_NS_PER_S;
}

void lab_refused(struct sp_idp_flow *flow, enum sp_refusal_reason reason)
{
	const struct sp_finding *finding = sp_idp_flow_finding(flow);
	struct sp_http_request request;
	uint64_t due_ns;

	assert_int_equal(sp_idp_flow_next(flow, &lab_now, &request, &due_ns), SP_IDP_REFUSED);
	if (finding->reason != reason)
		fail_msg("refused for %s (%s), expected %s", sp_refusal_word(finding->reason),
			 finding->detail, sp_refusal_word(reason));
	assert_int_not_equal(finding->detail[0], '\0');
	/* It stays so, whatever still comes. */
	sp_idp_flow_take(flow, &lab_now, &(struct sp_http_reply){ 0 });
	assert_int_equal(sp_idp_flow_next(flow, &lab_now, &request, &due_ns), SP_IDP_REFUSED);
}

void lab_done(struct sp_idp_flow *flow)
{
	struct sp_http_request request;
	uint64_t due_ns;
	enum sp_idp_step step = sp_idp_flow_next(flow, &lab_now, &request, &due_ns);

	if (step != SP_IDP_DONE)
		fail_msg("step %d instead of done: %s", step, sp_idp_flow_finding(flow)->detail);
}

char *lab_tokens(const char *claims, const char *kid, enum minter_key key, const char *more)
{
	const char *alg = key == MINTER_EC ? "ES256" : key == MINTER_ED ? "EdDSA" : "RS256";
	json_t *object =
		json_pack("{s:s, s:s, s:s, s:I, s:I, s:s, s:[s]}", "iss", LAB_ISSUER, "sub",
			  "ana-1", "aud", "gate", "exp", (json_int_t)lab_now.now_s + 300, "iat",
			  (json_int_t)lab_now.now_s, "preferred_username", "ana", "groups", "eng");
	json_t *answer = json_pack("{s:s, s:s, s:i}", "access_token", "at", "token_type", "bearer",
				   "expires_in", 300);
	json_t *changes = claims ? json_loads(claims, 0, NULL) : json_object(), *value;
	json_t *members = more ? json_loads(more, 0, NULL) : json_object();
	__sp_free char *payload = NULL, *token = NULL;
	const char *name;
	char header[128], *text;

	assert_true(object && answer && changes && members);
	json_object_foreach(changes, name, value)
		if (json_is_null(value))
			json_object_del(object, name);
		else
			json_object_set(object, name, value);
	payload = json_dumps(object, JSON_COMPACT);
	snprintf(header, sizeof(header), "{\"alg\":\"%s\",\"kid\":\"%s\"}", alg, kid);
	token = minter_sign(header, payload, strlen(payload), alg, key, NULL);
	json_object_set_new(answer, "id_token", json_string(token));
	json_object_foreach(members, name, value)
		if (json_is_null(value))
			json_object_del(answer, name);
		else
			json_object_set(answer, name, value);
	text = json_dumps(answer, JSON_COMPACT);
	json_decref(object);
	json_decref(answer);
	json_decref(changes);
	json_decref(members);
	return text;
}
