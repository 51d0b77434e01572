/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Sessions that follow what providers and files say of their people. */
#include "../desk.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "portal/providers/kept.h"

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

	assert_int_equal(sp_refresh_seal(desk, strcmp(idp, "corp") == 0 ? "rt-1" : NULL, &desk_from,
					 &sealed),
			 0);
	sp_refresher_note(desk, 0, value, sealed);
	json_decref(value);
	desk->is_gate_there = true;
	desk->is_report_due = false;
	assert_int_equal(sp_refresher_count(desk->refresher), 1);
}

static void listed(const char *session)
{
	__sp_free char *members = NULL;

	assert_int_equal(json_integer_value(json_object_get(desk_asked("session.list"), "session")),
			 7);
	assert_int_equal(sp_str_format(&members, "\"sessions\":[%s]", session), 0);
	desk_reply(members);
}

/* The mark before the provider is asked; @groups of it: none. */
static void marked(void)
{
	assert_true(strlen(text(desk_asked("session.update"), "refresh")) > 40);
	assert_null(json_object_get(desk_asked("session.update"), "groups"));
	assert_null(json_object_get(desk_asked("session.update"), "ends_s"));
	assert_false(desk_is_fetched(TOKEN_URL));
	desk_reply(DESK_SESSION("corp", "ana-1"));
}

/* Listed, marked, about to ask. */
static void asking(void)
{
	listed(CORP);
	marked();
}

/* The answer's token is stored before anything else. */
static void stored(void)
{
	assert_true(strlen(text(desk_asked("session.update"), "refresh")) > 40);
	assert_null(json_object_get(desk_asked("session.update"), "groups"));
	desk_reply(DESK_SESSION("corp", "ana-1"));
}

static void ends(int64_t within_s, const char *ending)
{
	const json_t *asked = desk_asked("session.update");

	assert_int_equal(json_integer_value(json_object_get(asked, "ends_s")), within_s);
	assert_string_equal(text(asked, "ending"), ending);
	assert_string_equal(text(asked, "subject"), "ana-1");
}

static void refreshed(const char *claims, const char *token)
{
	__sp_free char *more = NULL, *tokens = NULL;

	assert_int_equal(sp_str_format(&more, token ? "{\"refresh_token\":\"%s\"}" : "{}", token),
			 0);
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
	asking();
	refreshed(NULL, NULL);
	stored();
	desk_nothing_asked();
	desk_pass(300);
	asking();
}

static void a_rotated_token_is_kept_and_used_next(void **state)
{
	(void)state;
	desk_corp();
	have_session("corp", CORP);
	desk_pass(300);
	asking();
	refreshed(NULL, "rt-2");
	assert_string_equal(text(desk_asked("session.update"), "subject"), "ana-1");
	desk_no_gate(); /* not stored: it must not be lost */
	assert_true(strlen(text(desk_asked("session.update"), "refresh")) > 40);
	desk_no_gate();
	desk_pass(5);
	asking();
	assert_string_equal(desk_fetched_field("refresh_token"), "rt-2");
	refreshed(NULL, NULL);
	stored();
	desk_nothing_asked();
}

static void other_groups_change_the_session_and_its_number_is_followed(void **state)
{
	(void)state;
	desk_corp();
	have_session("corp", CORP);
	desk_pass(300);
	asking();
	refreshed("{\"groups\":[\"ops\",\"eng\"]}", NULL);
	stored();
	assert_int_equal(json_array_size(json_object_get(desk_asked("session.update"), "groups")),
			 2);
	desk_reply("\"session\":8,\"replaces\":7,\"state\":\"live\"");
	desk_pass(300);
	assert_int_equal(json_integer_value(json_object_get(desk_asked("session.list"), "session")),
			 8);
}

static void a_session_that_no_role_is_left_for_is_forgotten(void **state)
{
	(void)state;
	desk_corp();
	have_session("corp", CORP);
	desk_pass(300);
	asking();
	refreshed("{\"groups\":[]}", NULL);
	stored();
	assert_int_equal(json_array_size(json_object_get(desk_asked("session.update"), "groups")),
			 0);
	desk_refuse("login-refused", "no-role");
	assert_int_equal(sp_refresher_count(desk->refresher), 0);
	desk_nothing_asked();
}

static void a_revoked_grant_ends_the_session_and_says_so(void **state)
{
	(void)state;
	desk_corp();
	have_session("corp", CORP);
	desk_pass(300);
	asking();
	desk_fetched(TOKEN_URL, 400, "{\"error\":\"invalid_grant\"}");
	for (int i = 0; i < 2; i++) { /* once more, should the gateway not have heard it */
		assert_string_equal(text(desk_asked("session.close"), "why"), "provider-revoked");
		assert_int_equal(
			json_integer_value(json_object_get(desk_asked("session.close"), "session")),
			7);
		assert_string_equal(text(desk_asked("session.close"), "idp"), "corp");
		if (i)
			break;
		desk_no_gate();
		desk_pass(5);
		asking();
		desk_fetched(TOKEN_URL, 400, "{\"error\":\"invalid_grant\"}");
	}
	desk_reply("\"closed\":[]");
	assert_int_equal(sp_refresher_count(desk->refresher), 0);
}

static void another_subject_ends_the_session_under_a_word_of_its_own(void **state)
{
	(void)state;
	desk_corp();
	have_session("corp", CORP);
	desk_pass(300);
	asking();
	refreshed("{\"sub\":\"bob-1\"}", NULL);
	stored();
	ends(0, "other-subject");
	desk_reply("\"session\":7,\"state\":\"expired\"");
	assert_int_equal(sp_refresher_count(desk->refresher), 0);
}

static void an_unreachable_provider_leaves_sessions_to_their_deadlines(void **state)
{
	(void)state;
	desk_corp();
	have_session("corp", CORP);
	desk_pass(300);
	for (int i = 0; i < 8; i++) {
		if (i < 2) {
			asking(); /* its mark is none once the provider was not reached, and stays once it was */
		} else {
			listed(CORP);
		}
		if (i) {
			desk_silent(TOKEN_URL);
		} else {
			desk_unreachable(TOKEN_URL);
		}
		desk->is_report_due = false;
		desk_nothing_asked();
		desk_pass(14);
		desk_nothing_asked(); /* not at once, either */
		desk_pass(300);
	}
	assert_int_equal(sp_refresher_count(desk->refresher), 1);
}

/* Whatever fails behind the token answer: its token is stored first, and the next try shows that one. */
static void a_failure_behind_the_token_answer_loses_nothing(void **state)
{
	static const char *const claims[] = { "{\"exp\":1}", "{\"groups\":[7]}",
					      "{\"aud\":\"other\"}", "{\"groups\":7}" };

	(void)state;
	desk_corp();
	have_session("corp", CORP);
	for (size_t i = 0; i < 2; i++) {
		desk_pass(300);
		asking();
		refreshed(claims[i], i ? "rt-3" : "rt-2");
		stored();
		ends(300, "unconfirmed");
		desk_reply(DESK_SESSION("corp", "ana-1"));
		desk->is_report_due = false;
	}
	desk_pass(300);
	asking();
	assert_string_equal(desk_fetched_field("refresh_token"), "rt-3");
	refreshed(claims[3], NULL);
	stored();
	ends(0, "unconfirmed");
	desk_reply("\"session\":7,\"state\":\"expired\"");
	assert_int_equal(sp_refresher_count(desk->refresher), 0);
}

static void a_confirmation_takes_the_early_end_back(void **state)
{
	(void)state;
	desk_corp();
	have_session("corp", CORP);
	desk_pass(300);
	asking();
	refreshed("{\"exp\":1}", NULL);
	stored();
	ends(300, "unconfirmed");
	desk_reply(DESK_SESSION("corp", "ana-1"));
	desk_pass(300);
	listed("{" DESK_SESSION("corp", "ana-1") ",\"ending\":\"unconfirmed\"}");
	marked();
	refreshed(NULL, NULL);
	stored();
	assert_int_equal(
		json_integer_value(json_object_get(desk_asked("session.update"), "ends_s")), -1);
	assert_null(json_object_get(desk_asked("session.update"), "ending"));
	desk_reply(DESK_SESSION("corp", "ana-1"));
	desk_nothing_asked();
}

/* Our own client or the whole provider: longer, and status is told. */
static void a_provider_that_takes_us_no_more_is_told_of(void **state)
{
	const struct sp_provider *provider;
	json_t *report;

	(void)state;
	desk_corp();
	have_session("corp", CORP);
	desk_pass(300);
	asking();
	desk_fetched(TOKEN_URL, 401, "{\"error\":\"invalid_client\"}");
	stored();
	ends(900, "unconfirmed");
	desk_reply(DESK_SESSION("corp", "ana-1"));
	assert_true(desk->is_report_due);
	report = sp_providers_report(desk);
	assert_string_equal(text(json_array_get(report, 0), "state"), "failed");
	assert_string_equal(text(json_array_get(report, 0), "code"), "client-refused");
	json_decref(report);
	desk->is_report_due = false;
	provider = sp_provider_find(desk, "corp");
	assert_string_equal(sp_provider_state(provider), "ok"); /* for people: they may try */
	desk_pass(300);
	assert_string_equal(desk_fetched_field("refresh_token"), "none-is-the-client-known");
	desk_fetched(TOKEN_URL, 401, "{\"error\":\"invalid_client\"}");
	asking();
	refreshed(NULL, NULL);
	stored();
	assert_true(desk->is_report_due);
	report = sp_providers_report(desk);
	assert_null(json_object_get(json_array_get(report, 0), "code"));
	json_decref(report);
}

/* Silence may have swallowed an answer with a new token. */
static void a_grant_that_is_gone_after_silence_may_be_lost_and_not_revoked(void **state)
{
	(void)state;
	desk_corp();
	have_session("corp", CORP);
	desk_pass(300);
	asking();
	desk_silent(TOKEN_URL);
	desk_pass(30);
	listed(CORP);
	desk_fetched(TOKEN_URL, 400, "{\"error\":\"invalid_grant\"}");
	ends(900, "refresh-lost");
	desk_no_gate(); /* not heard: it is said again */
	desk_pass(5);
	listed(CORP);
	desk_fetched(TOKEN_URL, 400, "{\"error\":\"invalid_grant\"}");
	ends(900, "refresh-lost");
	desk_reply(DESK_SESSION("corp", "ana-1"));
	assert_int_equal(sp_refresher_count(desk->refresher), 0);
}

/* A provider that was never reached can have given no new token: revoked is revoked. */
static void a_grant_that_is_gone_after_a_refused_connection_was_revoked(void **state)
{
	(void)state;
	desk_corp();
	have_session("corp", CORP);
	desk_pass(300);
	asking();
	desk_unreachable(TOKEN_URL);
	desk_pass(30);
	asking();
	desk_fetched(TOKEN_URL, 400, "{\"error\":\"invalid_grant\"}");
	assert_string_equal(text(desk_asked("session.close"), "why"), "provider-revoked");
	desk_reply("\"closed\":[]");
	assert_int_equal(sp_refresher_count(desk->refresher), 0);
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
	assert_int_equal(desk_offer("local", "type: local\nusers:\n  ana: { password: \"" DESK_HASH
					     "\", groups: [ops] }\n"),
			 0);
	desk->is_report_due = false;
	desk_pass(0);
	listed(LOCAL);
	assert_string_equal(json_string_value(json_array_get(
				    json_object_get(desk_asked("session.update"), "groups"), 0)),
			    "ops");
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
	assert_int_equal(
		sp_str_format(&members,
			      "\"sessions\":[{" DESK_SESSION(
				      "corp", "ana-1") ",\"refresh\":\"%s\"},"
						       "{\"session\":8,\"state\":\"live\",\"idp\":"
						       "\"corp\",\"refresh\":null},"
						       "{\"session\":9,\"state\":\"expired\","
						       "\"idp\":\"corp\",\"refresh\":\"%s\"}]",
			      sealed, sealed),
		0);
	desk_reply(members);
	assert_int_equal(sp_refresher_count(desk->refresher), 1);
	desk_pass(300);
	asking();
	refreshed(NULL, NULL);
	stored();
}

/* What the portal that died stored last: a mark, or the token that came. */
static void a_portal_that_died_while_it_asked_calls_nobody_revoked(void **state)
{
	struct sp_kept kept = { .token = "rt-1", .asked_s = lab_now.now_s };
	__sp_free char *sealed = NULL, *members = NULL;

	(void)state;
	desk_corp();
	assert_int_equal(sp_kept_seal(&desk->sealer, &kept, &sealed), 0);
	sp_portal_set_gate(desk, true);
	desk->is_report_due = false;
	assert_int_equal(sp_str_format(&members,
				       "\"sessions\":[{" DESK_SESSION(
					       "corp", "ana-1") ",\"refresh\":\"%s\"}]",
				       sealed),
			 0);
	desk_reply(members);
	desk_pass(5); /* soon */
	listed(CORP);
	desk_fetched(TOKEN_URL, 400, "{\"error\":\"invalid_grant\"}");
	ends(900, "refresh-lost");
	free(sealed);
	sealed = strdup(text(desk_asked("session.update"), "refresh"));
	desk_reply(DESK_SESSION("corp", "ana-1"));
	assert_int_equal(sp_kept_open(&desk->sealer, sealed, &kept), 0);
	assert_null(
		kept.token); /* the next portal has nothing to ask with: it neither revokes nor prolongs */
	sp_kept_done(&kept);
}

static void an_extension_ends_what_was_under_way(void **state)
{
	__sp_free char *sealed = NULL;
	json_t *session = json_loads(CORP, 0, NULL);

	(void)state;
	desk_corp();
	have_session("corp", CORP);
	desk_pass(300);
	asking();
	assert_int_equal(sp_refresh_seal(desk, "rt-9", &desk_from, &sealed), 0);
	sp_refresher_note(desk, 7, session, sealed);
	json_decref(session);
	assert_false(desk_is_fetched(TOKEN_URL));
	desk_pass(300);
	asking();
	assert_string_equal(desk_fetched_field("refresh_token"), "rt-9");
	refreshed(NULL, NULL);
	stored();
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
		T(a_revoked_grant_ends_the_session_and_says_so),
		T(another_subject_ends_the_session_under_a_word_of_its_own),
		T(an_unreachable_provider_leaves_sessions_to_their_deadlines),
		T(a_failure_behind_the_token_answer_loses_nothing),
		T(a_confirmation_takes_the_early_end_back),
		T(a_provider_that_takes_us_no_more_is_told_of),
		T(a_grant_that_is_gone_after_silence_may_be_lost_and_not_revoked),
		T(a_grant_that_is_gone_after_a_refused_connection_was_revoked),
		T(a_session_that_ended_meanwhile_is_not_asked_for),
		T(a_changed_file_changes_local_sessions_at_once),
		T(sessions_of_removed_users_are_closed),
		T(what_the_gateway_keeps_is_taken_up_and_nothing_else),
		T(a_portal_that_died_while_it_asked_calls_nobody_revoked),
		T(an_extension_ends_what_was_under_way),
		T(a_token_sealed_by_another_key_is_given_up),
	};

	return cmocka_run_group_tests(tests, lab_start, lab_stop);
}
