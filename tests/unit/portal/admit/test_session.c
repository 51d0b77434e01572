/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a token is worth: one's own session and devices, nobody else's. */
#include "../desk.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "portal/admit/token.h"

#define DEVICE(name, key, idp, subject, session)                                                   \
	"{\"name\":\"" name "\",\"public_key\":\"" key "\",\"user\":\"ana\",\"idp\":\"" idp        \
	"\",\"subject\":\"" subject                                                                \
	"\",\"addresses\":[\"100.64.0.2\"],\"added\":\"x\",\"session\":" session                   \
	",\"endpoint\":\"192.0.2.9:1\"}"
#define PEERS(idp, subject)                                                                        \
	"\"peers\":[" DEVICE("laptop", DESK_KEY, idp, subject, "7") "," DEVICE(                    \
		"phone", DESK_OTHER_KEY, idp, subject,                                             \
		"8") "," DEVICE("stranger",                                                        \
				"c3RyYW5nZXJzdHJhbmdlcnN0cmFuZ2Vyc3RyYW5nZXI=", "elsewhere",       \
				"ana", "9") "]"

static char *token;

static void sign_in(const char *idp, const char *subject)
{
	struct sp_person person = { 0 };

	assert_int_equal(sp_person_set(&person, idp, subject, "ana"), 0);
	assert_int_equal(sp_person_set_device(&person, DESK_KEY, "laptop"), 0);
	free(token);
	assert_int_equal(sp_token_make(&desk->sealer, &person, &token), 0);
	sp_person_done(&person);
}

static int stop(void **state)
{
	free(SP_TAKE_PTR(token));
	return desk_stop(state);
}

static const char *text(const json_t *object, const char *key)
{
	const char *value = json_string_value(json_object_get(object, key));

	return value ? value : "(null)";
}

static struct sp_exchange *call(const char *path, const char *body, const char *peers)
{
	struct sp_exchange *exchange = desk_call(path, token, body);

	assert_string_equal(text(desk_asked("peer.list"), "user"), "ana");
	desk_reply(peers);
	return exchange;
}

static void without_a_token_or_with_a_forged_one(void **state)
{
	__sp_free char *forged = NULL;
	static const char *const paths[] = { "session", "devices" };
	char path[64];

	(void)state;
	sign_in("local", "ana");
	forged = strdup(token);
	forged[50] = forged[50] == 'A' ? 'B' : 'A';
	for (size_t i = 0; i < 2; i++) {
		snprintf(path, sizeof(path), "/api/v1/%s", paths[i]);
		desk_answered(desk_call(path, NULL, NULL), 401, "token-invalid");
		desk_answered(desk_call(path, "", NULL), 401, "token-invalid");
		desk_answered(desk_call(path, "AAAA", NULL), 401, "token-invalid");
		desk_answered(desk_call(path, forged, NULL), 401, "token-invalid");
	}
	desk_nothing_asked();
}

static void a_token_lives_as_long_as_its_device(void **state)
{
	(void)state;
	sign_in("local", "ana");
	desk_answered(call("/api/v1/session", NULL, "\"peers\":[]"), 401, "token-invalid");
	/* the key is somebody else's by now: another provider's ana */
	desk_answered(call("/api/v1/session", NULL, PEERS("corp", "ana")), 401, "token-invalid");
}

static void the_session_is_shown_also_after_its_end(void **state)
{
	struct sp_exchange *exchange;

	(void)state;
	sign_in("local", "ana");
	exchange = call("/api/v1/session", NULL, PEERS("local", "ana"));
	assert_true(json_is_true(json_object_get(desk_asked("session.list"), "all")));
	desk_reply("\"sessions\":[{" DESK_SESSION(
		"local", "ana") "},{\"session\":5,\"state\":\"live\",\"idp\":\"local\","
				"\"subject\":\"ana\",\"device\":{\"public_key\":\"" DESK_KEY "\"}},"
				"{\"session\":9,\"state\":\"live\",\"idp\":\"corp\",\"subject\":"
				"\"ana\",\"device\":{\"public_key\":\"" DESK_KEY "\"}}]");
	assert_int_equal(
		json_integer_value(json_object_get(
			json_object_get(desk_answer(exchange, 200, NULL), "session"), "session")),
		7);
	desk_end(exchange);
	exchange = call("/api/v1/session", NULL, PEERS("local", "ana"));
	desk_reply("\"sessions\":[]");
	desk_answered(exchange, 409, "no-session");
}

static void closing_ones_own_another_of_ones_own_and_all(void **state)
{
	struct sp_exchange *exchange;

	(void)state;
	sign_in("local", "ana");
	exchange = call("/api/v1/session/close", "{}", PEERS("local", "ana"));
	assert_int_equal(
		json_integer_value(json_object_get(desk_asked("session.close"), "session")), 7);
	assert_string_equal(text(desk_asked("session.close"), "subject"), "ana");
	desk_reply("\"closed\":[{\"session\":7}]");
	assert_int_equal(json_integer_value(json_array_get(
				 json_object_get(desk_answer(exchange, 200, NULL), "closed"), 0)),
			 7);
	desk_end(exchange);
	exchange = call("/api/v1/session/close", "{\"session\":8}", PEERS("local", "ana"));
	assert_int_equal(
		json_integer_value(json_object_get(desk_asked("session.close"), "session")), 8);
	desk_refuse("not-permitted", NULL); /* somebody else's after all */
	desk_answered(exchange, 409, "no-session");
	exchange = call("/api/v1/session/close", "{\"all\":true}", PEERS("local", "ana"));
	assert_null(json_object_get(desk_asked("session.close"), "session"));
	assert_string_equal(text(desk_asked("session.close"), "user"), "ana");
	assert_string_equal(text(desk_asked("session.close"), "idp"), "local");
	desk_reply("\"closed\":[{\"session\":7},{\"session\":8}]");
	desk_answered(exchange, 200, NULL);
	desk_answered(call("/api/v1/session/close", "{\"all\":true,\"session\":7}",
			   PEERS("local", "ana")),
		      400, "bad-request");
}

static void a_local_session_is_extended_by_its_password(void **state)
{
	struct sp_exchange *exchange;

	(void)state;
	desk_local();
	sign_in("local", "ana");
	exchange = call("/api/v1/session/extend", "{\"password\":\"correct horse\"}",
			PEERS("local", "ana"));
	desk_asked("session.list");
	desk_reply("\"sessions\":[{" DESK_SESSION("local", "ana") "}]");
	desk_check(true);
	assert_int_equal(
		json_integer_value(json_object_get(desk_asked("session.extend"), "session")), 7);
	assert_string_equal(json_string_value(json_array_get(
				    json_object_get(desk_asked("session.extend"), "groups"), 0)),
			    "eng");
	desk_reply(DESK_SESSION("local", "ana"));
	assert_non_null(json_object_get(desk_answer(exchange, 200, NULL), "token"));
	assert_null(json_object_get(desk_answer(exchange, 200, NULL), "tunnel"));
	desk_end(exchange);
	exchange =
		call("/api/v1/session/extend", "{\"password\":\"wrong\"}", PEERS("local", "ana"));
	desk_reply("\"sessions\":[{" DESK_SESSION("local", "ana") "}]");
	desk_check(false);
	desk_answered(exchange, 401, "login-failed");
	desk_asked("login.refused");
	desk_reply("");
	exchange = call("/api/v1/session/extend", "{}", PEERS("local", "ana"));
	desk_reply("\"sessions\":[{" DESK_SESSION("local", "ana") "}]");
	desk_answered(exchange, 400, "bad-request");
	exchange = call("/api/v1/session/extend", "{\"password\":\"x\"}", PEERS("local", "ana"));
	desk_reply("\"sessions\":[{\"session\":7,\"state\":\"expired\",\"idp\":\"local\","
		   "\"subject\":\"ana\","
		   "\"device\":{\"public_key\":\"" DESK_KEY "\"}}]");
	desk_answered(exchange, 409, "no-session");
}

/* The provider is asked again, and its answer must be about the same person. */
static void another_session_is_extended_by_its_person_alone(void **state)
{
	static const struct {
		const char *claims;
		int status;
		const char *code;
	} cases[] = { { "{\"sub\":\"bob-1\"}", 403, "login-failed" }, { NULL, 200, NULL } };

	(void)state;
	desk_corp();
	sign_in("corp", "ana-1");
	for (size_t i = 0; i < 2; i++) {
		struct sp_exchange *exchange =
			call("/api/v1/session/extend", "{}", PEERS("corp", "ana-1"));
		__sp_free char *tokens = NULL;
		char body[128];

		desk_reply("\"sessions\":[{" DESK_SESSION("corp", "ana-1") "}]");
		desk_fetched(LAB_ISSUER "/device", 200, LAB_CODE);
		snprintf(body, sizeof(body), "{\"handle\":\"%s\",\"wait_s\":20}",
			 text(desk_answer(exchange, 202, NULL), "handle"));
		desk_end(exchange);
		exchange = desk_call("/api/v1/device/poll", NULL, body);
		desk_pass(5);
		tokens = lab_tokens(cases[i].claims, "rsa", MINTER_RSA, NULL);
		desk_fetched(LAB_ISSUER "/token", 200, tokens);
		if (cases[i].code) {
			assert_string_equal(text(desk_asked("login.refused"), "reason"),
					    "other-subject");
			desk_reply("");
		} else {
			assert_int_equal(json_integer_value(json_object_get(
						 desk_asked("session.extend"), "session")),
					 7);
			desk_reply(DESK_SESSION("corp", "ana-1"));
			assert_string_equal(text(desk_answer(exchange, 200, NULL), "state"),
					    "done");
		}
		desk_answered(exchange, cases[i].status, cases[i].code);
		desk_nothing_asked();
	}
}

static void devices_are_the_persons_own(void **state)
{
	struct sp_exchange *exchange;
	const json_t *devices;

	(void)state;
	sign_in("local", "ana");
	exchange = call("/api/v1/devices", NULL, PEERS("local", "ana"));
	devices = json_object_get(desk_answer(exchange, 200, NULL), "devices");
	assert_int_equal(json_array_size(devices), 2);
	assert_null(json_object_get(json_array_get(devices, 0), "endpoint"));
	desk_end(exchange);
	exchange = call("/api/v1/devices/remove", "{\"public_key\":\"" DESK_OTHER_KEY "\"}",
			PEERS("local", "ana"));
	assert_string_equal(text(desk_asked("peer.remove"), "device"), DESK_OTHER_KEY);
	assert_string_equal(text(desk_asked("peer.remove"), "subject"), "ana");
	desk_reply("\"name\":\"phone\"");
	assert_string_equal(text(desk_answer(exchange, 200, NULL), "removed"), "phone");
	desk_end(exchange);
	exchange = call("/api/v1/devices/remove",
			"{\"public_key\":\"aPxGwq8zERHQ3Q1cOZFdJ+cvJX5Ka4mLN38AyYKYF90=\"}",
			PEERS("local", "ana")); /* the same key: X25519 ignores the top bit */
	assert_string_equal(text(desk_asked("peer.remove"), "device"), DESK_OTHER_KEY);
	desk_reply("\"name\":\"phone\"");
	desk_answer(exchange, 200, NULL);
	desk_end(exchange);
	exchange = call("/api/v1/devices/remove",
			"{\"public_key\":\"c3RyYW5nZXJzdHJhbmdlcnN0cmFuZ2Vyc3RyYW5nZXI=\"}",
			PEERS("local", "ana"));
	desk_answered(exchange, 404, "no-such-device");
	desk_nothing_asked();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, desk_start, stop)
		T(without_a_token_or_with_a_forged_one),
		T(a_token_lives_as_long_as_its_device),
		T(the_session_is_shown_also_after_its_end),
		T(closing_ones_own_another_of_ones_own_and_all),
		T(a_local_session_is_extended_by_its_password),
		T(another_session_is_extended_by_its_person_alone),
		T(devices_are_the_persons_own),
	};

	return cmocka_run_group_tests(tests, lab_start, lab_stop);
}
