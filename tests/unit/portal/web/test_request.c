/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a request may look like: its form, its body, its address. */
#include "../desk.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <errno.h>
#include <string.h>

#include "base/array.h"
#include "portal/web/assets.h"
#include "portal/web/body.h"

static void form_is_checked_before_a_body_is_read(void **state)
{
	static const struct {
		struct sp_portal_request request;
		int status; /* 0: goes on */
	} cases[] = {
		{ { .version = "HTTP/1.1", .host_count = 1 }, 0 },
		{ { .version = "HTTP/1.0", .host_count = 1 }, 0 },
		{ { .version = "HTTP/1.1",
		    .host_count = 1,
		    .length_count = 1,
		    .content_length = "16384" },
		  0 },
		{ { .version = "HTTP/1.1", .host_count = 1, .coding_count = 1 }, 0 },
		{ { .version = "HTTP/1.1", .host_count = 1, .header_bytes = 8192 }, 0 },
		{ { .version = "HTTP/1.1", .host_count = 1, .header_bytes = 8193 }, 431 },
		{ { .version = "HTTP/1.1", .host_count = 0 }, 400 },
		{ { .version = "HTTP/1.1", .host_count = 2 }, 400 },
		{ { .version = "HTTP/2.0", .host_count = 1 }, 400 },
		{ { .version = "", .host_count = 1 }, 400 },
		{ { .version = "HTTP/1.1",
		    .host_count = 1,
		    .length_count = 1,
		    .coding_count = 1,
		    .content_length = "3" },
		  400 },
		{ { .version = "HTTP/1.1",
		    .host_count = 1,
		    .length_count = 2,
		    .content_length = "3" },
		  400 },
		{ { .version = "HTTP/1.1", .host_count = 1, .coding_count = 2 }, 400 },
		{ { .version = "HTTP/1.0", .host_count = 1, .coding_count = 1 }, 400 },
		{ { .version = "HTTP/1.1",
		    .host_count = 1,
		    .length_count = 1,
		    .content_length = "+3" },
		  400 },
		{ { .version = "HTTP/1.1",
		    .host_count = 1,
		    .length_count = 1,
		    .content_length = "3, 3" },
		  400 },
		{ { .version = "HTTP/1.1",
		    .host_count = 1,
		    .length_count = 1,
		    .content_length = "" },
		  400 },
		{ { .version = "HTTP/1.1",
		    .host_count = 1,
		    .length_count = 1,
		    .content_length = "0x10" },
		  400 },
		{ { .version = "HTTP/1.1",
		    .host_count = 1,
		    .length_count = 1,
		    .content_length = "16385" },
		  413 },
		{ { .version = "HTTP/1.1",
		    .host_count = 1,
		    .length_count = 1,
		    .content_length = "99999999999999999999999999999999" },
		  413 },
		{ { .version = "HTTP/1.1", .host_count = 1, .repeated = "Cookie" }, 400 },
		{ { .version = "HTTP/1.1", .host_count = 1, .target = "/" }, 0 },
		{ { .version = "HTTP/1.1", .host_count = 1, .target = "/a/b?c=d&e=%00//..;~" }, 0 },
		{ { .version = "HTTP/1.1", .host_count = 1, .target = "" }, 400 },
		{ { .version = "HTTP/1.1", .host_count = 1, .target = "*" }, 400 },
		{ { .version = "HTTP/1.1", .host_count = 1, .target = "gate:443" }, 400 },
		{ { .version = "HTTP/1.1", .host_count = 1, .target = "https://gate/a" }, 400 },
		{ { .version = "HTTP/1.1", .host_count = 1, .target = "/a#b" }, 400 },
		{ { .version = "HTTP/1.1", .host_count = 1, .target = "/a b" }, 400 },
		{ { .version = "HTTP/1.1", .host_count = 1, .target = "/a\tb" }, 400 },
		{ { .version = "HTTP/1.1", .host_count = 1, .target = "/a\x7f" }, 400 },
		{ { .version = "HTTP/1.1", .host_count = 1, .target = "/\xc3\xa4" }, 400 },
	};

	(void)state;
	for (size_t i = 0; i < SP_ARRAY_LEN(cases); i++) {
		struct sp_response response = { 0 };
		int r = sp_request_check_form(&cases[i].request, &response);

		if ((r == 0) != (cases[i].status == 0) || response.status != cases[i].status)
			fail_msg("case %zu: %d, status %d", i, r, response.status);
		assert_int_equal(response.closes,
				 cases[i].status != 0); /* where it ends is not sure */
		sp_response_done(&response);
	}
}

static int check_length(enum sp_web_kind kind, const char *length)
{
	const struct sp_portal_request request = {
		.version = "HTTP/1.1", .host_count = 1, .length_count = 1, .content_length = length
	};
	struct sp_response response = { .kind = kind };
	int r = sp_request_check_form(&request, &response);

	assert_int_equal(response.status, r < 0 ? 413 : 0);
	sp_response_done(&response);
	return r;
}

static void how_long_a_body_may_be_is_a_matter_of_the_kind(void **state)
{
	static const enum sp_web_kind kinds[] = { SP_WEB_API, SP_WEB_PAGE, SP_WEB_ASSET };

	(void)state;
	for (size_t i = 0; i < SP_ARRAY_LEN(kinds); i++) {
		assert_int_equal(sp_web_body_max(kinds[i]), 16384);
		assert_int_equal(check_length(kinds[i], "16384"), 0);
		assert_int_equal(check_length(kinds[i], "16385"), -EINVAL);
	}
	assert_int_equal(sp_web_body_max(SP_WEB_CALLBACK), 256 << 10);
	assert_int_equal(check_length(SP_WEB_CALLBACK, "262144"), 0);
	assert_int_equal(check_length(SP_WEB_CALLBACK, "262145"), -EINVAL);
	assert_int_equal(check_length(SP_WEB_CALLBACK, "1000000"), -EINVAL);
}

/* Send @len bytes in pieces of @piece. */
static void take_body(struct sp_body *body, size_t max, size_t len, size_t piece)
{
	static char bytes[300000];

	for (size_t i = 0; i < len; i++)
		bytes[i] = (char)(i % 251);
	for (size_t at = 0; at < len; at += piece)
		assert_int_equal(
			sp_body_take(body, max, bytes + at, len - at < piece ? len - at : piece),
			0);
	assert_int_equal(body->len, len);
	if (len <= max)
		assert_memory_equal(body->bytes, bytes, len);
}

static void a_body_comes_in_pieces_and_takes_no_more_memory_than_it_may(void **state)
{
	static const size_t pieces[] = { 1, 7, 1000, 16384, 300000 };
	const size_t max = sp_web_body_max(SP_WEB_CALLBACK);

	(void)state;
	for (size_t i = 0; i < SP_ARRAY_LEN(pieces); i++) {
		struct sp_body body = { 0 };

		take_body(&body, max, 20, pieces[i]);
		assert_int_equal(body.room, 16384);
		sp_body_done(&body);
		take_body(&body, max, max, pieces[i]);
		assert_int_equal(body.room, max);
		sp_body_done(&body);
		take_body(&body, max, max + 1, pieces[i]);
		assert_true(body.room <= max);
		sp_body_done(&body);
		take_body(&body, 16384, 16385, pieces[i]);
		assert_true(body.room <= 16384);
		sp_body_done(&body);
		assert_null(body.bytes);
	}
}

static void a_body_is_judged_by_its_schema_and_the_field_is_named(void **state)
{
	static const struct {
		const char *path, *body, *named;
	} cases[] = {
		{ "/api/v1/login", "", "\"user\" is missing" },
		{ "/api/v1/login", "{}", "\"user\" is missing" },
		{ "/api/v1/login", "[]", "not a JSON object" },
		{ "/api/v1/login", "7", "not JSON" },
		{ "/api/v1/login", "{\"user\":", "not JSON" },
		{ "/api/v1/login", "{\"user\":\"a\",\"user\":\"b\"}", "duplicate" },
		{ "/api/v1/login", "{\"user\":\"a\\u0000b\"}", "not JSON" },
		{ "/api/v1/login", "{\"user\":\"\xff\"}", "not JSON" },
		{ "/api/v1/login", "{\"usr\":\"a\"}", "\"usr\" is no field" },
		{ "/api/v1/login", "{\"user\":7}", "\"user\" is a text" },
		{ "/api/v1/login", "{\"user\":\"\"}", "\"user\" has 1 to 255 bytes" },
		{ "/api/v1/login", "{\"user\":\"a\\nb\"}",
		  "\"user\" has a character in it that does not print" },
		{ "/api/v1/login", "{\"user\":\"an\\u200ba\"}",
		  "\"user\" has a character in it that does not print" },
		{ "/api/v1/login", "{\"user\":\"a\",\"password\":\"p\",\"device\":\"x\"}",
		  "\"device\" is an object" },
		{ "/api/v1/login", "{\"user\":\"a\",\"password\":\"p\",\"device\":{}}",
		  "\"device.public_key\" is missing" },
		{ "/api/v1/login",
		  "{\"user\":\"a\",\"password\":\"p\",\"device\":{\"public_key\":\"" DESK_KEY
		  "\"}}",
		  "\"device.name\" is missing" },
		{ "/api/v1/login", "{\"device\":{\"public_key\":\"AAAA\",\"name\":\"l\"}}",
		  "\"device.public_key\" is a WireGuard" },
		{ "/api/v1/login",
		  "{\"device\":{\"public_key\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\"}}",
		  "\"device.public_key\" is a WireGuard" },
		{ "/api/v1/login", "{\"device\":{\"name\":\"a/b\"}}",
		  "\"device.name\" has 1 to 63" },
		{ "/api/v1/login", "{\"device\":{\"name\":\"a\\u0085b\"}}",
		  "\"device.name\" has 1 to 63" },
		{ "/api/v1/login",
		  "{\"device\":{\"name\":"
		  "\"0123456789012345678901234567890123456789012345678901234567890123\"}}",
		  "\"device.name\" has 1 to 63" },
		{ "/api/v1/device/poll", "{\"handle\":\"x\",\"wait_s\":21}",
		  "\"wait_s\" is a whole number from 0 to 20" },
		{ "/api/v1/device/poll", "{\"handle\":\"x\",\"wait_s\":-1}",
		  "\"wait_s\" is a whole number" },
		{ "/api/v1/device/poll", "{\"handle\":\"x\",\"wait_s\":1.5}",
		  "\"wait_s\" is a whole number" },
		{ "/api/v1/session/close", "{\"all\":false}", "\"all\" is true, or left out" },
	};

	(void)state;
	for (size_t i = 0; i < SP_ARRAY_LEN(cases); i++) {
		struct sp_exchange *exchange = desk_call(cases[i].path, NULL, cases[i].body);
		const json_t *answer = desk_answer(exchange, 400, "bad-request");
		const char *message = json_string_value(
			json_object_get(json_object_get(answer, "error"), "message"));

		if (!strstr(message, cases[i].named))
			fail_msg("case %zu: \"%s\" does not say: %s", i, message, cases[i].named);
		desk_end(exchange);
	}
	desk_nothing_asked();
}

static void a_body_is_json_by_name(void **state)
{
	static const struct {
		const char *type;
		bool is_taken;
	} cases[] = {
		{ "application/json", true },
		{ "Application/JSON; charset=utf-8", true },
		{ NULL, false },
		{ "text/plain", false },
		{ "application/jsonp", false },
		{ "application/x-www-form-urlencoded", false },
	};

	(void)state;
	for (size_t i = 0; i < SP_ARRAY_LEN(cases); i++) {
		struct sp_exchange exchange = { 0 };
		const struct sp_portal_request request = {
			.method = "POST",
			.path = "/api/v1/device/poll",
			.version = "HTTP/1.1",
			.content_type = cases[i].type,
			.host_count = 1,
			.body = "{\"handle\":\"x\"}",
			.body_len = 14,
		};

		sp_exchange_begin(&exchange, desk, &request);
		assert_int_equal(exchange.response.status, cases[i].is_taken ? 410 : 415);
		sp_exchange_done(&exchange);
	}
}

/* The answer to @method @path, by the table of addresses alone. */
static void expect_answer(const char *method, const char *path, int status, const char *type,
			  const char *allow)
{
	struct sp_exchange exchange = { 0 };
	const struct sp_portal_request request = {
		.method = method,
		.path = path,
		.version = "HTTP/1.1",
		.host_count = 1,
	};

	sp_exchange_begin(&exchange, desk, &request);
	if (exchange.response.status != status || strcmp(exchange.response.type, type) != 0)
		fail_msg("%s %s: %d %s", method, path, exchange.response.status,
			 exchange.response.type);
	if (allow ? !exchange.response.allow || strcmp(exchange.response.allow, allow) != 0
		  : exchange.response.allow != NULL)
		fail_msg("%s %s: Allow: %s", method, path, exchange.response.allow);
	if (status == 404 && strncmp(type, "text/html", 9) == 0 &&
	    strncmp(path, "/assets/", 8) != 0) /* a browser's person is told what to do */
		assert_non_null(strstr(exchange.response.body, "sallyport login https://"));
	sp_exchange_done(&exchange);
}

static void what_is_not_there_is_said_as_its_kind_says_it(void **state)
{
	static const char json[] = "application/json", page[] = "text/html; charset=utf-8";
	static const struct {
		const char *method, *path;
		int status;
		const char *type, *allow;
	} cases[] = {
		{ "GET", "/api", 404, json, NULL },
		{ "GET", "/api/", 404, json, NULL },
		{ "POST", "/api/v1/login/", 404, json, NULL },
		{ "POST", "/api/v1/../v1/login", 404, json, NULL },
		{ "GET", "/api/v1/providers%00", 404, json, NULL },
		{ "GET", "/api/v1/%70roviders", 404, json, NULL },
		{ "HEAD", "/api/v1/nothing", 404, json, NULL },
		{ "GET", "/", 404, page, NULL },
		{ "GET", "//", 404, page, NULL },
		{ "GET", "/apis", 404, page, NULL },
		{ "GET", "/API/v1/providers", 404, page, NULL },
		{ "GET", "/etc/passwd", 404, page, NULL },
		{ "GET", "/assets", 404, page, NULL },
		{ "GET", "/assets/", 404, page, NULL },
		{ "GET", "/assets/icon.svg", 404, page, NULL },
		{ "GET", "/assets/../api/v1/providers", 404, page, NULL },
		{ "GET", "/assets/..%2f..%2fetc/passwd", 404, page, NULL },
		{ "GET", SP_ASSET_ICON_SVG "/", 404, page, NULL },
		{ "GET", "/api/v1/login", 405, json, "POST" },
		{ "HEAD", "/api/v1/login", 405, json, "POST" },
		{ "PUT", "/api/v1/login", 405, json, "POST" },
		{ "post", "/api/v1/login", 405, json, "POST" },
		{ "", "/api/v1/login", 405, json, "POST" },
		{ "POST", "/api/v1/providers", 405, json, "GET, HEAD" },
		{ "OPTIONS", "/api/v1/providers", 405, json, "GET, HEAD" },
		{ "POST", SP_ASSET_ICON_SVG, 405, page, "GET, HEAD" },
		{ "TRACE", "/assets/nothing", 405, page, "GET, HEAD" },
		{ "GET", "/api/v1/providers", 200, json, NULL },
		{ "HEAD", "/api/v1/providers", 200, json, NULL },
		{ "GET", SP_ASSET_ICON_SVG, 200, "image/svg+xml", NULL },
		{ "HEAD", SP_ASSET_ICON_SVG, 200, "image/svg+xml", NULL },
	};

	(void)state;
	for (size_t i = 0; i < SP_ARRAY_LEN(cases); i++)
		expect_answer(cases[i].method, cases[i].path, cases[i].status, cases[i].type,
			      cases[i].allow);
}

static void one_address_has_a_rate_and_others_do_not_suffer(void **state)
{
	const uint8_t other[4] = { 192, 0, 2, 10 };
	struct sp_exchange *exchange;

	(void)state;
	for (unsigned int i = 0; i < SP_RATE_BURST; i++)
		desk_answered(desk_call("/api/v1/providers", NULL, NULL), 200, NULL);
	exchange = desk_call("/api/v1/providers", NULL, NULL);
	desk_answer(exchange, 429, "slow-down");
	assert_int_equal(exchange->response.retry_after_s, 1);
	desk_end(exchange);
	desk_from = sp_addr_from_v4(other);
	desk_answered(desk_call("/api/v1/providers", NULL, NULL), 200, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(form_is_checked_before_a_body_is_read),
		cmocka_unit_test(how_long_a_body_may_be_is_a_matter_of_the_kind),
		cmocka_unit_test(a_body_comes_in_pieces_and_takes_no_more_memory_than_it_may),
		cmocka_unit_test_setup_teardown(
			a_body_is_judged_by_its_schema_and_the_field_is_named, desk_start,
			desk_stop),
		cmocka_unit_test_setup_teardown(a_body_is_json_by_name, desk_start, desk_stop),
		cmocka_unit_test_setup_teardown(what_is_not_there_is_said_as_its_kind_says_it,
						desk_start, desk_stop),
		cmocka_unit_test_setup_teardown(one_address_has_a_rate_and_others_do_not_suffer,
						desk_start, desk_stop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
