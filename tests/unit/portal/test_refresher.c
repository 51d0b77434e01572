/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Sessions that follow what providers and files say of their people. */
#include "desk.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/str.h"

#define TOKEN_URL LAB_ISSUER "/token"
#define CORP "{" DESK_SESSION("corp", "ana-1") "}"
#define LOCAL "{" DESK_SESSION("local", "ana") "}"

static const char *text(const json_t *object, const char *key)
{
	const char *value = json_string_value(json_object_get(object, key));

	return value ? value : "(null)";
}

/* Session 7 of ana's at corp, with a refresh token, known since now; the gateway is there. */
static void have_session(const char *idp, const char *session)
{
	__sp_free char *sealed = NULL;
	json_t *value = json_loads(session, 0, NULL);

	assert_int_equal(sp_refresh_seal(desk, strcmp(idp, "corp") == 0 ? "rt-1" : NULL, &desk_from, &sealed), 0);
	sp_refresher_note(desk, 0, value, sealed);
	json_decref(value);
	desk->is_gate_there = true;
	desk->is_report_due = false;
	assert_int_equal(sp_refresher_count(desk->refresher), 1);
}

static void listed(const char *session)
{
	__sp_free char *members = NULL;

	assert_int_equal(json_integer_value(json_object_get(desk_asked("session.list"), "session")), 7);
	assert_int_equal(sp_str_format(&members, "\"sessions\":[%s]", session), 0);
	desk_reply(members);
}

static void refreshed(const char *claims, const char *token)
{
	__sp_free char *more = NULL, *tokens = NULL;

	assert_int_equal(sp_str_format(&more, token ? "{\"refresh_token\":\"%s\"}" : "{}", token), 0);
	tokens = lab_tokens(claims, "rsa", MINTER_RSA, more);
	desk_fetched(TOKEN_URL, 200, tokens);
}

static void same_groups_and_no_new_token_change_nothing(void **state)
{
	(void)state;
	desk_corp();
	have_session("corp", CORP);
	desk_pass(149);
	desk_nothing_asked(); /* refresh_s 300: not before half of it */
	desk_pass(151);
	listed(CORP);
	refreshed(NULL, NULL);
	desk_nothing_asked();
	desk_pass(300);
	listed(CORP);
}

static void a_rotated_token_is_kept_and_used_next(void **state)
{
	(void)state;
	desk_corp();
	have_session("corp", CORP);
	desk_pass(300);
	listed(CORP);
	refreshed(NULL, "rt-2");
	assert_string_equal(text(desk_asked("session.update"), "subject"), "ana-1");
	assert_true(strlen(text(desk_asked("session.update"), "refresh")) > 40);
	assert_null(json_object_get(desk_asked("session.update"), "groups"));
	desk_no_gate(); /* not stored: it must not be lost */
	desk_pass(5);
	listed(CORP);
	refreshed(NULL, NULL);
	assert_true(strlen(text(desk_asked("session.update"), "refresh")) > 40);
	desk_reply(DESK_SESSION("corp", "ana-1"));
	desk_nothing_asked();
}

static void other_groups_change_the_session_and_its_number_is_followed(void **state)
{
	(void)state;
	desk_corp();
	have_session("corp", CORP);
	desk_pass(300);
	listed(CORP);
	refreshed("{\"groups\":[\"ops\",\"eng\"]}", NULL);
	assert_int_equal(json_array_size(json_object_get(desk_asked("session.update"), "groups")), 2);
	desk_reply("\"session\":8,\"replaces\":7,\"state\":\"live\"");
	desk_pass(300);
	assert_int_equal(json_integer_value(json_object_get(desk_asked("session.list"), "session")), 8);
}

static void a_session_that_no_role_is_left_for_is_forgotten(void **state)
{
	(void)state;
	desk_corp();
	have_session("corp", CORP);
	desk_pass(300);
	listed(CORP);
	refreshed("{\"groups\":[]}", NULL);
	assert_int_equal(json_array_size(json_object_get(desk_asked("session.update"), "groups")), 0);
	desk_refuse("login-refused", "no-role");
	assert_int_equal(sp_refresher_count(desk->refresher), 0);
	desk_nothing_asked();
}

static void a_revoked_grant_or_another_subject_ends_the_session(void **state)
{
	(void)state;
	desk_corp();
	for (int i = 0; i < 2; i++) {
		have_session("corp", CORP);
		desk_pass(300);
		listed(CORP);
		if (i)
			refreshed("{\"sub\":\"bob-1\"}", NULL);
		else
			desk_fetched(TOKEN_URL, 400, "{\"error\":\"invalid_grant\"}");
		assert_string_equal(text(desk_asked("session.close"), "why"), "provider-revoked");
		assert_int_equal(json_integer_value(json_object_get(desk_asked("session.close"), "session")), 7);
		assert_string_equal(text(desk_asked("session.close"), "idp"), "corp");
		desk_reply("\"closed\":[]");
		assert_int_equal(sp_refresher_count(desk->refresher), 0);
	}
}

static void an_unreachable_provider_leaves_sessions_to_their_deadlines(void **state)
{
	(void)state;
	desk_corp();
	have_session("corp", CORP);
	desk_pass(300);
	for (int i = 0; i < 8; i++) {
		listed(CORP);
		desk_unreachable(TOKEN_URL);
		desk_nothing_asked();
		desk_pass(14);
		desk_nothing_asked(); /* not at once, either */
		desk_pass(300);
	}
	assert_int_equal(sp_refresher_count(desk->refresher), 1);
}

static void a_session_that_ended_meanwhile_is_not_asked_for(void **state)
{
	(void)state;
	desk_corp();
	have_session("corp", CORP);
	desk_pass(300);
	listed("{\"session\":7,\"state\":\"expired\"}");
	desk_nothing_fetched();
	assert_int_equal(sp_refresher_count(desk->refresher), 0);
}

static void a_changed_file_changes_local_sessions_at_once(void **state)
{
	(void)state;
	desk_local();
	have_session("local", LOCAL);
	assert_int_equal(desk_offer("local", "type: local\nusers:\n  ana: { password: \"" DESK_HASH "\", groups: [ops] }\n"), 0);
	desk->is_report_due = false;
	desk_pass(0);
	listed(LOCAL);
	assert_string_equal(json_string_value(json_array_get(json_object_get(desk_asked("session.update"), "groups"), 0)), "ops");
	desk_reply("\"session\":8,\"state\":\"live\"");
	desk_nothing_asked();
}

static void sessions_of_removed_users_are_closed(void **state)
{
	static const char *const files[] = {
		"type: local\nusers:\n  bob: { password: \"" DESK_HASH "\", groups: [eng] }\n",
		"type: local\nusers:\n  ana: { groups: [eng] }\n", /* may not sign in any more */
	};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(desk_offer("local", DESK_LOCAL), 0);
		have_session("local", LOCAL);
		assert_int_equal(desk_offer("local", files[i]), 0);
		desk->is_report_due = false;
		desk_pass(0);
		listed(LOCAL);
		assert_string_equal(text(desk_asked("session.close"), "why"), "provider-revoked");
		desk_reply("\"closed\":[]");
		assert_int_equal(sp_refresher_count(desk->refresher), 0);
	}
}

/* After a restart of either side. */
static void what_the_gateway_keeps_is_taken_up_and_nothing_else(void **state)
{
	__sp_free char *sealed = NULL, *members = NULL;

	(void)state;
	desk_corp();
	assert_int_equal(sp_refresh_seal(desk, "rt-1", &desk_from, &sealed), 0);
	sp_portal_set_gate(desk, true);
	desk->is_report_due = false;
	desk_asked("session.list");
	assert_int_equal(sp_str_format(&members,
				       "\"sessions\":[{" DESK_SESSION("corp", "ana-1") ",\"refresh\":\"%s\"},"
				       "{\"session\":8,\"state\":\"live\",\"idp\":\"corp\",\"refresh\":null},"
				       "{\"session\":9,\"state\":\"expired\",\"idp\":\"corp\",\"refresh\":\"%s\"}]",
				       sealed, sealed), 0);
	desk_reply(members);
	assert_int_equal(sp_refresher_count(desk->refresher), 1);
	desk_pass(300);
	listed(CORP);
	refreshed(NULL, NULL);
}

static void a_token_sealed_by_another_key_is_given_up(void **state)
{
	json_t *session = json_loads(CORP, 0, NULL);

	(void)state;
	desk_corp();
	sp_refresher_note(desk, 0, session, "AAAAAAAA");
	desk->is_gate_there = true;
	desk->is_report_due = false;
	json_decref(session);
	desk_pass(300);
	listed(CORP);
	desk_nothing_fetched();
	assert_int_equal(sp_refresher_count(desk->refresher), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, desk_start, desk_stop)
		T(same_groups_and_no_new_token_change_nothing),
		T(a_rotated_token_is_kept_and_used_next),
		T(other_groups_change_the_session_and_its_number_is_followed),
		T(a_session_that_no_role_is_left_for_is_forgotten),
		T(a_revoked_grant_or_another_subject_ends_the_session),
		T(an_unreachable_provider_leaves_sessions_to_their_deadlines),
		T(a_session_that_ended_meanwhile_is_not_asked_for),
		T(a_changed_file_changes_local_sessions_at_once),
		T(sessions_of_removed_users_are_closed),
		T(what_the_gateway_keeps_is_taken_up_and_nothing_else),
		T(a_token_sealed_by_another_key_is_given_up),
	};

	return cmocka_run_group_tests(tests, lab_start, lab_stop);
}
