/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Sign-ins at a provider: their prompt, their polls, their ends, and their bounds. */
#include "../desk.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "audit/time.h"
#include "base/array.h"
#include "base/cleanup.h"

#define START "{\"idp\":\"corp\"," DESK_DEVICE "}"
#define TOKEN_URL LAB_ISSUER "/token"

static char handle[SP_HANDLE_TEXT];

static const char *text(const json_t *object, const char *key)
{
	const char *value = json_string_value(json_object_get(object, key));

	return value ? value : "(null)";
}

/* Begin one; its handle is in @handle. */
static void begin(void)
{
	struct sp_exchange *exchange = desk_call("/api/v1/device/start", NULL, START);
	char expires[SP_TIME_TEXT_MAX];
	const json_t *prompt;

	desk_waits(exchange);
	desk_fetched(LAB_ISSUER "/device", 200, LAB_CODE);
	prompt = desk_answer(exchange, 200, NULL);
	assert_string_equal(text(prompt, "user_code"), "ABCD-EFGH");
	assert_string_equal(text(prompt, "verification_uri"), LAB_ISSUER "/go");
	assert_true(json_is_null(json_object_get(prompt, "verification_uri_complete")));
	sp_time_format_s(lab_now.now_s + 600, expires);
	assert_memory_equal(text(prompt, "expires"), expires, strlen("2023-11-14T22:23:20"));
	assert_string_equal(text(prompt, "expires") + strlen("2023-11-14T22:23:20"), ".000Z");
	snprintf(handle, sizeof(handle), "%s", text(prompt, "handle"));
	assert_int_equal(strlen(handle), 43);
	desk_end(exchange);
}

static struct sp_exchange *poll(int wait_s)
{
	char body[128];

	snprintf(body, sizeof(body), "{\"handle\":\"%s\",\"wait_s\":%d}", handle, wait_s);
	return desk_call("/api/v1/device/poll", NULL, body);
}

static void answered_pending(struct sp_exchange *exchange)
{
	assert_string_equal(text(desk_answer(exchange, 200, NULL), "state"), "pending");
	desk_end(exchange);
}

static void pending_at_provider(void)
{
	desk_fetched(TOKEN_URL, 400, "{\"error\":\"authorization_pending\"}");
}

/* The provider says yes, to this person. */
static void approve(const char *claims, const char *more)
{
	__sp_free char *tokens = lab_tokens(claims, "rsa", MINTER_RSA, more);

	desk_pass(5);
	desk_fetched(TOKEN_URL, 200, tokens);
}

static void recorded(const char *reason)
{
	assert_string_equal(text(desk_asked("login.refused"), "reason"), reason);
	assert_string_equal(text(desk_asked("login.refused"), "idp"), "corp");
	desk_reply("");
}

static void a_waiting_poll_is_answered_the_moment_the_provider_says_yes(void **state)
{
	struct sp_exchange *exchange;
	const json_t *asked, *answer;

	(void)state;
	desk_corp();
	begin();
	exchange = poll(20);
	desk_waits(exchange);
	desk_pass(5);
	pending_at_provider();
	desk_waits(exchange);
	approve(NULL, "{\"refresh_token\":\"rt-1\"}");
	asked = desk_asked("session.open");
	assert_string_equal(text(asked, "idp"), "corp");
	assert_string_equal(text(asked, "subject"), "ana-1");
	assert_string_equal(text(asked, "user"), "ana");
	assert_true(strlen(text(asked, "refresh")) > 40);
	assert_null(strstr(text(asked, "refresh"), "rt-1"));
	desk_reply(DESK_SESSION("corp", "ana-1") "," DESK_TUNNEL);
	answer = desk_answer(exchange, 200, NULL);
	assert_string_equal(text(answer, "state"), "done");
	assert_true(strlen(text(answer, "token")) > 40);
	assert_non_null(json_object_get(answer, "tunnel"));
	desk_end(exchange);
	assert_int_equal(sp_grants_count(desk->grants), 0);
	assert_int_equal(sp_refresher_count(desk->refresher), 1);
	desk_answered(poll(0), 410, "expired"); /* given once */
}

static void an_end_nobody_waited_for_is_kept_for_the_next_poll(void **state)
{
	struct sp_exchange *exchange;

	(void)state;
	desk_corp();
	begin();
	approve(NULL, NULL);
	desk_reply(DESK_SESSION("corp", "ana-1") "," DESK_TUNNEL);
	exchange = poll(0);
	assert_string_equal(text(desk_answer(exchange, 200, NULL), "state"), "done");
	desk_end(exchange);
	assert_int_equal(sp_grants_count(desk->grants), 0);
}

static void the_client_that_goes_leaves_the_sign_in_to_its_next_poll(void **state)
{
	struct sp_exchange *exchange;

	(void)state;
	desk_corp();
	begin();
	exchange = poll(20);
	desk_end(exchange);
	approve(NULL, NULL);
	desk_reply(DESK_SESSION("corp", "ana-1") "," DESK_TUNNEL);
	exchange = poll(20);
	assert_string_equal(text(desk_answer(exchange, 200, NULL), "state"), "done");
	desk_end(exchange);
}

static void polls_end_pending_and_a_newer_one_ends_the_older(void **state)
{
	struct sp_exchange *older, *newer;

	(void)state;
	desk_corp();
	begin();
	answered_pending(poll(0));
	older = poll(20);
	newer = poll(3);
	answered_pending(older);
	desk_waits(newer);
	desk_pass(3);
	answered_pending(newer);
}

static void each_refusal_is_answered_recorded_and_the_handle_gone(void **state)
{
	static const struct {
		int status;
		const char *body; /* NULL: a token with @claims */
		const char *claims;
		int answer;
		const char *code, *reason;
	} cases[] = {
		{ 400, "{\"error\":\"access_denied\"}", NULL, 403, "access-denied", "denied" },
		{ 400, "{\"error\":\"expired_token\"}", NULL, 410, "expired", "code-expired" },
		{ 400, "{\"error\":\"invalid_client\"}", NULL, 502, "provider-failed",
		  "provider-error" },
		{ 200, "{}", NULL, 502, "provider-failed", "provider-answer" },
		{ 200, NULL, "{\"aud\":\"other\"}", 502, "provider-failed", "wrong-audience" },
		{ 200, NULL, "{\"iss\":\"https://evil.example.test\"}", 502, "provider-failed",
		  "wrong-issuer" },
		{ 200, NULL, "{\"exp\":1}", 502, "provider-failed", "token-expired" },
		{ 200, NULL, "{\"groups\":\"eng\"}", 502, "provider-failed", "bad-groups" },
	};

	(void)state;
	desk_corp();
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		__sp_free char *tokens =
			cases[i].body ? NULL : lab_tokens(cases[i].claims, "rsa", MINTER_RSA, NULL);
		struct sp_exchange *exchange;

		begin();
		exchange = poll(20);
		desk_pass(5);
		desk_fetched(TOKEN_URL, cases[i].status, cases[i].body ? cases[i].body : tokens);
		desk_answered(exchange, cases[i].answer, cases[i].code);
		recorded(cases[i].reason);
		desk_answered(poll(0), 410, "expired");
		desk_nothing_asked();
	}
	assert_int_equal(sp_grants_count(desk->grants), 0);
}

static void a_code_nobody_enters_expires(void **state)
{
	struct sp_exchange *exchange;

	(void)state;
	desk_corp();
	begin();
	desk_pass(600);
	recorded("code-expired");
	exchange = poll(0);
	desk_answered(exchange, 410, "expired");
	assert_int_equal(sp_grants_count(desk->grants), 0);
}

static void handles_that_are_none(void **state)
{
	static const char *const handles[] = { "x", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
					       "=", "../" };

	(void)state;
	desk_corp();
	begin();
	for (size_t i = 0; i < sizeof(handles) / sizeof(handles[0]); i++) {
		snprintf(handle, sizeof(handle), "%s", handles[i]);
		desk_answered(poll(0), 410, "expired");
	}
}

/* The same handle, at an address of another kind. */
static void a_sign_in_for_a_device_is_unknown_to_a_browser(void **state)
{
	struct sp_exchange exchange = { .portal = desk, .response.kind = SP_WEB_PAGE };

	(void)state;
	desk_corp();
	begin();
	sp_grant_poll(&exchange, SP_GRANT_BROWSER, handle, 0);
	assert_int_equal(exchange.response.status, 410);
	sp_exchange_done(&exchange);
	answered_pending(poll(0)); /* it is still there */
}

static void a_provider_without_a_flow_for_the_purpose_says_so(void **state)
{
	static const struct {
		const char *idp;
		enum sp_grant_purpose purpose;
	} cases[] = { { "corp", SP_GRANT_BROWSER },
		      { "local", SP_GRANT_BROWSER },
		      { "local", SP_GRANT_DEVICE } };

	(void)state;
	desk_corp();
	desk_local();
	for (size_t i = 0; i < SP_ARRAY_LEN(cases); i++) {
		struct sp_exchange exchange = { .portal = desk, .from = desk_from };

		sp_grant_start(&exchange, sp_provider_find(desk, cases[i].idp), cases[i].purpose,
			       0);
		assert_true(exchange.is_answered);
		assert_int_equal(exchange.response.status, 400);
		assert_int_equal(sp_grants_count(desk->grants), 0);
		sp_exchange_done(&exchange);
	}
}

static void a_start_without_its_client_is_forgotten(void **state)
{
	struct sp_exchange *exchange;

	(void)state;
	desk_corp();
	exchange = desk_call("/api/v1/device/start", NULL, START);
	assert_int_equal(sp_grants_count(desk->grants), 1);
	desk_end(exchange);
	assert_int_equal(sp_grants_count(desk->grants), 0);
	desk_nothing_fetched();
}

static void a_provider_that_gives_no_code_is_unreachable(void **state)
{
	struct sp_exchange *exchange;

	(void)state;
	desk_corp();
	exchange = desk_call("/api/v1/device/start", NULL, START);
	desk_unreachable(LAB_ISSUER "/device");
	desk_answered(exchange, 503, "provider-unreachable");
	recorded("provider-unreachable");
	exchange = desk_call("/api/v1/device/start", NULL, START);
	desk_pass(20);
	desk_answered(exchange, 503, "provider-unreachable");
	recorded("provider-unreachable");
}

/* Nobody asks for it any more, so the provider is not asked either; a poll takes it up again. */
static void an_abandoned_sign_in_costs_the_provider_nothing(void **state)
{
	struct sp_exchange *exchange;

	(void)state;
	desk_corp();
	begin();
	desk_pass(30);
	desk_nothing_fetched();
	exchange = poll(20);
	pending_at_provider();
	desk_waits(exchange);
	desk_end(exchange);
}

static void without_a_gateway_the_approval_is_refused_and_said(void **state)
{
	struct sp_exchange *exchange;

	(void)state;
	desk_corp();
	begin();
	exchange = poll(20);
	approve(NULL, NULL);
	desk_asked("session.open");
	desk_no_gate();
	desk_answered(exchange, 503, "gateway-unreachable");
	recorded("gateway");
}

static struct sp_addr address(unsigned int number)
{
	const uint8_t bytes[4] = { 10, (uint8_t)(number >> 16), (uint8_t)(number >> 8),
				   (uint8_t)number };

	return sp_addr_from_v4(bytes);
}

static void one_address_has_a_bounded_number_of_unfinished_ones(void **state)
{
	(void)state;
	desk_corp();
	for (unsigned int i = 0; i < SP_UNFINISHED_PER_ADDRESS; i++) {
		if (i % 500 == 0)
			desk_pass(2); /* the rate of requests is another bound */
		begin();
	}
	desk_answered(desk_call("/api/v1/device/start", NULL, START), 429, "slow-down");
	recorded("slow-down");
	desk_from = address(1);
	begin();
}

/* From a thousand addresses: the one somebody waits for stays, the others make room for new ones. */
static void a_full_table_gives_up_whom_nobody_waits_for(void **state)
{
	struct sp_exchange *waiting;

	(void)state;
	desk_corp();
	begin();
	waiting = poll(20);
	for (unsigned int i = 0; i < SP_GRANTS_MAX + 10; i++) {
		desk_from = address(i % 1000);
		begin();
	}
	assert_int_equal(sp_grants_count(desk->grants), SP_GRANTS_MAX);
	desk_waits(waiting);
	desk_pass(5);
	for (size_t left = desk_fetches(); left; left--)
		pending_at_provider();
	desk_waits(waiting);
	desk_end(waiting);
}

static void a_flood_of_starts_leaves_room_for_the_others(void **state)
{
	struct sp_exchange *starts[SP_JOBS_LOW_MAX + 10], *waiting;

	(void)state;
	desk_corp();
	begin();
	waiting = poll(20);
	for (size_t i = 0; i < SP_JOBS_LOW_MAX + 10; i++) {
		desk_from = address((unsigned int)i);
		starts[i] = desk_call("/api/v1/device/start", NULL, START);
	}
	assert_int_equal(desk_fetches(), SP_JOBS_LOW_MAX);
	desk_pass(5);
	assert_int_equal(desk_fetches(), SP_JOBS_LOW_MAX + 1); /* the poll of the one before them */
	desk_fetched(LAB_ISSUER "/device", 200, LAB_CODE);
	desk_answered(starts[0], 200, NULL);
	assert_int_equal(desk_fetches(), SP_JOBS_LOW_MAX + 1); /* the next one's turn */
	for (size_t i = 1; i < SP_JOBS_LOW_MAX + 10; i++)
		desk_end(starts[i]);
	desk_end(waiting);
}

static void local_providers_start_nothing(void **state)
{
	(void)state;
	desk_local();
	desk_answered(desk_call("/api/v1/device/start", NULL, START), 404, "no-such-provider");
	desk_answered(
		desk_call("/api/v1/device/start", NULL, "{\"idp\":\"local\"," DESK_DEVICE "}"), 400,
		"bad-request");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, desk_start, desk_stop)
		T(a_waiting_poll_is_answered_the_moment_the_provider_says_yes),
		T(an_end_nobody_waited_for_is_kept_for_the_next_poll),
		T(the_client_that_goes_leaves_the_sign_in_to_its_next_poll),
		T(polls_end_pending_and_a_newer_one_ends_the_older),
		T(each_refusal_is_answered_recorded_and_the_handle_gone),
		T(a_code_nobody_enters_expires),
		T(handles_that_are_none),
		T(a_sign_in_for_a_device_is_unknown_to_a_browser),
		T(a_provider_without_a_flow_for_the_purpose_says_so),
		T(a_start_without_its_client_is_forgotten),
		T(a_provider_that_gives_no_code_is_unreachable),
		T(an_abandoned_sign_in_costs_the_provider_nothing),
		T(without_a_gateway_the_approval_is_refused_and_said),
		T(one_address_has_a_bounded_number_of_unfinished_ones),
		T(a_full_table_gives_up_whom_nobody_waits_for),
		T(a_flood_of_starts_leaves_room_for_the_others),
		T(local_providers_start_nothing),
	};

	return cmocka_run_group_tests(tests, lab_start, lab_stop);
}
