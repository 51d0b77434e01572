/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Files of idp.d: taken, refused, changed, gone; and what `status` hears of it. */
#include "../desk.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <string.h>

static const json_t *reported(size_t at)
{
	desk->is_gate_there = true;
	desk_pass(0);
	return json_array_get(json_object_get(desk_asked("portal.report"), "providers"), at);
}

static const char *text(const json_t *object, const char *key)
{
	const char *value = json_string_value(json_object_get(object, key));

	return value ? value : "(null)";
}

static void a_wrong_file_is_named_and_what_runs_goes_on(void **state)
{
	(void)state;
	desk_local();
	assert_int_equal(
		desk_offer("local",
			   "type: local\nusers: { ana: { groups: [eng], colour: red } }\n"),
		-EINVAL);
	assert_non_null(sp_idp_user(sp_provider_find(desk, "local")->idp, "eve")); /* as before */
	assert_string_equal(text(reported(0), "state"), "failed");
	assert_non_null(strstr(text(reported(0), "error"), "/idp.d/local.yaml:2:"));
	desk_reply("");
	desk_local(); /* put right */
	assert_string_equal(text(reported(0), "state"), "ok");
	desk_reply("");
	desk_nothing_asked();
}

static void one_that_was_never_right_takes_nobody(void **state)
{
	(void)state;
	assert_int_equal(desk_offer("corp", "type: oidc\n"), -EINVAL);
	assert_null(sp_provider_find(desk, "corp"));
	assert_string_equal(text(reported(0), "state"), "failed");
	desk_reply("");
	desk_answered(desk_call("/api/v1/device/start", NULL, "{\"idp\":\"corp\"," DESK_DEVICE "}"),
		      404, "no-such-provider");
}

static void a_secret_that_cannot_be_read_refuses_the_file(void **state)
{
	(void)state;
	assert_int_equal(desk_offer("corp", DESK_CORP "client-secret-file: lost.secret\n"),
			 -EINVAL);
	assert_non_null(strstr(text(reported(0), "error"), "/idp.d/lost.secret: No such file"));
	desk_reply("");
	assert_int_equal(desk_offer("corp", DESK_CORP "client-secret-file: corp.secret\n"), 0);
}

static void a_file_that_did_not_change_disturbs_nothing(void **state)
{
	const struct sp_provider *before;

	(void)state;
	desk_corp();
	before = sp_provider_find(desk, "corp");
	assert_int_equal(desk_offer("corp", DESK_CORP), 0);
	assert_ptr_equal(sp_provider_find(desk, "corp"), before);
	desk_nothing_fetched();
	assert_int_equal(desk_offer("corp", DESK_CORP "groups-claim: roles\n"), 0);
	assert_ptr_not_equal(sp_provider_find(desk, "corp"), before);
	assert_int_equal(desk_fetches(), 1); /* it begins anew */
}

static void one_without_a_file_is_gone(void **state)
{
	(void)state;
	desk_local();
	desk_corp();
	sp_providers_begin(desk);
	desk_local();
	sp_providers_end(desk);
	assert_null(sp_provider_find(desk, "corp"));
	assert_non_null(sp_provider_find(desk, "local"));
}

static void several_are_listed_by_name_with_their_states(void **state)
{
	struct sp_exchange *exchange;
	const json_t *list;

	(void)state;
	desk_local();
	assert_int_equal(desk_offer("corp", DESK_CORP), 0);
	desk_unreachable(LAB_ISSUER "/.well-known/openid-configuration");
	assert_int_equal(desk_offer("alpha", DESK_CORP), 0);
	exchange = desk_call("/api/v1/providers", NULL, NULL);
	list = json_object_get(desk_answer(exchange, 200, NULL), "providers");
	assert_int_equal(json_array_size(list), 3);
	assert_string_equal(text(json_array_get(list, 0), "name"), "alpha");
	assert_string_equal(text(json_array_get(list, 0), "state"), "starting");
	assert_string_equal(text(json_array_get(list, 1), "state"), "unreachable");
	assert_string_equal(text(json_array_get(list, 1), "method"), "device");
	assert_string_equal(text(json_array_get(list, 2), "method"), "password");
	assert_string_equal(text(json_array_get(list, 2), "state"), "ok");
	desk_end(exchange);
}

/* Its flows are of the provider as it was; they end by themselves. */
static void a_provider_that_changes_during_a_sign_in_leaves_nothing_behind(void **state)
{
	struct sp_exchange *exchange;

	(void)state;
	desk_corp();
	exchange = desk_call("/api/v1/device/start", NULL, "{\"idp\":\"corp\"," DESK_DEVICE "}");
	desk_fetched(LAB_ISSUER "/device", 200, LAB_CODE);
	desk_answered(exchange, 200, NULL);
	assert_int_equal(desk_offer("corp", DESK_CORP "groups-claim: roles\n"), 0);
	sp_providers_begin(desk);
	sp_providers_end(desk);
	assert_int_equal(sp_grants_count(desk->grants), 1);
	desk_pass(600);
	desk_pass(600);
	assert_int_equal(sp_grants_count(desk->grants), 0);
	desk_reply("");
}

static const char *code_of_corp(void)
{
	static char code[32];
	json_t *report = sp_providers_report(desk);
	const char *word = json_string_value(json_object_get(json_array_get(report, 0), "code"));

	snprintf(code, sizeof(code), "%s", word ? word : "");
	json_decref(report);
	return code;
}

/* A person tries to sign in, and the provider does not take our client at @url, its code's or its tokens'. */
static void refuse_client(bool has_code)
{
	struct sp_exchange *exchange =
		desk_call("/api/v1/device/start", NULL, "{\"idp\":\"corp\"," DESK_DEVICE "}");

	if (!has_code) {
		desk_fetched(LAB_ISSUER "/device", 401, "{\"error\":\"invalid_client\"}");
		desk_answered(exchange, 502, "provider-failed");
	} else {
		desk_fetched(LAB_ISSUER "/device", 200, LAB_CODE);
		desk_answered(exchange, 200, NULL);
		desk_pass(5);
		desk_fetched(LAB_ISSUER "/token", 401, "{\"error\":\"unauthorized_client\"}");
	}
	desk_reply_to_all("login.refused");
	assert_string_equal(code_of_corp(), "client-refused");
}

static void who_refused_us_is_asked_until_they_take_us_again(void **state)
{
	static const struct {
		int status;
		const char *body;
		bool is_taken;
	} cases[] = {
		{ 400, "{\"error\":\"authorization_pending\"}", true },
		{ 400, "{\"error\":\"slow_down\"}", true },
		{ 400, "{\"error\":\"expired_token\"}", true },
		{ 400, "{\"error\":\"access_denied\"}", true },
		{ 400, "{\"error\":\"invalid_grant\"}", true },
		{ 401, "{\"error\":\"invalid_client\"}", false },
		{ 400, "{\"error\":\"unauthorized_client\"}", false },
		{ 429, "{}", false },
		{ 503, "{}", false },
		{ 400, "no JSON", false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		desk_corp();
		refuse_client(i & 1);
		desk_pass(59);
		assert_false(desk_is_fetched(LAB_ISSUER "/device"));
		desk_pass(2);
		desk_fetched(LAB_ISSUER "/device", 200, LAB_CODE);
		desk_pass(5);
		desk_fetched(LAB_ISSUER "/token", cases[i].status, cases[i].body);
		assert_string_equal(code_of_corp(), cases[i].is_taken ? "" : "client-refused");
		desk_offer("corp", DESK_CORP "groups-claim: other\n"); /* as new */
		desk_fetched(LAB_ISSUER "/.well-known/openid-configuration", 503, "");
	}
}

static void who_goes_on_refusing_is_asked_ever_more_seldom(void **state)
{
	unsigned int asked = 0;

	(void)state;
	desk_corp();
	refuse_client(false);
	for (int minute = 0; minute < 600; minute++) {
		desk_pass(60);
		while (desk_is_fetched(LAB_ISSUER "/device")) {
			desk_fetched(LAB_ISSUER "/device", 401, "{\"error\":\"invalid_client\"}");
			asked++;
		}
		assert_string_equal(code_of_corp(), "client-refused");
	}
	assert_in_range(asked, 12, 18); /* 1, 2, 4 to 32 minutes, then each hour */
}

/* Whatever the provider says before it knows whose sign-in it is. */
static void a_sign_in_that_cannot_begin_is_told_of(void **state)
{
	static const struct {
		int status;
		const char *body, *code, *said;
	} cases[] = {
		{ 400, "{\"error\":\"invalid_scope\",\"error_description\":\"no groups\"}",
		  "client-refused", "invalid_scope: no groups" },
		{ 404, "{}", "client-refused", "status 404" },
		{ 503, "", "", "" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct sp_exchange *exchange;

		desk_corp();
		exchange = desk_call("/api/v1/device/start", NULL,
				     "{\"idp\":\"corp\"," DESK_DEVICE "}");
		desk_fetched(LAB_ISSUER "/device", cases[i].status, cases[i].body);
		if (cases[i].status == 503)
			desk_answered(exchange, 503, "provider-unreachable");
		else
			desk_answered(exchange, 502, "provider-failed");
		desk_reply_to_all("login.refused");
		assert_string_equal(code_of_corp(), cases[i].code);
		if (*cases[i].said)
			assert_non_null(strstr(text(reported(0), "error"), cases[i].said));
		desk_reply_to_all("portal.report");
		desk_offer("corp", DESK_CORP "groups-claim: other\n"); /* as new */
		desk_fetched(LAB_ISSUER "/.well-known/openid-configuration", 503, "");
		desk_reply_to_all("portal.report");
	}
}

static void one_without_the_device_grant_takes_nobody(void **state)
{
	(void)state;
	assert_int_equal(desk_offer("corp", DESK_CORP), 0);
	desk_fetched(LAB_ISSUER "/.well-known/openid-configuration", 200,
		     "{\"issuer\":\"" LAB_ISSUER "\",\"jwks_uri\":\"" LAB_ISSUER
		     "/jwks\",\"token_endpoint\":\"" LAB_ISSUER "/token\"}");
	desk_fetched(LAB_ISSUER "/jwks", 200, lab_keys);
	assert_string_equal(text(reported(0), "state"), "failed");
	assert_non_null(strstr(text(reported(0), "error"), "device_authorization_endpoint"));
	desk_reply("");
}

/* No single one proves anything; three in a row with nobody let in are worth a look. */
static void sign_ins_that_end_by_what_it_answers_are_told_of(void **state)
{
	const struct sp_finding wrong = { .reason = SP_REFUSAL_WRONG_ISSUER,
					  .detail = "iss is \"a\", not \"b\"" };
	struct sp_provider *provider;

	(void)state;
	desk_corp();
	provider = sp_provider_find(desk, "corp");
	for (int i = 0; i < 3; i++) {
		assert_string_equal(code_of_corp(), "");
		sp_provider_heard(provider, &wrong, false);
	}
	assert_string_equal(code_of_corp(), "sign-in-failing");
	assert_string_equal(text(reported(0), "state"), "ok");
	assert_string_equal(text(reported(0), "error"),
			    "the last 3 sign-ins there failed: iss is \"a\", not \"b\"");
	desk_reply("");
	sp_provider_heard(provider, NULL, false);
	assert_string_equal(code_of_corp(), "");
	assert_true(desk->is_report_due);
}

static void refreshes_that_failed_are_told_of_while_there_are_some(void **state)
{
	const struct sp_finding finding = { .reason = SP_REFUSAL_UNREACHABLE,
					    .detail = "the refresh: no answer" };

	(void)state;
	desk_corp();
	for (int i = 0; i < 3; i++)
		sp_provider_heard(sp_provider_find(desk, "corp"), &finding, true);
	assert_string_equal(code_of_corp(), "refresh-failing");
	desk_pass(1800);
	assert_string_equal(code_of_corp(), "refresh-failing");
	desk_pass(600);
	assert_string_equal(code_of_corp(),
			    ""); /* whose they were is gone, and nobody else is asked for */
	assert_true(desk->is_report_due);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, desk_start, desk_stop)
		T(a_wrong_file_is_named_and_what_runs_goes_on),
		T(one_that_was_never_right_takes_nobody),
		T(a_secret_that_cannot_be_read_refuses_the_file),
		T(a_file_that_did_not_change_disturbs_nothing),
		T(one_without_a_file_is_gone),
		T(several_are_listed_by_name_with_their_states),
		T(a_provider_that_changes_during_a_sign_in_leaves_nothing_behind),
		T(who_refused_us_is_asked_until_they_take_us_again),
		T(who_goes_on_refusing_is_asked_ever_more_seldom),
		T(a_sign_in_that_cannot_begin_is_told_of),
		T(one_without_the_device_grant_takes_nobody),
		T(sign_ins_that_end_by_what_it_answers_are_told_of),
		T(refreshes_that_failed_are_told_of_while_there_are_some),
	};

	return cmocka_run_group_tests(tests, lab_start, lab_stop);
}
