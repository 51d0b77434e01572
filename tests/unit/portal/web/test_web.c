/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Pages and callbacks by addresses of the test's own: what a request must bring before its handler is called. */
#include "../desk.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <string.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "base/str.h"
#include "portal/admit/cookie.h"
#include "portal/admit/state.h"
#include "portal/admit/token.h"

#define FORM "application/x-www-form-urlencoded"
#define COOKIE "q83vEjRWeJCrze8SNFZ4kKvN7xI0VniQq83vEjRWeJA"

static const struct sp_field page_fields[] = { { "name", SP_FIELD_NAME, false, 0, NULL }, { 0 } };
static const struct sp_field callback_fields[] = {
	{ "code", SP_FIELD_SECRET, true, 0, NULL },
	{ "state", SP_FIELD_SEALED, true, 0, NULL },
	{ 0 },
};

static unsigned int handled;

/* Says what it was given. */
static void handle(struct sp_exchange *exchange)
{
	handled++;
	sp_respond(&exchange->response, 200,
		   json_pack("{s:O, s:O?, s:s?}", "body", exchange->body, "about",
			     exchange->admitted.about, "user", exchange->person.user));
	sp_exchange_answer(exchange);
}

static const struct sp_web_route items[] = {
	{ "/open", SP_WEB_GET, SP_WEB_PAGE, false, page_fields, handle },
	{ "/open", SP_WEB_POST, SP_WEB_PAGE, false, page_fields, handle },
	{ "/own", SP_WEB_GET, SP_WEB_PAGE, true, page_fields, handle },
	{ "/own", SP_WEB_POST, SP_WEB_PAGE, true, page_fields, handle },
	{ "/back", SP_WEB_GET, SP_WEB_CALLBACK, false, callback_fields, handle },
	{ "/back", SP_WEB_POST, SP_WEB_CALLBACK, false, callback_fields, handle },
};
static const struct sp_web_routes routes = { items, SP_ARRAY_LEN(items) };

static int start(void **state)
{
	const int r = desk_start(state);

	desk->routes = &routes;
	handled = 0;
	return r;
}

static void answered(struct sp_exchange *exchange)
{
	assert_true(exchange->is_answered);
}

static struct sp_exchange *call(struct sp_portal_request request)
{
	struct sp_exchange *exchange = calloc(1, sizeof(*exchange));

	assert_non_null(exchange);
	exchange->answered = answered;
	request.version = "HTTP/1.1";
	request.host_count = 1;
	request.from = desk_from;
	if (request.body)
		request.body_len = strlen(request.body);
	sp_exchange_begin(exchange, desk, &request);
	return exchange;
}

/* It is answered @status, by the handler if that is 200 and by nobody else. */
static void expect_status(struct sp_exchange *exchange, size_t number, int status)
{
	if (!exchange->is_answered || exchange->response.status != status ||
	    handled != (status == 200))
		fail_msg("case %zu: %d instead of %d: %s", number, exchange->response.status,
			 status, exchange->response.body);
	if (status != 200)
		assert_string_equal(exchange->response.type, "text/html; charset=utf-8");
	handled = 0;
	desk_end(exchange);
}

static void what_changes_something_is_sent_by_a_page_of_the_portal(void **state)
{
	static const struct {
		const char *origin, *fetch_site;
		int status;
	} cases[] = {
		{ "https://gate.example.test", "same-origin", 200 },
		{ "https://gate.example.test", NULL, 200 },
		{ NULL, "same-origin", 200 },
		{ NULL, NULL, 403 },
		{ "https://gate.example.test", "same-site", 403 },
		{ "https://gate.example.test", "cross-site", 403 },
		{ "https://gate.example.test", "none", 403 },
		{ "https://gate.example.test", "", 403 },
		{ "https://gate.example.test", "Same-Origin", 403 },
		{ "https://gate.example.test", "same-origin, cross-site", 403 },
		{ NULL, "same-site", 403 },
		{ NULL, "cross-site", 403 },
		{ NULL, "none", 403 },
		{ "", "same-origin", 403 },
		{ "null", NULL, 403 },
		{ "null", "same-origin", 403 },
		{ "https://evil.test", NULL, 403 },
		{ "https://evil.test", "same-origin", 403 },
		{ "http://gate.example.test", NULL, 403 },
		{ "https://gate.example.test.evil.test", "cross-site", 403 },
	};

	(void)state;
	for (size_t i = 0; i < SP_ARRAY_LEN(cases); i++) {
		struct sp_portal_request request = {
			.method = "POST",
			.path = "/open",
			.content_type = FORM,
			.body = "name=a",
			.origin = cases[i].origin,
			.fetch_site = cases[i].fetch_site,
		};

		expect_status(call(request), i, cases[i].status);
		request.method = "GET"; /* looking is for anybody */
		request.body = NULL;
		expect_status(call(request), i, 200);
	}
}

static void a_page_takes_a_query_or_a_form_and_drops_what_it_does_not_know(void **state)
{
	static const struct {
		const char *method, *query, *type, *body;
		int status;
	} cases[] = {
		{ "GET", NULL, NULL, NULL, 200 },
		{ "GET", "name=a&utm_source=b", NULL, NULL, 200 },
		{ "HEAD", "name=a", NULL, NULL, 200 },
		{ "GET", "name=a&name=b", NULL, NULL, 400 },
		{ "GET", "other=a&other=b", NULL, NULL, 400 },
		{ "GET", "name=%00", NULL, NULL, 400 },
		{ "GET", "name=%0a", NULL, NULL, 400 },
		{ "GET", "name=", NULL, NULL, 400 },
		{ "GET", "name=<script>", NULL, NULL, 200 },
		{ "POST", NULL, FORM, "name=a", 200 },
		{ "POST", NULL, FORM, "", 200 },
		{ "POST", "name=%zz", FORM, "name=a", 200 }, /* the form is what counts */
		{ "POST", NULL, FORM "; charset=utf-8", "name=a", 200 },
		{ "POST", NULL, FORM "-not", "name=a", 415 },
		{ "POST", NULL, "text/plain", "name=a", 415 },
		{ "POST", NULL, "multipart/form-data; boundary=x", "name=a", 415 },
		{ "POST", NULL, "application/json", "{}", 415 },
		{ "POST", NULL, NULL, "name=a", 415 },
		{ "POST", NULL, FORM, "name=a&name=b", 400 },
		{ "POST", NULL, FORM, "name=\xff", 400 },
		{ "PUT", NULL, FORM, "name=a", 405 },
	};

	(void)state;
	for (size_t i = 0; i < SP_ARRAY_LEN(cases); i++)
		expect_status(call((struct sp_portal_request){
				      .method = cases[i].method,
				      .path = "/open",
				      .query = cases[i].query,
				      .content_type = cases[i].type,
				      .body = cases[i].body,
				      .fetch_site = "same-origin",
			      }),
			      i, cases[i].status);
}

static char *token_of(const char *user)
{
	struct sp_person person = { 0 };
	char *token = NULL;

	assert_int_equal(sp_person_set(&person, "local", user, user), 0);
	assert_int_equal(sp_person_set_device(&person, DESK_KEY, ""), 0);
	assert_int_equal(sp_token_make(&desk->sealer, &person, &token), 0);
	sp_person_done(&person);
	return token;
}

static void who_a_page_is_for_is_told_by_the_cookie_alone(void **state)
{
	__sp_free char *token = token_of("ana"), *cookie = NULL, *bearer = NULL, *twice = NULL,
		       *login = NULL;
	struct sp_portal_request request = { .method = "GET", .path = "/own" };
	struct sp_exchange *exchange;

	(void)state;
	assert_int_equal(sp_str_format(&cookie, "theme=dark; " SP_COOKIE_PERSON "=%s", token), 0);
	assert_int_equal(sp_str_format(&bearer, "Bearer %s", token), 0);
	assert_int_equal(sp_str_format(&twice, "%s; " SP_COOKIE_PERSON "=%s", cookie, token), 0);
	assert_int_equal(sp_str_format(&login, SP_COOKIE_LOGIN "=%s", token), 0);
	request.authorization = bearer;
	expect_status(call(request), 0, 401);
	request.cookie = twice;
	expect_status(call(request), 1, 401);
	request.cookie = login;
	expect_status(call(request), 2, 401);
	request.cookie = SP_COOKIE_PERSON "=AAAA";
	expect_status(call(request), 3, 401);
	desk_nothing_asked();

	request.cookie = cookie;
	exchange = call(request);
	desk_asked("peer.list");
	desk_reply("\"peers\":[{\"idp\":\"local\",\"subject\":\"ana\",\"public_key\":\"" DESK_KEY
		   "\"}]");
	expect_status(exchange, 4, 200);

	request.method = "POST"; /* the cookie comes along from anywhere, and opens nothing there */
	request.content_type = FORM;
	request.origin = "https://evil.test";
	expect_status(call(request), 5, 403);
	desk_nothing_asked();
}

static void a_cookie_is_nothing_to_a_program(void **state)
{
	__sp_free char *token = token_of("ana"), *cookie = NULL;
	struct sp_portal_request request = { .method = "GET", .path = "/api/v1/session" };
	struct sp_exchange *exchange;

	(void)state;
	assert_int_equal(sp_str_format(&cookie, SP_COOKIE_PERSON "=%s", token), 0);
	request.cookie = cookie;
	exchange = call(request);
	desk_answered(exchange, 401, "token-invalid");
	desk_nothing_asked();
}

static void a_callback_brings_a_state_of_ours_to_the_browser_that_began(void **state)
{
	json_t *about = json_pack("{s:s}", "idp", "corp");
	__sp_free char *good = NULL, *late = NULL, *query = NULL, *late_query = NULL,
		       *doubled = NULL;
	const struct {
		const char *method, *text, *cookie;
		int status;
	} cases[] = {
		{ "GET", "good", SP_COOKIE_LOGIN "=" COOKIE, 200 },
		{ "GET", "good", "a=b; " SP_COOKIE_LOGIN "=" COOKIE, 200 },
		{ "GET", "good", NULL, 400 },
		{ "GET", "good", SP_COOKIE_PERSON "=" COOKIE, 400 },
		{ "GET", "good", SP_COOKIE_LOGIN "=other", 400 },
		{ "GET", "good", SP_COOKIE_LOGIN "=" COOKIE "; " SP_COOKIE_LOGIN "=" COOKIE, 400 },
		{ "GET", "late", SP_COOKIE_LOGIN "=" COOKIE, 410 },
		{ "GET", "doubled", SP_COOKIE_LOGIN "=" COOKIE, 400 },
		{ "GET", "code=c", SP_COOKIE_LOGIN "=" COOKIE, 400 },
		{ "GET", "code=c&state=x", SP_COOKIE_LOGIN "=" COOKIE, 400 },
		{ "GET", "state=x", SP_COOKIE_LOGIN "=" COOKIE, 400 },
		{ "HEAD", "good", SP_COOKIE_LOGIN "=" COOKIE, 405 },
		{ "POST", "good", NULL, 200 }, /* as browsers bring it: without a cookie */
		{ "POST", "late", NULL, 410 },
		{ "POST", "doubled", NULL, 400 },
		{ "POST", "code=c&state=x", NULL, 400 },
	};

	(void)state;
	assert_int_equal(sp_state_make(&desk->sealer, about, COOKIE, lab_now.now_s + 600, &good),
			 0);
	assert_int_equal(sp_state_make(&desk->sealer, about, COOKIE, lab_now.now_s, &late), 0);
	assert_int_equal(sp_str_format(&query,
				       "code=c&iss=https%%3A%%2F%%2Fop&session_state=1&state=%s",
				       good),
			 0);
	assert_int_equal(sp_str_format(&late_query, "code=c&state=%s", late), 0);
	assert_int_equal(sp_str_format(&doubled, "code=c&state=%s&code=d", good), 0);
	for (size_t i = 0; i < SP_ARRAY_LEN(cases); i++) {
		const bool is_post = strcmp(cases[i].method, "POST") == 0;
		const char *text = !strcmp(cases[i].text, "good")      ? query
				   : !strcmp(cases[i].text, "late")    ? late_query
				   : !strcmp(cases[i].text, "doubled") ? doubled
								       : cases[i].text;

		expect_status(call((struct sp_portal_request){
				      .method = cases[i].method,
				      .path = "/back",
				      .cookie = cases[i].cookie,
				      .query = is_post ? NULL : text,
				      .body = is_post ? text : NULL,
				      .content_type = is_post ? FORM : NULL,
				      .origin = "https://op.example.test",
				      .fetch_site = "cross-site",
			      }),
			      i, cases[i].status);
	}
	json_decref(about);
}

static void what_a_path_takes_is_said_for_all_its_methods(void **state)
{
	static const struct {
		const char *path, *allow;
	} cases[] = { { "/open", "GET, HEAD, POST" }, { "/back", "GET, POST" } };

	(void)state;
	for (size_t i = 0; i < SP_ARRAY_LEN(cases); i++) {
		struct sp_exchange *exchange =
			call((struct sp_portal_request){ .method = "PUT", .path = cases[i].path });

		assert_string_equal(exchange->response.allow, cases[i].allow);
		expect_status(exchange, i, 405);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			what_changes_something_is_sent_by_a_page_of_the_portal, start, desk_stop),
		cmocka_unit_test_setup_teardown(
			a_page_takes_a_query_or_a_form_and_drops_what_it_does_not_know, start,
			desk_stop),
		cmocka_unit_test_setup_teardown(who_a_page_is_for_is_told_by_the_cookie_alone,
						start, desk_stop),
		cmocka_unit_test_setup_teardown(a_cookie_is_nothing_to_a_program, desk_start,
						desk_stop),
		cmocka_unit_test_setup_teardown(
			a_callback_brings_a_state_of_ours_to_the_browser_that_began, start,
			desk_stop),
		cmocka_unit_test_setup_teardown(what_a_path_takes_is_said_for_all_its_methods,
						start, desk_stop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
