/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Asking again with a refresh token, message by message: row O16 of the attacks. What matters most is the
 * difference between "no more" (the session ends) and "no answer" (it lives on). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "../oidc_lab.h"

SP_DEFINE_CLEANUP(struct sp_oidc *, sp_oidc_free);
SP_DEFINE_CLEANUP(struct sp_idp_flow *, sp_idp_flow_free);
#define __sp_oidc __sp_cleanup(sp_oidc_freep)
#define __sp_flow __sp_cleanup(sp_idp_flow_freep)

#define TOKEN LAB_ISSUER "/token"
#define USERINFO LAB_ISSUER "/me"
#define KEYS LAB_ISSUER "/jwks"

static struct sp_idp_flow *begin(struct sp_oidc *oidc)
{
	struct sp_idp_flow *flow;

	assert_int_equal(sp_oidc_flow_refresh(oidc, "r&t", "ana-1", &flow), 0);
	return flow;
}

static void a_changed_group_is_told(void **state)
{
	__sp_oidc struct sp_oidc *oidc = lab_ready(LAB_DISCOVERY, NULL);
	__sp_flow struct sp_idp_flow *flow = begin(oidc);
	__sp_free char *tokens = lab_tokens("{\"groups\":[\"dba\"]}", "ed", MINTER_ED,
					    "{\"refresh_token\":\"rt2\"}");
	const struct sp_http_reply reply = lab_json(200, tokens);
	struct sp_http_request request;

	(void)state;
	lab_asks(flow, TOKEN, &request);
	assert_string_equal(request.body,
			    "client_id=gate&grant_type=refresh_token&refresh_token=r%26t");
	sp_http_request_done(&request);
	sp_idp_flow_take(flow, &lab_now, &reply);
	lab_done(flow);
	assert_string_equal(sp_idp_flow_claims(flow)->groups[0], "dba");
	assert_string_equal(sp_idp_flow_refresh_token(flow), "rt2");
	assert_null(sp_idp_flow_prompt(flow));
}

static void without_rotation_the_old_token_stays(void **state)
{
	__sp_oidc struct sp_oidc *oidc = lab_ready(LAB_DISCOVERY, NULL);
	__sp_flow struct sp_idp_flow *flow = begin(oidc);
	__sp_free char *tokens = lab_tokens(NULL, "rsa", MINTER_RSA, NULL);

	(void)state;
	lab_answer(flow, TOKEN, 200, tokens);
	lab_done(flow);
	assert_null(sp_idp_flow_refresh_token(flow));
}

static void no_more_is_not_no_answer(void **state)
{
	static const struct {
		const char *name;
		struct sp_http_reply reply;
		enum sp_refusal_reason reason;
	} cases[] = {
#define JSON(code, text)                                                                           \
	{ .status = code,                                                                          \
	  .content_type = "application/json",                                                      \
	  .body = text,                                                                            \
	  .body_len = sizeof(text) - 1 }
		{ "revoked", JSON(400, "{\"error\":\"invalid_grant\"}"), SP_REFUSAL_GRANT_REVOKED },
		{ "revoked, 401", JSON(401, "{\"error\":\"invalid_grant\"}"),
		  SP_REFUSAL_GRANT_REVOKED },
		{ "their rules want the person", JSON(400, "{\"error\":\"interaction_required\"}"),
		  SP_REFUSAL_GRANT_REVOKED },
		{ "no more for this person", JSON(403, "{\"error\":\"access_denied\"}"),
		  SP_REFUSAL_GRANT_REVOKED },
		{ "Dex",
		  JSON(400, "{\"error\":\"invalid_request\",\"error_description\":\"Refresh token "
			    "expired.\"}"),
		  SP_REFUSAL_GRANT_REVOKED },
		{ "another request",
		  JSON(400, "{\"error\":\"invalid_request\",\"error_description\":\"no scope\"}"),
		  SP_REFUSAL_PROVIDER_ERROR },
		{ "busy, with a word", JSON(400, "{\"error\":\"temporarily_unavailable\"}"),
		  SP_REFUSAL_UNREACHABLE },
		{ "our secret is wrong", JSON(401, "{\"error\":\"invalid_client\"}"),
		  SP_REFUSAL_PROVIDER_ERROR },
		{ "not for us", JSON(400, "{\"error\":\"unauthorized_client\"}"),
		  SP_REFUSAL_PROVIDER_ERROR },
		{ "no answer", { .failure = "timed out" }, SP_REFUSAL_UNREACHABLE },
		{ "a bad certificate",
		  { .failure = "certificate: expired" },
		  SP_REFUSAL_UNREACHABLE },
		{ "down", JSON(502, "{}"), SP_REFUSAL_UNREACHABLE },
		{ "down, saying invalid_grant", JSON(503, "{\"error\":\"invalid_grant\"}"),
		  SP_REFUSAL_UNREACHABLE },
		{ "too many", JSON(429, "{}"), SP_REFUSAL_UNREACHABLE },
		{ "a redirect", JSON(307, "{}"), SP_REFUSAL_BAD_ANSWER },
		{ "an empty answer", JSON(200, "{}"), SP_REFUSAL_BAD_ANSWER },
		{ "400 without a word", JSON(400, "{}"), SP_REFUSAL_BAD_ANSWER },
		{ "another type",
		  { .status = 400,
		    .content_type = "text/plain",
		    .body = "invalid_grant",
		    .body_len = 13 },
		  SP_REFUSAL_BAD_ANSWER },
	};

	(void)state;
	for (size_t i = 0; i < SP_ARRAY_LEN(cases); i++) {
		__sp_oidc struct sp_oidc *oidc = lab_ready(LAB_DISCOVERY, NULL);
		__sp_flow struct sp_idp_flow *flow = begin(oidc);
		struct sp_http_request request;

		print_message("%s\n", cases[i].name);
		lab_asks(flow, TOKEN, &request);
		sp_http_request_done(&request);
		sp_idp_flow_take(flow, &lab_now, &cases[i].reply);
		lab_refused(flow, cases[i].reason);
		assert_null(sp_idp_flow_refresh_token(flow));
	}
}

static void somebody_elses_token_is_refused(void **state)
{
	__sp_oidc struct sp_oidc *oidc = lab_ready(LAB_DISCOVERY, NULL);
	__sp_flow struct sp_idp_flow *flow = begin(oidc);
	__sp_free char *tokens =
		lab_tokens("{\"sub\":\"bob-1\"}", "rsa", MINTER_RSA, "{\"refresh_token\":\"rt2\"}");

	(void)state;
	lab_answer(flow, TOKEN, 200, tokens);
	lab_refused(flow, SP_REFUSAL_OTHER_SUBJECT);
}

static void without_an_id_token_userinfo_is_asked(void **state)
{
	static const struct {
		int status;
		const char *body;
		enum sp_refusal_reason reason;
	} cases[] = {
		{ 200, "{\"sub\":\"ana-1\",\"preferred_username\":\"ana\",\"groups\":[\"dba\"]}",
		  SP_REFUSAL_NONE },
		{ 200, "{\"sub\":\"bob-1\",\"preferred_username\":\"bob\",\"groups\":[\"dba\"]}",
		  SP_REFUSAL_OTHER_SUBJECT },
		{ 200, "{\"sub\":\"ana-1\",\"groups\":[1]}", SP_REFUSAL_BAD_GROUPS },
		{ 401, "{\"error\":\"invalid_token\"}", SP_REFUSAL_BAD_ANSWER },
		{ 503, "{}", SP_REFUSAL_UNREACHABLE },
	};

	(void)state;
	for (size_t i = 0; i < SP_ARRAY_LEN(cases); i++) {
		__sp_oidc struct sp_oidc *oidc = lab_ready(LAB_DISCOVERY, NULL);
		__sp_flow struct sp_idp_flow *flow = begin(oidc);
		__sp_free char *tokens = lab_tokens(
			NULL, "rsa", MINTER_RSA, "{\"id_token\":null,\"refresh_token\":\"rt2\"}");

		lab_answer(flow, TOKEN, 200, tokens);
		lab_answer(flow, USERINFO, cases[i].status, cases[i].body);
		/* The old refresh token is spent, however this ends. */
		if (cases[i].reason)
			lab_refused(flow, cases[i].reason);
		else
			lab_done(flow);
		assert_string_equal(sp_idp_flow_refresh_token(flow), "rt2");
		if (cases[i].reason)
			continue;
		assert_string_equal(sp_idp_flow_claims(flow)->subject, "ana-1");
		assert_string_equal(sp_idp_flow_claims(flow)->user, "ana");
		assert_string_equal(sp_idp_flow_claims(flow)->groups[0], "dba");
	}
}

static void without_id_token_and_userinfo_there_is_no_word(void **state)
{
	__sp_oidc struct sp_oidc *oidc =
		lab_ready("{\"issuer\":\"" LAB_ISSUER "\",\"jwks_uri\":\"" KEYS
			  "\",\"token_endpoint\":\"" TOKEN "\"}",
			  NULL);
	__sp_flow struct sp_idp_flow *flow = begin(oidc);
	__sp_free char *tokens = lab_tokens(NULL, "rsa", MINTER_RSA, "{\"id_token\":null}");

	(void)state;
	lab_answer(flow, TOKEN, 200, tokens);
	lab_refused(flow, SP_REFUSAL_BAD_ANSWER);
}

/* A key the provider changed must not cost a live session, even when keys were fetched just now. */
static void a_refresh_waits_for_new_keys(void **state)
{
	__sp_oidc struct sp_oidc *oidc = lab_ready(LAB_DISCOVERY, NULL);
	__sp_flow struct sp_idp_flow *first = begin(oidc), *second = begin(oidc),
				     *third = begin(oidc);
	__sp_free char *fresh =
		minter_set(json_pack("[o]", minter_jwk(MINTER_RSA_OTHER, "new", NULL, NULL)));
	__sp_free char *tokens = lab_tokens(NULL, "new", MINTER_RSA_OTHER, NULL);
	const struct sp_http_reply old = lab_json(200, lab_keys), keys = lab_json(200, fresh),
				   none = lab_silence("timed out");

	(void)state;
	lab_answer(first, TOKEN, 200, tokens);
	assert_true(lab_waits(first) == UINT64_MAX);
	lab_provider(oidc, KEYS, &old); /* not published yet */
	assert_int_equal(lab_waits(first), 60);
	lab_pass(20);
	lab_answer(second, TOKEN, 200, tokens);
	assert_int_equal(lab_waits(second), 40);
	lab_pass(40);
	assert_true(lab_waits(first) == UINT64_MAX);
	assert_true(lab_waits(second) == UINT64_MAX);
	lab_provider(oidc, KEYS, &keys);
	lab_done(first);
	lab_done(second);
	/* And when the keys cannot be had, that is silence, not a no. */
	lab_pass(60);
	free(tokens);
	tokens = lab_tokens(NULL, "newer", MINTER_RSA, NULL);
	lab_answer(third, TOKEN, 200, tokens);
	assert_true(lab_waits(third) == UINT64_MAX);
	lab_provider(oidc, KEYS, &none);
	lab_refused(third, SP_REFUSAL_UNREACHABLE);
}

static void a_refresh_without_the_provider_is_unreachable(void **state)
{
	__sp_oidc struct sp_oidc *oidc = NULL;
	__sp_flow struct sp_idp_flow *flow = NULL;
	const struct sp_http_reply none = lab_silence("timed out");

	(void)state;
	assert_int_equal(sp_oidc_new(&lab_idp, NULL, &oidc), 0);
	flow = begin(oidc);
	assert_true(lab_waits(flow) == UINT64_MAX);
	lab_provider(oidc, LAB_ISSUER "/.well-known/openid-configuration", &none);
	lab_refused(flow, SP_REFUSAL_UNREACHABLE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_changed_group_is_told),
		cmocka_unit_test(without_rotation_the_old_token_stays),
		cmocka_unit_test(no_more_is_not_no_answer),
		cmocka_unit_test(somebody_elses_token_is_refused),
		cmocka_unit_test(without_an_id_token_userinfo_is_asked),
		cmocka_unit_test(without_id_token_and_userinfo_there_is_no_word),
		cmocka_unit_test(a_refresh_waits_for_new_keys),
		cmocka_unit_test(a_refresh_without_the_provider_is_unreachable),
	};

	return cmocka_run_group_tests_name("identity-oidc-refresh", tests, lab_start, lab_stop);
}
