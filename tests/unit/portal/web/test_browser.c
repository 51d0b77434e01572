/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a browser brings and keeps, piece by piece: cookies, queries and forms, origins, states, headers, assets. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "base/str.h"
#include "portal/admit/cookie.h"
#include "portal/admit/origin.h"
#include "portal/admit/state.h"
#include "portal/server/headers.h"
#include "portal/web/assets.h"
#include "portal/web/page.h"
#include "portal/web/params.h"

/* ---- cookies ---- */

static void of_a_cookie_header_ours_alone_is_read_and_strictly(void **state)
{
	static const struct {
		const char *header;
		int result;
		const char *value;
	} cases[] = {
		{ NULL, -ENOENT, NULL },
		{ "", -ENOENT, NULL },
		{ "__Host-a=x", 0, "x" },
		{ "__Host-a=x;", 0, "x" },
		{ ";; ;__Host-a=x ; b=c", 0, "x" },
		{ "a=\"b; __Host-a=x; c", 0, "x" },
		{ "b=\xff\x01; __Host-a=x", 0, "x" },
		{ "theme=dark; __Host-a=x; __Host-a-login=y; __Host-ab=z", 0, "x" },
		{ "__Host-a-login=y", -ENOENT, NULL },
		{ "__host-a=x", -ENOENT, NULL },
		{ "a=x; Host-a=x; x__Host-a=x", -ENOENT, NULL },
		{ "__Host-a", -ENOENT, NULL },
		{ "=__Host-a=x", -ENOENT, NULL }, /* a cookie without a name */
		{ "b=__Host-a=x", -ENOENT, NULL },
		{ "b=1,__Host-a=x", -ENOENT, NULL },
		{ "__Host-a =x", -ENOENT, NULL },
		{ "__Host-a=x; __Host-a=x", -EBADMSG, NULL },
		{ "__Host-a=x; b=c; __Host-a=y", -EBADMSG, NULL },
		{ "__Host-a=; __Host-a=x", -EBADMSG, NULL },
		{ "__Host-a=", -EBADMSG, NULL },
		{ "__Host-a=\"x\"", -EBADMSG, NULL },
		{ "__Host-a= x", -EBADMSG, NULL },
		{ "__Host-a=x y", -EBADMSG, NULL },
		{ "__Host-a=x=", -EBADMSG, NULL },
		{ "__Host-a=x,b=y", -EBADMSG, NULL },
		{ "__Host-a=%78", -EBADMSG, NULL },
		{ "__Host-a=x\xc3\xa4", -EBADMSG, NULL },
	};

	(void)state;
	for (size_t i = 0; i < SP_ARRAY_LEN(cases); i++) {
		__sp_free char *value = NULL;
		const int r = sp_cookie_read(cases[i].header, "__Host-a", &value);

		if (r != cases[i].result ||
		    (value ? !cases[i].value || strcmp(value, cases[i].value) != 0 : r == 0))
			fail_msg("\"%s\": %d \"%s\"", cases[i].header, r, value);
	}
}

static void a_cookie_has_the_length_a_browser_keeps_and_no_more(void **state)
{
	char header[SP_COOKIE_VALUE_MAX + 32] = "__Host-a=";
	__sp_free char *value = NULL, *longer = NULL;

	(void)state;
	memset(header + strlen(header), 'x', SP_COOKIE_VALUE_MAX);
	assert_int_equal(sp_cookie_read(header, "__Host-a", &value), 0);
	assert_int_equal(strlen(value), SP_COOKIE_VALUE_MAX);
	strcat(header, "x");
	assert_int_equal(sp_cookie_read(header, "__Host-a", &longer), -EBADMSG);
}

static void a_cookie_of_ours_is_for_this_host_over_tls_and_for_no_script(void **state)
{
	struct sp_response response = { 0 };

	(void)state;
	assert_int_equal(sp_cookie_set(&response, SP_COOKIE_PERSON, "abc_-", 3600), 0);
	assert_string_equal(response.headers->name, "Set-Cookie");
	assert_string_equal(
		response.headers->value,
		"__Host-sallyport=abc_-; Path=/; Max-Age=3600; Secure; HttpOnly; SameSite=Lax");
	assert_int_equal(sp_cookie_set(&response, SP_COOKIE_LOGIN, "", 0), 0); /* forgotten */
	assert_string_equal(
		response.headers->next->value,
		"__Host-sallyport-login=; Path=/; Max-Age=0; Secure; HttpOnly; SameSite=Lax");
	assert_null(response.headers->next->next);
	assert_int_equal(sp_cookie_set(&response, "sallyport", "a", 1), -EINVAL);
	assert_int_equal(sp_cookie_set(&response, SP_COOKIE_PERSON, "a; Domain=example.org", 1),
			 -EINVAL);
	assert_int_equal(sp_cookie_set(&response, SP_COOKIE_PERSON, "a\r\nX: y", 1), -EINVAL);
	assert_int_equal(sp_cookie_set(&response, SP_COOKIE_PERSON, "a", -1), -EINVAL);
	assert_null(response.headers->next->next);
	sp_response_done(&response);
}

/* ---- queries and forms ---- */

static void params_are_decoded_once_and_doubt_refuses_them(void **state)
{
	static const struct {
		const char *text, *shown; /* NULL: refused */
	} cases[] = {
		{ "", "{}" },
		{ "&&", "{}" },
		{ "a=1", "{\"a\":\"1\"}" },
		{ "a=1&b=two+words%21&c", "{\"a\":\"1\",\"b\":\"two words!\",\"c\":\"\"}" },
		{ "a=b=c&d=%26%3D%25%2B", "{\"a\":\"b=c\",\"d\":\"&=%+\"}" },
		{ "a=%252e", "{\"a\":\"%2e\"}" },
		{ "%61=1", "{\"a\":\"1\"}" },
		{ "a=%c3%a4", "{\"a\":\"\xc3\xa4\"}" },
		{ "a=1&a=1", NULL },
		{ "a=1&b=2&%61=3", NULL },
		{ "a&a", NULL },
		{ "=1", NULL },
		{ "a=1&=", NULL },
		{ "a=%", NULL },
		{ "a=%4", NULL },
		{ "a=%4&b=1", NULL },
		{ "a=%4x", NULL },
		{ "a=%x4", NULL },
		{ "a=%-1", NULL },
		{ "a=%00", NULL },
		{ "a%00b=1", NULL },
		{ "a=%ff", NULL },
		{ "a=%c0%80", NULL },
		{ "a=%ed%a0%80", NULL },
		{ "%ff=1", NULL },
		{ "a=\x01", NULL },
		{ "a= b", NULL },
		{ "a=\r\nb", NULL },
		{ "a=\xc3\xa4", NULL },
		{ "a234567890123456789012345678901234567890123456789012345678901234=", "64" },
		{ "a2345678901234567890123456789012345678901234567890123456789012345=", NULL },
		{ "a0&a1&a2&a3&a4&a5&a6&a7&b0&b1&b2&b3&b4&b5&b6&b7&c0&c1&c2&c3&c4&c5&c6&c7&d0&d1&"
		  "d2&d3&d4&d5&d6&d7",
		  "32" },
		{ "a0&a1&a2&a3&a4&a5&a6&a7&b0&b1&b2&b3&b4&b5&b6&b7&c0&c1&c2&c3&c4&c5&c6&c7&d0&d1&"
		  "d2&d3&d4&d5&d6&d7&e",
		  NULL },
	};

	(void)state;
	for (size_t i = 0; i < SP_ARRAY_LEN(cases); i++) {
		const char *why = NULL;
		json_t *params = NULL;
		const int r = sp_params_read(cases[i].text, strlen(cases[i].text), &params, &why);
		__sp_free char *shown =
			params ? json_dumps(params, JSON_COMPACT | JSON_SORT_KEYS) : NULL;

		if (!cases[i].shown ? r != -EINVAL || params || !why : r != 0)
			fail_msg("\"%s\": %d %s", cases[i].text, r, shown);
		if (cases[i].shown && *cases[i].shown == '{' && strcmp(shown, cases[i].shown) != 0)
			fail_msg("\"%s\": %s", cases[i].text, shown);
		json_decref(params);
	}
}

static void nothing_behind_the_params_is_read(void **state)
{
	const char bytes[] = { 'a', '=', '%', '4', '1', '&', 'b', '=', '%', '4' };
	const char *why = NULL;
	json_t *params = NULL;

	(void)state;
	assert_int_equal(sp_params_read(bytes, 5, &params, &why), 0);
	assert_string_equal(json_string_value(json_object_get(params, "a")), "A");
	json_decref(params);
	assert_int_equal(sp_params_read(bytes, sizeof(bytes), &params, &why), -EINVAL);
	assert_int_equal(sp_params_read(NULL, 0, &params, &why), 0);
	json_decref(params);
	assert_int_equal(sp_params_read("a=\0b", 4, &params, &why), -EINVAL);
}

/* ---- origins ---- */

static void an_origin_is_the_portals_whole_or_not_at_all(void **state)
{
	static const struct {
		const char *origin, *url;
		bool is_ours;
	} cases[] = {
		{ "https://gate.example.org", "https://gate.example.org", true },
		{ "https://gate.example.org", "https://gate.example.org:443", true },
		{ "https://gate.example.org:8443", "https://gate.example.org:8443", true },
		{ "https://[2001:db8::1]", "https://[2001:0db8:0::1]", true },
		{ "https://[2001:db8::1]:8443", "https://[2001:db8::1]:8443", true },
		{ "https://192.0.2.1", "https://192.0.2.1", true },
		{ "null", "https://gate.example.org", false },
		{ "", "https://gate.example.org", false },
		{ "http://gate.example.org", "https://gate.example.org", false },
		{ "https://gate.example.org:8443", "https://gate.example.org", false },
		{ "https://gate.example.org", "https://gate.example.org:8443", false },
		{ "https://gate.example.org.evil.test", "https://gate.example.org", false },
		{ "https://evilgate.example.org", "https://gate.example.org", false },
		{ "https://example.org", "https://gate.example.org", false },
		{ "https://gate.example.org/", "https://gate.example.org", false },
		{ "https://gate.example.org/a", "https://gate.example.org", false },
		{ "https://gate.example.org:", "https://gate.example.org", false },
		{ "https://gate.example.org:443x", "https://gate.example.org", false },
		{ "https://gate.example.org:-443", "https://gate.example.org", false },
		{ "https://gate.example.org:99999999999999999999443", "https://gate.example.org",
		  false },
		{ "https://a@gate.example.org", "https://gate.example.org", false },
		{ "https://gate.example.org https://gate.example.org", "https://gate.example.org",
		  false },
		{ "https://[2001:db8::2]", "https://[2001:db8::1]", false },
		{ "https://[2001:db8::1", "https://[2001:db8::1]", false },
		{ "https://[2001:db8::1]x", "https://[2001:db8::1]", false },
	};

	(void)state;
	for (size_t i = 0; i < SP_ARRAY_LEN(cases); i++)
		if (sp_origin_is_of(cases[i].origin, cases[i].url) != cases[i].is_ours)
			fail_msg("%s of %s", cases[i].origin, cases[i].url);
}

/* ---- states ---- */

static void random_bytes(void *arg, void *bytes, size_t len)
{
	(void)arg;
	memset(bytes, 7, len);
}

static void a_state_is_good_for_its_browser_until_its_end(void **state)
{
	const struct sp_sealer sealer = { .key = { 1 }, .random = random_bytes };
	const struct sp_sealer other = { .key = { 2 }, .random = random_bytes };
	json_t *about = json_pack("{s:s}", "idp", "corp"), *opened = NULL;
	__sp_free char *text = NULL;

	(void)state;
	assert_int_equal(sp_state_make(&sealer, about, "cookie", 1000, &text), 0);
	assert_null(strstr(text, "corp"));
	assert_int_equal(sp_state_open(&sealer, text, "cookie", 999, &opened), 0);
	assert_true(json_equal(opened, about));
	json_decref(SP_TAKE_PTR(opened));
	assert_int_equal(sp_state_open(&sealer, text, NULL, 999, &opened), 0);
	json_decref(SP_TAKE_PTR(opened));
	assert_int_equal(sp_state_open(&sealer, text, "cookie", 1000, &opened), -ESTALE);
	assert_int_equal(sp_state_open(&sealer, text, "Cookie", 999, &opened), -EPERM);
	assert_int_equal(sp_state_open(&sealer, text, "", 999, &opened), -EPERM);
	assert_int_equal(sp_state_open(&other, text, "cookie", 999, &opened), -EBADMSG);
	text[4] ^= 1;
	assert_int_equal(sp_state_open(&sealer, text, "cookie", 999, &opened), -EBADMSG);
	assert_int_equal(sp_state_open(&sealer, "", "cookie", 999, &opened), -EBADMSG);
	assert_null(opened);
	json_decref(about);
}

/* ---- headers ---- */

static void collect(void *arg, const char *name, const char *value)
{
	struct sp_buf *text = arg;

	sp_buf_printf(text, "%s: %s\n", name, value);
}

static char *headers_of(const struct sp_response *response)
{
	__sp_buf struct sp_buf text = SP_BUF_INIT;
	char *taken = NULL;

	sp_headers_visit(response, collect, &text);
	assert_int_equal(sp_buf_take(&text, &taken), 0);
	return taken;
}

#define ALWAYS "Strict-Transport-Security: max-age=31536000\nX-Content-Type-Options: nosniff\n"
#define NO_PAGE                                                                                    \
	"Content-Security-Policy: default-src 'none'; base-uri 'none'; form-action 'none'; "       \
	"frame-ancestors 'none'\nCross-Origin-Resource-Policy: same-origin\nReferrer-Policy: "     \
	"no-referrer\n"
#define PAGE                                                                                       \
	"Content-Security-Policy: default-src 'none'; script-src 'self'; style-src 'self'; "       \
	"img-src 'self'; "                                                                         \
	"connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; "        \
	"require-trusted-types-for 'script'; trusted-types 'none'\n"                               \
	"Cross-Origin-Resource-Policy: same-origin\nCross-Origin-Opener-Policy: same-origin\n"

static void each_kind_has_its_headers(void **state)
{
	static const struct {
		enum sp_web_kind kind;
		int status;
		const char *headers;
	} cases[] = {
		{ SP_WEB_API, 200, "Cache-Control: no-store\n" NO_PAGE ALWAYS },
		{ SP_WEB_API, 404, "Cache-Control: no-store\n" NO_PAGE ALWAYS },
		{ SP_WEB_PAGE, 200,
		  "Cache-Control: no-store\n" PAGE "Referrer-Policy: same-origin\n" ALWAYS },
		{ SP_WEB_PAGE, 403,
		  "Cache-Control: no-store\n" PAGE "Referrer-Policy: same-origin\n" ALWAYS },
		{ SP_WEB_CALLBACK, 303,
		  "Cache-Control: no-store\n" PAGE "Referrer-Policy: no-referrer\n" ALWAYS },
		{ SP_WEB_ASSET, 200,
		  "Cache-Control: public, max-age=31536000, immutable\n" NO_PAGE ALWAYS },
		{ SP_WEB_ASSET, 304,
		  "Cache-Control: public, max-age=31536000, immutable\n" NO_PAGE ALWAYS },
		{ SP_WEB_ASSET, 404,
		  "Cache-Control: no-store\n" NO_PAGE ALWAYS }, /* an error is kept by nobody */
		{ SP_WEB_ASSET, 405, "Cache-Control: no-store\n" NO_PAGE ALWAYS },
		{ SP_WEB_ASSET, 500, "Cache-Control: no-store\n" NO_PAGE ALWAYS },
	};

	(void)state;
	for (size_t i = 0; i < SP_ARRAY_LEN(cases); i++) {
		const struct sp_response response = { .kind = cases[i].kind,
						      .status = cases[i].status };
		__sp_free char *headers = headers_of(&response);

		assert_string_equal(headers, cases[i].headers);
	}
}

static void no_header_ends_its_line(void **state)
{
	static const char *const values[] = { "a\r\nSet-Cookie: b=c",
					      "a\nb",
					      "a\rb",
					      "a\tb",
					      "\x01",
					      "\x7f",
					      "\xc3\xa4",
					      " a",
					      "a ",
					      "a  b" };
	struct sp_response response = {
		.status = 200, .type = "text/plain", .allow = "GET", .retry_after_s = 3
	};
	__sp_free char *headers = NULL;

	(void)state;
	for (size_t i = 0; i < SP_ARRAY_LEN(values); i++)
		assert_int_equal(sp_response_add_header(&response, "X", "%s", values[i]), -EINVAL);
	assert_null(response.headers);
	assert_int_equal(sp_response_add_header(&response, "X", "%s %d", "a", 1), 0);
	assert_int_equal(sp_response_add_header(&response, "Y", "%s", ""), 0);
	headers = headers_of(&response);
	assert_string_equal(headers,
			    "Content-Type: text/plain\nCache-Control: no-store\n" NO_PAGE ALWAYS
			    "Allow: GET\nRetry-After: 3\nX: a 1\nY: \n");
	sp_response_done(&response);
	assert_null(response.headers);
}

/* ---- the error page ---- */

static void a_page_says_any_message_as_text(void **state)
{
	__sp_free char *page =
		sp_page_error("\"<script>alert(1)</script>\" & 'b' \x1b[31m \xe2\x80\xae");

	(void)state;
	assert_non_null(strstr(page, "<p>&quot;&lt;script&gt;alert(1)&lt;/script&gt;&quot; &amp; "
				     "&#39;b&#39; \\x1b[31m \\u202e</p>"));
	assert_null(strstr(page, "<script"));
}

static void an_error_is_a_page_where_a_person_asked(void **state)
{
	struct sp_response response = { .kind = SP_WEB_PAGE };

	(void)state;
	sp_respond_error(&response, 400, "bad-request", 3, "\"%s\" is wrong", "<b>");
	assert_string_equal(response.type, "text/html; charset=utf-8");
	assert_int_equal(response.retry_after_s, 3);
	assert_non_null(strstr(response.body, "&quot;&lt;b&gt;&quot; is wrong"));
	assert_int_equal(response.len, strlen(response.body));
	sp_response_done(&response);
}

/* ---- assets ---- */

static void an_asset_is_sent_unless_its_tag_is_known(void **state)
{
	const struct sp_asset *asset = sp_asset_find(SP_ASSET_ICON_SVG);
	static const struct {
		const char *format; /* %s: the tag */
		int status;
	} cases[] = {
		{ "%s", 304 },          { "W/%s", 304 },      { "*", 304 },
		{ " %s ", 304 },        { "\"a\", %s", 304 }, { "\"a\",W/\"b\" , %s, \"c\"", 304 },
		{ "\"a,b\", %s", 304 }, { "", 200 },          { "\"\"", 200 },
		{ "\"a\"", 200 },       { "*, \"a\"", 200 },  { "w/%s", 200 },
		{ "x%s", 200 },         { "\"%s", 200 },     /* two tags, none of them ours */
		{ "\"a", 200 },         { "\"a\" %s", 200 }, /* no list */
		{ "W/", 200 },
	};

	(void)state;
	assert_non_null(asset);
	for (size_t i = 0; i < SP_ARRAY_LEN(cases); i++) {
		struct sp_response response = { .kind = SP_WEB_ASSET };
		__sp_free char *header = NULL;

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
		assert_int_equal(sp_str_format(&header, cases[i].format, asset->etag), 0);
#pragma GCC diagnostic pop
		sp_asset_respond(asset, header, &response);
		if (response.status != cases[i].status)
			fail_msg("If-None-Match: %s: %d", header, response.status);
		assert_string_equal(response.headers->name, "ETag");
		assert_string_equal(response.headers->value, asset->etag);
		assert_int_equal(response.type != NULL, response.status == 200);
		sp_response_done(&response);
	}
}

static void an_asset_has_its_hash_in_its_path(void **state)
{
	const struct sp_asset *asset = sp_asset_find(SP_ASSET_ICON_SVG);
	struct sp_response response = { .kind = SP_WEB_ASSET };
	__sp_free char *hash = strndup(asset->etag + 1, 16);

	(void)state;
	assert_non_null(strstr(asset->path, hash));
	assert_int_equal(asset->etag[0], '"');
	assert_string_equal(asset->etag + 17, "\"");
	sp_asset_respond(asset, NULL, &response);
	assert_int_equal(response.status, 200);
	assert_ptr_equal(response.lasting_body, asset->bytes);
	assert_memory_equal(asset->bytes, "<svg", 4);
	sp_response_done(&response);
	assert_null(sp_asset_find("/assets/icon.svg"));
	assert_null(sp_asset_find(""));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(of_a_cookie_header_ours_alone_is_read_and_strictly),
		cmocka_unit_test(a_cookie_has_the_length_a_browser_keeps_and_no_more),
		cmocka_unit_test(a_cookie_of_ours_is_for_this_host_over_tls_and_for_no_script),
		cmocka_unit_test(params_are_decoded_once_and_doubt_refuses_them),
		cmocka_unit_test(nothing_behind_the_params_is_read),
		cmocka_unit_test(an_origin_is_the_portals_whole_or_not_at_all),
		cmocka_unit_test(a_state_is_good_for_its_browser_until_its_end),
		cmocka_unit_test(each_kind_has_its_headers),
		cmocka_unit_test(no_header_ends_its_line),
		cmocka_unit_test(a_page_says_any_message_as_text),
		cmocka_unit_test(an_error_is_a_page_where_a_person_asked),
		cmocka_unit_test(an_asset_is_sent_unless_its_tag_is_known),
		cmocka_unit_test(an_asset_has_its_hash_in_its_path),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
