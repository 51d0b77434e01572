/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Local passwords: who gets in, who does not, what is asked and what is on record. */
#include "../desk.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <string.h>

#include "base/cleanup.h"

#define LOGIN(user) "{\"user\":\"" user "\",\"password\":\"correct horse\"," DESK_DEVICE "}"

static const char *text(const json_t *object, const char *key)
{
	const char *value = json_string_value(json_object_get(object, key));

	return value ? value : "(null)";
}

static void the_right_password_opens_a_session(void **state)
{
	struct sp_exchange *exchange;
	const json_t *asked, *answer;

	(void)state;
	desk_local();
	exchange = desk_call("/api/v1/login", NULL, LOGIN("ana"));
	desk_waits(exchange);
	desk_check(true);
	asked = desk_asked("session.open");
	assert_string_equal(text(asked, "idp"), "local");
	assert_string_equal(text(asked, "subject"), "ana");
	assert_string_equal(text(asked, "user"), "ana");
	assert_string_equal(text(asked, "from"), "192.0.2.9");
	assert_string_equal(text(json_object_get(asked, "device"), "public_key"), DESK_KEY);
	assert_string_equal(json_string_value(json_array_get(json_object_get(asked, "groups"), 0)),
			    "eng");
	assert_null(json_object_get(asked, "max_s"));
	desk_reply(DESK_SESSION("local", "ana") "," DESK_TUNNEL);
	answer = desk_answer(exchange, 200, NULL);
	assert_true(strlen(text(answer, "token")) > 40);
	assert_string_equal(text(json_object_get(answer, "tunnel"), "preshared_key"), "p");
	assert_string_equal(text(json_object_get(answer, "session"), "state"), "live");
	assert_null(json_object_get(json_object_get(answer, "session"), "subject"));
	assert_null(strstr(exchange->response.body, "correct horse"));
	desk_end(exchange);
	desk_nothing_asked();
	assert_int_equal(sp_refresher_count(desk->refresher), 1);
}

/* Same status, same words; the log alone knows which it was. */
static void wrong_passwords_unknown_users_and_those_without_one_look_alike(void **state)
{
	static const struct {
		const char *body, *reason;
	} cases[] = {
		{ LOGIN("ana"), "wrong-password" },
		{ LOGIN("nobody"), "unknown-user" },
		{ LOGIN("eve"), "wrong-password" },
	};
	char first[512] = "";

	(void)state;
	desk_local();
	for (size_t i = 0; i < 3; i++) {
		struct sp_exchange *exchange = desk_call("/api/v1/login", NULL, cases[i].body);

		desk_check(i != 0); /* a right answer for nobody's hash opens nothing either */
		desk_answer(exchange, 401, "login-failed");
		if (!i)
			strcpy(first, exchange->response.body);
		assert_string_equal(exchange->response.body, first);
		desk_end(exchange);
		assert_string_equal(text(desk_asked("login.refused"), "reason"), cases[i].reason);
		assert_string_equal(text(desk_asked("login.refused"), "device"), "laptop");
		assert_string_equal(text(desk_asked("login.refused"), "from"), "192.0.2.9");
		desk_reply("");
	}
	desk_nothing_asked();
}

static void what_the_gateway_refuses_is_recorded_by_it_alone(void **state)
{
	static const struct {
		const char *code, *reason;
		int status;
		const char *answer;
	} cases[] = {
		{ "login-refused", "no-role", 403, "no-role" },
		{ "login-refused", "device-taken", 403, "device-taken" },
		{ "login-refused", "device-name", 403, "device-taken" },
		{ "table-full", NULL, 503, "busy" },
		{ "busy", NULL, 503, "busy" },
		{ "no-policy", NULL, 503, "gateway-unreachable" },
		{ "not-permitted", NULL, 503, "gateway-unreachable" },
		{ "failed", NULL, 500, "internal" },
	};

	(void)state;
	desk_local();
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct sp_exchange *exchange = desk_call("/api/v1/login", NULL, LOGIN("ana"));

		desk_check(true);
		desk_asked("session.open");
		desk_refuse(cases[i].code, cases[i].reason);
		desk_answered(exchange, cases[i].status, cases[i].answer);
		desk_nothing_asked();
	}
}

static void without_a_gateway_there_is_an_answer_too(void **state)
{
	struct sp_exchange *exchange;

	(void)state;
	desk_local();
	exchange = desk_call("/api/v1/login", NULL, LOGIN("ana"));
	desk_check(true);
	desk_no_gate();
	desk_answered(exchange, 503, "gateway-unreachable");
}

static void a_refusal_that_cannot_be_recorded_is_counted(void **state)
{
	struct sp_exchange *exchange;

	(void)state;
	desk_local();
	exchange = desk_call("/api/v1/login", NULL, LOGIN("ana"));
	desk_check(false);
	desk_answered(exchange, 401, "login-failed");
	desk_asked("login.refused");
	desk_no_gate();
	assert_int_equal(desk->lost_refusals, 1);
	desk_pass(1);
	assert_int_equal(desk->lost_refusals, 0); /* said */
}

static void guessing_is_slowed_and_said(void **state)
{
	struct sp_exchange *exchange = NULL;
	int tries = 0;

	(void)state;
	desk_local();
	for (; tries < 30; tries++) {
		exchange = desk_call("/api/v1/login", NULL, LOGIN("ana"));
		if (exchange->is_answered)
			break;
		desk_check(false);
		desk_answered(exchange, 401, "login-failed");
		desk_reply("");
	}
	assert_in_range(tries, 3, 20);
	desk_answer(exchange, 429, "slow-down");
	assert_true(exchange->response.retry_after_s >= 1);
	desk_end(exchange);
	assert_string_equal(text(desk_asked("login.refused"), "reason"), "slow-down");
	desk_reply("");
}

static void too_many_passwords_at_once_are_busy(void **state)
{
	struct sp_exchange *first, *second;

	(void)state;
	desk_local();
	first = desk_call("/api/v1/login", NULL, LOGIN("ana"));
	second = desk_call("/api/v1/login", NULL, LOGIN("ana"));
	desk_answered(second, 503, "busy");
	desk_end(first); /* its client has gone; the comparison comes to nothing */
	desk_check(true);
	desk_nothing_asked();
}

static void a_user_removed_during_the_comparison_is_out(void **state)
{
	struct sp_exchange *exchange;

	(void)state;
	desk_local();
	exchange = desk_call("/api/v1/login", NULL, LOGIN("ana"));
	assert_int_equal(desk_offer("local", "type: local\nusers:\n  bob: { groups: [eng] }\n"), 0);
	desk_check(true);
	desk_answered(exchange, 401, "login-failed");
	assert_string_equal(text(desk_asked("login.refused"), "reason"), "unknown-user");
	desk_reply("");
}

static void which_provider_is_meant(void **state)
{
	struct sp_exchange *exchange;

	(void)state;
	desk_answered(desk_call("/api/v1/login", NULL, LOGIN("ana")), 404, "no-such-provider");
	desk_local();
	desk_corp();
	desk_answered(
		desk_call("/api/v1/login", NULL,
			  "{\"idp\":\"nowhere\",\"user\":\"ana\",\"password\":\"x\"," DESK_DEVICE
			  "}"),
		404, "no-such-provider");
	desk_answered(desk_call("/api/v1/login", NULL,
				"{\"idp\":\"corp\",\"user\":\"ana\",\"password\":\"x\"," DESK_DEVICE
				"}"),
		      400, "bad-request");
	assert_int_equal(desk_offer("second", DESK_LOCAL), 0);
	desk_answered(desk_call("/api/v1/login", NULL, LOGIN("ana")), 404, "no-such-provider");
	exchange = desk_call("/api/v1/login", NULL,
			     "{\"idp\":\"second\",\"user\":\"ana\",\"password\":\"x\"," DESK_DEVICE
			     "}");
	desk_check(true);
	assert_string_equal(text(desk_asked("session.open"), "idp"), "second");
	desk_end(exchange);
}

/* The desk has room for one. */
static void a_try_that_found_no_room_does_not_count(void **state)
{
	struct sp_exchange *first;

	(void)state;
	desk_local();
	first = desk_call("/api/v1/login", NULL, LOGIN("nobody"));
	for (int i = 0; i < 40; i++)
		desk_answered(desk_call("/api/v1/login", NULL, LOGIN("ana")), 503, "busy");
	assert_int_equal(desk->shed_checks, 40);
	desk_check(false);
	desk_answered(first, 401, "login-failed");
	first = desk_call("/api/v1/login", NULL, LOGIN("ana"));
	desk_waits(first);
	desk_check(true);
	desk_end(first);
	desk_reply_to_all("login.refused");
}

static void where_somebody_signed_in_they_are_known(void **state)
{
	struct sp_exchange *exchange;

	(void)state;
	desk_local();
	for (int i = 0; i < 2; i++) {
		exchange = desk_call("/api/v1/login", NULL, LOGIN("ana"));
		assert_int_equal(desk_checks()->is_known, i);
		desk_check(true);
		desk_end(exchange);
	}
	exchange = desk_call("/api/v1/login", NULL, LOGIN("bob")); /* another's name, from there */
	assert_false(desk_checks()->is_known);
	desk_check(false);
	desk_end(exchange);
	desk_from =
		sp_addr_from_v4((const uint8_t[4]){ 192, 0, 2, 10 }); /* her name, from elsewhere */
	exchange = desk_call("/api/v1/login", NULL, LOGIN("ana"));
	assert_false(desk_checks()->is_known);
	desk_check(false);
	desk_end(exchange);
	desk_reply_to_all("login.refused");
}

static void devices_in_the_tunnel_are_known(void **state)
{
	struct sp_prefix pool;
	struct sp_exchange *exchange;

	(void)state;
	desk_local();
	assert_int_equal(sp_prefix_parse("192.0.2.0/24", &pool), 0);
	desk->pool = &pool;
	desk->pool_count = 1;
	exchange = desk_call("/api/v1/login", NULL, LOGIN("ana"));
	assert_true(desk_checks()->is_known);
	desk_check(false);
	desk_end(exchange);
	desk_reply_to_all("login.refused");
}

/* Each name is compared at the cost of a hash of the file, so the costs tell nothing. */
static void unknown_names_cost_what_known_ones_do(void **state)
{
	static const char costly[] = "$argon2id$v=19$m=65536,t=3,p=1$AAAAAAAAAAAAAAAAAAAAAA$"
				     "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
	__sp_free char *first = NULL;

	(void)state;
	assert_int_equal(desk_offer("local",
				    "type: local\nusers:\n  ana: { password: \""
				    "$argon2id$v=19$m=65536,t=3,p=1$AAAAAAAAAAAAAAAAAAAAAA$"
				    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\" }\n  eve: { "
				    "groups: [eng] }\n"),
			 0);
	for (int i = 0; i < 2; i++) {
		struct sp_exchange *exchange =
			desk_call("/api/v1/login", NULL, i ? LOGIN("nobody") : LOGIN("eve"));

		assert_string_equal(desk_checks()->hash, costly);
		assert_int_equal(desk_checks()->cost_kib, 65536);
		desk_check(true); /* it happens to be that user's password: it opens nothing */
		desk_answer(exchange, 401, "login-failed");
		if (!i)
			first = strdup(exchange->response.body);
		assert_string_equal(exchange->response.body, first);
		desk_end(exchange);
	}
	desk_reply_to_all("login.refused");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, desk_start, desk_stop)
		T(the_right_password_opens_a_session),
		T(wrong_passwords_unknown_users_and_those_without_one_look_alike),
		T(what_the_gateway_refuses_is_recorded_by_it_alone),
		T(without_a_gateway_there_is_an_answer_too),
		T(a_refusal_that_cannot_be_recorded_is_counted),
		T(guessing_is_slowed_and_said),
		T(too_many_passwords_at_once_are_busy),
		T(a_user_removed_during_the_comparison_is_out),
		T(which_provider_is_meant),
		T(a_try_that_found_no_room_does_not_count),
		T(where_somebody_signed_in_they_are_known),
		T(devices_in_the_tunnel_are_known),
		T(unknown_names_cost_what_known_ones_do),
	};

	return cmocka_run_group_tests(tests, lab_start, lab_stop);
}
