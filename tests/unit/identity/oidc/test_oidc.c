/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A provider as far as it is known: its two documents, fetched, aged, and kept when what comes is nonsense. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "identity/http/form.h"
#include "../oidc_lab.h"

SP_DEFINE_CLEANUP(struct sp_oidc *, sp_oidc_free);

#define DISCOVERY_URL LAB_ISSUER "/.well-known/openid-configuration"
#define KEYS_URL LAB_ISSUER "/jwks"

static void the_document_is_beside_the_issuer(void **state)
{
	static const struct {
		char *issuer;
		const char *url;
	} cases[] = {
		{ "https://a.test", "https://a.test/.well-known/openid-configuration" },
		{ "https://a.test/", "https://a.test/.well-known/openid-configuration" },
		{ "https://a.test/realms/x",
		  "https://a.test/realms/x/.well-known/openid-configuration" },
	};

	(void)state;
	for (size_t i = 0; i < SP_ARRAY_LEN(cases); i++) {
		__sp_cleanup(sp_oidc_freep) struct sp_oidc *oidc = NULL;
		const struct sp_http_reply none = lab_silence("gone");
		struct sp_idp idp = lab_idp;

		idp.issuer = cases[i].issuer;
		assert_int_equal(sp_oidc_new(&idp, NULL, &oidc), 0);
		lab_provider(oidc, cases[i].url, &none);
	}
}

static void documents_are_fetched_again_as_they_age(void **state)
{
	__sp_cleanup(sp_oidc_freep) struct sp_oidc *oidc = lab_ready(LAB_DISCOVERY, NULL);
	const struct sp_http_reply document = lab_json(200, LAB_DISCOVERY),
				   keys = lab_json(200, lab_keys);

	(void)state;
	for (unsigned minutes = 10; minutes <= 50; minutes += 10) {
		assert_int_equal(lab_provider_waits(oidc), 600);
		lab_pass(600);
		lab_provider(oidc, KEYS_URL, &keys);
	}
	lab_pass(600);
	lab_provider(oidc, DISCOVERY_URL, &document);
	lab_provider(oidc, KEYS_URL, &keys);
	assert_null(sp_oidc_trouble(oidc));
}

static void a_failed_fetch_is_tried_again_ever_later(void **state)
{
	static const unsigned waits_s[] = { 10, 20, 40, 80, 160, 300, 300 };
	__sp_cleanup(sp_oidc_freep) struct sp_oidc *oidc = NULL;
	const struct sp_http_reply none = lab_silence("connection refused"),
				   good = lab_json(200, LAB_DISCOVERY);

	(void)state;
	assert_int_equal(sp_oidc_new(&lab_idp, NULL, &oidc), 0);
	for (size_t i = 0; i < SP_ARRAY_LEN(waits_s); i++) {
		lab_provider(oidc, DISCOVERY_URL, &none);
		assert_int_equal(lab_provider_waits(oidc), waits_s[i]);
		assert_int_equal(sp_oidc_trouble(oidc)->reason, SP_REFUSAL_UNREACHABLE);
		assert_non_null(strstr(sp_oidc_trouble(oidc)->detail, "connection refused"));
		lab_pass(waits_s[i]);
	}
	lab_provider(oidc, DISCOVERY_URL, &good);
	lab_provider(oidc, KEYS_URL, &none);
	assert_int_equal(lab_provider_waits(oidc), 10);
	assert_false(sp_oidc_is_ready(oidc));
}

static void who_asks_to_be_left_alone_is_for_a_while(void **state)
{
	static const struct {
		int64_t asked_s;
		uint64_t wait_s;
	} cases[] = { { 0, 10 }, { 5, 10 }, { 120, 120 }, { 100000, 300 } };

	(void)state;
	for (size_t i = 0; i < SP_ARRAY_LEN(cases); i++) {
		__sp_cleanup(sp_oidc_freep) struct sp_oidc *oidc = NULL;
		struct sp_http_reply busy = lab_json(429, "");

		busy.retry_after_s = cases[i].asked_s;
		assert_int_equal(sp_oidc_new(&lab_idp, NULL, &oidc), 0);
		lab_provider(oidc, DISCOVERY_URL, &busy);
		assert_int_equal(lab_provider_waits(oidc), cases[i].wait_s);
	}
}

static void a_redirect_is_named_by_where_it_leads(void **state)
{
	__sp_cleanup(sp_oidc_freep) struct sp_oidc *oidc = NULL;
	struct sp_http_reply moved = lab_json(301, "");

	(void)state;
	moved.location = "https://www.example.test/x";
	assert_int_equal(sp_oidc_new(&lab_idp, NULL, &oidc), 0);
	lab_provider(oidc, DISCOVERY_URL, &moved);
	assert_string_equal(
		sp_oidc_trouble(oidc)->detail,
		"discovery: status 301 to https://www.example.test/x; a redirect is not followed");
}

/* Long issuers differ at their ends: a message that shows the beginnings shows two that are alike. */
static void another_issuer_is_named_where_it_differs(void **state)
{
#define TENANT "https://login.microsoftonline.com/8d3f6f9e-0b1a-4c52-9d1e-000000000001"
	static const struct {
		char *wanted;
		const char *said, *detail;
	} cases[] = {
		{ "https://op.example.test", "https://op.example.test/",
		  "\"https://op.example.test/\", not "
		  "\"https://op.example.test\" as in the file: write it with the slash at its "
		  "end" },
		{ "https://op.example.test/", "https://op.example.test",
		  ": write it without the slash at its end" },
		{ TENANT "/v2.0", TENANT "/", "000000000001/\", not \"..." },
		{ TENANT "/v2.0", TENANT "/", "000000000001/v2.0\" as in the file" },
		{ "https://op.example.test", "", "is of issuer \"\", not" },
	};

	(void)state;
	for (size_t i = 0; i < SP_ARRAY_LEN(cases); i++) {
		__sp_cleanup(sp_oidc_freep) struct sp_oidc *oidc = NULL;
		struct sp_idp idp = lab_idp;
		struct sp_http_request request;
		struct sp_http_reply reply;
		uint64_t due_ns;
		char body[256];

		snprintf(body, sizeof(body), "{\"issuer\":\"%s\"}", cases[i].said);
		reply = lab_json(200, body);
		idp.issuer = cases[i].wanted;
		assert_int_equal(sp_oidc_new(&idp, NULL, &oidc), 0);
		assert_int_equal(sp_oidc_next(oidc, &lab_now, &request, &due_ns), SP_IDP_FETCH);
		sp_http_request_done(&request);
		sp_oidc_take(oidc, &lab_now, &reply);
		if (!strstr(sp_oidc_trouble(oidc)->detail, cases[i].detail))
			fail_msg("%s", sp_oidc_trouble(oidc)->detail);
	}
}

static void a_document_that_cannot_be_used_changes_nothing(void **state)
{
	static const struct {
		const char *name, *body;
		enum sp_refusal_reason reason;
		int status;
		const char *type;
	} cases[] = {
		{ "no JSON", "<html>", SP_REFUSAL_BAD_ANSWER },
		{ "empty", "", SP_REFUSAL_BAD_ANSWER },
		{ "a list", "[]", SP_REFUSAL_BAD_ANSWER },
		{ "nothing in it", "{}", SP_REFUSAL_BAD_ANSWER },
		{ "another issuer", "{\"issuer\":\"https://evil.example\"}",
		  SP_REFUSAL_BAD_ANSWER },
		{ "a slash more", "{\"issuer\":\"" LAB_ISSUER "/\"}", SP_REFUSAL_BAD_ANSWER },
		{ "issuer twice",
		  "{\"issuer\":\"https://evil.example\",\"issuer\":\"" LAB_ISSUER "\"}",
		  SP_REFUSAL_BAD_ANSWER },
		{ "no endpoints", "{\"issuer\":\"" LAB_ISSUER "\"}", SP_REFUSAL_BAD_ANSWER },
		{ "keys over http",
		  "{\"issuer\":\"" LAB_ISSUER "\",\"jwks_uri\":\"http://op.example.test/"
		  "jwks\",\"token_endpoint\":\"https://x/t\"}",
		  SP_REFUSAL_BAD_ANSWER },
		{ "keys in a file",
		  "{\"issuer\":\"" LAB_ISSUER
		  "\",\"jwks_uri\":\"file:///etc/shadow\",\"token_endpoint\":\"https://x/t\"}",
		  SP_REFUSAL_BAD_ANSWER },
		{ "token endpoint with a user",
		  "{\"issuer\":\"" LAB_ISSUER
		  "\",\"jwks_uri\":\"https://x/k\",\"token_endpoint\":\"https://op@evil/t\"}",
		  SP_REFUSAL_BAD_ANSWER },
		{ "token endpoint without a host",
		  "{\"issuer\":\"" LAB_ISSUER
		  "\",\"jwks_uri\":\"https://x/k\",\"token_endpoint\":\"https:///t\"}",
		  SP_REFUSAL_BAD_ANSWER },
		{ "token endpoint of two lines",
		  "{\"issuer\":\"" LAB_ISSUER
		  "\",\"jwks_uri\":\"https://x/k\",\"token_endpoint\":\"https://x/\\nt\"}",
		  SP_REFUSAL_BAD_ANSWER },
		{ "device endpoint over http",
		  "{\"issuer\":\"" LAB_ISSUER
		  "\",\"jwks_uri\":\"https://x/k\",\"token_endpoint\":\"https://x/t\","
		  "\"device_authorization_endpoint\":\"http://x/d\"}",
		  SP_REFUSAL_BAD_ANSWER },
		{ "userinfo a number",
		  "{\"issuer\":\"" LAB_ISSUER
		  "\",\"jwks_uri\":\"https://x/k\",\"token_endpoint\":\"https://x/t\","
		  "\"userinfo_endpoint\":1}",
		  SP_REFUSAL_BAD_ANSWER },
		{ "text/html", LAB_DISCOVERY, SP_REFUSAL_BAD_ANSWER, 200, "text/html" },
		{ "no type", LAB_DISCOVERY, SP_REFUSAL_BAD_ANSWER, 200, NULL },
		{ "not found", "{}", SP_REFUSAL_BAD_ANSWER, 404, "application/json" },
		{ "a redirect", "", SP_REFUSAL_BAD_ANSWER, 302, "text/html" },
		{ "204", "", SP_REFUSAL_BAD_ANSWER, 204, "application/json" },
		{ "down", "", SP_REFUSAL_UNREACHABLE, 503, "text/html" },
		{ "too many", "", SP_REFUSAL_UNREACHABLE, 429, "text/html" },
	};

	(void)state;
	for (size_t i = 0; i < SP_ARRAY_LEN(cases); i++) {
		__sp_cleanup(sp_oidc_freep) struct sp_oidc *oidc = lab_ready(LAB_DISCOVERY, NULL);
		struct sp_http_reply reply = lab_json(200, cases[i].body);

		if (cases[i].status) {
			reply.status = cases[i].status;
			reply.content_type = cases[i].type;
		}
		lab_pass(3600);
		lab_provider(oidc, DISCOVERY_URL, &reply);
		if (!sp_oidc_trouble(oidc) || sp_oidc_trouble(oidc)->reason != cases[i].reason)
			fail_msg("%s", cases[i].name);
		assert_true(sp_oidc_is_ready(oidc));
		/* The keys are still fetched from where the good document said. */
		lab_provider(oidc, KEYS_URL, &(struct sp_http_reply){ 0 });
	}
}

static void a_huge_answer_is_nonsense_not_silence(void **state)
{
	__sp_cleanup(sp_oidc_freep) struct sp_oidc *oidc = lab_ready(LAB_DISCOVERY, NULL);
	const struct sp_http_reply huge = lab_silence("too large: more than 262144 bytes");
	__sp_free char *padding = malloc(300000);
	struct sp_http_reply large;

	(void)state;
	lab_pass(3600);
	lab_provider(oidc, DISCOVERY_URL, &huge);
	assert_int_equal(sp_oidc_trouble(oidc)->reason, SP_REFUSAL_BAD_ANSWER);
	/* Should the fetcher ever let one through. */
	assert_non_null(padding);
	memset(padding, ' ', 299999);
	padding[299999] = '\0';
	memcpy(padding, LAB_DISCOVERY, strlen(LAB_DISCOVERY));
	large = lab_json(200, padding);
	lab_pass(3600);
	lab_provider(oidc, DISCOVERY_URL, &large);
	assert_int_equal(sp_oidc_trouble(oidc)->reason, SP_REFUSAL_BAD_ANSWER);
}

static void keys_that_cannot_be_used_change_nothing_for_a_day(void **state)
{
	__sp_cleanup(sp_oidc_freep) struct sp_oidc *oidc = lab_ready(LAB_DISCOVERY, NULL);
	const struct sp_http_reply bad = lab_json(200, "{\"keys\":[]}"),
				   document = lab_json(200, LAB_DISCOVERY);

	(void)state;
	lab_pass(3600);
	lab_provider(oidc, DISCOVERY_URL, &document);
	lab_provider(oidc, KEYS_URL, &bad);
	assert_int_equal(sp_oidc_trouble(oidc)->reason, SP_REFUSAL_BAD_KEYS);
	assert_true(sp_oidc_is_ready(oidc));
	lab_pass(86400 - 3600 - 1);
	lab_provider(oidc, DISCOVERY_URL, &document);
	lab_provider(oidc, KEYS_URL, &bad);
	assert_true(sp_oidc_is_ready(oidc));
	lab_pass(1);
	lab_provider_waits(oidc);
	assert_false(sp_oidc_is_ready(oidc));
}

static void forms_are_encoded(void **state)
{
	static const struct sp_form_field fields[] = {
		{ "a", "x y" },
		{ "left", NULL },
		{ "b+", "&=%\n\xc3\xa9~" },
		{ "c", "" },
	};
	__sp_free char *text = sp_form_encode(fields, SP_ARRAY_LEN(fields));
	__sp_free char *none = sp_form_encode(fields, 0), *one = sp_form_escape("pa:ss*-._1Z");

	(void)state;
	assert_string_equal(text, "a=x+y&b%2B=%26%3D%25%0A%C3%A9~&c=");
	assert_string_equal(none, "");
	assert_string_equal(one, "pa%3Ass*-._1Z");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_document_is_beside_the_issuer),
		cmocka_unit_test(documents_are_fetched_again_as_they_age),
		cmocka_unit_test(a_failed_fetch_is_tried_again_ever_later),
		cmocka_unit_test(who_asks_to_be_left_alone_is_for_a_while),
		cmocka_unit_test(a_redirect_is_named_by_where_it_leads),
		cmocka_unit_test(another_issuer_is_named_where_it_differs),
		cmocka_unit_test(a_document_that_cannot_be_used_changes_nothing),
		cmocka_unit_test(a_huge_answer_is_nonsense_not_silence),
		cmocka_unit_test(keys_that_cannot_be_used_change_nothing_for_a_day),
		cmocka_unit_test(forms_are_encoded),
	};

	return cmocka_run_group_tests_name("identity-oidc", tests, lab_start, lab_stop);
}
