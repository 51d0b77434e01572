/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Device authorization, message by message: rows O12, O14, O15, O17 and O18 of the attacks as far as they
 * come by this way. */
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

#define DEVICE LAB_ISSUER "/device"
#define TOKEN LAB_ISSUER "/token"
#define USERINFO LAB_ISSUER "/me"
#define KEYS LAB_ISSUER "/jwks"

static struct sp_idp_flow *begin(struct sp_oidc *oidc)
{
	struct sp_idp_flow *flow;

	assert_int_equal(sp_oidc_flow_device(oidc, &flow), 0);
	return flow;
}

/* A flow that has its code and may ask for the token. */
static struct sp_idp_flow *begin_polling(struct sp_oidc *oidc)
{
	struct sp_idp_flow *flow = begin(oidc);

	lab_answer(flow, DEVICE, 200, LAB_CODE);
	assert_int_equal(lab_waits(flow), 5);
	lab_pass(5);
	return flow;
}

static void a_person_signs_in(void **state)
{
	__sp_oidc struct sp_oidc *oidc = lab_ready(LAB_DISCOVERY, NULL);
	__sp_flow struct sp_idp_flow *flow = begin(oidc);
	const struct sp_http_reply code = lab_json(200, LAB_CODE);
	__sp_free char *tokens = NULL;
	struct sp_http_request request;
	const struct sp_claims *claims;

	(void)state;
	assert_null(sp_idp_flow_prompt(flow));
	lab_asks(flow, DEVICE, &request);
	assert_string_equal(request.body,
			    "client_id=gate&scope=openid+profile+groups+offline_access");
	assert_string_equal(request.body_type, "application/x-www-form-urlencoded");
	assert_null(request.basic_user);
	sp_http_request_done(&request);
	sp_idp_flow_take(flow, &lab_now, &code);
	assert_string_equal(sp_idp_flow_prompt(flow)->user_code, "ABCD-EFGH");
	assert_string_equal(sp_idp_flow_prompt(flow)->verification_uri, LAB_ISSUER "/go");
	assert_null(sp_idp_flow_prompt(flow)->verification_uri_complete);
	assert_int_equal(sp_idp_flow_prompt(flow)->expires_s, lab_now.now_s + 600);

	assert_int_equal(lab_waits(flow), 5);
	lab_pass(4);
	assert_int_equal(lab_waits(flow), 1);
	lab_pass(1);
	lab_answer(flow, TOKEN, 400, "{\"error\":\"authorization_pending\"}");
	assert_int_equal(lab_waits(flow), 5);
	lab_pass(5);
	lab_asks(flow, TOKEN, &request);
	assert_string_equal(request.body,
			    "client_id=gate&grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3A"
			    "device_code&device_code=dc");
	sp_http_request_done(&request);
	tokens = lab_tokens(NULL, "rsa", MINTER_RSA, "{\"refresh_token\":\"rt\"}");
	sp_idp_flow_take(flow, &lab_now,
			 &(struct sp_http_reply){ .status = 200,
						  .content_type = "application/json",
						  .body = tokens,
						  .body_len = strlen(tokens) });
	lab_done(flow);
	claims = sp_idp_flow_claims(flow);
	assert_string_equal(claims->subject, "ana-1");
	assert_string_equal(claims->user, "ana");
	assert_int_equal(claims->group_count, 1);
	assert_string_equal(claims->groups[0], "eng");
	assert_string_equal(sp_idp_flow_refresh_token(flow), "rt");
}

static void a_client_with_a_secret_shows_it(void **state)
{
	static const char post[] =
		"{\"issuer\":\"" LAB_ISSUER "\",\"jwks_uri\":\"" KEYS
		"\",\"token_endpoint\":\"" TOKEN "\",\"device_authorization_endpoint\":\"" DEVICE
		"\",\"token_endpoint_auth_methods_supported\":[\"client_secret_post\"]}";
	static const struct {
		const char *discovery, *body, *user, *password;
	} cases[] = {
		{ LAB_DISCOVERY, "scope=openid+profile+groups+offline_access", "gate",
		  "p%3Aw+%2B" },
		{ post, "client_id=gate&client_secret=p%3Aw+%2B&scope=openid+profile+groups+"
			"offline_access" },
	};

	(void)state;
	for (size_t i = 0; i < SP_ARRAY_LEN(cases); i++) {
		__sp_oidc struct sp_oidc *oidc = lab_ready(cases[i].discovery, "p:w +");
		__sp_flow struct sp_idp_flow *flow = begin(oidc);
		struct sp_http_request request;

		lab_asks(flow, DEVICE, &request);
		assert_string_equal(request.body, cases[i].body);
		assert_int_equal(!request.basic_user, !cases[i].user);
		if (cases[i].user) {
			assert_string_equal(request.basic_user, cases[i].user);
			assert_string_equal(request.basic_password, cases[i].password);
		}
		sp_http_request_done(&request);
	}
}

/* O18. */
static void slow_down_is_heeded_and_stays(void **state)
{
	__sp_oidc struct sp_oidc *oidc = lab_ready(LAB_DISCOVERY, NULL);
	__sp_flow struct sp_idp_flow *flow = begin_polling(oidc);

	(void)state;
	lab_answer(flow, TOKEN, 400, "{\"error\":\"slow_down\"}");
	assert_int_equal(lab_waits(flow), 10);
	lab_pass(10);
	lab_answer(flow, TOKEN, 400, "{\"error\":\"authorization_pending\"}");
	assert_int_equal(lab_waits(flow), 10);
	lab_pass(10);
	lab_answer(flow, TOKEN, 400, "{\"error\":\"slow_down\"}");
	assert_int_equal(lab_waits(flow), 15);
}

static void intervals_are_the_providers_within_reason(void **state)
{
	static const struct {
		const char *member;
		uint64_t wait_s;
	} cases[] = {
		{ "", 5 },
		{ ",\"interval\":7", 7 },
		{ ",\"interval\":0", 1 },
		{ ",\"interval\":100000", 300 },
		{ ",\"interval\":-1", 5 },    /* what cannot be read is as left out */
		{ ",\"interval\":\"7\"", 7 }, /* ADFS, Microsoft's first endpoints */
		{ ",\"interval\":\"0\"", 1 },
		{ ",\"interval\":null", 5 },
		{ ",\"interval\":\"\"", 5 },
		{ ",\"interval\":\"soon\"", 5 },
		{ ",\"interval\":\"-1\"", 5 },
		{ ",\"interval\":[7]", 5 },
		{ ",\"interval\":7.0", 7 },
		{ ",\"interval\":0.5", 1 },
		{ ",\"interval\":1e300", 300 },
		{ ",\"interval\":99999999999999999999", 300 },
	};

	(void)state;
	for (size_t i = 0; i < SP_ARRAY_LEN(cases); i++) {
		__sp_oidc struct sp_oidc *oidc = lab_ready(LAB_DISCOVERY, NULL);
		__sp_flow struct sp_idp_flow *flow = begin(oidc);
		char body[512];

		snprintf(body, sizeof(body),
			 "{\"device_code\":\"dc\",\"user_code\":\"A\",\"verification_uri\":\"https:"
			 "//x/\","
			 "\"expires_in\":600%s}",
			 cases[i].member);
		lab_answer(flow, DEVICE, 200, body);
		assert_int_equal(lab_waits(flow), cases[i].wait_s);
	}
}

static void device_answers_are_as_providers_write_them(void **state)
{
	static const struct {
		const char *body;
		const char *complete; /* "": none; NULL: refused */
	} cases[] = {
		/* Google */
		{ "{\"device_code\":\"dc\",\"user_code\":\"A\",\"verification_url\":\"https://x/"
		  "\",\"expires_in\":1800,\"interval\":5}",
		  "" },
		/* Microsoft, version 1, ADFS */
		{ "{\"device_code\":\"dc\",\"user_code\":\"A\",\"verification_url\":\"https://x/"
		  "\",\"expires_in\":\"900\","
		  "\"interval\":\"5\",\"message\":\"To sign in, use a web browser\"}",
		  "" },
		{ "{\"device_code\":\"dc\",\"user_code\":\"A\",\"verification_uri\":\"https://x/"
		  "\",\"verification_url\":7,"
		  "\"verification_uri_complete\":\"https://x/?A\",\"expires_in\":900}",
		  "https://x/?A" },
		{ "{\"device_code\":\"dc\",\"user_code\":\"A\",\"verification_uri\":null,"
		  "\"verification_url\":\"https://x/\","
		  "\"verification_uri_complete\":null,\"expires_in\":900,\"error\":null}",
		  "" },
		{ "{\"device_code\":\"dc\",\"user_code\":\"A\",\"verification_uri\":\"https://x/"
		  "\",\"verification_uri_complete\":\"\","
		  "\"expires_in\":900,\"error\":\"\"}",
		  "" },
		/* both names, one of them empty, or one of each kind */
		{ "{\"device_code\":\"dc\",\"user_code\":\"A\",\"verification_uri\":\"\","
		  "\"verification_url\":\"https://x/\","
		  "\"verification_uri_complete\":\"https://x/?A\",\"expires_in\":1800.0}",
		  "https://x/?A" },
		{ "{\"device_code\":\"dc\",\"user_code\":\"A\",\"verification_uri\":\"https://x/\","
		  "\"verification_url_complete\":\"https://x/?A\",\"expires_in\":900}",
		  "https://x/?A" },
		/* a convenience that cannot be used is as none */
		{ "{\"device_code\":\"dc\",\"user_code\":\"A\",\"verification_uri\":\"https://x/\","
		  "\"verification_uri_complete\":\"http://x/\",\"expires_in\":900}",
		  "" },
		{ "{\"device_code\":\"dc\",\"user_code\":\"A\",\"verification_uri\":\"https://x/\","
		  "\"verification_uri_complete\":\"file:///x\",\"expires_in\":900}",
		  "" },
		{ "{\"device_code\":\"dc\",\"user_code\":\"A\",\"verification_url\":\"http://x/"
		  "\",\"expires_in\":900}",
		  NULL },
		{ "{\"device_code\":\"dc\",\"user_code\":\"A\",\"verification_uri\":\"https://x/"
		  "\",\"expires_in\":\"\"}",
		  NULL },
		{ "{\"device_code\":\"dc\",\"user_code\":\"A\",\"verification_uri\":\"https://x/"
		  "\",\"expires_in\":\"0\"}",
		  NULL },
		{ "{\"device_code\":\"dc\",\"user_code\":\"A\",\"verification_uri\":\"https://x/"
		  "\",\"expires_in\":null}",
		  NULL },
		{ "{\"device_code\":\"dc\",\"user_code\":\"A\",\"verification_uri\":\"https://x/"
		  "\",\"expires_in\":-9}",
		  NULL },
		{ "{\"device_code\":\"dc\",\"user_code\":\"A\",\"verification_uri\":\"\",\"expires_"
		  "in\":900}",
		  NULL },
	};

	(void)state;
	for (size_t i = 0; i < SP_ARRAY_LEN(cases); i++) {
		__sp_oidc struct sp_oidc *oidc = lab_ready(LAB_DISCOVERY, NULL);
		__sp_flow struct sp_idp_flow *flow = begin(oidc);
		const char *complete;

		lab_answer(flow, DEVICE, 200, cases[i].body);
		if (!cases[i].complete) {
			lab_refused(flow, SP_REFUSAL_BAD_ANSWER);
			continue;
		}
		assert_int_equal(lab_waits(flow), 5);
		assert_string_equal(sp_idp_flow_prompt(flow)->verification_uri, "https://x/");
		complete = sp_idp_flow_prompt(flow)->verification_uri_complete;
		assert_string_equal(complete ? complete : "", cases[i].complete);
	}
}

static void a_code_not_entered_in_time_is_over(void **state)
{
	__sp_oidc struct sp_oidc *oidc = lab_ready(LAB_DISCOVERY, NULL);
	__sp_flow struct sp_idp_flow *flow = begin(oidc), *capped = begin(oidc);

	(void)state;
	lab_answer(
		flow, DEVICE, 200,
		"{\"device_code\":\"dc\",\"user_code\":\"A\",\"verification_uri\":\"https://x/\","
		"\"expires_in\":3,\"interval\":5}");
	assert_int_equal(lab_waits(flow), 3);
	lab_pass(3);
	lab_refused(flow, SP_REFUSAL_CODE_EXPIRED);
	/* One that lives for ever is forgotten after an hour all the same. */
	lab_answer(
		capped, DEVICE, 200,
		"{\"device_code\":\"dc\",\"user_code\":\"A\",\"verification_uri\":\"https://x/\","
		"\"expires_in\":9223372036854775807}");
	assert_int_equal(sp_idp_flow_prompt(capped)->expires_s, lab_now.now_s + 3600);
	lab_pass(3600);
	lab_refused(capped, SP_REFUSAL_CODE_EXPIRED);
}

static void the_providers_no_is_final(void **state)
{
	static const struct {
		int status;
		const char *body;
		enum sp_refusal_reason reason;
	} cases[] = {
		{ 400, "{\"error\":\"access_denied\"}", SP_REFUSAL_DENIED },
		{ 403, "{\"error\":\"access_denied\"}", SP_REFUSAL_DENIED },
		{ 200, "{\"error\":\"access_denied\"}", SP_REFUSAL_DENIED },
		{ 400, "{\"error\":\"authorization_declined\"}", SP_REFUSAL_DENIED },
		{ 403, "{\"error\":\"\",\"error_code\":\"org_internal\"}",
		  SP_REFUSAL_PROVIDER_ERROR },
		{ 400, "{\"error\":\"expired_token\"}", SP_REFUSAL_CODE_EXPIRED },
		{ 400, "{\"error\":\"invalid_grant\"}", SP_REFUSAL_PROVIDER_ERROR },
		{ 401, "{\"error\":\"invalid_client\",\"error_description\":\"no\\nsuch\"}",
		  SP_REFUSAL_PROVIDER_ERROR },
		{ 400, "{\"error\":\"AUTHORIZATION_PENDING\"}", SP_REFUSAL_PROVIDER_ERROR },
		{ 400, "{\"error\":1}", SP_REFUSAL_BAD_ANSWER },
		{ 400, "{}", SP_REFUSAL_BAD_ANSWER },
	};

	(void)state;
	for (size_t i = 0; i < SP_ARRAY_LEN(cases); i++) {
		__sp_oidc struct sp_oidc *oidc = lab_ready(LAB_DISCOVERY, NULL);
		__sp_flow struct sp_idp_flow *flow = begin_polling(oidc);

		lab_answer(flow, TOKEN, cases[i].status, cases[i].body);
		lab_refused(flow, cases[i].reason);
	}
}

/* An answer that asks to be left alone for so long. */
static void busy(struct sp_idp_flow *flow, const char *url, int status, const char *body,
		 int64_t retry_after_s)
{
	struct sp_http_reply reply = lab_json(status, body);
	struct sp_http_request request;

	reply.retry_after_s = retry_after_s;
	lab_asks(flow, url, &request);
	sp_http_request_done(&request);
	sp_idp_flow_take(flow, &lab_now, &reply);
}

static void who_has_no_time_is_left_alone_as_long_as_they_ask(void **state)
{
	static const struct {
		int status;
		const char *body;
		int64_t retry_after_s;
		uint64_t wait_s;
	} cases[] = {
		{ 429, "{\"error\":\"slow_down\"}", 0, 10 }, /* Auth0 */
		{ 429, "{\"error\":\"slow_down\"}", 60, 60 },
		{ 400, "{\"error\":\"slow_down\",\"interval\":25}", 0, 25 }, /* GitHub */
		{ 400, "{\"error\":\"slow_down\",\"interval\":1}", 0, 10 },
		{ 400, "{\"error\":\"authorization_pending\"}", 40, 40 },
		{ 429, "{\"errorCode\":\"E0000047\"}", 60, 60 }, /* Okta */
		{ 429, "<p>", 7200, 300 },
		{ 503, "<p>", 60, 60 },
		{ 400, "{\"error\":\"temporarily_unavailable\"}", 0, 10 },
		{ 200, "{\"error\":\"server_error\"}", 0, 10 },
		{ 403, "{\"error_code\":\"rate_limit_exceeded\"}", 0, 10 }, /* Google */
	};

	(void)state;
	for (size_t i = 0; i < SP_ARRAY_LEN(cases); i++) {
		__sp_oidc struct sp_oidc *oidc = lab_ready(LAB_DISCOVERY, NULL);
		__sp_flow struct sp_idp_flow *flow = begin_polling(oidc);

		busy(flow, TOKEN, cases[i].status, cases[i].body, cases[i].retry_after_s);
		if (lab_waits(flow) != cases[i].wait_s)
			fail_msg("%d %s: %lu s", cases[i].status, cases[i].body,
				 (unsigned long)lab_waits(flow));
	}
}

/* Who says when to come back is asked until the code ends. */
static void a_limit_of_requests_ends_no_sign_in(void **state)
{
	__sp_oidc struct sp_oidc *oidc = lab_ready(LAB_DISCOVERY, NULL);
	__sp_flow struct sp_idp_flow *flow = begin_polling(oidc), *other = begin(oidc);

	(void)state;
	for (int i = 0; i < 10; i++) {
		busy(flow, TOKEN, 429, "", 30);
		assert_int_equal(lab_waits(flow), 30);
		lab_pass(30);
	}
	busy(other, DEVICE, 429, "", 30);
	lab_refused(other, SP_REFUSAL_UNREACHABLE);
	assert_int_equal(sp_idp_flow_finding(other)->retry_after_s, 30);
	assert_non_null(strstr(sp_idp_flow_finding(other)->detail, "it asks to wait 30 s"));
}

/* Before it knows whose sign-in it is, it refuses anybody's. */
static void what_is_refused_at_the_device_authorization_is_ours(void **state)
{
	static const struct {
		int status;
		const char *body, *said;
		bool is_ours;
	} cases[] = {
		{ 400, "{\"error\":\"invalid_scope\",\"error_description\":\"no groups\"}",
		  "invalid_scope: no groups", true },
		{ 401, "{\"error\":\"invalid_client\"}", "invalid_client", true },
		{ 400, "{\"error\":\"deleted_client\"}", "deleted_client", true },
		{ 400, "{\"error\":\"unsupported_grant_type\"}", "unsupported_grant_type", true },
		{ 403, "{\"error\":{\"code\":403,\"message\":\"no API\"}}",
		  "status 403 without an error word: no API", true },
		{ 404, "{}", "status 404", true },
		{ 200, "{\"device_code\":\"dc\"}", "verification_uri", true },
		{ 503, "{}", "status 503", false },
		{ 429, "{}", "status 429", false },
		{ 400, "{\"error\":\"temporarily_unavailable\"}", "temporarily_unavailable",
		  false },
	};

	(void)state;
	for (size_t i = 0; i < SP_ARRAY_LEN(cases); i++) {
		__sp_oidc struct sp_oidc *oidc = lab_ready(LAB_DISCOVERY, NULL);
		__sp_flow struct sp_idp_flow *flow = begin(oidc);
		const struct sp_finding *finding = sp_idp_flow_finding(flow);

		lab_answer(flow, DEVICE, cases[i].status, cases[i].body);
		assert_int_equal(finding->is_client_refused, cases[i].is_ours);
		if (!strstr(finding->detail, cases[i].said))
			fail_msg("%s: %s", cases[i].body, finding->detail);
	}
}

static void silence_is_borne_for_a_while(void **state)
{
	static const uint64_t waits_s[] = { 10, 20, 40 };
	__sp_oidc struct sp_oidc *oidc = lab_ready(LAB_DISCOVERY, NULL);
	__sp_flow struct sp_idp_flow *flow = begin_polling(oidc);
	const struct sp_http_reply none = lab_silence("timed out"),
				   busy = { .status = 503, .body = "" };
	struct sp_http_request request;

	(void)state;
	for (int round = 0; round < 2; round++) {
		for (size_t i = 0; i < SP_ARRAY_LEN(waits_s); i++) {
			lab_asks(flow, TOKEN, &request);
			sp_http_request_done(&request);
			sp_idp_flow_take(flow, &lab_now, i == 1 ? &busy : &none);
			assert_int_equal(lab_waits(flow), waits_s[i]);
			lab_pass((unsigned)waits_s[i]);
		}
		if (round == 0) { /* an answer, and patience begins anew */
			lab_answer(flow, TOKEN, 400, "{\"error\":\"authorization_pending\"}");
			lab_pass(5);
		}
	}
	lab_asks(flow, TOKEN, &request);
	sp_http_request_done(&request);
	sp_idp_flow_take(flow, &lab_now, &none);
	lab_refused(flow, SP_REFUSAL_UNREACHABLE);
}

static const struct {
	const char *name;
	struct sp_http_reply reply;
	enum sp_refusal_reason reason;
} garbage[] = {
	{ "a redirect",
	  { .status = 302, .content_type = "application/json", .body = "{}", .body_len = 2 },
	  SP_REFUSAL_BAD_ANSWER },
	{ "HTML",
	  { .status = 200, .content_type = "text/html", .body = "<p>", .body_len = 3 },
	  SP_REFUSAL_BAD_ANSWER },
	{ "an HTML error",
	  { .status = 400, .content_type = "text/html", .body = "<p>", .body_len = 3 },
	  SP_REFUSAL_BAD_ANSWER },
	{ "no JSON",
	  { .status = 200, .content_type = "application/json", .body = "<p>", .body_len = 3 },
	  SP_REFUSAL_BAD_ANSWER },
	{ "an empty object",
	  { .status = 200, .content_type = "application/json", .body = "{}", .body_len = 2 },
	  SP_REFUSAL_BAD_ANSWER },
	{ "a NUL",
	  { .status = 200, .content_type = "application/json", .body = "{\0}", .body_len = 3 },
	  SP_REFUSAL_BAD_ANSWER },
	{ "a bad certificate", { .failure = "certificate: self-signed" }, SP_REFUSAL_UNREACHABLE },
	{ "huge", { .failure = "too large" }, SP_REFUSAL_BAD_ANSWER },
	{ "nothing said", { 0 }, SP_REFUSAL_UNREACHABLE },
};

static void garbage_ends_one_flow_and_no_other(void **state)
{
	(void)state;
	for (size_t i = 0; i < SP_ARRAY_LEN(garbage); i++) {
		__sp_oidc struct sp_oidc *oidc = lab_ready(LAB_DISCOVERY, NULL);
		__sp_flow struct sp_idp_flow *first = begin(oidc), *second = begin_polling(oidc),
					     *good = begin_polling(oidc);
		__sp_free char *tokens = NULL;
		struct sp_http_request request;

		print_message("%s\n", garbage[i].name);
		lab_asks(first, DEVICE, &request);
		sp_http_request_done(&request);
		sp_idp_flow_take(first, &lab_now, &garbage[i].reply);
		lab_refused(first, garbage[i].reason);
		lab_asks(second, TOKEN, &request);
		sp_http_request_done(&request);
		sp_idp_flow_take(second, &lab_now, &garbage[i].reply);
		if (garbage[i].reason == SP_REFUSAL_BAD_ANSWER)
			lab_refused(second, SP_REFUSAL_BAD_ANSWER);
		else
			assert_int_equal(lab_waits(second), 10);
		tokens = lab_tokens(NULL, "ec", MINTER_EC, NULL);
		lab_answer(good, TOKEN, 200, tokens);
		lab_done(good);
		assert_null(sp_oidc_trouble(oidc));
	}
}

static void prompts_lead_nowhere_strange(void **state)
{
	static const char *const bodies[] = {
		"{\"user_code\":\"A\",\"verification_uri\":\"https://x/\",\"expires_in\":600}",
		"{\"device_code\":\"\",\"user_code\":\"A\",\"verification_uri\":\"https://x/"
		"\",\"expires_in\":600}",
		"{\"device_code\":\"d\",\"verification_uri\":\"https://x/\",\"expires_in\":600}",
		"{\"device_code\":\"d\",\"user_code\":\"A\\u001b[2J\",\"verification_uri\":\"https:"
		"//x/\",\"expires_in\":600}",
		"{\"device_code\":\"d\",\"user_code\":\"A\",\"expires_in\":600}",
		"{\"device_code\":\"d\",\"user_code\":\"A\",\"verification_uri\":\"http://x/"
		"\",\"expires_in\":600}",
		"{\"device_code\":\"d\",\"user_code\":\"A\",\"verification_uri\":\"javascript:"
		"alert(1)\",\"expires_in\":600}",
		"{\"device_code\":\"d\",\"user_code\":\"A\",\"verification_uri\":\"https://x/"
		"\\u001b\",\"expires_in\":600}",
		"{\"device_code\":\"d\",\"user_code\":\"A\",\"verification_uri\":\"https://x/\"}",
		"{\"device_code\":\"d\",\"user_code\":\"A\",\"verification_uri\":\"https://x/"
		"\",\"expires_in\":0}",
	};

	(void)state;
	for (size_t i = 0; i < SP_ARRAY_LEN(bodies); i++) {
		__sp_oidc struct sp_oidc *oidc = lab_ready(LAB_DISCOVERY, NULL);
		__sp_flow struct sp_idp_flow *flow = begin(oidc);

		lab_answer(flow, DEVICE, 200, bodies[i]);
		lab_refused(flow, SP_REFUSAL_BAD_ANSWER);
		assert_null(sp_idp_flow_prompt(flow));
	}
}

/* O12 and what else a token answer can be. */
static void token_answers_are_whole_or_refused(void **state)
{
	static const struct {
		const char *name, *claims, *more;
		enum sp_refusal_reason reason;
	} cases[] = {
		{ "Bearer in capitals", NULL, "{\"token_type\":\"BEARER\"}", SP_REFUSAL_NONE },
		{ "MAC", NULL, "{\"token_type\":\"mac\"}", SP_REFUSAL_BAD_ANSWER },
		{ "no token_type", NULL, "{\"token_type\":null}", SP_REFUSAL_BAD_ANSWER },
		{ "no access_token", NULL, "{\"access_token\":null}", SP_REFUSAL_BAD_ANSWER },
		{ "no id_token", NULL, "{\"id_token\":null}", SP_REFUSAL_BAD_ANSWER },
		{ "id_token a number", NULL, "{\"id_token\":1}", SP_REFUSAL_BAD_ANSWER },
		{ "id_token empty", NULL, "{\"id_token\":\"\"}", SP_REFUSAL_MALFORMED },
		{ "refresh_token a number", NULL, "{\"refresh_token\":1}", SP_REFUSAL_BAD_ANSWER },
		{ "refresh_token of two lines", NULL, "{\"refresh_token\":\"a\\nb\"}",
		  SP_REFUSAL_BAD_ANSWER },
		{ "at_hash of another", "{\"at_hash\":\"77QmUPtjPfzWtF2AnpK9RQ\"}", NULL,
		  SP_REFUSAL_WRONG_HASH },
		{ "another's token", "{\"aud\":\"other\"}", NULL, SP_REFUSAL_WRONG_AUDIENCE },
		{ "a logout token", "{\"events\":{}}", NULL, SP_REFUSAL_WRONG_TYPE },
		{ "an old token", "{\"iat\":1699990000,\"exp\":1800000000}", NULL,
		  SP_REFUSAL_TOO_OLD },
		{ "group overage", "{\"groups\":null,\"_claim_names\":{\"groups\":\"s\"}}", NULL,
		  SP_REFUSAL_GROUPS_ELSEWHERE },
	};

	(void)state;
	for (size_t i = 0; i < SP_ARRAY_LEN(cases); i++) {
		__sp_oidc struct sp_oidc *oidc = lab_ready(LAB_DISCOVERY, NULL);
		__sp_flow struct sp_idp_flow *flow = begin_polling(oidc);
		__sp_free char *tokens =
			lab_tokens(cases[i].claims, "rsa", MINTER_RSA, cases[i].more);

		print_message("%s\n", cases[i].name);
		lab_answer(flow, TOKEN, 200, tokens);
		if (cases[i].reason)
			lab_refused(flow, cases[i].reason);
		else
			lab_done(flow);
	}
}

/* What the id_token leaves out is userinfo's to say, of the same person only. */
static void userinfo_says_the_rest(void **state)
{
	static const struct {
		const char *claims, *userinfo, *user, *group;
		enum sp_refusal_reason reason;
	} cases[] = {
		{ "{\"groups\":null}",
		  "{\"sub\":\"ana-1\",\"groups\":[\"dba\"],\"preferred_username\":\"eve\"}", "ana",
		  "dba", SP_REFUSAL_NONE },
		{ "{\"preferred_username\":null}",
		  "{\"sub\":\"ana-1\",\"groups\":[\"dba\"],\"preferred_username\":\"anna\"}",
		  "anna", "eng", SP_REFUSAL_NONE },
		{ "{\"preferred_username\":null}", "{\"sub\":\"ana-1\"}", "ana-1", "eng",
		  SP_REFUSAL_NONE },
		{ "{\"groups\":null}", "{\"sub\":\"ana-1\"}", "ana", NULL, SP_REFUSAL_NONE },
		{ "{\"groups\":null}", "{\"sub\":\"bob-1\",\"groups\":[\"dba\"]}", NULL, NULL,
		  SP_REFUSAL_OTHER_SUBJECT },
		{ "{\"groups\":null}", "{\"groups\":[\"dba\"]}", NULL, NULL,
		  SP_REFUSAL_BAD_SUBJECT },
		{ "{\"groups\":null}", "{\"sub\":\"ana-1\",\"groups\":\"dba\"}", NULL, NULL,
		  SP_REFUSAL_BAD_GROUPS },
		{ "{\"groups\":null}", "{\"sub\":\"ana-1\",\"_claim_names\":{\"groups\":\"s\"}}",
		  NULL, NULL, SP_REFUSAL_GROUPS_ELSEWHERE },
		{ "{\"groups\":null}", "junk", NULL, NULL, SP_REFUSAL_BAD_ANSWER },
	};

	(void)state;
	for (size_t i = 0; i < SP_ARRAY_LEN(cases); i++) {
		__sp_oidc struct sp_oidc *oidc = lab_ready(LAB_DISCOVERY, NULL);
		__sp_flow struct sp_idp_flow *flow = begin_polling(oidc);
		__sp_free char *tokens = lab_tokens(cases[i].claims, "rsa", MINTER_RSA, NULL);
		const struct sp_http_reply reply = lab_json(200, cases[i].userinfo);
		struct sp_http_request request;

		lab_answer(flow, TOKEN, 200, tokens);
		lab_asks(flow, USERINFO, &request);
		assert_null(request.body);
		assert_string_equal(request.bearer, "at");
		sp_http_request_done(&request);
		sp_idp_flow_take(flow, &lab_now, &reply);
		if (cases[i].reason) {
			lab_refused(flow, cases[i].reason);
			continue;
		}
		lab_done(flow);
		assert_string_equal(sp_idp_flow_claims(flow)->user, cases[i].user);
		assert_int_equal(sp_idp_flow_claims(flow)->has_groups, cases[i].group != NULL);
		if (cases[i].group)
			assert_string_equal(sp_idp_flow_claims(flow)->groups[0], cases[i].group);
	}
}

/* O15. */
static void a_new_key_is_fetched_once(void **state)
{
	__sp_oidc struct sp_oidc *oidc = lab_ready(LAB_DISCOVERY, NULL);
	__sp_flow struct sp_idp_flow *one = begin_polling(oidc), *two = begin_polling(oidc),
				     *old = begin_polling(oidc), *junk = begin_polling(oidc);
	__sp_free char *fresh =
		minter_set(json_pack("[o]", minter_jwk(MINTER_RSA_OTHER, "new", NULL, NULL)));
	__sp_free char *good = lab_tokens(NULL, "new", MINTER_RSA_OTHER, NULL);
	__sp_free char *removed = lab_tokens(NULL, "rsa", MINTER_RSA, NULL);
	__sp_free char *unknown = lab_tokens(NULL, "never", MINTER_RSA, NULL);
	const struct sp_http_reply keys = lab_json(200, fresh);

	(void)state;
	lab_answer(one, TOKEN, 200, good);
	assert_true(lab_waits(one) == UINT64_MAX);
	lab_answer(two, TOKEN, 200, good);
	assert_true(lab_waits(two) == UINT64_MAX);
	lab_provider(oidc, KEYS, &keys); /* one fetch for both */
	lab_provider_waits(oidc);
	lab_done(one);
	lab_done(two);
	/* A key that is gone is gone, and asking for it again so soon brings no second fetch. */
	lab_answer(old, TOKEN, 200, removed);
	lab_refused(old, SP_REFUSAL_UNKNOWN_KEY);
	lab_provider_waits(oidc);
	/* A minute after the first, a fetch is allowed again; the key stays unknown. */
	lab_pass(60);
	lab_answer(junk, TOKEN, 200, unknown);
	assert_true(lab_waits(junk) == UINT64_MAX);
	lab_provider(oidc, KEYS, &keys);
	lab_refused(junk, SP_REFUSAL_UNKNOWN_KEY);
	lab_provider_waits(oidc);
}

/* Some providers change a key and keep its name. */
static void a_changed_key_of_the_same_name_is_fetched_once(void **state)
{
	__sp_oidc struct sp_oidc *oidc = lab_ready(LAB_DISCOVERY, NULL);
	__sp_flow struct sp_idp_flow *flow = begin_polling(oidc), *forged = begin_polling(oidc),
				     *silent = begin_polling(oidc);
	__sp_free char *fresh =
		minter_set(json_pack("[o]", minter_jwk(MINTER_RSA_OTHER, "rsa", NULL, NULL)));
	__sp_free char *tokens = lab_tokens(NULL, "rsa", MINTER_RSA_OTHER, NULL);
	__sp_free char *old = lab_tokens(NULL, "rsa", MINTER_RSA, NULL);
	const struct sp_http_reply keys = lab_json(200, fresh), none = lab_silence("timed out");

	(void)state;
	lab_answer(flow, TOKEN, 200, tokens);
	assert_true(lab_waits(flow) == UINT64_MAX);
	lab_provider(oidc, KEYS, &keys);
	lab_done(flow);
	/* Within the minute nobody waits for the next fetch. */
	lab_answer(forged, TOKEN, 200, old);
	lab_refused(forged, SP_REFUSAL_BAD_SIGNATURE);
	/* And keys that do not come make a bad signature no silence. */
	lab_pass(60);
	lab_answer(silent, TOKEN, 200, old);
	assert_true(lab_waits(silent) == UINT64_MAX);
	lab_provider(oidc, KEYS, &none);
	lab_refused(silent, SP_REFUSAL_BAD_SIGNATURE);
}

/* O14: fresh keys that are nonsense do not drive out the old ones. */
static void old_keys_stay_when_new_ones_are_nonsense(void **state)
{
	static const struct {
		int status;
		const char *body;
		enum sp_refusal_reason reason;
	} cases[] = {
		{ 200, "{\"keys\":[]}", SP_REFUSAL_BAD_KEYS },
		{ 200, "junk", SP_REFUSAL_BAD_ANSWER },
		{ 302, "{}", SP_REFUSAL_BAD_ANSWER },
		{ 503, "{}", SP_REFUSAL_UNREACHABLE },
	};

	(void)state;
	for (size_t i = 0; i < SP_ARRAY_LEN(cases); i++) {
		__sp_oidc struct sp_oidc *oidc = lab_ready(LAB_DISCOVERY, NULL);
		__sp_flow struct sp_idp_flow *flow = begin_polling(oidc),
					     *next = begin_polling(oidc);
		__sp_free char *unknown = lab_tokens(NULL, "new", MINTER_RSA_OTHER, NULL);
		__sp_free char *known = lab_tokens(NULL, "rsa", MINTER_RSA, NULL);
		const struct sp_http_reply reply = lab_json(cases[i].status, cases[i].body);

		lab_answer(flow, TOKEN, 200, unknown);
		assert_true(lab_waits(flow) == UINT64_MAX);
		lab_provider(oidc, KEYS, &reply);
		lab_refused(flow, cases[i].reason);
		assert_int_equal(sp_oidc_trouble(oidc)->reason, cases[i].reason);
		lab_answer(next, TOKEN, 200, known);
		lab_done(next);
	}
}

static void a_flow_waits_for_the_provider_or_is_told(void **state)
{
	__sp_oidc struct sp_oidc *oidc = NULL;
	__sp_flow struct sp_idp_flow *one = NULL, *two = NULL, *later = NULL;
	const struct sp_http_reply none = lab_silence("timed out"),
				   good = lab_json(200, LAB_DISCOVERY),
				   keys = lab_json(200, lab_keys);

	(void)state;
	assert_int_equal(sp_oidc_new(&lab_idp, NULL, &oidc), 0);
	one = begin(oidc);
	assert_true(lab_waits(one) == UINT64_MAX);
	lab_provider(oidc, LAB_ISSUER "/.well-known/openid-configuration", &none);
	lab_refused(one, SP_REFUSAL_UNREACHABLE);
	/* Just after a failure there is no use in trying; a little later there is, back-off or not. */
	two = begin(oidc);
	lab_refused(two, SP_REFUSAL_UNREACHABLE);
	lab_pass(10);
	lab_provider(oidc, LAB_ISSUER "/.well-known/openid-configuration", &none);
	lab_pass(10);
	assert_int_equal(lab_provider_waits(oidc), 10);
	later = begin(oidc);
	assert_true(lab_waits(later) == UINT64_MAX);
	lab_provider(oidc, LAB_ISSUER "/.well-known/openid-configuration", &good);
	assert_true(lab_waits(later) == UINT64_MAX);
	lab_provider(oidc, KEYS, &keys);
	lab_answer(later, DEVICE, 200, LAB_CODE);
	assert_int_equal(lab_waits(later), 5);
}

static void a_provider_without_device_authorization_says_so(void **state)
{
	__sp_oidc struct sp_oidc *oidc =
		lab_ready("{\"issuer\":\"" LAB_ISSUER "\",\"jwks_uri\":\"" KEYS
			  "\",\"token_endpoint\":\"" TOKEN "\"}",
			  NULL);
	__sp_flow struct sp_idp_flow *flow = begin(oidc);

	(void)state;
	lab_refused(flow, SP_REFUSAL_BAD_ANSWER);
	assert_non_null(strstr(sp_idp_flow_finding(flow)->detail, "device_authorization_endpoint"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_person_signs_in),
		cmocka_unit_test(a_client_with_a_secret_shows_it),
		cmocka_unit_test(slow_down_is_heeded_and_stays),
		cmocka_unit_test(intervals_are_the_providers_within_reason),
		cmocka_unit_test(device_answers_are_as_providers_write_them),
		cmocka_unit_test(a_code_not_entered_in_time_is_over),
		cmocka_unit_test(the_providers_no_is_final),
		cmocka_unit_test(who_has_no_time_is_left_alone_as_long_as_they_ask),
		cmocka_unit_test(a_limit_of_requests_ends_no_sign_in),
		cmocka_unit_test(what_is_refused_at_the_device_authorization_is_ours),
		cmocka_unit_test(silence_is_borne_for_a_while),
		cmocka_unit_test(garbage_ends_one_flow_and_no_other),
		cmocka_unit_test(prompts_lead_nowhere_strange),
		cmocka_unit_test(token_answers_are_whole_or_refused),
		cmocka_unit_test(userinfo_says_the_rest),
		cmocka_unit_test(a_new_key_is_fetched_once),
		cmocka_unit_test(a_changed_key_of_the_same_name_is_fetched_once),
		cmocka_unit_test(old_keys_stay_when_new_ones_are_nonsense),
		cmocka_unit_test(a_flow_waits_for_the_provider_or_is_told),
		cmocka_unit_test(a_provider_without_device_authorization_says_so),
	};

	return cmocka_run_group_tests_name("identity-oidc-device", tests, lab_start, lab_stop);
}
